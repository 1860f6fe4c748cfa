"""Exchange 2000 to 2007 as an application behind HTTP: how it is probed, what it signs, its login pages.

Its login form takes three shapes (Evolution's Exchange connector, docs/http; DavMail): a verb other than GET is refused
with 440, and a GET is redirected to the logon page or answered by it with 200.
"""

from http import HTTPStatus

from rsvpq.http.application import Application, Probe
from rsvpq.http.login_form import LoginPages
from rsvpq.http.server import Server
from rsvpq.webdav import wire

#: Exchange names its store's build in every response of its own, errors included; what is before it does not.
STORE = "MS-WebStorage"

#: The logon pages of Exchange 2003, of Exchange 2007 and of ISA Server.
LOGIN_PAGES = LoginPages(
    names=frozenset({"owalogon.asp", "logon.asp", "logon.aspx", "cookieauth.dll"}),
    actions=("owaauth.dll", "cookieauth.dll?logon", "auth/logon.aspx"),
    # DavMail does so for 2007.
    sent_to={"owalogon.asp": "/exchweb/bin/auth/owaauth.dll", "cookieauth.dll": "/CookieAuth.dll?Logon"},
    otherwise_sent_to="/owa/auth/owaauth.dll",
    defaults={"SubmitCreds": "Log On"},
    # A private computer: a session of 24 hours of inactivity instead of 15 minutes.
    fields={"trusted": "4", "flags": "4"},
    destination="destination",
    cookies={"PBack": "0"},
    # DavMail keeps the same; the names of ISA's begin with "cadata" too.
    session_cookies=("cadata", "sessionid", "usercontext"),
    ended="0",
    refused=frozenset({"2", "4"}),
)


class WebDavServer(Server):
    """A server of Exchange 2000 to 2007, and the account used on it."""

    application = Application(
        probe=Probe(
            "PROPFIND",
            {"Content-Type": "text/xml; charset=utf-8", "Depth": "0"},
            wire.propfind([(wire.DAV, "displayname")]),
        ),
        # A mailbox nobody has opened yet gets its folders at first logon, in this language; without it IIS returns 401
        # (evolution-exchange, e2k-http-utils.c).
        headers={"Accept-Language": "en"},
        signature=STORE,
        listings=frozenset({HTTPStatus.MULTI_STATUS}),
        login_pages=LOGIN_PAGES,
    )
