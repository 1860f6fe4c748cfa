"""SMTP addresses as they are compared: spellings that reach one mailbox are one, and no others are.

``str.casefold`` makes ``busineß.example`` and ``business.example`` one, which are two domains with two owners. Names of
domains are compared in the form that is looked up (IDNA 2008 with the mapping of UTS 46), and of what stands before the
@ only the letters of ASCII without case.
"""

import re
import string
from functools import lru_cache

import idna

#: Of a name in the DNS (RFC 1035, 2.3.4).
_LONGEST_DOMAIN = 255
_DOMAIN = re.compile(r"[a-z0-9._-]+", re.ASCII)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def lowered(text: str) -> str:
    """The text with the letters of ASCII in lower case, and all others as they are."""
    return text.translate(_LOWER)


def comparable(address: str) -> str:
    """An address in the form in which it is compared; '' where its domain is none.

    >>> comparable("Nora@BÜCHER.example"), comparable("nora@busineß.example")
    ('nora@xn--bcher-kva.example', 'nora@xn--busine-gta.example')
    """
    local, at, domain = address.rpartition("@")
    known = comparable_domain(domain)
    return f"{lowered(local)}@{known}" if at and known else ""


@lru_cache(maxsize=4096)
def comparable_domain(domain: str) -> str:
    """The name of a domain in the form in which it is looked up; '' for what is no name of one."""
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
    """A pattern for addresses or domains in the same form: each label of the domain without a wildcard by itself."""
    local, at, domain = pattern.rpartition("@")
    return lowered(local) + at + ".".join(map(_label, domain.split(".")))


def ascii_only(text: str) -> str:
    """The text without letters that folding could make others of."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _label(label: str) -> str:
    return lowered(label) if {"*", "?"} & set(label) else comparable_domain(label) or lowered(label)
