"""Parse the times that servers write, and format those that rsvpq writes."""

from datetime import UTC, datetime


def instant(text: str) -> datetime | None:
    """Parse a time such as ``2007-12-30T05:16:11.844Z`` to UTC; a time without an offset is taken as UTC.

    :returns: None if the text is not a time, or one that Python cannot hold.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(moment: datetime | None) -> str:
    """Format a time for :func:`instant`, in UTC; '' for None.

    >>> written(datetime(2007, 12, 30, 5, 16, 11, 844000, UTC))
    '2007-12-30T05:16:11.844Z'
    """
    if moment is None:
        return ""
    digits = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.astimezone(UTC).isoformat(timespec=digits).replace("+00:00", "Z")
