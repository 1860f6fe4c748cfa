"""The content of a SEARCH, as values.

`simulator.webdav.search.sql_parser` makes them from text, `simulator.webdav.search.query` runs them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Traversal(StrEnum):
    """How far below its folder a scope reaches."""

    SHALLOW = "shallow"
    DEEP = "deep"
    HIERARCHICAL = "hierarchical"


@dataclass(frozen=True, slots=True)
class Column:
    """A selected property; with an alias it comes back as an element of that name in no namespace."""

    name: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """A folder URL (empty: the URL of the request) and the depth."""

    url: str
    traversal: Traversal


@dataclass(frozen=True, slots=True)
class Comparison:
    """A property against a literal; text, True/False and numbers as they were written."""

    name: str
    operator: str
    literal: str | bool | float


@dataclass(frozen=True, slots=True)
class Like:
    """A property against a pattern with `%` at either end or inside."""

    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """The condition that a property is missing."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Conditions joined by AND."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by OR."""

    conditions: tuple["Condition", ...]


Condition = Comparison | Like | IsNull | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole SEARCH; no columns mean `*`."""

    columns: tuple[Column, ...]
    scopes: tuple[Scope, ...]
    condition: Condition | None
    order: tuple[Order, ...]
    #: The properties whose equal values make one row.
    groups: tuple[str, ...] = ()
