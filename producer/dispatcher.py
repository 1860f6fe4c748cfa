"""The dispatcher: releases items that have become due. Run any number of them; there is no leader.

    python -m producer.dispatcher

An item that finishes releases the next ones by itself. The dispatcher acts on everything else that time brings: paces,
delays and holds that end, leases that expire, and schedules that are due.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from producer.schedule import ScheduledScan, due_scans, keep_quiet, trigger_scan
from rsvpq import wiring
from rsvpq.audit.record import Audit
from rsvpq.health.register import register_of
from rsvpq.health.systemd import notify
from rsvpq.health.watchdog import Watchdog
from rsvpq.lanes import Lanes, OperatorAction, Release, Scope
from rsvpq.lanes.ledger import MOST_RELEASED_AT_ONCE
from rsvpq.settings import ConfigError, Settings
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.tasks import celery_app
from rsvpq.tasks.log_streams import begin_log
from rsvpq.wiring.revisions import SettingsWatch, live_settings

logger = logging.getLogger(__name__)

#: Seconds between two rounds: bounds how late a paced item is released.
TICK_S = 0.05
#: Seconds before the next round after one that failed.
RETRY_S = 1.0
#: Seconds between two sweeps of expired leases, and between two checks of the schedules.
SWEEP_S = 2.0
#: Seconds between two looks for mailboxes that have left the list.
FORGET_S = 3600.0
#: Seconds for which a dispatcher counts as alive after a completed sweep.
ALIVE_S = 15


@dataclass(frozen=True, slots=True)
class Plan:
    """What a dispatcher goes by, all of it from the same settings.

    :param configure: brings the configured limits into force.
    :param listed: returns the names in the list of mailboxes; none if no list is in force.
    """

    schedules: Sequence[ScheduledScan]
    configure: Callable[[], None]
    listed: Callable[[], Collection[str]] = tuple


@dataclass(slots=True)
class Dispatcher:
    """Runs rounds until it is stopped: each releases what is due, and every few seconds one sweeps.

    :param publish: hands released items to Celery.
    :param trigger: triggers a scan of one group, or of all mailboxes for None.
    """

    lanes: Lanes
    publish: Callable[[Iterable[Release]], None]
    trigger: Callable[[str | None], None]
    plan: Plan
    #: Makes the audit record of a pause that has ended by itself, from its scope and its name.
    ended_pause: Callable[[Scope, str], OperatorAction | None] = lambda *_: None
    #: The keys of the broker with the type that each must have.
    broker_keys: Mapping[str, str] = field(default_factory=dict)
    #: A monotonic clock, in seconds.
    steady: Callable[[], float] = time.monotonic
    #: Rounds begun so far; rounds go on while Redis is unavailable.
    rounds: int = 0
    #: How many of them the watchdog has seen.
    _seen: int = field(default=0, init=False)
    _configured: bool = field(default=False, init=False)
    #: When to sweep next, by the monotonic clock.
    _next_sweep: float = field(default=0.0, init=False)
    #: How far the ledger's clock was ahead of the monotonic one at the last sweep, in microseconds.
    _ahead_us: int | None = field(default=None, init=False)
    #: When to forget mailboxes next that have left the list, by the monotonic clock.
    _next_forget: float = field(default=0.0, init=False)
    #: Where the next step of the repair continues in the ledger.
    _cursor: int = field(default=0, init=False)

    def run(self, stop: Event) -> None:
        """Run rounds until stopped; wait while Redis is unavailable.

        :raises ConfigError: Redis is a cluster, or a later version uses the ledger.
        """
        while not stop.is_set():
            self.rounds += 1
            wait_s = RETRY_S
            try:
                if not self._configured:
                    self.plan.configure()
                    self._configured = True
                # The sweep comes first: it repairs what may block the release.
                if time.monotonic() >= self._next_sweep:
                    self._next_sweep = time.monotonic() + SWEEP_S
                    self.sweep()
                wait_s = 0 if self.release() else TICK_S
            except (RedisError, KombuError, OSError) as error:
                logger.warning("event=redis-away error=%s", error)
            except ConfigError:
                raise
            except Exception:  # one faulty item must not stop the others
                logger.exception("event=unexpected")
            stop.wait(wait_s)

    def adopt(self, plan: Plan) -> None:
        """Go by another plan from the next round on; may be called by another thread."""
        self.plan = plan
        self._configured = False

    def stall_reason(self) -> str:
        """Return why the dispatcher seems to hang; empty if it has begun a round since the last call."""
        seen, self._seen = self._seen, self.rounds
        return "" if self._seen != seen else f"round {seen} of the dispatcher has not ended"

    def release(self) -> bool:
        """Release and publish once; return whether more may be due already."""
        released = self.lanes.ledger.release()
        self.publish(released)
        return len(released) == MOST_RELEASED_AT_ONCE

    def sweep(self) -> None:
        """Put back items with expired leases, repair the ledger, trigger due scans, and report progress."""
        if not self.lanes.controls.configured():  # Redis lost its data, and no scan restores limits
            logger.warning("event=limits-lost")
            self.plan.configure()
        # Leases expire by the monotonic clock if the ledger's clock was set.
        expected_us = 0 if self._ahead_us is None else round(self.steady() * 1e6) + self._ahead_us
        back, dead = self.lanes.ledger.sweep(expected_us=expected_us)
        self._ahead_us = self.lanes.time_us() - round(self.steady() * 1e6)
        if back or dead:
            logger.warning("event=lease-ended back=%d dead=%d", back, dead)
        self._end_pauses()
        self._repair()
        keep_quiet(self.lanes, self.plan.schedules)
        for scan in due_scans(self.lanes, self.plan.schedules):
            logger.info("event=scheduled-scan group=%s", scan.group or "(all)")
            self.trigger(scan.group)
        register_of(self.lanes, "dispatcher").report(ALIVE_S)

    def _end_pauses(self) -> None:
        """End the pauses whose time is over; whichever dispatcher comes first, the audit has it once."""
        for scope, name, until in self.lanes.controls.due_pauses():
            ended = self.ended_pause(scope, name)
            if self.lanes.controls.end_pause(scope, name, until, action=ended):
                logger.info("event=pause-ended scope=%s name=%s", scope, name or "-")

    def _repair(self) -> None:
        """Repair broken records of the ledger, a part of it at a time."""
        repair = self.lanes.repair
        moved = repair.quarantine(self.broker_keys)
        step = repair.step(self._cursor)
        self._cursor = step.cursor
        wrong = repair.check_slots()
        repair.forget_gone()
        if time.monotonic() >= self._next_forget:
            self._next_forget = time.monotonic() + FORGET_S
            if forgotten := repair.forget_unlisted(self.plan.listed()):
                logger.info("event=mailboxes-forgotten mailboxes=%d", forgotten)
        if step.repaired or moved or wrong > 0:
            logger.warning("event=ledger-mended records=%d slots=%d", step.repaired + moved, wrong)


def main() -> None:
    """Run until SIGTERM or SIGINT; exit with code 2 if Redis cannot be used."""
    from producer.app import app, parts, renew, settings  # noqa: PLC0415 - importing it reads the settings

    begin_log(settings.log.format)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # No retries: the next round repeats what failed, and a round must be short.
    lanes, queues = wiring.make_lanes(settings, retries=0), wiring.make_queues(settings, retries=0)
    mailboxes = parts.now.mailboxes
    dispatcher = Dispatcher(
        lanes=lanes,
        publish=parts.now.carrier.publish,
        trigger=partial(trigger_scan, app, queues),
        plan=_plan(lanes, settings, mailboxes),
        ended_pause=partial(_ended_pause, wiring.make_audit(settings, lanes)),
        broker_keys=celery_app.key_types(settings.redis.namespace),
    )

    def take_up(applied: Settings, mailboxes: MailboxList) -> None:
        renew(applied, mailboxes)
        dispatcher.adopt(_plan(lanes, applied, mailboxes))

    watch = SettingsWatch(live_settings(settings, mailboxes, take_up), "dispatcher")
    watch.start()
    watchdog = Watchdog(dispatcher.stall_reason, stalled_after_s=settings.health.stalled_after.seconds)
    watchdog.start()
    notify("READY=1")
    logger.info("event=started schedules=%d", len(settings.schedule))
    try:
        dispatcher.run(stop)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    finally:
        watchdog.stop()
        watch.stop()


def _plan(lanes: Lanes, settings: Settings, mailboxes: MailboxList) -> Plan:
    namespace = settings.redis.namespace
    return Plan(
        schedules=[ScheduledScan(one.timetable(namespace), one.group) for one in settings.schedule],
        configure=partial(wiring.configure, lanes, settings),
        listed=mailboxes.names,
    )


def _ended_pause(audit: Audit, scope: Scope, name: str) -> OperatorAction:
    action = audit.action("resume", scope, name, why="the time of its pause was over")
    return replace(action, who="rsvpq")


if __name__ == "__main__":
    main()
