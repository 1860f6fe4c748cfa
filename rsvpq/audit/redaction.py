"""Redacts what must not be stored in the audit: subjects and addresses, where the settings say so."""

import hmac
import re
from dataclasses import dataclass
from typing import Literal

from rsvpq.mail.errors import ExchangeError
from rsvpq.mail.persons import person_in

Hidden = Literal["subjects", "addresses"]

#: The most characters of a value; what is longer was written by a stranger, and a million records have to fit.
LONGEST_VALUE = 200
LONGEST_SUBJECT = 120

#: From the first path, quotation or address on, a reason may name a message by its subject, or somebody.
_TELLING = re.compile(r"""["'/]|(?<!\S)\S*@""")
_STATUS = re.compile(r" (?:answered|returned) \d{3}\b")


@dataclass(frozen=True, slots=True)
class Redaction:
    """The fields that are replaced by a keyed digest (HMAC-SHA256), or left out.

    :param hide: ``subjects``, ``addresses`` (mailboxes, organizers), both or nothing. :param key: of the digests.
    """

    hide: frozenset[Hidden] = frozenset()
    key: bytes = b""

    def address(self, text: str) -> str:
        """Redact a mailbox or an organizer; of ``"Name" <address>`` the digest is the address'."""
        return self._digest(address_of(text)) if "addresses" in self.hide else text[:LONGEST_VALUE]

    def subject(self, text: str, *, private: bool = False) -> str:
        """Redact a subject; a private one has not even a digest, which could be guessed."""
        if private:
            return ""
        return self._digest(text) if "subjects" in self.hide else text[:LONGEST_SUBJECT]

    def reason(self, text: str, *, private: bool = False) -> str:
        """Redact a reason: where something is hidden, without what could name it.

        Exchange names messages after their subjects, so a path tells the subject.
        """
        if not private and not self.hide:
            return text[:LONGEST_VALUE]
        telling = _TELLING.search(text)
        if telling is None:
            return text[:LONGEST_VALUE]
        status = _STATUS.findall(text, telling.start())
        return f"{text[: telling.start()].rstrip()[:LONGEST_VALUE]} (hidden){status[-1] if status else ''}"

    def error(self, error: Exception, *, private: bool = False) -> str:
        """Redact an error, as a reason; the text of one that nobody foresaw may hold anything."""
        name = type(error).__name__
        if not isinstance(error, ExchangeError) and (private or self.hide):
            return name
        return self.reason(f"{name}: {error}", private=private)

    def _digest(self, text: str) -> str:
        return hmac.digest(self.key, text.casefold().encode(), "sha256").hex()[:16] if text else ""


def address_of(text: str) -> str:
    """The address in ``"Name" <address>`` or ``mailto:address``; the text itself where there is none."""
    address = person_in(text).address
    return address if "@" in address else text
