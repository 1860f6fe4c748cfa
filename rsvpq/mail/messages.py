"""The values that everything speaks of: mailboxes and meeting messages.

They are in no protocol's words: a backend makes them from what its server shows.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self, get_args, get_type_hints

from rsvpq.mail.times import instant, written


class Kind(StrEnum):
    """What a message is."""

    REQUEST = "request"
    RESPONSE = "response"
    CANCELLATION = "cancellation"
    #: An answer of this mailbox itself, in Drafts or in Sent Items.
    ANSWER = "answer"
    TASK_REQUEST = "task-request"
    OTHER = "other"


class Sensitivity(StrEnum):
    """How far the sender wants a message to be seen, the least first."""

    NORMAL = "normal"
    PERSONAL = "personal"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"

    @property
    def is_private(self) -> bool:
        """Whether it is private or confidential.

        Not what is marked as personal: Exchange and Outlook show that to whoever may see the rest.
        """
        return self in (Sensitivity.PRIVATE, Sensitivity.CONFIDENTIAL)


class Verdict(StrEnum):
    """What a request is answered with."""

    ACCEPT = "accept"
    DECLINE = "decline"
    TENTATIVE = "tentative"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox to look after.

    ``name`` is an alias or an SMTP address, and unique over all servers, whatever its case.
    """

    name: str
    server: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class ItemRef:
    """One item of a mailbox.

    ``key`` is its identity for good. ``address`` is where its backend reaches it, for nobody else to read; it may
    change, or be used again for another item.
    """

    key: str
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """An answer that was begun, as our mark on its request has it.

    :param identity: the item it is. :param begun: when, by the worker's clock. :param token: tells this beginning from
        all others, of whatever installation; '' in marks of earlier versions. :param before: the keys of drafts that
        were there before and could be mistaken for the answer: a person's. :param finished: whether all was done.
    """

    identity: str
    verdict: Verdict
    begun: datetime
    before: tuple[str, ...] = ()
    finished: bool = False
    token: str = ""

    @classmethod
    def now(cls, identity: str, verdict: Verdict, before: Collection[str] = (), token: str = "") -> Self:
        """Make that of an answer that begins now."""
        return cls(identity, verdict, datetime.now(UTC).replace(microsecond=0), tuple(before), token=token)

    def finish(self) -> Self:
        """The same answer, once all was done."""
        return replace(self, before=(), finished=True)


@dataclass(frozen=True, slots=True)
class MeetingMessage:
    """A meeting request, response, cancellation or answer, as it was when it was read.

    Texts are '' and times are None where the server shows none; times are in UTC.
    """

    kind: Kind
    ref: ItemRef
    uid: str = ""
    subject: str = ""
    #: Mostly ``"Name" <address>``.
    organizer: str = ""
    received: datetime | None = None
    response_requested: bool = True
    #: Whether the server, or somebody, has marked it as dealt with.
    processed: bool = False
    start: datetime | None = None
    end: datetime | None = None
    #: When the organizer made this edition of the meeting.
    stamp: datetime | None = None
    sequence: int | None = None
    #: Whether it is about a series or about one of its occurrences; None where the server does not show it.
    recurring: bool | None = False
    #: Which occurrence of the series it is about, by its original start: ``20260307T090000Z``, or only the day by its
    #: organizer's clock, or ``at`` and the start it has now; '' for a single meeting and for a series as a whole.
    occurrence: str = ""
    read: bool = False
    all_day: bool = False
    sensitivity: Sensitivity = Sensitivity.NORMAL
    #: What a response or an answer says; None for what is neither.
    reply: Verdict | None = None
    #: Whose copy this is, where the mailbox got it as a delegate; '' where it is its own.
    received_for: str = ""
    #: The SMTP address of who got it, the owner of the mailbox, in lower case.
    received_by: str = ""
    #: Whether it is from the owner of the mailbox himself; None where the server does not show it.
    own: bool | None = None
    #: The address of whom it is from, where that is certainly another than the organizer that it names.
    from_another: str = ""
    #: The addresses of who sent it and on whose behalf, where they are neither the organizer's nor names of the
    #: directory.
    sent_by: tuple[str, ...] = ()
    #: A response that proposes another time: lost for good if it is cleaned away.
    counter_proposal: bool = False
    #: Whether it says itself that there is a newer one; that it only informs; that a delegate is to answer it.
    outdated: bool = False
    informational: bool = False
    for_delegate: bool = False
    #: Our mark on a request: the answer that was begun.
    intent: Intent | None = None
    #: Our mark on an answer: the identity of the item that it belongs to, and what the ledger remembers that request's
    #: meeting by, for an answer may not show which one it is to.
    answers: str = ""
    topic: str = ""
    #: When it was created and changed last, by the server's clock; known of drafts, and of what was read again.
    created: datetime | None = None
    modified: datetime | None = None
    #: Tells this state of the item from any other, for changing it only if nobody else has; '' where it is not known.
    etag: str = ""
    #: Which of its texts were too long to be kept: no decision can stand on them.
    overlong: str = ""
    #: What its server calls this type of message, for people.
    type_name: str = ""

    @property
    def may_be_series(self) -> bool:
        """Whether it is about a series as a whole, or the server does not show that it is not.

        What is about one occurrence shows its own times.
        """
        return self.recurring is not False and not self.occurrence

    def identity(self, mailbox: Mailbox) -> str:
        """Name the item (32 hex digits): the same for every copy of this row, whoever finds it and however often.

        It is the task id of every delivery, so Flower shows one row per message. The server is no part of it: a name of
        a mailbox is unique over all of them, and what was done or given up stays so when a server is renamed.
        """
        return self._digest(mailbox.name.casefold())

    def earlier_identity(self, mailbox: Mailbox) -> str:
        """Name it as earlier versions did: with the name of the server.

        A ledger that they have filled knows it by that, and a mark that they wrote names it so.
        """
        return self._digest(mailbox.server, mailbox.name.casefold())

    def _digest(self, *where: str) -> str:
        return hashlib.sha256("\0".join((*where, self.ref.key)).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def to_payload(self) -> dict[str, Any]:
        """Copy all that is not at its default, ready for JSON; the inverse of :meth:`from_payload`."""
        values = {column.name: (getattr(self, column.name), column.default) for column in fields(self)}
        return {name: _plain(value) for name, (value, default) in values.items() if value != default}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Rebuild from :meth:`to_payload`'s dict; what else is in it is left out, for another version may write more.

        :raises KeyError, TypeError, ValueError: the dict is not such a copy: others may write to Redis.
        """
        known = {name: payload[name] for name in _TYPES if name in payload}
        for name, value in known.items():
            # By its very type: to Python a truth value is a number too.
            if type(value) not in _TYPES[name]:
                raise TypeError(f"{name} is a {type(value).__name__}")
        return cls(**{name: _READERS[name](value) if name in _READERS else value for name, value in known.items()})


def is_private_payload(payload: Mapping[str, Any]) -> bool:
    """Whether a message that need not be one of ours is private; what shows anything but a sensitivity is.

    Earlier versions wrote its number.
    """
    shown, known = payload.get("sensitivity", Sensitivity.NORMAL), dict(enumerate(Sensitivity))
    try:
        return Sensitivity(known.get(shown, shown)).is_private
    except (ValueError, TypeError):
        return True


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return written(value)
        case StrEnum():
            return str(value)
        case ItemRef():
            return [value.key, *value.address]
        case Intent():
            begun = written(value.begun)
            return [value.identity, str(value.verdict), begun, value.finished, value.token, *value.before]
        case tuple():
            return list(value)
        case StrEnum():
            return str(value)
    return value


def _moment(text: str) -> datetime:
    moment = instant(text)
    if moment is None:
        raise ValueError(f"{text[:40]!r} is no time")
    return moment


def _texts(values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("a list holds what is no text")
    return tuple(values)


def _ref(values: list[Any]) -> ItemRef:
    key, *address = _texts(values)
    return ItemRef(key, tuple(address))


def _intent(values: list[Any]) -> Intent:
    identity, verdict, begun, finished, token, *before = values
    if type(finished) is not bool:
        raise TypeError("finished is no truth value")
    identity, verdict, begun, token, *before = _texts([identity, verdict, begun, token, *before])
    return Intent(identity, Verdict(verdict), _moment(begun), tuple(before), finished, token)


#: How what is no text, number or truth value is read from a payload.
_READERS: dict[str, Callable[[Any], Any]] = {
    "kind": Kind,
    "ref": _ref,
    **dict.fromkeys(("received", "start", "end", "stamp", "created", "modified"), _moment),
    "sensitivity": Sensitivity,
    "reply": Verdict,
    "sent_by": _texts,
    "intent": _intent,
}
_WRITTEN: dict[str, tuple[type, ...]] = dict.fromkeys(_READERS, (str,)) | dict.fromkeys(
    ("ref", "sent_by", "intent"), (list,)
)
#: The types that each value of a payload may have.
_TYPES: dict[str, tuple[type, ...]] = {
    name: _WRITTEN.get(name) or tuple(get_args(hint) or (hint,))
    for name, hint in get_type_hints(MeetingMessage).items()
}
