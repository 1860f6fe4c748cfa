"""Which recurrence rules are followed: those that Outlook makes, for dateutil would search others for hours."""

import re

_ALWAYS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY"})
_ALLOWED = {
    "DAILY": _ALWAYS,
    "WEEKLY": _ALWAYS,
    "MONTHLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS"},
    "YEARLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS", "BYMONTH"},
}
#: Zero would be the same moment for ever.
_INTERVAL = re.compile(r"0*[1-9]\d{0,3}", re.ASCII)


def parts_of(rule: str) -> dict[str, str]:
    """The parts of a rule, by name, in capitals.

    :raises ValueError: it is no rule.
    """
    parts = (part.upper().split("=", 1) for part in rule.strip().split(";") if part.strip())
    return dict(parts)


def require_ordinary(rule: str) -> str:
    """The frequency of a rule.

    :raises ValueError: the rule is none of those that Outlook makes.
    """
    if not rule.strip():
        raise ValueError("no rule is shown")
    parts = parts_of(rule)
    frequency = parts.get("FREQ", "")
    ordinary = frequency in _ALLOWED and parts.keys() <= _ALLOWED[frequency]
    if not ordinary or not _INTERVAL.fullmatch(parts.get("INTERVAL", "1")):
        raise ValueError(f"{rule[:100]!r} is not a rule that Outlook makes")
    return frequency
