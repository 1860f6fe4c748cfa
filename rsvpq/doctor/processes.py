"""Check what runs and what waits: processes, queues, pauses, holds and dead items."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from shlex import quote

from redis.exceptions import RedisError

from rsvpq.doctor.results import Notes
from rsvpq.lanes import Lanes
from rsvpq.lanes.status import Status
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import Settings
from rsvpq.settings.revision import Revision
from rsvpq.tasks import contract
from rsvpq.tasks.queues import Queues
from rsvpq.text import age
from rsvpq.wiring.coverage import Coverage, read_coverage
from rsvpq.wiring.in_force import STARTS, InForce, in_force, unreported
from rsvpq.wiring.revisions import SettingsReport, kept_settings
from rsvpq.wiring.wellness import cannot_be_scanned, read_status

#: Seconds from its offer after which an unfinished item is reported.
_LONG_WAIT_S = 3600.0


def examine(
    lanes: Lanes,
    queues: Queues,
    settings: Settings,
    notes: Notes,
    mailboxes: Iterable[Mailbox],
    revision: Revision,
) -> None:
    """Check what runs and waits.

    :param mailboxes: those of the list. :param revision: that of the settings and the list at hand.
    """
    try:
        look = in_force(settings, lanes)
        _answering(look, settings, notes)
        _processes(look, notes)
        _revisions(lanes, look, revision, notes)
        if not look.dispatchers and not any(look.workers.values()):  # one that runs uses the ledger now
            _last_used(lanes, notes)
        listed = {one.name: one for one in mailboxes}
        status = read_status(settings, lanes, listed)
        lengths = [f"{name} {queues.length(name)}" for name in (contract.SCAN_QUEUE, contract.ANSWER_QUEUE)]
        notes.ok("queues", ", ".join(lengths) + " with Celery")
        _waiting(status, notes)
        _scans(read_coverage(settings, lanes, listed), notes)
        _stopped(status, notes)
        if status.dead:
            text = f"{status.dead} item{'s' if status.dead > 1 else ''} ended without an outcome"
            notes.warn("dead", text, "rsvpq dead")
        else:
            notes.ok("dead", "none")
        if text := cannot_be_scanned(status.servers.values()):
            what, _, remedy = text.rpartition(": ")
            notes.warn("unscanned", what, remedy)
    except RedisError as error:
        notes.fail("lanes", f"cannot query Redis: {error}", "solve the problems of Redis above")


def _answering(look: InForce, settings: Settings, notes: Notes) -> None:
    """Say whether anything is answered: a Redis that lost its data has also lost the confirmation of live runs."""
    if not look.silent or settings.mode == "observe":
        notes.ok("answering", look.headline)
    else:
        notes.warn("answering", look.headline, "rsvpq scan --dry-run, then rsvpq confirm")


def _processes(look: InForce, notes: Notes) -> None:
    """Check that somebody releases what waits, and that somebody takes from each queue."""
    for missing in look.missing():
        notes.fail(missing.name, missing.sentence, f"start one: {missing.start}")
    if not look.begun:
        notes.warn("processes", "no dispatcher or worker has started yet", "start them: see docs/deployment.md")
    if look.dispatchers:
        notes.ok("dispatcher", ", ".join(look.dispatchers))
    for queue, workers in look.workers.items():
        if workers:
            shown = (f"{worker} ({threads} threads)" for worker, threads in sorted(workers.items()))
            notes.ok(f"worker {queue}", ", ".join(shown))
    if look.begun and not look.workers[contract.OPS_QUEUE]:
        what = "no worker takes operator tasks; the command line does not need one, but Flower's API does"
        notes.warn("worker ops", what, f"if that is not intended, start one: {STARTS[contract.OPS_QUEUE]}")


def _revisions(lanes: Lanes, look: InForce, revision: Revision, notes: Notes) -> None:
    """Compare with which settings the processes run, and with the files at hand."""
    for name in unreported(lanes, look.revisions):
        notes.warn("revision", f"{name} does not report its settings, as an earlier version", "restart it")
    by_revision: dict[Revision, list[str]] = {}
    for one in look.revisions:
        by_revision.setdefault(one.revision, []).append(one.name)
    _former_settings(look.revisions, notes)
    for running, names in by_revision.items():
        text = f"{', '.join(names)}: {running}"
        if running == revision:
            notes.ok("revision", text)
        elif running.settings == revision.settings:
            notes.warn("revision", f"{text}; the files here have {revision}", "bring the list to all hosts")
        elif len({one.settings for one in by_revision}) == 1:
            notes.warn(
                "revision", f"{text}; the files here have {revision}", "to bring these into force: rsvpq config apply"
            )
        else:
            notes.fail("revision", f"{text}; the files here have {revision}", "rsvpq config apply, or restart them")


def _former_settings(found: Sequence[SettingsReport], notes: Notes) -> None:
    """Say what processes have not taken up of what was applied, and why."""
    for kept in kept_settings(found):
        notes.fail("revision", str(kept), "repair that: each process tries again every second")
    for one in found:
        if one.restart:
            notes.warn("revision", f"{one.name} goes by the former settings in this: {one.restart}", "restart it")


def _last_used(lanes: Lanes, notes: Notes) -> None:
    """Say how old the ledger is: one that was restored knows nothing of what operators have set since its backup."""
    last_s = lanes.registrations.last_report("dispatcher")
    if last_s is None:
        return
    when = datetime.fromtimestamp(last_s, UTC)
    text = f"last used {when:%Y-%m-%d %H:%M:%S} UTC: pauses, limits and the confirmation are as they were then"
    notes.warn("ledger", text, "if it is a backup, set again what was set since: see docs/deployment.md, Restore")


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


def _scans(covered: Coverage, notes: Notes) -> None:
    """Say which mailboxes were not scanned in time, and which caps hold messages back."""
    if not covered.listed:
        notes.skip("scans", "there is no list of mailboxes to compare with")
    elif covered.late or (covered.never and covered.scanned):
        notes.warn("scans", covered.headline, "rsvpq mailboxes --state late; rsvpq mailboxes --state never")
    else:
        notes.ok("scans", covered.headline)
    if covered.listed and covered.size.has_shrunk:
        notes.warn("list", str(covered.size), "rsvpq mailboxes --state unlisted; put back what is missing")
    for cap in covered.caps:
        notes.warn("cap", str(cap), "nothing if the number falls from scan to scan; else raise that cap")


def _stopped(status: Status, notes: Notes) -> None:
    if status.paused:
        notes.warn("paused", f"everything: {status.paused.reason}", "rsvpq resume all")
    _stopped_groups(status, notes)
    for name, server in sorted(status.servers.items()):
        if server.paused:
            notes.warn("paused", f"{name}: {server.paused.reason}", f"rsvpq resume server {name}")
        for hold in server.holds:
            why = f": {hold.why}" if hold.why else ""
            text = f"{hold.of(name)} is held for another {hold.left_s:.0f} s{why}"
            remedy = f"repair the cause, then rsvpq resume server {name}; the hold also ends by itself"
            notes.warn("held", text, remedy)


def _stopped_groups(status: Status, notes: Notes) -> None:
    for name, group in status.groups.items():
        if group.paused:
            notes.warn("paused", f"group {name}: {group.paused.reason}", f"rsvpq resume group {quote(name)}")
    quiet = {"": status.quiet_s, **{f" of group {name}": group.quiet_s for name, group in status.groups.items()}}
    for whose, left_s in quiet.items():
        if left_s:
            notes.ok("quiet", f"quiet hours{whose} for another {age(left_s)}: nothing new starts")
