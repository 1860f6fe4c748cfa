"""Compose the answer to a meeting request: iCalendar with METHOD:REPLY (RFC 5546, 3.2.3) in a MIME message.

For servers without OWA commands, this module writes what OWA would have drafted, as DavMail does. Pure; sends nothing,
and reads no clock.

A reply needs little of a request: to whom it goes (ORGANIZER), and what it answers (UID, RECURRENCE-ID, SEQUENCE).
These properties must be present and unambiguous. All other text is untrusted, and a mail program or a relay may have
damaged it: what cannot be read is left out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Any
from urllib.parse import unquote

from icalendar import Calendar, Component, Event, vCalAddress, vDatetime, vText
from icalendar.parser import Contentline, Parameters
from icalendar.prop import vInline

from rsvpq.mail.errors import Refused
from rsvpq.mail.messages import Verdict
from rsvpq.mail.persons import comparable, is_smtp, person_in
from rsvpq.text import shortened
from rsvpq.webdav.multistatus import ENCODING

#: PARTSTAT (RFC 5545, 3.2.12), and the beginning of the subject in Exchange.
_WORDS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.ACCEPT: ("ACCEPTED", "Accepted: "),
    Verdict.DECLINE: ("DECLINED", "Declined: "),
    Verdict.TENTATIVE: ("TENTATIVE", "Tentative: "),
}
_MOMENT = re.compile(r"\d{8}(T\d{6}Z?)?", re.ASCII)
_ANY = re.compile(r".*", re.DOTALL)
#: The properties that a reply repeats to identify what it answers, and the form that each must have.
_IDENTITY = {"UID": _ANY, "RECURRENCE-ID": _MOMENT, "SEQUENCE": re.compile(r"\d{1,10}", re.ASCII)}
#: The properties that a reply repeats if they can be read; the organizer has the rest of the request anyway.
_COURTESY = {
    "SUMMARY": _ANY,
    "DTSTART": _MOMENT,
    "DTEND": _MOMENT,
    "DURATION": re.compile(r"[+-]?P[0-9WDTHMS]+", re.ASCII),
}
_PEOPLE = {"ORGANIZER", "ATTENDEE"}
_FRAMES = {"BEGIN", "END"}
_READ = {*_IDENTITY, *_COURTESY, *_PEOPLE, *_FRAMES, "METHOD"}
_TOKEN = re.compile(r"[A-Z0-9-]+", re.ASCII | re.IGNORECASE)
#: Characters that later software may treat as the end of a line; not the line feed, which is one, nor the tab, which
#: may fold lines.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
#: The most bytes of the iCalendar: an invitation is far smaller, with a description of a few thousand characters.
_LONGEST = 1024 * 1024
#: The most bytes of a message that are read (its attachments are at the end), and the most multipart boundaries,
#: because each line is compared with the boundaries of all parts that it is in.
_LONGEST_SOURCE, _MOST_BOUNDARIES = 2 * _LONGEST, 20
_BOUNDARY = re.compile(rb"boundary[*0-9]*\s*=", re.IGNORECASE)
#: The most characters of a subject and of a name that are repeated, because writing long headers takes long; no mail
#: program makes longer ones. Of an address (RFC 5321, 4.5.3.1), and of a list of addressees, which may be thousands.
_LONGEST_SUBJECT, _LONGEST_NAME, _LONGEST_ADDRESS, _LONGEST_LIST = 1000, 100, 320, 64 * 1024
#: RFC 5545, 3.3.11.
_ESCAPED = re.compile(r"\\(.)")
_FOLD = re.compile(r"\n[ \t]")
#: The name of a line, and the beginning of an address.
_LINE_NAME = re.compile(r"\s*([A-Z0-9-]+)\s*[;:]", re.ASCII | re.IGNORECASE)
_MAILTO = re.compile("mailto:", re.ASCII | re.IGNORECASE)
#: The most components nested in each other; iCalendar has three: an alarm in a meeting in a calendar.
_DEEPEST = 10
#: With 7-bit text, so that every relay on the way to the organizer can transport the reply.
_SEVEN_BITS = SMTP.clone(cte_type="7bit")
#: An SMTP address that needs no quoting; Exchange gives no others.
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]+@[A-Z0-9._-]+", re.ASCII | re.IGNORECASE)


def reply_to(source: bytes, mailbox: str, verdict: Verdict, now: datetime, organizer: str = "") -> bytes:
    """Return the answer of a mailbox to a meeting request.

    :param source: the request as stored, in MIME.
    :param mailbox: the attendee's SMTP address, or an alias to look up among the addressees.
    :param now: the date of the answer.
    :param organizer: the organizer that the server shows, and that the decision was made for: the answer goes to no
        other domain. The message may contain a second calendar, or an address that the server ignores.
    :raises Refused: the request cannot be answered with a reply; the text gives the reason.
    """
    try:
        return _Request.read(source).reply(mailbox, verdict, now, _domain(organizer)).as_bytes()
    except Refused:
        raise
    except Exception as error:  # untrusted bytes may raise anything in the two parsers
        reason = f"the request's MIME or iCalendar cannot be read ({type(error).__name__}: {str(error)[:100]!r})"
        raise Refused(reason) from error


@dataclass(frozen=True, slots=True)
class _Request:
    """A parsed request: its header, its calendar, and the meeting (several events if occurrences differ)."""

    header: Message
    calendar: Component
    events: list[Component]

    @classmethod
    def read(cls, source: bytes) -> "_Request":
        beginning = source[:_LONGEST_SOURCE]
        if len(_BOUNDARY.findall(beginning)) > _MOST_BOUNDARIES:
            raise Refused(f"the request has more than {_MOST_BOUNDARIES} multipart boundaries")
        header = message_from_bytes(beginning)
        calendars = (part for part in header.walk() if part.get_content_type() == "text/calendar")
        part = next((part for part in calendars if isinstance(part.get_payload(decode=True), bytes)), None)
        if part is None:
            raise Refused("the request has no text/calendar part")
        calendar = _parsed(_text_of(part))
        method = str(_single(calendar, "METHOD") or part.get_param("method") or "").strip().upper()
        if method != "REQUEST":
            raise Refused(f"the request's iCalendar has METHOD {method[:20]!r}, not REQUEST")
        events = [part for part in calendar.subcomponents if part.name == "VEVENT"]
        uids = {str(_single(event, "UID") or "").casefold() for event in events}
        if len(uids) != 1 or "" in uids:
            raise Refused("the request's iCalendar does not have exactly one UID")
        return cls(header, calendar, events)

    def reply(self, mailbox: str, verdict: Verdict, now: datetime, domain: str) -> EmailMessage:
        organizers = [_address(_single(event, "ORGANIZER")) for event in self.events]
        organizer = organizers[0]
        if organizer is None or len({other and comparable(other.addr_spec) for other in organizers}) > 1:
            raise Refused("the request's iCalendar does not have exactly one organizer with an SMTP address")
        if domain not in {"", _domain(organizer.addr_spec)}:
            raise Refused("the organizer in the request's iCalendar is not the organizer that the server shows")
        attendee = self._attendee(mailbox)
        partstat, prefix = _WORDS[verdict]
        summary = (_readable(self.events[0], "SUMMARY") or "")[: 2 * _LONGEST_SUBJECT]
        plain = _ESCAPED.sub(lambda escape: "\n" if escape[1] in "nN" else escape[1], summary)
        subject = prefix + shortened(_line(plain), _LONGEST_SUBJECT)
        email = EmailMessage(policy=_SEVEN_BITS)
        email["From"] = attendee
        email["To"] = organizer
        email["Subject"] = subject.strip()
        email["Date"] = format_datetime(now)
        email.set_content(f"{subject.strip()}\n")
        text = self._icalendar(attendee, partstat, now)
        email.add_alternative(text, subtype="calendar", params={"method": "REPLY"})
        # Set this last: making a multipart moves all Content- headers into its first part.
        email["Content-class"] = "urn:content-classes:calendarmessage"
        return email

    def _attendee(self, mailbox: str) -> Address:
        listed = {
            comparable(found.addr_spec): found
            for event in self.events
            for found in map(_address, _several(event, "ATTENDEE"))
            if found is not None
        }
        if "@" in mailbox:
            own = _smtp(mailbox)
            if own is None:
                raise Refused(f"{mailbox!r} is not a valid SMTP address; correct the mailbox column of the list")
            # Members of an invited list, and people that a request was forwarded to, are not listed as attendees but
            # may reply (RFC 5546, 3.2.3).
            return listed.get(comparable(mailbox), own)
        found = _of_alias(mailbox, listed.values())
        if found is None:
            lines = [str(line) for name in ("To", "Cc") for line in self.header.get_all(name, [])]
            recipients = getaddresses(lines) if sum(map(len, lines)) <= _LONGEST_LIST else []
            found = _of_alias(mailbox, filter(None, (_smtp(address) for _, address in recipients)))
        if found is None:
            raise Refused(f"the address of {mailbox!r} is not among the request's addressees; {_REMEDY}")
        return found

    def _icalendar(self, attendee: Address, partstat: str, now: datetime) -> str:
        calendar = Calendar()
        calendar.add("PRODID", "-//rsvpq//EN")
        calendar.add("VERSION", "2.0")
        calendar.add("METHOD", "REPLY")
        answers = [_answer(event, attendee, partstat, now) for event in self.events]
        values = [value for answer in answers for _, value in answer.items()]
        zones = {str(value.params["TZID"]) for value in values if "TZID" in getattr(value, "params", ())}
        for part in self.calendar.subcomponents:
            whole = all(rule.name in {"STANDARD", "DAYLIGHT"} and not rule.subcomponents for rule in part.subcomponents)
            if part.name == "VTIMEZONE" and whole and str(part.get("TZID")) in zones:
                calendar.add_component(part)
        for answer in answers:
            calendar.add_component(answer)
        return str(calendar.to_ical(), "utf-8")


def _domain(organizer: str) -> str:
    """Return the domain of the person that a text names, in comparable form; '' if there is no SMTP address."""
    address = person_in(organizer).address
    return comparable(address).rpartition("@")[2] if is_smtp(address) else ""


def _text_of(part: Message) -> str:
    """Return the text, with line feeds as line ends and without other control characters, except tabs.

    If its charset is not one of mail, it is decoded as UTF-8, as names and addresses are ASCII at least.
    """
    content = part.get_payload(decode=True)
    octets = content if isinstance(content, bytes) else b""
    if len(octets) > _LONGEST:
        raise Refused(f"the request's iCalendar has more than {_LONGEST} bytes")
    charset = part.get_content_charset() or ""
    try:
        text = octets.decode(charset if ENCODING.fullmatch(charset) else "utf-8", "replace")
    except (LookupError, ValueError):
        text = octets.decode("utf-8", "replace")
    return _CONTROL.sub("", text.removeprefix("\ufeff").replace("\r\n", "\n"))


def _parsed(text: str) -> Component:
    """Return the calendar with every value unchanged, without the lines that a reply does not need.

    Values are not interpreted: a library that interprets time zones would change what is written again (it appends a Z
    to times in a zone named GMT), and would remember zones with untrusted definitions.
    """
    open_components: list[Component] = []
    for line in filter(None, _FOLD.sub("", text).split("\n")):
        read = _line_parts(line, of_a_zone=any(part.name == "VTIMEZONE" for part in open_components))
        if read is None or not (open_components or read[0] == "BEGIN"):
            continue
        name, params, value = read
        if name == "BEGIN":
            _open(value, open_components)
        elif name != "END":
            open_components[-1].add(name, vInline(value, params=params), encode=False)
        elif open_components[-1].name == value.strip().upper():
            ended = open_components.pop()
            if not open_components:
                return ended
            open_components[-1].add_component(ended)
        elif value.strip().upper() in {part.name for part in open_components}:
            break
    raise Refused("the request's iCalendar lacks an END line")


def _open(name: str, open_components: list[Component]) -> None:
    """Append a new component.

    :raises Refused: too many are nested in each other. No program nests so many, and each line is compared with all.
    """
    if len(open_components) == _DEEPEST:
        raise Refused(f"the request's iCalendar has more than {_DEEPEST} nested components")
    component = Component()
    component.name = name.strip().upper()  # type: ignore[misc]  # the library itself sets it so
    open_components.append(component)


def _line_parts(line: str, *, of_a_zone: bool) -> tuple[str, Parameters, str] | None:
    """Return name, parameters and value of a line; None if the reply does not need it or can do without it.

    :raises Refused: the line identifies what is to be answered, and cannot be read.
    """
    named = _LINE_NAME.match(line)
    name = named[1].upper() if named else ""
    if not name or not (of_a_zone or name in _READ):
        return None
    try:
        _, params, value = Contentline(line).raw_parts()  # type: ignore[no-untyped-call]
    except ValueError:
        if name in _IDENTITY and not of_a_zone:
            raise Refused(f"the request's {name} cannot be read") from None
        return _person_of(name, line) if name in _PEOPLE else None
    # A BEGIN or END whose value is not a component's name is part of a text that was not folded.
    return None if name in _FRAMES and not _TOKEN.fullmatch(value.strip()) else (name, params, value)


def _person_of(name: str, line: str) -> tuple[str, Parameters, str] | None:
    """Return only the address of a person if the parameters cannot be read; None unless there is exactly one."""
    before, *behind = _MAILTO.split(line)
    address = behind[0].rstrip() if len(behind) == 1 else ""
    if len(address.split()) != 1 or address[0].isspace() or before.rstrip()[-1:] not in {":", ";"}:
        return None
    return name, Parameters(), line[len(before) :].rstrip()


def _answer(event: Component, attendee: Address, partstat: str, now: datetime) -> Event:
    answer = Event()
    for name, form in _IDENTITY.items():
        value = _single(event, name)
        if value is not None and form is not _ANY:
            value = vInline(value.strip(), params=value.params)
        if value is not None and not form.fullmatch(value):
            raise Refused(f"the request's {name} is malformed")
        _repeat(answer, name, value)
    for name, form in _COURTESY.items():
        value = _readable(event, name)
        # An end says nothing without its start.
        if value is not None and form.fullmatch(value) and (name not in {"DTEND", "DURATION"} or "DTSTART" in answer):
            _repeat(answer, name, value)
    organizer = _single(event, "ORGANIZER")
    if _ADDRESS.fullmatch(organizer.strip()):  # a plain address, which needs a scheme before it
        organizer = vInline(f"mailto:{organizer.strip()}", params=organizer.params)
    _repeat(answer, "ORGANIZER", organizer)
    answer["DTSTAMP"] = vDatetime(now.astimezone(UTC))
    who = vCalAddress(f"mailto:{attendee.addr_spec}")
    who.params["PARTSTAT"] = vText(partstat)
    if attendee.display_name:
        who.params["CN"] = vText(attendee.display_name)
    answer["ATTENDEE"] = who
    return answer


def _repeat(answer: Event, name: str, value: vInline | None) -> None:
    if value is None:
        return
    # A time in a zone named UTC gets a Z: the library omits that zone when it writes the line.
    in_utc = value.params.get("TZID") == "UTC"
    answer[name] = vInline(f"{value}Z" if re.fullmatch(r"\d{8}T\d{6}", value) else value) if in_utc else value


def _single(component: Component, name: str) -> Any:
    """Return the value of a property that occurs once, or several times with the same value; None if it is absent.

    :raises Refused: there are different values, so it is not clear which of them is meant.
    """
    values = _several(component, name)
    if len({str(value).strip().casefold() for value in values}) > 1:
        raise Refused(f"the request's iCalendar has {name} {len(values)} times, with different values")
    return values[0] if values else None


def _readable(component: Component, name: str) -> Any:
    """Return the value of a property that the reply can do without; None also if there are different values."""
    try:
        return _single(component, name)
    except Refused:
        return None


def _several(component: Component, name: str) -> list[Any]:
    value = component.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _address(value: Any) -> Address | None:
    """Return the name and SMTP address of an ORGANIZER or ATTENDEE; None if it has none, as with X.500.

    The address may have ``mailto:`` before it (RFC 5545), lack it as in some programs, or be in the parameter EMAIL
    (RFC 7986).
    """
    params = getattr(value, "params", {})
    for text in (str(value or ""), str(params.get("EMAIL", ""))):
        address = unquote(re.sub(r"^\s*mailto:", "", text, flags=re.IGNORECASE)).strip()
        found = _smtp(address, shortened(_line(str(params.get("CN", ""))[: 2 * _LONGEST_NAME]), _LONGEST_NAME))
        if found is not None:
            return found
    return None


def _smtp(address: str, name: str = "") -> Address | None:
    """Return the address as a value for a header; None if it is invalid, such as one with two dots in a row."""
    if len(address) > _LONGEST_ADDRESS or not address.isascii() or not _ADDRESS.fullmatch(address):
        return None
    try:
        return Address(name, addr_spec=address)
    except (ValueError, MessageError, LookupError):  # which of them is raised depends on the version of the library
        return None


def _of_alias(alias: str, addresses: Iterable[Address]) -> Address | None:
    found = {a.addr_spec.casefold(): a for a in addresses if a.username.casefold() == alias.casefold()}
    if len(found) > 1:
        raise Refused(f"several attendees match {alias!r}: {', '.join(sorted(found))}; {_REMEDY}")
    return next(iter(found.values()), None)


_REMEDY = "use the mailbox's SMTP address in the mailbox column of the list"


def _line(text: str) -> str:
    """Return the text on one line, with only printable characters, as a header requires."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
