"""Which operation is answered by which function; a new one is one line here and a function beside the others."""

from simulator.ews.call import Operation
from simulator.ews.operations.changing import copy_item, delete_item, move_item, update_item
from simulator.ews.operations.creating import create_item
from simulator.ews.operations.folders import find_folder, get_folder
from simulator.ews.operations.names import convert_id, resolve_names
from simulator.ews.operations.reading import find_item, get_item, sync_folder_items

OPERATIONS: dict[str, Operation] = {
    "GetFolder": get_folder,
    "FindFolder": find_folder,
    "FindItem": find_item,
    "GetItem": get_item,
    "SyncFolderItems": sync_folder_items,
    "CreateItem": create_item,
    "UpdateItem": update_item,
    "MoveItem": move_item,
    "CopyItem": copy_item,
    "DeleteItem": delete_item,
    "ResolveNames": resolve_names,
    "ConvertId": convert_id,
}
