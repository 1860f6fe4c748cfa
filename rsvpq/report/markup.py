"""Markup that is escaped because of how it is made: a text becomes markup in :func:`tag` alone."""

from html import escape
from typing import Final

from rsvpq.text import printable


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


NOTHING: Final = Markup("")

Content = str | Markup


def join(parts: "list[Markup]") -> Markup:
    """One after the other."""
    return Markup("".join(parts))


def tag(name: str, *content: Content, **attributes: str | float) -> Markup:
    """An element; what is not :class:`Markup` is escaped. ``class_`` and ``aria_label`` are class and aria-label."""
    given = "".join(f' {_attribute(key)}="{_text(str(value))}"' for key, value in attributes.items())
    inner = "".join(part if isinstance(part, Markup) else _text(part) for part in content)
    return Markup(f"<{name}{given}>{inner}</{name}>")


def stranger(text: str) -> Markup:
    """A text that a stranger wrote: it keeps its own direction, and does not turn that of its neighbours."""
    return tag("bdi", text)


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _text(text: str) -> str:
    return escape(printable(text), quote=True)
