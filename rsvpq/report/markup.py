"""Markup that is always escaped: only :func:`tag` turns text into markup."""

from html import escape
from typing import Final

from rsvpq.text import printable


class Markup(str):
    """Text that is already markup."""

    __slots__ = ()


NOTHING: Final = Markup("")

Content = str | Markup


def join(parts: "list[Markup]") -> Markup:
    """Concatenate markup."""
    return Markup("".join(parts))


def tag(name: str, *content: Content, **attributes: str | float) -> Markup:
    """Return an element; content that is not :class:`Markup` is escaped.

    The parameter ``class_`` becomes the attribute class, and ``aria_label`` becomes aria-label.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(printable(str(value)))}"' for key, value in attributes.items()
    )
    inner = "".join(part if isinstance(part, Markup) else escape(printable(part)) for part in content)
    return Markup(f"<{name}{given}>{inner}</{name}>")


def untrusted(text: str) -> Markup:
    """Return text that an unknown sender wrote, isolated so that it does not change the direction of text around it."""
    return tag("bdi", text)
