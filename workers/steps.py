"""What is done next about an answer that was begun: a pure function of what the journal and the mailbox show.

An answer has two effects and no transaction: OWA's command writes a draft, a MOVE sends it. A worker may die before or
after either, a reply may be lost, and a server may show what it has done only after a while. The rows of the function
are the table of ``docs/reliability.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Step(StrEnum):
    """What is to be done."""

    #: Give the command, for the first time or again.
    COMMAND = "give the command"
    #: Send the draft.
    SEND = "send the draft"
    #: Look again later: what was done may not show yet.
    WAIT = "wait, and look again"
    #: All is done but for tidying up.
    FINISH = "finish"
    #: It cannot be told what was done, and nothing is guessed.
    UNKNOWN = "unknown: look again, then dead"


class Shown(StrEnum):
    """How the request shows itself."""

    UNTOUCHED = "untouched"
    #: It was unread before the command, and is read now: by the command, or by a person who looked at it.
    READ = "read since"
    #: The server marks what was answered (PR_MESSAGE_PROCESSED).
    PROCESSED = "processed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an answer whose command was given, or may have been."""

    #: Whether Sent Items has the answer, or the journal says that it was sent.
    sent: bool = False
    draft: bool = False
    request: Shown = Shown.UNTOUCHED
    #: Whether a draft was about to be sent.
    sending: bool = False
    #: Whether the organizer asks for a response.
    wanted: bool = True
    #: Where no response is wanted: whether the calendar shows that the command was carried out.
    booked: bool = False
    #: Whether so much time has passed since the command that what it does would show.
    settled: bool = True


def next_step(evidence: Evidence) -> Step:
    """The one thing to do."""
    if evidence.sent:
        return Step.FINISH
    if evidence.draft:
        return Step.SEND
    if evidence.sending:
        return Step.UNKNOWN
    if not evidence.wanted and (evidence.booked or evidence.request in {Shown.PROCESSED, Shown.GONE}):
        return Step.FINISH
    if not evidence.settled:
        return Step.WAIT
    repeatable = evidence.request is Shown.UNTOUCHED or not evidence.wanted
    return Step.COMMAND if repeatable else Step.UNKNOWN


@dataclass(frozen=True, slots=True)
class Command:
    """What the journal tells of a command.

    :param before: the repl-uids of drafts, and of answers in Sent Items, that were there before. :param at_s: when it
        was given last, by the ledger's clock, in seconds since the epoch. :param times: how often it was given.
    :param read: whether the request was read before. :param token: of the marker that the request had from then on.
    """

    before: tuple[str, ...] = ()
    at_s: float = 0
    times: int = 1
    read: bool = False
    token: str = ""

    def to_fact(self) -> dict[str, Any]:
        """As the journal keeps it."""
        at_s = round(self.at_s, 3)
        return {"before": list(self.before), "at": at_s, "times": self.times, "read": self.read, "token": self.token}

    @classmethod
    def parse(cls, fact: Mapping[str, Any] | list[str]) -> Self:
        """What :meth:`to_fact` gave; earlier versions kept ``before`` alone, or no token."""
        if isinstance(fact, list):
            return cls(tuple(fact))
        return cls(tuple(fact["before"]), fact["at"], fact["times"], fact["read"], fact.get("token", ""))
