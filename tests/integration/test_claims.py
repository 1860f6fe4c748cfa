"""One mailbox under several names of the list: one of them is worked, whatever the server shows, the others refused.

An alias is what stands before the @ of an SMTP address (KB324306), and the address is a name too (MSDN aa493863).
"""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from redis import Redis

from rsvpq.lanes import Ending, Item, Lane, Lanes, Memory
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.editions import TAKEN_AWAY, Settled, Version
from rsvpq.mail.errors import Busy, ExchangeError, MailboxRefused, Refused, Transient
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Verdict
from rsvpq.settings import load_settings
from rsvpq.tasks.claims import Claims
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.wiring.backends import Backends
from testbed.simulated_exchange import World
from tests.integration.test_client import client
from tests.support.exchange_site import PASSWORD, Site, box_name, inbox, requests_in, sent_in, simulated_site
from tests.support.lane_client import ClockedLanes
from tests.support.scripted_server import XML, Play, Received, ScriptedServer, play

HREFS = ("as-asked", "own-name")
SERVER = "mail1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from simulated_site(tmp_path_factory.mktemp("names"), World(mailboxes=30, requests=3, responses=2, seed=4))


@pytest.fixture
def turned(site: Site) -> Iterator[Site]:
    yield site
    site.exchange.set_switches({"mailbox_hrefs": "as-asked", "root_identity": "all", "root_access": "full"})


@pytest.fixture
def lanes(redis: Redis) -> ClockedLanes:
    return ClockedLanes(redis)


def names_of(site: Site, number: int) -> tuple[str, str, str]:
    """The name of a mailbox in the oracle's list, an alias of it and its address."""
    facts = site.mailboxes()[number]
    return facts["mailbox"], facts["address"].partition("@")[0], facts["address"]


def servers(folder: Path, site: Site, claims: Claims) -> Backends:
    """The servers as one process has them."""
    return servers_at(folder, site.exchange.urls[0], site.exchange.username, claims)


def servers_at(folder: Path, url: str, username: str, claims: Claims) -> Backends:
    """The same at any address."""
    (folder / "mailboxes.csv").write_text("mailbox,server\n")
    (folder / "secret").write_text(PASSWORD)
    (folder / "rsvpq.toml").write_text(
        f"""mailboxes = "mailboxes.csv"\n[servers.{SERVER}]\nurl = "{url}"
username = '{username}'\npassword_file = "secret"\nallow_http = true\n"""
    )
    return Backends(load_settings(folder / "rsvpq.toml", {}).servers, claims)


def visit(exchange: Backends, name: str) -> str:
    """Open the mailbox under this name; which it was."""
    with exchange.mailbox(SERVER, name, NoLease()) as box:
        assert isinstance(box, WebDavMailbox)
        return box_name(box)


@pytest.mark.parametrize("hrefs", HREFS)
@pytest.mark.parametrize("shown", ["all", "permanent-url", "id"])
def test_the_second_name_of_a_mailbox_is_refused_and_both_are_named(
    tmp_path: Path, turned: Site, lanes: Lanes, hrefs: str, shown: str
) -> None:
    turned.exchange.set_switches({"mailbox_hrefs": hrefs, "root_identity": shown})
    exchange = servers(tmp_path, turned, Claims(lanes))
    name, alias, address = names_of(turned, 0)
    changes = turned.mutating()
    for _ in range(2):
        visit(exchange, alias)
        for second in (name, address):
            with pytest.raises(Refused) as caught:
                visit(exchange, second)
            assert f"{second!r} and {alias!r} are one mailbox" in str(caught.value)
            assert "remove one of the two from the list" in str(caught.value)
    assert turned.mutating() == changes


def test_other_mailboxes_are_nobodys_second_name(tmp_path: Path, site: Site, lanes: Lanes) -> None:
    exchange = servers(tmp_path, site, Claims(lanes))
    assert len({visit(exchange, facts["mailbox"]) for facts in site.mailboxes()}) == len(site.mailboxes())


def test_a_mailbox_whose_root_may_not_be_read_is_known_too(tmp_path: Path, turned: Site, lanes: Lanes) -> None:
    turned.exchange.set_switches({"root_access": "non-ipm-only"})
    exchange = servers(tmp_path, turned, Claims(lanes))
    name, alias, _ = names_of(turned, 0)
    visit(exchange, name)
    with pytest.raises(Refused, match="are one mailbox"):
        visit(exchange, alias)


def test_a_server_that_shows_no_identity_is_worked_as_before(tmp_path: Path, turned: Site, lanes: Lanes) -> None:
    turned.exchange.set_switches({"root_identity": "none"})
    exchange = servers(tmp_path, turned, Claims(lanes))
    assert [visit(exchange, name) for name in names_of(turned, 0)]


@pytest.mark.parametrize("number", range(8))
def test_of_names_that_come_at_the_same_moment_one_has_the_mailbox(
    tmp_path: Path, site: Site, lanes: Lanes, number: int
) -> None:
    names = names_of(site, number)
    processes = [servers(tmp_path, site, Claims(lanes)) for _ in names]
    together = Barrier(len(names))

    def come(exchange: Backends, name: str) -> bool:
        together.wait()
        try:
            visit(exchange, name)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(len(names)) as pool:
        won = dict(zip(names, pool.map(come, processes, names), strict=True))
    # The name of a mailbox may be its address.
    assert list(won.values()).count(True) == 1 or won == dict.fromkeys(set(names), True), won


def claims(lanes: Lanes, *listed: str) -> Claims:
    """Of a process that reads the list."""
    names: Collection[str] = listed
    return Claims(lanes, lambda: names)


def test_a_name_that_left_the_list_has_a_successor(lanes: Lanes) -> None:
    claims(lanes, "adele").require("adele", "rid:1")
    with pytest.raises(Refused):
        Claims(lanes).require("adele@example.com", "rid:1")  # a process that has no list to look at
    claims(lanes, "adele@example.com").require("adele@example.com", "rid:1")
    with pytest.raises(Refused, match=r"'adele' and 'adele@example\.com' are one mailbox"):
        Claims(lanes).require("adele", "rid:1")


def test_a_successor_waits_until_nothing_of_its_predecessor_is_under_way(lanes: ClockedLanes) -> None:
    claims(lanes, "adele").require("adele", "rid:1")
    (release,) = lanes.fill(Lane("adele", SERVER), 1, release=1)
    with pytest.raises(Busy, match="1 of its items are under way") as caught:
        claims(lanes, "adele@example.com").require("adele@example.com", "rid:1")
    assert caught.value.scope == "mailbox"
    lanes.answer(release)
    claims(lanes, "adele@example.com").require("adele@example.com", "rid:1")


def test_an_alias_that_leads_to_another_mailbox_gives_up_the_first(lanes: Lanes) -> None:
    both = claims(lanes, "adele", "adele2")
    both.require("adele", "rid:old")
    both.require("adele", "rid:new")
    both.require("adele2", "rid:old")
    with pytest.raises(Refused):
        both.require("adele2", "rid:new")


def test_a_name_that_leads_to_another_mailbox_knows_nothing_of_it(lanes: Lanes) -> None:
    both = claims(lanes, "sales", "sales-old")
    both.require("sales", "rid:old")
    lanes.topics.remember("sales", {"budget": "declined"}, 60)
    both.require("sales", "rid:old")
    assert lanes.topics.recall("sales", "budget") == ("declined", 60)
    both.require("sales", "rid:new")
    assert lanes.topics.recall("sales", "budget") == ("", 0)
    both.require("sales-old", "rid:old")  # what was answered in a mailbox was answered under whatever name
    assert lanes.topics.recall("sales-old", "budget") == ("declined", 0)


def test_a_name_whose_mailbox_shows_now_which_it_is_has_to_look_into_it(lanes: Lanes) -> None:
    lanes.topics.remember("adele", {"budget": "declined"}, 60)
    claims(lanes, "adele").require("adele", "rid:1")
    assert lanes.topics.recall("adele", "budget") == ("", 0)


def test_a_name_that_comes_back_does_not_vouch_for_the_time_between(lanes: Lanes) -> None:
    claims(lanes, "adele").require("adele", "rid:1")
    lanes.topics.remember("adele", {"budget": "declined"}, 60)
    claims(lanes, "adele@example.com").require("adele@example.com", "rid:1")
    lanes.topics.remember("adele@example.com", {"lunch": "accepted"}, 60)
    claims(lanes, "adele").require("adele", "rid:1")
    assert lanes.topics.recall("adele", "lunch") == ("accepted", 0)


def test_what_is_settled_in_a_mailbox_is_kept_for_that_mailbox(lanes: ClockedLanes) -> None:
    """By an item from its start to its end, not only by what is read from Sent Items."""
    both = claims(lanes, "sales", "sales-old")
    both.require("sales", "rid:old")
    lanes.ledger.offer(Lane("sales", SERVER), [Item("a", "answer", "mail", {}, topic="budget")])
    (release,) = lanes.ledger.release()
    lanes.ledger.start("a", release.generation, "one")
    lanes.topics.remember("sales", {}, 60)
    begun = Settled("a", "accept", Version(0)).to_text()
    lanes.ledger.record("a", release.generation, "one", {"accept": {}}, intent=True, memory=Memory(begun, "", 60))
    assert lanes.ledger.start("a", release.generation, "one").memory == begun
    lanes.ledger.finish("a", release.generation, "one", Ending("done", label="done:gone", undone=True))
    settled = Settled.parse(lanes.topics.recall("sales", "budget")[0])
    assert settled is not None
    assert settled.how == TAKEN_AWAY
    both.require("sales", "rid:new")
    assert lanes.topics.recall("sales", "budget")[0] == ""


@pytest.mark.parametrize("hrefs", HREFS)
def test_a_mailbox_is_worked_under_whatever_name_its_hrefs_have(turned: Site, hrefs: str) -> None:
    turned.exchange.set_switches({"mailbox_hrefs": hrefs})
    _, alias, _ = names_of(turned, 8 if hrefs == "as-asked" else 10)
    box = WebDavMailbox(turned.server(), alias)
    request = requests_in(box)[0]
    box.command(request, Verdict.ACCEPT)
    (draft,) = unsent_answers(box)
    box.send(draft)
    assert request.ref.key not in {message.ref.key for message in inbox(box)}
    assert [sent.uid for sent in sent_in(box)] == [request.uid]


FOLDERS = ("inbox", "drafts", "sentitems", "deleteditems", "sendmsg")


def root_of(home: str, folders: str, rid: str = "rid:1") -> bytes:
    """The row of a mailbox root at one path, whose folders are at another."""
    urls = "".join(f"<m:{name}>http://mail{folders}{name}</m:{name}>" for name in FOLDERS)
    return (
        '<a:multistatus xmlns:a="DAV:" xmlns:m="urn:schemas:httpmail:" xmlns:r="http://schemas.microsoft.com/repl/">'
        f"<a:response><a:href>http://mail{home}</a:href><a:propstat><a:status>HTTP/1.1 200 OK</a:status>"
        f"<a:prop>{urls}<r:repl-uid>{rid}</r:repl-uid></a:prop></a:propstat></a:response></a:multistatus>"
    ).encode()


def test_folders_below_another_name_than_the_mailbox_say_which_to_list(scripted: ScriptedServer) -> None:
    row = root_of("/exchange/adele/", "/exchange/Adele.Vance@example.com/")
    scripted.script(play(207, row, Content_Type="text/xml"))
    with pytest.raises(Refused, match=r"use 'Adele\.Vance@example\.com' in the list of mailboxes"):
        WebDavMailbox(client(scripted.url)._server, "adele")


def test_a_name_that_leads_to_another_mailbox_in_the_middle_of_a_visit_ends_it(scripted: ScriptedServer) -> None:
    first, second = (root_of("/exchange/adele/", "/exchange/adele/", rid) for rid in ("rid:1", "rid:2"))
    scripted.script(play(207, first, Content_Type="text/xml"))
    known = WebDavMailbox(client(scripted.url)._server, "adele").folders
    box = WebDavMailbox(client(scripted.url)._server, "adele", known)
    scripted.script(play(404), play(207, second, Content_Type="text/xml"))
    with pytest.raises(Transient, match="leads to another mailbox than before"):
        list(box.meeting_messages())


@pytest.fixture
def mixing(scripted: ScriptedServer) -> ScriptedServer:
    """A server behind a proxy that gives the first who asks for adele the answer that was bela's."""
    mixed = iter(["bela"])

    def reply(asked: Received) -> Play:
        name = asked.target.split("/")[2]
        name = next(mixed, name) if name == "adele" else name
        home = f"/exchange/{name}/"
        return play(207, root_of(home, home, f"rid:{name}"), Content_Type="text/xml")

    scripted.reply = reply
    return scripted


@pytest.mark.parametrize("claimed", [True, False], ids=["claimed", "not claimed yet"])
def test_an_answer_that_was_another_mailboxs_is_not_believed_for_long(
    tmp_path: Path, mixing: ScriptedServer, lanes: Lanes, claimed: bool
) -> None:
    exchange = servers_at(tmp_path, mixing.url, "svc", Claims(lanes))
    if claimed:
        visit(exchange, "bela")
    with pytest.raises((Refused, Transient)), exchange.mailbox(SERVER, "adele", NoLease()) as box:
        box.require_own(MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/1.EML", ""))))
    for name in ("adele", "bela", "adele"):
        assert visit(exchange, name) == name


def test_a_message_is_not_to_blame_for_folders_that_were_another_mailboxs(scripted: ScriptedServer) -> None:
    own, other = (
        play(207, root_of(f"/exchange/{name}/", f"/exchange/{name}/", ""), **XML) for name in ("adele", "bela")
    )
    scripted.script(other, own)
    box = WebDavMailbox(client(scripted.url)._server, "adele")
    box.require_own(MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/1.EML", ""))))
    with pytest.raises(Refused, match="is not below '/exchange/adele/'"):
        box.require_own(MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/bela/Inbox/1.EML", ""))))
    for address in ((), ("/exchange/adele/Inbox/1.EML",), ("/exchange/adele/Inbox/1.EML", "", "")):
        with pytest.raises(Refused, match="not one of WebDAV"):
            box.require_own(MeetingMessage(Kind.REQUEST, ItemRef("rid:1", address)))


def test_a_server_that_refuses_everything_for_a_while_ends_no_item(
    tmp_path: Path, scripted: ScriptedServer, lanes: Lanes
) -> None:
    exchange = servers_at(tmp_path, scripted.url, "svc", Claims(lanes))
    row = play(207, root_of("/exchange/adele/", "/exchange/adele/"), **XML)
    message = MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/exchange/adele/Inbox/1.EML", "")))
    for answers, error in (
        ((row, play(403)), MailboxRefused),
        ((play(403),), MailboxRefused),
        ((row, play(403), row), Refused),
    ):
        scripted.script(*answers)
        with pytest.raises(ExchangeError) as caught, exchange.mailbox(SERVER, "adele", NoLease()) as box:
            box.refresh(message)
        assert type(caught.value) is error
        assert getattr(caught.value, "scope", "mailbox") == "mailbox"
