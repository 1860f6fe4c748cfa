"""What strangers wrote, as it may be shown: subjects reach terminals, logs, spreadsheets and web pages.

One escaping for all outputs: what is not printable is shown as an escape. That is every control (C0, C1), every sign
without a width of its own, those that turn the writing round, and every blank and line break but the plain one.
"""

import json
import re
from typing import Any

#: What a spreadsheet takes for the beginning of a formula, where it begins a cell: by any of the separators that it may
#: be set to, whatever this file's own is.
_FORMULA = re.compile(r"(^|[,;|\t\r\n\"])([^\S\t\r\n]*)([=+\-@\uff0b\uff0d\uff1d\uff20])")


def printable(text: str) -> str:
    """The text with escapes in the place of controls, of line breaks and of signs that turn the writing round."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def printable_lines(text: str) -> str:
    """The same of a text that consists of lines."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: Any, indent: int | None = None) -> str:
    """The value as JSON that is printable as well, and reads as the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def csv_cell(text: str) -> str:
    """The text as a cell of CSV that is printable, and that is no formula and holds none."""
    return _FORMULA.sub(r"\1\2'\3", printable(text))


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with a mark where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
