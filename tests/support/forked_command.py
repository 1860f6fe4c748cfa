"""``rsvpq`` in processes that are forks of one that has imported it already.

A start of the command costs half a second of imports, its fork a few hundredths; the integration tests run it some
hundred times. Each run is a process with its own environment, output and exit code, and it ends as any Python program
does. That the command starts as it is installed is what the acceptance tests show.
"""

import atexit
import gc
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

import click

from rsvpq.cli import commands, main
from testbed.processes import WAIT_S

#: The longest order, in bytes: arguments and environment.
_LONGEST = 200_000
#: What forks. With -m, click would call the command by the name of the module.
_PROGRAM = f"import sys; from {__name__} import serve; serve(int(sys.argv[1]))"


def run_rsvpq(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command to its end.

    :param environment: what it has beyond the variables of this process.
    :raises subprocess.TimeoutExpired: it has not ended; it is left alone.
    """
    order = {"arguments": arguments, "environment": {**os.environ, **environment}, "directory": str(Path.cwd())}
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        reader, writer = os.pipe()
        with os.fdopen(reader) as status:
            try:
                socket.send_fds(_server(), [json.dumps(order).encode()], [out.fileno(), err.fileno(), writer])
            finally:
                os.close(writer)
            if not select.select([status], [], [], WAIT_S)[0]:
                raise subprocess.TimeoutExpired(["rsvpq", *arguments], WAIT_S)
            code = int(status.readline())
        for file in (out, err):
            file.seek(0)  # the position is the command's too
        return subprocess.CompletedProcess(["rsvpq", *arguments], code, out.read(), err.read())


@cache
def _server() -> socket.socket:
    """Start the process that forks, once for all tests of this process; it ends with the socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno())]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(fd: int) -> None:
    """Fork a command for each order on a socket until there are no more."""
    orders = socket.socket(fileno=fd)
    context = click.Context(commands)
    for name in commands.list_commands(context):
        commands.get_command(context, name)
    gc.freeze()  # what is collected in a fork would be copied for it
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready in select.select([orders.fileno(), *running], [], [])[0]:
            if ready in running:
                os.close(ready)
                _tell_end(*running.pop(ready))
                continue
            text, files, _, _ = socket.recv_fds(orders, _LONGEST, 3)
            if not text:
                orders.close()
                return
            pid = os.fork()
            if pid == 0:
                orders.close()
                _be_command(json.loads(text), files)
            out, err, status = files
            os.close(out)
            os.close(err)
            running[os.pidfd_open(pid)] = (pid, status)


def _tell_end(pid: int, status: int) -> None:
    with os.fdopen(status, "w") as file:
        file.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")


def _be_command(order: Mapping[str, Any], files: Sequence[int]) -> NoReturn:
    """Be the command, and leave as it leaves: by an exception that nobody handles, so that the interpreter ends too."""
    for ours, standard in zip(files, (1, 2), strict=False):
        os.dup2(ours, standard)
    for ours in files:
        os.close(ours)
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    sys.argv = ["rsvpq", *order["arguments"]]
    main()
    sys.exit()
