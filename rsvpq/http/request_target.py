"""Request targets: paths on the configured origin, checked in exactly the form in which they are sent.

Links, redirects and form actions come from a server, or from Redis, where others may write. A path that is checked in
one form and sent in another could lead anywhere. So only values of one type are sent, and that type cannot be made from
a text that could lead elsewhere.
"""

import re
from typing import Self
from urllib.parse import quote, unquote

from rsvpq.mail.errors import Malformed

#: Characters that a request line cannot contain: spaces, controls and everything beyond ASCII (RFC 9112, section 3).
_IMPOSSIBLE = re.compile(r"[^\x21-\x7e]+")
#: Escapes that a server may decode to another character: NUL, IIS's own escapes, and overlong UTF-8 forms of ASCII
#: (MS00-078, MS01-026).
_DECEPTIVE = re.compile(r"%00|%u[0-9a-f]{4}|%c[01]%[89ab][0-9a-f]|%e0%[89][0-9a-f]%|%f0%8[0-9a-f]%", re.IGNORECASE)
#: The most characters; IIS accepts no request line of more than 16 kB.
LONGEST = 16 * 1024
#: How often a path may be unescaped until it no longer changes; a name with percent signs may need it a few times.
_MOST_UNESCAPINGS = 5
_SEPARATOR = re.compile(r"[/\\]")  # IIS treats a backslash as a slash


class Target(str):
    """A path on the configured origin, possibly with a query, exactly as it is sent in the request line.

    Names stay as the server wrote them; only characters that a request line cannot contain are escaped.

    :raises Malformed: it is not an absolute path, or a server could read it as another path.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text, and escape where necessary."""
        try:
            sent = _IMPOSSIBLE.sub(lambda match: quote(match[0]), text)
        except UnicodeEncodeError:
            raise Malformed(_rejected(text, "is not valid Unicode")) from None
        path = sent.partition("?")[0]
        if len(sent) > LONGEST:
            raise Malformed(_rejected(text, f"has {len(sent)} characters; at most {LONGEST} are allowed"))
        # After two slashes a host name would be expected.
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            raise Malformed(_rejected(text, "is not a path from the root of the server"))
        if "#" in sent or _DECEPTIVE.search(path) or _climbs(path):
            raise Malformed(_rejected(text, "could be read as another path"))
        return super().__new__(cls, sent)

    @classmethod
    def below(cls, path: str, root: str, query: str = "") -> Self:
        """Return a target that is below ``root``, which ends with a slash; case is ignored, because IIS ignores it.

        :raises Malformed: the path is not below it, or is invalid.
        """
        target = cls(path)
        own, wanted = target.split("/"), root.split("/")[:-1]
        if "?" in target or len(own) <= len(wanted) or not all(map(_is_same, own, wanted)):
            raise Malformed(_rejected(path, f"is not below {root!r}"))
        return cls(f"{target}?{query}") if query else target


def _is_same(name: str, other: str) -> bool:
    """Return whether two parts of paths are the same name; an escaped slash does not end a name."""
    return unquote(name, errors="surrogateescape").casefold() == unquote(other, errors="surrogateescape").casefold()


def _climbs(path: str) -> bool:
    """Return whether a path leads upwards, by names of only dots, however often it is unescaped on the way."""
    for _ in range(_MOST_UNESCAPINGS):
        if any(name and not name.strip(" .") for name in _SEPARATOR.split(path)):
            return True
        before, path = path, unquote(path)
        if path == before:
            return False
    return True


def _rejected(text: str, why: str) -> str:
    return f"the path {text[:200]!r} {why}; nothing was sent"
