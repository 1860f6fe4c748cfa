"""What an operation is given: the request, who asks on whose behalf, and the ways to folders and items."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.ews.behavior import EwsBehavior
from simulator.ews.ids import item_id, named_item, read_folder_id, read_item_id
from simulator.ews.soap import Element, Envelope, RefusedError, T, local_name
from simulator.serving.faults import FaultKind
from simulator.world.calendar_attendant import CalendarAttendant
from simulator.world.directory import mailboxes_of
from simulator.world.languages import Role
from simulator.world.mailboxes import Folder, Item, Mailbox
from simulator.world.response_objects import instance_of
from simulator.world.state import World

#: The distinguished folders that there are; the two roots are one here.
_ROLES = {role.value: role for role in Role}
_ROOTS = frozenset({"root", "msgfolderroot"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    #: Whose mailbox an id means that names none; None for an account without one.
    mailbox: Mailbox | None
    #: Whether it may open the others' too.
    opens_all: bool
    impersonates: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated operation on a server."""

    envelope: Envelope
    caller: Caller
    world: World
    server: int
    behavior: EwsBehavior
    attendant: CalendarAttendant
    #: Tells the oracle that work was done in a mailbox that the operator's pace applies to.
    operation: Callable[[Mailbox], None]
    #: What a fault lets go wrong in the middle of it.
    fault: FaultKind | None = None

    @property
    def ids_kept(self) -> bool:
        """Whether moves leave the ids as they are."""
        return self.behavior.ews_ids_on_move == "kept"

    def folder(self, element: Element) -> Folder:
        """The folder that a FolderId or a DistinguishedFolderId names."""
        name = element.get("Id", "")
        if local_name(element) != "DistinguishedFolderId":
            named = read_folder_id(self.world, name)
            return self._folder_by_number(self._opened(named.mailbox, "ErrorFolderNotFound"), named.number)
        mailbox = self._opened(self._mailbox_of(element), "ErrorFolderNotFound")
        if name in _ROOTS:
            return mailbox.root
        if name not in _ROLES:
            raise RefusedError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        return mailbox.folders[_ROLES[name]]

    def item(self, element: Element) -> Item:
        """The item that an id names; an instance of a series is one of its own."""
        named = read_item_id(self.world, element.get("Id", ""))
        self._opened(named.mailbox, "ErrorItemNotFound")
        item = named_item(named, kept=self.ids_kept)
        found = item if item is None or named.original is None else instance_of(item, named.original)
        if found is None:
            raise RefusedError("ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    def id_of(self, item: Item, name: str = "ItemId") -> Element:
        """The id that an item has on this server."""
        meeting = item.message.meeting
        # An instance of a series is a copy with the number of the series.
        is_instance = item.mailbox.by_serial.get(item.serial) is not item
        original = meeting.recurrence_id if meeting is not None and is_instance else None
        return item_id(item, kept=self.ids_kept, original=original, name=name)

    def is_owners(self, item: Item) -> bool:
        """Whether the owner of the mailbox asks, or somebody who impersonates him."""
        return item.mailbox is self.caller.mailbox

    def own_mailbox(self) -> Mailbox:
        """The mailbox that an operation is about where no id names one."""
        mailbox = self.caller.mailbox
        if mailbox is None:
            raise RefusedError("ErrorNonExistentMailbox", "No mailbox with such guid.")
        return self._opened(mailbox, "ErrorNonExistentMailbox")

    def _mailbox_of(self, element: Element) -> Mailbox | None:
        address = element.find(f"{T}Mailbox/{T}EmailAddress")
        if address is None:
            return self.own_mailbox()
        return mailbox_by_address(self.world, self.server, address.text or "")

    def _opened(self, mailbox: Mailbox | None, code: str) -> Mailbox:
        if mailbox is None or mailbox.server != self.server:
            raise RefusedError("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        if mailbox is not self.caller.mailbox and (self.caller.impersonates or not self.caller.opens_all):
            raise RefusedError(code, "The specified object was not found in the store.")
        if self.behavior.ews_attendant:
            self.attendant.attend(mailbox, self.behavior.ews_attendant_delay_ms)
        return mailbox

    def _folder_by_number(self, mailbox: Mailbox, number: int) -> Folder:
        for folder in (mailbox.root, *mailbox.root.below()):
            if folder.serial == number:
                return folder
        raise RefusedError("ErrorFolderNotFound", "The specified folder could not be found in the store.")


def mailbox_by_address(world: World, server: int, address: str) -> Mailbox | None:
    """The mailbox of this server whose owner has an SMTP address."""
    found = mailboxes_of(world, {address.strip().casefold()})
    return next((mailbox for mailbox in found if mailbox.server == server), None)


Operation = Callable[[Call], Element]
