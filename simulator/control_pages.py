"""The oracle's pages that show and turn switches and faults: JSON in, JSON out, 400 and a reason for what is wrong."""

import json
from collections.abc import Callable

from simulator.controls import Controls
from simulator.faults import FaultError, parse_faults
from simulator.http import Request, Response
from simulator.switches import SwitchError


def control_pages(controls: Controls) -> dict[tuple[str, str], Callable[[Request], Response]]:
    """The pages by method and name."""
    return {
        ("GET", "switches"): lambda _: _json(controls.as_json()),
        ("POST", "switches"): lambda request: _checked(lambda: _switch(controls, request)),
        ("GET", "faults"): lambda _: _json(_faults(controls)),
        ("POST", "faults"): lambda request: _checked(lambda: _replace(controls, request)),
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
    controls.faults.replace(parse_faults(json.loads(request.body), len(controls.behaviours)))
    return _faults(controls)


def _faults(controls: Controls) -> list[dict[str, object]]:
    return [rule.as_json() for rule in controls.faults.rules]


def _checked(act: Callable[[], object]) -> Response:
    try:
        return _json(act())
    except (json.JSONDecodeError, UnicodeDecodeError, SwitchError, FaultError) as error:
        return _json({"error": str(error)}, 400)


def _json(document: object, status: int = 200) -> Response:
    return Response(status, json.dumps(document, ensure_ascii=False).encode(), "application/json")
