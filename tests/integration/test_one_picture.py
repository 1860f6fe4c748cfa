"""Status, check, metrics, doctor and console show one installation, and so say the same of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import html

from rsvpq.lanes import Lanes
from rsvpq.mail.errors import Busy, ExchangeError, Gone, LoginRefused, MailboxRefused, Transient
from rsvpq.mail.messages import Mailbox
from testbed.processes import until
from tests.integration.test_mailboxes_command import scan, unlist
from tests.support.installation import Installation, report_processes
from tests.support.running_console import ConsoleClient, client_of, running_console, write_logins
from tests.support.scenarios import earlier
from tests.support.scrape import scrape

ADELE, BRUNO = Mailbox("adele", "mail1", "sales"), Mailbox("bruno", "mail1", "sales")
NEIL = Mailbox("o'neil", "mail2", "legal")


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """An installation with a schedule and all its processes."""
    installation.write('[[schedule]]\nevery = "1h"\n')
    known = installation.lanes()
    report_processes(known, "scan", "answer", "ops")
    return known


@pytest.fixture
def anna(installation: Installation) -> Iterator[ConsoleClient]:
    """An operator at the console."""
    with (
        running_console(installation.settings, write_logins(installation.directory / "logins")) as url,
        client_of(url, "anna") as client,
    ):
        yield client


def row_of_console(client: ConsoleClient, server: str) -> dict[str, str]:
    """The row of a server in the first page of the console, by column."""
    page: Any = html.document_fromstring(client.get("/").text)
    (table,) = page.xpath("//table[contains(@class, 'servers')]")
    headings = [cell.text_content() for cell in table.xpath("thead//th")]
    (row,) = table.xpath(f"tbody/tr[th/a[text() = '{server}']]")
    return dict(zip(headings, (" ".join(cell.text_content().split()) for cell in row.xpath("th|td")), strict=True))


def test_a_mailbox_that_has_left_the_list_is_late_and_counted_nowhere(
    installation: Installation, lanes: Lanes, anna: ConsoleClient
) -> None:
    scan(earlier(lanes, 9 * 3600), BRUNO)
    scan(lanes, ADELE)
    unlist(installation, "bruno")

    of_status = json.loads(installation.rsvpq("status", "--json").stdout)["servers"]["mail1"]
    checked = installation.rsvpq("check")
    metrics = scrape(installation.settings)
    until(lambda: row_of_console(anna, "mail1")["mailboxes"] == "1", "the console has read the new list")

    assert of_status["mailboxes"] == metrics.value("rsvpq_mailboxes", server="mail1", state="all") == 1
    oldest_s = metrics.value("rsvpq_scan_age_seconds", server="mail1", which="oldest") or 3600
    assert max(oldest_s, of_status["oldest_scan_s"]) < 3600
    assert "h" not in row_of_console(anna, "mail1")["oldest scan"]
    assert "the oldest scan" not in checked.stdout
    assert "1 mailbox has left the list" in checked.stdout


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (MailboxRefused("SEARCH /bruno/Inbox returned 401"), "refused"),
        (LoginRefused("SEARCH /bruno/Inbox returned 401"), "refused"),
        (Gone("PROPFIND /bruno/ returned 404"), "gone"),
        (Transient("SEARCH /bruno/Inbox returned 500"), "failed"),
        (Busy("SEARCH /bruno/Inbox returned 503"), "failed"),
        (Busy("the mailbox is being moved", 60, "mailbox"), "held"),
    ],
)
def test_a_mailbox_that_cannot_be_scanned_is_in_the_same_state_everywhere(
    installation: Installation, lanes: Lanes, end: ExchangeError, state: str
) -> None:
    for mailbox in (ADELE, BRUNO):
        scan(lanes, mailbox, run="first")
    scan(lanes, BRUNO, end)
    others = {"refused", "gone", "held", "failed"} - {state}
    named = json.loads(installation.rsvpq("mailboxes", "--server", "mail1", "--json").stdout)
    assert named["states"] == {state: 1}
    metrics = scrape(installation.settings)
    assert metrics.value("rsvpq_mailboxes", server="mail1", state=state) == 1
    assert {metrics.value("rsvpq_mailboxes", server="mail1", state=other) for other in others} == {0}
    said = f"1 mailbox cannot be scanned ({state} 1)"
    assert f"{said}: rsvpq mailboxes" in installation.rsvpq("status").stdout.splitlines()
    doctor = json.loads(installation.rsvpq("doctor", "--json").stdout)
    assert [one["text"] for one in doctor["processes"] if one["check"] == "unscanned"] == [said]


def test_a_mailbox_is_late_by_the_schedule_of_its_group_everywhere(installation: Installation, lanes: Lanes) -> None:
    installation.write('[[schedule]]\nevery = "10m"\ngroup = "sales"\n\n[[schedule]]\nevery = "4h"\n')
    for mailbox in (ADELE, NEIL):
        scan(earlier(lanes, 3600), mailbox)
    scan(lanes, BRUNO)
    late = {name: 1.0 if name == "mail1" else 0.0 for name in ("mail1", "mail2")}
    metrics = scrape(installation.settings)
    assert {name: metrics.value("rsvpq_mailboxes", server=name, state="late") for name in late} == late
    named = json.loads(installation.rsvpq("mailboxes", "--json").stdout)
    assert [row["mailbox"] for row in named["rows"] if "late" in row["states"]] == ["adele"]
    assert "; 1 late" in installation.rsvpq("status").stdout
    assert "1 mailbox of mail1 late" in installation.rsvpq("check").stdout
