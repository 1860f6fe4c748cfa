"""GetFolder and FindFolder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from simulator.ews.call import Call
from simulator.ews.ids import folder_id
from simulator.ews.properties.extended import ExtendedPath, read_extended
from simulator.ews.search.restriction import Condition, read_condition
from simulator.ews.search.views import page
from simulator.ews.soap import (
    Element,
    M,
    RefusedError,
    Result,
    SoapFault,
    T,
    check_order,
    local_name,
    m,
    refused,
    response_message,
    t,
)
from simulator.world.mailboxes import Folder
from simulator.world.property_names import PROPTAG
from simulator.world.values import Value

_KINDS = {"IPF.Appointment": "CalendarFolder", "IPF.Contact": "ContactsFolder", "IPF.Task": "TasksFolder"}
_DEFAULT = frozenset({"DisplayName", "TotalCount", "ChildFolderCount", "UnreadCount"})
_RIGHTS = ("CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems")


def _count_unread(folder: Folder) -> int:
    return sum(not item.message.read for item in folder.items.values())


def _unread(folder: Folder) -> Element | None:
    if _KINDS.get(folder.folder_class or "") in {"CalendarFolder", "ContactsFolder"}:
        return None
    return t("UnreadCount", str(_count_unread(folder)))


#: In the order of the schema, in which ExtendedProperty stands between the two.
_PROPERTIES: dict[str, Callable[[Folder], Element | None]] = {
    "ParentFolderId": lambda folder: folder_id(folder.parent or folder, "ParentFolderId"),
    "FolderClass": lambda folder: t("FolderClass", folder.folder_class) if folder.folder_class else None,
    "DisplayName": lambda folder: t("DisplayName", folder.name),
    "TotalCount": lambda folder: t("TotalCount", str(len(folder.items))),
    "ChildFolderCount": lambda folder: t("ChildFolderCount", str(len(folder.children))),
}
_LATER_PROPERTIES: dict[str, Callable[[Folder], Element | None]] = {
    "EffectiveRights": lambda _: t("EffectiveRights", [t(right, "true") for right in _RIGHTS]),
    "UnreadCount": _unread,
}
#: By the names of extended.py, which are those of what a client writes too.
_EXTENDED: dict[str, Callable[[Folder], Value | None]] = {
    PROPTAG + "x3001001f": lambda folder: folder.name,
    PROPTAG + "x30080040": lambda folder: folder.modified,
    PROPTAG + "x36020003": lambda folder: len(folder.items),
    PROPTAG + "x36030003": _count_unread,
    PROPTAG + "x360a000b": lambda folder: bool(folder.children),
    PROPTAG + "x3613001f": lambda folder: folder.folder_class,
    # PR_ARTICLE_NUM_NEXT and PR_LOCAL_COMMIT_TIME_MAX: the UIDNEXT of an IMAP gateway, the ctag of a CalDAV one.
    PROPTAG + "x67510003": lambda folder: folder.article_to_come,
    PROPTAG + "x670a0040": lambda folder: folder.modified,
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The properties that were asked for."""

    names: frozenset[str]
    extended: Sequence[ExtendedPath]

    def element(self, folder: Folder) -> Element:
        """A folder as the answer shows it."""
        kind = _KINDS.get(folder.folder_class or "", "Folder")
        return t(
            kind,
            folder_id(folder),
            [read(folder) for name, read in _PROPERTIES.items() if name in self.names],
            [path.written(_read(path, folder)) for path in self.extended],
            [read(folder) for name, read in _LATER_PROPERTIES.items() if name in self.names],
        )


def get_folder(call: Call) -> Element:
    """Each of the folders, or why not."""
    operation = call.envelope.operation
    check_order(operation, ("FolderShape", "FolderIds"))
    wanted = _wanted(operation)
    reported = [_reported(call, element, wanted) for element in operation.iterfind(f"{M}FolderIds/*")]
    return m("GetFolderResponse", m("ResponseMessages", [response_message("GetFolder", one) for one in reported]))


def find_folder(call: Call) -> Element:
    """The folders below others, as one page."""
    operation = call.envelope.operation
    check_order(
        operation,
        ("FolderShape", "IndexedPageFolderView", "FractionalPageFolderView", "Restriction", "ParentFolderIds"),
    )
    wanted, deep = _wanted(operation), operation.get("Traversal") == "Deep"
    view, restriction = operation.find(f"{M}IndexedPageFolderView"), operation.find(f"{M}Restriction")
    messages = []
    for element in operation.iterfind(f"{M}ParentFolderIds/*"):
        try:
            parent = call.folder(element)
            holds = _condition(restriction)
        except RefusedError as error:
            messages.append(response_message("FindFolder", refused(error)))
            continue
        found, facts = page([folder for folder in _below(parent, deep=deep) if holds(folder)], view, None)
        folders = t("Folders", [wanted.element(folder) for folder in found])
        messages.append(response_message("FindFolder", Result([m("RootFolder", folders, **facts)])))
    return m("FindFolderResponse", m("ResponseMessages", messages))


def _below(parent: Folder, *, deep: bool) -> Iterator[Folder]:
    folders = parent.below() if deep else iter(parent.children.values())
    return (folder for folder in folders if not folder.hidden)


def _condition(restriction: Element | None) -> Condition[Folder]:
    if restriction is None:
        return lambda _: True
    if len(restriction) != 1:
        raise SoapFault("ErrorSchemaValidation", "Restriction has one child.")
    return read_condition(restriction[0], _searchable)


def _searchable(element: Element) -> tuple[Callable[[Folder], Value | None], str]:
    """What reads the property of a folder that a path names, and its type."""
    if local_name(element) == "ExtendedFieldURI":
        path = read_extended(element)
        return partial(_read, path), path.property_type
    uri = element.get("FieldURI", "")
    if uri not in _IN_QUERIES:
        raise RefusedError("ErrorUnsupportedPathForQuery", f"The property '{uri}' cannot be used in a query.")
    return _IN_QUERIES[uri]


def _read(path: ExtendedPath, folder: Folder) -> Value | None:
    patches = folder.patches or {}
    read = _EXTENDED.get(path.name)
    return patches[path.name] if path.name in patches else read(folder) if read else None


_IN_QUERIES: dict[str, tuple[Callable[[Folder], Value | None], str]] = {
    "folder:DisplayName": (lambda folder: folder.name, "String"),
    "folder:FolderClass": (lambda folder: folder.folder_class, "String"),
    "folder:TotalCount": (lambda folder: len(folder.items), "Integer"),
    "folder:ChildFolderCount": (lambda folder: len(folder.children), "Integer"),
    "folder:UnreadCount": (_count_unread, "Integer"),
}


def _wanted(operation: Element) -> _Wanted:
    shape = operation.find(f"{M}FolderShape")
    if shape is None:
        raise SoapFault("ErrorSchemaValidation", "FolderShape is missing.")
    base = shape.findtext(f"{T}BaseShape") or "IdOnly"
    every = {*_PROPERTIES, *_LATER_PROPERTIES}
    names = every if base == "AllProperties" else set(_DEFAULT) if base == "Default" else set()
    for path in shape.iterfind(f"{T}AdditionalProperties/{T}FieldURI"):
        names.add(path.get("FieldURI", "").partition(":")[2])
    extended = shape.iterfind(f"{T}AdditionalProperties/{T}ExtendedFieldURI")
    return _Wanted(frozenset(names), [read_extended(path) for path in extended])


def _reported(call: Call, element: Element, wanted: _Wanted) -> Result:
    try:
        folder = call.folder(element)
    except RefusedError as error:
        return refused(error, m("Folders"))
    return Result([m("Folders", wanted.element(folder))])
