"""Which meeting a message speaks of, which occurrence of it, and in which edition.

Two messages with one uid may be about two occurrences of a series, each with a history of its own: an organizer who
moves two of them sends two requests with the same uid and the same sequence (RFC 5545, 3.8.4.4; RFC 5546, 3.2.2). So
what is compared is always one occurrence with the same occurrence, and the series as a whole with itself.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Self

from rsvpq.mail.addresses import comparable, lowered
from rsvpq.mail.calendar import same_meeting_key
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.persons import person_in
from rsvpq.mail.times import instant, written

#: The occurrence of a message that is about one and shows neither its original start nor a start: it may be any.
_UNTOLD = "at "
#: How far the day of an occurrence in its organizer's zone may be from the one in UTC.
_ZONES_APART = timedelta(days=1)
_DAY_LENGTH = len("20260307")


class MeetingKey(NamedTuple):
    """A meeting, or one occurrence of a series: the same for all messages about it."""

    meeting: str
    #: As :attr:`MeetingMessage.occurrence`; '' for a single meeting and for a series as a whole.
    occurrence: str

    @classmethod
    def of(cls, message: MeetingMessage) -> Self:
        """What the message is about; where it does not show its uid or which occurrence it means, its meeting is ''."""
        return cls("" if message.occurrence == _UNTOLD else same_meeting_key(message.uid), message.occurrence)

    @property
    def topic(self) -> str:
        """The key under which the ledger remembers it; '' where the meeting is not known."""
        return hashlib.sha256("\0".join(self).encode()).hexdigest()[:20] if self.meeting else ""


def topic_of(message: MeetingMessage) -> str:
    """The key under which the ledger remembers what it is about; of an answer our marker tells it, if it has one."""
    return message.topic or MeetingKey.of(message).topic


def organizer_of(message: MeetingMessage) -> str:
    """Whom a message names as the organizer, in the form in which that is compared; '' where it names nobody.

    A uid is known to all who are invited: a message about the same uid that names another organizer is about another
    meeting, and is no edition of this one.
    """
    address = person_in(message.organizer).address
    return comparable(address) or lowered(address or message.organizer.strip())


def answer_marker(item: str, request: MeetingMessage) -> str:
    """What the draft of an answer is marked with, and keeps when it is sent: whose it is, and what it is about."""
    return f"{item} {MeetingKey.of(request).topic}".strip()


@dataclass(frozen=True, slots=True)
class Version:
    """Which edition of a meeting something speaks of (RFC 5546, 2.1.5): by its sequence, then by its stamp."""

    sequence: int | None = None
    stamp: datetime | None = None

    @classmethod
    def of(cls, message: MeetingMessage) -> Self:
        """The version that a message carries."""
        return cls(message.sequence, message.stamp)

    def can_be_compared(self, other: "Version") -> bool:
        """Whether both show enough to say which is the older one."""
        return None not in {self.sequence, other.sequence} or None not in {self.stamp, other.stamp}

    def is_older_than(self, other: "Version") -> bool:
        """Whether this is certainly the older one; what is not known on both sides proves nothing."""
        if self.sequence is not None and other.sequence is not None and self.sequence != other.sequence:
            return self.sequence < other.sequence
        return self.stamp is not None and other.stamp is not None and self.stamp < other.stamp


#: The message was gone before anything was done: its edition is known, and nobody has answered it.
TAKEN_AWAY = "gone"
#: How many values the ledger keeps of an answer; and of how many organizers of one uid, besides the last, it keeps any.
_VALUES, _MOST_OTHERS = 7, 10


@dataclass(frozen=True, slots=True)
class Settled:
    """What an occurrence of a meeting has been answered with, or is being answered with.

    ``how`` is the verdict, or ``cancelled``, or :data:`TAKEN_AWAY`; ``item`` the identity of the message that was
    answered, '' where only Sent Items tells of it. ``start`` and ``end`` are as the message showed them, ``organizer``
    is as :func:`organizer_of` has it. ``others`` are those of who else has named himself as the organizer of the
    uid before: what one of them is answered makes nobody forget what another one was.
    """

    item: str
    how: str
    version: Version
    start: datetime | None = None
    end: datetime | None = None
    organizer: str = ""
    others: tuple[Self, ...] = ()

    @classmethod
    def by(cls, item: str, how: str, message: MeetingMessage) -> Self:
        """That the message is answered so."""
        return cls(item, how, Version.of(message), message.start, message.end, organizer_of(message))

    def to_text(self) -> str:
        """The value that is kept in the ledger; the inverse of :meth:`parse`."""
        # Left out where there are none: an empty list would come back from Lua as an object.
        return json.dumps([*self._values(), *([[one._values() for one in self.others]] if self.others else [])])

    def _values(self) -> list[str | int | None]:
        stamp = self.version.stamp.isoformat() if self.version.stamp else ""
        times = written(self.start), written(self.end)
        return [self.item, self.how, self.version.sequence, stamp, *times, self.organizer]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What :meth:`to_text` wrote; None for nothing, and for what another version may have written.

        Earlier versions did not keep the organizer, nor what others were answered.
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
        return cls(item, how, Version(sequence, instant(stamp)), instant(start), instant(end), "".join(organizer))

    @property
    def each(self) -> tuple[Self, ...]:
        """The last answer and what others were answered, each by itself."""
        return (replace(self, others=()), *self.others)

    @classmethod
    def of_each(cls, answers: Iterable[Self]) -> Self | None:
        """The inverse of :attr:`each`; None for none."""
        first, *others = (*answers, None)
        return first and replace(first, others=tuple(filter(None, others[:_MOST_OTHERS])))

    def of_organizer(self, organizer: str) -> Self | None:
        """What whoever names this one as the organizer was answered, as far as that can be told; None for nothing."""
        return next((one for one in self.each if not _certainly_differ(one.organizer, organizer)), None)

    def beside(self, before: Self | None) -> Self:
        """The same, with all that was known before and is certainly of other organizers."""
        known = before.each if before else ()
        kept = (one for one in known if _certainly_differ(one.organizer, self.organizer))
        return replace(self, others=tuple(kept)[:_MOST_OTHERS])

    def covers(self, message: MeetingMessage) -> bool:
        """Whether the message speaks of the same occurrence in an edition that was answered, or in an older one."""
        return self.covering(message) is not None

    def covering(self, message: MeetingMessage) -> Self | None:
        """The answer that covers the message; None where there is none."""
        return next((one for one in self.each if one._covers(message)), None)

    def _covers(self, message: MeetingMessage) -> bool:
        """The same of this one alone.

        Without sequences, and of what only Sent Items tells, editions are told apart by the time of the meeting as
        well: an answer may not show which occurrence it is to.
        """
        version = Version.of(message)
        if _certainly_differ(self.organizer, organizer_of(message)) or self.version.is_older_than(version):
            return False
        if version.is_older_than(self.version):
            return True
        if self.how == TAKEN_AWAY:
            return False
        if self.item and None not in {version.sequence, self.version.sequence}:
            return True
        times = (self.start, message.start), (self.end, message.end)
        return all(None in pair or pair[0] == pair[1] for pair in times)

    def is_newer_than(self, message: MeetingMessage) -> bool:
        """Whether it is certainly a newer edition than that of the message."""
        return Version.of(message).is_older_than(self.version)


def _certainly_differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def answers_another(answer: MeetingMessage, request: MeetingMessage) -> bool:
    """Whether an answer to a meeting is certainly to another occurrence or edition of it than the request's.

    An answer may show less than its request does: where its occurrence or its sequence is missing, its start tells it.
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
    """Whether something is about the wanted occurrence; None where what it shows does not tell.

    :param shown, wanted: as :attr:`MeetingMessage.occurrence`.
    """
    if shown == wanted:
        return None if wanted == _UNTOLD else True
    if not wanted:
        return False
    days = _day_of(shown), _day_of(wanted)
    if None in days:
        return None
    whole = _DAY_LENGTH not in {len(shown), len(wanted)}
    return False if whole or abs(days[0] - days[1]) > _ZONES_APART else None  # type: ignore[operator]  # no None left


def _day_of(occurrence: str) -> date | None:
    """The day of its original start; None where that is not known."""
    try:
        return datetime.strptime(occurrence[:_DAY_LENGTH], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
