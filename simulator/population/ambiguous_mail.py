"""Mail in which one message is easily taken for another: occurrences, copies, and updates.  Only if asked for.

It works on a population that is complete, with chances of its own: everything else stays as it was without it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from simulator.population.mailbox_filler import CANCELLATION_CLASS, Diaries, Postbag
from simulator.world.attendance import Attendance
from simulator.world.languages import Role
from simulator.world.mailboxes import Mailbox
from simulator.world.messages import Meeting, Message, Person, SeriesException
from simulator.world.series import EXCEPTION, INSTANCE
from simulator.world.state import World
from simulator.world.tally import Kind

#: Why nobody may answer a request.
OUTDATED, CANCELLED = "outdated", "cancelled"
_WEEK = timedelta(days=7)
_RULE = "FREQ=WEEKLY;COUNT=6"
_ORGANIZER = 1
_HALF = 0.5
_LIST = Person("All staff", "all-staff@example.com")

Situation = Callable[[Postbag], None]


def add_situations(world: World, seed: int, diaries: Diaries, *, occurrences: int, copies: int, updates: int) -> None:
    """Let so many situations of each sort be in each mailbox that has mail at all."""
    wanted: tuple[tuple[str, int, tuple[Situation, ...]], ...] = (
        ("occurrences", occurrences, (_two_are_moved, _one_after_another, _one_is_cancelled)),
        ("copies", copies, (_copy_by_a_list,)),
        ("updates", updates, (_update_into_a_clash, _update_of_a_series)),
    )
    for index, mailbox in enumerate(world.mailboxes):
        if not mailbox.folders[Role.INBOX].items:
            continue
        for name, number, kinds in wanted:
            chance = Random(f"{seed}/{name}/{index}")  # noqa: S311 - the world must be the same every time
            bag = Postbag(world, mailbox, chance, diaries)
            for turn in range(number):
                kinds[(index + turn) % len(kinds)](bag)


def occurrence(series: Meeting, number: int, **facts: Any) -> Meeting:
    """One of a weekly series, as the rule has it or with other facts."""
    original = series.start + number * _WEEK
    one = replace(
        series,
        rrule=None,
        recurrence_id=original,
        instance_type=INSTANCE,
        start=original,
        end=series.end + number * _WEEK,
    )
    one = replace(one, **facts)
    return one if one.start == original else replace(one, instance_type=EXCEPTION)


def _two_are_moved(bag: Postbag) -> None:
    """Two occurrences are moved: two requests, one UID, one SEQUENCE.  The organizer may live here."""
    host = _host(bag)
    guests = (host,) if host else ()
    series = _series(bag, host.owner if host else None, *guests)
    moved = [_at(bag, occurrence(series, number, sequence=1), *guests) for number in (1, 3)]
    whole = bag.message(series)
    if bag.chance.random() < _HALF:
        bag.book(whole)
    for one in moved:
        bag.deliver(bag.message(one, whole.subject))
    if host:
        _arrange(bag, host, whole, moved)


def _one_after_another(bag: Postbag) -> None:
    """Somebody who is invited to single occurrences accepted one, which was updated; then comes another one."""
    series = _series(bag)
    first = bag.message(occurrence(series, 1, sequence=3))
    bag.book(first)
    bag.deliver(bag.message(occurrence(series, 2), first.subject))


def _one_is_cancelled(bag: Postbag) -> None:
    """Of the occurrences that somebody has, one is updated and then cancelled; and there is a new one."""
    series = _series(bag)
    first = bag.message(occurrence(series, 0, sequence=1))
    bag.book(first)
    bag.book(bag.message(occurrence(series, 2, sequence=1), first.subject))
    update = bag.message(_at(bag, occurrence(series, 2, sequence=2)), first.subject)
    bag.deliver(update, why=CANCELLED, outdated=True)
    cancelled = occurrence(series, 2, sequence=3, method="CANCEL", response_requested=False)
    bag.deliver(bag.message(cancelled, first.subject, CANCELLATION_CLASS), kind=Kind.CANCELLATION)
    bag.deliver(bag.message(occurrence(series, 4), first.subject))


def _copy_by_a_list(bag: Postbag) -> None:
    """The same request comes directly and by a distribution list."""
    stamp = bag.moment()
    message = bag.message(replace(bag.meeting(bag.free_hour()), stamp=stamp))
    bag.deliver(message)
    bag.deliver(replace(message, recipient=_LIST))


def _update_into_a_clash(bag: Postbag) -> None:
    """A request for a free hour, and its update, which moves it to where the calendar has something else."""
    meeting, taken = bag.meeting(bag.free_hour()), bag.meeting(bag.free_hour())
    bag.book(bag.message(taken))
    message = bag.message(meeting)
    bag.deliver(message, why=OUTDATED, outdated=True)
    bag.deliver(replace(message, meeting=replace(meeting, sequence=1, start=taken.start, end=taken.end)))


def _update_of_a_series(bag: Postbag) -> None:
    """A series, and an update of all of it."""
    series = _series(bag)
    message = bag.message(series)
    bag.deliver(message, why=OUTDATED, outdated=True)
    bag.deliver(replace(message, meeting=_at(bag, replace(series, sequence=1))))


def _series(bag: Postbag, organizer: Person | None = None, *guests: Mailbox) -> Meeting:
    return replace(bag.meeting(bag.free_hour(*guests), organizer), rrule=_RULE)


def _at(bag: Postbag, meeting: Meeting, *guests: Mailbox) -> Meeting:
    """The meeting at another hour."""
    start = bag.free_hour(*guests)
    kind = EXCEPTION if meeting.recurrence_id else None
    return replace(meeting, start=start, end=start + (meeting.end - meeting.start), instance_type=kind)


def _host(bag: Postbag) -> Mailbox | None:
    others = [one for one in bag.world.mailboxes if one is not bag.mailbox and one.folders[Role.INBOX].items]
    return bag.chance.choice(others) if others and bag.chance.random() < _HALF else None


def _arrange(bag: Postbag, host: Mailbox, whole: Message, moved: list[Meeting]) -> None:
    """Give the organizer his series, with what was moved, and a list of who has answered to each."""
    if whole.meeting is None:
        return
    exceptions = tuple(SeriesException(one.recurrence_id or one.start, one.start, one.end) for one in moved)
    bag.book(replace(whole, meeting=replace(whole.meeting, exceptions=exceptions)), host, _ORGANIZER)
    for one in (whole.meeting, *moved):
        attendance = Attendance(one.uid, host, one.sequence, one.recurrence_id)
        attendance.invite(bag.mailbox.owner.name, bag.mailbox.owner.address)
        bag.world.arranged.add(attendance)
