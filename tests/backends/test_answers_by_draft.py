"""What a backend promises that answers by drafts: see :class:`rsvpq.mail.ports.AnswersByDraft`."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from rsvpq.mail.errors import Busy, Changed, Gone, Unknown, Unsupported
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import AnswersByDraft, Place
from tests.backends.backends import BY_DRAFT
from tests.backends.harness import (
    WAIT_S,
    Failure,
    Harness,
    Opened,
    failing,
    fails,
    inbox,
    messages_in,
    opened_by_draft,
)

pytestmark = pytest.mark.parametrize("exchange", BY_DRAFT, indirect=True, scope="module")

#: What the product marks drafts with: the identity of an item, and what the ledger remembers its meeting by.
MARKER = "0123456789abcdef0123456789abcdef 0123456789abcdef0123"
DONE = {Verdict.ACCEPT: "accepted", Verdict.DECLINE: "declined", Verdict.TENTATIVE: "tentative"}
NAME = "rsvpq-0123456789abcdef.EML"
verdicts = pytest.mark.parametrize("verdict", Verdict)


@pytest.fixture
def at(exchange: Harness) -> Iterator[Opened[AnswersByDraft]]:
    """A mailbox of the test's own."""
    with opened_by_draft(exchange, exchange.take()) as found:
        yield found


def drafts(at: Opened[AnswersByDraft]) -> list[MeetingMessage]:
    """What lies in Drafts."""
    return messages_in(at.box, Place.DRAFTS)


def sent(at: Opened[AnswersByDraft]) -> list[MeetingMessage]:
    """What lies in Sent Items."""
    return messages_in(at.box, Place.SENT)


def drafted(at: Opened[AnswersByDraft], request: MeetingMessage, verdict: Verdict = Verdict.ACCEPT) -> MeetingMessage:
    """The draft of an answer that the server has written when it was told to."""
    at.box.command(request, verdict)
    (draft,) = [one for one in drafts(at) if one.uid == request.uid]
    return draft


def stored(at: Opened[AnswersByDraft], request: MeetingMessage, verdict: Verdict = Verdict.ACCEPT) -> None:
    """Store an answer of our own."""
    at.box.create_draft(NAME, at.box.compose_reply(request, address(at), verdict), MARKER)


def address(at: Opened[AnswersByDraft]) -> str:
    """The owner's address, or alias."""
    return at.name if "@" in at.name else at.exchange.other_name(at.name)


# -- what the server writes ----------------------------------------------------------------------------------------


@verdicts
def test_a_command_makes_a_draft_of_the_answer_and_sends_nothing(at: Opened[AnswersByDraft], verdict: Verdict) -> None:
    request = at.request()
    assert at.box.commands
    draft = drafted(at, request, verdict)
    assert (draft.kind, draft.reply, draft.uid) == (Kind.ANSWER, verdict, request.uid)
    assert sent(at) == []
    assert at.done_to(request) == {DONE[verdict]: 1}


def test_a_command_touches_no_other_message(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    others = [message for message in inbox(at.box) if message.ref.key != request.ref.key]
    drafted(at, request)
    assert [message for message in inbox(at.box) if message.ref.key != request.ref.key] == others


def test_where_a_command_led_to_is_its_draft_if_the_server_says(at: Opened[AnswersByDraft]) -> None:
    first, second = at.requests()[:2]
    where = at.box.command(first, Verdict.ACCEPT)
    other = drafted(at, second)
    (draft,) = [one for one in drafts(at) if one.uid == first.uid]
    assert not where or (at.box.is_at(draft, where) and not at.box.is_at(other, where))


def test_a_draft_shows_when_it_was_made_and_what_it_takes_to_change_it(at: Opened[AnswersByDraft]) -> None:
    draft = drafted(at, at.request())
    assert None not in {draft.created, draft.modified}
    assert draft.etag


def test_a_command_for_what_is_gone_does_nothing(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    at.exchange.remove(at.name, request)
    fails(lambda: at.box.command(request, Verdict.ACCEPT), Gone)
    assert drafts(at) == []


def test_a_server_that_knows_no_commands_says_so_and_does_nothing(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    with at.exchange.without_commands():
        fails(lambda: at.box.command(request, Verdict.ACCEPT), Unsupported)
    assert drafts(at) == []
    assert at.done_to(request) == {}


# -- the mark on a draft -------------------------------------------------------------------------------------------


def test_a_draft_keeps_its_mark_when_it_is_sent(at: Opened[AnswersByDraft]) -> None:
    draft = drafted(at, at.request())
    assert at.box.mark_draft(draft, MARKER)
    (marked,) = drafts(at)
    assert [marked.answers, marked.topic] == MARKER.split()
    at.box.send(marked)
    assert [[answer.answers, answer.topic] for answer in sent(at)] == [MARKER.split()]


def test_a_draft_that_somebody_changed_meanwhile_is_not_marked(at: Opened[AnswersByDraft]) -> None:
    assert at.box.conditional
    draft = drafted(at, at.request())
    at.exchange.change(at.name, draft)
    fails(lambda: at.box.mark_draft(draft, MARKER), Changed)
    assert [one.answers for one in drafts(at)] == [""]


def test_a_draft_that_somebody_threw_away_is_not_marked(at: Opened[AnswersByDraft]) -> None:
    draft = drafted(at, at.request())
    at.exchange.remove(at.name, draft)
    fails(lambda: at.box.mark_draft(draft, MARKER), Gone)
    assert drafts(at) == []


# -- sending -------------------------------------------------------------------------------------------------------


def test_a_draft_is_sent_once_and_a_copy_stays(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    at.box.send(drafted(at, request, Verdict.TENTATIVE))
    assert at.done_to(request) == {"tentative": 1, "submitted": 1}
    assert drafts(at) == []
    assert [(one.kind, one.reply, one.uid) for one in sent(at)] == [(Kind.ANSWER, Verdict.TENTATIVE, request.uid)]


def test_sending_what_is_gone_sends_nothing(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    draft = drafted(at, request)
    at.box.send(draft)
    fails(lambda: at.box.send(draft), Gone)
    assert at.done_to(request)["submitted"] == 1


def test_what_was_sent_of_one_meeting_is_found_by_it(at: Opened[AnswersByDraft]) -> None:
    for request in at.requests()[:2]:
        at.box.send(drafted(at, request))
        assert [one.uid for one in messages_in(at.box, Place.SENT, request.uid)] == [request.uid]
    assert len(sent(at)) == 2


def test_the_organizer_gets_what_was_sent(exchange: Harness) -> None:
    guest, organizer, uid = exchange.invitation()
    with opened_by_draft(exchange, guest) as at:
        (request,) = [message for message in inbox(at.box) if message.uid == uid]
        at.box.send(drafted(at, request, Verdict.DECLINE))
    with opened_by_draft(exchange, organizer) as at:
        assert [one.reply for one in inbox(at.box) if (one.kind, one.uid) == (Kind.RESPONSE, uid)] == [Verdict.DECLINE]


# -- answers of our own --------------------------------------------------------------------------------------------


def test_composing_an_answer_stores_nothing(at: Opened[AnswersByDraft]) -> None:
    request, before = at.request(), at.exchange.effects()
    assert at.box.compose_reply(request, address(at), Verdict.ACCEPT)
    assert at.exchange.effects() == before
    assert drafts(at) == []


@verdicts
def test_an_answer_of_our_own_is_stored_under_its_name_and_marked(at: Opened[AnswersByDraft], verdict: Verdict) -> None:
    request = at.request()
    assert not at.box.has_draft(NAME)
    stored(at, request, verdict)
    assert at.box.has_draft(NAME)
    assert not at.box.has_sent(NAME)
    (draft,) = drafts(at)
    assert (draft.kind, draft.reply, draft.uid) == (Kind.ANSWER, verdict, request.uid)
    assert [draft.answers, draft.topic] == MARKER.split()
    assert at.done_to(request) == {}


def test_an_answer_that_is_stored_again_takes_the_place_of_the_first(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    stored(at, request, Verdict.ACCEPT)
    stored(at, request, Verdict.DECLINE)
    assert [draft.reply for draft in drafts(at)] == [Verdict.DECLINE]


def test_an_answer_of_our_own_is_sent_once_and_is_found_by_its_name(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    stored(at, request)
    at.box.send_draft(NAME)
    assert at.done_to(request) == {"accepted": 1, "submitted": 1}
    assert at.box.has_sent(NAME)
    assert not at.box.has_draft(NAME)
    assert [(one.kind, one.uid) for one in sent(at)] == [(Kind.ANSWER, request.uid)]


def test_an_answer_of_our_own_that_is_discarded_is_gone_and_is_not_sent(at: Opened[AnswersByDraft]) -> None:
    request = at.request()
    stored(at, request)
    at.box.discard_draft(NAME)
    assert not at.box.has_draft(NAME)
    assert not at.box.has_sent(NAME)
    assert at.done_to(request) == {}


def test_sending_what_is_not_stored_sends_nothing(at: Opened[AnswersByDraft]) -> None:
    fails(lambda: at.box.send_draft(NAME), Gone)
    assert sent(at) == []


# -- what an effect is ---------------------------------------------------------------------------------------------

#: What gets a mailbox ready, and what is done then.
Step = Callable[[Opened[AnswersByDraft]], Callable[[], object]]


def of_a_request(act: Callable[[AnswersByDraft, MeetingMessage], object]) -> Step:
    """What is done to a request."""

    def prepare(at: Opened[AnswersByDraft]) -> Callable[[], object]:
        request = at.request()
        return lambda: act(at.box, request)

    return prepare


def of_a_draft(act: Callable[[AnswersByDraft, MeetingMessage], object]) -> Step:
    """What is done to a draft that the server has written."""

    def prepare(at: Opened[AnswersByDraft]) -> Callable[[], object]:
        draft = drafted(at, at.request())
        return lambda: act(at.box, draft)

    return prepare


def of_our_draft(act: Callable[[AnswersByDraft], object]) -> Step:
    """What is done to an answer of our own."""

    def prepare(at: Opened[AnswersByDraft]) -> Callable[[], object]:
        stored(at, at.request())
        return lambda: act(at.box)

    return prepare


def storing(at: Opened[AnswersByDraft]) -> Callable[[], object]:
    """Storing an answer of our own, which may take more than one request: it can be done again and again."""
    content = at.box.compose_reply(at.request(), address(at), Verdict.ACCEPT)
    return lambda: at.box.create_draft(NAME, content, MARKER)


SINGLE: dict[str, Step] = {
    "command": of_a_request(lambda box, request: box.command(request, Verdict.DECLINE)),
    "mark_draft": of_a_draft(lambda box, draft: box.mark_draft(draft, MARKER)),
    "send": of_a_draft(lambda box, draft: box.send(draft)),
    "send_draft": of_our_draft(lambda box: box.send_draft(NAME)),
    "discard_draft": of_our_draft(lambda box: box.discard_draft(NAME)),
}
STEPS: dict[str, Step] = {**SINGLE, "create_draft": storing}
steps = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def state(at: Opened[AnswersByDraft]) -> object:
    """All that a step could change."""
    return drafts(at), sent(at), inbox(at.box)


@pytest.mark.parametrize("step", SINGLE.values(), ids=SINGLE)
def test_a_step_is_one_request(at: Opened[AnswersByDraft], step: Step) -> None:
    act = step(at)
    before = at.exchange.effects()
    act()
    assert at.exchange.effects() == before + 1


@steps
def test_a_step_whose_outcome_is_lost_is_unknown_and_is_not_repeated(at: Opened[AnswersByDraft], step: Step) -> None:
    act = step(at)
    before = at.exchange.effects()
    with failing(at.exchange, Failure.LOST):
        fails(act, Unknown)
    assert at.exchange.effects() == before + 1
    assert len(sent(at)) <= 1


@pytest.mark.parametrize("step", SINGLE.values(), ids=SINGLE)
def test_a_step_whose_outcome_breaks_off_is_unknown_unless_that_tells_and_is_not_repeated(
    at: Opened[AnswersByDraft], step: Step
) -> None:
    act = step(at)
    before, untouched = at.exchange.effects(), state(at)
    with failing(at.exchange, Failure.TORN), suppress(Unknown):
        act()
    assert at.exchange.effects() == before + 1
    assert state(at) != untouched


@steps
def test_a_step_that_never_got_there_is_unknown_and_is_not_repeated(at: Opened[AnswersByDraft], step: Step) -> None:
    act = step(at)
    before, untouched = at.exchange.effects(), state(at)
    with failing(at.exchange, Failure.CUT):
        fails(act, Unknown)
    assert at.exchange.effects() == before + 1
    assert state(at) == untouched


@steps
def test_a_busy_server_has_not_done_the_step_and_says_how_long_to_leave_it_alone(
    at: Opened[AnswersByDraft], step: Step
) -> None:
    act = step(at)
    untouched = state(at)
    with failing(at.exchange, Failure.BUSY):
        error = fails(act, Busy)
    assert isinstance(error, Busy)
    assert error.delay_s == WAIT_S
    assert state(at) == untouched
