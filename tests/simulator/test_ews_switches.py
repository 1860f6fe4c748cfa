"""Every value of every switch of Exchange Web Services has the effect that its meaning promises."""

from datetime import datetime
from typing import Any

import pytest
from lxml import etree

from simulator.oracle.switches import switches
from tests.simulator.ews_client import (
    CLEAN_ID,
    MARK,
    OLDEST,
    PATH,
    SEARCH_KEY,
    SENT_FOR,
    Mail,
    Row,
    S,
    T,
    appointment,
    codes,
    compared,
    createitem,
    envelope,
    fault_of,
    field_uris,
    finditem,
    getfolder,
    getitem,
    impersonation,
    items,
    mail_of,
    moveitem,
    of_class,
    page,
    response_of,
    updateitem,
)
from tests.simulator.own_mailbox import Box, Boxes, assert_all_shown, shows
from tests.simulator.raw_http import AUTHORIZATION, NEVER_MS, request

PROCESSED = field_uris("meeting:HasBeenProcessed")


@pytest.fixture
def mail(box: Box) -> Mail:
    return mail_of(box)


def reported(mail: Mail, row: Row) -> tuple[int, int]:
    """How often the request of a row was accepted and submitted."""
    one = known(mail, row)
    return one["accepted"], one["submitted"]


def known(mail: Mail, row: Row) -> dict[str, Any]:
    """What the oracle knows of the request of a row."""
    uid, subject = row.text("UID"), row.text("Subject")
    messages = mail.simulator.oracle("messages")
    found: list[dict[str, Any]] = [one for one in messages if (one["uid"], one["subject"]) == (uid, subject)]
    (one,) = found
    return one


@shows("ews_version", "2007", "2010", "2013", "2016", "2019")
def test_the_version_knows_its_schemas(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_version=value)
    newest = {"2007": "Exchange2007_SP1", "2010": "Exchange2010_SP2", "2013": "Exchange2013_SP1"}.get(
        value, "Exchange2016"
    )
    assert mail.post(getfolder("inbox"), newest).status == 200
    newer = {"2007": "Exchange2010", "2010": "Exchange2013", "2013": "Exchange2016"}.get(value)
    if newer:
        refused = mail.post(getfolder("inbox"), newer)
        assert fault_of(refused) == "ErrorInvalidServerVersion"
        assert b"ServerVersionInfo" in refused.body
    info = response_of(mail.post(getfolder("inbox"), newest)).getparent().getparent().find(f".//{T}ServerVersionInfo")
    numbers = {"2007": "8.3", "2010": "14.3", "2013": "15.0", "2016": "15.1", "2019": "15.2"}
    assert f"{info.get('MajorVersion')}.{info.get('MinorVersion')}" == numbers[value]
    assert ("Version" in info.attrib) is (value != "2007")


@shows("ews_version_string", "dated", "named", "missing")
def test_the_version_is_spelled_as_switched(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_version_string=value)
    info = response_of(mail.post(getfolder("inbox"))).getparent().getparent().find(f"{S}Header/{T}ServerVersionInfo")
    assert info.get("Version") == {"dated": "V2017_07_11", "named": "Exchange2016", "missing": None}[value]


@shows("ews_prefixes", "usual", "shuffled")
def test_prefixes_are_not_names(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_prefixes=value)
    answer = mail.post(finditem("inbox"))
    assert (b"<m:FindItemResponse" in answer.body) is (value == "usual")
    assert (b"<m:ItemId" in answer.body) is (value == "shuffled")
    assert len(items(response_of(answer))) == mail.total("inbox")
    assert fault_of(mail.post("<m:Nothing/>")) == "ErrorInvalidRequest"


@shows("ews_impersonation", "allowed", "denied")
def test_impersonation_is_allowed_or_denied(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_impersonation=value)
    if value == "allowed":
        assert mail.total("inbox")
        return
    assert fault_of(mail.post(getfolder("inbox"))) == "ErrorImpersonateUserDenied"
    assert codes(Mail(box.simulator, "").call(getfolder("inbox", mail.address))) == ["NoError"]


@shows("ews_anchor", "ignored", "required")
def test_impersonation_may_need_an_anchor(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_anchor=value)
    assert mail.post(getfolder("inbox")).status == (503 if value == "required" else 200)
    assert mail.post(getfolder("inbox"), X_AnchorMailbox=mail.address).status == 200
    assert Mail(box.simulator, "").post(getfolder("inbox", mail.address)).status == 200


@shows("ews_busy", "fault", "inside")
def test_being_busy_is_said_in_two_ways(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_busy=value)
    row = mail.requests()[0]
    box.simulator.post("faults", [{"step": "createitem", "kind": "server-busy", "ms": 297_749}])
    answer = mail.post(createitem(row.id))
    if value == "fault":
        assert fault_of(answer) == "ErrorServerBusy"
        values = {one.get("Name"): one.text for one in response_of(answer).iter(f"{T}Value")}
        assert values == {"BackOffMilliseconds": "297749"}
    else:
        assert codes(response_of(answer)) == ["ErrorInternalServerError"]
        values = {one.get("Name"): one.text for one in response_of(answer).iter(f"{T}Value")}
        assert values["InnerErrorResponseCode"] == "ErrorServerBusy"
    assert reported(mail, row) == (0, 0)


@shows("ews_connections", 0, 1)
def test_so_many_requests_are_served_at_once(box: Box, mail: Mail, value: int) -> None:
    box.turn(ews_connections=value)
    who = impersonation(f"<t:PrimarySmtpAddress>{mail.address}</t:PrimarySmtpAddress>")
    octets = request("POST", PATH, envelope(getfolder("inbox"), who), Authorization=AUTHORIZATION)
    box.simulator.post("faults", [{"step": "getfolder", "kind": "slow", "times": 1, "ms": NEVER_MS}])
    with box.simulator.connect() as connection:
        connection.sendall(octets)
        box.simulator.wait_for("faults", lambda rules: rules[0]["injected"] > 0, "the first one is there")
        answer = mail.post(getfolder("inbox"))
        if value:
            assert fault_of(answer) == "ErrorExceededConnectionCount"
        else:
            assert answer.status == 200
    box.simulator.wait_for("summary", lambda facts: facts["in_flight"]["now"] == 0, "the first one has given up")
    assert mail.post(getfolder("inbox")).status == 200


@shows("ews_ids_on_move", "new", "kept")
def test_a_move_changes_the_id_or_not(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_ids_on_move=value)
    row = mail.find()[0]
    (moved,) = items(mail.call(moveitem(row.id)))
    assert (moved.id == row.id) is (value == "kept")
    assert [one.id for one in mail.find("deleteditems")] == [moved.id]
    assert codes(mail.call(getitem(row.id))) == ["NoError" if value == "kept" else "ErrorItemNotFound"]


@shows("ews_search_key", "kept", "new")
def test_a_move_changes_the_search_key_or_not(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_search_key=value)
    row = mail.find(fields=SEARCH_KEY)[0]
    mail.call(moveitem(row.id))
    (moved,) = mail.find("deleteditems", fields=SEARCH_KEY)
    assert (moved.extended() == row.extended()) is (value == "kept")


@shows("ews_smtp_in_find", True, False)
def test_a_row_may_have_no_address(box: Box, mail: Mail, value: object) -> None:
    box.turn(ews_smtp_in_find=value)
    row = mail.requests()[0]
    (found,) = [one for one in mail.find(fields=SENT_FOR) if one.id == row.id]
    assert (found.extended() is not None) is value
    assert "@" in (mail.get(row.id, fields=SENT_FOR)[0].extended() or "")


@shows("ews_addresses", "smtp", "x500")
def test_colleagues_are_known_by_the_directory(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_addresses=value)
    fields = field_uris("calendar:Organizer") + SENT_FOR
    rows = [row for one in mail.requests() for row in mail.get(one.id, fields=fields)]
    inside = next(row for row in rows if (row.extended() or "").endswith("@example.com"))
    address, routing = (inside.text(f"Organizer/Mailbox/{name}") for name in ("EmailAddress", "RoutingType"))
    if value == "smtp":
        assert (address, routing) == (inside.extended(), "SMTP")
        return
    assert routing == "EX"
    entry = f"<m:UnresolvedEntry>{address}</m:UnresolvedEntry>"
    resolved = mail.call(f'<m:ResolveNames ReturnFullContactData="false">{entry}</m:ResolveNames>')
    assert resolved.findtext(f".//{T}EmailAddress") == inside.extended()


@shows("ews_response_objects", "shown", "missing")
def test_what_can_be_answered_says_so_or_not(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_response_objects=value)
    (shown,) = mail.get(mail.requests()[0].id, fields=field_uris("item:ResponseObjects"))
    assert (shown.element.find(f"{T}ResponseObjects/{T}AcceptItem") is not None) is (value == "shown")


@shows("ews_find_cap", 2)
def test_a_search_ends_at_the_cap(box: Box, mail: Mail, value: int) -> None:
    box.turn(ews_find_cap=value)
    everything = [row.id for row in mail.find(order=OLDEST)]
    assert len(everything) > value
    condition = of_class("IPM")
    assert [row.id for row in mail.find(restriction=condition, order=OLDEST, view=page(100))] == everything[:value]
    root = mail.call(finditem("inbox", condition, view=page(100))).find(".//{*}RootFolder")
    assert (root.get("IncludesLastItemInRange"), root.get("IndexedPagingOffset")) == ("false", str(value))


@shows("ews_bad_characters", "none", "reference")
def test_a_subject_may_be_no_xml(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_bad_characters=value)
    answer = mail.post(finditem("inbox", fields=field_uris("item:Subject")))
    assert (b"<t:Subject>&#x1;" in answer.body) is (value == "reference")
    if value == "reference":
        with pytest.raises(etree.XMLSyntaxError):
            response_of(answer)


@shows("ews_batch", 2)
def test_a_batch_is_cut(box: Box, mail: Mail, value: int) -> None:
    box.turn(ews_batch=value)
    ids = [row.id for row in mail.find()[:4]]
    stopped = mail.call(getitem(*ids))
    assert codes(stopped) == ["NoError", "NoError", "ErrorBatchProcessingStopped", "ErrorBatchProcessingStopped"]
    classes = [one.get("ResponseClass") for one in stopped.iter("{*}GetItemResponseMessage")]
    assert classes == ["Success", "Success", "Warning", "Warning"]


@shows("ews_delegates", "send", "refused")
def test_a_delegate_may_not_send(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_delegates=value)
    row = mail.requests()[0]
    delegate = Mail(box.simulator, "")
    answered = delegate.call(createitem(row.id, saved=False))
    assert codes(answered) == ["NoError" if value == "send" else "ErrorSendAsDenied"]
    assert reported(mail, row) == ((1, 1) if value == "send" else (0, 0))
    assert mail.total("drafts") == int(value == "refused")
    if value == "refused":
        assert codes(mail.respond(row.id)) == ["NoError"]


@shows("ews_marks", "accepted", "refused")
def test_a_request_may_not_be_changed(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_marks=value)
    row = mail.requests()[0]
    code = "NoError" if value == "accepted" else "ErrorSentMeetingRequestUpdate"
    assert codes(mail.call(updateitem(row, "x"))) == [code]
    response = mail.find(restriction=of_class("IPM.Schedule.Meeting.Resp"))[0]
    assert codes(mail.call(updateitem(response, "x"))) == ["NoError"]


@shows("ews_conflicts", "detected", "ignored")
def test_a_stale_change_key_counts_or_not(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_conflicts=value)
    row = mail.requests()[0]
    items(mail.call(updateitem(row, "first")))
    code = "ErrorIrresolvableConflict" if value == "detected" else "NoError"
    assert codes(mail.call(updateitem(row, "second"))) == [code]
    assert mail.get(row.id, fields=MARK)[0].extended() == ("first" if value == "detected" else "second")


@shows("ews_effects", "calendar-send-move", "calendar-move-send", "send-calendar-move")
@pytest.mark.parametrize("done", [0, 1, 2])
def test_half_an_answer_leaves_what_came_first(box: Box, mail: Mail, value: str, done: int) -> None:
    box.turn(ews_effects=value, ews_effects_done=done)
    row = mail.requests()[0]
    box.simulator.post("faults", [{"step": "createitem", "kind": "half-done"}])
    assert codes(mail.respond(row.id)) == ["ErrorInternalServerError"]
    happened = value.split("-")[:done]
    assert reported(mail, row) == (int("calendar" in happened), int("send" in happened))
    unsent = "accepted_unsent" if happened else "waiting"
    assert known(mail, row)["state"] == ("answered_once" if "send" in happened else unsent)
    assert mail.total("sentitems") == int("send" in happened)
    assert (row.id in {one.id for one in mail.find()}) is ("move" not in happened)
    if "move" not in happened:
        (state,) = mail.get(row.id, fields=field_uris("meeting:ResponseType"))
        assert state.text("ResponseType") == ("Accept" if "calendar" in happened else "NoResponseReceived")


@shows("ews_effects_done", 2)
def test_the_number_of_effects_is_that_of_half_done_only(box: Box, mail: Mail, value: int) -> None:
    box.turn(ews_effects_done=value)
    row = mail.requests()[0]
    assert len(items(mail.respond(row.id))) == 3
    assert reported(mail, row) == (1, 1)


@shows("ews_request_fate", "deleted-items", "left", "removed")
def test_an_answered_request_goes_or_stays(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_request_fate=value)
    row = mail.requests()[0]
    results = items(mail.respond(row.id))
    assert ("MeetingRequest" in {one.kind for one in results}) is (value != "removed")
    assert mail.total("deleteditems") == int(value == "deleted-items")
    assert (row.id in {one.id for one in mail.find()}) is (value == "left")
    if value == "left":
        (state,) = mail.get(row.id, fields=field_uris("meeting:ResponseType"))
        assert state.text("ResponseType") == "Accept"


@shows("ews_answer_ids", "3", "1", "0")
def test_an_answer_tells_so_many_ids(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_answer_ids=value)
    results = items(mail.respond(mail.requests()[0].id))
    assert [row.kind for row in results] == ["CalendarItem", "MeetingRequest", "MeetingResponse"][: int(value)]


@shows("ews_save_only", "no-draft", "draft")
def test_what_is_not_sent_may_be_left(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_save_only=value)
    row = mail.requests()[0]
    items(mail.respond(row.id, disposition="SaveOnly"))
    drafts = mail.find("drafts", fields=field_uris("item:ItemClass", "item:IsDraft"))
    assert [draft.text("IsDraft") for draft in drafts] == ["true"] * int(value == "draft")
    assert reported(mail, row) == (1, 0)


@shows("ews_sent_copy", "at-once", "late", "never")
def test_the_copy_is_there_at_once_late_or_never(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_sent_copy=value, ews_sent_delay_ms=NEVER_MS)
    row = mail.requests()[0]
    mail.respond(row.id)
    assert reported(mail, row) == (1, 1)
    assert (mail.total("sentitems"), mail.total("outbox")) == (int(value == "at-once"), int(value == "late"))
    box.simulator.put_clock_forward(NEVER_MS / 1000)
    assert (mail.total("sentitems"), mail.total("outbox")) == (int(value != "never"), 0)


@shows("ews_sent_ids", "shown", "missing")
def test_the_copy_may_not_say_what_it_is_about(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_sent_ids=value)
    row = mail.requests()[0]
    (before,) = mail.get(row.id, fields=CLEAN_ID)
    mail.respond(row.id)
    (copy,) = mail.find("sentitems", fields=CLEAN_ID)
    assert copy.extended() == (before.extended() if value == "shown" else None)


@shows("ews_error_page", "front-end", "application")
def test_an_error_page_is_one_of_two(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_error_page=value)
    box.simulator.post("faults", [{"step": "getfolder", "kind": "error-page", "times": 1}])
    page = mail.post(getfolder("inbox")).headers["Location"].partition("?")[0]
    assert page == {"front-end": "/owa/auth/errorFE.aspx", "application": "/ews/genericerrorpage.htm"}[value]


@shows("ews_error", *switches()["ews_error"].choices)
def test_an_error_is_said_by_its_code(box: Box, mail: Mail, value: str) -> None:
    box.turn(ews_error=value)
    row = mail.requests()[0]
    box.simulator.post("faults", [{"step": "createitem", "kind": "error-code", "times": 1}])
    assert codes(mail.respond(row.id)) == [value]
    assert reported(mail, row) == (0, 0)
    assert codes(mail.respond(row.id)) == ["NoError"]


@shows("ews_sent_delay_ms", 30_000)
def test_a_late_copy_takes_its_time(box: Box, mail: Mail, value: int) -> None:
    box.turn(ews_sent_copy="late", ews_sent_delay_ms=value)
    mail.respond(mail.requests()[0].id)
    assert mail.total("sentitems") == 0
    box.simulator.put_clock_forward(value / 1000)
    assert mail.total("sentitems") == 1


@shows("ews_attendant", True, False)
def test_the_attendant_works_or_not(box: Box, mail: Mail, value: object) -> None:
    box.turn(ews_attendant=value)
    before = len(box.find(box.calendar))
    row = mail.requests()[0]
    fields = PROCESSED + field_uris("meeting:AssociatedCalendarItemId")
    (shown,) = mail.get(row.id, fields=fields)
    assert shown.text("HasBeenProcessed") == str(value).lower()
    assert (shown.element.find(f"{T}AssociatedCalendarItemId") is not None) is value
    assert (len(box.find(box.calendar)) > before) is value
    booked = items(mail.respond(row.id))[0]
    assert booked.id in {one.id for one in mail.find("calendar")}


@shows("ews_attendant_delay_ms", 60_000)
def test_the_attendant_takes_its_time(many: Boxes, box: Box, mail: Mail, value: int) -> None:
    box.turn(ews_attendant_delay_ms=value)
    host = mail_of(many.take())
    items(host.call(appointment("Fresh", "2027-12-01T10:00:00Z", "2027-12-01T11:00:00Z", mail.address)))
    named = compared("IsEqualTo", field_uris("item:Subject"), "Fresh")
    (fresh,) = mail.find(restriction=named, fields=PROCESSED + CLEAN_ID)
    assert fresh.text("HasBeenProcessed") == "false"
    assert mail.find("calendar", named) == []
    box.simulator.put_clock_forward(value / 1000)
    (fresh,) = mail.find(restriction=named, fields=PROCESSED)
    assert fresh.text("HasBeenProcessed") == "true"
    (booked,) = mail.find("calendar", named, field_uris("calendar:Start", "calendar:LegacyFreeBusyStatus"))
    assert datetime.fromisoformat(booked.text("Start") or "").year == 2027
    assert booked.text("LegacyFreeBusyStatus") == "Tentative"
    assert fresh.kind == "MeetingRequest"


def test_every_value_of_every_switch_is_shown_here() -> None:
    assert_all_shown({name for name in switches() if name.startswith("ews_")})
