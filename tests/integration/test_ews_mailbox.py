"""One mailbox by Exchange Web Services, against scripted responses over real sockets."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import pytest

from rsvpq.ews import search
from rsvpq.ews.backend import EwsBackend
from rsvpq.ews.envelope import Access
from rsvpq.ews.mailbox import EwsMailbox, Marker
from rsvpq.ews.search import FIND_ROWS
from rsvpq.ews.server import EwsServer, Schema
from rsvpq.http import auth
from rsvpq.mail.calendar import Agenda, Appointment, BusyStatus, CalendarUnknown, ResponseStatus
from rsvpq.mail.errors import (
    Busy,
    Changed,
    ExchangeError,
    Gone,
    LoginRefused,
    Malformed,
    Refused,
    Transient,
    Unknown,
    Unsupported,
)
from rsvpq.mail.lease import NoLease, OutOfTime
from rsvpq.mail.messages import Intent, ItemRef, Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswerEvidence, AnswersAtOnce, AnswerState, Clear, Page, Place
from tests.support import ews_responses as ews
from tests.support.ews_responses import Asked, Exchange
from tests.support.scripted_server import DRIP, HANG, NOT_HTTP, RESET, Play, ScriptedServer

#: A type checker's proof that the mailbox has what the port says.
AT_ONCE: type[AnswersAtOnce] = EwsMailbox
BEGUN = datetime(2026, 11, 28, 9, tzinfo=UTC)
REPLIED = "2026-11-28T09:00:03Z"
NO_ITEMS = ews.page()


@pytest.fixture
def exchange(scripted: ScriptedServer) -> Exchange:
    """A server without anything in it, which a test fills."""
    empty = {f"FindItem {folder}": NO_ITEMS for folder in ("inbox", "calendar", "sentitems", "deleteditems", "outbox")}
    return Exchange(scripted, {**empty, "GetItem": lambda asked: ews.got(*("" for _ in asked.ids))})


@pytest.fixture
def box(exchange: Exchange) -> EwsMailbox:
    """Adele's mailbox on it."""
    return exchange.mailbox()


def request_in(exchange: Exchange, box: EwsMailbox) -> MeetingMessage:
    """The request in the Inbox, as a scan finds it."""
    exchange.scripts["FindItem inbox"] = ews.page(ews.item())
    exchange.scripts["GetItem"] = ews.got(ews.REQUEST)
    (found,) = (message for page in box.meeting_messages() for message in page.messages)
    exchange.asked.clear()
    return found


def scanned(box: EwsMailbox) -> tuple[list[MeetingMessage], int]:
    """Everything that a scan finds."""
    pages = list(box.meeting_messages())
    return [message for page in pages for message in page.messages], sum(page.unreadable for page in pages)


def echo(asked: Asked) -> bytes:
    """GetItem of requests: each Id is that of its number."""
    return ews.got(*(ews.item(one.split("/")[1].rstrip("+="), ews.FIELDS) for one in asked.ids))


# -- scan ----------------------------------------------------------------------------------------------------------


def test_a_scan_reads_what_a_search_does_not_show(exchange: Exchange, box: EwsMailbox) -> None:
    task = ews.item("2", item_class="IPM.TaskRequest", element="Message")
    cancel = ews.item("3", item_class="IPM.Schedule.Meeting.Canceled", element="MeetingCancellation")
    exchange.scripts["FindItem inbox"] = ews.page(ews.item(), task, cancel)
    exchange.scripts["GetItem"] = lambda asked: (
        ews.got(ews.REQUEST) if "AAMk/1+=" in asked.ids else ews.got(cancel.replace("Planning", "Canceled"))
    )
    found, unreadable = scanned(box)
    assert [one.kind for one in found] == [Kind.REQUEST, Kind.TASK_REQUEST, Kind.CANCELLATION]
    assert [one.organizer for one in found] == ['"Olga" <olga@corp.example>', "", ""]
    assert [one.subject for one in found] == ["Planning", "Planning", "Canceled"]
    assert unreadable == 0
    assert [one.operation for one in exchange.asked] == ["FindItem", "GetItem", "GetItem"]


def test_trap_17_a_forwarding_notice_is_no_request_and_is_not_read(exchange: Exchange, box: EwsMailbox) -> None:
    notice = ews.item(item_class="IPM.Schedule.Meeting.Notification.Forward", element="MeetingMessage")
    exchange.scripts["FindItem inbox"] = ews.page(notice)
    found, _ = scanned(box)
    assert [one.kind for one in found] == [Kind.OTHER]
    assert exchange.of("GetItem") == []


def test_trap_6_the_next_page_begins_where_the_server_says(exchange: Exchange, box: EwsMailbox) -> None:
    pages = {
        0: ews.page(ews.item("1"), ews.item("2"), last=False, following=2),
        2: ews.page(ews.item("3"), last=False),
        3: ews.page(ews.item("4"), last=True, following=99),
    }
    exchange.scripts["FindItem inbox"] = lambda asked: pages[asked.page[0]]
    exchange.scripts["GetItem"] = echo
    found, _ = scanned(box)
    assert [one.ref.address[0] for one in found] == [f"AAMk/{number}+=" for number in (1, 2, 3, 4)]
    assert [one.page for one in exchange.of("FindItem")] == [(0, FIND_ROWS), (2, FIND_ROWS), (3, FIND_ROWS)]


def test_each_message_comes_once_though_rows_shift(exchange: Exchange, box: EwsMailbox) -> None:
    pages = {0: ews.page(ews.item("1"), ews.item("2"), last=False), 2: ews.page(ews.item("2"), ews.item("3"))}
    exchange.scripts["FindItem inbox"] = lambda asked: pages[asked.page[0]]
    exchange.scripts["GetItem"] = echo
    found, unreadable = scanned(box)
    assert [one.ref.address[1] for one in found] == ["CwAA1", "CwAA2", "CwAA3"]
    assert unreadable == 0


def test_a_search_has_a_bounded_number_of_pages(
    exchange: Exchange, box: EwsMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_REQUESTS", 5)
    exchange.scripts["FindItem inbox"] = lambda asked: ews.page(ews.item(str(asked.page[0])), last=False)
    exchange.scripts["GetItem"] = echo
    with pytest.raises(Malformed, match="more than 5 pages"):
        scanned(box)
    monkeypatch.setattr(search, "_LONGEST_S", -1.0)
    with pytest.raises(OutOfTime):
        scanned(box)
    monkeypatch.undo()
    monkeypatch.setattr(search, "_MOST_FOUND", 2)
    found, unreadable = scanned(box)
    assert (len(found), unreadable) == (3, 1)


def test_a_response_without_a_page_is_malformed(exchange: Exchange, box: EwsMailbox) -> None:
    nothing = ews.response("FindItem", ews.success("FindItem", ""))
    exchange.scripts |= {"FindItem inbox": nothing, "FindItem view": nothing}
    with pytest.raises(Malformed):
        scanned(box)
    with pytest.raises(Malformed):
        box.busy(BEGUN, BEGUN + timedelta(hours=1))


def test_rows_without_an_id_are_unreadable(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(ews.item("1"), ews.item("2").replace("AAMk/2+=", ""))
    exchange.scripts["GetItem"] = echo
    found, unreadable = scanned(box)
    assert (len(found), unreadable) == (1, 1)


def test_a_batch_with_another_number_of_responses_is_malformed(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(ews.item("1"), ews.item("2"))
    exchange.scripts["GetItem"] = ews.got(ews.REQUEST)
    with pytest.raises(Malformed, match="1 response messages for 2 items"):
        scanned(box)


def test_a_server_that_never_ends_its_pages_is_not_read_for_ever(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = [ews.page(ews.item("1"), last=False), ews.page(last=False)]
    exchange.scripts["GetItem"] = echo
    assert len(scanned(box)[0]) == 1


def test_trap_22_too_many_rows_halve_the_page(exchange: Exchange, box: EwsMailbox) -> None:
    too_many = ews.response("FindItem", ews.failed("FindItem", "ErrorExceededFindCountLimit"))
    exchange.scripts["FindItem inbox"] = lambda asked: too_many if asked.page[1] > 30 else ews.page(ews.item())
    exchange.scripts["GetItem"] = echo
    assert len(scanned(box)[0]) == 1
    assert [one.page[1] for one in exchange.of("FindItem")] == [100, 50, 25]
    exchange.scripts["FindItem inbox"] = too_many
    with pytest.raises(Busy) as caught:
        scanned(box)
    assert caught.value.scope == "mailbox"


def test_items_are_read_in_batches_of_ten(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(*(ews.item(str(number)) for number in range(1, 24)))
    exchange.scripts["GetItem"] = echo
    assert len(scanned(box)[0]) == 23
    assert [len(one.ids) for one in exchange.of("GetItem")] == [10, 10, 3]


def test_trap_7_an_error_of_one_item_costs_that_item(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(*(ews.item(str(number)) for number in range(1, 5)))
    exchange.scripts["GetItem"] = ews.response(
        "GetItem",
        ews.success("GetItem", f"<m:Items>{ews.REQUEST}</m:Items>"),
        ews.failed("GetItem", "ErrorItemNotFound"),
        ews.failed("GetItem", "ErrorItemCorrupt"),
        ews.success("GetItem"),
    )
    found, unreadable = scanned(box)
    assert [one.ref.address[0] for one in found] == ["AAMk/1+="]
    assert unreadable == 2


def test_a_busy_mailbox_is_not_an_unreadable_item(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(ews.item("1"), ews.item("2"))
    exchange.scripts["GetItem"] = ews.response(
        "GetItem",
        ews.success("GetItem", f"<m:Items>{ews.REQUEST}</m:Items>"),
        ews.failed("GetItem", "ErrorServerBusy", values={"BackOffMilliseconds": "5000"}),
    )
    with pytest.raises(Busy) as caught:
        scanned(box)
    assert caught.value.delay_s == 5


def test_a_batch_that_was_cut_goes_on_where_it_was(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(*(ews.item(str(number)) for number in range(1, 4)))
    stopped = ews.failed("GetItem", "ErrorBatchProcessingStopped").replace('"Error"', '"Warning"')

    def cut(asked: Asked) -> bytes:
        first = ews.item(asked.ids[0].split("/")[1].rstrip("+="), ews.FIELDS)
        done = ews.success("GetItem", f"<m:Items>{first}</m:Items>")
        return ews.response("GetItem", done, *(stopped for _ in asked.ids[1:]))

    exchange.scripts["GetItem"] = cut
    found, unreadable = scanned(box)
    assert [one.ref.address[1] for one in found] == ["CwAA1", "CwAA2", "CwAA3"]
    assert unreadable == 0


def test_trap_20_a_page_that_is_no_xml_is_read_item_by_item(exchange: Exchange, box: EwsMailbox) -> None:
    rows = [ews.item(str(number)) for number in range(1, 5)]
    rows[2] = rows[2].replace("Planning", "&#1;")

    def some(asked: Asked) -> bytes:
        offset, most = asked.page
        return ews.page(*rows[offset : offset + most], last=offset + most >= len(rows))

    exchange.scripts["FindItem inbox"] = some
    exchange.scripts["GetItem"] = echo
    found, unreadable = scanned(box)
    assert [one.ref.address[1] for one in found] == ["CwAA1", "CwAA2", "CwAA4"]
    assert unreadable == 1


def test_trap_20_a_batch_that_is_no_xml_is_read_item_by_item(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.page(*(ews.item(str(number)) for number in range(1, 4)))
    exchange.scripts["GetItem"] = lambda asked: (
        echo(asked).replace(b"Planning", b"&#2;") if "AAMk/2+=" in asked.ids else echo(asked)
    )
    found, unreadable = scanned(box)
    assert [one.ref.address[1] for one in found] == ["CwAA1", "CwAA3"]
    assert unreadable == 1


def test_trap_9_names_of_the_directory_are_looked_up_once(exchange: Exchange, box: EwsMailbox) -> None:
    x500 = "/o=Corp/cn=Recipients/cn=olga"
    content = ews.FIELDS.replace(ews.person("Organizer"), ews.person("Organizer", x500, "EX"))
    exchange.scripts["FindItem inbox"] = ews.page(ews.item())
    exchange.scripts["GetItem"] = ews.got(ews.item(content=content))
    resolved = f"<m:ResolutionSet><t:Resolution>{ews.person('x')[5:-6]}</t:Resolution></m:ResolutionSet>"
    exchange.scripts["ResolveNames"] = ews.response("ResolveNames", ews.success("ResolveNames", resolved))
    for _ in range(2):
        assert [one.organizer for one in scanned(box)[0]] == ['"Olga" <olga@corp.example>']
    assert len(exchange.of("ResolveNames")) == 1


@pytest.mark.parametrize("code", ["ErrorNameResolutionNoResults", "ErrorNameResolutionMultipleResults"])
def test_a_name_that_the_directory_does_not_have_is_shown_as_it_is(
    exchange: Exchange, box: EwsMailbox, code: str
) -> None:
    content = ews.FIELDS.replace(ews.person("Organizer"), ews.person("Organizer", "/o=Corp/cn=olga", "EX"))
    exchange.scripts["FindItem inbox"] = ews.page(ews.item())
    exchange.scripts["GetItem"] = ews.got(ews.item(content=content))
    exchange.scripts["ResolveNames"] = ews.response("ResolveNames", ews.failed("ResolveNames", code))
    assert [one.organizer for one in scanned(box)[0]] == ['"Olga" </o=Corp/cn=olga>']


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (ews.response("ResolveNames", ews.failed("ResolveNames", "ErrorServerBusy")), Busy),
        (ews.xml(ews.fault("ErrorTimeoutExpired"), 500), Transient),
        (ews.xml(ews.fault("ErrorNameResolutionNoMailbox"), 500), None),
        (ews.xml(ews.fault("ErrorAccessDenied"), 500), None),
        (ews.response("ResolveNames"), Malformed),
        (ews.response("ResolveNames", ews.failed("ResolveNames", "ErrorTimeoutExpired")), Transient),
        (ews.response("ResolveNames", ews.success("ResolveNames", "&#1;")), None),
        (ews.response("ResolveNames", ews.success("ResolveNames", "")), None),
    ],
)
def test_a_directory_that_does_not_answer_is_asked_again_later(
    exchange: Exchange, box: EwsMailbox, script: bytes | Play, error: type[ExchangeError] | None
) -> None:
    content = ews.FIELDS.replace(ews.person("Organizer"), ews.person("Organizer", "/o=Corp/cn=olga", "EX"))
    exchange.scripts["FindItem inbox"] = ews.page(ews.item())
    exchange.scripts["GetItem"] = ews.got(ews.item(content=content))
    exchange.scripts["ResolveNames"] = script
    if error is None:
        assert len(scanned(box)[0]) == 1
    else:
        with pytest.raises(error):
            scanned(box)


def test_an_overlong_name_is_not_looked_up(exchange: Exchange, box: EwsMailbox) -> None:
    name = f"/o=Corp/cn={'x' * 2000}"
    content = ews.FIELDS.replace(ews.person("Organizer"), ews.person("Organizer", name, "EX"))
    exchange.scripts["FindItem inbox"] = ews.page(ews.item())
    exchange.scripts["GetItem"] = ews.got(ews.item(content=content))
    assert [one.overlong for one in scanned(box)[0]] == ["organizer"]


# -- what comes back -----------------------------------------------------------------------------------------------

READS: dict[str, Callable[[EwsMailbox, MeetingMessage], object]] = {
    "scan": lambda box, _: scanned(box),
    "refresh": lambda box, message: box.refresh(message),
    "answers": lambda box, _: list(box.messages_in(Place.SENT)),
}
EFFECTS: dict[str, Callable[[EwsMailbox, MeetingMessage], object]] = {
    "respond": lambda box, message: box.respond(message, Verdict.ACCEPT),
    "trash": lambda box, message: box.clear(message, Clear.TRASH),
    "delete": lambda box, message: box.clear(message, Clear.DELETE),
    "mark": lambda box, message: box.mark(message, Intent("1" * 32, Verdict.ACCEPT, BEGUN)),
    "remove": lambda box, message: box.remove_canceled(message),
}
#: What may come instead of a response, the error of what only reads, and that of what changes something.
INSTEAD: dict[str, tuple[Play | bytes, type[ExchangeError], type[ExchangeError]]] = {
    "a page with 200": (ews.html(), Malformed, Unknown),
    "an empty 200": (ews.xml(b""), Malformed, Unknown),
    "another operation": (ews.response("SyncFolderItems"), Malformed, Unknown),
    "no message": (ews.envelope("<m:X/>"), Malformed, Unknown),
    "a page with 500": (ews.html(500, "Server Error in '/EWS' Application"), Transient, Unknown),
    "a fault with 500": (ews.xml(ews.fault("ErrorInternalServerError"), 500), Transient, Unknown),
    "a fault with 200": (ews.xml(ews.fault("ErrorImpersonateUserDenied"), 200), Busy, Busy),
    "busy with 500": (ews.xml(ews.fault("ErrorServerBusy"), 500), Busy, Busy),
    "busy with 503": (ews.html(503, Retry_After="7"), Busy, Busy),
    "not found": (ews.html(404), Busy, Busy),
    "forbidden": (ews.html(403), Busy, Busy),
    "an error page": (ews.html(302, Location="/ews/genericerrorpage.htm"), Transient, Unknown),
    "the front end's": (ews.html(302, Location="/owa/auth/errorFE.aspx?httpCode=500"), Transient, Unknown),
    "a redirect": (ews.html(302, Location="https://elsewhere.example/EWS/Exchange.asmx"), Transient, Unknown),
    "a refused verb": (ews.html(405), Refused, Refused),
    "reset": (RESET, Transient, Unknown),
    "not HTTP": (NOT_HTTP, Transient, Unknown),
}


@pytest.mark.parametrize("instead", INSTEAD)
@pytest.mark.parametrize("operation", [*READS, *EFFECTS])
def test_traps_5_and_18_what_comes_instead_of_a_response_is_an_error(
    exchange: Exchange, operation: str, instead: str
) -> None:
    server = exchange.server()
    server.schema = "Exchange2010_SP2"
    box = exchange.mailbox(server=server)
    message = request_in(exchange, box)
    played, reading, changing = INSTEAD[instead]
    exchange.scripts |= dict.fromkeys(
        ("FindItem inbox", "FindItem sentitems", "GetItem", "CreateItem", "UpdateItem", "MoveItem", "DeleteItem"),
        played,
    )
    expected = reading if operation in READS else changing
    if operation == "mark" and expected is Refused:
        assert EFFECTS["mark"](box, message) is False  # the server keeps no mark
        return
    with pytest.raises(ExchangeError) as caught:
        (READS | EFFECTS)[operation](box, message)
    assert isinstance(caught.value, expected)
    assert str(caught.value).isprintable()
    assert ews.PASSWORD not in str(caught.value)
    assert len(exchange.asked) == 1  # nothing is repeated


def test_trap_18_a_redirect_is_not_followed(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.html(302, Location="https://elsewhere.example/EWS/Exchange.asmx")
    with pytest.raises(Transient, match="not followed"):
        scanned(box)
    assert len(exchange.asked) == 1


def test_a_404_says_nothing_about_an_item(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    exchange.scripts["GetItem"] = ews.html(404)
    with pytest.raises(Busy, match="Exchange Web Services is not at"):
        box.refresh(message)


def test_a_server_that_drips_or_hangs_ends_in_an_error(exchange: Exchange) -> None:
    for play in (DRIP, HANG):
        exchange.scripts["FindItem inbox"] = play
        server = EwsServer(exchange.scripted.url, auth.basic("svc", ews.PASSWORD), timeouts=ews.IMPATIENT)
        with pytest.raises(Transient):
            scanned(exchange.mailbox(server=server))


def test_no_cookie_of_a_mailbox_is_sent_back(exchange: Exchange, box: EwsMailbox) -> None:
    first = ews.xml(NO_ITEMS)
    cookies = b"".join(
        b"Set-Cookie: " + one + b"\r\n"
        for one in (b"X-BackEndCookie=S-1-5=abc; path=/EWS", b"exchangecookie=1; path=/", b"balance=node7; path=/")
    )
    exchange.scripts["FindItem inbox"] = Play(first.octets.replace(b"\r\n\r\n", b"\r\n" + cookies + b"\r\n", 1))
    scanned(box)
    scanned(box)
    assert exchange.asked[1].raw.headers["Cookie"] == "balance=node7"


# -- versions ------------------------------------------------------------------------------------------------------


def old(asked: Asked, code: str = "ErrorInvalidServerVersion") -> bytes | Play:
    """Exchange 2007: it knows no newer schema."""
    if asked.schema != "Exchange2007_SP1":
        return ews.xml(ews.fault(code), 500)
    return {"GetFolder": ews.folder_response(), "FindItem": NO_ITEMS, "CreateItem": ews.CREATED}[asked.operation]


@pytest.mark.parametrize("code", ["ErrorInvalidServerVersion", "ErrorInvalidRequest", "ErrorSchemaValidation"])
def test_a_read_learns_the_schema_once_for_a_server(exchange: Exchange, code: str) -> None:
    exchange.scripts["FindItem inbox"] = partial(old, code=code)
    server = exchange.server()
    for _ in range(2):
        scanned(exchange.mailbox(server=server))
    assert [one.schema for one in exchange.asked] == ["Exchange2010_SP2", "Exchange2007_SP1", "Exchange2007_SP1"]


def test_a_refused_request_is_not_a_schema_for_ever(exchange: Exchange) -> None:
    exchange.scripts["FindItem inbox"] = ews.xml(ews.fault("ErrorInvalidRequest"), 500)
    server = exchange.server()
    with pytest.raises(Refused):
        scanned(exchange.mailbox(server=server))
    assert server.schema == ""
    exchange.scripts["FindItem inbox"] = [NO_ITEMS, ews.xml(ews.fault("ErrorInvalidRequest"), 500)]
    scanned(exchange.mailbox(server=server))
    with pytest.raises(Refused):
        scanned(exchange.mailbox(server=server))
    assert [one.schema[8:12] for one in exchange.asked] == ["2010", "2007", "2010", "2010"]


@pytest.mark.parametrize(("schema", "version"), [("2007", "Exchange2007_SP1"), ("2010", "Exchange2010_SP2")])
def test_a_schema_of_the_settings_is_not_learned(exchange: Exchange, schema: Schema, version: str) -> None:
    exchange.scripts["CreateItem"] = ews.CREATED
    exchange.mailbox(server=exchange.server(schema=schema)).respond(
        MeetingMessage(Kind.REQUEST, ItemRef("1", ("AAMk", "Cw"))), Verdict.ACCEPT
    )
    exchange.scripts["FindItem inbox"] = ews.xml(ews.fault("ErrorInvalidRequest"), 500)
    with pytest.raises(Refused):
        scanned(exchange.mailbox(server=exchange.server(schema=schema)))
    assert [(one.operation, one.schema) for one in exchange.asked] == [("CreateItem", version), ("FindItem", version)]


def test_an_effect_never_learns_the_schema(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts = dict.fromkeys(("FindItem inbox", "GetFolder", "CreateItem"), old)
    box.respond(MeetingMessage(Kind.REQUEST, ItemRef("1", ("AAMk", "Cw"))), Verdict.ACCEPT)
    assert [(one.operation, one.schema) for one in exchange.asked] == [
        ("GetFolder", "Exchange2010_SP2"),
        ("GetFolder", "Exchange2007_SP1"),
        ("CreateItem", "Exchange2007_SP1"),
    ]


def test_a_mailbox_on_an_older_server_is_asked_in_the_older_schema(exchange: Exchange) -> None:
    server = exchange.server()
    server.schema = "Exchange2010_SP2"
    fault = ews.response("FindItem", ews.failed("FindItem", "ErrorInvalidSchemaVersionForMailboxVersion"))
    exchange.scripts["FindItem inbox"] = lambda asked: NO_ITEMS if "2007" in asked.schema else fault
    scanned(exchange.mailbox(server=server))
    assert server.schema == "Exchange2010_SP2"
    exchange.scripts["CreateItem"] = ews.xml(ews.fault("ErrorInvalidSchemaVersionForMailboxVersion"), 500)
    with pytest.raises(Transient):
        exchange.mailbox(server=server).respond(
            MeetingMessage(Kind.REQUEST, ItemRef("1", ("AAMk", "Cw"))), Verdict.ACCEPT
        )
    assert len(exchange.of("CreateItem")) == 1


# -- looking again -------------------------------------------------------------------------------------------------


def test_a_message_is_read_again(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    exchange.scripts["GetItem"] = ews.got(ews.REQUEST.replace("CwAA1", "CwAA9"))
    there = box.refresh(message)
    assert there is not None
    assert there.ref.address == ("AAMk/1+=", "CwAA9")
    assert there.etag == "CwAA9"
    assert box.holds(message)
    assert box.is_in_inbox(message)


def test_a_message_that_was_moved_and_back_is_found_again(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    moved = ews.REQUEST.replace("AAMk/1+=", "AAMkNew=")
    exchange.scripts["FindItem inbox"] = ews.page(ews.item("7"), moved)
    exchange.scripts["GetItem"] = lambda asked: ews.got(moved if asked.ids == ["AAMkNew="] else "")
    there = box.refresh(message)
    assert there is not None
    assert (there.ref.key, there.ref.address[0]) == (message.ref.key, "AAMkNew=")


def test_trap_14_a_request_in_deleted_items_is_gone(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    exchange.scripts["FindItem inbox"] = NO_ITEMS
    exchange.scripts["GetItem"] = ews.got(ews.item(content=ews.FIELDS, folder=ews.TRASH))
    assert box.refresh(message) is None
    assert not box.holds(message)


def test_another_item_at_the_address_is_not_the_message(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    exchange.scripts["FindItem inbox"] = NO_ITEMS
    for other in (
        ews.item("2", ews.FIELDS),
        ews.item(item_class="IPM.Schedule.Meeting.Canceled", element="MeetingCancellation"),
    ):
        exchange.scripts["GetItem"] = ews.got(other)
        assert box.refresh(message) is None


def test_a_message_whose_folder_is_not_shown_is_not_acted_upon(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    hidden = ews.REQUEST.replace(f'<t:ParentFolderId Id="{ews.INBOX}" ChangeKey="AQ=="/>', "")
    exchange.scripts["GetItem"] = ews.got(hidden)
    with pytest.raises(Malformed):
        box.refresh(message)
    exchange.scripts["GetItem"] = ews.response("GetItem", ews.failed("GetItem", "ErrorItemCorrupt"))
    with pytest.raises(Malformed):
        box.refresh(message)


@pytest.mark.parametrize("code", ["ErrorInvalidIdMalformed", "ErrorInvalidIdMalformedEwsLegacyIdFormat"])
def test_an_address_of_an_earlier_server_is_looked_up_again(exchange: Exchange, box: EwsMailbox, code: str) -> None:
    message = request_in(exchange, box)
    unknown = ews.response("GetItem", ews.failed("GetItem", code))
    there = ews.REQUEST.replace("AAMk/1+=", "AAMkNew=")
    exchange.scripts["FindItem inbox"] = ews.page(there)
    exchange.scripts["GetItem"] = lambda asked: ews.got(there) if asked.ids == ["AAMkNew="] else unknown
    found = box.refresh(message)
    assert found is not None
    assert found.ref.address[0] == "AAMkNew="


@pytest.mark.parametrize("address", [(), ("AAMk",), ("AA Mk", ""), ("/exchange/adele/Inbox/1.EML", "", "")])
def test_an_address_of_another_protocol_is_refused(box: EwsMailbox, address: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        box.require_own(MeetingMessage(Kind.REQUEST, ItemRef("1", address)))


def test_the_details_of_a_request_are_read(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    attendee = f"<t:Attendee><t:Mailbox><t:EmailAddress>{ews.ADELE}</t:EmailAddress></t:Mailbox></t:Attendee>"
    people = f"<t:RequiredAttendees>{attendee}</t:RequiredAttendees>"
    exchange.scripts["GetItem"] = ews.got(ews.item(content=people))
    assert box.details(message).attendees == 1
    exchange.scripts["GetItem"] = ews.got("")
    with pytest.raises(Gone):
        box.details(message)
    exchange.scripts["GetItem"] = ews.response("GetItem", ews.failed("GetItem", "ErrorItemCorrupt"))
    assert box.details(message).attendees is None


# -- the calendar --------------------------------------------------------------------------------------------------


def view(*items: str, last: bool = True) -> bytes:
    """The response to a CalendarView."""
    return ews.page(*items, last=last)


def test_the_agenda_has_what_the_view_has(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem view"] = view(ews.calendar_item("1"), ews.calendar_item("2").replace("Tentative", "Odd"))
    start = datetime(2026, 12, 1, 9, tzinfo=UTC)
    agenda = box.busy(start, start + timedelta(hours=4))
    assert isinstance(agenda, Agenda)
    assert [one.status for one in agenda.periods] == [BusyStatus.TENTATIVE, BusyStatus.BUSY]
    assert {one.uid for one in agenda.periods} == {ews.UID}
    assert agenda.covers((start, start + timedelta(hours=4)))


def test_a_view_with_too_many_rows_is_read_in_parts(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem view"] = [
        view(ews.calendar_item("1"), last=False),
        view(ews.calendar_item("2")),
        view(ews.calendar_item("3"), ews.calendar_item("2")),
    ]
    agenda = box.busy(BEGUN, BEGUN + timedelta(days=8))
    assert isinstance(agenda, Agenda)
    assert len(agenda.periods) == 2
    assert len(exchange.asked) == 3


@pytest.mark.parametrize(
    "script",
    [
        view(last=False),
        view(ews.calendar_item().replace("<t:Start>", "<t:Begin>").replace("</t:Start>", "</t:Begin>")),
        ews.response("FindItem", ews.failed("FindItem", "ErrorFolderNotFound")),
        ews.response("FindItem", ews.failed("FindItem", "ErrorAccessDenied")),
        ews.response("FindItem", ews.failed("FindItem", "ErrorCalendarViewRangeTooBig")),
    ],
)
def test_a_calendar_that_cannot_be_read_is_unknown(exchange: Exchange, box: EwsMailbox, script: bytes) -> None:
    exchange.scripts["FindItem view"] = script
    assert isinstance(box.busy(BEGUN, BEGUN + timedelta(hours=3)), CalendarUnknown)


def test_the_appointment_of_a_request_is_found_by_its_meeting(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    exchange.scripts["FindItem calendar"] = ews.page(ews.calendar_item())
    exchange.scripts["GetItem"] = ews.got(ews.calendar_item(response_type="Accept", replied=REPLIED))
    found = box.appointment(message)
    assert found is not None
    assert not isinstance(found, CalendarUnknown)
    assert (found.uid, found.response, found.sequence) == (ews.UID, ResponseStatus.ACCEPTED, 0)
    assert found.organizer == '"Olga" <olga@corp.example>'
    asked = exchange.of("FindItem")[0].body
    assert [one.get("Value") for one in asked.iter(f"{ews.T}Constant")] == [ews.GLOBAL_ID]


def sent_for(address: str) -> str:
    """The organizer's address, as a search shows it."""
    return ews.extended('PropertyTag="0x5d02" PropertyType="String"', address)


STAMP = ews.meeting_property(0x1A, "2026-11-27T08:00:00Z", "SystemTime")
SENT_FOR = sent_for("olga@corp.example")
SEQUENCE = ews.appointment_property(0x8201, "0")
#: What the row of an appointment has beside its item: with these it shows everything.
ROW = STAMP + SENT_FOR + SEQUENCE


def test_an_appointment_of_which_the_search_shows_everything_is_not_read_again(
    exchange: Exchange, box: EwsMailbox
) -> None:
    row = ews.calendar_item(content=ROW).replace("<t:EmailAddress>olga@corp.example</t:EmailAddress>", "")
    exchange.scripts["FindItem calendar"] = ews.page(row)
    (in_row,) = appointments(box)
    assert exchange.of("GetItem") == []
    exchange.scripts["FindItem calendar"] = ews.page(row.replace("Single", "Exception"))
    exchange.scripts["GetItem"] = ews.got(ews.calendar_item(content=ROW))
    assert [in_row] == appointments(box)
    assert len(exchange.of("GetItem")) == 1


@pytest.mark.parametrize(
    ("shown", "instead"),
    [
        (STAMP, ""),
        (SENT_FOR, ""),
        (SENT_FOR, sent_for("/o=Corp/cn=olga")),
        (SENT_FOR, sent_for(f"{'o' * 242}@corp.example")),
        (SEQUENCE, ""),
        ("<t:CalendarItemType>Single</t:CalendarItemType>", ""),
        ("<t:LegacyFreeBusyStatus>Tentative</t:LegacyFreeBusyStatus>", ""),
        ("NoResponseReceived", ""),
        ("2026-12-01T11:00:00Z", ""),
        (ews.meeting_property(3, ews.GLOBAL_ID), ""),
        (ews.meeting_property(35, ews.GLOBAL_ID), ""),
    ],
)
def test_an_appointment_of_which_the_search_does_not_show_everything_is_read(
    exchange: Exchange, box: EwsMailbox, shown: str, instead: str
) -> None:
    row = ews.calendar_item(content=ROW)
    assert shown in row
    exchange.scripts["FindItem calendar"] = ews.page(row.replace(shown, instead))
    exchange.scripts["GetItem"] = ews.got(ews.calendar_item(response_type="Accept"))
    (found,) = appointments(box)
    assert found.response is ResponseStatus.ACCEPTED


def test_an_appointment_that_is_gone_when_it_is_read_is_left_out(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem calendar"] = ews.page(ews.calendar_item("Cal1"), ews.calendar_item("Cal2", content=ROW))
    exchange.scripts["GetItem"] = ews.response("GetItem", ews.failed("GetItem", "ErrorItemNotFound"))
    (found,) = appointments(box)
    assert found.ref is not None
    assert found.ref.address[0] == "AAMkCal2="


def appointments(box: EwsMailbox) -> list[Appointment]:
    """The appointments of the meeting."""
    found = box.appointments(ews.UID)
    assert isinstance(found, list)
    return found


def test_trap_15_the_id_of_an_appointment_is_read_anew_each_time(exchange: Exchange, box: EwsMailbox) -> None:
    for number in ("Cal1", "Cal2"):
        exchange.scripts["FindItem calendar"] = ews.page(ews.calendar_item(number))
        exchange.scripts["GetItem"] = ews.got(ews.calendar_item(number))
        (found,) = appointments(box)
        assert found.ref is not None
        assert found.ref.address[0] == f"AAMk{number}="


def test_an_appointment_of_another_meeting_is_left_out(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem calendar"] = ews.page(ews.calendar_item())
    exchange.scripts["GetItem"] = ews.got(ews.calendar_item())
    assert box.appointments("another@calendar.example") == []
    assert isinstance(box.appointments(""), CalendarUnknown)


def test_an_unreadable_appointment_makes_the_calendar_unknown(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem calendar"] = ews.page(ews.calendar_item())
    exchange.scripts["GetItem"] = ews.response("GetItem", ews.failed("GetItem", "ErrorItemCorrupt"))
    assert isinstance(box.appointments(ews.UID), CalendarUnknown)


# -- effects -------------------------------------------------------------------------------------------------------

CREATED_IDS = (
    '<m:Items><t:CalendarItem><t:ItemId Id="AAMkCal2=" ChangeKey="Dw"/></t:CalendarItem>'
    '<t:MeetingRequest><t:ItemId Id="AAMkDel1=" ChangeKey="Cw"/></t:MeetingRequest>'
    '<t:MeetingResponse><t:ItemId Id="AAMkSent1=" ChangeKey="DA"/></t:MeetingResponse></m:Items>'
)


@pytest.mark.parametrize("items", ["<m:Items/>", CREATED_IDS, ""], ids=["trap 3: empty", "trap 4: three ids", "none"])
@pytest.mark.parametrize("silent", [False, True])
def test_an_answer_is_one_command(exchange: Exchange, box: EwsMailbox, items: str, silent: bool) -> None:
    message = request_in(exchange, box)
    exchange.scripts["CreateItem"] = ews.response("CreateItem", ews.success("CreateItem", items))
    box.respond(message, Verdict.TENTATIVE, text="Automatic", silent=silent)
    (asked,) = exchange.asked
    assert (asked.operation, asked.mailbox) == ("CreateItem", ews.ADELE)
    assert asked.raw.headers["X-AnchorMailbox"] == ews.ADELE
    assert asked.body.get("MessageDisposition") == ("SaveOnly" if silent else "SendAndSaveCopy")
    (answer,) = asked.body.findall(f"{ews.M}Items/*")
    assert answer.tag == f"{ews.T}TentativelyAcceptItem"
    reference = answer.find(f"{ews.T}ReferenceItemId")
    assert reference is not None
    assert (reference.get("Id"), reference.get("ChangeKey")) == message.ref.address


@pytest.mark.parametrize(
    ("items", "may_be_left"),
    [
        (CREATED_IDS, False),
        ('<m:Items><t:MeetingRequest><t:ItemId Id="AAMk/1+=" ChangeKey="X"/></t:MeetingRequest></m:Items>', True),
        ("<m:Items><t:MeetingRequest/></m:Items>", True),
        ("<m:Items/>", True),
        ("", True),
    ],
    ids=["a new id", "the same id", "no id", "no items", "nothing"],
)
def test_a_new_id_of_the_request_shows_that_it_was_moved(
    exchange: Exchange, box: EwsMailbox, items: str, may_be_left: bool
) -> None:
    message = request_in(exchange, box)
    exchange.scripts["CreateItem"] = ews.response("CreateItem", ews.success("CreateItem", items))
    assert box.respond(message, Verdict.ACCEPT) is may_be_left


def test_a_server_that_moves_what_is_answered_and_does_not_show_it_is_asked_three_times(exchange: Exchange) -> None:
    message, backend = request_in(exchange, exchange.mailbox()), exchange.backend()
    exchange.scripts |= {"CreateItem": ews.CREATED, "GetItem": ews.got("")}
    asked = []
    for _ in range(5):
        with backend.open(ews.ADELE, NoLease()) as box:
            asked.append(box.respond(message, Verdict.ACCEPT))
            if asked[-1]:
                assert box.left(message) is None
    assert asked == [True, True, True, False, False]


def test_a_server_that_was_seen_to_leave_a_request_is_asked_each_time(exchange: Exchange) -> None:
    message, backend = request_in(exchange, exchange.mailbox()), exchange.backend()
    exchange.scripts["CreateItem"] = ews.CREATED
    for number in range(6):
        exchange.scripts["GetItem"] = ews.got(ews.REQUEST if number == 1 else "")
        with backend.open(ews.ADELE, NoLease()) as box:
            assert box.respond(message, Verdict.ACCEPT)
            there = box.left(message)
        assert (there and there.ref.address) == (message.ref.address if number == 1 else None)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ((), Unknown),
        ((ews.success("CreateItem"), ews.success("CreateItem")), Unknown),
        ((ews.failed("CreateItem", "ErrorMoveCopyFailed"),), Unknown),
        ((ews.failed("CreateItem", "ErrorTimeoutExpired"),), Unknown),
        ((ews.failed("CreateItem", "ErrorQuotaExceeded"),), Unknown),
        ((ews.failed("CreateItem", "ErrorItemNotFound"),), Gone),
        ((ews.failed("CreateItem", "ErrorCalendarIsCancelledForAccept"),), Refused),
        (
            (
                ews.failed(
                    "CreateItem", "ErrorInternalServerError", values={"InnerErrorResponseCode": "ErrorServerBusy"}
                ),
            ),
            Busy,
        ),
        (
            (
                '<m:CreateItemResponseMessage ResponseClass="Warning"><m:ResponseCode>ErrorOfNextYear</m:ResponseCode>'
                "</m:CreateItemResponseMessage>",
            ),
            Unknown,
        ),
    ],
)
def test_only_a_success_is_an_answer(
    exchange: Exchange, box: EwsMailbox, messages: tuple[str, ...], error: type[ExchangeError]
) -> None:
    message = request_in(exchange, box)
    exchange.scripts["CreateItem"] = ews.response("CreateItem", *messages)
    with pytest.raises(error):
        box.respond(message, Verdict.ACCEPT)
    assert len(exchange.of("CreateItem")) == 1


def test_a_mark_is_written_if_nobody_has_changed_the_request(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    intent = Intent("1" * 32, Verdict.ACCEPT, BEGUN, token="abc")
    exchange.scripts["UpdateItem"] = ews.response("UpdateItem", ews.success("UpdateItem"))
    assert box.mark(message, intent)
    (asked,) = exchange.asked
    assert asked.body.get("ConflictResolution") == "NeverOverwrite"
    text = asked.body.findtext(f".//{ews.T}Value") or ""
    shown = ews.extended(
        'PropertySetId="6D3F5B0C-8F4E-4C0E-9A55-6A0F2F6A3B91" PropertyName="rsvpq-intent" PropertyType="String"', text
    )
    exchange.scripts["GetItem"] = ews.got(ews.item(content=ews.FIELDS + shown))
    there = box.refresh(message)
    assert there is not None
    assert there.intent == intent
    exchange.scripts["UpdateItem"] = ews.response("UpdateItem", ews.failed("UpdateItem", "ErrorIrresolvableConflict"))
    with pytest.raises(Changed):
        box.mark(message, intent)


def test_trap_16_a_server_may_keep_no_mark(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    refusal = ews.response("UpdateItem", ews.failed("UpdateItem", "ErrorSentMeetingRequestUpdate"))
    exchange.scripts["UpdateItem"] = refusal
    assert not box.mark(message, Intent("1" * 32, Verdict.ACCEPT, BEGUN))
    exchange.scripts["MoveItem"] = ews.response("MoveItem", ews.success("MoveItem"))
    box.clear(message, Clear.MARK)
    assert [one.operation for one in exchange.asked] == ["UpdateItem", "UpdateItem", "MoveItem"]


@pytest.mark.parametrize(("marker", "updates"), [("on", 2), ("detect", 1), ("off", 0)])
def test_marks_are_tried_as_long_as_the_settings_say(exchange: Exchange, marker: Marker, updates: int) -> None:
    message = request_in(exchange, exchange.mailbox())
    exchange.scripts["UpdateItem"] = ews.response(
        "UpdateItem", ews.failed("UpdateItem", "ErrorSentMeetingRequestUpdate")
    )
    backend = exchange.backend(marker=marker)
    for _ in range(2):
        with backend.open(ews.ADELE, NoLease()) as box:
            assert not box.mark(message, Intent("1" * 32, Verdict.ACCEPT, BEGUN))
    assert len(exchange.of("UpdateItem")) == updates


@pytest.mark.parametrize(("marker", "written"), [("on", 2), ("detect", 2), ("off", 1)])
def test_without_marks_a_request_still_counts_as_processed(exchange: Exchange, marker: Marker, written: int) -> None:
    message = request_in(exchange, exchange.mailbox())
    exchange.scripts["UpdateItem"] = ews.response("UpdateItem", ews.success("UpdateItem"))
    with exchange.backend(marker=marker).open(ews.ADELE, NoLease()) as box:
        box.clear(message, Clear.MARK, Intent("1" * 32, Verdict.ACCEPT, BEGUN))
    (asked,) = exchange.of("UpdateItem")
    assert len(list(asked.body.iter(f"{ews.T}Value"))) == written


def test_trap_21_a_mark_that_could_not_be_read_is_not_written(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    assert not box.mark(message, Intent("1" * 32, Verdict.ACCEPT, BEGUN, before=("x" * 200,)))
    assert exchange.asked == []


def test_a_finished_message_is_marked_moved_or_deleted(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    for operation in ("UpdateItem", "MoveItem", "DeleteItem"):
        exchange.scripts[operation] = ews.response(operation, ews.success(operation))
    for how in Clear:
        box.clear(message, how)
    marked, moved, deleted = (one.body for one in exchange.asked)
    assert [one.text for one in marked.iter(f"{ews.T}Value")] == ["true"]
    folder = moved.find(f"{ews.M}ToFolderId/{ews.T}DistinguishedFolderId")
    assert folder is not None
    assert folder.get("Id") == "deleteditems"
    assert deleted.get("DeleteType") == "HardDelete"
    exchange.scripts["MoveItem"] = ews.response("MoveItem", ews.failed("MoveItem", "ErrorItemNotFound"))
    with pytest.raises(Gone):
        box.clear(message, Clear.TRASH)


def test_the_server_enters_responses_by_itself(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    with pytest.raises(Unsupported):
        box.absorb(message)
    assert exchange.asked == []


def assistant(number: int, value: str) -> str:
    """What the calendar assistant notes on a message."""
    name = f'PropertySetId="11000e07-b51b-40d6-af21-caa85edab1d0" PropertyId="{number}" PropertyType="Integer"'
    return ews.extended(name, value)


@pytest.mark.parametrize(
    ("content", "absorbed"),
    [
        ("<t:HasBeenProcessed>true</t:HasBeenProcessed>", True),
        ("<t:HasBeenProcessed>false</t:HasBeenProcessed>", False),
        (assistant(34252, "true"), True),
        (assistant(34252, "true") + assistant(34253, "128"), True),
        (assistant(34252, "true") + assistant(34253, "1"), False),
        ("", False),
    ],
)
def test_a_response_shows_whether_it_was_entered(
    exchange: Exchange, box: EwsMailbox, content: str, absorbed: bool
) -> None:
    message = request_in(exchange, box)
    exchange.scripts["GetItem"] = ews.got(
        ews.item(content=content, item_class="IPM.Schedule.Meeting.Resp.Pos", element="MeetingResponse")
    )
    assert box.shows_as_absorbed(message) is absorbed


def test_an_appointment_is_removed_without_telling_anybody(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem calendar"] = ews.page(ews.calendar_item())
    exchange.scripts["GetItem"] = ews.got(ews.calendar_item())
    (found,) = appointments(box)
    exchange.scripts["DeleteItem"] = ews.response("DeleteItem", ews.success("DeleteItem"))
    box.remove_appointment(found)
    (asked,) = exchange.of("DeleteItem")
    assert asked.body.get("SendMeetingCancellations") == "SendToNone"
    assert asked.body.get("DeleteType") == "MoveToDeletedItems"


def test_a_canceled_meeting_is_removed_by_the_server(exchange: Exchange, box: EwsMailbox) -> None:
    message = request_in(exchange, box)
    exchange.scripts["CreateItem"] = ews.CREATED
    box.remove_canceled(message)
    assert exchange.asked[0].body.find(f"{ews.M}Items/{ews.T}RemoveItem/{ews.T}ReferenceItemId") is not None
    with pytest.raises(Unsupported):
        exchange.mailbox("delegate").remove_canceled(message)
    assert len(exchange.asked) == 1


# -- evidence ------------------------------------------------------------------------------------------------------


def evidence(
    exchange: Exchange,
    *,
    verdict: Verdict = Verdict.ACCEPT,
    wanted: bool = True,
    sent: bytes = NO_ITEMS,
    outbox: bytes = NO_ITEMS,
    inbox: str = "",
    trash: bytes = NO_ITEMS,
    calendar: str = "",
) -> AnswerEvidence:
    """What a mailbox with this content shows of an answer; it is only read."""
    box = exchange.mailbox()
    message = replace(request_in(exchange, box), response_requested=wanted)
    rows = ews.page(*([calendar] if calendar else []))
    exchange.scripts |= {
        "FindItem sentitems": sent,
        "FindItem outbox": outbox,
        "FindItem inbox": ews.page(*([inbox] if inbox else [])),
        "FindItem calendar": rows,
        "FindItem deleteditems": lambda asked: trash if b"IPM.Schedule" in asked.raw.body else NO_ITEMS,
        "GetItem": lambda asked: ews.got(*(calendar if "Cal" in one else inbox for one in asked.ids)),
    }
    found = box.evidence(message, verdict, BEGUN)
    assert {one.operation for one in exchange.asked} <= {"FindItem", "GetItem", "GetFolder"}
    return found


def test_an_answer_in_sent_items_is_an_answer(exchange: Exchange) -> None:
    assert evidence(exchange, sent=ews.page(ews.sent_answer())).state is AnswerState.ANSWERED
    other = evidence(exchange, sent=ews.page(ews.sent_answer(suffix="Neg")))
    assert other == AnswerEvidence(AnswerState.ANSWERED, "an answer is in Sent Items, which says decline")


@pytest.mark.parametrize(
    "answer",
    [
        ews.sent_answer(sent="2026-11-27T09:00:00Z"),
        ews.sent_answer(global_id="BAAAAIIA4AB0xbcQGoLgCAAAAAAiIiIiIiIiIiIiIiIiIiIiAAAAAA=="),
        ews.sent_answer().replace(ews.appointment_property(33281, "0"), ews.appointment_property(33281, "1")),
        ews.sent_answer().replace("2026-11-28T08:01:00Z", "2026-11-20T08:01:00Z"),
        ews.sent_answer(global_id="", content=ews.meeting_property(35, ews.GLOBAL_ID)).replace(
            "</t:MeetingResponse>", ews.meeting_property(3, ews.INSTANCE_ID) + "</t:MeetingResponse>"
        ),
    ],
    ids=["before the request", "another meeting", "another sequence", "an earlier text", "one occurrence"],
)
def test_an_answer_to_something_else_is_none(exchange: Exchange, answer: str) -> None:
    assert evidence(exchange, sent=ews.page(answer), inbox=ews.REQUEST).state is AnswerState.NOT_DONE


def test_nothing_done_is_a_request_as_it_was(exchange: Exchange) -> None:
    assert evidence(exchange, inbox=ews.REQUEST).state is AnswerState.NOT_DONE
    tentative = ews.calendar_item(response_type="NoResponseReceived")
    assert evidence(exchange, inbox=ews.REQUEST, calendar=tentative).state is AnswerState.NOT_DONE
    earlier = ews.calendar_item(response_type="Accept", replied="2026-11-01T09:00:00Z")
    assert evidence(exchange, inbox=ews.REQUEST, calendar=earlier).state is AnswerState.NOT_DONE
    assert evidence(exchange, inbox=ews.REQUEST, verdict=Verdict.DECLINE).state is AnswerState.NOT_DONE


def test_a_calendar_with_the_answer_and_a_request_in_the_inbox_are_half_of_it(exchange: Exchange) -> None:
    accepted = ews.calendar_item(response_type="Accept", replied=REPLIED)
    found = evidence(exchange, inbox=ews.REQUEST, calendar=accepted)
    assert found.state is AnswerState.HALF_DONE
    assert "the calendar shows the answer" in found.note


def test_a_request_that_is_marked_as_answered_is_half_of_it(exchange: Exchange) -> None:
    marked = ews.REQUEST.replace("<t:ResponseType>NoResponseReceived", "<t:ResponseType>Accept")
    assert evidence(exchange, inbox=marked).state is AnswerState.HALF_DONE


def test_if_no_response_was_requested_the_calendar_is_the_answer(exchange: Exchange) -> None:
    accepted = ews.calendar_item(response_type="Accept", replied=REPLIED)
    there = evidence(exchange, wanted=False, inbox=ews.REQUEST, calendar=accepted)
    assert there.state is AnswerState.ANSWERED
    assert there.note == "the calendar shows the answer, and no response was requested"
    assert evidence(exchange, wanted=False, calendar=accepted).state is AnswerState.ANSWERED
    assert evidence(exchange, wanted=False).state is AnswerState.UNCLEAR
    assert evidence(exchange, wanted=False, inbox=ews.REQUEST).state is AnswerState.NOT_DONE


def test_a_copy_that_does_not_show_its_meeting_is_unclear(exchange: Exchange) -> None:
    bare = ews.page(ews.sent_answer(global_id=""))
    assert evidence(exchange, sent=bare, inbox=ews.REQUEST).state is AnswerState.UNCLEAR
    declined = ews.page(ews.sent_answer(global_id="", suffix="Neg"))
    assert evidence(exchange, sent=declined, inbox=ews.REQUEST).state is AnswerState.NOT_DONE


@pytest.mark.parametrize("folder", ["sentitems", "outbox"])
def test_an_answer_that_cannot_be_read_may_be_the_one(exchange: Exchange, folder: str) -> None:
    unreadable = ews.page(re.sub(r'<t:ItemId Id="[^"]*"', '<t:ItemId Id=""', ews.sent_answer()))
    pages = {"sentitems": NO_ITEMS, "outbox": NO_ITEMS, folder: unreadable}
    found = evidence(exchange, sent=pages["sentitems"], outbox=pages["outbox"], inbox=ews.REQUEST)
    assert found.state is AnswerState.UNCLEAR
    assert "cannot be read" in found.note


def test_an_answer_in_the_outbox_was_not_sent_yet(exchange: Exchange) -> None:
    found = evidence(exchange, outbox=ews.page(ews.sent_answer()), inbox=ews.REQUEST)
    assert found.state is AnswerState.UNCLEAR
    assert "Outbox" in found.note


HANDLED = ews.page(ews.item("9"), ews.item(folder=ews.TRASH).replace("AAMk/1+=", "AAMkDel="))
MARKED = ews.page(
    ews.item(
        "8",
        ews.extended(
            'PropertySetId="6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b91" PropertyName="rsvpq-intent"',
            f"{'1' * 32} accept 2026-11-28T09:00:00Z",
        ),
    )
)


@pytest.mark.parametrize("trash", [HANDLED, MARKED], ids=["by its key", "by our mark"])
def test_a_handled_request_and_the_calendar_are_an_answer(exchange: Exchange, trash: bytes) -> None:
    accepted = ews.calendar_item(response_type="Accept", replied=REPLIED)
    found = evidence(exchange, trash=trash, calendar=accepted)
    assert found.state is AnswerState.ANSWERED
    assert "no copy in Sent Items" in found.note


def test_a_handled_request_and_no_meeting_in_the_calendar_are_a_declined_one(exchange: Exchange) -> None:
    assert evidence(exchange, verdict=Verdict.DECLINE, trash=HANDLED).state is AnswerState.ANSWERED
    assert evidence(exchange, verdict=Verdict.ACCEPT, trash=HANDLED).state is AnswerState.UNCLEAR


def test_a_request_that_is_gone_alone_is_unclear(exchange: Exchange) -> None:
    assert evidence(exchange).state is AnswerState.UNCLEAR
    assert evidence(exchange, trash=HANDLED, calendar=ews.calendar_item()).state is AnswerState.UNCLEAR
    accepted = ews.calendar_item(response_type="Accept", replied=REPLIED)
    assert evidence(exchange, calendar=accepted).state is AnswerState.UNCLEAR


def test_trap_13_an_answer_to_an_earlier_edition_is_none_to_this_one(exchange: Exchange) -> None:
    earlier = ews.calendar_item(response_type="Accept", replied="2026-11-20T09:00:00Z")
    assert evidence(exchange, inbox=ews.REQUEST, calendar=earlier).state is AnswerState.NOT_DONE


def test_a_calendar_that_cannot_be_read_leaves_it_unclear(exchange: Exchange) -> None:
    box = exchange.mailbox()
    message = request_in(exchange, box)
    exchange.scripts["FindItem calendar"] = ews.response("FindItem", ews.failed("FindItem", "ErrorAccessDenied"))
    assert box.evidence(message, Verdict.ACCEPT, BEGUN).state is AnswerState.UNCLEAR


def test_the_first_and_the_last_moments_break_nothing(exchange: Exchange, box: EwsMailbox) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    message = replace(request_in(exchange, box), received=first)
    exchange.scripts["FindItem sentitems"] = ews.page(ews.sent_answer())
    assert box.evidence(message, Verdict.ACCEPT, first).state is AnswerState.ANSWERED
    exchange.scripts["FindItem view"] = view()
    assert isinstance(box.busy(last - timedelta(days=1), last), Agenda)
    agenda = box.busy(first, last)
    assert isinstance(agenda, Agenda)
    assert agenda.end == first + timedelta(days=730)
    with pytest.raises(ValueError, match="not after the start"):
        box.busy(last, last)


def test_sent_items_are_read_no_further_than_needed(exchange: Exchange) -> None:
    old_ones = [ews.sent_answer(str(number), sent="2026-11-20T08:00:00Z") for number in range(1, 4)]
    evidence(exchange, sent=ews.page(*old_ones, last=False), inbox=ews.REQUEST)
    assert len([one for one in exchange.of("FindItem") if one.folder == "sentitems"]) == 1


# -- places --------------------------------------------------------------------------------------------------------


def test_sent_items_have_answers_of_the_mailbox_itself(exchange: Exchange, box: EwsMailbox) -> None:
    other = "BAAAAIIA4AB0xbcQGoLgCAAAAAAiIiIiIiIiIiIiIiIiIiIiAAAAAA=="
    exchange.scripts["FindItem sentitems"] = ews.page(ews.sent_answer("1"), ews.sent_answer("2", global_id=other))
    (page,) = box.messages_in(Place.SENT, ews.UID)
    assert [(one.kind, one.reply) for one in page.messages] == [(Kind.ANSWER, Verdict.ACCEPT)]
    assert len(next(iter(box.messages_in(Place.SENT))).messages) == 2


def test_drafts_have_no_answers(exchange: Exchange, box: EwsMailbox) -> None:
    assert list[Page](box.messages_in(Place.DRAFTS)) == []
    assert exchange.asked == []


# -- opening -------------------------------------------------------------------------------------------------------


def opened(backend: EwsBackend, name: str = ews.ADELE) -> str:
    """Open a mailbox, and return its identity."""
    with backend.open(name, NoLease()) as box:
        return box.identity


def test_a_mailbox_has_one_identity_by_all_its_names(exchange: Exchange) -> None:
    backend = exchange.backend()
    assert opened(backend) == opened(backend, "a.smith@corp.example") != ""
    assert opened(backend)
    assert [one.mailbox for one in exchange.asked] == [ews.ADELE, "a.smith@corp.example"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (ews.response("GetFolder", ews.failed("GetFolder", "ErrorNonExistentMailbox")), Gone),
        (ews.xml(ews.fault("ErrorNonExistentMailbox"), 500), Gone),
        (ews.xml(ews.fault("ErrorImpersonateUserDenied"), 500), Busy),
        (ews.xml(ews.fault("ErrorSchemaValidation"), 500), Busy),
        (ews.folder_response("x" * 3000), Malformed),
        (ews.folder_response(""), Malformed),
    ],
)
def test_a_mailbox_that_cannot_be_opened_is_no_item_at_fault(
    exchange: Exchange, script: bytes | Play, error: type[ExchangeError]
) -> None:
    exchange.scripts["GetFolder"] = script
    with pytest.raises(error):
        opened(exchange.backend())


def test_a_name_that_is_no_address_opens_nothing(exchange: Exchange) -> None:
    with pytest.raises(Busy, match="not an SMTP address"):
        opened(exchange.backend(), "adele")
    assert exchange.asked == []


def test_the_inbox_is_looked_up_again_after_something_was_not_found(exchange: Exchange) -> None:
    backend = exchange.backend()
    with pytest.raises(Gone), backend.open(ews.ADELE, NoLease()):
        raise Gone("not there")
    opened(backend)
    assert len(exchange.of("GetFolder")) == 2


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
def test_trap_19_one_connection_serves_many_mailboxes_and_each_is_named(exchange: Exchange, access: Access) -> None:
    backend = exchange.backend(access)
    for name in (ews.ADELE, ews.OLGA):
        with backend.open(name, NoLease()) as box:
            scanned(box)
    assert exchange.scripted.connections == 1
    for asked, name in zip(exchange.asked, (ews.ADELE, ews.ADELE, ews.OLGA, ews.OLGA), strict=True):
        assert asked.raw.headers["X-AnchorMailbox"] == name
        owner = asked.body.findtext(f".//{ews.T}DistinguishedFolderId/{ews.T}Mailbox/{ews.T}EmailAddress") or ""
        assert (asked.mailbox, owner) == ((name, "") if access == "impersonation" else ("", name))


@pytest.mark.parametrize("path", ["", "/", "/EWS/Exchange.asmx", "/ews/exchange.asmx"])
def test_everything_goes_to_one_path(exchange: Exchange, path: str) -> None:
    server = EwsServer(f"{exchange.scripted.url}{path}", auth.basic("svc", ews.PASSWORD), timeouts=ews.PATIENT)
    scanned(exchange.mailbox(server=server))
    assert exchange.asked[0].raw.target == (path if len(path) > 1 else "/EWS/Exchange.asmx")


class _Ticket:
    """A login that needs no domain, in one message."""

    def step(self, _received: bytes | None) -> bytes:
        return b"ticket"


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_over_a_new_connection_is_sent_once_more_with_the_login_only(exchange: Exchange, status: int) -> None:
    account = auth.ConnectionAuth("negotiate", "svc", ews.PASSWORD)
    account._spnego = SimpleNamespace(client=lambda *_, **__: _Ticket(), exceptions=account._spnego.exceptions)
    server = EwsServer(exchange.scripted.url, account, timeouts=ews.PATIENT)
    server.schema = "Exchange2010_SP2"

    def logged_in(asked: Asked) -> Play:
        if "Authorization" not in asked.raw.headers:
            return ews.html(401, WWW_Authenticate="Negotiate")
        return ews.xml(ews.CREATED if status < 300 else b"", status)

    exchange.scripts["CreateItem"] = logged_in
    message = MeetingMessage(Kind.REQUEST, ItemRef("1", ("AAMk", "Cw")))
    if status < 300:
        exchange.mailbox(server=server).respond(message, Verdict.ACCEPT)
    else:
        with pytest.raises(Unknown):
            exchange.mailbox(server=server).respond(message, Verdict.ACCEPT)
    assert ["Authorization" in one.raw.headers for one in exchange.asked] == [False, True]
    assert exchange.scripted.connections == 1


def test_a_wrong_password_is_refused_at_once(exchange: Exchange, box: EwsMailbox) -> None:
    exchange.scripts["FindItem inbox"] = ews.html(401, WWW_Authenticate="Basic")
    with pytest.raises(LoginRefused):
        scanned(box)
    assert len(exchange.asked) == 1


def test_a_401_for_one_mailbox_does_not_stop_the_server(exchange: Exchange, box: EwsMailbox) -> None:
    scanned(box)
    exchange.scripts["GetItem"] = ews.html(401, WWW_Authenticate="Basic")
    exchange.scripts["GetFolder"] = ews.xml(ews.fault("ErrorMissingEmailAddress"), 500)
    with pytest.raises(Busy) as caught:
        box.holds(MeetingMessage(Kind.REQUEST, ItemRef("1", ("AAMk", "Cw"))))
    assert not isinstance(caught.value, LoginRefused)
    assert caught.value.scope == "mailbox"
    assert exchange.asked[-1].operation == "GetFolder"
