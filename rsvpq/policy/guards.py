"""Guards: built-in checks that come before the rules, so that no rule has to repeat them.

They are in order of precedence: first messages that cannot be acted upon, then those that must not be, then those that
operators may allow (``policy.* = "rules"``). A guard returns a finding, or a text that says why the message passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rsvpq.mail.calendar import NEVER
from rsvpq.mail.editions import TAKEN_AWAY, Edition
from rsvpq.mail.messages import Kind
from rsvpq.policy.case import Case
from rsvpq.policy.conditions import shown
from rsvpq.policy.decision import Action, Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a guard or a rule that decides."""

    action: Action
    reason: Reason
    rule: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """A check, and the kinds of messages to which it applies."""

    name: str
    kinds: frozenset[Kind]
    check: Callable[[Case], Finding | str]
    #: The setting of the policy that leaves these messages to the rules if it is "rules"; '' if there is none.
    setting: str = ""


def _skip(reason: Reason, why: str) -> Finding:
    return Finding(Action.SKIP, reason, why=why)


def _unknown_class(case: Case) -> Finding | str:
    reason = Reason.TASK_REQUEST if case.message.kind is Kind.TASK_REQUEST else Reason.UNKNOWN_CLASS
    return _skip(reason, f"the class is {case.message.type_name or 'not shown'}")


def _kept_cancellation(case: Case) -> Finding | str:
    if case.policy.cancellations == "keep" and not case.policy.rules_for(Kind.CANCELLATION):
        return Finding(Action.KEEP, Reason.CANCELLATION, why='policy.cancellations = "keep"')
    return "cancellations are processed, or there are rules for them"


def _overlong(case: Case) -> Finding | str:
    if case.message.overlong:
        why = f"longer than any mail program writes: {case.message.overlong}"
        return Finding(Action.HOLD, Reason.OVERLONG, why=why)
    return "no text is too long"


def _begun(case: Case) -> Finding | str:
    intent = case.intent
    if intent is None:
        return "no unfinished answer is marked on it"
    if intent.identity != case.facts.identity:
        why = "its mark says that another installation, or this mailbox under another name, began to answer it"
        return Finding(Action.HOLD, Reason.BEGUN_ELSEWHERE, why=why)
    if case.facts.begun or case.wants_evidence():
        why = "an answer was begun, and is finished with the same verdict"
        return Finding(Action(intent.verdict), Reason.BEGUN, why=why)
    return "its mark says that an answer was begun, but nothing else in the mailbox confirms it"


def _already_processed(case: Case) -> Finding | str:
    if case.message.processed:
        return _skip(Reason.ALREADY_PROCESSED, "the server shows it as processed")
    if case.message.answered is not None:
        return _skip(Reason.ALREADY_ANSWERED, f"the server shows that it was answered: {case.message.answered}")
    return "not processed yet"


def _newer_message(case: Case) -> Finding | str:
    if case.message.outdated:
        return _skip(Reason.OUT_OF_DATE, "the message is marked as out of date")
    newest = case.facts.newest
    if newest is not None and Edition.of(case.message).is_older_than(newest):
        return _skip(Reason.OUT_OF_DATE, "another message about this meeting is newer")
    return "no newer message about this meeting is known"


def _settled(case: Case) -> Finding | str:
    settled = case.facts.settled.covering(case.message) if case.facts.settled else None
    if settled is None:
        return "no message about it is known to be answered"
    how = (
        f"an answer to another message about it was begun ({settled.how}): that message is answered, is being "
        "answered, or was given up (see 'rsvpq dead')"
    )
    if settled.how == TAKEN_AWAY:
        how = "another message about it was in the Inbox until somebody removed it"
    if settled.is_newer_than(case.message):
        return _skip(Reason.OUT_OF_DATE, f"{how}; that message is newer")
    return _skip(Reason.ALREADY_ANSWERED, f"{how}; it is the same edition")


def _own_meeting(case: Case) -> Finding | str:
    if case.own_meeting:
        return _skip(Reason.OWN_MEETING, "the mailbox is the organizer")
    unsure = ", and the server does not show whether that is this mailbox" if case.own_meeting is None else ""
    return f"the organizer is {case.organizer}{unsure}" if case.organizer else "the organizer is not known"


def _past(case: Case) -> Finding | str:
    if case.message.start is None or case.end is None:
        return Finding(Action.HOLD, Reason.NO_START_TIME, why="the message shows no readable start")
    if case.message.may_be_series:
        return "a series is over when its last meeting ends"
    return _over(case.end, case)


def _over(end: datetime, case: Case) -> Finding | str:
    if end <= case.now:
        return _skip(Reason.PAST, f"it ended at {end:%Y-%m-%d %H:%M} UTC")
    return f"it ends at {end:%Y-%m-%d %H:%M} UTC"


def _past_series(case: Case) -> Finding | str:
    if not case.series_has_begun:
        return "not a series that has begun"
    end = case.facts.series_end
    if end is None:
        what = "a series" if case.message.recurring else "what may be a series"
        return f"{what} that has begun, and when it ends is not known ({case.facts.unread or 'its rule was not read'})"
    return "a series without end" if end == NEVER else _over(end, case)


def _too_old(case: Case) -> Finding | str:
    received = case.message.received or case.message.stamp
    if received is None:
        return Finding(Action.HOLD, Reason.AGE_UNKNOWN, why="the message shows no time of receipt")
    age, most = case.now - received, case.policy.max_age
    why = f"received {shown(age)} ago"
    return _skip(Reason.TOO_OLD, f"{why}; policy.max_age is {shown(most)}") if age > most else why


def _external(case: Case) -> Finding | str:
    if case.external is None:
        return _skip(Reason.ORGANIZER_UNKNOWN, "the message shows no SMTP address of the organizer")
    if case.external:
        senders = " and ".join(filter(None, (case.message.from_another, *case.message.sent_by)))
        sent = f"it names {case.organizer} as its organizer, but is from {senders}"
        return _skip(Reason.EXTERNAL, sent if senders else f"{case.organizer_domain} is not in policy.internal_domains")
    return f"{case.organizer_domain} is internal"


def _private(case: Case) -> Finding | str:
    why = f"the sensitivity is {case.message.sensitivity}"
    return _skip(Reason.PRIVATE, why) if case.message.sensitivity.is_private else why


def _delegate_copy(case: Case) -> Finding | str:
    if case.delegate_copy:
        return _skip(Reason.DELEGATE_COPY, f"for {case.message.received_for or 'a delegate'} to answer")
    return "for this mailbox to answer"


def _no_response_requested(case: Case) -> Finding | str:
    if not case.message.response_requested:
        return _skip(Reason.NO_RESPONSE_REQUESTED, "the organizer requests no response")
    return "the organizer requests a response"


def _unknown_calendar(case: Case) -> Finding | str:
    if not case.calendar_unknown:
        return "the calendar was read"
    if case.policy.unknown_calendar == "rules":
        return 'policy.unknown_calendar = "rules"'
    return Finding(Action.HOLD, Reason.CALENDAR_UNKNOWN, why=case.calendar_unknown)


def _own_appointment(case: Case) -> Finding | str:
    if case.appointment is not None and case.appointment.organized_here:
        return _skip(Reason.OWN_MEETING, "the calendar shows the mailbox as its organizer")
    return "the calendar does not show the mailbox as its organizer"


def _newer_appointment(case: Case) -> Finding | str:
    found = case.counterpart
    if found is not None and Edition.of(case.message).is_older_than(Edition(found.sequence, found.stamp)):
        return _skip(Reason.OUT_OF_DATE, "the calendar has a newer edition of this meeting")
    return "the calendar has no newer edition of this meeting"


def _other_organizer(case: Case) -> Finding | str:
    found, same = case.appointment, case.from_its_organizer
    if found is None:
        return case.calendar_unknown or "the calendar does not have this meeting"
    if same is False:
        sender = case.message.from_another or " ".join(case.message.sent_by) or case.message.organizer
        why = f"it is from {sender}, but the organizer of the meeting in the calendar is {found.organizer}"
        return Finding(Action.HOLD, Reason.OTHER_ORGANIZER, why=why)
    if same is None and case.message.kind is Kind.CANCELLATION:
        why = "the server does not show whether it is from the organizer of the meeting in the calendar"
        return Finding(Action.HOLD, Reason.OTHER_ORGANIZER, why=why)
    # An answer removes nothing and goes to the sender of the request. If an unknown organizer stopped requests too, a
    # server that shows no organizers would stop all updates.
    return "it is from the organizer of the meeting in the calendar" if same else "no other organizer is known"


def _already_answered(case: Case) -> Finding | str:
    found, edition = case.counterpart, Edition.of(case.message)
    known = found is not None and None not in (edition.sequence, edition.stamp)
    if known and case.earlier_answer and found and edition == Edition(found.sequence, found.stamp):
        return _skip(Reason.ALREADY_ANSWERED, f"this edition of the meeting is {case.earlier_answer}")
    return "this edition of the meeting is not known to be answered"


def _details_only(case: Case) -> Finding | str:
    if case.update != "details-only":
        unknown = "not known: the calendar does not show the answer, or whether the update is from the organizer"
        return case.calendar_unknown or f"the update is {case.update or unknown}"
    if case.policy.details_only == "skip":
        return _skip(Reason.DETAILS_ONLY, "the time has not moved")
    action = Action.ACCEPT if case.earlier_answer == "accepted" else Action.TENTATIVE
    return Finding(action, Reason.DETAILS_ONLY, why=f"the time has not moved, and it is {case.earlier_answer}")


_REQUEST = frozenset({Kind.REQUEST})
_CANCELLATION = frozenset({Kind.CANCELLATION})
_FROM_ORGANIZER = _REQUEST | _CANCELLATION
_KNOWN = _FROM_ORGANIZER | {Kind.RESPONSE}

#: These do not use the calendar.
FIRST_GUARDS = (
    Guard("unknown-class", frozenset(Kind) - _KNOWN, _unknown_class),
    Guard("cancellations", _CANCELLATION, _kept_cancellation),
    Guard("overlong", _KNOWN, _overlong),
    Guard("begun", _REQUEST, _begun),
    Guard("already-processed", _KNOWN, _already_processed),
    Guard("out-of-date", _FROM_ORGANIZER, _newer_message),
    Guard("answered-before", _REQUEST, _settled),
    Guard("own-meeting", _FROM_ORGANIZER, _own_meeting),
    Guard("past", _FROM_ORGANIZER, _past, "past"),
    Guard("max-age", _FROM_ORGANIZER, _too_old),
    Guard("external", _FROM_ORGANIZER, _external, "external"),
    Guard("private", _FROM_ORGANIZER, _private, "private"),
    Guard("delegate-copy", _KNOWN, _delegate_copy, "delegate_copies"),
    Guard("no-response-requested", _REQUEST, _no_response_requested, "no_response_requested"),
)

#: These use the calendar or the recurrence rule. The rules that leave a message alone without either come before them.
CALENDAR_GUARDS = (
    Guard("past, by the rule of the series", _FROM_ORGANIZER, _past_series, "past"),
    Guard("calendar-unknown", _FROM_ORGANIZER, _unknown_calendar),
    Guard("own-meeting in the calendar", _FROM_ORGANIZER, _own_appointment),
    Guard("out-of-date in the calendar", _FROM_ORGANIZER, _newer_appointment),
    Guard("other-organizer", _FROM_ORGANIZER, _other_organizer),
    Guard("already-answered", _REQUEST, _already_answered),
    Guard("details-only", _REQUEST, _details_only, "details_only"),
)
