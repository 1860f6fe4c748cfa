"""The forecast of a dry run for one message."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be done with one message of a mailbox; all fields are strings.

    ``answer`` is the verdict that would be sent (accept, tentative, decline), or ''. ``held`` says why it would not be
    offered in this run: ``cap``, or its state in the ledger. ``needs`` names the facts that were not read, so that the
    decision is preliminary. Times are as the server writes them.
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
        """Return a JSON-ready copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Forecast":
        """Rebuild a forecast from the dict of :meth:`to_dict`; ignore unknown fields of other versions."""
        return cls(**{column.name: found[column.name] for column in fields(cls) if column.name in found})
