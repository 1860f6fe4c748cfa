"""GET: Outlook Web Access for a browser, the message itself for a program that says `Translate: f`.

A command is a GET with an effect, and only for a browser: `Translate: f` makes the same URL a plain download
(evolution-exchange, docs/http).
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

from simulator.mime.writer import rfc822
from simulator.serving.http import Damage, Ending, HttpError, Request, Response
from simulator.webdav.call import Call
from simulator.webdav.owa import pages
from simulator.webdav.owa.directory import find_people
from simulator.webdav.urls import href_path
from simulator.world.answering import NotARequestError, Verdict, answer, open_item
from simulator.world.mailboxes import Folder, Item, Resource
from simulator.world.responses import enter

_OPEN = "open"
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


def command(request: Request) -> str | None:
    """Return the OWA command of a GET in lower case; neither name nor value of `Cmd` has a case."""
    if request.method != "GET" or not request.query or request.says("translate", "f"):
        return None
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        if name.casefold() == "cmd":
            return value.casefold()
    return None


def is_operation(name: str | None) -> bool:
    """Return whether a command counts against the pace that an operator promised for a mailbox."""
    return name == _OPEN or name in _VERDICTS


def get(call: Call) -> Response:
    """Answer a page or a message, after what the command, if any, did; by a switch a command's answer is late."""
    name = command(call.request)
    if not is_operation(name):
        return _got(call, name)
    call.operation(call.address.mailbox, call.request.arrived)
    response = _got(call, name)
    if call.behavior.command_delay_ms:
        response.damage = Damage(Ending.WHOLE, call.behavior.command_delay_ms / 1000)
    return response


def _got(call: Call, name: str | None) -> Response:
    resource = call.resource()
    if call.request.says("translate", "f"):
        if isinstance(resource, Folder):
            raise HttpError(403)
        source = resource.message.source
        return Response(
            200, source.octets if source else rfc822(call.world, resource, call.behavior.request_text), "message/rfc822"
        )
    if is_operation(name) and call.address.permanent and not call.behavior.commands_on_permanent_urls:
        return pages.failed()
    if name in _VERDICTS:
        return _answered(call, resource, _VERDICTS[name])
    if name == _OPEN and isinstance(resource, Item):
        open_item(call.world, call.behavior, resource)
        enter(call.world, resource)
        return _opened(call, resource)
    if name in _PAGES:
        return _PAGES[name](call)
    return _shown(call, resource)


def _opened(call: Call, item: Item) -> Response:
    match call.behavior.open_answer:
        case "xml":
            return pages.as_xml(item)
        case "closing":
            return pages.closing()
        case _:
            return pages.message(item, _letter(call))


def _letter(call: Call) -> str:
    return pages.LURE if call.behavior.message_form else ""


def _shown(call: Call, resource: Resource) -> Response:
    if isinstance(resource, Item):
        return pages.message(resource, _letter(call))
    number = dict(_fields(call.request)).get("page", "1")
    return pages.folder(resource, call.request.origin, int(number) if number.isdecimal() and int(number) else 1)


def _fields(request: Request) -> list[tuple[str, str]]:
    return [(name.casefold(), value) for name, value in parse_qsl(request.query, keep_blank_values=True)]


_PAGES: dict[str | None, Callable[[Call], Response]] = {
    "galfind": lambda call: find_people(call.world, dict(_fields(call.request))),
    "options": lambda call: pages.options(call.address.mailbox),
    "logoff": lambda _call: pages.logged_off(),
}


def _answered(call: Call, resource: Resource, verdict: Verdict) -> Response:
    refusal = _REFUSALS.get(call.behavior.command_answer)
    if isinstance(resource, Folder) or refusal:
        return (refusal or pages.failed)()
    try:
        draft = answer(call.world, call.behavior, resource, verdict)
    except NotARequestError:
        return pages.failed()
    return _said(call, resource, draft)


_REFUSALS = {"error": pages.failed, "denied": pages.denied}


def _said(call: Call, request_item: Item, draft: Item | None) -> Response:
    match call.behavior.command_answer:
        case "error-after":
            return pages.failed()
        case "xml":
            return pages.as_xml(draft or request_item)
        case "redirect" if draft is not None:
            return Response(302, headers=(("Location", f"{call.request.origin}{href_path(draft)}?Cmd=edit"),))
        case "page" if draft is not None:
            return pages.composer(draft, call.request.origin, _letter(call))
        case _:
            return pages.closing()
