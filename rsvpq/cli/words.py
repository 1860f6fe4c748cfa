"""Ages, and texts of strangers, as a person may read them."""

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
#: From so many of a unit on, the next smaller one says nothing more.
_ENOUGH = 2


def age(seconds: float | None) -> str:
    """Rounded down to one unit: ``45 s``, ``12 min``, ``3 h``, ``9 d``; '-' for None.

    >>> age(119.9), age(120), age(None)
    ('119 s', '2 min', '-')
    """
    if seconds is None:
        return "-"
    for size, unit in _UNITS:
        if seconds >= _ENOUGH * size or size == 1:
            return f"{int(seconds // size)} {unit}"
    raise AssertionError("unreachable: the last unit always returns")
