"""Accept, decline and open in the store.

The flow is that of gsexdev.blogspot.com, September 2004: the request goes, a draft of the answer appears, and nothing
is sent until somebody moves the draft to the submission URI.  Knows no URL and no page.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from simulator.world.behavior import StoreBehavior
from simulator.world.booking import book, unbook
from simulator.world.concurrent_changes import succeed
from simulator.world.content_classes import CALENDAR_MESSAGE
from simulator.world.drafts import Draft
from simulator.world.languages import Role
from simulator.world.mailboxes import Item
from simulator.world.messages import Meeting, Message
from simulator.world.property_names import PROCESSED
from simulator.world.state import World
from simulator.world.tally import Action

REQUEST_CLASS = "IPM.Schedule.Meeting.Request"
RESPONSE_CLASS = "IPM.Schedule.Meeting.Resp."


class Verdict(StrEnum):
    """The verdict of an attendee, by the name of the OWA command."""

    ACCEPT = "accept"
    DECLINE = "decline"
    TENTATIVE = "tentative"


@dataclass(frozen=True, slots=True)
class Wording:
    """The form of a verdict in the store."""

    response_class: str
    subject_prefix: str
    action: Action
    #: dispidResponseStatus of the calendar item.
    response_status: int


_WORDINGS = {
    Verdict.ACCEPT: Wording(RESPONSE_CLASS + "Pos", "Accepted: ", Action.ACCEPTED, 3),
    Verdict.DECLINE: Wording(RESPONSE_CLASS + "Neg", "Declined: ", Action.DECLINED, 4),
    Verdict.TENTATIVE: Wording(RESPONSE_CLASS + "Tent", "Tentative: ", Action.TENTATIVE, 2),
}


def wording_of(verdict: Verdict) -> Wording:
    """Return the form of a verdict."""
    return _WORDINGS[verdict]


def is_response(message: Message) -> bool:
    """Return whether a message is the response of an attendee."""
    return message.message_class.casefold().startswith(RESPONSE_CLASS.casefold())


class NotARequestError(Exception):
    """The item cannot be answered; nothing was done."""


def answer(world: World, behavior: StoreBehavior, item: Item, verdict: Verdict) -> Item | None:
    """Answer a meeting request; the draft, or None where the organizer wants no response."""
    meeting = item.message.meeting
    if meeting is None or item.message.message_class.casefold() != REQUEST_CLASS.casefold():
        raise NotARequestError
    wording = _WORDINGS[verdict]
    draft = None
    wants_draft = meeting.response_requested or behavior.drafts_unrequested
    if wants_draft:
        to_be = Draft(item, response_to(item, meeting, wording), wording.subject_prefix)
        draft = to_be.appear(world, behavior)
    # What is never sent is booked at once.
    if behavior.calendar_item == "at-once" or (behavior.calendar_item == "at-send" and not wants_draft):
        # A draft is an answer of its own time; what is booked is the edition that was answered.
        edition = replace(meeting, stamp=meeting.stamp or item.message.received)
        book_answer(world, behavior, item, edition, wording, item.message.subject)
    _retire(world, behavior, item)
    if item.tally:
        item.tally.record(wording.action)
    return draft


def sent(world: World, behavior: StoreBehavior, item: Item) -> None:
    """Note that the draft of an answer was sent: the calendar item may have waited for that."""
    meeting = item.message.meeting
    wording = next((w for w in _WORDINGS.values() if w.response_class == item.message.message_class), None)
    if behavior.calendar_item == "at-send" and meeting is not None and wording is not None:
        book_answer(world, behavior, item, meeting, wording, item.message.subject.removeprefix(wording.subject_prefix))


def open_item(world: World, behavior: StoreBehavior, item: Item) -> None:
    """Show an item: it becomes read, and a response is entered with the organizer's meeting."""
    item.message.read = True
    is_response = item.message.message_class.casefold().startswith(RESPONSE_CLASS.casefold())
    if behavior.open_marks == "processed" and is_response:
        item.patches = {**(item.patches or {}), PROCESSED: True}
    world.changed(item)
    if item.tally:
        item.tally.record(Action.OPENED)


def response_to(item: Item, meeting: Meeting, wording: Wording) -> Message:
    """The message that tells the organizer."""
    request = item.message
    return Message(
        message_class=wording.response_class,
        content_class=CALENDAR_MESSAGE,
        subject=wording.subject_prefix + request.subject,
        sender=item.mailbox.owner,
        recipient=meeting.organizer,
        received=item.mailbox.moment(),
        meeting=replace(meeting, method="REPLY", response_status=wording.response_status, stamp=None),
        read=True,
        private=request.private,
    )


def book_answer(
    world: World, behavior: StoreBehavior, item: Item, meeting: Meeting, wording: Wording, subject: str
) -> None:
    """Write an answer to a request into the calendar."""
    calendar = item.mailbox.folders[Role.CALENDAR]
    if wording.action is Action.DECLINED:
        unbook(world, calendar, meeting)
        return
    appointment = replace(
        item.message,
        message_class="IPM.Appointment",
        content_class="urn:content-classes:appointment",
        subject=subject,
        meeting=replace(meeting, method=None, response_status=wording.response_status, replied=item.mailbox.moment()),
        read=True,
        delivered=False,
    )
    book(world, calendar, appointment, item.name, twin_stays=behavior.calendar_twin == "kept")


def _mark(world: World, behavior: StoreBehavior, item: Item) -> None:
    """Let an answered request that stays show it, or not."""
    if behavior.request_marks == "nothing":
        return
    item.message.read = True
    if behavior.request_marks == "processed":
        item.patches = {**(item.patches or {}), PROCESSED: True}
    world.changed(item)


def _retire(world: World, behavior: StoreBehavior, item: Item) -> None:
    folder = item.folder
    if behavior.request_fate == "left":
        _mark(world, behavior, item)
    if behavior.request_fate == "removed":
        world.remove(item)
    elif behavior.request_fate == "deleted-items":
        world.move(item, item.mailbox.folders[Role.DELETED_ITEMS], item.name)
    if behavior.name_reuse and behavior.request_fate != "left":
        succeed(world, item, folder)
