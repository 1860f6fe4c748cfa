"""One mailbox by Exchange Web Services: the operations of each method, and what their failures mean.

An item is addressed by its Id, which is new after each move, and after a change has another ChangeKey. Its key is the
search key of MAPI, which stays the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from lxml import etree

from rsvpq.ews import calendar, properties
from rsvpq.ews.calls import Calls
from rsvpq.ews.directory import Directory
from rsvpq.ews.envelope import (
    SCHEMAS,
    Envelope,
    Folder,
    ItemId,
    Order,
    delete_item,
    of_classes,
    remove_item,
    update_item,
)
from rsvpq.ews.evidence import Look, as_answer
from rsvpq.ews.items import CUT_AFTER, MEETING_KINDS, EwsItem, message_of_item
from rsvpq.ews.properties import TYPES, EwsProperty
from rsvpq.ews.search import read_items, search
from rsvpq.ews.series import details_of_item
from rsvpq.ews.server import EwsServer
from rsvpq.mail.calendar import Agenda, Appointment, CalendarUnknown, Details, same_meeting_key
from rsvpq.mail.classes import kind_of
from rsvpq.mail.errors import Gone, Malformed, Refused, Unsupported
from rsvpq.mail.marks import intent_to_text
from rsvpq.mail.messages import Intent, Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import Absorbing, AnswerEvidence, Clear, Page, Place

_FOLDERS: dict[Place, Folder] = {
    Place.INBOX: "inbox",
    Place.TRASH: "deleteditems",
    Place.SENT: "sentitems",
}
#: The beginnings of the classes of meeting messages and task requests, and of answers.
_MEETINGS, _TASKS, _ANSWERS = "IPM.Schedule.Meeting.", "IPM.TaskRequest", "IPM.Schedule.Meeting.Resp."
_TYPE_NAMES = {
    Kind.REQUEST: "MeetingRequest",
    Kind.RESPONSE: "MeetingResponse",
    Kind.CANCELLATION: "MeetingCancellation",
}
#: A longer mark could not be read any more, because FindItem would cut it.
_LONGEST_MARK = CUT_AFTER
#: The bit of PidLidServerProcessingActions which says that the calendar was updated (MS-OXOCAL 2.2.5.5).
_UPDATED_THE_CALENDAR = 0x80
#: How many requests a server must have moved until it counts as one that does: somebody else may have moved one.
_ENOUGH_MOVES = 3
_OLDEST_FIRST = Order(properties.RECEIVED)
_NEWEST_FIRST = Order(properties.RECEIVED, "Descending")
_SENT_LAST_FIRST = Order(properties.SENT, "Descending")


#: Whether requests are marked: as long as the server keeps marks, always, or never.
Marker = Literal["detect", "on", "off"]


class Marks:
    """Whether requests are marked on a server; shared by all threads of a process.

    :param marker: as configured.
    """

    def __init__(self, marker: Marker = "on") -> None:
        self._marker = marker
        self.wanted = marker != "off"

    def refuse(self) -> None:
        """Record that the server refuses to change requests; only with "detect" no other mark is tried then."""
        self.wanted = self._marker == "on"


class Moves:
    """Whether a server moves requests out of the Inbox when it answers them; shared by all threads of a process.

    Only one whose responses do not show it is asked. One that was seen to leave a request is asked each time.
    """

    def __init__(self) -> None:
        self._moved = 0
        self._leaves = False

    @property
    def certain(self) -> bool:
        """Whether it need not be asked any more."""
        return self._moved >= _ENOUGH_MOVES and not self._leaves

    def note(self, *, left: bool) -> None:
        """Record what was found after an answer."""
        self._leaves = self._leaves or left
        self._moved += not left


class EwsMailbox:
    """One mailbox. See :class:`rsvpq.mail.ports.AnswersAtOnce`.

    :param inbox: the Id of its Inbox. :param identity: of the mailbox, whatever name it was opened by.
    """

    answering: Literal["at-once"] = "at-once"
    absorbing: Final = Absorbing.BY_ITSELF
    #: UpdateItem with NeverOverwrite fails if somebody changed the item.
    conditional: Final = True

    def __init__(
        self,
        server: EwsServer,
        envelope: Envelope,
        inbox: str,
        identity: str = "",
        marks: Marks | None = None,
        moves: Moves | None = None,
    ) -> None:
        self._server = server
        self._marks = marks or Marks()
        self._moves = moves or Moves()
        self._envelope = envelope
        self._calls = Calls(server, envelope)
        self._resolve = Directory(self._calls).smtp_address
        self._inbox = inbox
        self._identity = identity

    @property
    def identity(self) -> str:
        """The identity of the mailbox, whatever name it was opened by."""
        return self._identity

    def require_own(self, message: MeetingMessage) -> None:
        """Check that the address of a message is one of EWS.

        Whether it is in this mailbox shows when it is read again: see :meth:`refresh`.

        :raises Refused: it is not.
        """
        _address_of(message)

    def meeting_messages(self) -> Iterator[Page]:
        """Read the Inbox's meeting messages, oldest first; of those that matter also what a search does not show."""
        operation = self._envelope.find_item("inbox", properties.ROW, of_classes(_MEETINGS, _TASKS), _OLDEST_FIRST)
        lost: list[int] = []
        for rows in search(self._calls, operation, lost.append):
            self._server.keep_lease("reading an Inbox")
            messages = self._completed(rows, lost)
            yield Page(messages, sum(lost))
            lost.clear()
        if any(lost):
            yield Page([], sum(lost))

    def _completed(self, rows: Sequence[EwsItem], lost: list[int]) -> list[MeetingMessage]:
        """Return the messages of the rows in their order, with what only GetItem shows of the kinds that matter."""
        read: dict[ItemId, EwsItem] = {}
        wanted: dict[Kind, list[ItemId]] = {}
        for row in rows:
            kind, address = kind_of(row.text("ItemClass")), row.id()
            if kind in MEETING_KINDS and address is not None:
                wanted.setdefault(kind, []).append(address)
        for kind, addresses in wanted.items():
            read |= dict(read_items(self._calls, addresses, _properties_of(kind), lost.append))
        messages = []
        for row in rows:
            address = row.id()
            needed = kind_of(row.text("ItemClass")) in MEETING_KINDS
            item = read.get(address) if needed and address is not None else row
            if item is not None and (message := message_of_item(item, self._resolve)) is not None:
                messages.append(message)
        return messages

    def messages_in(self, place: Place, uid: str = "") -> Iterator[Page]:
        """Read the meeting messages of a place, newest first; pages are read on demand.

        Those of one meeting are found among all of them, as each other search text would cost the server an index.
        There are no answers in Drafts: the server writes and sends them at once.
        """
        if place is Place.DRAFTS:
            return
        sent = place is Place.SENT
        operation = self._envelope.find_item(
            _FOLDERS[place],
            properties.SENT_ROW if sent else properties.ROW,
            of_classes(_ANSWERS if sent else _MEETINGS),
            _SENT_LAST_FIRST if sent else _NEWEST_FIRST,
        )
        yield from self._pages(operation, uid, answers=sent)

    def _pages(self, operation: etree._Element, uid: str, *, answers: bool) -> Iterator[Page]:
        lost: list[int] = []
        for rows in search(self._calls, operation, lost.append):
            self._server.keep_lease("searching a folder")
            found = [message for row in rows if (message := message_of_item(row, self._resolve)) is not None]
            wanted = [one for one in found if not uid or same_meeting_key(one.uid) == same_meeting_key(uid)]
            yield Page([as_answer(one) for one in wanted] if answers else wanted, sum(lost))
            lost.clear()
        if any(lost):
            yield Page([], sum(lost))

    def is_in_inbox(self, message: MeetingMessage) -> bool:
        """Return whether the message is in the Inbox."""
        return self.holds(message)

    def holds(self, message: MeetingMessage) -> bool:
        """Return whether the message is still in the Inbox under its address."""
        return self._here(_address_of(message), message, properties.WHERE) is not None

    def refresh(self, message: MeetingMessage) -> MeetingMessage | None:
        """Read the message again; None if it is not in the Inbox any more.

        If its address is not known any more, the Inbox is searched for it: a rule may have moved it away and back.
        Elsewhere it is gone: answering a request in Deleted Items deletes it for good.

        :raises Malformed: the server does not show what is there.
        """
        here = self._here(_address_of(message), message, _properties_of(message.kind))
        if here is None:
            found = self._with_key(message, Place.INBOX)
            if found is not None:
                here = self._here(_address_of(found), message, _properties_of(message.kind))
        there = here and message_of_item(here, self._resolve)
        return replace(there, etag=there.ref.address[1]) if there else None

    def _here(self, address: ItemId, message: MeetingMessage, wanted: Sequence[EwsProperty]) -> EwsItem | None:
        """Read the item at an address; None if it is not there, not in the Inbox, or not the message.

        :raises Malformed: it cannot be read, or does not show where it is.
        """
        lost: list[int] = []
        found = next((item for _, item in read_items(self._calls, [address], wanted, lost.append)), None)
        if any(lost):
            raise Malformed(f"GetItem in {self._envelope.mailbox}: the message is there, but cannot be read")
        if found is None:
            return None
        parent, now = found.parent(), message_of_item(found)
        if not parent or now is None:
            raise Malformed(f"GetItem in {self._envelope.mailbox}: the response does not show where the message is")
        same = now.kind is message.kind and now.ref.key == message.ref.key
        return found if parent == self._inbox and same else None

    def _with_key(self, message: MeetingMessage, place: Place, intent: Intent | None = None) -> MeetingMessage | None:
        """Return the message where it is now; None if that place does not have it.

        It keeps its time of receipt when it is moved, so older messages need not be read.

        :param intent: the answer that we began, of which a mark identifies the message too.
        """
        for page in self.messages_in(place):
            for one in page.messages:
                if one.ref.key == message.ref.key or (intent and _has_mark_of(one, message, intent)):
                    return one
            last = page.messages[-1].received if page.messages else None
            if last is not None and message.received is not None and last < message.received:
                return None
        return None

    def details(self, message: MeetingMessage) -> Details:
        """Read the attendees and the series of a request.

        :raises Gone: it is not there any more.
        """
        zone = properties.ZONE_OF_2007 if self._calls.schema == SCHEMAS[-1] else properties.ZONE
        lost: list[int] = []
        found = read_items(self._calls, [_address_of(message)], (*properties.DETAILS, zone), lost.append)
        item = next((item for _, item in found), None)
        if item is not None:
            return details_of_item(item)
        if any(lost):
            return Details()
        raise Gone(f"GetItem in {self._envelope.mailbox}: the request is not there any more")

    def appointment(self, message: MeetingMessage) -> Appointment | CalendarUnknown | None:
        """Read the appointment of what a message is about, the newest if there are several."""
        found = self.appointments(message.uid)
        return found if isinstance(found, CalendarUnknown) else calendar.newest_of(found, message)

    def appointments(self, uid: str) -> list[Appointment] | CalendarUnknown:
        """Read all appointments of a meeting."""
        return calendar.appointments(self._calls, uid, self._resolve)

    def busy(self, start: datetime, end: datetime) -> Agenda | CalendarUnknown:
        """Read everything that the calendar has between two moments: see :func:`calendar.view`."""
        return calendar.view(self._calls, start, end)

    def mark(self, request: MeetingMessage, intent: Intent) -> bool:
        """Write on the request that its answer was begun, unless somebody changed it after it was read.

        Exchange may refuse to change a request that was received (``ErrorSentMeetingRequestUpdate``). Nothing is sent
        if marks are turned off, or if the server has refused one and is not to be asked again.

        :returns: whether the server keeps the mark.
        :raises Gone: the request is not there any more. :raises Changed: somebody changed it.
        """
        text = intent_to_text(intent)
        if not self._marks.wanted or len(text) > _LONGEST_MARK:
            return False
        try:
            self._update(request, {properties.INTENT: text}, "NeverOverwrite")
        except Unsupported:
            self._marks.refuse()
            return False
        except Refused:
            return False
        return True

    def _update(self, message: MeetingMessage, values: dict[EwsProperty, str], conflicts: str) -> None:
        type_name = _TYPE_NAMES.get(message.kind, "Message")
        self._calls.one(update_item(_address_of(message), type_name, values, conflicts), effect=True)

    def absorb(self, response: MeetingMessage) -> None:
        """Raise :class:`Unsupported`: Exchange 2007 and later enter responses by themselves (KB955480)."""
        raise Unsupported(f"Exchange enters responses by itself; nothing was sent for {response.ref.key!r}")

    def shows_as_absorbed(self, response: MeetingMessage) -> bool:
        """Return whether the server shows that it has entered a response into the organizer's calendar."""
        lost: list[int] = []
        found = read_items(self._calls, [_address_of(response)], properties.ABSORBED, lost.append)
        item = next((item for _, item in found), None)
        if item is None:
            if any(lost):
                return False
            raise Gone(f"GetItem in {self._envelope.mailbox}: the response is not there any more")
        if item.flag("HasBeenProcessed"):
            return True
        actions = item.number(properties.SERVER_ACTIONS)
        return item.flag(properties.SERVER_PROCESSED) and (actions is None or bool(actions & _UPDATED_THE_CALENDAR))

    def remove_appointment(self, appointment: Appointment) -> None:
        """Move an appointment to Deleted Items, without telling anybody.

        :raises Refused: it shows no address.
        """
        if appointment.ref is None:
            raise Refused("the server shows no address of the appointment")
        self._calls.one(delete_item(ItemId(*appointment.ref.address), "MoveToDeletedItems"), effect=True)

    def remove_canceled(self, cancellation: MeetingMessage) -> None:
        """Have the server remove a canceled meeting from the calendar, and its message from the Inbox.

        :raises Unsupported: an account with full access may not (Microsoft Learn: "RemoveItem").
        """
        if self._envelope.access == "delegate":
            raise Unsupported("RemoveItem is not supported under delegate access")
        self._calls.one(remove_item(_address_of(cancellation)), effect=True)

    def clear(self, message: MeetingMessage, how: Clear, intent: Intent | None = None) -> None:
        """Clear a message that is finished, so that the next scan does not offer it again.

        If the server keeps no mark, the message is moved to Deleted Items.
        """
        match how:
            case Clear.MARK:
                self._mark_or_trash(message, intent)
            case Clear.TRASH:
                self._trash(message)
            case Clear.DELETE:
                self._calls.one(delete_item(_address_of(message), "HardDelete"), effect=True)

    def _mark_or_trash(self, message: MeetingMessage, intent: Intent | None) -> None:
        text = intent_to_text(intent) if intent and self._marks.wanted else ""
        more = {properties.INTENT: text} if 0 < len(text) <= _LONGEST_MARK else {}
        try:
            self._update(message, {properties.PROCESSED: "true", **more}, "AlwaysOverwrite")
        except Refused:
            self._trash(message)

    def _trash(self, message: MeetingMessage) -> None:
        self._calls.one(self._envelope.move(_address_of(message), "deleteditems"), effect=True)

    def respond(self, request: MeetingMessage, verdict: Verdict, *, text: str = "", silent: bool = False) -> bool:
        """Answer a request that was just read again, with one CreateItem.

        Exchange (re)creates the appointment, or removes it if the answer is to decline; sends the answer, with a copy
        in Sent Items; and moves the request to Deleted Items. The items in the response are optional, so only its
        code says whether it was done. If they have the request, under a new Id, it was moved; other servers leave it.

        :param text: the body of the answer. :param silent: do not tell the organizer.
        :returns: whether the request may still be in the Inbox: see :meth:`left`.
        :raises Unknown: it may have been done. :raises Refused: the server refuses this answer.
        """
        address = _address_of(request)
        done = self._calls.one(self._envelope.respond(address, verdict, text, silent=silent), effect=True)
        shown = [one.find(f"{TYPES}ItemId") for one in done.items() if one.tag == f"{TYPES}MeetingRequest"]
        ids = {one.get("Id", "") for one in shown if one is not None} - {""}
        return address.id in ids if ids else not self._moves.certain

    def left(self, request: MeetingMessage) -> MeetingMessage | None:
        """Return a request that was just answered, and that the server has left in the Inbox; None if it has not.

        What is found counts for later answers whose response does not show it.
        """
        here = self._here(_address_of(request), request, properties.WHERE)
        self._moves.note(left=here is not None)
        return None if here is None else message_of_item(here)

    def evidence(self, request: MeetingMessage, verdict: Verdict, begun: datetime) -> AnswerEvidence:
        """Look whether an answer was given; only reads. See :mod:`rsvpq.ews.evidence`.

        :param request: as it was before. :param begun: when the answer was begun.
        """
        look = Look(self._calls, self._resolve, request, verdict, begun)
        sent = look.sent(self._answers_in("sentitems"))
        if sent is not None:
            return look.judge(sent, None, None, None)
        queued = look.sent(self._answers_in("outbox"))
        there = None if queued is not None else self.refresh(request)
        handled = None
        if queued is None and there is None:
            handled = self._with_key(request, Place.TRASH, Intent("", verdict, begun))
        return look.judge(None, queued, there, handled)

    def _answers_in(self, folder: Folder) -> Iterator[Page]:
        operation = self._envelope.find_item(folder, properties.SENT_ROW, of_classes(_ANSWERS), _SENT_LAST_FIRST)
        with suppress(Gone):  # there may be no Outbox
            yield from self._pages(operation, "", answers=True)


def _address_of(message: MeetingMessage) -> ItemId:
    """Return the address of a message.

    :raises Refused: it is not one of EWS.
    """
    if len(message.ref.address) != len(("Id", "ChangeKey")):
        raise Refused("the item's address is not one of EWS")
    return ItemId(*message.ref.address)


def _has_mark_of(one: MeetingMessage, request: MeetingMessage, intent: Intent) -> bool:
    """Return whether a request has the mark of an answer: same meeting, same verdict, and not written before it.

    An answer that is given again is marked again, with the time of that.
    """
    mark = one.intent
    if mark is None or same_meeting_key(one.uid) != same_meeting_key(request.uid):
        return False
    return mark.verdict is intent.verdict and mark.begun >= intent.begun.replace(microsecond=0)


def _properties_of(kind: Kind) -> Sequence[EwsProperty]:
    return properties.REQUEST if kind is Kind.REQUEST else properties.MESSAGE
