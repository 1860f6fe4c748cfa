"""One Exchange server by Exchange Web Services: opens its mailboxes, and caches the Ids of their Inboxes."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from threading import Lock

from cachetools import TTLCache

from rsvpq.ews.calls import Calls
from rsvpq.ews.envelope import Access, Envelope
from rsvpq.ews.errors import NoSuchMailbox
from rsvpq.ews.mailbox import EwsMailbox, Marker, Marks, Moves
from rsvpq.ews.server import EwsServer
from rsvpq.mail.errors import Gone, MailboxRefused, Refused, Transient
from rsvpq.mail.lease import Lease

#: Seconds for which the Id of an Inbox is cached, and the number of mailboxes of which one process keeps it.
INBOX_TTL_S, INBOXES_KEPT = 3600, 20_000


class EwsBackend:
    """One server, for all threads of a process; see :class:`rsvpq.mail.ports.Backend`.

    :param access: how the account gets into mailboxes. :param marker: whether requests are marked.
    """

    def __init__(self, server: EwsServer, access: Access = "impersonation", marker: Marker = "detect") -> None:
        self._server = server
        self._access = access
        self._marks = Marks(marker)
        self._moves = Moves()
        self._inboxes: TTLCache[str, str] = TTLCache(INBOXES_KEPT, INBOX_TTL_S)
        self._lock = Lock()

    @property
    def certificate_end_s(self) -> float:
        """When the certificate of the server ends, in seconds since the epoch; 0 if none was seen."""
        return self._server.certificate_end_s

    @contextmanager
    def open(self, name: str, lease: Lease) -> Iterator[EwsMailbox]:
        """Open a mailbox; read the Id of its Inbox once an hour, and again after something was not found.

        :raises MailboxRefused: the server refuses the mailbox as a whole. :raises Gone: there is no such mailbox.
        """
        with self._server.for_item(lease):
            with self._lock:
                inbox = self._inboxes.get(name, "")
            try:
                envelope = Envelope(name, self._access)
                inbox = inbox or Calls(self._server, envelope).folder_id("inbox")
            except NoSuchMailbox as error:
                raise Gone(str(error)) from None
            except Refused as refusal:  # the whole mailbox is refused, so no item is at fault
                raise MailboxRefused(str(refusal)) from None
            with self._lock:
                self._inboxes[name] = inbox
            try:
                yield EwsMailbox(self._server, envelope, inbox, _identity(inbox), self._marks, self._moves)
            except (Gone, Transient, Refused):
                with self._lock:
                    self._inboxes.pop(name, None)
                raise


def _identity(inbox: str) -> str:
    """Return the identity of the mailbox with this Inbox, whose Id is the same by each name of the mailbox."""
    return blake2b(inbox.encode(), digest_size=16).hexdigest()
