"""Accept only the recurrence rules that Outlook makes, because dateutil could compute for hours on others.

Long lists of numbers, and days that no month has, make it search for a meeting that never comes. So every value is
checked, and messages with other rules are left to a person.
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
    # With zero, the rule would yield the same moment forever.
    "INTERVAL": re.compile(r"0*[1-9]\d{0,3}", re.ASCII),
    "COUNT": re.compile(r"0*[1-9]\d{0,9}", re.ASCII),
    "UNTIL": re.compile(r"\d{8}(?:T\d{6})?Z?", re.ASCII),
    "WKST": re.compile(_WEEKDAY),
    "BYDAY": _NUMBERED_WEEKDAYS,
    # The only negative number that Outlook writes is the last day of a month.
    "BYMONTHDAY": re.compile(r"0?[1-9]|[12]\d|3[01]|-1", re.ASCII),
    "BYSETPOS": re.compile(r"[1-4]|-1"),
    "BYMONTH": re.compile(r"0?[1-9]|1[0-2]"),
}
_LEAP_YEAR: Final = 2000


def parse_ordinary_rule(rule: str) -> dict[str, str]:
    """Return the values of a rule's parts by their names, all in capitals.

    :raises ValueError: Outlook does not make such rules.
    """
    if not rule.strip():
        raise ValueError("no recurrence rule is shown")
    shown = [part.strip().upper().partition("=") for part in rule.split(";") if part.strip()]
    parts = {name: value for name, _, value in shown}
    allowed = _ALLOWED.get(parts.get("FREQ", ""))
    ordinary = allowed is not None and len(parts) == len(shown) and parts.keys() <= allowed
    fits = ordinary and all(_FORMS[name].fullmatch(value) for name, value in parts.items())
    if not (fits and _is_possible(parts)):
        raise ValueError(f"unsupported recurrence rule {rule[:100]!r}: Outlook does not make such rules")
    return parts


def _is_possible(parts: dict[str, str]) -> bool:
    """Return whether Outlook combines these parts. Other combinations may describe a day that never comes."""
    days = parts.get("BYDAY")
    if days is not None and (parts["FREQ"] in {"DAILY", "WEEKLY"} or "BYSETPOS" in parts):
        every_day = parts["FREQ"] != "DAILY" or int(parts.get("INTERVAL", "1")) == 1
        return "BYMONTHDAY" not in parts and every_day and _WEEKDAYS.fullmatch(days) is not None
    if "BYSETPOS" in parts or (days is not None and "BYMONTHDAY" in parts):
        return False
    longest = monthrange(_LEAP_YEAR, int(parts.get("BYMONTH", "1")))[1]
    return int(parts.get("BYMONTHDAY", "1")) <= longest
