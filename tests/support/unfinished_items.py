"""The ledger at one moment: what an installation has not finished."""

from typing import Any

from rsvpq.lanes import Lanes

# One script, for an item that moves while one place after another is looked at can be in none of them.
_UNFINISHED = """
local sum = redis.call('ZCARD', KEYS[1] .. ':inflight') + redis.call('ZCARD', KEYS[1] .. ':later')
for _, lane in ipairs(redis.call('KEYS', KEYS[1] .. ':lane:*')) do sum = sum + redis.call('LLEN', lane) end
return sum
"""


def unfinished(lanes: Lanes) -> int:
    """Return how many items wait in lanes, for another attempt, or for their worker."""
    redis: Any = lanes.namespace.redis
    count: int = redis.eval(_UNFINISHED, 1, lanes.namespace.prefix)
    return count
