"""Values out of Redis, of which none can be trusted to have the form in which it was written."""

import json
import math
from typing import Any

from redis.exceptions import ResponseError

#: The longest hold where its length is not known, in microseconds; as lib.lua has it.
_LONGEST_HOLD_US = 86_400_000_000


def kept(answer: Any, missing: Any) -> Any:
    """What a pipeline answered; where the key is of another type, as if it were missing.

    :raises ResponseError: it failed for another reason.
    """
    if isinstance(answer, ResponseError) and "WRONGTYPE" in str(answer):
        return missing
    if isinstance(answer, Exception):
        raise answer
    return answer


def number(text: Any) -> float:
    """The number in a text; 0 where there is none, or one without end."""
    try:
        value = float(text or 0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return value if math.isfinite(value) else 0.0


def whole(text: Any) -> int:
    """As :func:`number`, without its fraction."""
    return int(number(text))


def json_object(text: Any) -> dict[str, Any] | None:
    """The object that a JSON text is, an empty one for none; None where it is something else."""
    try:
        value = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def left_s(hold_us: Any, length_us: Any, now_us: int) -> float:
    """For how many seconds a hold lasts yet: no longer than it is, also where the clock has gone back since."""
    longest = number(length_us)
    return max(0.0, min(number(hold_us) - now_us, longest if longest > 0 else _LONGEST_HOLD_US) / 1e6)
