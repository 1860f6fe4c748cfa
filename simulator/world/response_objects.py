"""What answering does on Exchange 2007 and later, where one command books, sends and puts the request away.

"EWS deletes and re-creates the associated calendar item every time you submit a response" (Microsoft Learn, "Responding
to meeting invitations by using the EWS Managed API"); a declined one goes to Deleted Items, and so does the request,
which is deleted for good where it lay there already (EWS Managed API, CalendarActionResults).  The order of the three
effects is not documented.  Knows no XML.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from simulator.world import names
from simulator.world.answering import REQUEST_CLASS, Verdict, Wording, book_answer, response_to, wording_of
from simulator.world.behavior import StoreBehavior
from simulator.world.booking import is_about, is_same
from simulator.world.content_classes import APPOINTMENT
from simulator.world.delayed_effects import plan
from simulator.world.delivery import deliver
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item, Mailbox
from simulator.world.messages import Meeting, SeriesException
from simulator.world.property_names import GLOBAL_OBJECT_IDS
from simulator.world.series import instances
from simulator.world.state import World
from simulator.world.tally import Action

CANCELLATION_CLASS = "IPM.Schedule.Meeting.Canceled"
_ORGANIZER = 1
_YEAR = timedelta(days=366)


class Effect(StrEnum):
    """One of the things that an answer does."""

    CALENDAR = "calendar"
    SEND = "send"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a server and its client want an answer to be carried out."""

    sends: bool = True
    #: Where the copy of what was sent goes; None for nowhere.
    saves_to: Folder | None = None
    #: Whether that copy says which meeting it is about.
    copy_has_ids: bool = True
    #: Milliseconds that it waits in the Outbox first.
    delay_ms: int = 0
    #: Whether what is not sent is left in Drafts.
    leaves_draft: bool = False
    text: str = ""
    fate: Literal["deleted-items", "left", "removed"] = "deleted-items"
    order: Sequence[Effect] = tuple(Effect)
    #: After how many effects a fault ends it; None for no fault.
    stops_after: int | None = None


@dataclass(slots=True)
class Results:
    """What lies where afterwards; None where there is nothing."""

    appointment: Item | None = None
    request: Item | None = None
    response: Item | None = None


class Response:
    """One answer to a request."""

    def __init__(self, world: World, behavior: StoreBehavior, request: Item, verdict: Verdict, manner: Manner) -> None:
        self._world = world
        self._behavior = behavior
        self._request = request
        self._wording: Wording = wording_of(verdict)
        self._manner = manner
        message = request.message
        # An answer keeps the time of the edition that it answers (PidLidOwnerCriticalChange).
        meeting = _meeting(request)
        self._edition = replace(meeting, stamp=meeting.stamp or message.received)
        #: An appointment that is answered for want of its request counts as that.
        self._tally = request.tally or request.answers
        self._results = Results(request=request)

    def carry_out(self) -> Results:
        """Do all of it, or what comes before the fault."""
        effects = {Effect.CALENDAR: self._book, Effect.SEND: self._send, Effect.MOVE: self._retire}
        for effect in self._manner.order[: self._manner.stops_after]:
            effects[effect]()
        return self._results

    def _book(self) -> None:
        request, world = self._request, self._world
        declined = self._wording.action is Action.DECLINED
        former = booked(request.mailbox, self._edition) if declined else None
        book_answer(world, self._behavior, request, self._edition, self._wording, request.message.subject)
        appointment = self._put_away(former) if declined else booked(request.mailbox, self._edition)
        if appointment is not None and is_same(appointment, self._edition):
            appointment.answers = self._tally
        self._results.appointment = appointment and as_instance(appointment, self._edition)
        request.message.meeting = replace(_meeting(request), response_status=self._wording.response_status)
        world.changed(request)
        if self._tally:
            self._tally.record(self._wording.action)

    def _put_away(self, former: Item | None) -> Item | None:
        """Put a declined appointment into Deleted Items; one occurrence of a series that stays is simply gone."""
        if former is not None and not is_same(former, self._edition):
            return None
        deleted = self._request.mailbox.folders[Role.DELETED_ITEMS]
        status, moment = self._wording.response_status, deleted.mailbox.moment()
        message = replace(
            self._request.message,
            message_class="IPM.Appointment",
            content_class=APPOINTMENT,
            meeting=replace(self._edition, method=None, response_status=status, replied=moment),
            read=True,
            delivered=False,
        )
        return self._world.put(deleted, message, self._request.name)

    def _send(self) -> None:
        mailbox, manner = self._request.mailbox, self._manner
        message = response_to(self._request, _meeting(self._request), self._wording)
        status = self._wording.response_status
        edition = replace(self._edition, method="REPLY", response_status=status)
        message = replace(message, meeting=edition, text=manner.text)
        name = names.item_name(message.subject)
        if not manner.sends:
            if manner.leaves_draft:
                draft = self._world.put(mailbox.folders[Role.DRAFTS], replace(message, unsent=True), name)
                draft.answers = self._tally
            return
        response = self._world.put(mailbox.folders[Role.OUTBOX], message, name)
        response.answers = self._tally
        deliver(self._world, response)
        if self._tally:
            self._tally.record(Action.SUBMITTED)
        self._results.response = self._file(response)

    def _file(self, response: Item) -> Item | None:
        target, delay_ms = self._manner.saves_to, self._manner.delay_ms
        if not self._manner.copy_has_ids:
            response.patches = dict.fromkeys(GLOBAL_OBJECT_IDS)
        if target is None:
            self._world.remove(response)
            return None
        if delay_ms:
            mailbox = response.mailbox
            plan(mailbox, lambda: self._world.move(response, target, response.name), ms=delay_ms, requests=0)
            return None
        return self._world.move(response, target, response.name)

    def _retire(self) -> None:
        request, world = self._request, self._world
        if self._manner.fate == "left":
            request.message.read = True
            world.changed(request)
            return
        if self._manner.fate == "removed" or request.folder.role is Role.DELETED_ITEMS:
            world.remove(request)
            self._results.request = None
            return
        request.message.read = True
        self._results.request = world.move(request, request.mailbox.folders[Role.DELETED_ITEMS], request.name)


def remove_canceled(world: World, cancellation: Item) -> Results:
    """Put the appointment that a cancellation is about into Deleted Items, and the cancellation itself."""
    mailbox = cancellation.mailbox
    deleted = mailbox.folders[Role.DELETED_ITEMS]
    found = booked(mailbox, _meeting(cancellation))
    results = Results()
    if found is not None and is_same(found, _meeting(cancellation)):
        results.appointment = world.move(found, deleted, found.name)
    if cancellation.folder.role is Role.DELETED_ITEMS:
        world.remove(cancellation)
    else:
        results.request = world.move(cancellation, deleted, cancellation.name)
    if cancellation.tally:
        cancellation.tally.record(Action.MOVED)
    return results


def booked(mailbox: Mailbox, meeting: Meeting) -> Item | None:
    """The item of the calendar that is about a meeting: of an occurrence, its own or that of the series."""
    items = [item for item in mailbox.folders[Role.CALENDAR].items.values() if is_about(item, meeting.uid)]
    exact = next((item for item in items if is_same(item, meeting)), None)
    return exact or next((item for item in items if _meeting(item).rrule), None)


def instance_of(series: Item, original: datetime) -> Item | None:
    """One instance of a series, by its start according to the rule, as an item of the same number."""
    # An instance may have been moved, but not by more than a year.
    for one in instances(_meeting(series), original - _YEAR, original + _YEAR):
        if one.recurrence_id is not None and one.recurrence_id.replace(microsecond=0) == original:
            return replace(series, message=replace(series.message, meeting=one))
    return None


def as_instance(appointment: Item, meeting: Meeting) -> Item | None:
    """What `booked` has found, or where that is a series, the occurrence that a meeting is."""
    if is_same(appointment, meeting) or meeting.recurrence_id is None:
        return appointment
    return instance_of(appointment, meeting.recurrence_id)


def request_of(appointment: Item) -> Item | None:
    """The newest request of a meeting in the Inbox."""
    meeting = _meeting(appointment)
    inbox = appointment.mailbox.folders[Role.INBOX].items.values()
    found = [item for item in inbox if item.message.message_class == REQUEST_CLASS and is_same(item, meeting)]
    return max(found, key=lambda item: _meeting(item).sequence, default=None)


def is_own(item: Item) -> bool:
    """Whether the owner of the mailbox has arranged the meeting."""
    meeting = item.message.meeting
    return meeting is not None and (
        meeting.response_status == _ORGANIZER
        or meeting.organizer.address.casefold() == item.mailbox.owner.address.casefold()
    )


def is_canceled(item: Item) -> bool:
    """Whether the meeting will not take place."""
    return item.message.meeting is not None and item.message.meeting.method == "CANCEL"


def is_outdated(request: Item) -> bool:
    """Whether the calendar has a newer edition of the meeting than this; of an occurrence, in its series."""
    meeting = _meeting(request)
    appointment = booked(request.mailbox, meeting)
    if appointment is None:
        return False
    known = _meeting(appointment) if is_same(appointment, meeting) else _agreed_alone(appointment, meeting)
    if known is None:
        return False
    own = meeting.sequence, meeting.stamp or request.message.received
    return (known.sequence, known.stamp or appointment.message.received) > own


def _agreed_alone(series: Item, occurrence: Meeting) -> Meeting | None:
    """What a series has of an occurrence that was agreed for it alone."""
    exceptions: tuple[SeriesException, ...] = _meeting(series).exceptions
    return next((one.own for one in exceptions if one.original == occurrence.recurrence_id), None)


def _meeting(item: Item) -> Meeting:
    if item.message.meeting is None:
        raise TypeError(item.message)
    return item.message.meeting
