"""Clocks that jump: those of the mail servers, of the machine the workers are on, and of the one that Redis is on."""

import shutil
import struct
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path
from random import Random

from tests.chaos.faults import pause
from tests.chaos.installation import Installation

#: On PYTHONPATH, it lets the clock of a Python process be moved.
MOVED_BY = Path(__file__).parents[1] / "clock"
#: The same for a program in another language, once it is compiled.
_SOURCE = MOVED_BY / "moved_clock.c"
#: How far a clock jumps, in seconds.
FARTHEST_S = 3600
#: The file that holds how many seconds a server's clock is ahead.
SERVER_CLOCK = "server-clock"


def clock_file(directory: Path) -> Path:
    """The file in an installation's directory that holds how many seconds its clock is ahead."""
    path = directory / "clock"
    set_clock(path, 0)
    return path


def set_clock(path: Path, ahead_s: float) -> None:
    """Move the clock of all processes that look at this file."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(struct.pack("<d", ahead_s))


def moved_server(directory: Path) -> Mapping[str, str]:
    """The environment in which a server's clock can be moved, by a file ``server-clock`` in this directory.

    :raises FileNotFoundError: there is no C compiler here.
    """
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise FileNotFoundError("no C compiler here, so the clock of Redis cannot be moved; install gcc or clang")
    library = directory / "moved_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE)], check=True)
    path = directory / SERVER_CLOCK
    set_clock(path, 0)
    return {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(path)}


def redis_clock_jumps(on: Installation, dice: Random) -> Generator[int]:
    """Redis' clock goes forth and back by up to an hour."""
    clock = on.directory / SERVER_CLOCK
    try:
        while True:
            pause(dice, 1, 3)
            set_clock(clock, dice.uniform(-FARTHEST_S, FARTHEST_S))
            yield 1
    finally:
        set_clock(clock, 0)


def clocks_jump(on: Installation, dice: Random) -> Generator[int]:
    """Both kinds of clocks go forth and back by up to an hour, each by itself."""
    clock = on.directory / "clock"
    try:
        while True:
            pause(dice, 0.2, 1)
            if dice.random() < 0.5:
                on.exchange.set_switches({"clock_skew_s": dice.randint(-FARTHEST_S, FARTHEST_S)})
            else:
                set_clock(clock, dice.uniform(-FARTHEST_S, FARTHEST_S))
            yield 1
    finally:
        on.exchange.set_switches({"clock_skew_s": 0})
        set_clock(clock, 0)
