"""A message with all that is known about it, and the facts that guards and rules derive from that.

A derived fact is a :class:`Need` if what it depends on has not been read yet, and None if the server does not show it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from rsvpq.mail.calendar import NOT_FREE, Appointment, CalendarUnknown, ResponseStatus
from rsvpq.mail.editions import same_occurrence
from rsvpq.mail.messages import Intent, Kind, MeetingMessage
from rsvpq.mail.persons import comparable, lowered
from rsvpq.policy import organizer
from rsvpq.policy.decision import Need
from rsvpq.policy.facts import CalendarView, Facts
from rsvpq.policy.organizer import is_literal
from rsvpq.policy.rules import Policy

#: From the weakest to the strongest, in Outlook's order of precedence.
CONFLICTS = ("none", "tentative", "busy", "oof")
UPDATES = ("first", "time-moved", "details-only")
_ANSWERED: dict[ResponseStatus | None, str] = {
    ResponseStatus.ACCEPTED: "accepted",
    ResponseStatus.TENTATIVE: "tentative",
}
_IN_CALENDAR = {Need.APPOINTMENT, Need.BUSY_TIMES}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Clash:
    """What else is in the calendar at the time of the meeting."""

    #: One of :data:`CONFLICTS`.
    worst: str
    #: Whether any of it counts as busy according to ``policy.busy_when``.
    counts: bool


@dataclass(frozen=True)
class Case:
    """One message to decide on. Each derived fact is computed once, however many rules use it."""

    policy: Policy
    message: MeetingMessage
    facts: Facts
    now: datetime
    #: Decide as if the calendar had not been read.
    ignore_calendar: bool = False

    def can_learn(self, need: Need) -> bool:
        """Return whether the fact may become known later."""
        return not self.facts.last_look or (self.ignore_calendar and need in _IN_CALENDAR)

    @cached_property
    def intent(self) -> Intent | None:
        """The answer that was begun but not finished, according to our mark on the request."""
        intent = self.message.intent
        return None if intent is None or intent.finished else intent

    def wants_evidence(self) -> bool:
        """Return whether the message has our mark, and the evidence for it was not read yet."""
        intent = self.intent
        ours = intent is not None and intent.identity == self.facts.identity
        return ours and self.facts.begun is None and self.can_learn(Need.EVIDENCE)

    @cached_property
    def calendar(self) -> CalendarView | None:
        """What was found in the calendar; None if the calendar was not read."""
        return None if self.ignore_calendar else self.facts.calendar

    @cached_property
    def calendar_unknown(self) -> str:
        """Why it is not known whether the calendar has the meeting; '' if it is known."""
        if self.calendar is None:
            return "the calendar was not read"
        found = self.calendar.appointment
        return found.reason or "no reason given" if isinstance(found, CalendarUnknown) else ""

    @cached_property
    def appointment(self) -> Appointment | None:
        """The appointment of this meeting; None if there is none or the calendar is not known."""
        found = self.calendar.appointment if self.calendar else None
        return found if isinstance(found, Appointment) else None

    @cached_property
    def counterpart(self) -> Appointment | None:
        """The appointment of exactly the occurrence or series that the message is about.

        Not the series of an occurrence: the two have separate editions. If the calendar does not show which occurrence
        it has, the start decides whether it is this one.
        """
        found = self.appointment
        if found is None or bool(found.occurrence) is not bool(self.message.occurrence):
            return None
        same = same_occurrence(found.occurrence, self.message.occurrence)
        certain = found.start == self.message.start if same is None else same
        return found if certain else None

    @cached_property
    def from_its_organizer(self) -> bool | None:
        """Whether the message is from the organizer of the meeting in the calendar; None if that is not known."""
        return None if self.appointment is None else self._is_from(self.appointment.organizer)

    def _is_from(self, host: str) -> bool | None:
        return organizer.is_from(self.message, host, self._is_internal)

    @cached_property
    def earlier_answer(self) -> str:
        """What this mailbox answered to the meeting before: ``accepted``, ``tentative`` or ''."""
        return _ANSWERED.get(self.appointment.response, "") if self.appointment else ""

    @cached_property
    def end(self) -> datetime | None:
        """When the meeting ends; its start if the message shows no end, or an end before the start."""
        start, end = self.message.start, self.message.end
        return max(start, end) if start and end else (start or end)

    @cached_property
    def starts_in(self) -> timedelta | None:
        """The time from now to the start; negative once it has started."""
        return self.message.start - self.now if self.message.start else None

    @cached_property
    def duration(self) -> timedelta | None:
        """How long it takes; all-day meetings in whole days, because a day with a clock change has 23 or 25 hours."""
        message = self.message
        if message.start is None or message.end is None or self.end is None:
            return None
        length = self.end - message.start
        return round(length / _DAY) * _DAY if message.all_day else length

    @cached_property
    def organizer(self) -> str | None:
        """The organizer's address."""
        return organizer.comparable_address(self.message.organizer) or None

    @cached_property
    def organizer_domain(self) -> str | None:
        """The domain of the organizer's address."""
        return organizer.domain_of(self.organizer) if self.organizer else None

    @cached_property
    def external(self) -> bool | None:
        """Whether it is from outside; None if the organizer's address is not known.

        The sender chooses which organizer a message names. So a message is from outside unless its From is the
        organizer, the organizer is internal, and so is everybody who sent it on behalf of the organizer. Responses come
        from attendees, so only the organizer of the meeting counts for them.
        """
        message = self.message
        from_him = message.kind is Kind.RESPONSE or not message.from_another
        senders = () if message.kind is Kind.RESPONSE else message.sent_by
        if not from_him or not all(map(self._is_internal, senders)):
            return True
        return None if self.organizer is None else not self._is_internal(self.organizer)

    def _is_internal(self, address: str) -> bool:
        return organizer.is_internal(address, self.facts.mailbox, self.policy.internal_domains)

    @cached_property
    def own_meeting(self) -> bool | None:
        """Whether the mailbox's owner is the organizer; None if that is not known.

        The server's word counts, then whole addresses. Only if no address is known, the mailbox's alias is compared,
        which usually is the local part of its address; with several internal domains, each may have a person of that
        name.
        """
        if self.message.own is not None and self.message.kind is not Kind.RESPONSE:
            return self.message.own
        if self.organizer is None:
            return None
        if self.facts.own_addresses:
            return self.organizer in self.facts.own_addresses
        if self.external or self.organizer.rpartition("@")[0] != lowered(self.facts.mailbox):
            return False
        domains = self.policy.internal_domains
        return True if len(domains) == 1 and is_literal(domains[0]) else None

    @cached_property
    def delegate_copy(self) -> bool:
        """Whether somebody else is to answer: the mailbox's owner is a delegate, or has a delegate who answers."""
        received_for = self.message.received_for
        for_another = received_for and comparable(received_for) not in self.facts.own_addresses
        return bool(for_another or self.message.for_delegate)

    @cached_property
    def attendees(self) -> int | Need:
        """The number of attendees."""
        return Need.ATTENDEES if self.facts.attendees is None else self.facts.attendees

    @cached_property
    def clash(self) -> Clash | Need | None:
        """What else the calendar has at the time of the meeting, not counting the meeting's own appointment."""
        if self.calendar is None or self.calendar.agenda is None:
            return Need.BUSY_TIMES
        agenda, message = self.calendar.agenda, self.message
        if isinstance(agenda, CalendarUnknown) or message.start is None or self.end is None:
            return None
        times = ((message.start, self.end),) if self.calendar.times is None else self.calendar.times
        covered = filter(None, map(agenda.within, times))
        clashes = (
            agenda.conflicts(*when, uid=message.uid, statuses=NOT_FREE, is_from=self._is_from) for when in covered
        )
        statuses = {period.status.value for periods in clashes for period in periods}
        counts = bool(statuses & set(self.policy.busy_when))
        # A conflict that was found is certain; finding none proves something only if everything was compared.
        if not counts and not (self.calendar.complete and all(map(agenda.covers, times))):
            return None
        return Clash(max(statuses, key=CONFLICTS.index, default="none"), counts)

    @cached_property
    def series_has_begun(self) -> bool:
        """Whether it is, or may be, a series whose first meeting is over, so that the whole series may be over."""
        return self.message.may_be_series and self.end is not None and self.end <= self.now

    @cached_property
    def update(self) -> str | Need | None:
        """One of :data:`UPDATES`."""
        found, message = self.appointment, self.message
        if self.calendar is None:
            return Need.APPOINTMENT
        if self.calendar_unknown or (found is not None and found.response is None):
            return None
        if found is None or not self.earlier_answer:
            return "first"
        if self.from_its_organizer is not True:
            return None
        # A message shows only the first meeting of a series. A new pattern has a new sequence (RFC 5546, 2.1.4).
        same_sequence = message.sequence is not None and found.sequence == message.sequence
        same_pattern = message.informational or same_sequence or not (message.may_be_series or found.may_be_series)
        same_time = (message.start, self.end) == (found.start, found.end)
        return "details-only" if same_time and same_pattern else "time-moved"
