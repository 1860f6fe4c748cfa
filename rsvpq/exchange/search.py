"""Searches of a folder, page by page, for as long as there is anything new."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from time import monotonic
from urllib.parse import unquote

from rsvpq.exchange import wire
from rsvpq.exchange.errors import Malformed, Refused
from rsvpq.exchange.lease import OutOfTime
from rsvpq.exchange.multistatus import Reader, Row
from rsvpq.exchange.transport import Server

#: Rows asked for at once; evolution-exchange's bound.
PAGE_ROWS = 100
#: A safety net against a server that never stops sending pages.
MOST_PAGES = 1000
#: The most seconds that one search may take, all its pages together; what it found until then is found by the next one.
LONGEST_S = 900.0

#: How a range is refused that is larger than the server allows (MSDN dd589239, of the same DAV core).
_TOO_LARGE = {HTTPStatus.TOO_EARLY, HTTPStatus.INSUFFICIENT_STORAGE}
#: How a SEARCH with a Range beyond the last row may be answered (evolution-exchange reads it as "no results").
_NO_ROWS = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_XML = {"Content-Type": "text/xml; charset=utf-8"}


def identity(row: Row) -> str:
    """What is the same whenever an item is found."""
    return row.text(wire.REPL_UID) or row.text(wire.PERMANENT_URL) or row.href


def pages(
    server: Server,
    folder: str,
    body: bytes,
    page_rows: int = PAGE_ROWS,
    lost: Callable[[int], None] = lambda _: None,
    key: Callable[[Row], str] = identity,
) -> Iterator[list[Row]]:
    """The rows of a search, each once, at most ``page_rows`` at a time however many the server sends.

    Rows shift if somebody works in the folder meanwhile: one that comes again is left out, one that slips through is
    found by the next search. A total that grows is not run after: the first one counts.

    :param lost: told how many rows of a page the server failed, or broke beyond reading.
    :param key: what rows that are the same have in common.
    :raises ExchangeError: see :meth:`Server.send`. Malformed: also for more than :data:`MOST_PAGES` pages.
        OutOfTime: it takes longer than :data:`LONGEST_S`.
    """
    known: set[str] = set()
    first, total, what, end = 0, None, f"SEARCH {unquote(folder)!r}", monotonic() + LONGEST_S
    for number in range(MOST_PAGES):
        if monotonic() > end:
            raise OutOfTime(f"{what}: not at its end after {LONGEST_S:.0f} s and {number} pages")
        headers = {**_XML, "Range": f"rows={first}-{first + page_rows - 1}"}
        answer = server.send("SEARCH", folder, headers=headers, body=body, known={_NO_ROWS, *_TOO_LARGE})
        if answer.status in _TOO_LARGE:
            if page_rows == 1:
                raise Refused(f"{answer.what} answered {answer.status} to a range of one row")
            page_rows //= 2
            continue
        if answer.status == _NO_ROWS:
            return
        reader, before = Reader(), len(known)
        for rows in _new_rows(answer.read(reader), known, page_rows, lost, key):
            server.keep_lease(what)  # one answer may be all that there is, and long
            yield rows
        lost(reader.broken)
        first += reader.seen
        ranges = answer.headers.get("Content-Range")
        total = total if total is not None else wire.total_rows(ranges or "")
        # Without the header a page that is exactly full may be the first of several, or all there is.
        ended = reader.seen != page_rows if ranges is None else total is not None and first >= total
        nothing_new = len(known) == before and reader.broken < reader.seen
        if not reader.seen or ended or nothing_new:
            return
    raise Malformed(f"{what}: more than {MOST_PAGES} pages")


def _new_rows(
    rows: Iterator[Row], known: set[str], most: int, failed: Callable[[int], None], key_of: Callable[[Row], str]
) -> Iterator[list[Row]]:
    page: list[Row] = []
    for row in rows:
        key = key_of(row)
        if not row.ok:
            failed(1)
        elif key not in known:
            known.add(key)
            page.append(row)
        if len(page) == most:
            yield page
            page = []
    if page:
        yield page
