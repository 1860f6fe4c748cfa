"""CreateItem: response objects, and the meetings that a client arranges."""

from collections.abc import Callable
from datetime import UTC, datetime

from simulator.ews.call import Call
from simulator.ews.operations.answering import RESPONSE_OBJECTS, respond
from simulator.ews.properties.extended import extended_properties
from simulator.ews.properties.values import parsed
from simulator.ews.soap import (
    Element,
    M,
    RefusedError,
    Result,
    SoapFault,
    T,
    check_order,
    local_name,
    m,
    refused,
    response_message,
    t,
)
from simulator.world.arranging import appoint, invite
from simulator.world.languages import Role
from simulator.world.messages import Meeting, Person

_BUSY = {"Free": 0, "Tentative": 1, "Busy": 2, "OOF": 3, "WorkingElsewhere": 2, "NoData": 2}
_INVITATIONS = {"SendToNone", "SendOnlyToAll", "SendToAllAndSaveCopy"}


def create_item(call: Call) -> Element:
    """Make each of the items, or carry it out if it is a response object."""
    operation = call.envelope.operation
    check_order(operation, ("SavedItemFolderId", "Items"))
    reported = []
    for element in operation.iterfind(f"{M}Items/*"):
        try:
            reported.append(Result([m("Items", _created(call, element))]))
        except RefusedError as error:
            reported.append(refused(error, m("Items")))
    if not reported:
        raise SoapFault("ErrorSchemaValidation", "There is no item.")
    return m("CreateItemResponse", m("ResponseMessages", [response_message("CreateItem", one) for one in reported]))


def _created(call: Call, element: Element) -> list[Element]:
    name = local_name(element)
    if name in RESPONSE_OBJECTS:
        return respond(call, element)
    make = _MAKERS.get(name)
    if make is None:
        raise RefusedError("ErrorInvalidItemForOperationCreateItem", f"This server makes no {name}.")
    return make(call, element)


def _appointed(call: Call, element: Element) -> list[Element]:
    invitations = call.envelope.operation.get("SendMeetingInvitations")
    if invitations is None:
        raise RefusedError("ErrorSendMeetingInvitationsRequired", "SendMeetingInvitations attribute is required.")
    if invitations not in _INVITATIONS:
        raise SoapFault("ErrorSchemaValidation", "The 'SendMeetingInvitations' attribute is invalid.")
    if element.find(f"{T}Recurrence") is not None:
        raise RefusedError("ErrorInvalidRecurrence", "This server arranges no series.")
    named = call.envelope.operation.find(f"{M}SavedItemFolderId/*")
    calendar = call.folder(named) if named is not None else call.own_mailbox().folders[Role.CALENDAR]
    required, optional = (_attendees(element, name) for name in ("RequiredAttendees", "OptionalAttendees"))
    meeting = _meeting(call, element, calendar.mailbox.owner)
    text = element.findtext(f"{T}Body") or ""
    item = appoint(call.world, calendar, element.findtext(f"{T}Subject") or "", meeting, text)
    patches = {path.name: value for path, value in extended_properties(element)}
    item.patches = dict(patches) or None
    if invitations != "SendToNone" and (required or optional):
        invite(call.world, item, required, optional, keeps_copy=invitations == "SendToAllAndSaveCopy")
    return [t("CalendarItem", call.id_of(item))]


def _meeting(call: Call, element: Element, organizer: Person) -> Meeting:
    start, end = (_moment(element, name) for name in ("Start", "End"))
    if end < start:
        raise RefusedError("ErrorCalendarEndDateIsEarlierThanStartDate")
    return Meeting(
        uid=element.findtext(f"{T}UID") or _uid(call),
        organizer=organizer,
        start=start,
        end=end,
        location=element.findtext(f"{T}Location") or "",
        response_requested=_flag(element, "IsResponseRequested", default=True),
        all_day=_flag(element, "IsAllDayEvent", default=False),
        busy=_BUSY.get(element.findtext(f"{T}LegacyFreeBusyStatus") or "", 2),
    )


def _uid(call: Call) -> str:
    """A uid as Exchange makes it."""
    return f"040000008200E00074C5B7101A82E00800000000{'0' * 32}10000000{call.world.next_number():032X}"


def _moment(element: Element, name: str) -> datetime:
    text = element.findtext(T + name)
    value = parsed(text, "SystemTime") if text else None
    if not isinstance(value, datetime):
        raise RefusedError("ErrorRequiredPropertyMissing", f"The property {name} is missing.")
    return value.astimezone(UTC)


def _flag(element: Element, name: str, *, default: bool) -> bool:
    text = element.findtext(T + name)
    return default if text is None else text.strip() in {"true", "1"}


def _attendees(element: Element, name: str) -> tuple[Person, ...]:
    found = []
    for mailbox in element.iterfind(f"{T}{name}/{T}Attendee/{T}Mailbox"):
        address = mailbox.findtext(f"{T}EmailAddress")
        if not address:
            raise RefusedError("ErrorInvalidRecipients", "At least one recipient is not valid.")
        found.append(Person(mailbox.findtext(f"{T}Name") or address, address))
    return tuple(found)


_MAKERS: dict[str, Callable[[Call, Element], list[Element]]] = {"CalendarItem": _appointed}
