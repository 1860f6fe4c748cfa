"""The routes of the console, and the objects behind them."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tornado.web import Application, RequestHandler

from rsvpq.console import action_pages, login_pages, reading_pages
from rsvpq.console.page import Console, NotFound, StaticFile, clear_headers
from rsvpq.console.readings import Readings
from rsvpq.console.sessions import Sessions
from rsvpq.health.register import impatient_redis
from rsvpq.lanes import Lanes
from rsvpq.metrics.reading import InstallationReader
from rsvpq.ops import open_context
from rsvpq.settings import Settings
from rsvpq.settings.logins import LoginFile
from rsvpq.tasks import contract

_HERE = Path(__file__).parent
#: The threads in which the installation is asked, and those for what may take many seconds: lists of all mailboxes and
#: of drafts, and reports. One slow question does not stop the pages.
_THREADS, _SLOW_THREADS = 4, 2


class Health(RequestHandler):
    """Says that the process answers, whatever Redis does: one that can still say that Redis is away is healthy."""

    def set_default_headers(self) -> None:
        """Set the headers of all responses."""
        clear_headers(self)

    def get(self) -> None:
        """Say so."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("OK\n")


def make_console(settings: Settings, logins: LoginFile, changed: Callable[[], str] = lambda: "") -> Console:
    """Make what the pages use; connects to Redis when it is first asked."""
    pool, slow = ThreadPoolExecutor(_THREADS, "console"), ThreadPoolExecutor(_SLOW_THREADS, "slow")
    # A question is not repeated: the page says at once that Redis is away.
    redis, reader = impatient_redis(settings.redis), InstallationReader(settings)
    context = open_context(settings, Lanes(redis, settings.redis.namespace, works=contract.WORKS))
    return Console(
        context=context,
        readings=Readings(context, reader, pool, slow),
        logins=logins,
        sessions=Sessions(logins, settings.console.session.seconds),
        pool=pool,
        slow=slow,
        hashing=ThreadPoolExecutor(1, "password"),
        secure=settings.console.is_https,
        proxies=settings.console.trusted,
        changed=changed,
        connected=(redis, reader),
    )


def make_application(console: Console) -> Application:
    """Return the application with all its pages."""
    given = {"console": console}
    pages: dict[str, type[RequestHandler]] = {
        "/": reading_pages.OverviewPage,
        "/server": reading_pages.ServerPage,
        "/mailboxes": reading_pages.MailboxesPage,
        "/mailbox": reading_pages.MailboxPage,
        "/lanes": reading_pages.DeepestLanesPage,
        "/dead": reading_pages.DeadListPage,
        "/dead/item": reading_pages.DeadItemPage,
        "/drafts": reading_pages.DraftsPage,
        "/decisions": reading_pages.DecisionsPage,
        "/pause": action_pages.PausePage,
        "/resume": action_pages.ResumePage,
        "/limit": action_pages.LimitPage,
        "/scan": action_pages.ScanPage,
        "/drafts/send": action_pages.SendDraftPage,
        "/confirm": action_pages.ConfirmPage,
        "/withdraw": action_pages.WithdrawPage,
        "/dead/retry": action_pages.RetryPage,
        "/dead/drop": action_pages.DropPage,
        "/login": login_pages.LogIn,
        "/logout": login_pages.LogOut,
    }
    report = _HERE.parent / "report"
    routes: list[Any] = [(path, handler, given) for path, handler in pages.items()]
    routes += [
        ("/healthcheck", Health),
        (r"/static/(chart\.css)", StaticFile, {"path": str(report)}),
        (r"/static/(console\.css|console\.js|icon\.svg)", StaticFile, {"path": str(_HERE / "static")}),
    ]
    return Application(
        routes,
        default_handler_class=NotFound,
        default_handler_args=given,
        template_path=str(_HERE / "templates"),
        autoescape="escaped",
        cookie_secret=secrets.token_hex(32),
        xsrf_cookies=True,
        xsrf_cookie_name=f"{console.cookie}-xsrf",
        xsrf_cookie_kwargs={"httponly": True, "secure": console.secure, "samesite": "Strict"},
        log_function=_log_nothing,
    )


def _log_nothing(_: RequestHandler) -> None:
    """Log no requests: pages refresh themselves for ever. Logins, refusals and errors are logged where they happen."""
