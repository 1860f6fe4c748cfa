"""The limits that an operator promised: pace and concurrency, for mailboxes and for servers.

The simulator does not enforce them; it counts how often they were broken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class LimitsError(ValueError):
    """The JSON does not say limits."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One promise; None is "as many as you like"."""

    rate_per_s: float | None = None
    burst: float = 0
    concurrency: int | None = None

    def operations_in(self, window_s: float) -> float | None:
        """Return how many operations fit into a window; None for any number."""
        return None if self.rate_per_s is None else self.burst + self.rate_per_s * window_s


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits: one for every mailbox, others for some mailboxes, and for servers by index."""

    mailbox: Limit = Limit()
    mailboxes: Mapping[str, Limit] = field(default_factory=dict)
    servers: Mapping[int, Limit] = field(default_factory=dict)
    jitter_s: float = 0

    def of_mailbox(self, name: str) -> Limit:
        """Return the limit of a mailbox."""
        return self.mailboxes.get(name, self.mailbox)

    def of_server(self, index: int) -> Limit:
        """Return the limit of a server; None unless one was given."""
        return self.servers.get(index, _NO_LIMIT)


_NO_LIMIT = Limit()
_LIMIT_FIELDS = {"rate_per_s", "burst", "concurrency"}
_FIELDS = {"mailbox", "mailboxes", "servers", "jitter_ms"}


def parse_limits(document: object) -> Limits:
    """Parse limits from JSON; unknown fields are refused, because a misspelled limit would pass every test."""
    given = _mapping(document, _FIELDS)
    try:
        return Limits(
            mailbox=_limit(given.get("mailbox", {})),
            mailboxes={name: _limit(limit) for name, limit in _mapping(given.get("mailboxes", {})).items()},
            servers={int(index): _limit(limit) for index, limit in _mapping(given.get("servers", {})).items()},
            jitter_s=_number(given.get("jitter_ms", 0)) / 1000,
        )
    except ValueError as error:
        raise LimitsError(str(error)) from error


def _limit(document: object) -> Limit:
    given = _mapping(document, _LIMIT_FIELDS)
    rate, concurrency = given.get("rate_per_s"), given.get("concurrency")
    return Limit(
        rate_per_s=None if rate is None else _number(rate),
        burst=_number(given.get("burst", 0)),
        concurrency=None if concurrency is None else int(_number(concurrency)),
    )


def _mapping(document: object, fields: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise LimitsError("expected an object")
    if fields is not None and (unknown := document.keys() - fields):
        raise LimitsError(f"unknown fields: {', '.join(sorted(unknown))}")
    return document


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise LimitsError(f"expected a number of 0 or more, found {value!r}")
    return value
