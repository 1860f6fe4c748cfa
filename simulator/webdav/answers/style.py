"""Apply the switches of a server to the text of a 207: order, omissions, damage.

The rows themselves are `simulator.webdav.answers.multistatus`.  Every sort of breakage was seen in captures or is coped
with by a client that worked with real servers (evolution-exchange e2k-result.c, DavMail's ExchangeDavRequest).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from simulator.webdav.behavior import WebdavBehavior

#: A lone byte 0xFF, carried through text as surrogateescape has it.
_BAD_BYTE = "\udcff"
_BAD_CHARACTERS = {"reference": "&#01;", "raw": "\x01\x0b"}
_DECLARED = {"declared": ' encoding="UTF-8"', "iso-8859-1": ' encoding="iso-8859-1"'}
_TAG = re.compile(r"<[^>]*>")
_PREFIX = re.compile(r"(</?|\sxmlns:|\s)([a-z]+)(?=[:=])")
_SUBJECT = re.compile(r"(<[a-z]+:subject>)")
_ESCAPE = re.compile("%[0-9A-F]{2}")


@dataclass(frozen=True, slots=True)
class Style:
    """The markup around the properties of a row."""

    found: tuple[str, str]
    missing: tuple[str, str]
    shows_missing: bool
    #: Whether rows are altered further, by `spoilt`.
    spoils: bool


@lru_cache(maxsize=128)
def style_of(behavior: WebdavBehavior, *, brief: bool) -> Style:
    """Return the style of an answer; `brief` is whether the client asked for less."""
    brief = brief and behavior.brief != "ignored"
    ok = "" if brief and behavior.brief == "drops-status" else _status("200 OK")
    spoils = behavior.duplicated_properties or behavior.bad_characters != "none" or behavior.encoding == "bad-byte"
    after = behavior.status_after_prop
    return Style(
        found=_propstat(ok, after=after),
        missing=_propstat(_status("404 Resource Not Found"), after=after),
        shows_missing=behavior.missing_properties == "404" and not brief,
        spoils=spoils,
    )


def spoilt(behavior: WebdavBehavior, number: int, elements: Sequence[str]) -> list[str]:
    """Return the properties of a row, counted from 1, as a server with these switches writes them."""
    written = list(elements)
    if number % behavior.bad_every == 0:
        mark = _BAD_CHARACTERS.get(behavior.bad_characters, "")
        mark += _BAD_BYTE if behavior.encoding == "bad-byte" else ""
        written = [_SUBJECT.sub(lambda start: start[1] + mark, element, count=1) for element in written]
    return written * 2 if behavior.duplicated_properties else written


def finished(behavior: WebdavBehavior, multistatus: str) -> bytes:
    """Return the bytes of a body without its XML declaration."""
    if behavior.prefixes == "shuffled":
        multistatus = _TAG.sub(_shuffled_tag, multistatus)
    text = f'<?xml version="1.0"{_DECLARED.get(behavior.encoding, "")}?>{multistatus}'
    if behavior.encoding == "iso-8859-1":
        return text.encode("iso-8859-1", "xmlcharrefreplace")
    return text.encode("utf-8", "surrogateescape")


def lowered(url: str) -> str:
    """Return a URL with lower-case hexadecimal digits."""
    return _ESCAPE.sub(lambda escape: escape[0].lower(), url)


def _status(text: str) -> str:
    return f"<a:status>HTTP/1.1 {text}</a:status>"


def _propstat(status: str, *, after: bool) -> tuple[str, str]:
    if after:
        return "<a:propstat><a:prop>", f"</a:prop>{status}</a:propstat>"
    return f"<a:propstat>{status}<a:prop>", "</a:prop></a:propstat>"


def _shuffled_tag(tag: re.Match[str]) -> str:
    return _PREFIX.sub(lambda found: found[1] + _shuffled(found[2]), tag[0])


def _shuffled(prefix: str) -> str:
    # Nothing keeps its letter, and the letter of DAV: is another property's.
    return "".join(chr(ord("a") + (ord(letter) - ord("a") + 3) % 26) for letter in prefix)
