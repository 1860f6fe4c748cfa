"""What a series shows of itself: its pattern and range, its first and last instance, its exceptions, its zone."""

from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import text_of
from simulator.ews.soap import Element, t
from simulator.mime.vtimezone import windows_name
from simulator.world.mailboxes import Item
from simulator.world.messages import Meeting
from simulator.world.recurrence import Rule, parse_rule
from simulator.world.series import instances, over_at

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_INDICES = {1: "First", 2: "Second", 3: "Third", 4: "Fourth", -1: "Last", 5: "Last"}


def recurrence(shown: Shown) -> Element | None:
    """`t:Recurrence`; None for what is no series, and for a rule past reading."""
    meeting, rule = _series(shown)
    if meeting is None or rule is None:
        return None
    return t("Recurrence", _pattern(meeting, rule), _range(meeting, rule))


def first(shown: Shown) -> Element | None:
    """The first instance of a series."""
    meeting, rule = _series(shown)
    one = next(_in_order(meeting), None) if meeting and rule else None
    return _occurrence(shown, "FirstOccurrence", one) if one else None


def last(shown: Shown) -> Element | None:
    """The last instance of a series that ends."""
    meeting, rule = _series(shown)
    if meeting is None or rule is None or over_at(meeting) is None:
        return None
    *_, one = _in_order(meeting)
    return _occurrence(shown, "LastOccurrence", one)


def modified(shown: Shown) -> list[Element]:
    """The instances that are at other times than by the rule."""
    meeting, rule = _series(shown)
    if meeting is None or rule is None:
        return []
    moved = {one.original for one in meeting.exceptions if one.start is not None}
    found = [one for one in _in_order(meeting) if one.recurrence_id in moved]
    return [_occurrence(shown, "Occurrence", one) for one in found]


def deleted(shown: Shown) -> list[Element]:
    """The instances that do not take place."""
    meeting, _ = _series(shown)
    gone = sorted(one.original for one in meeting.exceptions if one.start is None) if meeting else []
    return [t("DeletedOccurrence", t("Start", text_of(moment))) for moment in gone]


def meeting_zone(shown: Shown) -> Element | None:
    """The zone of a series as Exchange 2007 has it."""
    meeting, _ = _series(shown)
    return t("MeetingTimeZone", TimeZoneName=windows_name(meeting.zone)) if meeting else None


def start_zone(shown: Shown) -> Element | None:
    """The zone of a series as Exchange 2010 and later have it."""
    return _zone(shown, "StartTimeZone")


def end_zone(shown: Shown) -> Element | None:
    """The same zone: no series here has two."""
    return _zone(shown, "EndTimeZone")


def _zone(shown: Shown, name: str) -> Element | None:
    meeting, _ = _series(shown)
    if meeting is None or shown.call.behavior.ews_version == "2007":
        return None
    return t(name, Id=windows_name(meeting.zone), Name=windows_name(meeting.zone))


def _series(shown: Shown) -> tuple[Meeting | None, Rule | None]:
    """A series and its rule, if that can be read."""
    meeting = shown.meeting
    if meeting is None or not meeting.rrule:
        return None, None
    try:
        return meeting, parse_rule(meeting.rrule)
    except (ValueError, KeyError):
        return meeting, None


def _in_order(meeting: Meeting) -> Iterator[Meeting]:
    """The instances, by their starts; of a series without end those of its first year."""
    end = over_at(meeting) or meeting.start.replace(year=meeting.start.year + 1, day=1)
    return iter(sorted(instances(meeting, meeting.start, end), key=lambda one: one.start))


def _occurrence(shown: Shown, name: str, one: Meeting) -> Element:
    item: Item = replace(shown.item, message=replace(shown.item.message, meeting=one))
    times = {"Start": one.start, "End": one.end, "OriginalStart": one.recurrence_id or one.start}
    return t(name, shown.call.id_of(item), [t(which, text_of(moment)) for which, moment in times.items()])


def _pattern(meeting: Meeting, rule: Rule) -> Element:
    local = meeting.start.astimezone(ZoneInfo(meeting.zone))
    interval = t("Interval", str(rule.interval))
    days = [day for _, day in rule.days] or [local.weekday()]
    named = t("DaysOfWeek", " ".join(_DAYS[day] for day in days))
    month = t("Month", _MONTHS[(rule.months[0] if rule.months else local.month) - 1])
    if rule.frequency == "WEEKLY" or (rule.frequency == "DAILY" and rule.days):
        return t("WeeklyRecurrence", interval, named)
    if rule.frequency == "DAILY":
        return t("DailyRecurrence", interval)
    yearly = rule.frequency == "YEARLY"
    if rule.days:
        which = rule.positions[0] if rule.positions else rule.days[0][0]
        index = t("DayOfWeekIndex", _INDICES.get(which, "First"))
        return t("RelativeYearlyRecurrence", named, index, month) if yearly else _monthly(interval, named, index)
    day = t("DayOfMonth", str(rule.month_days[0] if rule.month_days else local.day))
    return t("AbsoluteYearlyRecurrence", day, month) if yearly else t("AbsoluteMonthlyRecurrence", interval, day)


def _monthly(interval: Element, named: Element, index: Element) -> Element:
    return t("RelativeMonthlyRecurrence", interval, named, index)


def _range(meeting: Meeting, rule: Rule) -> Element:
    zone = ZoneInfo(meeting.zone)
    start = t("StartDate", f"{meeting.start.astimezone(zone):%Y-%m-%d}")
    if rule.count is not None:
        return t("NumberedRecurrence", start, t("NumberOfOccurrences", str(rule.count)))
    over = over_at(meeting)
    if over is None:
        return t("NoEndRecurrence", start)
    return t("EndDateRecurrence", start, t("EndDate", f"{over.astimezone(zone):%Y-%m-%d}"))
