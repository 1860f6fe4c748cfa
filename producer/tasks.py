"""The producer's tasks: thin shells around :mod:`producer.trigger` and :mod:`producer.scanning`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from celery import Task

from producer.app import app, audit, carrier, lanes, settings
from producer.scanning import work
from producer.trigger import LOOKS, offer_scans
from rsvpq.mail.errors import ExchangeError
from rsvpq.settings import ConfigError
from rsvpq.settings.mailboxes import ListedMailbox, read_mailboxes, select
from rsvpq.tasks import contract


@app.task(name=contract.SCAN, bind=True, acks_late=True)
def scan_mailboxes(
    self: Task[Any, Any],
    mailboxes: Sequence[str] | str = (),
    group: str | None = None,
    kind: contract.ScanKind = "scan",
    wanted: Mapping[str, str] | None = None,
) -> str:
    """Offer a scan to the lane of each mailbox named, of each in the group, or of all.

    :param kind: ``reconcile`` looks for unsent answers only; ``dry-run`` and ``explain`` look and tell, for the command
        that follows the findings of this run. :param wanted: which messages are to be explained.
    :raises ConfigError: the list of mailboxes is wrong, or has no such mailbox or group.
    :raises ValueError: there is no such kind.
    """
    if kind not in get_args(contract.ScanKind):
        raise ValueError(f"kind {kind!r} is not known; it is one of: {', '.join(get_args(contract.ScanKind))}")
    run = contract.run_named(str(self.request.id))
    try:
        chosen = _chosen(mailboxes, group)
    except ConfigError as error:
        if kind in LOOKS:
            lanes.run_results(run).refused(str(error))
        raise
    limits = {mailbox.name: mailbox.limits for mailbox in chosen if mailbox.limits}
    answers = offer_scans(audit, chosen, run, kind, wanted, limits)
    if kind in LOOKS:
        lanes.run_results(run).offered(answers)
    carrier.publish(lanes.ledger.release())
    tally = Counter(answers.values())
    return ", ".join(f"{answer} {count}" for answer, count in sorted(tally.items())) or "no mailboxes"


def _chosen(mailboxes: Sequence[str] | str, group: str | None) -> Sequence[ListedMailbox]:
    names = [mailboxes] if isinstance(mailboxes, str) else mailboxes
    return select(read_mailboxes(settings.mailboxes, settings), names=names, group=group)


@app.task(name=contract.SCAN_MAILBOX, bind=True, throws=(ExchangeError,))
def scan_mailbox(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Do one scan item; what else is passed is there to be read in Flower."""
    return carrier.carry(str(self.request.id), generation, work)
