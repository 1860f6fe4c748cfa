"""The operations on one mailbox: one method each, saying what it asks of the server and what its failure means.

A mailbox is worked by one request after the other; what sends them is :class:`rsvpq.http.server.Server`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from itertools import chain
from typing import Any, Literal, TypeVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from rsvpq.http.message import HttpResponse
from rsvpq.http.request_target import Target
from rsvpq.http.server import Server
from rsvpq.http.status import error_from, no_rights
from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown, Particulars
from rsvpq.mail.errors import (
    LOGIN_DELAY_S,
    Busy,
    Changed,
    Filtered,
    Gone,
    Malformed,
    Refused,
    Transient,
    Unknown,
    Unsupported,
)
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict, kind_of
from rsvpq.webdav import calendar, wire
from rsvpq.webdav.folders import Folders, find_folders
from rsvpq.webdav.multistatus import Property, Reader, Row
from rsvpq.webdav.response import MOST_KEPT, read, require_done, rows_of
from rsvpq.webdav.rows import message_of, refreshed
from rsvpq.webdav.search import PAGE_ROWS, pages

__all__ = ["Folders", "MailboxClient"]

T = TypeVar("T")
Handled = Literal["deleteditems", "inbox"]
#: Where servers leave the requests that were answered, if they do.
HANDLED: tuple[Handled, ...] = ("deleteditems", "inbox")

_XML = {"Content-Type": "text/xml; charset=utf-8"}
_IDENTITY = (wire.REPL_UID, wire.MESSAGE_CLASS, wire.UID)
#: What is asked of a message before it is acted upon: all that XML has names for, and those start with no digit.
_NOW = (*(name for name in wire.MEETING_PROPERTIES if not name[1][0].isdigit()), wire.MODIFIED, wire.TAG)


class MailboxClient:
    """One mailbox; finds its folders unless they are known from before.

    :raises ExchangeError: see :meth:`Server.send`. Gone: there is no such mailbox here.
    """

    def __init__(self, server: Server, mailbox: str, folders: Folders | None = None) -> None:
        self._server = server
        self._asked = server.root + quote(mailbox, safe="@.-_~") + "/"
        self.folders = folders or find_folders(server, self._asked)
        self._folders_are_fresh = folders is None
        #: Rows of the last search that could not be used: failed by the server, broken, or with an href elsewhere.
        self.unreadable = 0
        #: Pages of the last search: between two of them rows may have shifted.
        self.pages = 0
        #: Whether the server takes a tag as a condition, for all that was seen of it.
        self.compares = True

    @property
    def _root(self) -> str:
        """What every href of the mailbox lies below."""
        return self.folders.root or self._asked

    def use_up_lease(self, on: bool) -> None:
        """As :meth:`rsvpq.http.lease.Lease.use_up`."""
        self._server.use_up_lease(on)

    def require_own(self, message: MeetingMessage) -> None:
        """Complain of a message whose URLs are not of this mailbox; no scan of it finds such a one.

        The folders are asked for again before: a message is not to blame where they were another mailbox's.

        :raises Refused: it is one. :raises Transient: the name leads to another mailbox now.
        """
        try:
            self._require_below(message)
        except Malformed as error:
            self._find_folders_again(certainly=True)
            try:
                self._require_below(message)
            except Malformed:
                raise Refused(str(error)) from None

    def require_open(self, refusal: Refused) -> None:
        """Ask the mailbox's root whether a refusal was of one item, or of all that is asked for in the mailbox now.

        :raises Busy: of all, as by a proxy that is at maintenance; for the mailbox, and no item has failed.
        """
        try:
            find_folders(self._server, self._asked)
        except Refused as error:
            raise Busy(f"{refusal}; and so is the mailbox: {error}", LOGIN_DELAY_S, "mailbox") from None

    def _require_below(self, message: MeetingMessage) -> None:
        for url in filter(None, (message.href, message.permanent_url)):
            Target.below(url, self._root)

    def _send(self, method: str, path: str, *, query: str = "", **options: Any) -> HttpResponse:
        """As :meth:`Server.send`, and for a path of this mailbox only.

        :raises Malformed: it is none, and nothing was sent: hrefs are a server's words, and have been in Redis.
        """
        return self._server.send(method, Target.below(path, self._root, query), **options)

    def meeting_messages(self, page_rows: int = PAGE_ROWS) -> Iterator[list[MeetingMessage]]:
        """The Inbox's meeting messages, oldest first, a page at a time; a row without a usable href is left out.

        Each comes once, though rows shift while paging if somebody else works in the mailbox; one that is missed so is
        found by the next scan.
        """
        yield from self._messages("inbox", wire.meeting_search(), page_rows)

    def response_drafts(self) -> list[MeetingMessage]:
        """The answers that lie unsent in Drafts (ours, and those a person has not sent yet)."""
        found = self._messages("drafts", wire.draft_search())
        return [message for page in found for message in page if message.kind is Kind.RESPONSE]

    def handled_requests(self, uid: str) -> list[MeetingMessage]:
        """The requests of one meeting where a server leaves those that were answered."""
        return [*chain.from_iterable(self.requests_in(folder, uid) for folder in HANDLED)]

    def requests_in(self, folder: Handled, uid: str = "") -> Iterator[MeetingMessage]:
        """The requests in a folder, of one meeting or of all, as :meth:`sent_responses` has the answers."""
        return self._newest_first(folder, Kind.REQUEST, uid)

    def sent_responses(self, uid: str = "") -> Iterator[MeetingMessage]:
        """The answers in Sent Items, of one meeting or of all, the newest first; searched for as they are asked for."""
        return self._newest_first("sentitems", Kind.RESPONSE, uid)

    def _newest_first(self, folder: str, kind: Kind, uid: str) -> Iterator[MeetingMessage]:
        body = wire.uid_search(uid) if uid else wire.meeting_search(newest_first=True)
        return (message for page in self._messages(folder, body) for message in page if message.kind is kind)

    def busy_periods(self, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
        """What the calendar has between two moments, in UTC: see :func:`calendar.read_agenda`."""
        return self._of_calendar(lambda folder: calendar.read_agenda(self._server, folder, start, end))

    def appointment(self, message: MeetingMessage) -> Appointment | CalendarUnknown | None:
        """What the calendar has of what a message is about: see :func:`calendar.read_appointment`."""
        uid, occurrence, root = message.uid, message.occurrence, self._root
        return self._of_calendar(lambda folder: calendar.read_appointment(self._server, folder, uid, root, occurrence))

    def appointments(self, uid: str) -> list[Appointment] | CalendarUnknown:
        """All that the calendar has of a meeting: see :func:`calendar.read_appointments`."""
        return self._of_calendar(lambda folder: calendar.read_appointments(self._server, folder, uid, self._root))

    def particulars(self, message: MeetingMessage) -> Particulars:
        """What a request says of its attendees and of its series; costs one PROPFIND.

        By permanent URL where a filter before Exchange rejects the href.

        :raises Gone: it is not there any more.
        """
        body, headers = wire.propfind(wire.PARTICULARS), {**_XML, "Depth": "0"}
        try:
            rows = rows_of(self._send("PROPFIND", message.href, headers=headers, body=body))
        except Filtered:
            if not message.permanent_url:
                raise
            rows = rows_of(self._send("PROPFIND", message.permanent_url, headers=headers, body=body))
        return calendar.particulars_of(rows[0]) if rows else Particulars()

    def _messages(self, role: str, body: bytes, page_rows: int = PAGE_ROWS) -> Iterator[list[MeetingMessage]]:
        """The messages of one of our folders, which is asked for again where it is not under its name any more."""
        self.unreadable = self.pages = 0
        try:
            yield from self._pages(getattr(self.folders, role), body, page_rows)
        except Gone:
            if not self._find_folders_again(certainly=True):
                raise
            yield from self._pages(getattr(self.folders, role), body, page_rows)

    def _pages(self, folder: str, body: bytes, page_rows: int) -> Iterator[list[MeetingMessage]]:
        for rows in pages(self._server, folder, body, page_rows, self._count_unreadable):
            found = [message for row in rows if (message := message_of(row, self._root)) is not None]
            self._count_unreadable(len(rows) - len(found))
            self.pages += 1
            yield found

    def _of_calendar(self, read: Callable[[str], T]) -> T:
        found = read(self.folders.calendar)
        if isinstance(found, CalendarUnknown) and found.gone and self._find_folders_again(certainly=True):
            return read(self.folders.calendar)
        return found

    def _count_unreadable(self, rows: int) -> None:
        self.unreadable += rows

    def _find_folders_again(self, *, certainly: bool = False) -> bool:
        """Ask for the folders where they were only remembered: their names change with the mailbox's language.

        :param certainly: also where they were asked for just now, for one of them is not there.
        :returns: whether they are elsewhere now. :raises Transient: the name leads to another mailbox now.
        """
        before = self.folders
        if certainly or not self._folders_are_fresh:
            self.folders, self._folders_are_fresh = find_folders(self._server, self._asked), True
        if before.identity and self.folders.identity != before.identity:
            raise Transient(f"{unquote(self._asked)!r} leads to another mailbox than before; it is looked at anew")
        return self.folders != before

    def locate(self, message: MeetingMessage) -> MeetingMessage | None:
        """The message as it is now, under the URL it can be reached by; None if it is gone.

        By href first, since commands are known to work on it. Names are used again, so it has to be the same item. The
        permanent URL reaches an item whose name a filter before Exchange rejects, or whose folder is renamed.

        :raises Refused: the item is there, and none of its URLs is let through.
        """
        here, filtered = None, False
        for url in filter(None, (message.href, message.permanent_url)):
            try:
                here = self._at(url, message, _NOW)
            except Filtered:
                filtered = True
            if here is not None:
                return refreshed(replace(message, href=url), here)
        if filtered:
            self._require_absence(message)
        elif self._find_folders_again():
            again = (found for page in self.meeting_messages() for found in page)
            return next((found for found in again if message.rid and found.rid == message.rid), None)
        return None

    def _at(self, url: str, message: MeetingMessage, names: Sequence[Property]) -> Row | None:
        """What is at that URL, if it is the message."""
        body = wire.propfind(names)
        try:
            rows = rows_of(self._send("PROPFIND", url, headers={**_XML, "Depth": "0"}, body=body))
        except Gone:
            return None
        return rows[0] if rows and _is_same(rows[0], message) else None

    def _require_absence(self, message: MeetingMessage) -> None:
        """A search is let through where an item's URL is not: it tells whether there is such an item at all."""
        if any(found.rid == message.rid for page in self.meeting_messages() for found in page):
            what = unquote(message.href)
            raise Refused(f"a filter before Exchange (URLScan, IIS request filtering) rejects {what!r}")

    def holds(self, message: MeetingMessage) -> bool:
        """Whether the message is still at its href: the same item, for names are used again."""
        try:
            return self._at(message.href, message, _IDENTITY) is not None
        except Filtered:
            return self.locate(message) is not None

    def accept(self, message: MeetingMessage, verdict: Verdict = Verdict.ACCEPT) -> str:
        """GET href?Cmd=accept: OWA writes the answer into Drafts and removes the request. Not safe, though a GET.

        Whether it worked must be looked up afterwards: a page with 200 may say anything.

        :returns: the path of the draft, where a redirect tells it; else ''.
        :raises Unknown: the answer was lost, or a 5xx: it may have been done. :raises Unsupported: no such command.
        """
        return self._command(message.href, verdict)[1]

    def open(self, message: MeetingMessage) -> None:
        """GET href?Cmd=open on a response: OWA writes the attendee's status into the organiser's appointment.

        :raises Unknown: a page came that may be a login form, and the response does not show that it was opened.
        """
        response, _ = self._command(message.href, "open")
        if response.cleared and not self.shows_as_opened(message):
            raise Unknown(f"{response.what}: what came may be a login form, and nothing shows that it was opened")

    def shows_as_opened(self, response: MeetingMessage) -> bool:
        """Whether the server shows that a response was opened: by its marker, or by a read flag that it had not before.

        :param response: as it was before.
        """
        body = wire.propfind([wire.PROCESSED, wire.READ])
        rows = rows_of(self._send("PROPFIND", response.href, headers={**_XML, "Depth": "0"}, body=body))
        return any(row.flag(wire.PROCESSED) or (row.flag(wire.READ) and not response.read) for row in rows)

    def _command(self, href: str, command: str) -> tuple[HttpResponse, str]:
        """Return the response, and the path of the draft where a redirect leads to it."""
        # No Translate header: with "Translate: f" IIS hands out the raw message and the command does nothing.
        response = self._send("GET", href, headers={}, effect=True, query=f"Cmd={command}")
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response, ""
        try:
            location = urljoin(href, response.headers.get("Location", ""))
            target = urlsplit(location).path
        except ValueError:
            raise Unknown(f"{response.what} redirected to an invalid URL") from None
        # Exchange 2007 sends a browser to /owa; a command that was carried out may lead to the draft, below our root.
        if not target.casefold().startswith(self._server.root.casefold()):
            raise Unsupported(
                f"{response.what} redirected to {target!r}: this server runs no OWA commands; "
                'set answers = "icalendar" (or "detect") for it'
            )
        try:
            path = wire.path_below(location, self.folders.drafts + "/")
        except Malformed:
            return response, ""
        return response, path

    def source(self, message: MeetingMessage) -> bytes:
        """The message in MIME: with ``Translate: f`` a GET hands it out, and has no effect."""
        response = self._send("GET", message.href, headers={"Translate": "f"})
        if not response.is_page:
            raise Refused(response.redirected)
        return response.body

    def create_draft(self, name: str, mime: bytes, marker: str = "") -> None:
        """Store a message in Drafts under this name, which is the caller's own; one that is there is overwritten.

        In DavMail's two steps: unsent (8) and read (1) can only be said before there is a message.

        :param marker: as :meth:`mark_draft` has it.
        """
        href = self._draft(name)
        flags = wire.proppatch({wire.MESSAGE_FLAGS: "9", **({wire.ANSWERS: marker} if marker else {})})
        response = self._send("PROPPATCH", href, headers=_XML, body=flags, effect=True, known={HTTPStatus.CONFLICT})
        if response.status == HTTPStatus.CONFLICT:
            raise Gone(f"{response.what} returned 409: there is no such folder (any more)")
        _judged(response)
        headers = {"Content-Type": "message/rfc822", "Translate": "f"}
        require_done(self._send("PUT", href, headers=headers, body=mime, effect=True))

    def has_draft(self, name: str) -> bool:
        """Whether Drafts has an item of this name."""
        return self._exists(self._draft(name))

    def has_sent(self, name: str) -> bool:
        """Whether Sent Items has an item of this name, as a draft has that was sent from here."""
        return self._exists(f"{self.folders.sentitems}/{name}")

    def send_draft(self, name: str) -> None:
        """Send what :meth:`create_draft` stored."""
        self.submit(self._draft(name))

    def discard_draft(self, name: str) -> None:
        """DELETE what :meth:`create_draft` stored, for good: nobody but us has written it."""
        require_done(self._send("DELETE", self._draft(name), headers={}, effect=True))

    def _draft(self, name: str) -> str:
        return f"{self.folders.drafts}/{name}"

    def _exists(self, href: str) -> bool:
        body = wire.propfind([wire.REPL_UID])
        try:
            rows = rows_of(self._send("PROPFIND", href, headers={**_XML, "Depth": "0"}, body=body))
        except Gone:
            return False
        # A proxy may give somebody else's answer; the name is ours, and nothing else is called so.
        return any(_name_in(row.href) == _name_in(href) for row in rows)

    def submit(self, draft_href: str, permanent_url: str = "", *, save_in_sent: bool = True) -> None:
        """MOVE a draft to the submission URI, which sends it and keeps a copy in Sent Items unless told otherwise.

        :param permanent_url: tried where a filter before Exchange rejects the href.
        """
        more = {} if save_in_sent else {"Saveinsent": "f"}
        try:
            self._move(draft_href, self.folders.sendmsg + "/", more)
        except Filtered:  # it did not reach Exchange, so nothing was done
            if not permanent_url:
                raise
            self._move(permanent_url, self.folders.sendmsg + "/", more)

    def move_to_deleted_items(self, href: str) -> None:
        """MOVE an item to Deleted Items, as a person's delete does."""
        self._move(href, f"{self.folders.deleteditems}/{href.rsplit('/', 1)[-1]}", {})

    def _move(self, href: str, target: str, more: dict[str, str]) -> None:
        # A full URL, since Exchange 2003 refuses a path as the destination of a submission (DavMail's history).
        destination = self._server.origin + Target.below(target, self._root)
        headers = {"Destination": destination, "Overwrite": "f", "Allow-Rename": "t", **more}
        response = self._send("MOVE", href, headers=headers, effect=True)
        if response.status == HTTPStatus.MULTI_STATUS and not _judged(response):
            raise Refused(f"{response.what} returned an empty 207 Multi-Status")
        require_done(response)

    def delete(self, message: MeetingMessage) -> None:
        """DELETE a message for good."""
        require_done(self._send("DELETE", message.href, headers={}, effect=True))

    def mark_intent(self, request: MeetingMessage, intent: str) -> bool:
        """Write on the request that its answer is begun, if nobody has changed it since it was looked at.

        :param request: its tag is the condition; without one there is none.
        :returns: whether the server keeps it. :raises Gone, Changed: the request is not there, or not so, any more.
        """
        return self._mark_if_allowed(request, wire.INTENT, intent)

    def mark_draft(self, draft: MeetingMessage, marker: str) -> bool:
        """Write on the draft which request it answers; see :func:`rsvpq.mail.editions.answer_marker`.

        :param draft: its tag is the condition; without one there is none.
        :returns: whether the server keeps it. :raises Gone, Changed: the draft is not there, or not so, any more.
        """
        return self._mark_if_allowed(draft, wire.ANSWERS, marker)

    def mark_processed(self, message: MeetingMessage, intent: str = "") -> bool:
        """Set the processed marker and the read flag, so that no scan offers the message again.

        :param intent: what our own marker says in the end; '' where there is none.
        :returns: whether the server took the marker; it can refuse one property within a 207.
        """
        more = {wire.INTENT: intent} if intent else {}
        return self._mark(message, wire.PROCESSED, {wire.PROCESSED: "1", wire.READ: "1", **more})

    def _mark_if_allowed(self, message: MeetingMessage, name: Property, value: str) -> bool:
        for url in filter(None, (message.href, message.permanent_url)):
            try:
                return self._mark(replace(message, href=url), name, {name: value}, message.tag)
            except Filtered:
                continue
            except Refused:
                break
        return False

    def _mark(self, message: MeetingMessage, needed: Property, values: dict[Property, str], tag: str = "") -> bool:
        body, headers = wire.proppatch(values), {**_XML, **({"If-Match": tag} if tag else {})}
        known = {HTTPStatus.PRECONDITION_FAILED} if tag else ()
        response = self._send("PROPPATCH", message.href, headers=headers, body=body, effect=True, known=known)
        if response.status == HTTPStatus.PRECONDITION_FAILED:
            self._require_unchanged(message, tag)
            self.compares = False
            return self._mark(message, needed, values)
        if response.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT} and not response.body:
            return True  # as under "Brief: t"
        rows = _judged(response)
        created = any(row.status == HTTPStatus.CREATED for row in rows)
        if created and self._at(message.href, message, _IDENTITY) is None:
            # There was nothing to mark, and a PROPPATCH of a new URL makes an item: ours, and empty.
            self.delete(message)
            raise Gone(f"{response.what} made a new item where the message was")
        return bool(rows) and not any(needed in row.refused for row in rows)

    def _require_unchanged(self, message: MeetingMessage, tag: str) -> None:
        """Tell a change of the item from a server that takes no condition."""
        row = self._at(message.href, message, (*_IDENTITY, wire.TAG))
        if row is None:
            raise Gone(f"{unquote(message.href)!r} is not there any more")
        if row.text(wire.TAG) != tag:
            raise Changed(f"somebody has changed {unquote(message.href)!r} since it was looked at")

    def retire(self, message: MeetingMessage, intent: str = "") -> None:
        """Take a message that was dealt with out of the next scan's way: marked, else in Deleted Items.

        Never deleted: Outlook drops the appointment with an accepted request that is not marked (KB883672, KB886688).
        """
        try:
            marked = self.mark_processed(message, intent)
        except Refused:
            marked = False
        if not marked:
            self.move_to_deleted_items(message.href)


def _is_same(row: Row, message: MeetingMessage) -> bool:
    """Whether a row is of the message: where that shows no identity of its own, by its class and its meeting.

    :raises Malformed: the row does not show the identity that the message has, so it cannot be told.
    """
    if kind_of(row.text(wire.MESSAGE_CLASS)) is not message.kind:
        return False
    if not message.rid:
        return row.text(wire.UID) == message.uid
    if not row.text(wire.REPL_UID):
        raise Malformed(f"PROPFIND {row.href}: the identity of the item is not shown")
    return row.text(wire.REPL_UID) == message.rid


def _name_in(href: str) -> str:
    return unquote(href.rstrip("/").rpartition("/")[2]).casefold()


def _judged(response: HttpResponse) -> list[Row]:
    """The parts of a 207 to something that changes; any of them that failed is an error, of the kind of its status.

    :raises Unknown: what came cannot be read, so it may have been done.
    """
    rows, failed = list[Row](), list[Row]()
    try:
        for row in read(response, Reader()):
            if len(rows) < MOST_KEPT:
                rows.append(row)
            if not (row.ok or failed):
                failed.append(row)
    except Malformed as error:
        raise Unknown(str(error)) from None
    for row in failed:
        what = f"{response.what}: the part {unquote(row.href)!r}"
        if row.status == HTTPStatus.UNAUTHORIZED:
            raise no_rights(what)  # whoever was let in as far as to a 207 has shown the right password
        raise error_from(what, row.status, {}, effect=True) or Unknown(f"{what} returned {row.status}")
    return rows
