"""The answer about an item that has just been stored (evolution-exchange, docs/http)."""

from simulator.webdav.properties.items import etag, repl_uid, resource_tag
from simulator.webdav.urls import href_path, permanent_path
from simulator.world.mailboxes import Item


def stored_headers(item: Item, origin: str) -> tuple[tuple[str, str], ...]:
    """Return the headers with the URL of the item, and the tags of this version."""
    return (
        ("Location", origin + href_path(item)),
        ("Repl-UID", f"<{repl_uid(item)}>"),
        ("GetETag", etag(item)),
        ("ETag", etag(item)),
        ("ResourceTag", f"<{resource_tag(item)}>"),
        ("MS-Exchange-Permanent-URL", origin + permanent_path(item)),
    )
