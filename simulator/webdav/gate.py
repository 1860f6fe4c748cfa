"""Handle requests before their verb: filters, redirects, rights, and the host of written URLs.

URLScan refuses `%` (after decoding once) and `&`, IIS 7 what is escaped twice and `+` (404.11); both without Exchange's
headers.  Exchange 2007 has no OWA below /exchange (MSDN bb885041).
"""

from urllib.parse import quote, unquote

from simulator.serving.http import HttpError, Request, Response, error_page
from simulator.webdav.address import Address
from simulator.webdav.behavior import WebdavBehavior

#: What a back-end server calls itself.
INTERNAL_ORIGIN = "http://exbe01.corp.internal"


def written_origin(behavior: WebdavBehavior, request: Request) -> str | None:
    """Return scheme and host of the URLs in an answer; None if they are those of the request."""
    match behavior.hrefs:
        case "internal-host":
            return INTERNAL_ORIGIN
        case "other-scheme":
            return ("http://" if request.secure else "https://") + request.host
        case "relative":
            return ""
    if behavior.front_end_https == "honored" and request.headers.get("front-end-https", "").casefold() == "on":
        return "https://" + request.host
    return None


def filtered(behavior: WebdavBehavior, request: Request) -> Response | None:
    """Return the answer of a filter in front of Exchange."""
    path = request.path
    match behavior.url_filter:
        case "urlscan":
            refused = any(mark in unquote(path) for mark in ("%", "&", "..", "./", "\\"))
        case "iis7":
            refused = "+" in unquote(path) or unquote(path) != unquote(unquote(path)) or "%25" in path
        case _:
            return None
    if not refused:
        return None
    page = error_page(404)
    page.seen_by_exchange = False
    return page


def checked(behavior: WebdavBehavior, request: Request, address: Address | None) -> Response | None:
    """Return an answer if the verb is not reached; HttpError 403 if rights are missing."""
    browses = request.method in {"GET", "POST"} and not request.says("translate", "f")
    if behavior.version == "2007" and browses and address is not None:
        return Response(302, headers=(("Location", _owa(behavior, request)),))
    if behavior.root_access == "non-ipm-only" and address is not None and not address.below:
        raise HttpError(403)
    return None


def _owa(behavior: WebdavBehavior, request: Request) -> str:
    if behavior.owa_2007 == "owa":
        return f"{request.origin}/owa/"
    asked = request.origin + request.path + ("?" + request.query if request.query else "")
    return f"{request.origin}/owa/?ae=Folder&t=IPF.Note&url={quote(asked, safe='')}"
