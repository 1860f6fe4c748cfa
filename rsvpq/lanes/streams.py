"""Follow a Redis stream as it grows."""

from collections.abc import Iterator
from typing import Any

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
