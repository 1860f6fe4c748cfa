"""What the rows that report on single messages have in common."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A row of strings, which travels as JSON between processes that may be of different versions."""

    def to_dict(self) -> dict[str, str]:
        """Return a JSON-ready copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """Rebuild a row from the dict of :meth:`to_dict`; ignore unknown fields of other versions."""
        return cls(**{column.name: found[column.name] for column in fields(cls) if column.name in found})
