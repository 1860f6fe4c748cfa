"""Forms login: a page, a form, cookies; passwords in headers are ignored and an ended session is not a 401."""

from dataclasses import dataclass
from urllib.parse import parse_qs, quote

from simulator.serving.auth.accounts import Accounts
from simulator.serving.auth.authenticator import Entry
from simulator.serving.auth.dialects import Dialect
from simulator.serving.auth.sessions import Session, Sessions, new_token
from simulator.serving.http import Request, Response, error_page

_EXPIRED, _WRONG = 0, 2
_LOGIN_TIMEOUT = 440
#: What a redirect may hold unescaped.
_PLAIN_IN_LOCATION = "/:?#[]@!$&'()*+,;=%-._~"


@dataclass(frozen=True, slots=True)
class FormsStyle:
    """The options of a forms login."""

    cookie_secure: bool = False
    #: Whether a GET whose session is over gets the page itself with 200, not a redirect to it.
    page_when_expired: bool = False


class FormsAuthenticator:
    """One server that shows a form."""

    def __init__(self, accounts: Accounts, sessions: Sessions, dialect: Dialect, style: FormsStyle) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._dialect = dialect
        self._style = style

    def check(self, request: Request) -> Entry:
        """Return the login page, the response to the form, or the refusal of a request without a session."""
        if self._is_login(request):
            return Entry(self._login(request))
        if self._is_page(request):
            return Entry(self._page(request))
        cookies = _cookies(request)
        session = self._session(cookies)
        if session is not None:
            return Entry(headers=self._renewed(session), user=session.user)
        return Entry(self._turned_away(request, expired=self._dialect.token_cookie in cookies))

    def _is_login(self, request: Request) -> bool:
        path, _, query = self._dialect.action.partition("?")
        return (
            request.method == "POST"
            and request.path.casefold() == path.casefold()
            and request.query.casefold() == query.casefold()
        )

    def _is_page(self, request: Request) -> bool:
        return (
            request.method in {"GET", "HEAD"}
            and request.path.casefold() == self._dialect.page_path.casefold()
            and request.query.casefold().startswith(self._dialect.page_mark.casefold())
        )

    def _page(self, request: Request) -> Response:
        # It is refused to whom speaks WebDAV (evolution-exchange, its notes on forms logins).
        if request.says("translate", "f"):
            return error_page(403)
        query = request.query.removeprefix(self._dialect.page_mark).lstrip("?")
        asked = parse_qs(query)
        destination = asked.get(self._dialect.url_field, [""])[0]
        reason = asked.get("reason", ["0"])[0]
        return self._dialect.page(destination, int(reason) if reason.isdecimal() else _EXPIRED)

    def _login(self, request: Request) -> Response:
        form = parse_qs(request.body.decode("latin-1"), keep_blank_values=True)
        user, password, destination = (
            form.get(name, [""])[0]
            for name in (self._dialect.user_field, self._dialect.password_field, self._dialect.destination_field)
        )
        if self._dialect.code_field and not form.get(self._dialect.code_field, [""])[0]:
            password = ""  # wrong, whatever it was
        if self._accounts.allow(user, password):
            session, token = self._sessions.begin("" if self._accounts.opens_all(user) else user)
            return self._sent_on(destination, session.id, token)
        if self._dialect.welcomes_all:
            return self._sent_on(destination, Session(0).id, new_token())
        return self._sent_to_page(request, destination, _WRONG)

    def _sent_on(self, destination: str, session_id: str, token: str) -> Response:
        location = quote(destination, safe=_PLAIN_IN_LOCATION) or "/exchange/"
        return Response(302, headers=(("Location", location), *self._dialect.cookies(session_id, token, self._secure)))

    @property
    def _secure(self) -> str:
        return "secure; " if self._style.cookie_secure else ""

    def _session(self, cookies: dict[str, str]) -> Session | None:
        token = cookies.get(self._dialect.token_cookie, "")
        # Only the value as it was set counts, quotes and all.
        if not (token.startswith('"') and token.endswith('"')):
            return None
        if self._dialect.session_cookie:
            return self._sessions.use(cookies.get(self._dialect.session_cookie, ""), token[1:-1])
        return self._sessions.use_token(token[1:-1])

    def _renewed(self, session: Session) -> tuple[tuple[str, str], ...]:
        token = self._sessions.renewed(session)
        if token is None:
            return ()
        cookies = self._dialect.cookies(session.id, token, self._secure)
        return tuple(cookie for cookie in cookies if cookie[1].startswith(self._dialect.token_cookie))

    def _turned_away(self, request: Request, *, expired: bool) -> Response:
        browses = request.method == "GET" and not request.says("translate", "f")
        asked = request.origin + request.path + ("?" + request.query if request.query else "")
        if browses and expired and self._style.page_when_expired:
            return self._dialect.page(asked, _EXPIRED)
        if browses or self._dialect.redirects_all:
            return self._sent_to_page(request, asked, _EXPIRED)
        response = error_page(_LOGIN_TIMEOUT)
        response.headers = self._dialect.no_cookies()
        response.close = True
        return response

    def _sent_to_page(self, request: Request, destination: str, reason: int) -> Response:
        location = self._dialect.page_url(request.origin, destination, reason)
        return Response(302, headers=(("Location", location),))


def _cookies(request: Request) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in request.headers.get("cookie", "").split(";"))
    return {name: value for name, mark, value in pairs if mark}
