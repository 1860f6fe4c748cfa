"""The simulator's PUT, and the PROPPATCH that creates: how a client stores mail, appointments and meeting messages."""

import pytest

from tests.simulator.raw_http import CALENDAR, DAV, EXCHANGE, HTTPMAIL, Answer, Row, Simulator, rows

DRAFTS = "/exchange/adele0/Drafts"
CALENDAR_FOLDER = "/exchange/adele0/Calendar"
OURS = "AND \"urn:schemas:calendar:uid\" = 'lunch@example.net'"
TAG = "{http://schemas.microsoft.com/mapi/proptag/}"
FACTS = (
    '"DAV:contentclass","DAV:getetag","http://schemas.microsoft.com/exchange/outlookmessageclass",'
    '"http://schemas.microsoft.com/exchange/permanenturl",'
    '"urn:schemas:httpmail:subject","urn:schemas:httpmail:fromemail","urn:schemas:httpmail:to",'
    '"urn:schemas:httpmail:cc","urn:schemas:httpmail:read","urn:schemas:httpmail:datereceived",'
    '"urn:schemas:calendar:uid","urn:schemas:calendar:dtstart","urn:schemas:calendar:dtend",'
    '"urn:schemas:calendar:organizer","urn:schemas:calendar:method","urn:schemas:calendar:instancetype",'
    '"urn:schemas:calendar:location","http://schemas.microsoft.com/mapi/proptag/x0e070003",'
    '"http://schemas.microsoft.com/mapi/proptag/x0e060040","http://schemas.microsoft.com/mapi/proptag/x007d001f",'
    '"http://schemas.microsoft.com/mapi/id/{00062008-0000-0000-C000-000000000046}/0x8570" as deleted'
)
MAIL = (
    "Subject: =?utf-8?Q?=C3=84rger?= & more\r\nTo: Nora <nora@example.net>\r\nCc: c@example.net\r\n"
    "Message-ID: <1@example.net>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n"
)
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VTIMEZONE\r\nTZID:Site time\r\nBEGIN:STANDARD\r\n"
    "DTSTART:16010101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    "BEGIN:VEVENT\r\nUID:lunch@example.net\r\nSEQUENCE:2\r\nSUMMARY:Lunch\\, long\r\nLOCATION:Café\r\n"
    'DTSTART;TZID="Site time":20260401T120000\r\nDTEND;TZID=Site time:20260401T133000\r\n'
    'ORGANIZER;CN="O\'Neil: Boss":mailto:boss@exam\r\n ple.net\r\n'
    "ATTENDEE;PARTSTAT={answer}:mailto:mailbox0@example.com\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def put(simulator: Simulator, path: str, body: str, **headers: str) -> Answer:
    return simulator.ask("PUT", path, body, 0, Translate="f", Overwrite="f", Content_Type="message/rfc822", **headers)


def calendar_mail(method: str, content_class: str = "", answer: str = "NEEDS-ACTION", more: str = "") -> str:
    said = f"Content-class: {content_class}\r\n" if content_class else ""
    text = EVENT.format(method=method, answer=answer, more=more)
    return f"Subject: Lunch\r\nMIME-Version: 1.0\r\n{said}Content-Type: text/calendar; charset=utf-8\r\n\r\n{text}"


def only(simulator: Simulator, folder: str, condition: str = "") -> Row:
    (row,) = rows(simulator.search(folder, FACTS, condition))
    return row


def test_a_new_message_is_201_with_its_tags_and_reads_as_it_was_stored(simulator: Simulator) -> None:
    stored = put(simulator, f"{DRAFTS}/a%20b.EML", MAIL)
    row = only(simulator, DRAFTS)
    assert stored.status == 201
    assert stored.headers["Location"] == row["href"] == f"http://mail.example.com{DRAFTS}/a%20b.EML"
    assert stored.headers["GetETag"] == row[f"{DAV}getetag"]
    assert stored.headers["MS-Exchange-Permanent-URL"] == row[f"{EXCHANGE}permanenturl"]
    assert stored.headers["Repl-UID"].startswith("<rid:")
    assert stored.headers["ResourceTag"].startswith("<rt:")
    assert (row[f"{HTTPMAIL}subject"], row[f"{HTTPMAIL}cc"]) == ("Ärger & more", "c@example.net")
    assert row[f"{HTTPMAIL}to"] == "Nora <nora@example.net>"
    assert row[f"{HTTPMAIL}fromemail"].endswith("<mailbox0@example.com>")
    assert row[f"{TAG}x007d001f"].startswith("Subject: =?utf-8?Q?")
    assert row[f"{DAV}contentclass"] == "urn:content-classes:message"
    source = simulator.ask("GET", f"{DRAFTS}/a%20b.EML", Translate="f")
    assert (source.headers["Content-Type"], source.body) == ("message/rfc822", MAIL.encode())


def test_a_second_put_is_200_and_replaces_whatever_overwrite_says(simulator: Simulator) -> None:
    put(simulator, f"{DRAFTS}/a.EML", MAIL)
    before = only(simulator, DRAFTS)
    assert put(simulator, f"{DRAFTS}/A.eml", MAIL.replace("more", "less")).status == 200
    after = only(simulator, DRAFTS)
    assert after[f"{HTTPMAIL}subject"] == "Ärger & less"
    assert (after["href"], after[f"{EXCHANGE}permanenturl"]) == (before["href"], before[f"{EXCHANGE}permanenturl"])
    assert after[f"{DAV}getetag"] != before[f"{DAV}getetag"]


def test_a_condition_that_does_not_hold_is_412(simulator: Simulator) -> None:
    path = f"{DRAFTS}/a.EML"
    assert put(simulator, path, MAIL, If_Match="*").status == 412
    first = put(simulator, path, MAIL, If_None_Match="*")
    assert first.status == 201
    assert put(simulator, path, MAIL, If_None_Match="*").status == 412
    assert put(simulator, path, MAIL, If_Match=first.headers["GetETag"]).status == 200
    assert put(simulator, path, MAIL, If_Match=first.headers["GetETag"]).status == 412
    assert put(simulator, path, MAIL, If_Match="*").status == 200


@pytest.mark.parametrize(("path", "status"), [(f"{DRAFTS}/no/a.EML", 409), (DRAFTS, 405), ("/exchange/no/a", 404)])
def test_there_must_be_a_folder_and_no_folder_of_that_name(simulator: Simulator, path: str, status: int) -> None:
    assert put(simulator, path, MAIL).status == status


def test_proppatch_creates_and_put_keeps_what_it_set(simulator: Simulator) -> None:
    named = "http://schemas.microsoft.com/mapi/id/{00062008-0000-0000-c000-000000000046}/"
    properties = (
        '<x0e070003 xmlns="http://schemas.microsoft.com/mapi/proptag/">9</x0e070003>'
        '<datereceived xmlns="urn:schemas:httpmail:">2026-01-05T10:00:00.000Z</datereceived>'
        f'<_x0030_x8570 xmlns="{named}">1</_x0030_x8570><mine xmlns="urn:x:">kept</mine>'
    )
    body = f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{properties}</D:prop></D:set></D:propertyupdate>'
    created = simulator.ask("PROPPATCH", "/exchange/adele0/Sent%20Items/new.EML", body)
    assert created.status == 207
    assert b"<a:status>HTTP/1.1 201 Created</a:status>" in created.body
    assert created.headers["Content-Type"] == "text/xml"
    assert put(simulator, "/exchange/adele0/Sent%20Items/new.EML", MAIL).status == 200
    row = only(simulator, "/exchange/adele0/Sent%20Items")
    assert (row[f"{TAG}x0e070003"], row[f"{HTTPMAIL}read"], row["deleted"]) == ("9", "1", "1")
    assert row[f"{HTTPMAIL}datereceived"] == row[f"{TAG}x0e060040"] == "2026-01-05T10:00:00.000Z"
    assert simulator.find("/exchange/adele0/Sent%20Items", "AND \"urn:x:mine\" = 'ke%'")


def test_names_that_begin_with_a_digit_are_read_as_exchange_reads_them(simulator: Simulator) -> None:
    named = "http://schemas.microsoft.com/mapi/id/{00062008-0000-0000-C000-000000000046}/"
    properties = f'<D:set xmlns:f="{named}"><D:prop><f:0x8570>1</f:0x8570></D:prop></D:set>'
    body = f'<D:propertyupdate xmlns:D="DAV:">{properties}</D:propertyupdate>'
    assert simulator.ask("PROPPATCH", f"{DRAFTS}/d.EML", body).status == 207
    assert only(simulator, DRAFTS)["deleted"] == "1"


@pytest.mark.parametrize(
    ("flags", "shown"), [(None, ("0", "0")), ("1", ("1", "1")), ("8", ("0", "8")), ("9", ("1", "9"))]
)
def test_a_new_item_is_unread_unless_it_says_so(
    simulator: Simulator, flags: str | None, shown: tuple[str, str]
) -> None:
    """DavMail's APPEND with a list of flags that has no \\Seen sets only what is in the list."""
    said = f'<x0e070003 xmlns="http://schemas.microsoft.com/mapi/proptag/">{flags}</x0e070003>' if flags else ""
    said += '<x10900003 xmlns="http://schemas.microsoft.com/mapi/proptag/">2</x10900003>'
    body = f'<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>{said}</D:prop></D:set></D:propertyupdate>'
    folder = "/exchange/adele0/Sent%20Items"
    simulator.ask("PROPPATCH", f"{folder}/new.EML", body)
    put(simulator, f"{folder}/new.EML", MAIL)
    row = only(simulator, folder)
    assert (row[f"{HTTPMAIL}read"], row[f"{TAG}x0e070003"]) == shown


@pytest.mark.parametrize("written", ["0x8570", "0x00008570", "_x0030_x8570", "_x0030_x00008570", "_x0033_4160"])
@pytest.mark.parametrize("asked", ["0x8570", "0x00008570", "34160"])
def test_a_named_property_is_one_however_its_number_is_written(simulator: Simulator, written: str, asked: str) -> None:
    """DavMail asks for contacts' properties in decimal and writes tasks' ones with zeros before them."""
    named = "http://schemas.microsoft.com/mapi/id/{00062003-0000-0000-C000-000000000046}/"
    properties = f'<D:set xmlns:f="{named}"><D:prop><f:{written}>seven</f:{written}></D:prop></D:set>'
    body = f'<D:propertyupdate xmlns:D="DAV:">{properties}</D:propertyupdate>'
    assert simulator.ask("PROPPATCH", f"{DRAFTS}/n.EML", body).status == 207
    (row,) = rows(simulator.search(DRAFTS, f'"{named}{asked}" as x', f"AND \"{named}{asked}\" = 'seven'"))
    assert row["x"] == "seven"


def classes(*said: tuple[str, str]) -> str:
    """A PROPPATCH of classes, in this order."""
    names = {"message": "E:outlookmessageclass", "content": "D:contentclass"}
    written = "".join(f"<{names[kind]}>{value}</{names[kind]}>" for kind, value in said)
    return (
        f'<D:propertyupdate xmlns:D="DAV:" xmlns:E="http://schemas.microsoft.com/exchange/">'
        f"<D:set><D:prop>{written}</D:prop></D:set></D:propertyupdate>"
    )


@pytest.mark.parametrize(
    ("message_class", "content_class"),
    [
        ("IPM.Contact", "person"),
        ("ipm.contact.example", "person"),
        ("IPM.DistList", "group"),
        ("IPM.Task", "task"),
        ("IPM.TaskRequest", "message"),
        ("IPM.Appointment", "appointment"),
        ("IPM.Schedule.Meeting.Request", "calendarmessage"),
        ("IPM.StickyNote", "note"),
        ("IPM.Activity", "activity"),
        ("IPM.Note.SMIME", "message"),
        ("IPM.Contacts", "document"),
    ],
)
def test_a_content_class_that_nobody_set_follows_the_message_class(
    simulator: Simulator, message_class: str, content_class: str
) -> None:
    assert simulator.ask("PROPPATCH", f"{DRAFTS}/c.EML", classes(("message", message_class))).status == 207
    assert only(simulator, DRAFTS)[f"{DAV}contentclass"] == f"urn:content-classes:{content_class}"
    # The MIME that a client stores afterwards says nothing of either.
    put(simulator, f"{DRAFTS}/c.EML", MAIL)
    row = only(simulator, DRAFTS)
    assert row[f"{EXCHANGE}outlookmessageclass"] == message_class
    assert row[f"{DAV}contentclass"] == f"urn:content-classes:{content_class}"


def test_a_content_class_that_was_set_stays_whatever_the_message_class(simulator: Simulator) -> None:
    person, contact = ("content", "urn:content-classes:x"), ("message", "IPM.Contact")
    for said in ((person, contact), (contact, person)):
        simulator.ask("PROPPATCH", f"{DRAFTS}/c.EML", classes(*said))
        assert only(simulator, DRAFTS)[f"{DAV}contentclass"] == "urn:content-classes:x"
    body = '<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><D:contentclass/></D:prop></D:remove></D:propertyupdate>'
    simulator.ask("PROPPATCH", f"{DRAFTS}/c.EML", body)
    assert only(simulator, DRAFTS)[f"{DAV}contentclass"] == "urn:content-classes:person"


def test_an_appointment_has_its_times_in_utc_under_the_clients_name(simulator: Simulator) -> None:
    appointment = "urn:content-classes:appointment"
    assert put(simulator, f"{CALENDAR_FOLDER}/lunch.ics", calendar_mail("REQUEST", appointment)).status == 201
    row = only(simulator, CALENDAR_FOLDER, OURS)
    assert row["href"].endswith("/lunch.ics")
    assert row[f"{DAV}contentclass"] == appointment
    assert row[f"{EXCHANGE}outlookmessageclass"] == "IPM.Appointment"
    assert row[f"{CALENDAR}uid"] == "lunch@example.net"
    assert row[f"{CALENDAR}dtstart"] == "2026-04-01T11:00:00.000Z"
    assert row[f"{CALENDAR}dtend"] == "2026-04-01T12:30:00.000Z"
    assert row[f"{CALENDAR}organizer"] == '"O\'Neil: Boss" <boss@example.net>'
    assert (row[f"{CALENDAR}instancetype"], row[f"{CALENDAR}location"]) == ("0", "Café")
    window = "AND \"urn:schemas:calendar:dtend\" > '2026/04/01 12:00:00' AND \"urn:schemas:calendar:dtstart\" < '{}'"
    assert simulator.find(CALENDAR_FOLDER, OURS + window.format("2026/04/01 12:00:00"))
    assert not simulator.find(CALENDAR_FOLDER, OURS + window.format("2026/04/01 10:00:00"))


def test_a_series_is_a_recurring_master(simulator: Simulator) -> None:
    put(simulator, f"{CALENDAR_FOLDER}/s.ics", calendar_mail("PUBLISH", more="RRULE:FREQ=WEEKLY\r\n"))
    row = only(simulator, CALENDAR_FOLDER, OURS)
    assert (row[f"{CALENDAR}instancetype"], row[f"{DAV}contentclass"]) == ("1", "urn:content-classes:appointment")


@pytest.mark.parametrize(
    ("method", "answer", "message_class"),
    [
        ("REQUEST", "NEEDS-ACTION", "Request"),
        ("CANCEL", "NEEDS-ACTION", "Canceled"),
        ("REPLY", "ACCEPTED", "Resp.Pos"),
        ("REPLY", "DECLINED", "Resp.Neg"),
        ("REPLY", "TENTATIVE", "Resp.Tent"),
    ],
)
def test_a_meeting_message_is_known_by_its_method(
    simulator: Simulator, method: str, answer: str, message_class: str
) -> None:
    for content_class in ("", "urn:content-classes:calendarmessage"):
        put(simulator, f"{DRAFTS}/m.EML", calendar_mail(method, content_class, answer))
        row = only(simulator, DRAFTS)
        assert row[f"{EXCHANGE}outlookmessageclass"] == f"IPM.Schedule.Meeting.{message_class}"
        assert row[f"{DAV}contentclass"] == "urn:content-classes:calendarmessage"
        assert row[f"{CALENDAR}method"] == method
