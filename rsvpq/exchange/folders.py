"""Where a mailbox's well-known folders are: their names are localised, so they are asked for, never spelt."""

from dataclasses import dataclass
from urllib.parse import unquote

from rsvpq.exchange import wire
from rsvpq.exchange.errors import Busy, ExchangeError, LoginRefused, Refused
from rsvpq.exchange.transport import Server

_NEEDED = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg")
_OTHERS = ("calendar", "outbox")
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Depth": "0"}


@dataclass(frozen=True, slots=True)
class Folders:
    """The paths of a mailbox's well-known folders, %-encoded as the server wrote them, without a slash at the end."""

    inbox: str
    drafts: str
    sentitems: str
    deleteditems: str
    sendmsg: str
    #: '' where the account may not see them.
    calendar: str = ""
    outbox: str = ""


def find_folders(server: Server, root: str) -> Folders:
    """PROPFIND of the mailbox for its folders' URLs.

    Where the account has rights on folders but none on the mailbox itself, its NON_IPM_SUBTREE still tells them
    (evolution-exchange, docs/http).

    :raises ExchangeError: see :meth:`Server.send`. Gone: there is no such mailbox here.
    """
    body = wire.propfind([(wire.HTTPMAIL, name) for name in (*_NEEDED, *_OTHERS)])
    try:
        rows = server.send("PROPFIND", root, headers=_HEADERS, body=body).rows()
    except (Refused, Busy) as refusal:
        # Not for a credential that nothing was opened with yet: a wrong password must not be tried twice.
        if isinstance(refusal, LoginRefused) or (isinstance(refusal, Busy) and refusal.scope == "server"):
            raise
        try:
            rows = server.send("PROPFIND", root + "NON_IPM_SUBTREE", headers=_HEADERS, body=body).rows()
        except ExchangeError:
            raise refusal from None
    found = {name: rows[0].text((wire.HTTPMAIL, name)) if rows else "" for name in (*_NEEDED, *_OTHERS)}
    missing = [name for name in _NEEDED if not found[name]]
    if missing:
        raise Refused(f"PROPFIND {unquote(root)!r}: no URL for {', '.join(missing)}; may the account read it?")
    return Folders(**{name: wire.path_below(url, root).rstrip("/") if url else "" for name, url in found.items()})
