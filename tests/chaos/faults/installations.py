"""A second installation, which somebody has set up on the same mailboxes."""

from collections.abc import Generator
from contextlib import suppress
from random import Random

from testbed.processes import until
from tests.chaos.faults import pause
from tests.chaos.installation import AWAY, Installation
from tests.chaos.rsvpq_stack import RsvpqStack, SecondStack

#: How long the second one may take to finish what it has begun, in seconds.
_END_S = 120.0


def two_installations(on: Installation, dice: Random) -> Generator[int]:
    """Both scan all mailboxes again and again; of both, workers are killed now and then."""
    if not isinstance(on, RsvpqStack):
        raise TypeError("only rsvpq is installed twice")
    with SecondStack(on) as second:
        try:
            while True:
                for one in (on, second):
                    with suppress(*AWAY):
                        one.trigger()
                pause(dice, 0.2, 1.5)
                if dice.random() < 0.3:
                    struck = dice.choice([on, second])
                    name = dice.choice(struck.answerers)
                    struck.kill(name)
                    struck.restart(name)
                yield 1
        finally:
            until(lambda: second.unfinished() == 0, "the second installation is at rest", within_s=_END_S)
