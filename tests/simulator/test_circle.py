"""The full circle: an answer arrives with an organizer who lives in the same world, and opening it is entered there."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.simulator.raw_http import CALENDAR, EXCHANGE, Row, Simulator, path_of, running

RESPONSES = "AND \"http://schemas.microsoft.com/exchange/outlookmessageclass\" LIKE 'IPM.Schedule.Meeting.Resp.%'"
COUNTER = '"http://schemas.microsoft.com/mapi/apptcounterproposal" = True'


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A world of the test's own in which most organizers have mailboxes, on two servers."""
    with running("--mailboxes", "4", "--servers", "2", "--requests", "12", "--inside", "80") as started:
        yield started


class Case:
    """One request whose organizer is here: both mailboxes, and where to look."""

    def __init__(self, simulator: Simulator, index: int = 0) -> None:
        self.simulator = simulator
        meetings = {meeting["uid"]: meeting for meeting in simulator.oracle("meetings")}
        wanted = [
            message
            for message in simulator.oracle("messages")
            if message["uid"] in meetings and message["response_requested"] and not message["received_for"]
        ]
        self.message = wanted[index]
        self.uid: str = self.message["uid"]
        homes = {mailbox["mailbox"]: mailbox for mailbox in simulator.oracle("mailboxes")}
        self.attendee = homes[self.message["mailbox"]]
        self.organizer = homes[meetings[self.uid]["organizer"]]
        self.folders = simulator.folders(home(self.attendee), self.attendee["server"])
        self.organizer_folders = simulator.folders(home(self.organizer), self.organizer["server"])

    def meeting(self) -> dict[str, Any]:
        (found,) = [meeting for meeting in self.simulator.oracle("meetings") if meeting["uid"] == self.uid]
        return dict(found)

    def status(self) -> str:
        address = self.attendee["address"]
        (status,) = [one["status"] for one in self.meeting()["attendees"] if one["address"] == address]
        return str(status)

    def find(self, folder: str, *, at_organizer: bool = False) -> list[Row]:
        folders, mailbox = (self.organizer_folders, self.organizer) if at_organizer else (self.folders, self.attendee)
        condition = f"AND \"urn:schemas:calendar:uid\" = '{self.uid}'" + (RESPONSES if at_organizer else "")
        return self.simulator.find(folders[folder], condition, mailbox["server"])

    def answer(self, verdict: str) -> None:
        """Answer the request and send the draft."""
        server = self.attendee["server"]
        (row,) = self.find("inbox")
        assert self.simulator.ask("GET", f"{path_of(row['href'])}?Cmd={verdict}", server=server).status == 200
        (draft,) = self.find("drafts")
        sent = self.simulator.ask("MOVE", path_of(draft["href"]), server=server, Destination=self.submission)
        assert sent.status == 200

    @property
    def submission(self) -> str:
        return home(self.attendee) + "/%23%23DavMailSubmissionURI%23%23/"

    def open(self, row: Row) -> None:
        answer = self.simulator.ask("GET", path_of(row["href"]) + "?Cmd=open", server=self.organizer["server"])
        assert answer.status == 200

    def invitation(self) -> str:
        """The source of the organizer's appointment."""
        server, folder = self.organizer["server"], self.organizer_folders["calendar"]
        (row,) = self.simulator.find(folder, f"AND \"urn:schemas:calendar:uid\" = '{self.uid}'", server)
        return self.simulator.ask("GET", path_of(row["href"]), server=server, Translate="f").body.decode()


def home(mailbox: dict[str, Any]) -> str:
    return "/exchange/" + quote(mailbox["mailbox"])


@pytest.mark.parametrize(
    ("verdict", "message_class", "status", "participation"),
    [
        ("accept", "Pos", "accepted", "ACCEPTED"),
        ("decline", "Neg", "declined", "DECLINED"),
        ("tentative", "Tent", "tentative", "TENTATIVE"),
    ],
)
def test_an_answer_arrives_and_opening_it_is_entered_in_the_appointment(
    simulator: Simulator, verdict: str, message_class: str, status: str, participation: str
) -> None:
    case = Case(simulator)
    before = simulator.oracle("summary")
    assert before["circle"] == {
        "answers_delivered": 0,
        "delivered_opened": 0,
        "delivered_entered": 0,
        "attendees_updated": 0,
    }
    assert "PARTSTAT=NEEDS-ACTION:MAILTO:" + case.attendee["address"] in case.invitation()
    case.answer(verdict)
    (response,) = case.find("inbox", at_organizer=True)
    assert response[f"{EXCHANGE}outlookmessageclass"] == f"IPM.Schedule.Meeting.Resp.{message_class}"
    assert (case.status(), case.meeting()["responses_arrived"]) == ("not-responded", 1)
    for _ in range(2):
        case.open(response)
    assert case.status() == status
    assert f"PARTSTAT={participation}:MAILTO:{case.attendee['address']}" in case.invitation()
    after = simulator.oracle("summary")
    assert after["circle"] == {
        "answers_delivered": 1,
        "delivered_opened": 1,
        "delivered_entered": 0,
        "attendees_updated": 1,
    }
    assert case.meeting()["responses_opened"] == 1
    assert (after["seeded"], after["responses"]) == (before["seeded"], before["responses"])


def test_a_response_that_arrived_is_new_and_from_the_attendee(simulator: Simulator) -> None:
    case = Case(simulator)
    case.answer("accept")
    (response,) = case.find("inbox", at_organizer=True)
    server = case.organizer["server"]
    source = simulator.ask("GET", path_of(response["href"]), server=server, Translate="f").body.decode()
    assert f"<{case.attendee['address']}>" in source
    assert "METHOD:REPLY" in source
    assert response["{urn:schemas:httpmail:}read"] == "0"
    assert simulator.oracle("summary")["seeded"] == simulator.oracle("summary")["untouched"] | {
        "request": simulator.oracle("summary")["seeded"]["request"]
    }


def test_a_response_to_an_appointment_that_is_gone_changes_nothing(simulator: Simulator) -> None:
    case = Case(simulator)
    case.answer("accept")
    server = case.organizer["server"]
    condition = f"AND \"urn:schemas:calendar:uid\" = '{case.uid}'"
    (appointment,) = simulator.find(case.organizer_folders["calendar"], condition, server)
    assert simulator.ask("DELETE", path_of(appointment["href"]), server=server).status == 200
    (response,) = case.find("inbox", at_organizer=True)
    case.open(response)
    assert case.status() == "not-responded"
    assert simulator.oracle("summary")["circle"] == {
        "answers_delivered": 1,
        "delivered_opened": 1,
        "delivered_entered": 0,
        "attendees_updated": 0,
    }


def test_an_answer_to_an_organizer_outside_leaves_the_world() -> None:
    with running("--mailboxes", "2", "--requests", "5", "--inside", "0") as simulator:
        assert simulator.oracle("meetings") == []
        (row, *_) = simulator.requests("/exchange/adele0/Inbox")
        assert simulator.ask("GET", f"{path_of(row['href'])}?Cmd=accept").status == 200
        (draft,) = simulator.find("/exchange/adele0/Drafts")
        destination = "/exchange/adele0/%23%23DavMailSubmissionURI%23%23/"
        assert simulator.ask("MOVE", path_of(draft["href"]), Destination=destination).status == 200
        assert simulator.oracle("summary")["circle"]["answers_delivered"] == 0


def test_a_reply_that_a_client_wrote_itself_counts_as_an_answer_and_arrives(simulator: Simulator) -> None:
    case = Case(simulator)
    author, organizer = case.attendee["address"], case.organizer["address"]
    mail = (
        f"From: <{author}>\r\nTo: <{organizer}>\r\nSubject: Accepted\r\n"
        "Content-class: urn:content-classes:calendarmessage\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/calendar; method=REPLY; charset=utf-8\r\n\r\n"
        f"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:{case.uid}\r\n"
        f"SEQUENCE:{case.message['sequence']}\r\nORGANIZER:MAILTO:{organizer}\r\n"
        f"ATTENDEE;PARTSTAT=DECLINED:MAILTO:{author}\r\nDTSTART:20260310T100000Z\r\nDTEND:20260310T110000Z\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    server = case.attendee["server"]
    draft = path_of(case.folders["drafts"]) + "/reply.EML"
    assert simulator.ask("PUT", draft, mail, server, Content_Type="message/rfc822", Translate="f").status == 201
    assert simulator.ask("MOVE", draft, server=server, Destination=case.submission).status == 200
    reported = simulator.message(uid=case.uid, sequence=case.message["sequence"], mailbox=case.attendee["mailbox"])
    assert (reported["declined"], reported["submitted"]) == (1, 1)
    (response,) = case.find("inbox", at_organizer=True)
    assert response[f"{EXCHANGE}outlookmessageclass"] == "IPM.Schedule.Meeting.Resp.Neg"
    case.open(response)
    assert case.status() == "declined"


def test_some_requests_have_an_organizer_here_with_the_appointment_and_some_do_not() -> None:
    with running("--mailboxes", "30", "--requests", "10") as simulator:
        meetings, messages = simulator.oracle("meetings"), simulator.oracle("messages")
        addresses = {mailbox["address"] for mailbox in simulator.oracle("mailboxes")}
    requests = [message for message in messages if message["kind"] == "request"]
    inside = [message for message in requests if message["organizer"] in addresses]
    assert 0.1 < len(inside) / len(requests) < 0.3
    assert {message["uid"] for message in inside} == {meeting["uid"] for meeting in meetings}
    assert {one["status"] for meeting in meetings for one in meeting["attendees"]} == {"not-responded"}
    assert max(len(meeting["attendees"]) for meeting in meetings) > 1


def test_some_tentative_responses_propose_another_time() -> None:
    with running("--mailboxes", "1", "--responses", "40") as simulator:
        inbox = "/exchange/adele0/Inbox"
        tentative = [
            row for row in simulator.find(inbox, RESPONSES) if row[f"{EXCHANGE}outlookmessageclass"].endswith("Tent")
        ]
        proposing = simulator.find(inbox, f"AND {COUNTER}")
    assert 0 < len(proposing) < len(tentative)
    assert {row[f"{CALENDAR}uid"] for row in proposing} < {row[f"{CALENDAR}uid"] for row in tentative}
