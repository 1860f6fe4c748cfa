"""Decide on a message knowing all that matters: asks the mailbox for what the policy turns out to need, and no more."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rsvpq.agenda import Particulars
from rsvpq.editions import instant
from rsvpq.exchange.client import MailboxClient
from rsvpq.messages import MeetingMessage
from rsvpq.policy import CalendarView, Decision, Facts, Need, Policy, Trace, decide, explain
from rsvpq.recurrence import Instances, instances

#: How far into a series conflicts are looked for: the booking window that Exchange's own attendant has by default.
HORIZON = timedelta(days=180)


def decide_knowing(policy: Policy, message: MeetingMessage, box: MailboxClient, facts: Facts) -> Decision:
    """The final decision.

    :param facts: what is known without asking.
    :raises ExchangeError: as the client says; a calendar that may not be read is a fact, and no error.
    """
    return _settle(policy, message, box, facts)[0]


def explain_knowing(policy: Policy, message: MeetingMessage, box: MailboxClient, facts: Facts) -> tuple[Trace, Facts]:
    """The final decision with how it was come to, and the facts it stands on; else as :func:`decide_knowing`."""
    _, facts = _settle(policy, message, box, facts)
    return explain(policy, message, facts, datetime.now(UTC)), facts


def _settle(policy: Policy, message: MeetingMessage, box: MailboxClient, facts: Facts) -> tuple[Decision, Facts]:
    for _ in Need:
        decision = decide(policy, message, facts, datetime.now(UTC))
        if decision.final:
            return decision, facts
        facts = _look(decision.needs, message, box, facts)
    facts = replace(facts, last_look=True)
    return decide(policy, message, facts, datetime.now(UTC)), facts


def _look(needs: Collection[Need], message: MeetingMessage, box: MailboxClient, facts: Facts) -> Facts:
    view = facts.calendar or CalendarView()
    if facts.calendar is None:
        view = replace(view, appointment=box.appointment(message))
    if Need.ATTENDEES in needs or (Need.BUSY_TIMES in needs and message.recurring is not False):
        particulars = box.particulars(message)
        facts = replace(facts, attendees=particulars.attendees)
    else:
        particulars = Particulars()
    if Need.BUSY_TIMES in needs:
        view = _with_agenda(view, message, box, particulars)
    return replace(facts, calendar=view)


def _with_agenda(
    view: CalendarView, message: MeetingMessage, box: MailboxClient, particulars: Particulars
) -> CalendarView:
    start, end = instant(message.start), instant(message.end)
    if start is None or end is None or end < start:
        return view
    found = Instances(((start, end),), complete=True)
    if message.recurring is not False:
        found = instances(start, end, particulars, start + HORIZON)
    # At least a moment: a meeting without length is compared with nothing, but has to be within the agenda.
    last = max(end for _, end in found.times) if found.times else end
    agenda = box.busy_periods(start, max(last, start + timedelta(minutes=1)))
    return replace(
        view, agenda=agenda, times=found.times if message.recurring is not False else (), complete=found.complete
    )
