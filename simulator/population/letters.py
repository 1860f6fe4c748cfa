"""Messages as they are made up: who writes what to the owner of a mailbox.

Knows no folder and no mailbox; `simulator.population.populate` delivers what is written here.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from simulator.population.vocabulary import (
    EXTERNAL_DOMAINS,
    FAMILY_NAMES,
    GIVEN_NAMES,
    LOCATIONS,
    RECURRENCES,
    SUBJECTS,
)
from simulator.world.answering import REQUEST_CLASS, RESPONSE_CLASS
from simulator.world.content_classes import TASK_REQUEST_CLASS, content_class_of
from simulator.world.directory import INTERNAL_DOMAIN
from simulator.world.messages import Meeting, Message, Person
from simulator.world.tally import Kind

#: Classes a client may not know; the search for calendar messages returns them all the same.
_OTHER_CLASSES = ("IPM.Schedule.Meeting.Notification.Forward", "IPM.Schedule.Meeting.Request.NDR")
_RESPONSE_SUFFIXES = ("Pos", "Pos", "Neg", "Tent")

#: Shares of the messages that carry one of the traps.
_UNREQUESTED_SHARE = 0.05
_UPDATE_SHARE = 0.04
_EXTERNAL_SHARE = 0.1
_PRIVATE_SHARE = 0.03
_DELEGATE_SHARE = 0.02
_RECURRING_SHARE = 0.1
#: The share of subjects that are one of the short list as it stands, and so meet their like in one folder.
_BARE_SUBJECT_SHARE = 0.4

#: Meetings lie between these days from the date of the world: most of them ahead, some over.
_FIRST_DAY, _LAST_DAY = -10, 60


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way to the Inbox."""

    kind: Kind
    message: Message


class Writer:
    """Makes up what others send to one person."""

    def __init__(self, chance: Random, owner: Person, today: datetime) -> None:
        self._chance = chance
        self._owner = owner
        self._today = today
        self._requests: list[Message] = []

    def letters(self, counts: dict[Kind, int]) -> list[Letter]:
        """Return this many letters of each kind, in the order in which they were sent."""
        kinds = [kind for kind, number in counts.items() for _ in range(number)]
        self._chance.shuffle(kinds)
        return [Letter(kind, self._write(kind)) for kind in kinds]

    def _write(self, kind: Kind) -> Message:
        match kind:
            case Kind.REQUEST:
                return self._request()
            case Kind.RESPONSE:
                message_class = RESPONSE_CLASS + self._chance.choice(_RESPONSE_SUFFIXES)
                return self._about_meeting(message_class, "REPLY", somebody(self._chance), self._owner)
            case Kind.CANCELLATION:
                organizer = somebody(self._chance)
                return self._about_meeting("IPM.Schedule.Meeting.Canceled", "CANCEL", organizer, organizer)
            case Kind.TASK_REQUEST:
                return self._message(TASK_REQUEST_CLASS, somebody(self._chance))
            case Kind.OTHER:
                return self._message(self._chance.choice(_OTHER_CLASSES), somebody(self._chance))
            case _:
                return self._message("IPM.Note", somebody(self._chance))

    def _request(self) -> Message:
        if self._requests and self._chance.random() < _UPDATE_SHARE:
            request = _update(self._chance.choice(self._requests))
        else:
            organizer = somebody(self._chance)
            request = self._about_meeting(REQUEST_CLASS, "REQUEST", organizer, organizer)
        self._requests.append(request)
        return request

    def _about_meeting(self, message_class: str, method: str, sender: Person, organizer: Person) -> Message:
        chance = self._chance
        message = self._message(message_class, sender)
        start = self._today + timedelta(
            days=chance.randint(_FIRST_DAY, _LAST_DAY), minutes=30 * chance.randrange(14, 36)
        )
        message.meeting = Meeting(
            uid=self._uid(),
            organizer=organizer,
            start=start,
            end=start + timedelta(minutes=30 * chance.randint(1, 4)),
            location=chance.choice(LOCATIONS),
            method=method,
            response_requested=chance.random() >= _UNREQUESTED_SHARE,
            rrule=chance.choice(RECURRENCES) if chance.random() < _RECURRING_SHARE else None,
        )
        message.private = chance.random() < _PRIVATE_SHARE
        if method == "REQUEST" and chance.random() < _DELEGATE_SHARE:
            message.received_for = somebody(self._chance)
        return message

    def _message(self, message_class: str, sender: Person) -> Message:
        content_class, subject = content_class_of(message_class), self._subject()
        return Message(message_class, content_class, subject, sender, self._owner, self._today)

    def _subject(self) -> str:
        subject = self._chance.choice(SUBJECTS)
        if self._chance.random() < _BARE_SUBJECT_SHARE:
            return subject
        return f"{subject} {self._chance.randrange(1000)}".strip()

    def _uid(self) -> str:
        # The global object id of Outlook in hex (MS-OXOCAL 2.2.1.27): class id, no instance date, 16 bytes of its own.
        return f"040000008200E00074C5B7101A82E00800000000{'0' * 32}10000000{self._chance.getrandbits(128):032X}"


def somebody(chance: Random) -> Person:
    """Return a person without a mailbox in this world."""
    number = chance.randrange(500)
    outside = chance.random() < _EXTERNAL_SHARE
    domain = chance.choice(EXTERNAL_DOMAINS) if outside else INTERNAL_DOMAIN
    return Person(f"{chance.choice(GIVEN_NAMES)} {chance.choice(FAMILY_NAMES)}", f"person{number}@{domain}")


def _update(request: Message) -> Message:
    """Return the same meeting an hour later: same uid, next sequence."""
    old = request.meeting
    if old is None:
        return request
    hour = timedelta(hours=1)
    meeting = replace(old, sequence=old.sequence + 1, start=old.start + hour, end=old.end + hour)
    return replace(request, meeting=meeting)
