"""LOCK and UNLOCK, and what a lock keeps others from.

Exchange lists both in OPTIONS (MSDN, "WebDAV Locking"; class 2 of RFC 2518); what it answers in detail is the RFC's.
"""

import re

from simulator.serving.http import HttpError, Response
from simulator.webdav.call import Call, Verb
from simulator.webdav.locks import Lock
from simulator.webdav.request_xml import lock_wish

#: Seconds that a lock lives where nobody says, and at most.
_USUAL, _LONGEST = 180, 86_400
_TIMEOUT = re.compile(r"second-([0-9]{1,10})", re.IGNORECASE)


def lock(call: Call) -> Response:
    """Lock: 200 with the token, 423 if another lock is in force; without a body, renew the lock in the If header."""
    resource, seconds = call.resource(), _seconds(call.request.headers.get("timeout", ""))
    locks = call.memory.locks
    if not call.request.body.strip():
        renewed = locks.renew(resource.serial, call.request.headers.get("if", ""), seconds)
        if renewed is None:
            raise HttpError(412)
        return _answer(renewed)
    wish = lock_wish(call.request.body)
    replica = call.world.replicas[call.server]
    taken = locks.take(resource.serial, replica, wish.owner, seconds, shared=wish.shared)
    if taken is None:
        raise HttpError(423)
    return _answer(taken)


def unlock(call: Call) -> Response:
    """Unlock: 204, and 409 for a token of another resource."""
    token = call.request.headers.get("lock-token", "").strip().removeprefix("<").removesuffix(">")
    if not call.memory.locks.release(call.resource().serial, token):
        raise HttpError(409)
    return Response(204)


def unlocked(verb: Verb) -> Verb:
    """Wrap a verb so that it needs the lock of what it changes, if there is one; else 423."""

    def run(call: Call) -> Response:
        resource = call.address.resource()
        if resource is not None and call.memory.locks.bars(resource.serial, call.request.headers.get("if", "")):
            raise HttpError(423)
        return verb(call)

    return run


def _seconds(header: str) -> int:
    asked = _TIMEOUT.search(header)
    if asked is not None:
        return min(int(asked[1]), _LONGEST)
    return _LONGEST if "infinite" in header.casefold() else _USUAL


def _answer(lock: Lock) -> Response:
    scope = "shared" if lock.shared else "exclusive"
    owner = lock.owner.replace("&", "&amp;").replace("<", "&lt;")
    body = (
        '<?xml version="1.0"?><a:prop xmlns:a="DAV:"><a:lockdiscovery><a:activelock>'
        f"<a:locktype><a:write/></a:locktype><a:lockscope><a:{scope}/></a:lockscope><a:owner>{owner}</a:owner>"
        f"<a:depth>0</a:depth><a:timeout>Second-{lock.seconds}</a:timeout>"
        f"<a:locktoken><a:href>{lock.token}</a:href></a:locktoken></a:activelock></a:lockdiscovery></a:prop>"
    )
    return Response(200, body.encode(), "text/xml", (("Lock-Token", f"<{lock.token}>"),))
