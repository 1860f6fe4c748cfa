"""What strangers wrote, made fit for a terminal and for a spreadsheet."""

#: A spreadsheet would take a text for a formula that begins so, and subjects are written by strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def no_formula(value: str) -> str:
    """The text as a cell of CSV."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def printable(text: str) -> str:
    """What a stranger wrote must not reach the terminal as a command."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
