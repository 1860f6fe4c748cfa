"""Searches of a folder, page by page, for as long as there is anything new."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from http import HTTPStatus
from time import monotonic
from urllib.parse import unquote

from rsvpq.http.lease import OutOfTime
from rsvpq.http.server import Server
from rsvpq.mail.errors import Malformed, Refused
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Reader, Row
from rsvpq.webdav.response import read

#: Rows asked for at once; evolution-exchange's bound.
PAGE_ROWS = 100
#: A safety net against a server that never stops sending pages.
MOST_PAGES = 1000
#: The most seconds that one search may take, all its pages together; what it found until then is found by the next one.
LONGEST_S = 900.0

#: The most characters of a property that are read in a search; our own markers may be long.
LONGEST_TEXT = 16_000
#: The most rows of a search, and of their texts the most characters, as far as they are kept (:data:`_KEPT` of each).
MOST_ROWS, MOST_CHARACTERS = 100_000, 64 * 1024 * 1024
_KEPT = 1000
#: At how many characters a page is handed on, however few its rows are.
_FULL_PAGE = 4 * 1024 * 1024
#: What a row takes beside its texts.
_OVERHEAD = 500

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
    longest: int = LONGEST_TEXT,
) -> Iterator[list[Row]]:
    """The rows of a search, each once, at most ``page_rows`` at a time however many the server sends.

    Rows shift if somebody works in the folder meanwhile: one that comes again is left out, one that slips through is
    found by the next search. A total that grows is not run after: the first one counts. A folder with more in it than
    :data:`MOST_ROWS` and :data:`MOST_CHARACTERS` is not read to its end, and the rest of it counts as lost.

    :param lost: told how many rows of a page the server failed, or broke beyond reading.
    :param key: what rows that are the same have in common. :param longest: the most characters of a property.
    :raises ExchangeError: see :meth:`Server.send`. Malformed: also for more than :data:`MOST_PAGES` pages.
        OutOfTime: it takes longer than :data:`LONGEST_S`.
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
        reader, before = Reader(longest, wire.SEARCHED), known.rows
        for rows in _new_rows(read(response, reader), known, page_rows, lost):
            server.keep_lease(what)  # one answer may be all that there is, and long
            yield rows
        lost(reader.broken)
        first += reader.seen
        ranges = response.headers.get("Content-Range")
        total = total if total is not None else wire.total_rows(ranges or "")
        # Without the header a page that is exactly full may be the first of several, or all there is.
        ended = reader.seen != page_rows if ranges is None else total is not None and first >= total
        nothing_new = known.rows == before and reader.broken < reader.seen
        if known.full and not ended:
            lost(max(1, (total or 0) - first))
            return
        if not reader.seen or ended or nothing_new:
            return


def _bounded(what: str) -> Iterator[int]:
    """The numbers of the pages that a search may have, for as long as it may take."""
    end = monotonic() + LONGEST_S
    for number in range(MOST_PAGES):
        if monotonic() > end:
            raise OutOfTime(f"{what}: search incomplete after {LONGEST_S:.0f} s and {number} pages")
        yield number
    raise Malformed(f"{what}: more than {MOST_PAGES} pages")


class _Known:
    """What a search has found so far: which rows, and how much they are."""

    def __init__(self, key: Callable[[Row], str]) -> None:
        self._key = key
        self._keys: set[bytes] = set()
        self.characters = 0

    @property
    def rows(self) -> int:
        """How many."""
        return len(self._keys)

    @property
    def full(self) -> bool:
        """Whether that is as much as is kept of one folder."""
        return self.rows >= MOST_ROWS or self.characters >= MOST_CHARACTERS

    def add(self, row: Row) -> bool:
        """Whether it is new."""
        # A digest, for a server may make a key as long as it likes.
        key = blake2b(self._key(row).encode("utf-8", "replace"), digest_size=16).digest()
        if key in self._keys:
            return False
        self._keys.add(key)
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
