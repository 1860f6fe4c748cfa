"""What Exchange Web Services show: folders, pages, restrictions, the days of a calendar, items and changes."""

import base64
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.policy import default

import pytest
from lxml import etree

from tests.simulator.ews_client import (
    CLEAN_ID,
    MARK,
    OLDEST,
    REQUEST_CLASS,
    SEARCH_KEY,
    SENT_FOR,
    SEQUENCE,
    M,
    Mail,
    Row,
    T,
    codes,
    compared,
    field_uris,
    finditem,
    folder_id,
    getfolder,
    getitem,
    items,
    mails,
    moveitem,
    of_class,
    page,
    response_of,
)
from tests.simulator.raw_http import Simulator, running

RECEIVED = field_uris("item:DateTimeReceived")
CLASS = field_uris("item:ItemClass")
SOURCE = "<t:IncludeMimeContent>true</t:IncludeMimeContent>"
NUMBERED = '<t:ExtendedFieldURI PropertyTag="0x0063" PropertyType="Boolean"/>'


def tag_of(number: str, kind: str) -> str:
    return f'<t:ExtendedFieldURI PropertyTag="{number}" PropertyType="{kind}"/>'


def clean_id_of(mail: Mail, row: Row) -> str:
    (item,) = mail.get(row.id, fields=CLEAN_ID)
    return item.extended() or ""


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with running("--mailboxes", "3", "--requests", "8", "--responses", "4", "--deep", "260", "--calendar", "30") as one:
        yield one


@pytest.fixture(scope="module")
def deep(world: Simulator) -> Mail:
    return mails(world)[0]


@pytest.fixture(scope="module")
def mail(world: Simulator) -> Mail:
    return mails(world)[1]


def test_folders_are_known_by_name_and_by_id(mail: Mail) -> None:
    for name in ("inbox", "drafts", "sentitems", "deleteditems", "calendar", "outbox", "junkemail", "msgfolderroot"):
        response = mail.call(getfolder(name))
        folder = response.find(f".//{T}FolderId").getparent()
        assert folder.tag == (f"{T}CalendarFolder" if name == "calendar" else f"{T}Folder")
        assert folder.findtext(f"{T}EffectiveRights/{T}Delete") == "true"
        again = getfolder(name).replace(folder_id(name), f'<t:FolderId Id="{folder.find(f"{T}FolderId").get("Id")}"/>')
        assert mail.call(again).findtext(f".//{T}DisplayName") == folder.findtext(f"{T}DisplayName")
    assert mail.total("inbox") == len(mail.find())


def test_a_folder_that_is_none_is_an_error_beside_the_others(mail: Mail) -> None:
    body = getfolder("inbox").replace(folder_id("inbox"), folder_id("inbox") + folder_id("inbx"))
    assert codes(mail.call(body)) == ["NoError", "ErrorFolderNotFound"]


def test_the_folders_below_the_root_are_found(mail: Mail) -> None:
    shape = "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"
    parents = f"<m:ParentFolderIds>{folder_id('root')}</m:ParentFolderIds>"
    body = f'<m:FindFolder Traversal="Deep">{shape}{parents}</m:FindFolder>'
    names = {name.text for name in mail.call(body).iter(f"{T}DisplayName")}
    assert {"Posteingang", "Kalender"} <= names
    assert "NON_IPM_SUBTREE" not in names


def test_folders_are_found_by_their_class_and_page_by_page(mail: Mail) -> None:
    kind = tag_of("0x3613", "String")

    def found(restriction: str, view: str = "") -> tuple[list[str], str]:
        shape = f"<t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{kind}</t:AdditionalProperties>"
        response = mail.call(
            f'<m:FindFolder Traversal="Deep"><m:FolderShape>{shape}</m:FolderShape>{view}'
            f"<m:Restriction>{restriction}</m:Restriction>"
            f"<m:ParentFolderIds>{folder_id('msgfolderroot')}</m:ParentFolderIds></m:FindFolder>"
        )
        root = response.find(f".//{M}RootFolder")
        classes = [value.text for value in root.iterfind(f"{T}Folders/*/{T}ExtendedProperty/{T}Value")]
        return classes, root.get("IncludesLastItemInRange")

    assert found(compared("IsEqualTo", kind, "IPF.Appointment")) == (["IPF.Appointment"], "true")
    assert found(f"<t:Not><t:Exists>{kind}</t:Exists></t:Not>") == ([], "true")
    mail_folders, _ = found(compared("IsEqualTo", field_uris("folder:FolderClass"), "ipf.note"))
    assert set(mail_folders) == {"IPF.Note"}
    view = '<m:IndexedPageFolderView MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"/>'
    first, is_last = found(compared("IsEqualTo", kind, "IPF.Note"), view)
    assert (len(first), is_last) == (2, "false")


def test_a_folder_counts_for_an_imap_gateway(mail: Mail) -> None:
    counts = {"0x3602": "Integer", "0x3603": "Integer", "0x360a": "Boolean", "0x6751": "Integer"}
    more = "".join(tag_of(tag, kind) for tag, kind in counts.items())
    body = getfolder("inbox").replace("</t:AdditionalProperties>", more + "</t:AdditionalProperties>")
    folder = mail.call(body).find(f".//{T}FolderId").getparent()
    names = [etree.QName(child).localname for child in folder]
    between = names[names.index("ChildFolderCount") + 1 : names.index("EffectiveRights")]
    assert between == ["ExtendedProperty"] * 4, "as the schema has it"
    total, unread, has_children, next_article = (one.text for one in folder.iterfind(f"{T}ExtendedProperty/{T}Value"))
    assert total == folder.findtext(f"{T}TotalCount")
    assert unread == folder.findtext(f"{T}UnreadCount")
    assert has_children == "false"
    articles = [int(row.extended() or 0) for row in mail.find(fields=tag_of("0x0e23", "Integer"))]
    assert max(articles) < int(next_article or 0)


def test_the_source_of_a_request_is_a_mail_and_that_of_an_appointment_is_icalendar(mail: Mail) -> None:
    def source(row: Row) -> bytes:
        wanted = getitem(row.id).replace("</m:ItemShape>", f"{SOURCE}</m:ItemShape>")
        (item,) = items(mail.call(wanted))
        assert item.element[0].tag == f"{T}MimeContent", "before the id, as the schema has it"
        return base64.b64decode(item.text("MimeContent") or "")

    request = mail.requests()[0]
    message = message_from_bytes(source(request), policy=default)
    (event,) = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert event.get_param("method") == "REQUEST"
    assert f"UID:{request.text('UID')}" in event.get_content()
    (booked,) = mail.find("calendar", compared("IsEqualTo", CLEAN_ID, clean_id_of(mail, request)))
    text = source(booked).decode()
    assert text.startswith("BEGIN:VCALENDAR\r\n")
    assert f"UID:{request.text('UID')}\r\n" in text
    zone = re.search(r'DTSTART;TZID="([^"]+)":\d{8}T\d{6}\r\n', text)
    assert zone is not None, "by the clock of a zone"
    assert f"BEGIN:VTIMEZONE\r\nTZID:{zone[1]}\r\n" in text


def test_a_search_shows_no_sources(mail: Mail) -> None:
    wanted = finditem("inbox").replace("</m:ItemShape>", f"{SOURCE}</m:ItemShape>")
    assert {row.text("MimeContent") for row in items(mail.call(wanted))} == {None}


def test_an_appointment_says_who_organizes_it(mail: Mail) -> None:
    rows = mail.find("calendar", fields=field_uris("calendar:IsOrganizer", "calendar:MyResponseType"))
    shown = {(row.text("MyResponseType"), row.text("IsOrganizer")) for row in rows}
    assert shown >= {("Organizer", "true"), ("NoResponseReceived", "false")}
    assert {is_organizer for answer, is_organizer in shown if answer != "Organizer"} == {"false"}


def test_an_id_is_as_long_as_those_of_exchange(mail: Mail) -> None:
    assert {len(row.id) for row in mail.find()} == {152}


def test_nothing_is_shown_that_was_not_asked_for(mail: Mail) -> None:
    row = mail.find(fields=CLASS)[0]
    assert [child.tag for child in row.element] == [f"{T}ItemId", f"{T}ItemClass"]
    (item,) = mail.get(row.id, fields=CLASS)
    assert [child.tag for child in item.element] == [f"{T}ItemId", f"{T}ItemClass"]


def test_elements_are_named_for_the_class(deep: Mail) -> None:
    kinds = {(row.text("ItemClass") or "").rsplit(".", 1)[-1]: row.kind for row in deep.find(fields=CLASS)}
    known = {"Request": "MeetingRequest", "Pos": "MeetingResponse", "Canceled": "MeetingCancellation"}
    assert kinds.items() >= {name: kind for name, kind in known.items() if name in kinds}.items()
    assert {row.kind for row in deep.find("calendar")} == {"CalendarItem"}


def test_a_prefix_of_the_class_finds_and_case_is_as_asked(deep: Mail) -> None:
    everything = deep.find(fields=CLASS, view=page(1000))
    requests = [row for row in everything if row.text("ItemClass") == REQUEST_CLASS]
    assert len(deep.find(restriction=of_class("ipm.schedule.meeting.request"), view=page(250))) == 250
    assert len(requests) >= 250
    exact = of_class("ipm.schedule").replace('ContainmentComparison="IgnoreCase"', 'ContainmentComparison="Exact"')
    assert deep.find(restriction=exact) == []
    both = f"<t:Or>{of_class('IPM.Schedule.Meeting.Resp')}{of_class('IPM.TaskRequest')}</t:Or>"
    found = {row.id for row in deep.find(restriction=both, view=page(250))}
    wanted = {
        row.id
        for row in everything
        if (row.text("ItemClass") or "").startswith(("IPM.Schedule.Meeting.Resp", "IPM.TaskRequest"))
    }
    assert found == wanted
    neither = f"<t:Not>{both}</t:Not>"
    assert not found & {row.id for row in deep.find(restriction=neither, view=page(250))}


def test_times_are_compared(mail: Mail) -> None:
    rows = mail.find(fields=RECEIVED, order=OLDEST)
    moments = [row.text("DateTimeReceived") or "" for row in rows]
    assert moments == sorted(moments)
    middle = moments[len(moments) // 2]
    for name, expected in (
        ("IsGreaterThan", [one for one in moments if one > middle]),
        ("IsGreaterThanOrEqualTo", [one for one in moments if one >= middle]),
        ("IsLessThan", [one for one in moments if one < middle]),
        ("IsLessThanOrEqualTo", [one for one in moments if one <= middle]),
        ("IsEqualTo", [middle]),
        ("IsNotEqualTo", [one for one in moments if one != middle]),
    ):
        found = mail.find(restriction=compared(name, RECEIVED, middle), fields=RECEIVED, order=OLDEST)
        assert [row.text("DateTimeReceived") for row in found] == expected


def test_binary_properties_and_booleans_are_compared(mail: Mail) -> None:
    request = mail.requests()[0]
    (item,) = mail.get(request.id, fields=CLEAN_ID)
    found = mail.find(restriction=compared("IsEqualTo", CLEAN_ID, item.extended() or ""))
    assert request.id in {row.id for row in found}
    unwanted = mail.find(restriction=compared("IsEqualTo", NUMBERED, "false"), fields=NUMBERED)
    assert {row.extended() for row in unwanted} <= {"false"}
    assert codes(mail.call(finditem("inbox", compared("IsEqualTo", NUMBERED, "maybe")))) == [
        "ErrorInvalidValueForProperty"
    ]


def test_what_exists_is_found(mail: Mail) -> None:
    assert mail.find(restriction=f"<t:Exists>{MARK}</t:Exists>") == []
    assert len(mail.find(restriction=f"<t:Exists>{SEARCH_KEY}</t:Exists>")) == mail.total("inbox")


def test_a_uid_is_not_searched_for(mail: Mail) -> None:
    condition = compared("IsEqualTo", field_uris("calendar:UID"), "x")
    assert codes(mail.call(finditem("inbox", condition))) == ["ErrorUnsupportedPathForQuery"]


@pytest.mark.parametrize("path", ["item:Sbject", "calendar:Uid", ""])
def test_an_unknown_property_is_an_error(mail: Mail, path: str) -> None:
    assert codes(mail.call(finditem("inbox", fields=field_uris(path)))) == ["ErrorInvalidPropertyRequest"]
    assert codes(mail.call(getitem(mail.find()[0].id, fields=field_uris(path)))) == ["ErrorInvalidPropertyRequest"]


def test_pages_follow_each_other(mail: Mail) -> None:
    everything = [row.id for row in mail.find(order=OLDEST)]
    paged: list[str] = []
    offset, is_last = 0, "false"
    while is_last == "false":
        response = mail.call(finditem("inbox", view=page(3, offset), order=OLDEST))
        root = response.find(".//{*}RootFolder")
        assert int(root.get("TotalItemsInView")) == len(everything)
        paged += [row.id for row in items(response)]
        offset, is_last = int(root.get("IndexedPagingOffset")), root.get("IncludesLastItemInRange")
    assert paged == everything
    last = mail.call(finditem("inbox", view=page(2, base="End"), order=OLDEST))
    assert [row.id for row in items(last)] == everything[-2:]


def test_a_search_ends_at_the_cap_and_says_so(deep: Mail) -> None:
    response = deep.call(finditem("inbox", of_class(REQUEST_CLASS), view=page(1000)))
    root = response.find(".//{*}RootFolder")
    total = int(root.get("TotalItemsInView"))
    assert (len(items(response)), root.get("IncludesLastItemInRange")) == (250, "false")
    assert root.get("IndexedPagingOffset") == "250"
    rest = deep.call(finditem("inbox", of_class(REQUEST_CLASS), view=page(1000, 250)))
    assert len(items(rest)) == total - 250
    assert rest.find(".//{*}RootFolder").get("IncludesLastItemInRange") == "true"


def test_a_search_past_the_cap_needs_pages_and_a_newer_schema(deep: Mail) -> None:
    whole, paged = (finditem("inbox", of_class(REQUEST_CLASS), view=view) for view in ("", page(1000)))
    assert codes(deep.call(whole)) == ["ErrorExceededFindCountLimit"]
    assert codes(response_of(deep.post(paged, "Exchange2010"))) == ["ErrorServerBusy"]
    assert codes(
        response_of(deep.post(finditem("inbox", of_class(REQUEST_CLASS), view=page(100)), "Exchange2010"))
    ) == ["NoError"]


def test_the_newest_comes_first_without_an_order(mail: Mail) -> None:
    moments = [row.text("DateTimeReceived") or "" for row in mail.find(fields=RECEIVED)]
    assert moments == sorted(moments, reverse=True)


def view(start: str, end: str, most: int = 1000) -> str:
    return f'<m:CalendarView MaxEntriesReturned="{most}" StartDate="{start}" EndDate="{end}"/>'


def test_a_calendar_is_viewed_with_its_series_expanded(deep: Mail) -> None:
    fields = field_uris("calendar:Start", "calendar:End", "calendar:CalendarItemType", "calendar:IsRecurring")
    whole = view("2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z")
    rows = deep.find("calendar", fields=fields, view=whole)
    starts = [row.text("Start") or "" for row in rows]
    assert starts == sorted(starts)
    kinds = {row.text("CalendarItemType") for row in rows}
    assert {"Single", "Occurrence"} <= kinds
    assert "RecurringMaster" not in kinds
    assert len({row.id for row in rows}) == len(rows)
    occurrence = next(row for row in rows if row.text("CalendarItemType") == "Occurrence")
    (again,) = deep.get(occurrence.id, fields=fields)
    assert (again.text("Start"), again.text("End")) == (occurrence.text("Start"), occurrence.text("End"))
    masters = {row.text("CalendarItemType") for row in deep.find("calendar", fields=fields)}
    assert "RecurringMaster" in masters


def test_a_view_of_a_calendar_has_bounds(deep: Mail) -> None:
    assert len(deep.find("calendar", view=view("2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z", 2))) == 2
    cut = deep.call(finditem("calendar", view=view("2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z", 2)))
    assert cut.find(".//{*}RootFolder").get("IncludesLastItemInRange") == "false"
    for start, end, code in (
        ("2026-01-01T00:00:00Z", "2028-02-01T00:00:00Z", "ErrorCalendarViewRangeTooBig"),
        ("2026-02-02T00:00:00Z", "2026-02-01T00:00:00Z", "ErrorCalendarEndDateIsEarlierThanStartDate"),
    ):
        assert codes(deep.call(finditem("calendar", view=view(start, end)))) == [code]


def test_a_row_has_names_and_no_addresses(mail: Mail) -> None:
    fields = field_uris(
        "message:From", "message:Sender", "calendar:Organizer", "calendar:RequiredAttendees", "item:Body"
    )
    request = mail.requests()[0]
    row = next(one for one in mail.find(fields=fields + SENT_FOR) if one.id == request.id)
    assert row.text("From/Mailbox/Name")
    assert row.text("Organizer/Mailbox/Name")
    assert row.text("From/Mailbox/EmailAddress") is None
    assert row.element.find(f"{T}RequiredAttendees") is None
    assert row.element.find(f"{T}Body") is None
    (item,) = mail.get(request.id, fields=fields)
    assert item.text("Organizer/Mailbox/EmailAddress") == row.extended()
    assert item.text("From/Mailbox/RoutingType") == "SMTP"
    assert item.text("RequiredAttendees/Attendee/Mailbox/EmailAddress") == mail.address


def test_items_fail_one_by_one(mail: Mail) -> None:
    first, second = mail.find()[:2]
    assert codes(mail.call(getitem(first.id, "AAMkA1=", second.id))) == [
        "NoError",
        "ErrorInvalidIdMalformed",
        "NoError",
    ]
    assert codes(mail.call(getitem(first.id.swapcase()))) == ["ErrorInvalidIdMalformed"]


def test_the_shapes_differ(mail: Mail) -> None:
    request = mail.requests()[0]
    names = {
        base: {child.tag.partition("}")[2] for child in mail.get(request.id, base=base)[0].element}
        for base in ("IdOnly", "Default", "AllProperties")
    }
    assert names["IdOnly"] == {"ItemId"}
    assert {"Subject", "Start", "AssociatedCalendarItemId"} <= names["Default"] < names["AllProperties"]


def test_extended_properties_are_those_of_mapi(mail: Mail) -> None:
    request = mail.requests()[0]
    (item,) = mail.get(request.id, fields=field_uris("calendar:UID", "calendar:AppointmentSequenceNumber"))
    (numbered,) = mail.get(request.id, fields=SEQUENCE)
    assert numbered.extended() == item.text("AppointmentSequenceNumber")
    (clean,) = mail.get(request.id, fields=CLEAN_ID)
    assert base64.b64decode(clean.extended() or "").hex().upper() == item.text("UID")
    path = clean.element.find(f"{T}ExtendedProperty/{T}ExtendedFieldURI")
    assert dict(path.attrib) == {
        "DistinguishedPropertySetId": "Meeting",
        "PropertyId": "35",
        "PropertyType": "Binary",
    }
    (tagged,) = mail.get(request.id, fields=SENT_FOR)
    assert tagged.element.find(f"{T}ExtendedProperty/{T}ExtendedFieldURI").get("PropertyTag") == "0x5d02"
    for wrong in (
        '<t:ExtendedFieldURI PropertyTag="x" PropertyType="String"/>',
        '<t:ExtendedFieldURI PropertyTag="0x5D02" PropertyType="Text"/>',
        '<t:ExtendedFieldURI PropertyId="1" PropertyType="String"/>',
    ):
        assert codes(mail.call(getitem(request.id, fields=wrong))) == ["ErrorInvalidExtendedProperty"]


def test_times_are_in_utc_and_whole_seconds(mail: Mail) -> None:
    (item,) = mail.get(mail.requests()[0].id, fields=field_uris("calendar:Start", "item:LastModifiedTime"))
    for name in ("Start", "LastModifiedTime"):
        text = item.text(name) or ""
        assert datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def sync(mail: Mail, state: str = "", most: int = 512) -> tuple[list[tuple[str, Row]], str, bool]:
    reported = f"<m:SyncState>{state}</m:SyncState>" if state else ""
    more = f"<t:AdditionalProperties>{CLASS}</t:AdditionalProperties>"
    shape = f"<m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{more}</m:ItemShape>"
    target = f"<m:SyncFolderId>{folder_id('inbox')}</m:SyncFolderId>"
    response = mail.call(
        f"<m:SyncFolderItems>{shape}{target}{reported}<m:MaxChangesReturned>{most}</m:MaxChangesReturned></m:SyncFolderItems>"
    )
    assert codes(response) == ["NoError"]
    changes = response.find(".//{*}Changes")
    found = [
        (change.tag.partition("}")[2], Row(change if change.tag == f"{T}Delete" else change[0])) for change in changes
    ]
    is_last = response.findtext(".//{*}IncludesLastItemInRange") == "true"
    return found, str(response.findtext(".//{*}SyncState")), is_last


def test_changes_are_reported_since_a_state(world: Simulator) -> None:
    mail = mails(world)[2]
    everything = {row.id for row in mail.find()}
    reported: list[tuple[str, Row]] = []
    state, is_last = "", False
    while not is_last:
        changes, state, is_last = sync(mail, state, 3)
        assert len(changes) <= 3
        reported += changes
    assert {kind for kind, _ in reported} == {"Create"}
    assert {row.id for _, row in reported} == everything
    assert sync(mail, state)[0] == []
    gone = reported[0][1].id
    mail.call(moveitem(gone))
    (change,) = sync(mail, state)[0]
    assert (change[0], change[1].id) == ("Delete", gone)


def test_a_state_that_is_none_is_an_error(mail: Mail) -> None:
    with pytest.raises(AssertionError, match="ErrorInvalidSyncStateData"):
        sync(mail, "H4sIAAAA")


def test_names_are_resolved(world: Simulator, mail: Mail) -> None:
    def resolve(entry: str) -> tuple[list[str], list[str]]:
        wanted = f"<m:UnresolvedEntry>{entry}</m:UnresolvedEntry>"
        response = mail.call(f'<m:ResolveNames ReturnFullContactData="false">{wanted}</m:ResolveNames>')
        return codes(response), [one.text for one in response.iter(f"{T}EmailAddress")]

    assert resolve(mail.address) == (["NoError"], [mail.address])
    assert resolve("mailbox")[0] == ["ErrorNameResolutionMultipleResults"]
    assert resolve("nobody at all") == (["ErrorNameResolutionNoResults"], [])
    x500 = "/O=EXAMPLE/OU=FIRST/CN=RECIPIENTS/CN=PERSON12"
    assert resolve(x500) == (["NoError"], ["person12@example.com"])
    body = "<m:ResolveNames><m:UnresolvedEntry>x</m:UnresolvedEntry></m:ResolveNames>"
    assert codes(Mail(world, "").call(body)) == ["ErrorNameResolutionNoMailbox"]


def test_ids_are_converted_to_themselves_and_say_whose_they_are(mail: Mail) -> None:
    known = mail.find()[0].id
    ids = "".join(f'<t:AlternateId Format="EwsId" Id="{one}" Mailbox="x@example.org"/>' for one in (known, "AAA="))
    response = mail.call(f'<m:ConvertId DestinationFormat="EwsId"><m:SourceIds>{ids}</m:SourceIds></m:ConvertId>')
    assert codes(response) == ["NoError", "ErrorInvalidIdMalformed"]
    converted = response.find(".//{*}AlternateId")
    assert (converted.get("Id"), converted.get("Mailbox")) == (known, mail.address)


def test_the_first_page_of_the_inbox_is_an_operation(world: Simulator, mail: Mail) -> None:
    def operations() -> int:
        return int(world.oracle("summary")["pace"]["operations"])

    before = operations()
    mail.find(view=page(3))
    mail.find(view=page(3, 3))
    mail.find("sentitems")
    mail.get(mail.find("calendar")[0].id)
    assert operations() == before + 1


def test_a_series_shows_its_pattern_its_end_and_its_exceptions(world: Simulator) -> None:
    fields = field_uris(
        *(f"calendar:{name}" for name in ("Recurrence", "FirstOccurrence", "LastOccurrence", "StartTimeZone")),
        *(f"calendar:{name}" for name in ("ModifiedOccurrences", "DeletedOccurrences", "CalendarItemType")),
    )
    found = []
    for mail in mails(world):
        ids = [row.id for row in mail.find("calendar")]
        found += [row for row in mail.get(*ids, fields=fields) if row.text("CalendarItemType") == "RecurringMaster"]
    assert found
    for row in found:
        pattern, extent = row.element.find(f"{T}Recurrence")
        assert pattern.tag.endswith("Recurrence")
        ends = not extent.tag.endswith("NoEndRecurrence")
        assert (row.text("LastOccurrence/End") is not None) is ends
        assert row.text("FirstOccurrence/Start")
        assert row.element.find(f"{T}StartTimeZone").get("Id", "").endswith(("Standard Time", "UTC"))
    assert any(row.text("ModifiedOccurrences/Occurrence/OriginalStart") for row in found)
    assert any(row.text("DeletedOccurrences/DeletedOccurrence/Start") for row in found)
