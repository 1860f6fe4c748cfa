"""The id of a meeting in MAPI, PidLidGlobalObjectId (MS-OXOCAL 2.2.1.27), and the uid that is the same in iCalendar.

The uid of a meeting that Outlook made is the id in hexadecimal. An id that was made from another program's uid has that
uid in it, behind ``vCal-Uid``; the date of an instance, if it names one, is before it.
"""

import base64
import binascii
import re

from rsvpq.mail.calendar import instance_date

_CLASS = bytes.fromhex("040000008200E00074C5B7101A82E008")
_DATE = slice(16, 20)
_SIZE, _DATA = slice(36, 40), 40
_FOREIGN = b"vCal-Uid\x01\x00\x00\x00"
#: The most characters of an id that are read; those of Outlook have 112 in hexadecimal.
_LONGEST = 4000
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){1,2000}")


def uid_of(global_id: str) -> str:
    """Return the uid of a meeting by its id in base64; '' if that is not an id."""
    octets = _decoded(global_id)
    if octets is None:
        return ""
    data = octets[_DATA:]
    if octets.startswith(_CLASS) and data.startswith(_FOREIGN):
        size = int.from_bytes(octets[_SIZE], "little")
        return data[len(_FOREIGN) : size].rstrip(b"\0").decode("utf-8", "replace")
    return octets.hex().upper()


def uid_in(text: str) -> str:
    """Return the uid that ``calendar:UID`` shows, which may be an id in hexadecimal."""
    text = text.strip()
    if not _HEXADECIMAL.fullmatch(text) or not bytes.fromhex(text).startswith(_CLASS):
        return text
    return uid_of(base64.b64encode(bytes.fromhex(text)).decode())


def day_of_instance(global_id: str) -> str:
    """Return the day of the instance that an id in base64 names, such as ``20260307``; '' if it names none."""
    octets = _decoded(global_id)
    return "" if octets is None else instance_date(octets[: _DATE.stop].hex())


def clean_id_of(uid: str) -> str:
    """Return the id, in base64 and without the date of an instance, of the meeting with this uid.

    >>> uid_of(clean_id_of("7d1e@calendar.example"))
    '7d1e@calendar.example'
    """
    octets = bytes.fromhex(uid) if _HEXADECIMAL.fullmatch(uid) else b""
    if octets.startswith(_CLASS):
        octets = octets[: _DATE.start] + bytes(4) + octets[_DATE.stop :]
    else:
        data = _FOREIGN + uid.encode("utf-8", "replace") + b"\0"
        octets = _CLASS + bytes(_SIZE.start - _DATE.start) + len(data).to_bytes(4, "little") + data
    return base64.b64encode(octets).decode()


def _decoded(global_id: str) -> bytes | None:
    if not global_id or len(global_id) > _LONGEST:
        return None
    try:
        return base64.b64decode(global_id, validate=True)
    except (binascii.Error, ValueError):
        return None
