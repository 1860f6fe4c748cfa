"""What a dry run says of one message: what would be done with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be done with one message of a mailbox; all are texts.

    ``answer`` is what would be sent (accept, tentative, decline), and '' where nothing would be. ``held`` says what
    holds it back in this run: ``cap``, or the state in which the ledger already has it. ``needs`` are the facts that
    were not looked at, so that the decision is preliminary. Times are as the server writes them.
    """

    mailbox: str
    kind: str
    decision: str
    rule: str
    reason: str
    answer: str = ""
    held: str = ""
    needs: str = ""
    organizer: str = ""
    start: str = ""
    received: str = ""
    subject: str = ""
    uid: str = ""
    item: str = ""

    def to_dict(self) -> dict[str, str]:
        """A JSON-ready copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Forecast":
        """Rebuild from :meth:`to_dict`'s dict; what another version has put in beside is left out."""
        return cls(**{column.name: found[column.name] for column in fields(cls) if column.name in found})
