"""What an operator does in the console, in headless Chromium: one browser, one console, one walk."""

import asyncio
from pathlib import Path

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Ending, Item, Lanes
from rsvpq.mail.messages import Mailbox
from rsvpq.tasks import contract
from testbed.queue_server import QueueServer, queue_server
from tests.support.chromium import Tab, browser_tab
from tests.support.installation import Installation, report_processes
from tests.support.running_console import PASSWORDS, running_console, write_logins

ADELE = Mailbox("adele", "mail1")
PAGES = (
    *("/", "/server?name=mail1", "/mailboxes", "/mailbox?name=adele", "/lanes", "/dead", "/dead/item?id=a1"),
    *("/drafts", "/decisions", "/pause?scope=all", "/limit?scope=server&name=mail1", "/nowhere"),
)
LONG = "W" * 200


def test_an_operator_pauses_watches_and_sees_when_the_page_is_old(chromium: str, tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    with queue_server(tmp_path / "queue") as server:
        installation = Installation(tmp_path, server.url)
        lanes = installation.lanes()
        report_processes(lanes, "scan", "answer", "ops")
        with running_console(installation.settings, write_logins(tmp_path / "logins")) as url:
            asyncio.run(walk(chromium, tmp_path, url, lanes, server))


async def walk(chromium: str, directory: Path, url: str, lanes: Lanes, server: QueueServer) -> None:
    async with browser_tab(chromium, directory) as tab:
        await log_in(tab, url)
        await pause(tab, lanes)
        one_is_dead(lanes)
        await every_page_fits(tab, url)
        await a_page_reads_itself_again(tab, url, lanes)
        assert [one for one in tab.complaints if "404" not in one] == []
        server.part.end()
        await tab.has("!document.getElementById('stale').hidden")
        assert "What is below is old: since" in await tab.text()
        assert "Redis cannot be read" in await tab.text()
        await tab.has("document.getElementById('live').classList.contains('old')")


async def log_in(tab: Tab, url: str) -> None:
    await tab.go(url)
    await tab.enter("[name=name]", "anna")
    await tab.enter("[name=password]", PASSWORDS["anna"])
    await tab.click(".action button")
    assert "anna, operator" in await tab.text()


async def pause(tab: Tab, lanes: Lanes) -> None:
    """Pause a server by the links of the overview, with a reason."""
    await tab.click("a[href='/pause?scope=server&name=mail1']")
    await tab.enter("[name=why]", "new disks")
    await tab.click("button.main")
    assert "paused by anna (console)" in await tab.text()
    (record,) = AuditLog(lanes).read(Filter(frozenset({"operator"})))
    assert (record["who"], record["server"], record["reason"]) == ("anna (console)", "mail1", "new disks")
    lanes.controls.resume("server", "mail1")


def one_is_dead(lanes: Lanes) -> None:
    payload = {"kind": "request", "subject": LONG}
    lanes.ledger.offer(contract.lane_of(ADELE), [Item("a1", contract.ANSWER_REQUEST, "answer", payload)])
    (release,) = lanes.ledger.release()
    lanes.ledger.start("a1", release.generation, "worker")
    lanes.ledger.finish(
        "a1", release.generation, "worker", Ending("dead", label="dead:refused", reason=f"Refused: {LONG}")
    )


async def every_page_fits(tab: Tab, url: str) -> None:
    """No page is wider than its window, however long its words are, and each has the colors that are preferred."""
    for width, dark in ((1280, True), (400, False)):
        await tab.show_as(width, "dark" if dark else "light")
        for path in PAGES:
            await tab.go(url + path)
            wide = await tab.value("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{path} at {width} px is too wide by {wide}"
        background = await tab.value("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) < 300) is dark, background


async def a_page_reads_itself_again(tab: Tab, url: str, lanes: Lanes) -> None:
    """It shows what has changed, and takes nothing away from somebody who has ticked something."""
    await tab.go(f"{url}/dead")
    assert await tab.value("isInUse()") is False
    assert await tab.value("document.querySelector('[type=checkbox]').checked = true; isInUse()") is True
    await tab.go(f"{url}/")
    await tab.show_as(400, "light")
    await tab.value("document.querySelector('.servers a').focus(); document.querySelector('.scroll').scrollLeft = 90")
    await tab.value("window.shown = place()")
    lanes.controls.pause("all", reason="fire drill")
    await tab.has("document.body.innerText.includes('EVERYTHING IS PAUSED')")
    assert "fire drill" in await tab.text()
    assert await tab.value("shown !== place() && document.querySelector('.scroll').scrollLeft") == 90
    assert await tab.value("document.activeElement === document.querySelector('.servers a')"), (
        "it can be gone on by keys"
    )
