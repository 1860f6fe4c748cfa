"""Values for mailboxes and meeting messages, independent of any protocol: a backend makes them from its server's."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self, get_args, get_type_hints


def instant(text: str) -> datetime | None:
    """Parse a time such as ``2007-12-30T05:16:11.844Z`` to UTC; a time without an offset is taken as UTC.

    :returns: None if the text is not a time, or one that Python cannot hold.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(moment: datetime | None) -> str:
    """Format a time for :func:`instant`, in UTC; '' for None.

    >>> written(datetime(2007, 12, 30, 5, 16, 11, 844000, UTC))
    '2007-12-30T05:16:11.844Z'
    """
    if moment is None:
        return ""
    digits = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=digits).replace("+00:00", "Z")


def may_be_series(recurring: bool | None, occurrence: str) -> bool:
    """Return whether a message or an appointment is about a whole series, or does not show that it is not.

    What is about one occurrence shows the times of that occurrence.

    :param recurring: None if it is not shown. :param occurrence: which occurrence it is about; '' for none.
    """
    return recurring is not False and not occurrence


class Kind(StrEnum):
    """The kind of a message."""

    REQUEST = "request"
    RESPONSE = "response"
    CANCELLATION = "cancellation"
    #: An answer of this mailbox itself, in Drafts or in Sent Items.
    ANSWER = "answer"
    TASK_REQUEST = "task-request"
    OTHER = "other"


class Sensitivity(StrEnum):
    """The sensitivity that a sender chose, from the lowest to the highest."""

    NORMAL = "normal"
    PERSONAL = "personal"
    PRIVATE = "private"
    CONFIDENTIAL = "confidential"

    @property
    def is_private(self) -> bool:
        """Whether it is private or confidential.

        Personal messages are not private: Exchange and Outlook show them to everybody who may see the mailbox.
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
    """A reference to an item of a mailbox.

    ``key`` is its identity and never changes. ``address`` is where its backend reaches it, and only the backend reads
    it; it may change, and may later be used for another item.
    """

    key: str
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """An answer that was begun, as our mark on its request says.

    :param identity: the item id.
    :param begun: when it was begun, by the worker's clock.
    :param before: the keys of drafts that existed before and could be mistaken for the answer: a person's.
    :param finished: whether everything was done.
    :param token: unique for each beginning, also across installations; '' in marks of earlier versions.
    """

    identity: str
    verdict: Verdict
    begun: datetime
    before: tuple[str, ...] = ()
    finished: bool = False
    token: str = ""

    @classmethod
    def now(cls, identity: str, verdict: Verdict, before: Collection[str] = (), token: str = "") -> Self:
        """Create the intent of an answer that begins now."""
        return cls(identity, verdict, datetime.now(UTC).replace(microsecond=0), tuple(before), token=token)

    def finish(self) -> Self:
        """Return the intent as it is once everything was done."""
        return replace(self, before=(), finished=True)


@dataclass(frozen=True, slots=True)
class MeetingMessage:
    """A meeting request, response, cancellation or answer, as it was when it was read.

    Texts are '' and times are None if the server does not show them; times are in UTC.
    """

    kind: Kind
    ref: ItemRef
    uid: str = ""
    subject: str = ""
    #: Usually ``"Name" <address>``.
    organizer: str = ""
    received: datetime | None = None
    response_requested: bool = True
    #: Whether the server shows it as processed, by a person or a program.
    processed: bool = False
    start: datetime | None = None
    end: datetime | None = None
    #: When the organizer made this edition of the meeting.
    stamp: datetime | None = None
    sequence: int | None = None
    #: Whether it is about a series or one of its occurrences; None if the server does not show it.
    recurring: bool | None = False
    #: Which occurrence of the series it is about: its original start such as ``20260307T090000Z``, or only the day in
    #: the organizer's time zone, or ``at`` and its current start; '' for a single meeting and for a whole series.
    occurrence: str = ""
    read: bool = False
    all_day: bool = False
    sensitivity: Sensitivity = Sensitivity.NORMAL
    #: What a response or an answer says; None for other kinds.
    reply: Verdict | None = None
    #: How this edition of a request was answered, by whomever, as the server shows; None if it shows no answer.
    answered: Verdict | None = None
    #: Who it was sent to, if the mailbox received it as a delegate; '' if it was sent to the mailbox's owner.
    received_for: str = ""
    #: The SMTP address of the mailbox's owner, who received it, in lower case.
    received_by: str = ""
    #: Whether it is from the owner of the mailbox; None if the server does not show it.
    own: bool | None = None
    #: The address in its From, if that is certainly not the organizer that it names.
    from_another: str = ""
    #: The addresses of its sender and of the person on whose behalf it was sent, without the organizer's and those of
    #: the directory (X.500).
    sent_by: tuple[str, ...] = ()
    #: Whether it is a response that proposes another time, which would be lost if the message were cleared.
    counter_proposal: bool = False
    #: Whether it is marked as replaced by a newer one, as informational only, or as one that a delegate answers.
    outdated: bool = False
    informational: bool = False
    for_delegate: bool = False
    #: Our mark on a request: the answer that was begun.
    intent: Intent | None = None
    #: Our mark on an answer: the identity of the request's item, and the topic under which the ledger remembers the
    #: meeting, because an answer may not show which meeting it is for.
    answers: str = ""
    topic: str = ""
    #: When it was created and last changed, by the server's clock; known for drafts and for messages that were read
    #: again.
    created: datetime | None = None
    modified: datetime | None = None
    #: The version of the item, for changing it only if nobody else has; '' if it is not known.
    etag: str = ""
    #: The names of texts that were too long to be kept, so that no decision can be based on them.
    overlong: str = ""
    #: The server's name for this type of message, for display.
    type_name: str = ""

    @property
    def may_be_series(self) -> bool:
        """Whether it may be about a whole series."""
        return may_be_series(self.recurring, self.occurrence)

    def identity(self, mailbox: Mailbox) -> str:
        """Return the item id (32 hex digits), equal for everybody who finds the message, and however often.

        It is the task id of every delivery, so Flower shows one row per message. The server is not part of it: mailbox
        names are unique over all servers, and the history of an item must survive the renaming of a server.
        """
        return self._digest(mailbox.name.casefold())

    def earlier_identity(self, mailbox: Mailbox) -> str:
        """Return the item id of earlier versions, which included the name of the server.

        Ledgers and marks that they wrote have this id.
        """
        return self._digest(mailbox.server, mailbox.name.casefold())

    def _digest(self, *where: str) -> str:
        return hashlib.sha256("\0".join((*where, self.ref.key)).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def to_payload(self) -> dict[str, Any]:
        """Return all values that differ from their defaults as a dict for JSON; the inverse of :meth:`from_payload`."""
        values = {column.name: (getattr(self, column.name), column.default) for column in fields(self)}
        return {name: _plain(value) for name, (value, default) in values.items() if value != default}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Rebuild a message from the dict of :meth:`to_payload`. Unknown keys, as of a later version, are ignored.

        :raises KeyError, TypeError, ValueError: the dict is invalid, which is possible because others can write to
            Redis.
        """
        known = {name: payload[name] for name in _TYPES if name in payload}
        for name, value in known.items():
            # Not isinstance: in Python a bool is an int too.
            if type(value) not in _TYPES[name]:
                raise TypeError(f"{name} has the wrong type {type(value).__name__}")
        return cls(**{name: _READERS[name](value) if name in _READERS else value for name, value in known.items()})


def is_private_payload(payload: Mapping[str, Any]) -> bool:
    """Return whether a payload, which may not be one of ours, is private. An invalid sensitivity counts as private.

    Earlier versions wrote the sensitivity as a number.
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
    return value


def _moment(text: str) -> datetime:
    moment = instant(text)
    if moment is None:
        raise ValueError(f"invalid time {text[:40]!r}")
    return moment


def _texts(values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("a list holds a value that is not a string")
    return tuple(values)


def _ref(values: list[Any]) -> ItemRef:
    key, *address = _texts(values)
    return ItemRef(key, tuple(address))


def _intent(values: list[Any]) -> Intent:
    identity, verdict, begun, finished, token, *before = values
    if type(finished) is not bool:
        raise TypeError("finished is not a boolean")
    identity, verdict, begun, token, *before = _texts([identity, verdict, begun, token, *before])
    return Intent(identity, Verdict(verdict), _moment(begun), tuple(before), finished, token)


#: How values other than strings, numbers and booleans are read from a payload.
_READERS: dict[str, Callable[[Any], Any]] = {
    "kind": Kind,
    "ref": _ref,
    **dict.fromkeys(("received", "start", "end", "stamp", "created", "modified"), _moment),
    "sensitivity": Sensitivity,
    "reply": Verdict,
    "answered": Verdict,
    "sent_by": _texts,
    "intent": _intent,
}
_WRITTEN: dict[str, tuple[type, ...]] = dict.fromkeys(_READERS, (str,)) | dict.fromkeys(
    ("ref", "sent_by", "intent"), (list,)
)
#: The allowed types of each value of a payload.
_TYPES: dict[str, tuple[type, ...]] = {
    name: _WRITTEN.get(name) or tuple(get_args(hint) or (hint,))
    for name, hint in get_type_hints(MeetingMessage).items()
}
