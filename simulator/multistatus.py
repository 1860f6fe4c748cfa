"""The 207 answer as Exchange writes it: one line, status before prop, `404 Resource Not Found` for what is missing.

Prefixes are letters in order of first use by the asked-for properties, and the declarations come in the order of a hash
table with `a` last; both were seen in captures, and a client must rely on neither.  Names go out as they were asked,
even those that make invalid XML (`<g:0x8506/>`).
"""

from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from simulator.http import Response
from simulator.namespaces import DAV, MULTI_VALUES, TYPES, split_name
from simulator.properties import Reader, Resource, reader
from simulator.sql import Column
from simulator.values import Value, render

_OK = "<a:propstat><a:status>HTTP/1.1 200 OK</a:status><a:prop>"
_MISSING = "<a:propstat><a:status>HTTP/1.1 404 Resource Not Found</a:status><a:prop>"
_CLOSE = "</a:prop></a:propstat>"

#: In answers with values `b` and `c` are taken; in those of PROPPATCH and SUBSCRIBE they are ordinary letters.
_FOR_VALUES = {DAV: "a", TYPES: "b", MULTI_VALUES: "c"}
_FOR_NAMES = {DAV: "a"}


def _letters(number: int) -> str:
    text = ""
    while number >= 0:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
    return text


class _Prefixes:
    """The namespaces of one answer."""

    def __init__(self, taken: dict[str, str]) -> None:
        self._by_namespace = dict(taken)

    def element(self, name: str) -> str:
        """The prefixed element name of a property."""
        namespace, local = split_name(name)
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = _letters(len(self._by_namespace))
        return f"{self._by_namespace[namespace]}:{local}"

    def declarations(self) -> str:
        """The xmlns attributes in an order that is neither that of the letters nor that of the names."""
        order = sorted(self._by_namespace, key=lambda namespace: (namespace == DAV, crc32(namespace.encode())))
        return "".join(f' xmlns:{self._by_namespace[namespace]}="{_attribute(namespace)}"' for namespace in order)


class ValueRows:
    """Renders resources with the values of chosen columns, as SEARCH and PROPFIND do."""

    def __init__(self, columns: Sequence[Column], origin: str, *, brief: bool) -> None:
        self._prefixes = _Prefixes(_FOR_VALUES)
        self._origin = origin
        self._href_origin = _text(origin)
        self._brief = brief
        self._columns: list[tuple[str, Reader]] = [
            (column.alias or self._prefixes.element(column.name), reader(column.name)) for column in columns
        ]

    def answer(self, resources: Iterable[Resource], headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """The whole 207."""
        return _multistatus(self._prefixes, (self._row(resource) for resource in resources), headers)

    def _row(self, resource: Resource) -> str:
        found, missing = [], []
        for element, read in self._columns:
            value = read(resource, self._origin)
            if value is None:
                missing.append(f"<{element}/>")
            else:
                found.append(_property(element, value))
        # Brief leaves out what is missing (MSDN aa142743); a row with nothing else still says 200.
        missing_part = _MISSING + "".join(missing) + _CLOSE if missing and not self._brief else ""
        found_part = _OK + "".join(found) + _CLOSE if found or not missing_part else ""
        href = self._href_origin + resource.href_path
        return f"<a:response><a:href>{href}</a:href>{found_part}{missing_part}</a:response>"


def names_answer(href: str, names: Iterable[str]) -> Response:
    """The answer to a PROPPATCH that did what it was asked: each name, empty, in a 200 propstat."""
    prefixes = _Prefixes(_FOR_NAMES)
    elements = "".join(f"<{prefixes.element(name)}/>" for name in names)
    row = f"<a:response><a:href>{_text(href)}</a:href>{_OK}{elements}{_CLOSE}</a:response>"
    return _multistatus(prefixes, iter((row,)), ())


def _multistatus(prefixes: _Prefixes, rows: Iterator[str], headers: tuple[tuple[str, str], ...]) -> Response:
    body = f'<?xml version="1.0"?><a:multistatus{prefixes.declarations()}>{"".join(rows)}</a:multistatus>'
    # Exactly `text/xml`: some clients do not read the body otherwise.
    return Response(207, body.encode(), "text/xml", (*headers, ("Accept-Ranges", "rows")), chunked=True)


def _property(element: str, value: Value) -> str:
    wire_type, inner = render(value)
    attribute = f' b:dt="{wire_type}"' if wire_type else ""
    return f"<{element}{attribute}>{inner}</{element}>"


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return _text(text).replace('"', "&quot;")
