"""WebDAV and Outlook Web Access of one server: which mailbox is meant, who may ask, which verb answers."""

from collections.abc import Callable
from functools import partial

from simulator.serving.auth.authenticator import Authenticator
from simulator.serving.by_others import others_act, others_can
from simulator.serving.fault_effects import faulty_answer
from simulator.serving.faults import BY_OTHERS, Faults
from simulator.serving.guard import guarded
from simulator.serving.http import HttpError, Request, Response
from simulator.serving.meters import Meters
from simulator.webdav.address import Address, locate
from simulator.webdav.aliases import as_asked
from simulator.webdav.behavior import WebdavBehavior
from simulator.webdav.call import Call
from simulator.webdav.dispatch import VERBS
from simulator.webdav.gate import checked, filtered, written_origin
from simulator.webdav.memory import Memory
from simulator.webdav.owa.roots import outside
from simulator.webdav.steps import is_mutating, step_of
from simulator.world.delayed_effects import settle
from simulator.world.directory import home_of
from simulator.world.state import World


class WebdavFace:
    """The WebDAV and browser interface of one server; its meters and faults are those of all servers."""

    def __init__(
        self, index: int, world: World, authenticator: Authenticator, meters: Meters, faults: Faults, memory: Memory
    ) -> None:
        self._index = index
        self._world = world
        self._authenticator = authenticator
        self._meters = meters
        self._faults = faults
        self._memory = memory

    def answer(self, request: Request, behavior: WebdavBehavior) -> tuple[Response, Callable[[], None]]:
        """Return the answer of a server with this behavior, and a function to call after it has been written."""
        address = locate(self._world, self._index, request.path)
        if address is not None and address.by_another_name and behavior.mailbox_names == "listed":
            address = None
        mailbox = address.mailbox if address else None
        if mailbox is not None and mailbox.plans:
            settle(mailbox)
        self._meters.arrived(request.method, self._index, mailbox, mutating=is_mutating(request))
        request.written_origin = written_origin(behavior, request)
        response = filtered(behavior, request) or self._answer_unless_faulty(address, request, behavior)
        return response, partial(self._meters.written, self._index, mailbox)

    def _answer_unless_faulty(self, address: Address | None, request: Request, behavior: WebdavBehavior) -> Response:
        answer = partial(guarded, request, partial(self._admit, address, behavior))
        if not self._faults.rules:
            return answer()
        mailbox, named = (address.mailbox, address.resource()) if address else (None, None)
        possible = others_can(mailbox, named)
        fault = self._faults.strike(step_of(request), mailbox.name if mailbox else None, self._index, possible)
        if fault is None:
            return answer()
        if fault.kind in BY_OTHERS and mailbox is not None:
            others_act(fault.kind, mailbox, named, self._world, behavior)
            return answer()
        return faulty_answer(fault, request, answer)

    def _admit(self, address: Address | None, behavior: WebdavBehavior, request: Request) -> Response:
        entry = self._authenticator.check(request)
        if entry.refusal is not None:
            return entry.refusal
        response = guarded(request, partial(self._dispatch, address, behavior, entry.user))
        response.headers += entry.headers
        return response

    def _dispatch(self, address: Address | None, behavior: WebdavBehavior, user: str, request: Request) -> Response:
        verb = VERBS.get(request.method)
        if verb is None:
            raise HttpError(501)
        early = checked(behavior, request, address)
        if early is not None:
            return early
        if address is None:
            return outside(self._world, self._index, user, request)
        if user and address.mailbox is not home_of(self._world, self._index, user):
            raise HttpError(403)
        operation = self._meters.operation
        response = verb(Call(request, address, self._world, self._index, behavior, operation, self._memory))
        return as_asked(response, address) if behavior.mailbox_hrefs == "as-asked" else response
