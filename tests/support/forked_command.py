"""Programs of ours to their end, as forks of a process that has imported them already: most tests run them so.

That they start as they are installed is what other tests show: of the main job, of the installed wheel.
"""

import subprocess
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile

from testbed.fork_server import fork_server
from testbed.processes import WAIT_S


def run_rsvpq(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command line as :func:`run_forked` does."""
    return run_forked(["rsvpq", *arguments], environment)


def run_forked(program: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    :param program: ``-m`` and a module, or the name of a command of this environment; and its arguments.
    :param environment: what it has beyond the variables of this process.
    :raises subprocess.TimeoutExpired: it has not ended; it is left alone.
    """
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        code = fork_server().start(program, environment, out=out.fileno(), err=err.fileno()).wait(WAIT_S)
        for file in (out, err):
            file.seek(0)  # the position is the program's too
        return subprocess.CompletedProcess(program, code, out.read(), err.read())
