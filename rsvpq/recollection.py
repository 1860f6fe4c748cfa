"""What meetings were answered with, whichever message asked: the ledger knows, and where it has forgotten, Sent Items.

It is remembered for each meeting, and for each occurrence, for as long as an older edition or another copy may come.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rsvpq.editions import MeetingKey, Settled, Version, instant
from rsvpq.exchange.client import MailboxClient
from rsvpq.journal import Journal
from rsvpq.lanes import Lanes, Memory, Start
from rsvpq.messages import Kind, MeetingMessage
from rsvpq.policy import Action, Decision

#: Beyond the age at which a message is left alone: clocks differ, and an answer is younger than its request.
_SLACK = timedelta(days=2)
#: The longest memory, whatever age of messages is allowed.
_LONGEST = timedelta(days=400)
#: Sent answers per step that keeps the lease.
_STEP = 100


@dataclass(frozen=True, slots=True)
class Recollection:
    """The memory of one installation.

    :param max_age: how old messages may be that are acted upon.
    """

    lanes: Lanes
    max_age: timedelta

    @property
    def kept_for(self) -> timedelta:
        """How long an answer is remembered."""
        return min(self.max_age + _SLACK, _LONGEST)

    def at_start(self, start: Start, message: MeetingMessage, box: MailboxClient, journal: Journal) -> str:
        """What a started item's meeting was settled with, as the ledger has it.

        What the ledger may have forgotten is looked up in the mailbox first, once for all of its items.

        :raises ExchangeError: as the client says.
        """
        if start.memory or start.vouched:
            return start.memory
        found = {topic: one.to_text() for topic, one in self.in_mailbox(box, journal).items()}
        self.lanes.remember(start.mailbox, found, self.kept_for.total_seconds())
        return found.get(MeetingKey.of(message).topic, "")

    def in_mailbox(self, box: MailboxClient, journal: Journal) -> dict[str, Settled]:
        """The newest answer to each meeting that Sent Items has, by topic.

        :raises ExchangeError: as the client says.
        """
        journal.intend("search")
        oldest = datetime.now(UTC) - self.kept_for
        found: dict[str, Settled] = {}
        for number, answer in enumerate(box.sent_responses(), start=1):
            if number % _STEP == 0:
                journal.note("recollected", number)
            sent = instant(answer.received)
            if sent is not None and sent < oldest:
                break
            # The stamp of an answer is not that of its request.
            settled = Settled("", str(answer.verdict), Version(answer.sequence), answer.start, answer.end)
            topic = MeetingKey.of(answer).topic
            if topic and (topic not in found or found[topic].version.is_older_than(settled.version)):
                found[topic] = settled
        return found

    def of_decision(self, item: str, message: MeetingMessage, decision: Decision, before: str) -> Memory | None:
        """What is to be remembered once it is begun to do what was decided; None where it settles no meeting.

        :param before: what :meth:`at_start` said.
        """
        if message.kind is Kind.RESPONSE:
            return None
        how = "cancelled" if decision.action is Action.PROCESS else str(decision.action)
        return Memory(Settled.by(item, how, message).to_text(), before, self.kept_for.total_seconds())


def by_another(text: str, item: str) -> Settled | None:
    """What a meeting was settled with through another message than that of the item."""
    settled = Settled.parse(text)
    return None if settled is None or settled.item == item else settled
