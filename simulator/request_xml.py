"""The XML that clients send: property names, property changes, SQL.

Parsed without entities, network or DTD.  Tolerant where Exchange is: several `<prop>` blocks and stray text are read,
and names such as `{guid}` in a namespace, which are not URIs, pass.
"""

from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from simulator.http import HttpError
from simulator.namespaces import DAV, MULTI_VALUES, TYPES, canonical, split_name
from simulator.values import Value, parse_value, type_of_tag

_MULTI_VALUE = f"{{{MULTI_VALUES}}}v"
_WIRE_TYPE = f"{{{TYPES}}}dt"
_NOT_A_URI = "WAR_NS_URI"


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property to set, or with None to remove."""

    name: str
    value: Value | None


def _root(body: bytes, local_name: str) -> etree._Element:
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise HttpError(400) from None
    # Recovering is for one thing: mapi/id namespaces hold braces, which are no URI to libxml2 but are to Exchange.
    broken = any(entry.type_name != _NOT_A_URI for entry in parser.error_log)
    if broken or root is None or root.tag != f"{{{DAV}}}{local_name}":
        raise HttpError(400)
    if root.getroottree().docinfo.internalDTD is not None:
        raise HttpError(400)
    return root


def _elements(parent: etree._Element) -> list[etree._Element]:
    return [child for child in parent if isinstance(child.tag, str)]


def _name(element: etree._Element) -> str:
    namespace, _, local_name = str(element.tag).rpartition("}")
    return namespace.removeprefix("{") + local_name


@lru_cache(maxsize=256)
def requested_names(body: bytes) -> tuple[str, ...]:
    """The property names of a PROPFIND in order; none when it asks for all."""
    if not body.strip():
        return ()
    root = _root(body, "propfind")
    return tuple(_name(element) for block in root.iterchildren(f"{{{DAV}}}prop") for element in _elements(block))


@lru_cache(maxsize=4096)
def search_sql(body: bytes) -> str:
    """The SQL text of a SEARCH."""
    sql = _root(body, "searchrequest").findtext(f"{{{DAV}}}sql")
    if sql is None:
        raise HttpError(400)
    return sql


def property_changes(body: bytes) -> list[PropertyChange]:
    """What a PROPPATCH asks for, in document order."""
    changes = []
    for action in _elements(_root(body, "propertyupdate")):
        if action.tag not in (f"{{{DAV}}}set", f"{{{DAV}}}remove"):
            raise HttpError(400)
        removes = action.tag == f"{{{DAV}}}remove"
        for block in action.iterchildren(f"{{{DAV}}}prop"):
            changes += [PropertyChange(_name(e), None if removes else _value(e)) for e in _elements(block)]
    return changes


def _value(element: etree._Element) -> Value:
    parts = element.findall(_MULTI_VALUE)
    if parts:
        return tuple(part.text or "" for part in parts)
    # DavMail types none of its values; a property tag then says the type in its name.
    wire_type = element.get(_WIRE_TYPE) or type_of_tag(split_name(canonical(_name(element)))[1])
    return parse_value(element.text or "", wire_type)
