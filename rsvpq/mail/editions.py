"""Identify the meeting, the occurrence and the edition that a message is about.

Two messages with one uid may be about two occurrences of a series, each with a history of its own: an organizer who
moves two of them sends two requests with the same uid and the same sequence (RFC 5545, 3.8.4.4; RFC 5546, 3.2.2). So
editions of an occurrence are only compared with those of the same occurrence, and editions of a series with those of
the series.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Self

from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.messages import MeetingMessage, instant, written
from rsvpq.mail.persons import comparable, lowered, person_in

#: The occurrence of a message that is about one but shows no start of it: it may be any.
_UNKNOWN_OCCURRENCE = "at "
#: How far the day of an occurrence in its organizer's time zone may be from the day in UTC.
_ZONES_APART = timedelta(days=1)
_DAY_LENGTH = len("20260307")


class MeetingKey(NamedTuple):
    """A meeting, or one occurrence of a series: equal for all messages about it."""

    meeting: str
    #: As :attr:`MeetingMessage.occurrence`; '' for a single meeting and for a whole series.
    occurrence: str

    @classmethod
    def of(cls, message: MeetingMessage) -> Self:
        """Return what the message is about. ``meeting`` is '' if it does not show its uid or its occurrence."""
        unknown = message.occurrence == _UNKNOWN_OCCURRENCE
        return cls("" if unknown else same_meeting_key(message.uid), message.occurrence)

    @property
    def topic(self) -> str:
        """The key under which the ledger remembers it (20 hex digits); '' if the meeting is not known."""
        return hashlib.sha256("\0".join(self).encode()).hexdigest()[:20] if self.meeting else ""


def topic_of(message: MeetingMessage) -> str:
    """Return the key under which the ledger remembers what a message is about; for an answer, from our mark if any."""
    return message.topic or MeetingKey.of(message).topic


def organizer_of(message: MeetingMessage) -> str:
    """Return the organizer that a message names, in comparable form; '' if it names none.

    All attendees know the uid of a meeting. So a message with the same uid but another organizer is about another
    meeting, and is not an edition of this one.
    """
    address = person_in(message.organizer).address
    return comparable(address) or lowered(address or message.organizer.strip())


def answer_marker(item: str, request: MeetingMessage) -> str:
    """Return the mark for the draft of an answer, which it keeps when it is sent: the item id and the topic."""
    return f"{item} {MeetingKey.of(request).topic}".strip()


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition of a meeting, ordered by sequence, then by stamp (RFC 5546, 2.1.5)."""

    sequence: int | None = None
    stamp: datetime | None = None

    @classmethod
    def of(cls, message: MeetingMessage) -> Self:
        """Return the edition that a message is about."""
        return cls(message.sequence, message.stamp)

    def can_be_compared(self, other: "Edition") -> bool:
        """Return whether both have a sequence, or both have a stamp."""
        return None not in {self.sequence, other.sequence} or None not in {self.stamp, other.stamp}

    def is_older_than(self, other: "Edition") -> bool:
        """Return whether this edition is certainly older. Values that only one of the two has are not compared."""
        if self.sequence is not None and other.sequence is not None and self.sequence != other.sequence:
            return self.sequence < other.sequence
        return self.stamp is not None and other.stamp is not None and self.stamp < other.stamp


#: The message was gone before anything was done: its edition is known, and we did not answer it.
TAKEN_AWAY = "gone"
#: How many values the ledger keeps of an answer, and for how many organizers of one uid besides the last.
_VALUES, _MOST_OTHERS = 7, 10


@dataclass(frozen=True, slots=True)
class Settled:
    """What an occurrence of a meeting was answered with, or is being answered with.

    ``how`` is the verdict, or ``cancelled``, or :data:`TAKEN_AWAY`; ``item`` is the identity of the message that was
    answered, '' if it is known from Sent Items only. ``start`` and ``end`` are those of the message, ``organizer`` is
    its :func:`organizer_of`. ``others`` are earlier answers to messages with the same uid but other organizers, so that
    an answer to one organizer does not replace the record of an answer to another.
    """

    item: str
    how: str
    edition: Edition
    start: datetime | None = None
    end: datetime | None = None
    organizer: str = ""
    others: tuple[Self, ...] = ()

    @classmethod
    def by(cls, item: str, how: str, message: MeetingMessage) -> Self:
        """Return the entry for a message that is answered this way."""
        return cls(item, how, Edition.of(message), message.start, message.end, organizer_of(message))

    def to_text(self) -> str:
        """Serialize to the value that the ledger keeps; the inverse of :meth:`parse`."""
        # The list of others is left out if it is empty: Lua would return an empty list as an object.
        return json.dumps([*self._values(), *([[one._values() for one in self.others]] if self.others else [])])

    def _values(self) -> list[str | int | None]:
        stamp = self.edition.stamp.isoformat() if self.edition.stamp else ""
        times = written(self.start), written(self.end)
        return [self.item, self.how, self.edition.sequence, stamp, *times, self.organizer]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse what :meth:`to_text` wrote; None for an empty text, or one that another version of rsvpq wrote.

        Texts without the organizer and the answers to others are read too: earlier versions did not keep these.
        """
        try:
            values = json.loads(text)
            others = tuple(map(cls._of_values, values[_VALUES:][0][:_MOST_OTHERS])) if values[_VALUES:] else ()
            return replace(cls._of_values(values[:_VALUES]), others=others)
        except (ValueError, TypeError, LookupError):
            return None

    @classmethod
    def _of_values(cls, values: list[Any]) -> Self:
        item, how, sequence, stamp, start, end, *organizer = values
        return cls(item, how, Edition(sequence, instant(stamp)), instant(start), instant(end), "".join(organizer))

    @property
    def each(self) -> tuple[Self, ...]:
        """The last answer and the answers to others, each as an entry without others."""
        return (replace(self, others=()), *self.others)

    @classmethod
    def of_each(cls, answers: Iterable[Self]) -> Self | None:
        """Combine entries to one, the first being the last answer; the inverse of :attr:`each`. None for no entries."""
        first, *others = (*answers, None)
        return first and replace(first, others=tuple(filter(None, others[:_MOST_OTHERS])))

    def of_organizer(self, organizer: str) -> Self | None:
        """Return the answer to a meeting of this organizer, or of one that may be the same; None if there is none."""
        return next((one for one in self.each if not _certainly_differ(one.organizer, organizer)), None)

    def beside(self, before: Self | None) -> Self:
        """Return a copy that also keeps the earlier answers to certainly other organizers."""
        known = before.each if before else ()
        kept = (one for one in known if _certainly_differ(one.organizer, self.organizer))
        return replace(self, others=tuple(kept)[:_MOST_OTHERS])

    def covering(self, message: MeetingMessage) -> Self | None:
        """Return the answer to the edition that the message is about, or to a newer one; None if there is none."""
        return next((one for one in self.each if one._covers(message)), None)

    def _covers(self, message: MeetingMessage) -> bool:
        """Return whether this answer, without the others, covers the message.

        If a sequence is missing, or the answer is known from Sent Items only, the times of the meeting must also be
        equal: such an answer may not show which occurrence it is for.
        """
        edition = Edition.of(message)
        if _certainly_differ(self.organizer, organizer_of(message)) or self.edition.is_older_than(edition):
            return False
        if edition.is_older_than(self.edition):
            return True
        if self.how == TAKEN_AWAY:
            return False
        if self.item and None not in {edition.sequence, self.edition.sequence}:
            return True
        times = (self.start, message.start), (self.end, message.end)
        return all(None in pair or pair[0] == pair[1] for pair in times)

    def is_newer_than(self, message: MeetingMessage) -> bool:
        """Return whether the answered edition is certainly newer than that of the message."""
        return Edition.of(message).is_older_than(self.edition)


def _certainly_differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def answers_another(answer: MeetingMessage, request: MeetingMessage) -> bool:
    """Return whether an answer is certainly to another occurrence or edition of the meeting than the request.

    An answer may show less than its request. If its occurrence or sequence is missing, the starts are compared.
    """
    numbered = None not in {answer.sequence, request.sequence}
    same = same_occurrence(answer.occurrence, request.occurrence)
    if same is False or (numbered and answer.sequence != request.sequence):
        return True
    if same and numbered:
        return False
    starts = answer.start, request.start
    return None not in starts and starts[0] != starts[1]


def same_occurrence(shown: str, wanted: str) -> bool | None:
    """Return whether both are the same occurrence; None if that is not known.

    :param shown, wanted: as :attr:`MeetingMessage.occurrence`.
    """
    if shown == wanted:
        return None if wanted == _UNKNOWN_OCCURRENCE else True
    if not wanted:
        return False
    days = _day_of(shown), _day_of(wanted)
    if None in days:
        return None
    whole = _DAY_LENGTH not in {len(shown), len(wanted)}
    return False if whole or abs(days[0] - days[1]) > _ZONES_APART else None  # type: ignore[operator]  # no None left


def _day_of(occurrence: str) -> date | None:
    """Return the day of the original start; None if that is not known."""
    try:
        return datetime.strptime(occurrence[:_DAY_LENGTH], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
