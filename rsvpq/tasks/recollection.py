"""What meetings were answered with, whichever message asked: the ledger knows, and where it has forgotten, the mailbox.

It is remembered for each meeting, and for each occurrence, for as long as an older edition or another copy may come.
Sent Items tell what was sent, and our markers what was only begun: the worker may have died with the ledger.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import floor

from rsvpq.lanes import Lanes, Memory, Start
from rsvpq.mail.drafts import HANDLED, can_be_of
from rsvpq.mail.editions import TAKEN_AWAY, Settled, Version, organizer_of, topic_of
from rsvpq.mail.errors import Transient, Unsettled
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox, Page, Place
from rsvpq.policy import Action, Decision
from rsvpq.tasks.journal import Journal

#: Beyond the age at which a message is left alone: clocks differ, and an answer is younger than its request.
_SLACK = timedelta(days=2)
#: The longest memory, whatever age of messages is allowed.
_LONGEST = timedelta(days=400)
#: How often a folder is read at most, until a reading shows nothing that the ones before it have not.
_READINGS = 3

logger = logging.getLogger(__name__)


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

    def at_start(self, start: Start, box: OpenMailbox, journal: Journal) -> str:
        """What a started item's meeting was settled with, as the ledger has it.

        What the ledger may have forgotten is looked up in the mailbox first, once for all of its items. That presses
        the server as a scan does, and takes the pace of this delivery: so the item comes again for its own work.

        :raises ExchangeError: as the client says; Unsettled where the mailbox was looked at.
        """
        if self.vouched(start.vouched_s):
            return start.memory
        found, unreadable = self._read(box, journal, Mailbox(start.mailbox, start.server))
        if unreadable:
            logger.warning("event=recollected-unreadable mailbox=%s rows=%d", start.mailbox, unreadable)
        told = {topic: one.to_text() for topic, one in found.items()}
        self.lanes.topics.remember(start.mailbox, told, self.kept_for.total_seconds(), unreadable=unreadable)
        raise Unsettled("what was answered before was read from the mailbox, for the ledger may not know all of it", 0)

    def vouched(self, back_s: float) -> bool:
        """Whether the ledger, which has forgotten nothing so far back, knows all answers that matter."""
        return back_s >= floor(self.kept_for.total_seconds())

    def in_mailbox(self, box: OpenMailbox, journal: Journal, mailbox: Mailbox | None = None) -> dict[str, Settled]:
        """The newest edition of each meeting to which the mailbox shows an answer, be it one only begun, by topic.

        :param mailbox: which it is: then a marker in the Inbox has to be that of the request that bears it.
        :raises ExchangeError: as the client says; Transient where it changed each time it was read.
        """
        return self._read(box, journal, mailbox)[0]

    def _read(self, box: OpenMailbox, journal: Journal, mailbox: Mailbox | None) -> tuple[dict[str, Settled], int]:
        """What :meth:`in_mailbox` says, and how many rows could not be read."""
        journal.intend("search")
        look = _Look(box, journal, mailbox, datetime.now(UTC) - self.kept_for)
        found: dict[str, Settled] = {}
        for message, settled in look.shown():
            topic = topic_of(message)
            known = found.get(topic)
            same = known and known.of_organizer(settled.organizer)
            if topic and (same is None or same.version.is_older_than(settled.version)):
                found[topic] = settled.beside(known)
        return found, look.unreadable

    def of_decision(self, item: str, message: MeetingMessage, decision: Decision, before: str) -> Memory | None:
        """What is to be remembered once it is begun to do what was decided; None where it settles no meeting.

        :param before: what :meth:`at_start` said.
        """
        if message.kind is Kind.RESPONSE:
            return None
        how = "cancelled" if decision.action is Action.PROCESS else str(decision.action)
        settled = Settled.by(item, how, message).beside(Settled.parse(before))
        return Memory(settled.to_text(), before, self.kept_for.total_seconds())

    def of_draft(self, item: str, draft: MeetingMessage, before: str) -> Memory | None:
        """What is to be remembered once an unsent answer is about to be sent; None where more than that is known.

        :param item: what sends it. :param before: what :meth:`at_start` said.
        """
        # An answer without our marker may not show which occurrence it is to: then its times tell, not the item.
        settled = _answered_by(item if draft.topic else "", draft)
        all_known = Settled.parse(before)
        known = all_known and all_known.of_organizer(settled.organizer)
        answered = known is not None and known.how != TAKEN_AWAY
        if known and answered and (known.item == item or settled.version.is_older_than(known.version)):
            return None
        return Memory(settled.beside(all_known).to_text(), before, self.kept_for.total_seconds())


@dataclass(slots=True)
class _Look:
    """One look through a mailbox.

    :param mailbox: which it is, if that is known. :param oldest: what was received before that is not remembered.
    """

    box: OpenMailbox
    journal: Journal
    mailbox: Mailbox | None
    oldest: datetime
    #: Rows that the server failed, or broke beyond reading.
    unreadable: int = 0

    def shown(self) -> Iterator[tuple[MeetingMessage, Settled]]:
        """Each answer that was sent or begun, with the message that shows it.

        In the order in which an answer goes its way: the mark on its request, Drafts, Sent Items. What somebody sends
        meanwhile is found before or after it has moved.
        """
        for place in HANDLED:
            for request in self._all_in(place, Kind.REQUEST):
                intent = request.intent
                # Of what was finished Sent Items tell, if anything was sent.
                if intent is None or (intent.finished and request.response_requested):
                    continue
                if self.mailbox is None or can_be_of(intent, request, self.mailbox, self.box):
                    yield request, Settled.by(intent.identity, str(intent.verdict), request)
        for draft in self._all_in(Place.DRAFTS, Kind.ANSWER):
            if draft.answers:
                yield draft, _answered_by(draft.answers, draft)
        for answer in self._all_in(Place.SENT, Kind.ANSWER):
            yield answer, _answered_by("", answer)

    def _all_in(self, place: Place, kind: Kind) -> Iterable[MeetingMessage]:
        """All that a folder shows.

        One that takes several pages, or has rows that cannot be read, is read again: rows shift between pages, and a
        server may fail a row once.

        :raises Transient: each reading has shown something new.
        """
        found: dict[str, MeetingMessage] = {}
        for reading in range(_READINGS):
            before, pages, unreadable = len(found), 0, 0
            for page in self._recent(place):
                pages, unreadable = pages + 1, unreadable + page.unreadable
                found |= {one.ref.key: one for one in page.messages if one.kind is kind}
            whole = pages <= 1 and not unreadable
            if whole or (reading and len(found) == before):
                self.unreadable += unreadable
                return found.values()
        raise Transient("the mailbox changed each time it was read for what was answered before")

    def _recent(self, place: Place) -> Iterator[Page]:
        """The pages of a place up to the first message from before the time that is remembered; of Drafts all."""
        for number, page in enumerate(self.box.messages_in(place)):
            if number:
                self.journal.note("recollected", number)
            old = (n for n, one in enumerate(page.messages) if one.received is not None and one.received < self.oldest)
            first_old = None if place is Place.DRAFTS else next(old, None)
            yield replace(page, messages=page.messages[:first_old])
            if first_old is not None:
                return


def _answered_by(item: str, answer: MeetingMessage) -> Settled:
    """What an answer tells; its stamp is not that of its request."""
    version = Version(answer.sequence)
    return Settled(item, str(answer.reply), version, answer.start, answer.end, organizer_of(answer))


def by_another(settled: Settled | None, item: str) -> Settled | None:
    """What a meeting was settled with, if that was through another message than that of the item."""
    return None if settled is None else Settled.of_each(one for one in settled.each if one.item != item)
