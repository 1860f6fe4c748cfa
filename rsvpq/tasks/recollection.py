"""Remember how meetings were settled, by whichever message: in the ledger or, if that has forgotten, from the mailbox.

This is remembered for each meeting, and for each occurrence, as long as an older edition or another copy may arrive.
Sent Items show what was sent, and our marks what was only begun, as the worker may have died with the ledger.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor

from rsvpq.lanes import Lanes, Memory, Start
from rsvpq.mail.drafts import HANDLED, can_be_of
from rsvpq.mail.editions import TAKEN_AWAY, Edition, Settled, organizer_of, topic_of
from rsvpq.mail.errors import Transient, Unsettled
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.mail.ports import OpenMailbox, Place
from rsvpq.policy import Action, Decision
from rsvpq.tasks.journal import Journal

#: Added to the maximum age of messages: clocks differ, and an answer is younger than its request.
_SLACK = timedelta(days=2)
#: The longest memory, however large the maximum age of messages is.
_LONGEST = timedelta(days=400)
#: How often a folder is read at most, until a reading shows nothing new.
_READINGS = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recollection:
    """The memory of one installation.

    :param max_age: the maximum age of messages that are acted on.
    """

    lanes: Lanes
    max_age: timedelta

    @property
    def kept_for(self) -> timedelta:
        """How long an answer is remembered."""
        return min(self.max_age + _SLACK, _LONGEST)

    def at_start(self, start: Start, box: OpenMailbox, journal: Journal) -> str:
        """Return how the meeting of a started item was settled, as the ledger has it.

        If the ledger may have forgotten something, the mailbox is read first, once for all of its items. That loads the
        server as a scan does, and uses up the pace of this delivery: so the item is released again for its own work.

        :raises Unsettled: the mailbox was read. :raises ExchangeError: it could not be read.
        """
        if self.vouched(start.vouched_s):
            return start.memory
        found, unreadable = self._read(box, journal, Mailbox(start.mailbox, start.server))
        if unreadable:
            logger.warning("event=recollected-unreadable rows=%d", unreadable)
        settled = {topic: one.to_text() for topic, one in found.items()}
        self.lanes.topics.remember(start.mailbox, settled, self.kept_for.total_seconds(), unreadable=unreadable)
        raise Unsettled("the mailbox was read for earlier answers, because the ledger may not have all of them", 0)

    def vouched(self, back_s: float) -> bool:
        """Return whether a ledger that has forgotten nothing for ``back_s`` seconds has all answers that matter."""
        return back_s >= floor(self.kept_for.total_seconds())

    def in_mailbox(self, box: OpenMailbox, journal: Journal, mailbox: Mailbox | None = None) -> dict[str, Settled]:
        """Return, by topic, the newest edition of each meeting whose answer the mailbox shows as sent or begun.

        :param mailbox: if given, a mark in the Inbox only counts on the request that it was written for.
        :raises Transient: the mailbox changed each time it was read. :raises ExchangeError: it could not be read.
        """
        return self._read(box, journal, mailbox)[0]

    def _read(self, box: OpenMailbox, journal: Journal, mailbox: Mailbox | None) -> tuple[dict[str, Settled], int]:
        """Return the result of :meth:`in_mailbox`, and how many rows could not be read."""
        journal.intend("search")
        reading = _Reading(box, journal, mailbox, datetime.now(UTC) - self.kept_for)
        found: dict[str, Settled] = {}
        for message, settled in reading.answers():
            topic = topic_of(message)
            known = found.get(topic)
            same = known and known.of_organizer(settled.organizer)
            if topic and (same is None or same.edition.is_older_than(settled.edition)):
                found[topic] = settled.beside(known)
        return found, reading.unreadable

    def of_decision(self, item: str, message: MeetingMessage, decision: Decision, before: str) -> Memory | None:
        """Return what to remember once the decision is being carried out; None if it settles no meeting.

        :param before: what :meth:`at_start` returned.
        """
        if message.kind is Kind.RESPONSE:
            return None
        how = "cancelled" if decision.action is Action.PROCESS else str(decision.action)
        settled = Settled.by(item, how, message).beside(Settled.parse(before))
        return Memory(settled.to_text(), before, self.kept_for.total_seconds())

    def of_draft(self, item: str, draft: MeetingMessage, before: str) -> Memory | None:
        """Return what to remember once an unsent answer is about to be sent; None if the ledger knows as much already.

        :param item: the item that sends it. :param before: what :meth:`at_start` returned.
        """
        # An answer without our mark may not show its occurrence: then it is compared by its times, not by the item.
        settled = _answered_by(item if draft.topic else "", draft)
        all_known = Settled.parse(before)
        known = all_known and all_known.of_organizer(settled.organizer)
        answered = known is not None and known.how != TAKEN_AWAY
        if known and answered and (known.item == item or settled.edition.is_older_than(known.edition)):
            return None
        return Memory(settled.beside(all_known).to_text(), before, self.kept_for.total_seconds())


@dataclass(slots=True)
class _Reading:
    """One reading of a mailbox for earlier answers.

    :param mailbox: as :meth:`Recollection.in_mailbox` takes it. :param oldest: messages received before it are ignored.
    """

    box: OpenMailbox
    journal: Journal
    mailbox: Mailbox | None
    oldest: datetime
    #: Rows that the server could not return, or that cannot be parsed.
    unreadable: int = 0

    def answers(self) -> Iterator[tuple[MeetingMessage, Settled]]:
        """Yield each answer that was sent or begun, with the message that shows it.

        The places are read in the order in which an answer passes them: the mark on its request, Drafts, Sent Items. So
        an answer that is sent meanwhile is found, before or after it has moved.
        """
        for place in HANDLED:
            for request in self._all_in(place, Kind.REQUEST):
                intent = request.intent
                # Finished answers that were sent are found in Sent Items.
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
        """Return all messages of one kind in a folder, up to the first that is too old; all of Drafts.

        A folder of several pages, or with unreadable rows, is read again: rows shift between pages, and a server may
        fail to return a row once.

        :raises Transient: each reading showed something new.
        """
        found: dict[str, MeetingMessage] = {}
        for reading in range(_READINGS):
            before, pages, unreadable = len(found), 0, 0
            for page in self.box.messages_in(place):
                if pages:
                    self.journal.note("recollected", pages)
                pages, unreadable = pages + 1, unreadable + page.unreadable
                old = enumerate(one.received is not None and one.received < self.oldest for one in page.messages)
                first_old = None if place is Place.DRAFTS else next((n for n, is_old in old if is_old), None)
                found |= {one.ref.key: one for one in page.messages[:first_old] if one.kind is kind}
                if first_old is not None:
                    break
            whole = pages <= 1 and not unreadable
            if whole or (reading and len(found) == before):
                self.unreadable += unreadable
                return found.values()
        raise Transient(f"the mailbox changed each of the {_READINGS} times it was read for earlier answers")


def _answered_by(item: str, answer: MeetingMessage) -> Settled:
    """Return what an answer settles; without its stamp, which is not that of its request."""
    edition = Edition(answer.sequence)
    return Settled(item, str(answer.reply), edition, answer.start, answer.end, organizer_of(answer))


def without_item(settled: Settled | None, item: str) -> Settled | None:
    """Return what was settled, without what this item itself has settled."""
    return None if settled is None else Settled.of_each(one for one in settled.each if one.item != item)
