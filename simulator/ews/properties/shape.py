"""What a request wants to see of items: its ItemShape, and the elements made of it."""

import base64
from dataclasses import dataclass

from simulator.ews.properties.extended import ExtendedPath, read_extended
from simulator.ews.properties.fields import DEFAULT, OF_ITEMS, OF_KINDS, Field, fields_of
from simulator.ews.properties.shown import Shown
from simulator.ews.soap import Element, RefusedError, T, local_name, t
from simulator.mime.writer import appointment, rfc822
from simulator.world.values import Value

#: The path of an element within another, such as the street of an address; none of those is here.
_INDEXED = "IndexedFieldURI"


@dataclass(frozen=True, slots=True)
class Shape:
    """The properties that were asked for."""

    uris: frozenset[str] = frozenset()
    extended: tuple[ExtendedPath, ...] = ()
    #: Whether the source of the item is wanted, which GetItem alone shows (Microsoft Learn, "IncludeMimeContent").
    with_source: bool = False

    def element(self, shown: Shown) -> Element:
        """An item as the answer shows it."""
        return t(
            shown.kind,
            _source(shown) if self.with_source and not shown.in_row else None,
            shown.call.id_of(shown.item),
            [field.element(shown) for field in self._wanted(OF_ITEMS)],
            [path.write(shown) for path in self.extended],
            [field.element(shown) for field in self._wanted(OF_KINDS)],
        )

    def _wanted(self, fields: tuple[Field, ...]) -> list[Field]:
        return [field for field in fields if field.uri in self.uris]


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A property by its FieldURI, for restrictions, sorting and updates."""

    uri: str
    fields: tuple[Field, ...]

    def read(self, shown: Shown) -> Value | None:
        """Its value for an item."""
        return next((value for field in self.fields if (value := field.value(shown)) is not None), None)


Path = FieldPath | ExtendedPath


def read_path(element: Element) -> Path:
    """The property that a path names.

    :raises RefusedError: there is none.
    """
    if local_name(element) == "ExtendedFieldURI":
        return read_extended(element)
    uri = element.get("FieldURI", "")
    fields = fields_of(uri)
    if fields is None:
        raise RefusedError("ErrorInvalidPropertyRequest", f"The request is invalid for the property '{uri}'.")
    return FieldPath(uri, tuple(fields))


def _source(shown: Shown) -> Element:
    """The source: iCalendar of an appointment, as clients expect it (DavMail), and a mail of all else."""
    world, item, meeting = shown.call.world, shown.item, shown.meeting
    if shown.kind == "CalendarItem" and meeting is not None:
        octets = appointment(world, item, meeting).encode()
    else:
        source = item.message.source
        octets = source.octets if source else rfc822(world, item)
    return t("MimeContent", base64.b64encode(octets).decode("ascii"), CharacterSet="UTF-8")


def is_path(element: Element) -> bool:
    """Whether an element names a property."""
    return local_name(element) in {"FieldURI", "ExtendedFieldURI", _INDEXED}


def read_shape(element: Element | None) -> Shape:
    """What an ItemShape says; nothing but ids where there is none."""
    if element is None:
        return Shape()
    base = element.findtext(f"{T}BaseShape") or "IdOnly"
    uris: set[str] = set()
    if base == "AllProperties":
        uris = {field.uri for field in (*OF_ITEMS, *OF_KINDS)}
    elif base == "Default":
        uris = set(DEFAULT)
    extended: list[ExtendedPath] = []
    for path in map(read_path, element.iterfind(f"{T}AdditionalProperties/*")):
        if isinstance(path, ExtendedPath):
            extended.append(path)
        else:
            uris.add(path.uri)
    asked = (element.findtext(f"{T}IncludeMimeContent") or "").strip() in {"true", "1"}
    return Shape(frozenset(uris), tuple(extended), asked or "item:MimeContent" in uris)
