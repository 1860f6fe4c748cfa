"""What is in force now: whether anything is answered, and who takes from the queues.

``rsvpq status``, ``rsvpq doctor`` and ``rsvpq scan`` begin with it, because a queue that nobody serves, and a policy
that only observes, look like a quiet night.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rsvpq.lanes import Lanes
from rsvpq.settings import Settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.settings.revision import Revision
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues
from rsvpq.text import counted, printable
from rsvpq.wiring import make_list
from rsvpq.wiring.revisions import SettingsReport, differences, reports

#: How a worker of each queue is started, with a name of its own: two workers of a host must not have the same.
STARTS: Mapping[str, str] = {
    contract.SCAN_QUEUE: "celery -A producer.app worker -Q scan -n scan@%h -P threads -c 8",
    contract.ANSWER_QUEUE: "celery -A workers.app worker -Q answer -n answer@%h -P threads -c 16",
    contract.OPS_QUEUE: "celery -A producer.app worker -Q ops -n ops@%h -P threads -c 2",
}
DISPATCHER = "python -m producer.dispatcher"
#: What does not happen without a dispatcher. Each end of an item still releases others, so this does not stop work.
_WITHOUT_DISPATCHER = (
    "what waits for its time goes on only as other work ends, no schedule runs, and no pause ends; to stop work, pause"
)
#: At most this many groups are named.
_NAMED = 5


class Missing(NamedTuple):
    """A process that does not run: its name, a sentence, the command that starts one, and what is not done meanwhile.

    :param effect: '' if the sentence says that too.
    """

    name: str
    what: str
    start: str
    effect: str = ""

    @property
    def sentence(self) -> str:
        """What does not run, and what that means."""
        return f"{self.what}: {self.effect}" if self.effect else self.what

    @property
    def headline(self) -> str:
        """The same, such that it is not overlooked."""
        return f"{self.what.upper()}: {self.effect}" if self.effect else self.what.upper()

    def __str__(self) -> str:
        return f"{self.sentence}; start one: {self.start}"


def missing_worker(queue: str) -> Missing:
    """Return what is said if no worker takes from a queue."""
    return Missing(f"worker {queue}", f"no worker takes from the queue {queue}", STARTS[queue])


@dataclass(frozen=True, slots=True)
class Rollout:
    """Live runs that are confirmed for single groups of mailboxes only.

    :param confirmed: by group, who confirmed it, and when. :param listed: by group, how many mailboxes the list has;
        None if it cannot be read.
    """

    confirmed: Mapping[str, str]
    listed: Mapping[str, int] | None

    @property
    def answered(self) -> int | None:
        """The number of mailboxes that are answered; None if the list cannot be read."""
        return None if self.listed is None else sum(self.listed.get(group, 0) for group in self.confirmed)

    def __str__(self) -> str:
        named = ", ".join(map(printable, list(self.confirmed)[:_NAMED]))
        others = f" and {len(self.confirmed) - _NAMED} more" if len(self.confirmed) > _NAMED else ""
        if self.listed is None:
            return f"groups {named}{others} (the list of mailboxes cannot be read)"
        return f"groups {named}{others} ({self.answered} of {counted(sum(self.listed.values()), 'mailbox')})"

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        listed = self.listed or {}
        return {
            "groups": {
                group: {"confirmed": words, "mailboxes": listed.get(group, 0)}
                for group, words in self.confirmed.items()
            },
            "answered_mailboxes": self.answered,
            "listed_mailboxes": None if self.listed is None else sum(self.listed.values()),
        }


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force now.

    :param silent: why no request is answered, although scans run; '' if answers are sent. :param confirmed: who
        confirmed live runs, and when; '' if nobody has, or needs to. :param workers: by queue, the workers that take
        from it, each with its threads. :param dispatchers: as ``HOST:PID``. :param begun: whether any process has ever
        used this Redis. :param revisions: with which settings the processes run. :param rollout: the groups that
        are answered while all others are only observed; None if all are answered, or none. :param queued: by queue, the
        messages that wait with Celery.
    """

    silent: str
    confirmed: str
    workers: Mapping[str, Mapping[str, int]]
    dispatchers: tuple[str, ...]
    begun: bool
    revisions: tuple[SettingsReport, ...] = ()
    rollout: Rollout | None = None
    queued: Mapping[str, int] = field(default_factory=dict)

    def answers(self, group: str) -> bool:
        """Return whether requests in the mailboxes of a group are answered; '' for those without a group."""
        return not self.silent and (self.rollout is None or group in self.rollout.confirmed)

    @property
    def headline(self) -> str:
        """Say in one line whether anything is answered."""
        if self.silent:
            return f"NOTHING IS ANSWERED: {self.silent}"
        if self.rollout:
            return f"answering in {self.rollout}, observing elsewhere: not confirmed"
        return (
            f"answering, confirmed by {self.confirmed}" if self.confirmed else "answering, as policy.confirmed = true"
        )

    @property
    def settings_in_use(self) -> int:
        """How many different settings the processes run with; 0 if none reports its own."""
        return len({one.revision.settings for one in self.revisions})

    @property
    def kept(self) -> int:
        """How many processes could not take up what was applied, or cannot read their list."""
        return sum(bool(one.problem) for one in self.revisions)

    def missing(self) -> Iterator[Missing]:
        """Yield which processes do not run although they are needed; nothing before the first start."""
        return self.not_running() if self.begun else iter(())

    def not_running(self) -> Iterator[Missing]:
        """Yield the same before the first start too: then nobody was told yet to start them, or Redis has lost all."""
        if not self.dispatchers:
            yield Missing("dispatcher", "no dispatcher runs", DISPATCHER, _WITHOUT_DISPATCHER)
        for queue in (contract.SCAN_QUEUE, contract.ANSWER_QUEUE):
            if not self.workers[queue]:
                yield missing_worker(queue)

    def to_dict(self, revision: Revision | None = None) -> dict[str, Any]:
        """Return a JSON-ready copy.

        :param revision: that of the settings at hand, with which the processes are compared.
        """
        return {
            "answering": not self.silent,
            "why_not": self.silent,
            "confirmed": self.confirmed,
            "rollout": self.rollout.to_dict() if self.rollout else None,
            "workers": {queue: dict(workers) for queue, workers in self.workers.items()},
            "dispatchers": list(self.dispatchers),
            "queued": dict(self.queued),
            "missing": [one._asdict() for one in self.missing()],
            "revisions": {
                one.name: {"revision": str(one.revision), "problem": one.problem, "version": one.version}
                for one in self.revisions
            },
            "files": str(revision) if revision else "",
            "differences": list(differences(self.revisions, revision)),
        }


def in_force(settings: Settings, lanes: Lanes, mailboxes: MailboxList | None = None) -> InForce:
    """Look at what is in force now, with a few commands to Redis.

    :param mailboxes: the list of this process, which is read again only if it has changed.
    """
    found, queues = reports(lanes), Queues(lanes.connection, settings.redis.namespace)
    modes = _modes(settings, found)
    asks = ("respond", False) in modes and ("respond", True) not in modes
    words = lanes.controls.confirmed() if asks else ""
    groups = lanes.controls.confirmed_groups() if asks and not words else {}
    rollout = Rollout(groups, (mailboxes or make_list(settings)).groups()) if groups else None
    return InForce(
        silent="" if words or ("respond", True) in modes else _why_silent(settings, modes, rollout),
        confirmed=words,
        workers={queue: lanes.registrations.consumers(queue) for queue in STARTS},
        dispatchers=tuple(lanes.registrations.alive_anywhere("dispatcher")),
        begun=lanes.controls.configured(),
        revisions=found,
        rollout=rollout,
        queued={queue: queues.length(queue) for queue in STARTS},
    )


def unreported(lanes: Lanes, found: Iterable[SettingsReport]) -> list[str]:
    """Return the workers and dispatchers that run and do not report their settings: those of an earlier version."""
    known = {one.process for one in found}
    running = [(queue, worker) for queue in STARTS for worker in lanes.registrations.consumers(queue)]
    running += [("dispatcher", process) for process in lanes.registrations.alive_anywhere("dispatcher")]
    return [f"{role} {process}" for role, process in running if process not in known]


def _modes(settings: Settings, found: Iterable[SettingsReport]) -> set[tuple[str, bool]]:
    """Return the modes in force, each with whether settings confirm it: those of the workers, whatever a file says."""
    running = {(one.mode, one.confirmed) for one in found if one.works}
    return running or {(settings.mode, settings.policy.confirmed)}


def _why_silent(settings: Settings, modes: Iterable[tuple[str, bool]], rollout: Rollout | None) -> str:
    if rollout:
        where = f"live runs are confirmed only in {rollout}: 'rsvpq confirm --group' one of the list"
        return where if rollout.answered == 0 else ""
    if any(mode == "respond" for mode, _ in modes):
        return "live runs are not confirmed here: look at 'rsvpq scan --dry-run', then 'rsvpq confirm'"
    if settings.mode == "observe":
        return 'mode = "observe" in these settings'
    return 'mode = "observe" in the settings that the workers run with; to bring these into force: rsvpq config apply'
