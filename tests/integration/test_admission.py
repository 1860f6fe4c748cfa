"""What is worked of what comes out of Redis: items of mailboxes in the list, as an offer of ours makes them."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Ignore, Retry
from redis import Redis

from rsvpq import wiring
from rsvpq.lanes import Item, Lanes, OperatorAction, Release, Start
from rsvpq.mail.errors import Busy, NotListed, Refused
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.settings.mailboxes import ListedMailbox, MailboxList
from rsvpq.tasks import contract
from rsvpq.tasks.admission import Admission
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.runner import Attempt, Carrier
from testbed.processes import Part
from testbed.queue_server import QueueServer
from tests.support.file_limit import no_more_files
from tests.support.installation import Installation
from tests.support.lanes_with_clock import Clock
from tests.unit.test_earlier_payloads import EARLIER, MESSAGE
from workers.at_once import GivenAnswer

ADELE, LISTED = Mailbox("adele", "mail1", "sales"), ListedMailbox("adele", "mail1", "sales")
ADDRESS = ("/exchange/adele/Inbox/1.EML", "")
REQUEST = MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ADDRESS), uid="uid-1", subject="Budget")
BRUNO = Mailbox("bruno", "mail1", "sales")
BEGUN = json.dumps({"accept": {"before": [], "at": 1.5, "times": 1, "read": False}})
DRAFT = replace(REQUEST, kind=Kind.ANSWER, ref=ItemRef("rid:draft", ADDRESS), reply=Verdict.ACCEPT)


@dataclass
class Desk:
    """One worker with its list, and what it was given to work."""

    installation: Installation
    lanes: Lanes
    mailboxes: MailboxList
    worked: list[Start] = field(default_factory=list)

    def write_list(self, *lines: str) -> None:
        """Put another list in the file's place, as people do; it was written a while ago."""
        new = self.installation.directory / "mailboxes.new"
        new.write_text("\n".join(("mailbox,server,group", *lines)) + "\n")
        os.utime(new, (1, 1))
        os.replace(new, self.installation.directory / "mailboxes.csv")  # noqa: PTH105 - says what it does

    def offer(self, item: Item, mailbox: Mailbox = ADELE, **forged: Any) -> Release:
        """Offer an item as a scan does, and release it; then put what else is forged in its place."""
        self.lanes.ledger.offer(contract.lane_of(mailbox), [item], policy="any")
        if forged:
            self.lanes.namespace.redis.hset(f"{self.lanes.namespace.prefix}:item:{item.id}", mapping=forged)
        (release,) = self.lanes.ledger.release()
        return release

    def carry(self, release: Release) -> str:
        """Carry the delivery to whatever end it has."""
        carrier = Carrier(
            self.lanes, lambda _: None, 10, 20, remember_s=3600, admit=Admission(self.mailboxes.require).admit
        )
        return carrier.carry(release.id, release.generation, self._work)

    def _work(self, attempt: Attempt) -> Outcome:
        self.worked.append(attempt.start)
        return Outcome("answered")

    def state(self, item: str) -> dict[str, str]:
        """The item as the ledger has it."""
        fields: dict[str, str] = self.lanes.namespace.redis.hgetall(f"{self.lanes.namespace.prefix}:item:{item}")
        return fields


@pytest.fixture
def desk(tmp_path: Path, redis: Redis, shared_queue_server: QueueServer, clock: Clock) -> Desk:
    installation = Installation(tmp_path, shared_queue_server.url)
    settings = installation.settings
    lanes = Lanes(redis, now_us=clock.now_us)
    wiring.configure(lanes, settings)
    return Desk(installation, lanes, MailboxList(settings.mailboxes, settings))


def item_of(message: MeetingMessage = REQUEST, mailbox: Mailbox = ADELE) -> Item:
    return contract.message_item(mailbox, message)


# -- the list ------------------------------------------------------------------------------------------------------


def test_an_item_of_a_listed_mailbox_is_worked_with_the_group_of_the_list(desk: Desk) -> None:
    forged = json.dumps({**item_of().payload, "group": "whoever-accepts-everything"})
    assert desk.carry(desk.offer(item_of(), payload=forged)) == "answered"
    assert [start.payload["group"] for start in desk.worked] == ["sales"]


@pytest.mark.parametrize("name", ["ceo", "ADELE", "../public", "adele/../ceo"])
def test_nothing_is_done_in_a_mailbox_that_is_not_listed(desk: Desk, name: str) -> None:
    other = Mailbox(name, "mail1")
    reported = desk.carry(desk.offer(item_of(mailbox=other), other))
    assert reported == f"unlisted: {name!r} is not in the list of mailboxes"
    assert desk.worked == []
    assert desk.lanes.snapshot.counts()["done:unlisted"] == 1


def test_a_mailbox_that_is_taken_off_the_list_is_left_at_the_next_item_and_taken_up_again(desk: Desk) -> None:
    second = replace(REQUEST, ref=ItemRef("rid:2", ADDRESS))
    assert desk.carry(desk.offer(item_of())) == "answered"
    desk.write_list("bruno,mail1,sales")
    assert desk.carry(desk.offer(item_of(second))).startswith("unlisted")
    desk.write_list("adele,mail1,sales")
    assert (
        desk.lanes.ledger.offer(contract.lane_of(ADELE), [item_of(second)], policy="any").new == 1
    )  # at once, by the next scan
    (release,) = desk.lanes.ledger.release()
    assert desk.carry(release) == "answered"


def test_a_scan_of_a_mailbox_that_is_taken_off_the_list_ends(desk: Desk) -> None:
    desk.write_list("bruno,mail1,sales")
    desk.lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "run"))])
    (release,) = desk.lanes.ledger.release()
    assert desk.carry(release).startswith("unlisted")
    assert desk.lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "next"))]) == {
        "adele": "offered"
    }


def test_an_answer_that_was_begun_is_kept_as_evidence_when_its_mailbox_goes(desk: Desk) -> None:
    desk.write_list("bruno,mail1,sales")
    release = desk.offer(item_of(), journal=BEGUN)
    with pytest.raises(Refused, match="an answer was begun in it"):
        desk.carry(release)
    assert (desk.state(release.id)["state"], desk.state(release.id)["journal"]) == ("dead", BEGUN)


def test_a_list_that_cannot_be_read_leaves_the_last_good_one_in_force_and_is_reported(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    assert desk.mailboxes.problem == ""
    desk.write_list("adele,mail1,sales", "carl,mail1,sales,surplus")
    assert desk.carry(desk.offer(item_of())) == "answered"
    assert "the last good one stays in force" in caplog.text
    assert "has 4 fields" in desk.mailboxes.problem
    carl = Mailbox("carl", "mail1")
    release = desk.offer(item_of(mailbox=carl), carl)
    with pytest.raises(Retry):  # perhaps it is in the new one
        desk.carry(release)
    assert desk.state(release.id)["state"] == "pending"
    (desk.installation.directory / "mailboxes.csv").unlink()
    assert desk.mailboxes.require("adele", "mail1") == LISTED


def test_half_a_list_is_not_in_force_while_it_is_being_written(desk: Desk) -> None:
    path, turned_s = desk.installation.directory / "mailboxes.csv", 0.0
    desk.mailboxes.clock, desk.mailboxes.steady = lambda: path.stat().st_mtime, lambda: turned_s
    assert desk.mailboxes.require("adele", "mail1") == LISTED
    carl = Mailbox("carl", "mail1", "legal")
    path.write_text("mailbox,server,group\nadele,mail1,sal")
    begun = desk.offer(item_of(mailbox=BRUNO), BRUNO, journal=BEGUN)
    assert desk.carry(begun) == "answered"  # its row is not written yet
    assert desk.mailboxes.require("adele", "mail1").group == "sales"
    with path.open("a") as file:
        file.write("es\ncarl,mail1,legal\n")
    turned_s += 1.9
    release = desk.offer(item_of(mailbox=carl), carl)
    with pytest.raises(Retry, match="changed a moment ago"):  # it may be in there
        desk.carry(release)
    turned_s += 2
    assert desk.mailboxes.require("carl", "mail1") == ListedMailbox("carl", "mail1", "legal")
    with pytest.raises(NotListed):
        desk.mailboxes.require("bruno", "mail1")


def test_a_list_that_could_not_be_read_for_a_moment_is_read_again_though_it_looks_the_same(desk: Desk) -> None:
    turned_s = 0.0
    desk.mailboxes.steady = lambda: turned_s
    assert desk.mailboxes.problem == ""
    desk.write_list("carl,mail1,legal")
    with no_more_files():
        assert "Too many open files" in desk.mailboxes.problem
    turned_s += 5
    assert desk.mailboxes.problem == ""
    assert desk.mailboxes.require("carl", "mail1").group == "legal"


def test_without_any_list_nothing_is_worked_and_nothing_is_lost(desk: Desk) -> None:
    desk.write_list("nonsense")
    release = desk.offer(item_of())
    with pytest.raises(Retry):
        desk.carry(release)
    assert desk.worked == []
    assert (desk.state(release.id)["state"], desk.state(release.id)["attempts"]) == ("pending", "0")
    assert "the list cannot be read" in desk.lanes.controls.held("mailbox", "adele")[1]


# -- the server ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["mail2", "hq1"])
def test_where_list_and_ledger_name_other_servers_the_item_waits_and_the_status_says_why(
    desk: Desk, clock: Clock, server: str
) -> None:
    """A mailbox that was moved, or a worker that was not restarted yet: of either nothing may die."""
    desk.write_list("adele,mail1,sales")
    there, scan = replace(ADELE, server=server), contract.scan_item(ADELE, "run")
    settings = desk.installation.settings
    wiring.configure(desk.lanes, settings.model_copy(update={"servers": {server: settings.servers["mail1"]}}))
    desk.lanes.ledger.offer_scans([(contract.lane_of(there), scan)])
    for _ in range(2 * desk.installation.settings.retry.attempts):
        clock.turn(3600)
        (release,) = desk.lanes.ledger.release()
        with pytest.raises(Retry) as retry:
            desk.carry(release)
        assert isinstance(retry.value.exc, Busy)
    assert (desk.state(scan.id)["state"], desk.state(scan.id)["attempts"]) == ("later", "0")
    held = desk.lanes.snapshot.status().servers[server].held_mailboxes["adele"]
    assert f"the list has 'adele' on 'mail1', and the ledger on {server!r}" in held.why
    assert desk.worked == []


def test_what_was_dropped_stays_dropped_when_its_server_is_renamed(desk: Desk) -> None:
    release = desk.offer(item_of(), payload="{}")
    with pytest.raises(Refused):
        desk.carry(release)
    dropped = desk.lanes.dead_items.drop([release.id], OperatorAction("anna", "drop"))
    assert dropped == {release.id: "dropped"}
    renamed = replace(ADELE, server="hq1")
    assert desk.lanes.ledger.offer(contract.lane_of(renamed), [item_of(mailbox=renamed)]).new == 0


# -- what an offer makes -------------------------------------------------------------------------------------------


def payload(**changes: Any) -> dict[str, Any]:
    """Of a forged item: the payload of the request, but for this."""
    return {"payload": json.dumps({**item_of().payload, **changes})}


def earlier(**changes: Any) -> dict[str, Any]:
    """Of a forged item: the payload that the version before wrote of the request, but for this."""
    return {"payload": json.dumps({**EARLIER, **changes})}


UNREADABLE: dict[str, dict[str, Any]] = {
    "no JSON": {"payload": "{"},
    "no object": {"payload": "[]"},
    "nested without end": {"payload": "[" * 100_000},
    "a journal that is not one": {"journal": "5"},
}
FORGED: dict[str, dict[str, Any]] = {
    "nothing of a message": {"payload": "{}"},
    "another message": payload(ref=["rid:2", *ADDRESS]),
    "another mailbox's message": payload(ref=["/exchange/ceo/Inbox/1.EML", "/exchange/ceo/Inbox/1.EML", ""]),
    "no text": payload(uid=5),
    "no list": payload(ref="rid:1"),
    "no identity": payload(ref=[]),
    "an address that is not text": payload(ref=["rid:1", 5, ""]),
    "an address that no XML can hold": payload(ref=["rid:1", "/exchange/adele/\x00", ""]),
    "a sender that no XML can hold": payload(sent_by=["a\x00b"]),
    "a time that is not one": payload(start="soon"),
    "a mark that is not one": payload(intent=["rid:1", "accept"]),
    "a number that is a truth": payload(sequence=True),
    "a text that no XML can hold": payload(uid="a\x00b"),
    "half a character": payload(subject="\ud800"),
    "a text without end": payload(subject="x" * (1024 * 1024 + 1)),
    "a run that is not a name": payload(run=5),
    "a request that answers": payload(reply="accept"),
    "an answer that says nothing": payload(kind="answer"),
    "a response to be answered": payload(kind="response", reply="accept"),
    "a cancellation to be answered": payload(kind="cancellation"),
    "another message of the version before": earlier(rid="rid:2"),
    "another mailbox's message of the version before": earlier(rid="", permanent_url="", href="/exchange/ceo/1.EML"),
    "no text in a payload of the version before": earlier(href=5),
    "no class in a payload of the version before": earlier(message_class=5),
    "a number that is a truth in a payload of the version before": earlier(sequence=True),
    "a number below all in a payload of the version before": earlier(sensitivity=-5),
    "half a character in a payload of the version before": earlier(subject="\ud800"),
    "an address that no XML can hold in a payload of the version before": earlier(href="/exchange/adele/\x00"),
    "a cancellation to be answered of the version before": earlier(kind="cancellation"),
    "a response without a class of the version before": earlier(kind="response"),
    "a task that there is not": {"work": "os.system"},
    "a request to be opened": {"work": contract.OPEN_RESPONSE},
    "a request to be scanned": {"work": contract.SCAN_MAILBOX},
    "no task": {"work": ""},
    "a command that is not one": {"journal": '{"accept": true}'},
    "a command with drafts that are not names": {"journal": '{"accept": [5]}'},
    "a command that was given never": {"journal": '{"decline": {"before": [], "at": "x", "times": 1, "read": false}}'},
    "an answer that was given never": {"journal": '{"accept": {"begun": 1.5, "at": "x", "times": 1}}'},
    "an answer that has no beginning": {"journal": '{"accept": {"begun": null, "at": 1.5, "times": 1}}'},
    "an answer whose times are not numbers": {"journal": '{"tentative": {"begun": 1.5, "at": 1.5, "times": true}}'},
    "an answer of the year 10000": {"journal": '{"accept": {"begun": 253402300800, "at": 1.5, "times": 1}}'},
    "an answer at no number": {"journal": '{"accept": {"begun": NaN, "at": 1.5, "times": 1}}'},
    "an answer with a token that no XML can hold": {
        "journal": '{"accept": {"begun": 1.5, "at": 1.5, "times": 1, "token": "a\\u0000b"}}'
    },
    "a mark that was seen never": {"journal": '{"seen": {"token": "a", "at": "x"}}'},
    "a mark that is a number": {"journal": '{"seen": 5}'},
    "an answer that was not counted": {"journal": '{"decline": {"begun": 1.5, "at": 1.5}}'},
    "a person's draft as ours": {"journal": '{"draft": "My%20answer.EML"}'},
    "a draft elsewhere": {"journal": '{"draft": "../Inbox/1.EML"}'},
    "a draft that is not a name": {"journal": '{"draft": {}}'},
    "something sent that has no name": {"journal": '{"send": 5}'},
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_set_aside_and_nothing_is_done(desk: Desk, what: str) -> None:
    item = item_of()
    desk.lanes.ledger.offer(contract.lane_of(ADELE), [item])
    (release,) = desk.lanes.ledger.release()
    desk.lanes.namespace.redis.hset(f"{desk.lanes.namespace.prefix}:item:{item.id}", mapping=UNREADABLE[what])
    with suppress(Ignore):
        desk.carry(release)
    assert desk.worked == []
    assert desk.lanes.namespace.redis.exists(f"{desk.lanes.namespace.prefix}:aside:item:{item.id}")


@pytest.mark.parametrize("what", FORGED)
def test_what_no_offer_makes_is_dead_with_the_reason_and_nothing_is_done(desk: Desk, what: str) -> None:
    self_made = item_of()
    desk.lanes.ledger.offer(contract.lane_of(ADELE), [self_made])
    (release,) = desk.lanes.ledger.release()
    desk.lanes.namespace.redis.hset(f"{desk.lanes.namespace.prefix}:item:{self_made.id}", mapping=FORGED[what])
    with pytest.raises(Refused, match="no offer can have produced"):
        desk.carry(release)
    (dead,) = list(desk.lanes.dead_items.all())
    assert (dead.id, dead.attempts) == (release.id, 1)
    assert "no offer can have produced" in dead.reason
    assert desk.worked == []
    assert desk.lanes.snapshot.counts()["dead:refused"] == 1


@pytest.mark.parametrize("wanted", [{"href": "x"}, {"uid": 5}, "x", []])
def test_a_forged_question_fails(desk: Desk, wanted: Any) -> None:
    scan = contract.scan_item(ADELE, "run", "explain", {"uid": "x"})
    desk.lanes.ledger.offer_scans([(contract.lane_of(ADELE), scan)])
    (release,) = desk.lanes.ledger.release()
    forged = json.dumps({**scan.payload, "wanted": wanted})
    desk.lanes.namespace.redis.hset(f"{desk.lanes.namespace.prefix}:item:{scan.id}", "payload", forged)
    with pytest.raises(Refused):
        desk.carry(release)


def test_a_scan_under_another_mailboxs_name_fails(desk: Desk) -> None:
    bruno = Mailbox("bruno", "mail1", "sales")
    desk.lanes.ledger.offer_scans([(contract.lane_of(bruno), contract.scan_item(ADELE, "run"))])
    (release,) = desk.lanes.ledger.release()
    with pytest.raises(Refused, match="not named as a scan of this mailbox"):
        desk.carry(release)


def test_what_an_earlier_version_has_offered_is_worked_with_its_journal(desk: Desk) -> None:
    """The server was part of its identity."""
    earlier = replace(item_of(), id=REQUEST.earlier_identity(ADELE))
    release = desk.offer(earlier, journal='{"accept": []}')
    assert desk.carry(release) == "answered"
    assert [(start.id, start.journal) for start in desk.worked] == [(earlier.id, {"accept": []})]


@pytest.mark.parametrize("response", [GivenAnswer(1_772_000_000.1, 1_772_000_180.25, 2, "token"), GivenAnswer(1.5, 0)])
def test_an_answer_in_one_step_that_was_begun_is_let_in_with_its_fact(desk: Desk, response: GivenAnswer) -> None:
    fact = response.to_fact()
    assert desk.carry(desk.offer(item_of(), journal=json.dumps({"tentative": fact}))) == "answered"
    (start,) = desk.worked
    assert GivenAnswer.parse(start.journal["tentative"]) == response


@pytest.mark.parametrize("journal", [{}, json.loads(BEGUN)], ids=["new", "begun"])
def test_what_the_version_before_has_offered_goes_on_as_the_same_message(desk: Desk, journal: dict[str, Any]) -> None:
    release = desk.offer(item_of(), journal=json.dumps(journal), **earlier())
    assert desk.carry(release) == "answered"
    (start,) = desk.worked
    assert (start.id, start.journal) == (MESSAGE.identity(ADELE), journal)
    assert MeetingMessage.from_payload(start.payload) == MESSAGE


@pytest.mark.parametrize(
    ("work", "kind"), [(contract.OPEN_RESPONSE, Kind.RESPONSE), (contract.ANSWER_REQUEST, Kind.ANSWER)]
)
def test_a_response_of_the_version_before_is_an_answer_of_ours_where_it_was_to_be_sent(
    desk: Desk, work: str, kind: Kind
) -> None:
    """That version gave both the same kind."""
    forged = earlier(kind="response", message_class="IPM.Schedule.Meeting.Resp.Pos")
    assert desk.carry(desk.offer(item_of(), work=work, **forged)) == "answered"
    (start,) = desk.worked
    found = MeetingMessage.from_payload(start.payload)
    assert (found.kind, found.reply) == (kind, Verdict.ACCEPT)


def test_what_another_version_wrote_beside_it_is_no_reason_to_refuse(desk: Desk) -> None:
    release = desk.offer(item_of(), **payload(of_the_next_version=[1]), journal='{"of-the-next-version": {}}')
    assert desk.carry(release) == "answered"


def test_an_answer_of_ours_is_let_in_and_its_mailbox_says_whose_it_is(desk: Desk) -> None:
    assert desk.carry(desk.offer(contract.draft_item(item_of().id, DRAFT))) == "answered"


# -- at the start --------------------------------------------------------------------------------------------------


def test_a_worker_without_a_list_ends_and_says_why(desk: Desk) -> None:
    desk.write_list("nonsense")
    options = ["-Q", "answer", "-P", "threads", "-c", "1"]
    command = [desk.installation.command()[0].replace("/rsvpq", "/celery"), "-A", "workers.app", "worker", *options]
    log = desk.installation.directory / "worker.log"
    part = Part("worker", command, log=log, env=desk.installation.environment)
    assert part.process.wait() == 1
    assert "it has no list of mailboxes" in part.tail(100)
    assert "has 1 fields, but the header has 3" in part.tail(100)
