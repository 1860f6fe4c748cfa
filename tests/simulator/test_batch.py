"""The simulator's batch verbs: many targets in one request, each with a fate of its own."""

from tests.simulator.raw_http import DAV, HTTPMAIL, INBOX, Answer, Simulator, path_of, rows

DELETED = "/exchange/adele0/Deleted%20Items"


def batch(simulator: Simulator, verb: str, root: str, targets: list[str], more: str = "", **headers: str) -> Answer:
    hrefs = "".join(f"<D:href>{target}</D:href>" for target in targets)
    body = f'<?xml version="1.0"?><D:{root} xmlns:D="DAV:"><D:target>{hrefs}</D:target>{more}</D:{root}>'
    return simulator.ask(verb, f"{INBOX}/", body, 0, Content_Type="text/xml", **headers)


def names(simulator: Simulator, folder: str = INBOX) -> list[str]:
    return [row["href"].rsplit("/", 1)[1].replace("&", "&amp;") for row in simulator.find(folder)]


def statuses(answer: Answer) -> list[str]:
    assert answer.status == 207
    return [part.split(b"</a:status>")[0].decode()[9:12] for part in answer.body.split(b"<a:status>")[1:]]


def test_one_target_gets_the_answer_of_the_plain_verb(simulator: Simulator) -> None:
    first, second = names(simulator)[:2]
    assert batch(simulator, "BDELETE", "delete", [first]).status == 200
    assert batch(simulator, "BDELETE", "delete", [first]).status == 404
    moved = batch(simulator, "BMOVE", "move", [second], Destination=f"http://mail.example.com{DELETED}/")
    assert moved.status == 201
    assert path_of(moved.headers["Location"]).startswith(f"{DELETED}/")


def test_several_targets_get_a_status_each_and_the_good_ones_are_done(simulator: Simulator) -> None:
    first, second, *rest = names(simulator)
    absolute = f"http://mail.example.com{INBOX}/{second}"
    answer = batch(simulator, "BMOVE", "move", [first, "nothing.EML", absolute], Destination=f"{DELETED}/")
    assert statuses(answer) == ["201", "404", "201"]
    assert answer.body.count(b"<a:location>") == 2
    assert names(simulator) == rest
    assert len(names(simulator, DELETED)) == 2
    assert batch(simulator, "BCOPY", "copy", rest[:2], Destination=DELETED).status == 207
    assert names(simulator) == rest
    assert statuses(batch(simulator, "BDELETE", "delete", [*rest[:2], "nothing.EML"])) == ["200", "200", "404"]
    assert names(simulator) == rest[2:]


def test_a_target_can_have_a_destination_of_its_own(simulator: Simulator) -> None:
    first, second = names(simulator)[:2]
    targets = "".join(
        f"<D:href>{name}</D:href><D:dest>{DELETED}/own-{number}.EML</D:dest>"
        for number, name in enumerate((first, second))
    )
    body = f'<D:move xmlns:D="DAV:"><D:target>{targets}</D:target></D:move>'
    assert statuses(simulator.ask("BMOVE", f"{INBOX}/", body)) == ["201", "201"]
    assert sorted(names(simulator, DELETED)) == ["own-0.EML", "own-1.EML"]


def test_a_batch_of_drafts_is_sent_by_moving_it_to_the_submission_uri(simulator: Simulator) -> None:
    for name in ("a.EML", "b.EML"):
        mail = f"Subject: {name}\r\nTo: mailbox0@example.com\r\n\r\n"
        simulator.ask("PUT", f"/exchange/adele0/Drafts/{name}", mail, Translate="f")
    body = '<D:move xmlns:D="DAV:"><D:target><D:href>a.EML</D:href><D:href>b.EML</D:href></D:target></D:move>'
    sent = simulator.ask(
        "BMOVE", "/exchange/adele0/Drafts/", body, Destination="/exchange/adele0/##DavMailSubmissionURI##/"
    )
    assert statuses(sent) == ["200", "200"]
    assert names(simulator, "/exchange/adele0/Drafts") == []
    assert names(simulator, "/exchange/adele0/Sent%20Items") == ["a.EML", "b.EML"]


def test_bpropfind_reads_and_bproppatch_writes_the_same_properties_of_all(simulator: Simulator) -> None:
    targets = [*names(simulator)[:3], "nothing.EML"]
    prop = '<D:prop><read xmlns="urn:schemas:httpmail:">{}</read></D:prop>'
    for value in ("1", "0"):
        changes = f"<D:set>{prop.format(value)}</D:set>"
        written = batch(simulator, "BPROPPATCH", "propertyupdate", targets, changes)
        assert statuses(written) == ["200", "200", "200", "404"]
        read = batch(simulator, "BPROPFIND", "propfind", targets, prop.format(""))
        *found, missing = rows(read)
        assert [row[f"{HTTPMAIL}read"] for row in found] == [value] * 3
        assert missing == {"href": f"http://mail.example.com{INBOX}/nothing.EML"}
    quiet = batch(simulator, "BPROPPATCH", "propertyupdate", targets[:3], changes, Brief="t")
    assert (quiet.status, quiet.body) == (200, b"")


def test_a_batch_needs_targets_and_no_more_than_a_hundred(simulator: Simulator) -> None:
    for targets in ([], ["x.EML"] * 101):
        assert batch(simulator, "BDELETE", "delete", targets).status == 400
    assert simulator.ask("BDELETE", f"{INBOX}/", "<x/>").status == 400
    other = "/exchange/Patrick%20O%27Brien%201/Posteingang/x.EML"
    assert statuses(batch(simulator, "BDELETE", "delete", [other, other])) == ["404", "404"]


def test_group_by_counts_the_rows_of_each_group(simulator: Simulator) -> None:
    sql = 'SELECT "DAV:visiblecount","DAV:ishidden" FROM "" WHERE "DAV:isfolder" = False GROUP BY "DAV:ishidden"'
    body = f'<D:searchrequest xmlns:D="DAV:"><D:sql>{sql}</D:sql></D:searchrequest>'
    (row,) = rows(simulator.ask("SEARCH", INBOX, body))
    assert (row[f"{DAV}visiblecount"], row[f"{DAV}ishidden"]) == (str(len(names(simulator))), "0")
    assert rows(simulator.ask("SEARCH", DELETED, body)) == []
