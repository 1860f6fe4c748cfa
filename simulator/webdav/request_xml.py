"""The XML that clients send: property names, property changes, SQL.

Parsed without entities, network or DTD.  Tolerant where Exchange is: several `<prop>` blocks and stray text are read,
and names such as `{guid}` in a namespace, which are not URIs, pass.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from simulator.serving.http import HttpError
from simulator.webdav.properties.names import DAV, MULTI_VALUES, TYPES, canonical, split_name
from simulator.webdav.values import parse_value, type_of_tag
from simulator.world.property_names import CALENDAR, HTTPMAIL
from simulator.world.values import Value

_MULTI_VALUE = f"{{{MULTI_VALUES}}}v"
_WIRE_TYPE = f"{{{TYPES}}}dt"
_TARGET = f"{{{DAV}}}target"
#: The older spelling of the same attribute; DavMail writes it.
_DATATYPE = "{urn:schemas-microsoft-com:datatypes}dt"
#: No XML name begins with a digit, and yet DavMail writes `<f:0x8102>` and Exchange takes it.
_DIGIT_NAME = re.compile(rb"(</?[A-Za-z_][\w.-]*:)([0-9])")
_NOT_A_URI = "WAR_NS_URI"

#: Types of properties that clients write without saying them, and that queries compare as what they are.
_TYPES = {
    CALENDAR + "dtstart": "dateTime.tz",
    CALENDAR + "dtend": "dateTime.tz",
    CALENDAR + "instancetype": "int",
    CALENDAR + "sequence": "int",
    CALENDAR + "alldayevent": "boolean",
    HTTPMAIL + "date": "dateTime.tz",
}


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property to set, or with None to remove."""

    name: str
    value: Value | None


def _root(body: bytes, local_name: str) -> etree._Element:
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(_DIGIT_NAME.sub(rb"\1_x003\2_", body), parser)
    except etree.XMLSyntaxError:
        raise HttpError(400) from None
    # Recovering is for one thing: mapi/id namespaces hold braces: not a URI to libxml2, but one to Exchange.
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
    """Return the property names of a PROPFIND in order; none when it asks for all."""
    if not body.strip():
        return ()
    root = _root(body, "propfind")
    return tuple(_name(element) for block in root.iterchildren(f"{{{DAV}}}prop") for element in _elements(block))


@lru_cache(maxsize=4096)
def search_sql(body: bytes) -> str:
    """Return the SQL text of a SEARCH."""
    sql = _root(body, "searchrequest").findtext(f"{{{DAV}}}sql")
    if sql is None:
        raise HttpError(400)
    return sql


@dataclass(frozen=True, slots=True)
class LockWish:
    """The content of a LOCK: its kind and owner."""

    shared: bool
    owner: str


def lock_wish(body: bytes) -> LockWish:
    """Return the content of a LOCK; only write locks exist."""
    root = _root(body, "lockinfo")
    scopes = [element.tag for scope in root.iterchildren(f"{{{DAV}}}lockscope") for element in _elements(scope)]
    if scopes not in ([f"{{{DAV}}}shared"], [f"{{{DAV}}}exclusive"]):
        raise HttpError(400)
    owner = root.find(f"{{{DAV}}}owner")
    text = "" if owner is None else "".join(map(str, owner.itertext())).strip()
    return LockWish(scopes[0].endswith("shared"), text)


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a batch verb, with the destination that is its own."""

    href: str
    destination: str | None = None


def batch_targets(body: bytes, root_name: str) -> list[Target]:
    """Return the targets of a batch verb in order; `<dest>` belongs to the `<href>` before it."""
    targets: list[Target] = []
    for block in _root(body, root_name).iterchildren(_TARGET):
        for element in _elements(block):
            text = (element.text or "").strip()
            if element.tag == f"{{{DAV}}}href":
                targets.append(Target(text))
            elif element.tag == f"{{{DAV}}}dest" and targets:
                targets[-1] = Target(targets[-1].href, text)
    return targets


def property_changes(body: bytes) -> list[PropertyChange]:
    """Return the changes of a PROPPATCH, in document order."""
    changes = []
    for action in _elements(_root(body, "propertyupdate")):
        if action.tag == _TARGET:
            continue
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
    name = canonical(_name(element))
    said = element.get(_WIRE_TYPE) or element.get(_DATATYPE)
    wire_type = said or _TYPES.get(name) or type_of_tag(split_name(name)[1])
    return parse_value(element.text or "", wire_type)
