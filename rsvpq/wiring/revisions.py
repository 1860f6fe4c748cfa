"""Take up settings that were applied, without a restart; report with which ones a process runs; read these reports.

``rsvpq config apply`` checks the files and publishes their revision. Each process then reads its own files again, and
takes them up only if they have that very revision: so never a file that is half written, one that nobody has checked,
or one of another state than on the other hosts. Otherwise it keeps what it has, and reports why.

Nothing that is under way is disturbed: what is built from settings (:mod:`rsvpq.wiring.parts`) is replaced as a whole,
and an item keeps to its end what it began with.
"""

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from threading import Event, Thread
from typing import Self
from uuid import uuid4

from redis.exceptions import RedisError

from rsvpq import __version__, wiring
from rsvpq.lanes import Lanes
from rsvpq.lanes.reading import json_object
from rsvpq.settings import ConfigError, Settings, load_settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.settings.revision import Revision, changed_fixed, fixed_values, settings_digest
from rsvpq.settings.usable_redis import SchemaRefused
from rsvpq.tasks import contract

logger = logging.getLogger(__name__)

#: Seconds between two looks for something that was applied.
LOOK_S = 1.0
#: A report is repeated after this many looks, and valid for three times as long.
_REPORT_LOOKS = 5
#: The exit code of a process that may not use the ledger, as for wrong settings.
_REFUSED = 2


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied: a revision, and a token that tells two applications of the same one apart."""

    revision: Revision
    token: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    def read(cls, lanes: Lanes) -> Self | None:
        """Return what was applied last; None if nothing was."""
        found = json_object(lanes.revisions.applied()) or {}
        revision, token = found.get("revision"), found.get("token")
        return cls(Revision.parse(revision), token) if isinstance(revision, str) and isinstance(token, str) else None

    def publish(self, lanes: Lanes) -> None:
        """Let every process take it up."""
        lanes.revisions.apply(json.dumps({"revision": str(self.revision), "token": self.token}))


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """What a process runs with.

    :param role: ``dispatcher``, ``metrics``, or the queues of a worker. :param fixed: see :func:`fixed_values`.
    :param mode: that of its settings. :param confirmed: whether its settings confirm live runs.
    :param token: the last application that it has dealt with. :param problem: why it has not taken up what was applied,
        or cannot read its list; '' if there is none.
    """

    process: str
    role: str
    revision: Revision
    problem: str = ""
    token: str = ""
    version: str = __version__
    fixed: Mapping[str, str] = field(default_factory=dict)
    mode: str = "observe"
    confirmed: bool = False

    @classmethod
    def parse(cls, process: str, text: str) -> Self | None:
        """Return the report that a process has written; None if it is not one."""
        found = json_object(text) or {}
        texts = {name: found.get(name) for name in ("role", "revision", "problem", "token", "version", "mode")}
        fixed = found.get("fixed")
        if not all(isinstance(value, str) for value in texts.values()) or not isinstance(fixed, dict):
            return None
        revision = Revision.parse(str(texts.pop("revision")))
        confirmed = found.get("confirmed") is True
        known = {name: str(value) for name, value in texts.items()}
        return cls(process, revision=revision, fixed=fixed, confirmed=confirmed, **known)

    def to_text(self) -> str:
        """Return it as :meth:`parse` reads it."""
        return json.dumps({**asdict(self), "revision": str(self.revision)}, ensure_ascii=False)

    @property
    def name(self) -> str:
        """The role and the process."""
        return f"{self.role} {self.process}"

    @property
    def works(self) -> bool:
        """Whether the process scans or answers, so that its settings decide what is answered."""
        return not {contract.SCAN_QUEUE, contract.ANSWER_QUEUE}.isdisjoint(self.role.split("+"))

    @property
    def is_here(self) -> bool:
        """Whether the process runs on this host."""
        return self.process.rpartition(":")[0] == socket.gethostname()


def reports(lanes: Lanes) -> tuple[SettingsReport, ...]:
    """Return the valid reports of all processes, by role."""
    found = (SettingsReport.parse(process, text) for process, text in lanes.revisions.reports().items())
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name))


class _Kept(Exception):
    """What was applied is not taken up; the text says why."""


@dataclass(slots=True)
class LiveSettings:
    """The settings and the list of a process, and what it does when others are applied.

    :param renew: builds everything that depends on them, and brings it into force; called with each new pair.
    :param load: reads the files and the environment of this process.
    """

    settings: Settings
    mailboxes: MailboxList
    lanes: Lanes
    renew: Callable[[Settings, MailboxList], None]
    load: Callable[[], Settings] = load_settings
    #: Why this process can take up nothing; '' if it can.
    pinned: str = field(default="", init=False)
    #: Why what was applied was not taken up; '' if it was, or if nothing was.
    problem: str = field(default="", init=False)
    #: The token of the last application that was dealt with.
    token: str = field(default="", init=False)
    _digest: str = field(default="", init=False)
    _looked: bool = field(default=False, init=False)

    def look(self) -> None:
        """Take up what was applied since the last look, if anything was.

        What cannot be taken up is tried again with each look, because files may arrive on this host later. What was
        applied before the first look is older than the files that this process has read, unless it equals them.

        :raises RedisError: Redis cannot be reached.
        """
        applied = Applied.read(self.lanes)
        first, self._looked = not self._looked, True
        if applied is None or applied.token == self.token:
            return
        try:
            self._take_up(applied)
        except (_Kept, ConfigError) as error:
            if not first:
                self._keep(applied, str(error).partition("\n")[0])
                return
        self.problem, self.token = "", applied.token

    def report(self, process: str, role: str) -> SettingsReport:
        """Return the report of this process."""
        unread = self.mailboxes.problem
        return SettingsReport(
            process=process,
            role=role,
            revision=Revision(self._settings_digest(), self.mailboxes.digest),
            problem=self.problem or (f"its list of mailboxes cannot be read: {unread}" if unread else ""),
            token=self.token,
            fixed=fixed_values(self.settings),
            mode=self.settings.mode,
            confirmed=self.settings.policy.confirmed,
        )

    def _keep(self, applied: Applied, problem: str) -> None:
        if problem != self.problem:
            logger.warning("event=settings-kept applied=%s reason=%s", applied.revision, problem)
        self.problem = problem

    def _take_up(self, applied: Applied) -> None:
        if self.pinned:
            raise _Kept(self.pinned)
        settings = self.load()
        if fixed := changed_fixed(self.settings, settings):
            raise _Kept(f"{', '.join(fixed)} cannot be changed while a process runs; restart it")
        found = settings_digest(settings)
        if found != applied.revision.settings:
            what = f"the settings on this host have the digest {found}, and those that were applied"
            raise _Kept(f"{what} {applied.revision.settings}; copy the file, or apply the present one")
        if settings == self.settings:  # a changed list is read by itself
            return
        mailboxes = MailboxList(settings.mailboxes, settings)
        mailboxes.require_any()
        if mailboxes.digest != applied.revision.mailboxes:
            raise _Kept("the list of mailboxes on this host is not the one that was applied; copy it, or apply again")
        self.renew(settings, mailboxes)
        self.settings, self.mailboxes, self._digest = settings, mailboxes, found
        logger.info("event=settings-applied revision=%s", applied.revision)

    def _settings_digest(self) -> str:
        self._digest = self._digest or settings_digest(self.settings)
        return self._digest


class SettingsWatch(Thread):
    """Looks every second for what was applied, and reports with what this process runs.

    It ends the process if a later version has begun to use the ledger.
    """

    def __init__(self, live: LiveSettings, role: str) -> None:
        super().__init__(name="settings", daemon=True)
        self._live, self._role = live, role
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = Event()
        self._looks, self._reported = 0, ""

    def run(self) -> None:
        """Look until stopped."""
        while True:
            self.look()
            if self._stopping.wait(LOOK_S):
                return

    def look(self) -> None:
        """Look once, and report after a change and every few looks; whatever fails, the next look tries again."""
        try:
            if problem := self._live.lanes.schema.problem():
                _end(problem)
            self._live.look()
            report = self._live.report(self._process, self._role).to_text()
            if report != self._reported or self._looks % _REPORT_LOOKS == 0:
                self._live.lanes.revisions.report(self._process, report, 3 * _REPORT_LOOKS * LOOK_S)
                self._reported = report
            self._looks += 1
        except SchemaRefused as refused:  # by a new connection
            _end(str(refused))
        except ConfigError as error:  # a cluster, which ends the process where it is used first
            logger.debug("event=settings-not-looked-at error=%s", error)
        except RedisError as error:
            self._looks = 0
            logger.debug("event=settings-not-looked-at error=%s", error)
        except Exception:  # this thread must go on
            self._looks = 0
            logger.exception("event=settings-not-looked-at")

    def stop(self) -> None:
        """Stop looking, and remove the report of this process."""
        self._stopping.set()
        if self.is_alive():
            self.join(LOOK_S)
        try:
            self._live.lanes.revisions.end_report(self._process)
        except (RedisError, ConfigError) as error:  # it ends by itself
            logger.debug("event=report-not-removed error=%s", error)


def _end(problem: str) -> None:
    """End this process at once, because what it would write now would be read otherwise by a later version.

    Its items go back to their lanes when their leases end.
    """
    logger.critical("event=schema-refused exit=%d: %s", _REFUSED, problem)
    os._exit(_REFUSED)


def live_settings(
    settings: Settings, mailboxes: MailboxList, renew: Callable[[Settings, MailboxList], None]
) -> LiveSettings:
    """Make the live settings of a process, with a client of Redis of their own, so that nobody waits for another."""
    return LiveSettings(settings, mailboxes, wiring.make_lanes(settings, retries=0), renew)


def differences(found: tuple[SettingsReport, ...], revision: Revision | None = None) -> Iterator[str]:
    """Yield a line for each way in which processes run with other settings than others, or than these files.

    :param revision: that of the files at hand; None to compare only the processes.
    """
    groups: dict[Revision, list[str]] = {}
    for one in found:
        groups.setdefault(one.revision, []).append(one.name)
    if len(groups) > 1 or (revision is not None and groups and revision not in groups):
        runs = (f"{', '.join(names)} with {running}" for running, names in groups.items())
        files = f"; the files here have {revision}" if revision else ""
        yield f"settings differ: {'; '.join(runs)}{files}"
    yield from (f"{one.name} keeps {one.revision}: {one.problem}" for one in found if one.problem)
