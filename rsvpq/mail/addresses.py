"""Normalize SMTP addresses for comparison: spellings that reach the same mailbox become equal, and no others.

``str.casefold`` would make ``busineß.example`` and ``business.example`` equal, which are two domains of two owners. So
domain names are compared in the form that is looked up in the DNS (IDNA 2008 with the mapping of UTS 46), and in the
local part only ASCII letters are compared without case.
"""

import re
import string
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
    return lowered(local) + at + ".".join(map(_label, domain.split(".")))


def ascii_only(text: str) -> str:
    """Escape all characters that are not ASCII, so that case folding cannot turn them into others."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _label(label: str) -> str:
    return lowered(label) if {"*", "?"} & set(label) else comparable_domain(label) or lowered(label)
