"""Search a folder page by page, until a page has nothing new."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from http import HTTPStatus
from time import monotonic
from urllib.parse import unquote

from rsvpq.http.message import HttpResponse
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
_XML = {"Content-Type": "text/xml; charset=utf-8"}


def identity(row: Row) -> str:
    """Return what stays the same whenever an item is found."""
    return row.text(wire.REPL_UID) or row.text(wire.PERMANENT_URL) or row.href


@dataclass(slots=True)
class Search:
    """One search of a folder; :meth:`pages` returns what it finds, and may be called once.

    :param body: the query. :param page_rows: the most rows of a page.
    :param lost: called with the number of rows of a page that the server failed to return, or that cannot be read.
    :param key: returns the same value for the same row. :param longest: the most characters of a property.
    """

    server: Server
    folder: str
    body: bytes
    page_rows: int = PAGE_ROWS
    lost: Callable[[int], None] = lambda _: None
    key: Callable[[Row], str] = identity
    longest: int = LONGEST_OF_ROW
    #: Where the next page begins.
    _first: int = field(default=0, init=False)
    #: How many rows there are, as the server said first; None if it has not.
    _total: int | None = field(default=None, init=False)
    _known: "_Known" = field(init=False)
    _what: str = field(init=False)

    def __post_init__(self) -> None:
        self._known = _Known(self.key)
        self._what = f"SEARCH {unquote(self.folder)!r}"

    def pages(self) -> Iterator[list[Row]]:
        """Yield the rows, each once, at most ``page_rows`` at a time, however many the server sends.

        Rows shift if somebody works in the folder meanwhile: a row that comes again is left out, and a row that is
        missed is found by the next search. The first total counts, so that a growing folder does not make the search
        endless. A folder with more than :data:`MOST_ROWS` or :data:`MOST_CHARACTERS` is not read to its end, and the
        rest counts as lost.

        :raises ExchangeError: see :meth:`Server.send`. :raises Malformed: there are more than :data:`MOST_PAGES` pages.
        :raises OutOfTime: the search takes longer than :data:`LONGEST_S`.
        """
        for _ in _bounded(self._what):
            headers = {**_XML, "Range": f"rows={self._first}-{self._first + self.page_rows - 1}"}
            known = {_NO_ROWS, *_TOO_LARGE}
            response = self.server.send("SEARCH", self.folder, headers=headers, body=self.body, known=known)
            if response.status in _TOO_LARGE:
                self._ask_for_less(response)
            elif response.status == _NO_ROWS or (yield from self._read(response)):
                return

    def _ask_for_less(self, response: HttpResponse) -> None:
        if self.page_rows == 1:
            raise Refused(f"{response.what} returned {response.status} for a range of one row")
        self.page_rows //= 2

    def _read(self, response: HttpResponse) -> Generator[list[Row], None, bool]:
        """Yield the new rows of a page; return whether it is the last one."""
        reader, before = Reader(self.longest, wire.SEARCHED), len(self._known.keys)
        for rows in self._new_rows(read_rows(response, reader)):
            self.server.keep_lease(self._what)  # one response may hold all rows, and take long to read
            yield rows
        self.lost(reader.broken)
        self._first += reader.seen
        ended = self._is_at_end(response.headers.get("Content-Range"), reader.seen)
        nothing_new = len(self._known.keys) == before and reader.broken < reader.seen
        if self._known.full and not ended:
            self.lost(max(1, (self._total or 0) - self._first))
        return ended or nothing_new or self._known.full or not reader.seen

    def _is_at_end(self, ranges: str | None, seen: int) -> bool:
        if self._total is None:
            self._total = wire.total_rows(ranges or "")
        if ranges is None:  # a page that is exactly full may be the first of several, or the whole result
            return seen != self.page_rows
        return self._total is not None and self._first >= self._total

    def _new_rows(self, rows: Iterator[Row]) -> Iterator[list[Row]]:
        page: list[Row] = []
        characters = 0
        for row in rows:
            if self._known.full or not row.ok:
                self.lost(1)
            elif self._known.add(row):
                page.append(row)
                characters += len(row.href) + sum(map(len, row.properties.values()))
            if len(page) == self.page_rows or characters >= _FULL_PAGE:
                yield page
                page, characters = [], 0
        if page:
            yield page


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
