"""The metrics of one installation, in the form of prometheus-client; docs/metrics.md explains them to operators.

No metric has a label with a mailbox: ten thousand of them would be ten thousand series of each metric, and a mailbox is
found by ``rsvpq status``, ``rsvpq dead`` and ``rsvpq audit``.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rsvpq import __version__
from rsvpq.lanes.breakers import short_name
from rsvpq.lanes.status import ANSWERED, ServerStatus, Status
from rsvpq.metrics.reading import InstallationReader, Reading
from rsvpq.tasks import contract
from rsvpq.wiring.wellness import FAILURE_STATES, failures

if TYPE_CHECKING:
    from prometheus_client import Metric

logger = logging.getLogger(__name__)

#: The labels of a sample, in the order of their names, and its value.
Sample = tuple[Sequence[str], float]

#: Counts of the ledger that are failures, by class. ``lease-expired`` is counted for no server.
FAILURES: Mapping[str, str] = {
    "later": "later",
    "throttled": "throttled",
    "dead": "dead",
    "failed": "failed",
}
_DONE = "done:"
#: Seconds after which a scrape ends without a reading: two less than Prometheus gives it by default.
LONGEST_SCRAPE_S = 8.0


class _Taken(NamedTuple):
    """What a reading has found: None if nothing could be read; whether Redis answers; and how long it took."""

    reading: Reading | None
    redis_up: bool
    took_s: float


class InstallationCollector:
    """Reads the installation once for each scrape, or for all that come while a reading is under way.

    If Redis cannot be read there is no sample that could be taken for a healthy one: only ``rsvpq_up`` 0,
    ``rsvpq_redis_up``, the version, and how long that took.
    """

    def __init__(self, reader: InstallationReader) -> None:
        self._reader = reader
        self._lock = Lock()
        self._under_way: Future[_Taken] | None = None

    def collect(self) -> Iterator["Metric"]:
        """Yield all metrics.

        :raises ClusterRefused: Redis is a node of a Redis Cluster.
        """
        reading, redis_up, took_s = self._take()
        yield _gauge("rsvpq_up", "Whether everything below could be read from Redis.", [((), reading is not None)])
        yield _gauge("rsvpq_redis_up", "Whether Redis answers.", [((), redis_up)])
        yield _gauge("rsvpq_scrape_seconds", "How long the reading took.", [((), took_s)])
        yield _gauge("rsvpq_build_info", "The version of the metrics process.", [([__version__], 1)], "version")
        if reading is not None:
            yield from _of_installation(reading)
            yield from _of_servers(reading.status)

    def _take(self) -> _Taken:
        """Return what the reading under way finds, or a new one: however many ask, Redis has others to serve."""
        with self._lock:
            if self._under_way is None or self._under_way.done():
                self._under_way = Future()
                # A daemon: it may be waiting for Redis when the process ends.
                Thread(target=self._fulfill, args=(self._under_way,), name="reading", daemon=True).start()
            under_way = self._under_way
        with suppress(TimeoutError):
            taken = under_way.result(LONGEST_SCRAPE_S)
            if taken.took_s <= LONGEST_SCRAPE_S:  # else it is too old for whoever came later
                return taken
        logger.warning("event=not-read error=%r", f"a reading takes longer than {LONGEST_SCRAPE_S:g} s")
        return _Taken(None, redis_up=False, took_s=LONGEST_SCRAPE_S)

    def _fulfill(self, promised: "Future[_Taken]") -> None:
        began = time.perf_counter()
        try:
            reading, redis_up = self._read()
        except BaseException as error:  # which everybody who waits gets
            promised.set_exception(error)
        else:
            promised.set_result(_Taken(reading, redis_up, time.perf_counter() - began))

    def _read(self) -> tuple[Reading | None, bool]:
        """Return the reading, None if there is none, and whether Redis answers."""
        try:
            return self._reader.read(), True
        except RedisTimeoutError as error:  # a second wait would outlast LONGEST_SCRAPE_S
            logger.warning("event=not-read error=%s", error)
            return None, False
        except RedisError as error:
            logger.warning("event=not-read error=%s", error)
            return None, self._reader.is_answered()


def _of_installation(reading: Reading) -> Iterator["Metric"]:
    status, force = reading.status, reading.force
    yield _gauge("rsvpq_answering", "Whether answers are sent.", [((), not force.silent)])
    confirmed = [([group], force.answers(group)) for group in sorted(reading.groups or {})]
    about = "Whether requests are answered in the mailboxes of the group; 0 where it only observes."
    yield _gauge("rsvpq_confirmed", about, confirmed, "group")
    about = "Whether the list of mailboxes can be read in its present state."
    yield _gauge("rsvpq_list_readable", about, [((), reading.list_readable)])
    if reading.size is not None:
        yield _gauge("rsvpq_listed_mailboxes", "Mailboxes of the list.", [((), reading.size.listed)])
        yield _gauge("rsvpq_left_mailboxes", "Mailboxes that left the list within a week.", [((), reading.size.left)])
    modes = [([mode], mode == reading.mode) for mode in ("observe", "respond")]
    yield _gauge("rsvpq_mode", "1 for the mode of the settings.", modes, "mode")
    workers = [([queue], len(found)) for queue, found in force.workers.items()]
    yield _gauge("rsvpq_workers", "Workers that take from the queue.", workers, "queue")
    yield _gauge("rsvpq_dispatchers", "Dispatchers that run.", [((), len(force.dispatchers))])
    about = "Different settings that processes run with; more than 1 if one of them has not taken up the applied ones."
    yield _gauge("rsvpq_settings_in_use", about, [((), force.settings_in_use)])
    about = "Processes that could not take up the applied settings, or cannot read their list."
    yield _gauge("rsvpq_settings_kept", about, [((), force.kept)])
    queued = [([queue], length) for queue, length in reading.queued.items()]
    yield _gauge("rsvpq_queue_messages", "Messages that wait with Celery.", queued, "queue")
    pauses = [(["all", "", ""], status.paused is not None)]
    pauses += [(["server", name, ""], server.paused is not None) for name, server in status.servers.items()]
    pauses += [(["group", "", name], group.paused is not None) for name, group in status.groups.items()]
    about = "Whether everything, the server or the group is paused."
    yield _gauge("rsvpq_paused", about, pauses, "scope", "server", "group")
    quiet = [([""], status.quiet_s), *(([name], group.quiet_s) for name, group in status.groups.items())]
    about = "How long the quiet hours of the group still last; without a group, those of all mailboxes."
    yield _gauge("rsvpq_quiet_seconds", about, quiet, "group")
    overrides = sum((one.limits is not None) + len(one.limited_mailboxes) for one in status.servers.values())
    yield _gauge("rsvpq_overrides", "Servers and mailboxes with limits that an operator has set.", [((), overrides)])
    yield from _of_ledger(status)
    about = "When the certificate of the server ends, as a worker has seen it last."
    ends = [([name], end_s) for name, end_s in reading.certificate_ends.items()]
    yield _gauge("rsvpq_certificate_end_timestamp_seconds", about, ends, "server")
    if reading.schedule_s is not None:
        about = "The longest interval of the schedules, if one of them is for all mailboxes."
        yield _gauge("rsvpq_schedule_seconds", about, [((), reading.schedule_s)])
    yield from _of_redis(reading)


def _of_redis(reading: Reading) -> Iterator["Metric"]:
    if reading.missing_replicas is not None:
        about = "Replicas that a failover or an intent needs and Redis lacks; 0 without sentinels."
        yield _gauge("rsvpq_redis_missing_replicas", about, [((), reading.missing_replicas)])
    about = "Whether the sentinels could name another primary; 1 without sentinels."
    yield _gauge("rsvpq_redis_can_elect", about, [((), reading.can_elect is not False)])
    if reading.scripts is not None:
        about = "Calls of scripts by all clients of Redis, since its start."
        yield _counter("rsvpq_redis_script_calls", about, [((), reading.scripts.calls)])
        about = "For how long these kept Redis busy, in seconds."
        yield _counter("rsvpq_redis_script_seconds", about, [((), reading.scripts.seconds)])
    if reading.memory is not None:
        yield _gauge("rsvpq_redis_memory_bytes", "Memory that Redis uses.", [((), reading.memory.used)])
    if reading.memory is not None and reading.memory.most:  # 0 stands for no limit, and would divide to infinity
        yield _gauge("rsvpq_redis_memory_limit_bytes", "maxmemory of Redis.", [((), reading.memory.most)])


def _of_ledger(status: Status) -> Iterator["Metric"]:
    order = status.order
    yield _gauge("rsvpq_broken_records", "Broken records found, see 'rsvpq repair --list'.", [((), order.broken)])
    if order.checked_s is not None:
        counted = [(["items"], order.in_flight), (["slots"], order.slots)]
        about = "Items in flight and the slots taken for them, when a dispatcher last compared the two."
        yield _gauge("rsvpq_in_flight", about, counted, "counted")
        yield _gauge("rsvpq_slots_check_age_seconds", "Time since that comparison.", [((), order.checked_s)])
    yield _counter("rsvpq_slots_corrected", "Counters of slots that were wrong.", [((), order.wrong_slots)])


def _of_servers(status: Status) -> Iterator["Metric"]:
    servers = status.servers
    states = ("pending", "released", "running", "later", "dead")
    items = [([name, state], getattr(one, state)) for name, one in servers.items() for state in states]
    yield _gauge("rsvpq_lane_items", "Items by state.", items, "server", "state")
    lags = [([name, part], lag or 0) for name, one in servers.items() for part, lag in _lags(one)]
    about = "Time since unfinished messages were offered: the oldest, and the 95th percentile; 0 without any."
    yield _gauge("rsvpq_lag_seconds", about, lags, "server", "quantile")
    scan_lags = [([name], one.scan_lag_s or 0) for name, one in servers.items()]
    yield _gauge("rsvpq_scan_lag_seconds", "Age of the oldest unfinished scan; 0 without any.", scan_lags, "server")
    ages = [([name, which], age) for name, one in servers.items() for which, age in _scan_ages(one) if age is not None]
    about = "Time since the newest and the oldest of the last scans of the mailboxes ended."
    yield _gauge("rsvpq_scan_age_seconds", about, ages, "server", "which")
    mailboxes = [([name, state], number) for name, one in servers.items() for state, number in _mailboxes(one)]
    yield _gauge("rsvpq_mailboxes", "Mailboxes by state.", mailboxes, "server", "state")
    held = [([name, reason], number) for name, one in servers.items() for reason, number in one.on_hold.items()]
    yield _gauge("rsvpq_on_hold", "Messages that wait for a person.", held, "server", "reason")
    skipped = [([name, reason], number) for name, one in servers.items() for reason, number in one.skipped.items()]
    yield _gauge("rsvpq_skipped", "Messages that the last scans left alone.", skipped, "server", "reason")
    holds = [([name], max((hold.left_s for hold in one.holds), default=0)) for name, one in servers.items()]
    about = "How long the hold of the server, or of one work there, still lasts; 0 for none."
    yield _gauge("rsvpq_held_seconds", about, holds, "server")
    failures = [([name, work], number) for name, one in servers.items() for work, number in _in_a_row(one)]
    about = "Failures of the work in a row that may be the fault of the server; 0 after a success."
    yield _gauge("rsvpq_server_failures", about, failures, "server", "work")
    yield from _counts_of_servers(status)


def _counts_of_servers(status: Status) -> Iterator["Metric"]:
    counts = {name: one.counts for name, one in status.servers.items()}
    results = [label.removeprefix(_DONE) for label in ANSWERED]
    # Zero from the start: a rate needs a sample from before the first one.
    answers = [([name, result], found.get(_DONE + result, 0)) for name, found in counts.items() for result in results]
    yield _counter("rsvpq_answers", "Requests that were answered.", answers, "server", "result")
    others = [
        ([name, label.removeprefix(_DONE)], count)
        for name, found in counts.items()
        for label, count in found.items()
        if label.startswith(_DONE) and label not in ANSWERED
    ]
    yield _counter("rsvpq_other_results", "Items that ended otherwise, scans included.", others, "server", "result")
    failures = [
        ([name, kind], found.get(label, 0)) for name, found in counts.items() for kind, label in FAILURES.items()
    ]
    failures.append((["", "lease-expired"], status.counts.get("lease-expired", 0)))
    yield _counter("rsvpq_failures", "Attempts that failed.", failures, "server", "class")


def _in_a_row(server: ServerStatus) -> Iterable[tuple[str, int]]:
    """Yield the failures of each work in a row; also 0, for no series may end with the last failure."""
    found = {work: one.failures for work, one in server.breakers.items()}
    return ((short_name(work), found.get(work, 0)) for work in sorted(contract.WORKS))


def _lags(server: ServerStatus) -> Iterable[tuple[str, float | None]]:
    return (("0.95", server.lag_p95_s), ("1", server.lag_s))


def _scan_ages(server: ServerStatus) -> Iterable[tuple[str, float | None]]:
    return (("newest", server.newest_scan_s), ("oldest", server.oldest_scan_s))


def _mailboxes(server: ServerStatus) -> Iterable[tuple[str, int]]:
    failing = failures(server)
    return (
        ("all", server.mailboxes),
        ("never_scanned", server.never_scanned),
        ("paused", len(server.paused_mailboxes)),
        ("late", server.late),
        *((state, failing[state]) for state in FAILURE_STATES),
    )


def _gauge(name: str, about: str, samples: Iterable[Sample], *labels: str) -> "Metric":
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counter(name: str, about: str, samples: Iterable[Sample], *labels: str) -> "Metric":
    """Return a counter; prometheus-client adds ``_total`` to its name."""
    family = CounterMetricFamily(name, about, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
