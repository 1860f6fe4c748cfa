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


def current(payload: Mapping[str, Any], *, unsent: bool = False) -> dict[str, Any]:
    """Convert the payload of a message to the form of :meth:`MeetingMessage.to_payload`, if it does not have it yet.

    :param unsent: whether a response in it is an unsent answer of ours, which the previous version called a response.
    :raises TypeError, ValueError: it has neither form.
    """
    if "ref" in payload or not isinstance(payload.get("href"), str):
        return dict(payload)
    kept = {name: value for name, value in payload.items() if name not in _REPLACED}
    if unsent and payload.get("kind") == Kind.RESPONSE:
        kept["kind"] = str(Kind.ANSWER)
    return {**kept, **_ref(payload), **_times(payload), **_of_class(payload), **_flags(payload), **_persons(payload)}


#: Fields that are converted or dropped; ``tag`` and ``intent`` are dropped because they are read again anyway.
_REPLACED = {
    *("href", "rid", "permanent_url", "message_class", "meeting_type", "intended_busy", "sensitivity", "sent_by"),
    *("tag", "intent", *_TIMES),
}


def _ref(payload: Mapping[str, Any]) -> dict[str, Any]:
    href, permanent_url = payload["href"], payload.get("permanent_url", "")
    return {"ref": [payload.get("rid") or permanent_url or href, href, permanent_url]}


def _times(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the times that can be parsed; the previous version stored any text."""
    return {name: payload[name] for name in _TIMES if isinstance(payload.get(name), str) and instant(payload[name])}


def _of_class(payload: Mapping[str, Any]) -> dict[str, Any]:
    name = payload.get("message_class", "")
    said = name.casefold().removeprefix(_RESPONSE_CLASS).partition(".")[0]
    reply = _REPLIES.get(said) if name.casefold().startswith(_RESPONSE_CLASS) else None
    return {"type_name": name, **({"reply": str(reply)} if reply else {})}


def _flags(payload: Mapping[str, Any]) -> dict[str, Any]:
    shown, sensitivity = payload.get("meeting_type") or 0, payload.get("sensitivity", 0)
    flags = {name: True for name, flag in _FLAGS.items() if shown & flag}
    if sensitivity < 0:
        raise ValueError(f"unknown sensitivity {sensitivity}")
    known = list(Sensitivity)
    return {**flags, "sensitivity": str(known[min(sensitivity, len(known) - 1)])}


def _persons(payload: Mapping[str, Any]) -> dict[str, Any]:
    senders = payload.get("sent_by", "").split()
    return {"sent_by": senders} if senders else {}
