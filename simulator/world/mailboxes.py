"""The store: servers, mailboxes, folders, items, and the numbers that Exchange gives them.

Knows what holds what and what changes when an item comes, goes or is altered.  Knows no property name (that is
`properties`), no verb and no HTTP.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from simulator.webdav.locks import Locks
from simulator.webdav.subscriptions import Subscriptions
from simulator.webdav.values import Value
from simulator.world import names
from simulator.world.attendance import Circle
from simulator.world.clock import now, now_utc
from simulator.world.languages import FOLDER_CLASSES, FOLDER_NAMES, ZONES, Role
from simulator.world.tally import Kind, Tally

#: Folders that only programs see; its root-like properties serve delegates (evolution-exchange, docs/other-users).
NON_IPM_SUBTREE = "NON_IPM_SUBTREE"


@dataclass(frozen=True, slots=True)
class Person:
    """A name and its SMTP address."""

    name: str
    address: str

    def __str__(self) -> str:
        return f'"{self.name}" <{self.address}>'


@dataclass(frozen=True, slots=True)
class SeriesException:
    """One instance of a series that somebody moved to other times, or deleted; all in UTC."""

    #: When it would start by the rule.
    original: datetime
    #: None where it was deleted.
    start: datetime | None = None
    end: datetime | None = None
    #: What was agreed for it alone; None where all but its times is as in the series.
    own: "Meeting | None" = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """What a meeting message and a calendar item say about the meeting."""

    uid: str
    organizer: Person
    start: datetime
    end: datetime
    location: str = ""
    method: str | None = None
    sequence: int = 0
    response_requested: bool = True
    rrule: str | None = None
    #: 0 none, 1 organizer, 2 tentative, 3 accepted, 4 declined, 5 not responded (dispidResponseStatus).
    response_status: int = 5
    #: Whether a tentative response proposes another time (PidLidAppointmentCounterProposal).
    counter_proposal: bool = False
    #: The IANA name of the zone whose clock a series follows.
    zone: str = "UTC"
    exceptions: tuple[SeriesException, ...] = ()
    all_day: bool = False
    #: What the organizer wants it to show as: 0 free, 1 tentative, 2 busy, 3 out of office (PidLidIntendedBusyStatus).
    busy: int = 2
    #: Of an occurrence of a series: 2 where it is as the rule has it, 3 where it is an exception.
    instance_type: int | None = None
    #: When an occurrence would start by the rule.
    recurrence_id: datetime | None = None
    #: When this edition was written; None for when the message came.
    stamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """The MIME text that a client stored, and what its header says beyond the fields of a message."""

    octets: bytes
    to: str = ""
    cc: str = ""
    message_id: str | None = None
    has_attachment: bool = False


@dataclass(slots=True)
class Message:
    """What an item is made of before it has a place in the store."""

    message_class: str
    content_class: str
    subject: str
    sender: Person
    recipient: Person
    received: datetime
    meeting: Meeting | None = None
    read: bool = False
    private: bool = False
    #: Whom the message was meant for, when a rule forwarded it to this mailbox as the delegate.
    received_for: Person | None = None
    #: Who has sent it on the sender's behalf: the Sender of a mail, beside its From.
    sent_by: Person | None = None
    #: Who else is invited, beside the recipient: in To, and in Cc.
    others: tuple[Person, ...] = ()
    optional: tuple[Person, ...] = ()
    #: Written by a client and not sent yet (MSGFLAG_UNSENT); what lies in Drafts is so without this.
    unsent: bool = False
    #: Whether it came by mail: then the machine that delivered it has stamped it, by a clock of its own.
    delivered: bool = False
    #: What a client stored; None for messages made up here.
    source: Source | None = None


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
    #: What PROPPATCH wrote, by canonical name; None is a property it removed.
    patches: dict[str, Value | None] | None = None
    #: What happened to the seeded message that this item is.
    tally: Tally | None = None
    #: What happened to the seeded request that this draft answers.
    answers: Tally | None = None

    @property
    def mailbox(self) -> "Mailbox":
        """The mailbox that holds the item."""
        return self.folder.mailbox

    @property
    def href_path(self) -> str:
        """The percent-encoded path of the item."""
        return f"{self.folder.path}/{names.encode(self.name)}"


class Folder:
    """A folder of a mailbox; the mailbox root is the one without a parent."""

    def __init__(self, mailbox: "Mailbox", parent: "Folder | None", name: str, role: Role | None) -> None:
        self.mailbox = mailbox
        self.parent = parent
        self.name = name
        self.role = role
        #: Percent-encoded, without a slash at the end.
        self.path: str = f"{parent.path if parent else '/exchange'}/{names.encode(name)}"
        self.folder_class = FOLDER_CLASSES.get(role, "IPF.Note") if role else None
        self.hidden = name == NON_IPM_SUBTREE
        self.children: dict[str, Folder] = {}
        #: Oldest first, by casefolded name: URLs are case-insensitive.
        self.items: dict[str, Item] = {}
        self.serial = mailbox.world.next_number()
        self.change = self.serial
        self.modified = mailbox.world.created
        self.patches: dict[str, Value | None] | None = None
        #: The number that the next article gets; one less have arrived so far.
        self.article_to_come = 1
        #: How many items have left.
        self.departures = 0

    @property
    def href_path(self) -> str:
        """The path in the href of a folder: there, and only there, it ends with a slash."""
        return self.path + "/"

    def child(self, name: str) -> "Folder | Item | None":
        """The folder or item of this name, in any case."""
        key = name.casefold()
        found = self.children.get(key) or self.items.get(key)
        return self.mailbox.aliases.get(key) if found is None and self.parent is None else found

    def below(self) -> Iterator["Folder"]:
        """All folders below this one, parents first."""
        for folder in self.children.values():
            yield folder
            yield from folder.below()

    def touched(self, change: int, moment: datetime) -> None:
        """Note that the content changed; `repl:contenttag` shows it."""
        self.change, self.modified = change, moment

    def next_article(self) -> int:
        """A number higher than any this folder has given."""
        self.article_to_come += 1
        return self.article_to_come - 1

    def place(self, parent: "Folder", name: str) -> None:
        """Hang the folder below `parent` under this name; the addresses of all that is below follow."""
        if self.parent is not None:
            self.parent.children.pop(self.name.casefold(), None)
        self.parent, self.name = parent, name
        parent.children[name.casefold()] = self
        self.path = f"{parent.path}/{names.encode(name)}"
        for folder in self.below():
            folder.path = f"{folder.parent.path if folder.parent else ''}/{names.encode(folder.name)}"


class Mailbox:
    """One mailbox on its home server, with the well-known folders in its language."""

    def __init__(self, world: "World", name: str, owner: Person, language: str, server: int) -> None:
        self.world = world
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
        #: By number, for addresses in `-FlatUrlSpace-`.
        self.by_serial: dict[int, Item] = {}
        self.root = Folder(self, None, name, None)
        self.folders: dict[Role, Folder] = {}
        for role, folder_name in FOLDER_NAMES[language].items():
            self.folders[role] = self.add_folder(self.root, folder_name, role)
        self.add_folder(self.root, NON_IPM_SUBTREE, None)

    def moment(self) -> datetime:
        """The time by the clock of its server."""
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


@dataclass(slots=True)
class Seeded:
    """A message the population began with: what the oracle says about it even when it is gone."""

    mailbox: Mailbox
    kind: Kind
    message: Message
    tally: Tally
    #: Whether a newer edition of the meeting came to this mailbox: nobody should answer this one any more.
    outdated: bool = False
    #: Why nobody may answer it, or send or discard it where it is a draft; '' where one may.
    why: str = ""

    @property
    def edition(self) -> str:
        """The meeting or occurrence, and which edition of it: the same for all copies of a message."""
        meeting = self.message.meeting
        if meeting is None:
            return ""
        moments = (meeting.recurrence_id, meeting.stamp or self.message.received)
        occurrence, stamp = (f"{moment:%Y%m%dT%H%M%S.%fZ}" if moment else "" for moment in moments)
        return f"{meeting.uid}/{occurrence}/{meeting.sequence}/{stamp}"


@dataclass(slots=True)
class World:
    """Every mailbox of every server, and the counters they share."""

    #: 32 hex digits per server: the first half of every repl-uid.
    replicas: list[str]
    #: The date the made-up past ends at: part of the population, unlike `seeded_at`.
    created: datetime
    #: Epoch seconds when this process filled the mailboxes.
    seeded_at: float = field(default_factory=now)
    mailboxes: list[Mailbox] = field(default_factory=list)
    seeded: list[Seeded] = field(default_factory=list)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    locks: Locks = field(default_factory=Locks)
    #: The uids of requests that took the name of another.
    newcomers: set[str] = field(default_factory=set)
    #: The meetings whose organizers are here, and the responses that reached them.
    circle: Circle = field(default_factory=Circle)
    _by_name: dict[tuple[int, str], Mailbox] = field(default_factory=dict)
    #: By what else leads to it: the address of its owner, and what stands before its @.
    _by_address: dict[tuple[int, str], Mailbox] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(0x1000))

    def next_number(self) -> int:
        """The next store-wide number, for an item or a change."""
        return next(self._numbers)

    def add_mailbox(self, mailbox: Mailbox) -> None:
        """Let its home server, and no other, answer for a mailbox."""
        self.mailboxes.append(mailbox)
        self._by_name[mailbox.server, mailbox.name.casefold()] = mailbox
        address = mailbox.owner.address.casefold()
        for name in (address, address.partition("@")[0]):
            self._by_address.setdefault((mailbox.server, name), mailbox)

    def mailbox(self, server: int, name: str) -> Mailbox | None:
        """The mailbox of this name or address, if this server is its home.

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
        item = Item(message, folder, name, number, folder.next_article(), number, moment)
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
        twin.tally, twin.answers = item.tally, item.answers
        return twin

    def move(self, item: Item, folder: Folder, wanted_name: str) -> Item:
        """Move an item: it comes out with a new number, so repl-uid and permanenturl change."""
        self.remove(item)
        return self.copy(item, folder, wanted_name)

    def changed(self, item: Item) -> None:
        """Note that an item was altered: its ETag and its folder's contenttag change."""
        item.change = self.next_number()
        item.modified = item.mailbox.moment()
        item.folder.touched(item.change, item.modified)
