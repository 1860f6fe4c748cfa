"""One server of the world, as its connections see it: the oracle, or a face that clients came for."""

from collections.abc import Callable

from simulator.ews.face import EwsFace, is_meant
from simulator.oracle.controls import Controls
from simulator.oracle.pages import PREFIX, Oracle
from simulator.serving.guard import guarded
from simulator.serving.http import Request, Response
from simulator.webdav.face import WebdavFace

_FIRST_ERROR = 400


class Site:
    """A virtual server on its own port; the first one also lets the oracle speak."""

    def __init__(self, index: int, webdav: WebdavFace, ews: EwsFace, controls: Controls, oracle: Oracle | None) -> None:
        self._index = index
        self._webdav = webdav
        self._ews = ews
        self._controls = controls
        self._oracle = oracle

    def invites(self) -> bool:
        """Whether a client that waits with its body is asked for it."""
        return self._controls.behaviors[self._index].expect_continue == "100"

    def answer(self, request: Request) -> tuple[Response, Callable[[], None]]:
        """The answer, and what to call when it has been written."""
        if self._oracle is not None and request.path.startswith(PREFIX):
            response = guarded(request, self._oracle.answer)
            response.at_once = True
            return response, _nothing_in_flight
        behavior = self._controls.behaviors[self._index]
        face = self._ews if is_meant(request) else self._webdav
        response, written = face.answer(request, behavior)
        # A Fault of SOAP is what the server has to say, whatever its status.
        is_page = response.status >= _FIRST_ERROR and not response.content_type.startswith("text/xml")
        if behavior.error_body == "empty" and is_page:
            response.body = b""
        response.wire = self._controls.wires[self._index]
        return response, written


def _nothing_in_flight() -> None:
    """The oracle's own traffic never counts."""
