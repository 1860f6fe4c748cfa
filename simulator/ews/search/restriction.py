"""Restrictions: which items a FindItem is about, and which folders a FindFolder."""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, TypeVar

from simulator.ews.properties.extended import ExtendedPath
from simulator.ews.properties.fields import NOT_SEARCHABLE
from simulator.ews.properties.shape import FieldPath, Path, is_path, read_path
from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import comparable, parsed
from simulator.ews.soap import Element, RefusedError, SoapFault, T, local_name
from simulator.world.values import Value

#: What is searched for: an item as it is shown, or a folder.
Thing = TypeVar("Thing")
Condition = Callable[[Thing], bool]
#: What reads the property that a path names, and the type of its values.
Searchable = Callable[[Element], tuple[Callable[[Thing], Value | None], str]]

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "IsGreaterThan": gt,
    "IsGreaterThanOrEqualTo": ge,
    "IsLessThan": lt,
    "IsLessThanOrEqualTo": le,
}
_BOOLEANS = frozenset({"message:IsRead", "calendar:IsAllDayEvent", "calendar:IsCancelled", "item:HasAttachments"})
_NUMBERS = frozenset({"item:Size", "calendar:AppointmentSequenceNumber", "calendar:AppointmentState"})
_TIMES = frozenset(
    {
        "item:DateTimeReceived",
        "item:DateTimeSent",
        "item:DateTimeCreated",
        "item:LastModifiedTime",
        "calendar:Start",
        "calendar:End",
        "calendar:OriginalStart",
        "calendar:RecurrenceId",
        "calendar:DateTimeStamp",
        "calendar:AppointmentReplyTime",
    }
)


def read_condition(element: Element, paths: Searchable[Thing]) -> Condition[Thing]:
    """What a restriction, or a part of one, says about what has these properties.

    :raises RefusedError: a property is not one to search by, or a constant is none of its type.
    """
    name = local_name(element)
    if name in {"And", "Or"}:
        parts = [read_condition(part, paths) for part in element]
        together = all if name == "And" else any
        return lambda thing: together(part(thing) for part in parts)
    if name == "Not":
        inner = read_condition(_only(element), paths)
        return lambda thing: not inner(thing)
    if name == "Exists":
        return _exists(element, paths)
    if name == "Contains":
        return _contains(element, paths)
    if name in {"IsEqualTo", "IsNotEqualTo", *_ORDERED}:
        return _compared(element, paths)
    raise SoapFault("ErrorSchemaValidation", f"The element '{name}' is not a search expression.")


def of_items(element: Element) -> tuple[Callable[[Shown], Value | None], str]:
    """How a condition reads the property of an item that a path names."""
    path = searchable(element)
    return path.read, _type_of(path)


def searchable(element: Element) -> Path:
    """The property that a path names, if items can be searched and sorted by it."""
    path = read_path(element)
    if isinstance(path, FieldPath) and (path.uri in NOT_SEARCHABLE or not path.fields):
        raise RefusedError("ErrorUnsupportedPathForQuery", f"The property '{path.uri}' cannot be used in a query.")
    return path


def _only(element: Element) -> Element:
    if len(element) != 1:
        raise SoapFault("ErrorSchemaValidation", f"'{local_name(element)}' has one child.")
    return element[0]


def _exists(element: Element, paths: Searchable[Thing]) -> Condition[Thing]:
    read, _ = paths(_only(element))
    return lambda thing: read(thing) is not None


def _contains(element: Element, paths: Searchable[Thing]) -> Condition[Thing]:
    (read, _), wanted = paths(_path_of(element)), _constant(element)
    folds = element.get("ContainmentComparison", "Exact") != "Exact"
    mode = element.get("ContainmentMode", "FullString")
    wanted = wanted.casefold() if folds else wanted

    def contains(thing: Thing) -> bool:
        value = read(thing)
        if not isinstance(value, str):
            return False
        return _holds(value.casefold() if folds else value, wanted, mode)

    return contains


def _holds(text: str, wanted: str, mode: str) -> bool:
    match mode:
        case "Prefixed":
            return text.startswith(wanted)
        case "FullString":
            return text == wanted
        case _:
            return wanted in text


def _compared(element: Element, paths: Searchable[Thing]) -> Condition[Thing]:
    name, (read, kind) = local_name(element), paths(_path_of(element))
    other = element.find(f"{T}FieldURIOrConstant")
    if other is None or len(other) != 1:
        raise SoapFault("ErrorSchemaValidation", f"'{name}' compares with FieldURIOrConstant.")
    read_other = _other(other[0], kind, paths)

    def compared(thing: Thing) -> bool:
        value, with_value = comparable(read(thing)), comparable(read_other(thing))
        if name == "IsEqualTo":
            return value is not None and value == with_value
        if name == "IsNotEqualTo":
            return value != with_value
        return value is not None and type(value) is type(with_value) and _ORDERED[name](value, with_value)

    return compared


def _other(element: Element, kind: str, paths: Searchable[Thing]) -> Callable[[Thing], Value | None]:
    if is_path(element):
        return paths(element)[0]
    value = parsed(element.get("Value", ""), kind)
    return lambda _: value


def _type_of(path: Path) -> str:
    if isinstance(path, ExtendedPath):
        return path.property_type
    if path.uri in _TIMES:
        return "SystemTime"
    if path.uri in _NUMBERS:
        return "Integer"
    return "Boolean" if path.uri in _BOOLEANS or ":Is" in path.uri else "String"


def _path_of(element: Element) -> Element:
    path = next((child for child in element if is_path(child)), None)
    if path is None:
        raise SoapFault("ErrorSchemaValidation", f"'{local_name(element)}' names a property.")
    return path


def _constant(element: Element) -> str:
    constant = element.find(f"{T}Constant")
    if constant is None:
        raise SoapFault("ErrorSchemaValidation", f"'{local_name(element)}' has a Constant.")
    return constant.get("Value", "")
