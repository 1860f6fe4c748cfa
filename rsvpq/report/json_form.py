"""The report as JSON, with the names of the model but for a few; moments have the offset of the report's zone."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from rsvpq.report.calendar import Calendar
from rsvpq.report.model import Report

#: Keys that are not named like their field of the model.
_KEYS = {"action": "deed", "actions": "deeds", "recent_actions": "last_deeds"}


def to_dict(report: Report, calendar: Calendar) -> dict[str, Any]:
    """Return a JSON-ready dict; fields ``..._ms`` of the model become ISO 8601 moments, and lose that suffix."""
    figures: dict[str, Any] = _value("", report, calendar)
    return {"timezone": calendar.name(report.period.until_ms), **figures}


def _value(name: str, value: Any, calendar: Calendar) -> Any:
    if name.endswith("_ms"):
        return None if value is None else calendar.iso(value)
    if is_dataclass(value):
        named = ((column.name, getattr(value, column.name)) for column in fields(value))
        return {_KEYS.get(key, key.removesuffix("_ms")): _value(key, one, calendar) for key, one in named}
    if isinstance(value, tuple):
        return [_value("", one, calendar) for one in value]
    return dict(value) if isinstance(value, Mapping) else value
