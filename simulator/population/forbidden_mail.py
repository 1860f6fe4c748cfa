"""Mail that nobody may answer under a policy of ordinary care, and drafts that a person wrote.  Only if asked for.

The care is: internal organizers only (`example.com`), nothing private, no delegate's copies, nothing that is over and
nothing that came a hundred days ago.  Then what the population made up by itself is judged by it too; meetings of the
days around are put off, for whether they are over would change while clients work.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from simulator.population.ambiguous_mail import OUTDATED
from simulator.population.mailbox_filler import MailboxFiller, Schedules
from simulator.population.vocabulary import EXTERNAL_DOMAINS
from simulator.world.answering import REQUEST_CLASS, RESPONSE_CLASS
from simulator.world.directory import INTERNAL_DOMAIN
from simulator.world.languages import Role
from simulator.world.messages import Meeting, Message, Person
from simulator.world.series import instances
from simulator.world.state import Seeded, World
from simulator.world.tally import Kind

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
#: What came so long ago is too old, and nothing else is half as old.
_TOO_OLD, _AGES_AGO = timedelta(days=100), timedelta(days=400)
#: Series of the population that end do so within this time.
_LONGEST_SERIES = timedelta(days=60)


def add_forbidden(world: World, seed: int, schedules: Schedules, number: int) -> None:
    """Let so many such messages be in each mailbox that has mail at all; 0 forbids nothing."""
    if not number:
        return
    _put_off(world)
    for index, mailbox in enumerate(world.mailboxes):
        if mailbox.folders[Role.INBOX].items:
            chance = Random(f"{seed}/forbidden/{index}")  # noqa: S311 - the world must be the same every time
            filler = MailboxFiller(world, mailbox, chance, schedules)
            for turn in range(number):
                _KINDS[(index + turn) % len(_KINDS)](filler)
    for seeded in world.seeded:
        if seeded.kind is Kind.REQUEST and not seeded.why:
            seeded.why = _reason(seeded.message, world.created)


def _put_off(world: World) -> None:
    """Move the requests about meetings of the days around by a week, with what the oracle knows of them."""
    soon = [seeded for seeded in world.seeded if seeded.kind is Kind.REQUEST and _is_about_now(seeded, world.created)]
    moved = {id(seeded.tally) for seeded in soon}
    for seeded in soon:
        seeded.message.meeting = _later(seeded.message.meeting)
    for mailbox in world.mailboxes:
        for item in mailbox.folders[Role.INBOX].items.values():
            if id(item.tally) in moved:
                item.message.meeting = _later(item.message.meeting)


def _is_about_now(seeded: Seeded, today: datetime) -> bool:
    end = _end(seeded.message.meeting)
    return end is not None and -_DAY < end - today < 2 * _DAY


def _later(meeting: Meeting | None) -> Meeting | None:
    return meeting and replace(meeting, start=meeting.start + _WEEK, end=meeting.end + _WEEK)


def _end(meeting: Meeting | None) -> datetime | None:
    """Return the end of a meeting, or of the last one of a series; None if there is none."""
    if meeting is None:
        return None
    if meeting.rrule is None:
        return meeting.end
    if "COUNT" not in meeting.rrule and "UNTIL" not in meeting.rrule:
        return None
    return max(one.end for one in instances(meeting, meeting.start, meeting.start + _LONGEST_SERIES))


def _reason(message: Message, today: datetime) -> str:
    """Return why a request must not be answered, checking the times first; '' if it may be."""
    meeting = message.meeting
    end = _end(meeting)
    reasons = {
        "past": end is not None and end <= today,
        "too-old": today - message.received > _TOO_OLD,
        "external": meeting is not None and not meeting.organizer.address.endswith("@" + INTERNAL_DOMAIN),
        "private": message.private,
        "delegate": message.received_for is not None,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _private(filler: MailboxFiller) -> None:
    filler.deliver(replace(filler.message(filler.meeting(filler.free_hour())), private=True))


def _external(filler: MailboxFiller) -> None:
    stranger = Person("Mallory", f"mallory@{filler.chance.choice(EXTERNAL_DOMAINS)}")
    filler.deliver(filler.message(filler.meeting(filler.free_hour(), stranger)))


def _delegates_copy(filler: MailboxFiller) -> None:
    filler.deliver(replace(filler.message(filler.meeting(filler.free_hour())), received_for=filler.colleague()))


def _too_old(filler: MailboxFiller) -> None:
    filler.deliver(filler.message(filler.meeting(filler.free_hour())), filler.world.created - _AGES_AGO)


def _past(filler: MailboxFiller) -> None:
    over = filler.world.created - filler.chance.randint(4, 9) * _DAY
    filler.deliver(filler.message(filler.meeting(over + timedelta(hours=9))), over - _DAY)


def _outdated(filler: MailboxFiller) -> None:
    """Add a request of which the calendar has a newer edition, accepted elsewhere."""
    meeting = replace(filler.meeting(filler.free_hour()), sequence=1)
    message = filler.message(meeting)
    filler.book(replace(message, meeting=replace(meeting, sequence=3)))
    filler.deliver(message, why=OUTDATED, outdated=True)


def _draft_of_a_person(filler: MailboxFiller) -> None:
    """Add a person's draft about an unknown meeting, named as the answer to a request in the Inbox would be."""
    inbox = filler.mailbox.folders[Role.INBOX].items.values()
    beside = next((item for item in inbox if item.message.message_class == REQUEST_CLASS), None)
    subject = beside.message.subject if beside else ""
    meeting = replace(filler.meeting(filler.free_hour()), method="REPLY", response_status=3)
    message = filler.message(meeting, subject, RESPONSE_CLASS + "Pos")
    name = beside.name if beside else f"{message.subject}.EML"
    answer = replace(message, subject="Accepted: " + message.subject)
    filler.leave_draft(replace(answer, sender=filler.mailbox.owner, recipient=meeting.organizer), name)


_KINDS: tuple[Callable[[MailboxFiller], None], ...] = (
    _private,
    _external,
    _delegates_copy,
    _too_old,
    _past,
    _outdated,
    _draft_of_a_person,
)
