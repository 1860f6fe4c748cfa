"""The operations on one mailbox: one method each, saying what it asks of the server and what its failure means.

A mailbox is worked by one request after the other; what sends them is :class:`rsvpq.exchange.transport.Server`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote, urlsplit

from rsvpq.exchange import wire
from rsvpq.exchange.errors import Gone, Malformed, Refused
from rsvpq.exchange.transport import Server
from rsvpq.messages import Kind, MeetingMessage, kind_of

#: Rows asked for at once; evolution-exchange's bound, and small enough to parse in one piece.
PAGE_ROWS = 100
#: A safety net against a server that never stops sending pages.
MOST_PAGES = 1000

#: How a SEARCH with a Range beyond the last row may be answered (evolution-exchange reads it as "no results").
_NO_ROWS = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_FOLDERS = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg")
_XML = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Folders:
    """The paths of a mailbox's well-known folders, %-encoded as the server wrote them, without a slash at the end."""

    inbox: str
    drafts: str
    sentitems: str
    deleteditems: str
    sendmsg: str


class MailboxClient:
    """One mailbox; finds its folders unless they are known from before.

    :raises ExchangeError: see :meth:`Server.send`. Gone: there is no such mailbox here.
    """

    def __init__(self, server: Server, mailbox: str, folders: Folders | None = None) -> None:
        self._server = server
        self._root = server.root + quote(mailbox, safe="@.-_~") + "/"
        self.folders = folders or self._find_folders()

    def _find_folders(self) -> Folders:
        """PROPFIND of the mailbox for its folders' URLs: names are localised, so they are asked for, never spelt."""
        body = wire.propfind([(wire.HTTPMAIL, name) for name in _FOLDERS])
        rows = self._server.send("PROPFIND", self._root, headers={**_XML, "Depth": "0"}, body=body).rows()
        found = {name: rows[0].text((wire.HTTPMAIL, name)) if rows else "" for name in _FOLDERS}
        missing = [name for name, url in found.items() if not url]
        if missing:
            raise Refused(f"PROPFIND {unquote(self._root)}: no URL for {', '.join(missing)}; may the account read it?")
        return Folders(**{name: self._path(url).rstrip("/") for name, url in found.items()})

    def meeting_messages(self, page_rows: int = PAGE_ROWS) -> Iterator[list[MeetingMessage]]:
        """The Inbox's meeting messages, oldest first, a page at a time; a row without a usable href is left out.

        Rows shift while paging if somebody else works in the mailbox: one may come twice, and one may be missed until
        the next scan.
        """
        for rows in self._search(self.folders.inbox, page_rows):
            yield [message for message in map(self._message, rows) if message is not None]

    def response_drafts(self) -> list[MeetingMessage]:
        """The answers that lie unsent in Drafts (ours, and those a person has not sent yet)."""
        return self._responses_in(self.folders.drafts)

    def sent_responses(self) -> list[MeetingMessage]:
        """The answers in Sent Items."""
        return self._responses_in(self.folders.sentitems)

    def _responses_in(self, folder: str) -> list[MeetingMessage]:
        messages = (self._message(row) for rows in self._search(folder, PAGE_ROWS) for row in rows)
        return [message for message in messages if message is not None and message.kind is Kind.RESPONSE]

    def _search(self, folder: str, page_rows: int) -> Iterator[list[wire.Row]]:
        first = 0
        for _ in range(MOST_PAGES):
            headers = {**_XML, "Range": f"rows={first}-{first + page_rows - 1}"}
            answer = self._server.send("SEARCH", folder, headers=headers, body=wire.meeting_search(), known={_NO_ROWS})
            if answer.status == _NO_ROWS:
                return
            rows = answer.rows()
            yield rows
            first += len(rows)
            total = wire.total_rows(answer.headers.get("Content-Range", ""))
            if not rows or "Content-Range" not in answer.headers or (total is not None and first >= total):
                return
        raise Malformed(f"SEARCH {unquote(folder)}: more than {MOST_PAGES} pages")

    def holds(self, message: MeetingMessage) -> bool:
        """Whether the message is still at its href: the same item, for names are used again."""
        body = wire.propfind([wire.REPL_UID, wire.MESSAGE_CLASS])
        try:
            rows = self._server.send("PROPFIND", message.href, headers={**_XML, "Depth": "0"}, body=body).rows()
        except Gone:
            return False
        same_class = bool(rows) and kind_of(rows[0].text(wire.MESSAGE_CLASS)) is message.kind
        return same_class and (not message.rid or rows[0].text(wire.REPL_UID) == message.rid)

    def accept(self, message: MeetingMessage) -> None:
        """GET href?Cmd=accept: OWA writes the answer into Drafts and removes the request. Not safe, though a GET.

        Whether it worked must be looked up afterwards: a page with 200 may say anything.

        :raises Unknown: the answer was lost, or a 5xx: it may have been done.
        """
        self._command(message.href, "accept")

    def open(self, message: MeetingMessage) -> None:
        """GET href?Cmd=open on a response: OWA writes the attendee's status into the organiser's appointment."""
        self._command(message.href, "open")

    def _command(self, href: str, command: str) -> None:
        # No Translate header: with "Translate: f" IIS hands out the raw message and the command does nothing.
        self._server.send("GET", f"{href}?Cmd={command}", headers={}, effect=True).check_login()

    def submit(self, draft_href: str) -> None:
        """MOVE a draft to the submission URI, which sends it and keeps a copy in Sent Items."""
        self._move(draft_href, self.folders.sendmsg + "/")

    def move_to_deleted_items(self, message: MeetingMessage) -> None:
        """MOVE a message to Deleted Items, as a person's delete does."""
        self._move(message.href, f"{self.folders.deleteditems}/{message.href.rsplit('/', 1)[-1]}")

    def _move(self, href: str, target: str) -> None:
        # A full URL, since Exchange 2003 refuses a path as the destination of a submission (DavMail's history).
        headers = {"Destination": self._server.origin + target, "Overwrite": "f", "Allow-Rename": "t"}
        answer = self._server.send("MOVE", href, headers=headers, effect=True)
        if answer.status == HTTPStatus.MULTI_STATUS and not answer.rows():
            raise Refused(f"{answer.what} answered 207, and not one of its parts succeeded")
        answer.check_done()

    def delete(self, message: MeetingMessage) -> None:
        """DELETE a message for good."""
        self._server.send("DELETE", message.href, headers={}, effect=True).check_done()

    def mark_processed(self, message: MeetingMessage) -> None:
        """Set the processed marker and the read flag, so that no scan offers the message again."""
        body = wire.proppatch({wire.PROCESSED: "1", wire.READ: "1"})
        self._server.send("PROPPATCH", message.href, headers=_XML, body=body, effect=True).rows()

    def _message(self, row: wire.Row) -> MeetingMessage | None:
        try:
            href = self._path(row.href)
        except Malformed:
            return None
        return MeetingMessage(
            kind=kind_of(row.text(wire.MESSAGE_CLASS)),
            message_class=row.text(wire.MESSAGE_CLASS),
            href=href,
            rid=row.text(wire.REPL_UID),
            uid=row.text(wire.UID),
            subject=row.text(wire.SUBJECT),
            organizer=row.text(wire.ORGANIZER),
            permanent_url=urlsplit(row.text(wire.PERMANENT_URL)).path,
            received=row.text(wire.RECEIVED),
            response_requested=row.flag(wire.RESPONSE_REQUESTED, default=True),
            processed=row.flag(wire.PROCESSED),
        )

    def _path(self, href: str) -> str:
        return wire.path_below(href, self._root)
