"""A response is opened once, and what becomes of it is what was configured."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from rsvpq.mail.errors import ExchangeError, Refused
from rsvpq.mail.messages import MeetingMessage
from rsvpq.policy import Action
from rsvpq.tasks.journal import Journal, Outcome, Paused
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.rows import href_of
from tests.support.exchange_site import Site, WatchedServer, always, box_name, inbox, responses_in
from tests.support.work import work_on
from workers.open import After, open_response

AFTER: tuple[After, ...] = ("keep", "move", "delete")


@pytest.fixture
def server(site: Site) -> WatchedServer:
    """The server, which a test may watch."""
    return site.server()


@pytest.fixture
def box(site: Site, server: WatchedServer) -> WebDavMailbox:
    """A mailbox of the test's own."""
    taken = site.take()
    return WebDavMailbox(server, box_name(taken), taken.folders)


@pytest.fixture
def response(box: WebDavMailbox) -> MeetingMessage:
    """A response in :func:`box`."""
    return next(found for found in responses_in(box) if not found.counter_proposal)


def journal(answer: Literal["ok", "held"] = "ok") -> Journal:
    """A journal that is written nowhere."""

    def record(_steps: Mapping[str, Any], _intent: bool, *_: object) -> Literal["ok", "held"]:
        return answer

    return Journal({}, record)


def effects(site: Site, box: WebDavMailbox, response: MeetingMessage) -> tuple[int, int, int]:
    """How often it was opened, moved and deleted."""
    counts = site.recorded(box, response)
    return counts["opened"], counts["moved"], counts["deleted"]


def test_a_kept_response_is_opened_marked_and_stays(site: Site, box: WebDavMailbox, response: MeetingMessage) -> None:
    assert open_response(work_on(response, box, always(Action.OPEN), journal()), "keep") == Outcome("opened")
    assert effects(site, box, response) == (1, 0, 0)
    (kept,) = [message for message in inbox(box) if message.ref.key == response.ref.key]
    assert kept.processed


def test_a_moved_response_is_opened_and_lies_in_deleted_items(
    site: Site, box: WebDavMailbox, response: MeetingMessage
) -> None:
    assert open_response(work_on(response, box, always(Action.OPEN), journal()), "move") == Outcome(
        "opened", "moved to Deleted Items"
    )
    assert effects(site, box, response) == (1, 1, 0)
    assert not box.holds(response)


def test_a_deleted_response_is_opened_and_gone(site: Site, box: WebDavMailbox, response: MeetingMessage) -> None:
    assert open_response(work_on(response, box, always(Action.OPEN), journal()), "delete") == Outcome(
        "opened", "deleted"
    )
    assert effects(site, box, response) == (1, 0, 1)


def test_a_second_attempt_after_a_move_finds_it_gone(site: Site, box: WebDavMailbox, response: MeetingMessage) -> None:
    open_response(work_on(response, box, always(Action.OPEN), journal()), "move")
    assert open_response(work_on(response, box, always(Action.OPEN), journal()), "move").result == "gone"
    assert effects(site, box, response) == (1, 1, 0)


@pytest.mark.parametrize("after", AFTER)
def test_a_response_that_somebody_else_removed_is_gone(
    site: Site, box: WebDavMailbox, response: MeetingMessage, after: After
) -> None:
    site.raw("DELETE", href_of(response))
    assert open_response(work_on(response, box, always(Action.OPEN), journal()), after).result == "gone"
    assert effects(site, box, response) == (0, 0, 1)


@pytest.mark.parametrize("after", AFTER)
def test_a_response_that_goes_during_clean_up_was_opened_all_the_same(
    site: Site, server: WatchedServer, box: WebDavMailbox, response: MeetingMessage, after: After
) -> None:
    def somebody_cleans_up(method: str, _path: str) -> None:
        if method == "GET":
            site.raw("DELETE", href_of(response))

    server.after = somebody_cleans_up
    outcome = open_response(work_on(response, box, always(Action.OPEN), journal()), after)
    assert outcome == Outcome("opened", "somebody else removed it from the Inbox first")
    assert effects(site, box, response) == (1, 0, 1)


def test_a_pause_leaves_the_response_alone(site: Site, box: WebDavMailbox, response: MeetingMessage) -> None:
    with pytest.raises(Paused):
        open_response(work_on(response, box, always(Action.OPEN), journal("held")), "delete")
    assert effects(site, box, response) == (0, 0, 0)


def test_a_clean_up_that_is_refused_is_an_error(
    site: Site, server: WatchedServer, box: WebDavMailbox, response: MeetingMessage
) -> None:
    def dies(method: str, _path: str) -> None:
        if method == "MOVE":
            raise Refused("no right to move")

    server.after = dies
    with pytest.raises(ExchangeError):
        open_response(work_on(response, box, always(Action.OPEN), journal()), "move")
    assert effects(site, box, response)[0] == 1
