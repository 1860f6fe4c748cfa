"""The simulator's PROPFIND, PROPPATCH, MOVE, COPY and DELETE: what is where, and what changes when it is altered."""

import pytest

from tests.simulator.raw_http import (
    DAV,
    EXCHANGE,
    HTTPMAIL,
    INBOX,
    MARKER,
    Row,
    Simulator,
    path_of,
    rows,
)


def first(simulator: Simulator, folder: str = INBOX) -> Row:
    return simulator.find(folder)[0]


def proppatch(simulator: Simulator, href: str, changes: str) -> bytes:
    body = f'<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:">{changes}</D:propertyupdate>'
    answer = simulator.ask("PROPPATCH", path_of(href), body)
    assert answer.status == 207
    return answer.body


@pytest.mark.parametrize(
    ("mailbox", "server", "inbox", "drafts"),
    [
        ("adele0", 0, "Inbox", "Drafts"),
        ("Patrick%20O%27Brien%201", 1, "Posteingang", "Entw%C3%BCrfe"),
        ("inbox", 0, "Bo%C3%AEte%20de%20r%C3%A9ception", "Brouillons"),
        ("room3@example.com", 1, "%E5%8F%97%E4%BF%A1%E3%83%88%E3%83%AC%E3%82%A4", "%E4%B8%8B%E6%9B%B8%E3%81%8D"),
    ],
)
def test_the_well_known_folders_are_in_the_language_of_the_mailbox(
    world: Simulator, mailbox: str, server: int, inbox: str, drafts: str
) -> None:
    home = f"http://mail.example.com/exchange/{mailbox}"
    folders = world.folders(f"/exchange/{mailbox}/", server)
    assert folders["href"] == f"{home}/"
    assert folders["inbox"] == f"{home}/{inbox}"
    assert folders["drafts"] == f"{home}/{drafts}"
    assert folders["sendmsg"] == f"{home}/%23%23DavMailSubmissionURI%23%23/"
    delegated = world.folders(f"/exchange/{mailbox}/NON_IPM_SUBTREE", server)
    assert {**folders, "href": ""} == {**delegated, "href": ""}


def test_propfind_lists_a_folder_with_depth_1_only(world: Simulator) -> None:
    body = '<D:propfind xmlns:D="DAV:"><D:prop><D:displayname/></D:prop></D:propfind>'
    alone = rows(world.ask("PROPFIND", INBOX, body, Depth="0"))
    listed = rows(world.ask("PROPFIND", INBOX, body, Depth="1"))
    noroot = rows(world.ask("PROPFIND", INBOX, body, Depth="1,noroot"))
    assert [row["href"] for row in alone] == ["http://mail.example.com/exchange/adele0/Inbox/"]
    assert listed == alone + noroot
    assert len(noroot) > 250


def test_what_is_not_there_is_a_real_404(world: Simulator) -> None:
    for path in (f"{INBOX}/nothing.EML", "/exchange/nobody/", "/exchange/", "/", "/public/", f"{INBOX}/a/b"):
        assert world.ask("PROPFIND", path, Depth="0").status == 404
    for path in ("-FlatUrlSpace-", "-FlatUrlSpace-/x", "-FlatUrlSpace-/00000000000000000000000000000000-99/x"):
        assert world.ask("PROPFIND", f"/exchange/adele0/{path}", Depth="0").status == 404


def test_every_item_is_found_by_its_href_and_by_its_permanent_url(world: Simulator) -> None:
    columns = '"http://schemas.microsoft.com/exchange/permanenturl","DAV:getetag"'
    body = '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
    found = rows(world.search(INBOX, columns))
    for row in found[::5]:
        for url in (row["href"], row[f"{EXCHANGE}permanenturl"], row["href"].lower()):
            (again,) = rows(world.ask("PROPFIND", path_of(url), body, Depth="0"))
            assert again[f"{DAV}getetag"] == row[f"{DAV}getetag"]
            assert again["href"] == row["href"]


def test_subjects_become_names_as_the_store_escapes_them(world: Simulator) -> None:
    hrefs = {row["href"].rsplit("/", 1)[1] for row in rows(world.search(INBOX, '"DAV:displayname"'))}
    for name in ("12_xF8FF_24.EML", "Ready_x003F_.EML", "No%20Subject.EML", "R%26D%20sync.EML"):
        assert name in hrefs
    assert any(name.endswith("-2.EML") for name in hrefs)
    assert any(name.startswith("100%25%20done") for name in hrefs)
    assert any(name.startswith("Issue%20%2342") for name in hrefs)


def test_article_numbers_grow_with_the_age_of_the_message(world: Simulator) -> None:
    tag = "http://schemas.microsoft.com/mapi/proptag/"
    order = ' ORDER BY "urn:schemas:httpmail:datereceived"'
    numbers = [int(row[f"{{{tag}}}x0e230003"]) for row in rows(world.search(INBOX, f'"{tag}x0e230003"', order))]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0


def test_a_marker_that_was_set_is_found_by_the_next_search(simulator: Simulator) -> None:
    before = simulator.find(INBOX)
    marker = '<x65e8000b xmlns="http://schemas.microsoft.com/mapi/proptag/">1</x65e8000b>'
    body = proppatch(simulator, before[0]["href"], f"<D:set><D:prop>{marker}</D:prop></D:set>")
    assert body.decode().endswith(
        'xmlns:b="http://schemas.microsoft.com/mapi/proptag/" xmlns:a="DAV:">'
        f"<a:response><a:href>{before[0]['href']}</a:href>"
        "<a:propstat><a:status>HTTP/1.1 200 OK</a:status><a:prop><b:x65e8000b/></a:prop></a:propstat>"
        "</a:response></a:multistatus>"
    )
    assert simulator.find(INBOX, f"AND {MARKER} IS NULL") == before[1:]
    assert [row["href"] for row in simulator.find(INBOX, f"AND {MARKER} = true")] == [before[0]["href"]]
    proppatch(simulator, before[0]["href"], f"<D:remove><D:prop>{marker}</D:prop></D:remove>")
    assert simulator.find(INBOX, f"AND {MARKER} IS NULL") == before


def test_any_property_can_be_written_and_changes_the_etag(simulator: Simulator) -> None:
    href = first(simulator)["href"]
    named = "http://schemas.microsoft.com/mapi/id/{00062008-0000-0000-C000-000000000046}/"
    etag = rows(simulator.search(INBOX, '"DAV:getetag"'))[-1][f"{DAV}getetag"]
    changes = f'<own xmlns="urn:x:">Ä &amp; B</own><_x0030_x8570 xmlns="{named}">1</_x0030_x8570>'
    changes += '<many xmlns="urn:x:"><v xmlns="xml:">a</v><v xmlns="xml:">b</v></many>'
    proppatch(simulator, href, f"<D:set><D:prop>{changes}</D:prop></D:set>")
    answer = simulator.search(
        INBOX, f'"DAV:getetag","urn:x:own","urn:x:many","{named}0x8570" as deleted', "AND \"urn:x:own\" = 'ä & b'"
    )
    (row,) = rows(answer)
    assert (row["{urn:x:}own"], row["deleted"]) == ("Ä & B", "1")
    assert b'<d:many b:dt="mv.string"><c:v>a</c:v><c:v>b</c:v></d:many>' in answer.body
    assert row[f"{DAV}getetag"] != etag


def test_a_message_is_read_when_proppatch_says_so(simulator: Simulator) -> None:
    href = first(simulator)["href"]
    for value in ("1", "0"):
        proppatch(
            simulator, href, f'<D:set><D:prop><read xmlns="urn:schemas:httpmail:">{value}</read></D:prop></D:set>'
        )
        assert first(simulator)[f"{HTTPMAIL}read"] == value


def test_proppatch_needs_a_folder_and_xml(simulator: Simulator) -> None:
    update = '<D:propertyupdate xmlns:D="DAV:"/>'
    assert simulator.ask("PROPPATCH", f"{INBOX}/no/nothing.EML", update).status == 409
    for body in ("<x/>", "", '<D:propertyupdate xmlns:D="DAV:"><D:drop/></D:propertyupdate>'):
        assert simulator.ask("PROPPATCH", path_of(first(simulator)["href"]), body).status == 400


def test_a_move_gives_a_new_location_and_a_new_permanent_url(simulator: Simulator) -> None:
    url = "http://schemas.microsoft.com/exchange/permanenturl"
    row = rows(simulator.search(INBOX, f'"{url}"'))[0]
    destination = "http://mail.example.com/exchange/adele0/Deleted%20Items/Moved%20&%20gone.EML"
    moved = simulator.ask("MOVE", path_of(row["href"]), Destination=destination, Overwrite="f")
    assert moved.status == 201
    assert moved.headers["Location"] == destination.replace("&", "%26")
    (there,) = rows(simulator.search("/exchange/adele0/Deleted%20Items", f'"{url}"'))
    assert there["href"] == moved.headers["Location"]
    assert there[f"{EXCHANGE}permanenturl"] != row[f"{EXCHANGE}permanenturl"]
    for gone in (row["href"], row[f"{EXCHANGE}permanenturl"]):
        assert simulator.ask("PROPFIND", path_of(gone), Depth="0").status == 404


def test_a_taken_destination_is_refused_renamed_or_replaced(simulator: Simulator) -> None:
    rows_before = [path_of(row["href"]) for row in simulator.find(INBOX)]
    target = "/exchange/adele0/Deleted%20Items/x.EML"
    assert simulator.ask("MOVE", rows_before[0], Destination=target).status == 201
    assert simulator.ask("MOVE", rows_before[1], Destination=target, Overwrite="F").status == 412
    renamed = simulator.ask("MOVE", rows_before[1], Destination=target, Overwrite="F", Allow_Rename="t")
    assert renamed.status == 201
    assert renamed.headers["Location"].endswith("/x-2.EML")
    assert simulator.ask("MOVE", rows_before[2], Destination=target).status == 204
    assert len(simulator.find("/exchange/adele0/Deleted%20Items")) == 2
    counts = [m for m in simulator.oracle("messages") if m["moved"]]
    assert [m["deleted"] for m in counts] == [1, 0, 0]


def test_copy_leaves_the_source_where_it_is(simulator: Simulator) -> None:
    source = path_of(first(simulator)["href"])
    total = len(simulator.find(INBOX))
    assert simulator.ask("COPY", source, Destination="/exchange/adele0/Deleted%20Items/c").status == 201
    assert len(simulator.find(INBOX)) == total
    (copied,) = simulator.find("/exchange/adele0/Deleted%20Items")
    assert copied["href"].endswith("/c")


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("", 400),
        ("http://elsewhere.example.com/exchange/adele0/Deleted%20Items/x.EML", 502),
        ("/exchange/adele0/Nowhere/x.EML", 409),
        ("/exchange/adele0/Deleted%20Items/", 409),
        ("/exchange/nobody/Inbox/x.EML", 409),
        ("/exchange/Patrick%20O%27Brien%201/Posteingang/x.EML", 403),
    ],
)
def test_a_bad_destination_moves_nothing(simulator: Simulator, destination: str, status: int) -> None:
    before = simulator.find(INBOX)
    assert simulator.ask("MOVE", path_of(before[0]["href"]), Destination=destination).status == status
    assert simulator.ask("MOVE", path_of(before[0]["href"]), Destination=before[0]["href"]).status == 403
    assert simulator.find(INBOX) == before


def test_delete_is_200_then_404_and_the_name_is_free_again(simulator: Simulator) -> None:
    href = path_of(first(simulator)["href"])
    assert [simulator.ask("DELETE", href).status for _ in range(2)] == [200, 404]
    other = path_of(first(simulator)["href"])
    moved = simulator.ask("MOVE", other, Destination=href, Overwrite="f")
    assert path_of(moved.headers["Location"]).casefold() == href.casefold()
    assert simulator.ask("DELETE", INBOX).status == 403
    assert sum(message["deleted"] for message in simulator.oracle("messages")) == 1


def test_a_folder_shows_that_its_content_changed(simulator: Simulator) -> None:
    asked = '<R:contenttag xmlns:R="http://schemas.microsoft.com/repl/"/><D:objectcount/>'
    body = f'<D:propfind xmlns:D="DAV:"><D:prop>{asked}</D:prop></D:propfind>'
    (before,) = rows(simulator.ask("PROPFIND", INBOX, body, Depth="0"))
    simulator.ask("DELETE", path_of(first(simulator)["href"]))
    (after,) = rows(simulator.ask("PROPFIND", INBOX, body, Depth="0"))
    tag, count = "{http://schemas.microsoft.com/repl/}contenttag", f"{DAV}objectcount"
    assert before[tag] != after[tag]
    assert int(before[count]) == int(after[count]) + 1
