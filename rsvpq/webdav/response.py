"""Read the HTTP responses of a WebDAV server: their rows, or whether an effect was done."""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice

from rsvpq.http.message import HttpResponse
from rsvpq.mail.errors import Malformed, Refused, Unknown
from rsvpq.webdav.multistatus import Reader, Row
from rsvpq.webdav.server import STORE

#: The most rows that are kept of a response about one item; normally it has one.
MOST_KEPT = 10


def rows_of(response: HttpResponse) -> list[Row]:
    """Return the rows of a multistatus that succeeded; only the first few, as this is for requests about one item.

    :raises Malformed: it is not a multistatus.
    """
    return [*islice((row for row in read(response, Reader()) if row.ok), MOST_KEPT)]


def read(response: HttpResponse, reader: Reader) -> Iterator[Row]:
    """Yield the rows of a multistatus, including failed ones; ``reader`` counts them.

    :raises Malformed: it is not a multistatus.
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
    """Check that a response to a MOVE, PUT or DELETE whose status is not an error really is a success.

    :raises Refused: it is a redirect. :raises Unknown: it has a page that is not from Exchange, such as that of a proxy
        which returns 200 and a message that the service is not available.
    """
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Refused(response.redirected)
    own = STORE in response.headers or response.status == HTTPStatus.MULTI_STATUS
    if response.body.strip() and not own:
        raise Unknown(f"{response.what} returned {response.status} with a page that is not from Exchange")
