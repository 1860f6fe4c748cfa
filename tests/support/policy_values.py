"""Values for tests of the policy: a message that passes every guard, and ways to change it."""

from datetime import UTC, datetime, timedelta

from rsvpq.mail.calendar import Agenda, Appointment, BusyPeriod, BusyStatus, ResponseStatus
from rsvpq.mail.editions import Edition, Settled
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage
from rsvpq.policy import Action, CalendarView, Facts, Policy, Rule
from rsvpq.policy.rules import Value

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
START = datetime(2026, 3, 9, 9, tzinfo=UTC)
END = START + timedelta(hours=1)
STAMP = datetime(2026, 3, 1, 8, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)


_PLAIN = MeetingMessage(
    kind=Kind.REQUEST,
    ref=ItemRef("rid:1", ("/exchange/adele/Inbox/a.EML", "")),
    uid="uid-1",
    subject="Budget",
    organizer='"Brian Lee" <brian@example.com>',
    received=NOW - DAY,
    start=START,
    end=END,
    stamp=STAMP,
    sequence=1,
    type_name="IPM.Schedule.Meeting.Request",
)


def message(**changes: object) -> MeetingMessage:
    """Return a request that passes every guard, except for the changes; a time may be in any zone."""
    values = {name: getattr(_PLAIN, name) for name in MeetingMessage.__dataclass_fields__}
    values |= {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in changes.items()}
    return MeetingMessage(**values)


def period(
    status: BusyStatus = BusyStatus.BUSY,
    start: datetime = START,
    end: datetime = END,
    uid: str = "",
    organizer: str = "",
) -> BusyPeriod:
    """Return another appointment, at the time of the meeting."""
    return BusyPeriod(start, end, status, uid, organizer=organizer)


def appointment(
    response: ResponseStatus | None = ResponseStatus.ACCEPTED,
    start: datetime | None = START,
    end: datetime | None = END,
    sequence: int | None = 0,
    stamp: datetime | None = STAMP - DAY,
    recurring: bool | None = False,
    organizer: str = '"Brian Lee" <Brian@Example.com>',
) -> Appointment:
    """Return the meeting as an appointment, in the calendar since yesterday."""
    status = BusyStatus.BUSY
    return Appointment("uid-1", start, end, sequence, stamp, response, status, recurring, organizer=organizer)


def calendar(
    *periods: BusyPeriod,
    meeting: Appointment | None = None,
    times: tuple[tuple[datetime, datetime], ...] | None = None,
    complete: bool = True,
) -> CalendarView:
    """Return a calendar that was read for a year either way."""
    return CalendarView(meeting, Agenda(NOW - 365 * DAY, NOW + 365 * DAY, periods), times, complete)


def facts(**changes: object) -> Facts:
    """Return complete facts with an empty calendar, except for the changes."""
    known = {"mailbox": "adele@example.com", "attendees": 3, "calendar": calendar()}
    return Facts(**(known | changes))  # type: ignore[arg-type]


def settled(item: str = "other", sequence: int | None = 1, stamp: datetime | None = STAMP) -> Settled:
    """Return that the meeting was declined before, through another message."""
    return Settled(item, "decline", Edition(sequence, stamp), START, END)


def rule(decision: Action, kind: Kind = Kind.REQUEST, name: str = "first", **conditions: Value) -> Rule:
    """Return a rule with these conditions."""
    return Rule(name, decision, kind, conditions)


def policy(*rules: Rule, **changes: object) -> Policy:
    """Return the default policy in respond mode, except for the changes."""
    return Policy(**({"mode": "respond", "rules": rules} | changes))  # type: ignore[arg-type]
