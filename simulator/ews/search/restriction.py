"""Restrictions: which items a FindItem is about."""

from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any

from simulator.ews.properties.extended import ExtendedPath
from simulator.ews.properties.fields import NOT_SEARCHABLE
from simulator.ews.properties.shape import FieldPath, Path, is_path, read_path
from simulator.ews.properties.shown import Shown
from simulator.ews.properties.values import comparable, parsed
from simulator.ews.soap import Element, RefusedError, SoapFault, T, local_name
from simulator.world.values import Value

Condition = Callable[[Shown], bool]

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


def read_condition(element: Element) -> Condition:
    """What a restriction, or a part of one, says.

    :raises RefusedError: a property is not one to search by, or a constant is none of its type.
    """
    name = local_name(element)
    if name in {"And", "Or"}:
        parts = [read_condition(part) for part in element]
        together = all if name == "And" else any
        return lambda shown: together(part(shown) for part in parts)
    if name == "Not":
        inner = read_condition(_only(element))
        return lambda shown: not inner(shown)
    read = _COMPARISONS.get(name)
    if read is None:
        raise SoapFault("ErrorSchemaValidation", f"The element '{name}' is not a search expression.")
    return read(element)


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


def _exists(element: Element) -> Condition:
    path = searchable(_only(element))
    return lambda shown: path.read(shown) is not None


def _contains(element: Element) -> Condition:
    path, wanted = searchable(_path_of(element)), _constant(element)
    folds = element.get("ContainmentComparison", "Exact") != "Exact"
    mode = element.get("ContainmentMode", "FullString")
    wanted = wanted.casefold() if folds else wanted

    def contains(shown: Shown) -> bool:
        value = path.read(shown)
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


def _compared(element: Element) -> Condition:
    name, path = local_name(element), searchable(_path_of(element))
    other = element.find(f"{T}FieldURIOrConstant")
    if other is None or len(other) != 1:
        raise SoapFault("ErrorSchemaValidation", f"'{name}' compares with FieldURIOrConstant.")
    read = _other(path, other[0])

    def compared(shown: Shown) -> bool:
        value, with_value = comparable(path.read(shown)), comparable(read(shown))
        if name == "IsEqualTo":
            return value is not None and value == with_value
        if name == "IsNotEqualTo":
            return value != with_value
        return value is not None and type(value) is type(with_value) and _ORDERED[name](value, with_value)

    return compared


def _other(path: Path, element: Element) -> Callable[[Shown], Value | None]:
    if is_path(element):
        return searchable(element).read
    value = parsed(element.get("Value", ""), _type_of(path))
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


_COMPARISONS: dict[str, Callable[[Element], Condition]] = {
    "Exists": _exists,
    "Contains": _contains,
    "IsEqualTo": _compared,
    "IsNotEqualTo": _compared,
    **dict.fromkeys(_ORDERED, _compared),
}
