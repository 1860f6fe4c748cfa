"""Hide or respell properties of a meeting: which occurrence it is about, and who organized it.

No public capture has `instancetype` or `organizer` of a received message, and items that came by other ways than
Outlook (an import, another client's PROPPATCH) have what was written and no more: DavMail looks for calendar items
whose `instancetype` is null.
"""

from collections.abc import Callable
from typing import Literal

from simulator.world.directory import directory_name
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item
from simulator.world.property_names import CALENDAR

InstanceTypes = Literal["all", "in-calendars", "none"]
Organizers = Literal["smtp", "x500", "x500-in-calendars", "not-in-calendars", "none"]
_Read = Callable[[Item | Folder, str], str | None]
#: Whether a switch changes what this item shows.
_Applies = Callable[[Item], bool]

_INSTANCE_TYPE, _ORGANIZER = CALENDAR + "instancetype", CALENDAR + "organizer"


def _in_calendar(item: Item) -> bool:
    return item.folder.role is Role.CALENDAR


#: Of which items a value of the switch hides the property, and of which it spells it as the directory does.
_TYPE_HIDDEN: dict[InstanceTypes, _Applies] = {
    "in-calendars": lambda item: not _in_calendar(item),
    "none": lambda _: True,
}
_ORGANIZER_HIDDEN: dict[Organizers, _Applies] = {"not-in-calendars": _in_calendar, "none": lambda _: True}
_ORGANIZER_SPELLED: dict[Organizers, _Applies] = {"x500": lambda _: True, "x500-in-calendars": _in_calendar}


def hides(name: str, types: InstanceTypes, organizers: Organizers) -> _Applies | None:
    """Return a test for the items that do not show the property; None if all items show it."""
    if name == _INSTANCE_TYPE:
        return _TYPE_HIDDEN.get(types)
    return _ORGANIZER_HIDDEN.get(organizers) if name == _ORGANIZER else None


def organizer_reader(name: str, organizers: Organizers) -> _Read | None:
    """Return a reader of the organizer if the switch respells it; None if not."""
    applies = _ORGANIZER_SPELLED.get(organizers) if name == _ORGANIZER else None
    if applies is None:
        return None

    def read(resource: Item | Folder, _origin: str) -> str | None:
        meeting = resource.message.meeting if isinstance(resource, Item) else None
        if meeting is None or not isinstance(resource, Item):
            return None
        organizer = meeting.organizer
        return f'"{organizer.name}" <{directory_name(organizer)}>' if applies(resource) else str(organizer)

    return read
