"""Items of Exchange Web Services become meeting messages."""

import base64
import json
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.ews.global_ids import clean_id_of, day_of_instance, uid_in, uid_of
from rsvpq.ews.items import EwsItem, message_of_item
from rsvpq.ews.series import details_of_item
from rsvpq.ews.soap import parse_response
from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.messages import Kind, MeetingMessage, Sensitivity, Verdict
from tests.support import ews_responses as ews

FOREIGN = "7d1e-ünïque@calendar.example"


def item_of(xml: str) -> EwsItem:
    """The item as the client reads it."""
    (message,) = parse_response(ews.got(xml), "GetItem").messages
    return EwsItem(next(message.items()))


def read(xml: str) -> MeetingMessage:
    """The message of an item."""
    found = message_of_item(item_of(xml))
    assert found is not None
    return found


def test_a_request_has_its_values() -> None:
    message = read(ews.REQUEST)
    assert message.kind is Kind.REQUEST
    assert message.ref.address == ("AAMk/1+=", "CwAA1")
    assert message.ref.key == base64.b64decode("AAAA" * 4 + "0001").hex()
    assert message.uid == ews.UID
    assert (message.subject, message.organizer) == ("Planning", '"Olga" <olga@corp.example>')
    assert message.received == datetime(2026, 11, 28, 8, 1, 12, tzinfo=UTC)
    assert message.start == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert message.end == datetime(2026, 12, 1, 11, tzinfo=UTC)
    assert message.stamp == datetime(2026, 11, 28, 8, 1, tzinfo=UTC)
    assert (message.sequence, message.recurring, message.occurrence) == (0, False, "")
    assert (message.received_by, message.own, message.from_another, message.sent_by) == (ews.ADELE, False, "", ())
    assert (message.received_for, message.for_delegate, message.overlong) == ("", False, "")
    assert MeetingMessage.from_payload(message.to_payload()) == message


def test_trap_2_a_request_in_the_calendar_is_neither_processed_nor_answered() -> None:
    message = read(ews.REQUEST)
    assert "<t:HasBeenProcessed>true" in ews.REQUEST
    assert not message.processed
    assert message.answered is None


def test_our_mark_shows_a_message_as_processed() -> None:
    mark = ews.extended('PropertyTag="0x65e8" PropertyType="Boolean"', "true")
    assert read(ews.item(content=mark)).processed


def test_what_the_calendar_attendant_sets_does_not() -> None:
    mark = ews.extended('PropertyTag="0x7D01" PropertyType="Boolean"', "1")
    assert not read(ews.item(content=mark)).processed


@pytest.mark.parametrize(
    ("content", "answered"),
    [
        ("<t:MyResponseType>Accept</t:MyResponseType>", Verdict.ACCEPT),
        ("<t:ResponseType>Tentative</t:ResponseType>", Verdict.TENTATIVE),
        (ews.appointment_property(33304, "4"), Verdict.DECLINE),
        (ews.appointment_property(33304, "5"), None),
        ("<t:MyResponseType>Organizer</t:MyResponseType>", None),
        ("<t:ResponseType>Unknown</t:ResponseType>", None),
    ],
)
def test_trap_13_the_request_says_whether_this_edition_was_answered(content: str, answered: Verdict | None) -> None:
    message = read(ews.item(content=content))
    assert message.answered is answered
    assert MeetingMessage.from_payload(message.to_payload()) == message


def test_trap_1_a_row_of_a_search_shows_no_address_unless_the_property_does() -> None:
    nobody = "<t:Organizer><t:Mailbox><t:Name>Olga</t:Name></t:Mailbox></t:Organizer>"
    assert read(ews.item(content=nobody)).organizer == ""
    smtp = ews.extended('PropertyTag="0x5d02" PropertyType="String"', ews.OLGA)
    assert read(ews.item(content=nobody + smtp)).organizer == ews.OLGA


@pytest.mark.parametrize("tag", ["0x5D02", "0x5d02", "0x05D02", "23810"])
def test_trap_20a_property_tags_are_numbers(tag: str) -> None:
    assert read(ews.item(content=ews.extended(f'PropertyTag="{tag}"', ews.OLGA))).organizer == ews.OLGA


@pytest.mark.parametrize(
    "name",
    [
        'DistinguishedPropertySetId="Appointment" PropertyId="33281"',
        'DistinguishedPropertySetId="Appointment" PropertyId="0x8201"',
        'PropertySetId="00062002-0000-0000-C000-000000000046" PropertyId="33281"',
        'PropertySetId="{00062002-0000-0000-c000-000000000046}" PropertyId="0x00008201"',
    ],
)
def test_trap_20a_property_sets_have_words_and_numbers(name: str) -> None:
    xml = ews.item(content=ews.extended(f'{name} PropertyType="Integer"', "7"))
    assert read(xml.replace(ews.appointment_property(33281, "0"), "")).sequence == 7


@pytest.mark.parametrize(
    "name",
    ["", 'PropertyTag="x"', 'PropertyTag="0x"', 'PropertyId="3"', 'PropertyTag="0x99999999999"', 'PropertySetId="a"'],
)
def test_a_malformed_name_of_a_property_is_left_out(name: str) -> None:
    assert read(ews.item(content=ews.extended(name, "x"))).kind is Kind.REQUEST


@pytest.mark.parametrize("digits", ["", ".1", ".1234567", ".123456789"])
@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_trap_20b_times_have_any_number_of_digits(digits: str, zone: str) -> None:
    found = read(ews.item(content=f"<t:Start>2026-12-01T10:00:00{digits}{zone}</t:Start>")).start
    assert found is not None
    assert found.replace(microsecond=0) == datetime(2026, 12, 1, 10, tzinfo=UTC)


def test_trap_12_an_all_day_meeting_is_midnight_of_its_creator() -> None:
    content = (
        "<t:Start>2026-12-01T00:00:00+01:00</t:Start><t:End>2026-12-01T23:00:00Z</t:End>"
        "<t:IsAllDayEvent>true</t:IsAllDayEvent>"
    )
    message = read(ews.item(content=content))
    assert message.all_day
    assert message.start == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert message.end == datetime(2026, 12, 1, 23, tzinfo=UTC)


def test_trap_10_a_uid_of_another_program_is_in_the_id() -> None:
    message = read(ews.item(global_id=clean_id_of(FOREIGN)))
    assert message.uid == FOREIGN
    shown = base64.b64decode(clean_id_of(FOREIGN)).hex()
    for spelling in (shown, shown.upper(), FOREIGN):
        assert read(ews.item(global_id="", content=f"<t:UID>{spelling}</t:UID>")).uid == FOREIGN


def test_trap_10_the_case_of_a_uid_does_not_matter() -> None:
    lower = ews.item(global_id="", content=f"<t:UID>{ews.UID.lower()}</t:UID>")
    assert read(lower).uid == ews.UID
    assert same_meeting_key(ews.UID.lower()) == same_meeting_key(ews.UID)


def test_trap_11_an_instance_has_its_date_in_one_of_the_two_ids() -> None:
    ids = ews.meeting_property(35, ews.GLOBAL_ID) + ews.meeting_property(3, ews.INSTANCE_ID)
    message = read(ews.item(global_id="", content=ids))
    assert (message.uid, message.occurrence, message.recurring) == (ews.UID, "20260307", True)
    named = ids + "<t:RecurrenceId>2026-03-07T09:00:00Z</t:RecurrenceId>"
    assert read(ews.item(global_id="", content=named)).occurrence == "20260307T090000Z"


@pytest.mark.parametrize(
    ("content", "recurring", "occurrence"),
    [
        ("", None, ""),
        ("<t:CalendarItemType>Single</t:CalendarItemType>", False, ""),
        ("<t:CalendarItemType>RecurringMaster</t:CalendarItemType>", True, ""),
        ("<t:IsRecurring>true</t:IsRecurring>", True, ""),
        (ews.appointment_property(33315, "false", "Boolean"), False, ""),
        (
            "<t:Start>2026-12-01T10:00:00Z</t:Start><t:CalendarItemType>Exception</t:CalendarItemType>",
            True,
            "at 2026-12-01T10:00:00Z",
        ),
    ],
)
def test_a_series_is_distinguished_from_a_meeting(content: str, recurring: bool | None, occurrence: str) -> None:
    message = read(ews.item(content=content))
    assert (message.recurring, message.occurrence) == (recurring, occurrence)


@pytest.mark.parametrize(
    ("item_class", "element", "kind", "reply"),
    [
        ("IPM.Schedule.Meeting.Request", "MeetingRequest", Kind.REQUEST, None),
        ("IPM.Schedule.Meeting.Request", "Message", Kind.REQUEST, None),
        ("IPM.Schedule.Meeting.Resp.Pos", "MeetingResponse", Kind.RESPONSE, Verdict.ACCEPT),
        ("IPM.Schedule.Meeting.Canceled", "MeetingCancellation", Kind.CANCELLATION, None),
        ("IPM.Schedule.Meeting.Notification.Forward", "MeetingMessage", Kind.OTHER, None),
        ("IPM.Schedule.Meeting.Request.NDR", "Message", Kind.OTHER, None),
        ("IPM.TaskRequest", "Message", Kind.TASK_REQUEST, None),
        ("IPM.Note", "MeetingRequest", Kind.OTHER, None),
    ],
)
def test_trap_17_the_class_counts_and_not_the_element(
    item_class: str, element: str, kind: Kind, reply: Verdict | None
) -> None:
    message = read(ews.item(item_class=item_class, element=element))
    assert (message.kind, message.reply, message.type_name) == (kind, reply, item_class)


def test_trap_9_names_of_the_directory_are_looked_up() -> None:
    x500 = "/o=Corp/ou=First/cn=Recipients/cn=olga"
    content = ews.FIELDS.replace(ews.person("Organizer"), ews.person("Organizer", x500, "EX"))
    content = content.replace(ews.person("From"), ews.person("From", x500, "EX"))
    found = message_of_item(item_of(ews.item(content=content)), {x500: ews.OLGA}.__getitem__)
    assert found is not None
    assert (found.organizer, found.from_another) == ('"Olga" <olga@corp.example>', "")
    unknown = message_of_item(item_of(ews.item(content=content)))
    assert unknown is not None
    assert unknown.organizer == f'"Olga" <{x500}>'


def test_a_sender_who_is_not_the_organizer_is_shown() -> None:
    content = ews.FIELDS.replace(ews.person("From"), ews.person("From", "mallory@evil.example", shown="Olga"))
    message = read(ews.item(content=content))
    assert message.from_another == "mallory@evil.example"
    assert message.sent_by == ("mallory@evil.example",)


def test_the_copy_of_a_delegate_shows_for_whom_it_is() -> None:
    content = ews.FIELDS.replace(
        ews.person("ReceivedRepresenting", ews.ADELE, shown="Adele"),
        ews.person("ReceivedRepresenting", "boss@corp.example", shown="Boss"),
    )
    assert read(ews.item(content=content)).received_for == "boss@corp.example"


@pytest.mark.parametrize(
    ("content", "flags"),
    [
        (ews.meeting_property(38, "524288", "Integer"), (True, False, False)),
        ("<t:IsOutOfDate>true</t:IsOutOfDate>", (True, False, False)),
        ("<t:MeetingRequestType>Outdated</t:MeetingRequestType>", (True, False, False)),
        ("<t:MeetingRequestType>InformationalUpdate</t:MeetingRequestType>", (False, True, False)),
        ("<t:MeetingRequestType>PrincipalWantsCopy</t:MeetingRequestType>", (False, False, True)),
        (ews.meeting_property(38, "1", "Integer"), (False, False, False)),
    ],
)
def test_the_type_of_a_request_comes_as_a_number_or_a_word(content: str, flags: tuple[bool, bool, bool]) -> None:
    message = read(ews.item(content=content))
    assert (message.outdated, message.informational, message.for_delegate) == flags


@pytest.mark.parametrize(
    ("shown", "sensitivity"),
    [("Normal", Sensitivity.NORMAL), ("Private", Sensitivity.PRIVATE), ("Secret", Sensitivity.CONFIDENTIAL)],
)
def test_an_unknown_sensitivity_is_the_highest(shown: str, sensitivity: Sensitivity) -> None:
    xml = ews.item().replace("<t:Sensitivity>Normal", f"<t:Sensitivity>{shown}")
    assert read(xml).sensitivity is sensitivity


@pytest.mark.parametrize(
    "proposal", ["<t:ProposedStart>2026-12-02T10:00:00Z</t:ProposedStart>", ews.appointment_property(33367, "true")]
)
def test_a_counter_proposal_is_shown(proposal: str) -> None:
    xml = ews.item(content=proposal, item_class="IPM.Schedule.Meeting.Resp.Tent", element="MeetingResponse")
    assert read(xml).counter_proposal


def test_an_item_keeps_its_key_when_it_is_moved() -> None:
    before, after = ews.item("1"), ews.item("1").replace("AAMk/1+=", "AAMkNew=")
    assert read(before).ref.key == read(after).ref.key
    assert read(before).ref.address != read(after).ref.address


def test_without_a_search_key_message_id_and_meeting_are_the_key() -> None:
    message_id = ews.extended('PropertyTag="0x1035" PropertyType="String"', "<1@corp.example>" + "x" * 300)
    xml = ews.item(content=message_id).replace(ews.search_key("AAAA" * 4 + "0001"), "")
    cut = xml.replace("x" * 300, "x" * (255 - len("<1@corp.example>")))
    assert read(xml).ref.key == read(cut).ref.key
    assert read(xml).ref.key.endswith(f"{ews.GLOBAL_ID} IPM.Schedule.Meeting.Request")


def test_an_item_without_an_address_is_none() -> None:
    for reference in ("", '<t:ItemId Id=""/>', '<t:ItemId Id="a b"/>', f'<t:ItemId Id="{"x" * 3000}"/>'):
        xml = ews.item().replace('<t:ItemId Id="AAMk/1+=" ChangeKey="CwAA1"/>', reference)
        assert message_of_item(item_of(xml)) is None


def test_overlong_texts_are_cut_and_named() -> None:
    content = ews.FIELDS.replace(ews.OLGA, f"olga@{'x' * 2000}.example")
    message = read(ews.item(content=content).replace("Planning", "P" * 5000))
    assert len(message.subject) == 300
    assert message.overlong == "organizer, sent_by"


@given(st.text(max_size=60))
def test_a_uid_comes_back_from_its_id(uid: str) -> None:
    plain = uid.encode("utf-8", "replace").decode().rstrip("\0")
    assert uid_of(clean_id_of(plain)) == plain or uid_in(plain) == uid_of(clean_id_of(plain))


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda octets: base64.b64encode(octets).decode()))
def test_any_text_is_an_id_or_none(text: str) -> None:
    uid_of(text)
    uid_in(text)
    day_of_instance(text)


#: Texts of a server that means harm, among them moments and numbers at the edges.
ODD = st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "-1", "9" * 20, "true", "Accept", "\u202e", "/o="]
) | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
TEXTS = (
    *("ItemClass", "Subject", "Sensitivity", "DateTimeReceived", "IsResponseRequested", "ResponseType", "UID"),
    *("MeetingRequestType", "Start", "End", "IsAllDayEvent", "CalendarItemType", "RecurrenceId", "ProposedStart"),
    *("AppointmentSequenceNumber", "DateTimeStamp", "IsOutOfDate"),
)


@given(st.dictionaries(st.sampled_from(TEXTS), ODD), st.dictionaries(st.sampled_from([3, 26, 35, 38]), ODD), ODD)
def test_any_values_make_a_message_that_can_be_kept(
    fields: dict[str, str], numbered: dict[int, str], address: str
) -> None:
    content = "".join(f"<t:{name}>{escape(text)}</t:{name}>" for name, text in fields.items())
    content += "".join(ews.meeting_property(number, text) for number, text in numbered.items())
    content += ews.person("From", escape(address)) + ews.person("Organizer", escape(address), shown=escape(address))
    item = item_of(f'<t:MeetingRequest><t:ItemId Id="AAMk="/>{content}</t:MeetingRequest>')
    message = message_of_item(item)
    assert message is not None
    assert MeetingMessage.from_payload(json.loads(json.dumps(message.to_payload()))) == message
    details_of_item(item)


def recurring(pattern: str, end: str = "<t:NoEndRecurrence/>") -> str:
    """A request for a series."""
    return ews.item(content=f"<t:Recurrence>{pattern}{end}</t:Recurrence>")


WEEKDAYS = "<t:DaysOfWeek>Monday Wednesday</t:DaysOfWeek>"


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ("<t:DailyRecurrence><t:Interval>2</t:Interval></t:DailyRecurrence>", "FREQ=DAILY;INTERVAL=2"),
        (
            f"<t:WeeklyRecurrence><t:Interval>1</t:Interval>{WEEKDAYS}"
            "<t:FirstDayOfWeek>Monday</t:FirstDayOfWeek></t:WeeklyRecurrence>",
            "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,WE;WKST=MO",
        ),
        (
            "<t:AbsoluteMonthlyRecurrence><t:Interval>1</t:Interval><t:DayOfMonth>31</t:DayOfMonth>"
            "</t:AbsoluteMonthlyRecurrence>",
            "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=-1",
        ),
        (
            "<t:RelativeMonthlyRecurrence><t:Interval>3</t:Interval><t:DaysOfWeek>Weekday</t:DaysOfWeek>"
            "<t:DayOfWeekIndex>Last</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>",
            "FREQ=MONTHLY;INTERVAL=3;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        ),
        (
            "<t:AbsoluteYearlyRecurrence><t:DayOfMonth>7</t:DayOfMonth><t:Month>March</t:Month>"
            "</t:AbsoluteYearlyRecurrence>",
            "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=7",
        ),
        (
            "<t:RelativeYearlyRecurrence><t:DaysOfWeek>Friday</t:DaysOfWeek><t:DayOfWeekIndex>First</t:DayOfWeekIndex>"
            "<t:Month>May</t:Month></t:RelativeYearlyRecurrence>",
            "FREQ=YEARLY;BYMONTH=5;BYDAY=FR;BYSETPOS=1",
        ),
        ("<t:WeeklyRecurrence><t:Interval>1</t:Interval></t:WeeklyRecurrence>", ""),
        ("<t:WeeklyRecurrence><t:DaysOfWeek>Someday</t:DaysOfWeek></t:WeeklyRecurrence>", ""),
        ("<t:HourlyRecurrence><t:Interval>1</t:Interval></t:HourlyRecurrence>", ""),
        ("", ""),
    ],
)
def test_a_recurrence_becomes_a_rule(pattern: str, rule: str) -> None:
    assert details_of_item(item_of(recurring(pattern))).rule == rule


@pytest.mark.parametrize(
    ("end", "part"),
    [
        (
            "<t:EndDateRecurrence><t:StartDate>2026-12-01Z</t:StartDate><t:EndDate>2027-06-30+01:00</t:EndDate>"
            "</t:EndDateRecurrence>",
            ";UNTIL=20270630",
        ),
        ("<t:NumberedRecurrence><t:NumberOfOccurrences>5</t:NumberOfOccurrences></t:NumberedRecurrence>", ";COUNT=5"),
        ("<t:NoEndRecurrence/>", ""),
    ],
)
def test_the_end_of_a_series_is_part_of_its_rule(end: str, part: str) -> None:
    pattern = "<t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence>"
    assert details_of_item(item_of(recurring(pattern, end))).rule == f"FREQ=DAILY;INTERVAL=1{part}"


@pytest.mark.parametrize("end", ["", "<t:EndDateRecurrence/>", "<t:NumberedRecurrence/>"])
def test_a_series_whose_end_is_not_shown_is_unknown(end: str) -> None:
    pattern = "<t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence>"
    assert details_of_item(item_of(recurring(pattern, end))).rule == ""


def test_attendees_are_counted_without_the_organizer() -> None:
    def attendee(address: str) -> str:
        return f"<t:Attendee><t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox></t:Attendee>"

    required = f"<t:RequiredAttendees>{attendee(ews.OLGA)}{attendee(ews.ADELE)}</t:RequiredAttendees>"
    optional = f"<t:OptionalAttendees>{attendee('otto@corp.example')}</t:OptionalAttendees>"
    assert details_of_item(item_of(ews.item(content=ews.person("Organizer") + required + optional))).attendees == 2
    assert details_of_item(item_of(ews.item())).attendees is None


@pytest.mark.parametrize(
    ("shown", "zone"),
    [
        ('<t:StartTimeZone Id="W. Europe Standard Time" Name="(UTC+01:00) Berlin"/>', "W. Europe Standard Time"),
        ('<t:MeetingTimeZone TimeZoneName="W. Europe Standard Time"/>', "W. Europe Standard Time"),
        ('<t:StartTimeZone Id="tzone://Microsoft/Utc"/>', "UTC"),
        ('<t:StartTimeZone Id="tzone://Microsoft/Custom"/>', ""),
        ("", ""),
    ],
)
def test_a_time_zone_is_one_of_windows(shown: str, zone: str) -> None:
    deleted = "<t:DeletedOccurrences><t:DeletedOccurrence><t:Start>2026-12-02T10:00:00Z</t:Start>"
    found = details_of_item(item_of(ews.item(content=f"{shown}{deleted}</t:DeletedOccurrence></t:DeletedOccurrences>")))
    assert found.zone == zone
    assert found.deleted == (datetime(2026, 12, 2, 10, tzinfo=UTC),)
