"""Mail servers that break connections, lose replies, are busy, or are away."""

from collections.abc import Generator
from random import Random
from typing import Any

from tests.chaos.faults import Fault, pause
from tests.chaos.installation import Installation

#: Milliseconds that a page takes to drip, and of how many of them; those after the first are of what is left.
_DRIPS = ((60_000, 0.2), (2500, 1.0))


def servers_break(rate: float, *kinds: str, steps: tuple[str, ...] = ("any",)) -> Fault:
    """Each request meets one of these faults with this probability."""
    each = rate / len(kinds)
    return _in_force([{"step": step, "kind": kind, "rate": each} for step in steps for kind in kinds], 1, 1)


def servers_are_busy(kind: str, rate: float, **more: Any) -> Fault:
    """Storms of refusals, with calm between them."""
    storm = _in_force([{"step": "any", "kind": kind, "rate": rate, **more}], 1, 3)

    def inject(on: Installation, dice: Random) -> Generator[int]:
        for struck in storm(on, dice):
            yield struck
            pause(dice, 3, 6)

    return inject


def one_server_is_away(on: Installation, dice: Random) -> Generator[int]:
    """The last server resets every connection; the others are well."""
    last = len(on.exchange.urls) - 1
    yield from _in_force([{"step": "any", "kind": "reset-before", "server": last}], 8, 12)(on, dice)


def pages_are_slow(on: Installation, dice: Random) -> Generator[int]:
    """One server drips its pages, some for longer than a request may take; another takes long for everything."""
    drips = [{"step": "search", "kind": "drip", "server": 0, "ms": ms, "rate": rate} for ms, rate in _DRIPS]
    slow = {"step": "any", "kind": "slow", "server": 1, "ms": 1200}
    yield from _in_force([*drips, slow], 6, 10)(on, dice)


def _in_force(faults: list[dict[str, Any]], shortest_s: float, longest_s: float) -> Fault:
    """Have these faults in force for a while; yields how many struck, and nothing is in force until it goes on."""

    def inject(on: Installation, dice: Random) -> Generator[int]:
        try:
            while True:
                on.exchange.have_faults(faults)
                pause(dice, shortest_s, longest_s)
                struck = sum(fault["injected"] for fault in on.exchange.faults())
                on.exchange.have_faults([])
                yield struck
        finally:
            on.exchange.have_faults([])

    return inject
