"""The producer's tasks: offer scans to the lanes, and run each scan on its mailbox."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from celery import Task

from producer.app import app, lanes, parts
from producer.compare import compare_policies
from producer.dry_run import dry_run
from producer.explain import explain
from producer.offer import REPORT_ONLY, offer_scans
from producer.probe import probe_mailbox
from producer.reconcile import reconcile
from producer.scan import scan
from producer.visit import Caps, Visit
from rsvpq.mail.errors import ExchangeError, Refused
from rsvpq.mail.messages import Mailbox
from rsvpq.policy import Policy
from rsvpq.settings import ConfigError, PolicySettings, Problem
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.tasks import contract
from rsvpq.tasks.admission import require_task
from rsvpq.tasks.journal import Outcome
from rsvpq.tasks.runner import Attempt
from rsvpq.wiring.parts import Parts


@app.task(name=contract.SCAN, bind=True, acks_late=True, throws=(ConfigError,))
def scan_mailboxes(
    self: Task[Any, Any],
    mailboxes: Sequence[str] | str | None = None,
    group: str | None = None,
    kind: contract.ScanKind = "scan",
    wanted: Mapping[str, str] | None = None,
    policies: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Offer a scan to the lane of each mailbox that is named or in the group, or of every mailbox.

    :param kind: ``reconcile`` only looks for unsent answers; ``dry-run``, ``explain``, ``compare`` and ``probe`` only
        report, to the command that follows the results of this run. :param wanted: the messages to explain, as
        ``is_wanted`` takes it. :param policies: the two to compare, as the table ``[policy]`` has them.
    :raises ConfigError: the list of mailboxes cannot be read, or has no such mailbox or group; or an empty list of
        names is given, whose sender has found none, and does not want all.
    :raises ValueError: the kind is unknown.
    """
    if kind not in get_args(contract.ScanKind):
        raise ValueError(f"unknown kind {kind!r}: use one of {', '.join(get_args(contract.ScanKind))}")
    run, now = contract.run_named(str(self.request.id)), parts.now
    if kind == "compare":
        lanes.run_results(run).give_policies(policies)
    try:
        names = [mailboxes] if isinstance(mailboxes, str) else mailboxes or []
        if mailboxes is not None and not names:
            raise ConfigError([Problem("producer.scan", 0, "mailboxes", "names none; leave it out to scan all")])
        chosen = select(read_mailboxes(now.settings.mailboxes, now.settings), names=names, group=group)
    except ConfigError as error:
        if kind in REPORT_ONLY:
            lanes.run_results(run).refused(str(error))
        raise
    limits = {mailbox.name: mailbox.limits for mailbox in chosen if mailbox.limits}
    results = offer_scans(now.audit, chosen, run, kind, wanted, limits)
    if kind in REPORT_ONLY:
        lanes.run_results(run).offered(results)
    now.carrier.publish(lanes.ledger.release())
    tally = Counter(results.values())
    return ", ".join(f"{result} {count}" for result, count in sorted(tally.items())) or "no mailboxes"


@app.task(name=contract.SCAN_MAILBOX, bind=True, throws=(ExchangeError,))
def scan_mailbox(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Run one scan item; the other arguments are only for reading in Flower."""
    now = parts.now
    return now.carrier.carry(str(self.request.id), generation, partial(visit_mailbox, now))


def _policies_of(run: str) -> tuple[Policy, Policy]:
    """Return the policies that a run compares.

    :raises Refused: they are gone, or cannot be read.
    """
    try:
        before, after = map(PolicySettings.model_validate, lanes.run_results(run).policies())
    except ValueError as error:
        raise Refused(
            f"the policies to compare are gone or unusable; compare them again ({type(error).__name__})"
        ) from None
    return before.as_policy("respond"), after.as_policy("respond")


def visit_mailbox(now: Parts, attempt: Attempt) -> Outcome:
    """Run a scan of any kind on its mailbox, with the parts that were in force at its start.

    :raises ExchangeError: the mailbox could not be read. :raises Refused: this version does not know the kind of scan.
    """
    start, journal = attempt.start, attempt.journal
    require_task(start, contract.SCAN_MAILBOX)
    kind, settings = start.payload["kind"], now.settings
    group = start.payload.get("group", "")
    if kind == "probe":
        return _probe(now, attempt)
    with now.backends.mailbox(start.server, start.mailbox, attempt.lease) as box:
        visit = Visit(
            item=start.id,
            mailbox=Mailbox(start.mailbox, start.server, group),
            box=box,
            journal=journal,
            # A scan that only reports shows what would be done if live runs were confirmed.
            policy=replace(settings.decisions, mode="respond") if kind in REPORT_ONLY else now.policy(group),
            lanes=lanes,
            audit=now.audit,
            publish=now.carrier.publish,
            caps=Caps(*settings.policy.caps_of(group)),
        )
        match kind:
            case "scan":
                return scan(visit)
            case "reconcile":
                journal.intend("search")
                return reconcile(visit)
            case "dry-run":
                return dry_run(visit)
            case "explain":
                return explain(visit, start.payload.get("wanted", {}))
            case "compare":
                before, after = _policies_of(visit.run)
                return compare_policies(replace(visit, policy=before), after)
    raise Refused(f"unknown kind of scan {kind!r}: restart this worker with the current version")


def _probe(now: Parts, attempt: Attempt) -> Outcome:
    start, results = attempt.start, lanes.run_results(contract.run_of(attempt.start.id))
    return probe_mailbox(
        partial(now.backends.mailbox, start.server, start.mailbox, attempt.lease),
        attempt.journal,
        lambda found: results.report(start.mailbox, [found], {}),
        now.audit.redaction,
        attempt=start.attempt,
    )
