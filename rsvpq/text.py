"""How texts and durations are shown.

What strangers wrote reaches terminals, logs, spreadsheets and web pages, in subjects above all. One escaping for all
outputs: what is not printable is shown as an escape. That is every control (C0, C1), every sign without a width of its
own, those that turn the writing round, and every blank and line break but the plain one: those that are letters by
their category as well.
"""

import json
import re
from itertools import pairwise
from typing import Any

#: What a spreadsheet takes for the beginning of a formula, where it begins a cell: by any of the separators that it may
#: be set to, whatever this file's own is.
_FORMULA = re.compile(r"(^|[,;|\t\r\n\"])([^\S\t\r\n]*)([=+\-@\uff0b\uff0d\uff1d\uff20])")

#: What Python takes for printable, and of which nothing is seen: fillers, selectors of a form, an empty Braille cell.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)


def printable(text: str) -> str:
    """The text with escapes in the place of controls, of line breaks and of signs that turn the writing round."""
    if _is_seen(text):
        return text
    return "".join(char if _is_seen(char) else char.encode("unicode_escape").decode() for char in text)


def _is_seen(text: str) -> bool:
    return text.isprintable() and not _UNSEEN.search(text)


def printable_lines(text: str) -> str:
    """The same of a text that consists of lines."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: Any, indent: int | None = None) -> str:
    """The value as JSON that is printable as well, and reads as the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if _is_seen(text.replace("\n", "")):
        return text
    return "".join(char if _is_seen(char) or char == "\n" else json.dumps(char)[1:-1] for char in text)


def csv_cell(text: str) -> str:
    """The text as a cell of CSV that is printable, and that is no formula and holds none."""
    return _FORMULA.sub(r"\1\2'\3", printable(text))


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with a mark where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


#: Seconds of each unit, the largest first.
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
#: From so many of a unit on, the next smaller one says nothing more.
_ENOUGH = 2
#: Seconds from which on fractions say nothing more.
_WHOLE_S = 10


def age(seconds: float | None) -> str:
    """Rounded down to one unit: ``45 s``, ``12 min``, ``3 h``, ``9 d``; '-' for None.

    >>> age(119.9), age(120), age(None)
    ('119 s', '2 min', '-')
    """
    if seconds is None:
        return "-"
    size, unit = next((one for one in _UNITS if seconds >= _ENOUGH * one[0]), _UNITS[-1])
    return f"{int(seconds // size)} {unit}"


def duration(seconds: float) -> str:
    """In the two largest units: ``0.42 s``, ``3 min 20 s``, ``2 d 4 h``."""
    if seconds < _WHOLE_S:
        return f"{seconds:.2f} s"
    seconds = round(seconds)
    for (size, unit), (part_size, part) in pairwise(_UNITS):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part_size} {part}"
    return f"{seconds} s"
