"""Lanes, and how hard a mailbox or a server may be pressed: plain values, no clock and no Redis.

A pace is a number of *items* (one message or one scan each), never of HTTP requests: one item makes a handful of
requests one after the other, so the concurrency bounds how many of those are under way at once.
"""

import re
from dataclasses import dataclass
from typing import Any

_RATE = re.compile(r"\s*(?P<count>\d+(?:\.\d+)?)\s*/\s*(?P<unit>s|min|h)\s*", re.ASCII)
_PERIOD_S = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many items per second; written ``2/s``, ``30/min`` or ``500/h``."""

    per_second: float

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read ``2/s``, ``30/min`` or ``500/h``.

        :raises ValueError: the text is not of that form, or the rate is zero.
        """
        match = _RATE.fullmatch(text)
        if match is None or float(match["count"]) == 0:
            raise ValueError(
                f"{text!r} is not a rate; write a number above zero per s, min or h, such as 2/s or 30/min"
            )
        return cls(float(match["count"]) / _PERIOD_S[match["unit"]])

    @property
    def interval_us(self) -> int:
        """Microseconds from one item to the next at an even pace (GCRA's emission interval), at least 1."""
        return max(1, round(1_000_000 / self.per_second))

    def __str__(self) -> str:
        for unit, seconds in _PERIOD_S.items():
            count = round(self.per_second * seconds, 6)
            if count >= 1 or unit == "h":
                return f"{count:g}/{unit}"
        raise AssertionError("unreachable: the last unit always returns")


def require_one_at_a_time(concurrency: int) -> int:
    """The concurrency of a mailbox, which is 1.

    Two answers at once in one mailbox share its Drafts, and a draft need not show which meeting it answers: which of
    two new ones belongs to which request, nobody could tell.

    :raises ValueError: it is another.
    """
    if concurrency != 1:
        raise ValueError(
            f"{concurrency} would have a mailbox answer several requests at once, whose drafts cannot always be told "
            "apart; write 1, and raise the rate and the burst, or the concurrency of the server, to go faster"
        )
    return concurrency


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mailbox or a server is promised.

    ``burst`` items may come at once after a pause, then one per ``rate.interval_us``; at most ``concurrency`` items
    are under way, counted from release; ``weight`` is a mailbox's share beside the others (2 gets twice the turns of 1)
    and means nothing for a server.
    """

    rate: Rate
    burst: int = 1
    concurrency: int = 1
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.burst < 1 or self.concurrency < 1 or self.weight <= 0:
            raise ValueError("burst and concurrency are at least 1, and weight is above 0")


#: The fields in which Redis keeps limits.
LIMIT_FIELDS = ("interval", "burst", "concurrency", "weight")


def limit_fields(limits: Limits) -> dict[str, Any]:
    """Return the limits by field, as Redis keeps them."""
    values = (limits.rate.interval_us, limits.burst, limits.concurrency, limits.weight)
    return dict(zip(LIMIT_FIELDS, values, strict=True))


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane of a mailbox: its name, the server that it is on, and its own limits.

    ``limits`` is None where the mailbox has the defaults of the ledger.
    """

    name: str
    server: str
    limits: Limits | None = None
