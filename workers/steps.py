"""Choose the next step of an answer that was begun: a pure function of what journal and mailbox show.

An answer has two effects and no transaction: OWA's command writes a draft, and a MOVE sends it. A worker may die before
or after each of them, an HTTP response may be lost, and a server may show its effect late. The function implements the
table of ``docs/reliability.md`` row by row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from rsvpq.mail.ports import AnswerState


class Step(StrEnum):
    """The next step of an answer; the values are those of the table."""

    #: Issue the command, for the first time or again.
    COMMAND = "give the command"
    #: Send the draft.
    SEND = "send the draft"
    #: Look again later: an effect may not show yet.
    WAIT = "wait, and look again"
    #: Only tidying up is left.
    FINISH = "finish"
    #: Nobody can tell what was done, and it is not guessed.
    UNKNOWN = "unknown: look again, then dead"


class RequestState(StrEnum):
    """The state of the request since the command."""

    UNTOUCHED = "untouched"
    #: Unread before the command, and read now: because of the command, or because a person looked at it.
    READ = "read since"
    #: The server flags it as answered (PR_MESSAGE_PROCESSED).
    PROCESSED = "processed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about an answer whose command was issued, or may have been."""

    #: Whether Sent Items has the answer, or the journal shows that it was sent.
    sent: bool = False
    #: Whether Drafts has the answer.
    draft: bool = False
    request: RequestState = RequestState.UNTOUCHED
    #: Whether the journal shows that the draft was about to be sent.
    sending: bool = False
    #: Whether the organizer requests a response.
    wanted: bool = True
    #: If no response is requested: whether the calendar shows that the command was carried out.
    booked: bool = False
    #: Whether enough time has passed since the command for its effect to show.
    settled: bool = True


def next_step(evidence: Evidence) -> Step:
    """Return the next step for this evidence."""
    if evidence.sent:
        return Step.FINISH
    if evidence.draft:
        return Step.SEND
    if evidence.sending:
        return Step.UNKNOWN
    if not evidence.wanted and (evidence.booked or evidence.request in {RequestState.PROCESSED, RequestState.GONE}):
        return Step.FINISH
    if not evidence.settled:
        return Step.WAIT
    repeatable = evidence.request is RequestState.UNTOUCHED or not evidence.wanted
    return Step.COMMAND if repeatable else Step.UNKNOWN


def next_step_at_once(state: AnswerState, *, settled: bool) -> Step:
    """Return the next step of an answer that is given in one step, as the second table of the page says."""
    if state is AnswerState.ANSWERED:
        return Step.FINISH
    if state is AnswerState.NOT_DONE:
        return Step.COMMAND if settled else Step.WAIT
    return Step.UNKNOWN


@dataclass(frozen=True, slots=True)
class Command:
    """A command as the journal has it.

    :param before: the keys of the drafts, and of the answers in Sent Items, that were there before the command.
    :param at_s: when it was last issued, by the ledger's clock, in seconds since the epoch.
    :param times: how often it was issued. :param read: whether the request was read before it.
    :param token: the token of the mark that was written on the request with it.
    """

    before: tuple[str, ...] = ()
    at_s: float = 0
    times: int = 1
    read: bool = False
    token: str = ""

    def to_fact(self) -> dict[str, Any]:
        """Return the fact that the journal stores."""
        at_s = round(self.at_s, 3)
        return {"before": list(self.before), "at": at_s, "times": self.times, "read": self.read, "token": self.token}

    @classmethod
    def parse(cls, fact: Mapping[str, Any] | list[str]) -> Self:
        """Read what :meth:`to_fact` returned; earlier versions stored only ``before``, or no token."""
        if isinstance(fact, list):
            return cls(tuple(fact))
        return cls(
            # Neither "before" nor "read" if the mailbox had another protocol then.
            before=tuple(fact.get("before", ())),
            at_s=fact["at"],
            times=fact["times"],
            read=fact.get("read", False),
            token=fact.get("token", ""),
        )
