"""Which of the rows that a SEARCH found are answered, and what happens to them between two pages.

There is no cursor: each page is a search of its own, so rows shift when messages come and go (MSDN ee159579).
"""

from dataclasses import replace

from simulator.serving.http import HttpError
from simulator.webdav.behavior import WebdavBehavior
from simulator.webdav.call import Call
from simulator.webdav.search.expansion import expander
from simulator.webdav.search.query import find
from simulator.webdav.search.rows import RowRange, content_range
from simulator.webdav.sql import Query, Traversal
from simulator.world.concurrent_changes import arrive, vanish
from simulator.world.mailboxes import Folder, Resource

Scopes = list[tuple[Folder, Traversal]]
Headers = tuple[tuple[str, str], ...]


class RangeTooLargeError(HttpError):
    """More rows are asked for than this server reads for anybody; none was read."""


def found_rows(call: Call, query: Query, scopes: Scopes, wanted: RowRange | None) -> tuple[list[Resource], Headers]:
    """Return the rows of an answer, and the header that names them.

    :raises RangeTooLargeError: see ``large_range``. :raises HttpError: the range is beyond the end.
    """
    behavior = call.behavior
    if behavior.order == "newest-first":
        query = replace(query, order=())
    if behavior.ranges == "ignored":
        wanted = None
    if behavior.paging != "steady" and wanted is not None and not wanted.from_the_start:
        _shift(call, query, scopes, wanted)
    found = find(query, scopes, expander(query, behavior))
    if behavior.row_limit:
        found = found[: behavior.row_limit]
    if wanted is None:
        return found, ()
    _refuse_large(behavior, wanted, len(found))
    slices = _slices(behavior, wanted, len(found))
    rows = [row for first, end in slices for row in found[first:end]]
    if behavior.content_range == "missing":
        return rows, ()
    total = "*" if behavior.content_range == "star" else None
    return rows, (("Content-Range", content_range(slices, len(found), total)),)


def _shift(call: Call, query: Query, scopes: Scopes, wanted: RowRange) -> None:
    if call.behavior.paging == "arrives":
        arrive(call.world, scopes[0][0])
    else:
        vanish(call.world, find(query, scopes)[: wanted.parts[0].first])


def _refuse_large(behavior: WebdavBehavior, wanted: RowRange, total: int) -> None:
    if behavior.large_range == "served":
        return
    # What is asked for counts, not what there is; an open end asks for all.
    asked = [
        (part.last or 0) if part.first is None else (total if part.last is None else part.last + 1) - part.first
        for part in wanted.parts
    ]
    if max(asked) > behavior.large_range_rows:
        raise RangeTooLargeError(int(behavior.large_range))


def _slices(behavior: WebdavBehavior, wanted: RowRange, total: int) -> list[tuple[int, int]]:
    try:
        return wanted.of(total)
    except HttpError:
        if behavior.past_the_end == "empty":
            return []
        raise
