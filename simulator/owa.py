"""GET: Outlook Web Access for a browser, the message itself for a program that says `Translate: f`.

A command is a GET with an effect, and only for a browser: `Translate: f` makes the same URL a plain download
(evolution-exchange, docs/http).
"""

from urllib.parse import parse_qsl

from simulator import pages
from simulator.dav.call import Call
from simulator.http import HttpError, Request, Response
from simulator.meetings import NotARequestError, Verdict, answer, open_item
from simulator.mime import rfc822
from simulator.properties import Resource
from simulator.world import Folder, Item

_OPEN = "open"
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


def command(request: Request) -> str | None:
    """The OWA command of a GET, lower-case: neither the name nor the value of `Cmd` has a case."""
    if request.method != "GET" or not request.query or request.says("translate", "f"):
        return None
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        if name.casefold() == "cmd":
            return value.casefold()
    return None


def is_operation(name: str | None) -> bool:
    """Whether a command counts against the pace that an operator promised for a mailbox."""
    return name == _OPEN or name in _VERDICTS


def get(call: Call) -> Response:
    """Answer a page or a message, after what the command, if any, did."""
    name = command(call.request)
    if is_operation(name):
        call.operation(call.address.mailbox, call.request.arrived)
    resource = call.resource()
    if call.request.says("translate", "f"):
        if isinstance(resource, Folder):
            raise HttpError(403)
        return Response(200, rfc822(resource), "message/rfc822")
    if is_operation(name) and call.address.permanent and not call.behaviour.commands_on_permanent_urls:
        return pages.failed()
    if name in _VERDICTS:
        return _answered(call, resource, _VERDICTS[name])
    if name == _OPEN and isinstance(resource, Item):
        open_item(call.world, call.behaviour, resource)
    return pages.folder(resource, call.request.origin) if isinstance(resource, Folder) else pages.message(resource)


def _answered(call: Call, resource: Resource, verdict: Verdict) -> Response:
    if isinstance(resource, Folder):
        return pages.failed()
    try:
        draft = answer(call.world, call.behaviour, resource, verdict)
    except NotARequestError:
        return pages.failed()
    if draft is None:
        return pages.closing()
    if call.behaviour.command_answer == "redirect":
        return Response(302, headers=(("Location", f"{call.request.origin}{draft.href_path}?Cmd=edit"),))
    return pages.composer(draft, call.request.origin)
