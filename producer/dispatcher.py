"""The dispatcher: releases what time has made due. Run any number of them; there is no leader.

    python -m producer.dispatcher

Finished items refill the lanes by themselves; the dispatcher is for what nobody finishes: paces, delays and holds that
end, leases that ran out, schedules that come round.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Event

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from producer.schedule import ScheduledScan, due_scans
from rsvpq.lanes import Lanes, Release
from rsvpq.lanes.lanes import MOST_RELEASED_AT_ONCE

logger = logging.getLogger(__name__)

#: Seconds between two looks at the lanes: bounds how late a paced item is released.
TICK_S = 0.05
#: Seconds between two sweeps of ended leases, and between two looks at the schedules.
SWEEP_S = 2.0
#: Seconds after which a dispatcher that reports no progress counts as dead.
ALIVE_S = 15


@dataclass(slots=True)
class Dispatcher:
    """One dispatcher.

    :param publish: hands released items to Celery.
    :param trigger: triggers a scan of one group, or of all mailboxes for None.
    """

    lanes: Lanes
    publish: Callable[[Iterable[Release]], None]
    trigger: Callable[[str | None], None]
    schedules: Sequence[ScheduledScan]

    def run(self, stop: Event) -> None:
        """Tick until told to stop; a Redis that is away is waited for."""
        next_sweep = 0.0
        while not stop.is_set():
            try:
                full = self.release()
                if time.monotonic() >= next_sweep:
                    self.sweep()
                    next_sweep = time.monotonic() + SWEEP_S
            except (RedisError, KombuError, OSError) as error:
                logger.warning("event=redis-away error=%s", error)
                full = False
                stop.wait(1.0)
            if not full:
                stop.wait(TICK_S)

    def release(self) -> bool:
        """Release and publish once; whether there may be more at once."""
        released = self.lanes.release()
        self.publish(released)
        return len(released) == MOST_RELEASED_AT_ONCE

    def sweep(self) -> None:
        """Take back ended leases, trigger scans that are due, and report progress."""
        back, dead = self.lanes.sweep()
        if back or dead:
            logger.warning("event=lease-ended back=%d dead=%d", back, dead)
        for scan in due_scans(self.lanes, self.schedules):
            logger.info("event=scheduled-scan group=%s", scan.group or "(all)")
            self.trigger(scan.group)
        self.lanes.redis.set(alive_key(self.lanes), os.getpid(), ex=ALIVE_S)


def alive_key(lanes: Lanes) -> str:
    """Where the dispatcher of this host reports progress."""
    return f"{lanes.prefix}:alive:dispatcher:{socket.gethostname()}"


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    from producer.app import app, carrier, lanes, settings  # noqa: PLC0415 - reading settings is for the process only
    from rsvpq import queue, wiring  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            wiring.configure(lanes, settings)
            break
        except (RedisError, OSError) as error:
            logger.warning("event=redis-away error=%s", error)
            stop.wait(1.0)

    def trigger(group: str | None) -> None:
        app.send_task(queue.SCAN, kwargs={"group": group} if group else {})

    schedules = [ScheduledScan(schedule.every.seconds, schedule.group) for schedule in settings.schedule]
    logger.info("event=started schedules=%d", len(schedules))
    Dispatcher(lanes, carrier.publish, trigger, schedules).run(stop)


if __name__ == "__main__":
    main()
