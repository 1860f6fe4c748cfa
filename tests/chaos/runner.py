"""Runs one scenario: lets the work begin, injects until told to stop, waits until nothing moves, asks the oracle."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from threading import Event, Thread
from typing import Any

from testbed.processes import RUN_S, until
from tests.chaos.installation import AWAY, Installation
from tests.chaos.scenarios import Scenario

#: The file in an installation's directory with what the oracle knows of each message that was lost or answered twice.
EVIDENCE = "evidence.json"
#: What the oracle says of a request that was not answered, or more than once, of all copies of it as of one; and of a
#: response that was not opened, nor entered by the server and then cleared.
_WRONG_STATES = {"waiting", "accepted_unsent", "answered_twice", "unopened"}
#: Seconds between two scans of everything.
SCAN_EVERY_S = 5.0
#: Seconds without any progress, and with nothing left to do, after which what is not answered counts as lost.
QUIET_S = 14.0
#: Scans of everything that must find nothing more before that.
_SCANS = 3
#: Faults that tell something; fewer are not injected unless all is done before.
_FEWEST_FAULTS = 5
#: Seconds after the last fault within which an installation must come to rest.
REST_S = RUN_S


@dataclass(frozen=True, slots=True)
class Row:
    """What one scenario did.

    :param faults: how many were injected. :param kills: of these, processes killed.
    :param messages: requests and responses that were there, all copies of a request as one, and without those that
        nobody should answer, or that the server lets nobody answer.
    :param done: requests answered once, and responses opened, or entered by the server and cleared after that.
    :param lost: the rest, by the oracle. :param unsent: of these, answers that lie in Drafts.
    :param twice: requests answered more than once.
    :param forbidden: what was answered though nobody may, and drafts of persons that were sent or put away.
    :param reopened: responses opened more than once, which changes nothing.
    :param arm: ``rsvpq`` or ``plain``.
    :param given_up: messages left for an operator, by reason. Half answers that a scenario leaves are only here, and
        not lost. :param absorbed: what was put back, by label.
    :param died: processes that ended by themselves. :param recovery_s: from the last fault to the end of all work.
    :param violations: items over a promised pace, and HTTP requests over a promised concurrency.
    """

    scenario: str
    seed: int
    faults: int
    kills: int
    messages: int
    done: int
    lost: int
    unsent: int
    twice: int
    reopened: int
    violations: int
    recovery_s: float
    arm: str = "rsvpq"
    forbidden: int = 0
    died: int = 0
    at_rest: bool = True
    given_up: Mapping[str, int] = field(default_factory=dict)
    absorbed: Mapping[str, int] = field(default_factory=dict)


def run(on: Installation, scenario: Scenario, seed: int) -> Row:
    """Run the scenario on an installation that is up, and count.

    :raises PartFailed: the simulator ended. :raises TimeoutError: the work never began.
    """
    for server, switches in enumerate(scenario.servers):
        on.exchange.set_switches({**switches, "server": server})
    watch = _Watch(on, _refused(on) if "ews" in scenario.protocols else 0)
    on.trigger()
    until(lambda: watch.look()["mutating"] > 0, "the work has begun")
    with _scans(on):
        faults = _inject(on, scenario, Random(f"{seed}/{scenario.name}"), watch)  # noqa: S311 - must be repeatable
        healed = time.monotonic()
        rested = _wait_for_rest(watch, healed)
    row = _row(on, scenario, seed, faults, watch, recovery_s=watch.ended - healed, at_rest=rested)
    if row.lost or row.twice or row.forbidden:
        (on.directory / EVIDENCE).write_text(json.dumps(_wrong(on.exchange.messages()), indent=1), encoding="utf-8")
    return row


def _refused(on: Installation) -> int:
    """How many requests no server lets this mailbox answer: by Exchange Web Services those are a delegate's copies."""
    copies = defaultdict(list)
    for message in on.exchange.messages():
        if message["state"] == "waiting":
            copies[message["mailbox"], message["edition"]].append(message)
    return sum(all(one["received_for"] for one in group) for group in copies.values())


def _wrong(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages that were lost, answered twice or must not be touched, with all that the oracle knows about them."""
    return [message for message in messages if message["state"] in _WRONG_STATES or message["forbidden"]]


def _inject(on: Installation, scenario: Scenario, dice: Random, watch: "_Watch") -> int:
    """Inject as many faults as the scenario wants, or for as long as there is work; how many those were."""
    injected = 0
    faults = scenario.fault(on, dice)
    try:
        until_s = time.monotonic() + scenario.longest_s
        while (
            watch.left
            and injected < scenario.faults
            and (injected < _FEWEST_FAULTS or time.monotonic() < until_s)  # a busy machine takes long for each
        ):
            injected += next(faults)
            watch.look()
    finally:
        faults.close()
    return injected


def _wait_for_rest(watch: "_Watch", healed: float) -> bool:
    """Wait until all is done and nothing waits, or nothing has moved for long; False where neither came."""
    while time.monotonic() < healed + REST_S:
        watch.look()
        if watch.idle and (not watch.left or (watch.quiet_s > QUIET_S and watch.looked_everywhere)):
            return True
        time.sleep(0.2)
    return False


class _Watch:
    """Looks at the oracle, and keeps processes alive as a supervisor would.

    Attributes: messages ``left`` to be dealt with, whether the installation is ``idle``, how many processes ``died``,
    when the last message ``ended``, how many requests are ``refused`` and do not count.
    """

    def __init__(self, on: Installation, refused: int) -> None:
        self._on = on
        self.refused = refused
        self._seen: tuple[int, ...] = ()
        self._moved = self.ended = time.monotonic()
        self._mailboxes = len(on.exchange.ask("mailboxes"))
        self._operations = self._operations_until_moved = 0
        self.left = -1
        self.idle = False
        self.died = 0

    @property
    def quiet_s(self) -> float:
        """For how long nothing has moved."""
        return time.monotonic() - self._moved

    @property
    def looked_everywhere(self) -> bool:
        """Whether every mailbox was scanned again, and again, since anything has moved: the next scan finds no more."""
        return self._operations - self._operations_until_moved >= _SCANS * self._mailboxes

    def look(self) -> dict[str, Any]:
        """The oracle's summary of this moment."""
        self._revive()
        summary: dict[str, Any] = self._on.exchange.ask("summary")
        requests, responses = summary["requests"], summary["responses"]
        left = (
            requests["waiting"]
            + requests["refused"]
            - self.refused
            + requests["accepted_unsent"]
            + responses["unopened"]
        )
        if left != self.left:
            self.left, self.ended = left, time.monotonic()
        self.idle = self._is_idle()
        seen = (summary["mutating"], left)
        self._operations = summary["pace"]["operations"]
        if seen != self._seen:
            self._seen, self._moved = seen, time.monotonic()
            self._operations_until_moved = self._operations
        return summary

    def _is_idle(self) -> bool:
        try:
            return self._on.unfinished() == 0
        except AWAY:
            return False

    def _revive(self) -> None:
        for name, part in list(self._on.parts.items()):
            if name == "simulator":
                part.check()
            elif not part.alive():
                self.died += 1
                self._on.restart(name)


@contextmanager
def _scans(on: Installation) -> Iterator[None]:
    """Ask for a scan of everything every few seconds; one that cannot be asked for is made up for by the next."""
    over = Event()

    def ask() -> None:
        while not over.wait(SCAN_EVERY_S):
            with suppress(*AWAY):
                on.trigger()

    thread = Thread(target=ask, name="scans")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _row(
    on: Installation, scenario: Scenario, seed: int, faults: int, watch: _Watch, *, recovery_s: float, at_rest: bool
) -> Row:
    summary = watch.look()
    requests, responses = summary["requests"], summary["responses"]
    pace = summary["pace"]
    not_to_be_answered = requests["outdated"] + requests["left_alone"] + watch.refused
    unsent = requests["accepted_unsent"]
    if scenario.may_give_up:
        held = on.half_answers()
        unsent -= sum(one["uid"] in held for one in on.exchange.messages() if one["state"] == "accepted_unsent")
    return Row(
        scenario.name,
        seed,
        faults,
        kills=faults if scenario.kills else 0,
        messages=requests["seeded"] - not_to_be_answered + responses["seeded"],
        done=requests["answered_once"] + responses["opened"] + responses["entered"],
        lost=requests["waiting"] + requests["refused"] - watch.refused + unsent + responses["unopened"],
        unsent=unsent,
        twice=requests["answered_twice"],
        forbidden=summary["forbidden"],
        reopened=responses["opened_more_than_once"],
        violations=pace["mailbox_violations"] + pace["server_violations"] + summary["in_flight"]["over_limit"],
        recovery_s=max(0.0, recovery_s),
        died=watch.died,
        at_rest=at_rest,
        given_up=on.given_up(),
        absorbed=on.absorbed(),
    )
