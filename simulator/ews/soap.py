"""SOAP 1.1 as Exchange Web Services speak it: envelopes in and out, and the two ways to say that something failed.

A call that fails as a whole is a Fault with status 500; an item that fails is a message of its own in a 200
(Microsoft Learn, "Handling errors in EWS").
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from simulator.serving.http import HttpError, Response

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
S, M, T = f"{{{SOAP}}}", f"{{{MESSAGES}}}", f"{{{TYPES}}}"
Element = etree._Element
Content = Element | str | None

_USUAL = {"s": SOAP, "m": MESSAGES, "t": TYPES}
#: The letters of one namespace are another's.
_SHUFFLED = {"t": SOAP, "x": MESSAGES, "m": TYPES}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Stands in text for a control character, which is written as a reference that no XML parser takes.
BAD_CHARACTER = "\ue001"
_CONTENT_TYPE = "text/xml; charset=utf-8"


class SoapFault(Exception):
    """The whole call is answered with a Fault and status 500."""

    def __init__(self, code: str, text: str = "", values: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or f"The request failed: {code}."
        self.values = values or {}


class RefusedError(Exception):
    """One item, folder or name is answered with an error."""

    def __init__(self, code: str, text: str = "", values: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = text or f"The operation failed: {code}."
        self.values = values or {}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a client sent."""

    #: The first element of the Body, which is the operation whatever SOAPAction says.
    operation: Element
    #: RequestServerVersion.
    version: str | None = None
    #: Who is to be impersonated: the element that names him, and the name.
    impersonated: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The name of the operation."""
        return local_name(self.operation)


@dataclass(frozen=True, slots=True)
class Told:
    """One response message: a success with its content, a warning, or an error."""

    content: Sequence[Content] = ()
    code: str = "NoError"
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    response_class: str = "Success"


def read_envelope(body: bytes) -> Envelope:
    """Read a request.

    :raises HttpError: it is no SOAP.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise HttpError(400) from None
    operation = root.find(f"{S}Body/*")
    if root.tag != f"{S}Envelope" or operation is None or root.getroottree().docinfo.internalDTD is not None:
        raise HttpError(400)
    version = root.find(f"{S}Header/{T}RequestServerVersion")
    sid = root.find(f"{S}Header/{T}ExchangeImpersonation/{T}ConnectingSID/*")
    return Envelope(
        operation,
        None if version is None else version.get("Version"),
        None if sid is None else (local_name(sid), (sid.text or "").strip()),
    )


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return etree.QName(element).localname


def m(name: str, *content: Content | Iterable[Content], **attributes: str) -> Element:
    """An element of the namespace of messages."""
    return _element(M + name, content, attributes)


def t(name: str, *content: Content | Iterable[Content], **attributes: str) -> Element:
    """An element of the namespace of types."""
    return _element(T + name, content, attributes)


def _element(tag: str, content: Iterable[Content | Iterable[Content]], attributes: Mapping[str, str]) -> Element:
    element = etree.Element(tag, dict(attributes))
    for part in content:
        if isinstance(part, str):
            element.text = _NOT_XML.sub("", part)
        elif isinstance(part, Element):
            element.append(part)
        elif part is not None:
            element.extend([child for child in part if isinstance(child, Element)])
    return element


def check_order(element: Element, names: Sequence[str]) -> None:
    """Refuse children that the schema does not have in this order; several of the same name may follow each other."""
    at = 0
    for child in element:
        name = local_name(child)
        if name not in names[at:]:
            raise SoapFault(
                "ErrorSchemaValidation",
                f"The request failed schema validation: The element '{local_name(element)}' has invalid child "
                f"element '{name}'.",
            )
        at = names.index(name, at)


def response_message(name: str, told: Told) -> Element:
    """One `m:...ResponseMessage`."""
    failed = told.response_class != "Success"
    return m(
        name + "ResponseMessage",
        m("MessageText", told.text) if failed else None,
        m("ResponseCode", told.code),
        m("DescriptiveLinkKey", "0") if failed else None,
        m("MessageXml", _named_values(told.values)) if told.values else None,
        told.content,
        ResponseClass=told.response_class,
    )


def refused(error: RefusedError, *content: Content) -> Told:
    """The response message of an error."""
    return Told(content, error.code, error.text, error.values, "Error")


def answer(content: Element, version: Element, prefixes: str) -> Response:
    """The response to a call that was understood."""
    return _response(200, _enveloped(content, version, prefixes))


def fault(error: SoapFault, version: Element, prefixes: str) -> Response:
    """The response to a call that failed as a whole."""
    detail = etree.Element("detail")
    for name, text in (("ResponseCode", error.code), ("Message", error.text)):
        etree.SubElement(detail, f"{{{ERRORS}}}{name}", nsmap={"e": ERRORS}).text = text
    if error.values:
        detail.append(t("MessageXml", _named_values(error.values)))
    content = etree.Element(S + "Fault")
    code = etree.SubElement(content, "faultcode", nsmap={"a": TYPES})
    code.text = "a:" + error.code
    reason = etree.SubElement(content, "faultstring")
    reason.text = error.text
    reason.set("{http://www.w3.org/XML/1998/namespace}lang", "en-US")
    content.append(detail)
    return _response(500, _enveloped(content, version, prefixes, kept=["a"]))


def _named_values(values: Mapping[str, str]) -> list[Element]:
    return [t("Value", value, Name=name) for name, value in values.items()]


def _enveloped(content: Element, version: Element, prefixes: str, kept: Sequence[str] = ()) -> bytes:
    namespaces = _SHUFFLED if prefixes == "shuffled" else _USUAL
    envelope = etree.Element(S + "Envelope", nsmap={**namespaces})
    etree.SubElement(envelope, S + "Header").append(version)
    etree.SubElement(envelope, S + "Body").append(content)
    etree.cleanup_namespaces(envelope, top_nsmap={**namespaces}, keep_ns_prefixes=list(kept))
    octets: bytes = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return octets.replace(BAD_CHARACTER.encode(), b"&#x1;")


def _response(status: int, body: bytes) -> Response:
    return Response(status, body, _CONTENT_TYPE, chunked=True, seen_by_exchange=False)
