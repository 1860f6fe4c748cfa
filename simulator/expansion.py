"""Which rows a series of a calendar makes in a SEARCH: its instances, where the condition says from when to when.

The Exchange 2000 SDK ("Using Calendar Folder Query") says that the store expands recurring appointments within the
range of the query, in calendar folders only.  Whether the instances share the numbers of their master is told nowhere.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from simulator.behaviour import Behaviour
from simulator.http import HttpError
from simulator.languages import Role
from simulator.namespaces import CALENDAR
from simulator.properties import Resource
from simulator.series import instances
from simulator.sql import All, AnyOf, Comparison, Condition, Not, Query
from simulator.values import parse_date
from simulator.world import Item, Meeting

Expander = Callable[[Iterable[Resource]], Iterator[Resource]]

#: A wider range is answered 422 (null-pointer.co.uk: "2 years and 2 days").
WIDEST = timedelta(days=2 * 366 + 2)
#: The serial of an instance is its master's and the minute it starts at, in 48 bits.
_MINUTE_BITS = 26


@dataclass(slots=True)
class _Bounds:
    """The moments that a condition compares the times of appointments with."""

    lower: list[datetime] = field(default_factory=list)
    upper: list[datetime] = field(default_factory=list)

    def read(self, condition: Condition, *, negated: bool = False) -> None:
        """Take the bounds of a condition; NOT turns them round."""
        match condition:
            case Comparison():
                self._compare(condition, negated)
            case Not(inner):
                self.read(inner, negated=not negated)
            case All(parts) | AnyOf(parts):
                for part in parts:
                    self.read(part, negated=negated)

    def _compare(self, comparison: Comparison, negated: bool) -> None:
        if comparison.name not in {CALENDAR + "dtstart", CALENDAR + "dtend"}:
            return
        moment = parse_date(str(comparison.literal))
        if moment is not None and comparison.operator in {"<", "<=", ">", ">="}:
            below = comparison.operator.startswith("<") is not negated
            (self.upper if below else self.lower).append(moment)


def window_of(query: Query) -> tuple[datetime, datetime] | None:
    """From when to when a query wants appointments; None where it does not say. An open side is as far as can be."""
    bounds = _Bounds()
    if query.condition is not None:
        bounds.read(query.condition)
    if not bounds.lower and not bounds.upper:
        return None
    lower = min(bounds.lower) if bounds.lower else max(bounds.upper) - WIDEST
    upper = max(bounds.upper) if bounds.upper else lower + WIDEST
    return lower, upper


def expander(query: Query, behaviour: Behaviour) -> Expander:
    """What puts instances in the place of series."""
    window = window_of(query)
    if window is None or behaviour.expansion == "none":
        return iter
    if window[1] - window[0] > WIDEST:
        raise HttpError(422)

    def expand(resources: Iterable[Resource]) -> Iterator[Resource]:
        for resource in resources:
            meeting = _series(resource)
            if not isinstance(resource, Item) or meeting is None:
                yield resource
                continue
            if behaviour.expansion == "with-master":
                yield resource
            for instance in instances(meeting, *window):
                yield _row(resource, instance, own_ids=behaviour.instance_ids == "own")

    return expand


def _series(resource: Resource) -> Meeting | None:
    if not isinstance(resource, Item) or resource.folder.role is not Role.CALENDAR:
        return None
    meeting = resource.message.meeting
    return meeting if meeting is not None and meeting.rrule else None


def _row(master: Item, instance: Meeting, *, own_ids: bool) -> Item:
    """An item that is in no folder: it is only looked at."""
    row = replace(master, message=replace(master.message, meeting=instance))
    if own_ids and instance.recurrence_id is not None:
        stem, dot, extension = master.name.rpartition(".")
        row.name = f"{stem or extension}-{instance.recurrence_id:%Y%m%dT%H%M%SZ}{dot}{extension if stem else ''}"
        row.serial = master.serial << _MINUTE_BITS | int(instance.recurrence_id.timestamp() // 60)
    return row
