"""Parse multistatus bodies into rows, as they arrive.

Names are read by namespace, never by prefix or position: Exchange assigns prefixes by first use and may repeat
elements. The order of elements, the wording of a status and attribute types do not matter either. Known violations of
XML are repaired (:func:`clean`); anything else that is broken costs its own row only.

In this module, a *response* is the ``DAV:response`` element of a multistatus.
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

#: The most bytes of one response; with the properties that are requested it has about 2 kB.
LARGEST_RESPONSE = 1024 * 1024
#: The most characters of one property's text that are kept by default; longer texts are cut.
LONGEST_TEXT = 256 * 1024
#: The most rows of one multistatus, readable or not.
MOST_ROWS = 100_000
#: The most properties of one response, and the most characters of a name. No request needs more, and unrequested data
#: would take twenty times its size in memory.
_MOST_PROPERTIES, _LONGEST_NAME = 200, 256
#: The most characters of an href that are kept: one more than a request line may have, so that a cut href is rejected.
_LONGEST_HREF = 16 * 1024 + 1

_DAV = "{DAV:}"
_OK, _SUCCESS = 200, range(200, 300)


@dataclass(frozen=True, slots=True)
class Row:
    """One response of a multistatus: its href as sent, and the text of each property that was found."""

    href: str
    properties: Mapping[Property, str]
    #: The status of the whole response; 200 if it has no own status.
    status: int = _OK
    #: The properties in propstats without a 2xx status, with that status; 0 if it cannot be read.
    refused: Mapping[Property, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the response as a whole succeeded."""
        return self.status in _SUCCESS

    def text(self, name: Property) -> str:
        """Return the property's text without surrounding white space; '' if it was not found."""
        return self.properties.get(name, "").strip()

    def flag(self, name: Property, default: bool = False) -> bool:
        """Return a boolean, which Exchange writes as 1 or 0."""
        text = self.text(name).lower()
        return default if not text else text in {"1", "true"}


#: A name that starts with a digit, as those of mapi/id do.
_DIGIT_NAME = re.compile(rb"(</?(?:[A-Za-z_][\w.-]*:)?)([0-9])(?=[\w.-]*[\s/>])")
#: The namespaces of mapi/id and mapi/string contain a {GUID}, which is invalid in a URI.
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
#: An ampersand that does not start a reference of XML itself; entities of a DTD do not count, as there is no DTD.
_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,10}|#x[0-9A-Fa-f]{1,8});)")


def clean(body: bytes) -> bytes:
    """Repair invalid XML that Exchange sends: names such as ``0x8218``, control characters, references to them.

    Both occur in captures, and are described in evolution-exchange's e2k-result.c and its bug notes: names of mapi/id
    properties start with a digit, which is escaped here as XmlConvert does it, and corrupt data appears as ``&#01;``.
    Bytes that are not UTF-8 are replaced too.
    """
    # Most bodies need no repair, so fast searches for a few bytes decide whether a regular expression has to run.
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
#: The root's start tag and what may precede it. No two adjacent parts can match the same text, or they are possessive,
#: so a match takes linear time at most.
_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?><\?xml(?>[^>]*?\bencoding\s*=\s*[\"'](?P<encoding>[\w.-]++))?[^>]*>)?"
    rb"(?:\s|<!--(?:(?!-->).)*-->|<!DOCTYPE[^\[>]*(?:\[[^\]]*\]\s*)?>)*"
    rb"(?P<root><(?P<name>(?:[A-Za-z_][\w.-]*:)?multistatus)(?:\s(?:[^>\"'/]|/(?!>)|\"[^\"]*\"|'[^']*')*)?)(?P<end>/?>)",
    re.DOTALL,
)
#: A start tag up to this size is parsed again with every response; a dozen namespaces take half of it.
_SMALL_HEAD = 2048
_LONGEST_NAMESPACE = 256
#: Text that may be a prefix; for text that is not a prefix, no namespace is declared.
_PREFIX = re.compile(rb"[</\s]([A-Za-z_][\w.-]{0,63}+):")
_RESPONSE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?response[\s>]")
_RESPONSE_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?response\s*>")
#: The most bytes of an end tag that may be before the border of two pieces.
_LONGEST_TAG = 256
#: The encodings besides UTF-8 that a declaration may name. Others are refused, because some of Python's codecs
#: decompress, or take quadratic time.
ENCODING = re.compile(
    r"us-ascii|iso-8859-\d+|windows-125\d|utf-16(?:le|be)?|shift_jis|euc-(?:jp|kr)|gbk?(?:2312)?|big5"
    r"|gb18030|koi8-[ru]|iso-2022-(?:jp|kr)|windows-874"
)


class Reader:
    """Reads one multistatus from pieces of any size; its memory use depends on neither their size nor their number.

    The text is cut after each ``</a:response>``. Each response is repaired and parsed by itself, inside a copy of the
    root's start tag, which declares the namespaces. So no repair has to cross a border, and a response that cannot be
    repaired damages no other. Entities, DTDs and the network are not used, because the bytes are untrusted.

    :param longest: the most characters of a property's text that are kept.
    :param names: the properties that are kept, each mapped to the key in :attr:`Row.properties`; None for all.
    """

    def __init__(self, longest: int = LONGEST_TEXT, names: Mapping[Property, Property] | None = None) -> None:
        self._longest = longest
        self._names = names
        #: The number of responses so far, and of those that could not be read.
        self.seen = 0
        self.broken = 0
        self._buffer = bytearray()
        self._searched = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._tail = b""
        #: The declarations of a start tag that is too large to be parsed again for each response, by prefix; else None.
        self._spaces: Mapping[bytes, bytes] | None = None
        self._over = False

    def feed(self, piece: bytes) -> Iterator[Row]:
        """Yield the rows that are complete with this piece.

        :raises Malformed: this is not a multistatus, or it has too many responses.
        """
        self._buffer += _recoded(piece, self._decoder) if self._decoder else piece
        if not self._head and not self._find_head():
            return
        while not self._over:
            end = _RESPONSE_END.search(self._buffer, self._searched)
            if end is None:
                self._searched = max(0, len(self._buffer) - _LONGEST_TAG)
                if len(self._buffer) > LARGEST_RESPONSE:  # drop this response, and wait for its end
                    del self._buffer[:-_LONGEST_TAG]
                    self._searched = 0
                return
            text = bytes(self._buffer[: end.end()])
            del self._buffer[: end.end()]
            self._searched = 0
            yield from self._responses(text)

    def close(self) -> None:
        """Check the end; if the text is truncated after a response, count one more broken response.

        :raises Malformed: the text is not a multistatus, or is truncated before the first response.
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
        # Search again, because decoding may have changed the text.
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

    def _responses(self, text: bytes) -> Iterator[Row]:
        if self._tail.rstrip(b">") in text:
            self._over = True
            return
        self.seen += 1
        if self.seen > MOST_ROWS:
            raise Malformed(f"more than {MOST_ROWS} responses")
        starts = [match.start() for match in _RESPONSE.finditer(text)]
        # If the whole text is broken, try again from the response's own start tag, as the break may be before it.
        for start in dict.fromkeys((0, *starts[-1:])):
            response = clean(text[start:])
            root = _parse(self._head_for(response) + response + self._tail)
            if root is not None:
                rows = (_row(one, self._longest, self._names) for one in root.findall(f"{_DAV}response"))
                yield from filter(None, rows)
                return
        self.broken += 1

    def _head_for(self, response: bytes) -> bytes:
        """Return the root's start tag, with the declarations that the response needs."""
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
    """Return the namespaces that a start tag declares, as attributes by prefix; overlong ones are left out."""
    parser: ElementTree.XMLPullParser[Element] = ElementTree.XMLPullParser(["start-ns"])
    parser.feed(head)
    declared: Iterator[tuple[str, str]] = (space for _, space in parser.read_events())  # type: ignore[misc]  # no stub
    return {
        prefix.encode(): f" xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}".encode()
        for prefix, uri in declared
        if len(uri) <= _LONGEST_NAMESPACE
    }


# A server sends the same start tag again and again.
@lru_cache(maxsize=64)
def _checked_head(start_tag: bytes, tail: bytes) -> bytes:
    """Return the root's start tag, repaired.

    :param start_tag: without its end.
    :raises Malformed: it is not that of a multistatus.
    """
    head = clean(start_tag) + b">"
    root = _parse(head + tail)
    if root is None or root.tag != f"{_DAV}multistatus":
        raise Malformed("root element is not DAV:multistatus")
    return head


def _parse(text: bytes) -> Element | None:
    """Return the root element of a text; None if it is not valid XML.

    libxml2 is not used, because it keeps each name that it has seen as long as the thread lives, and a server may send
    new names without end. Expat is safe here: only a DTD could make it expand a text, and within an element a DTD is
    not valid XML.
    """
    try:
        return ElementTree.fromstring(text)  # noqa: S314 - see above
    except ElementTree.ParseError:
        return None


def _row(response: Element, longest: int, names: Mapping[Property, Property] | None) -> Row | None:
    """Return the row of a response; None if it has no href."""
    href = response.findtext(f"{_DAV}href", "").strip()[:_LONGEST_HREF]
    if not href:
        return None
    properties: dict[Property, str] = {}
    refused: dict[Property, int] = {}
    elements = (
        (status, element)
        for propstat in response.findall(f"{_DAV}propstat")
        for status in [_status_of(propstat)]
        for prop in propstat.findall(f"{_DAV}prop")
        for element in prop
    )
    for status, element in islice(elements, _MOST_PROPERTIES):
        if len(element.tag) > _LONGEST_NAME:
            continue
        own = _name(element.tag)
        key = own if names is None else names.get(own)
        if key is None:
            continue
        if status in _SUCCESS:
            text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
            properties[key] = shortened(text, longest)
        else:
            refused[key] = status
    return Row(href, properties, _status_of(response), refused)


def _status_of(part: Element) -> int:
    """Return the own status of a response or propstat; a success if it has none, because "Brief: t" may omit that."""
    return _code(part.findtext(f"{_DAV}status", "HTTP/1.1 200 OK")[:_LONGEST_NAME])


_MAPI = "http://schemas.microsoft.com/mapi/"
_MAPI_ID, _PROPTAG = _MAPI + "id/", _MAPI + "proptag/"
#: A character that is invalid in an XML name, as XmlConvert of .NET escapes it.
_ENCODED = re.compile("_x([0-9A-Fa-f]{4})_")
#: A number of mapi/id: hexadecimal with any zeros before it, or decimal (DavMail queries 32900 and writes 0x8084).
_NUMBER = re.compile("_?0?x0*([0-9a-f]{1,8})|([0-9]{1,10})", re.IGNORECASE)


def canonical(name: Property) -> Property:
    """Return our spelling of a property, ``{GUID}/0x8257`` as in MS-OXPROPS, for any spelling on the wire.

    The name ``0x8257``, which is not a valid XML name, comes as it was requested (captures), without its zero
    (evolution-exchange, e2k-result.c), as ``_x0030_x8257`` (DavMail), as ``0x00008257`` or in decimal. A property tag
    comes with ``0x`` or ``x``; the tag of a string has the type of 8-bit text (001e) or of Unicode (001f). Case does
    not matter in any of them, nor in a GUID.
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


# The same few names and status lines come again and again.
@lru_cache(maxsize=1024)
def _name(tag: str) -> Property:
    """Return the name in our spelling; this undoes the escapes of :func:`clean`."""
    namespace, _, local = tag.rpartition("}")
    namespace = namespace[1:].replace("%7B", "{").replace("%7D", "}")
    return canonical((namespace, _ENCODED.sub(lambda code: chr(int(code[1], 16)), local)))


@lru_cache(maxsize=64)
def _code(status: str) -> int:
    """Return the code of a status line, whose wording varies; 0 if there is none."""
    match = re.match(r"\s*\S+\s+([1-5][0-9]{2})(?!\S)", status)
    return int(match[1]) if match else 0
