"""What is done to an installation: one function for one class of fault.

Each is a generator. It injects, yields how many faults that were, and goes on for as long as somebody asks for more;
when it is closed it heals what it has broken. Pauses between two faults are part of the fault: their lengths are the
seed's, and no test waits for them instead of a fact.
"""

import time
from collections.abc import Callable, Generator
from random import Random

from tests.chaos.installation import Installation

Fault = Callable[[Installation, Random], Generator[int]]


def pause(dice: Random, shortest_s: float, longest_s: float) -> None:
    """Leave the installation alone for a while."""
    time.sleep(dice.uniform(shortest_s, longest_s))


def nothing(_on: Installation, dice: Random) -> Generator[int]:
    """No fault at all: what the others are compared with."""
    while True:
        pause(dice, 1, 1)
        yield 0


def in_turn(*faults: Fault) -> Fault:
    """Several faults in one run, one after the other in an order that the dice choose."""

    def inject(on: Installation, dice: Random) -> Generator[int]:
        running = [fault(on, dice) for fault in faults]
        try:
            while True:
                yield next(dice.choice(running))
        finally:
            for each in running:
                each.close()

    return inject
