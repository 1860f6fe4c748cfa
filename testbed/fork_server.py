"""Python programs as forks of a process that has imported their modules already.

A worker's start costs a second of imports, and a command's half a second; a fork costs a tenth of that. The tests
start some hundred programs and kill some thousand. Each fork is a process with an id, a group, an environment, an
output and an exit code of its own, and differs from a program started by its command only in how it was started.
Nothing is connected and no thread is started before a fork.
"""

import atexit
import gc
import json
import os
import pkgutil
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from runpy import run_module
from typing import Any, NoReturn

from testbed.processes import Part, PartFailed

#: What Celery imports only when a worker or Flower starts, and what its Redis transport needs.
_NEEDED_LATER = (
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.thread",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.pidbox",
    "flower.command",
    "kombu.transport.redis",
)
#: Whose modules read nothing of the environment when they are imported. The apps do, so each fork imports them itself.
_PACKAGES = ("rsvpq", "simulator")
#: The longest order, in bytes: arguments and environment.
_LONGEST = 200_000
#: What forks. With -m, this module would be there twice.
_PROGRAM = f"import sys; from {__name__} import serve; serve(int(sys.argv[1]))"


class Fork:
    """A process that is somebody else's child, used as :class:`subprocess.Popen` is.

    :param status: a pipe, from which its process id can be read, and its exit code once it has ended.
    :raises PartFailed: there is no such process.
    """

    def __init__(self, status: int) -> None:
        self._status = os.fdopen(status, "rb", buffering=0)
        self.returncode: int | None = None
        self.pid = self._read()

    def poll(self) -> int | None:
        """Return its exit code if the process has ended, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        :raises subprocess.TimeoutExpired: it did not end.
        """
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = self._read()
            self._status.close()
        return self.returncode

    def _read(self) -> int:
        line = self._status.readline()
        if not line:
            self._status.close()
            raise PartFailed("the process that forks programs has ended")
        return int(line)


class ForkServer:
    """A process that forks programs; it ends when this one does, and its forks live on.

    :param environment: what it has beyond the variables of this process. What an interpreter reads when it starts has
        to be here, since a fork starts none.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(self, program: Sequence[str], environment: Mapping[str, str], *, out: int, err: int) -> Fork:
        """Fork a program.

        :param program: ``-m`` and a module, or the name of a command of this environment; and its arguments.
        :param environment: what it has beyond the variables of this process.
        :param out: the file descriptor of its stdout. :param err: that of its stderr.
        :raises PartFailed: the fork server has ended.
        """
        order = {"program": program, "environment": {**os.environ, **environment}, "directory": str(Path.cwd())}
        status, theirs = os.pipe()
        try:
            socket.send_fds(self._orders, [json.dumps(order).encode()], [out, err, theirs])
        except BrokenPipeError:
            pass  # so nobody writes into the pipe
        finally:
            os.close(theirs)
        return Fork(status)

    def end(self) -> None:
        """End the fork server."""
        self._orders.close()
        self._process.wait()


@cache
def fork_server(**environment: str) -> ForkServer:
    """Return the fork server of this process for an environment; it is started once."""
    server = ForkServer(environment)
    atexit.register(server.end)
    return server


class ForkedPart(Part):
    """A part that a fork server has forked."""

    def __init__(  # it starts no command
        self,
        name: str,
        program: Sequence[str],
        *,
        forks: ForkServer,
        log: Path,
        env: Mapping[str, str],
        out: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as sink, (out or log).open("ab") as data:
            self.process = forks.start(program, env, out=data.fileno(), err=sink.fileno())


def python_part(
    name: str,
    arguments: Sequence[str],
    *,
    forks: ForkServer | None,
    log: Path,
    env: Mapping[str, str],
    out: Path | None = None,
) -> Part:
    """Start a Python program: a module as a fork, anything else and everything without a fork server by its command.

    :param arguments: those of Python.
    """
    if forks is None or arguments[0] != "-m":
        return Part(name, [sys.executable, *arguments], log=log, env=env, out=out)
    return ForkedPart(name, arguments, forks=forks, log=log, env=env, out=out)


def serve(fd: int) -> None:
    """Fork a program for each order on a socket until there are no more."""
    orders = socket.socket(fileno=fd)
    _import_everything()
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
                _be_program(json.loads(text), *files[:2])
            os.setpgid(pid, pid)  # here too, so that the group is there when its id is known
            out, err, status = files
            os.close(out)
            os.close(err)
            os.write(status, f"{pid}\n".encode())
            running[os.pidfd_open(pid)] = (pid, status)


def _import_everything() -> None:
    for name in (*_NEEDED_LATER, *_modules()):
        import_module(name)
    if threading.active_count() > 1:
        sys.exit("an import started a thread, which no fork would have")


def _modules() -> Iterator[str]:
    for package in _PACKAGES:
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not found.name.endswith(".__main__"):
                yield found.name


def _tell_end(pid: int, status: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody asks any more
        os.write(status, f"{code}\n".encode())
    os.close(status)


def _be_program(order: Mapping[str, Any], out: int, err: int) -> NoReturn:
    """Be the program, and leave as it leaves: by an exception that nobody handles, so that the interpreter ends too."""
    os.setpgid(0, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(order["directory"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    if "PYTHONUNBUFFERED" in os.environ:
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]  # it is a text file, as at each start
    name, *arguments = order["program"]
    if name == "-m":
        sys.argv = arguments
        run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [name, *arguments]
        (command,) = entry_points(group="console_scripts", name=name)
        command.load()()
    sys.exit()
