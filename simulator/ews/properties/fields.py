"""FieldURI: the properties of items as Exchange Web Services name them, in the order of the schema.

What a kind of item does not have is left out of the answer, and so is what FindItem does not show: bodies, attendees,
addresses (Microsoft Learn, "FindItem operation").
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.ews.ids import folder_id
from simulator.ews.properties import people, series
from simulator.ews.properties.extended import PROPOSED_LATER
from simulator.ews.properties.people import RESPONSE_TYPES
from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import text_of
from simulator.ews.soap import BAD_CHARACTER, Element, t
from simulator.mime.fields import read_body
from simulator.world.calendar_attendant import HAS_BEEN_PROCESSED
from simulator.world.languages import Role
from simulator.world.messages import Meeting, Person
from simulator.world.object_ids import shown_uid
from simulator.world.response_objects import as_instance, booked, is_outdated, is_own
from simulator.world.responses import attendance_of
from simulator.world.values import Value

_MAIL = frozenset({"Message", "MeetingRequest", "MeetingResponse", "MeetingCancellation"})
_MEETING = _MAIL - {"Message"}
_REQUEST = frozenset({"MeetingRequest"})
_CALENDAR = frozenset({"CalendarItem"})
_TIMES = _REQUEST | _CALENDAR
_ABOUT_MEETING = _MEETING | _CALENDAR
_ALL = _MAIL | _CALENDAR
_RESPONSE = frozenset({"MeetingResponse"})

_LONGEST_SUBJECT = 255
_BUSY = {0: "Free", 1: "Tentative", 2: "Busy", 3: "OOF"}
_TENTATIVE, _UNANSWERED = 2, 5
_STATES = {"meeting": 1, "received": 2, "canceled": 4}


@dataclass(frozen=True, slots=True)
class Field:
    """One property."""

    uri: str
    #: Which elements have it.
    kinds: frozenset[str]
    read: Callable[[Shown], object]
    #: Makes the element of its value.
    write: Callable[[str, Shown, object], Element]
    #: Whether FindItem shows it.
    in_rows: bool = True

    @property
    def name(self) -> str:
        """The name of its element."""
        return self.uri.partition(":")[2]

    def element(self, shown: Shown) -> Element | None:
        """The property of an item; None where it has none, or does not show it."""
        if shown.kind not in self.kinds or (shown.in_row and not self.in_rows):
            return None
        value = self.read(shown)
        return None if value is None or value == [] else self.write(self.name, shown, value)

    def value(self, shown: Shown) -> Value | None:
        """The value by which it can be found and sorted."""
        if shown.kind not in self.kinds:
            return None
        value = self.read(shown)
        if isinstance(value, Person):
            return value.name
        return value if isinstance(value, str | bool | int | bytes | datetime) else None


def _plain(name: str, _shown: Shown, value: object) -> Element:
    return t(name, text_of(value) if isinstance(value, str | bool | int | bytes | datetime) else "")


def _single(name: str, shown: Shown, value: object) -> Element:
    return t(name, people.person(shown, value) if isinstance(value, Person) else None)


def _several(name: str, shown: Shown, value: object) -> Element:
    persons = value if isinstance(value, list) else []
    return t(name, [people.person(shown, one) if isinstance(one, Person) else one for one in persons])


def _listed(name: str, _shown: Shown, value: object) -> Element:
    return t(name, value if isinstance(value, list) else [])


def _body(name: str, _shown: Shown, value: object) -> Element:
    return t(name, str(value), BodyType="Text")


def _given(_name: str, _shown: Shown, value: object) -> Element:
    if not isinstance(value, Element):
        raise TypeError(value)
    return value


def _field(
    uri: str,
    read: Callable[[Shown], object],
    kinds: frozenset[str] = _ALL,
    write: Callable[[str, Shown, object], Element] = _plain,
    *,
    in_rows: bool = True,
) -> Field:
    return Field(uri, kinds, read, write, in_rows)


def _of_meeting(read: Callable[[Meeting], object]) -> Callable[[Shown], object]:
    return lambda shown: read(shown.meeting) if shown.meeting else None


def _subject(shown: Shown) -> str:
    """The subject as far as it goes; by a switch, of every third item, with a character that XML does not have."""
    subject = shown.item.message.subject[:_LONGEST_SUBJECT]
    spoils = shown.call.behavior.ews_bad_characters == "reference" and shown.item.serial % 3 == 0
    return BAD_CHARACTER + subject if spoils else subject


def _text(shown: Shown) -> str:
    message = shown.item.message
    if message.source:
        return read_body(message.source.octets)
    return message.text or message.subject + "\r\n"


def _sent_at(shown: Shown) -> datetime:
    message = shown.item.message
    meeting = message.meeting
    return meeting.stamp if meeting and meeting.stamp and shown.kind in _REQUEST else message.received


def _received_at(shown: Shown) -> datetime:
    message = shown.item.message
    return message.received + shown.item.mailbox.transport_skew if message.delivered else message.received


def _response_objects(shown: Shown) -> list[Element] | None:
    if shown.call.behavior.ews_response_objects == "missing":
        return None
    names: tuple[str, ...] = ("ReplyToItem", "ReplyAllToItem", "ForwardItem")
    if shown.kind == "MeetingCancellation":
        names = ("RemoveItem", *names)
    elif shown.kind in _TIMES and can_be_answered(shown):
        names = ("AcceptItem", "TentativelyAcceptItem", "DeclineItem", *names)
    return [t(name) for name in names]


def can_be_answered(shown: Shown) -> bool:
    """Whether a request or an appointment is one that the owner can answer."""
    item = shown.item
    if is_own(item) or item.message.received_for is not None or shown.meeting is None:
        return False
    return shown.meeting.method != "CANCEL" and not is_outdated(item)


def _associated(shown: Shown) -> Element | None:
    if shown.meeting is None or shown.item.message.received_for is not None:
        return None
    found = booked(shown.item.mailbox, shown.meeting)
    found = found and as_instance(found, shown.meeting)
    return shown.call.id_of(found, "AssociatedCalendarItemId") if found is not None else None


def _processed(shown: Shown) -> bool:
    return (shown.item.patches or {}).get(HAS_BEEN_PROCESSED) is True


def _request_type(shown: Shown) -> str:
    if shown.item.message.received_for is not None:
        return "PrincipalWantsCopy"
    if is_outdated(shown.item):
        return "Outdated"
    return "FullUpdate" if shown.meeting and shown.meeting.sequence else "NewMeetingRequest"


def _free_busy(meeting: Meeting) -> str:
    maybe = meeting.response_status in {_TENTATIVE, _UNANSWERED} and meeting.busy
    return "Tentative" if maybe else _BUSY[meeting.busy]


def _item_type(meeting: Meeting) -> str:
    if meeting.rrule:
        return "RecurringMaster"
    if meeting.recurrence_id is None:
        return "Single"
    return "Occurrence" if meeting.instance_type == 2 else "Exception"  # noqa: PLR2004 - calendar:instancetype


def _state(shown: Shown) -> int | None:
    meeting = shown.meeting
    if meeting is None:
        return None
    received = 0 if is_own(shown.item) else _STATES["received"]
    return _STATES["meeting"] + received + _STATES["canceled"] * (meeting.method == "CANCEL")


def _duration(meeting: Meeting) -> str:
    minutes = (meeting.end - meeting.start) // timedelta(minutes=1)
    hours, minutes = divmod(minutes, 60)
    return f"PT{hours}H{minutes}M"


def _is_before_2013(shown: Shown) -> bool:
    return shown.call.behavior.ews_version in {"2007", "2010"}


def _organizes(shown: Shown) -> bool | None:
    return None if _is_before_2013(shown) else is_own(shown.item)


def _proposed(shown: Shown, *, end: bool) -> datetime | None:
    meeting = shown.meeting
    if meeting is None or not meeting.counter_proposal or _is_before_2013(shown):
        return None
    return (meeting.end if end else meeting.start) + PROPOSED_LATER


#: All that an item can show, in the order of the schema; ExtendedProperty stands before what is a message's own.
OF_ITEMS = (
    _field("item:ParentFolderId", lambda shown: folder_id(shown.item.folder, "ParentFolderId"), write=_given),
    _field("item:ItemClass", lambda shown: shown.item.message.message_class),
    _field("item:Subject", _subject),
    _field("item:Sensitivity", lambda shown: "Private" if shown.item.message.private else "Normal"),
    _field("item:Body", _text, write=_body, in_rows=False),
    _field("item:DateTimeReceived", _received_at),
    _field("item:Size", lambda shown: shown.size),
    _field("item:Importance", lambda _: "Normal"),
    _field("item:IsSubmitted", lambda shown: shown.item.folder.role is Role.OUTBOX),
    _field("item:IsDraft", lambda shown: shown.item.message.unsent or shown.item.folder.role is Role.DRAFTS),
    _field("item:IsFromMe", lambda shown: shown.item.message.sender == shown.item.mailbox.owner),
    _field("item:IsResend", lambda _: False),
    _field("item:IsUnmodified", lambda shown: shown.item.change == shown.item.serial),
    _field("item:DateTimeSent", _sent_at),
    _field("item:DateTimeCreated", lambda shown: shown.item.message.received),
    _field("item:ResponseObjects", _response_objects, write=_listed, in_rows=False),
    _field("item:ReminderIsSet", lambda _: False),
    _field("item:DisplayCc", lambda shown: people.display(people.copied(shown))),
    _field("item:DisplayTo", lambda shown: people.display(people.recipients(shown))),
    _field("item:HasAttachments", lambda _: False),
)
OF_KINDS = (
    _field("item:LastModifiedTime", lambda shown: shown.item.modified),
    _field("message:Sender", people.sender, _MAIL, _single),
    _field("message:ToRecipients", people.recipients, _MAIL, _several, in_rows=False),
    _field("message:CcRecipients", people.copied, _MAIL, _several, in_rows=False),
    _field("message:IsReadReceiptRequested", lambda _: False, _MAIL),
    _field("message:IsDeliveryReceiptRequested", lambda _: False, _MAIL),
    _field("message:From", people.author, _MAIL, _single),
    _field("message:InternetMessageId", lambda shown: shown.message_id, _MAIL),
    _field("message:IsRead", lambda shown: shown.item.message.read, _MAIL),
    _field("message:IsResponseRequested", _of_meeting(lambda meeting: meeting.response_requested), _MEETING),
    _field("message:ReceivedBy", people.received_by, _MAIL, _single, in_rows=False),
    _field("message:ReceivedRepresenting", people.received_for, _MAIL, _single, in_rows=False),
    _field("meeting:AssociatedCalendarItemId", _associated, _MEETING, _given, in_rows=False),
    _field("meeting:IsDelegated", lambda shown: shown.item.message.received_for is not None, _MEETING),
    _field("meeting:IsOutOfDate", lambda shown: shown.kind in _REQUEST and is_outdated(shown.item), _MEETING),
    _field("meeting:HasBeenProcessed", _processed, _MEETING),
    _field("meeting:ResponseType", lambda shown: RESPONSE_TYPES[shown.status], _MEETING),
    _field("calendar:UID", lambda shown: shown_uid(shown.item), _ABOUT_MEETING),
    _field("calendar:RecurrenceId", _of_meeting(lambda meeting: meeting.recurrence_id), _ABOUT_MEETING),
    _field(
        "calendar:DateTimeStamp",
        lambda shown: (shown.meeting.stamp or shown.item.message.received) if shown.meeting else None,
        _ABOUT_MEETING,
    ),
    _field("meetingRequest:MeetingRequestType", _request_type, _REQUEST),
    _field("meetingRequest:IntendedFreeBusyStatus", _of_meeting(lambda meeting: _BUSY.get(meeting.busy)), _REQUEST),
    _field("calendar:Start", _of_meeting(lambda meeting: meeting.start), _TIMES),
    _field("calendar:End", _of_meeting(lambda meeting: meeting.end), _TIMES),
    _field("calendar:OriginalStart", _of_meeting(lambda meeting: meeting.recurrence_id), _TIMES),
    _field("calendar:IsAllDayEvent", _of_meeting(lambda meeting: meeting.all_day), _TIMES),
    _field("calendar:LegacyFreeBusyStatus", _of_meeting(_free_busy), _TIMES),
    _field("calendar:Location", _of_meeting(lambda meeting: meeting.location or None), _TIMES),
    _field("calendar:IsMeeting", lambda _: True, _TIMES),
    _field("calendar:IsCancelled", _of_meeting(lambda meeting: meeting.method == "CANCEL"), _TIMES),
    _field("calendar:IsRecurring", _of_meeting(lambda meeting: meeting.instance_type is not None), _CALENDAR),
    _field("calendar:IsRecurring", _of_meeting(lambda meeting: meeting.rrule is not None), _REQUEST),
    _field(
        "calendar:MeetingRequestWasSent",
        lambda shown: attendance_of(shown.call.world, shown.item) is not None,
        _TIMES,
    ),
    _field("calendar:IsResponseRequested", _of_meeting(lambda meeting: meeting.response_requested), _CALENDAR),
    _field("calendar:CalendarItemType", _of_meeting(_item_type), _TIMES),
    _field("calendar:MyResponseType", lambda shown: RESPONSE_TYPES[shown.status], _TIMES),
    _field("calendar:Organizer", people.organizer, _TIMES, _single),
    _field("calendar:RequiredAttendees", people.required, _TIMES, _listed, in_rows=False),
    _field("calendar:OptionalAttendees", people.optional, _TIMES, _listed, in_rows=False),
    _field("calendar:Duration", _of_meeting(_duration), _TIMES),
    _field("calendar:AppointmentReplyTime", _of_meeting(lambda meeting: meeting.replied), _TIMES),
    _field("calendar:AppointmentSequenceNumber", _of_meeting(lambda meeting: meeting.sequence), _TIMES),
    _field("calendar:AppointmentState", _state, _TIMES),
    _field("calendar:Recurrence", series.recurrence, _TIMES, _given, in_rows=False),
    _field("calendar:FirstOccurrence", series.first, _TIMES, _given, in_rows=False),
    _field("calendar:LastOccurrence", series.last, _TIMES, _given, in_rows=False),
    _field("calendar:ModifiedOccurrences", series.modified, _TIMES, _listed, in_rows=False),
    _field("calendar:DeletedOccurrences", series.deleted, _TIMES, _listed, in_rows=False),
    _field("calendar:MeetingTimeZone", series.meeting_zone, _TIMES, _given, in_rows=False),
    _field("calendar:StartTimeZone", series.start_zone, _TIMES, _given, in_rows=False),
    _field("calendar:EndTimeZone", series.end_zone, _TIMES, _given, in_rows=False),
    _field("calendar:IsOrganizer", _organizes, _CALENDAR),
    _field("meeting:ProposedStart", lambda shown: _proposed(shown, end=False), _RESPONSE),
    _field("meeting:ProposedEnd", lambda shown: _proposed(shown, end=True), _RESPONSE),
)
#: What can be asked for and is never there, or is so little known that nobody has asked for it yet.
_UNKNOWN_VALUES = frozenset(
    f"{group}:{name}"
    for group, names in {
        "item": "ItemId MimeContent Attachments Categories InReplyTo InternetMessageHeaders ReminderDueBy "
        "ReminderMinutesBeforeStart Culture EffectiveRights LastModifiedName IsAssociated ConversationId UniqueBody "
        "TextBody WebClientReadFormQueryString WebClientEditFormQueryString Flag Preview NextPredictedAction "
        "StoreEntryId InstanceKey NormalizedBody EntityExtractionResult PolicyTag ArchiveTag RetentionDate IconIndex "
        "GroupingAction PredictedActionReasons RightsManagementLicenseData BlockStatus HasBlockedImages",
        "message": "BccRecipients ConversationIndex ConversationTopic References ReplyTo ApprovalRequestData "
        "VotingInformation ReminderMessageData",
        "meeting": "IsOrganizer",
        "meetingRequest": "ChangeHighlights",
        "calendar": "When TimeZone StartTimeZoneId EndTimeZoneId Resources "
        "ConflictingMeetingCount AdjacentMeetingCount ConflictingMeetings AdjacentMeetings "
        "ConferenceType AllowNewTimeProposal IsOnlineMeeting "
        "MeetingWorkspaceUrl NetShowUrl EnhancedLocation StartWallClock EndWallClock JoinOnlineMeetingUrl "
        "OnlineMeetingSettings",
    }.items()
    for name in names.split()
)
#: Of kinds of items that are not here every name is taken.
_OTHER_KINDS = frozenset({"contacts", "task", "distributionlist", "postitem", "persona", "conversation"})
_BY_URI: dict[str, list[Field]] = {}
for _one in (*OF_ITEMS, *OF_KINDS):
    _BY_URI.setdefault(_one.uri, []).append(_one)

#: What BaseShape Default shows of an item, beside its id.
DEFAULT = frozenset(
    {
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:DateTimeSent",
        "item:Size",
        "item:ResponseObjects",
        "item:HasAttachments",
        "message:From",
        "message:IsRead",
        "message:ToRecipients",
        "message:CcRecipients",
        "meeting:AssociatedCalendarItemId",
        "meeting:IsDelegated",
        "meeting:IsOutOfDate",
        "meeting:HasBeenProcessed",
        "meeting:ResponseType",
        "meetingRequest:MeetingRequestType",
        "meetingRequest:IntendedFreeBusyStatus",
        "calendar:Start",
        "calendar:End",
        "calendar:Location",
        "calendar:Organizer",
    }
)
#: Those that no restriction takes.
NOT_SEARCHABLE = frozenset({"calendar:UID", "item:Body", "item:ResponseObjects", "meeting:AssociatedCalendarItemId"})


def fields_of(uri: str) -> list[Field] | None:
    """The properties of a FieldURI, by kinds of items; None for a FieldURI that does not exist."""
    is_known = uri in _UNKNOWN_VALUES or uri.partition(":")[0] in _OTHER_KINDS
    return _BY_URI.get(uri) or ([] if is_known else None)
