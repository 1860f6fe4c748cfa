"""Format texts and durations for output.

Text that unknown senders wrote, above all in subjects, reaches terminals, logs, spreadsheets and web pages. All outputs
use the same escaping: characters that are not printable are shown as escapes. These are all controls (C0, C1),
characters without a width of their own, characters that change the direction of text, line breaks, and all blanks
except the plain space, even those that Unicode classifies as letters.
"""

import json
import re
from itertools import pairwise
from typing import Any

#: What a spreadsheet reads as the beginning of a formula at the beginning of a cell. A cell may begin after any
#: separator that the spreadsheet is set to, not only after that of the file.
_FORMULA = re.compile(r"(^|[,;|\t\r\n\"])([^\S\t\r\n]*)([=+\-@\uff0b\uff0d\uff1d\uff20])")

#: Invisible characters that Python treats as printable: fillers, variation selectors, the empty Braille cell.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)


def printable(text: str) -> str:
    """Replace controls, line breaks, invisible characters and changes of text direction by escapes."""
    if _is_visible(text):
        return text
    return "".join(char if _is_visible(char) else char.encode("unicode_escape").decode() for char in text)


def _is_visible(text: str) -> bool:
    return text.isprintable() and not _INVISIBLE.search(text)


def printable_lines(text: str) -> str:
    """Do the same as :func:`printable` for a text of several lines; line feeds stay."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: Any, indent: int | None = None) -> str:
    """Return the value as printable JSON, which parses to the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if _is_visible(text.replace("\n", "")):
        return text
    return "".join(char if _is_visible(char) or char == "\n" else json.dumps(char)[1:-1] for char in text)


def csv_cell(text: str) -> str:
    """Return the text as a printable CSV cell that neither is nor contains a formula."""
    return _FORMULA.sub(r"\1\2'\3", printable(text))


def shortened(text: str, most: int) -> str:
    """Return the text, cut to ``most`` characters that end in an ellipsis if it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def natural(name: str) -> list[tuple[int, str]]:
    """Return the key by which mail2 comes before mail10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"([0-9]+)", name)]


def grouped(count: int) -> str:
    """Format a count with separators: ``12,345``."""
    return f"{count:,}"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count of things in words.

    :param many: the plural of ``one``, if it does not end in ``s``, or in ``es`` after ``x``.

    >>> counted(1, "mailbox"), counted(2000, "mailbox"), counted(0, "item")
    ('1 mailbox', '2,000 mailboxes', '0 items')
    """
    return f"{grouped(count)} {one if count == 1 else many or one + ('es' if one.endswith('x') else 's')}"


#: Seconds of each unit, the largest first.
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
#: From this many of a unit on, the next smaller unit is not needed.
_ENOUGH = 2
#: From this many seconds on, fractions are not needed.
_WHOLE_S = 10


def age(seconds: float | None) -> str:
    """Format seconds rounded down to one unit: ``45 s``, ``12 min``, ``3 h``, ``9 d``; '-' for None.

    >>> age(119.9), age(120), age(None)
    ('119 s', '2 min', '-')
    """
    if seconds is None:
        return "-"
    size, unit = next((one for one in _UNITS if seconds >= _ENOUGH * one[0]), _UNITS[-1])
    return f"{int(seconds // size)} {unit}"


def ago(seconds: float | None) -> str:
    """Format the age of something that happened, such as ``12 min ago``; '-' for None."""
    return "-" if seconds is None else f"{age(seconds)} ago"


def duration(seconds: float) -> str:
    """Format seconds in the two largest units: ``0.42 s``, ``3 min 20 s``, ``2 d 4 h``."""
    if seconds < _WHOLE_S:
        return f"{seconds:.2f} s"
    seconds = round(seconds)
    for (size, unit), (part_size, part) in pairwise(_UNITS):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part_size} {part}"
    return f"{seconds} s"
