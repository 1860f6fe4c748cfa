"""Exchange 2000 to 2007 as an application behind HTTP: its probe, its login pages, and what its responses say.

A request without a login gets one of three responses (Evolution's Exchange connector, docs/http; DavMail): a verb other
than GET is refused with 440, and a GET is redirected to the logon page or gets that page with a 200.
"""

from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice

from rsvpq.http.application import Application, Probe
from rsvpq.http.login_form import LoginPages
from rsvpq.http.message import HttpResponse
from rsvpq.http.server import Server
from rsvpq.mail.errors import Malformed, Refused, Unknown
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Reader, Row

#: Exchange sends this header, with the build of its store, in each of its responses, errors included; proxies do not.
STORE = "MS-WebStorage"

#: The logon pages of Exchange 2003, of Exchange 2007 and of ISA Server.
LOGIN_PAGES = LoginPages(
    names=frozenset({"owalogon.asp", "logon.asp", "logon.aspx", "cookieauth.dll"}),
    actions=("owaauth.dll", "cookieauth.dll?logon", "auth/logon.aspx"),
    # DavMail uses this path for Exchange 2007.
    sent_to={"owalogon.asp": "/exchweb/bin/auth/owaauth.dll", "cookieauth.dll": "/CookieAuth.dll?Logon"},
    otherwise_sent_to="/owa/auth/owaauth.dll",
    defaults={"SubmitCreds": "Log On"},
    # A private computer: a session of 24 hours of inactivity instead of 15 minutes.
    fields={"trusted": "4", "flags": "4"},
    destination="destination",
    cookies={"PBack": "0"},
    # DavMail keeps the same cookies; the names of those of ISA Server begin with "cadata" too.
    session_cookies=("cadata", "sessionid", "usercontext"),
    ended="0",
    refused=frozenset({"2", "4"}),
)


class WebDavServer(Server):
    """A server with Exchange 2000 to 2007, and the account used on it."""

    application = Application(
        probe=Probe(
            "PROPFIND",
            {**wire.XML_BODY, "Depth": "0"},
            wire.propfind((wire.DAV, "displayname")),
        ),
        # A mailbox that was never opened gets its folders at the first logon, in this language; without the header, IIS
        # returns 401 (evolution-exchange, e2k-http-utils.c).
        headers={"Accept-Language": "en"},
        signature=STORE,
        listings=frozenset({HTTPStatus.MULTI_STATUS}),
        login_pages=LOGIN_PAGES,
    )


#: The most rows that are kept of a response about one item; normally it has one.
MOST_KEPT = 10


def rows_of(response: HttpResponse) -> list[Row]:
    """Return the rows of a multistatus that succeeded; only the first few, as this is for requests about one item.

    :raises Malformed: it is not a multistatus.
    """
    return [*islice((row for row in read_rows(response, Reader()) if row.ok), MOST_KEPT)]


def read_rows(response: HttpResponse, reader: Reader) -> Iterator[Row]:
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
