"""The pause of a group stops every mailbox that the list has in it, also one that joins it later."""

import json
from dataclasses import replace

import pytest
from celery.exceptions import Retry

from rsvpq.lanes import Item, Lane, Lanes, Start, StartResult
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.runner import Attempt, Carrier
from tests.support.installation import Installation, report_processes
from tests.support.lanes_with_clock import Clock, offer
from tests.support.scrape import scrape


def join(lanes: Lanes, group: str, *mailboxes: str) -> None:
    """Offer these mailboxes of the group an item each, named after them."""
    for mailbox in mailboxes:
        offer(lanes, mailbox, mailbox=mailbox)
    lanes.namespace.redis.sadd(lanes.namespace.mailboxes, *mailboxes)  # as if each had been scanned
    lanes.ledger.assign_groups(dict.fromkeys(mailboxes, group))


def released(lanes: Lanes, rounds: int = 1) -> set[str]:
    """What a dispatcher releases in so many rounds."""
    return {release.id for _ in range(rounds) for release in lanes.ledger.release()}


def starts(lanes: Lanes, item: str) -> StartResult:
    """What a worker hears that starts the first generation."""
    return lanes.ledger.start(item, 1, "worker").result


def test_only_the_mailboxes_of_the_group_are_stopped(lanes: Lanes) -> None:
    join(lanes, "sales", "adele", "bruno")
    join(lanes, "legal", "carla")
    offer(lanes, "dora", mailbox="dora")
    lanes.controls.pause("group", "sales", reason="wrong rule")
    assert released(lanes, 3) == {"carla", "dora"}
    assert {name: waits.items for name, waits in lanes.snapshot.status().servers["mail1"].waiting.items()} == {
        "group paused": 2
    }
    lanes.controls.resume("group", "sales")
    assert released(lanes, 3) == {"adele", "bruno"}


def test_what_was_released_before_does_not_start(lanes: Lanes) -> None:
    join(lanes, "sales", "adele")
    assert released(lanes) == {"adele"}
    lanes.controls.pause("group", "sales", reason="wrong rule")
    assert starts(lanes, "adele") is StartResult.HELD
    assert released(lanes) == set()


def test_what_runs_stops_before_its_next_effect_and_loses_no_attempt(lanes: Lanes) -> None:
    join(lanes, "sales", "adele")
    released(lanes)
    assert starts(lanes, "adele") is StartResult.RUN
    lanes.controls.pause("group", "sales", reason="wrong rule")
    assert lanes.ledger.record("adele", 1, "worker", {"accept": {}}, intent=True, step="accept") == "held"


def test_a_mailbox_that_joins_a_paused_group_by_its_next_scan_is_stopped(lanes: Lanes) -> None:
    lanes.controls.pause("group", "sales", reason="wrong rule")
    scan = Item("scan-1", contract.SCAN_MAILBOX, "scan", {"kind": "scan"})
    lanes.ledger.offer_scans([(Lane("adele", "mail1", group="sales"), scan)])
    assert released(lanes) == set()
    lanes.ledger.offer_scans([(Lane("adele", "mail1"), replace(scan, id="scan-2"))])  # it has left the group
    assert released(lanes) == {"scan-1"}


def test_a_mailbox_that_joins_a_paused_group_in_the_list_alone_is_stopped_by_the_worker(lanes: Lanes) -> None:
    """Its item was offered and released under its earlier group; the worker knows the list."""
    lanes.controls.pause("group", "sales", reason="wrong rule")
    offer(lanes, "adele")
    (release,) = lanes.ledger.release()
    done: list[Attempt] = []

    def handle(attempt: Attempt) -> Outcome:
        done.append(attempt)
        return Outcome("answered")

    def admit(start: Start) -> Start:
        return replace(start, payload={**start.payload, "group": "sales"})

    carrier = Carrier(lanes, lambda _: None, 1, 2, remember_s=60, admit=admit)
    with pytest.raises(Retry, match="is in the group sales by now"):
        carrier.carry(release.id, release.generation, handle)
    assert (done, released(lanes)) == ([], set())
    lanes.controls.resume("group", "sales")
    (release,) = lanes.ledger.release()
    carrier.carry(release.id, release.generation, handle)
    assert [(one.start.attempt, one.start.group) for one in done] == [(1, "sales")]  # a pause costs no attempt


def test_it_ends_at_its_time(lanes: Lanes, clock: Clock) -> None:
    join(lanes, "sales and more", "adele")
    lanes.controls.pause("group", "sales and more", reason="backup", for_s=60)
    assert released(lanes) == set()
    clock.turn(60)
    (due,) = lanes.controls.due_pauses()
    assert lanes.controls.end_pause(*due)
    assert released(lanes) == {"adele"}
    assert lanes.controls.groups() == []


def test_hundreds_of_mailboxes_go_on_a_part_at_a_time_and_a_new_pause_keeps_the_rest(lanes: Lanes) -> None:
    names = [f"box{number}" for number in range(500)]
    join(lanes, "sales", *names)
    lanes.controls.pause("group", "sales", reason="wrong rule")
    assert released(lanes, 10) == set()
    assert lanes.namespace.redis.scard("{test}:parked:sales") == 500
    lanes.controls.resume("group", "sales")
    assert len(released(lanes)) == 4  # as many as the pool takes
    lanes.controls.pause("group", "sales", reason="still wrong")
    assert lanes.repair.check_slots() == 0
    assert released(lanes, 10) == set()
    lanes.controls.resume("group", "sales")
    released(lanes, 5)
    places = {lanes.namespace.redis.hget(f"{{test}}:mailbox:{name}", "where") for name in names}
    assert places == {"", "ready:mail1:answer"}  # released, or at the gate


@pytest.mark.parametrize("paused", [True, False])
def test_the_repair_finds_nothing_wrong_with_a_group_that_was_just_paused_or_resumed(
    lanes: Lanes, *, paused: bool
) -> None:
    join(lanes, "sales", "adele")
    lanes.controls.pause("group", "sales", reason="wrong rule")
    if not paused:
        released(lanes)
        lanes.controls.resume("group", "sales")
    assert sum(step.repaired for step in lanes.repair.walk()) == 0
    assert released(lanes) == (set() if paused else {"adele"})


def test_foreign_data_in_place_of_a_groups_record_stops_nobody(lanes: Lanes) -> None:
    lanes.namespace.redis.set("{test}:group:sales", "not ours")
    lanes.namespace.redis.set("{test}:waking", "not ours")
    lanes.namespace.redis.set("{test}:parked:sales", "not ours")
    join(lanes, "sales", "adele")
    assert released(lanes) == {"adele"}
    lanes.controls.pause("group", "sales", reason="wrong rule")
    assert starts(lanes, "adele") is StartResult.HELD
    lanes.controls.resume("group", "sales")
    assert released(lanes) == {"adele"}


# -- the command ---------------------------------------------------------------------------------------------------


def test_a_pause_of_a_group_takes_the_groups_of_the_list_with_it(installation: Installation) -> None:
    """Also of mailboxes that an earlier version has scanned, which told the ledger no group."""
    lanes = installation.lanes()
    report_processes(lanes, "scan", "answer", "ops")
    offer(lanes, "a1")
    offer(lanes, "o1", mailbox="o'neil", server="mail2")
    lanes.namespace.redis.sadd(lanes.namespace.mailboxes, "adele", "o'neil")
    said = installation.rsvpq("pause", "group", "sales", "--for", "2h", "--reason", "wrong rule")
    assert said.stdout.startswith("paused: group sales, until ")
    assert released(lanes, 2) == {"o1"}
    shown = installation.rsvpq("status").stdout
    assert "GROUP sales IS PAUSED by " in shown
    assert "for another 119 min: wrong rule" in shown
    assert "group paused 1 in 1" in shown
    assert "rsvpq resume group sales" in installation.rsvpq("doctor").stdout
    assert scrape(installation.settings).value("rsvpq_paused", scope="group", server="", group="sales") == 1
    assert "group sales is paused by " in installation.rsvpq("mailboxes").stdout
    assert "its group sales is paused by " in installation.rsvpq("mailboxes", "show", "adele").stdout
    found = json.loads(installation.rsvpq("mailboxes", "--json").stdout)["paused_groups"]
    assert found["sales"]["reason"] == "wrong rule"
    assert installation.rsvpq("resume", "group", "sales").stdout == "resumed: group sales\n"
    assert released(lanes, 2) == {"a1"}
    lines = installation.rsvpq("audit", "--event", "operator", "--format", "jsonl").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [(one["step"], one["note"]) for one in records] == [
        ("pause", said.stdout.removeprefix("paused: ").strip()),
        ("resume", "group sales"),
    ]


#: What stands in a list or in settings that cannot be read.
WRONG_LIST, WRONG_SETTINGS = "mailbox,server\nadele,nowhere\n", "[policy]\nexternal = 'perhaps'\n"


@pytest.fixture
def scanned(installation: Installation) -> Lanes:
    """Lanes with a mailbox of the group sales, and one of none, which were scanned while all was well."""
    lanes = installation.lanes()
    join(lanes, "sales", "adele")
    offer(lanes, "dora", mailbox="dora", server="mail2")
    return lanes


@pytest.mark.parametrize(
    ("breaking", "why"), [("wrong list", "list"), ("no list", "list"), ("wrong settings", "settings")]
)
def test_a_group_is_paused_as_the_ledger_has_it_if_list_or_settings_cannot_be_read(
    installation: Installation, scanned: Lanes, breaking: str, why: str
) -> None:
    file = installation.directory / "mailboxes.csv"
    if breaking == "wrong settings":
        installation.write(WRONG_SETTINGS)
    elif breaking == "wrong list":
        file.write_text(WRONG_LIST)
    else:
        file.unlink()
    ended = installation.rsvpq("pause", "group", "sales")
    said = f"paused: group sales; the {why} cannot be read, so this is the 1 mailbox that the ledger has in it\n"
    assert (ended.returncode, ended.stdout) == (0, said), ended.stderr
    assert released(scanned, 3) == {"dora"}
    assert installation.rsvpq("resume", "group", "sales").stdout == "resumed: group sales\n"
    assert released(scanned, 3) == {"adele"}


@pytest.mark.parametrize("breaking", [WRONG_SETTINGS, ""])
def test_a_group_that_not_even_the_ledger_has_is_refused_with_what_works(
    installation: Installation, scanned: Lanes, breaking: str
) -> None:
    installation.write(breaking)
    (installation.directory / "mailboxes.csv").write_text(WRONG_LIST)
    ended = installation.rsvpq("pause", "group", "slaes")
    assert ended.returncode == 2
    said = "the ledger has no group 'slaes', and 'rsvpq pause all' needs no name; did you mean sales?"
    assert said in ended.stderr
    assert scanned.controls.groups() == []


def test_a_server_is_paused_although_the_settings_cannot_be_read(installation: Installation, scanned: Lanes) -> None:
    installation.write(WRONG_SETTINGS)
    ended = installation.rsvpq("pause", "server", "mail1", "--json")
    assert json.loads(ended.stdout)["text"] == "paused: server mail1"
    [warning] = json.loads(ended.stdout)["warnings"]
    assert warning.startswith("the settings cannot be used, so the server was looked for in the ledger: ")
    assert "policy.external" in warning
    assert released(scanned, 3) == {"dora"}
    assert "did you mean mail1?" in installation.rsvpq("pause", "server", "mai1").stderr
    assert installation.rsvpq("resume", "server", "mail1").stdout == "resumed: server mail1\n"


@pytest.mark.usefixtures("scanned")
def test_a_mailbox_needs_the_settings_and_the_error_says_what_does_not(installation: Installation) -> None:
    installation.write(WRONG_SETTINGS)
    ended = installation.rsvpq("pause", "mailbox", "adele")
    assert (ended.returncode, "policy.external" in ended.stderr) == (2, True)
    assert "name its server, its group or all: these need only [redis]" in ended.stderr


def test_a_group_without_mailboxes_is_not_paused_but_can_be_resumed(installation: Installation) -> None:
    lanes = installation.lanes()
    ended = installation.rsvpq("pause", "group", "slaes")
    assert (ended.returncode, "did you mean sales?" in ended.stderr) == (2, True)
    assert installation.rsvpq("pause", "group").returncode == 2
    lanes.controls.pause("group", "dissolved", reason="as it was in the list")
    assert installation.rsvpq("resume", "group", "dissolved").returncode == 0
    assert lanes.controls.groups() == []


def test_a_scan_of_a_paused_group_says_what_it_waits_for(installation: Installation) -> None:
    lanes = installation.lanes()
    lanes.controls.pause("group", "sales", reason="wrong rule")
    lane = Lane("adele", "mail1", group="sales")
    assert lanes.snapshot.pauses([lane]) == {"adele": "group sales is paused: wrong rule"}
    lanes.controls.pause("server", "mail1", reason="fire")
    assert lanes.snapshot.pauses([lane]) == {"adele": "server mail1 is paused: fire"}
