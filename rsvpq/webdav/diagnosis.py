"""The checks of ``rsvpq doctor`` for one WebDAV server, from the outside in.

First the connection, then a response without a login, then the login, and then one mailbox, which is read as in a scan,
but only one row of each folder. Each step is taken only if the one before it succeeded. Nothing is changed, and the
configured credential is tried once (:mod:`rsvpq.http.login_check`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from rsvpq.http.login_check import LoginCheck, Subject, reach
from rsvpq.http.probe import may_log_in
from rsvpq.http.server import Server
from rsvpq.mail.checks import Checks, Stopwatch
from rsvpq.mail.errors import ExchangeError, Gone, LoginRefused
from rsvpq.webdav import wire
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer, rows_of

#: One row is enough to see whether the search is allowed.
_ONE_ROW = {**wire.XML_BODY, "Range": "rows=0-0"}
_NO_ROWS = 416
#: A uid that no meeting has. The text never varies, because the store keeps an index for each distinct search.
_NO_MEETING = "rsvpq-doctor"
_RIGHTS = "see The account in docs/authentication.md; if the mailbox was never opened, open it once"
#: Builds of the web store (build map in evolution-exchange, docs/service-packs).
_BUILDS = (("6.0.", "Exchange 2000"), ("6.5.", "Exchange 2003"), ("8.", "Exchange 2007"))


def diagnose(subject: Subject[WebDavServer], answers: str, mailbox: str, checks: Checks) -> bool:
    """Diagnose one server and one mailbox on it ('' for none); return whether all of it could be checked.

    :param answers: the configured method of answering: owa, icalendar or detect.
    """
    probed = reach(subject, checks)
    if probed is None:
        return False
    if not may_log_in(probed, subject.endpoint, checks):
        _report_version(probed.response.headers, answers, checks)
        return False
    entered = _log_in(subject, mailbox, checks)
    _report_version(entered.headers if entered else probed.response.headers, answers, checks)
    if entered is None:
        return False
    if entered.folders is None:
        checks.skip("mailbox", "none is listed for this server")
        return False
    _check_folders(subject.server, mailbox, entered.folders, checks)
    return True


@dataclass(frozen=True, slots=True)
class _Entered:
    """The result of a login: the headers of the first response after it, and the folders of the mailbox."""

    headers: Mapping[str, str]
    folders: Folders | None


def _log_in(subject: Subject[WebDavServer], mailbox: str, checks: Checks) -> _Entered | None:
    """Log in once, and open the mailbox (none for ''); None, with the reason in ``checks``, on failure."""
    with subject.account.turn():
        login = LoginCheck(subject, checks)
        response = login.attempt(subject.server.root, mailbox)
        if response is None:
            return None
        folders = _open(subject.server, mailbox, login, checks) if mailbox else None
        return None if mailbox and folders is None else _Entered(response.headers, folders)


def _open(server: Server, mailbox: str, login: LoginCheck, checks: Checks) -> Folders | None:
    watch = Stopwatch()
    try:
        folders = WebDavMailbox(server, mailbox).folders
    except LoginRefused as refusal:
        if login.let_in:
            checks.fail("mailbox", f"{mailbox}: no rights, though the credential is accepted", _RIGHTS, ms=watch.ms)
        else:
            login.refused(str(refusal), watch)
    except Gone:
        remedy = "correct its name or its server in the list of mailboxes"
        checks.fail("mailbox", f"{mailbox}: not found on this server", remedy, ms=watch.ms)
    except ExchangeError as error:
        checks.fail("mailbox", f"{mailbox}: {error}", _RIGHTS, ms=watch.ms)
    else:
        login.accepted(watch)
        return folders
    return None


def _report_version(headers: Mapping[str, str], answers: str, checks: Checks) -> None:
    """Report the version, and warn if the configured method of answering does not suit it."""
    build, server = headers.get("MS-WebStorage", ""), headers.get("Server", "")
    if not build:
        text = f"no MS-WebStorage header (Server: {server or 'none'})"
        checks.warn("version", text, "correct url if this is not Exchange; a proxy may have removed MS-WebStorage")
        return
    plain = build.lstrip("0")
    name = next((name for start, name in _BUILDS if plain.startswith(start)), "unknown version")
    text = f"{name} (MS-WebStorage {build}, {server or 'no Server header'})"
    if name == "Exchange 2007" and answers == "owa":
        checks.warn("version", f"{text} has no OWA below /exchange/", 'set answers = "icalendar" or "detect"')
    else:
        checks.ok("version", text)


def _check_folders(server: Server, mailbox: str, folders: Folders, checks: Checks) -> None:
    """Check the folders that scans and answers need."""
    paths = (folders.inbox, folders.drafts, folders.sentitems, folders.deleteditems, folders.calendar)
    checks.ok("mailbox", f"{mailbox}: {', '.join(unquote(path.rsplit('/', 1)[-1]) for path in paths if path)}")
    searches = {
        "inbox": (folders.inbox, wire.meeting_search()),
        "drafts": (folders.drafts, wire.meeting_search()),
        "sent items": (folders.sentitems, wire.meeting_search(newest_first=True)),
        "deleted items": (folders.deleteditems, wire.meeting_search(newest_first=True)),
    }
    for check, (folder, body) in searches.items():
        watch = Stopwatch()
        try:
            text = _found(server, folder, body)
        except ExchangeError as error:
            remedy = "give the account Full Mailbox Access; if SEARCH is filtered (URLScan), allow that verb"
            checks.fail(check, str(error), remedy, ms=watch.ms)
        else:
            checks.ok(check, f"can be searched: {text}", ms=watch.ms)
    watch, remedy = Stopwatch(), "give the account Full Mailbox Access, which includes the calendar"
    if folders.calendar:
        try:
            _found(server, folders.calendar, wire.appointment_search(_NO_MEETING))
        except ExchangeError as error:
            checks.warn("calendar", f"{error}: conflicts cannot be detected", remedy, ms=watch.ms)
        else:
            checks.ok("calendar", "can be searched", ms=watch.ms)
    else:
        checks.warn("calendar", "the server does not show it to the account", remedy)
    checks.ok("submission", f"answers are sent through {unquote(folders.sendmsg)}; nothing was sent now")
    text = "marks, drafts and sending are not tested, because that changes mail; test them with a mailbox of your own"
    checks.skip("writing", text)


def _found(server: Server, folder: str, body: bytes) -> str:
    """Return how many meeting messages a folder has, as text.

    :raises ExchangeError: the search is refused, or the response is not a multistatus.
    """
    response = server.send("SEARCH", folder, headers=_ONE_ROW, body=body, known={_NO_ROWS})
    if response.status == _NO_ROWS:
        return "no meeting messages"
    rows = len(rows_of(response))
    total = wire.total_rows(response.headers.get("Content-Range", ""))
    count = f"{total if total is not None else rows}" if rows or total else "no"
    return f"{count} meeting messages" + (" or more" if rows and total is None else "")
