"""Which recurrence rules are followed: those that Outlook makes, for dateutil would search others for hours.

Lists of numbers, and days that no month has, keep it searching for a meeting that never comes. So each value is looked
at, and what is not of Outlook's kind is left to a person.
"""

import re
from calendar import monthrange
from typing import Final

_ALWAYS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY"})
_ALLOWED = {
    "DAILY": _ALWAYS,
    "WEEKLY": _ALWAYS,
    "MONTHLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS"},
    "YEARLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS", "BYMONTH"},
}
_WEEKDAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_WEEKDAYS = re.compile(f"{_WEEKDAY}(?:,{_WEEKDAY}){{0,6}}")
_NUMBERED_WEEKDAYS = re.compile(f"(?:[+-]?[1-5])?{_WEEKDAY}(?:,(?:[+-]?[1-5])?{_WEEKDAY}){{0,6}}")
_FORMS = {
    "FREQ": re.compile("|".join(_ALLOWED)),
    # Zero would be the same moment for ever.
    "INTERVAL": re.compile(r"0*[1-9]\d{0,3}", re.ASCII),
    "COUNT": re.compile(r"0*[1-9]\d{0,9}", re.ASCII),
    "UNTIL": re.compile(r"\d{8}(?:T\d{6})?Z?", re.ASCII),
    "WKST": re.compile(_WEEKDAY),
    "BYDAY": _NUMBERED_WEEKDAYS,
    # The last day of each month is the one negative number that Outlook writes.
    "BYMONTHDAY": re.compile(r"0?[1-9]|[12]\d|3[01]|-1", re.ASCII),
    "BYSETPOS": re.compile(r"[1-4]|-1"),
    "BYMONTH": re.compile(r"0?[1-9]|1[0-2]"),
}
_LEAP_YEAR: Final = 2000


def ordinary(rule: str) -> dict[str, str]:
    """The parts of a rule, by name, in capitals.

    :raises ValueError: it is none of those that Outlook makes.
    """
    if not rule.strip():
        raise ValueError("no rule is shown")
    shown = [part.strip().upper().partition("=") for part in rule.split(";") if part.strip()]
    parts = {name: value for name, _, value in shown}
    if len(parts) < len(shown) or not _is_ordinary(parts):
        raise ValueError(f"{rule[:100]!r} is not a rule that Outlook makes")
    return parts


def _is_ordinary(parts: dict[str, str]) -> bool:
    frequency = parts.get("FREQ", "")
    written = frequency in _ALLOWED and parts.keys() <= _ALLOWED[frequency]
    return written and all(_FORMS[name].fullmatch(value) for name, value in parts.items()) and _come_true(parts)


def _come_true(parts: dict[str, str]) -> bool:
    """Whether the parts go together, as all that Outlook writes do: others may describe no day at all."""
    days = parts.get("BYDAY")
    if days is not None and (parts["FREQ"] in {"DAILY", "WEEKLY"} or "BYSETPOS" in parts):
        every_day = parts["FREQ"] != "DAILY" or int(parts.get("INTERVAL", "1")) == 1
        return "BYMONTHDAY" not in parts and every_day and _WEEKDAYS.fullmatch(days) is not None
    if "BYSETPOS" in parts or (days is not None and "BYMONTHDAY" in parts):
        return False
    longest = monthrange(_LEAP_YEAR, int(parts.get("BYMONTH", "1")))[1]
    return int(parts.get("BYMONTHDAY", "1")) <= longest
