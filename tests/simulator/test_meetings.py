"""The simulator's meeting work: what a command really does, and what the oracle counts of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.raw_http import (
    CALENDAR,
    EXCHANGE,
    HTTPMAIL,
    Row,
    Simulator,
    is_class,
    path_of,
    request,
    running,
)

HOME = "/exchange/Patrick%20O%27Brien%201"
FOLDERS = {"drafts": "Entwürfe", "sentitems": "Gesendete%20Objekte", "calendar": "Kalender"}
DRAFTS, SENT, BOOKED = (f"{HOME}/{name}" for name in FOLDERS.values())
INBOX = f"{HOME}/Posteingang"
SUBMISSION = f"{HOME}/%23%23DavMailSubmissionURI%23%23"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A world of the test's own, with a German mailbox that has requests of every sort."""
    with running("--mailboxes", "2", "--requests", "60", "--responses", "4") as started:
        yield started


def seeded(simulator: Simulator, row: Row) -> dict[str, Any]:
    """What the oracle says about the message of a row."""
    uid, subject = row[f"{CALENDAR}uid"], row[f"{HTTPMAIL}subject"]
    (found,) = [m for m in simulator.oracle("messages") if (m["uid"], m["subject"]) == (uid, subject)][:1]
    return dict(found)


def command(simulator: Simulator, row: Row, name: str, **headers: str) -> tuple[int, str, str]:
    answer = simulator.ask("GET", f"{path_of(row['href'])}?{name}", "", 0, **headers)
    return answer.status, answer.headers.get("Content-Type", ""), answer.body.decode()


def test_an_answer_is_drafted_by_accept_and_sent_by_a_move(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    before = len(simulator.find(INBOX))
    status, content_type, page = command(simulator, row, "Cmd=accept")
    assert (status, content_type) == (200, "text/html; charset=utf-8")
    assert len(simulator.find(INBOX)) == before - 1
    (draft,) = simulator.find(DRAFTS)
    assert draft["href"] in page
    assert draft[f"{EXCHANGE}outlookmessageclass"] == "IPM.Schedule.Meeting.Resp.Pos"
    assert draft[f"{CALENDAR}uid"] == row[f"{CALENDAR}uid"]
    assert draft["href"].rsplit("/", 1)[1] == row["href"].rsplit("/", 1)[1]
    counted = seeded(simulator, row)
    assert (counted["accepted"], counted["drafted"], counted["submitted"]) == (1, 1, 0)
    assert simulator.oracle("summary")["requests"]["accepted_unsent"] == 1

    moved = simulator.ask("MOVE", path_of(draft["href"]), Destination=f"http://mail.example.com{SUBMISSION}/")
    assert moved.status == 200
    assert simulator.find(DRAFTS) == []
    assert [sent[f"{CALENDAR}uid"] for sent in simulator.find(SENT)] == [row[f"{CALENDAR}uid"]]
    counted = seeded(simulator, row)
    assert (counted["accepted"], counted["submitted"], counted["moved"], counted["deleted"]) == (1, 1, 0, 0)
    assert counted["seeded_at"] < counted["accepted_first"] < counted["submitted_first"] == counted["submitted_last"]
    summary = simulator.oracle("summary")["requests"]
    assert (summary["answered_once"], summary["accepted_unsent"], summary["answered_twice"]) == (1, 0, 0)
    assert simulator.ask("MOVE", path_of(draft["href"]), Destination=SUBMISSION).status == 404


def test_accepting_again_finds_nothing(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    assert command(simulator, row, "cmd=Accept")[0] == 200
    assert command(simulator, row, "Cmd=accept")[0] == 404
    assert seeded(simulator, row)["accepted"] == 1
    assert len(simulator.find(DRAFTS)) == 1


def test_answering_a_copy_as_well_counts_as_twice(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    copied = simulator.ask("COPY", path_of(row["href"]), Destination=f"{INBOX}/copy.EML")
    for href in (row["href"], copied.headers["Location"]):
        assert command(simulator, {**row, "href": href}, "Cmd=accept")[0] == 200
    assert seeded(simulator, row)["accepted"] == 2
    assert simulator.oracle("summary")["requests"]["answered_twice"] == 1


def test_no_draft_where_the_organizer_wants_no_response(simulator: Simulator) -> None:
    row = simulator.requests(INBOX, wanted=False)[0]
    assert command(simulator, row, "Cmd=accept")[0] == 200
    assert simulator.find(DRAFTS) == []
    assert (seeded(simulator, row)["accepted"], seeded(simulator, row)["drafted"]) == (1, 0)
    assert simulator.oracle("summary")["requests"]["answered_once"] == 1


@pytest.mark.parametrize(
    ("verdict", "message_class", "status", "booked"),
    [("accept", "Pos", "3", True), ("decline", "Neg", "4", False), ("tentative", "Tent", "2", True)],
)
def test_each_verdict_shows_in_the_draft_and_in_the_calendar(
    simulator: Simulator, verdict: str, message_class: str, status: str, booked: bool
) -> None:
    row = simulator.requests(INBOX)[0]
    command(simulator, row, f"Cmd={verdict}")
    response_status = '"http://schemas.microsoft.com/mapi/responsestatus"'
    (draft,) = simulator.find(DRAFTS, f"AND {response_status} = {status}")
    assert draft[f"{EXCHANGE}outlookmessageclass"] == f"IPM.Schedule.Meeting.Resp.{message_class}"
    appointments = simulator.find(BOOKED, f"AND {response_status} = {status}")
    assert [item[f"{CALENDAR}uid"] for item in appointments] == [row[f"{CALENDAR}uid"]] * booked
    verdicts = {"accept": "accepted", "decline": "declined", "tentative": "tentative"}
    assert seeded(simulator, row)[verdicts[verdict]] == 1


def test_drafts_of_the_same_name_are_distinguished_by_number(simulator: Simulator) -> None:
    one, other = simulator.requests(INBOX)[:2]
    command(simulator, one, "Cmd=accept")
    moved = simulator.ask("MOVE", path_of(other["href"]), Destination=path_of(one["href"]))
    command(simulator, {**other, "href": moved.headers["Location"]}, "Cmd=accept")
    first, second = (row["href"].removesuffix(".EML") for row in simulator.find(DRAFTS))
    assert second == f"{first}-2"


def test_a_command_with_translate_is_a_download(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    status, content_type, source = command(simulator, row, "Cmd=accept", Translate="f")
    assert (status, content_type) == (200, "message/rfc822")
    assert "Content-class: urn:content-classes:calendarmessage" in source
    assert "METHOD:REQUEST" in source
    assert f"UID:{row[f'{CALENDAR}uid']}" in source
    assert seeded(simulator, row)["accepted"] == 0
    assert simulator.find(DRAFTS) == []


@pytest.mark.parametrize("message_class", ["IPM.TaskRequest", "IPM.Schedule.Meeting.Resp.Pos"])
def test_what_is_not_a_request_gets_an_error_page_and_stays(message_class: str) -> None:
    with running("--mailboxes", "12") as wide:
        for mailbox in wide.oracle("mailboxes"):
            name = mailbox["mailbox"].replace(" ", "%20").replace("&", "%26")
            inbox = wide.folders(f"/exchange/{name}")["inbox"]
            found = wide.find(inbox, f"AND {is_class(message_class)}")
            if found:
                break
        status, content_type, page = command(wide, found[0], "Cmd=accept")
        assert (status, content_type) == (200, "text/html; charset=utf-8")
        assert "could not be completed" in page
        assert wide.find(inbox, f"AND {is_class(message_class)}") == found
        assert not any(message["accepted"] for message in wide.oracle("messages"))


def test_opening_a_response_marks_it_and_leaves_it(simulator: Simulator) -> None:
    responses = "AND \"http://schemas.microsoft.com/exchange/outlookmessageclass\" LIKE 'IPM.Schedule.Meeting.Resp.%'"
    row = simulator.find(INBOX, responses)[0]
    for _ in range(2):
        assert command(simulator, row, "cmd=OPEN")[0] == 200
    processed = '"http://schemas.microsoft.com/mapi/proptag/x65e8000b" = True'
    (opened,) = simulator.find(INBOX, f"AND {processed}")
    assert opened == {**row, f"{HTTPMAIL}read": "1"}
    assert seeded(simulator, row)["opened"] == 2
    assert simulator.ask("DELETE", path_of(row["href"])).status == 200
    responses_summary = simulator.oracle("summary")["responses"]
    assert responses_summary["opened"] == responses_summary["opened_more_than_once"] == 1
    assert (responses_summary["deleted"], responses_summary["moved"]) == (1, 0)


def test_opening_a_request_only_reads_it(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    assert command(simulator, row, "Cmd=open")[0] == 200
    assert simulator.requests(INBOX)[0] == {**row, f"{HTTPMAIL}read": "1"}
    assert seeded(simulator, row)["opened"] == 1


@pytest.mark.parametrize(
    "destination",
    [
        SUBMISSION,
        SUBMISSION + "/",
        f"{HOME}/##DavMailSubmissionURI##",
        f"http://mail.example.com{HOME}/##DavMailSubmissionURI##/",
        f"http://MAIL.example.com{HOME}/%23%23davmailsubmissionuri%23%23/",
    ],
)
def test_the_submission_uri_has_many_spellings(simulator: Simulator, destination: str) -> None:
    command(simulator, simulator.requests(INBOX)[0], "Cmd=accept")
    (draft,) = simulator.find(DRAFTS)
    assert simulator.ask("MOVE", path_of(draft["href"]), Destination=destination, Saveinsent="f").status == 200
    assert simulator.find(DRAFTS) == simulator.find(SENT) == []


def test_only_drafts_can_be_sent(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    assert simulator.ask("MOVE", path_of(row["href"]), Destination=SUBMISSION).status == 403
    assert simulator.requests(INBOX)[0] == row


def test_deleting_a_draft_is_not_deleting_the_request(simulator: Simulator) -> None:
    row = simulator.requests(INBOX)[0]
    command(simulator, row, "Cmd=accept")
    (draft,) = simulator.find(DRAFTS)
    assert simulator.ask("DELETE", path_of(draft["href"])).status == 200
    assert (seeded(simulator, row)["accepted"], seeded(simulator, row)["deleted"]) == (1, 0)
    assert simulator.oracle("summary")["requests"]["accepted_unsent"] == 1


def test_pages_are_html_and_the_home_page_names_the_mailbox(simulator: Simulator) -> None:
    for path in (HOME, INBOX, f"{INBOX}?Cmd=contents&Page=1", f"{INBOX}?Cmd=accept"):
        answer = simulator.ask("GET", path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f'<base href="http://mail.example.com{HOME}/">'.encode() in simulator.ask("GET", HOME).body
    assert simulator.ask("GET", HOME, Translate="f").status == 403
    head = simulator.send(request("HEAD", HOME, Connection="close"))
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 100
