"""The breakers of a server: what fails in a row there, by work, and for how long the work is held; see breaker.lua."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rsvpq.lanes.reading import json_object, left_s, whole


@dataclass(slots=True)
class Hold:
    """The hold of a mailbox or a server: the seconds left, and the reason.

    ``work`` is the only work that is held, by the name of its task; '' if everything is.
    """

    left_s: float
    why: str = ""
    work: str = ""

    @property
    def subject(self) -> str:
        """The work before what is said of it, such as ``answer_request: ``; '' if everything is held."""
        return f"{short_name(self.work)}: " if self.work else ""

    def of(self, name: str) -> str:
        """Say what is held: the server or mailbox of this name, or one work of it."""
        return f"{short_name(self.work)} of {name}" if self.work else name


def short_name(work: str) -> str:
    """Return the name of a task without that of its module, as in ``answer_request``."""
    return work.rpartition(".")[2]


@dataclass(slots=True)
class Breaker:
    """Failures of one work in a row, without a success; for how many seconds they hold it (0: they do not), and why."""

    failures: int
    held_s: float = 0.0
    why: str = ""


#: The fields of the holds of a mailbox or a server; see :func:`holds_in`.
HOLD_FIELDS = ("hold", "hold_for", "hold_why", "breaker")


def breakers_of(text: Any, now_us: int) -> dict[str, Breaker]:
    """Return the breakers in the field of a server, by work."""
    found: dict[str, Breaker] = {}
    for work, one in (json_object(text) or {}).items():
        if isinstance(one, dict):
            held_s = left_s(one.get("hold"), one.get("hold_for"), now_us)
            found[work] = Breaker(whole(one.get("failures")), held_s, str(one.get("why", "")) if held_s else "")
    return found


def holds_in(fields: Sequence[Any], now_us: int) -> list[Hold]:
    """Return the holds in :data:`HOLD_FIELDS`; see :func:`all_holds`."""
    hold, length, why, breaker = fields
    return all_holds(left_s(hold, length, now_us), why or "", breakers_of(breaker, now_us))


def all_holds(held_s: float, why: str, breakers: Mapping[str, Breaker]) -> list[Hold]:
    """Return the hold of everything, if there is one, then those of single works."""
    held = [Hold(round(held_s, 3), why)] if held_s else []
    return held + [Hold(round(one.held_s, 3), one.why, work) for work, one in breakers.items() if one.held_s]
