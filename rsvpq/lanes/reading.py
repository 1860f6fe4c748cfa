"""Values out of Redis, of which none can be trusted to have the form in which it was written."""

import codecs
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import ResponseError

#: How a client of Redis is to take what is no text, as its ``encoding_errors``. Redis keeps bytes, whoever wrote
#: them, and one field that is no UTF-8 must take along neither a whole status nor the command that would remove it.
#: It is read with a sign in the place of each bad byte; what is written must be text.
LENIENT = "rsvpq-lenient"

#: The longest hold where its length is not known, in microseconds; as shared/limits.lua has it.
_LONGEST_HOLD_US = 86_400_000_000


def _replace_what_is_read(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        return codecs.replace_errors(error)
    raise error


codecs.register_error(LENIENT, _replace_what_is_read)


def value_of(reply: Any, missing: Any) -> Any:
    """Return what Redis replied in a pipeline; where the key is of another type, as if it were missing.

    :raises ResponseError: the command failed for another reason.
    """
    if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
        return missing
    if isinstance(reply, Exception):
        raise reply
    return reply


def values_of(pipe: Any, missing: Sequence[Any]) -> Iterator[Any]:
    """Execute a pipeline, and yield :func:`value_of` of each reply."""
    return iter([value_of(*pair) for pair in zip(pipe.execute(raise_on_error=False), missing, strict=True)])


def number_of(text: Any) -> float:
    """The number in a text; 0 where there is none, or one without end."""
    try:
        value = float(text or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return value if math.isfinite(value) else 0.0


def whole(text: Any) -> int:
    """As :func:`number_of`, without its fraction."""
    return int(number_of(text))


def json_object(text: Any) -> dict[str, Any] | None:
    """The object that a JSON text is, an empty one for none; None where it is something else."""
    try:
        value = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def left_s(hold_us: Any, length_us: Any, now_us: int) -> float:
    """For how many seconds a hold lasts yet: no longer than it is, also where the clock has gone back since."""
    longest = number_of(length_us)
    return max(0.0, min(number_of(hold_us) - now_us, longest if longest > 0 else _LONGEST_HOLD_US) / 1e6)


def microseconds(seconds: float) -> int:
    """A number of seconds in the unit of the ledger."""
    return round(seconds * 1_000_000)
