"""CreateItem of response objects: accepting, declining, and removing what was canceled."""

from dataclasses import replace

from simulator.ews.call import Call
from simulator.ews.properties.shown import Shown
from simulator.ews.soap import Element, M, RefusedError, SoapFault, T, check_order, local_name, t
from simulator.serving.faults import FaultKind
from simulator.world.answering import REQUEST_CLASS, Verdict
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item
from simulator.world.response_objects import (
    CANCELLATION_CLASS,
    Effect,
    Manner,
    Response,
    Results,
    booked,
    is_canceled,
    is_outdated,
    is_own,
    remove_canceled,
    request_of,
)
from simulator.world.tally import Action

#: The response objects that answer, and what the errors about them end with.
_VERDICTS = {
    "AcceptItem": (Verdict.ACCEPT, "Accept"),
    "TentativelyAcceptItem": (Verdict.TENTATIVE, "Tentative"),
    "DeclineItem": (Verdict.DECLINE, "Decline"),
}
_INVALID = {"AcceptItem": "AcceptItem", "TentativelyAcceptItem": "Tentative", "DeclineItem": "DeclineItem"}
_REMOVE = "RemoveItem"
RESPONSE_OBJECTS = frozenset({*_VERDICTS, _REMOVE})
_CHILDREN = (
    "ItemClass",
    "Sensitivity",
    "Body",
    "Attachments",
    "InternetMessageHeaders",
    "Sender",
    "ToRecipients",
    "CcRecipients",
    "BccRecipients",
    "IsReadReceiptRequested",
    "IsDeliveryReceiptRequested",
    "ReferenceItemId",
    "ReceivedBy",
    "ReceivedRepresenting",
    "ProposedStart",
    "ProposedEnd",
)


def respond(call: Call, element: Element) -> list[Element]:
    """Carry out a response object; the ids of what lies where afterwards, as far as this server tells them."""
    check_order(element, _CHILDREN)
    reference = element.find(f"{T}ReferenceItemId")
    if reference is None:
        raise SoapFault("ErrorSchemaValidation", "ReferenceItemId is missing.")
    if call.envelope.operation.get("MessageDisposition") is None:
        raise RefusedError("ErrorMessageDispositionRequired", "Message disposition is required.")
    item = call.item(reference)
    call.operation(item.mailbox)
    if local_name(element) == _REMOVE:
        return _reported(call, _removed(call, item))
    return _reported(call, _answered(call, item, element))


def _removed(call: Call, item: Item) -> Results:
    if item.message.message_class != CANCELLATION_CLASS:
        raise RefusedError("ErrorInvalidItemForOperationRemoveItem")
    if item.message.received_for is not None or not call.is_owners(item):
        raise RefusedError("ErrorCalendarIsDelegatedForRemove")
    if is_own(item):
        raise RefusedError("ErrorCalendarIsOrganizerForRemove")
    return remove_canceled(call.world, item)


def _answered(call: Call, item: Item, element: Element) -> Results:
    verdict, ending = _VERDICTS[local_name(element)]
    request = _request(item)
    _check(request, local_name(element), ending)
    manner = _manner(call, element, keeps_request=Shown(request, call).kind == "CalendarItem")
    if manner.sends and call.behavior.ews_delegates == "refused" and not call.is_owners(request):
        left = replace(manner, sends=False, leaves_draft=True, order=(Effect.SEND,))
        Response(call.world, call.behavior, request, verdict, left).carry_out()
        raise RefusedError("ErrorSendAsDenied", "The user account does not have the right to send as this user.")
    results = Response(call.world, call.behavior, request, verdict, manner).carry_out()
    if call.fault is FaultKind.HALF_DONE:
        raise RefusedError("ErrorInternalServerError", "An internal server error occurred. The operation failed.")
    return results


def _request(item: Item) -> Item:
    """What is answered: the request, also where the appointment was referred to; that itself where it is gone."""
    if not item.message.message_class.startswith("IPM.Appointment"):
        return item
    request = request_of(item)
    return item if request is None or is_outdated(request) else request


def _check(request: Item, name: str, ending: str) -> None:
    message = request.message
    is_appointment = message.message_class.startswith("IPM.Appointment")
    if message.meeting is None or not (is_appointment or message.message_class == REQUEST_CLASS):
        raise RefusedError("ErrorInvalidItemForOperation" + _INVALID[name])
    if is_own(request):
        raise RefusedError("ErrorCalendarIsOrganizerFor" + ending)
    if message.received_for is not None:
        if request.tally:
            request.tally.record(Action.REFUSED)
        raise RefusedError("ErrorCalendarIsDelegatedFor" + ending)
    appointment = booked(request.mailbox, message.meeting)
    if appointment is not None and is_canceled(appointment):
        raise RefusedError("ErrorCalendarIsCancelledFor" + ending)
    if is_outdated(request):
        raise RefusedError("ErrorCalendarMeetingRequestIsOutOfDate", "The meeting request is out of date.")


def _manner(call: Call, element: Element, *, keeps_request: bool) -> Manner:
    behavior = call.behavior
    order = tuple(Effect(name) for name in behavior.ews_effects.split("-"))
    if keeps_request:
        order = tuple(effect for effect in order if effect is not Effect.MOVE)
    return Manner(
        sends=call.envelope.operation.get("MessageDisposition") != "SaveOnly",
        saves_to=_saves_to(call),
        copy_has_ids=behavior.ews_sent_ids == "shown",
        delay_ms=behavior.ews_sent_delay_ms if behavior.ews_sent_copy == "late" else 0,
        leaves_draft=behavior.ews_save_only == "draft",
        text=element.findtext(f"{T}Body") or "",
        fate=behavior.ews_request_fate,
        order=order,
        stops_after=behavior.ews_effects_done if call.fault is FaultKind.HALF_DONE else None,
    )


def _saves_to(call: Call) -> Folder | None:
    """Where the copy goes: without a folder that was named, to the Sent Items of who asks, if he has a mailbox."""
    operation = call.envelope.operation
    if operation.get("MessageDisposition") == "SendOnly" or call.behavior.ews_sent_copy == "never":
        return None
    named = operation.find(f"{M}SavedItemFolderId/*")
    if named is not None:
        return call.folder(named)
    own = call.caller.mailbox
    return own.folders[Role.SENT_ITEMS] if own is not None else None


def _reported(call: Call, results: Results) -> list[Element]:
    named = {
        "CalendarItem": results.appointment,
        "MeetingRequest": results.request,
        "MeetingResponse": results.response,
    }
    count = int(call.behavior.ews_answer_ids)
    shown = [(kind, item) for kind, item in named.items() if item is not None][:count]
    return [t(Shown(item, call).kind if kind == "MeetingRequest" else kind, call.id_of(item)) for kind, item in shown]
