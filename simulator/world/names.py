"""Names in the store and names in a URL, and the two escapes between them.

The store escapes what a path cannot hold (`/` becomes `_xF8FF_`); HTTP then percent-encodes what a URL cannot hold.
This module knows text only: no folder, no item.
"""

import re
from collections.abc import Container
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

#: The virtual name that sends what is moved to it; it exists in no listing (evolution-exchange, docs/sending-mail).
SUBMISSION = "##DavMailSubmissionURI##"
#: The virtual folder below which items are addressed by number (evolution-exchange, docs/entryids).
FLAT_URL_SPACE = "-FlatUrlSpace-"

#: evolution-exchange e2k-uri.c and DavMail's encodeUrlcompname agree on these; `<` is ours, by analogy with `>`.
_STORE_ESCAPES = {
    "/": "_xF8FF_",
    "\\": "_xF8FE_",
    "?": "_x003F_",
    "~": "_x007E_",
    "<": "_x003C_",
    ">": "_x003E_",
    "\r": "_x000D_",
    "\n": "_x000A_",
}
_STORE_ESCAPE = str.maketrans(_STORE_ESCAPES)

#: Seen unencoded in real hrefs: `{ } @ : = . -`.  Seen encoded: blank, apostrophe, `&`, `+`, non-ASCII.  The rest of
#: this set is unproven either way and left plain.
_PLAIN_IN_HREF = "{}@:=.-_$!*(),;"

_WITH_NUMBER = re.compile(r"(?P<stem>.*?)(?P<extension>\.[^.]{1,4})?", re.DOTALL)


def item_name(subject: str) -> str:
    """The name a message gets from its subject: `12/24` is stored as `12_xF8FF_24.EML`."""
    return (subject.translate(_STORE_ESCAPE) or "No Subject") + ".EML"


def folder_name(display_name: str) -> str:
    """The name of a folder as the store spells it."""
    return display_name.translate(_STORE_ESCAPE)


def free_name(wanted: str, taken: Container[str]) -> str:
    """`wanted`, or with `-2`, `-3`... before the extension; `taken` holds casefolded names."""
    if wanted.casefold() not in taken:
        return wanted
    parts = _WITH_NUMBER.fullmatch(wanted)
    stem, extension = (parts["stem"], parts["extension"] or "") if parts else (wanted, "")
    number = 2
    while (name := f"{stem}-{number}{extension}").casefold() in taken:
        number += 1
    return name


@lru_cache(maxsize=4096)
def encode(segment: str) -> str:
    """One path segment as Exchange writes it into an href."""
    return quote(segment, safe=_PLAIN_IN_HREF)


@lru_cache(maxsize=4096)
def split_path(path: str) -> tuple[str, ...]:
    """The segments of a URL path, decoded exactly once: `%2525` is a name that holds `%25`.

    `path` is as it came off the wire: one letter for each octet.
    """
    return tuple(_decode(segment) for segment in path.split("/") if segment)


def _decode(segment: str) -> str:
    octets = unquote_to_bytes(segment.encode("latin-1"))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
