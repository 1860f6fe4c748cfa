"""Find the mailboxes that are not well: which, since when, why, and what to do about it.

A mailbox that is refused, gone, or left out for weeks changes nothing in the totals of an installation with thousands
of others. Everything here is read from the ledger and the list; no server is asked.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from shlex import quote
from typing import Any, Literal, get_args

from rsvpq.lanes.breakers import Hold
from rsvpq.lanes.dead_items import DeadOfMailbox
from rsvpq.lanes.snapshot import MailboxState
from rsvpq.lanes.status import Pause
from rsvpq.mail.errors import LoginRefused
from rsvpq.ops import look
from rsvpq.ops.between_attempts import FailingMessages, failing_messages
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.ops.names import require_server
from rsvpq.ops.obstacles import Obstacle, obstacles, said_of, silence
from rsvpq.settings.mailboxes import ListedMailbox, read_mailboxes, select
from rsvpq.tasks import contract
from rsvpq.text import age, counted, duration
from rsvpq.wiring.coverage import LATE_PERIODS, Periods
from rsvpq.wiring.in_force import in_force
from rsvpq.wiring.wellness import FailureState, state_of_failure

State = Literal[FailureState, "dead", "failing", "paused", "unlisted", "never", "late", "capped", "unreadable"]
#: In the order in which a row shows them: what an operator has to do something about comes first.
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class Symptom:
    """One way in which a mailbox is not well; ``since_s`` is its age in seconds, None if unknown."""

    state: State
    since_s: float | None
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class MailboxHealth:
    """A mailbox and its symptoms, the most urgent first; none if it is well.

    ``scanned_s`` is the age of the last scan in seconds, None if there was none. ``held_s`` is how long its hold still
    lasts, or that of its server if its scan has failed by it; 0 without one.
    """

    mailbox: str
    server: str
    group: str
    scanned_s: float | None
    held_s: float
    symptoms: tuple[Symptom, ...]

    @property
    def states(self) -> tuple[State, ...]:
        """The states of all symptoms."""
        return tuple(symptom.state for symptom in self.symptoms)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return {**asdict(self), "states": list(self.states)}


@dataclass(frozen=True, slots=True)
class Examined:
    """The result of an examination.

    ``mailboxes`` is the number of examined ones, ``unwell`` the number of those that are not well, and ``states`` how
    many are in each state; a mailbox may be in several. ``held_servers`` are the servers that are left alone now, and
    ``paused_groups`` the paused groups, whose mailboxes have no symptom for that. ``obstacles`` say what stops even a
    mailbox that is well, see :func:`obstacles`; ``missing`` says which processes do not run that all of them need.
    """

    mailboxes: int
    unwell: int
    states: Mapping[State, int]
    held_servers: Mapping[str, Hold]
    paused_groups: Mapping[str, Pause]
    obstacles: Sequence[str]
    missing: Sequence[str]
    rows: Sequence[MailboxHealth]

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        return {
            "mailboxes": self.mailboxes,
            "unwell": self.unwell,
            "states": dict(self.states),
            "held_servers": {name: asdict(hold) for name, hold in self.held_servers.items()},
            "paused_groups": {name: asdict(pause) for name, pause in self.paused_groups.items()},
            "obstacles": list(self.obstacles),
            "missing": list(self.missing),
            "rows": [row.to_dict() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class MailboxChoice:
    """Which mailboxes to examine, and which of them to return.

    :param server, group: only those of this server or group; '' for any. :param state: return only those in this state.
    :param everything: return also those that are well. :param older_than_s: a scan is late when it is older, whatever
        the schedules.
    :raises InvalidRequest: there is no such state.
    """

    server: str = ""
    group: str = ""
    state: str = ""
    everything: bool = False
    older_than_s: float | None = None

    def __post_init__(self) -> None:
        if self.state and self.state not in STATES:
            raise InvalidRequest(f"no state {self.state!r}: use one of {', '.join(STATES)}")

    def returns(self, row: MailboxHealth) -> bool:
        """Return whether the result has this row."""
        if self.state:
            return self.state in row.states
        return self.everything or bool(row.symptoms)


def examine_mailboxes(context: OperatorContext, choice: MailboxChoice) -> Examined:
    """Examine the mailboxes of the list, and those that have left it; takes about 0.3 s for 10,000.

    :raises InvalidRequest: there is no such server.
    :raises ConfigError: the list cannot be read, or has no such group.
    """
    snapshot, settings = context.lanes.snapshot, context.settings
    servers = snapshot.servers() | set(settings.servers)
    require_server(context, choice.server)
    listed = {mailbox.name: mailbox for mailbox in read_mailboxes(settings.mailboxes, settings)}
    names = [mailbox.name for mailbox in select(listed.values(), group=choice.group or None)]
    if not choice.group:
        names += sorted(snapshot.known() - listed.keys())
    states, holds = snapshot.mailboxes(names), snapshot.holds("server", servers, contract.SCAN_MAILBOX)
    paused = {name: one for name, one in snapshot.group_pauses().items() if choice.group in ("", name)}
    groups = {mailbox.group for mailbox in listed.values() if choice.group in ("", mailbox.group)}
    stopped = obstacles(context, [choice.server] if choice.server else servers, paused, groups)
    examiner = _Examiner(
        Periods(settings),
        holds,
        context.lanes.dead_items.by_mailbox(),
        failing_messages(context.lanes.later_items()),
        stopped,
        choice.older_than_s,
    )
    late = [name for name in names if examiner.is_late(listed.get(name), states.get(name))]
    examiner = replace(examiner, not_offered=snapshot.not_offered(late))
    rows = [examiner.examine(name, listed.get(name), states.get(name)) for name in names]
    rows = [row for row in rows if choice.server in ("", row.server)]
    counted = Counter(state for row in rows for state in row.states)
    force = in_force(settings, context.lanes)
    return Examined(
        mailboxes=len(rows),
        unwell=sum(bool(row.symptoms) for row in rows),
        states={state: counted[state] for state in STATES if counted[state]},
        held_servers={name: hold for name, hold in holds.items() if choice.server in ("", name)},
        paused_groups=paused,
        obstacles=[*map(str, stopped), *silence(force, (row.group for row in rows if row.mailbox in listed))],
        missing=list(map(str, force.missing())),
        rows=sorted(filter(choice.returns, rows), key=_urgency),
    )


def _urgency(row: MailboxHealth) -> tuple[int, str]:
    return STATES.index(row.states[0]) if row.symptoms else len(STATES), row.mailbox.casefold()


def show_mailbox(context: OperatorContext, name: str) -> dict[str, Any]:
    """Return everything about one mailbox: its symptoms, what stops it, what its last scan found, and its lane.

    The lane is as :func:`rsvpq.ops.look.mailbox` returns it.

    :raises ConfigError: no such mailbox is in the list, and none has a lane.
    """
    snapshot, settings = context.lanes.snapshot, context.settings
    name = context.resolve_name("mailbox", name)
    listed = {mailbox.name: mailbox for mailbox in read_mailboxes(settings.mailboxes, settings)}.get(name)
    state = snapshot.mailboxes([name]).get(name)
    server = listed.server if listed else state.server if state else ""
    paused = snapshot.group_pauses().get(listed.group) if listed else None
    paused_groups = {listed.group: paused} if listed and paused else {}
    stopped = obstacles(context, [server] if server else [], paused_groups, [listed.group] if listed else [])
    examiner = _Examiner(
        Periods(settings),
        snapshot.holds("server", [server], contract.SCAN_MAILBOX),
        context.lanes.dead_items.by_mailbox(),
        failing_messages(context.lanes.later_items()),
        stopped,
        not_offered=snapshot.not_offered([name]),
    )
    row = examiner.examine(name, listed, state)
    of_group = [one for one in stopped if (one.kind, one.scope) == ("pause", "group")]
    if paused:
        row = replace(row, symptoms=(*row.symptoms, *(_paused_group(one, paused) for one in of_group)))
    lane = look.mailbox(context, name) if state and state.server else {}
    force = in_force(settings, context.lanes)
    more = {
        "last_scan": asdict(state.totals) if state and state.totals else None,
        "obstacles": [
            *(str(one) for one in stopped if one not in of_group),
            *silence(force, [listed.group] if listed else []),
        ],
        "missing": list(map(str, force.missing())),
    }
    return {**lane, **row.to_dict(), **more}


def _paused_group(obstacle: Obstacle, pause: Pause) -> Symptom:
    return Symptom("paused", pause.age_s, f"its {obstacle}", obstacle.remedy)


@dataclass(frozen=True, slots=True)
class _Examiner:
    """Examines single mailboxes.

    :param holds: the holds of the servers, by name. :param dead: what is dead in each mailbox, by its name.
    :param failing: what fails in each mailbox, by its name. :param obstacles: what stops all mailboxes of a scope.
    :param not_offered: why mailboxes get no scan now, see :meth:`rsvpq.lanes.snapshot.Snapshot.not_offered`; of those
        that are late.
    """

    periods: Periods
    holds: Mapping[str, Hold]
    dead: Mapping[str, DeadOfMailbox]
    failing: Mapping[str, FailingMessages]
    obstacles: Sequence[Obstacle]
    older_than_s: float | None = None
    not_offered: Mapping[str, str] = field(default_factory=dict)

    def is_late(self, listed: ListedMailbox | None, state: MailboxState | None) -> bool:
        """Return whether the last scan of a mailbox of the list is too old."""
        return bool(listed and state and state.scanned_s and state.scanned_s > self._oldest_s(listed.group))

    def _oldest_s(self, group: str) -> float:
        return LATE_PERIODS * self.periods.of(group) if self.older_than_s is None else self.older_than_s

    def examine(self, name: str, listed: ListedMailbox | None, state: MailboxState | None) -> MailboxHealth:
        """Examine one mailbox; without ``listed`` it has left the list, without ``state`` it has no lane yet."""
        state = state or MailboxState(listed.server if listed else "")
        server, group = (listed.server, listed.group) if listed else (state.server, "")
        hold = state.hold or (self.holds.get(server) if state.failed_why else None)
        stops = [obstacle for obstacle in self.obstacles if obstacle.stops(server, group)]
        known = _Known(
            name,
            server,
            state,
            hold,
            self.dead.get(name),
            self.failing.get(name),
            stops,
            self.not_offered.get(name, ""),
        )
        if listed:
            symptoms = (*known.symptoms(), *self._of_scans(known, listed))
        else:
            symptoms = (known.unlisted(), *known.given_up())
        held_s = hold.left_s if hold else 0.0
        return MailboxHealth(name, server, group, state.scanned_s, held_s, symptoms)

    def _of_scans(self, known: "_Known", listed: ListedMailbox) -> Iterator[Symptom]:
        """Yield what is wrong with the last scan, or that there was none."""
        state = known.state
        if state.scanned_s is None:
            yield known.never()
            return
        if self.is_late(listed, state):
            most_s = self._oldest_s(listed.group)
            due = f"over {duration(most_s)}"
            if self.older_than_s is None:
                due = f"scheduled every {duration(self.periods.of(listed.group))}"
            reason = f"the last scan ended {age(state.scanned_s)} ago, {due}"
            yield Symptom("late", state.scanned_s, reason, known.remedy_of_late())
        if state.totals and state.totals.capped:
            cap = state.totals.cap
            reason = f"the last scan held {counted(state.totals.capped, 'message')} back over {cap or 'a cap'}"
            yield Symptom("capped", state.capped_s or state.scanned_s, reason, known.remedy_of_cap())
        if state.totals and state.totals.unreadable:
            reason = f"the last scan could not read {counted(state.totals.unreadable, 'message')}"
            yield Symptom("unreadable", state.scanned_s, reason, "look for damaged messages in its Inbox")


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one mailbox; ``hold`` is its own or, if its scan has failed by it, that of its server.

    ``stops`` are the obstacles that stop it; ``not_offered`` says why it gets no scan now, if it is late.
    """

    name: str
    server: str
    state: MailboxState
    hold: Hold | None
    dead: DeadOfMailbox | None
    failing: FailingMessages | None
    stops: Sequence[Obstacle]
    not_offered: str

    def symptoms(self) -> Iterator[Symptom]:
        """Yield why it is not worked on: at most one failure or hold, what was given up or fails, and its pause."""
        if trouble := self._trouble():
            yield trouble
        yield from self.given_up()
        if failing := self._failing():
            yield failing
        if pause := self.state.pause:
            yield Symptom("paused", pause.age_s, f"paused{said_of(pause)}", self._resume)

    def given_up(self) -> Iterator[Symptom]:
        """Yield that items of it are dead, unless that is one scan whose failure is a symptom already."""
        if self.dead and not (self.state.failed_why and self.dead.works == {contract.SCAN_MAILBOX}):
            are = f"{counted(self.dead.count, 'item')} {'is' if self.dead.count == 1 else 'are'} dead"
            which = f"--mailbox {quote(self.name)}"
            remedy = f"rsvpq dead list {which}; once the cause is repaired: rsvpq dead retry --all {which}"
            yield Symptom("dead", self.dead.since_s, f"{are}, the last because of: {self.dead.reason}", remedy)

    def unlisted(self) -> Symptom:
        """Return that it has left the list, whatever else there is: nothing is done in it."""
        remedy = (
            "nothing if it was removed on purpose: it disappears here after a month; else put it back into the list"
        )
        return Symptom("unlisted", self.state.unlisted_s, "it is not in the list of mailboxes any more", remedy)

    def never(self) -> Symptom:
        """Return that it was never scanned."""
        stopped = self._remedy_of_what_stops()
        if self.state.scan:
            what, otherwise = "its first scan waits or runs", "see 'rsvpq status' for what it waits for"
        else:
            what, otherwise = "it was never scanned", f"rsvpq scan {quote(self.name)}, or a schedule that covers it"
        return Symptom("never", None, what, stopped or otherwise)

    def remedy_of_late(self) -> str:
        """Return what to do about a scan that is late: first about what keeps the mailbox from being scanned."""
        if stopped := self._remedy_of_what_stops():
            return stopped
        if self.not_offered == "full":
            return "messages of its last scan still wait, and it is scanned after them: see 'rsvpq status' for what for"
        if self.state.scan:
            return "a scan of it waits or runs: see 'rsvpq status' for what it waits for"
        return f"see 'rsvpq status' for whether a dispatcher and a scan worker run; rsvpq scan {quote(self.name)}"

    def remedy_of_cap(self) -> str:
        """Return what to do about messages over a cap, of which none is answered while those before them fail."""
        if failing := self._failing():
            return failing.remedy
        return "nothing if the number falls from scan to scan; else raise policy.most_answers_per_scan or _per_run"

    def _remedy_of_what_stops(self) -> str:
        """Return what to do about what keeps it from being scanned; '' if nothing is known to do so."""
        if trouble := self._trouble():
            return trouble.remedy
        if self.state.pause:
            return self._resume
        if self.stops:
            return self.stops[0].remedy
        failing = self._failing()
        return failing.remedy if failing and self.not_offered == "full" else ""

    def _failing(self) -> Symptom | None:
        """Return that attempts at its messages fail."""
        if not self.failing:
            return None
        is_one = self.failing.count == 1
        are = f"{counted(self.failing.count, 'message')} {'is' if is_one else 'are'} tried again after a failure"
        remedy = f"if it goes on: rsvpq doctor --mailbox {quote(self.name)}"
        return Symptom("failing", self.failing.since_s, f"{are}: {self.failing.reason}", remedy)

    def _trouble(self) -> Symptom | None:
        return self._failure() or self._own_hold()

    def _failure(self) -> Symptom | None:
        """Return why its scans fail; None if the last one did not."""
        why, since_s = self.state.failed_why, self.state.failed_s
        if not why:
            return None
        return self._symptom_of(why, since_s)

    def _own_hold(self) -> Symptom | None:
        """Return that the mailbox is held, by one of its messages."""
        if not self.state.hold:
            return None
        return self._symptom_of(self.state.hold.why, self.state.held_since_s)

    def _symptom_of(self, why: str, since_s: float | None) -> Symptom:
        state = state_of_failure(why, held=self.state.hold is not None)
        reason = f"{why or 'no reason given'}{self._left}"
        if state == "refused":
            return Symptom(state, since_s, reason, self._remedy_of_refusal(why))
        if state == "gone":
            return Symptom(state, since_s, why, "correct its name or its server in the list, or remove it from there")
        remedy = self._remedy_of_hold if self.hold else f"rsvpq doctor --mailbox {quote(self.name)}"
        return Symptom(state, since_s, reason, remedy)

    @property
    def _left(self) -> str:
        return f"; held for another {age(self.hold.left_s)}" if self.hold else ""

    @property
    def _resume(self) -> str:
        return f"rsvpq resume mailbox {quote(self.name)}"

    @property
    def _remedy_of_hold(self) -> str:
        resume = self._resume if self.state.hold else f"rsvpq resume server {quote(self.server)}"
        return f"it ends by itself; once the cause is repaired: {resume}"

    def _remedy_of_refusal(self, why: str) -> str:
        if why.startswith(LoginRefused.__name__):
            return (
                f"correct the credential of server {self.server}, restart the workers, then: "
                f"rsvpq resume server {quote(self.server)}"
            )
        return (
            "give the account rights on this mailbox, or let it through the filter in front of the server; "
            f"rsvpq doctor --mailbox {quote(self.name)} shows what is refused; then: {self._resume}"
        )
