"""Decide on a message knowing all that matters: asks the mailbox for what the policy turns out to need, and no more.

A message is a stranger's. Where nobody foresaw what it makes deciding come to, it is held: that one, and not what comes
behind it in its mailbox.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rsvpq.mail.calendar import NEVER, Details
from rsvpq.mail.drafts import traces_of
from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.ports import WIDEST, OpenMailbox
from rsvpq.mail.recurrence import Instances, instances, series_end
from rsvpq.policy import CalendarView, Decision, Facts, Need, Policy, Trace, decide, explain, held_for

logger = logging.getLogger(__name__)

#: How far into a series conflicts are looked for: the booking window that Exchange's own attendant has by default.
HORIZON = timedelta(days=180)
_MINUTE = timedelta(minutes=1)


def decide_at_once(policy: Policy, message: MeetingMessage, facts: Facts) -> Decision:
    """The decision on what is known, which may be a preliminary one; never an error."""
    try:
        return decide(policy, message, facts, datetime.now(UTC))
    except Exception as error:
        return _held(error, message).decision


def decide_knowing(policy: Policy, message: MeetingMessage, box: OpenMailbox, facts: Facts) -> Decision:
    """The final decision.

    :param facts: what is known without asking.
    :raises ExchangeError: as the client says; a calendar that may not be read is a fact, and no error.
    """
    try:
        return _settle(policy, message, box, facts)[0]
    except ExchangeError:
        raise
    except Exception as error:
        return _held(error, message).decision


def explain_knowing(policy: Policy, message: MeetingMessage, box: OpenMailbox, facts: Facts) -> tuple[Trace, Facts]:
    """The final decision with how it was come to, and the facts it stands on; else as :func:`decide_knowing`."""
    try:
        _, facts = _settle(policy, message, box, facts)
        return explain(policy, message, facts, datetime.now(UTC)), facts
    except ExchangeError:
        raise
    except Exception as error:
        return _held(error, message), facts


def _held(error: Exception, message: MeetingMessage) -> Trace:
    logger.error("event=not-decided item=%s error=%s", message.ref.key, type(error).__name__, exc_info=error)
    return held_for(f"deciding failed ({type(error).__name__}); the log of this process tells where")


def _settle(policy: Policy, message: MeetingMessage, box: OpenMailbox, facts: Facts) -> tuple[Decision, Facts]:
    look, asked = _Look(message, box, facts), set[Need]()
    while True:
        decision = decide(policy, message, look.facts, datetime.now(UTC))
        if decision.final:
            return decision, look.facts
        if decision.needs <= asked:  # in vain
            look.facts = replace(look.facts, last_look=True)
        else:
            look.find_out(decision.needs - asked)
            asked |= decision.needs


@dataclass(slots=True)
class _Look:
    """What has been found out about one message so far."""

    message: MeetingMessage
    box: OpenMailbox
    facts: Facts
    _particulars: Details | None = field(default=None, init=False)

    def find_out(self, needs: Collection[Need]) -> None:
        """Ask for what is needed; the appointment is looked at with the first of it that is of the meeting."""
        if Need.EVIDENCE in needs:
            self.facts = replace(self.facts, begun=traces_of(self.message, self.box).begun)
            if len(needs) == 1:
                return
        view = self.facts.calendar or CalendarView(self.box.appointment(self.message))
        if Need.ATTENDEES in needs:
            self.facts = replace(self.facts, attendees=self.details().attendees)
        if Need.SERIES_END in needs:
            self._find_the_end()
        if Need.BUSY_TIMES in needs:
            view = self._with_agenda(view)
        self.facts = replace(self.facts, calendar=view)

    def details(self) -> Details:
        """Those of the message; asked for once."""
        if self._particulars is None:
            self._particulars = self.box.details(self.message)
        return self._particulars

    def _find_the_end(self) -> None:
        start, end = self.message.start, self.message.end
        if start is None or end is None:
            return
        found = series_end(start, end, self.details())
        self.facts = replace(self.facts, series_end=found.moment, unread=found.unread)

    def _with_agenda(self, view: CalendarView) -> CalendarView:
        start, end = self.message.start, self.message.end
        if start is None or end is None or end < start:
            return view
        found = self._instances(start, end, datetime.now(UTC))
        first = min((start for start, _ in found.times), default=datetime.now(UTC))
        last = max((end for _, end in found.times), default=first)
        # At least a minute: a meeting without length is compared with nothing, but has to be within the agenda.
        agenda = self.box.busy(first, max(last, _later(first, _MINUTE)))
        return replace(view, agenda=agenda, times=found.times, complete=found.complete)

    def _instances(self, start: datetime, end: datetime, now: datetime) -> Instances:
        """When it takes place; of what goes on for years, what is ahead."""
        if self.message.may_be_series:
            found = instances(start, end, self.details(), _later(max(start, now), HORIZON), now)
            self.facts = replace(self.facts, unread=found.unread or self.facts.unread)
            return found
        too_long = end - start >= WIDEST
        return Instances(((max(start, now) if too_long and now < end else start, end),), complete=True)


def _later(moment: datetime, by: timedelta) -> datetime:
    """So much later, and not behind the last moment there is."""
    return moment + by if moment < NEVER - by else NEVER
