"""The scripts as such: what each file says of itself, and single promises that are told best by one example."""

import re
from importlib import resources
from importlib.resources.abc import Traversable

import pytest
from redis import Redis

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Ending, Item, Lane, Lanes, OperatorAction, Scope, StartResult
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.lanes.scripts import SCRIPTS, SHARED
from tests.support.lane_client import ClockedLanes

ADELE = Lane("adele", "mail1")
STOPS: list[tuple[Scope, str]] = [("all", ""), ("mailbox", "adele"), ("server", "mail1")]
NAMES = (
    "adele.vance@example.com",
    "two words",
    'it\'s "quoted"',
    "a:b::c",
    "Zoë Łukasz 田中",
    "{braced} \\ % * ? [x]",
)


def source(script: str) -> str:
    """The script as it is shipped."""
    return resources.files("rsvpq.lanes").joinpath(f"{script}.lua").read_text(encoding="utf-8")


def header(script: str) -> str:
    """The comment a script opens with."""
    lines = source(script).splitlines()
    return "\n".join(lines[: next(number for number, line in enumerate(lines) if not line.startswith("--"))])


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_calls_nothing_by_a_name_that_all_of_them_share(script: str) -> None:
    """All lines below a local function of that name would call it, and Lua says nothing."""
    function = re.compile(r"^local function (\w+)", re.MULTILINE)
    shared = [name for part in SHARED for name in function.findall(source(f"shared/{part}"))]
    assert len(shared) > 20
    assert len(shared) == len(set(shared))
    assert not set(shared) & set(function.findall(source(script)))


@pytest.fixture
def lanes(redis: Redis) -> ClockedLanes:
    """Lanes without limits that matter, on a clock that stands still."""
    return ClockedLanes(redis)


def test_the_package_ships_these_scripts_and_no_others() -> None:
    folder = resources.files("rsvpq.lanes")
    assert _lua(folder) == {f"{script}.lua" for script in SCRIPTS}
    assert _lua(folder.joinpath("shared")) == {f"{part}.lua" for part in SHARED}


def _lua(folder: Traversable) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.name.endswith(".lua")}


@pytest.mark.parametrize("script", [*SCRIPTS, *(f"shared/{part}" for part in SHARED)])
def test_the_header_has_one_form(script: str) -> None:
    """The purpose, the keys, the arguments, what is returned and, for a script, what a replay does."""
    labels = re.findall(r"^-- (KEYS|ARGV|Returns|Replay)\S*\s+\S", header(script), re.MULTILINE)
    expected = ["KEYS", "ARGV", "Returns"] if script.startswith("shared/") else ["KEYS", "ARGV", "Returns", "Replay"]

    assert re.match(r"-- [A-Z].*\n(-- \S.*\n)*--\n-- KEYS", header(script)), f"{script}.lua does not say its purpose"
    assert list(dict.fromkeys(labels)) == expected


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_header_names_every_argument_that_is_read(script: str) -> None:
    read = set(re.findall(r"ARGV\[(\d+)\]", source(script).removeprefix(header(script))))
    named = re.findall(r"^-- ARGV\[(\d+)\+?\]", header(script), re.MULTILINE)

    assert read <= set(named)
    assert named == [str(number) for number in range(1, len(named) + 1)]


@pytest.mark.parametrize("part", SHARED)
def test_a_shared_header_names_what_the_file_defines(part: str) -> None:
    local = re.compile(r"^local function (\w+)", re.MULTILINE)
    body = source(f"shared/{part}").removeprefix(header(f"shared/{part}"))
    # Helpers of one file alone need no mention.
    others = "".join(source(name) for name in (*SCRIPTS, *(f"shared/{other}" for other in SHARED if other != part)))
    used = {name for name in local.findall(body) if re.search(rf"\b{name}\(", others)}

    assert {name for name in used if f"{name}()" not in header(f"shared/{part}")} == set()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_reaches_keys_only_through_the_namespace(script: str) -> None:
    """What Redis is asked for by name is built from KEYS[1], so that all of it lives in one slot."""
    assert not re.search(r"redis\.call\('\w+', '", source(script))


def test_scripts_that_the_server_forgot_are_loaded_again(redis: Redis, lanes: ClockedLanes) -> None:
    def forget() -> None:
        redis.script_flush()

    forget()
    lanes.ledger.offer_scans([(ADELE, Item("scan", "scan", "mail", {}))])
    forget()
    lanes.fill(ADELE, 1)
    forget()
    scan, message = lanes.ledger.release()
    forget()
    lanes.ledger.start(scan.id, scan.generation, "one")
    forget()
    assert lanes.ledger.record(scan.id, scan.generation, "one", {}, intent=True) == "ok"
    forget()
    assert lanes.ledger.finish(scan.id, scan.generation, "one", Ending("done", label="done")).state == "done"
    forget()
    lanes.controls.pause("all", reason="a test")
    forget()
    assert lanes.ledger.sweep() == (0, 0)
    assert lanes.ledger.start(message.id, message.generation, "two").result is StartResult.HELD


@pytest.mark.parametrize(("scope", "name"), STOPS)
def test_a_pause_stops_release_at_once(lanes: ClockedLanes, scope: Scope, name: str) -> None:
    lanes.fill(ADELE, 3)
    lanes.controls.pause(scope, name, reason="a test")
    assert lanes.ledger.release() == ()
    assert lanes.ledger.offer(ADELE, [Item("one more", "answer", "mail", {})], release=10).released == ()
    lanes.controls.resume(scope, name)
    assert len(lanes.ledger.release()) == 4


@pytest.mark.parametrize(("scope", "name"), STOPS)
def test_a_pause_sends_deliveries_back_to_the_head_of_their_lane(lanes: ClockedLanes, scope: Scope, name: str) -> None:
    [first] = lanes.fill(ADELE, 3, release=1)
    lanes.controls.pause(scope, name, reason="a test")
    assert lanes.ledger.start(first.id, first.generation, "one").result is StartResult.HELD
    lanes.controls.resume(scope, name)
    assert [release.id for release in lanes.ledger.release(1)] == [first.id]


@pytest.mark.parametrize(("scope", "name"), STOPS)
def test_a_pause_stops_the_next_effect_of_a_running_item_but_not_its_journal(
    lanes: ClockedLanes, scope: Scope, name: str
) -> None:
    [release] = lanes.fill(ADELE, 1, release=1)
    lanes.ledger.start(release.id, release.generation, "one")
    lanes.controls.pause(scope, name, reason="a test")
    assert lanes.ledger.record(release.id, release.generation, "one", {"step": 1}, intent=True) == "held"
    assert lanes.ledger.record(release.id, release.generation, "one", {"step": 2}, intent=False) == "ok"
    assert lanes.ledger.finish(release.id, release.generation, "one", Ending("held", label="held")).state == "pending"


def test_an_offer_into_an_idle_lane_is_released_in_the_same_call(lanes: ClockedLanes) -> None:
    offered = lanes.ledger.offer(ADELE, [Item("hello", "answer", "mail", {"href": "/x"})], release=1)
    [release] = offered.released
    assert offered.new == 1
    assert (release.id, release.generation, release.payload) == ("hello", 1, {"href": "/x"})
    assert (release.work, release.mailbox, release.server) == ("answer", "adele", "mail1")


def test_two_thousand_items_can_be_offered_in_one_call(redis: Redis, lanes: ClockedLanes) -> None:
    items = [Item(f"item-{number}", "answer", "mail", {"subject": "x" * 500}) for number in range(2000)]
    assert lanes.ledger.offer(ADELE, items).new == 2000
    assert lanes.ledger.offer(ADELE, items).new == 0
    assert redis.lrange("{rsvpq}:lane:adele", 0, -1) == [item.id for item in items]


@pytest.mark.parametrize("name", NAMES)
def test_names_may_hold_any_character(lanes: ClockedLanes, name: str) -> None:
    """Of a mailbox, its server and its items alike; and a waiting mailbox is found again at its gate."""
    lanes.controls.configure(
        servers={name: Limits(Rate(1000), burst=10, concurrency=1)},
        mailbox=Limits(Rate(1000), burst=10, concurrency=1),
        pools={"mail": 1},
        release_lease_s=60,
        run_lease_s=60,
        attempts=3,
    )
    mailbox = Lane(name, name)
    assert lanes.ledger.offer_scans([(mailbox, Item(f"scan {name}", "scan", "mail", {"of": name}))]) == {
        name: "offered"
    }
    lanes.fill(mailbox, 1)
    for item in (f"scan {name}", f"{name}-mail-0"):
        [release] = lanes.ledger.release()
        assert (release.id, release.mailbox, release.server) == (item, name, name)
        lanes.answer(release)
    lanes.controls.pause("server", name, reason=name)
    assert lanes.fill(mailbox, 2, release=1) == ()


def test_a_done_item_is_remembered_for_its_time_and_then_forgotten(redis: Redis, lanes: ClockedLanes) -> None:
    """Redis' own clock forgets, whatever the lanes take for the time."""
    [release] = lanes.fill(ADELE, 1, release=1)
    key = f"{{rsvpq}}:item:{release.id}"
    lanes.ledger.start(release.id, release.generation, "one")
    before, _ = redis.time()
    lanes.ledger.finish(release.id, release.generation, "one", Ending("done", label="done", remember_s=600))
    assert before + 600 <= redis.expiretime(key) <= redis.time()[0] + 601
    assert lanes.fill(ADELE, 1, release=1) == ()
    assert lanes.ledger.start(release.id, release.generation, "again").result is StartResult.FINAL
    redis.expire(key, 0)  # its time has come
    assert lanes.ledger.start(release.id, release.generation, "again").result is StartResult.UNKNOWN
    assert len(lanes.fill(ADELE, 1, release=1)) == 1


def test_a_dead_item_is_remembered_until_an_operator_decides(redis: Redis, lanes: ClockedLanes) -> None:
    [release] = lanes.fill(ADELE, 1, release=1)
    lanes.ledger.start(release.id, release.generation, "one")
    lanes.ledger.finish(
        release.id, release.generation, "one", Ending("dead", label="dead:gone", reason="gone", remember_s=1)
    )
    assert redis.ttl(f"{{rsvpq}}:item:{release.id}") == -1
    assert [(dead.id, dead.reason) for dead in list(lanes.dead_items.all())] == [(release.id, "gone")]


def test_without_a_clock_of_a_test_redis_own_clock_decides(redis: Redis) -> None:
    ClockedLanes(redis, mailbox=Limits(Rate.parse("1/h"), burst=2, concurrency=10)).fill(ADELE, 3)
    lanes = Lanes(redis)
    for release in lanes.ledger.release():
        lanes.ledger.start(release.id, release.generation, "one")
        lanes.ledger.finish(release.id, release.generation, "one", Ending("done", label="done"))
    now_s, _ = redis.time()
    waits_until_us = lanes.namespace.redis.zscore("{rsvpq}:wait", "adele")
    assert 3590 < waits_until_us / 1e6 - now_s < 3601


def test_an_operators_change_that_is_repeated_undoes_nothing_that_was_done_since(
    lanes: ClockedLanes,
) -> None:
    """As redis-py repeats it when a reply was lost, for half a minute: what happens then would be in no audit."""
    stop, go = OperatorAction("anna", "pause"), OperatorAction("brian", "resume")
    lanes.controls.pause("all", reason="fire", action=stop)
    lanes.controls.resume("all", action=go)
    lanes.controls.pause("all", reason="fire", action=stop)
    assert lanes.snapshot.pause("all") is None
    records = AuditLog(lanes).read(Filter(events=frozenset({"operator"})))
    assert [(record["who"], record["step"]) for record in records] == [("anna", "pause"), ("brian", "resume")]


def test_a_task_is_claimed_once_and_again_only_after_it_has_changed_nothing(lanes: ClockedLanes) -> None:
    assert lanes.tasks.claim("pause", "one")
    assert lanes.tasks.claim("pause", "one")  # the reply was lost, and redis-py repeats the command
    assert not lanes.tasks.claim("pause", "two")
    assert lanes.tasks.claim("resume", "two")
    lanes.tasks.withdraw("pause")
    assert lanes.tasks.claim("pause", "two")
