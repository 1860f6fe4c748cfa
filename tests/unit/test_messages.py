"""What a message is, and that its identity never changes and is nobody else's."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.classes import kind_of, reply_of
from rsvpq.mail.messages import Intent, ItemRef, Kind, Mailbox, MeetingMessage, Sensitivity, Verdict
from rsvpq.webdav import wire
from rsvpq.webdav.multistatus import Row
from rsvpq.webdav.rows import at, href_of, message_of, permanent_url_of, rid_of

ADELE = Mailbox("adele@example.com", "mail1")
ROOT = "/exchange/adele@example.com/"
HREF, PERMANENT_URL = f"{ROOT}Inbox/Budget.EML", f"{ROOT}-FlatUrlSpace-/1-2/3-4"
REQUEST = MeetingMessage(
    kind=Kind.REQUEST,
    ref=ItemRef("rid:1234", (HREF, PERMANENT_URL)),
    uid="0400",
    subject="Budget",
    organizer='"Bruno" <bruno@example.com>',
    received=datetime(2026, 3, 2, 8, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("message_class", "kind"),
    [
        ("IPM.Schedule.Meeting.Request", Kind.REQUEST),
        ("ipm.schedule.meeting.REQUEST", Kind.REQUEST),
        ("IPM.Schedule.Meeting.Request.Contoso", Kind.REQUEST),
        ("IPM.Schedule.Meeting.Request.NDR", Kind.OTHER),
        ("IPM.Schedule.Meeting.Request.Contoso.DR", Kind.OTHER),
        ("IPM.Schedule.Meeting.Request.IPNRN", Kind.OTHER),
        ("IPM.Schedule.Meeting.Request.ipnnrn", Kind.OTHER),
        ("IPM.Schedule.Meeting.Requests", Kind.OTHER),
        ("IPM.Schedule.Meeting.Resp.Pos", Kind.RESPONSE),
        ("IPM.Schedule.Meeting.Resp.Neg", Kind.RESPONSE),
        ("IPM.Schedule.Meeting.Resp.Tent", Kind.RESPONSE),
        ("IPM.Schedule.Meeting.Resp.Tent.Contoso", Kind.RESPONSE),
        ("IPM.Schedule.Meeting.Resp.Pos.NDR", Kind.OTHER),
        ("IPM.Schedule.Meeting.Resp", Kind.OTHER),
        ("IPM.Schedule.Meeting.Resp.Maybe", Kind.OTHER),
        ("IPM.Schedule.Meeting.Canceled", Kind.CANCELLATION),
        ("IPM.Schedule.Meeting.Canceled.Contoso", Kind.CANCELLATION),
        ("IPM.TaskRequest", Kind.TASK_REQUEST),
        ("IPM.TaskRequest.Accept", Kind.TASK_REQUEST),
        ("IPM.Schedule.Meeting.Notification.Forward", Kind.OTHER),
        ("REPORT.IPM.Schedule.Meeting.Request.NDR", Kind.OTHER),
        ("IPM.Note", Kind.OTHER),
        ("IPM.Appointment", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_a_message_class_tells_the_kind(message_class: str, kind: Kind) -> None:
    assert kind_of(message_class) is kind


@pytest.mark.parametrize(
    ("message_class", "reply"),
    [
        ("IPM.Schedule.Meeting.Resp.Pos", Verdict.ACCEPT),
        ("ipm.schedule.meeting.resp.NEG", Verdict.DECLINE),
        ("IPM.Schedule.Meeting.Resp.Tent.Contoso", Verdict.TENTATIVE),
        ("IPM.Schedule.Meeting.Resp.Pos.NDR", None),
        ("IPM.Schedule.Meeting.Resp", None),
        ("IPM.Schedule.Meeting.Resp.Maybe", None),
        ("IPM.Schedule.Meeting.Request", None),
        ("", None),
    ],
)
def test_what_a_response_says_is_in_its_class(message_class: str, reply: Verdict | None) -> None:
    assert reply_of(message_class) is reply


def test_an_identity_is_32_hex_digits_that_never_change() -> None:
    # Spelled out: a change would make every message in every ledger a new one.
    assert REQUEST.identity(ADELE) == "1de3e1093b235efbcac3cfda0f27afad"


@pytest.mark.parametrize(
    "again",
    [
        at(REQUEST, f"{ROOT}Inbox/Budget-2.EML"),
        replace(REQUEST, subject="Budget!", uid="other", received=None, processed=True),
        replace(REQUEST, ref=ItemRef("rid:1234", (HREF, ""))),
        replace(REQUEST, ref=ItemRef("rid:1234")),
        replace(REQUEST, response_requested=False),
    ],
)
def test_the_same_item_keeps_its_identity_whatever_else_changes(again: MeetingMessage) -> None:
    assert again.identity(ADELE) == REQUEST.identity(ADELE)


def test_the_case_of_a_mailbox_name_and_its_limits_do_not_matter() -> None:
    assert REQUEST.identity(Mailbox("ADELE@Example.com", "mail1", "sales")) == REQUEST.identity(ADELE)


@pytest.mark.parametrize(
    ("other", "mailbox"),
    [
        (replace(REQUEST, ref=ItemRef("rid:1235", (HREF, PERMANENT_URL))), ADELE),
        (REQUEST, Mailbox("bruno@example.com", "mail1")),
    ],
)
def test_another_item_or_mailbox_is_another_identity(other: MeetingMessage, mailbox: Mailbox) -> None:
    assert other.identity(mailbox) != REQUEST.identity(ADELE)


def test_a_server_that_is_renamed_or_another_makes_no_new_items() -> None:
    # What an operator has given up would come back under the new name.
    assert REQUEST.identity(replace(ADELE, server="mail2")) == REQUEST.identity(ADELE)


BEGUN = "2026-03-02T08:00:00.000Z"
ODD: dict[str, tuple[object, ...]] = {
    "ref": (5, None, [], {}, True, "rid:1", [5], ["rid:1", 5], ["rid:1", ["/x"]], ["rid:1", None]),
    "start": (5, None, "", "soon", []),
    "reply": (5, None, "", "yes"),
    "sent_by": (5, None, "a@example.com", [5], [None]),
    "intent": (
        *(5, None, "", [], ["item", "accept", BEGUN], ["item", "yes", BEGUN, False, ""]),
        *(["item", "accept", "soon", False, ""], ["item", "accept", BEGUN, 0, ""]),
        ["item", "accept", BEGUN, False, "", 5],
    ),
    "processed": (1, 0, "no", None),
    "sequence": (True, "1", 1.5),
    "sensitivity": (None, "0", False, 2),
    "recurring": (1, ""),
    "kind": ("REQUEST", "", 5, None, []),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ODD.items() for value in values])
def test_what_has_another_type_than_a_message_gives_it_is_no_message(name: str, value: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        MeetingMessage.from_payload({**REQUEST.to_payload(), name: value})


def shown(href: str = HREF, rid: str = "", permanent_url: str = PERMANENT_URL) -> MeetingMessage:
    """A message of a row that shows so much of where it is."""
    url = f"http://mail.example.com{permanent_url}" if permanent_url else ""
    found = message_of(Row(href, {wire.REPL_UID: rid, wire.PERMANENT_URL: url}), ROOT)
    assert found is not None
    return found


def test_a_message_is_known_by_its_rid_and_reached_by_its_urls() -> None:
    found = shown(rid="rid:1234")
    assert found.ref == REQUEST.ref
    assert (rid_of(found), href_of(found), permanent_url_of(found)) == ("rid:1234", HREF, PERMANENT_URL)


def test_without_a_rid_the_permanent_url_is_the_identity() -> None:
    without = shown()
    assert (rid_of(without), without.ref.key) == ("", PERMANENT_URL)
    assert without.identity(ADELE) == shown(f"{ROOT}elsewhere").identity(ADELE)
    assert without.identity(ADELE) != shown(permanent_url=f"{ROOT}other").identity(ADELE)


def test_without_both_the_href_is_the_identity() -> None:
    bare = shown(permanent_url="")
    assert (rid_of(bare), bare.ref.key) == ("", HREF)
    assert bare.identity(ADELE) != shown(f"{ROOT}Inbox/B.EML", permanent_url="").identity(ADELE)


#: PidLidMeetingType, MS-OXOCAL 2.2.6.5.
@pytest.mark.parametrize(
    ("number", "flags"),
    [
        ("", (False, False, False)),
        ("1", (False, False, False)),
        (str(0x10000), (False, False, False)),
        (str(0x80001), (True, False, False)),
        (str(0x20000), (False, True, False)),
        (str(0x100001), (False, False, True)),
        ("no number", (False, False, False)),
    ],
)
def test_what_a_request_says_of_itself_is_read_flag_by_flag(number: str, flags: tuple[bool, bool, bool]) -> None:
    found = message_of(Row(HREF, {wire.MEETING_TYPE: number}), ROOT)
    assert found is not None
    assert (found.outdated, found.informational, found.for_delegate) == flags


@pytest.mark.parametrize("text", ["", "soon", "30.12.2007", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_a_server_does_not_show_or_that_cannot_be_read_is_none(text: str) -> None:
    names = (wire.RECEIVED, wire.START, wire.END, wire.STAMP, wire.CREATED, wire.MODIFIED)
    found = message_of(Row(HREF, dict.fromkeys(names, text)), ROOT)
    assert found is not None
    times = (found.received, found.start, found.end, found.stamp, found.created, found.modified)
    assert times == (None,) * len(names)


def test_the_last_change_may_come_as_an_http_date() -> None:
    found = message_of(Row(HREF, {wire.MODIFIED: "Mon, 02 Mar 2026 09:00:00 +0100"}), ROOT)
    assert found is not None
    assert found.modified == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_a_marker_that_is_none_of_ours_is_none() -> None:
    found = message_of(Row(HREF, {wire.INTENT: "somebody else's"}), ROOT)
    assert found is not None
    assert found.intent is None


times = st.none() | st.datetimes(timezones=st.just(UTC))
intents = st.builds(
    Intent,
    identity=st.text(),
    verdict=st.sampled_from(Verdict),
    begun=st.datetimes(timezones=st.just(UTC)),
    before=st.lists(st.text(), max_size=3).map(tuple),
    finished=st.booleans(),
    token=st.text(),
)
messages = st.builds(
    MeetingMessage,
    kind=st.sampled_from(Kind),
    ref=st.builds(ItemRef, st.text(), st.lists(st.text(), max_size=3).map(tuple)),
    uid=st.text(),
    subject=st.text(),
    organizer=st.text(),
    received=times,
    response_requested=st.booleans(),
    processed=st.booleans(),
    start=times,
    end=times,
    stamp=times,
    sequence=st.none() | st.integers(),
    recurring=st.none() | st.booleans(),
    sensitivity=st.sampled_from(Sensitivity),
    reply=st.none() | st.sampled_from(Verdict),
    own=st.none() | st.booleans(),
    sent_by=st.lists(st.text(), max_size=3).map(tuple),
    outdated=st.booleans(),
    informational=st.booleans(),
    for_delegate=st.booleans(),
    intent=st.none() | intents,
    created=times,
    modified=times,
    etag=st.text(),
    type_name=st.text(),
)


@given(messages)
def test_a_payload_comes_back_from_json_as_the_same_message(message: MeetingMessage) -> None:
    assert MeetingMessage.from_payload(json.loads(json.dumps(message.to_payload()))) == message


def test_what_another_version_writes_beside_it_is_left_out() -> None:
    assert MeetingMessage.from_payload({**REQUEST.to_payload(), "extra": 1}) == REQUEST


@pytest.mark.parametrize("wrong", [{}, {"kind": "request"}, {**REQUEST.to_payload(), "kind": "none"}])
def test_what_is_no_payload_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        MeetingMessage.from_payload(wrong)
