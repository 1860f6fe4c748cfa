"""The ids of items and folders: opaque base64 in which case counts, and in which `/`, `+` and `=` occur.

An id names an item at its place, so that a move gives another one (Microsoft Learn, "Deleting items by using EWS"); by
a switch it stays.  An instance of a series has the id of the series and its own start.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import shake_256

from simulator.ews.soap import Element, RefusedError, t
from simulator.world.mailboxes import Folder, Item, Mailbox, Resource
from simulator.world.state import World

_ITEM, _FOLDER = b"\x00\x46", b"\x00\x2e"
_NUMBERS = 8
#: As long as those of Exchange 2010 and later: 152 characters, by which DavMail knows an id from a name.
_LENGTH = 113
_SEAL = _LENGTH - 2 - 3 * _NUMBERS


@dataclass(frozen=True, slots=True)
class Named:
    """What an id says; the item may be gone."""

    mailbox: Mailbox
    number: int
    #: When the instance of a series would start by the rule.
    original: datetime | None = None


def item_id(item: Item, *, kept: bool, original: datetime | None = None, name: str = "ItemId") -> Element:
    """The id of an item; `kept` for one that a move does not change."""
    number = item.origin if kept else item.serial
    return t(name, Id=_written(_ITEM, item.mailbox, number, original), ChangeKey=change_key(item))


def lost_item_id(mailbox: Mailbox, number: int) -> Element:
    """The id of an item that is gone."""
    return t("ItemId", Id=_written(_ITEM, mailbox, number, None))


def folder_id(folder: Folder, name: str = "FolderId") -> Element:
    """The id of a folder."""
    return t(name, Id=_written(_FOLDER, folder.mailbox, folder.serial, None), ChangeKey=change_key(folder))


def change_key(resource: Resource) -> str:
    """What says which version of it this is."""
    kind = b"\x0b\x00\x00\x00\x16\x00" if isinstance(resource, Item) else b"\x01\x00\x00\x00"
    return base64.b64encode(kind + resource.change.to_bytes(_NUMBERS)).decode("ascii")


def read_item_id(world: World, text: str) -> Named:
    """What the id of an item says."""
    return _read(world, _ITEM, text)


def read_folder_id(world: World, text: str) -> Named:
    """What the id of a folder says."""
    return _read(world, _FOLDER, text)


def named_item(named: Named, *, kept: bool) -> Item | None:
    """The item that an id names, if it is still there."""
    if not kept:
        return named.mailbox.by_serial.get(named.number)
    items = named.mailbox.by_serial.values()
    return next((item for item in items if item.origin == named.number), None)


def _written(kind: bytes, mailbox: Mailbox, number: int, original: datetime | None) -> str:
    place = _place(mailbox)
    moment = int(original.timestamp()) if original else 0
    facts = kind + b"".join(value.to_bytes(_NUMBERS) for value in (place, number, moment))
    return base64.b64encode(facts + _seal(facts)).decode("ascii")


@cache
def _place(mailbox: Mailbox) -> int:
    return mailbox.store.mailboxes.index(mailbox)


def _seal(facts: bytes) -> bytes:
    """What makes an id that somebody has cut or written in other case no id."""
    return shake_256(facts).digest(_SEAL)


def _read(world: World, kind: bytes, text: str) -> Named:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    facts = octets[:-_SEAL]
    if len(octets) != _LENGTH or octets[-_SEAL:] != _seal(facts) or facts[:2] != kind:
        raise RefusedError("ErrorInvalidIdMalformed", "Id is malformed.")
    place, number, moment = (int.from_bytes(facts[at : at + _NUMBERS]) for at in range(2, 2 + 3 * _NUMBERS, _NUMBERS))
    return Named(world.mailboxes[place], number, datetime.fromtimestamp(moment, UTC) if moment else None)
