"""All checks of an installation, in the order in which an operator would look: ours first, then all servers at once."""

import time
from collections.abc import Iterator, Mapping, Sequence
from threading import Thread

from rsvpq import wiring
from rsvpq.doctor import files, mail_server, processes, redis_server
from rsvpq.doctor.mail_server import Patient, ServerNotes
from rsvpq.doctor.results import PROCESSES, REDIS, SETTINGS, Notes
from rsvpq.health.register import impatient_redis
from rsvpq.lanes import Lanes
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import LoadedSettings
from rsvpq.tasks.queues import Queues

#: Seconds after which no server is waited for any more.
DEADLINE_S = 90.0


def examine(
    loaded: LoadedSettings, names: Sequence[str] = (), chosen: Mailbox | None = None, longest_s: float = DEADLINE_S
) -> Iterator[Notes]:
    """Look at everything, and hand out each group when it is complete.

    :param names: of servers; all for none.
    :param chosen: the mailbox to look at, instead of the first of its server.
    """
    settings = loaded.settings
    notes = Notes(SETTINGS)
    mailboxes = files.examine(loaded, notes)
    yield notes
    redis = impatient_redis(settings.redis)
    lanes = Lanes(redis, settings.redis.namespace)
    notes = Notes(REDIS)
    redis_ahead_s = redis_server.examine(redis, lanes, settings, notes)
    yield notes
    notes = Notes(PROCESSES)
    if redis_ahead_s is None:
        notes.skip("all", "they are asked through Redis")
    else:
        processes.examine(lanes, Queues(redis, settings.redis.namespace), settings, notes)
    yield notes
    redis.close()
    patients = _patients(loaded, names or tuple(settings.servers), mailboxes, chosen)
    yield from _side_by_side(patients, redis_ahead_s, longest_s)


def _patients(
    loaded: LoadedSettings, names: Sequence[str], mailboxes: Sequence[Mailbox], chosen: Mailbox | None
) -> list[Patient]:
    servers = loaded.settings.servers
    boxes: Mapping[str, str] = {mailbox.server: mailbox.name for mailbox in reversed(mailboxes)}
    if chosen is not None:
        boxes = {**boxes, chosen.server: chosen.name}
    diagnoses = wiring.make_diagnoses({name: servers[name] for name in names})
    return [Patient(name, diagnose, boxes.get(name, "")) for name, diagnose in diagnoses.items()]


def _side_by_side(patients: Sequence[Patient], redis_ahead_s: float | None, longest_s: float) -> Iterator[Notes]:
    """Each server by a thread of its own; one that hangs is left behind, and the process does not wait for it."""
    under_way = []
    for patient in patients:
        notes = ServerNotes(patient.name, redis_ahead_s=redis_ahead_s)
        thread = Thread(target=mail_server.examine, args=(patient, notes), daemon=True)
        thread.start()
        under_way.append((thread, notes))
    deadline = time.monotonic() + longest_s
    for thread, notes in under_way:
        thread.join(max(0.0, deadline - time.monotonic()))
        if not thread.is_alive():
            yield notes
            continue
        told = Notes(notes.group, is_server=True, findings=list(notes.findings))
        told.fail("time", f"not finished after {longest_s:.0f} s", "look at what is slow above, then again")
        yield told
