"""Installations in which one thing is not as it should be, and what that is worth."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rsvpq.lanes import Ending, Item, Lanes, Release, ScanTotals
from rsvpq.mail.messages import Mailbox
from rsvpq.metrics.troubles import Severity
from rsvpq.tasks import contract
from rsvpq.wiring import make_list
from rsvpq.wiring.revisions import LiveSettings
from tests.support.installation import Installation, report_processes

ADELE = Mailbox("adele", "mail1")
Scenario = Callable[[Installation], Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """The severity of a scenario, words of the check's text, and the alert that fires."""

    severity: Severity
    text: str
    alert: str


def healthy(installation: Installation, *queues: str, ago_s: float = 0) -> Lanes:
    """Let one mailbox be scanned, some time ago, and processes run: a dispatcher, and workers of these queues."""
    now = installation.lanes()
    then = earlier(now, ago_s)
    then.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "first"))])
    (release,) = then.ledger.release()
    then.ledger.start(release.id, release.generation, "worker")
    totals = ScanTotals(4, 0, 0, {"too-old": 3})
    then.ledger.finish(release.id, release.generation, "worker", Ending("done", label="done:scanned", totals=totals))
    report_processes(now, *(queues or ("scan", "answer")))
    return now


def earlier(lanes: Lanes, ago_s: float) -> Lanes:
    """Return the same lanes as they were used some seconds ago."""
    return Lanes(lanes.namespace.redis, "rsvpq", now_us=lambda: int((time.time() - ago_s) * 1e6))


def waits_long(installation: Installation, seconds: float) -> None:
    """Let a message wait in its lane."""
    item = Item("waits", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})
    earlier(installation.lanes(), seconds).ledger.offer(contract.lane_of(ADELE), [item])


def dead(installation: Installation) -> Lanes:
    """Let a message end without an outcome."""
    lanes = healthy(installation)
    item = Item("dies", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})
    lanes.ledger.offer(contract.lane_of(ADELE), [item])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    lanes.ledger.finish(
        release.id, release.generation, "worker", Ending("dead", label="dead:refused", reason="refused")
    )
    return lanes


def message_waits_for_an_hour(installation: Installation) -> None:
    """Let a message wait for longer than the warning."""
    healthy(installation)
    waits_long(installation, 3600)


def message_waits_for_three_hours(installation: Installation) -> None:
    """Let a message wait for longer than the alarm."""
    healthy(installation)
    waits_long(installation, 3 * 3600)


def scan_waits_for_three_hours(installation: Installation) -> None:
    """Let a scan wait for longer than the alarm."""
    bruno = Mailbox("bruno", "mail1")
    then = earlier(healthy(installation), 3 * 3600)
    then.ledger.offer_scans([(contract.lane_of(bruno), contract.scan_item(bruno, "second"))])


def no_worker_answers(installation: Installation) -> None:
    """Let only a worker for scans run."""
    healthy(installation, "scan")


def no_worker_scans(installation: Installation) -> None:
    """Let only a worker for answers run."""
    healthy(installation, "answer")


def no_dispatcher(installation: Installation) -> None:
    """Let only workers run."""
    lanes = installation.lanes()
    lanes.ledger.report_threads("here:4712", 8, ("scan", "answer"), 3600)


def nobody_has_confirmed(installation: Installation) -> None:
    """Let it observe although the settings say that it shall respond."""
    healthy(installation)
    installation.write("[policy]\n")


def processes_have_other_settings(installation: Installation) -> None:
    """Let one of two workers run with settings that were changed since."""
    lanes = healthy(installation)
    report_processes(lanes, "scan", settings=installation.settings)
    installation.write("[retry]\nattempts = 15\n")
    settings = installation.settings
    live = LiveSettings(settings, make_list(settings), lanes, lambda *_: None)
    lanes.revisions.report("here:4713", live.report("here:4713", "answer").to_text(), 300)


def _started(lanes: Lanes, item_id: str) -> Release:
    """Let a worker start an item, the only one that there is."""
    item = Item(item_id, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})
    lanes.ledger.offer(contract.lane_of(ADELE), [item])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(release.id, release.generation, "worker")
    return release


def server_is_held(installation: Installation, seconds: float = 3600) -> None:
    """Hold a server, for an hour if nothing else is said."""
    lanes = healthy(installation)
    release = _started(lanes, "held")
    lanes.ledger.finish(
        release.id,
        release.generation,
        "worker",
        Ending("throttled", label="throttled", reason="Busy: 503", delay_s=seconds, hold="server"),
    )


def scans_are_old(installation: Installation) -> None:
    """Let the last scan be older than two periods of the schedule."""
    installation.write('[[schedule]]\nevery = "1h"\n')
    healthy(installation, ago_s=2.5 * 3600)


def waits_for_a_person(installation: Installation) -> None:
    """Let the policy leave a message to a person."""
    lanes = installation.lanes()
    release = _started(lanes, "asks")
    lanes.ledger.finish(
        release.id,
        release.generation,
        "worker",
        Ending("left", label="done:left", reason="conflict", on_hold="conflict", delay_s=3600, remember_s=7200),
    )


def certificate_ends_soon(installation: Installation) -> None:
    """Let a worker have seen a certificate that ends in ten days."""
    lanes = healthy(installation)
    lanes.certificates.note("mail1", time.time() + 10.5 * 86_400)
    lanes.certificates.note("mail2", time.time() + 300 * 86_400)


SCENARIOS: Mapping[Scenario, Expected] = {
    no_dispatcher: Expected(Severity.CRITICAL, "no dispatcher runs", "RsvpqNoDispatcher"),
    no_worker_scans: Expected(Severity.CRITICAL, "no worker takes from the queue scan", "RsvpqNoWorker"),
    no_worker_answers: Expected(Severity.CRITICAL, "no worker takes from the queue answer", "RsvpqNoWorker"),
    message_waits_for_three_hours: Expected(Severity.CRITICAL, "has waited 3 h", "RsvpqLagCritical"),
    scan_waits_for_three_hours: Expected(Severity.CRITICAL, "has waited 3 h", "RsvpqLagCritical"),
    message_waits_for_an_hour: Expected(Severity.WARNING, "has waited 60 min", "RsvpqLag"),
    nobody_has_confirmed: Expected(Severity.WARNING, "live runs are not confirmed", "RsvpqNothingIsAnswered"),
    processes_have_other_settings: Expected(Severity.WARNING, "settings differ: ", "RsvpqSettingsDiffer"),
    dead: Expected(Severity.WARNING, "1 dead, see 'rsvpq dead'", "RsvpqDeadItems"),
    server_is_held: Expected(Severity.WARNING, "mail1 is held for another 59 min: Busy: 503", "RsvpqServerHeld"),
    scans_are_old: Expected(Severity.WARNING, "the oldest scan of mail1 is 2 h old", "RsvpqScansLate"),
    certificate_ends_soon: Expected(Severity.WARNING, "the certificate of mail1 ends in 10 d", "RsvpqCertificateEnds"),
}
