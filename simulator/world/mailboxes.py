"""The store: servers, mailboxes, folders, items, and the numbers that Exchange gives them.

Knows what holds what and what changes when an item comes, goes or is altered.  Knows no URL and no verb; properties
that clients write beside what a message is made of are kept by name, and mean nothing here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from simulator.world import names
from simulator.world.clock import now_utc
from simulator.world.languages import FOLDER_CLASSES, FOLDER_NAMES, ZONES, Role
from simulator.world.messages import Message, Person
from simulator.world.tally import Tally
from simulator.world.values import Value

#: Folders that only programs see; its root-like properties serve delegates (evolution-exchange, docs/other-users).
NON_IPM_SUBTREE = "NON_IPM_SUBTREE"


@dataclass(slots=True, eq=False)
class Item:
    """A message at its place."""

    message: Message
    folder: "Folder"
    name: str
    #: The store-wide number of the item at this place; a move gives a new one.
    serial: int
    #: The folder's running number, PR_INTERNET_ARTICLE_NUMBER.
    article: int
    #: The store-wide number of the last change.
    change: int
    modified: datetime
    #: What clients wrote that is not part of a message, by the name of the property; None where they removed it.
    patches: dict[str, Value | None] | None = None
    #: What happened to the seeded message that this item is.
    tally: Tally | None = None
    #: What happened to the seeded request that this draft answers.
    answers: Tally | None = None
    #: The number that it had at its first place: moves and copies keep it, as they keep PidTagSearchKey.
    origin: int = 0

    @property
    def mailbox(self) -> "Mailbox":
        """The mailbox that holds the item."""
        return self.folder.mailbox


class Folder:
    """A folder of a mailbox; the mailbox root is the one without a parent."""

    def __init__(self, mailbox: "Mailbox", parent: "Folder | None", name: str, role: Role | None) -> None:
        self.mailbox = mailbox
        self.parent = parent
        self.name = name
        self.role = role
        self.folder_class = FOLDER_CLASSES.get(role, "IPF.Note") if role else None
        self.hidden = name == NON_IPM_SUBTREE
        self.children: dict[str, Folder] = {}
        #: Oldest first, by casefolded name: the store compares names without case.
        self.items: dict[str, Item] = {}
        self.serial = mailbox.store.next_number()
        self.change = self.serial
        self.modified = mailbox.store.created
        self.patches: dict[str, Value | None] | None = None
        #: The number that the next article gets; one less have arrived so far.
        self.article_to_come = 1
        #: How many items have left.
        self.departures = 0

    def child(self, name: str) -> "Folder | Item | None":
        """Return the folder or item of this name, in any case."""
        key = name.casefold()
        found = self.children.get(key) or self.items.get(key)
        return self.mailbox.aliases.get(key) if found is None and self.parent is None else found

    def below(self) -> Iterator["Folder"]:
        """Yield all folders below this one, parents first."""
        for folder in self.children.values():
            yield folder
            yield from folder.below()

    def touched(self, change: int, moment: datetime) -> None:
        """Note that the content changed."""
        self.change, self.modified = change, moment

    def next_article(self) -> int:
        """Return a higher number than any that this folder has given."""
        self.article_to_come += 1
        return self.article_to_come - 1

    def place(self, parent: "Folder", name: str) -> None:
        """Put the folder below `parent`, under this name."""
        if self.parent is not None:
            self.parent.children.pop(self.name.casefold(), None)
        self.parent, self.name = parent, name
        parent.children[name.casefold()] = self


class Mailbox:
    """One mailbox on its home server, with the well-known folders in its language."""

    def __init__(self, store: "Store", name: str, owner: Person, language: str, server: int) -> None:
        self.store = store
        self.name = name
        self.owner = owner
        self.language = language
        self.server = server
        self.deep = False
        #: Where its owner lives: what is an all-day event is one there.
        self.zone = ZONES.get(language, "UTC")
        #: What is to happen later; each is called when a request arrives, and goes once it says that it is done.
        self.plans: list[Callable[[], bool]] = []
        #: Other names of well-known folders, casefolded.
        self.aliases: dict[str, Folder] = {}
        #: How far the clock of its server is ahead.
        self.skew = timedelta()
        #: How far the clock that stamps what is delivered here is ahead of that one.
        self.transport_skew = timedelta()
        #: Whether the uid of an occurrence carries its date.
        self.dated_uids = False
        #: By number.
        self.by_serial: dict[int, Item] = {}
        self.root = Folder(self, None, name, None)
        self.folders: dict[Role, Folder] = {}
        for role, folder_name in FOLDER_NAMES[language].items():
            self.folders[role] = self.add_folder(self.root, folder_name, role)
        self.add_folder(self.root, NON_IPM_SUBTREE, None)

    def moment(self) -> datetime:
        """Return the time by the clock of its server."""
        return now_utc() + self.skew

    def speak(self, language: str) -> None:
        """Give the well-known folders their names in a language."""
        for role, name in FOLDER_NAMES[language].items():
            folder = self.folders[role]
            if folder.name != name and folder.parent is not None:
                folder.place(folder.parent, names.folder_name(name))

    def add_folder(self, parent: Folder, display_name: str, role: Role | None) -> Folder:
        """Create a folder below `parent`."""
        folder = Folder(self, parent, names.folder_name(display_name), role)
        parent.children[folder.name.casefold()] = folder
        return folder


Resource = Item | Folder


@dataclass(slots=True)
class Store:
    """Every mailbox of every server, and the numbers they share."""

    #: The identifier of the database of each server, 32 hex digits: with a number of the store it names an item.
    replicas: list[str]
    #: The date the made-up past ends at: part of the population, unlike `seeded_at`.
    created: datetime
    mailboxes: list[Mailbox] = field(default_factory=list)
    _by_name: dict[tuple[int, str], Mailbox] = field(default_factory=dict)
    #: By what else leads to it: the address of its owner, and what stands before its @.
    _by_address: dict[tuple[int, str], Mailbox] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(0x1000))

    def next_number(self) -> int:
        """Return the next store-wide number, for an item or a change."""
        return next(self._numbers)

    def add_mailbox(self, mailbox: Mailbox) -> None:
        """Let its home server, and no other, answer for a mailbox."""
        self.mailboxes.append(mailbox)
        self._by_name[mailbox.server, mailbox.name.casefold()] = mailbox
        address = mailbox.owner.address.casefold()
        for name in (address, address.partition("@")[0]):
            self._by_address.setdefault((mailbox.server, name), mailbox)

    def mailbox(self, server: int, name: str) -> Mailbox | None:
        """Return the mailbox of this name or address, if this server is its home.

        An alias is what stands before the @ of an SMTP address of the mailbox (KB324306); the whole address leads there
        as well (MSDN aa493863).
        """
        key = server, name.casefold()
        return self._by_name.get(key) or self._by_address.get(key)

    def put(self, folder: Folder, message: Message, wanted_name: str, moment: datetime | None = None) -> Item:
        """Store a message under the wanted name, or with `-2`, `-3`... where that is taken."""
        name = names.free_name(wanted_name, folder.items)
        number = self.next_number()
        moment = moment or folder.mailbox.moment()
        item = Item(message, folder, name, number, folder.next_article(), number, moment, origin=number)
        folder.items[name.casefold()] = item
        folder.mailbox.by_serial[number] = item
        folder.touched(number, moment)
        return item

    def remove(self, item: Item) -> None:
        """Take an item out of the store; its name is free again at once."""
        del item.folder.items[item.name.casefold()]
        del item.mailbox.by_serial[item.serial]
        item.folder.departures += 1
        item.folder.touched(self.next_number(), now_utc())

    def copy(self, item: Item, folder: Folder, wanted_name: str) -> Item:
        """Store the same message in another place; what happens there counts for the same seeded message."""
        twin = self.put(folder, replace(item.message), wanted_name)
        twin.patches = dict(item.patches) if item.patches else None
        twin.tally, twin.answers, twin.origin = item.tally, item.answers, item.origin
        return twin

    def move(self, item: Item, folder: Folder, wanted_name: str) -> Item:
        """Move an item: it comes out with a new number."""
        self.remove(item)
        return self.copy(item, folder, wanted_name)

    def changed(self, item: Item) -> None:
        """Note that an item was altered: its version and its folder's change."""
        item.change = self.next_number()
        item.modified = item.mailbox.moment()
        item.folder.touched(item.change, item.modified)


def replica(item: Item) -> str:
    """Return the identifier of the database that numbered the item."""
    return item.mailbox.store.replicas[item.mailbox.server]


def is_unsent(item: Item) -> bool:
    """Return whether the item can be sent: Exchange refuses items not marked as unsent; items in Drafts are."""
    return item.message.unsent or item.folder.role is Role.DRAFTS
