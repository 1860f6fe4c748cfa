"""Read the list of mailboxes, a CSV file that people maintain, and select mailboxes from it.

A file with errors is rejected as a whole, and all errors are reported: a mailbox left out because of a typing error
would never be answered, and nobody would know. Whether a mailbox exists is not checked here.

Nothing is done in a mailbox that is not in the list. Mailbox names in the ledger come from Redis, where others may
write; the list is the operator's own file. A process reads it again (:class:`MailboxList`) after the file has changed
and has then not been written to for a while: half of a list is a valid list too, with fewer mailboxes, and the group in
its last row may be cut short. If the file cannot be read, the last good list stays in force, the error is logged, and
the file is tried again.
"""

import csv
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from rsvpq.lanes.bounds import HEAVIEST, LARGEST_AT_ONCE, LIGHTEST, OutOfBounds, read_count
from rsvpq.lanes.limits import Limits, Rate, require_one_at_a_time
from rsvpq.mail.errors import Busy, NotListed
from rsvpq.mail.messages import Mailbox
from rsvpq.mail.persons import is_plain_smtp
from rsvpq.settings import ConfigError, Problem, Settings, did_you_mean
from rsvpq.settings.revision import list_digest
from rsvpq.settings.text_files import FileState, file_state, read_text

COLUMNS = ("mailbox", "server", "group", "pace", "burst", "concurrency", "weight")
#: Columns that set a mailbox's limits, and the limit that each sets.
_LIMITS = {"pace": "rate", "burst": "burst", "concurrency": "concurrency", "weight": "weight"}
#: Columns in which an empty field does not mean the default.
_NEVER_EMPTY = ("mailbox", "server")
#: The maximum length in characters; no alias or SMTP address in Exchange is longer.
_LONGEST_NAME = 256
#: Characters that would end or change the URL path segment made from the name.
_NOT_IN_NAMES = frozenset("/\\?#%")
#: The most problems shown: a file with the wrong separator is wrong in each of its 20,000 rows.
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ListedMailbox(Mailbox):
    """A mailbox as the list has it; ``limits`` is None where it has the defaults of the settings."""

    limits: Limits | None = None


_Mailbox = TypeVar("_Mailbox", bound=Mailbox)
_Reader = Callable[[str], object]
_Row = tuple[int, list[str]]


@dataclass
class _Report:
    """The problems found in one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, column: str, text: str) -> None:
        self.problems.append(Problem(self.file, line, column, text))


def read_mailboxes(path: Path, settings: Settings) -> tuple[ListedMailbox, ...]:
    """Return the mailboxes of the CSV file at ``path``, in its order.

    :raises ConfigError: with all problems in the file.
    """
    return parse_mailboxes(read_text(path, "create it, or correct mailboxes in the settings"), str(path), settings)


def parse_mailboxes(text: str, file: str, settings: Settings) -> tuple[ListedMailbox, ...]:
    """Return the mailboxes of the text of a list; ``file`` is its name for messages.

    :raises ConfigError: with all problems in the text.
    """
    report = _Report(file)
    rows = _rows(text, report)
    columns = _columns(rows, report, several_servers=len(settings.servers) > 1)
    if report.problems:  # with a wrong header every row would be wrong
        raise ConfigError(report.problems, _MOST_SHOWN)
    at_once = partial(read_count, LARGEST_AT_ONCE)
    readers: dict[str, _Reader] = {
        "mailbox": _name,
        "server": partial(_server, servers=tuple(settings.servers)),
        "group": _group,
        "pace": Rate.parse,
        "burst": at_once,
        "concurrency": lambda text: require_one_at_a_time(at_once(text)),
        "weight": _weight,
    }
    first_lines: dict[str, int] = {}
    mailboxes = []
    for line, fields in rows:
        values = _values(line, fields, columns, readers, report)
        name, server = values.get("mailbox", ""), values.get("server", next(iter(settings.servers)))
        own = {limit: values[column] for column, limit in _LIMITS.items() if column in values}
        limits: Limits | None = replace(settings.mailbox_limits, **own) if own else None
        if name and ("server" in values or "server" not in columns):
            _require_address(name, server, settings, partial(report.add, line, "mailbox"))
        first = first_lines.setdefault(name.casefold(), line)
        if first != line and name:
            report.add(line, "mailbox", f"{name!r} is already on line {first}; remove one of the two")
        mailboxes.append(ListedMailbox(name, server, values.get("group", ""), limits))
    if report.problems:
        raise ConfigError(report.problems, _MOST_SHOWN)
    return tuple(mailboxes)


def no_such_group(group: str, mailboxes: Iterable[Mailbox]) -> str:
    """Return what is wrong with the name of a group that none of these mailboxes is in, and the remedy."""
    groups = {mailbox.group for mailbox in mailboxes if mailbox.group}
    return f"no mailbox is in the group {group!r}; {did_you_mean(group, groups)}"


def select(mailboxes: Iterable[_Mailbox], names: Sequence[str] = (), group: str | None = None) -> tuple[_Mailbox, ...]:
    """Return the mailboxes with these names (ignoring case), those of a group, or all; in their given order.

    :raises ConfigError: a name or the group is unknown, or both names and a group were given.
    """
    everyone = tuple(mailboxes)
    if names and group is not None:
        raise ConfigError([Problem("mailboxes", 0, "group", "was given together with names; give only one of them")])
    if group is not None:
        members = tuple(mailbox for mailbox in everyone if group and mailbox.group == group)
        if not members:
            raise ConfigError([Problem("mailboxes", 0, "group", no_such_group(group, everyone))])
        return members
    if not names:
        return everyone
    known = {mailbox.name.casefold(): mailbox.name for mailbox in everyone}
    problems = [
        Problem("mailboxes", 0, name, f"is not in the list; {did_you_mean(name, known.values())}")
        for name in names
        if name.casefold() not in known
    ]
    if problems:
        raise ConfigError(problems, _MOST_SHOWN)
    wanted = {name.casefold() for name in names}
    return tuple(mailbox for mailbox in everyone if mailbox.name.casefold() in wanted)


def list_rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the number and the trimmed fields of each row of a valid list, the header first."""
    return list(_rows(text, _Report("")))


def mailbox_name(text: str, server: str, settings: Settings) -> str:
    """Return a name that may be in the list for a mailbox on this server.

    :raises ValueError: it may not be, with the remedy.
    """
    problems: list[str] = []
    _require_address(_name(text), server, settings, problems.append)
    if problems:
        raise ValueError(problems[0])
    return text


def _rows(text: str, report: _Report) -> Iterator[_Row]:
    """Yield the number and the trimmed fields of each line, skipping blank lines and comments.

    Lines are parsed one by one: no field may contain a line break, so a missing quote spoils one row and not the file.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            yield number, [value.strip() for value in next(csv.reader([line], strict=True, skipinitialspace=True))]
        except csv.Error as error:
            report.add(number, "row", f"is not valid CSV ({error}); close each quote, and double quotes inside quotes")


def _columns(rows: Iterator[_Row], report: _Report, *, several_servers: bool) -> list[str]:
    """Return the column names in the header, which is the first row."""
    line, names = next(rows, (1, []))
    for name in names:
        if name not in COLUMNS:
            hint = "separate the fields by commas" if ";" in name or "\t" in name else did_you_mean(name, COLUMNS)
            report.add(line, name or "header", f"is not a known column; {hint}")
    report.problems += [
        Problem(report.file, line, name, "appears more than once in the header; keep one column of that name")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if not report.problems:
        if "mailbox" not in names:
            report.add(line, "mailbox", f"is missing; write a header such as {','.join(COLUMNS[:3])}")
        if "server" not in names and several_servers:
            report.add(line, "server", "is missing; with more than one server, say which of them each mailbox is on")
    return names


def _values(
    line: int, fields: list[str], columns: list[str], readers: Mapping[str, _Reader], report: _Report
) -> dict[str, Any]:
    """Return the values of a row, without those left to the defaults and those that are wrong (and reported)."""
    if len(fields) != len(columns):
        text = f"has {len(fields)} fields, but the header has {len(columns)}; look for a missing comma or quote"
        report.add(line, "row", text)
        return {}
    values = {}
    for column, text in zip(columns, fields, strict=True):
        if text or column in _NEVER_EMPTY:
            try:
                values[column] = readers[column](text)
            except ValueError as error:
                report.add(line, column, str(error))
    return values


def _name(text: str) -> str:
    if not text:
        raise ValueError("is empty; write an alias or an SMTP address")
    wrong = sorted(_NOT_IN_NAMES.intersection(text))
    if wrong or text in (".", ".."):
        raise ValueError(f"{text!r} contains {' '.join(wrong) or 'only dots'}; write an alias or an SMTP address")
    if not text.isprintable():
        raise ValueError(f"{text!r} contains an invisible character; type the name again")
    if len(text) > _LONGEST_NAME:
        raise ValueError(f"is {len(text)} characters long; no name is longer than {_LONGEST_NAME}")
    return text


def _server(text: str, servers: Sequence[str]) -> str:
    if not text and len(servers) == 1:
        return servers[0]
    if text not in servers:
        what = f"{text!r} is not a configured server" if text else "is empty"
        raise ValueError(f"{what}; use one of: {', '.join(servers)}")
    return text


def _require_address(name: str, server: str, settings: Settings, report: Callable[[str], None]) -> None:
    """Report a name that the server's protocol cannot open."""
    if settings.servers[server].by_address and not is_plain_smtp(name):
        protocol = settings.servers[server].protocol
        text = f"{name!r} is not an SMTP address, which protocol {protocol} of server {server} needs"
        report(f"{text}; write it as adele@example.com")


def _group(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} contains an invisible character; type the name again")
    return text


def _weight(text: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or float(text) == 0:
        raise ValueError(f"{text!r} is not a number above zero; write one such as 2 or 0.5")
    if not LIGHTEST <= float(text) <= HEAVIEST:
        raise OutOfBounds(f"{text!r} is too small or too large; write a number from {LIGHTEST:g} to {HEAVIEST:g}")
    return float(text)


logger = logging.getLogger(__name__)

#: Seconds that a mailbox waits in its lane until the list, the settings and the ledger agree on it.
_AGREE_S = 30.0
#: Seconds without a write before a changed file is read.
_SETTLE_S = 2.0
#: Seconds until an unreadable file is tried again: the cause need not be in the file, so the file need not change.
_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class _InForce:
    """The last good list by name, None if there never was one; and the problem with the newest file, '' if none."""

    mailboxes: Mapping[str, Mailbox] | None = None
    problem: str = ""
    digest: str = ""


@dataclass(slots=True)
class MailboxList:
    """The list of one process, shared by its threads."""

    path: Path
    settings: Settings
    #: The clock that stamps files, and a monotonic clock; both in seconds.
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _in_force: _InForce = field(default_factory=_InForce)
    #: The state of the file when it was last read.
    _seen: FileState | str | None = "never"
    #: When the file is read again even if its state has not changed.
    _retry_at: float = inf
    #: A state of the file that has not settled yet, and since when it has been observed.
    _settling: FileState | str | None = "none"
    _settling_since: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def names(self) -> frozenset[str]:
        """Return the names in the list that is in force."""
        return frozenset(self._now().mailboxes or ())

    def groups(self) -> Mapping[str, int] | None:
        """Return the number of mailboxes in each group, '' for those without one; None if there is no list in force."""
        listed = self._now().mailboxes
        return None if listed is None else Counter(mailbox.group for mailbox in listed.values())

    def by_name(self) -> Mapping[str, Mailbox]:
        """Return the list that is in force, by name."""
        return self._now().mailboxes or {}

    @property
    def problem(self) -> str:
        """The problem with the file in its present state; '' if none."""
        return self._now().problem

    @property
    def digest(self) -> str:
        """The digest of the list in force, as :func:`list_digest` makes it; '' if there is none."""
        return self._now().digest

    def require_any(self) -> None:
        """Raise an error if there is no list in force.

        :raises ConfigError: no list could be read; with the reasons.
        """
        if self._now().mailboxes is None:
            read_mailboxes(self.path, self.settings)

    def require(self, name: str, server: str) -> Mailbox:
        """Return a mailbox of the list.

        :raises NotListed: it is not in the list. :raises Busy: this cannot be decided at present, or the list has it on
            another server than the ledger: the next scan moves its lane there.
        """
        now = self._now()
        if now.mailboxes is None:
            raise Busy(f"no mailbox can be processed, as the list cannot be read: {now.problem}", _AGREE_S, "mailbox")
        listed = now.mailboxes.get(name)
        stale = f"; this process has an old list, as the new one cannot be read: {now.problem}" if now.problem else ""
        if (listed is None or listed.server != server) and file_state(self.path) != self._seen:
            raise Busy("the list of mailboxes was changed a moment ago and is not read yet", _SETTLE_S, "mailbox")
        if listed is None and stale:
            raise Busy(f"{name!r} is not in the list{stale}", _AGREE_S, "mailbox")
        if listed is None:
            raise NotListed(f"{name!r} is not in the list of mailboxes")
        if listed.server != server:
            text = f"the list has {name!r} on {listed.server!r}, and the ledger on {server!r}"
            remedy = stale or "; scan it, or restart processes that have older settings"
            raise Busy(f"{text}{remedy}", _AGREE_S, "mailbox")
        return listed

    def _now(self) -> _InForce:
        if file_state(self.path) != self._seen or self.steady() >= self._retry_at:
            with self._lock:
                self._read_again()
        return self._in_force

    def _read_again(self) -> None:
        state = file_state(self.path)  # taken before reading, so that a change made meanwhile is read next time
        if (state == self._seen and self.steady() < self._retry_at) or not self._has_settled(state):
            return
        try:
            listed = {mailbox.name: mailbox for mailbox in read_mailboxes(self.path, self.settings)}
            digest = list_digest(listed.values())
        except ConfigError as error:
            problem = str(error).partition("\n")[0]
            kept = "the last good one stays in force" if self._in_force.mailboxes is not None else "no list is in force"
            if problem != self._in_force.problem:
                logger.error("event=mailboxes-unreadable list=%s (%s): %s", self.path, kept, error)  # noqa: TRY400 - no bug
            self._in_force = replace(self._in_force, problem=problem)
            self._retry_at = self.steady() + _RETRY_S
        else:
            logger.info("event=mailboxes-read list=%s mailboxes=%d", self.path, len(listed))
            self._in_force = _InForce(listed, digest=digest)
            self._retry_at = inf
        self._seen = state

    def _has_settled(self, state: FileState | None) -> bool:
        """Return whether nobody is still writing the file, by its age or, if its time stamp is wrong, by waiting.

        The first list of a process is read at once, because there is no earlier one to keep using.
        """
        if state is None or self._in_force.mailboxes is None:
            return True
        if state != self._settling:
            self._settling, self._settling_since = state, self.steady()
        age_s = self.clock() - state[0] / 1e9
        return max(age_s, self.steady() - self._settling_since) >= _SETTLE_S
