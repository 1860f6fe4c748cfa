"""The organizer of a message: the address that a server shows, and whether it is internal."""

import re
from collections.abc import Callable, Iterable

from rsvpq.mail.addresses import ascii_only, comparable, comparable_domain, comparable_pattern
from rsvpq.mail.calendar import Appointment
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.persons import is_same_person, person_in
from rsvpq.policy.patterns import fits

_ADDRESS = re.compile(r"[^\s<>@\"]+@[^\s<>@\"]+")


def comparable_address(organizer: str) -> str:
    """Return the SMTP address in ``"Name" <address>``, ``MAILTO:address`` or ``address`` in comparable form, or ''.

    >>> comparable_address('"ceo@example.com" <Mallory@evil.example>')
    'mallory@evil.example'
    """
    address = person_in(organizer).address
    return comparable(address) if _ADDRESS.fullmatch(address) else ""


def domain_of(address: str) -> str:
    """Return the part after the @; '' if there is no @."""
    return address.rpartition("@")[2] if "@" in address else ""


def is_internal(address: str, mailbox: str, internal_domains: Iterable[str]) -> bool:
    """Return whether the address has an internal domain. The domain of the mailbox's name always is internal."""
    domain = comparable_domain(domain_of(address))
    return bool(domain) and (domain == comparable_domain(domain_of(mailbox)) or is_one_of(domain, internal_domains))


def is_one_of(address: str, patterns: Iterable[str]) -> bool:
    """Return whether any of the patterns matches an address or a domain, which must be in comparable form."""
    return fits(ascii_only(address), (ascii_only(comparable_pattern(pattern)) for pattern in patterns))


def is_from(message: MeetingMessage, host: str, is_one_of_ours: Callable[[str], bool]) -> bool | None:
    """Return whether a message is from this organizer of an appointment; None if that is not known.

    A person with an X.500 name is in the directory, so an equal alias in an external address does not make it the same
    person. A message that somebody from outside sent on behalf of an internal organizer is not from that organizer.
    """
    same = _is_from(message, host)
    ours, theirs = comparable_address(message.organizer), comparable_address(host)
    if same and not all(map(is_one_of_ours, message.sent_by)):
        return None if theirs and not is_one_of_ours(theirs) else False
    by_alias = bool(ours) is not bool(theirs)
    return None if same and by_alias and not is_one_of_ours(ours or theirs) else same


def arranged(message: MeetingMessage, found: Appointment) -> bool | None:
    """Return whether a message is from the organizer of an appointment; None if that is not known.

    The sender chooses which organizer a message names, so its From must be the same person too.
    """
    return _is_from(message, found.organizer)


def _is_from(message: MeetingMessage, organizer: str) -> bool | None:
    host = person_in(organizer)
    if not host.address:
        return None
    if message.from_another and not is_same_person(host, person_in(message.from_another)):
        return False
    return is_same_person(host, person_in(message.organizer))
