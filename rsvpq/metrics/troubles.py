"""What is worth a warning or an alarm, by one reading; ``deploy/prometheus/alerts.yml`` has the same conditions.

A single reading knows nothing of the time before it. So a hold counts as long if it still lasts so long, or if
something of its server has waited so long; and what Prometheus would first wait for to pass is reported at once.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from rsvpq.lanes.breakers import Hold
from rsvpq.lanes.status import ServerStatus, Status
from rsvpq.metrics.reading import Reading
from rsvpq.text import age, counted
from rsvpq.wiring.revisions import differences
from rsvpq.wiring.wellness import cannot_be_scanned, failing_long, failures

#: Seconds of a hold of a server that are worth a warning.
LONG_HOLD_S = 900.0
#: Seconds for which the scans of a mailbox may fail before that is worth a warning.
LONG_FAILURE_S = 1800.0
#: Seconds before its end from which a certificate is worth a warning; the doctor has the same.
CERTIFICATE_SOON_S = 21 * 86_400.0
#: The part of its memory limit above which Redis counts as almost full; the doctor has the same.
FULL = 0.8
#: At most this many groups are named.
_NAMED = 3


class Severity(IntEnum):
    """How bad it is; the exit codes of a Nagios plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be."""

    severity: Severity
    text: str


def troubles(reading: Reading, *, lag_warning_s: float, lag_critical_s: float) -> Iterator[Trouble]:
    """Yield what is not as it should be, the critical conditions first."""
    found = [
        *_processes(reading),
        *_list(reading),
        *_size(reading),
        *_lag(reading, lag_warning_s, lag_critical_s),
        *_answers(reading),
        *_settings(reading),
        *_servers(reading),
        *_mailboxes(reading),
        *_certificates(reading),
        *_memory(reading),
        *_failover(reading),
    ]
    yield from sorted(found, key=lambda trouble: -trouble.severity)


def _processes(reading: Reading) -> Iterator[Trouble]:
    for missing in reading.force.not_running():
        yield Trouble(Severity.CRITICAL, missing.sentence)


def _list(reading: Reading) -> Iterator[Trouble]:
    if not reading.list_readable:  # whether or not this process has an earlier one in force: others may have none
        yield Trouble(Severity.CRITICAL, "the list of mailboxes cannot be read, see 'rsvpq config check'")


def _size(reading: Reading) -> Iterator[Trouble]:
    if reading.size and not reading.size.listed:
        yield Trouble(Severity.CRITICAL, "the list of mailboxes is empty, so nothing is scanned")
    elif reading.size and reading.size.has_shrunk:
        yield Trouble(Severity.WARNING, f"{reading.size}, see 'rsvpq mailboxes --state unlisted'")


def _lag(reading: Reading, warning_s: float, critical_s: float) -> Iterator[Trouble]:
    oldest_s = reading.status.oldest_s or 0.0
    if oldest_s > warning_s and not reading.status.quiet_s:  # what is left over from the day waits for the morning
        severity = Severity.CRITICAL if oldest_s > critical_s else Severity.WARNING
        yield Trouble(severity, f"the oldest item has waited {age(oldest_s)}{_stops(reading.status)}")


def _stops(status: Status) -> str:
    if status.paused:
        return f" (everything is paused: {status.paused.reason})"
    paused = [f"group {name} is paused: {group.paused.reason}" for name, group in status.groups.items() if group.paused]
    quiet = [f"group {name} has quiet hours" for name, group in status.groups.items() if group.quiet_s]
    return f" ({'; '.join([*paused, *quiet][:_NAMED])})" if paused or quiet else ""


def _answers(reading: Reading) -> Iterator[Trouble]:
    if reading.mode == "respond" and reading.force.silent:
        yield Trouble(Severity.WARNING, reading.force.headline)
    if reading.status.dead:
        yield Trouble(Severity.WARNING, f"{reading.status.dead} dead, see 'rsvpq dead'")


def _settings(reading: Reading) -> Iterator[Trouble]:
    if reading.force.settings_in_use > 1 or reading.force.kept:
        yield Trouble(Severity.WARNING, "; ".join(differences(reading.force.revisions)))


def _servers(reading: Reading) -> Iterator[Trouble]:
    for name, server in reading.status.servers.items():
        for hold in server.holds:
            if _is_long(hold, server):
                why = f": {hold.why}" if hold.why else ""
                yield Trouble(Severity.WARNING, f"{hold.of(name)} is held for another {age(hold.left_s)}{why}")
        if server.late:
            late = (
                f"{counted(server.late, 'mailbox')} of {name} late, the oldest scan is {age(server.oldest_scan_s)} old"
            )
            yield Trouble(Severity.WARNING, late)


def _mailboxes(reading: Reading) -> Iterator[Trouble]:
    """Yield that mailboxes cannot be scanned; a failure that may pass counts once it has lasted."""
    servers = reading.status.servers.values()
    closed = any(failures(server)[state] for server in servers for state in ("refused", "gone"))
    if closed or any(failing_long(server, LONG_FAILURE_S) for server in servers):
        yield Trouble(Severity.WARNING, cannot_be_scanned(servers))


def _certificates(reading: Reading) -> Iterator[Trouble]:
    for name, end_s in reading.certificate_ends.items():
        left_s = end_s - time.time()
        if left_s < CERTIFICATE_SOON_S:
            ends = f"ends in {age(left_s)}" if left_s > 0 else f"has ended {age(-left_s)} ago"
            yield Trouble(Severity.WARNING, f"the certificate of {name} {ends}")


def _is_long(hold: Hold, server: ServerStatus) -> bool:
    return max(hold.left_s, server.lag_s or 0.0, server.scan_lag_s or 0.0) > LONG_HOLD_S


def _failover(reading: Reading) -> Iterator[Trouble]:
    if reading.can_elect is False:
        text = "too few sentinels of Redis are left to name another primary, see 'rsvpq doctor'"
        yield Trouble(Severity.WARNING, text)
    if reading.missing_replicas:
        yield Trouble(Severity.WARNING, f"Redis lacks {reading.missing_replicas} of its replicas, see 'rsvpq doctor'")


def _memory(reading: Reading) -> Iterator[Trouble]:
    memory = reading.memory
    if memory and memory.most and memory.used > FULL * memory.most:
        yield Trouble(Severity.WARNING, f"Redis uses {memory.used / memory.most:.0%} of its memory")
