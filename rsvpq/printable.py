"""What strangers wrote, as it may be shown: subjects reach terminals, logs and web pages."""


def printable(text: str) -> str:
    """The text with escapes in the place of controls, of line breaks and of signs that turn the writing round."""
    return text if text.isprintable() else "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning with a mark where it is longer than so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
