"""How a running item ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rsvpq.lanes.reading import microseconds

#: Longest reason in the audit, in characters.
_LONGEST_WHY = 300


@dataclass(frozen=True, slots=True)
class ScanTotals:
    """What a scan of an Inbox found: messages, those that it held back over a cap, and those that it could not read.

    ``skipped`` are those that it left alone, by reason; the other two are part of it.
    ``cap`` names the cap, '' if nothing was held back.
    """

    found: int
    capped: int
    unreadable: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    cap: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a running item ends: ``how`` is what finish.lua makes of it, ``reason`` is a line for the operator.

    :param label: the label under which the item is counted. :param counts: more counts to add by label; once, even if
        the end is replayed.
    :param result: the result in the audit. :param recorded_reason: the reason in the audit; None for ``reason``.
    :param remember_s: how long the item is remembered once it is done.
    :param delay_s: when it may run again; of an item left alone: when it is examined again; doubles each time, up to
        ``longest_s``.
    :param hold: what is held for that long as well.
    :param policy: fingerprint of the policy by which the item was left alone; under another policy it is examined again
        at once. :param disputed_s: the shortest delay, if the scan that offered the item already had another policy.
    :param on_hold: why the item waits for a person.
    :param undone: nothing came of what was begun; the memory of the item's topic is marked accordingly.
    :param server_fault: the server may be at fault, so that ``later`` counts for its breaker, which may hold it.
    :param totals: what a scan of an Inbox found; it is kept with the mailbox until the next one.
    """

    how: Literal["done", "left", "dead", "later", "throttled", "held"]
    label: str
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    result: str = ""
    recorded_reason: str | None = None
    remember_s: float = 60
    delay_s: float = 0
    longest_s: float = 0
    hold: Literal["", "mailbox", "server"] = ""
    policy: str = ""
    disputed_s: float = 0
    on_hold: str = ""
    undone: bool = False
    server_fault: bool = False
    totals: ScanTotals | None = None

    @property
    def audited(self) -> str:
        """The reason in the audit."""
        return self.reason if self.recorded_reason is None else self.recorded_reason

    def to_args(self, release: int) -> list[Any]:
        """Return the arguments of finish.lua, in its order, from ``how`` on.

        :param release: the most items to release in its place.
        """
        return [
            self.how,
            self.label,
            self.reason,
            microseconds(self.delay_s),
            max(1, round(self.remember_s)),
            self.hold,
            release,
            self.result,
            self.audited[:_LONGEST_WHY],
            microseconds(self.longest_s),
            self.policy,
            self.on_hold,
            int(self.undone),
            microseconds(self.disputed_s),
            int(self.server_fault),
            *_found(self.totals),
            *(part for pair in self.counts.items() for part in pair),
        ]


def _found(totals: ScanTotals | None) -> tuple[Any, ...]:
    if totals is None:
        return ("", 0, 0, "", "")
    skipped = json.dumps(dict(totals.skipped), separators=(",", ":"))
    return (totals.found, totals.capped, totals.unreadable, skipped, totals.cap)
