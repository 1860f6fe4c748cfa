"""Which verb is answered by which function; a new verb is one line here and one file beside it."""

from simulator.dav.batch import bcopy, bdelete, bmove, bpropfind, bproppatch
from simulator.dav.call import Call, Verb
from simulator.dav.lock import lock, unlock, unlocked
from simulator.dav.mkcol import mkcol
from simulator.dav.propfind import propfind
from simulator.dav.proppatch import proppatch
from simulator.dav.put import put
from simulator.dav.search import search
from simulator.dav.subscribe import poll, subscribe, unsubscribe
from simulator.dav.transfer import copy, delete, move
from simulator.http import Response
from simulator.owa import get
from simulator.owa_post import post


def options(_call: Call) -> Response:
    """What this resource can do."""
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
