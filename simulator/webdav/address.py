"""From a URL path to what it names, on one server.

A path is decoded once and compared without case.  An item has two addresses: folder and name, or its number below
`-FlatUrlSpace-`; the second dies when the item moves (evolution-exchange, docs/entryids).
"""

import re
from dataclasses import dataclass

from simulator.serving.http import HttpError, Request, split_origin
from simulator.webdav import urls
from simulator.world.mailboxes import Folder, Mailbox, Resource
from simulator.world.state import World

_EXCHANGE = "exchange"
_BY_NUMBER = re.compile(r"[0-9a-f]{32}-([0-9a-f]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox of this server, and the names below its root."""

    mailbox: Mailbox
    below: tuple[str, ...]
    #: The name that the mailbox was asked for by, which may be another than its own.
    asked: str = ""

    @property
    def by_another_name(self) -> bool:
        """Whether it was asked for by an alias or an address that is not its own name."""
        return self.asked.casefold() not in {"", self.mailbox.name.casefold()}

    @property
    def permanent(self) -> bool:
        """Whether it names by number."""
        return bool(self.below) and self.below[0].casefold() == urls.FLAT_URL_SPACE.casefold()

    def resource(self) -> Resource | None:
        """Return the folder or item at the address."""
        if self.permanent:
            return self._by_number()
        found: Resource | None = self.mailbox.root
        for name in self.below:
            if not isinstance(found, Folder):
                return None
            found = found.child(name)
        return found

    @property
    def submits(self) -> bool:
        """Whether it is the submission URI."""
        return bool(self.below) and self.below[0].casefold() == urls.SUBMISSION.casefold()

    def place(self) -> "Place | None":
        """Return the folder and the name of a new resource; None without a parent folder."""
        if self.permanent or self.submits or not self.below:
            return None
        parent = Address(self.mailbox, self.below[:-1]).resource()
        return Place(parent, self.below[-1]) if isinstance(parent, Folder) else None

    def _by_number(self) -> Resource | None:
        numbers = [int(match[1], 16) for name in self.below[1:] if (match := _BY_NUMBER.fullmatch(name))]
        if len(numbers) != len(self.below) - 1 or not numbers:
            return None
        folder = next((folder for folder in self.mailbox.root.below() if folder.serial == numbers[0]), None)
        if folder is None or len(numbers) == 1:
            return folder
        item = self.mailbox.by_serial.get(numbers[1])
        return item if item is not None and item.folder is folder else None


@dataclass(frozen=True, slots=True)
class Submission:
    """The destination that sends: nothing is stored there."""


@dataclass(frozen=True, slots=True)
class Place:
    """The destination of a move or copy: a name in a folder."""

    folder: Folder
    name: str


def locate(world: World, server: int, path: str) -> Address | None:
    """Return the address of a path; None if this server does not have the mailbox."""
    segments = urls.split_path(path)
    if len(segments) <= 1 or segments[0].casefold() != _EXCHANGE:
        return None
    mailbox = world.mailbox(server, segments[1])
    return None if mailbox is None else Address(mailbox, segments[2:], segments[1])


def scope_folder(world: World, server: int, url: str) -> Folder:
    """Return the folder of a SCOPE: URL or path, percent-encoded, or already decoded as DavMail sends it."""
    path = split_origin(url)[1].encode().decode("latin-1")
    # A name that holds a real `%` must not be decoded if it was never encoded, so the literal reading is tried as well.
    for spelling in (path, path.replace("%", "%25")):
        address = locate(world, server, spelling)
        resource = address.resource() if address else None
        if isinstance(resource, Folder):
            return resource
    raise HttpError(404)


def destination(request: Request, world: World, server: int, source: Resource) -> Submission | Place:
    """Return the target of a Destination header; it must be in the mailbox of the source."""
    header = request.headers.get("destination")
    if not header:
        raise HttpError(400)
    # Never cut at `#`: scripts send the submission URI with its `##` raw (MSXML, evolution-exchange).
    host, path = split_origin(header)
    if host is not None and host.casefold() != request.host.casefold():
        raise HttpError(502)
    target = locate(world, server, path)
    if target is None or not target.below or target.permanent:
        raise HttpError(409)
    if target.mailbox is not source.mailbox:
        raise HttpError(403)
    if target.submits:
        return Submission()
    return _place(target)


def _place(target: Address) -> Place:
    place = target.place()
    # The destination is the item's new URL.  A folder's own URL would mean to replace the folder, which has children.
    if place is None or place.name.casefold() in place.folder.children:
        raise HttpError(409)
    return place
