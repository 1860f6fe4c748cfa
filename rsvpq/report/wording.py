"""How numbers and sentences are written in a report, in the text as in HTML."""

from rsvpq.report.model import Period, Report

#: What the actions and answers are called.
NAMES = {
    "accept": "accepted",
    "tentative": "tentative",
    "decline": "declined",
    "unknown": "decided before the period",
    "open": "open",
    "skip": "skip",
}


def grouped(count: int) -> str:
    """With separators: ``12,345``."""
    return f"{count:,}"


def share(part: int, whole: int) -> str:
    """In percent; what is there at all is not called nothing, and what is missing is not called all."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return "< 1 %" if 0 < percent < 1 else "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"  # noqa: PLR2004 - of a hundred


def coverage(period: Period, begins: str) -> str:
    """Whether the audit reaches back to the beginning of the period; '' where it does.

    :param begins: the moment of its oldest record, as the report writes moments.
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
    """The report in one or two sentences."""
    if not report.period.records:
        return "Nothing was recorded in this period."
    sent, troubles = sum(report.answers.values()), report.troubles
    told = f"{_several(sent, 'answer')} sent and {_several(report.opened, 'response')} opened in "
    told += f"{_several(report.mailboxes, 'mailbox', 'mailboxes')}. "
    if troubles.dead:
        return told + f"{_several(troubles.dead, 'item')} given up: rsvpq dead lists what is still in that state."
    return told + "Nothing was given up."


def _several(count: int, one: str, many: str = "") -> str:
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"
