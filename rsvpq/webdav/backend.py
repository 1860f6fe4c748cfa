"""One Exchange server by WebDAV: opens its mailboxes, and caches the URLs of their folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from cachetools import TTLCache

from rsvpq.http.server import Server
from rsvpq.mail.errors import Gone, MailboxRefused, Refused, Transient
from rsvpq.mail.lease import Lease
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import Answers, Commands, WebDavMailbox

#: Seconds for which a mailbox's folder URLs are cached: they change when the language of the mailbox is changed.
FOLDERS_TTL_S = 3600
#: The number of mailboxes whose folder URLs one process keeps; each takes about 1 kB.
FOLDERS_KEPT = 20_000


class WebDavBackend:
    """One server, for all threads of a process; see :class:`rsvpq.mail.ports.Backend`."""

    def __init__(self, server: Server, answers: Answers) -> None:
        self._server = server
        self._commands = Commands(answers)
        self._folders: TTLCache[str, Folders] = TTLCache(FOLDERS_KEPT, FOLDERS_TTL_S)
        self._lock = Lock()

    @property
    def certificate_end_s(self) -> float:
        """When the certificate of the server ends, in seconds since the epoch; 0 if none was seen."""
        return self._server.certificate_end_s

    @contextmanager
    def open(self, name: str, lease: Lease) -> Iterator[WebDavMailbox]:
        """Open a mailbox; query its folders once an hour, and again after something was not found.

        :raises MailboxRefused: the server refuses the mailbox as a whole.
        :raises ExchangeError: see :class:`WebDavMailbox`.
        """
        with self._server.for_item(lease):
            with self._lock:
                folders = self._folders.get(name)
            try:
                box = WebDavMailbox(self._server, name, folders, self._commands)
            except Refused as refusal:  # the whole mailbox is refused, so no item is at fault
                raise MailboxRefused(str(refusal)) from None
            try:
                yield box
            except (Gone, Transient, Refused) as error:
                # A faulty server or proxy may have returned the folders of another mailbox.
                with self._lock:
                    self._folders.pop(name, None)
                if isinstance(error, Refused):
                    box.require_open(error)
                raise
            with self._lock:
                self._folders[name] = box.folders  # the mailbox may have queried them again
