"""A meeting request in, the message that answers it out: iCalendar METHOD:REPLY (RFC 5546, 3.2.3) in MIME.

For servers that run no OWA commands, DavMail's way: what OWA would have drafted is written here. Pure; sends nothing,
and reads no clock.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Any
from urllib.parse import unquote

from icalendar import Calendar, Component, Event, vCalAddress, vDatetime, vText
from icalendar.parser import Contentline
from icalendar.prop import vInline

from rsvpq.exchange.errors import Refused
from rsvpq.messages import Verdict

#: PARTSTAT (RFC 5545, 3.2.12), and what the subject begins with in Exchange.
_WORDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.ACCEPT: ("ACCEPTED", "Accepted: "),
    Verdict.DECLINE: ("DECLINED", "Declined: "),
    Verdict.TENTATIVE: ("TENTATIVE", "Tentative: "),
}
_MOMENT = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
#: What a reply repeats, as it was, and of which form it must be; the rest of the request is the organizer's to know.
_REPEATED = {
    "UID": None,
    "RECURRENCE-ID": _MOMENT,
    "SEQUENCE": re.compile(r"\d{1,10}", re.ASCII),
    "SUMMARY": None,
    "DTSTART": _MOMENT,
    "DTEND": _MOMENT,
    "DURATION": re.compile(r"[+-]?P[0-9WDTHMS]+", re.ASCII),
    "ORGANIZER": None,
}
#: What could be taken for the end of a line further on; a line feed is one, and a tabulator may fold.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
#: RFC 5545, 3.3.11.
_ESCAPED = re.compile(r"\\(.)")
_FOLD = re.compile(r"\n[ \t]")
#: Every relay on the way to the organizer can carry it.
_SEVEN_BITS = SMTP.clone(cte_type="7bit")
#: An SMTP address that needs no quoting; Exchange gives no others.
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+@[A-Z0-9._-]+", re.ASCII | re.IGNORECASE)


def reply_to(source: bytes, mailbox: str, verdict: Verdict, now: datetime) -> bytes:
    """The answer of a mailbox to a meeting request.

    :param source: the request as stored, MIME.
    :param mailbox: the attendee's SMTP address, or an alias that is looked for among the addressees.
    :param now: when the answer is given.
    :raises Refused: the request cannot be answered so, and why.
    """
    try:
        return _Request.read(source).reply(mailbox, verdict, now).as_bytes()
    except Refused:
        raise
    except Exception as error:  # what a stranger's bytes do to two parsers is not to be foreseen
        reason = f"the request's MIME or iCalendar cannot be read ({type(error).__name__}: {str(error)[:100]!r})"
        raise Refused(reason) from error


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, read: its header, its calendar, and the meeting (several events where occurrences differ)."""

    header: Message
    calendar: Component
    events: list[Component]

    @classmethod
    def read(cls, source: bytes) -> "_Request":
        header = message_from_bytes(source)
        calendar = _parsed(_calendar_text(header))
        method = str(_single(calendar, "METHOD") or "").strip().upper()
        if method != "REQUEST":
            raise Refused(f"the request's iCalendar has METHOD {method[:20]!r}, not REQUEST")
        events = [part for part in calendar.subcomponents if part.name == "VEVENT"]
        uids = {str(_single(event, "UID") or "") for event in events}
        if len(uids) != 1 or "" in uids:
            raise Refused("the request's iCalendar is not about one meeting with one UID")
        return cls(header, calendar, events)

    def reply(self, mailbox: str, verdict: Verdict, now: datetime) -> EmailMessage:
        organizers = [_address(_single(event, "ORGANIZER")) for event in self.events]
        organizer = organizers[0]
        if organizer is None or any(other is None or other.addr_spec != organizer.addr_spec for other in organizers):
            raise Refused("the request names no organizer with an SMTP address, or several")
        attendee = self._attendee(mailbox)
        partstat, prefix = _WORDS[verdict]
        subject = prefix + _line(_ESCAPED.sub(_unescaped, _single(self.events[0], "SUMMARY") or ""))
        email = EmailMessage(policy=_SEVEN_BITS)
        email["From"] = attendee
        email["To"] = organizer
        email["Subject"] = subject.strip()
        email["Date"] = format_datetime(now)
        email.set_content(f"{subject.strip()}\n")
        text = self._icalendar(attendee, partstat, now)
        email.add_alternative(text, subtype="calendar", params={"method": "REPLY"})
        # After the parts: making a multipart moves all Content- headers into its first part.
        email["Content-class"] = "urn:content-classes:calendarmessage"
        return email

    def _attendee(self, mailbox: str) -> Address:
        listed = {
            found.addr_spec.casefold(): found
            for event in self.events
            for found in map(_address, _several(event, "ATTENDEE"))
            if found is not None
        }
        if "@" in mailbox:
            own = _ADDRESS.fullmatch(mailbox)
            if own is None:
                raise Refused(f"{mailbox!r} is no SMTP address to answer from; correct the mailbox column")
            # Whoever was invited as a member of a list, or forwarded to, is not listed and may reply (RFC 5546, 3.2.3).
            return listed.get(mailbox.casefold(), Address(addr_spec=mailbox))
        return _of_alias(mailbox, listed.values()) or _of_alias(mailbox, self._recipients()) or _unknown(mailbox)

    def _recipients(self) -> list[Address]:
        lines = [str(line) for name in ("To", "Cc") for line in self.header.get_all(name, [])]
        return [Address(addr_spec=address) for _, address in getaddresses(lines) if _ADDRESS.fullmatch(address)]

    def _icalendar(self, attendee: Address, partstat: str, now: datetime) -> str:
        calendar = Calendar()
        calendar.add("PRODID", "-//rsvpq//EN")
        calendar.add("VERSION", "2.0")
        calendar.add("METHOD", "REPLY")
        answers = [_answer(event, attendee, partstat, now) for event in self.events]
        zones = {name for answer in answers for name in _zones(answer)}
        for part in self.calendar.subcomponents:
            if _is_zone(part) and str(part.get("TZID")) in zones:
                calendar.add_component(part)
        for answer in answers:
            calendar.add_component(answer)
        return str(calendar.to_ical(), "utf-8")


def _calendar_text(message: Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                text = content.decode(part.get_content_charset() or "utf-8", "replace")
                return _CONTROL.sub("", text.replace("\r\n", "\n"))
    raise Refused("the request has no text/calendar part")


def _parsed(text: str) -> Component:
    """The calendar with every value as it stands there.

    Never interpreted: a library that knows the zones would change what comes out again, as it gives times in a zone
    named GMT a Z, and a stranger's definitions would be remembered.
    """
    open_components: list[Component] = []
    for line in filter(None, _FOLD.sub("", text).split("\n")):
        name, params, value = Contentline(line).raw_parts()  # type: ignore[no-untyped-call]
        if name.upper() == "BEGIN":
            component = Component()
            component.name = value.upper()  # type: ignore[misc]  # as the library does
            open_components.append(component)
        elif name.upper() != "END":
            open_components[-1].add(name, vInline(value, params=params), encode=False)
        elif open_components[-1].name != value.upper():
            break
        elif len(open_components) == 1:
            return open_components[0]
        else:
            open_components[-2].add_component(open_components.pop())
    raise Refused("the request's iCalendar has no end where one is due")


def _answer(event: Component, attendee: Address, partstat: str, now: datetime) -> Event:
    answer = Event()
    for name, form in _REPEATED.items():
        value = _single(event, name)
        if value is not None:
            if form is not None and not form.fullmatch(value):
                raise Refused(f"the request's {name} is malformed")
            answer[name] = _in_utc(value) if value.params.get("TZID") == "UTC" else value
    answer["DTSTAMP"] = vDatetime(now.astimezone(UTC))
    who = vCalAddress(f"mailto:{attendee.addr_spec}")
    who.params["PARTSTAT"] = vText(partstat)
    if attendee.display_name:
        who.params["CN"] = vText(attendee.display_name)
    answer["ATTENDEE"] = who
    return answer


def _in_utc(value: vInline) -> vInline:
    """The same with a Z: what writes the lines leaves out a zone of that name."""
    return vInline(f"{value}Z" if re.fullmatch(r"\d{8}T\d{6}", value) else value)


def _is_zone(part: Component) -> bool:
    inner = part.subcomponents
    whole = all(rule.name in {"STANDARD", "DAYLIGHT"} and not rule.subcomponents for rule in inner)
    return part.name == "VTIMEZONE" and whole


def _zones(event: Component) -> Iterable[str]:
    return [str(value.params["TZID"]) for _, value in event.items() if "TZID" in getattr(value, "params", ())]


def _single(component: Component, name: str) -> Any:
    """The value of a property that may be there once; None where it is not there."""
    value = component.get(name)
    if isinstance(value, list):
        raise Refused(f"the request's iCalendar has {name} {len(value)} times")
    return value


def _several(component: Component, name: str) -> list[Any]:
    value = component.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _address(value: Any) -> Address | None:
    """The name and SMTP address of an ORGANIZER or ATTENDEE; None where it has none, such as X.500."""
    scheme, _, rest = str(value or "").strip().partition(":")
    address = unquote(rest).strip()
    if scheme.casefold() != "mailto" or not _ADDRESS.fullmatch(address):
        return None
    name = _line(str(getattr(value, "params", {}).get("CN", "")))
    return Address(name, addr_spec=address)


def _of_alias(alias: str, addresses: Iterable[Address]) -> Address | None:
    found = {a.addr_spec.casefold(): a for a in addresses if a.username.casefold() == alias.casefold()}
    if len(found) > 1:
        raise Refused(f"several attendees match {alias!r}: {', '.join(sorted(found))}; {_REMEDY}")
    return next(iter(found.values()), None)


_REMEDY = "give the mailbox's SMTP address in the mailbox column of the list"


def _unknown(alias: str) -> Address:
    raise Refused(f"the address of {alias!r} is not among the request's addressees; {_REMEDY}")


def _unescaped(escape: re.Match[str]) -> str:
    return "\n" if escape[1] in "nN" else escape[1]


def _line(text: str) -> str:
    """The text on one line, without what cannot be seen: a header takes nothing else."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
