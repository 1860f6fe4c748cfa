"""Celery workers as forks of a process that has imported everything already.

A worker's start costs a second of imports; its fork costs a few hundredths. Forks are for tests that kill workers by
the thousand: each is a process with an id, a group and a log of its own, and differs from a worker started by its
command only in how it was started. Nothing is connected and no thread is started before a fork.

    python -m testbed.fork_server MODULE      imports MODULE.app, then forks a worker for each line on stdin:
                                          {"arguments": ["worker", ...], "log": PATH}   answered by its process id
"""

import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from testbed.processes import Part, PartFailed

#: What Celery imports only when a worker starts, and what its Redis transport needs.
_NEEDED_LATER = (
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.thread",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.pidbox",
    "kombu.transport.redis",
)


class ForkServer:
    """A process that forks workers of one Celery app.

    :param app: the module of the app.
    """

    def __init__(self, app: str, *, log: Path, env: Mapping[str, str]) -> None:
        self._app = app
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                [sys.executable, "-m", "testbed.fork_server", app],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**os.environ, **env},
                text=True,
                start_new_session=True,
            )

    def fork(self, name: str, arguments: Sequence[str], *, log: Path) -> "ForkedPart":
        """Fork a worker.

        :param arguments: what follows ``celery -A APP``.
        :raises PartFailed: the fork server has ended.
        """
        log.touch()  # whoever reads it may be quicker than the fork
        self._in.write(json.dumps({"arguments": list(arguments), "log": str(log)}) + "\n")
        self._in.flush()
        line = self._out.readline()
        if not line:
            raise PartFailed(f"the fork server of {self._app} ended with {self._process.wait()}")
        return ForkedPart(name, Fork(int(line)), log=log)

    def end(self) -> None:
        """End the fork server; its forks live on."""
        self._in.close()
        self._process.wait()
        self._out.close()

    @property
    def _in(self) -> IO[str]:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        return self._process.stdin

    @property
    def _out(self) -> IO[str]:
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        return self._process.stdout


class Fork:
    """A process that is somebody else's child; its exit status is never known here, and is given as 0."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self.returncode = 0

    def poll(self) -> int | None:
        """Return 0 if the process has ended, None while it runs."""
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
        if self.returncode is None and select.select([self._handle], [], [], timeout)[0]:
            os.close(self._handle)
            self.returncode = 0
        return self.returncode


class ForkedPart(Part):
    """A part that a fork server has forked."""

    def __init__(self, name: str, process: Fork, *, log: Path) -> None:  # it has been started already
        self.name = name
        self.log = log
        self.process = process


def main(module: str) -> None:
    """Import the app, then fork a worker for each line on stdin until it ends."""
    app: Any = import_module(module).app
    app.loader.import_default_modules()
    for name in _NEEDED_LATER:
        import_module(name)
    if threading.active_count() > 1:
        sys.exit(f"importing {module} started a thread, which no fork would have")
    gc.freeze()  # what is collected in a fork would be copied for it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks, so the kernel buries them
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become_worker(app, order["arguments"], order["log"])
        os.setpgid(pid, pid)  # here too, so that the group is there when its id is known
        print(pid, flush=True)  # noqa: T201 - the answer to the line


def _become_worker(app: Any, arguments: list[str], log: str) -> None:
    """Turn this process into a worker in a process group of its own; never return."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, theirs in ((nothing, 0), (sink, 1), (sink, 2)):
        os.dup2(ours, theirs)
    sys.argv = ["celery", *arguments]
    try:
        app.worker_main(arguments)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
