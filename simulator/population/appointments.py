"""Initial appointments and further attendees; both optional.

It works on a population that is complete, with chances of its own: everything else stays as it was without it.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from simulator.population.letters import somebody
from simulator.population.vocabulary import LOCATIONS, SUBJECTS
from simulator.world import names
from simulator.world.answering import REQUEST_CLASS
from simulator.world.languages import Role
from simulator.world.mailboxes import Mailbox
from simulator.world.messages import Meeting, Message, SeriesException
from simulator.world.series import instances
from simulator.world.state import World
from simulator.world.tally import Kind

_FREE, _TENTATIVE, _BUSY, _OUT = range(4)
_STATUSES = (_FREE, _TENTATIVE, _BUSY, _BUSY, _BUSY, _OUT)
_RULES = (
    "FREQ=WEEKLY;BYDAY={day}",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY={day};COUNT=20",
    "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=DAILY;COUNT=30",
    "FREQ=DAILY;INTERVAL=3;UNTIL={end}",
    "FREQ=MONTHLY;BYMONTHDAY={number}",
    "FREQ=MONTHLY;BYDAY=2{day}",
    "FREQ=MONTHLY;BYDAY=-1{day}",
)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SERIES_SHARE, _ALL_DAY_SHARE, _NIGHT_SHARE, _EXCEPTION_SHARE = 0.3, 0.1, 0.05, 0.5
#: Single ones lie where the requests do; series began before.
_FIRST_DAY, _LAST_DAY, _OLDEST_SERIES = -10, 60, -300
_ORGANIZER, _ACCEPTED = 1, 3


def fill_calendars(world: World, seed: int, average: int) -> None:
    """Put about so many appointments and series into each calendar; 0 puts none."""
    if not average:
        return
    for index, mailbox in enumerate(world.mailboxes):
        chance = Random(f"{seed}/calendar/{index}")  # noqa: S311 - the world must be the same every time
        for _ in range(chance.randint((average + 1) // 2, average + average // 2)):
            message = _appointment(chance, world, mailbox)
            name = names.item_name(message.subject)
            world.put(mailbox.folders[Role.CALENDAR], message, name, message.received)


def invite_others(world: World, seed: int, most: int) -> None:
    """Let each request go to up to so many others; 0 to nobody else."""
    if not most:
        return
    for index, seeded in enumerate(world.seeded):
        if seeded.kind is Kind.REQUEST:
            chance = Random(f"{seed}/guests/{index}")  # noqa: S311 - as above
            seeded.message.others = tuple(somebody(chance) for _ in range(chance.randint(0, most)))
            seeded.message.optional = tuple(somebody(chance) for _ in range(chance.randint(0, most // 3)))
    guests = {id(seeded.tally): seeded.message for seeded in world.seeded if seeded.kind is Kind.REQUEST}
    for mailbox in world.mailboxes:
        for item in mailbox.folders[Role.INBOX].items.values():
            if item.message.message_class == REQUEST_CLASS and (seeded_as := guests.get(id(item.tally))):
                item.message.others, item.message.optional = seeded_as.others, seeded_as.optional


def _appointment(chance: Random, world: World, mailbox: Mailbox) -> Message:
    meeting = _meeting(chance, world.created, mailbox)
    return Message(
        message_class="IPM.Appointment",
        content_class="urn:content-classes:appointment",
        subject=chance.choice(SUBJECTS),
        sender=meeting.organizer,
        recipient=mailbox.owner,
        received=world.created - timedelta(days=chance.randint(1, 40)),
        meeting=meeting,
        read=True,
    )


def _meeting(chance: Random, today: datetime, mailbox: Mailbox) -> Meeting:
    zone = ZoneInfo(mailbox.zone)
    recurs = chance.random() < _SERIES_SHARE
    first_day = _OLDEST_SERIES if recurs else _FIRST_DAY
    day = today.replace(tzinfo=None) + timedelta(days=chance.randint(first_day, _LAST_DAY))
    all_day = chance.random() < _ALL_DAY_SHARE
    start, end = _times(chance, day, all_day=all_day)
    own = chance.random() < _SERIES_SHARE
    meeting = Meeting(
        uid=f"040000008200E00074C5B7101A82E00800000000{'0' * 32}10000000{chance.getrandbits(128):032X}",
        organizer=mailbox.owner if own else somebody(chance),
        start=start.replace(tzinfo=zone).astimezone(UTC),
        end=end.replace(tzinfo=zone).astimezone(UTC),
        location=chance.choice(LOCATIONS),
        response_status=_ORGANIZER if own else _ACCEPTED,
        zone=mailbox.zone,
        all_day=all_day,
        busy=chance.choice(_STATUSES),
    )
    return _recurring(chance, meeting, start) if recurs else meeting


def _times(chance: Random, day: datetime, *, all_day: bool) -> tuple[datetime, datetime]:
    if all_day:
        return day, day + timedelta(days=chance.randint(1, 3))
    if chance.random() < _NIGHT_SHARE:
        return day + timedelta(hours=22), day + timedelta(hours=26)
    start = day + timedelta(minutes=30 * chance.randrange(14, 36))
    return start, start + timedelta(minutes=30 * chance.randint(0, 4))


def _recurring(chance: Random, meeting: Meeting, start: datetime) -> Meeting:
    rule = chance.choice(_RULES).format(
        day=_DAYS[start.weekday()], number=start.day, end=f"{start + timedelta(days=400):%Y%m%d}"
    )
    series = replace(meeting, rrule=rule)
    if chance.random() >= _EXCEPTION_SHARE:
        return series
    following = list(instances(series, meeting.start, meeting.start + timedelta(days=70)))
    return replace(series, exceptions=tuple(_exception(chance, one) for one in following[1:3]))


def _exception(chance: Random, instance: Meeting) -> SeriesException:
    if chance.random() < _EXCEPTION_SHARE:
        return SeriesException(instance.start)
    later = timedelta(minutes=30 * chance.randint(1, 60))
    return SeriesException(instance.start, instance.start + later, instance.end + later)
