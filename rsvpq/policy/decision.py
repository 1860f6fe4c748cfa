"""Decisions: an action, the reason for it, and the facts that could still change it."""

from dataclasses import dataclass
from enum import StrEnum

from rsvpq.mail.messages import Verdict


class Action(StrEnum):
    """What is done with a message."""

    ACCEPT = "accept"
    TENTATIVE = "tentative"
    DECLINE = "decline"
    #: An attendee's response is entered into the organizer's calendar.
    OPEN = "open"
    #: A cancellation is carried out.
    PROCESS = "process"
    #: Nothing is done.
    SKIP = "skip"
    #: A cancellation stays as it is, and so does the appointment.
    KEEP = "keep"
    #: Nothing is done, and a person should look.
    HOLD = "hold"
    #: One of the above, depending on facts that are not known yet.
    UNDECIDED = "undecided"

    @property
    def verdict(self) -> Verdict | None:
        """What a request is answered with; None if it is not answered."""
        return Verdict(self.value) if self in _ANSWERS else None

    @property
    def leaves_alone(self) -> bool:
        """Whether the message is not changed."""
        return self in (Action.SKIP, Action.KEEP, Action.HOLD)


_ANSWERS = {Action.ACCEPT, Action.TENTATIVE, Action.DECLINE}


class Need(StrEnum):
    """A fact that a decision depends on and that is not known yet."""

    #: The appointment of the same meeting: ``Facts.calendar``.
    APPOINTMENT = "appointment"
    #: What else the calendar has at that time: ``Facts.calendar.agenda``.
    BUSY_TIMES = "busy-times"
    #: The number of attendees: ``Facts.attendees``.
    ATTENDEES = "attendees"
    #: Whether the mailbox confirms a mark that says that an answer was begun: ``Facts.begun``.
    EVIDENCE = "evidence"
    #: When a series that has begun ends: ``Facts.series_end``.
    SERIES_END = "series-end"


class Reason(StrEnum):
    """The code of a reason. Codes are stable, and ``docs/policy.md`` lists them all."""

    UNKNOWN_CLASS = "unknown-class"
    TASK_REQUEST = "task-request"
    OVERLONG = "overlong"
    BEGUN = "begun"
    BEGUN_ELSEWHERE = "begun-elsewhere"
    ALREADY_PROCESSED = "already-processed"
    OUT_OF_DATE = "out-of-date"
    OWN_MEETING = "own-meeting"
    PAST = "past"
    NO_START_TIME = "no-start-time"
    TOO_OLD = "too-old"
    AGE_UNKNOWN = "age-unknown"
    EXTERNAL = "external-organizer"
    ORGANIZER_UNKNOWN = "organizer-unknown"
    PRIVATE = "private"
    DELEGATE_COPY = "delegate-copy"
    NO_RESPONSE_REQUESTED = "no-response-requested"
    CALENDAR_UNKNOWN = "calendar-unknown"
    OTHER_ORGANIZER = "other-organizer"
    ALREADY_ANSWERED = "already-answered"
    DETAILS_ONLY = "details-only"
    RULE = "rule"
    NO_RULE = "no-rule"
    FACTS_UNKNOWN = "facts-unknown"
    NOT_DECIDED = "not-decided"
    MORE_FACTS = "more-facts-needed"
    EVERY_REQUEST = "every-request"
    EVERY_RESPONSE = "every-response"
    EVERY_CANCELLATION = "every-cancellation"
    CANCELLATION = "cancellation"
    BY_HAND = "by-hand"
    NO_OWA = "no-owa"
    NOT_ABSORBED = "not-absorbed"


#: Reasons that may be gone within minutes, because a fact could not be read.
_PASSING = frozenset({Reason.CALENDAR_UNKNOWN, Reason.FACTS_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Left:
    """Says that a message was left alone, and why: ``reason`` is the code of the reason as it is counted.

    The message is decided on again when the reason may no longer apply; a ``passing`` reason may be gone within
    minutes. A message ``on_hold`` waits for a person.
    """

    reason: str
    passing: bool = False
    on_hold: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the code of the reason for it.

    With ``needs``, the decision is preliminary: those facts can still change it. Without, it is final: whatever else
    becomes known about the calendar and the attendees, the same message, policy and time give the same decision.
    """

    action: Action
    reason: str
    #: The name of the configured rule that decided; '' if none did.
    rule: str = ""
    needs: frozenset[Need] = frozenset()
    #: Whether it was made in observe mode, so that it is only reported.
    observed: bool = False
    #: Whether the same sequence of the meeting was answered before, in an edition with an older stamp.
    again: bool = False
    #: The text of the answer, for servers that take one; '' if it has none.
    text: str = ""

    @property
    def final(self) -> bool:
        """Whether no further fact can change it."""
        return not self.needs

    @property
    def acts(self) -> bool:
        """Whether the message is acted upon, or may be once more facts are known."""
        return not self.observed and (not self.action.leaves_alone or not self.final)

    @property
    def word(self) -> str:
        """The action in words: what is done, or would be done in respond mode."""
        return f"would {self.action}" if self.observed else str(self.action)

    @property
    def label(self) -> str:
        """The reason as it is counted, with the name of the rule if one decided."""
        return f"{self.reason}:{self.rule}" if self.rule else str(self.reason)

    @property
    def left(self) -> Left:
        """The entry for a message that this decision leaves alone."""
        on_hold = self.action is Action.HOLD and not self.observed
        return Left(self.label, passing=self.reason in _PASSING, on_hold=on_hold)

    def __str__(self) -> str:
        unknown = f"; still unknown: {', '.join(sorted(self.needs))}" if self.needs else ""
        return f"{self.word} ({self.label}){unknown}"


def answer_to(decision: Decision) -> Verdict | None:
    """Return what a request is to be answered with now; None if it is to be left alone."""
    return None if decision.observed else decision.action.verdict
