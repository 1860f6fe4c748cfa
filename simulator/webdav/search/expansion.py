"""Which rows a series of a calendar makes in a SEARCH: its instances, where the condition says from when to when.

The Exchange 2000 SDK ("Using Calendar Folder Query") says that the store expands recurring appointments within the
range of the query, in calendar folders only.  A query has a range where every row that it can find lies in it: DavMail
lists the calendars of real servers by `instancetype = 1 OR (instancetype = 0 AND dtend > ... AND dtstart < ...)` and
gets the masters, for the dates bind one of two branches only.  Whether the instances share the numbers of their master
is told nowhere.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from simulator.serving.http import HttpError
from simulator.webdav.behavior import WebdavBehavior
from simulator.webdav.sql import All, AnyOf, Comparison, Condition, Not, Query
from simulator.webdav.values import parse_date
from simulator.world.languages import Role
from simulator.world.mailboxes import Item, Resource
from simulator.world.messages import Meeting
from simulator.world.property_names import CALENDAR
from simulator.world.series import instances

Expander = Callable[[Iterable[Resource]], Iterator[Resource]]

#: A wider range is answered 422 (null-pointer.co.uk: "2 years and 2 days").
WIDEST = timedelta(days=2 * 366 + 2)
_TIMES = {CALENDAR + "dtstart", CALENDAR + "dtend"}
#: The serial of an instance is its master's and the minute it starts at, in 48 bits.
_MINUTE_BITS = 26


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The period of all rows that a condition holds for; None if the condition does not limit it."""

    lower: datetime | None = None
    upper: datetime | None = None


def _bounds(condition: Condition, *, negated: bool = False) -> _Bounds:
    match condition:
        case Comparison():
            return _compared(condition, negated)
        case Not(inner):
            return _bounds(inner, negated=not negated)
        case All(parts) | AnyOf(parts):
            found = [_bounds(part, negated=negated) for part in parts]
            # NOT makes "all of them" of "any of them", and the other way round.
            return _narrowed(found) if isinstance(condition, All) is not negated else _widened(found)
    return _Bounds()


def _compared(comparison: Comparison, negated: bool) -> _Bounds:
    moment = parse_date(str(comparison.literal))
    if comparison.name not in _TIMES or comparison.operator not in {"<", "<=", ">", ">="} or moment is None:
        return _Bounds()
    below = comparison.operator.startswith("<") is not negated
    return _Bounds(upper=moment) if below else _Bounds(lower=moment)


def _narrowed(found: list[_Bounds]) -> _Bounds:
    """Return the intersection of these bounds."""
    lower = [bounds.lower for bounds in found if bounds.lower is not None]
    upper = [bounds.upper for bounds in found if bounds.upper is not None]
    return _Bounds(max(lower, default=None), min(upper, default=None))


def _widened(found: list[_Bounds]) -> _Bounds:
    """Return the union of these bounds; an open bound leaves the whole open."""
    lower = [bounds.lower for bounds in found if bounds.lower is not None]
    upper = [bounds.upper for bounds in found if bounds.upper is not None]
    return _Bounds(
        min(lower) if len(lower) == len(found) else None,
        max(upper) if len(upper) == len(found) else None,
    )


def window_of(query: Query) -> tuple[datetime, datetime] | None:
    """Return the period that a query asks for; None if it does not limit it. An open side is unlimited."""
    bounds = _bounds(query.condition) if query.condition is not None else _Bounds()
    if bounds.lower is not None:
        return bounds.lower, bounds.upper or bounds.lower + WIDEST
    return None if bounds.upper is None else (bounds.upper - WIDEST, bounds.upper)


def expander(query: Query, behavior: WebdavBehavior) -> Expander:
    """Return a function that replaces each series by its instances."""
    window = window_of(query)
    if window is None or behavior.expansion == "none":
        return iter
    if window[1] - window[0] > WIDEST:
        raise HttpError(422)

    def expand(resources: Iterable[Resource]) -> Iterator[Resource]:
        for resource in resources:
            meeting = _series(resource)
            if not isinstance(resource, Item) or meeting is None:
                yield resource
                continue
            if behavior.expansion == "with-master":
                yield resource
            for instance in instances(meeting, *window):
                yield _row(resource, instance, own_ids=behavior.instance_ids == "own")

    return expand


def _series(resource: Resource) -> Meeting | None:
    if not isinstance(resource, Item) or resource.folder.role is not Role.CALENDAR:
        return None
    meeting = resource.message.meeting
    return meeting if meeting is not None and meeting.rrule else None


def _row(master: Item, instance: Meeting, *, own_ids: bool) -> Item:
    """Return an item outside all folders, for reading only."""
    row = replace(master, message=replace(master.message, meeting=instance))
    if own_ids and instance.recurrence_id is not None:
        stem, dot, extension = master.name.rpartition(".")
        row.name = f"{stem or extension}-{instance.recurrence_id:%Y%m%dT%H%M%SZ}{dot}{extension if stem else ''}"
        row.serial = master.serial << _MINUTE_BITS | int(instance.recurrence_id.timestamp() // 60)
    return row
