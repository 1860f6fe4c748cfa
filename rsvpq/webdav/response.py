"""What an HTTP response of a WebDAV server says: rows, or that something was done."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice

from rsvpq.http.message import HttpResponse
from rsvpq.mail.errors import Malformed, Refused, Unknown
from rsvpq.webdav.multistatus import Reader, Row
from rsvpq.webdav.server import STORE

#: The most rows that are kept of a response about one item, which has one.
MOST_KEPT = 10


def rows_of(response: HttpResponse) -> list[Row]:
    """Return the rows of a multistatus that succeeded; the first of them, for whoever asks about one item.

    :raises Malformed: it is no multistatus.
    """
    return [*islice((row for row in read(response, Reader()) if row.ok), MOST_KEPT)]


def read(response: HttpResponse, reader: Reader) -> Iterator[Row]:
    """Yield the rows of a multistatus, failed ones among them; ``reader`` counts them.

    :raises Malformed: it is no multistatus.
    """
    if response.status != HTTPStatus.MULTI_STATUS:
        raise Malformed(f"{response.what} returned {response.status}, expected 207 Multi-Status")
    try:
        for piece in response.pieces():
            yield from reader.feed(piece)
        reader.close()
    except Malformed as error:
        raise Malformed(f"{response.what}: {error}") from None


def require_done(response: HttpResponse) -> None:
    """Complain about what is no success of a MOVE, PUT or DELETE, though no error either.

    :raises Refused: it is a redirect. :raises Unknown: it has a page that is not Exchange's, such as that of a proxy
        which says 200 and that there is no service at the moment.
    """
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Refused(response.redirected)
    own = STORE in response.headers or response.status == HTTPStatus.MULTI_STATUS
    if response.body.strip() and not own:
        raise Unknown(f"{response.what} returned {response.status} with a page that is not Exchange's own")
