"""The organizer of a message: the address that a server shows, whether it fits a pattern, and whether it is internal.

In patterns ``*`` stands for any text and ``?`` for one character; case is ignored. All other characters match
themselves, also brackets, so a subject such as ``[Board] *`` needs no escaping.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import product

from rsvpq.mail.messages import MeetingMessage
from rsvpq.mail.persons import ascii_only, comparable, comparable_domain, comparable_pattern, is_same_person, person_in

_ANY = "\0"
_MOST_STARS = 4


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Return whether any pattern matches the whole text."""
    folded = text.casefold()
    return any(_compiled(pattern).fullmatch(folded) for pattern in patterns)


def is_literal(pattern: str) -> bool:
    """Return whether the pattern has no wildcard."""
    return not {"*", "?"} & set(pattern)


def covers(wider: str, narrower: str) -> bool:
    """Return whether ``wider`` certainly matches every text that ``narrower`` matches.

    Each wildcard of ``narrower`` is replaced by a character that no pattern contains, so only a wildcard of ``wider``
    can match it: a star by none, a few, and more of them than ``wider`` is long. With more than four stars there would
    be too many combinations, and the result is False.
    """
    if wider.casefold() == narrower.casefold():
        return True
    head, *tails = narrower.casefold().replace("?", _ANY).split("*")
    if len(tails) > _MOST_STARS:
        return False
    lengths = (0, 1, 2, len(wider) + 1)
    texts = (
        head + "".join(_ANY * length + tail for length, tail in zip(run, tails, strict=True))
        for run in product(lengths, repeat=len(tails))
    )
    return all(_compiled(wider).fullmatch(text) for text in texts)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile the pattern to a regular expression that never backtracks over a piece that it has found.

    The first match of a piece leaves the most room for the following ones, and the last piece has to be at the end. So
    no other match has to be tried, and a text of any sender is read at most once for each star.
    """
    first, *others = (re.escape(piece).replace(r"\?", ".") for piece in pattern.casefold().split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    length = len(pattern.casefold().rpartition("*")[2])
    return re.compile(f"{first}{middle}.{{{length},}}+(?<={others[-1]})", re.DOTALL)


_ADDRESS = re.compile(r"[^\s<>@\"]+@[^\s<>@\"]+")


def comparable_address(organizer: str) -> str:
    """Return the SMTP address in ``"Name" <address>``, ``MAILTO:address`` or ``address`` in comparable form, or ''.

    >>> comparable_address('"ceo@example.com" <Mallory@evil.example>')
    'mallory@evil.example'
    """
    address = person_in(organizer).address
    return comparable(address) if _ADDRESS.fullmatch(address) else ""


def domain_of(address: str) -> str:
    """Return the part after the @; '' if there is no @."""
    return address.rpartition("@")[2] if "@" in address else ""


def is_internal(address: str, mailbox: str, internal_domains: Iterable[str]) -> bool:
    """Return whether the address has an internal domain. The domain of the mailbox's name always is internal."""
    domain = comparable_domain(domain_of(address))
    return bool(domain) and (domain == comparable_domain(domain_of(mailbox)) or is_one_of(domain, internal_domains))


def is_one_of(address: str, patterns: Iterable[str]) -> bool:
    """Return whether any of the patterns matches an address or a domain, which must be in comparable form."""
    return fits(ascii_only(address), (ascii_only(comparable_pattern(pattern)) for pattern in patterns))


def is_from(message: MeetingMessage, host: str, is_one_of_ours: Callable[[str], bool]) -> bool | None:
    """Return whether a message is from this organizer of an appointment; None if that is not known.

    A person with an X.500 name is in the directory, so an equal alias in an external address does not make it the same
    person. A message that somebody from outside sent on behalf of an internal organizer is not from that organizer.
    """
    same = arranged(message, host)
    ours, theirs = comparable_address(message.organizer), comparable_address(host)
    if same and not all(map(is_one_of_ours, message.sent_by)):
        return None if theirs and not is_one_of_ours(theirs) else False
    by_alias = bool(ours) is not bool(theirs)
    return None if same and by_alias and not is_one_of_ours(ours or theirs) else same


def arranged(message: MeetingMessage, organizer: str) -> bool | None:
    """Return whether a message is from the organizer of an appointment; None if that is not known.

    The sender chooses which organizer a message names, so its From must be the same person too.
    """
    host = person_in(organizer)
    if not host.address:
        return None
    if message.from_another and not is_same_person(host, person_in(message.from_another)):
        return False
    return is_same_person(host, person_in(message.organizer))
