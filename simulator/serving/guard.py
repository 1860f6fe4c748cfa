"""Lets no error of ours end a connection: it is answered as an error of the server."""

import logging
from collections.abc import Callable

from simulator.serving.http import HttpError, Request, Response, error_page

_log = logging.getLogger(__name__)


def guarded(request: Request, answer: Callable[[Request], Response]) -> Response:
    """The answer, or the page of the error that was raised; one that nobody foresaw is 500 and logged."""
    try:
        return answer(request)
    except HttpError as error:
        return error_page(error.status)
    except Exception:
        _log.exception("event=failed method=%s path=%s", request.method, request.path)
        return error_page(500)
