"""What the status says about lanes in every state."""

import json

import pytest
from redis import Redis

from rsvpq.lanes import Item, Lanes
from rsvpq.lanes.status import ServerStatus, Status, read_status
from rsvpq.limits import Limits, Rate
from rsvpq.messages import Mailbox
from rsvpq.queue import scan_item
from tests.integration.turned_lanes import offer


@pytest.fixture
def now(redis: Redis) -> Lanes:
    """Lanes on Redis' own clock, which the status goes by; one item at a time for each mailbox."""
    lanes = Lanes(redis, "test")
    lanes.configure(
        servers={"mail1": Limits(Rate(1000), 1000, 10), "mail2": Limits(Rate(1000), 1000, 10)},
        mailbox=Limits(Rate(1000), 1000, 1),
        pools={"scan": 10, "answer": 10},
        release_lease_s=60,
        run_lease_s=180,
        attempts=1,
    )
    adele, bruno, carla = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1"), Mailbox("carla", "mail2")
    lanes.offer_scans((mailbox, scan_item(mailbox, "first")) for mailbox in (adele, bruno, carla))
    for release in lanes.release():
        lanes.start(release.id, release.generation, "worker")
        lanes.finish(release.id, release.generation, "worker", "done", label="done:scanned", counts={"scan:found": 2})
    return lanes


def test_idle_lanes_know_their_servers_mailboxes_and_counts(now: Lanes) -> None:
    status = read_status(now)
    assert status.servers == {"mail1": ServerStatus(mailboxes=2), "mail2": ServerStatus(mailboxes=1)}
    assert (status.unfinished, status.later, status.dead, status.paused) == (0, 0, 0, "")
    assert status.counts == {"done:scanned": 3, "scan:found": 6}


def test_pending_and_released_items_are_counted_where_they_are(now: Lanes) -> None:
    offer(now, "a1", "a2", "a3", mailbox="adele")
    offer(now, "c1", mailbox="carla", server="mail2")
    now.release()
    status = read_status(now)
    assert (status.servers["mail1"].pending, status.servers["mail1"].in_flight) == (2, 1)
    assert (status.servers["mail2"].pending, status.servers["mail2"].in_flight) == (0, 1)
    assert status.unfinished == 4


@pytest.mark.parametrize(("how", "later", "dead"), [("throttled", 1, 0), ("dead", 0, 1), ("later", 0, 1)])
def test_items_that_wait_and_items_that_died_are_counted(now: Lanes, how: str, later: int, dead: int) -> None:
    offer(now, "a1", mailbox="adele")
    (release,) = now.release()
    now.start("a1", release.generation, "worker")
    now.finish("a1", release.generation, "worker", how, label=how, delay_s=60)  # type: ignore[arg-type]
    status = read_status(now)
    assert (status.later, status.dead, status.unfinished) == (later, dead, later)


def test_pauses_are_shown_where_they_are(now: Lanes) -> None:
    now.pause("all", reason="everything stops")
    now.pause("server", "mail1", reason="maintenance")
    now.pause("mailbox", "carla", reason="on leave")
    offer(now, "c1", mailbox="carla", server="mail2")
    status = read_status(now)
    assert status.paused == "everything stops"
    assert (status.servers["mail1"].paused, status.servers["mail2"].paused) == ("maintenance", "")
    assert status.servers["mail2"].waiting == 1


def test_a_held_server_says_for_how_long_yet(now: Lanes) -> None:
    now.hold("server", "mail1", 100)
    servers = read_status(now).servers
    assert 90 < servers["mail1"].held_s <= 100
    assert servers["mail2"].held_s == 0


def test_a_held_mailbox_waits(now: Lanes) -> None:
    now.hold("mailbox", "adele", 100)
    offer(now, "a1", mailbox="adele")
    assert read_status(now).servers["mail1"].waiting == 1


def test_the_status_of_many_mailboxes_adds_up(now: Lanes) -> None:
    mailboxes = [Mailbox(f"mailbox-{number}", f"mail{1 + number % 2}") for number in range(2500)]
    now.offer_scans((mailbox, scan_item(mailbox, "second")) for mailbox in mailboxes)
    status = read_status(now)
    assert [status.servers[name].mailboxes for name in ("mail1", "mail2")] == [1252, 1251]
    assert status.unfinished == 2500


def test_an_empty_redis_has_an_empty_status(redis: Redis) -> None:
    assert read_status(Lanes(redis, "nobody")) == Status()


def test_the_status_is_ready_for_json(now: Lanes) -> None:
    told = json.loads(json.dumps(read_status(now).to_dict()))
    assert told["servers"]["mail1"]["mailboxes"] == 2
    assert told["counts"]["done:scanned"] == 3


def test_dead_items_are_listed_with_their_reason_the_newest_first(now: Lanes) -> None:
    for name in ("first", "second"):
        now.offer(Mailbox("adele", "mail1"), [Item(name, "workers.answer_request", "answer", {"subject": name})])
        (release,) = now.release()
        now.start(name, release.generation, "worker")
        now.record(name, release.generation, "worker", {"accept": []}, intent=True)
        now.finish(name, release.generation, "worker", "dead", label="dead:refused", reason=f"no {name}")
    assert [(dead.id, dead.reason, dead.journal) for dead in now.dead(5)] == [
        ("second", "no second", {"accept": []}),
        ("first", "no first", {"accept": []}),
    ]
    assert [dead.id for dead in now.dead(1)] == ["second"]
