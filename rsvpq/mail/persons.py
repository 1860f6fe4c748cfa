"""Persons as a message shows them: an address, which may be SMTP or an X.500 name of the directory, and a name.

MAPI gives the address of somebody in the directory as X.500 (address type EX) and of anybody else as SMTP, but a person
can be shown in both spellings on one message.
"""

import re
from dataclasses import dataclass

from rsvpq.mail.addresses import comparable, lowered

#: The last one in angle brackets: what stands before it is a name, which its owner chose.
_IN_BRACKETS = re.compile(r"(?P<name>.*)<(?P<address>[^<>]*)>[^<>]*", re.DOTALL)
_MAILTO = re.compile(r"^\s*mailto:", re.IGNORECASE)


def is_smtp(address: str) -> bool:
    """Whether the address is spelled as SMTP; X.500 begins with a slash, and may have an @ in it."""
    return "@" in address and not address.startswith("/")


def same_spelling(one: str, other: str) -> bool:
    """Whether both are shown, and so that comparing them says something."""
    return bool(one and other) and is_smtp(one) == is_smtp(other)


@dataclass(frozen=True, slots=True)
class Shown:
    """One person."""

    address: str
    name: str = ""

    def may_be(self, other: "Shown") -> bool:
        """Whether both can be one person: equal addresses, or else, in two spellings, one name or one alias."""
        if same_spelling(self.address, other.address):
            return is_same_person(self, other) is True
        same_name = self.name != "" and self.name.casefold() == other.name.casefold()
        return same_name or _alias(self.address) == _alias(other.address)


def person_in(text: str) -> Shown:
    """Who is named in ``"Name" <address>``, ``MAILTO:address`` or an address alone; '' for what is not there.

    >>> person_in('"ceo@example.com" <Mallory@evil.example>')
    Shown(address='Mallory@evil.example', name='ceo@example.com')
    """
    bracketed = _IN_BRACKETS.fullmatch(text)
    address = _MAILTO.sub("", bracketed["address"] if bracketed else text).strip()
    name = bracketed["name"].strip().strip('"') if bracketed else ""
    return Shown(address if is_smtp(address) or address.startswith("/") else "", name)


def is_same_person(one: Shown, other: Shown) -> bool | None:
    """Whether both are one person, by their addresses; None where that cannot be told.

    In two spellings an equal alias tells it, and another one nothing: who gets a new alias keeps the X.500 name. A name
    tells nothing, for a sender chooses his.
    """
    if same_spelling(one.address, other.address):
        return _comparable(one.address) == _comparable(other.address)
    both = one.address and other.address
    return True if both and _alias(one.address) == _alias(other.address) else None


def _comparable(address: str) -> str:
    return (comparable(address) if is_smtp(address) else "") or lowered(address)


def _alias(address: str) -> str:
    """What stands before the @, or the last common name."""
    text = lowered(address)
    return text.partition("@")[0] if is_smtp(text) else text.rpartition("cn=")[2]
