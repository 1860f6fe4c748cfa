"""The Lua scripts: one file for each, and in front of each of them the functions that they share.

All scripts are safe to replay, because redis-py repeats a command by itself when a reply is lost; each script's header
says what its replay does.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources

_NAMES = (
    *("offer", "offer_scan", "release", "start", "record", "finish", "sweep", "set", "decide"),
    *("refuse", "retry", "drop", "status", "remember", "claim", "renew", "crew"),
    *("configure", "discard", "mend", "check", "tidy", "aside"),
)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


@cache
def script_texts() -> Mapping[str, str]:
    """Return the text of each script by its name."""
    shared = _read("lib")
    return {name: shared + _read(name) for name in _NAMES}
