"""Request targets: paths of the configured origin, checked in the very form in which they are sent.

Links, redirects and forms' actions are a server's words, and come back out of Redis, where others may write. What is
checked in one form and sent in another leads anywhere: so there is one type for it, which cannot be made of a text that
could lead elsewhere, and nothing else is sent.
"""

import re
from typing import Self
from urllib.parse import quote, unquote

from rsvpq.mail.errors import Malformed

#: What cannot stand in a request line at all: blanks, controls and everything beyond ASCII (RFC 9112, section 3).
_IMPOSSIBLE = re.compile(r"[^\x21-\x7e]+")
#: What servers take for another character than it is: NUL, IIS's own escapes, and too long forms of ASCII in UTF-8
#: (MS00-078, MS01-026).
_DECEPTIVE = re.compile(r"%00|%u[0-9a-f]{4}|%c[01]%[89ab][0-9a-f]|%e0%[89][0-9a-f]%|%f0%8[0-9a-f]%", re.IGNORECASE)
#: Characters; IIS takes no request line of more than 16 kB.
LONGEST = 16 * 1024
#: How often a name may come out otherwise when it is unescaped: one of percent signs does a few times.
_MOST_UNESCAPINGS = 5
_SEPARATOR = re.compile(r"[/\\]")  # IIS takes a backslash for a slash


class Target(str):
    """A path, and perhaps a query, on the configured origin: what goes into the request line, to the letter.

    Names stay as the server wrote them; only what no request line can hold is escaped.

    :raises Malformed: it is no path from the root of the origin, or climbs out of what it names.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text, and escape what has to be."""
        try:
            sent = _IMPOSSIBLE.sub(lambda match: quote(match[0]), text)
        except UnicodeEncodeError:
            raise Malformed(_rejected(text, "is no text")) from None
        path = sent.partition("?")[0]
        if len(sent) > LONGEST:
            raise Malformed(_rejected(text, f"has {len(sent)} characters"))
        # With a second slash it would begin with a host.
        if not path.startswith("/") or path.startswith(("//", "/\\")):
            raise Malformed(_rejected(text, "is no path from the root of the server"))
        if "#" in sent or _DECEPTIVE.search(path) or _climbs(path):
            raise Malformed(_rejected(text, "may lead elsewhere than it seems to"))
        return super().__new__(cls, sent)

    @classmethod
    def below(cls, path: str, root: str, query: str = "") -> Self:
        """Make a target that is certainly below ``root``, which ends with a slash; case is ignored, as by IIS.

        :raises Malformed: it is not.
        """
        target = cls(path)
        own, wanted = target.split("/"), root.split("/")[:-1]
        if "?" in target or len(own) <= len(wanted) or not all(map(_is_same, own, wanted)):
            raise Malformed(_rejected(path, f"is not below {root!r}"))
        return cls(f"{target}?{query}") if query else target


def _is_same(name: str, other: str) -> bool:
    """Whether both are the same name of a path; a slash that is escaped ends no name."""
    return unquote(name, errors="surrogateescape").casefold() == unquote(other, errors="surrogateescape").casefold()


def _climbs(path: str) -> bool:
    """Whether it leads upwards, however often its escapes are undone on the way: by names of nothing but dots."""
    for _ in range(_MOST_UNESCAPINGS):
        if any(name and not name.strip(" .") for name in _SEPARATOR.split(path)):
            return True
        before, path = path, unquote(path)
        if path == before:
            return False
    return True


def _rejected(text: str, why: str) -> str:
    return f"the path {text[:200]!r} {why}; nothing was sent"
