"""Write the recurrence of a series as an RRULE (RFC 5545, 3.3.10), which :mod:`rsvpq.mail.recurrence` reads."""

import re
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from rsvpq.ews.items import EwsItem
from rsvpq.ews.properties import TYPES
from rsvpq.mail.calendar import Details
from rsvpq.mail.messages import instant
from rsvpq.mail.persons import comparable

_DAYS = {
    name: name[:2].upper() for name in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
}
_SETS = {
    "Day": "MO,TU,WE,TH,FR,SA,SU",
    "Weekday": "MO,TU,WE,TH,FR",
    "WeekendDay": "SA,SU",
}
_POSITIONS = {"First": "1", "Second": "2", "Third": "3", "Fourth": "4", "Last": "-1"}
_MONTHS = {
    name: str(number)
    for number, name in enumerate(
        (
            *("January", "February", "March", "April", "May", "June", "July"),
            *("August", "September", "October", "November", "December"),
        ),
        1,
    )
}
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
#: The last day of a month, for days that some months do not have; Outlook means the last one then.
_LAST_DAYS = {"31": "-1"}
#: How EWS names time zones that have no name of Windows.
_UTC_NAMES = {"tzone://Microsoft/Utc", "UTC"}
_CUSTOM = "tzone://"
#: The most deleted instances that are read.
_MOST_DELETED = 1000


def details_of_item(item: EwsItem) -> Details:
    """Return the attendees and the series of a request.

    What cannot be read is left empty, and then the series counts as unknown.
    """
    return Details(
        attendees=_attendees(item),
        rule=_rule(item.find("Recurrence")),
        zone=_zone(item),
        deleted=tuple(moment for text in _deleted(item) if (moment := instant(text))),
    )


def _attendees(item: EwsItem) -> int | None:
    """Return the number of attendees without the organizer, who may be listed too; None if none are shown."""
    organizer = comparable(item.person("Organizer").address)
    shown = [one for name in ("RequiredAttendees", "OptionalAttendees") for one in item.people(name)]
    others = [one for one in shown if not organizer or comparable(one.address) != organizer]
    return len(others) if shown else None


def _deleted(item: EwsItem) -> list[str]:
    holder = item.find("DeletedOccurrences")
    found = () if holder is None else holder.findall(f"{TYPES}DeletedOccurrence")[:_MOST_DELETED]
    return [one.findtext(f"{TYPES}Start") or "" for one in found]


def _zone(item: EwsItem) -> str:
    """Return the name of the time zone, which is one of Windows; '' if it has none."""
    start, meeting = item.find("StartTimeZone"), item.find("MeetingTimeZone")
    name = start.get("Id", "") if start is not None else ""
    name = name or (meeting.get("TimeZoneName", "") if meeting is not None else "")
    return "UTC" if name in _UTC_NAMES else "" if name.startswith(_CUSTOM) else name


def _rule(recurrence: Element | None) -> str:
    """Return the RRULE; '' if it is not one of the patterns that are known."""
    if recurrence is None:
        return ""
    found = {one.tag.removeprefix(TYPES): one for one in recurrence}
    pattern = next((made for name, made in map(_pattern, found.items()) if made), None)
    if pattern is None:
        return ""
    end = _end(found)
    return "" if end is None else ";".join(f"{name}={value}" for name, value in {**pattern, **end}.items())


def _pattern(one: tuple[str, Element]) -> tuple[str, Mapping[str, str] | None]:
    """Return the parts of a rule for an element of a recurrence; None if it is not a pattern, or an unknown one."""
    name, element = one
    shown = {part.tag.removeprefix(TYPES): (part.text or "").strip() for part in element}
    interval = {"INTERVAL": shown.get("Interval", "1")}
    days = _weekdays(shown.get("DaysOfWeek", ""))
    position, month = _POSITIONS.get(shown.get("DayOfWeekIndex", "")), _MONTHS.get(shown.get("Month", ""))
    day = shown.get("DayOfMonth", "")
    parts: Mapping[str, str] | None = None
    match name:
        case "DailyRecurrence":
            parts = {"FREQ": "DAILY", **interval}
        case "WeeklyRecurrence" if days:
            first = _DAYS.get(shown.get("FirstDayOfWeek", ""), "SU")
            parts = {"FREQ": "WEEKLY", **interval, "BYDAY": days, "WKST": first}
        case "AbsoluteMonthlyRecurrence" if day:
            parts = {"FREQ": "MONTHLY", **interval, "BYMONTHDAY": _LAST_DAYS.get(day, day)}
        case "RelativeMonthlyRecurrence" if days and position:
            parts = {"FREQ": "MONTHLY", **interval, "BYDAY": days, "BYSETPOS": position}
        case "AbsoluteYearlyRecurrence" if day and month:
            parts = {"FREQ": "YEARLY", "BYMONTH": month, "BYMONTHDAY": day}
        case "RelativeYearlyRecurrence" if days and position and month:
            parts = {"FREQ": "YEARLY", "BYMONTH": month, "BYDAY": days, "BYSETPOS": position}
    return name, parts


def _weekdays(text: str) -> str:
    """Return days as BYDAY has them; '' if one is not known."""
    names = text.split()
    if len(names) == 1 and names[0] in _SETS:
        return _SETS[names[0]]
    return ",".join(_DAYS[name] for name in names) if all(name in _DAYS for name in names) else ""


def _end(found: Mapping[str, Element]) -> Mapping[str, str] | None:
    """Return how a series ends; None if that is not known."""
    if "NoEndRecurrence" in found:
        return {}
    if "NumberedRecurrence" in found:
        count = (found["NumberedRecurrence"].findtext(f"{TYPES}NumberOfOccurrences") or "").strip()
        return {"COUNT": count} if count else None
    if "EndDateRecurrence" in found:
        day = _DATE.match((found["EndDateRecurrence"].findtext(f"{TYPES}EndDate") or "").strip())
        return {"UNTIL": "".join(day.groups())} if day else None
    return None
