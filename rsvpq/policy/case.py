"""A message together with all that is known about it, and what follows from that for rules and guards.

What is not known yet is answered with the :class:`Need`, and what the message does not show with None.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from rsvpq.mail.addresses import comparable, lowered
from rsvpq.mail.calendar import NOT_FREE, Agenda, Appointment, CalendarUnknown, ResponseStatus
from rsvpq.mail.editions import same_occurrence
from rsvpq.mail.messages import Intent, Kind, MeetingMessage, Sensitivity
from rsvpq.policy import organizer
from rsvpq.policy.decision import Need
from rsvpq.policy.facts import CalendarView, Facts
from rsvpq.policy.patterns import is_literal
from rsvpq.policy.rules import Policy

#: In the order in which Outlook lets one prevail over the others.
CONFLICTS = ("none", "tentative", "busy", "oof")
UPDATES = ("first", "time-moved", "details-only")
_ANSWERED = {ResponseStatus.ACCEPTED: "accepted", ResponseStatus.TENTATIVE: "tentative"}
_IN_CALENDAR = {Need.APPOINTMENT, Need.BUSY_TIMES}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Clash:
    """What else is in the calendar at the time of the meeting."""

    #: One of :data:`CONFLICTS`.
    worst: str
    #: Whether any of it counts as busy, as the policy has it.
    counts: bool


@dataclass(frozen=True)
class Case:
    """One message to decide about; what follows from it is worked out once, however many rules ask."""

    policy: Policy
    message: MeetingMessage
    facts: Facts
    now: datetime
    #: Decide as if nobody had looked into the calendar.
    blindfold: bool = False

    def blindfolded(self) -> Self:
        """The same case without the calendar."""
        return replace(self, blindfold=True)

    def can_learn(self, need: Need) -> bool:
        """Whether the fact may become known later."""
        return not self.facts.last_look or (self.blindfold and need in _IN_CALENDAR)

    @cached_property
    def answers_again(self) -> bool:
        """Whether the same sequence was answered before, as where a new text of the meeting changed the stamp alone."""
        settled = self.facts.settled
        return settled is not None and any(one.version.sequence == self.message.sequence for one in settled.each)

    @cached_property
    def intent(self) -> Intent | None:
        """The answer that the mailbox says was begun and that it does not say was finished."""
        intent = self.message.intent
        return None if intent is None or intent.finished else intent

    def wants_evidence(self) -> bool:
        """Whether the message has a marker of its own, and what bears it out was not looked for yet."""
        intent = self.intent
        ours = intent is not None and intent.identity == self.facts.identity
        return ours and self.facts.begun is None and self.can_learn(Need.EVIDENCE)

    @cached_property
    def calendar(self) -> CalendarView | None:
        """What was found in the calendar, if it was looked at."""
        return None if self.blindfold else self.facts.calendar

    @cached_property
    def calendar_unknown(self) -> str:
        """Why the calendar's appointment is not known; '' where it is, be it that there is none."""
        if self.calendar is None:
            return "the calendar was not looked at"
        found = self.calendar.appointment
        return found.reason or "no reason given" if isinstance(found, CalendarUnknown) else ""

    @cached_property
    def appointment(self) -> Appointment | None:
        """The appointment of this meeting; None also where the calendar is not known."""
        found = self.calendar.appointment if self.calendar else None
        return found if isinstance(found, Appointment) else None

    @cached_property
    def counterpart(self) -> Appointment | None:
        """The appointment of just what the message is about, not of the series around it, whose editions are others.

        Where the calendar does not show which occurrence it has, it is this one only if it starts at the same time.
        """
        found = self.appointment
        if found is None or bool(found.occurrence) is not bool(self.message.occurrence):
            return None
        same = same_occurrence(found.occurrence, self.message.occurrence)
        certain = found.start == self.start if same is None else same
        return found if certain else None

    @cached_property
    def from_its_organizer(self) -> bool | None:
        """Whether it is from who arranged what the calendar has of the meeting; None where that cannot be told."""
        return None if self.appointment is None else self._is_from(self.appointment.organizer)

    def _is_from(self, host: str) -> bool | None:
        return organizer.is_from(self.message, host, self._is_internal)

    @cached_property
    def earlier_answer(self) -> str:
        """What this mailbox has answered to the meeting before: ``accepted``, ``tentative`` or ''."""
        response = self.appointment.response if self.appointment else None
        return _ANSWERED.get(response, "") if response is not None else ""

    @cached_property
    def start(self) -> datetime | None:
        """When the meeting, or the first one of a series, starts."""
        return self.message.start

    @cached_property
    def end(self) -> datetime | None:
        """When it ends; at its start, if the message shows no end or one before that."""
        start, end = self.start, self.message.end
        return max(start, end) if start and end else (start or end)

    @cached_property
    def starts_in(self) -> timedelta | None:
        """The time from now to the start; negative once it has started."""
        return self.start - self.now if self.start else None

    @cached_property
    def duration(self) -> timedelta | None:
        """How long it takes; all-day meetings in whole days, as the day of a clock change has 23 or 25 hours."""
        if self.start is None or self.message.end is None or self.end is None:
            return None
        length = self.end - self.start
        return round(length / _DAY) * _DAY if self.message.all_day else length

    @cached_property
    def age(self) -> timedelta | None:
        """The time since the message was received, or else since it was written."""
        received = self.message.received or self.message.stamp
        return self.now - received if received else None

    @cached_property
    def organizer(self) -> str | None:
        """The organiser's address."""
        return organizer.comparable_address(self.message.organizer) or None

    @cached_property
    def organizer_domain(self) -> str | None:
        """The domain of the organiser's address."""
        return organizer.domain_of(self.organizer) if self.organizer else None

    @cached_property
    def external(self) -> bool | None:
        """Whether it is from outside: the organizer is, or somebody has sent it who is not him.

        Who organizes it is the sender's word. So whom it is from has to be the organizer, and who has sent it for him
        may be another, but nobody from outside. A response is never from the organizer.
        """
        message = self.message
        from_him = message.kind is Kind.RESPONSE or not message.from_another
        if not from_him or not all(map(self._is_internal, self._senders)):
            return True
        return None if self.organizer is None else not self._is_internal(self.organizer)

    @property
    def _senders(self) -> Sequence[str]:
        return () if self.message.kind is Kind.RESPONSE else self.message.sent_by

    def _is_internal(self, address: str) -> bool:
        return organizer.is_internal(address, self.facts.mailbox, self.policy.internal_domains)

    @cached_property
    def own_meeting(self) -> bool | None:
        """Whether the mailbox's owner is the organiser: by what the server shows, never by half an address."""
        if self.message.own is not None and self.message.kind is not Kind.RESPONSE:
            return self.message.own
        if self.organizer is None:
            return None
        if self.facts.own_addresses:
            return self.organizer in self.facts.own_addresses
        return self._has_the_alias_of_the_mailbox()

    def _has_the_alias_of_the_mailbox(self) -> bool | None:
        """Where all that is known of the mailbox is its alias: what mostly is the first part of its address.

        Several internal domains may each have somebody of that name; which of them it is, is not known then.
        """
        if self.external or not self.organizer or self.organizer.rpartition("@")[0] != lowered(self.facts.mailbox):
            return False
        domains = self.policy.internal_domains
        return True if len(domains) == 1 and is_literal(domains[0]) else None

    @cached_property
    def delegate_copy(self) -> bool:
        """Whether somebody else is to answer: the mailbox's owner is a delegate, or has one who does."""
        received_for = self.message.received_for
        for_another = received_for and comparable(received_for) not in self.facts.own_addresses
        return bool(for_another or self.message.for_delegate)

    @cached_property
    def sensitivity(self) -> Sensitivity:
        """How far the sender wants it to be seen."""
        return self.message.sensitivity

    @cached_property
    def attendees(self) -> int | Need:
        """How many are invited."""
        return Need.ATTENDEES if self.facts.attendees is None else self.facts.attendees

    @cached_property
    def clash(self) -> Clash | Need | None:
        """What else the calendar holds at that time; an appointment of the same meeting is no obstacle to it."""
        if self.calendar is None or self.calendar.agenda is None:
            return Need.BUSY_TIMES
        agenda = self.calendar.agenda
        if isinstance(agenda, CalendarUnknown) or self.start is None or self.end is None:
            return None
        times = ((self.start, self.end),) if self.calendar.times is None else self.calendar.times
        statuses = self._statuses(agenda, times)
        counts = bool(statuses & set(self.policy.busy_when))
        # What was found counts, and that nothing was says something only if all was compared.
        if not counts and not (self.calendar.complete and all(map(agenda.covers, times))):
            return None
        return Clash(max(statuses, key=CONFLICTS.index, default="none"), counts)

    def _statuses(self, agenda: Agenda, times: Iterable[tuple[datetime, datetime]]) -> set[str]:
        """Of what is there at those times, as far as the agenda reaches."""
        known = (agenda.within(when) for when in times)
        uid = self.message.uid
        clashes = (agenda.conflicts(*when, uid=uid, statuses=NOT_FREE, is_from=self._is_from) for when in known if when)
        return {period.status.value for periods in clashes for period in periods}

    @cached_property
    def series_has_begun(self) -> bool:
        """Whether it is, or may be, a series whose first meeting is over, so that all of it may be."""
        return self.message.may_be_series and self.end is not None and self.end <= self.now

    def wants_the_end_of_the_series(self) -> bool:
        """Whether it depends on that if the meeting is over, and it can be found out."""
        unknown = self.facts.series_end is None and self.can_learn(Need.SERIES_END)
        return unknown and self.series_has_begun and self.policy.past != "rules"

    @cached_property
    def update(self) -> str | Need | None:
        """One of :data:`UPDATES`."""
        if self.calendar is None:
            return Need.APPOINTMENT
        if self.calendar_unknown or (self.appointment is not None and self.appointment.response is None):
            return None
        if not self.earlier_answer:
            return "first"
        if self.from_its_organizer is not True:
            return None
        return "details-only" if self._has_kept_its_time() else "time-moved"

    def _has_kept_its_time(self) -> bool:
        found, message = self.appointment, self.message
        if found is None or (self.start, self.end) != (found.start, found.end):
            return False
        if not (message.may_be_series or found.may_be_series):
            return True
        # Only the first meeting of a series is shown. A new pattern makes a new sequence (RFC 5546, section 2.1.4).
        return message.informational or (message.sequence is not None and found.sequence == message.sequence)
