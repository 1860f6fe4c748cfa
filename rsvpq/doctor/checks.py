"""Run all checks of an installation: local ones first, then those of all mail servers in parallel."""

import time
from collections.abc import Iterator, Sequence
from threading import Thread

from rsvpq.doctor import files, mail_server, processes, redis_server, sentinels
from rsvpq.doctor.mail_server import ExaminedServer, ServerNotes
from rsvpq.doctor.results import PROCESSES, REDIS, SETTINGS, Notes
from rsvpq.health.register import impatient_redis
from rsvpq.lanes import Lanes
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import LoadedSettings
from rsvpq.settings.revision import Revision, list_digest, settings_digest
from rsvpq.tasks.queues import Queues
from rsvpq.wiring import backends

#: Seconds to wait for the checks of all servers.
DEADLINE_S = 90.0


def examine(
    loaded: LoadedSettings, names: Sequence[str] = (), chosen: Mailbox | None = None, longest_s: float = DEADLINE_S
) -> Iterator[Notes]:
    """Run all checks, and yield each group when it is complete.

    :param names: the servers to check; all if empty.
    :param chosen: the mailbox to check, instead of the first one of its server.
    """
    settings = loaded.settings
    notes = Notes(SETTINGS)
    mailboxes = files.examine(loaded, notes)
    yield notes
    redis = impatient_redis(settings.redis)
    lanes = Lanes(redis, settings.redis.namespace)
    notes = Notes(REDIS)
    if settings.redis.sentinels:
        sentinels.examine(settings.redis, notes)
    redis_ahead_s = redis_server.examine(redis, lanes, settings, notes)
    yield notes
    notes = Notes(PROCESSES)
    if redis_ahead_s is None:
        notes.skip("all", "cannot be checked without Redis")
    else:
        revision = Revision(settings_digest(settings), list_digest(mailboxes))
        processes.examine(lanes, Queues(redis, settings.redis.namespace), settings, notes, mailboxes, revision)
    yield notes
    redis.close()
    boxes = {mailbox.server: mailbox.name for mailbox in (*reversed(mailboxes), *([chosen] if chosen else []))}
    diagnoses = backends.make_diagnoses({name: settings.servers[name] for name in names or settings.servers})
    targets = [ExaminedServer(name, diagnose, boxes.get(name, "")) for name, diagnose in diagnoses.items()]
    yield from _in_parallel(targets, redis_ahead_s, longest_s)


def _in_parallel(targets: Sequence[ExaminedServer], redis_ahead_s: float | None, longest_s: float) -> Iterator[Notes]:
    """Check each server in a thread of its own; a thread that hangs is abandoned, and does not delay the exit."""
    under_way = []
    for target in targets:
        notes = ServerNotes(target.name, redis_ahead_s=redis_ahead_s)
        thread = Thread(target=mail_server.examine, args=(target, notes), daemon=True)
        thread.start()
        under_way.append((thread, notes))
    deadline = time.monotonic() + longest_s
    for thread, notes in under_way:
        thread.join(max(0.0, deadline - time.monotonic()))
        if not thread.is_alive():
            yield notes
            continue
        partial = Notes(notes.group, is_server=True, findings=list(notes.findings))
        partial.fail("time", f"not finished after {longest_s:.0f} s", "check what is slow above, then try again")
        yield partial
