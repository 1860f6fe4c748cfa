"""What the version before this one has offered is read as the same message."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Sensitivity, Verdict
from rsvpq.tasks.earlier_payloads import current

ADELE = Mailbox("adele", "mail1")
#: As that version wrote it, with no field at its default.
EARLIER: dict[str, Any] = {
    "kind": "request",
    "message_class": "IPM.Schedule.Meeting.Request",
    "href": "/exchange/adele/Inbox/Budget%202.EML",
    "rid": "rid:1",
    "uid": "uid-1",
    "subject": "Budget",
    "organizer": '"Brian Lee" <brian@example.com>',
    "permanent_url": "/exchange/adele/-FlatUrlSpace-/1-2/3-4",
    "received": "2026-03-02T08:00:00.000Z",
    "response_requested": False,
    "processed": True,
    "start": "2026-03-09T09:00:00.000Z",
    "end": "2026-03-09T10:00:00.000Z",
    "stamp": "2026-03-01T08:00:00.844Z",
    "sequence": 3,
    "recurring": True,
    "occurrence": "20260309T090000Z",
    "read": True,
    "all_day": True,
    "sensitivity": 2,
    "received_for": "boss@example.com",
    "received_by": "adele@example.com",
    "own": False,
    "from_another": "cara@example.com",
    "sent_by": "cara@example.com dora@example.com",
    "counter_proposal": True,
    "meeting_type": 0x1A0001,
    "intended_busy": 2,
    "intent": "rid:1 accept 2026-03-02T08:00:00Z begun:token rid:7",
    "answers": "0123",
    "topic": "topic",
    "created": "2026-03-02T08:00:01.000Z",
    "modified": "2026-03-02T08:00:02.000Z",
    "tag": '"tag"',
    "overlong": "location",
}
#: The same but for our mark and the tag, which are asked for again.
MESSAGE = MeetingMessage(
    kind=Kind.REQUEST,
    ref=ItemRef("rid:1", ("/exchange/adele/Inbox/Budget%202.EML", "/exchange/adele/-FlatUrlSpace-/1-2/3-4")),
    uid="uid-1",
    subject="Budget",
    organizer='"Brian Lee" <brian@example.com>',
    received=datetime(2026, 3, 2, 8, tzinfo=UTC),
    response_requested=False,
    processed=True,
    start=datetime(2026, 3, 9, 9, tzinfo=UTC),
    end=datetime(2026, 3, 9, 10, tzinfo=UTC),
    stamp=datetime(2026, 3, 1, 8, 0, 0, 844_000, UTC),
    sequence=3,
    recurring=True,
    occurrence="20260309T090000Z",
    read=True,
    all_day=True,
    sensitivity=Sensitivity.PRIVATE,
    received_for="boss@example.com",
    received_by="adele@example.com",
    own=False,
    from_another="cara@example.com",
    sent_by=("cara@example.com", "dora@example.com"),
    counter_proposal=True,
    outdated=True,
    informational=True,
    for_delegate=True,
    answers="0123",
    topic="topic",
    created=datetime(2026, 3, 2, 8, 0, 1, tzinfo=UTC),
    modified=datetime(2026, 3, 2, 8, 0, 2, tzinfo=UTC),
    overlong="location",
    type_name="IPM.Schedule.Meeting.Request",
)
#: The least that version wrote of a message.
BARE = {"kind": "request", "message_class": "IPM.Schedule.Meeting.Request", "href": "/x", "rid": "rid:1"}


def read(payload: dict[str, Any], *, unsent: bool = False) -> MeetingMessage:
    """Read a payload of either version, as it comes out of Redis."""
    return MeetingMessage.from_payload(current(json.loads(json.dumps(payload)), unsent=unsent))


def test_a_payload_with_all_fields_is_the_same_message() -> None:
    assert read(EARLIER) == MESSAGE


def test_a_payload_with_as_few_fields_as_there_may_be_is_the_same_message() -> None:
    assert read(BARE) == MeetingMessage(
        Kind.REQUEST, ItemRef("rid:1", ("/x", "")), type_name="IPM.Schedule.Meeting.Request"
    )


@pytest.mark.parametrize(
    ("lost", "identity"),
    [
        ((), "a43bf0eca521578242b72264473e59c1"),
        (("rid",), "7bbb321cc333b5458da29655ff4fc429"),
        (("rid", "permanent_url"), "4ac93d9b10e72ec536f10e7f84f42235"),
    ],
    ids=["rid", "permanent-url", "href"],
)
def test_a_message_keeps_the_identity_that_it_was_offered_under(lost: tuple[str, ...], identity: str) -> None:
    # Spelled out, as that version had them: else what it has begun or given up would come again as something new.
    payload = {**EARLIER, **dict.fromkeys(lost, "")}
    assert read(payload).identity(ADELE) == identity
    assert read({name: value for name, value in payload.items() if value != ""}).identity(ADELE) == identity


def test_the_identity_of_still_earlier_versions_is_kept_too() -> None:
    assert read(EARLIER).earlier_identity(ADELE) == "59e3aded92e1aeed8f51f6c9acc1bd4b"


@pytest.mark.parametrize(
    ("message_class", "reply"),
    [
        ("IPM.Schedule.Meeting.Resp.Pos", Verdict.ACCEPT),
        ("ipm.schedule.meeting.resp.NEG", Verdict.DECLINE),
        ("IPM.Schedule.Meeting.Resp.Tent", Verdict.TENTATIVE),
        ("IPM.Schedule.Meeting.Resp.Pos.Contoso", Verdict.ACCEPT),
        ("IPM.Schedule.Meeting.Resp.Maybe", None),
        ("IPM.Schedule.Meeting.Request", None),
    ],
)
def test_what_a_response_says_is_read_from_its_class(message_class: str, reply: Verdict | None) -> None:
    found = read({**BARE, "kind": "response", "message_class": message_class})
    assert (found.kind, found.reply, found.type_name) == (Kind.RESPONSE, reply, message_class)


def test_a_response_that_lies_unsent_is_an_answer() -> None:
    payload = {**BARE, "kind": "response", "message_class": "IPM.Schedule.Meeting.Resp.Pos"}
    found = read(payload, unsent=True)
    assert (found.kind, found.reply) == (Kind.ANSWER, Verdict.ACCEPT)
    assert read(BARE, unsent=True).kind is Kind.REQUEST


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (0x1, (False, False, False)),
        (0x10000, (False, False, False)),
        (0x80001, (True, False, False)),
        (0x20000, (False, True, False)),
        (0x100001, (False, False, True)),
        (None, (False, False, False)),
    ],
)
def test_the_type_of_a_meeting_is_read_flag_by_flag(flags: int | None, expected: tuple[bool, bool, bool]) -> None:
    found = read({**BARE, "meeting_type": flags})
    assert (found.outdated, found.informational, found.for_delegate) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, Sensitivity.NORMAL),
        (1, Sensitivity.PERSONAL),
        (2, Sensitivity.PRIVATE),
        (3, Sensitivity.CONFIDENTIAL),
        (99, Sensitivity.CONFIDENTIAL),
    ],
)
def test_a_sensitivity_is_read_from_its_number(number: int, expected: Sensitivity) -> None:
    assert read({**BARE, "sensitivity": number}).sensitivity is expected


@pytest.mark.parametrize("text", ["", "soon", "Mon, 02 Mar 2026 08:00:00 GMT"])
def test_a_time_that_cannot_be_read_is_none(text: str) -> None:
    found = read({**EARLIER, "start": text, "modified": text})
    assert found == replace(MESSAGE, start=None, modified=None)


@pytest.mark.parametrize("recurring", [True, False, None])
def test_that_a_server_does_not_show_whether_it_is_a_series_is_kept(recurring: bool | None) -> None:
    assert read({**BARE, "recurring": recurring}).recurring is recurring


def test_what_has_the_present_form_stays_as_it_is() -> None:
    assert current(MESSAGE.to_payload()) == MESSAGE.to_payload()
    assert read(MESSAGE.to_payload()) == MESSAGE


#: What that version would not have written.
FORGED: dict[str, tuple[object, ...]] = {
    "kind": (5, None, "none", []),
    "message_class": (5, None, []),
    "href": (5, None, [], True),
    "rid": (5, ["rid:1"], {"rid": 1}),
    "permanent_url": (5, None, []),
    "uid": (5, None, []),
    "processed": (1, "yes"),
    "sequence": (True, "1", 1.5),
    "recurring": (1, ""),
    "sensitivity": ("2", None, 1.5, -5),
    "sent_by": (5, None, []),
    "meeting_type": ("1", 1.5, [1]),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FORGED.items() for value in values])
def test_what_that_version_would_not_have_written_is_no_message(name: str, value: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        read({**EARLIER, name: value})


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*EARLIER, "ref", "reply", "outdated"]), _json), st.booleans())
def test_whatever_is_written_into_redis_is_a_message_or_none(changes: dict[str, Any], unsent: bool) -> None:
    try:
        found = read({**EARLIER, **changes}, unsent=unsent)
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    assert MeetingMessage.from_payload(json.loads(json.dumps(found.to_payload()))) == found
