"""Flower's settings, for ``celery ... flower --conf=PATH``: each name that is an option of Flower sets it."""

import ast
import os
import stat
from pathlib import Path
from typing import Any

from tornado.web import RequestHandler

from rsvpq.settings import load_settings as _load_settings
from rsvpq.tasks.log_streams import begin_log as _begin_log

# In a file, because everybody who may inspect a container sees its variables and arguments.
_LOGINS = Path(os.environ.get("FLOWER_LOGIN_FILE", "/run/secrets/flower_login"))

if _LOGINS.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
    raise SystemExit(f"{_LOGINS}: everybody on this machine can read or change the logins; chmod o-rw it")

# One user:password per line. Without any, Flower would require no login.
basic_auth = _LOGINS.read_text(encoding="utf-8").splitlines()
if not basic_auth or not all(user and password for user, _, password in (line.partition(":") for line in basic_auth)):
    raise SystemExit(f"{_LOGINS}: write one user:password per line")
if not all(login.isascii() for login in basic_auth):
    raise SystemExit(f"{_LOGINS}: use ASCII characters only; Flower cannot compare others, and would accept none")

# Tasks kept in memory, at about 7 kB each; the ledger knows them all.
max_tasks = 30_000
# In seconds: each new container has a new worker name, and the old ones would stay for ever.
purge_offline_workers = 3600
# Columns that distinguish messages come first; the task id is a hash, and is on the task's own page.
tasks_columns = "name,kwargs,state,received,runtime,worker"

# Tornado has set the log up by its own format.
_begin_log(_load_settings().log.format)

_clear = RequestHandler.clear


def _with_no_frames(handler: RequestHandler) -> None:
    """Begin a response that no page may show in a frame, where a click could be redirected to a button of ours."""
    _clear(handler)
    handler.set_header("X-Frame-Options", "DENY")
    handler.set_header("Content-Security-Policy", "frame-ancestors 'none'; base-uri 'self'; object-src 'none'")


# Flower has no setting for headers. Tornado begins each response with this method, errors and files included.
RequestHandler.clear = _with_no_frames


def format_task(task: Any) -> Any:
    """Show the arguments without Python's punctuation, in the form that the search expects after ``kwargs:``."""
    try:
        arguments = ast.literal_eval(task.kwargs)
        task.kwargs = " ".join(f"{name}={value}" for name, value in arguments.items())
    except (AttributeError, SyntaxError, TypeError, ValueError):
        pass  # a foreign task, or arguments that Celery has cut: show them unchanged
    return task
