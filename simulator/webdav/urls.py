"""The paths of items and folders in URLs.

The store has escaped what a path cannot hold; here what a URL cannot hold is percent-encoded.
"""

from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from simulator.world.mailboxes import Folder, Item, Resource, replica

#: The virtual name that sends what is moved to it; it exists in no listing (evolution-exchange, docs/sending-mail).
SUBMISSION = "##DavMailSubmissionURI##"
#: The virtual folder below which items are addressed by number (evolution-exchange, docs/entryids).
FLAT_URL_SPACE = "-FlatUrlSpace-"

#: Seen unencoded in real hrefs: `{ } @ : = . -`.  Seen encoded: blank, apostrophe, `&`, `+`, non-ASCII.  The rest of
#: this set is unproven either way and left plain.
_PLAIN_IN_HREF = "{}@:=.-_$!*(),;"


def path_of(folder: Folder) -> str:
    """Return the path of a folder, without a slash at the end."""
    return f"{path_of(folder.parent) if folder.parent else '/exchange'}/{encode(folder.name)}"


def href_path(resource: Resource) -> str:
    """Return the path in the href of an item or a folder; only that of a folder ends with a slash."""
    if isinstance(resource, Folder):
        return path_of(resource) + "/"
    return f"{path_of(resource.folder)}/{encode(resource.name)}"


def permanent_path(item: Item) -> str:
    """Return the path by number, valid until the item is moved (evolution-exchange, docs/entryids)."""
    database = replica(item)
    place = f"{database}-{item.folder.serial:x}/{database}-{item.serial:x}"
    return f"{path_of(item.mailbox.root)}/{FLAT_URL_SPACE}/{place}"


@lru_cache(maxsize=4096)
def encode(segment: str) -> str:
    """Return a path segment as Exchange writes it into an href."""
    return quote(segment, safe=_PLAIN_IN_HREF)


@lru_cache(maxsize=4096)
def split_path(path: str) -> tuple[str, ...]:
    """Return the segments of a URL path, decoded exactly once: `%2525` is a name that holds `%25`.

    `path` is as it came off the wire: one letter for each octet.
    """
    return tuple(_decode(segment) for segment in path.split("/") if segment)


def _decode(segment: str) -> str:
    octets = unquote_to_bytes(segment.encode("latin-1"))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
