"""The 207 that says what became of several things: the answers of batch verbs and of POLL, which hold no values."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from simulator.serving.http import REASONS, Response

_BEGIN = b'<?xml version="1.0"?><a:multistatus xmlns:b="http://schemas.microsoft.com/Exchange/" xmlns:a="DAV:">'
_END = b"</a:multistatus>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one target."""

    url: str
    status: int
    #: Where it is now.
    location: str | None = None
    #: The subscription this is about.
    subscription: int | None = None


def outcomes_answer(outcomes: Iterable[Outcome]) -> Response:
    """Return the whole 207."""
    body = _BEGIN + b"".join(map(_row, outcomes)) + _END
    return Response(207, body, "text/xml", (("Accept-Ranges", "rows"),), chunked=True)


def with_outcomes(answer: Response, outcomes: Iterable[Outcome]) -> Response:
    """Return a 207 with values, followed by the targets without values."""
    answer.body = answer.body.removesuffix(_END) + b"".join(map(_row, outcomes)) + _END
    return answer


def _row(outcome: Outcome) -> bytes:
    status = f"<a:status>HTTP/1.1 {outcome.status} {REASONS[outcome.status]}</a:status>"
    location = f"<a:location>{escape(outcome.location)}</a:location>" if outcome.location else ""
    # The `<li>` is in no namespace, as captured.
    number = f"<b:subscriptionID><li>{outcome.subscription}</li></b:subscriptionID>" if outcome.subscription else ""
    return f"<a:response><a:href>{escape(outcome.url)}</a:href>{status}{location}{number}</a:response>".encode()
