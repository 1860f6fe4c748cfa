"""What strangers wrote, made fit for a terminal and for a spreadsheet."""

#: A spreadsheet would take a text for a formula that begins so, and subjects are written by strangers.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def no_formula(value: str) -> str:
    """The text as a cell of CSV."""
    return f"'{value}" if value.startswith(_FORMULA) else value
