"""Lanes, and the limits of mailboxes and servers: plain values, without a clock or Redis.

A pace counts *items* (one message or one scan each), not HTTP requests: an item makes several requests, one after the
other, so the concurrency also limits the number of simultaneous requests.
"""

import re
from dataclasses import dataclass
from typing import Any

from rsvpq.lanes.bounds import FASTEST_PER_S, SLOWEST_PER_S, OutOfBounds

_RATE = re.compile(r"\s*(?P<count>\d+(?:\.\d+)?)\s*/\s*(?P<unit>s|min|h)\s*", re.ASCII)
_PERIOD_S = {"s": 1, "min": 60, "h": 3600}
#: The most digits that a printed rate has.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of items per second; written ``2/s``, ``30/min`` or ``500/h``."""

    per_second: float

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Parse ``2/s``, ``30/min`` or ``500/h``.

        :raises ValueError: the text has another form, or the rate is zero, too slow or too fast.
        """
        match = _RATE.fullmatch(text)
        if match is None or float(match["count"]) == 0:
            raise ValueError(
                f"{text!r} is not a rate; write a number above zero per s, min or h, such as 2/s or 30/min"
            )
        rate = cls(float(match["count"]) / _PERIOD_S[match["unit"]])
        if not SLOWEST_PER_S <= rate.per_second <= FASTEST_PER_S:
            raise OutOfBounds(f"{text!r} is too slow or too fast; write a rate from 0.1/h to {FASTEST_PER_S:.0f}/s")
        return rate

    @classmethod
    def of_interval(cls, interval_us: float) -> "Rate":
        """Return the roundest rate with this interval: 120/s for 8333 microseconds, which exactly is 120.0048/s."""
        exact = 1_000_000 / interval_us
        for digits in range(1, _DIGITS + 1):
            for seconds in _PERIOD_S.values():
                rate = cls(float(f"{exact * seconds:.{digits}g}") / seconds)
                if rate.interval_us == interval_us:
                    return rate
        return cls(exact)

    @property
    def interval_us(self) -> int:
        """Microseconds from one item to the next at an even pace (GCRA's emission interval), at least 1."""
        return max(1, round(1_000_000 / self.per_second))

    def __str__(self) -> str:
        for unit, seconds in _PERIOD_S.items():
            count = round(self.per_second * seconds, 6)
            if count >= 1 or unit == "h":
                # An interval is whole microseconds: 120/s comes back as 120.0048/s, which is the same pace.
                whole = round(count)
                same = whole > 0 and Rate(whole / seconds).interval_us == self.interval_us
                return f"{whole}/{unit}" if same else f"{count:g}/{unit}"
        raise AssertionError("unreachable: the last unit always returns")


def require_one_at_a_time(concurrency: int) -> int:
    """Return the concurrency of a mailbox, which must be 1.

    Answers that are written at the same time would share the Drafts folder, and a draft need not show which meeting it
    answers: it would be unclear which of two new drafts belongs to which request.

    :raises ValueError: the concurrency is not 1.
    """
    if concurrency != 1:
        raise ValueError(
            f"{concurrency} would let a mailbox answer several requests at once, whose drafts cannot always be "
            "distinguished; write 1, and raise the rate and the burst, or the concurrency of the server, to go faster"
        )
    return concurrency


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a mailbox or a server.

    ``burst`` items may run at once after an idle time, then one per ``rate.interval_us``; at most ``concurrency`` items
    are in flight, counted from release; ``weight`` is a mailbox's share compared with others (2 gets twice the turns of
    1), and is not used for a server.
    """

    rate: Rate
    burst: int = 1
    concurrency: int = 1
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.burst < 1 or self.concurrency < 1 or self.weight <= 0:
            raise ValueError("burst and concurrency must be at least 1, and weight above 0")


#: The fields in which Redis keeps limits.
LIMIT_FIELDS = ("interval", "burst", "concurrency", "weight")


def limit_fields(limits: Limits) -> dict[str, Any]:
    """Return the limits by field, as Redis keeps them."""
    values = (limits.rate.interval_us, limits.burst, limits.concurrency, limits.weight)
    return dict(zip(LIMIT_FIELDS, values, strict=True))


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane of a mailbox: its name, its server, its own limits, and its group.

    ``limits`` is None if the default limits of the ledger apply; ``group`` is '' if it has none.
    """

    name: str
    server: str
    limits: Limits | None = None
    group: str = ""
