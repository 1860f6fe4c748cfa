"""The 207 answer as Exchange writes it: one line, status before prop, `404 Resource Not Found` for what is missing.

Prefixes are letters in order of first use by the asked-for properties, and the declarations come in the order of a hash
table with `a` last; both were seen in captures, and a client must rely on neither.  Names go out as they were asked,
even those that make invalid XML (`<g:0x8506/>`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from zlib import crc32

from simulator.serving.http import REASONS, Response
from simulator.webdav.answers.style import finished, lowered, spoilt, style_of
from simulator.webdav.behavior import WebdavBehavior
from simulator.webdav.gate import INTERNAL_ORIGIN
from simulator.webdav.properties.folders import tells_folders
from simulator.webdav.properties.hidden import hides, organizer_reader
from simulator.webdav.properties.items import Reader, reader, zone_reader
from simulator.webdav.properties.names import (
    COUNTER_PROPOSAL,
    COUNTER_PROPOSAL_ID,
    DAV,
    EXCHANGE,
    MULTI_VALUES,
    REPL,
    TYPES,
    canonical,
    split_name,
)
from simulator.webdav.properties.recipients import recipient_reader
from simulator.webdav.sql import Column
from simulator.webdav.urls import href_path
from simulator.webdav.values import render
from simulator.world.mailboxes import Item, Resource
from simulator.world.property_names import CALENDAR, MAPI_ID
from simulator.world.values import Value

#: A property that no XML parser takes: dispidResponseStatus, under its number.
_DIGIT_NAME = MAPI_ID + "{00062002-0000-0000-c000-000000000046}/0x8218"
#: What becomes of `:0x` in an element (evolution-exchange, e2k-result.c; DavMail).
_DIGIT_SPELLINGS = {"without-zero": ":x", "encoded": ":_x0030_x"}
_PERMANENT_URL = EXCHANGE + "permanenturl"
_ZONE, _RULE = CALENDAR + "timezone", (CALENDAR + "rrule", CALENDAR + "exdate")
#: What the switch series_shown leaves out.
_HIDDEN = {"rule-and-zone": (), "rule": (_ZONE,), "none": (_ZONE, *_RULE)}
_REPL_UID, _ID = REPL + "repl-uid", DAV + "id"
#: What the switch root_identity leaves out, and of those roots alone.
_HIDDEN_OF_ROOTS = {
    "all": (),
    "permanent-url": (_REPL_UID, _ID),
    "id": (_REPL_UID, _PERMANENT_URL),
    "none": (_REPL_UID, _PERMANENT_URL, _ID),
}
#: And the switch counter_proposal.
_UNNAMED = {"alias-and-number": (), "alias": (COUNTER_PROPOSAL_ID,), "number": (COUNTER_PROPOSAL,)}
_PLAIN = WebdavBehavior()

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
        """Return the prefixed element name of a property."""
        namespace, local = split_name(name)
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = _letters(len(self._by_namespace))
        return f"{self._by_namespace[namespace]}:{local}"

    def declarations(self) -> str:
        """Return the xmlns attributes, in an order that is neither that of the prefixes nor that of the names."""
        order = sorted(self._by_namespace, key=lambda namespace: (namespace == DAV, crc32(namespace.encode())))
        return "".join(f' xmlns:{self._by_namespace[namespace]}="{_attribute(namespace)}"' for namespace in order)


class ValueRows:
    """Renders resources with the values of chosen columns, as SEARCH and PROPFIND do."""

    def __init__(
        self, columns: Sequence[Column], origin: str, *, brief: bool, behavior: WebdavBehavior = _PLAIN
    ) -> None:
        self._prefixes = _Prefixes(_FOR_VALUES)
        self._behavior = behavior
        self._style = style_of(behavior, brief=brief)
        self._href_origin = _text(origin)
        self._hidden = (*_HIDDEN[behavior.series_shown], *_UNNAMED[behavior.counter_proposal])
        if behavior.href_in_prop == "always":
            columns = (*columns, Column(DAV + "href"))
        self._columns = [self._column(column, origin) for column in columns]
        self._lowers = behavior.hex_digits == "lower"
        self._rows = 0
        self._always = ""
        if behavior.digit_names == "every-row":
            self._always = _property(self._prefixes.element(_DIGIT_NAME), 0)

    def answer(
        self, resources: Iterable[Resource], headers: tuple[tuple[str, str], ...] = (), row_error: int | None = None
    ) -> Response:
        """Return the whole 207; with `row_error` its second row has only that status."""
        rows: Iterator[str] = map(self._row, resources)
        if row_error is not None:
            rows = (
                self._failed(resource, row_error) if number == 1 else self._row(resource)
                for number, resource in enumerate(resources)
            )
        return _multistatus(self._prefixes, rows, headers, self._behavior)

    def _column(self, column: Column, origin: str) -> tuple[str, Reader, str]:
        """Return the name of a column, its reader, and the host in its URLs."""
        element = column.alias or self._prefixes.element(column.name)
        element = element.replace(":0x", _DIGIT_SPELLINGS.get(self._behavior.digit_names, ":0x"))
        if column.name == _PERMANENT_URL and self._behavior.permanent_host == "internal-host":
            origin = INTERNAL_ORIGIN
        return element, self._reader(column.name), origin

    def _reader(self, name: str) -> Reader:
        if canonical(name) in self._hidden:
            return _absent
        switches = self._behavior
        if name == _ZONE:
            return zone_reader(switches.zone_text)
        spelled = recipient_reader(name, switches.recipients) or organizer_reader(name, switches.organizers)
        hidden = hides(name, switches.instance_types, switches.organizers)
        read = _not_shown_of(hidden, spelled or reader(name))
        return _not_of_roots(read) if name in _HIDDEN_OF_ROOTS[self._behavior.root_identity] else read

    def _row(self, resource: Resource) -> str:
        found, missing = [], []
        for element, read, origin in self._columns:
            value = read(resource, origin)
            if value is None:
                missing.append(f"<{element}/>")
            elif self._lowers and isinstance(value, str) and value.startswith(origin + "/exchange"):
                found.append(_property(element, lowered(value)))
            else:
                found.append(_property(element, value))
        if self._style.spoils:
            self._rows += 1
            found = spoilt(self._behavior, self._rows, found)
        found.append(self._always)
        # Brief leaves out what is missing (MSDN aa142743); a row with nothing else still says 200.
        shown = "".join(found)
        missing_part = "".join(missing).join(self._style.missing) if missing and self._style.shows_missing else ""
        found_part = shown.join(self._style.found) if shown or not missing_part else ""
        return f"<a:response><a:href>{self._href(resource)}</a:href>{found_part}{missing_part}</a:response>"

    def _failed(self, resource: Resource, status: int) -> str:
        return f"<a:response><a:href>{self._href(resource)}</a:href>{_status(status)}</a:response>"

    def _href(self, resource: Resource) -> str:
        return self._href_origin + (lowered(href_path(resource)) if self._lowers else href_path(resource))


def names_answer(
    href: str,
    names: Iterable[str],
    *,
    created: bool = False,
    headers: tuple[tuple[str, str], ...] = (),
    behavior: WebdavBehavior = _PLAIN,
) -> Response:
    """Return the answer to a successful PROPPATCH: each name, empty, in a 200 propstat."""
    prefixes = _Prefixes(_FOR_NAMES)
    elements = "".join(f"<{prefixes.element(name)}/>" for name in names)
    status = _status(201) if created else ""
    found = style_of(behavior, brief=False).found
    row = f"<a:response><a:href>{_text(href)}</a:href>{status}{elements.join(found)}</a:response>"
    return _multistatus(prefixes, iter((row,)), headers, behavior)


def status_answer(href: str, status: int, behavior: WebdavBehavior) -> Response:
    """Return a 207 with one status of one resource."""
    row = f"<a:response><a:href>{_text(href)}</a:href>{_status(status)}</a:response>"
    return _multistatus(_Prefixes(_FOR_NAMES), iter((row,)), (), behavior)


def _not_shown_of(hidden: Callable[[Item], bool] | None, read: Reader) -> Reader:
    if hidden is None:
        return read
    return lambda resource, origin: None if isinstance(resource, Item) and hidden(resource) else read(resource, origin)


def _not_of_roots(read: Reader) -> Reader:
    return lambda resource, origin: None if tells_folders(resource) else read(resource, origin)


def _absent(_resource: Resource, _origin: str) -> None:
    return None


def _status(code: int) -> str:
    return f"<a:status>HTTP/1.1 {code} {REASONS[code]}</a:status>"


def _multistatus(
    prefixes: _Prefixes, rows: Iterator[str], headers: tuple[tuple[str, str], ...], behavior: WebdavBehavior
) -> Response:
    body = finished(behavior, f"<a:multistatus{prefixes.declarations()}>{''.join(rows)}</a:multistatus>")
    # `text/xml` and nothing more by default: some clients do not read the body otherwise.
    return Response(207, body, behavior.multistatus_type, (*headers, ("Accept-Ranges", "rows")), chunked=True)


def _property(element: str, value: Value) -> str:
    wire_type, inner = render(value)
    attribute = f' b:dt="{wire_type}"' if wire_type else ""
    return f"<{element}{attribute}>{inner}</{element}>"


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return _text(text).replace('"', "&quot;")
