"""The arguments of a verb: the request, its address, and a callback for what happened."""

from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.serving.http import HttpError, Request, Response
from simulator.webdav.address import Address
from simulator.webdav.behavior import WebdavBehavior
from simulator.webdav.memory import Memory
from simulator.world.clock import now_utc
from simulator.world.mailboxes import Item, Mailbox, Resource
from simulator.world.messages import Message, blank
from simulator.world.state import World


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request to a mailbox that lives on this server."""

    request: Request
    address: Address
    world: World
    server: int
    behavior: WebdavBehavior
    #: Tells the oracle that work was done in a mailbox that the operator's pace applies to.
    operation: Callable[[Mailbox, float], None]
    memory: Memory = field(default_factory=Memory)

    def resource(self) -> Resource:
        """Return the resource of the URL; 404 if there is none."""
        resource = self.address.resource()
        if resource is None:
            raise HttpError(404)
        return resource

    def item(self) -> Item:
        """Return the item of the URL; 403 for a folder, which this verb does not act on."""
        resource = self.resource()
        if not isinstance(resource, Item):
            raise HttpError(403)
        return resource

    def blank(self) -> Message:
        """Return an empty new item of this mailbox."""
        return blank(self.address.mailbox.owner, now_utc(), read=self.behavior.new_items == "read")


Verb = Callable[[Call], Response]
