"""Persons as a message shows them: an address, which is SMTP or an X.500 name of the directory, and a display name.

MAPI shows the address of a person in the directory as X.500 (address type EX) and of anybody else as SMTP, but one
message can show the same person in both forms.

SMTP addresses are normalized for comparison: spellings that reach the same mailbox become equal, and no others.
``str.casefold`` would make ``busineß.example`` and ``business.example`` equal, which are two domains of two owners. So
domain names are compared in the form that is looked up in the DNS (IDNA 2008 with the mapping of UTS 46), and in the
local part only ASCII letters are compared without case.
"""

import re
import string
from dataclasses import dataclass
from functools import lru_cache

import idna

#: The longest name in the DNS (RFC 1035, 2.3.4).
_LONGEST_DOMAIN = 255
_DOMAIN = re.compile(r"[a-z0-9._-]+", re.ASCII)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lowered(text: str) -> str:
    """Convert ASCII letters to lower case, and leave all other characters unchanged."""
    return text.translate(_LOWER)


def comparable(address: str) -> str:
    """Return an address in comparable form; '' if it has no valid domain.

    >>> comparable("Nora@BÜCHER.example"), comparable("nora@busineß.example")
    ('nora@xn--bcher-kva.example', 'nora@xn--busine-gta.example')
    """
    local, at, domain = address.rpartition("@")
    known = comparable_domain(domain)
    return f"{lowered(local)}@{known}" if at and known else ""


@lru_cache(maxsize=4096)
def comparable_domain(domain: str) -> str:
    """Return a domain name in the form that is looked up in the DNS; '' if it is not a valid name."""
    if len(domain) > _LONGEST_DOMAIN:
        return ""
    plain = lowered(domain)
    if not plain.isascii():
        try:
            plain = idna.encode(plain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return ""
    return plain if _DOMAIN.fullmatch(plain) else ""


@lru_cache(maxsize=4096)
def comparable_pattern(pattern: str) -> str:
    """Return a pattern for addresses or domains in comparable form; labels with a wildcard only become lower case."""
    local, at, domain = pattern.rpartition("@")
    labels = (
        lowered(label) if {"*", "?"} & set(label) else comparable_domain(label) or lowered(label)
        for label in domain.split(".")
    )
    return lowered(local) + at + ".".join(labels)


def ascii_only(text: str) -> str:
    """Escape all characters that are not ASCII, so that case folding cannot turn them into others."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


#: The last address in angle brackets. The text before it is a display name, which may hold anything.
_IN_BRACKETS = re.compile(r"(?P<name>.*)<(?P<address>[^<>]*)>[^<>]*", re.DOTALL)
_PLAIN_SMTP = re.compile(r"[!#-;=?A-~]{1,200}@[A-Za-z0-9.-]{1,200}")
_MAILTO = re.compile(r"^\s*mailto:", re.IGNORECASE)


def is_smtp(address: str) -> bool:
    """Return whether the address is in SMTP form. X.500 begins with a slash, and may contain an @."""
    return "@" in address and not address.startswith("/")


def is_plain_smtp(address: str) -> bool:
    """Return whether the address is in SMTP form, in ASCII, and without quotes, comments and white space."""
    return bool(_PLAIN_SMTP.fullmatch(address))


def same_spelling(one: str, other: str) -> bool:
    """Return whether both addresses are known and in the same form, so that they can be compared."""
    return bool(one and other) and is_smtp(one) == is_smtp(other)


@dataclass(frozen=True, slots=True)
class Person:
    """A person as a message shows one."""

    address: str
    name: str = ""

    def may_be(self, other: "Person") -> bool:
        """Return whether both may be the same person: by equal addresses or, in two forms, by equal name or alias."""
        if same_spelling(self.address, other.address):
            return is_same_person(self, other) is True
        same_name = self.name != "" and self.name.casefold() == other.name.casefold()
        return same_name or _alias(self.address) == _alias(other.address)


def person_in(text: str) -> Person:
    """Parse ``"Name" <address>``, ``MAILTO:address`` or an address alone; missing parts are ''.

    >>> person_in('"ceo@example.com" <Mallory@evil.example>')
    Person(address='Mallory@evil.example', name='ceo@example.com')
    """
    bracketed = _IN_BRACKETS.fullmatch(text)
    address = _MAILTO.sub("", bracketed["address"] if bracketed else text).strip()
    name = bracketed["name"].strip().strip('"') if bracketed else ""
    return Person(address if is_smtp(address) or address.startswith("/") else "", name)


def is_same_person(one: Person, other: Person) -> bool | None:
    """Return whether both are the same person, by their addresses; None if that is not known.

    If only one address is X.500, equal aliases prove it, but different aliases prove nothing: a person who gets a new
    alias keeps the X.500 name. Display names are not compared, because a sender chooses them.
    """
    if same_spelling(one.address, other.address):
        first, second = (
            (comparable(who) if is_smtp(who) else "") or lowered(who) for who in (one.address, other.address)
        )
        return first == second
    both = one.address and other.address
    return True if both and _alias(one.address) == _alias(other.address) else None


@dataclass(frozen=True, slots=True)
class People:
    """The persons of a message: ``sender`` sent it for ``sent_for``, who is in its From."""

    organizer: Person
    sender: Person
    sent_for: Person
    received_by: Person
    received_for: Person

    def receiver(self) -> str:
        """Return the SMTP address of the person who received it, in lower case; '' if that is not shown."""
        return lowered(self.received_by.address) if is_smtp(self.received_by.address) else ""

    def received_for_another(self) -> str:
        """Return the person that it is for, if that is certainly another one than its receiver; else ''.

        An ordinary delivery shows the same person twice.
        """
        got_it, meant = self.received_by, self.received_for
        return meant.address if got_it.address and meant.address and not got_it.may_be(meant) else ""

    def own(self) -> bool | None:
        """Return whether receiver and sender are the same; None if that is not shown.

        Addresses in two forms prove nothing.
        """
        got_it, sender = self.received_by, self.sent_for
        return is_same_person(got_it, sender) if same_spelling(got_it.address, sender.address) else None

    def from_another(self) -> str:
        """Return the address in From, if that is certainly another person than the organizer; else ''."""
        return self.sent_for.address if is_same_person(self.sent_for, self.organizer) is False else ""

    def sent_by(self) -> tuple[str, ...]:
        """Return the addresses of the senders, except the organizer's own and names of the directory.

        An external address may look like a name of the directory with an @ in it; only its domain distinguishes them.
        Addresses of neither form came from elsewhere, through a gateway.
        """
        shown = (self.sender.address, self.sent_for.address)
        senders = {comparable(one) or lowered(one) for one in shown if one and ("@" in one or not one.startswith("/"))}
        return tuple(sorted(senders - {comparable(self.organizer.address)}))


def _alias(address: str) -> str:
    """Return the part before the @, or the last common name of an X.500 address."""
    text = lowered(address)
    return text.partition("@")[0] if is_smtp(text) else text.rpartition("cn=")[2]
