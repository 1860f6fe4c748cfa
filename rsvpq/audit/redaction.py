"""Redact what must not be stored in the audit: private subjects, and what ``audit.hide`` names."""

import hmac
import re
from dataclasses import dataclass
from typing import Literal

from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.persons import person_in

Hidden = Literal["subjects", "addresses"]

#: The most characters of a value. Senders can write longer ones, but a million records have to fit into memory.
LONGEST_VALUE = 200
LONGEST_SUBJECT = 120

#: A path, a quotation or an address. From the first one on, a reason may reveal a subject or a person.
_REVEALING = re.compile(r"""["'/]|(?<!\S)\S*@""")
_STATUS = re.compile(r" (?:answered|returned) \d{3}\b")


@dataclass(frozen=True, slots=True)
class Redaction:
    """Replaces fields by a keyed digest (HMAC-SHA256), or leaves them out.

    :param hide: ``subjects``, ``addresses`` (mailboxes, organizers), both or nothing.
    :param key: the key of the digests.
    """

    hide: frozenset[Hidden] = frozenset()
    key: bytes = b""

    def address(self, text: str) -> str:
        """Redact a mailbox or an organizer. The digest of ``"Name" <address>`` is that of the address."""
        return self._digest(address_of(text)) if "addresses" in self.hide else text[:LONGEST_VALUE]

    def subject(self, text: str, *, private: bool = False) -> str:
        """Redact a subject. A private one is left out, because whoever has the key could guess it from a digest."""
        if private:
            return ""
        return self._digest(text) if "subjects" in self.hide else text[:LONGEST_SUBJECT]

    def reason(self, text: str, *, private: bool = False) -> str:
        """Redact a reason: leave out what could reveal something that is hidden.

        Exchange names messages after their subjects, so a path reveals the subject.
        """
        if not private and not self.hide:
            return text[:LONGEST_VALUE]
        revealing = _REVEALING.search(text)
        if revealing is None:
            return text[:LONGEST_VALUE]
        status = _STATUS.findall(text, revealing.start())
        return f"{text[: revealing.start()].rstrip()[:LONGEST_VALUE]} (hidden){status[-1] if status else ''}"

    def error(self, error: Exception, *, private: bool = False) -> str:
        """Redact an error to a reason. The text of an unexpected error may hold anything, so it is left out."""
        name = type(error).__name__
        if not isinstance(error, ExchangeError) and (private or self.hide):
            return name
        return self.reason(f"{name}: {error}", private=private)

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.casefold().encode(), "sha256").hex()[:16] if text else ""


def address_of(text: str) -> str:
    """Return the address in ``"Name" <address>`` or ``mailto:address``; the text itself if it has none."""
    address = person_in(text).address
    return address if "@" in address else text
