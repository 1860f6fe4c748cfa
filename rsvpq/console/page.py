"""What all pages have in common: who is logged in, headers, templates, and honest errors."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import escape
from typing import Any, ClassVar, Protocol, TypeVar
from urllib.parse import urlencode

from kombu.exceptions import KombuError
from redis.exceptions import RedisError
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from rsvpq import __version__
from rsvpq.console.readings import Readings
from rsvpq.console.sessions import Attempts, ConsoleSession, Sessions
from rsvpq.console.shared import Seen
from rsvpq.ops import InvalidRequest, OperatorContext, open_context
from rsvpq.ops.control import about_pause, group_stops
from rsvpq.settings import ConfigError, Settings
from rsvpq.settings.logins import ConsoleRole, LoginFile
from rsvpq.text import age, ago, counted, grouped, printable

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

#: Scripts and styles are files of ours only; nothing is loaded from elsewhere, and no page shows ours in a frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: Marks the requests by which a page refreshes itself.
REFRESH_HEADER = "X-Refresh"
#: The cookie of the session, and with TLS the prefix by which no other host or path can set it.
_COOKIE, _HOST_PREFIX = "rsvpq-session", "__Host-"


class Closes(Protocol):
    """What has connections to close."""

    def close(self) -> None:
        """Close them."""


@dataclass(slots=True)
class Console:
    """Everything that the pages use.

    :param pool: the threads in which the installation is asked, because :mod:`rsvpq.ops` waits for Redis.
    :param slow: the threads of what may take many seconds, so that a pause never waits for a report.
    :param hashing: the one thread in which passwords are checked, so that guesses take no time from the pages.
    :param proxies: networks of the proxies that are trusted to say who asks.
    :param changed: says what of the file is not in force here, and what to do; '' if all of it is.
    """

    context: OperatorContext
    readings: Readings
    logins: LoginFile
    sessions: Sessions
    pool: Executor
    slow: Executor
    hashing: Executor
    secure: bool
    proxies: Sequence[str]
    changed: Callable[[], str]
    connected: tuple[Closes, ...]
    attempts: Attempts = field(default_factory=Attempts)

    def renew(self, settings: Settings) -> None:
        """Show what other settings mean, on the same Redis; those of the console itself need a restart."""
        self.context = open_context(settings, self.context.lanes)
        self.readings.renew(self.context)

    def close(self) -> None:
        """End the threads, once the questions that they ask have been answered, and close the connections to Redis."""
        for pool in (self.pool, self.slow, self.hashing):
            pool.shutdown(cancel_futures=True)
        for connected in self.connected:
            connected.close()

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return _HOST_PREFIX + _COOKIE if self.secure else _COOKIE


def clear_headers(handler: RequestHandler) -> None:
    """Set the headers that each response has, errors included."""
    handler.clear_header("Server")
    for name, value in HEADERS.items():
        handler.set_header(name, value)


class StaticFile(StaticFileHandler):
    """A style sheet, a script or an icon of ours; no login is needed, as they say nothing."""

    def set_default_headers(self) -> None:
        """Set the headers of all responses; these files may be kept for a minute."""
        clear_headers(self)
        self.set_header("Cache-Control", "max-age=60")


class ConsolePage(RequestHandler):
    """A page for those who are logged in with at least :attr:`role`."""

    role: ClassVar[ConsoleRole | None] = "viewer"
    console: Console
    session: ConsoleSession | None

    def initialize(self, console: Console) -> None:
        """Take what all pages use."""
        self.console, self.session = console, None

    def set_default_headers(self) -> None:
        """Set the headers of all responses."""
        clear_headers(self)

    def prepare(self) -> None:
        """Find out who asks.

        :raises HTTPError: 403, somebody without the role.
        """
        session_id = self.get_signed_cookie(self.console.cookie)
        self.session = self.console.sessions.find(session_id.decode()) if session_id else None
        if self.role is None:
            return
        if self.session is None:
            if self.request.method not in ("GET", "HEAD"):
                raise HTTPError(403, "you are not logged in any more; nothing was done")
            self.redirect(f"/login?{urlencode({'next': self.request.uri})}")
        elif self.role == "operator" and self.session.login.role != "operator":
            raise HTTPError(403, "your login has the role viewer; this needs the role operator")

    @property
    def context(self) -> OperatorContext:
        """The context of the one who is logged in: the audit has this name."""
        who = f"{self.session.login.name} (console)" if self.session else ""
        return replace(self.console.context, who=who)

    def asked(self, name: str) -> str:
        """Return a value of the address, '' without one."""
        return self.get_query_argument(name, "")

    async def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Return the answer of the installation, from a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.console.pool, question)

    async def show(
        self, template: str, title: str, *, refresh_s: int = 0, seen: Seen[Any] | None = None, **values: Any
    ) -> None:
        """Finish with a page, below what is in force now.

        :param refresh_s: seconds after which the page reads itself again, 0 for never.
        :param seen: the reading whose age the page says; None for that of what is in force.
        :raises RedisError: Redis cannot be read, and so nothing is shown.
        """
        overview = await self.console.readings.look()
        notices: list[str] = []
        if self.session and REFRESH_HEADER not in self.request.headers:
            notices, self.session.notices = self.session.notices, []
        more = {"overview": overview.value, "seen": seen or overview, "notices": notices, "refresh_s": refresh_s}
        self.finish(self.render_string(template, title=title, **more, **values))

    def get_template_namespace(self) -> dict[str, Any]:
        """Return what every template may use."""
        return {
            **super().get_template_namespace(),
            "escaped": escaped,
            "age": age,
            "ago": ago,
            "grouped": grouped,
            "counted": counted,
            "group_stops": group_stops,
            "about_pause": about_pause,
            "utc": utc,
            "link": link,
            "plain": plain,
            "version": __version__,
            "login": self.session.login if self.session else None,
            "is_operator": self.session is not None and self.session.login.role == "operator",
            "changed": self.console.changed(),
            "path": self.request.path,
        }

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Finish with a page that says what is wrong, and shows nothing else."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        status, title, text = _explain(status_code, error, changing=self.request.method == "POST")
        self.set_status(status)
        # What was sent by a form is not sent again by a link, and without its fields the address has no meaning.
        again = local(self.request.uri or "") if self.request.method == "GET" else ""
        self.finish(self.render_string("error.html", title=title, text=text, again=again, now_s=time.time()))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log what is not a bug in one line."""
        if isinstance(value, RedisError | KombuError | ConfigError | InvalidRequest | HTTPError):
            logger.warning("event=refused path=%s error=%s", self.request.path, value)
        else:
            super().log_exception(typ, value, tb)


class NotFound(ConsolePage):
    """Everything that is not there; without a login nobody learns what is."""

    def get(self) -> None:
        """Refuse.

        :raises HTTPError: always.
        """
        raise HTTPError(404, "there is no such page")


def _explain(status: int, error: BaseException | None, *, changing: bool) -> tuple[int, str, str]:
    """Return the status, the title and the text of the page about an error."""
    if isinstance(error, RedisError | KombuError):
        left = "Whether it was done is not known: look at the decisions page, or 'rsvpq audit', before you try again. "
        nothing = (
            "Nothing is shown here, because nothing is known: this says neither that all is well nor that it is not. "
        )
        return 503, "Redis cannot be read", (left if changing else nothing) + f"{type(error).__name__}: {error}"
    if isinstance(error, ConfigError | InvalidRequest):
        return 400, "This cannot be shown", str(error)
    if isinstance(error, HTTPError):
        text = (
            "the form is too old, or is not ours: load the page again"
            if "xsrf" in str(error).lower()
            else error.log_message
        )
        titles = {403: "Not allowed", 404: "Not found", 400: "Not understood"}
        return status, titles.get(status, "Refused"), text or "this request was refused"
    return (
        status,
        "An error of the console",
        "It is in the log of the console; nothing is shown, because nothing is known.",
    )


def escaped(text: bytes) -> str:
    """Escape a text for HTML; templates pass everything through it that is not already markup."""
    return escape(printable(text.decode()))


def plain(value: object) -> str:
    """Return a value of JSON as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(plain, value))
    return "-" if value is None else str(value)


def utc(at_s: float) -> str:
    """Format a moment, in seconds since the epoch."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def local(target: str) -> str:
    """Return a place of this console, '/' for any other."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_local else "/"


def link(path: str, **values: object) -> str:
    """Return the address of a page with these values; empty ones are left out."""
    given = {name: value for name, value in values.items() if value not in ("", None)}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path
