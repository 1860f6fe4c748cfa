"""Check whether the processes of a role on this host make progress.

    python -m rsvpq.health worker|dispatcher

The exit code is 0 if at least one (in a container: the only one) has reported progress lately, 1 if none has or Redis
cannot be queried, and 2 if the settings are wrong. Costs about half as much as ``celery inspect ping``.
"""

import argparse
import sys
from typing import get_args

from redis.exceptions import RedisError

from rsvpq.health.register import Role, impatient_redis, register_of
from rsvpq.lanes import Lanes
from rsvpq.settings import ConfigError, load_settings


def main() -> int:
    """Run the check and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rsvpq.health", description="Check whether a process on this host makes progress."
    )
    parser.add_argument("role", choices=get_args(Role))
    role: Role = parser.parse_args().role
    try:
        settings = load_settings().redis
        alive = register_of(Lanes(impatient_redis(settings), settings.namespace), role).alive()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except RedisError as error:
        sys.stderr.write(f"cannot query Redis: {error}\n")
        return 1
    if not alive:
        sys.stderr.write(f"no {role} on this host has reported progress lately\n")
        return 1
    sys.stdout.write(f"{role}: process {', '.join(map(str, alive))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
