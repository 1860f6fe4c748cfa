"""GROUP BY: one row for each value, with how many resources have it.

K-9 Mail counts messages so: `SELECT "DAV:visiblecount" ... GROUP BY "DAV:ishidden"`; an empty folder gives no row.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import cast

from simulator.serving.http import Response
from simulator.webdav.answers.multistatus import ValueRows
from simulator.webdav.properties.items import Resource, reader
from simulator.webdav.properties.names import DAV, canonical
from simulator.webdav.sql import Query
from simulator.webdav.values import Value

_COUNT = DAV + "visiblecount"


@dataclass(frozen=True, slots=True)
class _Group:
    """What reading a property of a resource needs, and every column in it."""

    href_path: str
    patches: dict[str, Value | None]


def grouped(query: Query, found: list[Resource], href_path: str, origin: str) -> Response:
    """Answer 207; a column that is neither the count nor grouped by has no value."""
    readers = {canonical(name): reader(name) for name in query.groups}
    members: defaultdict[tuple[Value | None, ...], int] = defaultdict(int)
    for resource in found:
        members[tuple(read(resource, origin) for read in readers.values())] += 1
    columns = {canonical(column.name): None for column in query.columns}
    groups = [
        _Group(href_path, {**columns, **dict(zip(readers, values, strict=True)), _COUNT: number})
        for values, number in members.items()
    ]
    return ValueRows(query.columns, origin, brief=False).answer(cast("list[Resource]", groups))
