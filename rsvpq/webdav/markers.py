"""What is written on a request before it is answered: the journal's copy in the mailbox, for when Redis is lost.

The store takes any property of any namespace (MSDN, "Defining Custom Properties"), so the request itself says that an
answer was begun, and the draft of the answer says which request it answers. Both markers stay in the mailbox; that of a
request which is left in its folder says in the end that all was done.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from rsvpq.mail.messages import Mailbox, MeetingMessage, Verdict

_FINISHED = "finished:"
#: No repl-uid begins so.
_BEGUN_BY = "begun:"


@dataclass(frozen=True, slots=True)
class Intent:
    """An answer that was begun.

    :param identity: the item it is. :param begun: when, by the worker's clock. :param token: tells this beginning from
        all others, of whatever installation; '' in markers of earlier versions. :param before: the repl-uids of drafts
        that were there before and could be mistaken for the answer: a person's. :param finished: whether all was done.
    """

    identity: str
    verdict: Verdict
    begun: datetime
    before: tuple[str, ...] = ()
    finished: bool = False
    token: str = ""

    @classmethod
    def now(cls, identity: str, verdict: Verdict, before: Collection[str], token: str = "") -> Self:
        """An answer that begins now."""
        return cls(identity, verdict, datetime.now(UTC), tuple(before), token=token)

    def finish(self) -> Self:
        """The same answer, once all was done."""
        return replace(self, before=(), finished=True)

    def can_be_of(self, request: MeetingMessage, mailbox: Mailbox, inbox: str) -> bool:
        """Whether the marker can be that of the request that bears it; one that was moved has another identity by now.

        :param inbox: the path of the mailbox's Inbox.
        """
        moved = not request.href.casefold().startswith(inbox.casefold() + "/")
        return moved or self.identity in {request.identity(mailbox), request.earlier_identity(mailbox)}

    def to_text(self) -> str:
        """The value of the marker."""
        moment = self.begun.strftime("%Y-%m-%dT%H:%M:%SZ")
        token = (_BEGUN_BY + self.token,) if self.token else ()
        return " ".join((self.identity, f"{_FINISHED * self.finished}{self.verdict}", moment, *token, *self.before))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The intent a marker tells; None for none, or for what is not our marker."""
        words = text.split()
        try:
            identity, verdict, moment, *before = words
            begun = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            finished = verdict.startswith(_FINISHED)
            token = before.pop(0).removeprefix(_BEGUN_BY) if before and before[0].startswith(_BEGUN_BY) else ""
            return cls(identity, Verdict(verdict.removeprefix(_FINISHED)), begun, tuple(before), finished, token)
        except ValueError:
            return None
