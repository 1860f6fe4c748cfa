"""Every value of every switch has the effect that its meaning promises: raw bytes against the real process."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

import gzip
import json
import re
import select
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest
from lxml import etree

from simulator.oracle.switches import switches, table, uncertain
from testbed.processes import PATIENCE_S
from tests.simulator import occurrences
from tests.simulator.own_mailbox import Box, Boxes, assert_all_shown, shows
from tests.simulator.raw_http import (
    CALENDAR,
    DAV,
    EXCHANGE,
    HTTPMAIL,
    NEVER_MS,
    Answer,
    Row,
    path_of,
    read_all,
    request,
    rows,
    running,
    searchrequest,
    start,
)

PERMANENT = '"http://schemas.microsoft.com/exchange/permanenturl"'
NUMBERED = '"http://schemas.microsoft.com/mapi/id/{00062002-0000-0000-c000-000000000046}/0x8218"'
REPL = "http://schemas.microsoft.com/repl/"
NAMES = '<D:propfind xmlns:D="DAV:"><D:prop><D:displayname/></D:prop></D:propfind>'
RECEIVED = 'ORDER BY "urn:schemas:httpmail:datereceived" ASC'
PROPTAG = "http://schemas.microsoft.com/mapi/proptag/"
INTERNAL = "http://exbe01.corp.internal"


def last(href: str) -> str:
    return href.rsplit("/", 1)[1]


def propfind(box: Box, path: str, names: str = "<D:displayname/>", **headers: str) -> Answer:
    body = f'<D:propfind xmlns:D="DAV:" xmlns:m="urn:schemas:httpmail:"><D:prop>{names}</D:prop></D:propfind>'
    return box.ask("PROPFIND", path, body, **{"Depth": "0", **headers})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def booked_for(box: Box, row: Row) -> list[Row]:
    return [found for found in box.find(box.calendar) if found.get(f"{CALENDAR}uid") == row[f"{CALENDAR}uid"]]


# --- what accepting, declining and opening do


@shows("command_answer", "page", "xml", "redirect", "closing", "error", "error-after", "denied")
def test_accept_answers_as_switched(box: Box, value: str) -> None:
    box.turn(command_answer=value)
    row = box.request()
    answer = box.accept(row)
    marks = {
        "page": b"frmCompose",
        "xml": b"<?xml",
        "closing": b"window.close",
        "error": b"could not be completed",
        "error-after": b"could not be completed",
        "denied": b"Access denied",
    }
    happens = value not in {"error", "denied"}
    assert (len(box.find(box.drafts)), box.told(row)["accepted"]) == (int(happens), int(happens))
    assert answer.status == (302 if value == "redirect" else 200)
    if value == "redirect":
        assert answer.headers["Location"] == box.find(box.drafts)[0]["href"] + "?Cmd=edit"
    else:
        assert marks[value] in answer.body


@shows("message_form", False, True)
@pytest.mark.parametrize("command", ["accept", "open"])
def test_what_the_pages_show_of_a_message_may_be_a_form(box: Box, value: bool, command: str) -> None:
    box.turn(message_form=value)
    page = box.ask("GET", path_of(box.request()["href"]) + f"?Cmd={command}")
    assert (page.status, b'type="password"' in page.body) == (200, value)


@shows("open_answer", "page", "xml", "closing")
def test_open_answers_as_switched(box: Box, value: str) -> None:
    box.turn(open_answer=value)
    answer = box.ask("GET", path_of(box.request()["href"]) + "?Cmd=open")
    assert {"page": b"tblMsgBody", "xml": b"<?xml", "closing": b"window.close"}[value] in answer.body


@shows("draft", "same-name", "verdict", "localized", "numbered", "none")
def test_the_draft_is_named_as_switched(many: Boxes, box: Box, value: str) -> None:
    box = many.take("de")
    box.turn(draft=value)
    row = box.request()
    box.accept(row)
    found = {last(draft["href"]): draft[f"{CALENDAR}uid"] for draft in box.find(box.drafts)}
    ours = [name for name, uid in found.items() if uid == row[f"{CALENDAR}uid"]]
    same, stem = last(row["href"]), last(row["href"]).removesuffix(".EML")
    if value == "none":
        assert found == {}
        return
    starts = {"verdict": "Accepted:%20", "localized": "Zugesagt:%20", "same-name": same, "numbered": f"{stem}-2.EML"}
    assert len(ours) == 1
    assert ours[0].startswith(starts[value])
    assert set(found) == {*ours, *([same] if value == "numbered" else [])}


@shows("draft_delay_requests", 2)
def test_the_draft_waits_for_requests(box: Box, value: int) -> None:
    row = box.request()
    box.turn(draft_delay_requests=value)
    box.accept(row)
    assert [len(box.find(box.drafts)) for _ in range(4)] == [0, 0, 1, 1]


@shows("draft_delay_ms", NEVER_MS)
def test_the_draft_waits_for_a_time(box: Box, value: int) -> None:
    row = box.request()
    box.turn(draft_delay_ms=value)
    box.accept(row)
    assert box.find(box.drafts) == []
    box.simulator.put_clock_forward(value / 2000)
    assert box.find(box.drafts) == []
    box.simulator.put_clock_forward(value / 2000)
    assert len(box.find(box.drafts)) == 1


def test_a_draft_that_is_late_comes_beside_a_request_that_is_left(box: Box) -> None:
    box.turn(draft_delay_ms=600_000, draft_delay_requests=2, request_fate="left")
    row = box.request()
    box.accept(row)
    assert [len(box.find(box.drafts)) for _ in range(4)] == [0, 0, 0, 0]
    box.turn(draft_delay_ms=0)
    box.accept(row)
    assert [len(box.find(box.drafts)) for _ in range(4)] == [0, 0, 1, 1]
    assert (box.told(row)["accepted"], box.told(row)["drafted"]) == (2, 1)
    assert row["href"] in {found["href"] for found in box.find(box.inbox)}


def test_a_late_draft_was_created_when_it_appeared(box: Box) -> None:
    box.turn(draft_delay_requests=1)
    box.accept(box.request())
    box.turn(clock_skew_s=7200)
    box.find(box.drafts)
    (draft,) = rows(propfind(box, box.drafts, "<D:creationdate/>", Depth="1,noroot"))
    assert moment(draft[f"{DAV}creationdate"]).timestamp() > box.now() + 3600


@shows("command_delay_ms", 700)
def test_the_answer_of_a_command_is_late_and_its_effect_is_not(box: Box, value: int) -> None:
    row = box.request()
    box.turn(command_delay_ms=value)
    with box.simulator.connect() as connection:
        connection.sendall(request("GET", path_of(row["href"]) + "?Cmd=accept", Connection="close"))
        while not box.find(box.drafts):
            assert select.select([connection], [], [], 0)[0] == [], "it answered before there was an effect"
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK")
    box.turn(command_delay_ms=60_000)
    assert len(box.find(box.inbox)) > 0, "no other request is late"


@shows("draft_subject", True, False)
def test_the_draft_has_a_subject_or_none(box: Box, value: bool) -> None:
    box.turn(draft_subject=value, draft_uid=False, draft="verdict")
    row = box.request()
    box.accept(row)
    (draft,) = box.find(box.drafts)
    assert (f"{HTTPMAIL}subject" in draft) is value
    assert f"{CALENDAR}uid" not in draft
    assert (last(draft["href"]) == "No%20Subject.EML") is not value
    assert last(draft["href"]).startswith("Accepted:") is value
    assert box.submit(draft).status == 200
    assert box.told(row)["submitted"] == 1


@shows("request_marks", "nothing", "read", "processed")
def test_accepting_marks_what_is_switched(box: Box, value: str) -> None:
    box.turn(request_marks=value, request_fate="left")
    unread = next(row for row in box.simulator.requests(box.inbox) if row[f"{HTTPMAIL}read"] == "0")
    box.accept(unread)
    marker = '"http://schemas.microsoft.com/mapi/proptag/x65e8000b"'
    found = rows(box.search(f'{marker},"urn:schemas:httpmail:read"'))
    (left,) = [one for one in found if one["href"] == unread["href"]]
    assert left[f"{HTTPMAIL}read"] == ("0" if value == "nothing" else "1")
    assert any(name.endswith("x65e8000b") for name in left) is (value == "processed")


@shows("draft_uid", True, False)
def test_the_draft_has_a_uid_or_none(box: Box, value: bool) -> None:
    box.turn(draft_uid=value)
    box.accept(box.request())
    assert (f"{CALENDAR}uid" in box.find(box.drafts)[0]) is value


@shows("draft_recurrence_id", "shown", "missing")
def test_the_draft_says_which_occurrence_it_answers_or_does_not(box: Box, value: str) -> None:
    box.turn(draft_recurrence_id=value)
    occurrences.command(box, occurrences.invited(box, occurrences.SECOND, "20260609T140000Z"), "accept")
    (draft,) = occurrences.seen(box, box.drafts)
    assert draft.get("recurrenceid") == ("2026-06-08T09:00:00.000Z" if value == "shown" else None)
    assert (draft["uid"], draft["instancetype"]) == (occurrences.UID, "3")


@shows("occurrence_uid", "clean", "dated")
def test_the_uid_of_an_occurrence_is_clean_or_dated(box: Box, value: str) -> None:
    box.turn(occurrence_uid=value)
    row = occurrences.invited(box, occurrences.SECOND, "20260609T140000Z")
    whole = occurrences.invited(box, "")
    with_date = occurrences.UID[:32] + "07EA0608" + occurrences.UID[40:]
    uid = with_date if value == "dated" else occurrences.UID
    assert (row["uid"], whole["uid"]) == (uid, occurrences.UID)
    occurrences.command(box, row, "accept")
    (draft,) = occurrences.seen(box, box.drafts)
    assert draft["uid"] == uid
    assert f"UID:{uid}".encode() in box.ask("GET", path_of(draft["href"]), Translate="f").body


@shows("drafts_unrequested", True, False)
def test_a_draft_appears_unrequested_or_not(many: Boxes, box: Box, value: bool) -> None:
    box.turn(drafts_unrequested=value)
    while not box.simulator.requests(box.inbox, wanted=False):
        box = many.take()
    box.accept(box.request(wanted=False))
    assert len(box.find(box.drafts)) == int(value)


@shows("request_fate", "removed", "deleted-items", "left")
def test_the_request_is_removed_moved_or_left(box: Box, value: str) -> None:
    box.turn(request_fate=value)
    row = box.request()
    box.accept(row)
    stays = row["href"] in {found["href"] for found in box.find(box.inbox)}
    assert (stays, len(box.find(box.deleted))) == (value == "left", int(value == "deleted-items"))


@shows("calendar_item", "at-once", "at-send", "never")
def test_the_calendar_is_written_when_it_is_switched(box: Box, value: str) -> None:
    box.turn(calendar_item=value)
    row = box.request()
    box.accept(row)
    at_once = len(booked_for(box, row))
    assert box.submit(box.find(box.drafts)[0]).status == 200
    booked = booked_for(box, row)
    assert (at_once, len(booked)) == {"at-once": (1, 1), "at-send": (0, 1), "never": (0, 0)}[value]
    assert all(found[f"{HTTPMAIL}subject"] == row[f"{HTTPMAIL}subject"] for found in booked)


@shows("calendar_twin", "replaced", "kept")
def test_an_older_calendar_item_is_replaced_or_kept(box: Box, value: str) -> None:
    box.turn(calendar_twin=value, request_fate="left")
    row = box.request()
    box.accept(row)
    box.accept(row)
    assert len(booked_for(box, row)) == {"replaced": 1, "kept": 2}[value]


@shows("open_marks", "processed", "read-only")
def test_open_marks_what_is_switched(box: Box, value: str) -> None:
    box.turn(open_marks=value)
    (row, *_) = [r for r in box.find(box.inbox) if "Meeting.Resp" in r[f"{EXCHANGE}outlookmessageclass"]]
    box.ask("GET", path_of(row["href"]) + "?Cmd=open")
    marker = '"http://schemas.microsoft.com/mapi/proptag/x65e8000b"'
    found = rows(box.search(f'{marker},"urn:schemas:httpmail:read"'))
    (opened,) = [one for one in found if one["href"] == row["href"]]
    assert opened[f"{HTTPMAIL}read"] == "1"
    assert any(name.endswith("x65e8000b") for name in opened) is (value == "processed")


@shows("commands_on_permanent_urls", True, False)
def test_commands_on_permanent_urls_work_or_do_nothing(box: Box, value: bool) -> None:
    box.turn(commands_on_permanent_urls=value)
    wanted = {row["href"] for row in box.simulator.requests(box.inbox)}
    found = [row for row in rows(box.search(PERMANENT)) if row["href"] in wanted]
    box.ask("GET", path_of(found[0][f"{EXCHANGE}permanenturl"]) + "?Cmd=accept")
    assert len(box.find(box.drafts)) == int(value)


@shows("name_reuse", True, False)
def test_names_are_used_again(box: Box, value: bool) -> None:
    box.turn(name_reuse=value)
    row = box.request()
    box.accept(row)
    again = [found for found in box.find(box.inbox) if found["href"] == row["href"]]
    assert len(again) == int(value)
    if value:
        assert again[0][f"{CALENDAR}uid"] != row[f"{CALENDAR}uid"]
        assert box.told(again[0])["accepted"] == 0
        box.accept(again[0])
        assert box.told(again[0])["accepted"] == 1
        assert row["href"] not in {found["href"] for found in box.find(box.inbox)}


# --- sending, moving, deleting


@shows("submission_status", 200, 201, 204, 207)
def test_sending_answers_with_the_status(box: Box, value: int) -> None:
    box.turn(submission_status=value)
    row = box.request()
    box.accept(row)
    answer = box.submit(box.find(box.drafts)[0])
    assert (answer.status, box.told(row)["submitted"]) == (value, 1)
    assert (b"HTTP/1.1 200 OK" in answer.body) is (value == 207)


@shows("submission_refusal", "none", "403", "404", "500", "507", "207")
def test_sending_can_be_refused(box: Box, value: str) -> None:
    box.turn(submission_refusal=value)
    row = box.request()
    box.accept(row)
    answer = box.submit(box.find(box.drafts)[0])
    refused = value != "none"
    assert answer.status == (int(value) if refused else 200)
    assert (len(box.find(box.drafts)), box.told(row)["submitted"]) == (int(refused), int(not refused))
    assert (b"HTTP/1.1 403 Forbidden" in answer.body) is (value == "207")


@shows("path_destination", "accepted", "400", "502")
def test_a_destination_that_is_a_path_is_accepted_or_refused(box: Box, value: str) -> None:
    box.turn(path_destination=value)
    box.accept(box.request())
    answer = box.submit(box.find(box.drafts)[0], f"{box.home}%23%23DavMailSubmissionURI%23%23")
    assert answer.status == (200 if value == "accepted" else int(value))
    if value != "accepted":
        assert box.submit(box.find(box.drafts)[0]).status == 200


@shows("delete_status", 200, 204)
def test_deleting_answers_with_the_status(box: Box, value: int) -> None:
    box.turn(delete_status=value)
    row = box.request()
    assert box.ask("DELETE", path_of(row["href"])).status == value
    assert box.told(row)["deleted"] == 1


@shows("move_location", True, False)
def test_a_move_names_its_location_or_does_not(box: Box, value: bool) -> None:
    box.turn(move_location=value)
    url = f"http://mail.example.com{box.deleted}/x.EML"
    answer = box.ask("MOVE", path_of(box.request()["href"]), Destination=url, Allow_Rename="t")
    assert (answer.status, "Location" in answer.headers) == (201, value)


@shows("batch_successes", "listed", "left-out")
def test_a_batch_lists_its_successes_or_leaves_them_out(box: Box, value: str) -> None:
    box.turn(batch_successes=value)
    good = [last(row["href"]) for row in box.simulator.requests(box.inbox)[:3]]

    def delete(*names: str) -> Answer:
        hrefs = "".join(f"<D:href>{name}</D:href>" for name in names)
        body = f'<D:delete xmlns:D="DAV:"><D:target>{hrefs}</D:target></D:delete>'
        return box.ask("BDELETE", box.inbox + "/", body)

    mixed, all_well = delete(good[0], "none.EML"), delete(*good[1:])
    listed = value == "listed"
    assert (mixed.status, mixed.body.count(b"<a:response>")) == (207, 2 if listed else 1)
    assert (all_well.status, all_well.body.count(b"<a:response>")) == ((207, 2) if listed else (200, 0))


# --- the multistatus


@shows("prefixes", "in-order", "shuffled")
def test_prefixes_change_and_rows_do_not(box: Box, value: str) -> None:
    columns = '"urn:schemas:httpmail:subject","urn:schemas:httpmail:datereceived"'
    plain = box.search(columns)
    box.turn(prefixes=value)
    answer = box.search(columns)
    assert (b'xmlns:a="DAV:"' in answer.body) is (value == "in-order")
    assert rows(answer) == rows(plain)


@shows("status_after_prop", True, False)
def test_the_status_stands_before_or_after_the_properties(box: Box, value: bool) -> None:
    box.turn(status_after_prop=value)
    answer = box.search('"urn:schemas:httpmail:subject","DAV:comment"')
    assert (b"</a:prop><a:status>HTTP/1.1 404" in answer.body) is value
    assert (b"<a:propstat><a:status>HTTP/1.1 200" in answer.body) is not value


@shows("digit_names", "as-asked", "without-zero", "encoded", "every-row")
def test_names_that_begin_with_a_digit_are_written_as_switched(box: Box, value: str) -> None:
    box.turn(digit_names=value)
    asked = re.search(r"<[a-z]+:([^>]*)x8218", box.search(NUMBERED).body.decode())
    assert asked is not None
    assert asked[1] == {"without-zero": "", "encoded": "_x0030_"}.get(value, "0")
    assert (b"0x8218" in box.search().body) is (value == "every-row")


@shows("counter_proposal", "alias-and-number", "alias", "number")
def test_a_counter_proposal_has_the_names_it_is_switched_to(many: Boxes, box: Box, value: str) -> None:
    box = many.take(having_counter_proposal=True)
    box.turn(counter_proposal=value, digit_names="encoded")
    number = "http://schemas.microsoft.com/mapi/id/{00062002-0000-0000-C000-000000000046}/0x8257"
    body = box.search(f'"http://schemas.microsoft.com/mapi/apptcounterproposal","{number}"').body.decode()
    # The namespace of the number has braces, so no XML parser will do.
    names = set(re.findall(r'<[a-z]+:([^ <>]+) b:dt="boolean">1<', body))
    by = {"alias": {"apptcounterproposal"}, "number": {"_x0030_x8257"}}
    assert names == by.get(value, {"apptcounterproposal", "_x0030_x8257"})


@shows("bad_characters", "none", "reference", "raw")
def test_bad_characters_are_references_or_raw(box: Box, value: str) -> None:
    box.turn(bad_characters=value, bad_every=2)
    body = box.search().body
    mark = {"none": b"&#01;", "reference": b"&#01;", "raw": b"\x01\x0b"}[value]
    assert body.count(mark) == (0 if value == "none" else body.count(b"<a:response>") // 2)


@shows("bad_every", 2, 3)
def test_every_so_many_rows_are_bad(box: Box, value: int) -> None:
    box.turn(bad_characters="reference", bad_every=value)
    body = box.search().body
    assert body.count(b"&#01;") == body.count(b"<a:response>") // value


@shows("duplicated_properties", True, False)
def test_properties_come_once_or_twice(box: Box, value: bool) -> None:
    box.turn(duplicated_properties=value)
    body = box.search().body
    assert body.count(b":subject>") == body.count(b"<a:response>") * (4 if value else 2)


@shows("href_in_prop", "asked", "always")
def test_a_second_href_is_there_always_or_on_demand(box: Box, value: str) -> None:
    box.turn(href_in_prop=value)
    body = box.search().body
    assert body.count(b"<a:href>") == body.count(b"<a:response>") * (2 if value == "always" else 1)


@shows("brief", "drops-missing", "drops-status", "ignored")
def test_brief_drops_what_is_switched(box: Box, value: str) -> None:
    box.turn(brief=value)
    columns = '"urn:schemas:httpmail:subject","DAV:comment"'
    body = box.search(columns, Brief="t").body
    assert (b"404 Resource" in body, b"200 OK" in body) == (value == "ignored", value != "drops-status")
    assert b"404 Resource" in box.search(columns).body


@shows("missing_properties", "404", "left-out")
def test_missing_properties_are_404_or_left_out(box: Box, value: str) -> None:
    box.turn(missing_properties=value)
    assert (b"<a:comment/>" in box.search('"urn:schemas:httpmail:subject","DAV:comment"').body) is (value == "404")


@shows("row_error", "none", "401", "403", "404", "500")
def test_a_row_can_be_an_error(box: Box, value: str) -> None:
    box.turn(row_error=value)
    found = etree.fromstring(box.search().body).findall(f"{DAV}response")
    statuses = [response.findtext(f"{DAV}status") for response in found]
    assert [status and status.split()[1] for status in statuses[:3]] == [None, None if value == "none" else value, None]


@shows("encoding", "utf-8", "declared", "iso-8859-1", "bad-byte")
def test_a_body_is_encoded_as_switched(many: Boxes, box: Box, value: str) -> None:
    box = many.take("ja")
    plain = rows(box.search())
    box.turn(encoding=value, bad_every=1)
    body = box.search().body
    declared = {"declared": b' encoding="UTF-8"', "iso-8859-1": b' encoding="iso-8859-1"'}.get(value, b"")
    assert body.startswith(b'<?xml version="1.0"' + declared + b"?>")
    if value == "bad-byte":
        assert body.count(b"\xff") == len(plain)
        return
    assert rows(box.search()) == plain


@shows("multistatus_type", "text/xml", "text/xml; charset=utf-8", 'text/xml; charset="UTF-8"', "application/xml")
def test_a_multistatus_has_the_type_it_is_switched_to(box: Box, value: str) -> None:
    box.turn(multistatus_type=value)
    assert box.search().headers["Content-Type"] == value


def sizes(raw: bytes) -> list[int]:
    _, _, rest = raw.partition(b"\r\n\r\n")
    found: list[int] = []
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            return found
        found.append(int(size, 16))
        rest = rest[int(size, 16) + 2 :]


@shows("framing", "chunked", "byte-chunks", "torn-characters", "content-length")
def test_the_framing_changes_and_the_body_does_not(box: Box, value: str) -> None:
    columns = '"urn:schemas:httpmail:subject","urn:schemas:httpmail:displayto"'
    set_comment = "<D:set><D:prop><D:comment>\u20ac</D:comment></D:prop></D:set>"
    update = f'<D:propertyupdate xmlns:D="DAV:">{set_comment}</D:propertyupdate>'
    box.ask("PROPPATCH", path_of(box.request()["href"]), update)
    plain = box.search(columns + ',"DAV:comment"')
    box.turn(framing=value)
    answer = box.search(columns + ',"DAV:comment"')
    assert answer.body == plain.body
    if value == "content-length":
        assert int(answer.headers["Content-Length"]) == len(answer.body)
        return
    cut = sizes(answer.raw)
    if value == "byte-chunks":
        assert set(cut) == {1}
    if value == "torn-characters":
        assert len(cut) == 1 + sum(0x80 <= octet < 0xC0 for octet in answer.body) > 2
    if value == "chunked":
        assert set(cut[:-1]) <= {16 * 1024}


@shows("gzip", True, False)
def test_what_is_compressed_is_the_same_body(box: Box, value: bool) -> None:
    plain = box.search()
    box.turn(gzip=value)
    answer = box.search(Accept_Encoding="gzip, deflate")
    assert (answer.headers.get("Content-Encoding") == "gzip") is value
    assert (gzip.decompress(answer.body) if value else answer.body) == plain.body
    assert box.search().body == plain.body


# --- SEARCH


@shows("content_range", "total", "star", "missing")
def test_the_content_range_has_a_total_a_star_or_is_missing(box: Box, value: str) -> None:
    total = len(rows(box.search()))
    box.turn(content_range=value)
    said = box.search(Range="rows=0-1").headers.get("Content-Range")
    assert said == {"total": f"rows 0-1; total={total}", "star": "rows 0-1; total=*", "missing": None}[value]


@shows("past_the_end", "416", "empty")
def test_a_range_past_the_end_is_416_or_empty(box: Box, value: str) -> None:
    box.turn(past_the_end=value)
    assert box.search(Range="rows=500-599").status == (416 if value == "416" else 207)


@shows("ranges", "obeyed", "ignored")
def test_ranges_are_obeyed_or_ignored(box: Box, value: str) -> None:
    total = len(rows(box.search()))
    box.turn(ranges=value)
    answer = box.search(Range="rows=0-1")
    assert len(rows(answer)) == (2 if value == "obeyed" else total)
    assert ("Content-Range" in answer.headers) is (value == "obeyed")


@shows("order", "as-asked", "newest-first")
def test_rows_come_as_asked_or_newest_first(box: Box, value: str) -> None:
    oldest_first = [row["href"] for row in rows(box.search(order=RECEIVED))]
    box.turn(order=value)
    found = [row["href"] for row in rows(box.search(order=RECEIVED))]
    assert found == (oldest_first if value == "as-asked" else oldest_first[::-1])


@shows("paging", "steady", "arrives", "vanishes")
def test_rows_shift_between_two_pages(box: Box, value: str) -> None:
    before = [row["href"] for row in rows(box.search())]
    box.turn(paging=value)
    pages = [[row["href"] for row in rows(box.search(Range=wanted))] for wanted in ("rows=0-3", "rows=4-7")]
    assert pages[0] == before[:4]
    shift = {"steady": 0, "arrives": -1, "vanishes": 1}[value]
    assert pages[1][:3] == before[4 + shift : 7 + shift]
    assert len(rows(box.search())) == len(before) - shift


@shows("large_range", "served", "425", "507")
def test_large_ranges_are_served_or_refused(box: Box, value: str) -> None:
    box.turn(large_range=value, large_range_rows=5)
    assert box.search(Range="rows=0-5").status == (207 if value == "served" else int(value))
    assert box.search(Range="rows=0-4").status == 207


@shows("large_range_rows", 3)
def test_a_range_may_be_so_large_and_no_larger(box: Box, value: int) -> None:
    box.turn(large_range="507", large_range_rows=value)
    assert [box.search(Range=f"rows=0-{last_row}").status for last_row in (value - 1, value)] == [207, 507]


@shows("row_limit", 0, 3)
def test_a_result_has_no_more_rows_than_the_limit(box: Box, value: int) -> None:
    total = len(rows(box.search()))
    box.turn(row_limit=value)
    assert len(rows(box.search())) == (value or total)


def series(box: Box) -> Answer:
    """A week of a calendar with a daily series of three in it."""
    text = (
        "Content-class: urn:content-classes:appointment\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n"
        "BEGIN:VEVENT\r\nUID:s\r\nDTSTART:20260302T090000Z\r\nDTEND:20260302T100000Z\r\n"
        "RRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    box.ask("PUT", f"{box.calendar}/s.EML", text, Translate="f", Content_Type="message/rfc822")
    columns = (
        '"urn:schemas:calendar:instancetype","urn:schemas:calendar:rrule","urn:schemas:calendar:timezone",' + PERMANENT
    )
    window = (
        "\"urn:schemas:calendar:dtend\" > '2026-03-01' AND \"urn:schemas:calendar:dtstart\" < '2026-03-08' "
        "AND \"urn:schemas:calendar:uid\" = 's'"
    )
    return box.ask("SEARCH", box.calendar, searchrequest(f'SELECT {columns} FROM "" WHERE {window}'))


@shows("expansion", "instances", "with-master", "none")
def test_a_series_in_a_range_is_expanded_as_switched(box: Box, value: str) -> None:
    box.turn(expansion=value)
    kinds = sorted(row[f"{CALENDAR}instancetype"] for row in rows(series(box)))
    assert "".join(kinds) == {"instances": "222", "with-master": "1222", "none": "1"}[value]


@shows("instance_ids", "own", "master")
def test_instances_have_ids_of_their_own_or_those_of_the_master(box: Box, value: str) -> None:
    box.turn(instance_ids=value)
    found = rows(series(box))
    for name in ("href", f"{EXCHANGE}permanenturl"):
        assert len({row[name] for row in found}) == {"own": 3, "master": 1}[value]


@shows("series_shown", "rule-and-zone", "rule", "none")
def test_a_series_shows_rule_and_zone_as_switched(box: Box, value: str) -> None:
    box.turn(series_shown=value, expansion="none")
    body = series(box).body
    assert (b"FREQ=DAILY" in body, b"BEGIN:VTIMEZONE" in body) == {
        "rule-and-zone": (True, True),
        "rule": (True, False),
        "none": (False, False),
    }[value]


@shows("request_text", "cdo", "bom", "bare-organizer", "urn-organizer", "no-method", "torn")
def test_the_icalendar_of_a_request_is_written_as_switched(box: Box, value: str) -> None:
    box.turn(request_text=value)
    body = box.ask("GET", path_of(box.request()["href"]), Translate="f").body
    marks = {
        "bom": "\ufeffBEGIN".encode() in body,
        "bare-organizer": re.search(rb"ORGANIZER:[^:]+@", body) is not None,
        "urn-organizer": b":urn:uuid:" in body,
        "no-method": b"\nMETHOD:" not in body,
        "torn": b"\nsee you" in body,
    }
    assert {mark for mark, shown in marks.items() if shown} == ({value} if value != "cdo" else set())


@shows("zone_text", "cdo", "bare", "x-lines", "windows-name")
def test_a_zone_is_written_as_switched(box: Box, value: str) -> None:
    box.turn(zone_text=value, expansion="none")
    body = series(box).body
    assert (b"X-MICROSOFT-CDO-TZID:" in body, b"X-LIC-LOCATION:" in body, b"TZOFFSETTO" in body) == {
        "cdo": (True, False, True),
        "bare": (False, False, True),
        "x-lines": (False, True, True),
        "windows-name": (False, False, False),
    }[value]


@shows("recipients", "smtp", "x500", "mixed", "none")
def test_a_message_shows_by_and_for_whom_it_was_received(box: Box, value: str) -> None:
    box.turn(recipients=value)
    tags = {f"{{{PROPTAG}}}x{number}001f" for number in ("0076", "0078", "0040", "0044")}
    columns = ",".join(f'"{PROPTAG}{tag.rpartition("}")[2]}"' for tag in sorted(tags))
    (first, *_) = rows(box.search(columns, RECEIVED))
    by_name, for_name, by, meant = (first.get(name) for name in sorted(tags))
    assert by_name == for_name
    spelled_as = {"smtp": ("@", "@"), "x500": ("/CN=", "/CN="), "mixed": ("/CN=", "@"), "none": (None, None)}[value]
    for address, mark in zip((by, meant), spelled_as, strict=True):
        assert (address is None) if mark is None else (mark in (address or ""))
    assert value == "mixed" or by == meant


def shown_of_occurrence(box: Box, name: str) -> tuple[str | None, str | None]:
    """A property of a message about an occurrence, and of its item in the calendar."""
    lines = occurrences.event(occurrences.SECOND)
    occurrences.command(box, occurrences.put(box, box.inbox, "first", lines, "REQUEST"), "accept")
    occurrences.put(box, box.inbox, "second", lines, "REQUEST")
    sql = f'SELECT "urn:schemas:calendar:{name}" FROM "" WHERE "urn:schemas:calendar:uid" = \'{occurrences.UID}\''
    (message,), (item,) = (rows(box.ask("SEARCH", place, searchrequest(sql))) for place in (box.inbox, box.calendar))
    return message.get(f"{CALENDAR}{name}"), item.get(f"{CALENDAR}{name}")


@shows("instance_types", "all", "in-calendars", "none")
def test_instance_types_are_shown_where_they_are_switched_on(box: Box, value: str) -> None:
    box.turn(instance_types=value)
    expected = {"all": ("2", "2"), "in-calendars": (None, "2"), "none": (None, None)}[value]
    assert shown_of_occurrence(box, "instancetype") == expected


@shows("organizers", "smtp", "x500", "x500-in-calendars", "not-in-calendars", "none")
def test_the_organizer_is_shown_as_switched(box: Box, value: str) -> None:
    box.turn(organizers=value)
    smtp, x500 = '"Nora" <nora@example.com>', '"Nora" </O=EXAMPLE/OU=FIRST/CN=RECIPIENTS/CN=NORA>'
    expected = {
        "smtp": (smtp, smtp),
        "x500": (x500, x500),
        "x500-in-calendars": (smtp, x500),
        "not-in-calendars": (smtp, None),
        "none": (None, None),
    }[value]
    assert shown_of_occurrence(box, "organizer") == expected


@shows("calendar_access", "full", "401", "403", "404")
def test_searching_the_calendar_is_allowed_or_refused(box: Box, value: str) -> None:
    box.turn(calendar_access=value)
    assert series(box).status == (207 if value == "full" else int(value))
    assert box.search().status == 207


# --- URLs


@shows("hrefs", "as-addressed", "internal-host", "other-scheme", "relative")
def test_hrefs_name_the_host_they_are_switched_to(box: Box, value: str) -> None:
    box.turn(hrefs=value)
    origins = {"as-addressed": "http://mail.example.com", "internal-host": INTERNAL, "relative": ""}
    origin = origins.get(value, "https://mail.example.com")
    answer = propfind(box, box.home, "<m:inbox/>")
    assert b"<a:href>" + (origin + box.home).encode()[: len(origin) + 10] in answer.body
    assert (">" + origin + box.inbox + "</").encode() in answer.body


def names_of(box: Box) -> tuple[str, str]:
    """An alias and the address that lead to a mailbox beside its own name."""
    address = next(one["address"] for one in box.simulator.oracle("mailboxes") if one["mailbox"] == box.name)
    return address.partition("@")[0], address


@shows("mailbox_names", "alias-and-address", "listed")
def test_alias_and_address_lead_to_a_mailbox_or_only_what_is_listed(box: Box, value: str) -> None:
    box.turn(mailbox_names=value)
    alias, address = names_of(box)
    status = 207 if value == "alias-and-address" else 404
    assert {propfind(box, f"/exchange/{name}/").status for name in {alias, address} - {box.name}} == {status}
    assert propfind(box, box.home).status == 207


@shows("mailbox_hrefs", "as-asked", "own-name")
def test_hrefs_have_the_name_as_asked_or_the_mailboxes_own(box: Box, value: str) -> None:
    box.turn(mailbox_hrefs=value)
    alias, _ = names_of(box)
    home = f"/exchange/{alias}/" if value == "as-asked" else box.home
    inbox = box.simulator.folders(f"/exchange/{alias}/")["inbox"]
    assert path_of(inbox) == f"{home}{last(box.inbox)}"
    (row, *_) = box.simulator.find(f"/exchange/{alias}/{last(box.inbox)}")
    assert path_of(row["href"]).startswith(home)
    assert box.ask("GET", path_of(row["href"]), Translate="f").status == 200


@shows("root_identity", "all", "permanent-url", "id", "none")
def test_a_mailbox_root_shows_its_identity_as_switched(box: Box, value: str) -> None:
    box.turn(root_identity=value)
    names = f'<r:repl-uid xmlns:r="{REPL}"/><e:permanenturl xmlns:e="{EXCHANGE[1:-1]}"/><D:id/>'
    (root,), (inbox,) = (rows(propfind(box, path, names)) for path in (box.home, box.inbox))
    all_three = {f"{{{REPL}}}repl-uid", f"{EXCHANGE}permanenturl", f"{DAV}id"}
    shown = {"all": all_three, "permanent-url": {f"{EXCHANGE}permanenturl"}, "id": {f"{DAV}id"}, "none": set()}
    assert root.keys() - {"href"} == shown[value]
    assert inbox.keys() - {"href"} == all_three


@shows("permanent_host", "as-addressed", "internal-host")
def test_permanent_urls_name_the_host_they_are_switched_to(box: Box, value: str) -> None:
    box.turn(permanent_host=value)
    (row, *_) = rows(box.search(PERMANENT))
    host = INTERNAL if value == "internal-host" else "http://mail.example.com"
    assert row[f"{EXCHANGE}permanenturl"].startswith(host + "/exchange/")
    assert row["href"].startswith("http://mail.example.com/exchange/")


@shows("front_end_https", "honored", "ignored")
def test_the_header_of_a_front_end_with_https_is_honoured_or_ignored(box: Box, value: str) -> None:
    box.turn(front_end_https=value)
    scheme = "https" if value == "honored" else "http"
    assert rows(box.search(Front_End_Https="On"))[0]["href"].startswith(f"{scheme}://mail.example.com/")
    assert rows(box.search())[0]["href"].startswith("http://")


@shows("hex_digits", "upper", "lower")
def test_escapes_have_upper_or_lower_digits(many: Boxes, box: Box, value: str) -> None:
    box = many.take("ja")
    box.turn(hex_digits=value)
    body = propfind(box, box.home, "<m:inbox/><m:drafts/>").body + box.search('"DAV:href"').body
    escapes = "".join(re.findall("%([0-9A-Fa-f]{2})", body.decode()))
    assert escapes == (escapes.upper() if value == "upper" else escapes.lower())
    assert escapes.upper() != escapes.lower()


@shows("url_filter", "none", "urlscan", "iis7")
def test_a_url_filter_refuses_what_it_filters(many: Boxes, box: Box, value: str) -> None:
    while any(mark in box.inbox for mark in ("%25", "&", "+", "%2B")):
        box = many.take()
    box.turn(url_filter=value)
    refused = {"none": set(), "urlscan": {"%25", "&", "%26"}, "iis7": {"%25", "+", "%2B"}}[value]
    for mark in ("%25", "&", "%26", "+", "%2B", "%20"):
        answer = box.ask("PROPFIND", f"{box.inbox}/a{mark}b.EML")
        assert answer.status == 404
        assert ("MS-WebStorage" not in answer.headers) is (mark in refused), mark


# --- the server as a whole


@shows("version", "2000", "2003", "2007")
def test_the_version_shows_in_the_answers(box: Box, value: str) -> None:
    box.turn(version=value)
    headers = box.search().headers
    builds = {"2000": "6.0.6249", "2003": "6.5.7226", "2007": "08.01.10240"}
    assert headers["MS-WebStorage"] == builds[value]
    assert headers["Server"] == ("Microsoft-IIS/5.0" if value == "2000" else "Microsoft-IIS/6.0")
    row = box.request()
    answer = box.accept(row)
    assert (answer.status == 302, box.told(row)["accepted"]) == (value == "2007", int(value != "2007"))
    assert box.ask("GET", path_of(box.request()["href"]), Translate="f").status == 200


@shows("owa_2007", "owa", "owa-with-url")
def test_exchange_2007_sends_a_browser_where_it_is_switched_to(box: Box, value: str) -> None:
    box.turn(version="2007", owa_2007=value)
    location = box.accept(box.request()).headers["Location"]
    if value == "owa":
        assert location == "http://mail.example.com/owa/"
    else:
        assert location.startswith("http://mail.example.com/owa/?ae=")
        assert location.endswith("%3FCmd%3Daccept")


@shows("error_body", "page", "empty")
def test_an_error_has_a_page_or_no_body(box: Box, value: str) -> None:
    box.turn(error_body=value)
    answer = box.ask("SEARCH", box.inbox, "no XML")
    assert (answer.status, answer.body == b"") == (400, value == "empty")


@shows("new_items", "unread", "read")
def test_new_items_are_unread_or_read(box: Box, value: str) -> None:
    box.turn(new_items=value)
    box.ask("PUT", f"{box.drafts}/put.EML", "Subject: a\r\n\r\n")
    body = '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><mine xmlns="urn:x:">1</mine></D:prop></D:set>'
    box.ask("PROPPATCH", f"{box.drafts}/patched.EML", f"{body}</D:propertyupdate>")
    wanted = {"unread": "0", "read": "1"}[value]
    assert [row[f"{HTTPMAIL}read"] for row in box.find(box.drafts)] == [wanted, wanted]


@shows("task_requests", "mail", "calendarmessage")
def test_task_requests_are_mail_or_calendar_messages(box: Box, value: str) -> None:
    classed = '<m:outlookmessageclass xmlns:m="http://schemas.microsoft.com/exchange/">IPM.TaskRequest'
    body = f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{classed}</m:outlookmessageclass></D:prop></D:set>'
    box.ask("PROPPATCH", f"{box.drafts}/t.EML", f"{body}</D:propertyupdate>")
    box.turn(task_requests=value)
    (row,) = rows(propfind(box, f"{box.drafts}/t.EML", "<D:contentclass/>"))
    wanted = {"mail": "message", "calendarmessage": "calendarmessage"}[value]
    assert row[f"{DAV}contentclass"] == f"urn:content-classes:{wanted}"


@shows("clock_skew_s", 0, -3600, 7200)
def test_the_clock_is_off_by_the_skew(box: Box, value: int) -> None:
    box.turn(clock_skew_s=value)
    before = box.now()
    date = parsedate_to_datetime(box.search().headers["Date"]).timestamp()
    box.accept(box.request())
    stored = rows(propfind(box, box.drafts, "<m:datereceived/>", Depth="1,noroot"))[0][f"{HTTPMAIL}datereceived"]
    after = box.now()
    assert int(before) <= date - value <= after
    assert int(before) <= datetime.fromisoformat(stored).timestamp() - value <= after


@shows("transport_skew_s", 0, 3600, -1_814_400)
def test_received_mail_is_stamped_by_the_clock_of_transport(box: Box, value: int) -> None:
    columns = '"urn:schemas:httpmail:datereceived","DAV:creationdate","urn:schemas:httpmail:date"'
    before = rows(box.search(columns, RECEIVED))
    box.turn(transport_skew_s=value)
    after = rows(box.search(columns, RECEIVED))
    pairs = list(zip(before, after, strict=True))
    shifts = {
        name: {(moment(late[name]) - moment(early[name])).total_seconds() for early, late in pairs}
        for name in (f"{HTTPMAIL}datereceived", f"{HTTPMAIL}date", f"{DAV}creationdate")
    }
    assert shifts == {f"{HTTPMAIL}datereceived": {value}, f"{HTTPMAIL}date": {0}, f"{DAV}creationdate": {0}}


@shows("transport_skew_s", 3600)
def test_what_is_sent_has_the_time_of_the_store_and_what_arrives_that_of_transport(
    many: Boxes, box: Box, value: int
) -> None:
    host = many.take()
    address = next(one["address"] for one in box.simulator.oracle("mailboxes") if one["mailbox"] == host.name)
    lines = [line.replace("nora@example.com", address) for line in occurrences.event(occurrences.SECOND)]
    box.turn(transport_skew_s=value)
    occurrences.command(box, occurrences.put(box, box.inbox, "hosted", lines, "REQUEST"), "accept")
    assert box.submit(box.find(box.drafts)[0]).status == 200
    (sent,) = rows(propfind(box, box.sent, "<m:datereceived/>", Depth="1,noroot"))
    (arrived,) = [row for row in box.find(host.inbox) if row.get(f"{CALENDAR}uid") == occurrences.UID]
    (stamped,) = rows(propfind(host, path_of(arrived["href"]), "<m:datereceived/>"))
    name = f"{HTTPMAIL}datereceived"
    assert value <= (moment(stamped[name]) - moment(sent[name])).total_seconds() < value + 60


@shows("root_access", "full", "non-ipm-only")
def test_the_root_shows_all_folders_or_its_own(box: Box, value: str) -> None:
    box.turn(root_access=value)
    assert propfind(box, box.home, "<m:inbox/>").status == (207 if value == "full" else 403)
    (row,) = rows(propfind(box, box.home + "NON_IPM_SUBTREE", "<m:inbox/>"))
    assert row[f"{HTTPMAIL}inbox"].endswith(box.inbox)
    assert box.search().status == 207


@shows("language", "seeded", "en", "de", "hu", "ja", "fr", "es")
def test_folders_are_named_in_the_language(box: Box, value: str) -> None:
    messages = len(rows(box.search()))
    box.turn(language=value)
    inbox = path_of(box.simulator.folders(box.home)["inbox"])
    names = {"en": "Inbox", "de": "Posteingang", "es": "Bandeja%20de%20entrada"}
    if value == "seeded":
        assert inbox == box.inbox
    elif value in names:
        assert last(inbox) == names[value]
    assert (inbox == box.inbox) is (value in {"seeded", box.language})
    assert box.ask("PROPFIND", box.inbox, Depth="0").status == (207 if inbox == box.inbox else 404)
    box.inbox = inbox
    assert len(rows(box.search())) == messages


@shows("english_aliases", True, False)
def test_english_names_lead_to_the_folders_or_nowhere(many: Boxes, box: Box, value: bool) -> None:
    box = many.take("hu")
    box.turn(english_aliases=value)
    found = propfind(box, box.home + "Inbox", "<D:displayname/>")
    assert found.status == (207 if value else 404)
    assert not value or box.inbox in rows(found)[0]["href"]


@shows("subscription_unknown", "412", "409")
def test_an_unknown_subscription_is_refused_with_the_status(box: Box, value: str) -> None:
    box.turn(subscription_unknown=value)
    assert box.ask("POLL", box.inbox, Subscription_Id="4711").status == int(value)


@shows("expect_continue", "400", "100")
def test_expect_continue_is_refused_or_honoured(box: Box, value: str) -> None:
    box.turn(expect_continue=value)
    octets = request("PROPFIND", box.home, NAMES, Connection="close", Depth="0", Expect="100-continue")
    head, _, body = octets.partition(b"\r\n\r\n")
    with box.simulator.connect() as connection:
        connection.sendall(head + b"\r\n\r\n")
        first = connection.recv(1000)
        assert first.startswith({"400": b"HTTP/1.1 400 ", "100": b"HTTP/1.1 100 Continue\r\n\r\n"}[value])
        if value == "100":
            connection.sendall(body)
            assert read_all(connection).startswith(b"HTTP/1.1 207 ")


@shows("conditions", "honored", "ignored", "refused")
def test_conditions_are_honoured_ignored_or_refused(box: Box, value: str) -> None:
    box.turn(conditions=value)
    row = box.request()
    (tag,) = [one["{DAV:}getetag"] for one in rows(propfind(box, path_of(row["href"]), "<D:getetag/>"))]
    mark = '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="urn:a">1</a></D:prop></D:set></D:propertyupdate>'
    found = [box.ask("PROPPATCH", path_of(row["href"]), mark, If_Match=one).status for one in ('"old"', tag, tag)]
    assert found == {"honored": [412, 207, 412], "ignored": [207, 207, 207], "refused": [412, 412, 412]}[value]


@shows("keep_alive", True, False)
def test_connections_stay_open_or_close(box: Box, value: bool) -> None:
    box.turn(keep_alive=value)
    with box.simulator.connect() as connection:
        connection.sendall(request("OPTIONS", box.home) * 2 + request("OPTIONS", box.home, Connection="close"))
        octets = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert octets.count(b"HTTP/1.1 200 OK") == (3 if value else 1)
    assert octets.count(b"Connection: close") == 1


# --- switches by the command line and by the oracle


def test_switches_can_be_set_on_the_command_line() -> None:
    options = ("--switch", "keep_alive=true", "--switch", "keep_alive=false", "--switch", "uncertain=3")
    with running("--mailboxes", "2", "--servers", "2", *options) as simulator:
        told = simulator.oracle("switches")
        assert told["keep_alive"]["values"] == [False, False]
        assert {name: one["value"] for name, one in told.items() if one["uncertain"]} == uncertain(3)
        assert simulator.turn(server=1, keep_alive=True) == {"keep_alive": True}
        assert simulator.oracle("switches")["keep_alive"]["values"] == [False, True]


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--switch=darft=verdict", "no switch 'darft'"),
        ("--switch=draft=verdikt", "same-name | verdict"),
        ("--switch=draft", "NAME=VALUE"),
        ("--fault=accept:lost", "kind is one of"),
    ],
)
def test_what_is_misspelt_ends_the_program(option: str, reason: str) -> None:
    process = start(option)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output) == (2, b"")
    assert reason in errors.decode()


def test_the_command_line_prints_the_table() -> None:
    process = start("--list-switches")
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output.decode(), errors) == (0, table(), b"")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "object"),
        ({"darft": 1}, "no switch 'darft'"),
        ({"order": "newest-first", "draft": "verdikt"}, "same-name | verdict"),
        ({"draft": "none", "server": 1}, "from 0 to 0"),
        ({"draft": "none", "server": "0"}, "server is a number"),
    ],
)
def test_what_is_misspelt_turns_nothing(box: Box, document: object, reason: str) -> None:
    answer = box.simulator.post("switches", document)
    assert answer.status == 400
    assert reason in json.loads(answer.body)["error"]
    assert all(one["value"] == one["default"] for one in box.simulator.oracle("switches").values())


def test_every_value_of_every_switch_is_shown_here() -> None:
    assert_all_shown({name for name in switches() if not name.startswith("ews_")})
