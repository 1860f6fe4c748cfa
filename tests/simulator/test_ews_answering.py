"""What answering does by Exchange Web Services, what the Calendar Attendant does before, and what the oracle counts."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.simulator.ews_client import (
    CLEAN_ID,
    MARK,
    SEARCH_KEY,
    SEQUENCE,
    Mail,
    Row,
    appointment,
    codes,
    compared,
    createitem,
    deleteitem,
    field_uris,
    getitem,
    items,
    mails,
    moveitem,
    of_class,
    updateitem,
)
from tests.simulator.raw_http import INBOX, Simulator, running

STATE = field_uris("calendar:MyResponseType", "calendar:AppointmentReplyTime", "item:ItemClass", "item:Subject")
VERDICTS = {
    "AcceptItem": ("Accept", "accepted", "IPM.Schedule.Meeting.Resp.Pos", "Accepted: "),
    "TentativelyAcceptItem": ("Tentative", "tentative", "IPM.Schedule.Meeting.Resp.Tent", "Tentative: "),
    "DeclineItem": ("Decline", "declined", "IPM.Schedule.Meeting.Resp.Neg", "Declined: "),
}
CANCELED = "IPM.Schedule.Meeting.Canceled"


@pytest.fixture
def world() -> Iterator[Simulator]:
    with running("--mailboxes", "3", "--requests", "8", "--inside", "100") as started:
        yield started


@pytest.fixture
def mail(world: Simulator) -> Mail:
    return mails(world)[0]


def same_meeting(mail: Mail, row: Row, folder: str) -> list[Row]:
    """The items of a folder that are about the meeting of a row."""
    (item,) = mail.get(row.id, fields=CLEAN_ID)
    return about(mail, item.extended() or "", folder)


def about(mail: Mail, clean_id: str, folder: str) -> list[Row]:
    return mail.find(folder, compared("IsEqualTo", CLEAN_ID, clean_id), STATE)


def reported(mail: Mail, row: Row) -> dict[str, Any]:
    """What the oracle knows of a request."""
    messages = mail.simulator.oracle("messages")
    wanted = row.text("UID"), row.text("Subject")
    return next(one for one in messages if (one["uid"], one["subject"]) == wanted)


@pytest.mark.parametrize("name", list(VERDICTS))
def test_an_answer_books_sends_and_puts_the_request_away(mail: Mail, name: str) -> None:
    response_type, counted, message_class, prefix = VERDICTS[name]
    request = mail.requests()[0]
    (item,) = mail.get(request.id, fields=CLEAN_ID)
    clean_id = item.extended() or ""
    (proposed,) = about(mail, clean_id, "calendar")
    assert proposed.text("MyResponseType") == "NoResponseReceived"

    results = items(mail.call(createitem(request.id, name, text="By a machine.")))
    assert [row.kind for row in results] == ["CalendarItem", "MeetingRequest", "MeetingResponse"]
    assert codes(mail.call(getitem(request.id))) == ["ErrorItemNotFound"]
    assert codes(mail.call(getitem(proposed.id))) == ["ErrorItemNotFound"]
    booked, moved, sent = results
    place = "deleteditems" if name == "DeclineItem" else "calendar"
    assert [row.id for row in about(mail, clean_id, "calendar")] == ([] if name == "DeclineItem" else [booked.id])
    (state,) = [row for row in about(mail, clean_id, place) if row.id == booked.id]
    assert state.text("MyResponseType") == response_type
    assert state.text("AppointmentReplyTime")
    assert moved.id in {row.id for row in about(mail, clean_id, "deleteditems")}
    (copy,) = about(mail, clean_id, "sentitems")
    assert (copy.id, copy.text("ItemClass")) == (sent.id, message_class)
    assert copy.text("Subject") == prefix + str(request.text("Subject"))
    (body,) = mail.get(copy.id, fields=field_uris("item:Body"))
    assert body.text("Body") == "By a machine."

    facts = reported(mail, request)
    assert (facts[counted], facts["submitted"], facts["state"]) == (1, 1, "answered_once")
    assert mail.total("drafts") == mail.total("outbox") == 0


def test_what_only_webdav_reaches_is_not_attended(world: Simulator, mail: Mail) -> None:
    before = world.find("/exchange/adele0/Calendar")
    requests = world.requests(INBOX)
    mail.find()
    after = world.find("/exchange/adele0/Calendar")
    assert len(after) > len(before)
    booked = {row["{urn:schemas:calendar:}uid"] for row in after}
    assert {row["{urn:schemas:calendar:}uid"] for row in requests} & booked


def test_both_faces_show_the_same_mail(world: Simulator, mail: Mail) -> None:
    request = mail.requests()[0]
    mail.respond(request.id)
    assert request.text("UID") not in {row["{urn:schemas:calendar:}uid"] for row in world.requests(INBOX)}
    sent = world.find("/exchange/adele0/Sent%20Items")
    assert [row["{urn:schemas:calendar:}uid"] for row in sent] == [request.text("UID")]


def test_an_answer_reaches_the_organizer_who_lives_here(world: Simulator, mail: Mail) -> None:
    request = mail.requests()[0]
    uid = request.text("UID")
    (meeting,) = [one for one in world.oracle("meetings") if one["uid"] == uid]
    mail.respond(request.id, "TentativelyAcceptItem")
    organizer = Mail(world, meeting["organizer_address"])
    fields = field_uris("meeting:HasBeenProcessed", "meeting:ResponseType", "message:From", "calendar:UID")
    responses = organizer.find(restriction=of_class("IPM.Schedule.Meeting.Resp.Tent"), fields=fields)
    (mine,) = [row for row in responses if row.text("UID") == uid]
    assert (mine.text("HasBeenProcessed"), mine.text("ResponseType")) == ("true", "Tentative")
    (meeting,) = [one for one in world.oracle("meetings") if one["uid"] == uid]
    assert {one["address"]: one["status"] for one in meeting["attendees"]}[mail.address] == "tentative"
    (own,) = [row for row in organizer.find("calendar", fields=field_uris("calendar:UID")) if row.text("UID") == uid]
    (shown,) = organizer.get(own.id, fields=field_uris("calendar:RequiredAttendees", "calendar:MyResponseType"))
    attendees = shown.element.findall(".//{*}Attendee")
    mine_there = next(one for one in attendees if one.findtext(".//{*}EmailAddress") == mail.address)
    assert mine_there.findtext("{*}ResponseType") == "Tentative"
    assert mine_there.findtext("{*}LastResponseTime")
    assert shown.text("MyResponseType") == "Organizer"


def test_a_response_to_nothing_known_is_not_absorbed(mail: Mail) -> None:
    fields = field_uris("meeting:HasBeenProcessed")
    responses = mail.find(restriction=of_class("IPM.Schedule.Meeting.Resp"), fields=fields)
    assert {row.text("HasBeenProcessed") for row in responses} == {"false"}
    (shown,) = mail.get(responses[0].id, fields=field_uris("meeting:AssociatedCalendarItemId"))
    assert [child.tag.partition("}")[2] for child in shown.element] == ["ItemId"]


def test_the_search_key_stays_and_the_id_does_not(mail: Mail) -> None:
    request = mail.requests()[0]
    (before,) = mail.get(request.id, fields=SEARCH_KEY)
    moved = items(mail.respond(request.id))[1]
    (after,) = mail.get(moved.id, fields=SEARCH_KEY)
    assert moved.id != request.id
    assert before.extended() == after.extended()
    keys = {row.extended() for row in mail.find(fields=SEARCH_KEY)}
    assert len(keys) == mail.total("inbox")


def test_an_answered_request_that_is_answered_again_goes_for_good(mail: Mail) -> None:
    request = mail.requests()[0]
    moved = items(mail.respond(request.id))[1]
    results = items(mail.respond(moved.id))
    assert [row.kind for row in results] == ["CalendarItem", "MeetingResponse"]
    assert codes(mail.call(getitem(moved.id))) == ["ErrorItemNotFound"]
    assert reported(mail, request)["state"] == "answered_twice"


def test_an_appointment_stands_for_its_request(mail: Mail) -> None:
    request = mail.requests()[0]
    (proposed,) = same_meeting(mail, request, "calendar")
    mail.respond(proposed.id)
    assert codes(mail.call(getitem(request.id))) == ["ErrorItemNotFound"]
    assert reported(mail, request)["state"] == "answered_once"


def test_an_appointment_whose_request_is_gone_is_answered_again(mail: Mail) -> None:
    request = mail.requests()[0]
    booked = items(mail.respond(request.id))[0]
    results = items(mail.respond(booked.id, "DeclineItem"))
    assert "MeetingResponse" in {row.kind for row in results}
    assert reported(mail, request)["state"] == "answered_twice"


def test_save_only_tells_nobody(mail: Mail) -> None:
    request = mail.requests()[0]
    results = items(mail.respond(request.id, disposition="SaveOnly"))
    assert [row.kind for row in results] == ["CalendarItem", "MeetingRequest"]
    assert mail.total("sentitems") == 0
    facts = reported(mail, request)
    assert (facts["accepted"], facts["submitted"], facts["state"]) == (1, 0, "accepted_unsent")


def test_send_only_keeps_no_copy(mail: Mail) -> None:
    request = mail.requests()[0]
    mail.respond(request.id, disposition="SendOnly")
    assert mail.total("sentitems") == 0
    assert reported(mail, request)["submitted"] == 1


def test_without_a_folder_the_copy_goes_to_the_callers_own(world: Simulator, mail: Mail) -> None:
    first, second = mail.requests()[:2]
    mail.call(createitem(first.id, saved=False))
    assert mail.total("sentitems") == 1
    items(Mail(world, "").call(createitem(second.id, saved=False)))
    assert mail.total("sentitems") == 1


def test_an_answer_says_what_it_answers(mail: Mail) -> None:
    request = mail.requests()[0]
    stamp = '<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="26" PropertyType="SystemTime"/>'
    given = '<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="1" PropertyType="SystemTime"/>'
    before = [mail.get(request.id, fields=path)[0].extended() for path in (stamp, SEQUENCE)]
    sent = items(mail.respond(request.id))[2]
    assert [mail.get(sent.id, fields=path)[0].extended() for path in (stamp, SEQUENCE)] == before
    replied = datetime.fromisoformat(mail.get(sent.id, fields=given)[0].extended() or "")
    assert replied > datetime.fromisoformat(before[0] or "")


def test_a_disposition_is_required(mail: Mail) -> None:
    request = mail.requests()[0]
    assert codes(mail.respond(request.id, disposition="")) == ["ErrorMessageDispositionRequired"]
    assert reported(mail, request)["state"] == "waiting"


def test_what_is_no_request_is_not_answered(mail: Mail) -> None:
    response = mail.find(restriction=of_class("IPM.Schedule.Meeting.Resp"))[0]
    for name, ending in (
        ("AcceptItem", "AcceptItem"),
        ("DeclineItem", "DeclineItem"),
        ("TentativelyAcceptItem", "Tentative"),
    ):
        assert codes(mail.respond(response.id, name)) == ["ErrorInvalidItemForOperation" + ending]
    assert codes(mail.respond(mail.requests()[0].id, "RemoveItem")) == ["ErrorInvalidItemForOperationRemoveItem"]
    assert codes(mail.respond("AAA=")) == ["ErrorInvalidIdMalformed"]


def test_a_response_to_a_known_meeting_is_entered_and_counts_once_it_was_cleared() -> None:
    with running("--mailboxes", "1", "--responses", "5", "--organized", "100") as simulator:
        (mail,) = mails(simulator)
        (meeting, *_) = simulator.oracle("meetings")
        assert [one["status"] for one in meeting["attendees"]] == ["not-responded"]
        fields = field_uris("meeting:HasBeenProcessed")
        responses = mail.find(restriction=of_class("IPM.Schedule.Meeting.Resp"), fields=fields)
        assert {row.text("HasBeenProcessed") for row in responses} == {"true"}
        assert "not-responded" not in [
            one["status"] for meeting in simulator.oracle("meetings") for one in meeting["attendees"]
        ]
        counts = simulator.oracle("summary")
        assert counts["untouched"]["response"] == counts["responses"]["unopened"] == len(responses)
        moved, deleted, marked, noted = responses[:4]
        mail.call(moveitem(moved.id))
        mail.call(deleteitem(deleted.id, "HardDelete"))
        finished = '<t:ExtendedFieldURI PropertyTag="0x65E8" PropertyType="Boolean"/>'
        mail.call(updateitem(marked, "true").replace(MARK, finished))
        mail.call(updateitem(noted, "anything"))
        counts = simulator.oracle("summary")["responses"]
        assert (counts["opened"], counts["entered"], counts["unopened"]) == (0, 3, len(responses) - 3)
        states = Counter(one["state"] for one in simulator.oracle("messages") if one["kind"] == "response")
        assert states == {"entered": 3, "unopened": len(responses) - 3}
        assert sum(one["responses_entered"] for one in simulator.oracle("meetings")) == 3


def test_a_response_that_was_cleared_unentered_is_not_absorbed() -> None:
    with running("--mailboxes", "1", "--responses", "2") as simulator:
        (mail,) = mails(simulator)
        responses = mail.find(restriction=of_class("IPM.Schedule.Meeting.Resp"))
        for response in responses:
            mail.call(moveitem(response.id))
        counts = simulator.oracle("summary")["responses"]
        assert (counts["moved"], counts["entered"], counts["unopened"]) == (len(responses), 0, len(responses))


def test_what_nobody_may_answer_is_refused_in_words_of_its_own() -> None:
    with running("--mailboxes", "2", "--requests", "4", "--forbidden", "7") as simulator:
        mail = mails(simulator)[0]
        fields = field_uris("meeting:IsDelegated", "meeting:IsOutOfDate", "item:ResponseObjects")
        everything = mail.find(restriction=of_class("IPM.Schedule.Meeting.Request"), fields=fields)
        delegated = next(row for row in everything if row.text("IsDelegated") == "true")
        assert codes(mail.respond(delegated.id)) == ["ErrorCalendarIsDelegatedForAccept"]
        assert sum(one["refused"] for one in simulator.oracle("messages")) == 1
        outdated = next(row for row in everything if row.text("IsOutOfDate") == "true")
        assert codes(mail.respond(outdated.id, "DeclineItem")) == ["ErrorCalendarMeetingRequestIsOutOfDate"]
        (shown,) = mail.get(outdated.id, fields=fields + field_uris("meetingRequest:MeetingRequestType"))
        assert shown.text("MeetingRequestType") == "Outdated"
        assert shown.element.find(".//{*}AcceptItem") is None
        assert simulator.oracle("summary")["forbidden"] == 0


def test_a_meeting_is_arranged_answered_and_entered(world: Simulator) -> None:
    host, guest, _ = mails(world)
    body = appointment("Planning", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", guest.address, "who@example.net")
    (own,) = items(host.call(body))
    assert host.total("sentitems") == 1
    requests = guest.find(restriction=compared("IsEqualTo", field_uris("item:Subject"), "Planning"), fields=CLEAN_ID)
    (request,) = [row for row in requests if row.kind == "MeetingRequest"]
    fields = field_uris(
        "calendar:Start", "calendar:UID", "item:Subject", "calendar:RequiredAttendees", "calendar:Organizer"
    )
    (shown,) = guest.get(request.id, fields=fields)
    assert (shown.text("Start"), shown.text("Organizer/Mailbox/EmailAddress")) == ("2026-12-01T10:00:00Z", host.address)
    assert len(shown.element.findall(".//{*}Attendee")) == 2
    assert reported(guest, shown)["state"] == "waiting"
    guest.respond(request.id, "DeclineItem")
    assert reported(guest, shown)["state"] == "answered_once"
    host.find()
    attendees = host.get(own.id, fields=field_uris("calendar:RequiredAttendees"))[0].element.findall(".//{*}Attendee")
    assert {one.findtext("{*}ResponseType") for one in attendees} == {"Decline", "NoResponseReceived"}


def test_a_meeting_needs_to_be_reported_whom_to_invite(mail: Mail) -> None:
    start, end = "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"
    assert codes(mail.call(appointment("x", start, end, invitations=""))) == ["ErrorSendMeetingInvitationsRequired"]
    assert codes(mail.call(appointment("x", end, start, invitations="SendToNone"))) == [
        "ErrorCalendarEndDateIsEarlierThanStartDate"
    ]
    before = mail.total("calendar")
    (own,) = items(mail.call(appointment("x", start, end, "who@example.net", invitations="SendToNone")))
    assert (mail.total("calendar"), mail.total("sentitems")) == (before + 1, 0)
    assert codes(mail.respond(own.id)) == ["ErrorCalendarIsOrganizerForAccept"]


def test_a_cancellation_is_applied_and_removed() -> None:
    with running("--mailboxes", "4", "--occurrences", "8") as simulator:
        for mail in mails(simulator):
            canceled = mail.find(
                restriction=of_class(CANCELED), fields=field_uris("meeting:HasBeenProcessed", "calendar:UID")
            )
            applied = [row for row in canceled if row.text("HasBeenProcessed") == "true"]
            if applied:
                break
        cancellation = applied[0]
        fields = field_uris("meeting:AssociatedCalendarItemId", "item:ResponseObjects")
        (shown,) = mail.get(cancellation.id, fields=fields)
        assert shown.element.find(".//{*}RemoveItem") is not None
        inbox = mail.total("inbox")
        results = mail.respond(cancellation.id, "RemoveItem", "SaveOnly")
        assert codes(results) == ["NoError"]
        assert mail.total("inbox") == inbox - 1
        assert codes(mail.call(getitem(cancellation.id))) == ["ErrorItemNotFound"]
        delegate = Mail(simulator, "")
        other = next(row for row in mail.find("deleteditems", of_class(CANCELED)))
        assert codes(delegate.respond(other.id, "RemoveItem")) == ["ErrorCalendarIsDelegatedForRemove"]


def test_one_occurrence_is_answered_and_no_other() -> None:
    fields = field_uris("calendar:RecurrenceId", "calendar:Start", "item:Subject", "calendar:UID")
    state = field_uris(*(f"calendar:{name}" for name in ("Start", "MyResponseType", "AppointmentReplyTime")))
    state += field_uris("calendar:CalendarItemType", "calendar:RecurrenceId")
    answered = set()
    with running("--mailboxes", "6", "--requests", "2", "--occurrences", "8") as simulator:
        for mail in mails(simulator):
            request = next((row for row in mail.find(fields=fields) if row.text("RecurrenceId")), None)
            if request is None or request.kind != "MeetingRequest":
                continue
            associated = field_uris("meeting:AssociatedCalendarItemId")
            before = mail.get(request.id, fields=associated)[0].element.find(".//{*}AssociatedCalendarItemId").get("Id")
            assert mail.get(before, fields=state)[0].text("MyResponseType") == "NoResponseReceived"
            booked = items(mail.respond(request.id))[0]
            (shown,) = mail.get(booked.id, fields=state)
            assert (shown.text("Start"), shown.text("MyResponseType")) == (request.text("Start"), "Accept")
            assert shown.text("AppointmentReplyTime")
            assert shown.text("RecurrenceId") == request.text("RecurrenceId")
            masters = [row for row in mail.find("calendar", fields=state) if row.text("RecurrenceId") is None]
            answered.add("in a series" if booked.id not in {row.id for row in mail.find("calendar")} else "alone")
            assert all(row.id != booked.id for row in masters)
    assert answered == {"in a series", "alone"}


def test_an_answer_is_one_operation(world: Simulator, mail: Mail) -> None:
    request = mail.requests()[0]
    before = world.oracle("summary")["pace"]["operations"]
    mail.respond(request.id)
    assert world.oracle("summary")["pace"]["operations"] == before + 1
