"""One mailbox by WebDAV and Outlook Web Access: what each operation asks of the server, and what its failure means.

A mailbox is worked by one request after the other; what sends them is :class:`rsvpq.http.server.Server`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal, TypeVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from rsvpq.http.message import HttpResponse
from rsvpq.http.request_target import Target
from rsvpq.http.server import Server
from rsvpq.http.status import error_from, no_rights
from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown, Details
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
from rsvpq.mail.messages import Intent, Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import Clear, Page, Place
from rsvpq.webdav import calendar, imip, wire
from rsvpq.webdav.classes import kind_of
from rsvpq.webdav.folders import Folders, find_folders
from rsvpq.webdav.markers import intent_to_text
from rsvpq.webdav.multistatus import Property, Reader, Row
from rsvpq.webdav.response import MOST_KEPT, read, require_done, rows_of
from rsvpq.webdav.rows import at, href_of, message_of, permanent_url_of, refreshed, rid_of
from rsvpq.webdav.search import PAGE_ROWS, pages

T = TypeVar("T")
#: How a server is told to answer: by OWA's commands, by iCalendar replies, or whichever it turns out to know.
Answers = Literal["owa", "icalendar", "detect"]
_FOLDERS = {
    Place.INBOX: "inbox",
    Place.TRASH: "deleteditems",
    Place.DRAFTS: "drafts",
    Place.SENT: "sentitems",
}
_OF_THE_MAILBOX = {Place.DRAFTS, Place.SENT}

_XML = {"Content-Type": "text/xml; charset=utf-8"}
_IDENTITY = (wire.REPL_UID, wire.MESSAGE_CLASS, wire.UID)
#: What is asked of a message before it is acted upon: all that XML has names for, and those start with no digit.
_NOW = (*(name for name in wire.MEETING_PROPERTIES if not name[1][0].isdigit()), wire.MODIFIED, wire.TAG)


class Commands:
    """Whether a server runs OWA's commands; shared by all threads of a process.

    :param answers: what is configured.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.known = answers != "icalendar"

    def miss(self) -> None:
        """Remember that the server runs none, where that is to be found out."""
        self.known = self._answers == "owa"


class WebDavMailbox:
    """One mailbox; finds its folders unless they are known from before. See :class:`rsvpq.mail.ports.AnswersByDraft`.

    :raises ExchangeError: see :meth:`Server.send`. Gone: there is no such mailbox here.
    """

    def __init__(
        self, server: Server, mailbox: str, folders: Folders | None = None, commands: Commands | None = None
    ) -> None:
        self._server = server
        self._commands = commands or Commands("owa")
        self._asked = server.root + quote(mailbox, safe="@.-_~") + "/"
        self.folders = folders or find_folders(server, self._asked)
        self._folders_are_fresh = folders is None
        #: Whether the server takes a tag as a condition, for all that was seen of it.
        self.conditional = True

    @property
    def identity(self) -> str:
        """What tells the mailbox from all others; '' where the server does not show it."""
        return self.folders.identity

    @property
    def commands(self) -> bool:
        """Whether the server runs OWA's commands, for all that is known by now."""
        return self._commands.known

    @property
    def _root(self) -> str:
        """What every href of the mailbox lies below."""
        return self.folders.root or self._asked

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
        if len(message.ref.address) != len(("href", "permanent URL")):
            raise Malformed("the address of the item is none of WebDAV")
        for url in filter(None, message.ref.address):
            Target.below(url, self._root)

    def _send(self, method: str, path: str, *, query: str = "", **options: Any) -> HttpResponse:
        """As :meth:`Server.send`, and for a path of this mailbox only.

        :raises Malformed: it is none, and nothing was sent: hrefs are a server's words, and have been in Redis.
        """
        return self._server.send(method, Target.below(path, self._root, query), **options)

    def is_in_inbox(self, message: MeetingMessage) -> bool:
        """Whether its href is one of the Inbox."""
        return href_of(message).casefold().startswith(self.folders.inbox.casefold() + "/")

    def meeting_messages(self, page_rows: int = PAGE_ROWS) -> Iterator[Page]:
        """Read the Inbox's meeting messages, oldest first, a page at a time; a row without a usable href is left out.

        Each comes once, though rows shift while paging if somebody else works in the mailbox; one that is missed so is
        found by the next scan.
        """
        yield from self._messages("inbox", wire.meeting_search(), page_rows)

    def messages_in(self, place: Place, uid: str = "") -> Iterator[Page]:
        """Read the meeting messages of a place, the newest first; searched for as they are taken.

        What has the class of a response in Drafts or Sent Items is an answer of the mailbox's own.
        """
        for page in self._messages(_FOLDERS[place], _search_of(place, uid)):
            yield replace(page, messages=list(map(_as_answer, page.messages))) if place in _OF_THE_MAILBOX else page

    def busy(self, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
        """What the calendar has between two moments, in UTC: see :func:`calendar.read_agenda`."""
        return self._of_calendar(lambda folder: calendar.read_agenda(self._server, folder, start, end))

    def appointment(self, message: MeetingMessage) -> Appointment | CalendarUnknown | None:
        """What the calendar has of what a message is about: see :func:`calendar.read_appointment`."""
        uid, occurrence, root = message.uid, message.occurrence, self._root
        return self._of_calendar(lambda folder: calendar.read_appointment(self._server, folder, uid, root, occurrence))

    def appointments(self, uid: str) -> list[Appointment] | CalendarUnknown:
        """All that the calendar has of a meeting: see :func:`calendar.read_appointments`."""
        return self._of_calendar(lambda folder: calendar.read_appointments(self._server, folder, uid, self._root))

    def details(self, message: MeetingMessage) -> Details:
        """What a request says of its attendees and of its series; costs one PROPFIND.

        By permanent URL where a filter before Exchange rejects the href.

        :raises Gone: it is not there any more.
        """
        body, headers = wire.propfind(wire.DETAILS), {**_XML, "Depth": "0"}
        try:
            rows = rows_of(self._send("PROPFIND", href_of(message), headers=headers, body=body))
        except Filtered:
            if not permanent_url_of(message):
                raise
            rows = rows_of(self._send("PROPFIND", permanent_url_of(message), headers=headers, body=body))
        return calendar.details_of(rows[0]) if rows else Details()

    def _messages(self, role: str, body: bytes, page_rows: int = PAGE_ROWS) -> Iterator[Page]:
        """The messages of one of our folders, which is asked for again where it is not under its name any more."""
        try:
            yield from self._pages(getattr(self.folders, role), body, page_rows)
        except Gone:
            if not self._find_folders_again(certainly=True):
                raise
            yield from self._pages(getattr(self.folders, role), body, page_rows)

    def _pages(self, folder: str, body: bytes, page_rows: int) -> Iterator[Page]:
        lost: list[int] = []
        for rows in pages(self._server, folder, body, page_rows, lost.append):
            found = [message for row in rows if (message := message_of(row, self._root)) is not None]
            yield Page(found, len(rows) - len(found) + sum(lost))
            lost.clear()
        if any(lost):
            yield Page([], sum(lost))

    def _of_calendar(self, read: Callable[[str], T]) -> T:
        found = read(self.folders.calendar)
        if isinstance(found, CalendarUnknown) and found.gone and self._find_folders_again(certainly=True):
            return read(self.folders.calendar)
        return found

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

    def refresh(self, message: MeetingMessage) -> MeetingMessage | None:
        """The message as it is now, under the URL it can be reached by; None if it is gone.

        By href first, since commands are known to work on it. Names are used again, so it has to be the same item. The
        permanent URL reaches an item whose name a filter before Exchange rejects, or whose folder is renamed.

        :raises Refused: the item is there, and none of its URLs is let through.
        """
        here, filtered = None, False
        for url in filter(None, message.ref.address):
            try:
                here = self._at(url, message, _NOW)
            except Filtered:
                filtered = True
            if here is not None:
                return refreshed(at(message, url), here)
        if filtered:
            self._require_absence(message)
        elif self._find_folders_again():
            rid = rid_of(message)
            return next((found for found in self._inbox() if rid and rid_of(found) == rid), None)
        return None

    def _at(self, url: str, message: MeetingMessage, names: Sequence[Property]) -> Row | None:
        """What is at that URL, if it is the message."""
        body = wire.propfind(names)
        try:
            rows = rows_of(self._send("PROPFIND", url, headers={**_XML, "Depth": "0"}, body=body))
        except Gone:
            return None
        return rows[0] if rows and _is_same(rows[0], message) else None

    def _inbox(self) -> Iterator[MeetingMessage]:
        return (message for page in self.meeting_messages() for message in page.messages)

    def _require_absence(self, message: MeetingMessage) -> None:
        """A search is let through where an item's URL is not: it tells whether there is such an item at all."""
        if any(rid_of(found) == rid_of(message) for found in self._inbox()):
            what = unquote(href_of(message))
            raise Refused(f"a filter before Exchange (URLScan, IIS request filtering) rejects {what!r}")

    def holds(self, message: MeetingMessage) -> bool:
        """Whether the message is still at its href: the same item, for names are used again."""
        try:
            return self._at(href_of(message), message, _IDENTITY) is not None
        except Filtered:
            return self.refresh(message) is not None

    def command(self, request: MeetingMessage, verdict: Verdict) -> str:
        """GET href?Cmd=accept: OWA writes the answer into Drafts and removes the request. Not safe, though a GET.

        Whether it worked must be looked up afterwards: a page with 200 may say anything.

        :returns: the path of the draft, where a redirect tells it; else ''.
        :raises Unknown: the answer was lost, or a 5xx: it may have been done. :raises Unsupported: no such command.
        """
        return self._command(href_of(request), verdict)[1]

    def is_at(self, draft: MeetingMessage, where: str) -> bool:
        """Whether it is the draft to which a command has led."""
        return unquote(href_of(draft)).casefold() == unquote(where).casefold()

    def absorb(self, response: MeetingMessage) -> None:
        """GET href?Cmd=open: OWA writes the attendee's status into the organizer's appointment.

        :raises Unsupported: no such command: Exchange 2007 enters responses by itself (KB955480).
        :raises Unknown: a page came that may be a login form, and the response does not show that it was opened.
        """
        page, _ = self._command(href_of(response), "open")
        if page.cleared and not self.shows_as_absorbed(response):
            raise Unknown(f"{page.what}: what came may be a login form, and nothing shows that it was opened")

    def shows_as_absorbed(self, response: MeetingMessage) -> bool:
        """Whether the server shows that a response was opened: by its marker, or by a read flag that it had not before.

        :param response: as it was before.
        """
        body = wire.propfind([wire.PROCESSED, wire.READ])
        rows = rows_of(self._send("PROPFIND", href_of(response), headers={**_XML, "Depth": "0"}, body=body))
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
            self._commands.miss()
            raise Unsupported(
                f"{response.what} redirected to {target!r}: this server runs no OWA commands; "
                'set answers = "icalendar" (or "detect") for it'
            )
        try:
            path = wire.path_below(location, self.folders.drafts + "/")
        except Malformed:
            return response, ""
        return response, path

    def compose_reply(self, request: MeetingMessage, address: str, verdict: Verdict) -> bytes:
        """Write an iCalendar reply to the request as the server hands it out, without storing it: see :mod:`imip`."""
        return imip.reply_to(self.source(request), address, verdict, datetime.now(UTC), request.organizer)

    def source(self, message: MeetingMessage) -> bytes:
        """Read the message in MIME: with ``Translate: f`` a GET hands it out, and has no effect."""
        response = self._send("GET", href_of(message), headers={"Translate": "f"})
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
        self._submit(self._draft(name))

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

    def send(self, draft: MeetingMessage) -> None:
        """MOVE a draft to the submission URI, which sends it and keeps a copy in Sent Items."""
        try:
            self._submit(href_of(draft))
        except Filtered:  # it did not reach Exchange, so nothing was done
            if not permanent_url_of(draft):
                raise
            self._submit(permanent_url_of(draft))

    def _submit(self, href: str) -> None:
        self._move(href, self.folders.sendmsg + "/")

    def _trash(self, message: MeetingMessage) -> None:
        """MOVE a message to Deleted Items, as a person's delete does."""
        self._move_to_deleted_items(href_of(message))

    def remove_appointment(self, appointment: Appointment) -> None:
        """MOVE an appointment to Deleted Items, where a person can get it back.

        :raises Refused: the server named it outside of its mailbox.
        """
        if appointment.ref is None:
            raise Refused("the server names the appointment outside of its mailbox")
        self._move_to_deleted_items(appointment.ref.address[0])

    def _move_to_deleted_items(self, href: str) -> None:
        self._move(href, f"{self.folders.deleteditems}/{href.rsplit('/', 1)[-1]}")

    def _move(self, href: str, target: str) -> None:
        # A full URL, since Exchange 2003 refuses a path as the destination of a submission (DavMail's history).
        destination = self._server.origin + Target.below(target, self._root)
        headers = {"Destination": destination, "Overwrite": "f", "Allow-Rename": "t"}
        response = self._send("MOVE", href, headers=headers, effect=True)
        if response.status == HTTPStatus.MULTI_STATUS and not _judged(response):
            raise Refused(f"{response.what} returned an empty 207 Multi-Status")
        require_done(response)

    def _delete(self, message: MeetingMessage) -> None:
        require_done(self._send("DELETE", href_of(message), headers={}, effect=True))

    def mark(self, request: MeetingMessage, intent: Intent) -> bool:
        """Write on the request that its answer is begun, if nobody has changed it since it was looked at.

        :param request: its tag is the condition; without one there is none.
        :returns: whether the server keeps it. :raises Gone, Changed: the request is not there, or not so, any more.
        """
        return self._mark_if_allowed(request, wire.INTENT, intent_to_text(intent))

    def mark_draft(self, draft: MeetingMessage, marker: str) -> bool:
        """Write on the draft which request it answers; see :func:`rsvpq.mail.editions.answer_marker`.

        :param draft: its tag is the condition; without one there is none.
        :returns: whether the server keeps it. :raises Gone, Changed: the draft is not there, or not so, any more.
        """
        return self._mark_if_allowed(draft, wire.ANSWERS, marker)

    def mark_processed(self, message: MeetingMessage, intent: Intent | None = None) -> bool:
        """Set the processed marker and the read flag, so that no scan offers the message again.

        :param intent: what our own marker says in the end; None where there is none.
        :returns: whether the server took the marker; it can refuse one property within a 207.
        """
        more = {wire.INTENT: intent_to_text(intent)} if intent else {}
        return self._mark(message, wire.PROCESSED, {wire.PROCESSED: "1", wire.READ: "1", **more})

    def _mark_if_allowed(self, message: MeetingMessage, name: Property, value: str) -> bool:
        for url in filter(None, message.ref.address):
            try:
                return self._mark(at(message, url), name, {name: value}, message.etag)
            except Filtered:
                continue
            except Refused:
                break
        return False

    def _mark(self, message: MeetingMessage, needed: Property, values: dict[Property, str], tag: str = "") -> bool:
        body, headers = wire.proppatch(values), {**_XML, **({"If-Match": tag} if tag else {})}
        known = {HTTPStatus.PRECONDITION_FAILED} if tag else ()
        response = self._send("PROPPATCH", href_of(message), headers=headers, body=body, effect=True, known=known)
        if response.status == HTTPStatus.PRECONDITION_FAILED:
            self._require_unchanged(message, tag)
            self.conditional = False
            return self._mark(message, needed, values)
        if response.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT} and not response.body:
            return True  # as under "Brief: t"
        rows = _judged(response)
        created = any(row.status == HTTPStatus.CREATED for row in rows)
        if created and self._at(href_of(message), message, _IDENTITY) is None:
            # There was nothing to mark, and a PROPPATCH of a new URL makes an item: ours, and empty.
            self._delete(message)
            raise Gone(f"{response.what} made a new item where the message was")
        return bool(rows) and not any(needed in row.refused for row in rows)

    def _require_unchanged(self, message: MeetingMessage, tag: str) -> None:
        """Tell a change of the item from a server that takes no condition."""
        row = self._at(href_of(message), message, (*_IDENTITY, wire.TAG))
        if row is None:
            raise Gone(f"{unquote(href_of(message))!r} is not there any more")
        if row.text(wire.TAG) != tag:
            raise Changed(f"somebody has changed {unquote(href_of(message))!r} since it was looked at")

    def clear(self, message: MeetingMessage, how: Clear, intent: Intent | None = None) -> None:
        """Take a message that was dealt with out of the next scan's way.

        What is to be marked and cannot be goes to Deleted Items, and is never deleted: Outlook drops the appointment
        with an accepted request that is not marked (KB883672, KB886688).
        """
        match how:
            case Clear.MARK:
                self._retire(message, intent)
            case Clear.TRASH:
                self._trash(message)
            case Clear.DELETE:
                self._delete(message)

    def _retire(self, message: MeetingMessage, intent: Intent | None) -> None:
        try:
            marked = self.mark_processed(message, intent)
        except Refused:
            marked = False
        if not marked:
            self._trash(message)


def _search_of(place: Place, uid: str) -> bytes:
    if place is Place.DRAFTS:
        return wire.draft_search()
    return wire.uid_search(uid) if uid else wire.meeting_search(newest_first=True)


def _as_answer(message: MeetingMessage) -> MeetingMessage:
    return replace(message, kind=Kind.ANSWER) if message.kind is Kind.RESPONSE else message


def _is_same(row: Row, message: MeetingMessage) -> bool:
    """Whether a row is of the message: where that shows no identity of its own, by its class and its meeting.

    :raises Malformed: the row does not show the identity that the message has, so it cannot be told.
    """
    kind = Kind.RESPONSE if message.kind is Kind.ANSWER else message.kind
    if kind_of(row.text(wire.MESSAGE_CLASS)) is not kind:
        return False
    if not rid_of(message):
        return row.text(wire.UID) == message.uid
    if not row.text(wire.REPL_UID):
        raise Malformed(f"PROPFIND {row.href}: the identity of the item is not shown")
    return row.text(wire.REPL_UID) == rid_of(message)


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
