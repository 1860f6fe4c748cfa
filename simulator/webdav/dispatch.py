"""Which verb is answered by which function; a new verb is one line here and one file beside it."""

from simulator.serving.http import Response
from simulator.webdav.call import Call, Verb
from simulator.webdav.owa.commands import get
from simulator.webdav.owa.forms import post
from simulator.webdav.search.verb import search
from simulator.webdav.verbs.batch import bcopy, bdelete, bmove, bpropfind, bproppatch
from simulator.webdav.verbs.lock import lock, unlock, unlocked
from simulator.webdav.verbs.mkcol import mkcol
from simulator.webdav.verbs.propfind import propfind
from simulator.webdav.verbs.proppatch import proppatch
from simulator.webdav.verbs.put import put
from simulator.webdav.verbs.subscribe import poll, subscribe, unsubscribe
from simulator.webdav.verbs.transfer import copy, delete, move


def options(_call: Call) -> Response:
    """Return the verbs and headers that this resource supports."""
    verbs = ", ".join(sorted(VERBS))
    return Response(200, headers=(("DAV", "1, 2"), ("Allow", verbs), ("Public", verbs), ("Accept-Ranges", "rows")))


VERBS: dict[str, Verb] = {
    "OPTIONS": options,
    "GET": get,
    "HEAD": get,
    "POST": post,
    "PUT": unlocked(put),
    "MKCOL": mkcol,
    "PROPFIND": propfind,
    "PROPPATCH": unlocked(proppatch),
    "SEARCH": search,
    "BMOVE": bmove,
    "BCOPY": bcopy,
    "BDELETE": bdelete,
    "BPROPFIND": bpropfind,
    "BPROPPATCH": bproppatch,
    "SUBSCRIBE": subscribe,
    "POLL": poll,
    "UNSUBSCRIBE": unsubscribe,
    "MOVE": unlocked(move),
    "COPY": copy,
    "DELETE": unlocked(delete),
    "LOCK": lock,
    "UNLOCK": unlock,
}
