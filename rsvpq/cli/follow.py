"""Follow a read-only run: collect what its mailboxes report, and find out why others report nothing."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from shlex import quote

import click

from rsvpq import wiring
from rsvpq.cli.documents import say
from rsvpq.lanes import Lanes, OperatorAction
from rsvpq.lanes.breakers import Hold
from rsvpq.lanes.later_items import LaterItem
from rsvpq.lanes.run_results import Ended, ScansOffered, Triggered
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import OperatorContext, scans
from rsvpq.tasks import contract
from rsvpq.text import age, counted, printable
from rsvpq.wiring.in_force import DISPATCHER, missing_worker

#: Seconds without a worker that takes the trigger, or without a first report, before the processes are checked.
QUIET_S = 10.0
#: Seconds between two checks of what the mailboxes that have not reported wait for.
_LOOK_S = 2.0
#: Seconds of a hold that a command waits for; a longer one is reported instead.
_LONG_HOLD_S = 60.0
#: Why a scan of a mailbox was not offered, for the operator.
_NOT_OFFERED = {
    "scanning": "it is being scanned already; try again when that is done",
    "full": "messages of an earlier scan still wait in its lane; try again when they are done",
}
#: Default timeout in seconds: how long results are kept.
DEFAULT_TIMEOUT_S = 3600.0
#: At most this many mailboxes without a result are named one by one.
_MOST_NAMED = 20


@dataclass(slots=True)
class Following:
    """One run, from its trigger to the end of its last mailbox.

    :param say: shows a note to the operator, besides the data. :param timeout_s: how long to wait for all mailboxes.
    """

    lanes: Lanes
    run: str
    kind: contract.ScanKind
    chosen: Sequence[Mailbox]
    say: Callable[[str], None]
    timeout_s: float
    #: Why a mailbox has no result, by name.
    problems: dict[str, str] = field(default_factory=dict)
    #: The mailboxes that have reported completely.
    ended: set[str] = field(default_factory=set)
    _waiting: dict[str, Mailbox] = field(default_factory=dict)
    _offered: set[str] = field(default_factory=set)
    _triggered: bool = False
    _warned: bool = False
    _suspected: set[str] = field(default_factory=set)
    _next_look: float = 0.0

    def results(self) -> Iterator[Ended | None]:
        """Yield the result of each mailbox as it ends, and None when nothing comes for a while.

        :raises click.ClickException: nothing will come: the trigger was refused, or no worker takes it.
        """
        self._waiting = {mailbox.name: mailbox for mailbox in self.chosen}
        began = time.monotonic()
        for event in self.lanes.run_results(self.run).follow():
            waited_s = time.monotonic() - began
            match event:
                case ScansOffered(results):
                    self._note_offers(results)
                case Triggered(problem):
                    self._note_triggered(problem)
                case Ended():
                    self._note_end(event)
                    yield event
                case None:
                    self._look(waited_s)
                    yield None
            if not self._waiting:
                return
            if waited_s > self.timeout_s:
                self._give_up()
                return

    def _note_offers(self, results: Mapping[str, str]) -> None:
        self._offered.update(results)
        refused = {name: _NOT_OFFERED[one] for name, one in results.items() if one in _NOT_OFFERED}
        refused = {name: problem for name, problem in refused.items() if name in self._waiting}
        failed = {name: _failed(item) for name, item in self.lanes.scans_between_attempts(list(refused)).items()}
        for name, problem in {**refused, **failed, **self._hindrances(refused)}.items():
            self._drop(name, problem)

    def _note_triggered(self, problem: str) -> None:
        if problem:
            raise click.ClickException(f"the scan workers refused the run: {problem}")
        self._triggered = True
        for name in set(self._waiting) - self._offered:
            self._drop(name, "it is not in the list of mailboxes of the scan workers; give them the current list")

    def _note_end(self, event: Ended) -> None:
        self._waiting.pop(event.mailbox, None)
        self.problems.pop(event.mailbox, None)
        self.ended.add(event.mailbox)
        if event.missing:
            self.problems[event.mailbox] = f"{event.missing} of its results were dropped before they could be read"

    def _drop(self, name: str, problem: str) -> None:
        del self._waiting[name]
        self.problems[name] = problem

    def _look(self, waited_s: float) -> None:
        """Find out what the other mailboxes wait for."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_S
        if self._triggered:
            self._look_at_items()
        if waited_s > QUIET_S and not self.ended and not self._warned:
            self._warned = True
            self._look_at_processes()

    def _look_at_items(self) -> None:
        ids = {name: contract.scan_item(mailbox, self.run, self.kind).id for name, mailbox in self._waiting.items()}
        known = self.lanes.snapshot.known_items(ids.values())
        for name, item_id in ids.items():
            item = known.get(item_id)
            if item is not None and item.state in ("failed", "left"):
                self._drop(name, f"the scan failed: {item.reason}")
            elif item is None or item.state == "done":
                # Drop it at the second suspicion: after the first, its last report may still be on its way.
                if name in self._suspected:
                    self._drop(name, "its results are lost; try again")
                self._suspected.add(name)
        for name, hindrance in self._hindrances(self._waiting, _LONG_HOLD_S).items():
            self._drop(name, hindrance)

    def _hindrances(self, names: Iterable[str], longer_than_s: float = 0.0) -> dict[str, str]:
        """Return why these mailboxes are not worked on now, by name: a pause, or a hold that lasts longer than that."""
        chosen = [self._waiting[name] for name in names]
        snapshot, found = self.lanes.snapshot, {}
        held_mailboxes = snapshot.holds("mailbox", (mailbox.name for mailbox in chosen))
        held_servers = snapshot.holds("server", {mailbox.server for mailbox in chosen}, contract.SCAN_MAILBOX)
        for mailbox in chosen:
            own, its_servers = held_mailboxes.get(mailbox.name), held_servers.get(mailbox.server)
            if own and own.left_s > longer_than_s:
                found[mailbox.name] = f"it is held {_held(own)}: rsvpq resume mailbox {quote(mailbox.name)}"
            elif its_servers and its_servers.left_s > longer_than_s:
                server = quote(mailbox.server)
                found[mailbox.name] = f"its server is held {_held(its_servers)}: rsvpq resume server {server}"
        for name, left_s in snapshot.rests(map(contract.lane_of, chosen)).items():
            found[name] = f"it has quiet hours for another {age(left_s)}; the scan goes on after them"
        for name, pause in snapshot.pauses(map(contract.lane_of, chosen)).items():
            found[name] = f"{pause}; the scan goes on after 'rsvpq resume'"
        return found

    def _look_at_processes(self) -> None:
        if not self.lanes.registrations.consumers(contract.SCAN_QUEUE):
            waiting = "the trigger waits" if not self._triggered else "the scans wait in their lanes"
            raise click.ClickException(f"{waiting}: {missing_worker(contract.SCAN_QUEUE)}")
        if not self._triggered:
            self.say("no scan worker has taken the trigger yet; see 'rsvpq doctor': is one running, or are all busy?")
        elif not self.lanes.registrations.alive_anywhere("dispatcher"):
            self.say("no dispatcher has reported progress lately; start one: " + DISPATCHER)
        else:
            self.say("no mailbox has reported yet; 'rsvpq status' shows what is held")

    def _give_up(self) -> None:
        ids = {name: contract.scan_item(mailbox, self.run, self.kind).id for name, mailbox in self._waiting.items()}
        known = self.lanes.snapshot.known_items(ids.values())
        after = self._what_follows()
        for name, item_id in ids.items():
            item = known.get(item_id)
            state = f"{item.state}{f' after {item.reason}' if item.reason else ''}" if item else "not offered"
            self._drop(name, f"not ready after {self.timeout_s:g} s ({state}); {after}")

    def _what_follows(self) -> str:
        """Say what becomes of the scans of which no result is awaited any more."""
        waits = "the scan" if self._triggered or self._offered else "the trigger"
        if not self.lanes.registrations.consumers(contract.SCAN_QUEUE):
            return f"{waits} waits: {missing_worker(contract.SCAN_QUEUE)}"
        return "the scan goes on" if waits == "the scan" else "the trigger waits for a scan worker that is free"


def _failed(scan: LaterItem) -> str:
    again = f"its last scan failed, and is tried again in {age(scan.next_s)}"
    return f"{again}: {scan.reason}; see 'rsvpq mailboxes show {quote(scan.mailbox)}'"


def _held(hold: Hold) -> str:
    return f"for another {age(hold.left_s)} ({hold.why or 'no reason given'}); once the cause is repaired"


def follow(
    context: OperatorContext,
    kind: contract.ScanKind,
    chosen: Sequence[Mailbox],
    arguments: Mapping[str, object],
    action: OperatorAction,
    timeout_s: float | None,
) -> Following:
    """Trigger a read-only run; read its results from the returned object at once.

    The trigger says soon if Redis is away; reading the results outlasts a failover.
    """
    run = scans.look(context, kind, arguments, action)
    return Following(wiring.make_lanes(context.settings), run, kind, chosen, say, timeout_s or DEFAULT_TIMEOUT_S)


@contextmanager
def interruptible() -> Iterator[None]:
    """End only the wait at Ctrl-C, not what was triggered: from before the trigger on."""
    try:
        yield
    except KeyboardInterrupt:
        say("\ninterrupted; once triggered, the run goes on in the queue, and changes nothing in any mailbox")
        sys.exit(130)


def report_problems(following: Following) -> int:
    """Name the mailboxes without a complete result, and why; return the exit code."""
    problems = sorted(following.problems.items())
    if not problems:
        return 0
    say(f"no complete result from {len(problems)} of {counted(len(following.chosen), 'mailbox')}:")
    for name, problem in problems[:_MOST_NAMED]:
        say(f"  {name}: {printable(problem)}")
    if len(problems) > _MOST_NAMED:
        say(f"  and {len(problems) - _MOST_NAMED} more")
    return 3 if following.ended else 1
