"""Bytes <-> values: search and property bodies, multistatus answers, row ranges, hrefs. Pure; sends nothing.

Answers are read by namespace and per response, never by prefix or position: Exchange allots prefixes by first use and
repeats elements at will. Element order, wording of a status and attribute types are not relied on.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

from rsvpq.exchange.errors import Malformed

DAV = "DAV:"
HTTPMAIL = "urn:schemas:httpmail:"
CALENDAR = "urn:schemas:calendar:"
EXCHANGE = "http://schemas.microsoft.com/exchange/"
REPL = "http://schemas.microsoft.com/repl/"
PROPTAG = "http://schemas.microsoft.com/mapi/proptag/"

#: A property is (namespace, local name); in SQL the two are written together between double quotes.
Property = tuple[str, str]

CONTENT_CLASS: Property = (DAV, "contentclass")
MESSAGE_CLASS: Property = (EXCHANGE, "outlookmessageclass")
PERMANENT_URL: Property = (EXCHANGE, "permanenturl")
REPL_UID: Property = (REPL, "repl-uid")
SUBJECT: Property = (HTTPMAIL, "subject")
RECEIVED: Property = (HTTPMAIL, "datereceived")
READ: Property = (HTTPMAIL, "read")
UID: Property = (CALENDAR, "uid")
ORGANIZER: Property = (CALENDAR, "organizer")
RESPONSE_REQUESTED: Property = (CALENDAR, "responserequested")
#: PR_MESSAGE_PROCESSED: set by whoever has dealt with a meeting message (DavMail writes it too).
PROCESSED: Property = (PROPTAG, "x65e8000b")

MEETING_PROPERTIES = (
    CONTENT_CLASS,
    MESSAGE_CLASS,
    PERMANENT_URL,
    REPL_UID,
    SUBJECT,
    RECEIVED,
    UID,
    ORGANIZER,
    RESPONSE_REQUESTED,
    PROCESSED,
)
_MEETING_MESSAGES = (
    '"DAV:ishidden" = False AND "DAV:isfolder" = False AND "DAV:contentclass" = \'urn:content-classes:calendarmessage\''
)


@dataclass(frozen=True, slots=True)
class Row:
    """One response of a multistatus: its href as sent, and the text of each property that was found."""

    href: str
    properties: Mapping[Property, str]

    def text(self, name: Property) -> str:
        """The property's text without surrounding white space, or '' where it was not found."""
        return self.properties.get(name, "").strip()

    def flag(self, name: Property, default: bool = False) -> bool:
        """A boolean, which Exchange writes 1 and 0."""
        text = self.text(name).lower()
        return default if not text else text in {"1", "true"}


def meeting_search() -> bytes:
    """The body of the search for meeting messages in the folder it is sent to, oldest first.

    ``FROM ""`` is the request's own folder (evolution-exchange sends it), so no folder name has to survive being quoted
    inside SQL inside XML. The order is explicit because the default is newest first, and the text never varies because
    the store keeps an index for each distinct query.
    """
    columns = ", ".join(f'"{namespace}{name}"' for namespace, name in MEETING_PROPERTIES)
    order = "".join(RECEIVED)
    sql = f'SELECT {columns} FROM "" WHERE {_MEETING_MESSAGES} ORDER BY "{order}" ASC'  # noqa: S608 - constants only
    root = etree.Element(f"{{{DAV}}}searchrequest", nsmap={"D": DAV})
    etree.SubElement(root, f"{{{DAV}}}sql").text = sql
    return _serialise(root)


def propfind(names: Sequence[Property]) -> bytes:
    """The body of a PROPFIND for these properties."""
    root = etree.Element(f"{{{DAV}}}propfind", nsmap={"D": DAV})
    _add_properties(root, dict.fromkeys(names, ""))
    return _serialise(root)


def proppatch(values: Mapping[Property, str]) -> bytes:
    """The body of a PROPPATCH that sets these properties."""
    root = etree.Element(f"{{{DAV}}}propertyupdate", nsmap={"D": DAV})
    _add_properties(etree.SubElement(root, f"{{{DAV}}}set"), values)
    return _serialise(root)


def _add_properties(parent: etree._Element, values: Mapping[Property, str]) -> None:
    prop = etree.SubElement(parent, f"{{{DAV}}}prop")
    for (namespace, name), value in values.items():
        etree.SubElement(prop, f"{{{namespace}}}{name}").text = value or None


def _serialise(root: etree._Element) -> bytes:
    return b'<?xml version="1.0"?>' + etree.tostring(root, encoding="utf-8")


_DIGIT_NAME = re.compile(rb"(</?(?:[A-Za-z_][\w.-]*:)?)0x(?=[0-9A-Fa-f]+[\s/>])")
#: The namespaces of mapi/id and mapi/string hold a {GUID}, which libxml2 takes for an invalid URI.
_GUID_NAMESPACE = re.compile(rb"""(\sxmlns(?::[\w.-]+)?=["'][^"'{}<]*)\{([^"'{}<]*)\}""")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")  # C0, and U+FFFE and U+FFFF in UTF-8
#: The code points that XML 1.0 allows (its production 2).
_XML_CHARACTERS = (
    range(0x9, 0xB),
    range(0xD, 0xE),
    range(0x20, 0xD800),
    range(0xE000, 0xFFFE),
    range(0x10000, 0x110000),
)
_REFERENCE = re.compile(rb"&#(?:x0*([0-9A-Fa-f]{1,8})|0*([0-9]{1,10}));")
_ENCODING_DECLARED = re.compile(rb"\s*<\?xml[^>]*\bencoding\b")


def clean(body: bytes) -> bytes:
    """Mend what Exchange sends that is not XML: names such as ``0x8218``, control characters, references to them.

    Seen in captures: names of mapi/id properties start with a digit, and corrupt data comes as ``&#01;`` (both
    described in evolution-exchange's e2k-result.c and its bug notes). Bytes that are no UTF-8 are replaced too: one
    corrupt item must not make its whole page unreadable for ever.
    """
    if not _ENCODING_DECLARED.match(body):
        body = body.decode("utf-8", "replace").encode()
    body = _DIGIT_NAME.sub(rb"\1_0x", body)
    body = _GUID_NAMESPACE.sub(rb"\1%7B\2%7D", body)
    body = _CONTROL.sub(b"", body)
    return _REFERENCE.sub(_allowed_reference, body)


def _allowed_reference(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if any(code in span for span in _XML_CHARACTERS) else b""


def multistatus(body: bytes) -> list[Row]:
    """The rows of a 207 answer, in the server's order; properties only from propstats that say 200.

    A response without an href, or with a failed status of its own, is left out.

    :raises Malformed: the body is no multistatus.
    """
    # No entities, no DTD, no network: the bytes are a stranger's.
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(clean(body), parser)
    except etree.XMLSyntaxError as error:
        raise Malformed(f"not XML: {error}") from None
    if root.tag != f"{{{DAV}}}multistatus":
        raise Malformed(f"a {root.tag} where a multistatus was due")
    return [row for row in map(_row, root.iterchildren(f"{{{DAV}}}response")) if row is not None]


def _row(response: etree._Element) -> Row | None:
    href = response.findtext(f"{{{DAV}}}href", "").strip()
    status = response.findtext(f"{{{DAV}}}status")
    if not href or (status is not None and not _is_success(status)):
        return None
    properties: dict[Property, str] = {}
    for propstat in response.iterchildren(f"{{{DAV}}}propstat"):
        # Under "Brief: t" the status of a good propstat may be left out.
        if _is_success(propstat.findtext(f"{{{DAV}}}status", "HTTP/1.1 200 OK")):
            for element in propstat.iterfind(f"{{{DAV}}}prop/*"):
                name = etree.QName(element)
                properties[(name.namespace or "", name.localname)] = "".join(map(str, element.itertext()))
    return Row(href, properties)


def _is_success(status: str) -> bool:
    """Whether a status line says 2xx; by its code alone, since the wording varies."""
    parts = status.split()
    return len(parts) > 1 and len(parts[1]) == 3 and parts[1].startswith("2")  # noqa: PLR2004 - an HTTP code has 3 digits


_TOTAL = re.compile(r"total\s*=\s*(\d+)", re.IGNORECASE)


def total_rows(content_range: str) -> int | None:
    """The total of ``Content-Range: rows 0-99; total=250``; None where it is absent or ``*`` (MSDN ee159574)."""
    match = _TOTAL.search(content_range)
    return int(match[1]) if match else None


def path_below(href: str, root: str) -> str:
    """The path of an href, checked to lie below the root path; scheme and host are dropped, whatever they say.

    Behind a front end hrefs come with a wrong scheme or an internal host, and a hostile one could name any host: so the
    configured origin is the only one that is ever asked. Case does not count, for Exchange ignores it too.

    :raises Malformed: the href leads elsewhere.
    """
    try:
        # An unescaped "#" is part of a name (##DavMailSubmissionURI##): no href of a store leads to a fragment.
        path = urlsplit(href.replace("#", "%23")).path
    except ValueError:
        raise Malformed(f"the server named {href!r}, which is no URL") from None
    plain = unquote(path).casefold()
    # IIS takes a backslash for a slash.
    if not plain.startswith(unquote(root).casefold()) or {".", ".."} & set(plain.replace("\\", "/").split("/")):
        raise Malformed(f"the server named {href!r}, which is not below {root!r}")
    return path
