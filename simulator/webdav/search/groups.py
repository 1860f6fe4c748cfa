"""GROUP BY: one row for each value, with how many resources have it.

K-9 Mail counts messages so: `SELECT "DAV:visiblecount" ... GROUP BY "DAV:ishidden"`; an empty folder gives no row.
"""

from collections import defaultdict
from copy import copy

from simulator.serving.http import Response
from simulator.webdav.answers.multistatus import ValueRows
from simulator.webdav.properties.items import reader
from simulator.webdav.properties.names import DAV, canonical
from simulator.webdav.sql import Query
from simulator.world.mailboxes import Folder, Resource
from simulator.world.values import Value

_COUNT = DAV + "visiblecount"


def grouped(query: Query, found: list[Resource], folder: Folder, origin: str) -> Response:
    """Answer 207; a column that is neither the count nor grouped by has no value."""
    readers = {canonical(name): reader(name) for name in query.groups}
    members: defaultdict[tuple[Value | None, ...], int] = defaultdict(int)
    for resource in found:
        members[tuple(read(resource, origin) for read in readers.values())] += 1
    columns = {canonical(column.name): None for column in query.columns}
    rows = [
        _row(folder, {**columns, **dict(zip(readers, values, strict=True)), _COUNT: number})
        for values, number in members.items()
    ]
    return ValueRows(query.columns, origin, brief=False).answer(rows)


def _row(folder: Folder, values: dict[str, Value | None]) -> Folder:
    """Return a folder outside the tree with every column, for reading only."""
    row = copy(folder)
    row.patches = values
    return row
