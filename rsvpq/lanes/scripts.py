"""Load the Lua scripts: each is one file, preceded by the functions that all scripts share.

All scripts are safe to replay, because redis-py repeats a command when a reply is lost; the header of each script says
what a replay does.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources

#: The files of the folder ``shared``, in order: each uses only files before it.
SHARED = (
    *("values", "broken", "keys", "limits", "counts", "items", "lanes", "slots"),
    *("topics", "audit", "states", "breaker", "release"),
)
SCRIPTS = (
    *("offer", "offer_scan", "release", "start", "record", "renew", "finish", "refuse", "discard", "sweep"),
    *("record_decisions", "claim", "remember", "report_threads", "mark", "configure", "configure_mailbox", "set"),
    *("retry", "drop", "status", "repair", "check_slots", "quarantine", "forget_gone"),
    *("forget_unlisted", "regroup", "claim_run", "read_fields"),
)


@cache
def script_texts() -> Mapping[str, str]:
    """Return the text of each script, by name."""
    folder = resources.files(__package__)
    texts = {name: folder.joinpath(f"{name}.lua").read_text("utf-8") for name in SCRIPTS}
    shared = "".join(folder.joinpath(f"shared/{name}.lua").read_text("utf-8") for name in SHARED)
    return {name: shared + text for name, text in texts.items()}
