"""The contents of a calendar as plain values: when its owner is busy, and the appointment of a meeting.

Times are in UTC. A period does not include its end, so a meeting that ends at ten does not conflict with one that
starts at ten, and a period without length conflicts with nothing.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from rsvpq.mail.messages import ItemRef, may_be_series


class BusyStatus(StrEnum):
    """How an appointment shows its owner in free/busy data."""

    FREE = "free"
    TENTATIVE = "tentative"
    BUSY = "busy"
    OOF = "oof"


class ResponseStatus(StrEnum):
    """How the owner of a calendar responded to a meeting, in the order of PidLidResponseStatus (MS-OXOCAL 2.2.1.11)."""

    NONE = "none"
    ORGANIZER = "organizer"
    TENTATIVE = "tentative"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NOT_RESPONDED = "not-responded"


#: The end of a series that does not end.
NEVER = datetime.max.replace(tzinfo=UTC)

#: The statuses that conflict with a meeting by default.
NOT_FREE = frozenset({BusyStatus.TENTATIVE, BusyStatus.BUSY, BusyStatus.OOF})


def overlap(start: datetime, end: datetime, other_start: datetime, other_end: datetime) -> bool:
    """Return whether two periods share any time."""
    return max(start, other_start) < min(end, other_end)


@dataclass(frozen=True, slots=True)
class BusyPeriod:
    """One appointment, or one instance of a series, as the calendar shows it."""

    start: datetime
    end: datetime
    status: BusyStatus
    uid: str = ""
    recurring: bool = False
    #: As the server shows it; '' if it shows none.
    organizer: str = ""


@dataclass(frozen=True, slots=True)
class Agenda:
    """Everything that a calendar has between two moments."""

    start: datetime
    end: datetime
    periods: tuple[BusyPeriod, ...]

    def within(self, when: tuple[datetime, datetime]) -> tuple[datetime, datetime] | None:
        """Return the part of a period that the agenda covers; None if it covers none of it."""
        start, end = max(when[0], self.start), min(when[1], self.end)
        return (start, end) if start <= end else None

    def covers(self, when: tuple[datetime, datetime]) -> bool:
        """Return whether the agenda covers a whole period."""
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
        """Return what conflicts with a meeting from ``start`` to ``end``, in order of start.

        :param uid: of the meeting itself: its own appointment, or the placeholder for it, is not a conflict.
        :param is_from: returns whether the meeting is from the organizer of a period. A period of certainly another
            organizer is not the meeting's own appointment even if the uid is equal, because any sender can choose it.
        :raises ValueError: the agenda does not cover that period.
        """
        if start < self.start or end > self.end:
            raise ValueError(f"agenda covers {self.start} to {self.end}; {start} to {end} was requested")
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
    """The calendar, or part of it, could not be read, so it is not known if its owner is free. ``reason`` says why."""

    reason: str
    #: Whether the folder does not exist (any more) under the known name.
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Appointment:
    """The appointment of one meeting; of a series, its master. Values are None if the server does not show them."""

    uid: str
    start: datetime | None
    end: datetime | None
    sequence: int | None
    #: When the organizer last made a change that was sent to the attendees.
    stamp: datetime | None
    response: ResponseStatus | None
    status: BusyStatus
    recurring: bool | None = False
    #: Which occurrence of a series it is, as :attr:`MeetingMessage.occurrence`; '' for a series or a single meeting.
    occurrence: str = ""
    #: As the server shows it, usually ``"Name" <address>``.
    organizer: str = ""
    #: None if the server names an item outside of the mailbox.
    ref: ItemRef | None = None

    @property
    def may_be_series(self) -> bool:
        """Whether it may be a whole series."""
        return may_be_series(self.recurring, self.occurrence)

    @property
    def organized_here(self) -> bool:
        """Whether the owner of the calendar is the organizer."""
        return self.response is ResponseStatus.ORGANIZER


@dataclass(frozen=True, slots=True)
class Details:
    """What a search does not return of a request; reading it takes a round trip of its own."""

    #: The number of addresses in To and Cc, a distribution list counting as one; None if they cannot be read.
    attendees: int | None = None
    #: What defines the instances of a series: RRULE, VTIMEZONE, and the original starts of deleted instances.
    rule: str = ""
    zone: str = ""
    deleted: tuple[datetime, ...] = ()


#: The start of every uid of Outlook, and the position of an instance's date in it (MS-OXOCAL 2.2.1.27).
_OUTLOOK_UID = "040000008200e00074c5b7101a82e008"
_INSTANCE_DATE = slice(32, 40)
_HEXADECIMAL = re.compile("[0-9a-f]{8}")


def instance_date(uid: str) -> str:
    """Return the day of the instance that an Outlook uid names, such as ``20260307``; '' if it names none."""
    key = uid.strip().casefold()
    if not key.startswith(_OUTLOOK_UID) or not _HEXADECIMAL.fullmatch(key[_INSTANCE_DATE]):
        return ""
    year, month, day = (int(part, 16) for part in (key[32:36], key[36:38], key[38:40]))
    return f"{year:04}{month:02}{day:02}" if year else ""


def uids_of_meeting(uid: str) -> tuple[str, ...]:
    """Return a uid and, if it names one instance, also the uid of its series."""
    series = uid.strip()
    series = series[: _INSTANCE_DATE.start] + "0" * 8 + series[_INSTANCE_DATE.stop :]
    return (uid, series) if instance_date(uid) else (uid,)


def same_meeting_key(uid: str) -> str:
    """Return a text that is equal for all uids of a meeting, since Outlook writes the date of an instance into its uid.

    A uid with something other than a date at that position is another meeting; :func:`uids_of_meeting` agrees.
    """
    return uids_of_meeting(uid.strip().casefold())[-1]
