"""Numbers and sentences that the text and the HTML form of a report have in common."""

from rsvpq.report.model import Period, Report
from rsvpq.text import counted, grouped

#: The names of actions and answers.
NAMES = {
    "accept": "accepted",
    "tentative": "tentative",
    "decline": "declined",
    "unknown": "decided before the period",
    "open": "open",
    "skip": "skip",
}


def share(part: int, whole: int) -> str:
    """Format a share in percent; a part above zero is never 0 %, and an incomplete one never 100 %."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return "< 1 %" if 0 < percent < 1 else "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"  # noqa: PLR2004 - of a hundred


def coverage(period: Period, begins: str) -> str:
    """Say from when on the audit has records; '' if it reaches back to the beginning of the period.

    :param begins: the moment of its oldest record, formatted for the report.
    """
    if period.audit_begins_ms is None:
        return "The audit is empty."
    if not period.cut:
        return ""
    if period.dropped:
        records = "record was" if period.dropped == 1 else "records were"
        return (
            f"The audit begins at {begins}: {grouped(period.dropped)} older {records} dropped (audit.retention, "
            "audit.most_records), so the period is not complete."
        )
    unless = "" if period.dropped == 0 else ", unless they were dropped"
    return f"The audit begins at {begins}: there are no older records{unless}."


def brief(report: Report) -> str:
    """Sum up the report in one or two sentences."""
    if not report.period.records:
        return "Nothing was recorded in this period."
    sent, troubles = sum(report.answers.values()), report.troubles
    done = f"{counted(sent, 'answer')} sent and {counted(report.opened, 'response')} opened in "
    done += f"{counted(report.mailboxes, 'mailbox')}. "
    if troubles.dead:
        return done + f"{counted(troubles.dead, 'item')} given up: rsvpq dead lists what is still in that state."
    return done + "Nothing was given up."
