"""Default values of DAV:contentclass for items and folders.

The store calculates it from the class that MAPI knows: of an item by MSDN aa125194, of a folder by aa564364 (Exchange
Server 2003 SDK, "Content Class Mappings from MAPI"), in which a class that no row names is a document, or a folder.  A
class of somebody's own (`IPM.Contact.Example`) is taken for the one it extends, as MAPI has it; what the tables say of
task requests is not known: they are messages here, for no client finds them among calendar messages.
"""

MESSAGE = "urn:content-classes:message"
CALENDAR_MESSAGE = "urn:content-classes:calendarmessage"
APPOINTMENT = "urn:content-classes:appointment"
TASK_REQUEST_CLASS = "IPM.TaskRequest"

_OF_ITEMS = {
    "IPM.Note": MESSAGE,
    "IPM.Post": MESSAGE,
    TASK_REQUEST_CLASS: MESSAGE,
    "IPM.Schedule.Meeting": CALENDAR_MESSAGE,
    "IPM.Appointment": APPOINTMENT,
    "IPM.Contact": "urn:content-classes:person",
    "IPM.DistList": "urn:content-classes:group",
    "IPM.Task": "urn:content-classes:task",
    "IPM.StickyNote": "urn:content-classes:note",
    "IPM.Activity": "urn:content-classes:activity",
}
_OF_FOLDERS = {
    "IPF.Note": "urn:content-classes:mailfolder",
    "IPF.Appointment": "urn:content-classes:calendarfolder",
    "IPF.Contact": "urn:content-classes:contactfolder",
    "IPF.Task": "urn:content-classes:taskfolder",
    "IPF.StickyNote": "urn:content-classes:notefolder",
    "IPF.Journal": "urn:content-classes:journalfolder",
}


def content_class_of(message_class: str) -> str:
    """Return the content class of an item of this message class."""
    return _looked_up(_OF_ITEMS, message_class) or "urn:content-classes:document"


def content_class_of_folder(folder_class: str) -> str:
    """Return the content class of a folder whose items are of this kind."""
    return _looked_up(_OF_FOLDERS, folder_class) or "urn:content-classes:folder"


def _looked_up(table: dict[str, str], name: str) -> str | None:
    folded = name.casefold() + "."
    return next((found for prefix, found in table.items() if folded.startswith(prefix.casefold() + ".")), None)
