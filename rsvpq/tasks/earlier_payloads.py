"""Convert payloads of items that the previous version offered to the present form.

That version knew one protocol, and stored the values of its server unchanged: paths in place of an
:class:`~rsvpq.mail.messages.ItemRef`, times as text, MAPI classes and flags. The next version drops this module.
"""

from collections.abc import Mapping
from typing import Any

from rsvpq.mail.messages import Kind, Sensitivity, Verdict, instant

_TIMES = ("received", "start", "end", "stamp", "created", "modified")
_REPLIES = {"pos": Verdict.ACCEPT, "neg": Verdict.DECLINE, "tent": Verdict.TENTATIVE}
_FLAGS = {"informational": 0x20000, "outdated": 0x80000, "for_delegate": 0x100000}
#: The beginning of the message class of a response; its verdict follows.
_RESPONSE_CLASS = "ipm.schedule.meeting.resp."
#: Fields that are converted or dropped; ``tag`` and ``intent`` are dropped: they are read again before anything is
#: decided or sent.
_REPLACED = {
    *("href", "rid", "permanent_url", "message_class", "meeting_type", "intended_busy", "sensitivity", "sent_by"),
    *("tag", "intent", *_TIMES),
}


def current(payload: Mapping[str, Any], *, unsent: bool = False) -> dict[str, Any]:
    """Convert the payload of a message to the form of :meth:`MeetingMessage.to_payload`, if it does not have it yet.

    :param unsent: whether a response in it is an unsent answer of ours, which the previous version called a response.
    :raises TypeError, ValueError: it has neither form.
    """
    if "ref" in payload or not isinstance(payload.get("href"), str):
        return dict(payload)
    found = {name: value for name, value in payload.items() if name not in _REPLACED}
    if unsent and payload.get("kind") == Kind.RESPONSE:
        found["kind"] = str(Kind.ANSWER)
    href, permanent_url = payload["href"], payload.get("permanent_url", "")
    found["ref"] = [payload.get("rid") or permanent_url or href, href, permanent_url]
    # The previous version stored any text as a time.
    times = {name: payload[name] for name in _TIMES if isinstance(payload.get(name), str)}
    found |= {name: time for name, time in times.items() if instant(time)}
    found["type_name"] = payload.get("message_class", "")
    message_class = found["type_name"].casefold()
    if message_class.startswith(_RESPONSE_CLASS):
        reply = _REPLIES.get(message_class.removeprefix(_RESPONSE_CLASS).partition(".")[0])
        found |= {"reply": str(reply)} if reply else {}
    shown, sensitivity, known = payload.get("meeting_type") or 0, payload.get("sensitivity", 0), list(Sensitivity)
    found |= {name: True for name, flag in _FLAGS.items() if shown & flag}
    if sensitivity < 0:
        raise ValueError(f"unknown sensitivity {sensitivity}")
    found["sensitivity"] = str(known[min(sensitivity, len(known) - 1)])
    senders = payload.get("sent_by", "").split()
    return {**found, "sent_by": senders} if senders else found
