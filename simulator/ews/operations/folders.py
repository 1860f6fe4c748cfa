"""GetFolder and FindFolder."""

from collections.abc import Callable, Iterator

from simulator.ews.call import Call
from simulator.ews.ids import folder_id
from simulator.ews.soap import (
    Element,
    M,
    RefusedError,
    SoapFault,
    T,
    Told,
    check_order,
    m,
    refused,
    response_message,
    t,
)
from simulator.world.mailboxes import Folder

_KINDS = {"IPF.Appointment": "CalendarFolder", "IPF.Contact": "ContactsFolder", "IPF.Task": "TasksFolder"}
_DEFAULT = frozenset({"DisplayName", "TotalCount", "ChildFolderCount", "UnreadCount"})
_RIGHTS = ("CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems")


def _unread(folder: Folder) -> Element | None:
    if _KINDS.get(folder.folder_class or "") in {"CalendarFolder", "ContactsFolder"}:
        return None
    return t("UnreadCount", str(sum(not item.message.read for item in folder.items.values())))


#: In the order of the schema.
_PROPERTIES: dict[str, Callable[[Folder], Element | None]] = {
    "ParentFolderId": lambda folder: folder_id(folder.parent or folder, "ParentFolderId"),
    "FolderClass": lambda folder: t("FolderClass", folder.folder_class) if folder.folder_class else None,
    "DisplayName": lambda folder: t("DisplayName", folder.name),
    "TotalCount": lambda folder: t("TotalCount", str(len(folder.items))),
    "ChildFolderCount": lambda folder: t("ChildFolderCount", str(len(folder.children))),
    "EffectiveRights": lambda _: t("EffectiveRights", [t(right, "true") for right in _RIGHTS]),
    "UnreadCount": _unread,
}


def get_folder(call: Call) -> Element:
    """Each of the folders, or why not."""
    operation = call.envelope.operation
    check_order(operation, ("FolderShape", "FolderIds"))
    wanted = _wanted(operation)
    told = [_told(call, element, wanted) for element in operation.iterfind(f"{M}FolderIds/*")]
    return m("GetFolderResponse", m("ResponseMessages", [response_message("GetFolder", one) for one in told]))


def find_folder(call: Call) -> Element:
    """The folders below others, as one page."""
    operation = call.envelope.operation
    wanted, deep = _wanted(operation), operation.get("Traversal") == "Deep"
    messages = []
    for element in operation.iterfind(f"{M}ParentFolderIds/*"):
        try:
            parent = call.folder(element)
        except RefusedError as error:
            messages.append(response_message("FindFolder", refused(error)))
            continue
        found = list(_below(parent, deep=deep))
        facts = {"TotalItemsInView": str(len(found)), "IncludesLastItemInRange": "true"}
        folders = t("Folders", [_shown(folder, wanted) for folder in found])
        messages.append(response_message("FindFolder", Told([m("RootFolder", folders, **facts)])))
    return m("FindFolderResponse", m("ResponseMessages", messages))


def _below(parent: Folder, *, deep: bool) -> Iterator[Folder]:
    folders = parent.below() if deep else iter(parent.children.values())
    return (folder for folder in folders if not folder.hidden)


def _wanted(operation: Element) -> frozenset[str]:
    shape = operation.find(f"{M}FolderShape")
    if shape is None:
        raise SoapFault("ErrorSchemaValidation", "FolderShape is missing.")
    base = shape.findtext(f"{T}BaseShape") or "IdOnly"
    names = set(_PROPERTIES) if base == "AllProperties" else set(_DEFAULT) if base == "Default" else set()
    for path in shape.iterfind(f"{T}AdditionalProperties/{T}FieldURI"):
        names.add(path.get("FieldURI", "").partition(":")[2])
    return frozenset(names)


def _told(call: Call, element: Element, wanted: frozenset[str]) -> Told:
    try:
        folder = call.folder(element)
    except RefusedError as error:
        return refused(error, m("Folders"))
    return Told([m("Folders", _shown(folder, wanted))])


def _shown(folder: Folder, wanted: frozenset[str]) -> Element:
    kind = _KINDS.get(folder.folder_class or "", "Folder")
    return t(kind, folder_id(folder), [read(folder) for name, read in _PROPERTIES.items() if name in wanted])
