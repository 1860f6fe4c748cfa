"""When a meeting recurs by its rule: an RRULE of RFC 5545 over the clock on the wall, as far as Outlook has such rules.

Knows dates and no zone: a series at nine stays at nine, and what that is in UTC is for `simulator.world.series` to say.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_KNOWN = frozenset({"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "COUNT", "UNTIL", "WKST"})
_WEEK = 7
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule; empty tuples say nothing."""

    frequency: str
    interval: int = 1
    #: (which of the month, 0 for each; weekday, 0 for Monday).
    days: tuple[tuple[int, int], ...] = ()
    month_days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    count: int | None = None
    #: As it was written: a date, a local time, or a time in UTC with a `Z`.
    until: str = ""
    week_start: int = 0


def parse_rule(text: str) -> Rule:
    """Return the rule in the text.

    :raises ValueError: it says none, or one that no Outlook makes.
    """
    parts = dict(part.upper().split("=", 1) for part in text.strip().split(";") if part)
    if not parts.keys() <= _KNOWN or parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(text)
    rule = Rule(
        frequency=parts["FREQ"],
        interval=int(parts.get("INTERVAL", "1")),
        days=tuple(_day(part) for part in parts["BYDAY"].split(",")) if "BYDAY" in parts else (),
        month_days=_numbers(parts.get("BYMONTHDAY")),
        months=_numbers(parts.get("BYMONTH")),
        positions=_numbers(parts.get("BYSETPOS")),
        count=int(parts["COUNT"]) if "COUNT" in parts else None,
        until=parts.get("UNTIL", ""),
        week_start=_WEEKDAYS.index(parts.get("WKST", "MO")),
    )
    weekdays_of_a_year = rule.frequency == "YEARLY" and rule.days and not rule.months
    if rule.interval < 1 or weekdays_of_a_year or (rule.positions and rule.frequency in {"DAILY", "WEEKLY"}):
        raise ValueError(text)
    return rule


def occurrences(rule: Rule, first: datetime, last: date) -> Iterator[datetime]:
    """Yield the local starts from `first` on, up to the day `last`; COUNT is applied here, UNTIL by the caller."""
    left = rule.count
    for day in _dates(rule, first.date(), last):
        if left is not None:
            if not left:
                return
            left -= 1
        yield datetime.combine(day, first.time())


def _dates(rule: Rule, first: date, last: date) -> Iterator[date]:
    for period in _periods(rule, first, last):
        days = sorted(set(period))
        if rule.positions:
            days = [days[at] for at in sorted({_index(at, len(days)) for at in rule.positions}) if 0 <= at < len(days)]
        for day in days:
            if first <= day <= last:
                yield day


def _periods(rule: Rule, first: date, last: date) -> Iterator[list[date]]:
    """Yield the candidates of each day, week, month or year in turn."""
    match rule.frequency:
        case "DAILY":
            for day in _every(first, rule.interval, last):
                yield [day] if _falls(rule, day) else []
        case "WEEKLY":
            start = first - timedelta(days=(first.weekday() - rule.week_start) % _WEEK)
            days = {day for _, day in rule.days} or {first.weekday()}
            for monday in _every(start, rule.interval * _WEEK, last):
                week = [monday + timedelta(days=number) for number in range(_WEEK)]
                yield [day for day in week if day.weekday() in days and _in_months(rule, day)]
        case "MONTHLY":
            month = first.year * _MONTHS + first.month - 1
            while month <= last.year * _MONTHS + last.month - 1:
                year, number = divmod(month, _MONTHS)
                fits = not rule.months or number + 1 in rule.months
                yield _of_month(rule, year, number + 1, first.day) if fits else []
                month += rule.interval
        case _:
            for year in range(first.year, last.year + 1, rule.interval):
                months = rule.months or (first.month,)
                yield [day for month in months for day in _of_month(rule, year, month, first.day)]


def _every(first: date, step: int, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += timedelta(days=step)


def _falls(rule: Rule, day: date) -> bool:
    on_weekday = not rule.days or day.weekday() in {weekday for _, weekday in rule.days}
    on_number = not rule.month_days or day.day in {
        _index(n, monthrange(day.year, day.month)[1], 1) for n in rule.month_days
    }
    return on_weekday and on_number and _in_months(rule, day)


def _in_months(rule: Rule, day: date) -> bool:
    return not rule.months or day.month in rule.months


def _of_month(rule: Rule, year: int, month: int, day_of_first: int) -> list[date]:
    length = monthrange(year, month)[1]
    days = range(1, length + 1)
    if rule.month_days:
        days_by_number = {_index(number, length, 1) for number in rule.month_days}
    elif rule.days:
        days_by_number = set(days)
    else:
        days_by_number = {day_of_first}
    dates = [date(year, month, day) for day in days if day in days_by_number]
    return [day for day in dates if not rule.days or any(_is_nth(day, length, *which) for which in rule.days)]


def _is_nth(day: date, length: int, ordinal: int, weekday: int) -> bool:
    if day.weekday() != weekday:
        return False
    from_the_start, from_the_end = (day.day - 1) // _WEEK + 1, -((length - day.day) // _WEEK + 1)
    return ordinal in {0, from_the_start, from_the_end}


def _index(number: int, length: int, base: int = 0) -> int:
    """Return an index counted from `base`, also for one that counts from the end because it is negative."""
    return number - 1 + base if number > 0 else length + number + base


def _day(text: str) -> tuple[int, int]:
    return int(text[:-2] or "0"), _WEEKDAYS.index(text[-2:])


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",")) if text else ()
