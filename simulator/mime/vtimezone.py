"""A zone as the VTIMEZONE text that Exchange shows: two yearly rules since 1601, and no name anybody else knows."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

ZoneText = Literal["cdo", "bare", "x-lines", "windows-name"]

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_HOUR = timedelta(hours=1)
#: The last one for which the tables of zones are good.
_LAST_YEAR = 2037


@lru_cache(maxsize=256)
def vtimezone(name: str, year: int) -> str:
    """The zone of this name with the rules of one year, as Windows keeps them."""
    zone = ZoneInfo(name)
    # Its rules are of no year: those of the last of all days are these.
    year = min(year, _LAST_YEAR)
    changes = list(_changes(zone, year))
    standard = _offset(zone, datetime(year, 1, 1, tzinfo=UTC))
    parts = [_part("STANDARD", standard, standard, "")]
    if changes:
        parts = [_change(zone, moment) for moment in changes]
    # As captured: the name says the offsets and nothing else.
    lines = ["BEGIN:VTIMEZONE", f"TZID:GMT {_signed(standard)}", *(line for part in parts for line in part)]
    return "\r\n".join([*lines, "END:VTIMEZONE", ""])


def _changes(zone: ZoneInfo, year: int) -> Iterator[datetime]:
    """The moments of the year, in UTC, at which the offset is another than an hour before."""
    moment = datetime(year, 1, 1, tzinfo=UTC)
    while moment.year == year:
        if _offset(zone, moment) != _offset(zone, moment - _HOUR):
            yield moment
        moment += _HOUR


def _change(zone: ZoneInfo, moment: datetime) -> list[str]:
    before, after = _offset(zone, moment - _HOUR), _offset(zone, moment)
    wall = (moment + before).replace(tzinfo=None)
    last = wall.day + 7 > monthrange(wall.year, wall.month)[1]
    which = -1 if last else (wall.day - 1) // 7 + 1
    by_day = f"{which}{_WEEKDAYS[wall.weekday()]}"
    rule = f"RRULE:FREQ=YEARLY;WKST=MO;INTERVAL=1;BYMONTH={wall.month};BYDAY={by_day}"
    return _part("DAYLIGHT" if after > before else "STANDARD", before, after, rule, f"{wall:%H%M%S}")


def _part(kind: str, before: timedelta, after: timedelta, rule: str, time: str = "000000") -> list[str]:
    offsets = [f"TZOFFSETFROM:{_signed(before)}", f"TZOFFSETTO:{_signed(after)}"]
    rules = [rule] if rule else []
    return [f"BEGIN:{kind}", f"DTSTART:16010101T{time}", *offsets, *rules, f"END:{kind}"]


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _signed(offset: timedelta) -> str:
    minutes = round(abs(offset).total_seconds()) // 60
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}{minutes % 60:02d}"


#: CdoTimeZoneId and the name in the registry of Windows, of the zones that people here live in.
_KNOWN = {
    "UTC": (1, "UTC"),
    "Europe/Berlin": (4, "W. Europe Standard Time"),
    "Europe/Budapest": (6, "Central Europe Standard Time"),
    "Europe/Madrid": (3, "Romance Standard Time"),
    "Europe/Paris": (3, "Romance Standard Time"),
    "Asia/Tokyo": (20, "Tokyo Standard Time"),
    "America/New_York": (10, "Eastern Standard Time"),
}
_NO_ZONE = (2, "GMT Standard Time")


def windows_name(zone: str) -> str:
    """What Windows calls a zone."""
    return _KNOWN.get(zone, _NO_ZONE)[1]


def written(zone: str, year: int, style: ZoneText) -> str:
    """The zone as one of several programs writes it."""
    text = vtimezone(zone, year)
    number, windows = _KNOWN.get(zone, _NO_ZONE)
    match style:
        case "bare":
            return text
        case "windows-name":
            return f"BEGIN:VTIMEZONE\r\nTZID:{windows}\r\nEND:VTIMEZONE\r\n"
        case "cdo":
            return text.replace("\r\nBEGIN:", f"\r\nX-MICROSOFT-CDO-TZID:{number}\r\nBEGIN:", 1)
        case "x-lines":
            return _with_extensions(text, zone)


def _with_extensions(text: str, zone: str) -> str:
    """What RFC 5545 lets any program add: properties and parameters of its own, comments, and whole components."""
    history = "BEGIN:X-HISTORY\r\nX-NOTE:a\r\nEND:X-HISTORY"
    text = text.replace("\r\nBEGIN:", f"\r\nX-LIC-LOCATION:{zone}\r\n{history}\r\nBEGIN:", 1)
    text = text.replace(
        "DTSTART:", "X-ENTOURAGE:1\r\nCOMMENT;LANGUAGE=en:summer\r\n  time\r\nDTSTART;X-SOURCE=registry:"
    )
    return text.replace("TZOFFSETTO:", "TZNAME;LANGUAGE=de:MEZ\r\nTZOFFSETTO;X-SOURCE=registry:")
