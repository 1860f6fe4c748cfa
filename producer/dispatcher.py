"""The dispatcher: releases what time has made due. Run any number of them; there is no leader.

    python -m producer.dispatcher

Finished items refill the lanes by themselves; the dispatcher is for what nobody finishes: paces, delays and holds that
end, leases that ran out, schedules that come round.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from producer.schedule import SCHEDULED, ScheduledScan, due_scans, still_waits
from rsvpq.health.register import register_of
from rsvpq.health.systemd import notify
from rsvpq.health.watchdog import Watchdog
from rsvpq.lanes import Lanes, Release
from rsvpq.lanes.ledger import MOST_RELEASED_AT_ONCE
from rsvpq.settings import ConfigError
from rsvpq.tasks.log_lines import escape_lines

logger = logging.getLogger(__name__)

#: Seconds between two looks at the lanes: bounds how late a paced item is released.
TICK_S = 0.05
#: Seconds between two sweeps of ended leases, and between two looks at the schedules.
SWEEP_S = 2.0
#: Seconds for which a dispatcher's report of a whole sweep is believed.
ALIVE_S = 15


@dataclass(slots=True)
class Dispatcher:
    """One dispatcher.

    :param publish: hands released items to Celery.
    :param trigger: triggers a scan of one group, or of all mailboxes for None.
    :param configure: brings the configured limits into force.
    """

    lanes: Lanes
    publish: Callable[[Iterable[Release]], None]
    trigger: Callable[[str | None], None]
    schedules: Sequence[ScheduledScan]
    configure: Callable[[], None]
    #: The keys of the broker with the type that each must have.
    broker_keys: Mapping[str, str] = field(default_factory=dict)
    #: Seconds by a clock that only measures, and that nobody can set.
    steady: Callable[[], float] = time.monotonic
    #: Rounds begun so far, for the watchdog: one that waits for Redis goes round too.
    rounds: int = 0
    #: How far the ledger's clock was ahead of the steady one at the last sweep, in microseconds.
    _ahead_us: int | None = field(default=None, init=False)
    #: Where the walk through the ledger goes on.
    _cursor: int = field(default=0, init=False)

    def run(self, stop: Event) -> None:
        """Tick until told to stop; a Redis that is away is waited for."""
        configured, next_sweep = False, 0.0
        while not stop.is_set():
            self.rounds += 1
            try:
                if not configured:
                    self.configure()
                    configured = True
                # First what puts right what may be in the way of the others.
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + SWEEP_S
                    self.sweep()
                full = self.release()
            except (RedisError, KombuError, OSError) as error:
                logger.warning("event=redis-away error=%s", error)
                full = False
                stop.wait(1.0)
            except ConfigError:
                raise
            except Exception:  # whatever one item holds, the others go on
                logger.exception("event=unexpected")
                full = False
                stop.wait(1.0)
            if not full:
                stop.wait(TICK_S)

    def release(self) -> bool:
        """Release and publish once; whether there may be more at once."""
        released = self.lanes.ledger.release()
        self.publish(released)
        return len(released) == MOST_RELEASED_AT_ONCE

    def sweep(self) -> None:
        """Take back ended leases, trigger scans that are due, and report progress."""
        if not self.lanes.controls.configured():  # Redis has lost everything, and limits are not found again by a scan
            logger.warning("event=limits-lost")
            self.configure()
        self._take_back()
        self._keep()
        for scan in due_scans(self.lanes, self.schedules):
            logger.info("event=scheduled-scan group=%s", scan.group or "(all)")
            self.trigger(scan.group)
        register_of(self.lanes, "dispatcher").report(ALIVE_S)

    def _take_back(self) -> None:
        ahead_us = self._ahead_us
        expected_us = 0 if ahead_us is None else round(self.steady() * 1e6) + ahead_us
        back, dead = self.lanes.ledger.sweep(expected_us=expected_us)
        self._ahead_us = self.lanes.time_us() - round(self.steady() * 1e6)
        if back or dead:
            logger.warning("event=lease-ended back=%d dead=%d", back, dead)

    def _keep(self) -> None:
        """Put right what is found out of order, a step at a time."""
        repair = self.lanes.repair
        moved = repair.quarantine(self.broker_keys)
        step = repair.step(self._cursor)
        self._cursor = step.cursor
        wrong = repair.check_slots()
        repair.forget_gone()
        if step.repaired or moved or wrong > 0:
            logger.warning("event=ledger-mended records=%d slots=%d", step.repaired + moved, wrong)


class Standstill:
    """Whether a dispatcher still goes round."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._seen = 0

    def suspicion(self) -> str:
        """Why it seems to hang; empty if it has begun a round since it was asked before."""
        seen, self._seen = self._seen, self._dispatcher.rounds
        return "" if self._seen != seen else f"round {seen} has not ended"


def main() -> None:
    """Run until SIGTERM or SIGINT; exit code 2 where Redis is a cluster."""
    from producer.app import app, carrier, settings  # noqa: PLC0415 - reading settings is for the process only
    from rsvpq import wiring  # noqa: PLC0415
    from rsvpq.tasks import contract  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    escape_lines(logging.getLogger())
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    # Its next round repeats what failed, and a round must not last.
    lanes = wiring.make_lanes(settings, retries=0)
    queues = wiring.make_queues(settings, retries=0)

    def trigger(group: str | None) -> None:
        if still_waits(queues, group):
            logger.warning("event=scan-waits group=%s: no worker takes scans", group or "(all)")
            return
        # Without a result, for which this process would listen ever after.
        arguments = {"group": group} if group else {}
        app.send_task(contract.SCAN, kwargs=arguments, ignore_result=True, headers={SCHEDULED: group or ""})

    schedules = [ScheduledScan(schedule.every.seconds, schedule.group) for schedule in settings.schedule]
    dispatcher = Dispatcher(
        lanes,
        carrier.publish,
        trigger,
        schedules,
        partial(wiring.configure, lanes, settings),
        contract.key_types(settings.redis.namespace),
    )
    watchdog = Watchdog(Standstill(dispatcher).suspicion, stalled_after_s=settings.health.stalled_after.seconds)
    watchdog.start()
    notify("READY=1")
    logger.info("event=started schedules=%d", len(schedules))
    try:
        dispatcher.run(stop)
    except ConfigError as error:
        sys.exit(_complain(error))
    finally:
        watchdog.stop()


def _complain(error: ConfigError) -> int:
    sys.stderr.write(f"{error}\n")
    return 2


if __name__ == "__main__":
    main()
