"""``rsvpq mailboxes``: which mailboxes are not well, by what is in the ledger and in the list."""

import json
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from celery.exceptions import Retry

from rsvpq.audit.record import Audit, Redaction
from rsvpq.lanes import Ending, Item, Lanes, ScanTotals
from rsvpq.mail.errors import Busy, ExchangeError, Gone, LoginRefused, MailboxRefused, NoRights, Refused, Transient
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import open_context
from rsvpq.ops.mailboxes import STATES, MailboxChoice, examine_mailboxes
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.runner import Attempt, Carrier
from tests.support.forked_command import run_rsvpq
from tests.support.installation import TERMINAL, Installation, report_processes
from tests.support.lanes_with_clock import Clock

ADELE, BRUNO, NEIL = Mailbox("adele", "mail1", "sales"), Mailbox("bruno", "mail1", "sales"), Mailbox("o'neil", "mail2")
EVERYBODY = (ADELE, BRUNO, NEIL)
WELL = ScanTotals(4, 0, 0)


def scan(lanes: Lanes, mailbox: Mailbox, end: Exception | ScanTotals = WELL, run: str = "r1") -> None:
    """Scan a mailbox as a worker does; the scan ends like this."""

    def work(_: Attempt) -> Outcome:
        if isinstance(end, Exception):
            raise end
        return Outcome("scanned", totals=end)

    item = contract.scan_item(mailbox, run)
    item = replace(item, facts=Audit(lanes, Redaction(), 3600).scan_facts(mailbox, run))
    assert lanes.ledger.offer_scans([(contract.lane_of(mailbox), item)]) == {mailbox.name: "offered"}
    (release,) = lanes.ledger.release()
    carrier = Carrier(lanes, lambda _: None, 10, 25, 3600)
    with suppress(Retry, ExchangeError, ValueError):  # how the scan ends is in the ledger
        carrier.carry(release.id, release.generation, work)


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """Three mailboxes that were just scanned, and all processes that they need."""
    known = installation.lanes()
    report_processes(known, contract.SCAN_QUEUE, contract.ANSWER_QUEUE)
    for mailbox in EVERYBODY:
        scan(known, mailbox, run="first")
    return known


def examined(installation: Installation, *options: str) -> dict[str, Any]:
    """What the command prints with --json: one document."""
    ended = installation.rsvpq("mailboxes", "--json", *options)
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def states(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """The states of each mailbox that is returned."""
    return {row["mailbox"]: row["states"] for row in found["rows"]}


def unlist(installation: Installation, name: str) -> None:
    """Remove a mailbox from the list."""
    file = installation.directory / "mailboxes.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith(f"{name},")))


def test_where_all_are_well_one_sentence_says_so(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.known() == {"adele", "bruno", "o'neil"}
    assert installation.rsvpq("mailboxes").stdout == "3 mailboxes, all well\n"
    assert examined(installation)["rows"] == []


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (MailboxRefused("SEARCH /adele/Inbox returned 401"), "refused"),
        (NoRights("FindItem in adele: ErrorAccessDenied"), "refused"),
        (LoginRefused("SEARCH /adele/Inbox returned 401"), "refused"),
        (Busy("SEARCH /adele/Inbox returned 503"), "failed"),
        (Busy("the mailbox is being moved", 30, "mailbox"), "held"),
        (Gone("PROPFIND /adele/ returned 404"), "gone"),
        (Transient("SEARCH /adele/Inbox returned 500"), "failed"),
        (Refused("'adele' and 'adele@example.com' are one mailbox"), "failed"),
        (ValueError("what nobody expects"), "failed"),
        (ScanTotals(9, 5, 0), "capped"),
        (ScanTotals(9, 0, 2), "unreadable"),
    ],
)
def test_a_scan_that_ends_so_leaves_its_mailbox_in_that_state_until_one_succeeds(
    installation: Installation, lanes: Lanes, end: Exception | ScanTotals, state: str
) -> None:
    scan(lanes, ADELE, end)
    found = examined(installation)
    assert (states(found), found["states"], found["unwell"], found["mailboxes"]) == (
        {"adele": [state]},
        {state: 1},
        1,
        3,
    )
    (symptom,) = found["rows"][0]["symptoms"]
    assert 0 <= symptom["since_s"] < 60
    assert symptom["remedy"]
    if isinstance(end, Exception):
        assert symptom["reason"].startswith(f"{type(end).__name__}: {end}")
    for scope, name in (("server", "mail1"), ("mailbox", "adele")):
        installation.rsvpq("resume", scope, name)
    end_what_waits(lanes)
    scan(lanes, ADELE, run="next")
    assert examined(installation)["rows"] == []


def end_what_waits(lanes: Lanes) -> None:
    """Let the scan that waits, or is between two attempts, end well."""
    later = "{rsvpq}:later"
    for item in lanes.namespace.redis.zrange(later, 0, -1):
        lanes.namespace.redis.zadd(later, {item: 0})
    for release in lanes.ledger.release():
        lanes.ledger.start(release.id, release.generation, "a test")
        lanes.ledger.finish(release.id, release.generation, "a test", Ending("done", label="done:scanned", totals=WELL))


def test_a_row_has_the_reason_how_long_it_is_held_and_what_to_do(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, NEIL, MailboxRefused("SEARCH /o'neil/Inbox returned 401"))
    (row,) = examined(installation)["rows"]
    assert (row["server"], row["group"]) == ("mail2", "legal")
    assert 590 < row["held_s"] < 730
    (symptom,) = row["symptoms"]
    assert "returned 401; held for another 1" in symptom["reason"]  # 10 to 12 minutes
    assert "rsvpq doctor --mailbox 'o'\"'\"'neil'" in symptom["remedy"]
    assert symptom["remedy"].endswith("rsvpq resume mailbox 'o'\"'\"'neil'")


def fail_answers(lanes: Lanes) -> None:
    """Let answers fail as in an outage of the server: six in a row, in six mailboxes, which are not in the list."""
    for number in range(6):
        lane = contract.lane_of(Mailbox(f"user{number}", "mail1"))
        lanes.ledger.offer(lane, [Item(f"a{number}", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {})])
        (release,) = lanes.ledger.release()
        lanes.ledger.start(release.id, release.generation, "a test")
        ending = Ending("later", label="later", reason="Unknown: it returned 500", delay_s=60, server_fault=True)
        lanes.ledger.finish(release.id, release.generation, "a test", ending)


@pytest.mark.parametrize("command", [("mailboxes",), ("status",), ("check",), ("doctor",)], ids=lambda words: words[0])
def test_work_that_an_outage_holds_is_named_and_the_server_is_not_held(
    installation: Installation, lanes: Lanes, command: tuple[str, ...]
) -> None:
    fail_answers(lanes)
    text = " ".join(installation.rsvpq(*command).stdout.split())
    assert "answer_request" in text
    assert "nothing starts there" not in text
    assert examined(installation)["held_servers"] == {}
    resumed = installation.rsvpq("resume", "server", "mail1").stdout
    assert "its hold would have lasted another 1" in resumed
    assert "6 failures in a row, in several mailboxes; the last: Unknown: it returned 500" in resumed


def test_a_refused_login_is_resumed_at_its_server(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, ADELE, LoginRefused("SEARCH /adele/Inbox returned 401"))
    found = examined(installation)
    assert found["rows"][0]["symptoms"][0]["remedy"].endswith("rsvpq resume server mail1")
    assert found["held_servers"]["mail1"]["why"].startswith("LoginRefused")
    assert "server mail1 is held for another 1" in installation.rsvpq("mailboxes").stdout


def test_a_hold_that_a_message_has_set_is_shown_and_ends(installation: Installation, lanes: Lanes) -> None:
    offer(lanes, ADELE, "a1")
    (release,) = lanes.ledger.release()
    lanes.ledger.start("a1", release.generation, "a test")
    lanes.ledger.finish(
        "a1",
        release.generation,
        "a test",
        Ending(
            "throttled", label="throttled", hold="mailbox", delay_s=90, recorded_reason="Busy: the list is being read"
        ),
    )
    (row,) = examined(installation)["rows"]
    assert row["states"] == ["held"]
    assert 30 < row["held_s"] <= 90
    assert row["symptoms"][0]["reason"].startswith("Busy: the list is being read; held for another ")
    installation.rsvpq("resume", "mailbox", "adele")
    assert examined(installation)["rows"] == []


def test_after_a_resume_the_scan_of_the_mailbox_is_tried_at_once(installation: Installation, lanes: Lanes) -> None:
    """Also if it was refused twice, and would have to wait for the double time."""
    scan(lanes, ADELE, MailboxRefused("401"))
    for _ in range(3):
        assert lanes.ledger.release() == ()
        assert installation.rsvpq("resume", "mailbox", "adele").returncode == 0
        (release,) = lanes.ledger.release()
        lanes.ledger.start(release.id, release.generation, "a test")
        lanes.ledger.finish(
            release.id,
            release.generation,
            "a test",
            Ending("throttled", label="throttled", hold="mailbox", delay_s=600, recorded_reason="MailboxRefused: 401"),
        )


def offer(lanes: Lanes, mailbox: Mailbox, item: str) -> None:
    """Offer a request."""
    message = Item(item, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})
    lanes.ledger.offer(contract.lane_of(mailbox), [message])


def test_a_pause_is_shown_with_who_and_why(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.known()
    installation.rsvpq("pause", "mailbox", "bruno", "--reason", "on leave")
    (row,) = examined(installation)["rows"]
    assert (row["mailbox"], row["states"]) == ("bruno", ["paused"])
    assert row["symptoms"][0]["reason"].endswith(": on leave")
    assert row["symptoms"][0]["remedy"] == "rsvpq resume mailbox bruno"


def test_a_mailbox_that_is_well_is_shown_with_what_stops_it(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, ADELE)
    lanes.controls.pause("server", "mail1", reason="maintenance")
    lanes.controls.pause("all", reason="fire")
    stopped = ["everything is paused: fire", "server mail1 is paused: maintenance"]
    assert examined(installation)["obstacles"] == stopped
    assert examined(installation, "--server", "mail2")["obstacles"] == stopped[:1]
    assert all(line in installation.rsvpq("mailboxes").stdout.splitlines() for line in stopped)
    shown = installation.rsvpq("mailboxes", "show", "adele").stdout
    assert [line.strip() for line in shown.splitlines()[1:4]] == [
        *stopped,
        "nothing is wrong with it alone; the lines above say what keeps it from being worked",
    ]
    lanes.controls.resume("all")
    lanes.controls.resume("server", "mail1")
    assert "    it is well\n" in installation.rsvpq("mailboxes", "show", "adele").stdout


@pytest.mark.parametrize("queue", [contract.SCAN_QUEUE, contract.ANSWER_QUEUE])
def test_where_nobody_takes_from_a_queue_no_mailbox_is_said_to_be_well(installation: Installation, queue: str) -> None:
    lanes = installation.lanes()
    others = {contract.SCAN_QUEUE, contract.ANSWER_QUEUE} - {queue}
    report_processes(lanes, *others)
    for mailbox in EVERYBODY:
        scan(lanes, mailbox)
    (missing,) = examined(installation)["missing"]
    assert missing.startswith(f"no worker takes from the queue {queue}; start one: celery ")
    totals, stated = installation.rsvpq("mailboxes").stdout.splitlines()
    assert (totals, stated) == ("3 mailboxes without a symptom, but not all of them are worked:", missing)
    shown = installation.rsvpq("mailboxes", "show", "adele").stdout
    assert (missing in shown, "it is well" in shown) == (True, False)


@pytest.mark.parametrize("how", ["dead", "later"], ids=["refused at once", "out of attempts"])
def test_a_scan_that_is_given_up_has_failed_until_one_succeeds_and_is_never_dead(
    installation: Installation, lanes: Lanes, how: Literal["dead", "later"]
) -> None:
    lanes.namespace.redis.hset(lanes.namespace.general, "attempts", 1)
    for number in range(3):
        offered = contract.scan_item(ADELE, f"r{number}")
        assert lanes.ledger.offer_scans([(contract.lane_of(ADELE), offered)]) == {"adele": "offered"}
        (release,) = lanes.ledger.release()
        lanes.ledger.start(release.id, release.generation, "a test")
        ending = Ending(how, label=how, reason="Unknown: SEARCH returned 500")
        assert lanes.ledger.finish(release.id, release.generation, "a test", ending).state == "failed"
        assert (lanes.snapshot.status().dead, list(lanes.dead_items.all())) == (0, [])
        assert states(examined(installation)) == {"adele": ["failed"]}
    assert lanes.snapshot.counts()["failed"] == 3
    scan(lanes, ADELE, run="well")
    assert states(examined(installation)) == {}


def test_a_mailbox_with_dead_items_is_not_well_until_they_are_settled(installation: Installation, lanes: Lanes) -> None:
    for item in ("n1", "n2"):
        offer(lanes, NEIL, item)
        (release,) = lanes.ledger.release()
        lanes.ledger.start(item, release.generation, "a test")
        reason = f"Refused: {item} returned 403"
        lanes.ledger.finish(item, release.generation, "a test", Ending("dead", label="dead", reason=reason))
    found = examined(installation)
    assert (states(found), found["states"]) == ({"o'neil": ["dead"]}, {"dead": 1})
    (symptom,) = found["rows"][0]["symptoms"]
    assert symptom["reason"] == "2 items are dead, the last because of: Refused: n2 returned 403"
    assert 0 <= symptom["since_s"] < 60
    assert examined(installation, "--state", "dead", "--server", "mail1")["rows"] == []
    assert symptom["reason"] in installation.rsvpq("mailboxes", "show", "o'neil").stdout
    listing, retrying = (part.rpartition(": ")[2] for part in symptom["remedy"].split("; "))
    for remedy in (listing, f"{retrying} --yes"):
        assert installation.rsvpq(*shlex.split(remedy)[1:]).returncode == 0
    assert examined(installation)["rows"] == []


def fail(lanes: Lanes, mailbox: Mailbox, item: str, how: Literal["later", "throttled"] = "later") -> None:
    """Let an answer fail, or be put off, so that it is given again in a minute."""
    offer(lanes, mailbox, item)
    (release,) = lanes.ledger.release()
    lanes.ledger.start(item, release.generation, "a test")
    reason = f"Unknown: GET /exchange/{mailbox.name}/Inbox/Lunch.EML?Cmd=accept returned 500"
    lanes.ledger.finish(item, release.generation, "a test", Ending(how, how, reason, delay_s=60))


def test_a_mailbox_whose_answers_fail_is_not_well_and_the_reason_is_named(
    installation: Installation, lanes: Lanes
) -> None:
    scan(lanes, ADELE, ScanTotals(9, 5, 0))
    for item in ("a1", "a2"):
        fail(lanes, ADELE, item)
    fail(lanes, NEIL, "n1", "throttled")  # which says nothing about its mailbox
    found = examined(installation)
    assert states(found) == {"adele": ["failing", "capped"]}
    failing, capped = found["rows"][0]["symptoms"]
    assert failing["reason"] == "2 messages are tried again after a failure: Unknown: GET … returned 500"
    assert 0 <= failing["since_s"] < 60
    assert capped["remedy"] == failing["remedy"] == "if it goes on: rsvpq doctor --mailbox adele"
    assert failing["reason"] in installation.rsvpq("mailboxes", "show", "adele").stdout


def test_the_status_says_why_items_are_between_attempts(installation: Installation, lanes: Lanes) -> None:
    for mailbox, item in ((ADELE, "a1"), (BRUNO, "b1"), (NEIL, "n1")):
        fail(lanes, mailbox, item)
    said = "2 items in 2 mailboxes, the oldest for [0-9] s: Unknown: GET … returned 500"
    assert re.search(f"between attempts on mail1: {said}\n", installation.rsvpq("status").stdout)
    for options, expected in {
        (): {"mail1": 2, "mail2": 1},
        ("--server", "mail2"): {"mail2": 1},
        ("--group", "sales"): {"mail1": 2},
    }.items():
        repeated = json.loads(installation.rsvpq("status", "--json", *options).stdout)["repeated"]
        assert {one["server"]: one["items"] for one in repeated} == expected


def test_a_late_scan_leads_to_what_keeps_its_mailbox_from_being_scanned(
    installation: Installation, clock: Clock
) -> None:
    lanes = on_clock(installation, clock)
    for mailbox in EVERYBODY:
        scan(lanes, mailbox)
    fail(lanes, NEIL, "n1")
    offer(lanes, NEIL, "n2")
    clock.turn(7201)
    context = open_context(installation.settings, lanes)

    def remedies(name: str) -> set[str]:
        found = examine_mailboxes(context, MailboxChoice(older_than_s=7200.0))
        return {one.remedy for row in found.rows if row.mailbox == name for one in row.symptoms}

    assert remedies("adele") == {
        "see 'rsvpq status' for whether a dispatcher and a scan worker run; rsvpq scan adele",
    }
    offer(lanes, ADELE, "waits")
    assert remedies("adele") == {
        "messages of its last scan still wait, and it is scanned after them: see 'rsvpq status' for what for"
    }
    lanes.controls.pause("server", "mail1", reason="maintenance")
    assert remedies("adele") == {"rsvpq resume server mail1"}
    lanes.controls.pause("mailbox", "adele", reason="on leave")
    assert remedies("adele") == {"rsvpq resume mailbox adele"}
    assert remedies("o'neil") == {"if it goes on: rsvpq doctor --mailbox 'o'\"'\"'neil'"}


def test_where_nothing_is_answered_no_mailbox_is_said_to_be_well(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.known()
    installation.write("[policy]\n")
    totals, silent = installation.rsvpq("mailboxes").stdout.splitlines()
    assert totals == "3 mailboxes without a symptom, but not all of them are worked:"
    assert silent.startswith("NOTHING IS ANSWERED: live runs are not confirmed")
    lanes.controls.confirm("anna", "sales", action=open_context(installation.settings).action("confirm", "all", ""))
    assert "3 mailboxes without a symptom" in installation.rsvpq("mailboxes").stdout
    assert installation.rsvpq("mailboxes", "--group", "sales").stdout == "2 mailboxes, all well\n"
    shown = {name: installation.rsvpq("mailboxes", "show", name).stdout for name in ("adele", "o'neil")}
    assert ("it is well" in shown["adele"], "it is well" in shown["o'neil"]) == (True, False)
    assert "answering in groups sales (2 of 3 mailboxes), observing elsewhere" in shown["o'neil"]


def test_a_mailbox_of_the_list_without_a_scan_is_shown_with_or_without_a_lane(installation: Installation) -> None:
    lanes = installation.lanes()
    scan(lanes, NEIL)
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "r1"))])
    found = examined(installation)
    assert states(found) == {"adele": ["never"], "bruno": ["never"]}
    reasons = {row["mailbox"]: row["symptoms"][0]["reason"] for row in found["rows"]}
    assert reasons == {"adele": "its first scan waits or runs", "bruno": "it was never scanned"}


def test_a_mailbox_that_left_the_list_is_unlisted_and_nothing_else(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, BRUNO, MailboxRefused("401"))
    unlist(installation, "bruno")
    found = examined(installation)
    assert (states(found), found["mailboxes"]) == ({"bruno": ["unlisted"]}, 3)
    assert examined(installation, "--group", "sales")["rows"] == []


SCHEDULES = """
[[schedule]]
every = "1h"

[[schedule]]
every = "10m"
group = "sales"
"""


def test_a_scan_is_late_after_two_periods_of_its_shortest_schedule(installation: Installation, clock: Clock) -> None:
    lanes = on_clock(installation, clock)
    for mailbox in EVERYBODY:
        scan(lanes, mailbox)

    def late(extra: str, **choice: Any) -> set[str]:
        installation.write(extra)
        context = open_context(installation.settings, lanes)
        return {row.mailbox for row in examine_mailboxes(context, MailboxChoice(**choice)).rows}

    clock.turn(1201)
    assert late("") == set()
    assert late(SCHEDULES) == {"adele", "bruno"}
    clock.turn(6000)
    assert late(SCHEDULES) == {"adele", "bruno", "o'neil"}
    assert late(SCHEDULES, older_than_s=7300.0) == set()
    assert late("", older_than_s=7200.0) == {"adele", "bruno", "o'neil"}


def on_clock(installation: Installation, clock: Clock) -> Lanes:
    """The lanes of the installation on a clock that stands still."""
    configured = installation.lanes()
    return Lanes(configured.namespace.redis, now_us=clock.now_us)


def test_older_than_is_a_duration(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.known()
    assert examined(installation, "--older-than", "1h")["rows"] == []
    ended = installation.rsvpq("mailboxes", "--older-than", "soon")
    assert (ended.returncode, ended.stdout) == (2, "")


def test_totals_are_of_the_server_or_group_and_rows_of_the_state(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, ADELE, MailboxRefused("401"))
    scan(lanes, BRUNO, ScanTotals(9, 5, 2))
    scan(lanes, NEIL, Gone("404"))
    assert states(examined(installation)) == {
        "adele": ["refused"],
        "o'neil": ["gone"],
        "bruno": ["capped", "unreadable"],
    }
    for options, expected in {
        ("--server", "mail1"): {"refused": 1, "capped": 1, "unreadable": 1},
        ("--group", "legal"): {"gone": 1},
        ("--state", "capped"): {"refused": 1, "gone": 1, "capped": 1, "unreadable": 1},
    }.items():
        assert examined(installation, *options)["states"] == expected
    assert states(examined(installation, "--state", "capped")) == {"bruno": ["capped", "unreadable"]}
    ended = installation.rsvpq("mailboxes", "--server", "mail2", "--state", "late")
    assert (ended.stdout, ended.stderr) == ("1 of 1 mailbox not well: gone 1\n", "none is late\n")


def test_all_shows_also_those_that_are_well(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, ADELE, Gone("404"))
    assert states(examined(installation, "--all")) == {"adele": ["gone"], "bruno": [], "o'neil": []}
    assert " well " in installation.rsvpq("mailboxes", "--all").stdout


def test_each_row_is_one_whole_line_when_it_is_piped_and_totals_come_first(
    installation: Installation, lanes: Lanes
) -> None:
    path = "/exchange/adele/" + "Inbox/" * 25
    scan(lanes, ADELE, MailboxRefused(f"SEARCH {path} returned 401"))
    installation.rsvpq("pause", "mailbox", "adele", "--reason", "first\x1bsecond")
    totals, headings, row = installation.rsvpq("mailboxes").stdout.splitlines()
    assert totals == "1 of 3 mailboxes not well: refused 1, paused 1"
    assert headings.split() == ["mailbox", "server", "group", "state", "since", "reason", "remedy"]
    for fact in ("adele    mail1   sales  refused,paused  ", f"MailboxRefused: SEARCH {path}", "first\\x1bsecond"):
        assert fact in row
    assert row.endswith("rsvpq resume mailbox adele")


def test_a_narrow_terminal_has_each_remedy_in_one_piece(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, NEIL)
    installation.rsvpq("pause", "mailbox", "o'neil", "--reason", "on leave until the end of the month")
    shown = run_rsvpq(["mailboxes"], {**installation.environment, **TERMINAL, "COLUMNS": "40"}).stdout.splitlines()
    assert shown[1].startswith("o'neil  mail2  legal  paused  ")
    assert shown[2].endswith(": on leave until the end of the month")
    assert shown[3] == f"    rsvpq resume mailbox {shlex.quote(NEIL.name)}"


@pytest.mark.parametrize(
    "options", [("--server", "mail9"), ("--group", "nobody"), ("--state", "ill"), ("--server", ""), ("--group", "")]
)
def test_what_does_not_exist_is_wrong_usage(installation: Installation, lanes: Lanes, options: tuple[str, str]) -> None:
    assert lanes.snapshot.known()
    ended = installation.rsvpq("mailboxes", *options)
    assert (ended.returncode, ended.stdout) == (2, "")


def test_show_has_the_states_the_last_scan_and_the_lane(installation: Installation, lanes: Lanes) -> None:
    scan(lanes, ADELE, ScanTotals(9, 5, 2))
    for mailbox, item in ((ADELE, "fails"), (NEIL, "fails too")):
        offer(lanes, mailbox, item)
        (release,) = lanes.ledger.release()
        lanes.ledger.start(item, release.generation, "a test")
        lanes.ledger.finish(item, release.generation, "a test", Ending("later", label="later", delay_s=60))
    offer(lanes, ADELE, "a1")
    found = json.loads(installation.rsvpq("mailboxes", "show", "adele", "--json").stdout)
    assert (found["states"], found["last_scan"]) == (
        ["failing", "capped", "unreadable"],
        {"found": 9, "capped": 5, "unreadable": 2, "skipped": {}, "cap": ""},
    )
    assert [item["item"] for item in found["next"]] == ["a1"]
    assert (found["pending"], found["in_flight"], found["later"]) == (1, 0, 1)
    text = installation.rsvpq("mailboxes", "show", "adele").stdout
    for fact in (
        "adele  server mail1, group sales",
        "found 9, held back 5, unreadable 2",
        "in its lane 1, in flight 0, between attempts 1",
        "a1  workers",
    ):
        assert fact in text


def test_show_has_a_mailbox_without_a_lane_and_refuses_one_that_nobody_knows(installation: Installation) -> None:
    assert "never: it was never scanned" in installation.rsvpq("mailboxes", "show", "ADELE").stdout
    ended = installation.rsvpq("mailboxes", "show", "adelle")
    assert ended.returncode == 2
    assert "did you mean adele?" in ended.stderr


def test_top_has_the_deepest_lanes(installation: Installation, lanes: Lanes) -> None:
    assert installation.rsvpq("mailboxes", "top").stderr == "nothing waits in any lane\n"
    for mailbox, item in ((ADELE, "a1"), (BRUNO, "b1"), (BRUNO, "b2")):
        offer(lanes, mailbox, item)
    assert installation.rsvpq("mailboxes", "top").stdout == "      2  bruno\n      1  adele\n"
    shown = json.loads(installation.rsvpq("mailboxes", "top", "--most", "1", "--json").stdout)
    assert shown == {"lanes": [{"mailbox": "bruno", "pending": 2}]}


def test_an_import_is_in_the_audit(installation: Installation) -> None:
    export = installation.directory / "export.ldif"
    export.write_text("".join(f"dn: CN={name}\nmailNickname: {name}\n\n" for name in ("adele", "bruno", "o'neil")))
    ended = installation.rsvpq("mailboxes", "import", "--ldif", str(export), "--yes")
    assert (ended.returncode, ended.stdout) == (0, "+0 -0 ~0, 3 unchanged\n")
    export.write_text("dn: CN=Carla\nmailNickname: carla\nhomeMDB: CN=DB7,CN=Databases,DC=example\n")
    ended = installation.rsvpq(
        *("mailboxes", "import", "--ldif", str(export), "--yes", "--map", "DB7=mail2", "--keep-missing"),
        *("--group", "new", "--why", "May"),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (installation.directory / "mailboxes.csv").read_text().endswith("o'neil,mail2,legal\ncarla,mail2,new\n")
    audit = json.loads(installation.rsvpq("audit", "--format", "jsonl").stdout.splitlines()[-1])
    assert (audit["step"], audit["reason"], audit["note"]) == ("import", "May", "added 1, removed 0, moved 0")


def test_every_state_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/mailboxes.md").read_text()
    assert [state for state in STATES if f"| `{state}` |" not in text] == []
