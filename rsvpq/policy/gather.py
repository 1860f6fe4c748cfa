"""Decide on a message, reading from the mailbox only the facts that the decision turns out to need.

Anybody can send a message with anything in it. If deciding on it fails with an unexpected error, that message is held,
and those behind it in its mailbox are decided on as usual.
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
from rsvpq.policy import CalendarView, Decision, Facts, Need, Policy, Trace, decide, held_for, trace_decision

logger = logging.getLogger(__name__)

#: How far ahead conflicts of a series are searched: the default booking window of Exchange's own attendant.
HORIZON = timedelta(days=180)
_MINUTE = timedelta(minutes=1)


def decide_at_once(policy: Policy, message: MeetingMessage, facts: Facts) -> Decision:
    """Decide on the facts that are known. The decision may be preliminary; an error gives the decision to hold."""
    try:
        return decide(policy, message, facts, datetime.now(UTC))
    except Exception as error:
        return _held(error, message).decision


def decide_knowing(policy: Policy, message: MeetingMessage, box: OpenMailbox, facts: Facts) -> Decision:
    """Read the facts that are needed, and return the final decision.

    :param facts: what is known already.
    :raises ExchangeError: the mailbox cannot be read. A calendar that cannot be read is a fact, not an error.
    """
    try:
        return _settle(policy, message, box, facts)[0]
    except ExchangeError:
        raise
    except Exception as error:
        return _held(error, message).decision


def explain_knowing(policy: Policy, message: MeetingMessage, box: OpenMailbox, facts: Facts) -> tuple[Trace, Facts]:
    """Decide as :func:`decide_knowing` does, and return the trace of the decision and the facts that it used."""
    try:
        _, facts = _settle(policy, message, box, facts)
        return trace_decision(policy, message, facts, datetime.now(UTC)), facts
    except ExchangeError:
        raise
    except Exception as error:
        return _held(error, message), facts


def _held(error: Exception, message: MeetingMessage) -> Trace:
    logger.error("event=not-decided item=%s error=%s", message.ref.key, type(error).__name__, exc_info=error)
    return held_for(f"deciding failed ({type(error).__name__}); the log of this process has the traceback")


def _settle(policy: Policy, message: MeetingMessage, box: OpenMailbox, facts: Facts) -> tuple[Decision, Facts]:
    reader, wanted = _FactReader(message, box, facts), set[Need]()
    while True:
        decision = decide(policy, message, reader.facts, datetime.now(UTC))
        if decision.final:
            return decision, reader.facts
        if decision.needs <= wanted:  # all were read, and some are still unknown
            reader.facts = replace(reader.facts, last_look=True)
        else:
            reader.read(decision.needs - wanted)
            wanted |= decision.needs


@dataclass(slots=True)
class _FactReader:
    """Reads facts about one message, and keeps those it has read."""

    message: MeetingMessage
    box: OpenMailbox
    facts: Facts
    _details: Details | None = field(default=None, init=False)

    def read(self, needs: Collection[Need]) -> None:
        """Read what is needed, and with any need but :attr:`Need.EVIDENCE` also the appointment."""
        if Need.EVIDENCE in needs:
            self.facts = replace(self.facts, begun=traces_of(self.message, self.box).begun)
            if len(needs) == 1:
                return
        view = self.facts.calendar or CalendarView(self.box.appointment(self.message))
        if Need.ATTENDEES in needs:
            self.facts = replace(self.facts, attendees=self.details().attendees)
        start, end = self.message.start, self.message.end
        if Need.SERIES_END in needs and start is not None and end is not None:
            found = series_end(start, end, self.details())
            self.facts = replace(self.facts, series_end=found.moment, unread=found.unread)
        if Need.BUSY_TIMES in needs:
            view = self._with_agenda(view)
        self.facts = replace(self.facts, calendar=view)

    def details(self) -> Details:
        """Return the details of the message, which are read only once."""
        if self._details is None:
            self._details = self.box.details(self.message)
        return self._details

    def _with_agenda(self, view: CalendarView) -> CalendarView:
        """Return the view with the agenda when the meeting takes place.

        Of a series or a meeting of years, only what is still ahead counts.
        """
        start, end, now = self.message.start, self.message.end, datetime.now(UTC)
        if start is None or end is None or end < start:
            return view
        if self.message.may_be_series:
            found = instances(start, end, self.details(), _later(max(start, now), HORIZON), now)
            self.facts = replace(self.facts, unread=found.unread or self.facts.unread)
        else:
            too_long = end - start >= WIDEST
            found = Instances(((max(start, now) if too_long and now < end else start, end),), complete=True)
        first = min((start for start, _ in found.times), default=now)
        last = max((end for _, end in found.times), default=first)
        # At least a minute: a meeting without length conflicts with nothing, but must lie within the agenda.
        agenda = self.box.busy(first, max(last, _later(first, _MINUTE)))
        return replace(view, agenda=agenda, times=found.times, complete=found.complete)


def _later(moment: datetime, by: timedelta) -> datetime:
    """Add to a moment, but not beyond the last moment that datetime can hold."""
    return moment + by if moment < NEVER - by else NEVER
