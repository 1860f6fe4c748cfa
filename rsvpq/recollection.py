"""What meetings were answered with, whichever message asked: the ledger knows, and where it has forgotten, the mailbox.

It is remembered for each meeting, and for each occurrence, for as long as an older edition or another copy may come.
Sent Items tell what was sent, and our markers what was only begun: the worker may have died with the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rsvpq.editions import MeetingKey, Settled, Version, instant, organizer_of
from rsvpq.exchange.client import HANDLED, MailboxClient
from rsvpq.exchange.errors import Unsettled
from rsvpq.intent import Intent
from rsvpq.journal import Journal
from rsvpq.lanes import Lanes, Memory, Start
from rsvpq.messages import Kind, Mailbox, MeetingMessage
from rsvpq.policy import Action, Decision

#: Beyond the age at which a message is left alone: clocks differ, and an answer is younger than its request.
_SLACK = timedelta(days=2)
#: The longest memory, whatever age of messages is allowed.
_LONGEST = timedelta(days=400)
#: Messages per step that keeps the lease.
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

    def at_start(self, start: Start, box: MailboxClient, journal: Journal) -> str:
        """What a started item's meeting was settled with, as the ledger has it.

        What the ledger may have forgotten is looked up in the mailbox first, once for all of its items. That presses
        the server as a scan does, and takes the pace of this delivery: so the item comes again for its own work.

        :raises ExchangeError: as the client says; Unsettled where the mailbox was looked at.
        """
        if start.vouched:
            return start.memory
        mailbox = Mailbox(start.mailbox, start.server)
        found = {topic: one.to_text() for topic, one in self.in_mailbox(box, journal, mailbox).items()}
        self.lanes.remember(start.mailbox, found, self.kept_for.total_seconds())
        raise Unsettled("what was answered before was read from the mailbox, for Redis was started anew", 0)

    def in_mailbox(self, box: MailboxClient, journal: Journal, mailbox: Mailbox | None = None) -> dict[str, Settled]:
        """The newest edition of each meeting to which the mailbox shows an answer, be it one only begun, by topic.

        :param mailbox: which it is: then a marker in the Inbox has to be that of the request that bears it.
        :raises ExchangeError: as the client says.
        """
        journal.intend("search")
        found: dict[str, Settled] = {}
        for message, settled in self._shown(box, journal, mailbox):
            topic = message.topic or MeetingKey.of(message).topic
            if topic and (topic not in found or found[topic].version.is_older_than(settled.version)):
                found[topic] = settled
        return found

    def _shown(
        self, box: MailboxClient, journal: Journal, mailbox: Mailbox | None
    ) -> Iterator[tuple[MeetingMessage, Settled]]:
        """Each answer that was sent or begun, with the message that shows it."""
        for answer in self._recent(box.sent_responses(), journal):
            yield answer, _answered_by("", answer)
        for draft in box.response_drafts():
            if draft.answers:
                yield draft, _answered_by(draft.answers, draft)
        for folder in HANDLED:
            for request in self._recent(box.requests_in(folder), journal):
                intent = Intent.parse(request.intent)
                # Of what was finished Sent Items tell, if anything was sent.
                if intent is None or (intent.finished and request.response_requested):
                    continue
                if mailbox is None or intent.can_be_of(request, mailbox, box.folders.inbox):
                    yield request, Settled.by(intent.identity, str(intent.verdict), request)

    def _recent(self, messages: Iterator[MeetingMessage], journal: Journal) -> Iterator[MeetingMessage]:
        """Those of the time that is remembered, of messages of which the newest comes first."""
        oldest = datetime.now(UTC) - self.kept_for
        for number, message in enumerate(messages, start=1):
            if number % _STEP == 0:
                journal.note("recollected", number)
            received = instant(message.received)
            if received is not None and received < oldest:
                return
            yield message

    def of_decision(self, item: str, message: MeetingMessage, decision: Decision, before: str) -> Memory | None:
        """What is to be remembered once it is begun to do what was decided; None where it settles no meeting.

        :param before: what :meth:`at_start` said.
        """
        if message.kind is Kind.RESPONSE:
            return None
        how = "cancelled" if decision.action is Action.PROCESS else str(decision.action)
        return Memory(Settled.by(item, how, message).to_text(), before, self.kept_for.total_seconds())


def _answered_by(item: str, answer: MeetingMessage) -> Settled:
    """What an answer tells; its stamp is not that of its request."""
    version = Version(answer.sequence)
    return Settled(item, str(answer.verdict), version, answer.start, answer.end, organizer_of(answer))


def by_another(text: str, item: str) -> Settled | None:
    """What a meeting was settled with through another message than that of the item."""
    settled = Settled.parse(text)
    return None if settled is None or settled.item == item else settled
