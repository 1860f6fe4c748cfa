"""BMOVE, BCOPY, BDELETE, BPROPFIND and BPROPPATCH: a verb for many targets in one request.

Each target is done as its plain verb would do it, whatever becomes of the others.  One target gets the plain answer,
several a 207 (evolution-exchange, docs/http; MSDN ms877286, aa142722, aa142712, aa142716).
"""

from collections.abc import Iterator
from dataclasses import replace

from simulator.serving.http import HttpError, Response, split_origin
from simulator.webdav import urls
from simulator.webdav.address import locate
from simulator.webdav.answers.multistatus import ValueRows, names_answer
from simulator.webdav.answers.outcomes import Outcome, outcomes_answer, with_outcomes
from simulator.webdav.call import Call, Verb
from simulator.webdav.properties.items import ALL_NAMES
from simulator.webdav.request_xml import PropertyChange, Target, batch_targets, property_changes, requested_names
from simulator.webdav.search.query import columns_of
from simulator.webdav.verbs.lock import unlocked
from simulator.webdav.verbs.proppatch import apply_changes
from simulator.webdav.verbs.transfer import copy, delete, move
from simulator.world.mailboxes import Resource

#: MSDN ms877286: more than this in one request is refused.
_MOST_TARGETS = 100
_FIRST_ERROR = 400


def bmove(call: Call) -> Response:
    """Move each target into the folder of the Destination header, or to a destination of its own."""
    return _each(call, "move", unlocked(move))


def bcopy(call: Call) -> Response:
    """Copy each target, as BMOVE moves it."""
    return _each(call, "copy", copy)


def bdelete(call: Call) -> Response:
    """Delete each target."""
    return _each(call, "delete", unlocked(delete))


def bpropfind(call: Call) -> Response:
    """Answer 207 with the properties of all targets; one that is missing has a status of its own."""
    targets = _targets(call, "propfind")
    wanted = requested_names(call.request.body)
    brief = call.request.says("brief", "t") or not wanted
    rows = ValueRows(columns_of(wanted or ALL_NAMES), call.request.origin, brief=brief, behavior=call.behavior)
    found = [(url, _resource(call, target)) for target, url in _with_urls(call, targets)]
    missing = [Outcome(url, 404) for url, resource in found if resource is None]
    return with_outcomes(rows.answer(resource for _, resource in found if resource is not None), missing)


def bproppatch(call: Call) -> Response:
    """Write the same properties to all targets; with `Brief: t` nothing is said when all went well."""
    targets = _targets(call, "propertyupdate")
    changes = property_changes(call.request.body)
    outcomes = []
    for target, url in _with_urls(call, targets):
        resource = _resource(call, target)
        outcomes.append(Outcome(url, _patched(call, resource, changes)))
    failed = any(outcome.status >= _FIRST_ERROR for outcome in outcomes)
    if call.request.says("brief", "t") and not failed:
        return Response(200)
    if len(outcomes) == 1 and not failed:
        names = [change.name for change in changes]
        return names_answer(outcomes[0].url, names, behavior=call.behavior)
    return outcomes_answer(outcomes)


def _patched(call: Call, resource: Resource | None, changes: list[PropertyChange]) -> int:
    if resource is None:
        return 404
    if call.memory.locks.bars(resource.serial, call.request.headers.get("if", "")):
        return 423
    apply_changes(call, resource, changes)
    return 200


def _each(call: Call, root: str, verb: Verb) -> Response:
    targets = _targets(call, root)
    answers = [(url, _done(call, target, verb)) for target, url in _with_urls(call, targets)]
    if len(answers) == 1:
        return answers[0][1]
    if call.behavior.batch_successes == "left-out":
        answers = [(url, answer) for url, answer in answers if answer.status >= _FIRST_ERROR]
        if not answers:
            return Response(200)
    return outcomes_answer([Outcome(url, answer.status, _location(answer)) for url, answer in answers])


def _targets(call: Call, root: str) -> list[Target]:
    call.resource()
    targets = batch_targets(call.request.body, root)
    if not 0 < len(targets) <= _MOST_TARGETS:
        raise HttpError(400)
    return targets


def _with_urls(call: Call, targets: list[Target]) -> Iterator[tuple[Target, str]]:
    for target in targets:
        yield target, call.request.origin + _path(call, target.href)


def _path(call: Call, href: str) -> str:
    """Return the path of a target: a URL, a path, or a name below the URL of the request."""
    path = split_origin(href)[1]
    return path if path.startswith("/") else f"{call.request.path.rstrip('/')}/{path}"


def _aimed(call: Call, target: Target) -> Call | None:
    """Return the call for this target alone; None if it is in another mailbox."""
    path = _path(call, target.href).encode().decode("latin-1")
    address = locate(call.world, call.server, path)
    if address is None or address.mailbox is not call.address.mailbox:
        return None
    return replace(call, request=replace(call.request, path=path), address=address)


def _resource(call: Call, target: Target) -> Resource | None:
    aimed = _aimed(call, target)
    return aimed.address.resource() if aimed else None


def _done(call: Call, target: Target, verb: Verb) -> Response:
    aimed = _aimed(call, target)
    resource = aimed.address.resource() if aimed else None
    if aimed is None or resource is None:
        return Response(404)
    wanted = target.destination or call.request.headers.get("destination", "")
    if wanted and not target.destination and not _submits(wanted):
        wanted = f"{wanted.rstrip('/')}/{urls.encode(resource.name)}"
    headers = {**aimed.request.headers, "destination": wanted}
    try:
        return verb(replace(aimed, request=replace(aimed.request, headers=headers)))
    except HttpError as error:
        return Response(error.status)


def _submits(url: str) -> bool:
    path = split_origin(url)[1].encode().decode("latin-1", "replace")
    return any(name.casefold() == urls.SUBMISSION.casefold() for name in urls.split_path(path))


def _location(answer: Response) -> str | None:
    return dict(answer.headers).get("Location")
