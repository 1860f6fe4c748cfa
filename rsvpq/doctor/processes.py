"""What runs, and what waits: processes that report, queues, pauses and holds, dead items."""

from redis.exceptions import RedisError

from rsvpq.doctor.results import Notes
from rsvpq.health.register import Role
from rsvpq.lanes import Lanes
from rsvpq.lanes.status import Status
from rsvpq.settings import Settings
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues

#: Role -> how it is started.
_ROLES: dict[Role, str] = {
    "dispatcher": "python -m producer.dispatcher",
    "worker": "celery -A workers.app worker -Q answer; celery -A producer.app worker -Q scan",
}
#: Seconds that an item may take from its offer to its end before that is worth a word.
_LONG_WAIT_S = 3600.0


def examine(lanes: Lanes, queues: Queues, settings: Settings, notes: Notes) -> None:
    """Look at what runs and waits."""
    try:
        for role in _ROLES:
            _running(lanes, role, notes)
        status = lanes.snapshot.status()
        _confirmed(lanes, settings, notes)
        _queues(queues, notes)
        _waiting(status, notes)
        _stopped(status, notes)
        _dead(status, notes)
    except RedisError as error:
        notes.fail("lanes", f"Redis does not tell: {error}", "mend what is said about Redis above")


def _running(lanes: Lanes, role: Role, notes: Notes) -> None:
    found = lanes.registrations.alive_anywhere(role)
    if found:
        notes.ok(role, ", ".join(found))
    else:
        notes.warn(role, f"no {role} has reported progress lately", f"unless that is meant: {_ROLES[role]}")


def _confirmed(lanes: Lanes, settings: Settings, notes: Notes) -> None:
    """Whether what is found is answered; a Redis that has lost everything has lost the word that it may be."""
    if settings.mode == "observe" or settings.policy.confirmed:
        return
    words = lanes.controls.confirmed()
    if words:
        notes.ok("confirmed", f"by {words}")
    else:
        notes.warn("confirmed", "live runs are not, so nothing is answered", "rsvpq scan --dry-run, then rsvpq confirm")


def _queues(queues: Queues, notes: Notes) -> None:
    lengths = {name: queues.length(name) for name in (contract.SCAN_QUEUE, contract.ANSWER_QUEUE)}
    notes.ok("queues", ", ".join(f"{name} {length}" for name, length in lengths.items()) + " with Celery")


def _waiting(status: Status, notes: Notes) -> None:
    pending = sum(server.pending for server in status.servers.values())
    in_flight = sum(server.in_flight for server in status.servers.values())
    text = f"{pending} pending, {in_flight} in flight, {status.later} between attempts"
    oldest_s = status.oldest_s
    if oldest_s is not None:
        waited = f"{oldest_s / 60:.0f} min" if oldest_s > _LONG_WAIT_S else f"{oldest_s:.0f} s"
        text += f"; the oldest has waited {waited}"
    if oldest_s is not None and oldest_s > _LONG_WAIT_S:
        notes.warn("lanes", text, "look for what is paused or held below, then at the pace: docs/run-book.md")
    else:
        notes.ok("lanes", text)


def _stopped(status: Status, notes: Notes) -> None:
    if status.paused:
        notes.warn("paused", f"everything: {status.paused.reason}", "rsvpq resume all")
    for name, server in sorted(status.servers.items()):
        if server.paused:
            notes.warn("paused", f"{name}: {server.paused.reason}", f"rsvpq resume server {name}")
        if server.held_s:
            why = f": {server.held_why}" if server.held_why else ""
            text = f"{name} is left alone for another {server.held_s:.0f} s{why}"
            remedy = f"mend what it says, then rsvpq resume server {name}; the hold ends by itself too"
            notes.warn("held", text, remedy)


def _dead(status: Status, notes: Notes) -> None:
    if status.dead:
        notes.warn("dead", f"{status.dead} item{'s' if status.dead > 1 else ''} ended without an outcome", "rsvpq dead")
    else:
        notes.ok("dead", "none")
