"""The identifiers of a meeting: the uid, and the global object ids that Outlook makes of it.

An occurrence has the uid of its series.  The date on which it would be by the rule stands in its global object id, and
is zero in the "clean" one (MS-OXOCAL 2.2.1.27 and 2.2.1.28).
"""

from datetime import date
from zoneinfo import ZoneInfo

from simulator.world.mailboxes import Item
from simulator.world.messages import Meeting

#: What every global object id begins with; the four bytes behind it are the date: year (high byte first), month, day.
_CLASS = bytes.fromhex("040000008200E00074C5B7101A82E008")
_DATE = slice(len(_CLASS), len(_CLASS) + 4)
#: No date, creation time or reserved bytes.
_BLANK = bytes(20)


def global_object_id(meeting: Meeting) -> bytes:
    """Return PidLidGlobalObjectId, which contains the date of an occurrence."""
    day = _original_day(meeting)
    return clean_global_object_id(meeting) if day is None else _dated(clean_global_object_id(meeting), day)


def clean_global_object_id(meeting: Meeting) -> bytes:
    """Return PidLidCleanGlobalObjectId, which is the same for a series and all its occurrences."""
    try:
        return bytes.fromhex(meeting.uid)
    except ValueError:
        # The uid of another calendar program travels inside one of Outlook's shape (MS-OXCICAL, UID).
        text = b"vCal-Uid\1\0\0\0" + meeting.uid.encode() + b"\0"
        return _CLASS + _BLANK + len(text).to_bytes(4, "little") + text


def shown_uid(item: Item) -> str | None:
    """Return the uid that an item shows; a switch of its server adds the date of an occurrence."""
    meeting = item.message.meeting
    if meeting is None:
        return None
    day, octets = _original_day(meeting), _octets(meeting.uid)
    if day is None or octets is None or not item.mailbox.dated_uids:
        return meeting.uid
    return _dated(octets, day).hex().upper()


def clean_uid(uid: str) -> str:
    """Return a uid without the date of an occurrence, in any program's format."""
    octets = _octets(uid)
    if octets is None or not any(octets[_DATE]):
        return uid
    return (octets[: _DATE.start] + bytes(4) + octets[_DATE.stop :]).hex().upper()


def _octets(uid: str) -> bytes | None:
    try:
        octets = bytes.fromhex(uid)
    except ValueError:
        return None
    return octets if octets.startswith(_CLASS) else None


def _original_day(meeting: Meeting) -> date | None:
    """Return the original day, in the zone of the series."""
    original = meeting.recurrence_id
    return original.astimezone(ZoneInfo(meeting.zone)).date() if original else None


def _dated(octets: bytes, day: date) -> bytes:
    return octets[: _DATE.start] + day.year.to_bytes(2) + bytes((day.month, day.day)) + octets[_DATE.stop :]
