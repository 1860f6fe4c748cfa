"""What every backend promises: see :mod:`rsvpq.mail.ports`. Sentences in no protocol's words."""

from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from rsvpq.mail.calendar import Agenda, Appointment, BusyStatus, CalendarUnknown, ResponseStatus
from rsvpq.mail.errors import Busy, Changed, ExchangeError, Gone, LoginRefused, Refused, Transient, Unknown, Unsupported
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import Intent, Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import WIDEST, Clear, OpenMailbox, Place
from tests.backends.backends import BACKENDS
from tests.backends.harness import (
    WAIT_S,
    Failure,
    Harness,
    Opened,
    Written,
    failing,
    fails,
    inbox,
    messages_in,
    opened,
    unique,
)

#: Behind all single meetings that the mailboxes begin with.
MONDAY = datetime(2031, 3, 3, tzinfo=UTC)
NINE, TEN = MONDAY + timedelta(hours=9), MONDAY + timedelta(hours=10)
BEGUN = Intent("0123456789abcdef0123456789abcdef", Verdict.DECLINE, NINE, ("one", "two"), token="token")

Look = Callable[[OpenMailbox, MeetingMessage], object]
#: All that may be asked of a mailbox for one of its messages, and as often as one likes.
LOOKS: dict[str, Look] = {
    "meeting_messages": lambda box, _: inbox(box),
    "messages_in": lambda box, message: messages_in(box, Place.TRASH, message.uid),
    "refresh": lambda box, message: box.refresh(message),
    "holds": lambda box, message: box.holds(message),
    "details": lambda box, message: box.details(message),
    "appointment": lambda box, message: box.appointment(message),
    "appointments": lambda box, message: box.appointments(message.uid),
    "busy": lambda box, _: box.busy(NINE, TEN),
    "shows_as_absorbed": lambda box, message: box.shows_as_absorbed(message),
}
Effect = Callable[[OpenMailbox, MeetingMessage], object]
#: All that changes a message, if it is a response.
EFFECTS: dict[str, Effect] = {
    "mark": lambda box, message: box.mark(message, BEGUN),
    "absorb": lambda box, message: box.absorb(message),
    "clear by marking": lambda box, message: box.clear(message, Clear.MARK),
    "clear into the trash": lambda box, message: box.clear(message, Clear.TRASH),
    "clear by deleting": lambda box, message: box.clear(message, Clear.DELETE),
}
looks = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
#: Each of them at each server that has it.
effects = pytest.mark.parametrize(
    ("exchange", "effect"),
    [
        pytest.param(backend, effect, id=f"{backend}-{name}")
        for backend, known in BACKENDS.items()
        for name, effect in EFFECTS.items()
        if not (known.habits.absorbs_by_itself and name == "absorb")
    ],
    indirect=["exchange"],
    scope="module",
)
clearing = pytest.mark.parametrize("how", Clear)


# -- opening -------------------------------------------------------------------------------------------------------


def test_a_mailbox_that_is_not_there_is_gone(exchange: Harness) -> None:
    with pytest.raises(Gone), exchange.backend().open(exchange.nobody(), NoLease()):
        pass


def test_a_wrong_password_is_a_refused_login(exchange: Harness) -> None:
    with pytest.raises(LoginRefused), exchange.backend(wrong_password=True).open(exchange.take(), NoLease()):
        pass


def test_where_nobody_listens_the_whole_server_is_left_alone(exchange: Harness) -> None:
    with pytest.raises(Busy) as caught, exchange.backend(unreachable=True).open(exchange.take(), NoLease()):
        pass
    assert caught.value.scope == "server"


def test_a_mailbox_is_the_same_under_each_of_its_names(exchange: Harness) -> None:
    name = exchange.take()
    with opened(exchange, name) as first, opened(exchange, exchange.other_name(name)) as second:
        assert first.box.identity == second.box.identity != ""
        assert keys(inbox(first.box)) == keys(inbox(second.box))


def test_two_mailboxes_have_two_identities(exchange: Harness) -> None:
    with opened(exchange, exchange.take()) as one, opened(exchange, exchange.take()) as other:
        assert one.box.identity != other.box.identity


def test_threads_share_a_backend_and_each_reads_its_own_mailbox(exchange: Harness) -> None:
    names = [exchange.take() for _ in range(4)]
    backend = exchange.backend()

    def read(name: str) -> list[Written]:
        with backend.open(name, NoLease()) as box:
            return [as_written(message) for message in known(inbox(box))]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(read, names * 4))
    assert list(map(Counter, found)) == [Counter(exchange.written(name)) for name in names] * 4


# -- what the Inbox shows ------------------------------------------------------------------------------------------


def keys(messages: Collection[MeetingMessage]) -> list[str]:
    """Their identities."""
    return [message.ref.key for message in messages]


def known(messages: Collection[MeetingMessage]) -> list[MeetingMessage]:
    """Those that the product deals with."""
    return [one for one in messages if one.kind in {Kind.REQUEST, Kind.RESPONSE, Kind.CANCELLATION}]


def as_written(message: MeetingMessage) -> Written:
    """What a message shows of what its sender wrote."""
    assert message.received is not None
    assert message.start is not None
    assert message.sequence is not None
    return Written(
        kind=message.kind,
        uid=message.uid,
        subject=message.subject,
        organizer="" if message.kind is Kind.RESPONSE else message.organizer.rpartition("<")[2].rstrip(">"),
        received=message.received,
        start=message.start,
        sequence=message.sequence,
        recurring=bool(message.recurring),
        response_requested=message.response_requested,
        private=message.sensitivity.is_private,
        reply=message.reply,
    )


def test_the_inbox_shows_each_meeting_message_once_as_its_sender_wrote_it(at: Opened[OpenMailbox]) -> None:
    found = [as_written(message) for message in known(inbox(at.box))]
    assert Counter(found) == Counter(at.exchange.written(at.name))


def test_it_shows_nothing_but_what_came_by_mail(at: Opened[OpenMailbox]) -> None:
    assert not [message for message in inbox(at.box) if message.kind is Kind.ANSWER]


def test_it_shows_the_oldest_first(at: Opened[OpenMailbox]) -> None:
    received = [message.received for message in inbox(at.box)]
    assert received == sorted(filter(None, received))


def test_an_inbox_of_several_pages_is_read_whole_and_each_message_once(exchange: Harness) -> None:
    with opened(exchange, exchange.deep()) as at:
        pages = [page.messages for page in at.box.meeting_messages()]
        found = known([message for page in pages for message in page])
        assert len(pages) > 1
        assert len(set(keys(found))) == len(found)
        assert Counter(map(as_written, found)) == Counter(exchange.written(at.name))


def test_what_shifts_while_an_inbox_is_read_comes_no_second_time(exchange: Harness) -> None:
    with opened(exchange, exchange.deep()) as at:
        oldest = unique(inbox(at.box))[:3]
        for message in oldest:
            exchange.put_away(at.name, message)
        pages = at.box.meeting_messages()
        found = list(next(pages).messages)
        for message in oldest:  # everything is now so many places further behind
            exchange.bring_back(at.name, message)
        found += [message for page in pages for message in page.messages]
        assert len(set(keys(found))) == len(found)
        assert Counter(message.uid for message in known(inbox(at.box))) == Counter(
            one.uid for one in exchange.written(at.name)
        )


def test_another_place_shows_the_newest_first_of_one_meeting_or_of_all(at: Opened[OpenMailbox]) -> None:
    away = at.requests()[:3]
    for message in away:
        at.exchange.put_away(at.name, message)
    found = messages_in(at.box, Place.TRASH)
    assert [message.uid for message in found] == [message.uid for message in reversed(away)]
    assert {message.kind for message in found} == {Kind.REQUEST}
    for message in away:
        assert [one.uid for one in messages_in(at.box, Place.TRASH, message.uid)] == [message.uid]


def test_its_values_are_of_their_types_and_its_times_in_utc(at: Opened[OpenMailbox]) -> None:
    types = get_type_hints(MeetingMessage)
    for message in [*inbox(at.box), at.request()]:
        for field in fields(MeetingMessage):
            value = getattr(message, field.name)
            assert type(value) in allowed(types[field.name]), field.name
            assert not isinstance(value, datetime) or value.tzinfo is UTC, field.name


def allowed(hint: Any) -> set[type]:
    """The types that a value may be of; of a tuple, without those of its parts."""
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return {get_origin(option) or option for option in options}


def test_only_its_address_holds_what_its_server_calls_it(at: Opened[OpenMailbox]) -> None:
    for message in inbox(at.box):
        for part in filter(None, message.ref.address):
            payload = {**message.to_payload(), "ref": ""}
            assert part not in repr(payload)
            assert part != message.ref.key


def test_keys_are_the_same_whoever_reads_and_however_often(at: Opened[OpenMailbox]) -> None:
    first = keys(inbox(at.box))
    assert keys(inbox(at.box)) == first
    with opened(at.exchange, at.name) as again:
        assert keys(inbox(again.box)) == first


def test_a_key_stays_when_somebody_changes_the_message(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    at.exchange.change(at.name, request)
    assert request.ref.key in keys(inbox(at.box))


# -- one message ---------------------------------------------------------------------------------------------------


def test_a_message_is_held_where_it_is_and_is_one_of_the_inbox(at: Opened[OpenMailbox]) -> None:
    for message in inbox(at.box):
        assert at.box.holds(message)
        assert at.box.is_in_inbox(message)


def test_a_message_is_read_again_as_it_is_now(at: Opened[OpenMailbox]) -> None:
    before = at.request()
    at.exchange.change(at.name, before)
    now = at.now(before)
    assert (now.read is not before.read) is at.exchange.habits.shows_read
    assert now.etag != before.etag
    assert as_written(now) == as_written(before)


def test_a_message_that_was_deleted_is_gone(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    at.exchange.remove(at.name, request)
    assert at.box.refresh(request) is None
    assert not at.box.holds(request)
    fails(lambda: at.box.details(request), Gone)


def test_a_message_that_was_put_away_is_not_in_the_inbox_and_no_other_is_taken_for_it(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    at.exchange.put_away(at.name, request)
    now = at.box.refresh(request)
    assert now is None or now.ref.key == request.ref.key
    assert not at.box.holds(request)
    (there,) = messages_in(at.box, Place.TRASH, request.uid)
    assert not at.box.is_in_inbox(there)


def test_another_message_in_its_place_is_not_taken_for_it(at: Opened[OpenMailbox]) -> None:
    request, other = at.requests()[:2]
    at.exchange.replace(at.name, request, by=other)
    assert at.box.refresh(request) is None
    assert not at.box.holds(request)


def test_a_message_of_another_mailbox_is_refused_and_nothing_is_done_to_it(at: Opened[OpenMailbox]) -> None:
    with opened(at.exchange, at.exchange.take()) as elsewhere:
        foreign = elsewhere.response()
        before = at.exchange.effects()
        for effect in EFFECTS.values():
            with pytest.raises(ExchangeError):
                effect(at.box, foreign)
        if at.exchange.habits.addresses_show_the_mailbox:
            fails(lambda: at.box.require_own(foreign), Refused)
            assert at.exchange.effects() == before
        else:
            assert not at.box.holds(foreign)
        assert elsewhere.now(foreign) == foreign


def test_its_own_messages_are_not_refused(at: Opened[OpenMailbox]) -> None:
    for message in inbox(at.box):
        at.box.require_own(message)


def test_details_tell_how_many_are_invited_and_the_rule_of_a_series(exchange: Harness) -> None:
    with opened(exchange, exchange.deep()) as at:
        requests = [message for message in inbox(at.box) if message.kind is Kind.REQUEST]
        series = next(message for message in requests if message.recurring)
        single = next(message for message in requests if message.recurring is False)
        assert "FREQ=" in at.box.details(series).rule
        assert at.box.details(single).rule == ""
        assert at.box.details(single).attendees == 1


# -- marks ---------------------------------------------------------------------------------------------------------


def test_a_mark_is_kept_and_read_back(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    assert at.box.mark(request, BEGUN)
    assert at.now(request).intent == BEGUN
    assert [message.intent for message in inbox(at.box) if message.ref.key == request.ref.key] == [BEGUN]


def test_a_later_mark_takes_the_place_of_an_earlier_one(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    at.box.mark(request, BEGUN)
    assert at.box.mark(at.now(request), BEGUN.finish())
    assert at.now(request).intent == BEGUN.finish()


def test_what_somebody_changed_meanwhile_is_not_marked(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    at.exchange.change(at.name, request)
    fails(lambda: at.box.mark(request, BEGUN), Changed)
    assert at.now(request).intent is None


def test_what_somebody_removed_meanwhile_is_not_marked(at: Opened[OpenMailbox]) -> None:
    request, before = at.request(), keys(inbox(at.box))
    at.exchange.remove(at.name, request)
    fails(lambda: at.box.mark(request, BEGUN), Gone)
    assert keys(inbox(at.box)) == [key for key in before if key != request.ref.key]


# -- responses -----------------------------------------------------------------------------------------------------


def test_absorbing_a_response_enters_what_the_attendee_said_into_the_calendar(exchange: Harness) -> None:
    guest, organizer, uid = exchange.invitation()
    with opened(exchange, guest) as at:
        (request,) = [message for message in inbox(at.box) if message.uid == uid]
        exchange.respond(guest, request, Verdict.DECLINE)
    with opened(exchange, organizer) as at:
        (response,) = [one for one in inbox(at.box) if (one.kind, one.uid) == (Kind.RESPONSE, uid)]
        assert response.reply is Verdict.DECLINE
        if exchange.habits.absorbs_by_itself:
            fails(lambda: at.box.absorb(response), Unsupported)
        else:
            assert "declined" not in exchange.statuses(uid)
            at.box.absorb(response)
        assert "declined" in exchange.statuses(uid)
        assert at.box.shows_as_absorbed(response)
        assert at.box.holds(response)


def test_a_response_that_was_not_absorbed_does_not_show_as_such(at: Opened[OpenMailbox]) -> None:
    assert not at.box.shows_as_absorbed(at.response())


def test_a_server_that_absorbs_by_itself_says_so(at: Opened[OpenMailbox]) -> None:
    response = at.response()
    with at.exchange.without_commands():
        fails(lambda: at.box.absorb(response), Unsupported)


# -- clearing ------------------------------------------------------------------------------------------------------


def test_what_is_cleared_by_a_mark_stays_and_is_not_offered_again(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    at.box.clear(request, Clear.MARK, BEGUN.finish())
    now = at.now(request)
    assert (now.processed, now.intent) == (True, BEGUN.finish())
    assert at.done_to(request).keys().isdisjoint({"moved", "deleted"})


def test_what_is_cleared_without_a_mark_of_ours_gets_none(at: Opened[OpenMailbox]) -> None:
    response = at.response()
    at.box.clear(response, Clear.MARK)
    assert (at.now(response).processed, at.now(response).intent) == (True, None)


def test_what_is_cleared_into_the_trash_can_be_brought_back(at: Opened[OpenMailbox]) -> None:
    response = at.response()
    at.box.clear(response, Clear.TRASH)
    assert not at.box.holds(response)
    assert [message.uid for message in messages_in(at.box, Place.TRASH, response.uid)] == [response.uid]
    assert at.done_to(response) == {"moved": 1}


def test_what_is_deleted_is_gone_for_good(at: Opened[OpenMailbox]) -> None:
    response = at.response()
    at.box.clear(response, Clear.DELETE)
    assert not at.box.holds(response)
    assert messages_in(at.box, Place.TRASH, response.uid) == []
    assert at.done_to(response) == {"deleted": 1}


@clearing
def test_clearing_one_message_changes_no_other(at: Opened[OpenMailbox], how: Clear) -> None:
    response = at.response()
    others = [message for message in inbox(at.box) if message.ref.key != response.ref.key]
    at.box.clear(response, how)
    assert [message for message in inbox(at.box) if message.ref.key != response.ref.key] == others


@clearing
def test_clearing_what_is_gone_makes_nothing(at: Opened[OpenMailbox], how: Clear) -> None:
    response, before = at.response(), keys(inbox(at.box))
    at.exchange.remove(at.name, response)
    fails(lambda: at.box.clear(response, how), Gone)
    assert keys(inbox(at.box)) == [key for key in before if key != response.ref.key]


# -- the calendar --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", BusyStatus)
def test_the_calendar_shows_what_its_owner_has_in_it(at: Opened[OpenMailbox], status: BusyStatus) -> None:
    at.exchange.book(at.name, "a-meeting", NINE, TEN, status)
    agenda = at.box.busy(NINE, TEN)
    assert isinstance(agenda, Agenda)
    assert agenda.covers((NINE, TEN))
    (shown,) = [one for one in agenda.periods if one.uid == "a-meeting"]
    assert (shown.start, shown.end, shown.status) == (NINE, TEN, status)
    assert {moment.tzinfo for one in agenda.periods for moment in (one.start, one.end)} == {UTC}


def test_the_calendar_is_known_as_far_as_is_promised(at: Opened[OpenMailbox]) -> None:
    end = NINE + WIDEST - timedelta(days=1)
    at.exchange.book(at.name, "far", end - timedelta(hours=1), end, BusyStatus.BUSY)
    agenda = at.box.busy(NINE, end)
    assert isinstance(agenda, Agenda)
    assert agenda.covers((NINE, end))
    assert "far" in {one.uid for one in agenda.periods}


def test_a_meeting_that_was_accepted_has_an_appointment_with_its_times(at: Opened[OpenMailbox]) -> None:
    request = at.now(next(one for one in at.requests() if not one.recurring))
    at.exchange.respond(at.name, request, Verdict.ACCEPT)
    found = at.box.appointment(request)
    assert isinstance(found, Appointment)
    assert (found.uid, found.start, found.end) == (request.uid, request.start, request.end)
    assert (found.response, found.sequence) == (ResponseStatus.ACCEPTED, request.sequence)
    assert not found.organized_here
    assert at.box.appointments(request.uid) == [found]


def test_a_meeting_that_nobody_has_answered_has_none_or_one_that_says_so(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    found = booked(at, request.uid)
    proposed = [ResponseStatus.NOT_RESPONDED] if at.exchange.habits.proposes_appointments else []
    assert [one.response for one in found] == proposed
    assert at.box.appointment(request) == (found[0] if found else None)


def test_the_organizer_shows_as_such(exchange: Harness) -> None:
    _, organizer, uid = exchange.invitation()
    with opened(exchange, organizer) as at:
        found = at.box.appointments(uid)
        assert isinstance(found, list)
        assert [one.organized_here for one in found] == [True]


def test_an_appointment_that_is_removed_can_be_brought_back(at: Opened[OpenMailbox]) -> None:
    at.exchange.book(at.name, "canceled", NINE, TEN, BusyStatus.BUSY)
    at.exchange.book(at.name, "kept", NINE, TEN, BusyStatus.BUSY)
    (appointment,) = booked(at, "canceled")
    before = at.exchange.effects()
    at.box.remove_appointment(appointment)
    assert at.exchange.effects() == before + 1
    assert (booked(at, "canceled"), len(booked(at, "kept"))) == ([], 1)
    assert at.exchange.can_be_brought_back(at.name, "canceled")
    assert not at.exchange.can_be_brought_back(at.name, "kept")


def booked(at: Opened[OpenMailbox], uid: str) -> list[Appointment]:
    """What the calendar has of a meeting."""
    found = at.box.appointments(uid)
    assert isinstance(found, list)
    return found


def test_an_appointment_outside_of_the_mailbox_is_not_removed(at: Opened[OpenMailbox]) -> None:
    at.exchange.book(at.name, "canceled", NINE, TEN, BusyStatus.BUSY)
    (appointment,) = booked(at, "canceled")
    before = at.exchange.effects()
    fails(lambda: at.box.remove_appointment(replace(appointment, ref=None)), Refused)
    assert at.exchange.effects() == before


def test_a_calendar_that_may_not_be_read_is_unknown_and_never_looks_free(at: Opened[OpenMailbox]) -> None:
    request = at.request()
    with at.exchange.without_calendar():
        for found in (at.box.busy(NINE, TEN), at.box.appointment(request), at.box.appointments(request.uid)):
            assert isinstance(found, CalendarUnknown)
            assert found.reason


# -- what a look and an effect are ---------------------------------------------------------------------------------


@looks
def test_a_look_changes_nothing(at: Opened[OpenMailbox], look: Look) -> None:
    response = at.response()
    before, shown = at.exchange.effects(), inbox(at.box)
    assert look(at.box, response) == look(at.box, response)
    assert at.exchange.effects() == before
    assert inbox(at.box) == shown


@looks
def test_a_connection_that_breaks_during_a_look_is_for_another_attempt(at: Opened[OpenMailbox], look: Look) -> None:
    response = at.response()
    for failure in (Failure.CUT, Failure.LOST, Failure.TORN):
        with failing(at.exchange, failure):
            fails(lambda: look(at.box, response), Transient)
    look(at.box, response)


@looks
def test_a_look_at_a_busy_server_says_how_long_to_leave_it_alone(at: Opened[OpenMailbox], look: Look) -> None:
    response = at.response()
    with failing(at.exchange, Failure.BUSY):
        error = fails(lambda: look(at.box, response), Busy)
    assert isinstance(error, Busy)
    assert error.delay_s == WAIT_S


@effects
def test_an_effect_is_one_request(at: Opened[OpenMailbox], effect: Effect) -> None:
    response = at.response()
    before = at.exchange.effects()
    effect(at.box, response)
    assert at.exchange.effects() == before + 1


@effects
def test_an_effect_whose_outcome_is_lost_is_unknown_and_is_not_repeated(
    at: Opened[OpenMailbox], effect: Effect
) -> None:
    response = at.response()
    before = at.exchange.effects()
    with failing(at.exchange, Failure.LOST):
        fails(lambda: effect(at.box, response), Unknown)
    assert at.exchange.effects() == before + 1
    assert at.done_to(response).total() <= 1
    assert at.box.refresh(response) != response


@effects
def test_an_effect_whose_outcome_breaks_off_is_unknown_unless_that_tells_and_is_not_repeated(
    at: Opened[OpenMailbox], effect: Effect
) -> None:
    response = at.response()
    before = at.exchange.effects()
    with failing(at.exchange, Failure.TORN), suppress(Unknown):
        effect(at.box, response)
    assert at.exchange.effects() == before + 1
    assert at.box.refresh(response) != response


@effects
def test_an_effect_that_never_got_there_is_unknown_and_is_not_repeated(at: Opened[OpenMailbox], effect: Effect) -> None:
    response = at.response()
    before = at.exchange.effects()
    with failing(at.exchange, Failure.CUT):
        fails(lambda: effect(at.box, response), Unknown)
    assert at.exchange.effects() == before + 1
    assert at.now(response) == response


@effects
def test_a_busy_server_has_done_nothing_and_says_how_long_to_leave_it_alone(
    at: Opened[OpenMailbox], effect: Effect
) -> None:
    response = at.response()
    with failing(at.exchange, Failure.BUSY):
        error = fails(lambda: effect(at.box, response), Busy)
    assert isinstance(error, Busy)
    assert error.delay_s == WAIT_S
    assert at.now(response) == response
