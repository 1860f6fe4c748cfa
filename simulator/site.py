"""One server of the world: who may ask, which mailbox is meant, which verb answers, and what is counted on the way."""

import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator.address import Address, locate
from simulator.behaviour import Behaviour
from simulator.dav.call import Call
from simulator.dav.verbs import VERBS
from simulator.http import HttpError, Request, Response, error_page
from simulator.meters import Meters
from simulator.oracle import PREFIX, Oracle
from simulator.world import World

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The service account; it may open every mailbox."""

    user: str
    password: str

    def allow(self, header: str | None) -> bool:
        """Whether an Authorization header holds them; Windows compares user names without case."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.casefold() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return user.casefold() == self.user.casefold() and password == self.password


class Site:
    """A virtual server on its own port; the first one also lets the oracle speak."""

    def __init__(
        self,
        index: int,
        world: World,
        meters: Meters,
        credentials: Credentials,
        behaviour: Behaviour,
        oracle: Oracle | None,
    ) -> None:
        self._index = index
        self._world = world
        self._meters = meters
        self._credentials = credentials
        self._behaviour = behaviour
        self._oracle = oracle

    def answer(self, request: Request) -> tuple[Response, Callable[[], None]]:
        """The answer, and what to call when it has been written."""
        if self._oracle is not None and request.path.startswith(PREFIX):
            return _guarded(request, self._oracle.answer), _nothing_in_flight
        address = locate(self._world, self._index, request.path)
        mailbox = address.mailbox if address else None
        self._meters.arrived(request, self._index, mailbox)
        response = _guarded(request, partial(self._dispatch, address))
        return response, partial(self._meters.written, self._index, mailbox)

    def _dispatch(self, address: Address | None, request: Request) -> Response:
        if not self._credentials.allow(request.headers.get("authorization")):
            challenge = error_page(401)
            challenge.headers = (("WWW-Authenticate", f'Basic realm="{request.host.partition(":")[0]}"'),)
            return challenge
        verb = VERBS.get(request.method)
        if verb is None:
            raise HttpError(501)
        if address is None:
            raise HttpError(404)
        operation = self._meters.operation
        return verb(Call(request, address, self._world, self._index, self._behaviour, operation))


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
