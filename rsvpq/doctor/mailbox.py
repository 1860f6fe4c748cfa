"""One mailbox, read as a scan reads it, one row at a time; and what cannot be tried without changing it."""

from urllib.parse import unquote

from rsvpq.doctor.results import Notes, Stopwatch
from rsvpq.http.server import Server
from rsvpq.mail.errors import ExchangeError
from rsvpq.webdav import wire
from rsvpq.webdav.mailbox import Folders
from rsvpq.webdav.response import rows_of

#: One row: what is asked is whether the search is allowed.
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Range": "rows=0-0"}
_NO_ROWS = 416
#: A uid that no meeting has. The text never varies, because the store keeps an index for each distinct search.
_NO_MEETING = "rsvpq-doctor"


def examine(server: Server, mailbox: str, folders: Folders, notes: Notes) -> None:
    """Look into the folders that a scan and an answer need."""
    _names(mailbox, folders, notes)
    searches = {
        "inbox": (folders.inbox, wire.meeting_search()),
        "drafts": (folders.drafts, wire.meeting_search()),
        "sent items": (folders.sentitems, wire.meeting_search(newest_first=True)),
        "deleted items": (folders.deleteditems, wire.meeting_search(newest_first=True)),
    }
    for check, (folder, body) in searches.items():
        _search(server, check, folder, body, notes)
    _calendar(server, folders, notes)
    notes.ok("submission", f"{unquote(folders.sendmsg)} is where answers are sent; nothing was")
    text = "marking, drafts and sending are not tried, as that changes mail; try them with one mailbox of your own"
    notes.skip("writing", text)


def _names(mailbox: str, folders: Folders, notes: Notes) -> None:
    paths = (folders.inbox, folders.drafts, folders.sentitems, folders.deleteditems, folders.calendar)
    shown = ", ".join(unquote(path.rsplit("/", 1)[-1]) for path in paths if path)
    notes.ok("mailbox", f"{mailbox}: {shown}")


def _search(server: Server, check: str, folder: str, body: bytes, notes: Notes) -> None:
    watch = Stopwatch()
    try:
        text = _found(server, folder, body)
    except ExchangeError as error:
        remedy = "give the account Full Mailbox Access; if SEARCH is filtered (URLScan), allow that verb"
        notes.fail(check, str(error), remedy, ms=watch.ms)
    else:
        notes.ok(check, f"may be searched: {text}", ms=watch.ms)


def _calendar(server: Server, folders: Folders, notes: Notes) -> None:
    watch = Stopwatch()
    remedy = "give the account Full Mailbox Access, which includes the calendar"
    if not folders.calendar:
        notes.warn("calendar", "the account is not told where it is", remedy)
        return
    try:
        _found(server, folders.calendar, wire.appointment_search(_NO_MEETING))
    except ExchangeError as error:
        notes.warn("calendar", f"{error}: clashes cannot be seen", remedy, ms=watch.ms)
    else:
        notes.ok("calendar", "may be searched", ms=watch.ms)


def _found(server: Server, folder: str, body: bytes) -> str:
    """How many meeting messages there are.

    :raises ExchangeError: the search is refused, or the response is no multistatus.
    """
    response = server.send("SEARCH", folder, headers=_HEADERS, body=body, known={_NO_ROWS})
    if response.status == _NO_ROWS:
        return "no meeting messages"
    rows = len(rows_of(response))
    total = wire.total_rows(response.headers.get("Content-Range", ""))
    count = f"{total if total is not None else rows}" if rows or total else "no"
    return f"{count} meeting messages" + (" or more" if rows and total is None else "")
