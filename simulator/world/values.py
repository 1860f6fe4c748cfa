"""The values that a property can have."""

from datetime import datetime

Value = str | bool | int | bytes | datetime | tuple[str, ...] | tuple[datetime, ...]

_MICROSECONDS_PER_MILLISECOND = 1000


def date_text(moment: datetime) -> str:
    """Format a date as `2007-12-30T05:16:11.844Z`.

    Always with milliseconds, or DavMail gives up on the whole folder.
    """
    milliseconds = moment.microsecond // _MICROSECONDS_PER_MILLISECOND
    return f"{moment.replace(microsecond=0, tzinfo=None).isoformat()}.{milliseconds:03d}Z"
