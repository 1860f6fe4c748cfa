"""Multistatus answers -> rows, as they arrive: read by namespace and per response, never by prefix or position.

Exchange allots prefixes by first use and repeats elements at will, so element order, the wording of a status and
attribute types are not relied on either. What is not XML is mended where it is known (:func:`clean`); what is broken
beyond that costs its own row and no other.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from rsvpq.mail.errors import Malformed
from rsvpq.text import shortened

#: A property is (namespace, local name).
Property = tuple[str, str]

#: The most bytes one response may take: with the properties that are asked for it has about 2 kB.
LARGEST_RESPONSE = 1024 * 1024
#: The most characters of one property's text that are kept, unless told otherwise; of what is longer, the beginning.
LONGEST_TEXT = 256 * 1024
#: The most rows of one answer, readable or not.
MOST_ROWS = 100_000
#: The most properties of one response, and the most characters of a name: of none is asked for so much, and what comes
#: unasked would take twenty times the room that it has on the wire.
_MOST_PROPERTIES, _LONGEST_NAME = 200, 256
#: The most characters of an href that are kept: one more than a request line may have, so it is none that is asked for.
_LONGEST_HREF = 16 * 1024 + 1

_DAV = "{DAV:}"
_OK = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One response of a multistatus: its href as sent, and the text of each property that was found."""

    href: str
    properties: Mapping[Property, str]
    #: The status of the response as a whole; 200 where it has none of its own.
    status: int = _OK
    #: The properties of propstats that say no 2xx, with the status there; 0 where it cannot be read.
    refused: Mapping[Property, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the response as a whole succeeded."""
        return _is_success(self.status)

    def text(self, name: Property) -> str:
        """The property's text without surrounding white space, or '' where it was not found."""
        return self.properties.get(name, "").strip()

    def flag(self, name: Property, default: bool = False) -> bool:
        """A boolean, which Exchange writes 1 and 0."""
        text = self.text(name).lower()
        return default if not text else text in {"1", "true"}


def read(body: bytes) -> list[Row]:
    """The rows of a whole 207 answer that succeeded, in the server's order.

    :raises Malformed: the body is no multistatus.
    """
    reader = Reader()
    rows = [row for row in reader.feed(body) if row.ok]
    reader.close()
    return rows


#: A name that starts with a digit, as those of mapi/id do.
_DIGIT_NAME = re.compile(rb"(</?(?:[A-Za-z_][\w.-]*:)?)([0-9])(?=[\w.-]*[\s/>])")
#: The namespaces of mapi/id and mapi/string hold a {GUID}, which libxml2 takes for an invalid URI.
_GUID_NAMESPACE = re.compile(rb"""(\sxmlns(?::[\w.-]+)?=["'][^"'{}<]*)\{([^"'{}<]*)\}""")
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\r"})
_NO_CHARACTER = re.compile(rb"\xef\xbf[\xbe\xbf]")  # U+FFFE and U+FFFF in UTF-8
#: The code points that XML 1.0 allows (its production 2).
_XML_CHARACTERS = (
    range(0x9, 0xB),
    range(0xD, 0xE),
    range(0x20, 0xD800),
    range(0xE000, 0xFFFE),
    range(0x10000, 0x110000),
)
_REFERENCE = re.compile(rb"&#(?:x0*([0-9A-Fa-f]{1,8})|0*([0-9]{1,10}));")
#: An ampersand that starts no reference of XML's own; entities of a DTD are none, for there is no DTD.
_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#x[0-9A-Fa-f]{1,8});)")


def clean(body: bytes) -> bytes:
    """Mend what Exchange sends that is not XML: names such as ``0x8218``, control characters, references to them.

    Seen in captures: names of mapi/id properties start with a digit, which becomes what XmlConvert makes of it, and
    corrupt data comes as ``&#01;`` (both described in evolution-exchange's e2k-result.c and its bug notes). Bytes that
    are no UTF-8 are replaced too.
    """
    # Most of it is nothing to mend: what a search for a few bytes can tell is not left to an expression.
    body = body.decode("utf-8", "replace").encode().translate(None, _CONTROLS)
    if b"\xef\xbf" in body:
        body = _NO_CHARACTER.sub(b"", body)
    body = _DIGIT_NAME.sub(rb"\1_x003\2_", body)
    if b"{" in body:
        body = _GUID_NAMESPACE.sub(rb"\1%7B\2%7D", body)
    return _AMPERSAND.sub(b"&amp;", _REFERENCE.sub(_allowed_reference, body)) if b"&" in body else body


def _allowed_reference(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if any(code in span for span in _XML_CHARACTERS) else b""


#: The most bytes before the first response; a root declares a dozen namespaces.
_LARGEST_HEAD = 64 * 1024
#: The root's start tag and what may precede it. No part that has matched gives anything back to one that could match
#: the same text, so it takes no more than linear time.
_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?><\?xml(?>[^>]*?\bencoding\s*=\s*[\"'](?P<encoding>[\w.-]++))?[^>]*>)?"
    rb"(?:\s|<!--(?:(?!-->).)*-->|<!DOCTYPE[^\[>]*(?:\[[^\]]*\]\s*)?>)*"
    rb"(?P<root><(?P<name>(?:[A-Za-z_][\w.-]*:)?multistatus)(?:\s(?:[^>\"'/]|/(?!>)|\"[^\"]*\"|'[^']*')*)?)(?P<end>/?>)",
    re.DOTALL,
)
#: A start tag up to this size is read again with every response: a dozen namespaces take half of it.
_SMALL_HEAD = 2048
_LONGEST_NAMESPACE = 256
#: What may be a prefix; of what is none, nothing is declared.
_PREFIX = re.compile(rb"[</\s]([A-Za-z_][\w.-]{0,63}+):")
_RESPONSE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?response[\s>]")
_RESPONSE_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?response\s*>")
#: How much of an end tag can lie before the border of two pieces.
_LONGEST_TAG = 256
#: Encodings beside UTF-8 that a declaration may name; Python knows codecs that unpack, or take the square of the time.
ENCODING = re.compile(
    r"us-ascii|iso-8859-\d+|windows-125\d|utf-16(?:le|be)?|shift_jis|euc-(?:jp|kr)|gbk?(?:2312)?|big5"
    r"|gb18030|koi8-[ru]|iso-2022-(?:jp|kr)|windows-874"
)


class Reader:
    """Reads one multistatus from pieces of any size, in memory that depends on neither their size nor their number.

    The text is cut after each ``</a:response>`` and cleaned and parsed a response at a time, below a copy of the root's
    start tag (it declares the namespaces). So nothing that is mended lies across a border, and a response that is
    broken beyond mending takes no other with it. Without entities, DTD or network: the bytes are a stranger's.

    :param longest: the most characters of a property's text that are kept.
    :param names: the properties that are kept, each by itself; all of them where none are given.
    """

    def __init__(self, longest: int = LONGEST_TEXT, names: Mapping[Property, Property] | None = None) -> None:
        self._longest = longest
        self._names = names
        #: The responses so far, and how many of them could not be read.
        self.seen = 0
        self.broken = 0
        self._buffer = bytearray()
        self._searched = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._tail = b""
        #: Of a start tag that is too large to be read again for each response: what it declares, by prefix.
        self._spaces: Mapping[bytes, bytes] | None = None
        self._over = False

    def feed(self, piece: bytes) -> Iterator[Row]:
        """The rows that are complete with this piece.

        :raises Malformed: this is no multistatus, or has more responses than anybody's folder.
        """
        self._buffer += _recoded(piece, self._decoder) if self._decoder else piece
        if not self._head and not self._find_head():
            return
        while not self._over:
            end = _RESPONSE_END.search(self._buffer, self._searched)
            if end is None:
                self._searched = max(0, len(self._buffer) - _LONGEST_TAG)
                self._drop_what_is_too_large()
                return
            text = bytes(self._buffer[: end.end()])
            del self._buffer[: end.end()]
            self._searched = 0
            yield from self._responses(text)

    def close(self) -> None:
        """Check the end; a text that breaks off after a response is a broken one more.

        :raises Malformed: there was nothing of a multistatus but its beginning.
        """
        if not self._head:
            raise Malformed("not a multistatus")
        if not self._over and self._tail.rstrip(b">") not in self._buffer:
            if not self.seen:
                raise Malformed("truncated multistatus")
            self.broken += 1
            self.seen += 1

    def _find_head(self) -> bool:
        if self._buffer.startswith((b"\xff\xfe", b"\xfe\xff")):
            self._decode_from("utf-16")
        head = _HEAD.match(self._buffer, 0, _LARGEST_HEAD)
        if head is None:
            if len(self._buffer) > _LARGEST_HEAD:
                raise Malformed("not a multistatus")
            return False
        declared = bytes(head["encoding"] or b"utf-8").decode().lower()
        if self._decoder is None and declared not in {"utf-8", "utf8"}:
            self._decode_from(declared)
        # A start tag that came apart in decoding is found again in the new text.
        head = _HEAD.match(self._buffer, 0, _LARGEST_HEAD) or head
        self._tail = b"</" + bytes(head["name"]) + b">"
        self._head = _checked_head(bytes(head["root"]), self._tail)
        self._spaces = _declarations(self._head) if len(self._head) > _SMALL_HEAD else None
        self._over = head["end"] == b"/>"
        self._buffer = self._buffer[head.end() :]
        return True

    def _decode_from(self, encoding: str) -> None:
        if not ENCODING.fullmatch(encoding):
            raise Malformed(f"multistatus in unknown encoding {encoding!r}")
        try:
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        except LookupError:
            raise Malformed(f"multistatus in unknown encoding {encoding!r}") from None
        self._buffer = bytearray(_recoded(bytes(self._buffer), self._decoder))

    def _drop_what_is_too_large(self) -> None:
        """Of a response that grows beyond all measure only the end is waited for."""
        if len(self._buffer) > LARGEST_RESPONSE:
            del self._buffer[:-_LONGEST_TAG]
            self._searched = 0

    def _responses(self, text: bytes) -> Iterator[Row]:
        if self._tail.rstrip(b">") in text:
            self._over = True
            return
        self.seen += 1
        if self.seen > MOST_ROWS:
            raise Malformed(f"more than {MOST_ROWS} responses")
        starts = [match.start() for match in _RESPONSE.finditer(text)]
        # From its own start tag on, where what precedes it is broken.
        for start in dict.fromkeys((0, *starts[-1:])):
            response = clean(text[start:])
            root = _parse(self._head_for(response) + response + self._tail)
            if root is not None:
                rows = (_row(one, self._longest, self._names) for one in root.findall(f"{_DAV}response"))
                yield from filter(None, rows)
                return
        self.broken += 1

    def _head_for(self, response: bytes) -> bytes:
        """The start tag with what the response needs of it."""
        if self._spaces is None:
            return self._head
        own = self._tail[2:-1]
        prefixes = dict.fromkeys((b"", own.rpartition(b":")[0], *_PREFIX.findall(response)))
        return b"<" + own + b"".join(self._spaces.get(prefix, b"") for prefix in prefixes) + b">"


def _recoded(piece: bytes, decoder: codecs.IncrementalDecoder) -> bytes:
    """Return the text in UTF-8.

    :raises Malformed: it is not in the encoding that it declares, such as UTF-16 without a byte order mark.
    """
    try:
        return decoder.decode(piece).encode()
    except UnicodeError:
        raise Malformed("multistatus in another encoding than it declares") from None


def _declarations(head: bytes) -> Mapping[bytes, bytes]:
    """The namespaces that a start tag declares, as attributes; those of unlikely length are left out."""
    parser: ElementTree.XMLPullParser[Element] = ElementTree.XMLPullParser(["start-ns"])
    parser.feed(head)
    declared: Iterator[tuple[str, str]] = (space for _, space in parser.read_events())  # type: ignore[misc]  # no stub
    return {
        prefix.encode(): f" xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}".encode()
        for prefix, uri in declared
        if len(uri) <= _LONGEST_NAMESPACE
    }


# A server says the same start tag over and over.
@lru_cache(maxsize=64)
def _checked_head(start_tag: bytes, tail: bytes) -> bytes:
    """The root's start tag, mended.

    :param start_tag: without its end.
    :raises Malformed: it is not that of a multistatus.
    """
    head = clean(start_tag) + b">"
    root = _parse(head + tail)
    if root is None or root.tag != f"{_DAV}multistatus":
        raise Malformed("root element is not DAV:multistatus")
    return head


def _parse(text: bytes) -> Element | None:
    """What a text is; None where it is no XML.

    Not by libxml2, which keeps each name that it meets for as long as the thread lives: names are a server's, without
    end. Expat takes no more than a DTD could make of it, and there is none: within an element it is no XML.
    """
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - see above
    except ElementTree.ParseError:
        return None


def _row(response: Element, longest: int, names: Mapping[Property, Property] | None) -> Row | None:
    """The row of a response; None where it says of what by no href."""
    href = response.findtext(f"{_DAV}href", "").strip()[:_LONGEST_HREF]
    if not href:
        return None
    properties: dict[Property, str] = {}
    refused: dict[Property, int] = {}
    for status, element in islice(_elements(response), _MOST_PROPERTIES):
        if len(element.tag) > _LONGEST_NAME:
            continue
        own = _name(element.tag)
        key = own if names is None else names.get(own)
        if key is None:
            continue
        if _is_success(status):
            text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
            properties[key] = shortened(text, longest)
        else:
            refused[key] = status
    return Row(href, properties, _status_of(response), refused)


def _elements(response: Element) -> Iterator[tuple[int, Element]]:
    """Each property of a response, with the status of its propstat."""
    for propstat in response.findall(f"{_DAV}propstat"):
        status = _status_of(propstat)
        for prop in propstat.findall(f"{_DAV}prop"):
            for element in prop:
                yield status, element


def _status_of(part: Element) -> int:
    """The status that a part of an answer has of its own; "Brief: t" may leave out a good one."""
    return _code(part.findtext(f"{_DAV}status", "HTTP/1.1 200 OK")[:_LONGEST_NAME])


_MAPI = "http://schemas.microsoft.com/mapi/"
_MAPI_ID, _PROPTAG = _MAPI + "id/", _MAPI + "proptag/"
#: What no XML name can hold, as XmlConvert of .NET writes it.
_ENCODED = re.compile("_x([0-9A-Fa-f]{4})_")
#: A number of mapi/id: hexadecimal with any zeros before it, or decimal (DavMail asks for 32900 and writes 0x8084).
_NUMBER = re.compile("_?0?x0*([0-9a-f]{1,8})|([0-9]{1,10})", re.IGNORECASE)


def canonical(name: Property) -> Property:
    """The one spelling of a property, for all that the wire has: ours and MS-OXPROPS', ``{GUID}/0x8257``.

    The name ``0x8257``, which no XML name can be, comes as it was asked for (captures), without its zero
    (evolution-exchange, e2k-result.c), as ``_x0030_x8257`` (DavMail), as ``0x00008257`` or in decimal; a property tag
    comes with ``0x`` or ``x``, and that of a string as one of 8-bit letters (001e) or of Unicode (001f). Case counts in
    none of them, nor in a GUID.
    """
    namespace, local = name
    folded = namespace.casefold()
    if folded.startswith(_MAPI_ID) and (number := _NUMBER.fullmatch(local)):
        value = int(number[1], 16) if number[1] else int(number[2])
        return _MAPI_ID + namespace[len(_MAPI_ID) :].upper(), f"0x{value:x}"
    if folded == _PROPTAG:
        tag = local.casefold().removeprefix("0")
        return _PROPTAG, tag[:-4] + "001f" if tag.endswith("001e") else tag
    return name


# Few names come over and over, and few wordings of a status.
@lru_cache(maxsize=1024)
def _name(tag: str) -> Property:
    """The name as we spell it, undoing what :func:`clean` does to namespaces and names."""
    namespace, _, local = tag.rpartition("}")
    namespace = namespace[1:].replace("%7B", "{").replace("%7D", "}")
    return canonical((namespace, _ENCODED.sub(lambda code: chr(int(code[1], 16)), local)))


@lru_cache(maxsize=64)
def _code(status: str) -> int:
    """The code of a status line, whose wording varies; 0 where there is none."""
    match = re.match(r"\s*\S+\s+([1-5][0-9]{2})(?!\S)", status)
    return int(match[1]) if match else 0


def _is_success(status: int) -> bool:
    return status // 100 == 2  # noqa: PLR2004 - 2xx
