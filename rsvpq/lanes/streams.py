"""Redis streams: following one as it grows."""

from collections.abc import Iterator
from typing import Any

#: The id of an entry and its fields.
Entry = tuple[str, dict[str, str]]


def pages_after(redis: Any, key: str, after: str, *, most: int, block_ms: int) -> Iterator[list[Entry]]:
    """Yield pages of the entries that come after this one, without end.

    :param most: entries per page. :param block_ms: how long one question for new entries waits; must be shorter than
        the client's timeout. A page is empty where none came in that time.
    """
    while True:
        reply = redis.xread({key: after}, count=most, block=block_ms)
        page: list[Entry] = reply[0][1] if reply else []
        after = page[-1][0] if page else after
        yield page
