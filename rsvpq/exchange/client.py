"""One mail server as seen by a program: one method per operation, and the only file that sends.

Every request goes to the configured origin; redirects are never followed. A mailbox is opened with :meth:`Server.open`
and then worked by the methods of :class:`MailboxClient`, one request after the other.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import local
from urllib.parse import quote, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from rsvpq.exchange import wire
from rsvpq.exchange.errors import Busy, Gone, LoginRefused, Malformed, Refused, Transient, Unknown, error_from
from rsvpq.messages import Kind, MeetingMessage, kind_of

#: Rows asked for at once; evolution-exchange's bound, and small enough to parse in one piece.
PAGE_ROWS = 100
#: The most of an answer that is read, in bytes: a page of 100 rows is about 200 kB.
LARGEST_ANSWER = 16 * 1024 * 1024
#: A safety net against a server that never stops sending pages.
MOST_PAGES = 1000

#: How a SEARCH with a Range beyond the last row may be answered (evolution-exchange reads it as "no results").
_NO_ROWS = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_FOLDERS = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg")
#: The forms of Exchange 2003 (owalogon.asp), of 2007 (auth/logon.aspx) and of ISA (CookieAuth.dll).
_LOGIN_PAGE = re.compile(rb"owalogon|owaauth\.dll|auth/logon\.aspx|CookieAuth\.dll|name=[\"']?username", re.IGNORECASE)
_HEADERS = {
    "User-Agent": "rsvpq",
    # A mailbox nobody has opened yet gets its folders at first logon, in this language; without it IIS answers 401
    # (evolution-exchange, e2k-http-utils.c).
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, deflate",
}
_XML = {"Content-Type": "text/xml; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Folders:
    """The paths of a mailbox's well-known folders, %-encoded as the server wrote them, without a slash at the end."""

    inbox: str
    drafts: str
    sentitems: str
    deleteditems: str
    sendmsg: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, and for the next bytes of an answer."""

    connect_s: float = 10.0
    read_s: float = 60.0


class Server:
    """A mail server and the account used on it.

    :param url: origin and the path of the mailboxes, such as ``https://mail.example.com/exchange/``.
    :param verify: a CA bundle's path, or True for the system's.
    """

    def __init__(
        self, url: str, auth: AuthBase, *, timeouts: Timeouts | None = None, verify: str | bool = True
    ) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.root = parts.path.rstrip("/") + "/"
        self._auth = auth
        self._timeouts = timeouts or Timeouts()
        self._verify = verify
        self._threads = local()

    def open(self, mailbox: str, folders: Folders | None = None) -> "MailboxClient":
        """A client of one mailbox; finds its folders unless they are known from before.

        :raises ExchangeError: see :meth:`send`. Gone: there is no such mailbox here.
        """
        return MailboxClient(self, mailbox, folders)

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        effect: bool = False,
        known: Collection[int] = (),
    ) -> "Answer":
        """Send one request to a %-encoded path and read its whole answer.

        :param effect: whether it changes something, which decides what a lost answer means.
        :param known: statuses of 400 and above that the caller understands; they come back as answers.
        :raises Busy, LoginRefused, Transient, Unknown, Gone, Refused: see ``errors``.
        """
        what = f"{method} {unquote(path)}"
        session = self._session()
        request = requests.Request(method, self.origin, headers={**_HEADERS, **headers}, data=body, auth=self._auth)
        prepared = session.prepare_request(request)
        prepared.url = self.origin + path  # as the server spelt it: requests would quote it anew
        try:
            with session.send(
                prepared,
                timeout=(self._timeouts.connect_s, self._timeouts.read_s),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read(response, what, effect=effect)
        except requests.ConnectTimeout as error:
            raise Busy(f"{what}: no connection ({type(error).__name__})") from None
        except requests.ConnectionError as error:
            raise _connection_error(what, error, effect=effect) from None
        except requests.RequestException as error:
            lost = f"{what}: the answer was lost ({type(error).__name__})"
            raise (Unknown if effect else Transient)(lost) from None
        failure = error_from(what, response.status_code, response.headers, effect=effect)
        if failure is not None and response.status_code not in known:
            raise failure
        return Answer(what, response.status_code, response.headers, content)

    def _session(self) -> requests.Session:
        """The thread's session: sessions are not made for several threads, and connections are worth keeping."""
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxies or netrc from the environment: slower, and not what was configured
            adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
            session.mount(self.origin, adapter)
            self._threads.session = session
        return session


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error (or one the caller understands), read to its end."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def rows(self) -> list[wire.Row]:
        """The rows of a multistatus.

        :raises LoginRefused: it is a login page. :raises Malformed: it is something else again.
        """
        self.check_login()
        if self.status != HTTPStatus.MULTI_STATUS:
            raise Malformed(f"{self.what} answered {self.status} where 207 was due")
        try:
            return wire.multistatus(self.body)
        except Malformed as error:
            raise Malformed(f"{self.what}: {error}") from None

    def check_login(self) -> None:
        """Complain about the forms login, which comes as a page with 200 or as a redirect to one.

        :raises LoginRefused: that is what this is.
        """
        target = self.headers.get("Location", "").encode()
        html = self.body if "html" in self.headers.get("Content-Type", "").lower() else b""
        if _LOGIN_PAGE.search(target) or _LOGIN_PAGE.search(html):
            raise LoginRefused(f"{self.what} answered with the login form")

    def check_done(self) -> None:
        """Complain about what is no success of a MOVE or DELETE, though no error either.

        :raises LoginRefused: it is a login page. :raises Refused: it is a redirect, which is never followed.
        """
        self.check_login()
        if self.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Refused(f"{self.what} answered {self.status}: the server sends us elsewhere")


class MailboxClient:
    """The operations on one mailbox; each says what it asks of the server and what its failure means."""

    def __init__(self, server: Server, mailbox: str, folders: Folders | None) -> None:
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


def _read(response: requests.Response, what: str, *, effect: bool) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(65536):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            text = f"{what}: the answer is larger than {LARGEST_ANSWER} bytes"
            raise Unknown(text) if effect else Refused(text)
    return bytes(content)


def _connection_error(what: str, error: requests.ConnectionError, *, effect: bool) -> Exception:
    """Refused or unreachable means that nothing was sent; anything else may have reached the server."""
    text = str(error)
    if "NewConnectionError" in text or "NameResolutionError" in text or isinstance(error, requests.exceptions.SSLError):
        return Busy(f"{what}: no connection to the server")
    lost = f"{what}: the connection broke"
    return Unknown(lost) if effect else Transient(lost)
