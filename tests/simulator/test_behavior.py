"""The simulator's other behaviors: each uncertain choice really is a switch."""

from datetime import date

import pytest

from simulator.behavior import Behavior
from simulator.population.populate import Size, populate
from simulator.serving.http import Request, Response
from simulator.webdav.address import locate
from simulator.webdav.call import Call
from simulator.webdav.owa.commands import get
from simulator.webdav.properties.items import reader
from simulator.webdav.urls import href_path, permanent_path
from simulator.webdav.verbs.transfer import move
from simulator.world.answering import REQUEST_CLASS, Verdict, answer, open_item
from simulator.world.languages import Role
from simulator.world.mailboxes import Item
from simulator.world.property_names import PROCESSED
from simulator.world.state import World
from simulator.world.tally import Action, Kind


@pytest.fixture
def world() -> World:
    return populate(1, Size(mailboxes=1, requests=80, responses=3), date(2026, 3, 2))


def message(world: World, kind: Kind, *, wanted: bool = True) -> Item:
    """A request, wanted or not, or a response out of the Inbox."""
    for item in world.mailboxes[0].folders[Role.INBOX].items.values():
        meeting = item.message.meeting
        is_request = item.message.message_class == REQUEST_CLASS
        if meeting and is_request == (kind is Kind.REQUEST) and meeting.response_requested == wanted:
            return item
    raise LookupError(kind)


def call(world: World, behavior: Behavior, method: str, path: str, **headers: str) -> Call:
    path, _, query = path.partition("?")
    address = locate(world, 0, path)
    assert address is not None
    request = Request(method, path, query, {"host": "mail", **headers}, b"", "HTTP/1.1", 0.0, from_loopback=True)
    return Call(request, address, world, 0, behavior, lambda _mailbox, _moment: None)


def accept(world: World, behavior: Behavior, path: str) -> Response:
    return get(call(world, behavior, "GET", path + "?Cmd=accept"))


def test_accept_can_redirect_to_the_draft(world: World) -> None:
    item = message(world, Kind.REQUEST)
    redirected = accept(world, Behavior(command_answer="redirect"), href_path(item))
    (draft,) = world.mailboxes[0].folders[Role.DRAFTS].items.values()
    assert redirected.status == 302
    assert redirected.headers == (("Location", f"http://mail{href_path(draft)}?Cmd=edit"),)


def test_the_draft_can_be_named_after_the_verdict(world: World) -> None:
    item = message(world, Kind.REQUEST)
    draft = answer(world, Behavior(draft="verdict"), item, Verdict.DECLINE)
    assert draft is not None
    assert draft.name.startswith("Declined: ")


def test_a_draft_can_appear_unrequested(world: World) -> None:
    item = message(world, Kind.REQUEST, wanted=False)
    assert answer(world, Behavior(drafts_unrequested=True), item, Verdict.ACCEPT) is not None


def test_the_request_can_be_kept_or_left(world: World) -> None:
    mailbox = world.mailboxes[0]
    kept = message(world, Kind.REQUEST)
    answer(world, Behavior(request_fate="deleted-items"), kept, Verdict.ACCEPT)
    (found,) = mailbox.folders[Role.DELETED_ITEMS].items.values()
    assert found.message == kept.message
    left = message(world, Kind.REQUEST)
    answer(world, Behavior(request_fate="left"), left, Verdict.ACCEPT)
    assert mailbox.folders[Role.INBOX].child(left.name) is left
    answer(world, Behavior(), left, Verdict.ACCEPT)
    assert left.tally is not None
    assert left.tally.count(Action.ACCEPTED) == 2
    assert [item.message.meeting for item in mailbox.folders[Role.CALENDAR].items.values()].count(None) == 0
    assert len(mailbox.folders[Role.CALENDAR].items) == 2


def test_the_calendar_can_wait(world: World) -> None:
    answer(world, Behavior(calendar_item="never"), message(world, Kind.REQUEST), Verdict.ACCEPT)
    assert not world.mailboxes[0].folders[Role.CALENDAR].items


def test_a_response_can_stay_unmarked_when_opened(world: World) -> None:
    item = message(world, Kind.RESPONSE)
    open_item(world, Behavior(open_marks="read-only"), item)
    assert (item.message.read, reader(PROCESSED)(item, "")) == (True, None)
    open_item(world, Behavior(), item)
    assert reader(PROCESSED)(item, "") is True


@pytest.mark.parametrize(("works", "drafts"), [(True, 1), (False, 0)])
def test_commands_can_be_refused_on_permanent_urls(world: World, works: bool, drafts: int) -> None:
    path = permanent_path(message(world, Kind.REQUEST))
    assert accept(world, Behavior(commands_on_permanent_urls=works), path).status == 200
    assert len(world.mailboxes[0].folders[Role.DRAFTS].items) == drafts


def test_sending_can_answer_201(world: World) -> None:
    behavior = Behavior(submission_status=201)
    draft = answer(world, behavior, message(world, Kind.REQUEST), Verdict.ACCEPT)
    assert draft is not None
    destination = href_path(world.mailboxes[0].root) + "##DavMailSubmissionURI##"
    assert move(call(world, behavior, "MOVE", href_path(draft), destination=destination)).status == 201
