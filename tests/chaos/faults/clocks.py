"""Clocks that jump: those of the mail servers, and that of the machine the workers are on."""

import struct
from collections.abc import Generator
from pathlib import Path
from random import Random

from tests.chaos.faults import pause
from tests.chaos.installation import Installation

#: On PYTHONPATH, it lets the clock of a Python process be moved.
MOVED_BY = Path(__file__).parents[1] / "clock"
#: How far a clock jumps, in seconds.
FARTHEST_S = 3600


def clock_file(directory: Path) -> Path:
    """The file in an installation's directory that holds how many seconds its clock is ahead."""
    path = directory / "clock"
    set_clock(path, 0)
    return path


def set_clock(path: Path, ahead_s: float) -> None:
    """Move the clock of all processes that look at this file."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(struct.pack("<d", ahead_s))


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
