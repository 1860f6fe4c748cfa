"""What a calendar says: when its owner is busy, and what it has of one meeting. Pure values; no server is asked here.

Times are in UTC. A period goes from its start up to but not including its end, so what ends at ten does not collide
with what starts at ten, and a period without length collides with nothing.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from rsvpq.mail.messages import ItemRef


class BusyStatus(StrEnum):
    """What an appointment shows its owner as."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    OOF = "oof"


class ResponseStatus(StrEnum):
    """What the owner of a calendar has said to a meeting, in the order of PidLidResponseStatus (MS-OXOCAL 2.2.1.11)."""

    NONE = "none"
    ORGANIZER = "organizer"
    TENTATIVE = "tentative"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NOT_RESPONDED = "not-responded"


#: When a series is over that ends by no rule.
NEVER = datetime.max.replace(tzinfo=UTC)

#: What collides with a meeting, unless told otherwise.
NOT_FREE = frozenset({BusyStatus.TENTATIVE, BusyStatus.BUSY, BusyStatus.OOF})


def overlap(start: datetime, end: datetime, other_start: datetime, other_end: datetime) -> bool:
    """Whether two periods share any time."""
    return max(start, other_start) < min(end, other_end)


@dataclass(frozen=True, slots=True)
class BusyPeriod:
    """One appointment, or one instance of a series, as the calendar shows it."""

    start: datetime
    end: datetime
    status: BusyStatus
    uid: str = ""
    recurring: bool = False
    #: As the server shows it; '' where it shows none.
    organizer: str = ""


@dataclass(frozen=True, slots=True)
class Agenda:
    """All that a calendar has between two moments."""

    start: datetime
    end: datetime
    periods: tuple[BusyPeriod, ...]

    def within(self, when: tuple[datetime, datetime]) -> tuple[datetime, datetime] | None:
        """The part of a time that the agenda is of; None if it is of no part."""
        start, end = max(when[0], self.start), min(when[1], self.end)
        return (start, end) if start <= end else None

    def covers(self, when: tuple[datetime, datetime]) -> bool:
        """Whether the agenda is of all of a time."""
        return self.within(when) == when

    def conflicts(
        self,
        start: datetime,
        end: datetime,
        *,
        uid: str = "",
        statuses: Collection[BusyStatus] = NOT_FREE,
        is_from: Callable[[str], bool | None] = lambda _organizer: None,
    ) -> list[BusyPeriod]:
        """What collides with a meeting from ``start`` to ``end``, the first to start first.

        :param uid: of the meeting itself: its own appointment, or the placeholder of it, is no conflict.
        :param is_from: whether the meeting is from this organizer: what is certainly another one's is not its own
            appointment, for a uid can be anybody's choice.
        :raises ValueError: the agenda does not reach that far.
        """
        if start < self.start or end > self.end:
            raise ValueError(f"the agenda is of {self.start} to {self.end}, not of {start} to {end}")
        own = same_meeting_key(uid)
        return sorted(
            (
                period
                for period in self.periods
                if period.status in statuses
                and overlap(period.start, period.end, start, end)
                and not (own and same_meeting_key(period.uid) == own and is_from(period.organizer) is not False)
            ),
            key=lambda period: period.start,
        )


@dataclass(frozen=True, slots=True)
class CalendarUnknown:
    """The calendar could not be read, or not all of it: nobody knows if its owner is free. ``reason`` is for people."""

    reason: str
    #: Whether there is no such folder (any more), under the name that was known.
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Appointment:
    """What a calendar has of one meeting; of a series, its master. None is what the server does not show."""

    uid: str
    start: datetime | None
    end: datetime | None
    sequence: int | None
    #: When the organizer last made a change that the attendees were told of.
    stamp: datetime | None
    response: ResponseStatus | None
    status: BusyStatus
    recurring: bool | None = False
    #: Which occurrence of a series it is, as :attr:`MeetingMessage.occurrence`; '' for a series or a single meeting.
    occurrence: str = ""
    #: As the server shows it: mostly ``"Name" <address>``.
    organizer: str = ""
    #: None where the server names an item outside of the mailbox.
    ref: ItemRef | None = None

    @property
    def may_be_series(self) -> bool:
        """Whether it is a series as a whole, or the server does not show that it is none."""
        return self.recurring is not False and not self.occurrence

    @property
    def organized_here(self) -> bool:
        """Whether the owner of the calendar arranged the meeting."""
        return self.response is ResponseStatus.ORGANIZER


@dataclass(frozen=True, slots=True)
class Details:
    """What a request says beyond its row in a search; it costs a request of its own."""

    #: Addresses in To and Cc, a distribution list counting as one; None where they cannot be read.
    attendees: int | None = None
    #: What tells the instances of a series: RRULE, VTIMEZONE, and the original starts of those that were deleted.
    rule: str = ""
    zone: str = ""
    deleted: tuple[datetime, ...] = ()


#: How the uid of an Outlook meeting starts, and where the date of one instance stands in it (MS-OXOCAL 2.2.1.27).
_OUTLOOK_UID = "040000008200e00074c5b7101a82e008"
_INSTANCE_DATE = slice(32, 40)
_HEXADECIMAL = re.compile("[0-9a-f]{8}")


def instance_date(uid: str) -> str:
    """The day of the one instance that a uid of Outlook's names, as ``20260307``; '' where it names none."""
    key = uid.strip().casefold()
    if not key.startswith(_OUTLOOK_UID) or not _HEXADECIMAL.fullmatch(key[_INSTANCE_DATE]):
        return ""
    year, month, day = (int(part, 16) for part in (key[32:36], key[36:38], key[38:40]))
    return f"{year:04}{month:02}{day:02}" if year else ""


def uids_of_meeting(uid: str) -> tuple[str, ...]:
    """A uid, and that of the series where it carries the date of one instance."""
    series = uid.strip()
    series = series[: _INSTANCE_DATE.start] + "0" * 8 + series[_INSTANCE_DATE.stop :]
    return (uid, series) if instance_date(uid) else (uid,)


def same_meeting_key(uid: str) -> str:
    """The same text for all uids of a meeting: Outlook writes the date of a single instance into it.

    What stands there and is no date makes it another meeting: a calendar is not searched for that of the series either.
    """
    key = uid.strip().casefold()
    if not instance_date(uid):
        return key
    return key[: _INSTANCE_DATE.start] + "0" * 8 + key[_INSTANCE_DATE.stop :]
