"""The instances of a series that a request invites to: the server expands series in calendars, but not in an Inbox.

What the request shows of its rule and its zone is all there is. Without either nothing but the first instance is known.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from io import StringIO
from itertools import islice

from dateutil.rrule import rrulestr
from dateutil.tz import tzical

from rsvpq.agenda import Particulars

#: More than any policy looks at: a daily meeting of two years.
MOST_INSTANCES = 750
_UNTIL = re.compile(r"UNTIL=(?P<day>\d{8})(?:T(?P<time>\d{6}))?(?P<utc>Z?)", re.IGNORECASE)
#: The rules that Outlook makes, and no others: dateutil would search some that strangers can write for hours.
_ALWAYS = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY"})
_ALLOWED = {
    "DAILY": _ALWAYS,
    "WEEKLY": _ALWAYS,
    "MONTHLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS"},
    "YEARLY": _ALWAYS | {"BYMONTHDAY", "BYSETPOS", "BYMONTH"},
}
_ZONE_RULE = re.compile(r"^RRULE[:;](.*)$", re.IGNORECASE | re.MULTILINE)
_LARGEST_ZONE = 8192


@dataclass(frozen=True, slots=True)
class Instances:
    """When a meeting takes place, each (start, end) in UTC, the first one first."""

    times: tuple[tuple[datetime, datetime], ...]
    #: Whether these are all until the moment that was asked for; False: only the first, or the first few, are known.
    complete: bool


def instances(start: datetime, end: datetime, series: Particulars | None, until: datetime) -> Instances:
    """The instances that start before ``until``, by the clock on the wall in the zone of the series.

    :param start, end: of the first instance, in UTC.
    :param series: None for a meeting that does not recur.
    """
    only = ((start, end),)
    if series is None:
        return Instances(only, complete=True)
    try:
        found = _expand(start, end, series, until)
    # dateutil has no list of what a text can make it raise, and the text is a stranger's.
    except Exception:
        return Instances(only, complete=False)
    left = [times for times in found if times[0] not in series.deleted]
    return Instances(tuple(left[:MOST_INSTANCES]), complete=len(found) <= MOST_INSTANCES)


def _expand(start: datetime, end: datetime, series: Particulars, until: datetime) -> list[tuple[datetime, datetime]]:
    _require_ordinary(series.rule)
    zone = _zone(series.zone)
    first, first_end = start.astimezone(zone), end.astimezone(zone)
    # Wall clocks: Outlook keeps start and end as minutes of the day.
    length = first_end.replace(tzinfo=None) - first.replace(tzinfo=None)
    rule = rrulestr(_UNTIL.sub(lambda match: _until_utc(match, zone), series.rule), dtstart=first)
    found: list[tuple[datetime, datetime]] = []
    for moment in islice(rule, MOST_INSTANCES + 1):
        if moment.astimezone(UTC) >= until:
            break
        found.append((moment.astimezone(UTC), (moment + length).astimezone(UTC)))
    if not found or found[0][0] != start:
        raise ValueError("the rule does not lead to the first instance")
    return found


def _zone(text: str) -> tzinfo:
    """The zone of a VTIMEZONE.

    :raises ValueError: there is none: an hour could be wrong after the next change of clocks.
    """
    if len(text) > _LARGEST_ZONE:
        raise ValueError("a zone that is too large")
    for rule in _ZONE_RULE.findall(text):
        if _require_ordinary(rule) != "YEARLY":
            raise ValueError("a zone whose clocks change more than yearly")
    zone: tzinfo | None = tzical(StringIO(text)).get() if text else None
    if zone is None:
        raise ValueError("no zone")
    return zone


def _require_ordinary(rule: str) -> str:
    """The frequency of a rule.

    :raises ValueError: the rule is none of those that Outlook makes.
    """
    parts = dict(part.upper().split("=", 1) for part in rule.strip().split(";"))
    frequency = parts.get("FREQ", "")
    if not parts.keys() <= _ALLOWED.get(frequency, frozenset()):
        raise ValueError(f"not a rule of Outlook's: {rule}")
    return frequency


def _until_utc(match: re.Match[str], zone: tzinfo) -> str:
    """UNTIL in UTC, as dateutil wants it; a date takes its whole day."""
    moment = datetime.strptime(match["day"] + (match["time"] or "235959"), "%Y%m%d%H%M%S")
    aware = moment.replace(tzinfo=UTC if match["utc"] else zone).astimezone(UTC)
    return f"UNTIL={aware:%Y%m%dT%H%M%SZ}"
