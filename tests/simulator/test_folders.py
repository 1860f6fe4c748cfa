"""Folders that a client makes in the simulator: created, listed, renamed, copied, deleted, and what they say."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

from tests.simulator.raw_http import DAV, EXCHANGE, HTTPMAIL, INBOX, Row, Simulator, path_of, rows

ROOT = "/exchange/adele0"
COLUMNS = (
    '"DAV:displayname","DAV:hassubs","DAV:objectcount","urn:schemas:httpmail:unreadcount",'
    '"http://schemas.microsoft.com/repl/contenttag","http://schemas.microsoft.com/exchange/outlookfolderclass",'
    '"http://schemas.microsoft.com/mapi/proptag/x67510003","DAV:contentclass"'
)
NEXT = "{http://schemas.microsoft.com/mapi/proptag/}x67510003"


def mkcol(simulator: Simulator, path: str, folder_class: str = "IPF.Note") -> int:
    name = 'outlookfolderclass xmlns="http://schemas.microsoft.com/exchange/"'
    properties = f"<{name}>{folder_class}</outlookfolderclass>"
    body = f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{properties}</D:prop></D:set></D:propertyupdate>'
    return simulator.ask("MKCOL", path, body, Content_Type="text/xml; charset=UTF-8").status


def folders(simulator: Simulator, traversal: str = "Deep") -> dict[str, Row]:
    sql = (
        f"SELECT {COLUMNS} FROM SCOPE('{traversal} TRAVERSAL OF \"{ROOT}/\"') "
        'WHERE "DAV:isfolder" = true And "DAV:ishidden" = false'
    )
    body = f'<d:searchrequest xmlns:d="DAV:"><d:sql>{sql}</d:sql></d:searchrequest>'
    return {path_of(row["href"]): row for row in rows(simulator.ask("SEARCH", f"{ROOT}/", body))}


def test_a_new_folder_is_201_and_found_by_a_deep_search_only_where_it_is_deep(simulator: Simulator) -> None:
    assert mkcol(simulator, f"{ROOT}/Pl%C3%A4ne") == 201
    assert mkcol(simulator, f"{ROOT}/pl%C3%A4ne/R&D (x)".replace(" ", "%20"), "IPF.Appointment") == 201
    deep, shallow = folders(simulator), folders(simulator, "Shallow")
    parent, child = f"{ROOT}/Pl%C3%A4ne/", f"{ROOT}/Pl%C3%A4ne/R%26D%20(x)/"
    assert deep[parent][f"{DAV}hassubs"] == "1"
    assert deep[child][f"{EXCHANGE}outlookfolderclass"] == "IPF.Appointment"
    assert parent in shallow
    assert child not in shallow


def test_the_content_class_of_a_folder_follows_what_it_holds(simulator: Simulator) -> None:
    mkcol(simulator, f"{ROOT}/People", "IPF.Contact")
    mkcol(simulator, f"{ROOT}/Odds", "IPF.Example")
    found = folders(simulator)
    kinds = {name: found[f"{ROOT}/{name}/"][f"{DAV}contentclass"].rpartition(":")[2] for name in ("People", "Odds")}
    assert kinds == {"People": "contactfolder", "Odds": "folder"}
    assert found[f"{ROOT}/Calendar/"][f"{DAV}contentclass"] == "urn:content-classes:calendarfolder"


def test_mkcol_wants_a_free_name_and_a_parent(simulator: Simulator) -> None:
    assert [mkcol(simulator, f"{ROOT}/Projects") for _ in range(2)] == [201, 405]
    assert mkcol(simulator, f"{ROOT}/inbox") == 405
    assert mkcol(simulator, f"{ROOT}/No/Where") == 409
    assert simulator.ask("MKCOL", f"{ROOT}/Plain").status == 201


def test_a_renamed_folder_takes_everything_with_it(simulator: Simulator) -> None:
    mkcol(simulator, f"{ROOT}/Old")
    mkcol(simulator, f"{ROOT}/Old/Sub")
    item = path_of(simulator.find(INBOX)[0]["href"])
    simulator.ask("COPY", item, Destination=f"{ROOT}/Old/Sub/x.EML")
    moved = simulator.ask("MOVE", f"{ROOT}/Old", Destination=f"{ROOT}/New", Overwrite="F")
    assert moved.status == 201
    assert {f"{ROOT}/New/", f"{ROOT}/New/Sub/"} <= folders(simulator).keys()
    assert not [path for path in folders(simulator) if "/Old" in path]
    (found,) = simulator.find(f"{ROOT}/New/Sub")
    assert path_of(found["href"]) == f"{ROOT}/New/Sub/x.EML"
    assert simulator.ask("GET", path_of(found["href"]), Translate="f").status == 200


def test_a_folder_does_not_replace_another_nor_move_into_itself(simulator: Simulator) -> None:
    for name in ("A", "B"):
        mkcol(simulator, f"{ROOT}/{name}")
    for destination, status in ((f"{ROOT}/B", 409), (f"{ROOT}/A/C", 409), (f"{ROOT}/Nowhere/A", 409)):
        assert simulator.ask("MOVE", f"{ROOT}/A", Destination=destination, Overwrite="F").status == status
    assert simulator.ask("MOVE", INBOX, Destination=f"{ROOT}/Eingang").status == 403


def test_a_copied_folder_is_another_one(simulator: Simulator) -> None:
    mkcol(simulator, f"{ROOT}/A")
    simulator.ask("COPY", path_of(simulator.find(INBOX)[0]["href"]), Destination=f"{ROOT}/A/x.EML")
    assert simulator.ask("COPY", f"{ROOT}/A", Destination=f"{ROOT}/B").status == 201
    assert simulator.ask("DELETE", f"{ROOT}/A").status == 200
    assert len(simulator.find(f"{ROOT}/B")) == 1


def test_a_deleted_folder_is_gone_with_its_content(simulator: Simulator) -> None:
    mkcol(simulator, f"{ROOT}/A")
    item = path_of(simulator.find(INBOX)[0]["href"])
    assert simulator.ask("MOVE", item, Destination=f"{ROOT}/A/x.EML").status == 201
    assert [simulator.ask("DELETE", f"{ROOT}/A").status for _ in range(2)] == [200, 404]
    assert simulator.ask("GET", f"{ROOT}/A/x.EML", Translate="f").status == 404
    assert sum(message["deleted"] for message in simulator.oracle("messages")) == 1
    assert [simulator.ask("DELETE", path).status for path in (INBOX, f"{ROOT}/")] == [403, 403]


def test_the_numbers_of_a_folder_follow_its_content(simulator: Simulator) -> None:
    mkcol(simulator, f"{ROOT}/A")
    empty = folders(simulator)[f"{ROOT}/A/"]
    simulator.ask("PUT", f"{ROOT}/A/x.EML", "Subject: x\r\n\r\n", Translate="f")
    one = folders(simulator)[f"{ROOT}/A/"]
    read = '<D:set><D:prop><read xmlns="urn:schemas:httpmail:">1</read></D:prop></D:set>'
    body = f'<D:propertyupdate xmlns:D="DAV:">{read}</D:propertyupdate>'
    simulator.ask("PROPPATCH", f"{ROOT}/A/x.EML", body)
    seen = folders(simulator)[f"{ROOT}/A/"]
    counts = [(row[f"{DAV}objectcount"], row[f"{HTTPMAIL}unreadcount"], row[NEXT]) for row in (empty, one, seen)]
    assert counts == [("0", "0", "1"), ("1", "1", "2"), ("1", "0", "2")]
    tag = "{http://schemas.microsoft.com/repl/}contenttag"
    assert len({row[tag] for row in (empty, one, seen)}) == 3
