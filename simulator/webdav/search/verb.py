"""SEARCH: SQL over folders, whole or by row ranges."""

from simulator.serving.http import HttpError, Response
from simulator.webdav.address import scope_folder
from simulator.webdav.answers.multistatus import ValueRows
from simulator.webdav.call import Call
from simulator.webdav.properties.items import ALL_NAMES
from simulator.webdav.request_xml import search_sql
from simulator.webdav.search.groups import grouped
from simulator.webdav.search.paging import RangeTooLargeError, found_rows
from simulator.webdav.search.query import columns_of, find
from simulator.webdav.search.rows import RowRange, parse_range
from simulator.webdav.search.sql_parser import SqlError, SqlUnsupportedError, parse
from simulator.webdav.sql import Query, Traversal
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder


def search(call: Call) -> Response:
    """Answer 207 with the rows found, 400 for what is not SQL and 422 for what this store cannot run."""
    folder = call.resource()
    if not isinstance(folder, Folder):
        raise HttpError(404)
    query = _parsed(search_sql(call.request.body))
    scopes = _scopes(call, query)
    wanted = parse_range(call.request.headers.get("range"))
    if call.behavior.calendar_access != "full" and any(folder.role is Role.CALENDAR for folder, _ in scopes):
        raise HttpError(int(call.behavior.calendar_access))
    if query.groups:
        _count_operation(call, scopes, wanted)
        return grouped(query, find(query, scopes), folder, call.request.origin)
    try:
        found, headers = found_rows(call, query, scopes, wanted)
    except RangeTooLargeError:  # whoever asks for less now reads the Inbox once, and not twice
        raise
    except HttpError:
        _count_operation(call, scopes, wanted)
        raise
    _count_operation(call, scopes, wanted)
    brief = call.request.says("brief", "t") or not query.columns
    columns = query.columns or columns_of(ALL_NAMES)
    rows = ValueRows(columns, call.request.origin, brief=brief, behavior=call.behavior)
    error = call.behavior.row_error
    return rows.answer(found, headers, None if error == "none" else int(error))


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
