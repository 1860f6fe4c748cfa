"""An iCalendar text read as a Meeting: the first event of it, as far as the store has properties for it.

Further events with a RECURRENCE-ID are instances of it that were moved; EXDATE names those that were deleted.  A text
with nothing but such an event is about that one occurrence.

RFC 5545 in, UTC out.  A zone is looked up by name, or else its standard offset is taken from the text; no rule of a
VTIMEZONE is computed.  Text that says nothing readable gives None, never an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from simulator.world.messages import Meeting, Person, SeriesException
from simulator.world.object_ids import clean_uid

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"""(?P<name>[A-Z-]+)(?P<parameters>;(?:"[^"]*"|[^":])*)?:(?P<value>.*)""", re.IGNORECASE)
_PARAMETER = re.compile(r';([A-Z-]+)=("[^"]*"|[^;]*)', re.IGNORECASE)
_DURATION = re.compile(r"\+?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")
#: Parameter names and values of one line.
_Parameters = dict[str, str]
#: urn:schemas:calendar:instancetype.
_INSTANCE, _EXCEPTION = 2, 3
_BUSY = {"FREE": 0, "TENTATIVE": 1, "BUSY": 2, "OOF": 3}


@dataclass(frozen=True, slots=True)
class Event:
    """The first event of an iCalendar text."""

    meeting: Meeting
    summary: str
    #: PARTSTAT of the first attendee: the answer that a REPLY gives.
    participation: str


class _Lines:
    """The content lines of one component, by name; of most names the first counts."""

    def __init__(self) -> None:
        self._lines: dict[str, list[tuple[_Parameters, str]]] = {}

    def add(self, name: str, parameters: _Parameters, value: str) -> None:
        self._lines.setdefault(name, []).append((parameters, value))

    def all(self, name: str) -> list[tuple[_Parameters, str]]:
        return self._lines.get(name, [])

    def get(self, name: str) -> tuple[_Parameters, str]:
        return self._lines.get(name, [({}, "")])[0]

    def text(self, name: str) -> str:
        return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], self.get(name)[1])


def read_event(text: str) -> Event | None:
    """Return the first VEVENT of a calendar, None when there is none with a start."""
    try:
        return _event(text)
    except (OverflowError, ValueError):
        # A moment, a length or an offset beyond what there is.
        return None


def _event(text: str) -> Event | None:
    components = _components(text)
    events, calendar = components.get("VEVENT", []), components.get("VCALENDAR", [_Lines()])[0]
    if not events:
        return None
    event = next((one for one in events if not one.get("RECURRENCE-ID")[1]), events[0])
    offset = components.get("STANDARD", components.get("DAYLIGHT", [_Lines()]))[0].get("TZOFFSETTO")[1]
    start = _moment(*event.get("DTSTART"), offset)
    if start is None:
        return None
    original = _moment(*event.get("RECURRENCE-ID"), offset)
    meeting = Meeting(
        uid=clean_uid(event.get("UID")[1]),
        organizer=_person(*event.get("ORGANIZER")),
        start=start,
        end=_end(event, start, offset),
        location=event.text("LOCATION"),
        method=calendar.get("METHOD")[1].upper() or None,
        sequence=int(event.get("SEQUENCE")[1]) if event.get("SEQUENCE")[1].isdecimal() else 0,
        response_requested=event.get("ATTENDEE")[0].get("RSVP", "TRUE").upper() != "FALSE",
        rrule=event.get("RRULE")[1] or None,
        zone=_zone_name(event.get("DTSTART")[0].get("TZID")),
        exceptions=(*_deleted(event, offset), *_moved([one for one in events if one is not event], offset)),
        all_day=_is_all_day(event),
        busy=_BUSY.get(event.get("X-MICROSOFT-CDO-BUSYSTATUS")[1].strip().upper(), _BUSY["BUSY"]),
        recurrence_id=original,
        instance_type=None if original is None else _INSTANCE if original == start else _EXCEPTION,
    )
    return Event(meeting, event.text("SUMMARY"), event.get("ATTENDEE")[0].get("PARTSTAT", "").upper())


def _deleted(event: _Lines, offset: str) -> Iterator[SeriesException]:
    for parameters, values in event.all("EXDATE"):
        for value in values.split(","):
            if original := _moment(parameters, value, offset):
                yield SeriesException(original)


def _moved(events: list[_Lines], offset: str) -> Iterator[SeriesException]:
    for event in events:
        original, start = (_moment(*event.get(name), offset) for name in ("RECURRENCE-ID", "DTSTART"))
        if original is not None and start is not None:
            yield SeriesException(original, start, _end(event, start, offset))


def _is_all_day(event: _Lines) -> bool:
    # Exchange itself writes no DATE, but times of midnight and this line (evolution-exchange, "Calendar Architecture").
    is_date = event.get("DTSTART")[0].get("VALUE", "").upper() == "DATE"
    return is_date or event.get("X-MICROSOFT-CDO-ALLDAYEVENT")[1].strip().upper() == "TRUE"


def _components(text: str) -> dict[str, list[_Lines]]:
    """Return the components by name; nested ones belong to the component that contains them."""
    found: dict[str, list[_Lines]] = {}
    inside: list[_Lines] = []
    for line in _FOLD.sub("", text).splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match["name"].upper(), match["value"]
        if name == "BEGIN":
            inside.append(_Lines())
            found.setdefault(value.strip().upper(), []).append(inside[-1])
        elif name == "END" and inside:
            inside.pop()
        elif inside:
            inside[-1].add(name, _parameters(match["parameters"] or ""), value)
    return found


def _parameters(text: str) -> _Parameters:
    return {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(text)}


def _person(parameters: _Parameters, value: str) -> Person:
    address = re.sub(r"(?i)^mailto:", "", value.strip())
    return Person(parameters.get("CN", address), address)


def _end(event: _Lines, start: datetime, offset: str) -> datetime:
    end = _moment(*event.get("DTEND"), offset)
    if end is not None:
        return end
    length = _DURATION.fullmatch(event.get("DURATION")[1])
    if length is not None:
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in length.groups())
        return start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    whole_day = event.get("DTSTART")[0].get("VALUE", "").upper() == "DATE"
    return start + timedelta(days=1) if whole_day else start


def _moment(parameters: _Parameters, value: str, offset: str) -> datetime | None:
    for form in ("%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d"):
        try:
            moment = datetime.strptime(value.strip(), form)
        except ValueError:
            continue
        zone = UTC if form.endswith("Z") else _zone(parameters.get("TZID"), offset)
        return moment.replace(tzinfo=zone).astimezone(UTC)
    return None


def _zone_name(name: str | None) -> str:
    """Return the name of a known zone; a series in any other zone follows UTC."""
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (OSError, ValueError, KeyError):
        return "UTC"


def _zone(name: str | None, offset: str) -> tzinfo:
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        match = _OFFSET.match(offset)
    if match is None:
        return UTC
    distance = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-distance if match[1] == "-" else distance)
