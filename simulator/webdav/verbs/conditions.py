"""If-Match and If-None-Match: whether a request may change what is there."""

from simulator.serving.http import HttpError, Request
from simulator.webdav.call import Call
from simulator.webdav.properties.items import etag
from simulator.world.mailboxes import Folder, Item


def check_conditions(call: Call, existing: Item | Folder | None) -> None:
    """Refuse the request with 412 if its condition does not hold, or if the server supports none."""
    if call.behavior.conditions == "ignored" or isinstance(existing, Folder):
        return
    stated = {"if-match", "if-none-match"} & set(call.request.headers)
    if (stated and call.behavior.conditions == "refused") or not _hold(call.request, existing):
        raise HttpError(412)


def _hold(request: Request, existing: Item | None) -> bool:
    unlike, like = request.headers.get("if-none-match"), request.headers.get("if-match")
    if unlike is not None and existing is not None and _names(unlike, existing):
        return False
    return like is None or (existing is not None and _names(like, existing))


def _names(condition: str, item: Item) -> bool:
    tags = {tag.strip() for tag in condition.split(",")}
    return "*" in tags or etag(item) in tags
