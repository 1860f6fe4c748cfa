"""The operator console: what it shows of a real ledger, who may change something, and what it says without Redis."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from lxml import html

from rsvpq.audit.log import AuditLog, AuditRecord, Filter
from rsvpq.console import application, page
from rsvpq.console.shared import SharedReading
from rsvpq.lanes import DecisionBatch, DecisionRecord, Ending, Item, Lanes, ScanTotals
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.settings.console import ConsoleSettings
from rsvpq.settings.logins import LoginFile
from rsvpq.tasks import contract
from testbed.fork_server import fork_server, python_part
from testbed.processes import WAIT_S, free_port, until
from testbed.queue_server import QueueServer
from tests.support.certificates import Authority
from tests.support.forked_command import run_forked, run_rsvpq
from tests.support.installation import Installation, report_processes
from tests.support.lanes_with_clock import Clock
from tests.support.running_console import PASSWORDS, ConsoleClient, client_of, running_console, write_logins

ADELE, ONEIL = Mailbox("adele", "mail1"), Mailbox("o'neil", "mail2")
DRAFT = MeetingMessage(Kind.ANSWER, ItemRef("rid:1"), subject="Accepted: Budget", reply=Verdict.ACCEPT)
MARKUP = "<img src=x onerror=alert(1)>\"'</td>"
#: The pages that only show something, with what each needs.
READ = ("/", "/server?name=mail1", "/mailboxes", "/mailbox?name=adele", "/lanes", "/dead", "/drafts", "/decisions")
#: The pages that change something, with a form that would do so.
CHANGES = {
    "/pause?scope=all": {},
    "/resume?scope=all": {},
    "/limit?scope=server&name=mail1": {"rate": "1/s"},
    "/withdraw": {},
    "/scan?scope=server&name=mail1": {},
    "/drafts/send?mailbox=adele&draft=rid:1": {},
    "/dead/retry?all=1": {},
    "/dead/drop?all=1": {},
}


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """Lanes with a dispatcher and workers, in which two mailboxes were scanned."""
    known = installation.lanes()
    report_processes(known, "scan", "answer", "ops")
    for mailbox in (ADELE, ONEIL):
        known.ledger.offer_scans([(contract.lane_of(mailbox), contract.scan_item(mailbox, "first"))])
        finish(known, "done", "done:scanned")
    known.drafts.replace(ADELE.name, [DRAFT.to_payload()])
    return known


@pytest.fixture
def url(installation: Installation, lanes: Lanes) -> Iterator[str]:  # noqa: ARG001 - the console shows them
    """Where the console is."""
    with running_console(installation.settings, write_logins(installation.directory / "logins")) as address:
        yield address


@pytest.fixture
def anna(url: str) -> Iterator[ConsoleClient]:
    """An operator."""
    with client_of(url, "anna") as client:
        yield client


def offer(lanes: Lanes, *items: str, mailbox: Mailbox = ADELE, subject: str = "Standup") -> None:
    payload = {"kind": "request", "subject": subject, "own": False, "ref": ["rid:7", "/exchange/adele/Inbox/7.EML"]}
    offered = [Item(item, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, payload) for item in items]
    lanes.ledger.offer(contract.lane_of(mailbox), offered)


def finish(lanes: Lanes, how: Literal["done", "dead", "later"], label: str, reason: str = "") -> str:
    """Let the next item end, or wait; its id."""
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    totals = ScanTotals(0, 0, 0) if label == "done:scanned" else None
    lanes.ledger.finish(
        release.id, release.generation, "worker", Ending(how, label=label, reason=reason or label, totals=totals)
    )
    return release.id


def actions(lanes: Lanes) -> list[AuditRecord]:
    return list(AuditLog(lanes).read(Filter(frozenset({"operator"}))))


def page_of(response: requests.Response) -> Any:
    """The page as a browser understands it."""
    return html.document_fromstring(response.text)


def text_of(response: requests.Response) -> str:
    """What somebody reads on the page."""
    return " ".join(" ".join(page_of(response).itertext()).split())


# -- reading -------------------------------------------------------------------------------------------------------


def test_every_page_begins_with_what_is_in_force_and_how_old_that_is(anna: ConsoleClient) -> None:
    for path in READ:
        shown = anna.get(path)
        assert shown.status_code == 200, path
        assert "answering, as policy.confirmed = true" in text_of(shown), path
        assert re.search(r"As read from Redis \d+ s before this page was sent, at 20", text_of(shown)), path


def test_the_overview_counts_what_waits_and_what_is_dead(anna: ConsoleClient, lanes: Lanes) -> None:
    offer(lanes, "a1", "a2", "a3")
    finish(lanes, "dead", "dead:refused", "Refused: no")
    document = page_of(anna.get("/"))
    rows = {row[0].text_content(): [cell.text_content() for cell in row] for row in document.xpath("//tbody/tr")}
    assert [rows["mail1"][column] for column in (1, 2, 5)] == ["1", "2", "1"]
    assert [rows["mail2"][column] for column in (1, 2, 5)] == ["1", "0", "0"]
    assert "WARNING 1 dead" in text_of(anna.get("/"))


def test_a_pause_stands_above_everything_with_who_and_why(anna: ConsoleClient, lanes: Lanes) -> None:
    lanes.controls.pause("all", reason="fire drill")
    lanes.controls.pause("server", "mail2", reason="new disks")
    shown = text_of(anna.get("/"))
    assert shown.index("EVERYTHING IS PAUSED") < shown.index("answering")
    assert "fire drill" in shown
    assert re.search(r"paused \d+ s ago: new disks", shown)


def test_a_group_that_is_paused_or_rests_is_said_on_every_page(anna: ConsoleClient, lanes: Lanes) -> None:
    lanes.controls.pause("group", "sales", reason="wrong rule")
    now_us = lanes.time_us()
    lanes.controls.rest("legal", (now_us - 1_000_000, now_us + 7_300_000_000))
    shown = text_of(anna.get("/"))
    assert "GROUP sales IS PAUSED 0 s ago: wrong rule" in shown
    assert "Resume group sales" in shown
    assert "GROUP legal HAS QUIET HOURS for another 2 h: nothing new starts there" in text_of(anna.get("/dead"))
    assert "resumed: group sales" in text_of(
        anna.post("/resume", {"scope": "group", "name": "sales", "why": "repaired"})
    )
    lanes.controls.rest("legal", None)
    assert "limits apply to a server or a mailbox" in text_of(anna.get("/limit?scope=group&name=sales"))


def test_a_queue_without_a_worker_and_a_policy_that_only_observes_are_said(installation: Installation) -> None:
    installation.write("[policy]\n")
    installation.lanes()
    with (
        running_console(installation.settings, write_logins(installation.directory / "logins")) as url,
        client_of(url, "vera") as vera,
    ):
        shown = text_of(vera.get("/drafts"))
    assert "NOTHING IS ANSWERED: live runs are not confirmed here" in shown
    assert "NO WORKER TAKES FROM THE QUEUE SCAN; start one: celery -A producer.app worker -Q scan" in shown
    assert "NO DISPATCHER RUNS" in shown


def test_a_server_shows_its_limits_and_why_its_items_wait(anna: ConsoleClient, lanes: Lanes) -> None:
    offer(lanes, *(f"a{number}" for number in range(4)))
    lanes.ledger.release()
    shown = text_of(anna.get("/server?name=mail1"))
    assert "server mail1: rate 10/s, burst 20, concurrency 4, as configured" in shown
    assert "mailbox busy 3 in 1" in shown
    unknown = anna.get("/server?name=mail9")
    assert (unknown.status_code, "no server 'mail9'; did you mean mail" in text_of(unknown)) == (400, True)


def test_mailboxes_that_are_not_well_are_found_by_server_group_and_state(anna: ConsoleClient, lanes: Lanes) -> None:
    lanes.controls.pause("mailbox", "o'neil", reason="on leave")
    shown = text_of(anna.get("/mailboxes"))
    assert "Not well: 2 of 3 mailboxes: paused 1 never 1" in shown
    assert "o'neil" not in text_of(anna.get("/mailboxes?state=never"))
    shown = text_of(anna.get("/mailboxes?group=legal&server=mail2"))
    assert "Not well here: 1: paused 1 " in shown, "as the command says of the same mailboxes"
    assert "o'neil" in shown
    assert "paused" in text_of(anna.get("/mailbox?name=o%27neil"))
    assert "No mailbox matches" in text_of(anna.get("/mailboxes?state=gone&group=sales"))
    chosen = page_of(anna.get("/mailboxes?state=gone&group=sales")).xpath("//option[@selected]/text()")
    assert chosen == ["sales", "gone"], "the form says what is shown"
    assert anna.get("/mailboxes?state=ill").status_code == 400
    assert "is not in the list" in text_of(anna.get("/mailbox?name=nobody"))


def test_a_long_list_is_shown_page_by_page(anna: ConsoleClient, lanes: Lanes) -> None:
    clock = Clock(int(time.time() * 1e6))
    timed = Lanes(lanes.namespace.redis, "rsvpq", now_us=clock.now_us)
    offer(timed, *(f"a{number}" for number in range(60)))
    for _ in range(60):
        clock.turn(1)  # the pace of the mailbox
        finish(timed, "dead", "dead:refused", "Refused: no")
    first, second = anna.get("/dead"), anna.get("/dead?page=2")
    counts = [len(page_of(shown).xpath("//tbody/tr")) for shown in (first, second)]
    assert counts == [50, 10]
    assert "1 to 50 of 60" in text_of(first)
    assert "51 to 60 of 60" in text_of(anna.get("/dead?page=99"))
    assert "1 to 50 of 60" in text_of(anna.get("/dead?page=-1"))


def test_a_dead_item_shows_its_evidence_and_advice(anna: ConsoleClient, lanes: Lanes) -> None:
    offer(lanes, "a1")
    finish(lanes, "dead", "dead:exhausted", "Transient: GET /exchange/adele/Inbox/Standup.EML returned 500")
    assert "1 mail1 Transient: GET … returned 500" in text_of(anna.get("/dead?reason=transient"))
    assert "No dead item matches" in text_of(anna.get("/dead?server=mail2"))
    shown = text_of(anna.get("/dead/item?id=a1"))
    assert "nothing was done to the mailbox" in shown
    assert "What to do: retry or drop it, as you like" in shown
    assert "own no ref rid:7, /exchange/adele/Inbox/7.EML subject" in shown
    assert anna.get("/dead/item?id=none").status_code == 400


def test_each_group_of_dead_items_leads_to_exactly_these(anna: ConsoleClient, lanes: Lanes) -> None:
    reasons = ("Refused: no", "Refused: no, and never again", "")
    for number, reason in enumerate(reasons):
        for mailbox in (ADELE, ONEIL):
            offer(lanes, f"{mailbox.name}{number}", mailbox=mailbox)
            finish(lanes, "dead", "dead:refused", reason)
    groups = page_of(anna.get("/dead")).xpath("//ul[@class='reasons']//a")
    assert len(groups) == 6
    for group in groups:
        shown = anna.get(group.get("href"))
        rows = [[cell.text_content() for cell in row] for row in page_of(shown).xpath("//tbody/tr")]
        assert [row[-1] for row in rows] == [group.text_content()]
        assert [row[3] for row in rows] == [group.getprevious().tail.strip()]
        assert "Only those with the reason" in text_of(shown)
    assert "dropped 1" in text_of(submit(anna, anna.get(drop_all_of(shown)), why="too old"))
    assert lanes.snapshot.status().dead == 5


def drop_all_of(shown: requests.Response) -> str:
    (address,) = page_of(shown).xpath("//a[starts-with(@href, '/dead/drop')]/@href")
    return str(address)


def test_an_unknown_name_in_an_address_is_said_and_not_taken_for_nothing(anna: ConsoleClient) -> None:
    for path in (
        *("/dead?server=mail9", "/dead?mailbox=nobody", "/dead/retry?all=1&server=mail9"),
        *("/dead/drop?all=1&mailbox=nobody", "/mailboxes?server=mail9", "/mailboxes?group=nobodies"),
        *("/decisions?mailbox=nobody", "/pause?scope=server&name=mail9", "/resume?scope=group&name=nobodies"),
        *("/confirm?group=nobodies", "/withdraw?group=nobodies", "/limit?scope=server&name=mail9"),
    ):
        shown = anna.get(path)
        assert shown.status_code == 400, path
        assert re.search("mail9|nobod(y|ies)", text_of(shown)), path


def test_an_error_page_leads_back_to_the_same_address_and_to_no_other_site(anna: ConsoleClient) -> None:
    def links(shown: requests.Response) -> list[str]:
        return [str(one) for one in page_of(shown).xpath("//main//a/@href")]

    assert links(anna.get("/mailboxes?state=ill&server=mail1")) == ["/mailboxes?state=ill&server=mail1", "/"]
    evil = requests.Request("GET", anna.url, cookies=anna.http.cookies).prepare()
    evil.url = f"{anna.url}//evil.example/x"
    shown = anna.http.send(evil, timeout=WAIT_S)
    assert (shown.status_code, links(shown)) == (404, ["/", "/"])
    assert links(anna.http.post(f"{anna.url}/pause", timeout=WAIT_S)) == ["/"], "nothing is sent again by a link"


def test_decisions_and_operator_actions_of_the_last_hours_are_listed(anna: ConsoleClient, lanes: Lanes) -> None:
    facts = '["request","adele","run","uid","boss@example.com","Standup",""]'
    record = DecisionRecord("a1", facts, "accept", "default", "no rule applies")
    lanes.ledger.record_decisions(contract.lane_of(ADELE), DecisionBatch("", (record,), 3600))
    lanes.controls.pause("server", "mail2", reason="new disks")
    anna.post("/resume?scope=server&name=mail2", {"scope": "server", "name": "mail2", "why": "disks are in"})
    anna.post("/pause?scope=group&name=sales", {"scope": "group", "name": "sales", "why": "wrong rule"})
    shown = text_of(anna.get("/decisions?hours=1"))
    assert "Answers sent and responses opened" in shown
    assert "accept default no rule applies request Standup" in shown
    assert "anna (console) resume server mail2 disks are in" in shown
    assert "anna (console) pause a group wrong rule, group sales" in shown
    assert anna.get("/decisions?hours=1000").status_code == 400


@pytest.mark.parametrize("path", ["/dead", "/dead/item?id=a1", "/mailbox?name=adele", "/dead/retry?id=a1"])
def test_what_a_stranger_wrote_stays_text(anna: ConsoleClient, lanes: Lanes, path: str) -> None:
    plain = page_of(anna.get("/dead"))
    offer(lanes, "a1", subject=MARKUP)
    finish(lanes, "dead", "dead:refused", f"Refused: {MARKUP}")
    shown = page_of(anna.get(path))
    assert not shown.xpath("//img | //@onerror")
    assert not plain.xpath("//@style | //style | //script[not(@src)]")
    if path.startswith("/dead") and "retry" not in path:
        assert MARKUP in shown.text_content()


def test_the_lag_is_kept_for_each_minute(anna: ConsoleClient, lanes: Lanes) -> None:
    an_hour_ago = Lanes(lanes.namespace.redis, "rsvpq", now_us=lambda: int((time.time() - 3600) * 1e6))
    offer(an_hour_ago, "a1")
    until(
        lambda: "at most 60 min, 60 min in the last minute" in text_of(anna.get("/")),
        "the sample shows it",
        every_s=0.2,
    )


def test_the_lag_is_sampled_while_nobody_looks(installation: Installation, lanes: Lanes) -> None:
    offer(lanes, "a1")
    console = application.make_console(installation.settings, LoginFile(installation.directory / "logins"))

    async def sample() -> float:
        sampling = asyncio.create_task(console.readings.sample())
        async with asyncio.timeout(WAIT_S):
            while (lag := console.readings.history.of("mail1", time.time(), 2)) == [None, None]:
                await asyncio.sleep(0.01)
        sampling.cancel()
        return max(one for one in lag if one is not None)

    try:
        assert 0 < asyncio.run(sample()) < WAIT_S
    finally:
        console.close()


def test_what_takes_long_keeps_nothing_else_waiting(installation: Installation, lanes: Lanes) -> None:
    lanes.controls.pause("server", "mail2", reason="new disks")
    console = application.make_console(installation.settings, LoginFile(installation.directory / "logins"))
    readings, go = console.readings, threading.Event()

    async def ask() -> list[str]:
        for _ in range(10):
            console.slow.submit(go.wait, WAIT_S)
        slow: list[SharedReading[Any]] = [
            readings.mailboxes,
            readings.lanes,
            readings.drafts,
            *readings.periods.values(),
        ]
        asked = [asyncio.create_task(reading.get()) for reading in slow]
        status = (await readings.look()).value.status
        assert not any(one.done() for one in asked)
        go.set()
        await asyncio.gather(*asked)
        return [name for name, server in status.servers.items() if server.paused]

    try:
        assert asyncio.run(ask()) == ["mail2"]
    finally:
        go.set()
        console.close()


# -- changing ------------------------------------------------------------------------------------------------------


def test_a_pause_by_the_page_has_the_name_of_the_login_in_the_audit(anna: ConsoleClient, lanes: Lanes) -> None:
    after = anna.post("/pause?scope=server&name=mail1", {"scope": "server", "name": "mail1", "why": "new disks"})
    assert after.url.endswith("/server?name=mail1")
    assert "paused: server mail1" in text_of(after)
    assert re.search(r"paused by anna \(console\) \d+ s ago: new disks", text_of(after))
    assert lanes.snapshot.pauses([contract.lane_of(ADELE)]) != {}
    (record,) = actions(lanes)
    assert (record["who"], record["step"], record["server"], record["reason"]) == (
        "anna (console)",
        "pause",
        "mail1",
        "new disks",
    )
    assert "paused: server mail1 " not in text_of(anna.get("/server?name=mail1")), "a notice is shown once"


def test_a_pause_may_end_by_itself(anna: ConsoleClient, lanes: Lanes) -> None:
    refused = anna.post("/pause?scope=all", {"scope": "all", "why": "fire drill", "lasts": "long"})
    assert (refused.status_code, actions(lanes)) == (400, [])
    assert "Nothing was done: for how long: 'long' is not a duration" in text_of(refused)
    assert 'value="fire drill"' in refused.text, "what was entered is still there"
    assert ", until 20" in text_of(anna.post("/pause?scope=all", {"scope": "all", "why": "drill", "lasts": "2h"}))


def test_limits_are_set_and_restored(anna: ConsoleClient, lanes: Lanes) -> None:
    path, scope = "/limit?scope=server&name=mail1", {"scope": "server", "name": "mail1"}
    assert "server mail1: rate 10/s" in text_of(anna.get(path))
    assert "no limit is given" in text_of(anna.post(path, {**scope, "why": "slow"}))
    assert "burst: 0 is not a whole number" in text_of(anna.post(path, {**scope, "why": "slow", "burst": "0"}))
    assert "rate 10/s -> 1/s" in text_of(anna.post(path, {**scope, "why": "slow", "rate": "1/s", "burst": ""}))
    assert "server mail1: rate 1/s, set by anna (console)" in text_of(anna.get("/"))
    assert "1/s -> 10/s (configured)" in text_of(anna.post(path, {**scope, "why": "well", "reset": "1"}))
    assert [record["reason"] for record in actions(lanes)] == ["slow", "well"]


def test_dead_items_are_retried_and_dropped_with_a_reason(anna: ConsoleClient, lanes: Lanes) -> None:
    offer(lanes, "a1", "a2", "a3")
    for _ in range(3):
        finish(lanes, "dead", "dead:refused", "Refused: no")
    shown = anna.get("/dead/retry?id=a1&id=a2")
    assert "Retry 2 dead items" in text_of(shown)
    shown = submit(anna, shown, why="")
    assert "Nothing was done: reason: " in text_of(shown)
    assert "retried 2" in text_of(submit(anna, shown, why="mended"))
    assert "All dead items with server 'mail1': 1 at present." in text_of(anna.get("/dead/drop?all=1&server=mail1"))
    assert "dropped 1" in text_of(anna.post("/dead/drop?all=1&server=mail1", {"why": "too old"}))
    assert lanes.snapshot.status().dead == 0
    assert "no item is chosen" in text_of(anna.get("/dead/retry"))
    assert {(record["step"], record["who"], record["reason"]) for record in actions(lanes)} == {
        ("retry", "anna (console)", "mended"),
        ("drop", "anna (console)", "too old"),
    }


def test_scans_are_triggered_through_the_queue_with_a_reason(anna: ConsoleClient, lanes: Lanes) -> None:
    lanes.controls.pause("server", "mail1", reason="new disks")
    for address, words, arguments in (
        ("/server?name=mail1", "scan of 2 mailboxes triggered: task", {"mailboxes": ["adele", "bruno"]}),
        ("/mailbox?name=adele", "scan of 1 mailbox triggered: task", {"mailboxes": ["adele"]}),
        ("/", "scan of 3 mailboxes triggered: task", {}),
    ):
        (form,) = page_of(anna.get(address)).xpath("//p[contains(@class, 'actions')]/a[starts-with(., 'Scan')]/@href")
        shown = submit(anna, anna.get(form), why="back from maintenance")
        assert words in text_of(shown)
        assert "server mail1 is paused: new disks; its scans wait" in text_of(shown)
        sent = json.loads(str(lanes.namespace.redis.lpop(f"rsvpq:{contract.SCAN_QUEUE}")))
        assert sent["headers"]["task"] == contract.SCAN
        assert json.loads(b64decode(sent["body"]))[1] == arguments
    assert [(one["step"], one.get("server", one.get("mailbox")), one["note"]) for one in actions(lanes)[-3:]] == [
        ("scan", "mail1", "mailboxes 2"),
        ("scan", "adele", "mailboxes 1"),
        ("scan", None, "mailboxes 3"),
    ]
    assert {one["reason"] for one in actions(lanes)[-3:]} == {"back from maintenance"}


def test_a_draft_is_sent_by_its_link(anna: ConsoleClient, lanes: Lanes) -> None:
    (form,) = page_of(anna.get("/drafts")).xpath("//td/a[. = 'send']/@href")
    assert "The draft 'Accepted: Budget' in adele, an answer of the kind accept." in text_of(anna.get(form))
    shown = submit(anna, anna.get(form), why="she is on leave")
    assert "the draft rid:1 of adele will be sent" in text_of(shown)
    (release,) = lanes.ledger.release()
    (record,) = actions(lanes)
    assert (record["step"], record["mailbox"], record["reason"]) == ("send-draft", "adele", "she is on leave")
    assert f"draft rid:1, item {release.id}" in record["note"]
    assert anna.get("/drafts/send?mailbox=adele&draft=rid:2").status_code == 400


def test_live_runs_are_confirmed_as_by_the_command(installation: Installation) -> None:
    installation.write("[policy]\n")
    lanes = installation.lanes()
    with (
        running_console(installation.settings, write_logins(installation.directory / "logins")) as url,
        client_of(url, "anna") as anna,
    ):
        assert "answers cannot be recalled" in text_of(anna.get("/confirm"))
        assert "Nothing was done: nothing was confirmed: tick" in text_of(anna.post("/confirm", {"why": "looked"}))
        assert lanes.controls.confirmed() == ""
        assert "answering, confirmed by anna (console) at" in text_of(
            anna.post("/confirm", {"why": "looked", "yes": "1"})
        )
        assert lanes.controls.confirmed().startswith("anna (console) at ")
        assert "NOTHING IS ANSWERED" in text_of(anna.post("/withdraw", {"why": "a mistake"}))
        installation.write("")
    assert [(record["step"], record["reason"]) for record in actions(lanes)] == [
        ("confirm", "looked"),
        ("withdraw", "a mistake"),
    ]


def test_a_group_is_confirmed_and_withdrawn_alone(installation: Installation) -> None:
    installation.write("[policy]\n")
    (installation.directory / "mailboxes.csv").write_text("mailbox,server,group\nadele,mail1,pilot\nbob,mail1,<b>all\n")
    lanes = installation.lanes()
    with (
        running_console(installation.settings, write_logins(installation.directory / "logins")) as url,
        client_of(url, "anna") as anna,
    ):
        assert "only <b>all (1) only pilot (1)" in text_of(anna.get("/confirm"))
        assert "in 1 of 2 mailboxes" in text_of(anna.get("/confirm?group=pilot"))
        answer = {"why": "looked", "yes": "1", "group": "pilot"}
        assert "answering in groups pilot (1 of 2 mailboxes)" in text_of(anna.post("/confirm", answer))
        assert (lanes.controls.confirmed(), [*lanes.controls.confirmed_groups()]) == ("", ["pilot"])
        assert "only pilot" not in text_of(anna.get("/confirm"))
        assert "only pilot" in text_of(anna.get("/withdraw"))
        assert "NOTHING IS ANSWERED" in text_of(anna.post("/withdraw", {"why": "a mistake", "group": "pilot"}))
        assert lanes.controls.confirmed_groups() == {}


def test_nothing_is_confirmed_while_the_mode_is_observe(installation: Installation) -> None:
    installation.config.write_text(installation.config.read_text().replace('mode = "respond"', 'mode = "observe"'))
    installation.lanes()
    with (
        running_console(installation.settings, write_logins(installation.directory / "logins")) as url,
        client_of(url, "anna") as anna,
    ):
        assert 'mode = "observe": nothing would be answered' in text_of(anna.get("/confirm"))


@pytest.mark.parametrize("path", CHANGES)
def test_nothing_is_done_without_a_reason(anna: ConsoleClient, lanes: Lanes, path: str) -> None:
    for why in ("", "   ", "x" * 201):
        refused = anna.post(path, {**fields_of(path), **CHANGES[path], "why": why})
        assert refused.status_code == 400
        assert "Nothing was done: reason: " in text_of(refused)
    assert actions(lanes) == []


@pytest.mark.parametrize("path", CHANGES)
def test_a_viewer_sees_no_button_and_may_change_nothing(url: str, lanes: Lanes, path: str) -> None:
    with client_of(url, "vera") as vera:
        token = token_of(vera, "/")
        given = {**fields_of(path), **CHANGES[path], "why": "curious", "_xsrf": token}
        assert vera.http.post(url + path, data=given, timeout=WAIT_S).status_code == 403
        assert vera.get(path).status_code == 403
        assert path.partition("?")[0] not in vera.get("/").text + vera.get("/drafts").text
    assert actions(lanes) == []


@pytest.mark.parametrize("path", CHANGES)
def test_nothing_is_done_without_the_token_of_a_form(anna: ConsoleClient, lanes: Lanes, path: str) -> None:
    for token in ({}, {"_xsrf": ""}, {"_xsrf": "2|00000000|00000000000000000000000000000000|1"}):
        given = {**fields_of(path), **CHANGES[path], "why": "forged", **token}
        refused = anna.http.post(anna.url + path, data=given, timeout=WAIT_S)
        assert refused.status_code == 403
        assert "the form is too old, or is not ours" in text_of(refused)
    assert actions(lanes) == []


@pytest.mark.parametrize("path", CHANGES)
def test_nothing_is_done_without_a_login(url: str, lanes: Lanes, path: str) -> None:
    with client_of(url) as stranger:
        given = {**fields_of(path), **CHANGES[path], "why": "forged", "_xsrf": token_of(stranger, "/login")}
        refused = stranger.http.post(url + path, data=given, timeout=WAIT_S)
    assert refused.status_code == 403
    assert actions(lanes) == []


def submit(client: ConsoleClient, shown: requests.Response, **entered: str) -> requests.Response:
    """Send the form of a page with everything that is in it, as a browser does."""
    form = page_of(shown).xpath("//form[@class='action']")[0]
    given = [(name, value) for name, value in form.form_values() if name not in entered]
    return client.http.post(client.url + form.action, data=[*given, *entered.items()], timeout=WAIT_S)


def fields_of(path: str) -> dict[str, str]:
    return dict(part.split("=") for part in path.partition("?")[2].split("&") if part)


def token_of(client: ConsoleClient, path: str) -> str:
    found = re.search(r'name="_xsrf" value="([^"]+)"', client.get(path).text)
    assert found
    return unescape(found[1])


# -- logging in ----------------------------------------------------------------------------------------------------


def test_every_page_asks_for_a_login(installation: Installation, url: str) -> None:
    console = application.make_console(installation.settings, LoginFile(installation.directory / "logins"))
    router: Any = application.make_application(console).wildcard_router
    console.close()
    routes = [rule.matcher.regex.pattern for rule in router.rules]
    paths = {pattern.removesuffix("$") for pattern in routes} - {"/login", "/logout", "/healthcheck"}
    assert {"/", "/pause", "/dead/item"} <= paths
    with client_of(url) as stranger:
        for path in (*sorted(path for path in paths if "(" not in path), "/nowhere"):
            shown = stranger.http.get(url + path, timeout=WAIT_S, allow_redirects=False)
            assert (shown.status_code, shown.headers["Location"].partition("?")[0]) == (302, "/login"), path
            assert "mail1" not in shown.text
        assert stranger.get("/healthcheck").text == "OK\n"
        assert stranger.get("/static/console.css").headers["Content-Type"] == "text/css"
        for path in ("/static/../page.py", "/static/%2e%2e/page.py", "/static/report.css", "/static/page.html"):
            assert "import" not in stranger.get(path).text


def test_a_login_leads_back_to_the_page_that_was_asked_for(url: str) -> None:
    with client_of(url) as anna:
        form = anna.get("/server?name=mail1")
        assert form.url.endswith("/login?next=%2Fserver%3Fname%3Dmail1")
        given = {"name": "anna", "password": PASSWORDS["anna"], "next": "/server?name=mail1"}
        assert anna.post("/login", given).url == f"{url}/server?name=mail1"
        anna.post("/logout", {"_xsrf": token_of(anna, "/")})
        assert anna.get("/").url.endswith("/login?next=%2F")


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_leads_to_no_other_site(url: str, target: str) -> None:
    with client_of(url) as anna:
        given = {"name": "anna", "password": PASSWORDS["anna"], "next": target, "_xsrf": token_of(anna, "/login")}
        reply = anna.http.post(f"{url}/login", data=given, timeout=WAIT_S, allow_redirects=False)
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")


def test_a_session_is_in_a_cookie_that_scripts_and_other_sites_do_not_get(url: str) -> None:
    with client_of(url) as anna:
        given = {"name": "anna", "password": PASSWORDS["anna"], "_xsrf": token_of(anna, "/login")}
        reply = anna.http.post(f"{url}/login", data=given, timeout=WAIT_S, allow_redirects=False)
        cookie = reply.headers["Set-Cookie"]
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "samesite=strict", "path=/"}
        value = anna.http.cookies["rsvpq-session"]
        before = anna.get("/").url
        anna.http.cookies.set("rsvpq-session", value[:-2] + ("aa" if value[-2:] != "aa" else "bb"), domain="127.0.0.1")
        assert before == f"{url}/"
        with requests.Session() as forged:
            forged.cookies.set("rsvpq-session", value[:-2] + "00")
            assert "/login" in forged.get(url, timeout=WAIT_S).url


def test_wrong_logins_are_refused_and_limited(url: str) -> None:
    with client_of(url) as stranger:
        unknown, wrong = stranger.log_in("nobody", "x" * 20), stranger.log_in("anna", "x" * 20)
        assert (unknown.status_code, wrong.status_code) == (403, 403)
        assert text_of(unknown) == text_of(wrong)
        replies = [stranger.log_in("anna", "x" * 20) for _ in range(10)]
        assert replies[-1].status_code == 429
        assert "There were too many attempts" in text_of(replies[-1])
        assert stranger.log_in("anna").status_code == 429, "even by the right password"
        assert stranger.log_in("vera").status_code == 200, "others still can"


@pytest.mark.parametrize(
    ("console", "counted"),
    [
        ({}, "127.0.0.1"),
        ({"behind_proxy": True}, "203.0.113.7"),
        ({"behind_proxy": True, "proxies": ("10.0.0.0/8",)}, "127.0.0.1"),
        ({"behind_proxy": True, "proxies": ("127.0.0.1", "203.0.113.0/24")}, "198.51.100.1"),
    ],
)
def test_guesses_count_for_the_address_that_a_trusted_proxy_has_seen(
    installation: Installation, caplog: pytest.LogCaptureFixture, console: dict[str, Any], counted: str
) -> None:
    settings = installation.settings.model_copy(update={"console": ConsoleSettings(**console)})
    invented = {"X-Real-Ip": "192.0.2.1", "X-Scheme": "http", "X-Forwarded-Proto": "http"}
    invented["X-Forwarded-For"] = "192.0.2.2, 198.51.100.1, 203.0.113.7"
    with running_console(settings, write_logins(installation.directory / "logins")) as url:
        form = requests.get(f"{url}/login", headers=invented, timeout=WAIT_S)
        (cookie,) = form.headers["Set-Cookie"].split(";")[:1]
        assert ("; Secure" in form.headers["Set-Cookie"]) is bool(console), "whatever the request says"
        token = unescape(page_of(form).xpath("//input[@name='_xsrf']/@value")[0])
        given = {"name": "anna", "password": "x" * 20, "_xsrf": token}
        refused = requests.post(
            f"{url}/login", data=given, headers={**invented, "Cookie": cookie}, timeout=WAIT_S, allow_redirects=False
        )
    assert refused.status_code == 403
    assert f"event=login-refused name='anna' address={counted} reason=password" in caplog.text


def test_a_changed_role_holds_at_once(installation: Installation, url: str, lanes: Lanes) -> None:
    with client_of(url, "anna") as anna:
        logins = installation.directory / "logins"
        logins.write_text(logins.read_text().replace("anna:operator", "anna:viewer"))
        assert "/login" in anna.get("/").url
    assert actions(lanes) == []


def test_every_response_says_what_a_browser_may_load(url: str, anna: ConsoleClient) -> None:
    paths = (*READ, "/login", "/nowhere", "/healthcheck", "/static/console.js", "/static/none", "/pause?scope=all")
    for path in paths:
        headers = anna.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert "Server" not in headers
        if not path.startswith("/static/"):
            assert headers["Cache-Control"] == "no-store", path
    assert requests.get(f"{url}/", timeout=WAIT_S, allow_redirects=False).headers["X-Frame-Options"] == "DENY"


def test_no_template_passes_text_through_unescaped() -> None:
    raw = {
        found
        for template in Path(page.__file__).parent.glob("templates/*.html")
        for found in re.findall(r"{%\s*(?:raw|module|autoescape)\s+(.+?)\s*%}", template.read_text())
    }
    assert raw == {"xsrf_form_html()", "row.lag", "lag", "chart"}


# -- Redis ---------------------------------------------------------------------------------------------------------


def test_nothing_is_shown_while_redis_is_away(tmp_path: Path, server: QueueServer) -> None:
    ours = Installation(tmp_path, server.url)
    ours.lanes()
    with (
        running_console(ours.settings, write_logins(tmp_path / "logins")) as url,
        client_of(url, "anna") as anna,
    ):
        assert "mail1" in text_of(anna.get("/"))
        token = token_of(anna, "/pause?scope=all")
        server.part.end()
        for path in READ:
            shown = anna.get(path)
            assert shown.status_code == 503, path
            assert "Redis cannot be read" in text_of(shown)
            assert "mail1" not in text_of(shown)
        given = {"scope": "all", "why": "drill", "_xsrf": token}
        refused = anna.http.post(f"{url}/pause", data=given, timeout=WAIT_S)
        assert refused.status_code == 503
        assert "Whether it was done is not known" in text_of(refused)
        assert anna.get("/healthcheck").status_code == 200
        server.start()
        until(lambda: anna.get("/").status_code == 200, "Redis is found again")


# -- the process ---------------------------------------------------------------------------------------------------


def environment_of(installation: Installation, **more: str) -> dict[str, str]:
    return {**installation.environment, **{f"RSVPQ_CONSOLE__{name}": value for name, value in more.items()}}


def run(installation: Installation, **more: str) -> subprocess.CompletedProcess[str]:
    return run_forked(["-m", "rsvpq.console"], environment_of(installation, **more))


def _without(shown: str, words: str) -> str:
    return "" if words in shown else shown


def test_a_process_serves_https_says_that_its_settings_are_old_and_ends_on_a_signal(
    installation: Installation, lanes: Lanes, tmp_path: Path
) -> None:
    del lanes
    authority, port = Authority(tmp_path), free_port()
    logins = write_logins(tmp_path / "logins")
    more = {"LISTEN": f"0.0.0.0:{port}", "LOGINS_FILE": str(logins)}
    more["CERTIFICATE"] = str(authority.certificate("console", identified=True))
    log, env = tmp_path / "console.log", environment_of(installation, **more)
    part = python_part("console", ["-m", "rsvpq.console"], forks=fork_server(), log=log, env=env)
    try:
        part.wait_for(lambda: "event=started" in part.tail(), "it listens")
        with client_of(f"https://127.0.0.1:{port}") as anna:
            anna.http.verify = str(authority.file)
            reply = anna.log_in("anna")
            assert "answering" in text_of(reply)
            assert "rsvpq.toml has changed" not in text_of(reply)
            cookies = {cookie.name: cookie.secure for cookie in anna.http.cookies}
            assert cookies == {"__Host-rsvpq-session": True, "__Host-rsvpq-session-xsrf": True}
            installation.config.write_text(installation.config.read_text().replace('"respond"', '"observe"'))
            shown = text_of(anna.get("/drafts"))
            assert "rsvpq.toml has changed, and the former settings are still in force: rsvpq config apply" in shown
            applied = run_rsvpq(("config", "apply", "--no-wait"), environment_of(installation, **more))
            assert applied.returncode == 0, applied.stderr
            until(lambda: _without(text_of(anna.get("/drafts")), "has changed"), "the console takes it up")
            until(lambda: 'mode = "observe"' in text_of(anna.get("/drafts")), "its pages show what it means")
        os.kill(part.pid, signal.SIGTERM)
        assert part.process.wait(WAIT_S) == 0
        assert PASSWORDS["anna"] not in log.read_text()
        assert "event=login name=anna role=operator" in log.read_text()
    finally:
        part.end()


def test_it_does_not_start_where_passwords_could_be_read_or_nobody_could_log_in(
    installation: Installation, tmp_path: Path
) -> None:
    logins = str(write_logins(tmp_path / "logins"))
    for more, complaint in (
        ({"LISTEN": "0.0.0.0:5556", "LOGINS_FILE": logins}, "can be reached from other machines"),
        ({}, "console.logins_file: is missing, and nobody could log in"),
        ({"LOGINS_FILE": logins, "CERTIFICATE": logins}, "RSVPQ_CONSOLE__CERTIFICATE: cannot be used with its key"),
    ):
        ended = run(installation, **more)
        assert (ended.returncode, complaint in ended.stderr, "Traceback" in ended.stderr) == (2, True, False), (
            ended.stderr
        )


def test_an_address_that_is_taken_is_named_by_the_console(installation: Installation, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        ended = run(installation, LISTEN=address, LOGINS_FILE=str(write_logins(tmp_path / "logins")))
    assert (ended.returncode, f"cannot listen on {address}" in ended.stderr) == (1, True), ended.stderr
