"""Mail in which one message is easily taken for another: occurrences, copies, and updates.  Only if asked for.

It works on a population that is complete, with chances of its own: everything else stays as it was without it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from simulator.population.mailbox_filler import CANCELLATION_CLASS, MailboxFiller, Schedules
from simulator.world.attendance import Attendance
from simulator.world.languages import Role
from simulator.world.mailboxes import Mailbox
from simulator.world.messages import Meeting, Message, Person, SeriesException
from simulator.world.series import EXCEPTION, INSTANCE
from simulator.world.state import World
from simulator.world.tally import Kind

#: Why nobody may answer a request.
OUTDATED, CANCELED = "outdated", "canceled"
_WEEK = timedelta(days=7)
_RULE = "FREQ=WEEKLY;COUNT=6"
_ORGANIZER = 1
_HALF = 0.5
_LIST = Person("All staff", "all-staff@example.com")

Situation = Callable[[MailboxFiller], None]


def add_ambiguous_mail(
    world: World, seed: int, schedules: Schedules, *, occurrences: int, copies: int, updates: int
) -> None:
    """Let so many situations of each sort be in each mailbox that has mail at all."""
    wanted: tuple[tuple[str, int, tuple[Situation, ...]], ...] = (
        ("occurrences", occurrences, (_two_are_moved, _one_after_another, _one_is_canceled)),
        ("copies", copies, (_copy_by_a_list,)),
        ("updates", updates, (_update_into_a_clash, _update_of_a_series)),
    )
    for index, mailbox in enumerate(world.mailboxes):
        if not mailbox.folders[Role.INBOX].items:
            continue
        for name, number, kinds in wanted:
            chance = Random(f"{seed}/{name}/{index}")  # noqa: S311 - the world must be the same every time
            filler = MailboxFiller(world, mailbox, chance, schedules)
            for turn in range(number):
                kinds[(index + turn) % len(kinds)](filler)


def occurrence(series: Meeting, number: int, **facts: Any) -> Meeting:
    """Return one occurrence of a weekly series, by the rule or with other facts."""
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


def _two_are_moved(filler: MailboxFiller) -> None:
    """Move two occurrences: two requests with one UID and one SEQUENCE. The organizer may have a mailbox here."""
    host = _host(filler)
    guests = (host,) if host else ()
    series = _series(filler, host.owner if host else None, *guests)
    moved = [_at(filler, occurrence(series, number, sequence=1), *guests) for number in (1, 3)]
    whole = filler.message(series)
    if filler.chance.random() < _HALF:
        filler.book(whole)
    for one in moved:
        filler.deliver(filler.message(one, whole.subject))
    if host:
        _arrange(filler, host, whole, moved)


def _one_after_another(filler: MailboxFiller) -> None:
    """Invite to single occurrences: one is accepted and then updated, and another one follows."""
    series = _series(filler)
    first = filler.message(occurrence(series, 1, sequence=3))
    filler.book(first)
    filler.deliver(filler.message(occurrence(series, 2), first.subject))


def _one_is_canceled(filler: MailboxFiller) -> None:
    """Update and then cancel an occurrence, and invite to a new one."""
    series = _series(filler)
    first = filler.message(occurrence(series, 0, sequence=1))
    filler.book(first)
    filler.book(filler.message(occurrence(series, 2, sequence=1), first.subject))
    update = filler.message(_at(filler, occurrence(series, 2, sequence=2)), first.subject)
    filler.deliver(update, why=CANCELED, outdated=True)
    canceled = occurrence(series, 2, sequence=3, method="CANCEL", response_requested=False)
    filler.deliver(filler.message(canceled, first.subject, CANCELLATION_CLASS), kind=Kind.CANCELLATION)
    filler.deliver(filler.message(occurrence(series, 4), first.subject))


def _copy_by_a_list(filler: MailboxFiller) -> None:
    """Deliver the same request directly and through a distribution list."""
    stamp = filler.moment()
    message = filler.message(replace(filler.meeting(filler.free_hour()), stamp=stamp))
    filler.deliver(message)
    filler.deliver(replace(message, recipient=_LIST))


def _update_into_a_clash(filler: MailboxFiller) -> None:
    """Add a request for a free hour, and an update that moves it into a conflict."""
    meeting, taken = filler.meeting(filler.free_hour()), filler.meeting(filler.free_hour())
    filler.book(filler.message(taken))
    message = filler.message(meeting)
    filler.deliver(message, why=OUTDATED, outdated=True)
    filler.deliver(replace(message, meeting=replace(meeting, sequence=1, start=taken.start, end=taken.end)))


def _update_of_a_series(filler: MailboxFiller) -> None:
    """Add a series, and an update of the whole series."""
    series = _series(filler)
    message = filler.message(series)
    filler.deliver(message, why=OUTDATED, outdated=True)
    filler.deliver(replace(message, meeting=_at(filler, replace(series, sequence=1))))


def _series(filler: MailboxFiller, organizer: Person | None = None, *guests: Mailbox) -> Meeting:
    return replace(filler.meeting(filler.free_hour(*guests), organizer), rrule=_RULE)


def _at(filler: MailboxFiller, meeting: Meeting, *guests: Mailbox) -> Meeting:
    """Return the meeting at another hour."""
    start = filler.free_hour(*guests)
    kind = EXCEPTION if meeting.recurrence_id else None
    return replace(meeting, start=start, end=start + (meeting.end - meeting.start), instance_type=kind)


def _host(filler: MailboxFiller) -> Mailbox | None:
    others = [one for one in filler.world.mailboxes if one is not filler.mailbox and one.folders[Role.INBOX].items]
    return filler.chance.choice(others) if others and filler.chance.random() < _HALF else None


def _arrange(filler: MailboxFiller, host: Mailbox, whole: Message, moved: list[Meeting]) -> None:
    """Give the organizer his series, with what was moved, and a list of who has answered to each."""
    if whole.meeting is None:
        return
    exceptions = tuple(SeriesException(one.recurrence_id or one.start, one.start, one.end) for one in moved)
    filler.book(replace(whole, meeting=replace(whole.meeting, exceptions=exceptions)), host, _ORGANIZER)
    for one in (whole.meeting, *moved):
        attendance = Attendance(one.uid, host, one.sequence, one.recurrence_id)
        attendance.invite(filler.mailbox.owner.name, filler.mailbox.owner.address)
        filler.world.arranged.add(attendance)
