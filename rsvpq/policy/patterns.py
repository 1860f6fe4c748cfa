"""Patterns with ``*`` (any text) and ``?`` (one character), matched without case.

All other characters match themselves, also brackets, so a subject such as ``[Board] *`` needs no escaping.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product

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
    first, *others = (_piece(piece) for piece in pattern.casefold().split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    length = len(pattern.casefold().rpartition("*")[2])
    return re.compile(f"{first}{middle}.{{{length},}}+(?<={others[-1]})", re.DOTALL)


def _piece(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)
