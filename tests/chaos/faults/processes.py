"""Processes that die, stop for a while, or are restarted."""

import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from random import Random
from typing import Any

from testbed.processes import until
from tests.chaos.faults import Fault, pause
from tests.chaos.installation import Installation

#: Seconds to wait for a request to come by that can be made to hang.
_WAIT_S = 4.0
#: How a request can hang.
BEFORE_AND_AFTER = ("hang", "hang-after")
#: The steps that scans take as well.
_SCANS_TAKE = {"search", "propfind", "finditem", "getitem"}


def a_worker_is_killed(on: Installation, dice: Random) -> Generator[int]:
    """One worker at a time, wherever it is in its work; the scanning one too."""
    while True:
        pause(dice, 0.0, 0.15)
        name = dice.choice([*on.answerers, *on.answerers, "scan"])
        on.kill(name)
        on.restart(name)
        yield 1


def two_workers_are_killed(on: Installation, dice: Random) -> Generator[int]:
    """Two of those that answer at once, wherever they are in their work; they stay away for a moment."""
    while True:
        pause(dice, 0.0, 1.0)
        victims = dice.sample(on.answerers, 2)
        for name in victims:
            on.kill(name)
        pause(dice, 0.0, 0.5)
        for name in victims:
            on.restart(name)
        yield 2


def all_workers_are_killed_in(
    *steps: str,
    kinds: Sequence[str] = BEFORE_AND_AFTER,
    besides: Sequence[Mapping[str, Any]] = (),
    then: Callable[[Installation], None] = lambda _: None,
) -> Fault:
    """Kill all that answer, while some of them hang in a step: before its effect or after it, as the dice choose.

    The simulator tells that a request hangs, so the death is exactly there. Where scans take that step as well, the
    scanning worker is killed too.

    :param kinds: before or after; both, half of the time each, if nothing is said.
    :param besides: faults of servers that are in force all the while. :param then: what happens while all are dead.
    """

    def inject(on: Installation, dice: Random) -> Generator[int]:
        try:
            while True:
                step, kind = dice.choice(steps), dice.choice(kinds)
                hanging = dice.randint(1, 3)
                hang = {"step": step, "kind": kind, "times": hanging, "after": dice.randint(0, 4)}
                on.exchange.have_faults([hang, *besides])
                if not _hangs(on):
                    yield _struck(on)  # no such request came by
                    continue
                victims = [*on.answerers, "scan"] if step in _SCANS_TAKE else on.answerers
                for name in victims:
                    on.kill(name)
                struck = _struck(on)
                on.exchange.have_faults([])
                then(on)
                for name in victims:
                    on.restart(name)
                yield len(victims) + struck
        finally:
            on.exchange.have_faults([])

    return inject


def _struck(on: Installation) -> int:
    """How often what is in force beside the hanging did something."""
    return sum(fault["injected"] for fault in on.exchange.faults()[1:])


def _hangs(on: Installation) -> bool:
    try:
        until(lambda: on.exchange.faults()[0]["injected"] > 0, "a request hangs", within_s=_WAIT_S)
    except TimeoutError:
        return False
    return True


def a_dispatcher_is_killed(on: Installation, dice: Random) -> Generator[int]:
    """One of the dispatchers, or all of them."""
    while True:
        pause(dice, 0.1, 1.0)
        victims = [dice.choice(on.dispatchers)] if dice.random() < 0.7 else on.dispatchers
        for name in victims:
            on.kill(name)
        for name in victims:
            on.restart(name)
        yield len(victims)


def a_worker_stops_for_longer_than_its_lease(on: Installation, dice: Random) -> Generator[int]:
    """SIGSTOP, and SIGCONT when others have been given what it holds."""
    while True:
        pause(dice, 0.2, 1.0)
        part = on.parts[dice.choice(on.answerers)]
        part.signal(signal.SIGSTOP)
        try:
            pause(dice, 9, 11)
        finally:
            part.signal(signal.SIGCONT)
        yield 1


def workers_are_restarted_in_turn(on: Installation, dice: Random) -> Generator[int]:
    """A rolling restart by SIGTERM, as a deployment does it."""
    while True:
        for name in [*on.answerers, "scan"]:
            pause(dice, 0.1, 0.5)
            on.restart(name)
            yield 1


def the_machine_loses_power(on: Installation, dice: Random) -> Generator[int]:
    """Everything but the mail servers dies at once, and Redis loses what it had not yet flushed to disk."""
    with on.queue_server.client() as client:
        every_write_is_flushed = client.config_get("appendfsync")["appendfsync"] == "always"
    while True:
        pause(dice, 1.5, 3)
        on_disk = on.queue_server.append_only_file().stat().st_size
        pause(dice, 0.2, 1.0)
        names = [name for name in on.parts if name != "simulator"]
        for name in sorted(names, key=lambda name: name != "queue server"):
            on.kill(name)
        if not every_write_is_flushed:
            on.queue_server.cut_append_only_file(on_disk + dice.randint(0, 40))
        for name in names:
            on.restart(name)
        yield 1
