"""One server of the world: who may ask, which mailbox is meant, which verb answers, and what is counted on the way."""

import logging
from collections.abc import Callable
from functools import partial

from simulator.oracle.controls import Controls
from simulator.oracle.pages import PREFIX, Oracle
from simulator.serving.auth.door import Door
from simulator.serving.fault_effects import afflicted, others_act, others_can, step_of
from simulator.serving.faults import BY_OTHERS
from simulator.serving.http import HttpError, Request, Response, error_page
from simulator.serving.meters import Meters
from simulator.webdav.address import Address, locate
from simulator.webdav.aliases import as_asked
from simulator.webdav.call import Call
from simulator.webdav.dispatch import VERBS
from simulator.webdav.gate import checked, filtered, written_origin
from simulator.webdav.owa.roots import home_of, outside
from simulator.world.later import settle
from simulator.world.mailboxes import World

_log = logging.getLogger(__name__)

_FIRST_ERROR = 400


class Site:
    """A virtual server on its own port; the first one also lets the oracle speak."""

    def __init__(
        self,
        index: int,
        world: World,
        meters: Meters,
        door: Door,
        controls: Controls,
        oracle: Oracle | None,
    ) -> None:
        self._index = index
        self._world = world
        self._meters = meters
        self._door = door
        self._controls = controls
        self._oracle = oracle

    def invites(self) -> bool:
        """Whether a client that waits with its body is asked for it."""
        return self._controls.behaviors[self._index].expect_continue == "100"

    def answer(self, request: Request) -> tuple[Response, Callable[[], None]]:
        """The answer, and what to call when it has been written."""
        if self._oracle is not None and request.path.startswith(PREFIX):
            told = _guarded(request, self._oracle.answer)
            told.at_once = True
            return told, _nothing_in_flight
        address = locate(self._world, self._index, request.path)
        behavior = self._controls.behaviors[self._index]
        if address is not None and address.by_another_name and behavior.mailbox_names == "listed":
            address = None
        mailbox = address.mailbox if address else None
        if mailbox is not None and mailbox.plans:
            settle(mailbox)
        self._meters.arrived(request, self._index, mailbox)
        request.written_origin = written_origin(behavior, request)
        response = filtered(behavior, request) or self._afflicted(address, request)
        if behavior.error_body == "empty" and response.status >= _FIRST_ERROR:
            response.body = b""
        response.wire = self._controls.wires[self._index]
        return response, partial(self._meters.written, self._index, mailbox)

    def _afflicted(self, address: Address | None, request: Request) -> Response:
        answer = partial(_guarded, request, partial(self._admit, address))
        faults = self._controls.faults
        if not faults.rules:
            return answer()
        mailbox = address.mailbox.name if address else None
        fault = faults.strike(step_of(request), mailbox, self._index, others_can(address))
        if fault is None:
            return answer()
        if fault.kind in BY_OTHERS and address is not None:
            others_act(fault.kind, address, self._world, self._controls.behaviors[self._index])
            return answer()
        return afflicted(fault, request, answer)

    def _admit(self, address: Address | None, request: Request) -> Response:
        entry = self._door.knock(request)
        if entry.refusal is not None:
            return entry.refusal
        response = _guarded(request, partial(self._dispatch, address, entry.user))
        response.headers += entry.headers
        return response

    def _dispatch(self, address: Address | None, user: str, request: Request) -> Response:
        behavior = self._controls.behaviors[self._index]
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
        response = verb(Call(request, address, self._world, self._index, behavior, operation))
        return as_asked(response, address) if behavior.mailbox_hrefs == "as-asked" else response


def _nothing_in_flight() -> None:
    """The oracle's own traffic never counts."""


def _guarded(request: Request, answer: Callable[[Request], Response]) -> Response:
    try:
        return answer(request)
    except HttpError as error:
        return error_page(error.status)
    except Exception:
        _log.exception("event=failed method=%s path=%s", request.method, request.path)
        return error_page(500)
