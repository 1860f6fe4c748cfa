"""The Lua scripts: one file for each, and in front of each of them the functions that they share.

All scripts are safe to replay, because redis-py repeats a command by itself when a reply is lost; each script's header
says what its replay does.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources

#: The files of the folder ``shared``; each uses only what is above it.
SHARED = (
    *("values", "broken", "keys", "limits", "counts", "items", "lanes", "slots"),
    *("topics", "audit", "states", "release"),
)
SCRIPTS = (
    *("offer", "offer_scan", "release", "start", "record", "renew", "finish", "refuse", "discard", "sweep"),
    *("record_decisions", "claim", "remember", "report_threads", "configure", "set", "retry", "drop", "status"),
    *("repair", "check_slots", "quarantine", "forget_gone"),
)


@cache
def script_texts() -> Mapping[str, str]:
    """Return the text of each script by its name."""
    shared = "".join(map(_read, (f"shared/{name}" for name in SHARED)))
    return {name: shared + _read(name) for name in SCRIPTS}


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
