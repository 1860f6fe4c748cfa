"""Operators and clients who do at a bad moment what they are allowed to do."""

from collections.abc import Generator
from contextlib import suppress
from random import Random
from typing import Literal

from rsvpq.lanes import Lanes
from rsvpq.lanes.limits import Rate
from tests.chaos.faults import pause
from tests.chaos.installation import AWAY, Installation
from tests.chaos.rsvpq_stack import RsvpqStack

_Scope = Literal["mailbox", "server"]


def everybody_triggers(on: Installation, dice: Random) -> Generator[int]:
    """Scans of all mailboxes are asked for again and again, many at once."""
    while True:
        pause(dice, 0.2, 1)
        times = dice.randint(1, 12)
        for _ in range(times):
            with suppress(*AWAY):
                on.trigger()
        yield times


def limits_change_and_lanes_are_paused(on: Installation, dice: Random) -> Generator[int]:
    """Mailboxes and servers are paused, resumed, and given lower limits than they were promised."""
    if not isinstance(on, RsvpqStack):
        raise TypeError("only rsvpq has lanes")
    lanes, settings = on.lanes, on.settings
    names: dict[_Scope, list[str]] = {
        "mailbox": [on.mailbox_name(box) for box in on.exchange.ask("mailboxes")],
        "server": list(settings.servers),
    }
    try:
        while True:
            pause(dice, 0.02, 0.2)
            scope = dice.choice(list(names))
            _change(lanes, dice, scope, dice.choice(names[scope]))
            yield 1
    finally:
        lanes.controls.resume("all")
        for scope, all_of_it in names.items():
            for name in all_of_it:
                lanes.controls.resume(scope, name)
                lanes.controls.limit(scope, name)


def _change(lanes: Lanes, dice: Random, scope: _Scope, name: str) -> None:
    match dice.randrange(5):
        case 0:
            lanes.controls.pause(scope, name, reason="chaos")
        case 1:
            lanes.controls.limit(
                scope, name, rate=Rate(dice.choice([1, 2, 4])), burst=dice.randint(1, 4), concurrency=1
            )
        case 2:
            lanes.controls.limit(scope, name)
        case 3:
            lanes.controls.pause("all", reason="chaos")
            pause(dice, 0, 0.3)
            lanes.controls.resume("all")
        case _:
            lanes.controls.resume(scope, name)
