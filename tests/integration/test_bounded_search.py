"""A folder is read to a bound, and one message without end never takes its mailbox along."""

import pytest

from producer.scan import scan
from rsvpq.http import auth
from rsvpq.lanes import Lanes
from rsvpq.webdav import search
from rsvpq.webdav.folders import Folders
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from tests.support.scripted_server import NO_ROWS, XML, ScriptedServer, play, rows_page
from tests.support.visits import Visitor

FOLDERS = Folders(*(f"/exchange/adele/{name}" for name in ("Inbox", "Drafts", "Sent", "Deleted", "send")))


def adele(scripted: ScriptedServer) -> WebDavMailbox:
    """A mailbox whose folders are known."""
    return WebDavMailbox(WebDavServer(scripted.url + "/exchange/", auth.basic("svc", "secret")), "adele", FOLDERS)


def test_a_message_with_a_text_without_end_is_held_and_the_others_are_decided_on(
    lanes: Lanes, scripted: ScriptedServer
) -> None:
    page = rows_page(1, 2, 3).replace(b">rid:2<", b">" + b"r" * 100_000 + b"<")
    scripted.script(play(207, page, **XML), play(207, NO_ROWS, **XML))
    outcome = scan(Visitor(lanes, adele(scripted)).visit())
    assert outcome.note == "found 3, offered 0, skipped 2 age-unknown, 1 overlong"


def test_a_folder_beyond_all_measure_is_read_in_part_and_the_rest_counts_as_unreadable(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_CHARACTERS", 6000)
    scripted.script(
        play(207, rows_page(*range(10)), Content_Range="rows 0-9; total=30", **XML),
        play(207, rows_page(*range(10, 20)), Content_Range="rows 10-19; total=30", **XML),
    )
    pages = list(adele(scripted).meeting_messages(10))
    found = [message for page in pages for message in page.messages]
    assert (len(found), sum(page.unreadable for page in pages), len(scripted.requests)) == (11, 19, 2)


def test_a_page_of_large_rows_is_handed_on_in_parts(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_FULL_PAGE", 100)
    scripted.script(play(207, rows_page(*range(10)), **XML))
    assert [len(page.messages) for page in adele(scripted).meeting_messages()] == [2, 2, 2, 2, 2]
