"""Classes and types, by which Outlook and Exchange name what a message is, whatever the protocol.

The class is PidTagMessageClass, the type of a meeting message PidLidMeetingType.
"""

from rsvpq.mail.messages import Kind, Verdict

#: Values of PidLidMeetingType (MS-OXOCAL 2.2.6.5), which the sender's program sets, or the receiver's Outlook: an
#: update of details, a request that is replaced by a newer one, and one that a delegate answers.
INFORMS, OUT_OF_DATE, DELEGATE_ANSWERS = 0x20000, 0x80000, 0x100000
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
#: A report about a message has the class of the message with one of these endings; it is not a request itself.
_REPORT_ENDINGS = (".ndr", ".dr", ".ipnrn", ".ipnnrn")


def kind_of(message_class: str) -> Kind:
    """Return the kind of a message: case is ignored, subclasses are included, delivery reports are not.

    >>> kind_of("IPM.Schedule.Meeting.Request.Contoso"), kind_of("IPM.Schedule.Meeting.Request.NDR")
    (<Kind.REQUEST: 'request'>, <Kind.OTHER: 'other'>)
    """
    name = message_class.casefold()
    if name.endswith(_REPORT_ENDINGS):
        return Kind.OTHER
    return next((kind for known, kind in _KINDS.items() if _is_a(name, known)), Kind.OTHER)


def reply_of(message_class: str) -> Verdict | None:
    """Return the verdict of a response; None for a class that is not that of a response."""
    if kind_of(message_class) is not Kind.RESPONSE:
        return None
    return next(verdict for known, verdict in _REPLIES.items() if _is_a(message_class.casefold(), known))


def _is_a(name: str, known: str) -> bool:
    return (name + ".").startswith(known + ".")
