"""The nouns both sides speak of: mailboxes, meeting messages, what was decided and what came of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, get_args, get_type_hints


class Kind(StrEnum):
    """What a message in an Inbox asks of us, by its message class."""

    REQUEST = "request"
    RESPONSE = "response"
    CANCELLATION = "cancellation"
    TASK_REQUEST = "task-request"
    OTHER = "other"


#: By their number, as the store has them.
SENSITIVITIES = ("normal", "personal", "private", "confidential")


def is_private(sensitivity: int) -> bool:
    """Whether a message is private or confidential, or what a server may show beyond.

    Not what is marked as personal: Exchange and Outlook show that to whoever may see the rest.
    """
    return sensitivity >= SENSITIVITIES.index("private")


class Verdict(StrEnum):
    """What a request is answered with; the value is the command of Outlook Web Access."""

    ACCEPT = "accept"
    DECLINE = "decline"
    TENTATIVE = "tentative"

    @property
    def message_class(self) -> str:
        """The class of the answer, in lower case."""
        return _RESPONSE_CLASSES[list(Verdict).index(self)]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox to look after.

    ``name`` is the path segment below ``/exchange/`` (an alias or an SMTP address) and unique over all servers,
    whatever its case.
    """

    name: str
    server: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class MeetingMessage:
    """A meeting request, response or cancellation found in a mailbox: one row of the Inbox search.

    ``href`` is the path part of the server's href, byte for byte and still %-encoded; it may change or be reused, so
    the identity is ``rid`` (repl-uid), with the permanent URL as the fallback.
    """

    kind: Kind
    message_class: str
    href: str
    rid: str
    uid: str = ""
    subject: str = ""
    organizer: str = ""
    permanent_url: str = ""
    received: str = ""
    response_requested: bool = True
    processed: bool = False
    #: Times as the server writes them, in UTC: ``2007-12-30T05:16:11.844Z``; '' where it shows none.
    start: str = ""
    end: str = ""
    stamp: str = ""
    sequence: int | None = None
    #: Whether it is about a series or about one of its occurrences; None where the server does not show it.
    recurring: bool | None = False
    #: Which occurrence of the series it is about, by its original start: ``20260307T090000Z``, or only the day by its
    #: organizer's clock, or ``at`` and the start it has now; '' for a single meeting and for a series as a whole.
    occurrence: str = ""
    read: bool = False
    all_day: bool = False
    #: 0 normal, 1 personal, 2 private, 3 confidential.
    sensitivity: int = 0
    #: Whose copy this is, where the mailbox got it as a delegate; '' where it is its own.
    received_for: str = ""
    #: The SMTP address of who got it, the owner of the mailbox, in lower case; '' where the server shows none.
    received_by: str = ""
    #: Whether it is from the owner of the mailbox himself; None where the server does not show it.
    own: bool | None = None
    #: The address of whom it is from, where that is certainly another than the organizer that it names.
    from_another: str = ""
    #: The addresses of who sent it and on whose behalf, where they are neither the organizer's nor names of the
    #: directory; separated by blanks.
    sent_by: str = ""
    #: A response that proposes another time: lost for good if it is cleaned away.
    counter_proposal: bool = False
    #: PidLidMeetingType (MS-OXOCAL 2.2.6.5): 0x1 a first request, 0x10000 a full update, 0x20000 one that only informs,
    #: 0x80000 out of date, 0x100000 the copy of somebody whose delegate answers; None where the server shows none.
    meeting_type: int | None = None
    #: What the organizer wants it to show as: 0 free, 1 tentative, 2 busy, 3 out of office.
    intended_busy: int | None = None
    #: Our markers: on a request, that an answer was begun (:mod:`rsvpq.webdav.markers`); on a draft, the identity of
    #: the item that it belongs to. Both are empty where there is none.
    intent: str = ""
    answers: str = ""
    #: Beside it, what the ledger remembers that request's meeting by: an answer may not show which one it is to.
    topic: str = ""
    #: When a draft was created, by the server's clock; asked for in Drafts only.
    created: str = ""
    #: When a message was changed last, by the server's clock; asked for with those of one meeting, and before one is
    #: acted upon.
    modified: str = ""
    #: The tag of this version of it (DAV:getetag), where it is asked for: in Drafts, and before one is acted upon.
    tag: str = ""
    #: Which of its texts were too long to be kept, by the names of their properties: no decision can stand on them.
    overlong: str = ""

    @property
    def may_be_series(self) -> bool:
        """Whether it is about a series as a whole, or the server does not show that it is not.

        What is about one occurrence shows its own times.
        """
        return self.recurring is not False and not self.occurrence

    def is_answer(self, verdict: Verdict) -> bool:
        """Whether this is a response that says so."""
        name = self.message_class.casefold()
        return self.kind is Kind.RESPONSE and (name + ".").startswith(verdict.message_class + ".")

    @property
    def verdict(self) -> Verdict:
        """What a response says.

        :raises StopIteration: it is no response.
        """
        return next(verdict for verdict in Verdict if self.is_answer(verdict))

    def identity(self, mailbox: Mailbox) -> str:
        """The item identity (32 hex digits): the same for every copy of this row, whoever finds it and however often.

        It is the task id of every delivery, so Flower shows one row per message. The server is no part of it: a name of
        a mailbox is unique over all of them, and what was done or given up stays so when a server is renamed.
        """
        return self._digest(mailbox.name.casefold())

    def earlier_identity(self, mailbox: Mailbox) -> str:
        """The identity that earlier versions gave it: with the name of the server.

        A ledger that they have filled knows it by that, and a marker that they wrote names it so.
        """
        return self._digest(mailbox.server, mailbox.name.casefold())

    def _digest(self, *where: str) -> str:
        own = self.rid or self.permanent_url or self.href
        return hashlib.sha256("\0".join((*where, own)).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def to_payload(self) -> dict[str, Any]:
        """A JSON-ready copy of all that is not at its default; the inverse of :meth:`from_payload`."""
        values = {column.name: (getattr(self, column.name), column.default) for column in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Rebuild from :meth:`to_payload`'s dict; what else is in it is left out, for another version may write more.

        :raises KeyError, TypeError, ValueError: the dict is not such a copy: others may write to Redis.
        """
        known = {column.name: payload[column.name] for column in fields(cls) if column.name in payload}
        for name, types in _TYPES.items():
            # By its very type: to Python a truth value is a number too.
            if name in known and type(known[name]) not in types:
                raise TypeError(f"{name} is a {type(known[name]).__name__}")
        return cls(**{**known, "kind": Kind(payload["kind"])})


#: The types that each value of a payload may have; the kind is read by its name.
_TYPES: dict[str, tuple[type, ...]] = {
    name: tuple(arg for arg in (get_args(hint) or (hint,)))
    for name, hint in get_type_hints(MeetingMessage).items()
    if name != "kind"
}
#: In the order of :class:`Verdict`.
_RESPONSE_CLASSES = ("ipm.schedule.meeting.resp.pos", "ipm.schedule.meeting.resp.neg", "ipm.schedule.meeting.resp.tent")
_CLASS_KINDS = (
    ("ipm.schedule.meeting.request", Kind.REQUEST),
    *((name, Kind.RESPONSE) for name in _RESPONSE_CLASSES),
    ("ipm.schedule.meeting.canceled", Kind.CANCELLATION),
    ("ipm.taskrequest", Kind.TASK_REQUEST),
)
#: A report about a message carries its class with one of these endings; it is no request itself.
_REPORT_ENDINGS = (".ndr", ".dr", ".ipnrn", ".ipnnrn")


def kind_of(message_class: str) -> Kind:
    """The kind a message class stands for: compared without case, subclasses included, delivery reports excluded.

    >>> kind_of("IPM.Schedule.Meeting.Request.Contoso"), kind_of("IPM.Schedule.Meeting.Request.NDR")
    (<Kind.REQUEST: 'request'>, <Kind.OTHER: 'other'>)
    """
    name = message_class.casefold()
    if name.endswith(_REPORT_ENDINGS):
        return Kind.OTHER
    for prefix, kind in _CLASS_KINDS:
        if name == prefix or name.startswith(prefix + "."):
            return kind
    return Kind.OTHER


@dataclass(frozen=True, slots=True)
class Left:
    """That a message was left alone, and why: the code of the reason as it is counted.

    It is looked at again when the reason may have gone; a ``passing`` one may go by itself within minutes. What is
    ``on_hold`` waits for a person.
    """

    reason: str
    passing: bool = False
    on_hold: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an item: ``result`` is one of a few words that are counted, ``note`` a sentence for people."""

    result: str
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Where the message was left alone: why. A later scan offers it again.
    left: Left | None = None
    #: Whether nothing came of what was begun, for the message was gone: its other copies are not dealt with by that.
    undone: bool = False

    @property
    def left_alone(self) -> bool:
        """Whether nothing was done with the message, although it is there, or may be again."""
        return self.left is not None
