"""``rsvpq`` as an operator runs it: a process, its output and its exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from ast import literal_eval
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from redis import Redis

from rsvpq import wiring
from rsvpq.audit.log import AuditLog, Filter
from rsvpq.audit.record import operator
from rsvpq.lanes import Ending, Item, Lanes
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.tasks import contract
from testbed.processes import free_port
from testbed.queue_server import queue_server
from tests.support.installation import PASSWORD, Installation, queued, report_processes
from tests.support.lanes_with_clock import hold

pytestmark = pytest.mark.slow

ADELE, BRUNO = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1")


@pytest.fixture
def known(installation: Installation) -> Lanes:
    """Lanes in which adele and bruno have been scanned once, for workers with threads enough for both."""
    lanes = installation.lanes()
    lanes.ledger.report_threads("host:1", 8, [contract.SCAN_QUEUE, contract.ANSWER_QUEUE], believed_s=1e6)
    lanes.ledger.offer_scans(
        (contract.lane_of(mailbox), contract.scan_item(mailbox, "first")) for mailbox in (ADELE, BRUNO)
    )
    for release in lanes.ledger.release():
        lanes.ledger.start(release.id, release.generation, "worker")
        lanes.ledger.finish(release.id, release.generation, "worker", Ending("done", label="done:scanned"))
    return lanes


def offer(lanes: Lanes, mailbox: Mailbox, *item_ids: str) -> None:
    """Offer requests to a mailbox's lane."""
    payload = {"kind": "request", "subject": "Budget"}
    lanes.ledger.offer(
        contract.lane_of(mailbox),
        [Item(item_id, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, payload) for item_id in item_ids],
    )


# -- scan ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("adele", "--all"),
        ("adele", "--group", "sales"),
    ],
)
def test_a_scan_of_nothing_or_of_two_things_is_wrong_usage(
    installation: Installation, redis: Redis, arguments: tuple[str, ...]
) -> None:
    ended = installation.rsvpq("scan", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Usage: rsvpq scan" in ended.stderr
    assert queued(redis, "scan") == []


@pytest.mark.parametrize(
    ("arguments", "suggestion"), [(("adelle",), "adele"), (("--group", "legall"), "legal"), (("--group", ""), "sales")]
)
def test_an_unknown_mailbox_or_group_suggests_a_known_one(
    installation: Installation, redis: Redis, arguments: tuple[str, ...], suggestion: str
) -> None:
    ended = installation.rsvpq("scan", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert suggestion in ended.stderr
    assert "Traceback" not in ended.stderr
    assert queued(redis, "scan") == []


@pytest.mark.parametrize(
    ("arguments", "number", "kwargs"),
    [
        (("ADELE", "o'neil"), "2 mailboxes", {"mailboxes": ["adele", "o'neil"]}),
        (("adele",), "1 mailbox", {"mailboxes": ["adele"]}),
        (("--group", "sales"), "2 mailboxes", {"group": "sales"}),
        (("--all",), "3 mailboxes", {}),
    ],
)
def test_a_scan_puts_exactly_one_task_into_the_queue(
    installation: Installation, redis: Redis, arguments: tuple[str, ...], number: str, kwargs: dict[str, object]
) -> None:
    report_processes(installation.lanes(), "scan", "answer")
    ended = installation.rsvpq("scan", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    (message,) = queued(redis, "scan")
    assert ended.stdout == f"scan of {number} triggered: task {message['id']}\n"
    assert message["task"] == contract.SCAN
    assert literal_eval(message["kwargsrepr"]) == kwargs


# -- status --------------------------------------------------------------------------------------------------------


def test_status_shows_the_servers_as_a_table(installation: Installation, known: Lanes) -> None:
    offer(known, ADELE, "a1", "a2")
    known.controls.pause("server", "mail2", reason="maintenance")
    ended = installation.rsvpq("status")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = {line.split()[0]: line for line in ended.stdout.splitlines() if line.startswith("mail")}
    assert rows["mail1"].split()[1:7] == ["2", "2", "0/0", "0", "0", "0"]
    assert rows["mail1"].rstrip().endswith("ready 2 in 1")
    assert "ago: maintenance" in rows["mail2"]
    assert "done:scanned 2" in ended.stdout
    assert "\x1b" not in ended.stdout  # nobody's terminal


def test_status_is_json_on_demand(installation: Installation, known: Lanes) -> None:
    offer(known, ADELE, "a1", "a2")
    ended = installation.rsvpq("status", "--json")
    reported = json.loads(ended.stdout)
    assert reported["servers"]["mail1"]["pending"] == 2
    assert reported["counts"] == {"done:scanned": 2}


def test_the_status_of_an_empty_redis_says_that_there_is_nothing(installation: Installation) -> None:
    ended = installation.rsvpq("status")
    assert ended.returncode == 0
    assert "nothing counted yet" in ended.stdout


# -- pause, resume, limit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [("all",), ("server", "mail1"), ("mailbox", "adele")])
def test_a_pause_stops_the_lane_and_resuming_starts_it(
    installation: Installation, known: Lanes, scope: tuple[str, ...]
) -> None:
    offer(known, ADELE, "a1")
    paused = installation.rsvpq("pause", *scope, "--reason", "holiday")
    assert (paused.returncode, paused.stdout) == (0, f"paused: {' '.join(scope)}\n")
    assert known.ledger.release() == ()
    resumed = installation.rsvpq("resume", *scope)
    assert (resumed.returncode, resumed.stdout) == (0, f"resumed: {' '.join(scope)}\n")
    assert [release.id for release in known.ledger.release()] == ["a1"]


@pytest.mark.parametrize("scope", ["server", "mailbox"])
def test_resuming_lifts_a_hold_and_says_what_it_was(
    installation: Installation, known: Lanes, scope: Literal["server", "mailbox"]
) -> None:
    name = "mail1" if scope == "server" else "adele"
    hold(known, scope, 600, "LoginRefused: PROPFIND /exchange/adele/ returned 401", item="a1")
    shown = installation.rsvpq("status").stdout
    assert "for 9 min: LoginRefused: PROPFIND /exchange/adele/ returned 401" in shown
    assert "as it asked" not in shown
    resumed = installation.rsvpq("resume", scope, name).stdout
    assert resumed.startswith(f"resumed: {scope} {name}; its hold would have lasted another ")
    assert "LoginRefused: PROPFIND /exchange/adele/ returned 401; workers that were refused do not retry" in resumed
    assert [release.id for release in known.ledger.release()] == ["a1"]


@pytest.mark.parametrize("scope", ["server", "mailbox"])
def test_a_reason_that_is_no_text_hinders_neither_the_status_nor_its_own_end(
    installation: Installation, known: Lanes, scope: Literal["server", "mailbox"]
) -> None:
    """As an earlier version left it, which cut the reason in the middle of a character."""
    name = "mail1" if scope == "server" else "adele"
    hold(known, scope, 600)
    known.namespace.redis.hset(f"{known.namespace.prefix}:{scope}:{name}", "hold_why", b"Busy: /Inbox/\xc3\xa9\xc3")
    assert "Busy: /Inbox/é\N{REPLACEMENT CHARACTER}" in installation.rsvpq("status").stdout
    assert "Busy: /Inbox/é" in installation.rsvpq("resume", scope, name).stdout
    assert known.controls.held(scope, name) == (0, "")


def test_what_is_written_must_be_text(known: Lanes) -> None:
    with pytest.raises(UnicodeEncodeError):
        known.controls.pause("server", "mail1", reason="half a pair: \ud83d")


def test_a_paused_mailbox_leaves_the_others_alone(installation: Installation, known: Lanes) -> None:
    offer(known, ADELE, "a1")
    offer(known, BRUNO, "b1")
    installation.rsvpq("pause", "mailbox", "adele")
    assert [release.id for release in known.ledger.release()] == ["b1"]


def test_a_mailbox_is_paused_before_its_first_scan_and_in_any_spelling(installation: Installation) -> None:
    installation.lanes()
    paused = installation.rsvpq("pause", "mailbox", "ADELE")
    assert (paused.returncode, paused.stdout) == (0, "paused: mailbox adele\n")
    lanes = installation.lanes()
    lanes.ledger.offer_scans(
        (contract.lane_of(mailbox), contract.scan_item(mailbox, "first")) for mailbox in (ADELE, BRUNO)
    )
    assert [release.mailbox for release in lanes.ledger.release()] == ["bruno"]


def test_a_pause_where_nothing_runs_is_no_reassurance(installation: Installation) -> None:
    """As where the settings of the command name another Redis or database than those of the processes."""
    paused = installation.rsvpq("pause", "all", "--reason", "the wrong answers go out")
    assert (paused.returncode, paused.stdout) == (1, "paused: all\n")
    where = f"{installation.redis_url}, namespace rsvpq"
    assert f"no dispatcher or worker has started yet with {where}" in paused.stderr
    assert "no dispatcher or worker has started yet" in installation.rsvpq("status").stderr
    for command in (("scan", "--all"), ("confirm", "--yes")):
        reported = installation.rsvpq(*command)
        assert (reported.returncode, where in reported.stderr) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("limit", "server", "mail1", "--rate", ""), "the value is empty; give one, or omit the option"),
        (("pause", "all", "mail1"), "takes no name"),
        (("pause", "server"), "no name: give the name of the server"),
        (("resume", "server", "mail9"), "the settings have: mail1, mail2"),
        (("pause", "mailbox", "adelle"), "adelle: is not in the list; did you mean adele?"),
        (("limit", "mailbox", "adele", "--rate", "fast"), "such as 2/s or 30/min"),
        (("limit", "server", "mail1", "--burst", "0"), "--burst"),
        (("limit", "mailbox", "adele", "--concurrency", "2"), "several requests at once"),
        (("limit", "all", "--burst", "1"), "'all' is not one of"),
        (("limit", "--burst", "1"), "name the server or the mailbox"),
        (("limit", "server", "mail1", "--burst", "1", "--reset"), "give either limits or that"),
    ],
)
def test_what_cannot_be_paused_or_limited_is_wrong_usage(
    installation: Installation, known: Lanes, arguments: tuple[str, ...], complaint: str
) -> None:
    before = known.namespace.redis.hgetall(f"{known.namespace.prefix}:mailbox:adele")
    ended = installation.rsvpq(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert complaint in ended.stderr
    assert known.namespace.redis.hgetall(f"{known.namespace.prefix}:mailbox:adele") == before


def test_a_limit_is_in_force_at_once_until_it_is_taken_back(installation: Installation, known: Lanes) -> None:
    lowered = installation.rsvpq("limit", "server", "mail1", "--concurrency", "1")
    assert lowered.returncode == 0
    assert lowered.stdout.startswith("server mail1: ")
    assert lowered.stdout.endswith("concurrency 4 -> 1\n")
    offer(known, ADELE, "a1", "a2")
    offer(known, BRUNO, "b1", "b2")
    assert len(known.ledger.release()) == 1
    raised = installation.rsvpq("limit", "server", "mail1", "--concurrency", "4")
    assert raised.returncode == 0
    assert len(known.ledger.release()) == 1  # of the other mailbox: each is worked by one item at a time
    assert known.ledger.release() == ()
    slowed = installation.rsvpq("limit", "mailbox", "adele", "--rate", "1/h", "--burst", "1")
    assert slowed.returncode == 0
    back = installation.rsvpq("limit", "mailbox", "adele", "--reset")
    assert back.returncode == 0
    assert "rate 1/h -> " in back.stdout
    live = [
        field
        for field in known.namespace.redis.hgetall(f"{known.namespace.prefix}:mailbox:adele")
        if field.startswith("live_")
    ]
    assert live == []


# -- dead ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def dead(known: Lanes) -> Lanes:
    """Lanes with a dead item."""
    offer(known, ADELE, "a1")
    (release,) = known.ledger.release()
    known.ledger.start("a1", release.generation, "worker")
    known.ledger.record("a1", release.generation, "worker", {"accept": ["rid:1"]}, intent=True)
    known.ledger.finish(
        "a1", release.generation, "worker", Ending("dead", label="dead:refused", reason="MOVE /x returned 403")
    )
    return known


def test_dead_lists_the_reason_and_the_journal(installation: Installation, dead: Lanes) -> None:
    assert list(dead.dead_items.all())
    ended = installation.rsvpq("dead")
    assert ended.returncode == 0
    for fact in ("a1", "adele", "request 'Budget'", "after 1 attempt: MOVE /x returned 403"):
        assert fact in ended.stdout
    assert installation.rsvpq("dead", "list").stdout.splitlines()[0] == ended.stdout.splitlines()[0]


def test_a_list_of_dead_items_has_the_names_and_units_that_each_of_them_has(
    installation: Installation, dead: Lanes
) -> None:
    assert list(dead.dead_items.all())
    listed = json.loads(installation.rsvpq("dead", "--json").stdout)
    shown = json.loads(installation.rsvpq("dead", "show", "a1", "--json").stdout)
    (item,) = listed["dead"]
    assert (listed["total"], item["item"], item["reason"]) == (1, "a1", "MOVE /x returned 403")
    assert {name: shown[name] for name in item if name != "dead_s"} == {
        name: value for name, value in item.items() if name != "dead_s"
    }
    assert shown["dead_s"] >= item["dead_s"]


def test_without_dead_items_dead_says_so(installation: Installation) -> None:
    ended = installation.rsvpq("dead")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "no dead items\n")
    ended = installation.rsvpq("dead", "--mailbox", "adele")
    assert (ended.stdout, ended.stderr) == ("", "no dead item matches\n")
    assert json.loads(installation.rsvpq("dead", "--json").stdout) == {"total": 0, "dead": []}


# -- reconcile and drafts ------------------------------------------------------------------------------------------

DRAFT = MeetingMessage(
    Kind.ANSWER,
    ItemRef("rid:1", ("/exchange/adele/Drafts/1.EML", "")),
    subject="Accepted: Budget",
    created=datetime(2026, 11, 22, 10, tzinfo=UTC),
    reply=Verdict.ACCEPT,
)


@pytest.mark.parametrize("kind", ["scan", "reconcile"])
def test_a_scan_that_nobody_will_run_is_warned_about(installation: Installation, kind: str) -> None:
    lanes = installation.lanes()
    ended = installation.rsvpq(kind, "adele")
    assert ended.returncode == 0
    assert [line.partition(";")[0] for line in ended.stderr.splitlines()] == [
        "no dispatcher runs, so nothing that waits is released",
        "no worker takes from the queue scan",
        "no worker takes from the queue answer",
    ]
    report_processes(lanes, "answer")
    expected = "no worker takes from the queue scan; start one: celery -A producer.app worker -Q scan -P threads\n"
    assert installation.rsvpq(kind, "adele").stderr == expected


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("kind", ["scan", "reconcile"])
def test_a_scan_that_waits_for_a_resume_says_so(installation: Installation, kind: str) -> None:
    installation.rsvpq("pause", "server", "mail1", "--reason", "maintenance")
    warned = installation.rsvpq(kind, "adele")
    assert "server mail1 is paused by" in warned.stderr
    assert ": maintenance; its scans wait" in warned.stderr
    installation.rsvpq("resume", "server", "mail1")
    assert "scans wait" not in installation.rsvpq(kind, "adele").stderr


@pytest.mark.usefixtures("known")
def test_limits_are_shown_and_stay_until_they_are_reset(installation: Installation) -> None:
    assert installation.rsvpq("limit").stderr == "no limits are overridden: those of the settings apply\n"
    as_configured = "server mail1: rate 10/s, burst 20, concurrency 4, as configured\n"
    assert installation.rsvpq("limit", "server", "mail1").stdout == as_configured

    changed = installation.rsvpq("limit", "server", "mail1", "--rate", "2/s")
    assert changed.stdout == ("server mail1: rate 10/s -> 2/s, burst 20 (configured), concurrency 4 (configured)\n")
    changed = installation.rsvpq("limit", "server", "mail1", "--concurrency", "1")
    assert changed.stdout == "server mail1: rate 2/s, burst 20 (configured), concurrency 4 -> 1\n"
    for _ in range(2):
        shown = installation.rsvpq("limit", "server", "mail1").stdout
        assert shown.startswith("server mail1: rate 2/s, concurrency 1, set by ")
        assert shown.endswith("s ago; configured: rate 10/s, burst 20, concurrency 4\n")

    installation.rsvpq("limit", "mailbox", "adele", "--burst", "9")
    listed = installation.rsvpq("limit").stdout.splitlines()
    assert [line.partition(", set by ")[0] for line in listed] == [
        "server mail1: rate 2/s, concurrency 1",
        "mailbox adele: burst 9",
    ]
    assert "server mail1 has other limits than configured: rate 2/s" in installation.rsvpq("status").stdout

    back = installation.rsvpq("limit", "server", "mail1", "--reset")
    assert back.stdout == (
        "server mail1: rate 2/s -> 10/s (configured), burst 20 (configured), concurrency 1 -> 4 (configured)\n"
    )
    assert installation.rsvpq("limit", "server", "mail1").stdout == as_configured
    assert installation.rsvpq("limit", "mailbox", "adele").stdout.startswith("mailbox adele: burst 9, set by ")


def test_reconcile_puts_one_task_into_the_queue_that_says_so(installation: Installation, redis: Redis) -> None:
    report_processes(installation.lanes(), "scan", "answer")
    ended = installation.rsvpq("reconcile", "adele")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("reconcile of 1 mailbox triggered: task ")
    (message,) = queued(redis, "scan")
    assert literal_eval(message["kwargsrepr"]) == {"mailboxes": ["adele"], "kind": "reconcile"}


def test_a_scan_says_how_many_mailboxes_are_skipped_and_why(installation: Installation) -> None:
    lanes = installation.lanes()
    adele, bruno = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1")
    lanes.ledger.offer_scans([(contract.lane_of(adele), contract.scan_item(adele, "r1"))])
    request = Item("b1", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})
    lanes.ledger.offer(contract.lane_of(bruno), [request])
    ended = installation.rsvpq("scan", "--all")
    assert ended.stdout.startswith("scan of 1 of 3 mailboxes triggered: task ")
    assert "1 mailbox skipped: a scan of each waits or runs already" in ended.stderr
    assert "1 mailbox skipped: messages of the last scan still wait in their lanes" in ended.stderr
    done = json.loads(installation.rsvpq("scan", "ADELE", "--json").stdout)
    assert (done["mailboxes"], done["skipped"]) == (1, {"scanning": 1})
    assert done["text"].startswith("scan of 0 of 1 mailbox triggered")


def test_drafts_lists_what_the_scans_saw(installation: Installation, known: Lanes) -> None:
    assert installation.rsvpq("drafts", "list").stderr == "no unclear drafts\n"
    known.drafts.replace("adele", [DRAFT.to_payload()])
    ended = installation.rsvpq("drafts", "list", "--json")
    created = "2026-11-22T10:00:00.000Z"
    facts = {"draft": "rid:1", "answer": "accept", "subject": "Accepted: Budget", "created": created}
    assert json.loads(ended.stdout) == {"drafts": [{"mailbox": "adele", **facts}]}
    assert "rid:1" in installation.rsvpq("drafts", "list").stdout
    known.drafts.replace("adele", [])
    assert json.loads(installation.rsvpq("drafts", "list", "--json").stdout) == {"drafts": []}


def test_drafts_lists_what_the_version_before_saw(installation: Installation, known: Lanes) -> None:
    earlier = {
        "kind": "response",
        "href": "/exchange/adele/Drafts/1.EML",
        "rid": "rid:1",
        "subject": "Accepted: Budget",
    }
    known.drafts.replace("adele", [{**earlier, "message_class": "IPM.Schedule.Meeting.Resp.Pos"}])
    facts = {"draft": "rid:1", "answer": "accept", "subject": "Accepted: Budget", "created": ""}
    listed = json.loads(installation.rsvpq("drafts", "list", "--json").stdout)
    assert listed == {"drafts": [{"mailbox": "adele", **facts}]}


def test_a_draft_is_sent_once_on_demand(installation: Installation, known: Lanes) -> None:
    known.drafts.replace("adele", [DRAFT.to_payload()])
    assert installation.rsvpq("drafts", "send", "ADELE", "rid:1").stdout == "will be sent\n"
    (release,) = known.ledger.release()
    assert (release.work, release.mailbox, release.payload) == (contract.ANSWER_REQUEST, "adele", DRAFT.to_payload())
    assert "was already offered" in installation.rsvpq("drafts", "send", "adele", "rid:1").stdout
    assert known.ledger.release() == ()


def test_who_had_a_draft_sent_is_in_the_audit(installation: Installation, known: Lanes) -> None:
    known.drafts.replace("adele", [DRAFT.to_payload()])
    installation.rsvpq("drafts", "send", "adele", "rid:1")
    (release,) = known.ledger.release()
    known.ledger.start(release.id, release.generation, "worker")
    known.ledger.finish(
        release.id, release.generation, "worker", Ending("done", label="done:answered", result="answered")
    )
    action, done = AuditLog(known).read(Filter())
    assert (action["event"], action["step"], action["mailbox"], action["who"]) == (
        "operator",
        "send-draft",
        "adele",
        operator(),
    )
    assert action["note"] == f"draft rid:1, item {release.id}"
    assert (done["item"], done["mailbox"], done["subject"]) == (release.id, "adele", "Accepted: Budget")


def test_a_draft_that_is_not_held_is_not_sent(installation: Installation, known: Lanes) -> None:
    ended = installation.rsvpq("drafts", "send", "adele", "rid:1")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "no draft 'rid:1' is held in adele; see 'rsvpq drafts list'" in ended.stderr
    assert known.ledger.release() == ()


# -- trouble -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("status",), ("scan", "--all"), ("pause", "all"), ("dead",)])
def test_without_redis_there_is_one_line_and_exit_code_1(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = Installation(tmp_path, f"redis://127.0.0.1:{free_port()}/0").rsvpq(*arguments)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("rsvpq: cannot query Redis: ")
    assert ended.stderr.endswith("'rsvpq doctor' says what to do\n")
    assert len(ended.stderr.splitlines()) == 1


def test_a_frozen_redis_keeps_no_command_waiting_for_long(tmp_path: Path) -> None:
    with queue_server(tmp_path) as server, ThreadPoolExecutor() as at_once:
        installation = Installation(tmp_path, server.url)
        server.part.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            commands = (["status"], ["status", "--watch"], ["pause", "all"], ["audit", "--follow"])
            ended = list(at_once.map(lambda words: installation.rsvpq(*words), commands))
            took_s = time.monotonic() - began
        finally:
            server.part.signal(signal.SIGCONT)
    said = "rsvpq: cannot query Redis: Timeout reading from socket; 'rsvpq doctor' says what to do\n"
    assert took_s < 15
    assert [(one.returncode, one.stdout, one.stderr) for one in ended] == [(1, "", said)] * len(commands)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("command", ["status", "status --json", "config check", "mailboxes --all"])
def test_output_that_cannot_be_written_is_one_line_and_exit_code_1(installation: Installation, command: str) -> None:
    program = [sys.executable, "-c", "from rsvpq.cli import main; main()", *command.split()]
    environment = {**os.environ, **installation.environment}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(program, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.stderr == b"rsvpq: the output cannot be written: No space left on device\n"
    assert ended.returncode == 1


def test_wrong_settings_are_exit_code_2_and_no_traceback(installation: Installation) -> None:
    installation.write("[redis2]\n")
    ended = installation.rsvpq("status")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "redis2" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_secret_is_in_the_queue_or_in_the_ledger(installation: Installation, known: Lanes, redis: Redis) -> None:
    offer(known, ADELE, "a1")
    installation.rsvpq("scan", "--all")
    dumped = [redis.dump(key) for key in redis.scan_iter()]
    assert dumped
    assert not any(PASSWORD.encode() in bytes(str(dump), "utf-8") for dump in dumped)


def test_help_and_version_need_nothing(tmp_path: Path) -> None:
    nothing = Installation(tmp_path, "redis://127.0.0.1:1/0")
    assert "Usage: rsvpq" in nothing.rsvpq("--help").stdout
    assert nothing.rsvpq("--version").stdout.startswith("rsvpq, version ")


def test_a_process_that_has_asked_in_vain_hears_of_the_confirmation_at_once(installation: Installation) -> None:
    """Who confirms scans next: a remembered no would make that scan only look."""
    installation.write("[policy]\nconfirmed = false\n")
    lanes = installation.lanes()
    policy = wiring.PolicyInForce(installation.settings, lanes)
    assert policy("").mode == "observe"
    lanes.controls.confirm("somebody")
    assert policy("").mode == "respond"
