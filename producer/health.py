"""Whether the dispatcher of this host makes progress: ``python -m producer.health`` exits with 0 if so.

Asks for what the dispatcher reports after its work, not whether there is a process: one that hangs is not healthy.
"""

import sys

from producer.dispatcher import ALIVE_S, alive_key
from rsvpq import wiring
from rsvpq.settings import load_settings


def main() -> int:
    """The exit code."""
    lanes = wiring.make_lanes(load_settings())
    if lanes.redis.exists(alive_key(lanes)):
        return 0
    sys.stderr.write(f"no dispatcher of this host has reported progress for {ALIVE_S} s\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
