"""What a decision says: an action, the reason for it, and what is still to be found out."""

from dataclasses import dataclass
from enum import StrEnum

from rsvpq.mail.messages import Verdict


class Action(StrEnum):
    """What is done with a message."""

    ACCEPT = "accept"
    TENTATIVE = "tentative"
    DECLINE = "decline"
    #: An attendee's response is entered into the organiser's calendar.
    OPEN = "open"
    #: A cancellation is carried out.
    PROCESS = "process"
    #: Nothing is done.
    SKIP = "skip"
    #: A cancellation stays as it is, and so does the appointment.
    KEEP = "keep"
    #: Nothing is done, and a person should look.
    HOLD = "hold"
    #: Which of the above it is depends on what the decision needs.
    UNDECIDED = "undecided"

    @property
    def verdict(self) -> Verdict | None:
        """What a request is answered with; None where it is not answered."""
        return Verdict(self.value) if self in _ANSWERS else None

    @property
    def leaves_alone(self) -> bool:
        """Whether the message stays untouched."""
        return self in (Action.SKIP, Action.KEEP, Action.HOLD)


_ANSWERS = {Action.ACCEPT, Action.TENTATIVE, Action.DECLINE}


class Need(StrEnum):
    """A fact that a decision depends on, and that was not given."""

    #: The appointment of the same meeting: ``Facts.calendar``.
    APPOINTMENT = "appointment"
    #: What else the calendar holds at that time: ``Facts.calendar.agenda``.
    BUSY_TIMES = "busy-times"
    #: How many are invited: ``Facts.attendees``.
    ATTENDEES = "attendees"
    #: Whether the mailbox bears out a marker that says that an answer was begun: ``Facts.begun``.
    EVIDENCE = "evidence"
    #: When a series that has begun is over: ``Facts.series_end``.
    SERIES_END = "series-end"


class Reason(StrEnum):
    """Why; the codes are stable, and every one is in the table of ``docs/policy.md``."""

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


#: What was not known may be known in a minute.
_PASSING = frozenset({Reason.CALENDAR_UNKNOWN, Reason.FACTS_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Left:
    """That a message was left alone, and why: the code of the reason as it is counted.

    It is looked at again when the reason may have gone; a ``passing`` one may go by itself within minutes. What is
    ``on_hold`` waits for a person.
    """

    reason: str
    passing: bool = False
    on_hold: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and the code of the reason for it.

    With ``needs``, the action is what it probably comes to; those facts can still change it. Without, it is final:
    the same message, policy and time give it again whatever else becomes known about the calendar and the attendees.
    """

    action: Action
    reason: str
    #: The name of the configured rule that decided; '' where none did.
    rule: str = ""
    needs: frozenset[Need] = frozenset()
    #: In observe mode: decided in full, but only to be reported.
    observed: bool = False
    #: Whether an answer to the same sequence of the meeting was given before, to an edition with an older stamp.
    again: bool = False

    @property
    def final(self) -> bool:
        """Whether nothing more needs to be known."""
        return not self.needs

    @property
    def acts(self) -> bool:
        """Whether the message is to be acted upon, or may have to be once more is known."""
        return not self.observed and (not self.action.leaves_alone or not self.final)

    @property
    def word(self) -> str:
        """What is done, or would be."""
        return f"would {self.action}" if self.observed else str(self.action)

    @property
    def label(self) -> str:
        """The reason as it is counted: with the name of the rule, where one decided."""
        return f"{self.reason}:{self.rule}" if self.rule else str(self.reason)

    @property
    def left(self) -> Left:
        """The same of a message that is left alone for it."""
        on_hold = self.action is Action.HOLD and not self.observed
        return Left(self.label, passing=self.reason in _PASSING, on_hold=on_hold)

    def __str__(self) -> str:
        unknown = f"; still unknown: {', '.join(sorted(self.needs))}" if self.needs else ""
        return f"{self.word} ({self.label}){unknown}"


def answer_to(decision: Decision) -> Verdict | None:
    """What a request is to be answered with now; None where it is to be left alone."""
    return None if decision.observed else decision.action.verdict
