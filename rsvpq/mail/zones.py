"""The zone in which a series is held: out of a VTIMEZONE that a stranger's program wrote, or by its name.

What a program may add to a VTIMEZONE is skipped, as RFC 5545 has it (3.6.5, 3.8.8.2): ``X-MICROSOFT-CDO-TZID``, which
Exchange itself writes, comments, parameters, components nobody knows. What is left has to say all that a clock needs;
where it does not, a name that IANA or Windows knows will do.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from io import StringIO
from zoneinfo import ZoneInfo

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from rsvpq.mail.ordinary_rules import ordinary

_LARGEST = 8192
#: Two for each time that a country has changed its law; each is reckoned by itself.
_MOST_PARTS = 20
#: Rules are walked year by year from their beginning, which is mostly 1601. This is a leap year before all meetings.
_EARLY, _FIRST_OF_OUTLOOK = 1904, 1601
_FOLD = re.compile(r"\r?\n[ \t]")
_PARTS = {"STANDARD", "DAYLIGHT"}
_MOMENT = re.compile(r"(?P<day>\d{8})(?:T(?P<time>\d{6})Z?)?", re.ASCII)
_OFFSET = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d\d:?\d\d(?::?\d\d)?)", re.ASCII)
_STEP = re.compile(r"[A-Za-z0-9_.+-]*[A-Za-z0-9_+-]", re.ASCII)
#: What lies beside IANA's zones in their folder: the clock of this machine, and copies with leap seconds.
_NO_ZONES = {"localtime", "posixrules", "factory"}
_COPIES = {"right", "posix"}
_WINDOWS = {name.casefold(): olson for name, olson in WINDOWS_TO_OLSON.items()}


def read_zone(text: str) -> tzinfo:
    """The zone of a VTIMEZONE, or of a name.

    :raises ValueError: there is none, and why: an hour could be wrong after the next change of clocks.
    """
    if not text.strip():
        raise ValueError("no zone is shown")
    if len(text) > _LARGEST:
        raise ValueError(f"the zone takes more than {_LARGEST} characters")
    lines = list(_of_one_zone(_lines(text)))
    name = next((value for key, value in lines if key == "TZID"), "" if lines else text).strip()
    try:
        return _defined(lines)
    # dateutil has no list of what a text can make it raise.
    except Exception as error:
        zone = _named(name)
        if zone is None:
            raise ValueError(
                f"the zone {name[:60]!r} is no known name, and its rules cannot be read: {error}"
            ) from None
        return zone


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line as its name, in capitals and without parameters, and its value."""
    for line in _FOLD.sub("", text).splitlines():
        head, colon, value = line.partition(":")
        if colon:
            yield head.partition(";")[0].strip().upper(), value.strip()


def _of_one_zone(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The lines up to the end of the first VTIMEZONE, or to the beginning of another."""
    begun = False
    for name, value in lines:
        of_zone = value.upper() == "VTIMEZONE"
        if begun and of_zone and name in {"BEGIN", "END"}:
            return
        begun = begun or (of_zone and name == "BEGIN")
        yield name, value


def _defined(lines: list[tuple[str, str]]) -> tzinfo:
    """The zone by its rules.

    :raises Exception: they do not say enough, or are none that Outlook makes.
    """
    parts = list(_parts(lines))
    if not parts:
        raise ValueError("it has no rules")
    if len(parts) > _MOST_PARTS:
        raise ValueError(f"it has more than {_MOST_PARTS} rules")
    told = "\n".join(["BEGIN:VTIMEZONE", "TZID:zone", *(line for part in parts for line in part), "END:VTIMEZONE"])
    zone: tzinfo | None = tzical(StringIO(told)).get()
    if zone is None:
        raise ValueError("it has no rules")
    return zone


def _parts(lines: list[tuple[str, str]]) -> Iterator[list[str]]:
    """What each STANDARD and DAYLIGHT says, in nothing but what is needed of it."""
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
    """The lines, with a rule that began long ago beginning later: so it is not walked through centuries.

    :raises ValueError: it ends by a date, so that it has to begin where it does, and that is too long ago.
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
    """:raises ValueError: it is none."""
    match = _MOMENT.fullmatch(value)
    if match is None:
        raise ValueError(f"{value[:40]!r} is no time")
    return f"{match['day']}T{match['time'] or '000000'}"


def _moments(value: str) -> str:
    return ",".join(map(_moment, value.split(",")))


def _offset(value: str) -> str:
    """:raises ValueError: it is none."""
    match = _OFFSET.fullmatch(value)
    if match is None:
        raise ValueError(f"{value[:40]!r} is no offset")
    return f"{match['sign']}{match['digits'].replace(':', '')}"


def _yearly(value: str) -> str:
    """:raises ValueError: the rule is another."""
    parts = ordinary(value)
    if parts["FREQ"] != "YEARLY":
        raise ValueError("its clocks change more than yearly")
    # A clock changes on one day of a month. Every other year may have no such day, and is searched for without end.
    if int(parts.get("INTERVAL", "1")) != 1 or "COUNT" in parts or ("BYDAY" in parts and "BYMONTH" not in parts):
        raise ValueError("its clocks do not change as Outlook has it")
    return ";".join(f"{name}={part}" for name, part in parts.items())


_NEEDED = {
    "DTSTART": _moment,
    "RDATE": _moments,
    "RRULE": _yearly,
    "TZOFFSETFROM": _offset,
    "TZOFFSETTO": _offset,
}


def _named(name: str) -> tzinfo | None:
    """The zone of a name that Windows or IANA gave; None for any other."""
    plain = name.strip('"')
    if plain.casefold() in _WINDOWS:
        return ZoneInfo(_WINDOWS[plain.casefold()])
    steps = plain.strip("/").split("/")
    if not all(map(_STEP.fullmatch, steps)):
        return None
    # Some programs put a path of their own before a name of IANA's.
    names = [steps] if plain.startswith(steps[0]) else [steps[-3:], steps[-2:]]
    return next((zone for one in names if (zone := _of_iana("/".join(one)))), None)


def _of_iana(name: str) -> tzinfo | None:
    first = name.partition("/")[0].casefold()
    if first in _COPIES or name.casefold() in _NO_ZONES:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # it looks for a file
        return None
