"""Persons as a message shows them: an address, which may be SMTP or an X.500 name of the directory, and a name.

MAPI gives the address of somebody in the directory as X.500 (address type EX) and of anybody else as SMTP, but a person
can be shown in both spellings on one message.
"""

from dataclasses import dataclass


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
            return self.address.casefold() == other.address.casefold()
        same_name = self.name != "" and self.name.casefold() == other.name.casefold()
        return same_name or _alias(self.address) == _alias(other.address)


def _alias(address: str) -> str:
    """What stands before the @, or the last common name."""
    text = address.casefold()
    return text.partition("@")[0] if is_smtp(text) else text.rpartition("cn=")[2]
