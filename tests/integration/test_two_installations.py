"""Two installations, each with a Redis of its own, in one mailbox; and persons who are at work on a draft."""

from collections.abc import Iterator

import pytest

from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import Changed, ExchangeError, Unknown, Unsettled
from rsvpq.mail.messages import Intent, Verdict
from rsvpq.tasks.journal import Outcome
from rsvpq.webdav import wire
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from testbed.simulated_exchange import World
from tests.integration.test_answer import STRAIGHT_PATH, after
from tests.support.crashing_worker import Worker
from tests.support.exchange_site import BehavingExchange, Site, requests_in, site_of

#: Where requests stay, and where conditions are taken otherwise.
BEHAVIORS: list[dict[str, object]] = [
    {"request_fate": "left", "request_marks": "nothing"},
    {"request_fate": "deleted-items"},
    {"request_fate": "removed"},
    {"request_fate": "left", "request_marks": "processed", "conditions": "refused"},
]
#: More than either of two needs.
_ATTEMPTS = 6


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Servers whose mailboxes two installations work."""
    world = World(mailboxes=24, requests=16, responses=2, servers=len(BEHAVIORS), seed=21)
    yield from site_of(BehavingExchange(tmp_path_factory.mktemp("shared"), world, BEHAVIORS))


def to_the_end(worker: Worker) -> Outcome | None:
    """Attempts until one has an outcome; None where none has."""
    for _ in range(_ATTEMPTS):
        try:
            return worker.run()
        except ExchangeError:
            worker.meanwhile = {}
    return None


@pytest.mark.parametrize("number", range(len(BEHAVIORS)))
def test_whenever_the_other_one_answers_the_request_it_is_answered_once(shared: Site, number: int) -> None:
    box = shared.take(number, fits=lambda box: len(requests_in(box)) >= len(STRAIGHT_PATH))
    for point, request in enumerate(requests_in(box)[: len(STRAIGHT_PATH)], start=1):
        one, other = (Worker(shared, box, request, number, settle_s=3600) for _ in range(2))
        one.meanwhile = {point: lambda other=other: to_the_end(other)}  # type: ignore[misc]
        to_the_end(one)
        to_the_end(other)
        assert shared.sent(box, request)[1] == 1, STRAIGHT_PATH[point - 1]
    assert unsent_answers(box) == []


def test_two_that_have_looked_at_the_same_moment_give_one_command(shared: Site) -> None:
    box, (one, other) = two_at_work(shared)
    one.meanwhile = {after("intend accept"): lambda: other.dies(after("GET accept"))}
    with pytest.raises(Unsettled, match="another installation"):
        one.run()
    one.meanwhile = {}
    assert shared.sent(box, one.request) == (1, 0)
    assert to_the_end(other) == Outcome("answered")
    assert to_the_end(one) == Outcome("answered")
    assert shared.sent(box, one.request) == (1, 1)


def test_what_the_other_one_has_begun_is_left_to_it_until_it_has_settled(shared: Site) -> None:
    box, (one, other) = two_at_work(shared, settle_s=3600)
    one.dies(after("PROPPATCH request"))
    with pytest.raises(Unsettled):
        other.run()
    assert shared.sent(box, one.request) == (0, 0)


def test_whose_command_was_taken_over_waits_for_what_comes_of_that(shared: Site) -> None:
    box, (one, other) = two_at_work(shared)
    one.dies(after("PROPPATCH request"))
    other.dies(after("PROPPATCH request"))
    (marked,) = [message for message in requests_in(box) if message.ref.key == one.request.ref.key]
    first = marked.intent
    assert to_the_end(other) == Outcome("answered")
    assert to_the_end(one) == Outcome("answered")
    assert first is not None
    assert first.token
    assert shared.sent(box, one.request) == (1, 1)


def test_an_answer_that_goes_by_another_name_is_left_to_whoever_has_begun_it(shared: Site) -> None:
    box, (one, _) = two_at_work(shared)
    one.dies(after("PROPPATCH request"))
    there = box.refresh(one.request)
    assert there is not None
    box.mark(there, Intent.now("0" * 32, Verdict.DECLINE, (), "theirs"))
    with pytest.raises(Unknown, match="another installation"):
        one.run()
    assert shared.sent(box, one.request) == (0, 0)


def two_at_work(site: Site, settle_s: float = 0) -> tuple[WebDavMailbox, tuple[Worker, Worker]]:
    box = site.take(0, fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    return box, (Worker(site, box, request, 0, settle_s), Worker(site, box, request, 0, settle_s))


# -- a person at a draft -------------------------------------------------------------------------------------------


def edit_the_draft(site: Site, box: WebDavMailbox) -> None:
    """A person opens the draft in Outlook Web Access, writes a line, and saves it."""
    (draft,) = unsent_answers(box)
    body = wire.proppatch({wire.SUBJECT: "Accepted, and I shall be late"})
    site.server().send("PROPPATCH", href_of(draft), headers={"Content-Type": "text/xml"}, body=body, effect=True)


@pytest.mark.parametrize("event", ["SEARCH drafts", "PROPFIND request"])
def test_a_draft_that_a_person_has_saved_since_it_was_found_is_not_sent(site: Site, event: str) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    worker = Worker(site, box, requests_in(box)[0])
    found = after("GET accept") + (1 if event == "SEARCH drafts" else 2)
    worker.meanwhile = {found: lambda: edit_the_draft(site, box)}
    with pytest.raises(Changed):
        worker.run()
    worker.meanwhile = {}
    with pytest.raises(Unknown, match="somebody has changed the draft"):
        worker.run()
    assert site.sent(box, worker.request) == (1, 0)
    assert [draft.subject for draft in unsent_answers(box)] == ["Accepted, and I shall be late"]


def test_a_draft_that_a_person_has_saved_before_it_was_found_is_not_sent(site: Site) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    worker = Worker(site, box, requests_in(box)[0])
    worker.dies(after("GET accept"))
    site.exchange.put_clock_forward(300)
    edit_the_draft(site, box)
    with pytest.raises(Unknown, match="somebody has changed the draft"):
        worker.run()
    assert site.sent(box, worker.request) == (1, 0)
