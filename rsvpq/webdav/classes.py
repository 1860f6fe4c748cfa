"""Message classes of MAPI: what kind of message each stands for, and what a response says."""

from rsvpq.mail.messages import Kind, Verdict

_REPLIES = {
    "ipm.schedule.meeting.resp.pos": Verdict.ACCEPT,
    "ipm.schedule.meeting.resp.neg": Verdict.DECLINE,
    "ipm.schedule.meeting.resp.tent": Verdict.TENTATIVE,
}
_KINDS = {
    "ipm.schedule.meeting.request": Kind.REQUEST,
    **dict.fromkeys(_REPLIES, Kind.RESPONSE),
    "ipm.schedule.meeting.canceled": Kind.CANCELLATION,
    "ipm.taskrequest": Kind.TASK_REQUEST,
}
#: A report about a message carries its class with one of these endings; it is no request itself.
_REPORT_ENDINGS = (".ndr", ".dr", ".ipnrn", ".ipnnrn")


def kind_of(message_class: str) -> Kind:
    """Tell the kind: compared without case, subclasses included, delivery reports excluded.

    >>> kind_of("IPM.Schedule.Meeting.Request.Contoso"), kind_of("IPM.Schedule.Meeting.Request.NDR")
    (<Kind.REQUEST: 'request'>, <Kind.OTHER: 'other'>)
    """
    name = message_class.casefold()
    if name.endswith(_REPORT_ENDINGS):
        return Kind.OTHER
    return next((kind for known, kind in _KINDS.items() if _is_a(name, known)), Kind.OTHER)


def reply_of(message_class: str) -> Verdict | None:
    """Tell what a response says; None for what is none."""
    if kind_of(message_class) is not Kind.RESPONSE:
        return None
    return next(verdict for known, verdict in _REPLIES.items() if _is_a(message_class.casefold(), known))


def _is_a(name: str, known: str) -> bool:
    return (name + ".").startswith(known + ".")
