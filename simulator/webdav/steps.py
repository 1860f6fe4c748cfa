"""The step of a client that a request belongs to, and the actions of others that its resource permits."""

from collections.abc import Callable, Set
from urllib.parse import unquote

from simulator.serving.auth.dialects import LOGIN_PATHS
from simulator.serving.faults import BY_OTHERS, FaultKind, Step
from simulator.serving.http import Request
from simulator.webdav.address import Address
from simulator.webdav.owa.commands import command
from simulator.webdav.urls import SUBMISSION
from simulator.world.behavior import StoreBehavior
from simulator.world.concurrent_changes import take_away
from simulator.world.mailboxes import Item
from simulator.world.owner_actions import answer_by_hand, can_answer, read_by_hand, rename_folders
from simulator.world.state import World

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


def others_can(address: Address | None) -> Set[FaultKind]:
    """Return the actions of others that are possible on the requested resource."""
    if address is None:
        return set()
    item = address.resource()
    if not isinstance(item, Item):
        return {FaultKind.FOLDERS_RENAMED}
    return BY_OTHERS - (set() if can_answer(item) else {FaultKind.ANSWERED_BY_HAND})


def others_act(kind: FaultKind, address: Address, world: World, behavior: StoreBehavior) -> None:
    """Let somebody else do that with it."""
    item = address.resource()
    if kind is FaultKind.FOLDERS_RENAMED:
        rename_folders(address.mailbox)
    elif isinstance(item, Item):
        _ACTS[kind](world, behavior, item)


_ACTS: dict[FaultKind, Callable[[World, StoreBehavior, Item], None]] = {
    FaultKind.TAKEN_AWAY: lambda world, _, item: take_away(world, item),
    FaultKind.READ_BY_HAND: lambda world, _, item: read_by_hand(world, item),
    FaultKind.ANSWERED_BY_HAND: answer_by_hand,
}


def is_mutating(request: Request) -> bool:
    """Return whether a request is one that changes something."""
    if request.method == "GET":
        return command(request) is not None
    return request.method not in _READING_VERBS and request.path.casefold() not in LOGIN_PATHS
