"""Following a run that only looks: what its mailboxes tell as they go, and why others tell nothing."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from rsvpq.lanes import Lanes, OperatorAction
from rsvpq.lanes.run_results import Ended, ScansOffered, Triggered
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import OperatorContext, scans
from rsvpq.tasks import contract
from rsvpq.text import printable

#: How long it may take until a trigger is taken, or until a first mailbox has told something, before that is worth a
#: word; in seconds.
PATIENCE_S = 10.0
#: Seconds between two looks at what the mailboxes wait for that have not told anything yet.
_LOOK_S = 2.0
#: Why a mailbox was not offered, in the words for an operator.
_NOT_OFFERED = {
    "scanning": "it is being scanned already; ask again when that is done",
    "full": "messages of an earlier scan still wait in its lane; ask again when they are done",
}
#: How long to wait, in seconds, where the operator does not say: for so long findings are kept.
DEFAULT_TIMEOUT_S = 3600.0
#: Mailboxes that are named one by one where nothing could be found out about them.
_MOST_NAMED = 20


@dataclass(slots=True)
class Following:
    """One run, from its trigger to the end of its last mailbox.

    :param say: tells the operator something, beside the data. :param timeout_s: how long to wait for all of it.
    """

    lanes: Lanes
    run: str
    kind: contract.ScanKind
    chosen: Sequence[Mailbox]
    say: Callable[[str], None]
    timeout_s: float
    #: Why there is nothing from a mailbox, by name.
    problems: dict[str, str] = field(default_factory=dict)
    #: The mailboxes that have told everything.
    ended: set[str] = field(default_factory=set)
    _waiting: dict[str, Mailbox] = field(default_factory=dict)
    _offered: set[str] = field(default_factory=set)
    _triggered: bool = False
    _warned: bool = False
    _suspected: set[str] = field(default_factory=set)
    _next_look: float = 0.0

    def results(self) -> Iterator[Ended | None]:
        """What each mailbox tells, in the order of their ends; None where there is a pause.

        :raises click.ClickException: nothing will come, because the trigger was refused or nobody is there to take it.
        """
        self._waiting = {mailbox.name: mailbox for mailbox in self.chosen}
        began = time.monotonic()
        for told in self.lanes.run_results(self.run).follow():
            waited_s = time.monotonic() - began
            match told:
                case ScansOffered(answers):
                    self._note_answers(answers)
                case Triggered(problem):
                    self._note_triggered(problem)
                case Ended():
                    self._note_end(told)
                    yield told
                case None:
                    self._look(waited_s)
                    yield None
            if not self._waiting:
                return
            if waited_s > self.timeout_s:
                self._give_up()
                return

    def _note_answers(self, answers: Mapping[str, str]) -> None:
        for name, answer in answers.items():
            self._offered.add(name)
            if name in self._waiting and answer in _NOT_OFFERED:
                self._drop(name, _NOT_OFFERED[answer])

    def _note_triggered(self, problem: str) -> None:
        if problem:
            raise click.ClickException(f"the scan workers refuse: {problem}")
        self._triggered = True
        for name in set(self._waiting) - self._offered:
            self._drop(name, "the scan workers have another list of mailboxes, without it; give them the current one")

    def _note_end(self, told: Ended) -> None:
        self._waiting.pop(told.mailbox, None)
        self.problems.pop(told.mailbox, None)
        self.ended.add(told.mailbox)
        if told.missing:
            self.problems[told.mailbox] = f"{told.missing} of its findings were dropped before they could be read"

    def _drop(self, name: str, problem: str) -> None:
        del self._waiting[name]
        self.problems[name] = problem

    def _look(self, waited_s: float) -> None:
        """See what the rest is waiting for."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_S
        if self._triggered:
            self._look_at_items()
        if waited_s > PATIENCE_S and not self.ended and not self._warned:
            self._warned = True
            self._look_at_processes()

    def _look_at_items(self) -> None:
        ids = {name: contract.scan_item(mailbox, self.run, self.kind).id for name, mailbox in self._waiting.items()}
        known = self.lanes.snapshot.known_items(ids.values())
        for name, item_id in ids.items():
            item = known.get(item_id)
            if item is not None and item.state in ("dead", "left"):
                self._drop(name, f"the scan failed: {item.reason}")
            elif item is None or item.state == "done":
                self._suspect(name)
        for name, pause in self.lanes.snapshot.pauses(map(contract.lane_of, self._waiting.values())).items():
            self._drop(name, f"{pause}; it goes on when that is resumed")

    def _suspect(self, name: str) -> None:
        """The end that it has told may be on its way; at the second look it is not."""
        if name in self._suspected:
            self._drop(name, "its findings are lost; ask again")
        self._suspected.add(name)

    def _look_at_processes(self) -> None:
        if not self.lanes.registrations.alive_anywhere("worker"):
            waiting = "the trigger waits" if not self._triggered else "the scans wait in their lanes"
            raise click.ClickException(
                f"no worker has reported progress lately, and {waiting}: nobody takes scans. Start one: "
                "celery -A producer.app worker -Q scan"
            )
        if not self._triggered:
            self.say("no scan worker has taken the trigger yet; is one running, or are all busy? ('rsvpq doctor')")
        elif not self.lanes.registrations.alive_anywhere("dispatcher"):
            self.say("no dispatcher has reported progress lately; start one: python -m producer.dispatcher")
        else:
            self.say("no mailbox has told anything yet; 'rsvpq status' shows what is held")

    def _give_up(self) -> None:
        ids = {name: contract.scan_item(mailbox, self.run, self.kind).id for name, mailbox in self._waiting.items()}
        known = self.lanes.snapshot.known_items(ids.values())
        for name, item_id in ids.items():
            item = known.get(item_id)
            state = f"{item.state}{f' after {item.reason}' if item.reason else ''}" if item else "not offered"
            self._drop(name, f"not ready after {self.timeout_s:g} s ({state}); the scan goes on")


def follow(
    context: OperatorContext,
    kind: contract.ScanKind,
    chosen: Sequence[Mailbox],
    arguments: Mapping[str, object],
    action: OperatorAction,
    timeout_s: float | None,
) -> Following:
    """Have the mailboxes looked at; what comes back is to be followed at once."""
    run = scans.look(context, kind, arguments, action)
    return Following(context.lanes, run, kind, chosen, say, timeout_s or DEFAULT_TIMEOUT_S)


def say(text: str) -> None:
    """Tell the operator something, beside the data."""
    click.echo(text, err=True)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the wait, and not what was triggered."""
    try:
        yield
    except KeyboardInterrupt:
        say("\ninterrupted; what was triggered goes on in the queue, and changes nothing in any mailbox")
        sys.exit(130)


def complain(following: Following) -> int:
    """Name the mailboxes that have told nothing, and why; the exit code."""
    told = sorted(following.problems.items())
    if not told:
        return 0
    say(f"{len(told)} of {len(following.chosen)} mailboxes could not be looked at:")
    for name, problem in told[:_MOST_NAMED]:
        say(f"  {name}: {printable(problem)}")
    if len(told) > _MOST_NAMED:
        say(f"  and {len(told) - _MOST_NAMED} more")
    return 3 if following.ended else 1
