"""Texts with ``*`` (anything) and ``?`` (one character), compared without case; brackets mean themselves.

So a subject such as ``[Board] *`` can be written as it stands.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product

_ANY = "\0"
_MOST_STARS = 4


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether any pattern describes the whole text."""
    folded = text.casefold()
    return any(_compiled(pattern).fullmatch(folded) for pattern in patterns)


def is_literal(pattern: str) -> bool:
    """Whether it describes only one text."""
    return not {"*", "?"} & set(pattern)


def covers(wider: str, narrower: str) -> bool:
    """Whether certainly every text that ``narrower`` describes is described by ``wider``.

    Its wildcards are replaced by a character that no pattern can name, so that only a wildcard meets it: each star by
    none, few and more of it than ``wider`` is long. Many stars are not worth the trouble.
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
    """The pattern as a regular expression that never goes back behind a piece it has found.

    The first place of a piece leaves the most room for those behind it, and the last one has to be at the end; so there
    is no other place to try, and a stranger's subject is walked once for each star.
    """
    first, *others = (_piece(piece) for piece in pattern.casefold().split("*"))
    if not others:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in others[:-1] if piece)
    length = len(pattern.casefold().rpartition("*")[2])
    return re.compile(f"{first}{middle}.{{{length},}}+(?<={others[-1]})", re.DOTALL)


def _piece(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)
