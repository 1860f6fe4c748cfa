"""The oracle's pages that turn switches, faults and the clock: JSON both ways, 400 and a reason for an error."""

import json
from collections.abc import Callable

from simulator.oracle.controls import Controls
from simulator.oracle.switches import SwitchError
from simulator.serving.faults import FaultError, parse_faults
from simulator.serving.http import Request, Response
from simulator.world.clock import now, put_forward

#: The farthest that the clock is put forward at once, in seconds.
_FARTHEST_S = 86_400


def control_pages(controls: Controls) -> dict[tuple[str, str], Callable[[Request], Response]]:
    """Return the pages by method and name."""
    return {
        ("GET", "switches"): lambda _: _json(controls.as_json()),
        ("POST", "switches"): lambda request: _checked(lambda: _switch(controls, request)),
        ("GET", "faults"): lambda _: _json(_faults(controls)),
        ("POST", "faults"): lambda request: _checked(lambda: _replace(controls, request)),
        ("POST", "clock"): lambda request: _checked(lambda: _put_forward(request)),
    }


def _switch(controls: Controls, request: Request) -> object:
    changes = json.loads(request.body)
    if not isinstance(changes, dict):
        raise SwitchError("expected an object")
    server = changes.pop("server", None)
    if server is not None and (isinstance(server, bool) or not isinstance(server, int)):
        raise SwitchError(f"server is a number, not {server!r}")
    return controls.switch(changes, None if server is None else [server])


def _replace(controls: Controls, request: Request) -> object:
    controls.faults.replace(parse_faults(json.loads(request.body), len(controls.behaviors)))
    return _faults(controls)


class ClockError(ValueError):
    """It does not say how far to put the clock forward."""


def _put_forward(request: Request) -> object:
    given = json.loads(request.body)
    seconds = given.get("forward_s") if isinstance(given, dict) and len(given) == 1 else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _FARTHEST_S:
        raise ClockError(f"expected forward_s, a number from 0 to {_FARTHEST_S}, and nothing else")
    put_forward(seconds)
    return {"now": now()}


def _faults(controls: Controls) -> list[dict[str, object]]:
    return [rule.as_json() for rule in controls.faults.rules]


def _checked(act: Callable[[], object]) -> Response:
    try:
        return _json(act())
    except (json.JSONDecodeError, UnicodeDecodeError, SwitchError, FaultError, ClockError) as error:
        return _json({"error": str(error)}, 400)


def _json(document: object, status: int = 200) -> Response:
    return Response(status, json.dumps(document, ensure_ascii=False).encode(), "application/json")
