"""Read the time zone of a series from its VTIMEZONE, which any program may have written, or from its name.

Everything that programs may add to a VTIMEZONE is skipped, as RFC 5545 requires (3.6.5, 3.8.8.2): comments, parameters,
unknown components, and ``X-MICROSOFT-CDO-TZID``, which Exchange itself writes. If the rest does not define the offsets,
the zone is looked up by its IANA or Windows name.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import tzinfo
from io import StringIO
from zoneinfo import ZoneInfo

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from rsvpq.mail.ordinary_rules import parse_ordinary_rule

_LARGEST = 8192
#: A country needs two for each change of its law, and every one takes time to evaluate.
_MOST_PARTS = 20
#: Rules are evaluated year by year from their start, which usually is 1601. This is a leap year before all meetings.
_EARLY, _FIRST_OF_OUTLOOK = 1904, 1601
_FOLD = re.compile(r"\r?\n[ \t]")
_PARTS = {"STANDARD", "DAYLIGHT"}
_MOMENT = re.compile(r"(?P<day>\d{8})(?:T(?P<time>\d{6})Z?)?", re.ASCII)
_OFFSET = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d\d:?\d\d(?::?\d\d)?)", re.ASCII)
_STEP = re.compile(r"[A-Za-z0-9_.+-]*[A-Za-z0-9_+-]", re.ASCII)
#: Files in the folder of IANA's zones that are not zones: the zone of this machine, and copies with leap seconds.
_NO_ZONES = {"localtime", "posixrules", "factory"}
_COPIES = {"right", "posix"}
_WINDOWS = {name.casefold(): olson for name, olson in WINDOWS_TO_OLSON.items()}


def read_zone(text: str) -> tzinfo:
    """Return the time zone of a VTIMEZONE or of a name.

    :raises ValueError: it cannot be read; a guess could be an hour wrong after the next clock change.
    """
    if not text.strip():
        raise ValueError("no time zone is shown")
    if len(text) > _LARGEST:
        raise ValueError(f"the time zone has more than {_LARGEST} characters")
    lines = list(_lines(text))
    name = next((value for key, value in lines if key == "TZID"), "" if lines else text).strip()
    try:
        return _defined(lines)
    # dateutil does not document which errors a text can cause.
    except Exception as error:
        zone = _named(name)
        if zone is None:
            raise ValueError(f"unknown time zone {name[:60]!r}, and its rules cannot be read: {error}") from None
        return zone


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name, in capitals and without parameters, and the value of each line of the first VTIMEZONE.

    Lines before it are included; nothing is read beyond its end, or beyond the beginning of a second one.
    """
    begun = False
    for line in _FOLD.sub("", text).splitlines():
        head, colon, value = (part.strip() for part in line.partition(":"))
        name, of_zone = head.partition(";")[0].strip().upper(), value.upper() == "VTIMEZONE"
        if begun and of_zone and name in {"BEGIN", "END"}:
            return
        begun = begun or (of_zone and name == "BEGIN")
        if colon:
            yield name, value


def _defined(lines: list[tuple[str, str]]) -> tzinfo:
    """Return the time zone that the rules define.

    :raises Exception: they are incomplete, or are rules that Outlook does not make.
    """
    parts = list(_parts(lines))
    if not parts:
        raise ValueError("it has no STANDARD or DAYLIGHT rules")
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"it has more than {_MOST_PARTS} rules")
    needed = "\n".join(["BEGIN:VTIMEZONE", "TZID:zone", *(line for part in parts for line in part), "END:VTIMEZONE"])
    zone: tzinfo | None = tzical(StringIO(needed)).get()
    if zone is None:
        raise ValueError("it has no STANDARD or DAYLIGHT rules")
    return zone


def _parts(lines: list[tuple[str, str]]) -> Iterator[list[str]]:
    """Yield the lines of each STANDARD and DAYLIGHT component that are needed, and no others."""
    open_components: list[str] = []
    part: list[str] = []
    for name, value in lines:
        if name == "BEGIN":
            open_components.append(value.upper())
            if open_components[1:] and open_components[-1] in _PARTS:
                part = []
        elif name == "END" and open_components:
            ended = open_components.pop()
            if ended in _PARTS:
                yield [f"BEGIN:{ended}", *_begun_late(part), f"END:{ended}"]
        elif open_components[1:] and open_components[-1] in _PARTS and name in _NEEDED:
            part.append(f"{name}:{_NEEDED[name](value)}")


def _begun_late(part: list[str]) -> list[str]:
    """Move the start of a rule that began long ago to a later year, so that no centuries have to be evaluated.

    :raises ValueError: the rule has an end, so that its start cannot be moved, and begins too long ago.
    """
    rule = next((line for line in part if line.startswith("RRULE:")), None)
    begin = next((line for line in part if line.startswith("DTSTART:")), "")
    year = begin[8:12]
    if rule is None or not year or int(year) >= _EARLY:
        return part
    if "UNTIL=" not in rule:
        return [f"DTSTART:{_EARLY}{line[12:]}" if line == begin else line for line in part]
    if int(year) < _FIRST_OF_OUTLOOK:
        raise ValueError(f"its rules begin before {_FIRST_OF_OUTLOOK}")
    return part


def _moment(value: str) -> str:
    """:raises ValueError: it is not a valid time."""
    match = _MOMENT.fullmatch(value)
    if match is None:
        raise ValueError(f"invalid time {value[:40]!r}")
    return f"{match['day']}T{match['time'] or '000000'}"


def _offset(value: str) -> str:
    """:raises ValueError: it is not a valid offset."""
    match = _OFFSET.fullmatch(value)
    if match is None:
        raise ValueError(f"invalid UTC offset {value[:40]!r}")
    return f"{match['sign']}{match['digits'].replace(':', '')}"


def _yearly(value: str) -> str:
    """:raises ValueError: the rule does not describe one day of every year."""
    parts = parse_ordinary_rule(value)
    if parts["FREQ"] != "YEARLY":
        raise ValueError("its clock changes are not yearly")
    # Clocks change on one day of a month in every year. With an interval, it may be that no such year has that day, and
    # dateutil would search for it endlessly.
    if int(parts.get("INTERVAL", "1")) != 1 or "COUNT" in parts or ("BYDAY" in parts and "BYMONTH" not in parts):
        raise ValueError("Outlook does not write such clock changes")
    return ";".join(f"{name}={part}" for name, part in parts.items())


_NEEDED: dict[str, Callable[[str], str]] = {
    "DTSTART": _moment,
    "RDATE": lambda value: ",".join(map(_moment, value.split(","))),
    "RRULE": _yearly,
    "TZOFFSETFROM": _offset,
    "TZOFFSETTO": _offset,
}


def _named(name: str) -> tzinfo | None:
    """Return the time zone with this Windows or IANA name; None for any other name."""
    plain = name.strip('"')
    if plain.casefold() in _WINDOWS:
        return ZoneInfo(_WINDOWS[plain.casefold()])
    steps = plain.strip("/").split("/")
    if not all(map(_STEP.fullmatch, steps)):
        return None
    # Some programs put a path of their own before an IANA name.
    names = [steps] if plain.startswith(steps[0]) else [steps[-3:], steps[-2:]]
    for iana in map("/".join, names):
        if iana.partition("/")[0].casefold() not in _COPIES and iana.casefold() not in _NO_ZONES:
            with suppress(ValueError, OSError, LookupError):  # ZoneInfo searches for a file
                return ZoneInfo(iana)
    return None
