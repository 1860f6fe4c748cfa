"""The kinds of forms login: where each has its page, what its form holds, which cookies it gives.

Exchange 2003 as evolution-exchange recorded it; Exchange 2007 as DavMail and K-9 Mail found it.  No public capture
shows ISA Server's, so its query and its answer to other verbs than GET are guesses. Companies put pages of their own
before Exchange, with fields and cookies of other names, and some ask for a code besides (the lists of names that
DavMail keeps, and its pull requests 26 and 93).
"""

from dataclasses import dataclass, replace
from html import escape
from urllib.parse import quote

from simulator.serving.http import Response

#: A cookie that ends at once.
_GONE = "path=/; expires=Thu, 01-Jan-1970 00:00:00 GMT"
_SESSION_EXPIRED, _WRONG_PASSWORD = 0, 2
_REASONS = {
    _SESSION_EXPIRED: "",
    _WRONG_PASSWORD: "The user name or password you entered isn't correct. Try entering it again.",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between login forms."""

    page_path: str
    #: Where the form goes; the query is part of it for ISA Server.
    action: str
    #: Which field of the form, and which of the page's query, holds the URL that was asked for.
    destination_field: str
    url_field: str
    #: The query that makes the page's path the page.
    page_mark: str = ""
    user_field: str = "username"
    password_field: str = "password"  # noqa: S105 - the name of a field
    #: The field of a code that nobody but the user's device knows; '' where none is asked for.
    code_field: str = ""
    session_cookie: str = "sessionid"
    token_cookie: str = "cadata"  # noqa: S105 - the name of a cookie
    user_context: bool = False
    #: Whether the page's query escapes `/` as `Z2F` and so on.
    z_escape: bool = False
    #: Whether a wrong password gets cookies as well, which then open nothing (K-9 Mail).
    welcomes_all: bool = False
    #: Whether verbs other than GET are sent to the page too, not away with 440.
    redirects_all: bool = False

    def page_url(self, origin: str, destination: str, reason: int) -> str:
        """Return the URL of the logon page."""
        asked = quote(destination, safe="")
        if self.z_escape:
            asked = asked.replace("Z", "Z5A").replace("%", "Z")
        mark = self.page_mark + "?" if self.page_mark else ""
        return f"{origin}{self.page_path}?{mark}{self.url_field}={asked}&reason={reason}"

    def page(self, destination: str, reason: int) -> Response:
        """Return the logon page: one form."""
        fields = {self.destination_field: destination, "flags": "0", "forcedownlevel": "0"}
        hidden = "\r\n".join(
            f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items()
        )
        code = f'<input type="password" name="{self.code_field}">' if self.code_field else ""
        text = (
            "<html><head><title>Microsoft Outlook Web Access</title></head>\r\n"
            f'<body class="owaLgnBdy">\r\n<form action="{escape(self.action)}" method="POST" name="logonForm">\r\n'
            f"{hidden}\r\n{escape(_REASONS.get(reason, ''))}\r\n"
            '<input type="radio" name="trusted" value="0" checked><input type="radio" name="trusted" value="4">\r\n'
            f'<input type="text" name="{self.user_field}">'
            f'<input type="password" name="{self.password_field}">{code}\r\n'
            '<input type="submit" name="SubmitCreds" value="Log On">\r\n</form></body></html>'
        )
        return Response(200, text.encode(), "text/html; charset=utf-8")

    def cookies(self, session_id: str, token: str, secure: str) -> tuple[tuple[str, str], ...]:
        """Return the cookies of a login."""
        named = [] if not self.session_cookie else [(self.session_cookie, f"{session_id}; path=/")]
        named.append((self.token_cookie, f'"{token}"; HttpOnly; {secure}path=/'))
        if self.user_context:
            named.append(("UserContext", f"{session_id.partition(',')[0].replace('-', '')}; path=/owa"))
        return tuple(("Set-Cookie", f"{name}={value}") for name, value in named)

    def no_cookies(self) -> tuple[tuple[str, str], ...]:
        """Return cookies that end a session."""
        named = [name for name in (self.session_cookie, self.token_cookie) if name]
        return tuple(("Set-Cookie", f"{name}=; {_GONE}") for name in named)


OWA_2003 = Dialect("/exchweb/bin/auth/owalogon.asp", "/exchweb/bin/auth/owaauth.dll", "destination", "url")
OWA_2007 = Dialect(
    "/owa/auth/logon.aspx", "/owa/auth/owaauth.dll", "destination", "url", user_context=True, welcomes_all=True
)
ISA = Dialect(
    "/CookieAuth.dll",
    "/CookieAuth.dll?Logon",
    "curl",
    "curl",
    page_mark="GetLogon",
    session_cookie="",
    token_cookie="cadata9F2D61C8",  # noqa: S106 - the name of a cookie
    z_escape=True,
    redirects_all=True,
)

#: A company's own page; verbs other than GET get it as well, as from most portals.
PORTAL = Dialect(
    "/portal/signin.asp",
    "/portal/check.asp",
    "target",
    "target",
    user_field="txtUserName",
    password_field="txtUserPass",  # noqa: S106 - the name of a field
    session_cookie="",
    token_cookie="SMSESSION",  # noqa: S106 - the name of a cookie
    redirects_all=True,
)
#: The same with a code from the user's device (RSA SecurID), which no program has.
TOKEN_PORTAL = replace(PORTAL, code_field="SafeWordPassword")

#: Tells the meters that a POST logs in and alters nothing.
LOGIN_PATHS = frozenset(dialect.action.partition("?")[0].casefold() for dialect in (OWA_2003, OWA_2007, ISA, PORTAL))
