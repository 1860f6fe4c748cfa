"""Folders that come, go and change their names while clients work.

Knows no verb; which folders may not go is a matter of who asks.
"""

from simulator.world.clock import now_utc
from simulator.world.mailboxes import Folder
from simulator.world.state import World


def add_folder(world: World, parent: Folder, name: str) -> Folder:
    """Create a folder that a client asked for."""
    folder = parent.mailbox.add_folder(parent, name, None)
    parent.touched(world.next_number(), now_utc())
    return folder


def move_folder(world: World, folder: Folder, parent: Folder, name: str) -> None:
    """Give a folder another name or another parent."""
    old = folder.parent
    folder.place(parent, name)
    for changed in {old, parent}:
        if changed is not None:
            changed.touched(world.next_number(), now_utc())


def remove_folder(world: World, folder: Folder) -> None:
    """Take a folder out of the store with all that is in it."""
    for doomed in (*folder.below(), folder):
        for item in list(doomed.items.values()):
            world.remove(item)
    if folder.parent is not None:
        del folder.parent.children[folder.name.casefold()]
        folder.parent.touched(world.next_number(), now_utc())
