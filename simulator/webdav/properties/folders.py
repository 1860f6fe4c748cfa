"""Every property a folder has; on the mailbox root also where the well-known folders are."""

import base64
from collections.abc import Callable
from urllib.parse import quote

from simulator.webdav import urls
from simulator.webdav.properties.names import DAV, EXCHANGE, REPL
from simulator.webdav.urls import href_path, path_of
from simulator.webdav.values import Markup
from simulator.world.content_classes import content_class_of_folder
from simulator.world.languages import Role
from simulator.world.mailboxes import NON_IPM_SUBTREE, Folder
from simulator.world.property_names import HTTPMAIL, PROPTAG
from simulator.world.values import Value

_FOLDER_CLASS = EXCHANGE + "outlookfolderclass"


def submission_path(root: Folder) -> str:
    """Return the submission path as Exchange spells it: `##` encoded, slash at the end."""
    return f"{path_of(root)}/{quote(urls.SUBMISSION, safe='')}/"


def tells_folders(resource: object) -> bool:
    """Return whether a resource has the paths of the well-known folders: the mailbox root, and its substitute."""
    return isinstance(resource, Folder) and _knows_the_others(resource)


def _knows_the_others(folder: Folder) -> bool:
    # A delegate without rights on the root reads the same answers there (evolution-exchange, docs/other-users).
    return folder.parent is None or folder.name == NON_IPM_SUBTREE


def _well_known(role: Role) -> Callable[[Folder, str], Value | None]:
    def read(folder: Folder, origin: str) -> Value | None:
        return origin + path_of(folder.mailbox.folders[role]) if _knows_the_others(folder) else None

    return read


def _sendmsg(folder: Folder, origin: str) -> Value | None:
    return origin + submission_path(folder.mailbox.root) if _knows_the_others(folder) else None


def _numbered(folder: Folder) -> str:
    return f"{folder.mailbox.store.replicas[folder.mailbox.server]}{folder.serial:012x}"


def _entry_id(folder: Folder) -> str:
    return base64.b64encode(bytes.fromhex(_numbered(folder))).decode("ascii")


def _permanent_url(folder: Folder, origin: str) -> str:
    replica = folder.mailbox.store.replicas[folder.mailbox.server]
    return f"{origin}{path_of(folder.mailbox.root)}/{urls.FLAT_URL_SPACE}/{replica}-{folder.serial:x}/"


def _unread(folder: Folder) -> int:
    return sum(not item.message.read for item in folder.items.values())


def _folder_class(folder: Folder) -> str:
    written = (folder.patches or {}).get(_FOLDER_CLASS, folder.folder_class)
    return written if isinstance(written, str) else ""


_STORED: dict[str, Callable[[Folder], Value | None]] = {
    DAV + "displayname": lambda folder: folder.name,
    DAV + "parentname": lambda folder: folder.parent.name if folder.parent else None,
    DAV + "contentclass": lambda folder: content_class_of_folder(_folder_class(folder)),
    DAV + "resourcetype": lambda _: Markup("<a:collection/>"),
    DAV + "iscollection": lambda _: True,
    DAV + "isfolder": lambda _: True,
    DAV + "ishidden": lambda folder: folder.hidden,
    DAV + "hassubs": lambda folder: bool(folder.children),
    DAV + "nosubs": lambda _: False,
    DAV + "objectcount": lambda folder: len(folder.items),
    DAV + "visiblecount": lambda folder: len(folder.items),
    DAV + "childcount": lambda folder: len(folder.items) + len(folder.children),
    DAV + "getlastmodified": lambda folder: folder.modified,
    DAV + "creationdate": lambda folder: folder.mailbox.store.created,
    DAV + "uid": _entry_id,
    DAV + "id": _entry_id,
    _FOLDER_CLASS: lambda folder: folder.folder_class,
    HTTPMAIL + "unreadcount": _unread,
    REPL + "repl-uid": lambda folder: "rid:" + _numbered(folder),
    REPL + "contenttag": lambda folder: f"ct:{_numbered(folder)}{folder.change:012x}",
    PROPTAG + "x3001001f": lambda folder: folder.name,
    # PR_ARTICLE_NUM_NEXT: the UIDNEXT of an IMAP gateway.
    PROPTAG + "x67510003": lambda folder: folder.article_to_come,
    PROPTAG + "x10f3001f": lambda folder: folder.name,
}


def _stored(read: Callable[[Folder], Value | None]) -> Callable[[Folder, str], Value | None]:
    return lambda folder, _origin: read(folder)


FOLDER_PROPERTIES: dict[str, Callable[[Folder, str], Value | None]] = {
    **{name: _stored(read) for name, read in _STORED.items()},
    **{HTTPMAIL + role: _well_known(role) for role in Role},
    HTTPMAIL + "msgfolderroot": lambda folder, origin: (
        origin + href_path(folder.mailbox.root) if _knows_the_others(folder) else None
    ),
    HTTPMAIL + "sendmsg": _sendmsg,
    DAV + "href": lambda folder, origin: origin + href_path(folder),
    EXCHANGE + "permanenturl": _permanent_url,
}
