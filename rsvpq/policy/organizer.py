"""Who sent an invitation: the address in what a server shows as the organiser, and whether it is one of ours."""

import re
from collections.abc import Iterable

from rsvpq.policy.patterns import fits

_ADDRESS = re.compile(r"[^\s<>@\"]+@[^\s<>@\"]+")
#: The last one in angle brackets: what stands before it is a name, which its owner chose.
_IN_BRACKETS = re.compile(r".*<([^<>]*)>[^<>]*", re.DOTALL)
_SCHEME = re.compile(r"^\s*mailto:", re.IGNORECASE)


def address_of(organizer: str) -> str:
    """The SMTP address in ``"Name" <address>``, ``MAILTO:address`` or ``address``, in lower case; '' without one.

    >>> address_of('"ceo@example.com" <Mallory@evil.example>')
    'mallory@evil.example'
    """
    bracketed = _IN_BRACKETS.fullmatch(organizer)
    text = _SCHEME.sub("", bracketed[1] if bracketed else organizer).strip()
    return text.casefold() if _ADDRESS.fullmatch(text) else ""


def domain_of(address: str) -> str:
    """What stands behind the @; '' without one."""
    return address.rpartition("@")[2] if "@" in address else ""


def is_internal(address: str, mailbox: str, internal_domains: Iterable[str]) -> bool:
    """Whether the domain is an internal one, which that of the mailbox's name always is."""
    domain = domain_of(address)
    return bool(domain) and (domain == domain_of(mailbox.casefold()) or fits(domain, internal_domains))
