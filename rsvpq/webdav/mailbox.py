"""One mailbox by WebDAV and Outlook Web Access: the requests of each operation, and what their failures mean.

:class:`rsvpq.http.server.Server` sends the requests, one after the other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal, TypeVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from rsvpq.http.message import HttpResponse, Target, error_from, no_rights
from rsvpq.http.server import Server
from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown, Details
from rsvpq.mail.classes import kind_of
from rsvpq.mail.errors import (
    Changed,
    Filtered,
    Gone,
    MailboxRefused,
    Malformed,
    Refused,
    Transient,
    Unknown,
    Unsupported,
)
from rsvpq.mail.marks import intent_to_text
from rsvpq.mail.messages import Intent, Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import Absorbing, Clear, Page, Place
from rsvpq.webdav import calendar, imip, wire
from rsvpq.webdav.folders import Folders, find_folders
from rsvpq.webdav.multistatus import Property, Reader, Row
from rsvpq.webdav.rows import at, href_of, message_of, permanent_url_of, refreshed, rid_of
from rsvpq.webdav.search import PAGE_ROWS, Search
from rsvpq.webdav.server import MOST_KEPT, read_rows, require_done, rows_of

_T = TypeVar("_T")
#: How to answer requests on a server: by OWA's commands, by iCalendar replies, or by whichever the server supports.
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
#: What is read of a message before it is acted upon: all properties that are valid XML names, so without a first digit.
_NOW = (*(name for name in wire.MEETING_PROPERTIES if not name[1][0].isdigit()), wire.MODIFIED, wire.TAG)


class Commands:
    """Whether a server supports OWA's commands; shared by all threads of a process.

    :param answers: the configured method.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.known = answers != "icalendar"

    def miss(self) -> None:
        """Record that the server does not support them; only with "detect" this changes how to answer."""
        self.known = self._answers == "owa"


class WebDavMailbox:
    """One mailbox; finds its folders unless they are given. See :class:`rsvpq.mail.ports.AnswersByDraft`.

    :raises ExchangeError: see :meth:`Server.send`. :raises Gone: there is no such mailbox on this server.
    """

    answering: Literal["by-draft"] = "by-draft"

    def __init__(
        self, server: Server, mailbox: str, folders: Folders | None = None, commands: Commands | None = None
    ) -> None:
        self._server = server
        self._commands = commands or Commands("owa")
        self._named_root = server.root + quote(mailbox, safe="@.-_~") + "/"
        self.folders = folders or find_folders(server, self._named_root)
        self._folders_are_fresh = folders is None
        #: Whether the server supports an ETag as a condition, as far as is known by now.
        self.conditional = True

    @property
    def identity(self) -> str:
        """The identity of the mailbox, whatever name it was opened by; '' if the server does not show it."""
        return self.folders.identity

    @property
    def absorbing(self) -> Absorbing:
        """How responses get into the calendar: Exchange 2007, which has no commands, enters them by itself."""
        return Absorbing.ON_COMMAND if self.commands else Absorbing.UNSEEN

    @property
    def commands(self) -> bool:
        """Whether the server supports OWA's commands, as far as is known by now."""
        return self._commands.known

    @property
    def _root(self) -> str:
        """The path that all hrefs of the mailbox are below."""
        return self.folders.root or self._named_root

    def require_own(self, message: MeetingMessage) -> None:
        """Check that the URLs of a message are in this mailbox, as those of each scanned message are.

        Before a message is refused, the folders are read again: the remembered ones may be those of another mailbox.
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
        """Check, at the mailbox's root, whether a refusal concerns one item only or the whole mailbox.

        :raises MailboxRefused: the whole mailbox is refused, for example by a proxy under maintenance. No item is
            at fault.
        """
        try:
            find_folders(self._server, self._named_root)
        except Refused as error:
            raise MailboxRefused(f"{refusal}; the whole mailbox is refused: {error}") from None

    def _require_below(self, message: MeetingMessage) -> None:
        if len(message.ref.address) != len(("href", "permanent URL")):
            raise Malformed("the item's address is not one of WebDAV")
        for url in filter(None, message.ref.address):
            Target.below(url, self._root)

    def _send(self, method: str, path: str, *, query: str = "", **options: Any) -> HttpResponse:
        """Call :meth:`Server.send` for a path in this mailbox.

        :raises Malformed: the path is outside, and nothing was sent: hrefs come from a server, and out of Redis.
        """
        return self._server.send(method, Target.below(path, self._root, query), **options)

    def is_in_inbox(self, message: MeetingMessage) -> bool:
        """Return whether the message's href is in the Inbox."""
        return href_of(message).casefold().startswith(self.folders.inbox.casefold() + "/")

    def meeting_messages(self, page_rows: int = PAGE_ROWS) -> Iterator[Page]:
        """Read the Inbox's meeting messages, oldest first, page by page; rows without a usable href are left out.

        No message comes twice, although rows shift between pages while somebody else works in the mailbox. If a message
        is missed for that reason, the next scan finds it.
        """
        return self._messages("inbox", wire.meeting_search(), page_rows)

    def messages_in(self, place: Place, uid: str = "") -> Iterator[Page]:
        """Read the meeting messages of a place, the newest first; pages are read on demand.

        Messages with the class of a response in Drafts or Sent Items are answers of the mailbox itself.
        """
        if place is Place.DRAFTS:
            body = wire.draft_search()
        else:
            body = wire.uid_search(uid) if uid else wire.meeting_search(newest_first=True)
        for page in self._messages(_FOLDERS[place], body):
            found = page.messages
            if place in _OF_THE_MAILBOX:
                found = [replace(one, kind=Kind.ANSWER) if one.kind is Kind.RESPONSE else one for one in found]
            yield Page(found, page.unreadable)

    def busy(self, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
        """Read everything that the calendar has between two moments, in UTC: see :func:`calendar.read_agenda`."""
        return self._of_calendar(lambda folder: calendar.read_agenda(self._server, folder, start, end))

    def appointment(self, message: MeetingMessage) -> Appointment | CalendarUnknown | None:
        """Read the appointment of what a message is about: see :func:`calendar.read_appointment`."""
        uid, occurrence, root = message.uid, message.occurrence, self._root
        return self._of_calendar(lambda folder: calendar.read_appointment(self._server, folder, uid, root, occurrence))

    def appointments(self, uid: str) -> list[Appointment] | CalendarUnknown:
        """Read all appointments of a meeting: see :func:`calendar.read_appointments`."""
        return self._of_calendar(lambda folder: calendar.read_appointments(self._server, folder, uid, self._root))

    def details(self, message: MeetingMessage) -> Details:
        """Read the attendees and the series of a request, with one PROPFIND.

        If a filter in front of Exchange rejects the href, the permanent URL is used.

        :raises Gone: the request is not there any more.
        """
        body, headers = wire.propfind(*wire.DETAILS), {**_XML, "Depth": "0"}
        try:
            rows = rows_of(self._send("PROPFIND", href_of(message), headers=headers, body=body))
        except Filtered:
            if not permanent_url_of(message):
                raise
            rows = rows_of(self._send("PROPFIND", permanent_url_of(message), headers=headers, body=body))
        return calendar.details_of(rows[0]) if rows else Details()

    def _messages(self, role: str, body: bytes, page_rows: int = PAGE_ROWS) -> Iterator[Page]:
        """Read the messages of a folder; if it does not exist under the known path, find the folders again."""
        for again in (False, True):
            lost: list[int] = []
            try:
                folder = getattr(self.folders, role)
                for rows in Search(self._server, folder, body, page_rows, lost.append).pages():
                    found = [message for row in rows if (message := message_of(row, self._root)) is not None]
                    yield Page(found, len(rows) - len(found) + sum(lost))
                    lost.clear()
            except Gone:
                if again or not self._find_folders_again(certainly=True):
                    raise
            else:
                if any(lost):
                    yield Page([], sum(lost))
                return

    def _of_calendar(self, read: Callable[[str], _T]) -> _T:
        found = read(self.folders.calendar)
        if isinstance(found, CalendarUnknown) and found.gone and self._find_folders_again(certainly=True):
            return read(self.folders.calendar)
        return found

    def _find_folders_again(self, *, certainly: bool = False) -> bool:
        """Find the folders again if they were only remembered: their names change with the mailbox's language.

        :param certainly: find them again in any case, because one of them is not there.
        :returns: whether they have changed. :raises Transient: the mailbox's name leads to another mailbox now.
        """
        before = self.folders
        if certainly or not self._folders_are_fresh:
            self.folders, self._folders_are_fresh = find_folders(self._server, self._named_root), True
        if before.identity and self.folders.identity != before.identity:
            raise Transient(f"{unquote(self._named_root)!r} leads to another mailbox than before; trying again")
        return self.folders != before

    def refresh(self, message: MeetingMessage) -> MeetingMessage | None:
        """Read the message again, and return it with a URL that works; None if it is gone.

        The href is tried first, because commands are known to work on it. Exchange reuses names, so it must be the same
        item. The permanent URL also reaches an item whose name a filter in front of Exchange rejects, or whose folder
        was renamed.

        :raises Refused: the item is there, but a filter rejects all its URLs.
        """
        here, filtered = None, False
        for url in filter(None, message.ref.address):
            try:
                here = self._at(url, message, _NOW)
            except Filtered:
                filtered = True
            if here is not None:
                return refreshed(at(message, url), here)
        inbox = (found for page in self.meeting_messages() for found in page.messages)
        if filtered:
            # Searches of the Inbox are not filtered, so they show whether the item is still in it.
            if any(rid_of(found) == rid_of(message) for found in inbox):
                what = unquote(href_of(message))
                raise Refused(f"a filter in front of Exchange (URLScan, IIS request filtering) rejects {what!r}")
        elif self._find_folders_again():
            rid = rid_of(message)
            return next((found for found in inbox if rid and rid_of(found) == rid), None)
        return None

    def _at(self, url: str, message: MeetingMessage, names: Sequence[Property]) -> Row | None:
        """Read the item at that URL; None if it is gone or is not the message.

        A message without an identity is recognized by its class and its meeting.

        :raises Malformed: the message has an identity and the item shows none, so they cannot be compared.
        """
        body = wire.propfind(*names)
        try:
            rows = rows_of(self._send("PROPFIND", url, headers={**_XML, "Depth": "0"}, body=body))
        except Gone:
            return None
        kind = Kind.RESPONSE if message.kind is Kind.ANSWER else message.kind
        if not rows or kind_of(rows[0].text(wire.MESSAGE_CLASS)) is not kind:
            return None
        if not rid_of(message):
            return rows[0] if rows[0].text(wire.UID) == message.uid else None
        if not rows[0].text(wire.REPL_UID):
            raise Malformed(f"PROPFIND {rows[0].href}: the response does not show the item's identity")
        return rows[0] if rows[0].text(wire.REPL_UID) == rid_of(message) else None

    def holds(self, message: MeetingMessage) -> bool:
        """Return whether the message is still at its href; it must be the same item, because Exchange reuses names."""
        try:
            return self._at(href_of(message), message, _IDENTITY) is not None
        except Filtered:
            return self.refresh(message) is not None

    def command(self, request: MeetingMessage, verdict: Verdict) -> str:
        """Send GET href?Cmd=accept: OWA stores the answer in Drafts and removes the request.

        Although it is a GET, it has an effect, and a page with status 200 may mean anything. The returned path of the
        draft is known if the response redirects to it.
        """
        return self._command(href_of(request), verdict)[1]

    def is_at(self, draft: MeetingMessage, where: str) -> bool:
        """Return whether a draft is at the path that :meth:`command` returned."""
        return unquote(href_of(draft)).casefold() == unquote(where).casefold()

    def absorb(self, response: MeetingMessage) -> None:
        """Send GET href?Cmd=open: OWA writes the attendee's status into the organizer's appointment.

        :raises Unsupported: there is no such command; Exchange 2007 enters responses by itself (KB955480).
        :raises Unknown: the returned page may be a login form, and the response does not show that it was opened.
        """
        page, _ = self._command(href_of(response), "open")
        if page.cleared and not self.shows_as_absorbed(response):
            raise Unknown(f"{page.what}: the page may be a login form, and nothing shows that the response was opened")

    def shows_as_absorbed(self, response: MeetingMessage) -> bool:
        """Return whether the server shows that a response was opened: it is marked as processed, or newly as read."""
        body = wire.propfind(wire.PROCESSED, wire.READ)
        rows = rows_of(self._send("PROPFIND", href_of(response), headers={**_XML, "Depth": "0"}, body=body))
        return any(row.flag(wire.PROCESSED) or (row.flag(wire.READ) and not response.read) for row in rows)

    def _command(self, href: str, command: str) -> tuple[HttpResponse, str]:
        """Return the HTTP response, and the path of the draft if it redirects there; else ''."""
        # No Translate header: with "Translate: f" IIS returns the raw message and the command does nothing.
        response = self._send("GET", href, headers={}, effect=True, query=f"Cmd={command}")
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response, ""
        try:
            location = urljoin(href, response.headers.get("Location", ""))
            target = urlsplit(location).path
        except ValueError:
            raise Unknown(f"{response.what} redirected to an invalid URL") from None
        # Exchange 2007 redirects to /owa; a command that was executed may redirect to the draft, below our root.
        if not target.casefold().startswith(self._server.root.casefold()):
            self._commands.miss()
            raise Unsupported(
                f"{response.what} redirected to {target!r}: this server does not support OWA commands; "
                'set answers = "icalendar" (or "detect") for it'
            )
        try:
            path = wire.path_below(location, self.folders.drafts + "/")
        except Malformed:
            return response, ""
        return response, path

    def compose_reply(self, request: MeetingMessage, address: str, verdict: Verdict) -> bytes:
        """Return an iCalendar reply to the stored request, without storing the reply: see :mod:`imip`."""
        return imip.reply_to(self.source(request), address, verdict, datetime.now(UTC), request.organizer)

    def source(self, message: MeetingMessage) -> bytes:
        """Read the message in MIME: a GET with ``Translate: f`` returns it, and has no effect."""
        response = self._send("GET", href_of(message), headers={"Translate": "f"})
        if not response.is_page:
            raise Refused(response.redirected)
        return response.body

    def create_draft(self, name: str, mime: bytes, marker: str = "") -> None:
        """Store a message in Drafts under a name that the caller chose; overwrite any message with that name.

        This takes two steps, as in DavMail: the flags unsent (8) and read (1) can only be set before the message is
        stored.

        :param marker: as in :meth:`mark_draft`; '' for none.
        """
        href = f"{self.folders.drafts}/{name}"
        flags = wire.proppatch({wire.MESSAGE_FLAGS: "9", **({wire.ANSWERS: marker} if marker else {})})
        response = self._send("PROPPATCH", href, headers=_XML, body=flags, effect=True, known={HTTPStatus.CONFLICT})
        if response.status == HTTPStatus.CONFLICT:
            raise Gone(f"{response.what} returned 409: the folder does not exist (any more)")
        _require_success(response)
        headers = {"Content-Type": "message/rfc822", "Translate": "f"}
        require_done(self._send("PUT", href, headers=headers, body=mime, effect=True))

    def has_draft(self, name: str) -> bool:
        """Return whether Drafts has an item with this name."""
        return self._exists(f"{self.folders.drafts}/{name}")

    def has_sent(self, name: str) -> bool:
        """Return whether Sent Items has an item with this name; a draft keeps its name when it is sent."""
        return self._exists(f"{self.folders.sentitems}/{name}")

    def send_draft(self, name: str) -> None:
        """Send the draft that :meth:`create_draft` stored."""
        self._move(f"{self.folders.drafts}/{name}", self.folders.sendmsg + "/")

    def discard_draft(self, name: str) -> None:
        """Delete the draft that :meth:`create_draft` stored, permanently: nobody else has written it."""
        self._delete(f"{self.folders.drafts}/{name}")

    def _exists(self, href: str) -> bool:
        body = wire.propfind(wire.REPL_UID)
        try:
            rows = rows_of(self._send("PROPFIND", href, headers={**_XML, "Depth": "0"}, body=body))
        except Gone:
            return False
        # A proxy may return the response to another request, so the name is checked; only our draft has that name.
        urls = (href, *(row.href for row in rows))
        name, *found = (unquote(url.rstrip("/").rpartition("/")[2]).casefold() for url in urls)
        return name in found

    def send(self, draft: MeetingMessage) -> None:
        """Move a draft to the submission URI, which sends it and keeps a copy in Sent Items."""
        try:
            self._move(href_of(draft), self.folders.sendmsg + "/")
        except Filtered:  # the request did not reach Exchange, so nothing was done
            if not permanent_url_of(draft):
                raise
            self._move(permanent_url_of(draft), self.folders.sendmsg + "/")

    def remove_canceled(self, cancellation: MeetingMessage) -> None:
        """Raise :class:`Unsupported`: the command of the button in Outlook Web Access is not known."""
        raise Unsupported(
            f"no command is known that removes a canceled meeting; nothing was sent for {cancellation.uid!r}"
        )

    def remove_appointment(self, appointment: Appointment) -> None:
        """Move an appointment to Deleted Items, where a person can get it back.

        :raises Refused: its href is outside of the mailbox.
        """
        if appointment.ref is None:
            raise Refused("the server returned an href outside of the mailbox for the appointment")
        self._trash(appointment.ref.address[0])

    def _trash(self, href: str) -> None:
        """Move an item to Deleted Items, as deleting it in Outlook does."""
        self._move(href, f"{self.folders.deleteditems}/{href.rsplit('/', 1)[-1]}")

    def _move(self, href: str, target: str) -> None:
        # A full URL, because Exchange 2003 refuses a path as the destination of a submission (DavMail's history).
        destination = self._server.origin + Target.below(target, self._root)
        headers = {"Destination": destination, "Overwrite": "f", "Allow-Rename": "t"}
        response = self._send("MOVE", href, headers=headers, effect=True)
        if response.status == HTTPStatus.MULTI_STATUS and not _require_success(response):
            raise Refused(f"{response.what} returned an empty 207 Multi-Status")
        require_done(response)

    def _delete(self, href: str) -> None:
        require_done(self._send("DELETE", href, headers={}, effect=True))

    def mark(self, request: MeetingMessage, intent: Intent) -> bool:
        """Write on the request that its answer was begun, unless somebody changed it after it was read.

        The ETag of the request is the condition; if it has none, the mark is written in any case.
        """
        return self._mark_if_allowed(request, wire.INTENT, intent_to_text(intent))

    def mark_draft(self, draft: MeetingMessage, marker: str) -> bool:
        """Write on the draft which request it answers, on the same condition as :meth:`mark`."""
        return self._mark_if_allowed(draft, wire.ANSWERS, marker)

    def mark_processed(self, message: MeetingMessage, intent: Intent | None = None) -> bool:
        """Set the processed flag and the read flag, so that no scan offers the message again.

        :param intent: the final content of our mark; None if the message has no mark of ours.
        :returns: whether the server set the processed flag; it can refuse one property within a 207.
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
            now = self._at(href_of(message), message, (*_IDENTITY, wire.TAG))
            if now is None:
                raise Gone(f"{unquote(href_of(message))!r} is not there any more")
            if now.text(wire.TAG) != tag:
                raise Changed(f"somebody changed {unquote(href_of(message))!r} after it was read")
            # Nobody did, so the server does not support the condition.
            self.conditional = False
            return self._mark(message, needed, values)
        if response.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT} and not response.body:
            return True  # a success with "Brief: t"
        rows = _require_success(response)
        created = any(row.status == HTTPStatus.CREATED for row in rows)
        if created and self._at(href_of(message), message, _IDENTITY) is None:
            # The message was gone, and a PROPPATCH of a URL without an item creates an empty one: delete that.
            self._delete(href_of(message))
            raise Gone(f"{response.what} created a new item, because the message is not there any more")
        return bool(rows) and not any(needed in row.refused for row in rows)

    def clear(self, message: MeetingMessage, how: Clear, intent: Intent | None = None) -> None:
        """Clear a message that is finished.

        If a message cannot be marked, it is moved to Deleted Items and never deleted: Outlook removes the appointment
        together with an accepted request that is not marked (KB883672, KB886688).
        """
        if how is Clear.DELETE:
            self._delete(href_of(message))
            return
        marked = False
        if how is Clear.MARK:
            with suppress(Refused):
                marked = self.mark_processed(message, intent)
        if not marked:
            self._trash(href_of(message))


def _require_success(response: HttpResponse) -> list[Row]:
    """Return the rows of a 207 to a request with an effect.

    :raises ExchangeError: a row failed; its status decides which error.
    :raises Unknown: the 207 cannot be read, so it may have been done.
    """
    rows, failed = list[Row](), list[Row]()
    try:
        for row in read_rows(response, Reader()):
            if len(rows) < MOST_KEPT:
                rows.append(row)
            if not (row.ok or failed):
                failed.append(row)
    except Malformed as error:
        raise Unknown(str(error)) from None
    for row in failed:
        what = f"{response.what}: the part {unquote(row.href)!r}"
        if row.status == HTTPStatus.UNAUTHORIZED:
            raise no_rights(what)  # the password is right, or the whole response would not be a 207
        raise error_from(what, row.status, {}, effect=True) or Unknown(f"{what} returned {row.status}")
    return rows
