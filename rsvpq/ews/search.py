"""Search a folder page by page, and read the details of what was found in small batches.

A server may return fewer rows than were asked for, 250 if there is a restriction (Microsoft Learn: "EWS throttling in
Exchange"), so the next page begins where the server says, and the last one is the one that it names as such.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from time import monotonic
from typing import NamedTuple
from xml.etree.ElementTree import Element

from lxml import etree

from rsvpq.ews.calls import Calls
from rsvpq.ews.envelope import ItemId, get_item, set_page
from rsvpq.ews.errors import TooManyRows, error_of
from rsvpq.ews.items import EwsItem
from rsvpq.ews.properties import MESSAGES, EwsProperty
from rsvpq.ews.soap import BrokenXml, ResponseMessage
from rsvpq.mail.errors import Busy, Gone, Malformed
from rsvpq.mail.lease import OutOfTime

#: The rows of a page.
FIND_ROWS = 100
#: The most requests and seconds that one search may take, and the most rows.
MOST_REQUESTS, _LONGEST_S, _MOST_FOUND = 1000, 900.0, 100_000
#: Microsoft recommends batches of ten items (Microsoft Learn: "Mailbox synchronization and EWS in Exchange"); a batch
#: is cut after a minute.
BATCH = 10
_STOPPED, _NO_ADDRESS = "ErrorBatchProcessingStopped", "ErrorInvalidId"
#: The most digits of a number: 32 bits.
_LONGEST_NUMBER = 10


class _FoundPage(NamedTuple):
    """A page: its items, where the next one begins, and whether it is the last one."""

    items: list[EwsItem]
    next_offset: int
    last: bool


def search(calls: Calls, operation: etree._Element, lost: Callable[[int], None]) -> Iterator[list[EwsItem]]:
    """Yield the items of a FindItem page by page, each once.

    If a page is not valid XML, its items are read one by one, so that only the faulty ones are lost: anybody can send a
    message that a server cannot write down. Rows shift if somebody works in the folder meanwhile: an item that comes
    again is left out, and one that is missed is found by the next search.

    :param lost: called with the number of items that cannot be read.
    :raises ExchangeError: see :meth:`Calls.call`. :raises OutOfTime: the search takes too long.
    """
    finder = _Finder(calls, operation, lost)
    known: set[bytes] = set()
    offset, last = 0, False
    while not last:
        page = finder.page(offset)
        offset, last = page.next_offset, page.last
        new = [item for item in page.items if _add(known, item)]
        if new:
            yield new
        if len(known) > _MOST_FOUND:
            lost(1)
            return


def _add(known: set[bytes], item: EwsItem) -> bool:
    """Add the Id of an item; return whether it is new."""
    address = item.id()
    if address is None:
        return False
    before = len(known)
    known.add(blake2b(address.id.encode("utf-8", "replace"), digest_size=16).digest())
    return len(known) > before


class _Finder:
    """Sends one FindItem for different pages, within bounds.

    :param lost: called with the number of items that cannot be read.
    """

    def __init__(self, calls: Calls, operation: etree._Element, lost: Callable[[int], None]) -> None:
        self._calls = calls
        self._operation = operation
        self._lost = lost
        self._rows = FIND_ROWS
        self._sent = 0
        self._end = monotonic() + _LONGEST_S

    def page(self, offset: int) -> _FoundPage:
        """Read the page that begins there, with fewer rows if the server allows no more."""
        while True:
            try:
                return self._read(offset, self._rows)
            except BrokenXml:
                return self._one_by_one(offset)
            except TooManyRows:
                if self._rows == 1:
                    raise
                self._rows //= 2

    def _read(self, offset: int, rows: int) -> _FoundPage:
        what = self._calls.describe(self._operation)
        self._sent += 1
        if self._sent > MOST_REQUESTS:
            raise Malformed(f"{what}: more than {MOST_REQUESTS} pages")
        if monotonic() > self._end:
            raise OutOfTime(f"{what}: search incomplete after {_LONGEST_S:.0f} s and {self._sent} pages")
        set_page(self._operation, offset, rows)
        message = self._calls.one(self._operation)
        folder = message.element.find(f"{MESSAGES}RootFolder")
        if folder is None:
            raise Malformed(f"{what}: the response has no page")
        items = list(map(EwsItem, message.items()))
        readable = [item for item in items if item.id() is not None]
        self._lost(len(items) - len(readable))
        following = max(offset + len(items), min(_number(folder.get("IndexedPagingOffset", "")), offset + rows))
        # A page without rows is the last one, whatever the server says about it.
        return _FoundPage(readable, following, is_whole(folder) or not items)

    def _one_by_one(self, offset: int) -> _FoundPage:
        """Read the items of a page singly, and leave out those that cannot be read."""
        items, broken, last = list[EwsItem](), 0, False
        for at in range(offset, offset + self._rows):
            try:
                page = self._read(at, 1)
            except BrokenXml:
                broken += 1
                continue
            items += page.items
            last = page.last
            if last:
                break
        self._lost(broken)
        # With nothing but broken items to the end, there may be nothing behind them.
        return _FoundPage(items, offset + self._rows, last or broken == self._rows)


def is_whole(folder: Element) -> bool:
    """Return whether a page or a view has the last item."""
    return folder.get("IncludesLastItemInRange", "true").strip().lower() in {"true", "1"}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else 0


def read_items(
    calls: Calls, addresses: Sequence[ItemId], properties: Sequence[EwsProperty], lost: Callable[[int], None]
) -> Iterator[tuple[ItemId, EwsItem]]:
    """Yield the items at these addresses, in batches; those that are gone are left out.

    An item that fails costs itself only; if a whole response is not valid XML, its items are read one by one.

    :param lost: called with the number of items that cannot be read.
    :raises Busy: the server or the mailbox wants to be left alone, also if it says so of one item.
    """
    for first in range(0, len(addresses), BATCH):
        yield from _batch(calls, addresses[first : first + BATCH], properties, lost)


def _batch(
    calls: Calls, addresses: Sequence[ItemId], properties: Sequence[EwsProperty], lost: Callable[[int], None]
) -> Iterator[tuple[ItemId, EwsItem]]:
    operation = get_item(addresses, properties)
    what = calls.describe(operation)
    try:
        messages = calls.call(operation)
    except BrokenXml:
        if len(addresses) == 1:
            lost(1)
        else:
            for one in addresses:
                yield from _batch(calls, [one], properties, lost)
        return
    if len(messages) != len(addresses):
        raise Malformed(f"{what}: {len(messages)} response messages for {len(addresses)} items")
    for number, (address, message) in enumerate(zip(addresses, messages, strict=True)):
        if number and message.failure is not None and message.failure.code == _STOPPED:
            yield from _batch(calls, addresses[number:], properties, lost)
            return
        found = _item_in(message, what, lost)
        if found is not None:
            yield address, found


def _item_in(message: ResponseMessage, what: str, lost: Callable[[int], None]) -> EwsItem | None:
    """Return the item in a response message; None if it is gone or cannot be read.

    :raises Busy: no item can be read now.
    """
    if message.failure is not None:
        error = error_of(message.failure, what, effect=False)
        if isinstance(error, Busy):
            raise error
        # An address that the server does not understand is of another protocol, or of an earlier server.
        lost(not isinstance(error, Gone) and not message.failure.code.startswith(_NO_ADDRESS))
        return None
    found = next(message.items(), None)
    lost(found is None)
    return None if found is None else EwsItem(found)


def addresses_of(items: Iterable[EwsItem]) -> list[ItemId]:
    """Return the addresses of items that show one."""
    return [address for item in items if (address := item.id()) is not None]
