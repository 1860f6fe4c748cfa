"""What another policy would change for one message."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """A message that two policies decide on differently; all fields are strings.

    ``before`` and ``after`` are the decisions, each with its reason, which has the name of the rule if one decided
    (``rule:clash``). They are the same if only the text of the answer would change. Times are as the server writes
    them.
    """

    mailbox: str
    kind: str
    before: str
    before_reason: str
    after: str
    after_reason: str
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
    def from_dict(cls, found: Mapping[str, Any]) -> "DecisionChange":
        """Rebuild a change from the dict of :meth:`to_dict`; ignore unknown fields of other versions."""
        return cls(**{column.name: found[column.name] for column in fields(cls) if column.name in found})
