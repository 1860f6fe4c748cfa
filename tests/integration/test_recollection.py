"""What a meeting was answered with is in the ledger, and where that has forgotten, in the mailbox."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from typing import Any, Literal

import pytest
from celery.exceptions import Retry
from redis import Redis

from rsvpq.lanes import Ending, Item, Lanes, Memory, Release, Start, StartResult
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.editions import TAKEN_AWAY, MeetingKey, Settled, Version, organizer_of
from rsvpq.mail.errors import Unsettled
from rsvpq.mail.messages import ItemRef, Mailbox, MeetingMessage
from rsvpq.mail.ports import Clear
from rsvpq.policy import Action, Decision, Facts, Reason, decide
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Attached, Journal, LeaseLost, Outcome
from rsvpq.tasks.recollection import Recollection, without_item
from rsvpq.tasks.runner import Attempt, Carrier
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.simulated_exchange import World
from tests.integration.test_answer import after
from tests.support.calendar_writer import Diary, event
from tests.support.crashing_worker import Died, Worker
from tests.support.exchange_site import (
    BehavingExchange,
    Site,
    always,
    box_name,
    inbox,
    lenient,
    requests_in,
    sent_in,
    site_of,
)
from tests.support.lane_client import ClockedLanes
from tests.support.policy_values import message
from tests.support.work import work_on
from workers.unsent import send_unsent

DECLINED = Decision(Action.DECLINE, Reason.RULE)
ADELE = Mailbox("adele", "mail1")
YEARS = timedelta(days=36_500)


@pytest.fixture
def lanes(redis: Redis) -> ClockedLanes:
    """Lanes without limits that matter, on a clock that stands still."""
    return ClockedLanes(redis)


def offered(lanes: Lanes, *topics: str) -> tuple[Release, ...]:
    """One item for each of the topics, released."""
    items = [Item(f"item-{number}", "answer", "mail", {}, topic=topic) for number, topic in enumerate(topics)]
    return lanes.ledger.offer(contract.lane_of(ADELE), items, release=len(items)).released


def started(lanes: Lanes, release: Release) -> Start:
    """The item, running."""
    return lanes.ledger.start(release.id, release.generation, release.id)


def settles(lanes: Lanes, release: Release, text: str, before: str = "") -> str:
    """What comes of intending the command that settles the topic, in a mailbox that was asked before."""
    lanes.topics.remember("adele", {}, 60)
    return intends(lanes, release, text, before)


def intends(lanes: Lanes, release: Release, text: str, before: str = "") -> str:
    """The same in whatever mailbox."""
    memory = Memory(text, before, 60)
    return lanes.ledger.record(release.id, release.generation, release.id, {"accept": {}}, intent=True, memory=memory)


def finished(lanes: Lanes, release: Release) -> None:
    """The end of an item of which nothing came."""
    lanes.ledger.finish(release.id, release.generation, release.id, Ending("done", label="done:gone", undone=True))


def test_what_settles_a_topic_is_known_to_whoever_comes_next(lanes: ClockedLanes) -> None:
    first, second, other = offered(lanes, "budget", "budget", "lunch")
    assert started(lanes, first).memory == ""
    assert settles(lanes, first, '["declined"]') == "ok"
    assert started(lanes, second).memory == '["declined"]'
    assert started(lanes, other).memory == ""


def test_of_two_that_were_started_together_one_settles_the_topic(lanes: ClockedLanes) -> None:
    first, second = offered(lanes, "budget", "budget")
    started(lanes, first)
    started(lanes, second)
    assert settles(lanes, first, '["declined"]') == "ok"
    assert settles(lanes, second, '["declined, too"]') == "taken"
    assert lanes.topics.recall("adele", "budget")[0] == '["declined"]'
    assert started(lanes, second).result is StartResult.RUN


def test_a_redis_that_was_started_meanwhile_may_have_forgotten_who_has_begun(lanes: ClockedLanes) -> None:
    first, second = offered(lanes, "budget", "budget")
    for release in (first, second):
        started(lanes, release)
    assert settles(lanes, first, "declined") == "ok"
    lanes.namespace.redis.delete(f"{lanes.namespace.prefix}:topic:adele:budget")  # the last that it was told
    lanes.namespace.redis.script_flush()
    assert intends(lanes, second, "declined, too") == "taken"
    lanes.topics.remember("adele", {"budget": '["declined"]'}, 60)
    assert intends(lanes, second, "declined, too") == "taken"
    assert started(lanes, second).memory == '["declined"]'


def test_its_own_intent_is_none_of_another(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    assert settles(lanes, first, "declined") == "ok"
    lanes.namespace.redis.script_flush()
    assert intends(lanes, first, "declined") == "ok"


def test_the_same_intent_may_be_written_twice(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    assert [settles(lanes, first, '["declined"]') for _ in range(2)] == ["ok", "ok"]


def test_of_what_nothing_came_only_the_edition_is_remembered(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    begun = Settled("item-0", "accept", Version(1, None), datetime(2026, 3, 2, 9, tzinfo=UTC))
    settles(lanes, first, begun.to_text())
    finished(lanes, first)
    assert Settled.parse(lanes.topics.recall("adele", "budget")[0]) == replace(begun, how=TAKEN_AWAY)
    assert 0 < lanes.namespace.redis.ttl(f"{lanes.namespace.prefix}:topic:adele:budget") <= 60


def test_what_another_has_settled_since_is_not_forgotten(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    settles(lanes, first, Settled("item-0", "accept", Version(0)).to_text())
    newer = Settled("item-1", "decline", Version(1)).to_text()
    lanes.topics.remember("adele", {"budget": newer}, 60)
    finished(lanes, first)
    assert lanes.topics.recall("adele", "budget")[0] == newer


def test_a_topic_is_remembered_for_a_time(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    settles(lanes, first, '["declined"]')
    assert 0 < lanes.namespace.redis.ttl(f"{lanes.namespace.prefix}:topic:adele:budget") <= 60


def test_an_empty_ledger_vouches_for_nothing(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    assert not started(lanes, first).vouched_s


def test_of_what_settles_nothing_nothing_can_be_forgotten(lanes: ClockedLanes) -> None:
    """A response has no topic, so no mailbox is read for its sake."""
    (response,) = offered(lanes, "")
    assert started(lanes, response).vouched_s == inf


def test_it_vouches_once_the_mailbox_was_asked_and_until_redis_is_started_anew(lanes: ClockedLanes) -> None:
    first, second, third = offered(lanes, "budget", "budget", "lunch")
    lanes.topics.remember("adele", {"budget": '["accepted"]'}, 60)
    found = started(lanes, first)
    assert (found.memory, found.vouched_s) == ('["accepted"]', 60)
    assert started(lanes, second).vouched_s
    lanes.namespace.redis.script_flush()  # as a Redis that was started anew knows no script
    assert not started(lanes, third).vouched_s


def test_each_installation_on_one_redis_learns_that_it_was_started_anew(redis: Redis) -> None:
    both = [Lanes(redis, namespace) for namespace in ("one", "two")]
    for lanes in both:
        lanes.ledger.start("nothing", 1, "nobody")
        lanes.topics.remember("adele", {}, 60)
    assert [lanes.topics.recall("adele", "budget") for lanes in both] == [("", 60)] * 2
    redis.script_flush()
    for lanes in both:
        lanes.ledger.start("nothing", 1, "nobody")
    assert [lanes.topics.recall("adele", "budget") for lanes in both] == [("", 0)] * 2


def test_what_is_known_already_is_not_overwritten_by_what_a_mailbox_tells(lanes: ClockedLanes) -> None:
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    settles(lanes, first, '["declined"]')
    lanes.topics.remember("adele", {"budget": '["accepted"]'}, 60)
    assert lanes.topics.recall("adele", "budget") == ('["declined"]', 60)


def test_an_older_edition_gives_way_to_what_a_mailbox_tells(lanes: ClockedLanes) -> None:
    old, new = (Settled(f"item-{number}", "decline", Version(number)).to_text() for number in (1, 2))
    (first,) = offered(lanes, "budget")
    started(lanes, first)
    settles(lanes, first, old)
    lanes.topics.remember("adele", {"budget": new}, 60)
    assert lanes.topics.recall("adele", "budget") == (new, 60)
    lanes.topics.remember("adele", {"budget": old}, 60)
    assert lanes.topics.recall("adele", "budget") == (new, 60)


def test_many_topics_are_remembered_before_the_ledger_vouches(lanes: ClockedLanes) -> None:
    lanes.topics.remember("adele", {f"topic-{number}": str(number) for number in range(1201)}, 60)
    assert lanes.topics.recall("adele", "topic-1200") == ("1200", 60)


# -- Sent Items ----------------------------------------------------------------------------------------------------


def journal(steps: dict[str, Any] | None = None) -> Journal:
    kept: dict[str, Any] = {} if steps is None else steps

    def record(written: Mapping[str, Any], _intent: bool, _attached: Attached | None) -> Literal["ok"]:
        kept.update(written)
        return "ok"

    return Journal(kept, record)


def answered(site: Site) -> tuple[WebDavMailbox, MeetingMessage]:
    """A mailbox in which one request was answered, and that request."""
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    assert Worker(site, box, request).run().result == "answered"
    return box, request


def test_sent_items_tell_what_was_answered_with_what(site: Site, lanes: ClockedLanes) -> None:
    box, request = answered(site)
    found = Recollection(lanes, YEARS).in_mailbox(box, journal())
    assert found == {
        MeetingKey.of(request).topic: Settled(
            "", "accept", Version(request.sequence), request.start, request.end, organizer_of(request)
        )
    }
    assert next(iter(found.values())).covering(request)


def test_the_mailbox_is_asked_once_for_all_of_its_items(site: Site, lanes: ClockedLanes) -> None:
    box, request = answered(site)
    topic = MeetingKey.of(request).topic
    recollection, mailbox = Recollection(lanes, YEARS), Mailbox(box_name(box), "mail1")
    items = [Item(f"item-{number}", "answer", "mail", {}, topic=topic) for number in range(2)]
    first, second = lanes.ledger.offer(contract.lane_of(mailbox), items, release=2).released
    asked: list[dict[str, Any]] = [{}, {}]
    with pytest.raises(Unsettled, match="the mailbox was read for earlier answers"):
        recollection.at_start(started(lanes, first), box, journal(asked[0]))
    assert recollection.at_start(started(lanes, second), box, journal(asked[1])) != ""
    assert recollection.at_start(started(lanes, first), box, journal(asked[0])) != ""
    assert [list(steps) for steps in asked] == [["search"], []]


def test_an_answer_of_long_ago_is_not_looked_for(site: Site, lanes: ClockedLanes) -> None:
    box, _ = answered(site)
    assert Recollection(lanes, timedelta(days=-3)).in_mailbox(box, journal()) == {}


def test_who_acts_on_older_messages_has_the_mailbox_read_as_far_back(site: Site, lanes: ClockedLanes) -> None:
    box, request = answered(site)
    topic = MeetingKey.of(request).topic
    short, long = Recollection(lanes, timedelta(days=14)), Recollection(lanes, timedelta(days=365))
    releases = offered(lanes, topic, topic, topic, topic)
    with pytest.raises(Unsettled):
        short.at_start(started(lanes, releases[0]), box, journal())
    assert short.at_start(started(lanes, releases[1]), box, journal()) != ""
    assert days_kept(lanes, topic) == 16
    _, vouched_s = lanes.topics.recall("adele", topic)
    assert (short.vouched(vouched_s), long.vouched(vouched_s)) == (True, False)
    with pytest.raises(Unsettled):
        long.at_start(started(lanes, releases[2]), box, journal())
    assert days_kept(lanes, topic) == 367
    for recollection in (long, short):
        assert recollection.at_start(started(lanes, releases[3]), box, journal()) != ""


def test_a_process_with_a_shorter_memory_forgets_nothing_for_the_others(lanes: ClockedLanes) -> None:
    (release,) = offered(lanes, "budget")
    started(lanes, release)
    lanes.topics.remember("adele", {}, timedelta(days=367).total_seconds())
    assert intends(lanes, release, "declined") == "ok"  # for a minute
    assert days_kept(lanes, "budget") == 367


def days_kept(lanes: Lanes, topic: str) -> int:
    """For how long a topic of adele's is remembered yet."""
    return round(int(lanes.namespace.redis.ttl(f"{lanes.namespace.prefix}:topic:adele:{topic}")) / 86_400)


def test_what_redis_remembers_from_before_its_last_second_is_not_the_last_word(site: Site, lanes: ClockedLanes) -> None:
    box, request = answered(site)
    topic, before = MeetingKey.of(request).topic, (request.sequence or 0) - 1
    first, second = offered(lanes, topic, topic)
    started(lanes, first)
    settles(lanes, first, Settled("item-0", "decline", Version(before)).to_text())
    lanes.namespace.redis.script_flush()  # as a Redis that was started anew knows no script
    recollection = Recollection(lanes, YEARS)
    with pytest.raises(Unsettled):
        recollection.at_start(started(lanes, second), box, journal())
    text = recollection.at_start(started(lanes, second), box, journal())
    settled = without_item(Settled.parse(text), second.id)
    assert settled is not None
    assert settled.covering(request)
    assert lanes.topics.recall("adele", topic)[0] == text


# -- What was only begun -------------------------------------------------------------------------------------------


#: More than happens to a worker until the answer is sent.
MOST_EVENTS = 20
KEEPERS: list[dict[str, object]] = [
    {"request_fate": "deleted-items"},
    {"request_fate": "left", "request_marks": "processed"},
    {"request_fate": "left", "request_marks": "nothing"},
    {"request_fate": "deleted-items", "draft_delay_requests": 1000},
]


@pytest.fixture(scope="module")
def keepers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Servers that keep what was answered; the last one writes no draft for as long as anybody looks."""
    sizes = World(mailboxes=44, requests=25, responses=2, servers=len(KEEPERS), seed=15)
    yield from site_of(BehavingExchange(tmp_path_factory.mktemp("keepers"), sizes, KEEPERS))


@pytest.mark.parametrize("number", range(len(KEEPERS)), ids=lambda number: " ".join(map(str, KEEPERS[number].values())))
def test_from_the_command_on_the_mailbox_itself_tells_that_it_was_given(
    keepers: Site, lanes: ClockedLanes, number: int
) -> None:
    """Wherever the worker dies, and the ledger with it: an older edition, or a copy, must not be answered then."""
    box = keepers.take(number, fits=lambda box: len(requests_in(box)) >= MOST_EVENTS)
    given = 0
    for death, request in enumerate(requests_in(box)[:MOST_EVENTS], start=1):
        worker = Worker(keepers, box, request, number, settle_s=60)
        with suppress(Died, Unsettled):
            worker.run(die_after=death)
        found = Recollection(lanes, YEARS).in_mailbox(box, journal()).get(MeetingKey.of(request).topic)
        if keepers.sent(box, request)[0]:
            given += 1
            assert found is not None, f"forgotten after {death} events"
            assert found.covering(request)
    assert 3 <= given < MOST_EVENTS


def test_a_marked_draft_tells_where_the_server_removes_what_was_answered(site: Site, lanes: ClockedLanes) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    request = requests_in(box)[0]
    worker = Worker(site, box, request)
    worker.lost_at = "send"
    with pytest.raises(LeaseLost):
        worker.run()
    found = Recollection(lanes, YEARS).in_mailbox(box, journal())[MeetingKey.of(request).topic]
    assert (found.item, found.how) == (request.ref.key, "accept")
    assert found.covering(request)


def test_an_item_is_not_hindered_by_what_it_settled_itself() -> None:
    settled = Settled("item-1", "decline", Version(1))
    assert without_item(settled, "item-1") is None
    assert without_item(settled, "item-2") is not None
    assert without_item(None, "item-2") is None


def test_what_another_organizer_says_about_the_same_uid_has_nothing_forgotten(lanes: ClockedLanes) -> None:
    """Else a copy of what was answered already would be answered once more."""
    real, strange = message(), message(ref=ItemRef("rid:2"), organizer="mallory@evil.example", sequence=9)
    copy, older = message(ref=ItemRef("rid:3")), message(ref=ItemRef("rid:4"), sequence=0)
    recollection = Recollection(lanes, YEARS)
    releases = offered(lanes, *(MeetingKey.of(one).topic for one in (real, strange, copy)))
    for release, one in zip(releases, (real, strange), strict=False):
        memory = recollection.of_decision(release.id, one, DECLINED, started(lanes, release).memory)
        assert memory is not None
        assert settles(lanes, release, memory.text, memory.before) == "ok"
    known = Settled.parse(started(lanes, releases[2]).memory)
    for item, covered in (("item-2", [copy, older, strange]), ("item-1", [copy, older]), ("item-0", [strange])):
        found = without_item(known, item)
        assert found is not None
        assert [one for one in (copy, older, strange) if found.covering(one)] == covered
    reason = decide(lenient(), copy, Facts("adele", settled=known), datetime.now(UTC)).reason
    assert reason == "already-answered"


def test_of_one_uid_so_many_organizers_are_remembered_and_no_more(lanes: ClockedLanes) -> None:
    before = ""
    for number in range(100):
        memory = Recollection(lanes, YEARS).of_decision(
            f"item-{number}", message(organizer=f"{number}@evil.example"), DECLINED, before
        )
        assert memory is not None
        before = memory.text
    assert len(before) < 2000


def test_a_mailbox_tells_of_each_organizer_what_was_answered(site: Site, lanes: ClockedLanes) -> None:
    box = site.take(fits=lambda box: bool(requests_in(box)))
    before = {one.ref.key for one in inbox(box)}
    for organizer in ("ceo@example.com", "mallory@example.com"):
        Diary(site, box).put(
            event("one-uid", "2030-05-06T09:00", "2030-05-06T10:00", "UTC", f"ORGANIZER:mailto:{organizer}"),
            method="REQUEST",
            sender=organizer,
            name=organizer,
        )
    both = [one for one in inbox(box) if one.ref.key not in before]
    assert len(both) == 2
    for request in both:
        Worker(site, box, request).run()
    found = Recollection(lanes, YEARS).in_mailbox(box, journal())[MeetingKey.of(both[0]).topic]
    assert all(map(found.covering, both))


def unsent(site: Site, *, marked: bool) -> tuple[WebDavMailbox, MeetingMessage, MeetingMessage]:
    """A mailbox with a request and the draft of its answer, of which the ledger has lost all."""
    box = site.take(fits=lambda box: bool(requests_in(box)))
    worker = Worker(site, box, requests_in(box)[0])
    worker.dies(after("PROPPATCH draft") - (not marked))
    (draft,) = unsent_answers(box)
    assert bool(draft.topic) is marked
    return box, worker.request, draft


def sent_by_an_item(lanes: ClockedLanes, box: WebDavMailbox, draft: MeetingMessage) -> str:
    """What comes of the item that sends the draft, and what is remembered of its meeting then."""
    mailbox, item = Mailbox(box_name(box), "mail1"), contract.draft_item("the-draft", draft)
    released: list[Release] = []
    carrier, recollection = Carrier(lanes, released.extend, 1, 1, 60), Recollection(lanes, YEARS)

    def work(attempt: Attempt) -> Outcome:
        memory = recollection.at_start(attempt.start, box, attempt.journal)
        settled = Attached(memory=recollection.of_draft(attempt.start.id, draft, memory))
        unsent = work_on(draft, box, always(), attempt.journal, attempt.start.id)
        return send_unsent(unsent, settled, by_hand=True)

    (first,) = lanes.ledger.offer(contract.lane_of(mailbox), [item], release=1).released
    with pytest.raises(Retry, match="the mailbox was read for earlier answers"):
        carrier.carry(first.id, first.generation, work)
    (second,) = released
    assert carrier.carry(second.id, second.generation, work).startswith("answered")
    return lanes.topics.recall(mailbox.name, item.topic)[0]


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "chosen-by-an-operator"])
def test_what_an_unsent_draft_answered_is_remembered(site: Site, lanes: ClockedLanes, marked: bool) -> None:
    """Another copy of its request, or an older edition, is left alone from then on."""
    box, request, draft = unsent(site, marked=marked)
    settled = without_item(Settled.parse(sent_by_an_item(lanes, box, draft)), "a-copy")
    assert settled is not None
    assert contract.draft_item("the-draft", draft).topic == MeetingKey.of(request).topic
    assert settled.covering(request)


def test_a_draft_of_an_older_edition_does_not_hide_the_newer_one(site: Site, lanes: ClockedLanes) -> None:
    _, _, draft = unsent(site, marked=True)
    recollection = Recollection(lanes, YEARS)
    newer = Settled("item-1", "decline", Version((draft.sequence or 0) + 1)).to_text()
    assert recollection.of_draft("the-draft", draft, newer) is None
    gone = Settled("the-draft", TAKEN_AWAY, Version(draft.sequence)).to_text()
    assert recollection.of_draft("the-draft", draft, gone) is not None
    own = Settled("the-draft", "accept", Version(draft.sequence)).to_text()
    assert recollection.of_draft("the-draft", draft, own) is None


# -- What others do meanwhile --------------------------------------------------------------------------------------


#: Requests in which a range of a hundred rows is cut down to two, and one page is read.
ANSWERS_OF_ONE_PAGE = 7
#: Requests to the server in which a mailbox of little is looked through, and some more.
LOOKS = range(1, 9)


@pytest.mark.parametrize("looks", LOOKS)
def test_an_answer_that_is_sent_while_the_mailbox_is_read_does_not_slip_past(
    keepers: Site, lanes: ClockedLanes, looks: int
) -> None:
    """It moves from Drafts to Sent Items, and its request shows as finished from then on."""
    box = keepers.take(0, fits=lambda box: bool(requests_in(box)))
    worker = Worker(keepers, box, requests_in(box)[0])
    worker.lost_at = "send"
    with pytest.raises(LeaseLost):
        worker.run()
    worker.lost_at = ""
    seen = watched(keepers, box, {looks: worker.run})
    assert MeetingKey.of(worker.request).topic in Recollection(lanes, YEARS).in_mailbox(seen, journal())


def watched(
    site: Site, box: WebDavMailbox, meanwhile: dict[int, Callable[[], object]], number: int = 0
) -> WebDavMailbox:
    """The mailbox, in which others do something after so many of our requests."""
    server, asked = site.server(number), count(1)

    def answered(_method: str, _path: str) -> None:
        meanwhile.get(next(asked), lambda: None)()

    server.after = answered
    return WebDavMailbox(server, box_name(box), box.folders)


@pytest.fixture(scope="module")
def small_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Servers that show two rows at a time; the second one fails the second row of every answer."""
    sizes = World(mailboxes=8, requests=12, responses=2, servers=2, seed=16)
    pages = {"large_range": "507", "large_range_rows": 2}
    yield from site_of(BehavingExchange(tmp_path_factory.mktemp("small"), sizes, [pages, {"row_error": "500"}]))


def test_no_answer_slips_past_where_rows_shift_between_two_pages(small_pages: Site, lanes: ClockedLanes) -> None:
    box = small_pages.take(fits=lambda box: len(requests_in(box)) > 5)
    wanted = requests_in(box)[:6]
    for request in wanted:
        assert Worker(small_pages, box, request).run().result == "answered"
    newest = next(sent_in(box))

    asked = count(1)

    def somebody_deletes(_method: str, path: str) -> None:
        if path == box.folders.sentitems and next(asked) == ANSWERS_OF_ONE_PAGE:
            box.clear(newest, Clear.DELETE)

    server = small_pages.server()
    server.after = somebody_deletes
    seen = WebDavMailbox(server, box_name(box), box.folders)
    found = Recollection(lanes, YEARS).in_mailbox(seen, journal())
    assert found.keys() == {MeetingKey.of(request).topic for request in wanted}


def test_rows_that_cannot_be_read_stop_no_mailbox_and_are_counted(small_pages: Site, lanes: ClockedLanes) -> None:
    box = small_pages.take(1, fits=lambda box: len(requests_in(box)) > 2)
    mailbox = Mailbox(box_name(box), "mail1")
    (release,) = lanes.ledger.offer(
        contract.lane_of(mailbox), [Item("item", "answer", "mail", {}, topic="any")], release=1
    ).released
    recollection = Recollection(lanes, YEARS)
    with pytest.raises(Unsettled):
        recollection.at_start(started(lanes, release), box, journal())
    assert recollection.at_start(started(lanes, release), box, journal()) == ""
    assert lanes.snapshot.counts()["recollected:unreadable"] > 0
