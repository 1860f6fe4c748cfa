"""What the simulator's Outlook Web Access shows a program: one's own mailbox, people, free and busy times, lists."""

import base64
import re

from tests.simulator.raw_http import INBOX, Answer, Row, Simulator, path_of, rows

WM = "{WM}"


def login(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def get(simulator: Simulator, path: str, user: str = "adele0") -> Answer:
    return simulator.ask("GET", path, Authorization=login(user, "simulator"))


def test_the_front_page_says_which_mailbox_is_ones_own(simulator: Simulator) -> None:
    for user in ("adele0", "CORP\\Adele0", "mailbox0@example.com"):
        page = get(simulator, "/exchange/", user)
        assert page.status == 200
        assert b'<base href="http://mail.example.com/exchange/adele0/">' in page.body.splitlines()[1]
    assert get(simulator, "/exchange/", "Patrick O'Brien 1").status == 200
    assert simulator.ask("GET", "/exchange/").status == 404


def test_a_person_opens_their_own_mailbox_and_no_other(simulator: Simulator) -> None:
    body = '<D:propfind xmlns:D="DAV:"><D:prop><D:displayname/></D:prop></D:propfind>'
    asked = [
        simulator.ask("PROPFIND", path, body, Depth="0", Authorization=login(user, password)).status
        for path, user, password in (
            (INBOX, "adele0", "simulator"),
            (INBOX, "adele0", "wrong"),
            (INBOX, "nobody", "simulator"),
            (INBOX, "Patrick O'Brien 1", "simulator"),
        )
    ]
    assert asked == [207, 401, 401, 403]


def test_people_are_found_by_alias_name_or_address(simulator: Simulator) -> None:
    for query in ("AN=adele0", "an=ADELE", "EM=mailbox0@example.com"):
        page = get(simulator, f"/exchange/adele0/?Cmd=galfind&{query}")
        found = re.findall(rb"<a:AN>(.*?)</a:AN>.*?<a:EM>(.*?)</a:EM>", page.body)
        assert found == [(b"adele0", b"mailbox0@example.com")]
    assert b"<a:item>" not in get(simulator, "/exchange/adele0/?Cmd=galfind&AN=nobody").body


def test_free_and_busy_times_come_one_digit_for_each_interval(simulator: Simulator) -> None:
    event = (
        "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\n"
        "DTSTART:20330301T100000Z\r\nDURATION:PT45M\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    simulator.ask("PUT", "/exchange/adele0/Calendar/x.ics", event, Translate="f")
    who = "u=SMTP:mailbox0@example.com&u=SMTP:stranger@example.net"
    window = "start=2033-03-01T09:00:00Z&end=2033-03-01T12:00:00Z&interval=30"
    page = get(simulator, f"/public//?cmd=freebusy&{window}&{who}")
    assert page.status == 200
    assert re.findall(rb"<a:fbdata>(\d+)</a:fbdata>", page.body) == [b"002200", b"002200", b"444444"]
    for wrong in ("start=x&end=y", window.replace("2033-03-01T12", "9999-03-01T12"), ""):
        assert get(simulator, f"/public/?Cmd=freebusy&{wrong}&{who}").status == 400


def test_the_list_has_its_cells_where_a_scraper_looks(simulator: Simulator) -> None:
    page = get(simulator, f"{INBOX}/?Cmd=contents&Page=1&View=Messages")
    chrome, listed = page.body.decode().split("<table>\r\n")
    assert 'class="trToolbar"' in chrome
    listed_rows = [re.findall("<td>(.*?)</td>", line) for line in listed.split("\r\n") if line.startswith("<tr>")]
    messages = simulator.find(INBOX)
    assert len(listed_rows) == len(messages)
    links = [cells[6].split('"')[1] for cells in listed_rows]
    assert links == [path_of(m["href"]).removeprefix("/exchange/adele0/") + "?Cmd=open" for m in reversed(messages)]
    assert any("icon-mtgreq.gif" in cells[2] for cells in listed_rows)
    assert all(len(cells) == 8 for cells in listed_rows)
    assert get(simulator, f"{INBOX}/?Cmd=contents&Page=99").body.count(b"<tr>") == 3


def test_other_pages_are_there_and_do_nothing(simulator: Simulator) -> None:
    for name in ("options", "logoff", "navbar"):
        assert get(simulator, f"/exchange/adele0/?Cmd={name}").status == 200
    saved = simulator.ask("POST", "/exchange/adele0/", "Cmd=options\nOofState=1")
    assert (saved.status, saved.headers["Location"][-12:]) == (302, "?Cmd=options")
    assert simulator.ask("POST", "/exchange/adele0/", "Cmd=unheard").status == 400


def test_a_form_saves_an_appointment_and_says_where(simulator: Simulator) -> None:
    page = simulator.ask("POST", "/exchange/adele0/Calendar", "Cmd=saveappt&FORMTYPE=appointment")
    (url,) = re.findall(r'<span id="itemHREF">(.*?)</span>', page.body.decode())
    stored = simulator.ask("GET", path_of(url), Translate="f")
    assert b"BEGIN:VTIMEZONE" in stored.body
    assert simulator.ask("DELETE", path_of(url)).status == 200


def drafted(simulator: Simulator, head: str, saved: str = "") -> Answer:
    draft = "/exchange/adele0/Drafts/d.EML"
    simulator.ask("PUT", draft, f"{head}Subject: Hello\r\n\r\nText\r\n", Translate="f")
    return simulator.ask(
        "MOVE", draft, Destination="/exchange/adele0/%23%23DavMailSubmissionURI%23%23", Saveinsent=saved
    )


def hellos(simulator: Simulator, folder: str) -> list[Row]:
    return simulator.find(folder, "AND \"urn:schemas:httpmail:subject\" = 'Hello'")


def test_mail_reaches_everybody_it_names_and_shows_nobody_the_blind_copies(simulator: Simulator) -> None:
    head = "To: A <mailbox0@example.com>,\r\n out@example.net\r\nBcc: mailbox1@example.com,\r\n x@example.net\r\n"
    assert drafted(simulator, head).status == 200
    other = "/exchange/Patrick%20O%27Brien%201/Posteingang"
    for folder in (INBOX, other):
        (row,) = hellos(simulator, folder)
        source = simulator.ask("GET", path_of(row["href"]), Translate="f").body
        assert row["{urn:schemas:httpmail:}read"] == "0"
        assert b"Bcc" not in source
        assert b"x@example.net" not in source
        assert source.startswith(b"From: ")
    assert hellos(simulator, "/exchange/adele0/Drafts") == []
    (sent,) = hellos(simulator, "/exchange/adele0/Sent%20Items")
    assert b"Bcc" in simulator.ask("GET", path_of(sent["href"]), Translate="f").body


def test_a_blind_copy_can_be_a_property_and_the_sent_copy_can_be_unwanted(simulator: Simulator) -> None:
    draft = "/exchange/adele0/Drafts/d.EML"
    bcc = '<bcc xmlns="urn:schemas:mailheader:">mailbox0@example.com</bcc>'
    body = f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{bcc}</D:prop></D:set></D:propertyupdate>'
    simulator.ask("PROPPATCH", draft, body)
    assert drafted(simulator, "To: out@example.net\r\n", saved="f").status == 200
    assert len(hellos(simulator, INBOX)) == 1
    assert hellos(simulator, "/exchange/adele0/Sent%20Items") == []


def test_mail_that_says_it_is_from_somebody_else_is_refused(simulator: Simulator) -> None:
    assert drafted(simulator, "From: boss@example.com\r\nTo: mailbox0@example.com\r\n").status == 403
    assert hellos(simulator, INBOX) == []
    assert len(hellos(simulator, "/exchange/adele0/Drafts")) == 1


def test_mail_can_be_put_where_it_is_sent_from(simulator: Simulator) -> None:
    mail = "To: mailbox0@example.com\r\nSubject: Hello\r\n\r\n"
    assert simulator.ask("PUT", "/exchange/adele0/##DavMailSubmissionURI##", mail).status == 200
    assert len(hellos(simulator, INBOX)) == len(hellos(simulator, "/exchange/adele0/Sent%20Items")) == 1
    assert rows(simulator.search("/exchange/adele0/Drafts", '"DAV:href"')) == []
