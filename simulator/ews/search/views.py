"""Which part of what was found a FindItem shows: pages by offset, and the days of a calendar.

A search with a restriction stops at a number of rows that the client does not know (Microsoft Learn, "EWS throttling",
EWSFindCountLimit); it gets what there is until then, and IncludesLastItemInRange says that there is more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from simulator.ews.soap import Element, RefusedError, SoapFault
from simulator.world.mailboxes import Item
from simulator.world.series import instances

Thing = TypeVar("Thing")
#: A wider view of a calendar is refused.
_WIDEST = timedelta(days=2 * 366)
_MOST_OF_CALENDAR = 1000


def page(items: Sequence[Thing], view: Element | None, cap: int | None) -> tuple[Sequence[Thing], dict[str, str]]:
    """The items of an IndexedPageItemView, or the folders of such a view, and what the RootFolder says of it."""
    offset, most = 0, len(items)
    if view is not None:
        offset = _whole(view, "Offset", 0)
        most = _whole(view, "MaxEntriesReturned", len(items))
        if view.get("BasePoint", "Beginning") == "End":
            end = max(0, len(items) - offset)
            offset = max(0, end - most)
            most = end - offset
    most = most if cap is None else min(most, cap)
    shown = items[offset : offset + most]
    is_last = offset + most >= len(items)
    facts = (
        {"IndexedPagingOffset": str(min(offset + len(shown), len(items)))} if view is not None or not is_last else {}
    )
    return shown, {**facts, "TotalItemsInView": str(len(items)), "IncludesLastItemInRange": str(is_last).lower()}


def of_calendar(items: Iterable[Item], view: Element) -> tuple[Sequence[Item], dict[str, str]]:
    """The items of a CalendarView: what takes place, a series with its instances, in the order of their starts."""
    start, end = (_moment(view.get(name, "")) for name in ("StartDate", "EndDate"))
    if end < start:
        raise RefusedError("ErrorCalendarEndDateIsEarlierThanStartDate")
    if end - start > _WIDEST:
        raise RefusedError("ErrorCalendarViewRangeTooBig", "The specified view range exceeds the maximum range.")
    found = sorted(_taking_place(items, start, end), key=_start)
    most = _whole(view, "MaxEntriesReturned", _MOST_OF_CALENDAR)
    shown = found[:most]
    facts = {"TotalItemsInView": str(len(shown)), "IncludesLastItemInRange": str(len(shown) == len(found)).lower()}
    return shown, facts


def _taking_place(items: Iterable[Item], start: datetime, end: datetime) -> Iterator[Item]:
    for item in items:
        meeting = item.message.meeting
        if meeting is None:
            continue
        if not meeting.rrule:
            if meeting.start < end and meeting.end > start:
                yield item
            continue
        for one in instances(meeting, start, end):
            if one.start < end and one.end > start:
                yield replace(item, message=replace(item.message, meeting=one))


def _start(item: Item) -> datetime:
    meeting = item.message.meeting
    return meeting.start if meeting else datetime.max.replace(tzinfo=UTC)


def _whole(view: Element, name: str, default: int) -> int:
    text = view.get(name)
    if text is None:
        return default
    if not text.isdecimal() or (name == "MaxEntriesReturned" and not int(text)):
        raise SoapFault("ErrorSchemaValidation", f"The '{name}' attribute is invalid.")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SoapFault("ErrorSchemaValidation", f"'{text}' is not a time.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
