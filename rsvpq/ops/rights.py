"""The result of probing many mailboxes: which the account can work, and what to do about the others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from shlex import quote
from typing import Any

from rsvpq.mail.messages import Mailbox
from rsvpq.text import counted


class MailboxRights(StrEnum):
    """What a probe of one mailbox found."""

    OK = "ok"
    #: The account has no rights on it.
    REFUSED = "refused"
    #: The server has no such mailbox.
    GONE = "gone"
    #: It can be read, except for its calendar.
    NO_CALENDAR = "no-calendar"
    #: Something else.
    FAILED = "failed"


_REMEDIES: Mapping[MailboxRights, str] = {
    MailboxRights.REFUSED: "give the account rights on it (docs/authentication.md, The account), then: "
    "rsvpq resume mailbox {name}",
    MailboxRights.GONE: "correct its name or its server in the list, or remove it from there",
    MailboxRights.NO_CALENDAR: "give the account access to its calendar: conflicts cannot be detected",
    MailboxRights.FAILED: "rsvpq doctor --mailbox {name}",
}


@dataclass(frozen=True, slots=True)
class ProbedMailbox:
    """A mailbox that was probed, what was found, why, and what to do about it."""

    mailbox: str
    server: str
    group: str
    result: MailboxRights
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ProbeSummary:
    """The results of many probes; ``unprobed`` is why others have none, by name."""

    probed: Sequence[ProbedMailbox]
    unprobed: Mapping[str, str]

    @property
    def results(self) -> dict[str, int]:
        """How many mailboxes have each result that occurs."""
        found = Counter(one.result for one in self.probed)
        return {str(result): found[result] for result in MailboxRights if found[result]}

    @property
    def failed(self) -> list[ProbedMailbox]:
        """The mailboxes that the account cannot work as it should, ordered by server, result and name."""
        failed = (one for one in self.probed if one.result is not MailboxRights.OK)
        return sorted(failed, key=lambda one: (one.server, one.result, one.mailbox.casefold()))

    @property
    def headline(self) -> str:
        """Say in one line what was found."""
        total = len(self.probed) + len(self.unprobed)
        ok = len(self.probed) - len(self.failed)
        found = {**self.results, **({"not probed": len(self.unprobed)} if self.unprobed else {})}
        results = ", ".join(f"{name} {count}" for name, count in found.items())
        return f"{ok} of {counted(total, 'mailbox')} can be worked: {results}"

    @property
    def exit_code(self) -> int:
        """0 if all can be worked, 1 if none can, 3 otherwise."""
        if not self.failed and not self.unprobed:
            return 0
        return 3 if len(self.failed) < len(self.probed) else 1

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy, with rows for the mailboxes that are not ok."""
        return {
            "exit_code": self.exit_code,
            "mailboxes": len(self.probed) + len(self.unprobed),
            "results": self.results,
            "rows": [asdict(one) for one in self.failed],
            "unprobed": dict(self.unprobed),
        }


def probed_mailbox(mailbox: Mailbox, found: Mapping[str, Any]) -> ProbedMailbox:
    """Return what a probe has reported, with the remedy; what this version does not know counts as failed."""
    known = {str(result): result for result in MailboxRights}
    result = known.get(str(found.get("result", "")), MailboxRights.FAILED)
    remedy = _REMEDIES.get(result, "").format(name=quote(mailbox.name))
    return ProbedMailbox(mailbox.name, mailbox.server, mailbox.group, result, str(found.get("reason", "")), remedy)
