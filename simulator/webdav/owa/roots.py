"""Pages outside the mailboxes: the one that names a person's own mailbox, and /public.

Knows who asks by name only; whether it was really them has been settled before.
"""

from urllib.parse import parse_qs

from simulator.serving.http import HttpError, Request, Response
from simulator.webdav.owa import pages
from simulator.webdav.owa.directory import free_busy
from simulator.world.directory import home_of
from simulator.world.state import World

_HOME, _PUBLIC = "exchange", "public"


def outside(world: World, server: int, user: str, request: Request) -> Response:
    """Answer a request for what is not in a mailbox of this server."""
    path = request.path.casefold().strip("/")
    if request.method not in {"GET", "HEAD"} or request.says("translate", "f"):
        raise HttpError(404)
    if path == _HOME:
        mailbox = home_of(world, server, user)
        if mailbox is not None:
            return pages.folder(mailbox.root, request.origin)
    query = {name.casefold(): values for name, values in parse_qs(request.query).items()}
    if path == _PUBLIC and query.get("cmd", [""])[0].casefold() == "freebusy":
        return free_busy(world, query)
    raise HttpError(404)
