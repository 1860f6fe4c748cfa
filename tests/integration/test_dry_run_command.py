"""``rsvpq scan --dry-run`` and ``rsvpq explain`` as they are typed; the test is the other side of the queue."""

import csv
import io
import json
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import replace

import pytest
from redis import Redis

from rsvpq.lanes import Ending
from rsvpq.mail.messages import Mailbox
from rsvpq.ops.forecast import Forecast
from rsvpq.tasks import contract
from tests.support.asked_command import Asked
from tests.support.installation import TERMINAL, Installation, queued

ACCEPT = Forecast(
    "adele",
    "request",
    "accept",
    "rest",
    "rule",
    answer="accept",
    organizer='"Vance, Carla" <carla@example.com>',
    start="2026-12-01T09:00:00.000Z",
    subject='=cmd()\x1b[31m, "quoted" and so long that no column of a table would ever be wide enough for the whole',
    uid="U1",
    item="i1",
)


def dry_run(
    installation: Installation, redis: Redis, form: str, environment: Mapping[str, str] = TERMINAL
) -> tuple[int, str, str]:
    """A dry run of a group that finds two messages."""
    arguments = ("scan", "--dry-run", "--group", "sales", "--format", form)
    asked = Asked(installation, redis, *arguments, environment=environment)
    asked.findings.offered({"adele": "offered", "bruno": "offered"})
    held = replace(ACCEPT, answer="", held="cap", needs="appointment", decision="undecided", rule="")
    asked.findings.report("adele", [ACCEPT.to_dict(), held.to_dict()], {"found": 2, "requests": 1})
    asked.findings.report("bruno", [], {"found": 0, "requests": 0})
    return asked.end()


def test_the_table_is_readable_at_a_hundred_columns(installation: Installation, redis: Redis) -> None:
    code, out, _ = dry_run(installation, redis, "table")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "\x1b" not in out
    for reported in ("accept: 1", "undecided: 1", "2026-12-01 09:00", "carla@example.com", "over the cap", "rule:rest"):
        assert reported in out
    assert "mailboxes: 2; messages: 2" in out
    assert "answers that would be sent: 1 (1 accept)" in out
    assert "…" not in out


def test_the_totals_come_first_and_nothing_is_cut_in_a_file(installation: Installation, redis: Redis) -> None:
    code, out, _ = dry_run(installation, redis, "table", {})
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "mailboxes: 2; messages: 2"
    assert lines[1].startswith("answers that would be sent: 1")
    assert ACCEPT.subject.partition("\x1b")[2] in out
    assert "…" not in out
    assert [line for line in lines if line != line.rstrip()] == []


def test_csv_and_jsonl_are_data_alone(installation: Installation, redis: Redis) -> None:
    installation.write("[policy]\nconfirmed = false\n")
    code, out, err = dry_run(installation, redis, "csv")
    first, second = csv.DictReader(io.StringIO(out, newline=""))
    assert code == 0
    assert first["subject"].startswith("'=cmd()")
    assert (first["answer"], second["held"], second["needs"]) == ("accept", "cap", "appointment")
    assert "answers that would be sent: 1" in err
    assert "live runs are not confirmed here" in err


def test_jsonl_is_one_object_for_each_message(installation: Installation, redis: Redis) -> None:
    code, out, _ = dry_run(installation, redis, "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert rows[0] == ACCEPT.to_dict()
    assert len(rows) == 2


def test_json_is_one_document_with_totals_and_what_is_missing(installation: Installation, redis: Redis) -> None:
    installation.write("[policy]\nconfirmed = false\n")
    asked = Asked(installation, redis, "scan", "--dry-run", "--group", "sales", "--json")
    asked.findings.offered({"adele": "offered", "bruno": "full"})
    asked.findings.report("adele", [ACCEPT.to_dict()], {"found": 1, "requests": 1})
    code, out, _ = asked.end()
    document = json.loads(out)
    assert code == 3
    assert document["messages"] == [ACCEPT.to_dict()]
    assert (document["totals"]["mailboxes"], document["totals"]["answers"]) == (1, {"accept": 1})
    assert document["totals"]["decided"] == [{"decision": "accept", "reason": "rule:rest", "messages": 1}]
    assert "still wait in its lane" in document["problems"]["bruno"]
    assert "not confirmed here" in document["note"]


def test_an_interrupted_wait_says_that_the_scans_go_on(installation: Installation, redis: Redis) -> None:
    asked = Asked(installation, redis, "scan", "--dry-run", "--all")
    asked.part.signal(signal.SIGINT)
    code, out, err = asked.end()
    assert (code, out) == (130, "")
    assert "the run goes on" in err


def test_no_worker_is_said_and_not_waited_for(installation: Installation) -> None:
    ended = installation.rsvpq("scan", "--dry-run", "adele")
    assert ended.returncode == 1
    assert "no worker takes from the queue scan" in ended.stderr
    assert "celery -A producer.app worker -Q scan" in ended.stderr


def test_a_timeout_ends_the_wait(installation: Installation) -> None:
    ended = installation.rsvpq("scan", "--dry-run", "adele", "--timeout", "200ms")
    assert ended.returncode == 1
    assert "adele: not ready after 0.2 s (not offered); the scan goes on" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scan", "--dry-run"), "name mailboxes"),
        (("scan", "adele", "--format", "csv"), "need --dry-run"),
        (("scan", "adele", "--timeout", "5s"), "need --dry-run"),
        (("scan", "--dry-run", "adele", "--timeout", "soon"), "is not a duration"),
        (("scan", "--dry-run", "zoe"), "zoe"),
        (("explain", "zoe"), "zoe"),
        (("explain",), "Missing argument"),
    ],
)
def test_wrong_usage_triggers_nothing(
    installation: Installation, redis: Redis, arguments: tuple[str, ...], words: str
) -> None:
    ended: subprocess.CompletedProcess[str] = installation.rsvpq(*arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert queued(redis, "scan") == []


def test_an_explanation_of_a_mailbox_that_is_busy_tells_its_history(installation: Installation, redis: Redis) -> None:
    asked = Asked(installation, redis, "explain", "adele", "--item", "i1")
    lanes = installation.lanes()
    lanes.namespace.redis.xadd(
        f"{lanes.namespace.prefix}:audit",
        {"event": "done", "item": "i1", "kind": "request", "mailbox": "adele", "uid": "U1", "result": "answered"},
    )
    asked.findings.offered({"adele": "full"})
    code, out, err = asked.end()
    assert code == 3
    assert "not in the Inbox (any more)" not in out
    assert "done     answered" in out
    assert "still wait in its lane" in err


def explained(item: str) -> dict[str, object]:
    """One message of the Inbox as the scan workers report it."""
    steps = [
        {"name": "guard calendar-unknown", "result": "passed", "why": "the calendar was looked at"},
        {"name": "rule long", "result": "passed", "why": "longer_than = 8h, but is 1h 30m"},
        {"name": "rule rest", "result": "matched", "why": "all conditions hold"},
    ]
    message = {"item": item, "kind": "request", "uid": f"uid of {item}", "subject": f"Standup {item}", "private": False}
    times = {"start": "2026-12-01T09:00:00Z", "end": "2026-12-01T10:00:00Z", "received": "2026-11-01T09:00:00Z"}
    series = {"sequence": 0, "recurring": False, "occurrence": "", "unread": "", "response_requested": True}
    decided = {"decision": "accept", "rule": "rest", "reason": "rule", "steps": steps, "calendar": None}
    return {**message, **times, **series, **decided, "organizer": "carla@example.com"}


@pytest.mark.parametrize("full", [False, True])
def test_several_messages_are_a_line_each_unless_all_is_wanted(
    installation: Installation, redis: Redis, full: bool
) -> None:
    asked = Asked(installation, redis, "explain", "adele", *(["--full"] if full else []))
    asked.findings.offered({"adele": "offered"})
    asked.findings.report("adele", [explained(item) for item in ("i1", "i2")], {"found": 5, "matching": 3})
    code, out, _ = asked.end()
    assert code == 0
    assert ("guard calendar-unknown" in out) is full
    assert "1 more match" in out
    if not full:
        assert out.startswith("3 messages match, 2 of them are shown")
        (row,) = (line.split() for line in out.splitlines() if line.startswith("i1 "))
        assert row == ["i1", "accept", "rule:rest", "request", "2026-12-01", "09:00", "Standup", "i1"]


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_overview_of_messages_loses_no_decision_at_any_width(
    installation: Installation, redis: Redis, columns: int
) -> None:
    environment = {**TERMINAL, "COLUMNS": str(columns)}
    asked = Asked(installation, redis, "explain", "adele", environment=environment)
    asked.findings.offered({"adele": "offered"})
    messages = [explained(item * 32) for item in "ij"]
    asked.findings.report("adele", messages, {"found": 2, "matching": 2})
    _, out, _ = asked.end()
    for text in ("i" * 32, "j" * 32, "accept", "rule:rest", "request", "2026-12-01 09:00"):
        assert text in out
    assert "…" not in out


def test_one_message_is_explained_in_full_and_what_passes_does_not_read_as_a_failure(
    installation: Installation, redis: Redis
) -> None:
    asked = Asked(installation, redis, "explain", "adele", "--item", "i1")
    asked.findings.offered({"adele": "offered"})
    asked.findings.report("adele", [explained("i1")], {"found": 5, "matching": 1})
    code, out, _ = asked.end()
    assert code == 0
    for line in (
        "       guard calendar-unknown passes: the calendar was looked at",
        "       rule long does not match: longer_than = 8h, but is 1h 30m",
        "    -> rule rest decides: all conditions hold",
    ):
        assert line in out.splitlines()


def test_nothing_that_matches_is_an_error(installation: Installation, redis: Redis) -> None:
    asked = Asked(installation, redis, "explain", "adele", "--uid", "U9")
    asked.findings.offered({"adele": "offered"})
    asked.findings.report("adele", [], {"found": 7, "matching": 0})
    code, out, err = asked.end()
    assert (code, out) == (1, "")
    assert "no message in the Inbox or the history of adele matches" in err


def test_a_mailbox_that_is_held_is_said_to_be_held_with_the_reason(installation: Installation, redis: Redis) -> None:
    """Its scan waits for the end of the hold, so another one is not offered."""
    lanes = installation.lanes()
    adele = Mailbox("adele", "mail1")
    lanes.ledger.offer_scans([(contract.lane_of(adele), contract.scan_item(adele, "earlier"))])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "a worker")
    lanes.ledger.finish(
        release.id,
        release.generation,
        "a worker",
        Ending(
            "throttled",
            label="throttled",
            hold="mailbox",
            delay_s=610,
            recorded_reason="MailboxRefused: SEARCH /adele/Inbox returned 401",
        ),
    )
    asked = Asked(installation, redis, "explain", "adele")
    asked.findings.offered({"adele": "scanning"})
    code, out, err = asked.end()
    assert (code, out) == (1, "")
    assert "adele: it is held for another 10 min (MailboxRefused: SEARCH /adele/Inbox returned 401)" in err
    assert "rsvpq resume mailbox adele" in err
    assert "no message in the history of adele matches, and its Inbox was not read" in err
