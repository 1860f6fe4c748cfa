"""Find the well-known folders of a mailbox: their names are localized, so they are queried and never assumed."""

from dataclasses import dataclass
from urllib.parse import unquote

from rsvpq.http.server import Server
from rsvpq.mail.errors import Busy, ExchangeError, LoginRefused, Malformed, Refused
from rsvpq.webdav import wire
from rsvpq.webdav.server import rows_of

_NEEDED = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg")
_OTHERS = ("calendar",)
_IDENTITY = (wire.REPL_UID, wire.PERMANENT_URL, wire.ID)
#: In permanent URLs, the part before the numbers by which the store addresses items.
_BY_NUMBER = "/-FlatUrlSpace-/"
_HEADERS = {**wire.XML_BODY, "Depth": "0"}


@dataclass(frozen=True, slots=True)
class Folders:
    """The paths of a mailbox's well-known folders, %-encoded as the server wrote them, without a trailing slash."""

    inbox: str
    drafts: str
    sentitems: str
    deleteditems: str
    sendmsg: str
    #: '' if the account may not see it.
    calendar: str = ""
    #: The path of the mailbox as the server writes it in hrefs, with a trailing slash; '' if that is not known.
    root: str = ""
    #: The identity of the mailbox, whatever name it was opened by; '' if the server does not show it.
    identity: str = ""


def find_folders(server: Server, root: str) -> Folders:
    """Query the URLs of the folders and the identity of a mailbox, with a PROPFIND.

    If the account has rights on folders but none on the mailbox itself, its NON_IPM_SUBTREE still shows them
    (evolution-exchange, docs/http).

    :raises ExchangeError: see :meth:`Server.send`. :raises Gone: there is no such mailbox on this server.
    :raises Refused: the server shows no URLs, or those of another name of the mailbox.
    """
    body = wire.propfind(*((wire.HTTPMAIL, name) for name in (*_NEEDED, *_OTHERS)), *_IDENTITY)
    try:
        rows = rows_of(server.send("PROPFIND", root, headers=_HEADERS, body=body))
    except (Refused, Busy) as refusal:
        # Not after a refused login, as a wrong password must not be tried twice, nor if the whole server is busy.
        if isinstance(refusal, LoginRefused) or (isinstance(refusal, Busy) and refusal.scope == "server"):
            raise
        try:
            rows = rows_of(server.send("PROPFIND", root + "NON_IPM_SUBTREE", headers=_HEADERS, body=body))
        except ExchangeError:
            raise refusal from None
    row = rows[0] if rows else None
    found = {name: row.text((wire.HTTPMAIL, name)) if row else "" for name in (*_NEEDED, *_OTHERS)}
    missing = [name for name in _NEEDED if not found[name]]
    if row is None or missing:
        raise Refused(f"PROPFIND {unquote(root)!r}: no URL for {', '.join(missing)}; may the account read it?")
    home = _home(server.root, row.href) or root
    paths = {name: _path(server.root, home, url) if url else "" for name, url in found.items()}
    # What identifies the mailbox under each of its names; of a permanent URL, the part after the name.
    permanent = row.text(wire.PERMANENT_URL).rstrip("/").partition(_BY_NUMBER)[2]
    return Folders(**paths, root=home, identity=row.text(wire.REPL_UID) or permanent or row.text(wire.ID))


def _home(top: str, href: str) -> str:
    """Return the path of the mailbox that an href is in, below ``top``, the path of all mailboxes; '' if it is in none.

    A mailbox has several names: an alias for each SMTP address, and the addresses (KB324306, MSDN aa493863). The server
    chooses which of them it uses in hrefs, and every later href must be below that path.
    """
    try:
        parts = wire.path_below(href, top).split("/")
    except Malformed:
        return ""
    depth = top.count("/")
    return "/".join(parts[: depth + 1]) + "/" if len(parts) > depth and parts[depth] else ""


def _path(top: str, home: str, url: str) -> str:
    try:
        return wire.path_below(url, home).rstrip("/")
    except Malformed:
        other = unquote(_home(top, url)).rstrip("/").rpartition("/")[2]
        if not other:
            raise
        raise Refused(
            f"the folders of mailbox {unquote(home)!r} are below {other!r}; use {other!r} in the list of mailboxes"
        ) from None
