"""The simulator's SEARCH: what is found, in which order, by which rows, and how it is written."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

import pytest

from tests.simulator.raw_http import (
    CALENDAR,
    DAV,
    EXCHANGE,
    HTTPMAIL,
    INBOX,
    MARKER,
    Simulator,
    rows,
    searchrequest,
)

SELECT = (
    '"DAV:contentclass","http://schemas.microsoft.com/exchange/outlookmessageclass",'
    '"http://schemas.microsoft.com/repl/repl-uid","urn:schemas:calendar:uid",'
    '"http://schemas.microsoft.com/mapi/proptag/x65e8000b"'
)
CALENDAR_MESSAGES = "AND \"DAV:contentclass\" = 'urn:content-classes:calendarmessage'"


def select(name: str, folder: str, simulator: Simulator, condition: str = "") -> list[str | None]:
    namespace, local = name.rsplit(":", 1) if name.startswith("urn:") else ("DAV", name.removeprefix("DAV:"))
    return [row.get(f"{{{namespace}:}}{local}") for row in rows(simulator.search(folder, f'"{name}"', condition))]


def test_an_answer_to_search_has_the_shape_of_the_captures(simulator: Simulator) -> None:
    uid = simulator.find(INBOX)[0][f"{CALENDAR}uid"]
    answer = simulator.search(INBOX, SELECT, f"AND \"urn:schemas:calendar:uid\" = '{uid}'", Range="rows=0-99")
    (row,) = rows(answer)
    rid = row["{http://schemas.microsoft.com/repl/}repl-uid"]
    assert answer.headers["Content-Range"] == "rows 0-0; total=1"
    assert answer.body.decode() == (
        '<?xml version="1.0"?><a:multistatus xmlns:b="urn:uuid:c2f41010-65b3-11d1-a29f-00aa00c14882/"'
        ' xmlns:e="http://schemas.microsoft.com/repl/" xmlns:f="urn:schemas:calendar:"'
        ' xmlns:d="http://schemas.microsoft.com/exchange/" xmlns:c="xml:"'
        ' xmlns:g="http://schemas.microsoft.com/mapi/proptag/" xmlns:a="DAV:">'
        f"<a:response><a:href>{row['href']}</a:href>"
        "<a:propstat><a:status>HTTP/1.1 200 OK</a:status><a:prop>"
        "<a:contentclass>urn:content-classes:calendarmessage</a:contentclass>"
        f"<d:outlookmessageclass>{row[f'{EXCHANGE}outlookmessageclass']}</d:outlookmessageclass>"
        f"<e:repl-uid>{rid}</e:repl-uid><f:uid>{uid}</f:uid></a:prop></a:propstat>"
        "<a:propstat><a:status>HTTP/1.1 404 Resource Not Found</a:status><a:prop><g:x65e8000b/></a:prop></a:propstat>"
        "</a:response></a:multistatus>"
    )
    assert rid.startswith("rid:")
    assert len(rid) == len("rid:") + 32 + 12
    assert row["href"].startswith("http://mail.example.com/exchange/adele0/Inbox/")


def test_brief_leaves_out_what_is_missing(simulator: Simulator) -> None:
    assert b"x65e8000b" not in simulator.search(INBOX, SELECT, Brief="t").body.split(b"<a:response>", 1)[1]


def test_selecting_href_yields_a_second_one(simulator: Simulator) -> None:
    answer = simulator.search(INBOX, '"DAV:href"')
    assert answer.body.count(b"<a:href>") == 2 * len(rows(answer))


def test_an_alias_comes_back_as_an_element_in_no_namespace(simulator: Simulator) -> None:
    answer = simulator.search(INBOX, '"urn:schemas:httpmail:read" as seen')
    assert {row["seen"] for row in rows(answer)} <= {"0", "1"}
    assert b'<seen b:dt="boolean">' in answer.body


def test_pages_put_together_are_the_whole(world: Simulator) -> None:
    whole = rows(world.search(INBOX, '"DAV:displayname"'))
    pages = []
    for start in range(0, len(whole), 100):
        answer = world.search(INBOX, '"DAV:displayname"', Range=f"rows={start}-{start + 99}")
        end = min(start + 100, len(whole)) - 1
        assert answer.headers["Content-Range"] == f"rows {start}-{end}; total={len(whole)}"
        pages += rows(answer)
    assert whole == pages
    assert len(whole) > 250


def test_ranges_can_be_open_or_from_the_end(world: Simulator) -> None:
    whole = rows(world.search(INBOX, '"DAV:displayname"'))
    total = len(whole)
    last = world.search(INBOX, '"DAV:displayname"', Range="rows=-3")
    rest = world.search(INBOX, '"DAV:displayname"', Range=f"rows={total - 3}-")
    count = world.search(INBOX, '"DAV:displayname"', Range="rows=-0")
    assert rows(last) == rows(rest) == whole[-3:]
    assert last.headers["Content-Range"] == f"rows {total - 3}-{total - 1}; total={total}"
    assert (rows(count), count.headers["Content-Range"]) == ([], f"total={total}")


def test_rows_beyond_the_end_are_416_and_none_at_all_are_207(world: Simulator) -> None:
    assert world.search(INBOX, '"DAV:displayname"', Range="rows=9000-9099").status == 416
    nothing = world.search(INBOX, '"DAV:displayname"', "AND \"DAV:displayname\" = 'no such'", Range="rows=0-99")
    assert rows(nothing) == []
    assert nothing.headers["Content-Range"] == "total=0"
    assert nothing.body.endswith(b'xmlns:a="DAV:"></a:multistatus>')


def test_newest_comes_first_by_default(world: Simulator) -> None:
    received = select("urn:schemas:httpmail:datereceived", INBOX, world)
    ascending = ' ORDER BY "urn:schemas:httpmail:datereceived" ASC'
    assert received == sorted(received, key=str, reverse=True)
    assert select("urn:schemas:httpmail:datereceived", INBOX, world, ascending) == received[::-1]


def test_several_keys_order_one_after_the_other(world: Simulator) -> None:
    keys = ' ORDER BY "urn:schemas:httpmail:read" DESC, "urn:schemas:httpmail:subject"'
    found = [
        (row[f"{HTTPMAIL}read"], row[f"{HTTPMAIL}subject"].casefold())
        for row in rows(world.search(INBOX, '"urn:schemas:httpmail:read","urn:schemas:httpmail:subject"', keys))
    ]
    assert found == sorted(found, key=lambda pair: (-int(pair[0]), pair[1]))


def test_the_calendarmessage_search_finds_more_than_requests_but_no_mail(world: Simulator) -> None:
    classes = set()
    for mailbox in world.oracle("mailboxes"):
        path = "/exchange/" + mailbox["mailbox"].replace(" ", "%20").replace("&", "%26")
        inbox = world.folders(path, mailbox["server"])["inbox"]
        found = world.find(inbox, CALENDAR_MESSAGES, mailbox["server"])
        classes |= {row[f"{EXCHANGE}outlookmessageclass"] for row in found}
    assert {"IPM.Schedule.Meeting.Request", "IPM.Schedule.Meeting.Canceled"} <= classes
    assert not {"IPM.Note", "IPM.TaskRequest"} & classes


def test_dates_compare_in_every_spelling_clients_use(world: Simulator) -> None:
    received = sorted(str(text) for text in select("urn:schemas:httpmail:datereceived", INBOX, world))
    middle = received[len(received) // 2]
    later = sum(text > middle[:19] for text in received)
    day, clock = middle[:10], middle[11:19]
    for literal in (
        f"CAST(\"{middle[:19]}Z\" AS 'dateTime.tz')",
        f"'{day} {clock}'",
        f"'{day.replace('-', '/')} {clock}'",
        f"'{middle[:19]}Z'",
    ):
        found = world.search(INBOX, '"DAV:displayname"', f'AND "urn:schemas:httpmail:datereceived" > {literal}')
        assert len(rows(found)) == later


def test_a_missing_property_fails_every_comparison(world: Simulator) -> None:
    total = len(rows(world.search(INBOX, '"DAV:displayname"')))
    for condition, expected in [
        (f"{MARKER} = False", 0),
        (f"{MARKER} <> True", 0),
        (f"{MARKER} IS NULL", total),
        (f"NOT {MARKER} IS NOT NULL", total),
        (f"({MARKER} IS NULL OR {MARKER} = False)", total),
        (f"(Not ({MARKER} = true))", total),
    ]:
        assert len(rows(world.search(INBOX, '"DAV:displayname"', f"AND {condition}"))) == expected


def test_like_matches_without_case(world: Simulator) -> None:
    subjects = [str(text) for text in select("urn:schemas:httpmail:subject", INBOX, world)]
    for pattern, matches in [
        ("budget%", [s for s in subjects if s.casefold().startswith("budget")]),
        ("%''S FAREWELL%", [s for s in subjects if "'s farewell" in s]),
        ("%", subjects),
    ]:
        condition = f"AND \"urn:schemas:httpmail:subject\" LIKE '{pattern}'"
        assert select("urn:schemas:httpmail:subject", INBOX, world, condition) == matches


@pytest.mark.parametrize(
    ("mailbox", "folder", "in_sql", "server"),
    [
        ("Patrick%20O%27Brien%201", "Posteingang", "/exchange/Patrick O''Brien 1/Posteingang", 1),
        ("Patrick%20O'Brien%201", "Posteingang/", "/exchange/Patrick%20O%27Brien%201/Posteingang/", 1),
        (
            "patrick%20o%27brien%201",
            "POSTEINGANG",
            "http://mail.example.com/exchange/Patrick%20O''Brien%201/posteingang",
            1,
        ),
        ("inbox", "Bo%C3%AEte%20de%20r%c3%a9ception", "/exchange/inbox/Boîte de réception", 0),
        ("inbox", "Boîte%20de%20réception", "", 0),
    ],
)
def test_a_scope_may_be_spelled_in_every_way_that_is_seen(
    world: Simulator, mailbox: str, folder: str, in_sql: str, server: int
) -> None:
    sql = f"""SELECT "DAV:displayname" FROM SCOPE('Shallow TRAVERSAL OF "{in_sql}"') WHERE "DAV:isfolder" = false"""
    found = rows(world.ask("SEARCH", f"/exchange/{mailbox}/{folder}", searchrequest(sql), server))
    assert len(found) > 5


def test_traversals_reach_as_far_as_they_say(world: Simulator) -> None:
    def names(scope: str) -> list[str]:
        sql = f'SELECT "DAV:displayname" FROM {scope}'
        return [row[f"{DAV}displayname"] for row in rows(world.ask("SEARCH", "/exchange/adele0", searchrequest(sql)))]

    hierarchical = names("SCOPE('hierarchical traversal of \"\"')")
    assert {"Inbox", "Drafts", "NON_IPM_SUBTREE"} <= set(hierarchical)
    assert sorted(names('""')) == sorted(names("SCOPE('shallow traversal of \"\"')")) == sorted(hierarchical)
    assert len(names("SCOPE('deep traversal of \"\"')")) > 250
    assert names("SCOPE('deep traversal of \"\"')") == names("SCOPE('\"\"')")


def test_what_is_not_xml_or_not_sql_is_400_and_what_cannot_be_run_is_422(world: Simulator) -> None:
    entity = '<!DOCTYPE d [<!ENTITY e "x">]><d:searchrequest xmlns:d="DAV:"><d:sql>&e;</d:sql></d:searchrequest>'
    for body, status in [
        ("", 400),
        ("<d:searchrequest xmlns:d='DAV:'><d:sql>SELECT", 400),
        ("<searchrequest><sql/></searchrequest>", 400),
        ('<d:searchrequest xmlns:d="DAV:"/>', 400),
        (entity, 400),
        (searchrequest("SELECT"), 400),
        (searchrequest('SELECT "DAV:href" FROM "" WHERE'), 400),
        (searchrequest("SELECT \"DAV:href\" FROM SCOPE('sideways')"), 400),
        (searchrequest('SELECT "DAV:href" FROM "" WHERE ' + "(" * 500), 400),
        (searchrequest('SELECT "DAV:href" FROM SCOPE(\'shallow traversal of "/exchange/Patrick O\'Brien 1"\')'), 400),
        (searchrequest('SELECT "DAV:href" FROM "" WHERE CONTAINS("DAV:href", \'x\')'), 422),
        (searchrequest('SELECT "DAV:href" FROM "/exchange/adele0/Nowhere"'), 404),
        (searchrequest('SELECT "DAV:href" FROM "/exchange/nobody/"'), 404),
        (searchrequest('SELECT "DAV:href" FROM "/exchange/inbox/"'), 400),
    ]:
        assert world.ask("SEARCH", INBOX, body).status == status, body
    assert world.search(INBOX, '"DAV:href"', Range="rows=5-2").status == 400
