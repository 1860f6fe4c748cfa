"""Persons as a message shows them: an address, which is SMTP or an X.500 name of the directory, and a display name.

MAPI shows the address of a person in the directory as X.500 (address type EX) and of anybody else as SMTP, but one
message can show the same person in both forms.
"""

import re
from dataclasses import dataclass

from rsvpq.mail.addresses import comparable, lowered

#: The last address in angle brackets. The text before it is a display name, which may hold anything.
_IN_BRACKETS = re.compile(r"(?P<name>.*)<(?P<address>[^<>]*)>[^<>]*", re.DOTALL)
_MAILTO = re.compile(r"^\s*mailto:", re.IGNORECASE)


def is_smtp(address: str) -> bool:
    """Return whether the address is in SMTP form. X.500 begins with a slash, and may contain an @."""
    return "@" in address and not address.startswith("/")


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
        return _comparable(one.address) == _comparable(other.address)
    both = one.address and other.address
    return True if both and _alias(one.address) == _alias(other.address) else None


def _comparable(address: str) -> str:
    return (comparable(address) if is_smtp(address) else "") or lowered(address)


def _alias(address: str) -> str:
    """Return the part before the @, or the last common name of an X.500 address."""
    text = lowered(address)
    return text.partition("@")[0] if is_smtp(text) else text.rpartition("cn=")[2]
