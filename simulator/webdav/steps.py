"""The step of a client that a request belongs to."""

from urllib.parse import unquote

from simulator.serving.auth.dialects import LOGIN_PATHS
from simulator.serving.faults import Step
from simulator.serving.http import Request
from simulator.webdav.owa.commands import command
from simulator.webdav.urls import SUBMISSION

_STEPS = {
    "PROPFIND": Step.PROPFIND,
    "BPROPFIND": Step.PROPFIND,
    "SEARCH": Step.SEARCH,
    "PROPPATCH": Step.PROPPATCH,
    "BPROPPATCH": Step.PROPPATCH,
    "MOVE": Step.MOVE,
    "BMOVE": Step.MOVE,
    "COPY": Step.MOVE,
    "BCOPY": Step.MOVE,
    "DELETE": Step.DELETE,
    "BDELETE": Step.DELETE,
    "GET": Step.GET,
    "HEAD": Step.GET,
}
_COMMANDS = {"accept": Step.ACCEPT, "decline": Step.ACCEPT, "tentative": Step.ACCEPT, "open": Step.OPEN}
_SUBMISSION = SUBMISSION.casefold()
_READING_VERBS = frozenset({"OPTIONS", "PROPFIND", "BPROPFIND", "SEARCH", "HEAD", "SUBSCRIBE", "POLL", "UNSUBSCRIBE"})


def step_of(request: Request) -> Step | None:
    """Return the step of a request; None for verbs that only `any` covers."""
    path = request.path.casefold()
    if path in LOGIN_PATHS:
        return Step.LOGIN
    target = request.headers.get("destination", path if request.method in ("PUT", "POST", "PROPPATCH") else "")
    if target and _SUBMISSION in unquote(target).casefold():
        return Step.SUBMIT
    return _COMMANDS.get(command(request) or "") or _STEPS.get(request.method)


def is_mutating(request: Request) -> bool:
    """Return whether a request is one that changes something."""
    if request.method == "GET":
        return command(request) is not None
    return request.method not in _READING_VERBS and request.path.casefold() not in LOGIN_PATHS
