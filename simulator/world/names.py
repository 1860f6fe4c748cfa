"""The names of items and folders: the store escapes what a path cannot hold (`/` becomes `_xF8FF_`).

They are how the store tells items of a folder apart, whichever protocol asks.  Knows text only: no folder, no item.
"""

import re
from collections.abc import Container

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

_WITH_NUMBER = re.compile(r"(?P<stem>.*?)(?P<extension>\.[^.]{1,4})?", re.DOTALL)


def item_name(subject: str) -> str:
    """Return the name of a message by its subject: `12/24` is stored as `12_xF8FF_24.EML`."""
    return (subject.translate(_STORE_ESCAPE) or "No Subject") + ".EML"


def folder_name(display_name: str) -> str:
    """Return the name of a folder as the store spells it."""
    return display_name.translate(_STORE_ESCAPE)


def free_name(wanted: str, taken: Container[str]) -> str:
    """Return `wanted`, or with `-2`, `-3`... before the extension; `taken` holds case-folded names."""
    if wanted.casefold() not in taken:
        return wanted
    parts = _WITH_NUMBER.fullmatch(wanted)
    stem, extension = (parts["stem"], parts["extension"] or "") if parts else (wanted, "")
    number = 2
    while (name := f"{stem}-{number}{extension}").casefold() in taken:
        number += 1
    return name
