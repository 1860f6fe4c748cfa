"""What a fault does to a request and to its answer.

Knows which kinds come before the effect and which after it; the rules and their dice are `simulator.serving.faults`,
the cutting of connections is `simulator.serving.connection`.
"""

from collections.abc import Callable

from simulator.serving.auth.dialects import OWA_2003
from simulator.serving.faults import Fault, FaultKind
from simulator.serving.http import Damage, Ending, Request, Response, error_page

_WITH_RETRY_AFTER = {FaultKind.BUSY_FOR_A_WHILE, FaultKind.TOO_MANY}
_GARBAGE = b"\x00\x01\xff\xfe<<a:multistatus \x80 this is no XML </a:response>&&&"


def faulty_answer(fault: Fault, request: Request, answer: Callable[[], Response]) -> Response:
    """The answer to a request that a fault hit; `answer` has the effect, and is called or not."""
    refusal = _refusal(fault, request)
    if refusal is not None:
        return refusal
    return _spoilt(fault, request, answer())


def _refusal(fault: Fault, request: Request) -> Response | None:
    """The answer of a fault that lets nothing happen."""
    match fault.kind:
        case FaultKind.RESET_BEFORE:
            return Response(500, damage=Damage(Ending.RESET))
        case FaultKind.HANG:
            return Response(500, damage=Damage(Ending.CLOSE, fault.ms / 1000))
        case FaultKind.BUSY | FaultKind.BUSY_FOR_A_WHILE | FaultKind.TOO_MANY | FaultKind.ERROR_BEFORE:
            wait = (("Retry-After", str(fault.ms // 1000)),) if fault.kind in _WITH_RETRY_AFTER else ()
            return _with(error_page(int(fault.kind.value[:3])), *wait)
        case _:
            return _shut_out(fault, request)


def _shut_out(fault: Fault, request: Request) -> Response | None:
    match fault.kind:
        case FaultKind.UNAUTHENTICATED:
            return _with(error_page(401), ("WWW-Authenticate", 'Basic realm="expired"'))
        case FaultKind.LOGIN_TIMEOUT:
            expired = _with(error_page(440), *OWA_2003.no_cookies())
            expired.close = True
            return expired
        case FaultKind.LOGIN_PAGE:
            return OWA_2003.page(request.origin + request.path, 0)
        case FaultKind.LOGIN_REDIRECT:
            page = OWA_2003.page_url(request.origin, request.origin + request.path, 0)
            return Response(302, headers=(("Location", page),))
        case _:
            return None


def _spoilt(fault: Fault, request: Request, response: Response) -> Response:
    """The answer of a fault that comes after the effect."""
    match fault.kind:
        case FaultKind.ERROR_AFTER:
            return error_page(500)
        case FaultKind.GARBAGE:
            body = b"" if request.method == "HEAD" else _GARBAGE
            return Response(200 if request.method in ("GET", "HEAD", "POST") else 207, body, "text/xml")
        case FaultKind.EMPTY:
            response.body = b""
        case FaultKind.WRONG_TYPE:
            response.content_type = "application/octet-stream"
        case FaultKind.ENDLESS:
            response.status = 200 if request.method == "POST" else 207
            response.damage = Damage(Ending.ENDLESS, fault.ms / 1000)
        case _:
            response.damage = _ENDINGS[fault.kind](fault.ms / 1000)
    return response


_ENDINGS: dict[FaultKind, Callable[[float], Damage]] = {
    FaultKind.RESET_AFTER: lambda delay_s: Damage(Ending.RESET, delay_s),
    FaultKind.LOST_REPLY: lambda delay_s: Damage(Ending.CLOSE, delay_s),
    FaultKind.HANG_AFTER: lambda delay_s: Damage(Ending.CLOSE, delay_s),
    FaultKind.SLOW: lambda delay_s: Damage(Ending.WHOLE, delay_s),
    FaultKind.DRIP: lambda over_s: Damage(Ending.DRIPPING, over_s=over_s),
    FaultKind.TRUNCATE: lambda delay_s: Damage(Ending.TRUNCATED, delay_s),
}


def _with(response: Response, *headers: tuple[str, str]) -> Response:
    response.headers = (*response.headers, *headers)
    return response
