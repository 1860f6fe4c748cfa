"""Who sent an invitation: the address in what a server shows as the organiser, and whether it is one of ours."""

import re
from collections.abc import Callable, Iterable

from rsvpq.mail.addresses import ascii_only, comparable, comparable_domain, comparable_pattern
from rsvpq.mail.calendar import Appointment
from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.persons import is_same_person, person_in
from rsvpq.policy.patterns import fits

_ADDRESS = re.compile(r"[^\s<>@\"]+@[^\s<>@\"]+")


def comparable_address(organizer: str) -> str:
    """The SMTP address in ``"Name" <address>``, ``MAILTO:address`` or ``address``, as it is compared; '' without one.

    >>> comparable_address('"ceo@example.com" <Mallory@evil.example>')
    'mallory@evil.example'
    """
    address = person_in(organizer).address
    return comparable(address) if _ADDRESS.fullmatch(address) else ""


def domain_of(address: str) -> str:
    """What stands behind the @; '' without one."""
    return address.rpartition("@")[2] if "@" in address else ""


def is_internal(address: str, mailbox: str, internal_domains: Iterable[str]) -> bool:
    """Whether the domain is an internal one, which that of the mailbox's name always is."""
    domain = comparable_domain(domain_of(address))
    return bool(domain) and (domain == comparable_domain(domain_of(mailbox)) or is_one_of(domain, internal_domains))


def is_one_of(address: str, patterns: Iterable[str]) -> bool:
    """Whether any of the patterns describes an address, or the domain of one, in the form in which it is compared."""
    return fits(ascii_only(address), (ascii_only(comparable_pattern(pattern)) for pattern in patterns))


def is_from(message: MeetingMessage, host: str, is_one_of_ours: Callable[[str], bool]) -> bool | None:
    """Whether a message is from this organizer of something in the calendar; None where that cannot be told.

    Who has an X.500 name is in the directory, so nobody from outside is taken for him by half an address; and nobody
    from outside sends anything on behalf of one of ours.
    """
    same = _is_from(message, host)
    ours, theirs = comparable_address(message.organizer), comparable_address(host)
    if same and not all(map(is_one_of_ours, message.sent_by)):
        return None if theirs and not is_one_of_ours(theirs) else False
    by_alias = bool(ours) is not bool(theirs)
    return None if same and by_alias and not is_one_of_ours(ours or theirs) else same


def arranged(message: MeetingMessage, found: Appointment) -> bool | None:
    """Whether a message is from who arranged what the calendar has; None where that cannot be told.

    Whom a message names as the organizer is its sender's choice, so whoever it is from has to be that one as well.
    """
    return _is_from(message, found.organizer)


def _is_from(message: MeetingMessage, organizer: str) -> bool | None:
    host = person_in(organizer)
    if not host.address:
        return None
    if message.from_another and not is_same_person(host, person_in(message.from_another)):
        return False
    return is_same_person(host, person_in(message.organizer))
