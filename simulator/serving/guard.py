"""Lets no error of ours end a connection: it is answered as an error of the server."""

import logging
from collections.abc import Callable

from simulator.serving.http import HttpError, Request, Response, error_page

_log = logging.getLogger(__name__)


def guarded(request: Request, answer: Callable[[Request], Response]) -> Response:
    """Return the answer, or the page of an HttpError; any other exception is logged, and answered with 500."""
    try:
        return answer(request)
    except HttpError as error:
        return error_page(error.status)
    except Exception:
        _log.exception("event=failed method=%s path=%s", request.method, request.path)
        return error_page(500)
