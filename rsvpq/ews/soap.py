"""Parse SOAP responses: a Fault, or the response messages of an operation, one for each item that was asked for.

Names are read by namespace, never by prefix: prefixes vary from server to server. Everything is bounded, because the
bytes are untrusted: there is no DTD and no entity, and depth and number of elements have limits. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from rsvpq.ews.properties import MESSAGES, TYPES
from rsvpq.mail.errors import Malformed
from rsvpq.text import shortened

#: The most elements of a response, and how deep they may be nested. A page of a hundred rows has about 8,000 elements
#: in ten levels.
MOST_ELEMENTS, DEEPEST = 200_000, 60
#: The most response messages that are read; no request asks for more than ten items.
_MOST_MESSAGES = 100
_LONGEST_CODE, _LONGEST_REASON, _MOST_VALUES = 100, 300, 20

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_ERRORS = "{http://schemas.microsoft.com/exchange/services/2006/errors}"
#: The number of bytes that are parsed at once, so that too many elements are noticed before they take much memory.
_PIECE = 65536
#: What may precede the root: no DTD. No two adjacent parts can match the same text, so a match takes linear time.
_HEAD = re.compile(
    rb"\s*+(?P<declaration><\?xml(?P<about>[^?>]*+)\?>)?(?:\s++|<!--(?:(?!-->).)*+-->)*+<(?P<name>[A-Za-z_][\w.:-]*+)",
    re.DOTALL,
)
_BUILD = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
_NUMBER = re.compile(r"[0-9]{1,9}")
_ENCODING = re.compile(rb"""\bencoding\s*=\s*["']([^"']*+)["']""")
_UTF_8 = {b"utf-8", b"utf8", b"us-ascii"}
#: The longest comments and white space before the root.
_LARGEST_HEAD = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class BrokenXml(Malformed):
    """It begins as a SOAP envelope, but is not valid XML: a single item may be at fault.

    Some servers write control characters in subjects as character references, which XML 1.0 does not allow (DavMail's
    release notes).
    """


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as the server describes it.

    :param code: the ResponseCode; '' if there is none. :param values: the details in MessageXml.
    """

    code: str
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseMessage:
    """What an operation returned for one of the items that it was asked for."""

    element: Element = field(repr=False)
    #: None if it succeeded.
    failure: Failure | None = None

    def items(self) -> Iterator[Element]:
        """Yield the items in it, whatever they are."""
        for path in (f"{MESSAGES}Items", f"{MESSAGES}RootFolder/{TYPES}Items"):
            for holder in self.element.findall(path):
                yield from holder


@dataclass(frozen=True, slots=True)
class SoapResponse:
    """A whole SOAP response: a fault, or the messages; and the build of the server, '' if it is not shown."""

    messages: tuple[ResponseMessage, ...] = ()
    fault: Failure | None = None
    build: str = ""


def parse_response(body: bytes, operation: str) -> SoapResponse:
    """Parse a response to an operation, such as ``GetItem``.

    :raises Malformed: it is not a SOAP response, such as the page of a proxy, or is about another operation.
    :raises BrokenXml: it is one, but is not valid XML.
    """
    header, content = _parts(body)
    build = _build(header)
    fault = content if content.tag == f"{_SOAP}Fault" else None
    if fault is not None:
        return SoapResponse(fault=_fault(fault), build=build)
    if content.tag != f"{MESSAGES}{operation}Response":
        raise Malformed(f"the SOAP body has no response to {operation}")
    messages = content.find(f"{MESSAGES}ResponseMessages")
    if messages is None:
        raise Malformed(f"the response to {operation} has no messages")
    if len(messages) > _MOST_MESSAGES:
        raise Malformed(f"the response to {operation} has {len(messages)} messages")
    return SoapResponse(tuple(ResponseMessage(one, _failure(one)) for one in messages), build=build)


def _parts(body: bytes) -> tuple[Element | None, Element]:
    """Return the header of the envelope, and the first element in its body."""
    root = _parse(body)
    found = root.find(f"{_SOAP}Body")
    if root.tag != f"{_SOAP}Envelope" or found is None or not len(found):
        raise Malformed("not a SOAP response")
    return root.find(f"{_SOAP}Header"), found[0]


def _build(header: Element | None) -> str:
    """Return the build of the server, such as 15.1.2507.6; '' if it is not shown."""
    shown = None if header is None else header.find(f"{TYPES}ServerVersionInfo")
    numbers = [] if shown is None else [shown.get(name, "") for name in _BUILD]
    return ".".join(numbers) if all(map(_NUMBER.fullmatch, numbers)) else ""


def _parse(body: bytes) -> Element:
    """Return the root element.

    libxml2 is not used, because it keeps each name that it has seen as long as the thread lives, and a server may send
    new names without end. Expat is safe here: only a DTD could make it expand a text, and a DTD is refused.
    """
    text = body.removeprefix(_BYTE_ORDER_MARK)
    head = _HEAD.match(text, 0, _LARGEST_HEAD)
    if head is None or head["name"].rpartition(b":")[2] != b"Envelope":
        raise Malformed("not a SOAP response")
    declared = _ENCODING.search(head["about"] or b"")
    if declared and declared[1].lower() not in _UTF_8:
        raise Malformed("a SOAP response in another encoding than UTF-8")
    parser: ElementTree.XMLPullParser[Element] = ElementTree.XMLPullParser(["start", "end"])
    root, depth, elements = None, 0, 0
    try:
        for first in range(head.end("declaration") if head["declaration"] else 0, len(text), _PIECE):
            parser.feed(text[first : first + _PIECE])
            events: Iterator[tuple[str, Element]] = parser.read_events()  # type: ignore[assignment]  # no stub
            for event, element in events:
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                elements += event == "start"
                if depth > DEEPEST or elements > MOST_ELEMENTS:
                    raise Malformed("a SOAP response with too many elements")
        parser.close()
    except ElementTree.ParseError as error:
        raise BrokenXml(f"a SOAP response that is not valid XML ({shortened(str(error), 100)})") from None
    if not isinstance(root, Element):
        raise Malformed("not a SOAP response")
    return root


def _failure(message: Element) -> Failure | None:
    """Return the failure in a response message; None if it is a success.

    The code counts: a warning may mean that something was not done, and a message without a code says nothing.
    """
    code = _text(message, f"{MESSAGES}ResponseCode", _LONGEST_CODE)
    if message.get("ResponseClass") == "Success" and code == "NoError":
        return None
    text = _text(message, f"{MESSAGES}MessageText", _LONGEST_REASON)
    return Failure("" if code == "NoError" else code, text, _values(message.find(f"{MESSAGES}MessageXml")))


def _fault(fault: Element) -> Failure:
    """Return what a Fault says; the code in ``faultcode`` may be all that there is."""
    detail = fault.find("detail")
    text = _text(fault, "faultstring", _LONGEST_REASON)
    code = "" if detail is None else _text(detail, f"{_ERRORS}ResponseCode", _LONGEST_CODE)
    if not code:
        code = _text(fault, "faultcode", _LONGEST_CODE).rpartition(":")[2]
    values = None if detail is None else detail.find(f"{TYPES}MessageXml")
    return Failure(code, text, _values(values))


def _values(holder: Element | None) -> dict[str, str]:
    found = () if holder is None else islice(holder.iter(f"{TYPES}Value"), _MOST_VALUES)
    return {
        shortened(one.get("Name", ""), _LONGEST_CODE): shortened((one.text or "").strip(), _LONGEST_REASON)
        for one in found
    }


def _text(parent: Element, name: str, most: int) -> str:
    return shortened((parent.findtext(name) or "").strip(), most)
