"""What a message is, and that its identity never changes and is nobody else's."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage, kind_of

ADELE = Mailbox("adele@example.com", "mail1")
REQUEST = MeetingMessage(
    kind=Kind.REQUEST,
    message_class="IPM.Schedule.Meeting.Request",
    href="/exchange/adele@example.com/Inbox/Budget.EML",
    rid="rid:1234",
    uid="0400",
    subject="Budget",
    organizer='"Bruno" <bruno@example.com>',
    permanent_url="/exchange/adele@example.com/-FlatUrlSpace-/1-2/3-4",
    received="2026-03-02T08:00:00.000Z",
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


def test_an_identity_is_32_hex_digits_that_never_change() -> None:
    # Spelt out: a change would make every message in every ledger a new one.
    assert REQUEST.identity(ADELE) == "1de3e1093b235efbcac3cfda0f27afad"


@pytest.mark.parametrize(
    "again",
    [
        replace(REQUEST, href="/exchange/adele@example.com/Inbox/Budget-2.EML"),
        replace(REQUEST, subject="Budget!", uid="other", received="later", processed=True),
        replace(REQUEST, permanent_url=""),
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
        (replace(REQUEST, rid="rid:1235"), ADELE),
        (REQUEST, Mailbox("bruno@example.com", "mail1")),
    ],
)
def test_another_item_or_mailbox_is_another_identity(other: MeetingMessage, mailbox: Mailbox) -> None:
    assert other.identity(mailbox) != REQUEST.identity(ADELE)


def test_a_server_that_is_renamed_or_another_makes_no_new_items() -> None:
    # What an operator has given up would come back under the new name.
    assert REQUEST.identity(replace(ADELE, server="mail2")) == REQUEST.identity(ADELE)


ODD: dict[str, tuple[object, ...]] = {
    "href": (5, None, [], {}, True),
    "processed": (1, 0, "no", None),
    "sequence": (True, "1", 1.5),
    "sensitivity": (None, "0", False),
    "recurring": (1, ""),
    "kind": ("REQUEST", "", 5, None, []),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ODD.items() for value in values])
def test_what_has_another_type_than_a_message_gives_it_is_no_message(name: str, value: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        MeetingMessage.from_payload({**REQUEST.to_payload(), name: value})


def test_without_a_rid_the_permanent_url_is_the_identity() -> None:
    without = replace(REQUEST, rid="")
    assert without.identity(ADELE) == replace(without, href="/elsewhere").identity(ADELE)
    assert without.identity(ADELE) != replace(without, permanent_url="/other").identity(ADELE)


def test_without_both_the_href_is_the_identity() -> None:
    bare = replace(REQUEST, rid="", permanent_url="")
    assert bare.identity(ADELE) != replace(bare, href="/exchange/adele@example.com/Inbox/B.EML").identity(ADELE)


messages = st.builds(
    MeetingMessage,
    kind=st.sampled_from(Kind),
    message_class=st.text(),
    href=st.text(),
    rid=st.text(),
    uid=st.text(),
    subject=st.text(),
    organizer=st.text(),
    permanent_url=st.text(),
    received=st.text(),
    response_requested=st.booleans(),
    processed=st.booleans(),
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
