"""Which verb is answered by which function; a new verb is one line here and one file beside it."""

from simulator.dav.call import Call, Verb
from simulator.dav.propfind import propfind
from simulator.dav.proppatch import proppatch
from simulator.dav.search import search
from simulator.dav.transfer import copy, delete, move
from simulator.http import Response
from simulator.owa import get


def options(_call: Call) -> Response:
    """What this resource can do."""
    verbs = ", ".join(sorted(VERBS))
    return Response(200, headers=(("DAV", "1, 2"), ("Allow", verbs), ("Public", verbs), ("Accept-Ranges", "rows")))


VERBS: dict[str, Verb] = {
    "OPTIONS": options,
    "GET": get,
    "HEAD": get,
    "PROPFIND": propfind,
    "PROPPATCH": proppatch,
    "SEARCH": search,
    "MOVE": move,
    "COPY": copy,
    "DELETE": delete,
}
