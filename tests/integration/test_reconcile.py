"""When Redis was lost, the mailbox alone tells what was begun: it is finished once, and a person's draft never is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from producer.reconcile import find_unsent_answers, reconcile
from producer.scan import scan
from rsvpq.lanes import Lanes
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import Refused, Unknown
from rsvpq.mail.marks import intent_of_text, intent_to_text
from rsvpq.mail.messages import Intent, Mailbox, MeetingMessage, Verdict
from rsvpq.ops.drafts import held_drafts
from rsvpq.tasks.journal import Attached, Journal
from rsvpq.webdav import wire
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from tests.integration.test_answer import DELETED_ITEMS, LEFT, STRAIGHT_PATH, after, draft_of_a_person, worker_at
from tests.support.crashing_worker import Worker
from tests.support.exchange_site import Site, always, box_name, inbox, lenient, requests_in
from tests.support.visits import Visitor
from tests.support.work import work_on
from workers.unsent import send_unsent

LONG_AGO = "2004-09-14T08:00:00.000Z"
#: After which of the events the request is gone, and nothing says yet whose the draft is.
UNCLEAR = set(range(after("GET accept"), after("PROPPATCH draft")))


@pytest.fixture
def box(site: Site) -> WebDavMailbox:
    """A mailbox of the test's own."""
    return site.take(fits=lambda box: bool(requests_in(box)))


@pytest.fixture
def worker(site: Site, box: WebDavMailbox) -> Worker:
    """A worker with a request that wants a response, in :func:`box`."""
    return Worker(site, box, requests_in(box)[0])


class Scan:
    """What a scan after the loss of Redis finds and does, up to the end of its items; the ledger knows nothing."""

    def __init__(self, box: WebDavMailbox) -> None:
        unsent = find_unsent_answers(box)
        self.held = unsent.unclear
        self.sent: list[str] = []
        for identity, draft in unsent.ours.items():
            self.sent.append(send(draft, box, {}, identity))


def send(draft: MeetingMessage, box: WebDavMailbox, steps: dict[str, Any], identity: str = "") -> str:
    """Send the draft as the item of this identity, or as an operator has chosen it; what came of it."""
    work = work_on(draft, box, always(), Journal(steps, storing(steps)), identity)
    return send_unsent(work, None, by_hand=not identity).result


def storing(steps: dict[str, Any]) -> Any:
    """A ledger that keeps what is written into ``steps``."""

    def record(written: Mapping[str, Any], _intent: bool, _attached: Attached | None) -> Literal["ok"]:
        steps.update(written)
        return "ok"

    return record


def lose_redis(site: Site, box: WebDavMailbox, worker: Worker, number: int = 0) -> Scan:
    """The ledger is empty: a scan finds what is in the Inbox and in Drafts, and both are worked to the end."""
    if any(message.ref.key == worker.request.ref.key and not message.processed for message in inbox(box)):
        Worker(site, box, worker.request, number).run()
    return Scan(box)


def age(site: Site, draft: MeetingMessage, number: int = 0) -> None:
    """Make a draft that lies there for long."""
    body = wire.proppatch({wire.RECEIVED: LONG_AGO})
    server = site.server(number)
    server.send("PROPPATCH", href_of(draft), headers={"Content-Type": "text/xml"}, body=body, effect=True)


@pytest.mark.parametrize("point", range(1, len(STRAIGHT_PATH) + 1))
def test_whenever_redis_is_lost_with_the_worker_the_request_is_answered_once_or_held(
    site: Site, box: WebDavMailbox, worker: Worker, point: int
) -> None:
    worker.dies(after=point)
    lose_redis(site, box, worker)
    if point in UNCLEAR:
        (draft,) = unsent_answers(box)
        assert not draft.answers
        age(site, draft)
        assert [held.ref.key for held in Scan(box).held] == [draft.ref.key]
        assert site.sent(box, worker.request) == (1, 0)
    else:
        assert site.sent(box, worker.request) == (1, 1)
        assert unsent_answers(box) == []


@pytest.mark.parametrize("number", [LEFT, DELETED_ITEMS], ids=["left", "deleted-items"])
def test_where_the_request_stays_in_the_mailbox_nothing_is_unclear(uncertain: Site, number: int) -> None:
    box = uncertain.take(number, fits=lambda box: len(requests_in(box)) >= len(STRAIGHT_PATH))
    for point, request in enumerate(requests_in(box)[: len(STRAIGHT_PATH)], start=1):
        worker = Worker(uncertain, box, request, number)
        worker.dies(after=point)
        lose_redis(uncertain, box, worker, number)
        assert uncertain.sent(box, request) == (1, 1), STRAIGHT_PATH[point - 1]
    assert unsent_answers(box) == []


def test_the_markers_are_there_when_they_are_needed(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("PROPPATCH request"))
    (marked,) = [message for message in inbox(box) if message.ref.key == worker.request.ref.key]
    intent = marked.intent
    assert intent is not None
    assert (intent.identity, intent.verdict, intent.before) == (worker.request.ref.key, Verdict.ACCEPT, ())
    worker.run()
    assert site.sent(box, worker.request) == (1, 1)


def test_a_draft_marked_as_ours_is_sent_and_says_so(site: Site, box: WebDavMailbox, worker: Worker) -> None:
    worker.dies(after("PROPPATCH draft"))
    assert Scan(box).sent == ["answered"]
    assert site.sent(box, worker.request) == (1, 1)


def visitor_of(lanes: Lanes, box: WebDavMailbox) -> Visitor:
    """Who visits a mailbox in this process, as a task does."""
    return Visitor(lanes, box, Mailbox(box_name(box), "mail1"))


def test_a_draft_marked_as_ours_is_offered_once_under_the_identity_of_its_request(
    box: WebDavMailbox, worker: Worker, lanes: Lanes
) -> None:
    worker.dies(after("PROPPATCH draft"))
    visitor = visitor_of(lanes, box)
    outcome = reconcile(visitor.visit())
    assert (outcome.note, outcome.counts) == ("1 unsent answers to finish", {"reconcile:orphans": 1})
    assert [release.id for release in visitor.published] == [worker.request.ref.key]
    assert reconcile(visitor.visit()).counts == {}


def test_a_scan_looks_for_unsent_answers_too(box: WebDavMailbox, worker: Worker, lanes: Lanes) -> None:
    worker.dies(after("PROPPATCH draft"))
    outcome = scan(visitor_of(lanes, box).visit())
    assert outcome.counts["reconcile:orphans"] == 1
    assert outcome.note.endswith("; 1 unsent answers to finish")


def test_while_observing_an_unsent_answer_is_not_offered(box: WebDavMailbox, worker: Worker, lanes: Lanes) -> None:
    worker.dies(after("PROPPATCH draft"))
    visitor = visitor_of(lanes, box)
    visitor.policy = lenient("observe")
    assert reconcile(visitor.visit()).counts == {}
    assert visitor.waiting() == []


def test_a_persons_draft_is_in_the_list_of_the_operator_until_it_is_gone(
    site: Site, box: WebDavMailbox, worker: Worker, lanes: Lanes
) -> None:
    theirs = draft_of_a_person(site, box, worker.request)
    age(site, theirs)
    visitor, mailbox = visitor_of(lanes, box), box_name(box)
    assert reconcile(visitor.visit()).counts == {"reconcile:unclear": 1}
    assert [draft.ref.key for draft in held_drafts(lanes.drafts.of(mailbox))] == [theirs.ref.key]
    site.raw("DELETE", href_of(theirs))
    assert reconcile(visitor.visit()).counts == {}
    assert lanes.drafts.of(mailbox) == []


def test_the_item_itself_finds_its_marked_draft_when_only_its_journal_is_lost(
    site: Site, box: WebDavMailbox, worker: Worker
) -> None:
    worker.dies(after("PROPPATCH draft"))
    worker.steps.clear()
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize("point", range(1, 9))
def test_a_second_death_after_the_loss_of_the_journal_leaves_one_answer(
    site: Site, box: WebDavMailbox, worker: Worker, point: int
) -> None:
    worker.dies(after("PROPPATCH draft"))
    worker.steps.clear()
    worker.dies(after=point)
    assert worker.run().result == "answered"
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize("before_command", [True, False])
def test_a_persons_draft_is_never_sent_but_shown_once_it_has_settled(
    site: Site, box: WebDavMailbox, worker: Worker, before_command: bool
) -> None:
    theirs = draft_of_a_person(site, box, worker.request)
    if not before_command:
        site.raw("DELETE", href_of(worker.request))
    found = lose_redis(site, box, worker)
    assert (found.held, found.sent) == ([], [])
    (there,) = unsent_answers(box)
    assert there.ref.key == theirs.ref.key
    age(site, theirs)
    assert [held.ref.key for held in Scan(box).held] == [theirs.ref.key]


@pytest.mark.parametrize("number", [LEFT, DELETED_ITEMS], ids=["left", "deleted-items"])
def test_a_persons_draft_for_the_same_meeting_is_not_taken_for_ours(uncertain: Site, number: int) -> None:
    box, worker = worker_at(uncertain, number)
    theirs = draft_of_a_person(uncertain, box, worker.request) if number == LEFT else None
    worker.dies(after("SEARCH drafts"))
    lose_redis(uncertain, box, worker, number)
    expected = {theirs.ref.key} if theirs else set()
    assert {draft.ref.key for draft in unsent_answers(box)} == expected
    assert uncertain.recorded(box, worker.request)["submitted"] == 1


def test_an_answer_that_was_sent_already_is_not_sent_from_a_copy_of_its_draft(
    site: Site, box: WebDavMailbox, worker: Worker
) -> None:
    worker.dies(after("PROPPATCH draft"))
    (draft,) = unsent_answers(box)
    site.copy(href_of(draft), href_of(draft).removesuffix(".EML") + "-9.EML")
    assert Scan(box).sent == ["answered"]
    assert Scan(box).sent == ["left"]
    assert site.sent(box, worker.request) == (1, 1)


def test_an_unsent_answer_that_somebody_sent_meanwhile_is_gone_or_answered(
    site: Site, box: WebDavMailbox, worker: Worker
) -> None:
    worker.dies(after("PROPPATCH draft"))
    (draft,) = unsent_answers(box)
    site.raw("DELETE", href_of(draft))
    assert send(draft, box, {}) == "gone"
    with pytest.raises(Unknown, match="neither in Drafts nor in Sent Items"):
        send(draft, box, {"send": draft.ref.key})


def test_a_persons_draft_that_somebody_says_is_ours_is_not_sent(site: Site, box: WebDavMailbox) -> None:
    """Who writes to Redis can name any draft; whose it is, its mailbox says."""
    request = requests_in(box)[0]
    assert site.raw("GET", href_of(request) + "?Cmd=accept").status_code == 200
    (draft,) = unsent_answers(box)
    with pytest.raises(Refused, match="does not show"):
        send(draft, box, {}, "0" * 32)
    assert [one.ref.key for one in unsent_answers(box)] == [draft.ref.key]
    assert site.recorded(box, request)["submitted"] == 0


def test_an_unsent_answer_whose_sending_was_not_answered_is_found_in_sent_items(
    site: Site, box: WebDavMailbox, worker: Worker
) -> None:
    worker.dies(after("PROPPATCH draft"))
    (draft,) = unsent_answers(box)
    steps: dict[str, Any] = {}
    assert send(draft, box, steps) == "answered"
    del steps["sent"]
    assert send(draft, box, steps) == "answered"
    assert site.sent(box, worker.request) == (1, 1)


@pytest.mark.parametrize("text", ["", "accept", "a b c", "item accept yesterday", "item perhaps 2026-01-01T00:00:00Z"])
def test_what_is_not_our_marker_is_no_intent(text: str) -> None:
    assert intent_of_text(text) is None


def test_an_intent_survives_its_text() -> None:
    intent = Intent("item", Verdict.TENTATIVE, datetime(2026, 3, 29, 1, 30, tzinfo=UTC), ("rid:1", "rid:2"))
    assert intent_of_text(intent_to_text(intent)) == intent
