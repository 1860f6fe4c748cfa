"""SUBSCRIBE, POLL and UNSUBSCRIBE (MSDN aa143117, aa142950, aa565361): what a client can ask instead of searching."""

from simulator.serving.http import HttpError, Response
from simulator.webdav.answers.outcomes import Outcome, outcomes_answer
from simulator.webdav.call import Call
from simulator.webdav.subscriptions import DEFAULT_LIFETIME_S, Kind, Subscription
from simulator.webdav.urls import path_of
from simulator.world.mailboxes import Folder


def subscribe(call: Call) -> Response:
    """Subscribe: 200 with the id; an id in the request is renewed, 412 if it is unknown."""
    if "subscription-id" in call.request.headers:
        return _renewed(call)
    folder = call.resource()
    if call.address.permanent or not isinstance(folder, Folder):
        raise HttpError(403)
    if call.request.headers.get("depth", "0").casefold() not in {"0", "1"}:
        raise HttpError(400)
    try:
        kind = Kind(call.request.headers.get("notification-type", "").casefold())
    except ValueError:
        raise HttpError(400) from None
    return _granted(call, call.memory.subscriptions.add(folder, kind, _lifetime(call)))


def poll(call: Call) -> Response:
    """Poll: a 207 with 200 for each subscription with news, 204 for the others; 412 for an unknown one."""
    subscriptions = _named(call)
    origin = call.request.origin
    return outcomes_answer(
        Outcome(origin + path_of(one.folder), 200 if one.happened() else 204, subscription=one.id)
        for one in subscriptions
    )


def unsubscribe(call: Call) -> Response:
    """Unsubscribe: 200 once they are removed; 412 for an unknown one."""
    for subscription in _named(call):
        call.memory.subscriptions.end(subscription.id)
    return Response(200)


def _renewed(call: Call) -> Response:
    if {"notification-type", "depth", "call-back"} & call.request.headers.keys():
        raise HttpError(400)
    (subscription, *_) = _named(call)
    return _granted(call, subscription)


def _granted(call: Call, subscription: Subscription) -> Response:
    headers = (
        ("Subscription-Id", str(subscription.id)),
        ("Subscription-Lifetime", str(subscription.lifetime_s)),
        ("Content-Location", call.request.origin + path_of(subscription.folder)),
    )
    return Response(200, headers=headers)


def _named(call: Call) -> list[Subscription]:
    named = [part.strip() for part in call.request.headers.get("subscription-id", "").split(",")]
    if not all(part.isascii() and part.isdigit() for part in named):
        raise HttpError(400)
    found = [call.memory.subscriptions.find(int(part)) for part in named]
    known = [one for one in found if one is not None and one.folder.mailbox is call.address.mailbox]
    if len(known) != len(found):
        raise HttpError(int(call.behavior.subscription_unknown))
    return known


def _lifetime(call: Call) -> int:
    text = call.request.headers.get("subscription-lifetime", "")
    return int(text) if text.isascii() and text.isdigit() and int(text) else DEFAULT_LIFETIME_S
