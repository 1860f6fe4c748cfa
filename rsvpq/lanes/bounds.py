"""How small and how large the numbers of settings, lists and commands may be, in one place.

The scripts compute in doubles, which are exact for whole numbers up to :data:`ENDLESS`; what is larger counts as
missing there (``shared/values.lua``), so nothing would be released, or not at the pace that was set. The furthest time
is that of a pace: now and ``burst`` intervals. With the largest burst and the slowest rate these are 114 years.
"""

import re

#: Every limit, and every time in microseconds since the epoch, is smaller than this.
ENDLESS = 2.0**53
#: The largest number of items at once: a burst, or items in flight.
LARGEST_AT_ONCE = 100_000
#: The largest number of attempts; the delay between them is doubled that often before it is bounded.
LARGEST_ATTEMPTS = 1_000
#: The largest number of anything else, such as records or rows.
LARGEST_COUNT = 1_000_000_000
#: The slowest rate, one in ten hours; and the fastest, as the lanes count whole microseconds from one item to the next.
SLOWEST_PER_S, FASTEST_PER_S = 0.1 / 3600, 1_000_000.0
#: The shortest and the longest duration in seconds: a tenth of a millisecond, and a hundred years.
SHORTEST_S, LONGEST_S = 0.0001, 100 * 365 * 86_400.0
#: The longest time in seconds for which one wait of a socket may last: the kernel takes no more than 24 days.
LONGEST_TIMEOUT_S = 86_400.0
#: The weight of a mailbox: with more between two of them, the lighter one would hardly ever have its turn.
LIGHTEST, HEAVIEST = 0.001, 1_000.0
#: More digits than any number within these bounds has; Python reads none with thousands.
_MOST_DIGITS = 18


class OutOfBounds(ValueError):
    """A number that is too small or too large; the message says what to write."""


def require_at_most(most: int, value: int) -> int:
    """Return a whole number above zero that is not too large.

    :raises OutOfBounds: it is more than ``most``. The message has no value: it might be thousands of digits long.
    """
    if value > most:
        raise OutOfBounds(f"is more than {most}; write a whole number from 1 to {most}")
    return value


def read_count(most: int, text: str) -> int:
    """Read a whole number above zero that is not too large.

    :raises ValueError: it is something else.
    """
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise ValueError(f"{text!r} is not a whole number above zero; write one such as 4")
    return require_at_most(most, int(text[:_MOST_DIGITS]))
