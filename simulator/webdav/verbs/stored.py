"""What the answer says about an item that has just been stored (evolution-exchange, docs/http)."""

from simulator.webdav.properties.items import etag, permanent_path, repl_uid, resource_tag
from simulator.world.mailboxes import Item


def stored_headers(item: Item, origin: str) -> tuple[tuple[str, str], ...]:
    """Where the item is, and the tags of this version of it."""
    return (
        ("Location", origin + item.href_path),
        ("Repl-UID", f"<{repl_uid(item)}>"),
        ("GetETag", etag(item)),
        ("ETag", etag(item)),
        ("ResourceTag", f"<{resource_tag(item)}>"),
        ("MS-Exchange-Permanent-URL", origin + permanent_path(item)),
    )
