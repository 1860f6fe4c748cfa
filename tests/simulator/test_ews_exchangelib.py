"""The simulator's Exchange Web Services before an independent client: exchangelib finds, answers, follows and marks."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import exchangelib
import pytest
from exchangelib import (
    BASIC,
    DELEGATE,
    IMPERSONATION,
    NTLM,
    UTC,
    Account,
    Attendee,
    CalendarItem,
    Configuration,
    Credentials,
    EWSDateTime,
    ExtendedProperty,
    Mailbox,
    Message,
)
from exchangelib.errors import (
    ErrorImpersonateUserDenied,
    ErrorItemNotFound,
    ErrorNameResolutionNoMailbox,
    ErrorNonExistentMailbox,
    ErrorServerBusy,
)
from exchangelib.items import (
    SEND_TO_ALL_AND_SAVE_COPY,
    SEND_TO_NONE,
    MeetingCancellation,
    MeetingRequest,
    MeetingResponse,
)
from exchangelib.protocol import close_connections

from tests.simulator.ews_client import PATH
from tests.simulator.raw_http import Simulator, running


class Intent(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    """A mark of our own."""

    property_set_id = "6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b91"
    property_name = "intent"
    property_type = "String"


class CleanId(ExtendedProperty):  # type: ignore[misc]
    """PidLidCleanGlobalObjectId: the uid of the meeting, which exchangelib does not read of requests."""

    distinguished_property_set_id = "Meeting"
    property_id = 0x23
    property_type = "Binary"


@pytest.fixture(scope="module", autouse=True)
def _extended() -> Iterator[None]:
    MeetingRequest.register("intent", Intent)
    MeetingRequest.register("clean_id", CleanId)
    yield
    MeetingRequest.deregister("clean_id")
    MeetingRequest.deregister("intent")


@pytest.fixture(autouse=True)
def _no_connection_stays() -> Iterator[None]:
    yield
    close_connections()


@pytest.fixture
def world() -> Iterator[Simulator]:
    with running("--mailboxes", "3", "--requests", "8", "--calendar", "10", "--inside", "100") as started:
        yield started


def account(
    world: Simulator, index: int = 0, access: str = IMPERSONATION, auth: str = BASIC, user: str = "CORP\\svc-rsvpq"
) -> Any:
    """The mailbox of this number, as the service account reaches it."""
    address = world.oracle("mailboxes")[index]["address"]
    configuration = Configuration(
        service_endpoint=world.ready["servers"][0] + PATH,
        credentials=Credentials(user, "simulator"),
        auth_type=auth,
        max_connections=1,
    )
    return Account(address, config=configuration, access_type=access, autodiscover=False)


def answerable(mail: Any) -> list[Any]:
    """The requests that can be answered, oldest first."""
    found = mail.inbox.all().order_by("datetime_received")
    ids = [item.clean_id for item in found if isinstance(item, MeetingRequest)]
    return [
        item
        for item in found
        if isinstance(item, MeetingRequest)
        and ids.count(item.clean_id) == 1
        and item.received_representing.email_address == mail.primary_smtp_address
    ]


def uid(request: Any) -> str:
    """The uid of its meeting."""
    return str(request.clean_id.hex().upper())


def state(world: Simulator, request: Any) -> str:
    """What the oracle says of a request."""
    (one,) = [one for one in world.oracle("messages") if one["uid"] == uid(request)]
    return str(one["state"])


def test_it_learns_the_version_by_itself(world: Simulator) -> None:
    assert str(account(world).version.build).startswith("15.1.")
    assert exchangelib.__version__


@pytest.mark.parametrize("access", [IMPERSONATION, DELEGATE])
def test_folders_are_there(world: Simulator, access: str) -> None:
    mail = account(world, access=access)
    for folder in (mail.inbox, mail.drafts, mail.sent, mail.trash, mail.calendar, mail.outbox):
        assert folder.total_count == folder.all().count()
    assert mail.inbox.name in {folder.name for folder in mail.root.walk()}


def test_ntlm_lets_it_in() -> None:
    with running("--mailboxes", "1", "--auth", "ntlm") as simulator:
        assert account(simulator, auth=NTLM).inbox.total_count


def test_the_inbox_is_read(world: Simulator) -> None:
    mail = account(world)
    everything = list(mail.inbox.all())
    kinds = {type(item) for item in everything}
    assert {MeetingRequest, MeetingResponse} <= kinds <= {MeetingRequest, MeetingResponse, MeetingCancellation, Message}
    for item in everything:
        assert item.subject is not None
        assert item.sender.email_address
    request = next(item for item in everything if isinstance(item, MeetingRequest))
    assert request.end > request.start
    assert request.organizer.email_address == request.author.email_address
    assert request.has_been_processed
    assert request.associated_calendar_item_id


def test_filters_find(world: Simulator) -> None:
    mail = account(world)
    everything = list(mail.inbox.all().order_by("datetime_received"))
    requests = list(mail.inbox.filter(item_class__istartswith="ipm.schedule.meeting.request"))
    assert {item.id for item in requests} == {item.id for item in everything if isinstance(item, MeetingRequest)}
    middle = everything[len(everything) // 2].datetime_received
    later = list(mail.inbox.filter(datetime_received__gt=middle).order_by("-datetime_received"))
    assert [item.id for item in later] == [item.id for item in reversed(everything) if item.datetime_received > middle]
    both = mail.inbox.filter(subject=everything[0].subject).exclude(item_class="IPM.Note")
    assert everything[0].id in {item.id for item in both}
    assert mail.inbox.filter(subject__contains="there is none").count() == 0
    assert mail.inbox.all().order_by("subject")[1:3]


def test_items_are_fetched(world: Simulator) -> None:
    mail = account(world)
    ids = [(item.id, item.changekey) for item in mail.inbox.all().only("id", "changekey")]
    (first, second) = mail.fetch(ids[:2])
    assert [first.id, second.id] == [ids[0][0], ids[1][0]]


@pytest.mark.parametrize(("verb", "status"), [("accept", "Accept"), ("tentatively_accept", "Tentative")])
def test_a_request_is_accepted(world: Simulator, verb: str, status: str) -> None:
    mail = account(world)
    request = answerable(mail)[0]
    getattr(request, verb)(body="By exchangelib.")
    assert state(world, request) == "answered_once"
    (sent,) = mail.sent.all()
    assert (type(sent), sent.body) == (MeetingResponse, "By exchangelib.")
    assert isinstance(next(iter(mail.trash.all())), MeetingRequest)
    booked = [item for item in mail.calendar.all() if item.uid == uid(request)]
    assert [item.my_response_type for item in booked] == [status]
    with pytest.raises(ErrorItemNotFound):
        request.accept()


def test_a_request_is_declined(world: Simulator) -> None:
    mail = account(world)
    request = answerable(mail)[0]
    request.decline(body="No.")
    assert state(world, request) == "answered_once"
    assert uid(request) not in {item.uid for item in mail.calendar.all()}
    assert {type(item) for item in mail.trash.all()} == {MeetingRequest, CalendarItem}


def test_a_calendar_is_viewed(world: Simulator) -> None:
    mail = account(world)
    start = EWSDateTime(2026, 2, 1, tzinfo=UTC)
    rows = list(mail.calendar.view(start=start, end=start + timedelta(days=120)))
    assert [row.start for row in rows] == sorted(row.start for row in rows)
    assert {"Single", "Occurrence"} <= {row.type for row in rows}
    assert len(list(mail.calendar.view(start=start, end=start + timedelta(days=120), max_items=3))) == 3


def test_changes_are_followed(world: Simulator) -> None:
    mail = account(world)
    first = {item.id for change, item in mail.inbox.sync_items() if change == "create"}
    assert len(first) == mail.inbox.total_count
    request = answerable(mail)[0]
    request.accept()
    assert [(change, item.id) for change, item in mail.inbox.sync_items()] == [("delete", request.id)]


def test_items_are_moved_and_deleted(world: Simulator) -> None:
    mail = account(world)
    first, second, third = [item for item in mail.inbox.all() if not isinstance(item, MeetingRequest)][:3]
    former = first.id
    first.move(to_folder=mail.trash)
    assert first.id != former
    second.move_to_trash()
    third.delete()
    assert mail.trash.all().count() == 2
    first.delete()
    assert mail.trash.all().count() == 1


def test_a_request_is_marked(world: Simulator) -> None:
    mail = account(world)
    request = answerable(mail)[0]
    request.intent = "accept 2026-11-28T15:00:00Z"
    request.save(update_fields=["intent"])
    (found,) = mail.inbox.filter(intent__exists=True)
    assert (found.id, found.intent) == (request.id, "accept 2026-11-28T15:00:00Z")
    assert mail.inbox.filter(intent="other").count() == 0


def test_a_meeting_is_arranged_and_answered(world: Simulator) -> None:
    host, guest = account(world), account(world, 1)
    start = EWSDateTime(2027, 1, 11, 9, 30, tzinfo=UTC)
    attendee = Attendee(mailbox=Mailbox(email_address=guest.primary_smtp_address), response_type="Unknown")
    meeting = CalendarItem(
        account=host,
        folder=host.calendar,
        subject="Kickoff",
        body="Please come.",
        start=start,
        end=start + timedelta(hours=1),
        required_attendees=[attendee],
    )
    meeting.save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    (request,) = guest.inbox.filter(subject="Kickoff")
    assert (request.start, request.body, request.organizer.email_address) == (
        start,
        "Please come.",
        host.primary_smtp_address,
    )
    request.accept()
    assert state(world, request) == "answered_once"
    assert host.inbox.filter(item_class="IPM.Schedule.Meeting.Resp.Pos", subject="Accepted: Kickoff").count() == 1
    (own,) = host.calendar.filter(subject="Kickoff")
    assert [one.response_type for one in own.required_attendees] == ["Accept"]
    own.delete(send_meeting_cancellations=SEND_TO_NONE)
    assert host.calendar.filter(subject="Kickoff").count() == 0


def test_names_are_resolved_for_who_has_a_mailbox(world: Simulator) -> None:
    mail = account(world)
    assert str(mail.protocol.version.build).startswith("15.1.")
    with pytest.raises(ErrorNameResolutionNoMailbox):
        mail.protocol.resolve_names([mail.primary_smtp_address], parent_folders=None)
    with running("--mailboxes", "1", "--user", "CORP\\adele0") as simulator:
        own = account(simulator, user="CORP\\adele0", access=DELEGATE)
        assert own.protocol.version.build
        (found,) = own.protocol.resolve_names([own.primary_smtp_address], parent_folders=None)
        assert found.email_address == own.primary_smtp_address


def test_errors_have_their_names(world: Simulator) -> None:
    world.turn(ews_impersonation="denied")
    with pytest.raises(ErrorImpersonateUserDenied):
        assert account(world).inbox.total_count
    world.turn(ews_impersonation="allowed")
    mail = account(world)
    assert mail.inbox.total_count
    for form in ("fault", "inside"):
        world.turn(ews_busy=form)
        world.post("faults", [{"step": "finditem", "kind": "server-busy"}])
        with pytest.raises(ErrorServerBusy):
            list(mail.inbox.all())
    nobody = Account("nobody@example.com", config=mail.protocol.config, access_type=IMPERSONATION, autodiscover=False)
    with pytest.raises(ErrorNonExistentMailbox):
        assert nobody.inbox.total_count
