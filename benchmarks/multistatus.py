"""The stub's answers in XML, with the properties that were asked for and no others."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from xml.sax.saxutils import escape

from lxml import etree

_COLUMNS = re.compile(r"SELECT\s+(.*?)\s+FROM", re.DOTALL)
_NAME = re.compile(r'"([^"]+)"')
_LOCAL = re.compile(r"[^/:#}]+$")


@lru_cache(maxsize=256)
def asked(body: bytes) -> tuple[str, ...]:
    """Return the full names of the properties that a SEARCH or PROPFIND asks for."""
    root = etree.fromstring(body)
    sql = root.findtext("{DAV:}sql")
    if sql is not None:
        columns = _COLUMNS.search(sql)
        return tuple(_NAME.findall(columns[1])) if columns else ()
    return tuple(_properties(root))


def values(body: bytes) -> dict[str, str]:
    """Return the values that a PROPPATCH sets, by full name."""
    return _properties(etree.fromstring(body))


def _properties(root: etree._Element) -> dict[str, str]:
    elements = (element for prop in root.iter("{DAV:}prop") for element in prop.iterchildren("*"))
    return {str(element.tag).replace("{", "").replace("}", ""): element.text or "" for element in elements}


def answer(rows: Iterable[dict[str, str]], names: Sequence[str]) -> bytes:
    """Return a 207 with the values of these properties for each row, and the names of missing ones."""
    return _document([_response(row, names) for row in rows])


def patched(href: str, names: Sequence[str]) -> bytes:
    """Return a 207 for these properties, as set."""
    properties = "".join(_element(name, None) for name in names)
    return _document([f"<a:response><a:href>{href}</a:href>{_propstat('200 OK', properties)}</a:response>"])


def _document(responses: Sequence[str]) -> bytes:
    return f'<?xml version="1.0"?><a:multistatus xmlns:a="DAV:">{"".join(responses)}</a:multistatus>'.encode()


def _response(row: dict[str, str], names: Sequence[str]) -> str:
    there = "".join(_element(name, row[name]) for name in names if name in row)
    missing = "".join(_element(name, None) for name in names if name not in row)
    parts = (_propstat("200 OK", there) if there else "") + (
        _propstat("404 Resource Not Found", missing) if missing else ""
    )
    return f"<a:response><a:href>{row['href']}</a:href>{parts}</a:response>"


def _propstat(status: str, properties: str) -> str:
    return f"<a:propstat><a:status>HTTP/1.1 {status}</a:status><a:prop>{properties}</a:prop></a:propstat>"


def _element(name: str, value: str | None) -> str:
    namespace, local = _split(name)
    content = "/>" if value is None else f">{escape(value)}</n:{local}>"
    return f'<n:{local} xmlns:n="{namespace}"{content}'


@lru_cache(maxsize=256)
def _split(name: str) -> tuple[str, str]:
    local = _LOCAL.search(name)
    assert local is not None  # noqa: S101 - every property has a name
    return name[: local.start()], local[0]
