"""One message that no calendar can be compared with hides nothing of its mailbox: dry run, explanation and live run."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from requests.auth import HTTPBasicAuth

from rsvpq import wiring
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Plan, Stack
from tests.support.running_stack import rsvpq

#: Nobody here is ever out of office.
POLICY = """[policy]
confirmed = true
internal_domains = ["example.com"]
busy_when = ["oof"]

[[policy.rules]]
name = "clash"
decision = "decline"
conflict = true

[[policy.rules]]
name = "rest"
decision = "accept"
"""
#: End of the meeting, by its uid: each is compared with a calendar that shows two years at once.
ODD = {"long": f"{datetime.now(UTC) + timedelta(days=900):%Y%m%dT%H%M%SZ}", "endless": "99991231T235959Z"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A few mailboxes, with such meetings in the first that has something in it."""
    with Stack(
        tmp_path_factory.mktemp("bad"), Plan(World(mailboxes=6, requests=4, responses=1), policy=POLICY)
    ) as started:
        for uid, end in ODD.items():
            _invite(started, uid, end)
        yield started


def _mailbox(stack: Stack) -> str:
    name: str = next(one["mailbox"] for one in stack.exchange.ask("mailboxes") if one["language"] == "en")
    return name


def _invite(stack: Stack, uid: str, end: str) -> None:
    start = f"{datetime.now(UTC) + timedelta(days=1):%Y%m%dT%H%M%SZ}"
    head = [
        "From: nora@example.com",
        "Content-class: urn:content-classes:calendarmessage",
        "Content-Type: text/calendar",
    ]
    meeting = [f"UID:{uid}", f"SUMMARY:{uid}", "ORGANIZER:MAILTO:nora@example.com", f"DTSTART:{start}", f"DTEND:{end}"]
    calendar = ["BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VEVENT", *meeting, "END:VEVENT", "END:VCALENDAR"]
    lines = [*head, "", *calendar, ""]
    url = f"{stack.exchange.urls[0]}/exchange/{_mailbox(stack)}/Inbox/{uid}.EML"
    account = HTTPBasicAuth(stack.exchange.username, stack.secrets["exchange"])
    headers = {"Content-Type": "message/rfc822", "Translate": "f"}
    answer = requests.put(url, data="\r\n".join(lines).encode(), headers=headers, auth=account, timeout=20)
    assert answer.status_code in {200, 201}, answer.text


def _foretold(stack: Stack) -> dict[str, dict[str, Any]]:
    ended = rsvpq(stack, "scan", "--dry-run", _mailbox(stack), "--format", "jsonl")
    assert ended.returncode == 0, ended.stderr
    return {row["uid"]: row for row in map(json.loads, ended.stdout.splitlines())}


def test_a_dry_run_tells_them_and_all_the_others(stack: Stack) -> None:
    rows = _foretold(stack)
    assert len(rows) > 3
    assert {uid: (rows[uid]["decision"], rows[uid]["reason"]) for uid in ODD} == dict.fromkeys(
        ODD, ("hold", "facts-unknown")
    )
    assert {row["answer"] for row in rows.values()} >= {"accept"}


def test_explain_tells_why(stack: Stack) -> None:
    ended = rsvpq(stack, "explain", _mailbox(stack), "--full")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("facts-unknown:clash") == len(ODD)
    assert ended.stdout.count("unknown for occurrences too far ahead to be read at once") == len(ODD)


def test_a_live_run_answers_the_others(stack: Stack) -> None:
    wanted = {uid for uid, row in _foretold(stack).items() if row["answer"]}
    assert rsvpq(stack, "scan", _mailbox(stack)).returncode == 0
    lanes = wiring.make_lanes(load_settings(stack.config))
    until(lambda: lanes.snapshot.counts().get("done:scanned") == 1, "the mailbox was scanned")
    until(lambda: lanes.snapshot.status().unfinished == 0, "all that was offered is finished", within_s=90)
    reported = stack.exchange.messages(_mailbox(stack))
    assert {one["uid"] for one in reported if one["submitted"]} == wanted
    assert lanes.snapshot.counts()["done:left"] >= len(ODD)
    assert not [label for label in lanes.snapshot.counts() if label.startswith("dead")]
