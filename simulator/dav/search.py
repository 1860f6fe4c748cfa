"""SEARCH: SQL over folders, whole or by row ranges."""

from simulator.address import scope_folder
from simulator.dav.call import Call
from simulator.http import HttpError, Response
from simulator.languages import Role
from simulator.multistatus import ValueRows
from simulator.properties import ALL_NAMES
from simulator.query import columns_of, find
from simulator.request_xml import search_sql
from simulator.rows import RowRange, content_range, parse_range
from simulator.sql import Query, Traversal
from simulator.sql_parser import SqlError, SqlUnsupportedError, parse
from simulator.world import Folder


def search(call: Call) -> Response:
    """Answer 207 with the rows found, 400 for what is not SQL and 422 for what this store cannot run."""
    if not isinstance(call.resource(), Folder):
        raise HttpError(404)
    query = _parsed(search_sql(call.request.body))
    scopes = _scopes(call, query)
    wanted = parse_range(call.request.headers.get("range"))
    _count_operation(call, scopes, wanted)
    found = find(query, scopes)
    headers: tuple[tuple[str, str], ...] = ()
    if wanted is not None:
        slices = wanted.of(len(found))
        headers = (("Content-Range", content_range(slices, len(found))),)
        found = [row for first, end in slices for row in found[first:end]]
    brief = call.request.says("brief", "t") or not query.columns
    rows = ValueRows(query.columns or columns_of(ALL_NAMES), call.request.origin, brief=brief)
    return rows.answer(found, headers)


def _parsed(sql: str) -> Query:
    try:
        return parse(sql)
    except SqlError:
        raise HttpError(400) from None
    except SqlUnsupportedError:
        raise HttpError(422) from None


def _scopes(call: Call, query: Query) -> list[tuple[Folder, Traversal]]:
    scopes = []
    for scope in query.scopes:
        folder = scope_folder(call.world, call.server, scope.url) if scope.url else call.resource()
        if not isinstance(folder, Folder):
            raise HttpError(404)
        if folder.mailbox is not call.address.mailbox:
            raise HttpError(400)
        scopes.append((folder, scope.traversal))
    return scopes


def _count_operation(call: Call, scopes: list[tuple[Folder, Traversal]], wanted: RowRange | None) -> None:
    first_page = wanted is None or wanted.from_the_start
    if first_page and any(folder.role is Role.INBOX for folder, _ in scopes):
        call.operation(call.address.mailbox, call.request.arrived)
