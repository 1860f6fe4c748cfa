"""A marker that somebody else has written decides nothing: the policy does, unless the mailbox shows that we began."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from producer.reconcile import find_unsent_answers
from rsvpq.lanes import Lanes
from rsvpq.mail.drafts import sent_answers, unsent_answers
from rsvpq.mail.editions import MeetingKey
from rsvpq.mail.errors import Unsettled
from rsvpq.mail.messages import Intent, Mailbox, MeetingMessage, Verdict
from rsvpq.policy import Action, Facts, Policy
from rsvpq.policy.gather import decide_knowing
from rsvpq.tasks.journal import Journal, Outcome
from rsvpq.tasks.recollection import Recollection
from rsvpq.webdav import wire
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from tests.integration.test_answer import DELETED_ITEMS, LEFT, after, draft_of_a_person, worker_at
from tests.support.crashing_worker import Worker
from tests.support.exchange_site import Site, always, box_name, inbox, requests_in
from tests.support.work import Decide, work_on
from workers.answer import answer

LONG_AGO = "2004-09-14T08:00:00.000Z"


@pytest.fixture
def box(site: Site) -> WebDavMailbox:
    """A mailbox of the test's own."""
    return site.take(fits=lambda box: bool(requests_in(box)))


@pytest.fixture
def request_(box: WebDavMailbox) -> MeetingMessage:
    """A request in it that nobody has begun to answer."""
    return requests_in(box)[0]


class Hands:
    """A worker whose ledger has lost everything, and then keeps what it is told."""

    def __init__(self, box: WebDavMailbox, request: MeetingMessage, now_s: float = 1e9) -> None:
        self.steps: dict[str, Any] = {}
        self.now_s = now_s
        self._box, self._request = box, request

    def answers(self, decide: Decide, settle_s: float = 0) -> Outcome:
        """One attempt."""
        journal = Journal(self.steps, self._record, lambda: self.now_s)
        return answer(work_on(self._request, self._box, decide, journal, self._request.ref.key, settle_s=settle_s))

    def _record(self, steps: Mapping[str, Any], _intent: bool, *_: object) -> Literal["ok"]:
        self.steps = dict(steps)
        return "ok"


def forge(box: WebDavMailbox, request: MeetingMessage, verdict: Verdict = Verdict.ACCEPT) -> None:
    """Somebody who knows how we mark writes that we have begun."""
    assert box.mark(request, Intent.now(request.ref.key, verdict))


@pytest.mark.parametrize("verdict", list(Verdict))
def test_it_has_nothing_answered_that_the_policy_leaves_alone(
    site: Site, box: WebDavMailbox, request_: MeetingMessage, verdict: Verdict
) -> None:
    forge(box, request_, verdict)
    assert Hands(box, request_).answers(always(Action.SKIP)).result == "left"
    assert site.sent(box, request_) == (0, 0)
    assert unsent_answers(box) == []


def test_it_is_no_reason_for_a_worker_nor_for_an_explanation(box: WebDavMailbox, request_: MeetingMessage) -> None:
    forge(box, request_)
    there = box.refresh(request_)
    assert there is not None
    facts = Facts(box_name(box), identity=request_.ref.key)
    strict = Policy("respond", max_age=timedelta(0), past="rules")
    assert decide_knowing(strict, there, box, facts).reason == "too-old"


def test_what_the_policy_says_is_done_once_what_the_marker_tells_of_would_show(
    site: Site, box: WebDavMailbox, request_: MeetingMessage
) -> None:
    forge(box, request_, Verdict.DECLINE)
    hands = Hands(box, request_)
    with pytest.raises(Unsettled):
        hands.answers(always(), settle_s=60)
    hands.now_s += 59
    with pytest.raises(Unsettled):
        hands.answers(always(), settle_s=60)
    assert site.sent(box, request_) == (0, 0)
    hands.now_s += 1
    assert hands.answers(always(), settle_s=60).result == "answered"
    assert site.sent(box, request_) == (1, 1)
    assert [sent.reply for sent in sent_answers(box, request_.uid)] == [Verdict.ACCEPT]


def test_the_marker_of_a_command_that_did_nothing_costs_one_more_and_no_second_answer(
    site: Site, box: WebDavMailbox, request_: MeetingMessage
) -> None:
    forge(box, request_)
    hands = Hands(box, request_)
    with pytest.raises(Unsettled):
        hands.answers(always(), settle_s=60)
    hands.now_s += 60
    assert hands.answers(always(), settle_s=60).result == "answered"
    assert site.sent(box, request_) == (1, 1)


@pytest.mark.parametrize("action", [Action.ACCEPT, Action.SKIP])
def test_it_does_not_send_a_draft_that_a_person_has_written(
    site: Site, box: WebDavMailbox, request_: MeetingMessage, action: Action
) -> None:
    theirs = draft_of_a_person(site, box, request_)
    made_long_ago(site, theirs)
    forge(box, request_)
    Hands(box, request_).answers(always(action))
    assert [draft.ref.key for draft in unsent_answers(box)] == [theirs.ref.key]


def made_long_ago(site: Site, draft: MeetingMessage) -> None:
    body = wire.proppatch({wire.CREATED: LONG_AGO})
    site.server().send("PROPPATCH", href_of(draft), headers={"Content-Type": "text/xml"}, body=body, effect=True)


def test_the_marker_of_another_meeting_s_draft_does_not_send_it(
    site: Site, box: WebDavMailbox, request_: MeetingMessage
) -> None:
    other = requests_in(box)[1]
    theirs = draft_of_a_person(site, box, other)
    assert box.mark_draft(theirs, f"{request_.ref.key} {MeetingKey.of(request_).topic}")
    assert Hands(box, request_).answers(always()).result == "answered"
    assert site.sent(box, request_) == (1, 1)
    assert [draft.ref.key for draft in unsent_answers(box)] == [theirs.ref.key]


def test_a_marker_that_names_another_item_settles_no_meeting(
    box: WebDavMailbox, request_: MeetingMessage, lanes: Lanes
) -> None:
    mailbox = Mailbox(box_name(box), "mail1")
    strange = Intent("0" * 32, Verdict.ACCEPT, datetime.now(UTC))
    ours = Intent(request_.identity(mailbox), Verdict.ACCEPT, datetime.now(UTC))
    journal = Journal({}, lambda *_: "ok")
    recollection, topic = Recollection(lanes, timedelta(days=36_500)), MeetingKey.of(request_).topic
    box.mark(request_, strange)
    assert topic not in recollection.in_mailbox(box, journal, mailbox)
    box.mark(request_, ours)
    assert topic in recollection.in_mailbox(box, journal, mailbox)


@pytest.mark.parametrize("number", [LEFT, DELETED_ITEMS], ids=["left", "deleted-items"])
@pytest.mark.parametrize("event", ["GET accept", "PROPPATCH draft", "MOVE draft"])
def test_what_was_really_begun_is_finished_whatever_the_policy_says_by_then(
    uncertain: Site, number: int, event: str
) -> None:
    box, worker = worker_at(uncertain, number)
    worker.dies(after(event))
    Hands(box, worker.request).answers(always(Action.SKIP))
    reconcile_all(box)
    assert uncertain.sent(box, worker.request) == (1, 1)


def reconcile_all(box: WebDavMailbox) -> None:
    """What a scan does about Drafts, up to the end of its items."""
    for draft in find_unsent_answers(box).ours.values():
        box.send(draft)


def test_a_command_that_was_not_given_is_the_policy_s_again(site: Site, box: WebDavMailbox) -> None:
    worker = Worker(site, box, requests_in(box)[0])
    worker.dies(after("PROPPATCH request"))
    assert Hands(box, worker.request).answers(always(Action.SKIP)).result == "left"
    assert any(one.ref.key == worker.request.ref.key for one in inbox(box))
    assert site.sent(box, worker.request) == (0, 0)
