"""Check what runs and what waits: processes, queues, pauses, holds and dead items."""

from redis.exceptions import RedisError

from rsvpq.doctor.results import Notes
from rsvpq.health.register import Role
from rsvpq.lanes import Lanes
from rsvpq.lanes.status import Status
from rsvpq.settings import Settings
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues

#: How each role is started.
_ROLES: dict[Role, str] = {
    "dispatcher": "python -m producer.dispatcher",
    "worker": "celery -A workers.app worker -Q answer; celery -A producer.app worker -Q scan",
}
#: Seconds from its offer after which an unfinished item is reported.
_LONG_WAIT_S = 3600.0


def examine(lanes: Lanes, queues: Queues, settings: Settings, notes: Notes) -> None:
    """Check what runs and waits."""
    try:
        for role, command in _ROLES.items():
            found = lanes.registrations.alive_anywhere(role)
            if found:
                notes.ok(role, ", ".join(found))
            else:
                notes.warn(role, f"no {role} has reported progress lately", f"if not intended, start one: {command}")
        status = lanes.snapshot.status()
        _confirmed(lanes, settings, notes)
        lengths = [f"{name} {queues.length(name)}" for name in (contract.SCAN_QUEUE, contract.ANSWER_QUEUE)]
        notes.ok("queues", ", ".join(lengths) + " with Celery")
        _waiting(status, notes)
        _stopped(status, notes)
        if status.dead:
            text = f"{status.dead} item{'s' if status.dead > 1 else ''} ended without an outcome"
            notes.warn("dead", text, "rsvpq dead")
        else:
            notes.ok("dead", "none")
    except RedisError as error:
        notes.fail("lanes", f"cannot query Redis: {error}", "solve the problems of Redis above")


def _confirmed(lanes: Lanes, settings: Settings, notes: Notes) -> None:
    """Check that live runs are confirmed: a Redis that lost its data has also lost the confirmation."""
    if settings.mode == "observe" or settings.policy.confirmed:
        return
    words = lanes.controls.confirmed()
    if words:
        notes.ok("confirmed", f"by {words}")
    else:
        text = "live runs are not confirmed, so nothing is answered"
        notes.warn("confirmed", text, "rsvpq scan --dry-run, then rsvpq confirm")


def _waiting(status: Status, notes: Notes) -> None:
    pending = sum(server.pending for server in status.servers.values())
    in_flight = sum(server.in_flight for server in status.servers.values())
    text = f"{pending} pending, {in_flight} in flight, {status.later} between attempts"
    oldest_s = status.oldest_s
    if oldest_s is not None:
        waited = f"{oldest_s / 60:.0f} min" if oldest_s > _LONG_WAIT_S else f"{oldest_s:.0f} s"
        text += f"; the oldest has waited {waited}"
    if oldest_s is not None and oldest_s > _LONG_WAIT_S:
        notes.warn("lanes", text, "check what is paused or held below, then the pace: see docs/run-book.md")
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
            text = f"{name} is held: backing off for another {server.held_s:.0f} s{why}"
            remedy = f"repair the cause, then rsvpq resume server {name}; the hold also ends by itself"
            notes.warn("held", text, remedy)
