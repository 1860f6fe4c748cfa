"""What accepting, declining and opening do to the store.

The flow is that of gsexdev.blogspot.com, September 2004: the request goes, a draft of the answer appears, and nothing
is sent until somebody moves the draft to the submission URI.  Knows no URL and no page.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from simulator import names
from simulator.behaviour import Behaviour
from simulator.clock import now_utc
from simulator.languages import Role
from simulator.properties import PROCESSED
from simulator.tally import Deed
from simulator.world import Item, Meeting, Message, World

CALENDAR_MESSAGE = "urn:content-classes:calendarmessage"
REQUEST_CLASS = "IPM.Schedule.Meeting.Request"
RESPONSE_CLASS = "IPM.Schedule.Meeting.Resp."


class Verdict(StrEnum):
    """What an attendee can say, by the name of the OWA command."""

    ACCEPT = "accept"
    DECLINE = "decline"
    TENTATIVE = "tentative"


@dataclass(frozen=True, slots=True)
class _Wording:
    """How a verdict shows in the store."""

    response_class: str
    subject_prefix: str
    deed: Deed
    #: dispidResponseStatus of the calendar item.
    response_status: int


_WORDINGS = {
    Verdict.ACCEPT: _Wording(RESPONSE_CLASS + "Pos", "Accepted: ", Deed.ACCEPTED, 3),
    Verdict.DECLINE: _Wording(RESPONSE_CLASS + "Neg", "Declined: ", Deed.DECLINED, 4),
    Verdict.TENTATIVE: _Wording(RESPONSE_CLASS + "Tent", "Tentative: ", Deed.TENTATIVE, 2),
}


class NotARequestError(Exception):
    """The item cannot be answered; nothing was done."""


def answer(world: World, behaviour: Behaviour, item: Item, verdict: Verdict) -> Item | None:
    """Answer a meeting request; the draft, or None where the organizer wants no response."""
    meeting = item.message.meeting
    if meeting is None or item.message.message_class.casefold() != REQUEST_CLASS.casefold():
        raise NotARequestError
    wording = _WORDINGS[verdict]
    draft = None
    if meeting.response_requested or behaviour.drafts_unrequested:
        draft = _draft(world, behaviour, item, meeting, wording)
    if behaviour.books_on_accept:
        _book(world, item, meeting, wording)
    _retire(world, behaviour, item)
    if item.tally:
        item.tally.record(wording.deed)
        if draft:
            item.tally.record(Deed.DRAFTED)
    return draft


def open_item(world: World, behaviour: Behaviour, item: Item) -> None:
    """Show an item: it becomes read, and a response is entered with the organizer's meeting."""
    item.message.read = True
    if behaviour.open_marks_processed and item.message.message_class.casefold().startswith(RESPONSE_CLASS.casefold()):
        item.patches = {**(item.patches or {}), PROCESSED: True}
    world.changed(item)
    if item.tally:
        item.tally.record(Deed.OPENED)


def _draft(world: World, behaviour: Behaviour, item: Item, meeting: Meeting, wording: _Wording) -> Item:
    request = item.message
    response = Message(
        message_class=wording.response_class,
        content_class=CALENDAR_MESSAGE,
        subject=wording.subject_prefix + request.subject,
        sender=item.mailbox.owner,
        recipient=meeting.organizer,
        received=now_utc(),
        meeting=replace(meeting, method="REPLY", response_status=wording.response_status),
        read=True,
        private=request.private,
    )
    name = names.item_name(response.subject) if behaviour.draft_name_says_verdict else item.name
    draft = world.put(item.mailbox.folders[Role.DRAFTS], response, name)
    draft.answers = item.tally
    return draft


def _book(world: World, item: Item, meeting: Meeting, wording: _Wording) -> None:
    calendar = item.mailbox.folders[Role.CALENDAR]
    for booked in [other for other in calendar.items.values() if _is_about(other, meeting.uid)]:
        world.remove(booked)
    if wording.deed is Deed.DECLINED:
        return
    appointment = replace(
        item.message,
        message_class="IPM.Appointment",
        content_class="urn:content-classes:appointment",
        meeting=replace(meeting, method=None, response_status=wording.response_status),
        read=True,
    )
    world.put(calendar, appointment, item.name)


def _is_about(item: Item, uid: str) -> bool:
    return item.message.meeting is not None and item.message.meeting.uid == uid


def _retire(world: World, behaviour: Behaviour, item: Item) -> None:
    if behaviour.request_fate == "removed":
        world.remove(item)
    elif behaviour.request_fate == "deleted-items":
        world.move(item, item.mailbox.folders[Role.DELETED_ITEMS], item.name)
