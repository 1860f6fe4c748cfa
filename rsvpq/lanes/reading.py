"""Read values from Redis; none can be trusted to have the form in which it was written."""

import codecs
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from redis.exceptions import ResponseError

#: The id of an entry and its fields.
Entry = tuple[str, dict[str, str]]


def pages_after(redis: Any, key: str, after: str, *, most: int, block_ms: int) -> Iterator[list[Entry]]:
    """Yield pages of the entries after an id, without end.

    :param most: entries per page.
    :param block_ms: how long one read waits for new entries; must be shorter than the client's timeout. If none arrive
        in that time, the page is empty.
    """
    while True:
        reply = redis.xread({key: after}, count=most, block=block_ms)
        page: list[Entry] = reply[0][1] if reply else []
        after = page[-1][0] if page else after
        yield page


_T = TypeVar("_T")


def batched(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield the items in their order, at most ``size`` at a time; as ``itertools.batched``, which Python 3.11 lacks.

    >>> list(batched("abcde", 2))
    ['ab', 'cd', 'e']
    """
    for first in range(0, len(items), size):
        yield items[first : first + size]


#: The ``encoding_errors`` of a Redis client. Redis stores bytes, whoever wrote them, and one field that is not UTF-8
#: must not break a whole status, nor the command that would remove it. When reading, each bad byte is replaced; what is
#: written must be valid text.
LENIENT = "rsvpq-lenient"

#: The longest hold if its length is unknown, in microseconds; as in shared/limits.lua.
_LONGEST_HOLD_US = 86_400_000_000


def _replace_when_decoding(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return codecs.replace_errors(error)
    raise error


codecs.register_error(LENIENT, _replace_when_decoding)


def value_of(reply: Any, missing: Any) -> Any:
    """Return a reply of a pipeline; ``missing`` if the key has another type.

    :raises ResponseError: the command failed for another reason.
    """
    if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
        return missing
    if isinstance(reply, Exception):
        raise reply
    return reply


def values_of(pipe: Any, missing: Sequence[Any]) -> Iterator[Any]:
    """Execute a pipeline, and return an iterator over :func:`value_of` of each reply."""
    return iter([value_of(*pair) for pair in zip(pipe.execute(raise_on_error=False), missing, strict=True)])


def age_s(at_us: str | float | None, now_us: float) -> float | None:
    """Return the age in seconds of a time in microseconds, which is never negative; None for no time."""
    return max(0.0, round((now_us - number_of(at_us)) / 1e6, 3)) if at_us else None


def number_of(text: Any) -> float:
    """Return the number in a text; 0 if it is not a finite number."""
    try:
        value = float(text or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return value if math.isfinite(value) else 0.0


def whole(text: Any) -> int:
    """Return the integer part of :func:`number_of`."""
    return int(number_of(text))


def json_object(text: Any) -> dict[str, Any] | None:
    """Parse a JSON object; return an empty one for no text, and None if the text is something else."""
    try:
        value = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def skipped_by_reason(text: Any) -> dict[str, int]:
    """Read how many messages a scan has left alone, by reason; empty if the text is not what a scan stores."""
    found = {reason: whole(str(count)) for reason, count in (json_object(text) or {}).items()}
    return {reason: count for reason, count in found.items() if count}


def left_s(hold_us: Any, length_us: Any, now_us: int) -> float:
    """Return how many seconds a hold still lasts; never more than its length, even if the clock was set back."""
    longest = number_of(length_us)
    return max(0.0, min(number_of(hold_us) - now_us, longest if longest > 0 else _LONGEST_HOLD_US) / 1e6)


def quiet_left_s(first_us: Any, last_us: Any, now_us: int) -> float:
    """Return how many seconds quiet hours still last that begin and end at these times; 0 outside of them."""
    first, last = number_of(first_us), number_of(last_us)
    return round((last - now_us) / 1e6, 3) if first <= now_us < last else 0.0


def microseconds(seconds: float) -> int:
    """Convert seconds to microseconds, the unit of the ledger."""
    return round(seconds * 1_000_000)
