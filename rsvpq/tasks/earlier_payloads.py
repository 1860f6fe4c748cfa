"""Payloads of items that the version before this one has offered, brought to the present form.

That version knew one protocol, and kept what its server shows as it was: paths in the place of an
:class:`~rsvpq.mail.messages.ItemRef`, times as text, classes and flags of MAPI. This goes with the next version.
"""

from collections.abc import Mapping
from typing import Any

from rsvpq.mail.messages import Kind, Sensitivity, Verdict
from rsvpq.mail.times import instant

_TIMES = ("received", "start", "end", "stamp", "created", "modified")
_REPLIES = {"pos": Verdict.ACCEPT, "neg": Verdict.DECLINE, "tent": Verdict.TENTATIVE}
_FLAGS = {"informational": 0x20000, "outdated": 0x80000, "for_delegate": 0x100000}
#: Between the beginning of the class of a response and what it says.
_RESPONSE_CLASS = "ipm.schedule.meeting.resp."


def current(payload: Mapping[str, Any], *, unsent: bool = False) -> dict[str, Any]:
    """Bring a message's payload to the form of :meth:`MeetingMessage.to_payload`; one that has it stays as it is.

    :param unsent: whether a response is an answer of ours that lies in Drafts, as the version before called it.
    :raises TypeError, ValueError: it has neither form.
    """
    if "ref" in payload or not isinstance(payload.get("href"), str):
        return dict(payload)
    kept = {name: value for name, value in payload.items() if name not in _REPLACED}
    if unsent and payload.get("kind") == Kind.RESPONSE:
        kept["kind"] = str(Kind.ANSWER)
    return {**kept, **_ref(payload), **_times(payload), **_of_class(payload), **_flags(payload), **_persons(payload)}


#: ``tag`` and ``intent`` are what a server shows now, and is asked for again.
_REPLACED = {
    *("href", "rid", "permanent_url", "message_class", "meeting_type", "intended_busy", "sensitivity", "sent_by"),
    *("tag", "intent", *_TIMES),
}


def _ref(payload: Mapping[str, Any]) -> dict[str, Any]:
    href, permanent_url = payload["href"], payload.get("permanent_url", "")
    return {"ref": [payload.get("rid") or permanent_url or href, href, permanent_url]}


def _times(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Those that can be read; the version before left it to the reader."""
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
        raise ValueError(f"there is no sensitivity {sensitivity}")
    known = list(Sensitivity)
    if sensitivity < 0:
        raise ValueError(f"a sensitivity of {sensitivity}")
    return {**flags, "sensitivity": str(known[min(sensitivity, len(known) - 1)])}


def _persons(payload: Mapping[str, Any]) -> dict[str, Any]:
    senders = payload.get("sent_by", "").split()
    return {"sent_by": senders} if senders else {}
