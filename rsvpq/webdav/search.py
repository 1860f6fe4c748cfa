"""Search a folder page by page, until a page has nothing new."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from http import HTTPStatus
from time import monotonic
from urllib.parse import unquote

from rsvpq.http.server import Server
from rsvpq.mail.errors import Malformed, Refused
from rsvpq.mail.lease import OutOfTime
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Reader, Row
from rsvpq.webdav.server import read_rows

#: The rows of a page; evolution-exchange has the same limit.
PAGE_ROWS = 100
#: The most pages, in case a server never stops sending them.
MOST_PAGES = 1000
#: The most seconds that all pages of one search may take together; after that the search fails.
LONGEST_S = 900.0

#: The most characters of a property that are read in a search; our own marks may be long.
LONGEST_OF_ROW = 16_000
#: The most rows of a search, and the most characters of all of them; :data:`_KEPT` of each text count.
MOST_ROWS, MOST_CHARACTERS = 100_000, 64 * 1024 * 1024
_KEPT = 1000
#: A page with this many characters is returned, however few rows it has.
_FULL_PAGE = 4 * 1024 * 1024
#: What a row counts in addition to its texts, in characters.
_OVERHEAD = 500

#: The statuses for a range that is larger than the server allows (MSDN dd589239, of the same DAV core).
_TOO_LARGE = {HTTPStatus.TOO_EARLY, HTTPStatus.INSUFFICIENT_STORAGE}
#: A possible status for a SEARCH with a Range beyond the last row (evolution-exchange reads it as "no results").
_NO_ROWS = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_XML = wire.XML_BODY


def identity(row: Row) -> str:
    """Return what stays the same whenever an item is found."""
    return row.text(wire.REPL_UID) or row.text(wire.PERMANENT_URL) or row.href


def pages(
    server: Server,
    folder: str,
    body: bytes,
    page_rows: int = PAGE_ROWS,
    lost: Callable[[int], None] = lambda _: None,
    key: Callable[[Row], str] = identity,
    longest: int = LONGEST_OF_ROW,
) -> Iterator[list[Row]]:
    """Yield the rows of a search, each once, at most ``page_rows`` at a time, however many the server sends.

    Rows shift if somebody works in the folder meanwhile: a row that comes again is left out, and a row that is missed
    is found by the next search. The first total counts, so that a growing folder does not make the search endless. A
    folder with more than :data:`MOST_ROWS` or :data:`MOST_CHARACTERS` is not read to its end, and the rest counts as
    lost.

    :param lost: called with the number of rows of a page that the server failed to return, or that cannot be read.
    :param key: returns the same value for the same row. :param longest: the most characters of a property.
    :raises ExchangeError: see :meth:`Server.send`. :raises Malformed: there are more than :data:`MOST_PAGES` pages.
    :raises OutOfTime: the search takes longer than :data:`LONGEST_S`.
    """
    known = _Known(key)
    first, total, what = 0, None, f"SEARCH {unquote(folder)!r}"
    for _ in _bounded(what):
        headers = {**_XML, "Range": f"rows={first}-{first + page_rows - 1}"}
        response = server.send("SEARCH", folder, headers=headers, body=body, known={_NO_ROWS, *_TOO_LARGE})
        if response.status in _TOO_LARGE:
            if page_rows == 1:
                raise Refused(f"{response.what} returned {response.status} for a range of one row")
            page_rows //= 2
            continue
        if response.status == _NO_ROWS:
            return
        reader, before = Reader(longest, wire.SEARCHED), len(known.keys)
        for rows in _new_rows(read_rows(response, reader), known, page_rows, lost):
            server.keep_lease(what)  # one response may hold all rows, and take long to read
            yield rows
        lost(reader.broken)
        first += reader.seen
        ranges = response.headers.get("Content-Range")
        total = total if total is not None else wire.total_rows(ranges or "")
        # Without the header, a page that is exactly full may be the first of several, or the whole result.
        ended = reader.seen != page_rows if ranges is None else total is not None and first >= total
        nothing_new = len(known.keys) == before and reader.broken < reader.seen
        if known.full and not ended:
            lost(max(1, (total or 0) - first))
            return
        if not reader.seen or ended or nothing_new:
            return


def _bounded(what: str) -> Iterator[int]:
    """Yield the numbers of the pages that a search may have.

    :raises OutOfTime, Malformed: the search takes too long, or has too many pages.
    """
    end = monotonic() + LONGEST_S
    for number in range(MOST_PAGES):
        if monotonic() > end:
            raise OutOfTime(f"{what}: search incomplete after {LONGEST_S:.0f} s and {number} pages")
        yield number
    raise Malformed(f"{what}: more than {MOST_PAGES} pages")


class _Known:
    """The rows that a search has found so far, and their size."""

    def __init__(self, key: Callable[[Row], str]) -> None:
        self._key = key
        self.keys: set[bytes] = set()
        self.characters = 0

    @property
    def full(self) -> bool:
        """Whether no more rows of the folder are kept."""
        return len(self.keys) >= MOST_ROWS or self.characters >= MOST_CHARACTERS

    def add(self, row: Row) -> bool:
        """Add a row; return whether it is new."""
        # A digest, because a server may make a key of any length.
        key = blake2b(self._key(row).encode("utf-8", "replace"), digest_size=16).digest()
        if key in self.keys:
            return False
        self.keys.add(key)
        self.characters += _OVERHEAD + len(row.href) + sum(min(len(text), _KEPT) for text in row.properties.values())
        return True


def _new_rows(rows: Iterator[Row], known: _Known, most: int, failed: Callable[[int], None]) -> Iterator[list[Row]]:
    page: list[Row] = []
    characters = 0
    for row in rows:
        if known.full or not row.ok:
            failed(1)
        elif known.add(row):
            page.append(row)
            characters += len(row.href) + sum(map(len, row.properties.values()))
        if len(page) == most or characters >= _FULL_PAGE:
            yield page
            page, characters = [], 0
    if page:
        yield page
