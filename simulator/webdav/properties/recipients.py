"""Whom a message was received by and for, and by whom and on whose behalf it was sent: persons as MAPI has them.

The store fills PR_RECEIVED_BY_* and PR_RCVD_REPRESENTING_* of every message that it delivers, with the same person;
they differ on a delegate's copy alone (MS-OXOMSG, the MAPI reference, and every received message that carries both).
How their addresses are spelled depends on the server: of somebody in the directory it may be the X.500 name.
"""

from collections.abc import Callable
from typing import Literal

from simulator.world.directory import directory_name
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item
from simulator.world.messages import Person
from simulator.world.property_names import PROPTAG

Spelling = Literal["smtp", "x500", "mixed", "none"]
_Read = Callable[[Item], str | None]

_SENT_FOR, _RECEIVED_BY, _RECEIVED_FOR = PROPTAG + "x0065001f", PROPTAG + "x0076001f", PROPTAG + "x0078001f"
_SENT_BY = PROPTAG + "x0c1f001f"
_RECEIVED_BY_NAME, _RECEIVED_FOR_NAME = PROPTAG + "x0040001f", PROPTAG + "x0044001f"
#: What lies there was written, and never received.
_WRITTEN_HERE = (Role.DRAFTS, Role.SENT_ITEMS, Role.CALENDAR)


def _received_by(item: Item) -> Person | None:
    return None if item.folder.role in _WRITTEN_HERE else item.mailbox.owner


def _received_for(item: Item) -> Person | None:
    return item.message.received_for or _received_by(item)


def _address(who: Callable[[Item], Person | None]) -> _Read:
    return lambda item: person.address if (person := who(item)) else None


def _name(who: Callable[[Item], Person | None]) -> _Read:
    return lambda item: person.name if (person := who(item)) else None


def _directory_name(who: Callable[[Item], Person | None]) -> _Read:
    return lambda item: directory_name(person) if (person := who(item)) else None


def _sender(item: Item) -> Person:
    return item.message.sender


def _sent_by(item: Item) -> Person:
    return item.message.sent_by or item.message.sender


#: As they are shown by default.
RECIPIENTS: dict[str, _Read] = {
    _SENT_FOR: _address(_sender),
    _SENT_BY: _address(_sent_by),
    _RECEIVED_BY: _address(_received_by),
    _RECEIVED_FOR: _address(_received_for),
    _RECEIVED_BY_NAME: _name(_received_by),
    _RECEIVED_FOR_NAME: _name(_received_for),
}
_IN_DIRECTORY = {
    _SENT_FOR: _directory_name(_sender),
    _SENT_BY: _directory_name(_sent_by),
    _RECEIVED_BY: _directory_name(_received_by),
}
#: What each value of the switch `recipients` shows instead.
_OTHERWISE: dict[Spelling, dict[str, _Read]] = {
    "smtp": {},
    "x500": {**_IN_DIRECTORY, _RECEIVED_FOR: _directory_name(_received_for)},
    "mixed": _IN_DIRECTORY,
    "none": dict.fromkeys(RECIPIENTS, lambda _item: None),
}


def recipient_reader(name: str, spelling: Spelling) -> Callable[[Item | Folder, str], str | None] | None:
    """Return a reader of a property if the switch changes its default; None if not."""
    read = _OTHERWISE[spelling].get(name)
    if read is None:
        return None
    return lambda resource, _origin: read(resource) if isinstance(resource, Item) else None
