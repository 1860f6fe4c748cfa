"""A scan of many mailboxes: one scan item for each, offered to its lane."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rsvpq.audit.record import Audit
from rsvpq.batches import batched
from rsvpq.lanes import Item, Lane
from rsvpq.lanes.limits import Limits
from rsvpq.mail.messages import Mailbox
from rsvpq.tasks import contract

#: Mailboxes per round trip to Redis: one pipeline of this many short scripts holds Redis for a few milliseconds.
BATCH = 500
#: The kinds that change nothing, and tell what they find.
LOOKS: frozenset[contract.ScanKind] = frozenset({"dry-run", "explain"})


def offer_scans(
    audit: Audit,
    mailboxes: Sequence[Mailbox],
    run: str,
    kind: contract.ScanKind = "scan",
    wanted: Mapping[str, str] | None = None,
    limits: Mapping[str, Limits] | None = None,
) -> dict[str, str]:
    """Offer every mailbox a scan under the name of this run; by name whether it was ``offered``, or why not.

    Why not: it is being scanned (``scanning``), or messages of the last scan still wait in its lane (``full``).

    :param limits: of the mailboxes that have limits of their own, by name.
    """
    own = limits or {}
    answers: dict[str, str] = {}
    for part in batched(mailboxes, BATCH):
        batch = [
            (
                contract.lane_of(mailbox, own.get(mailbox.name)),
                replace(contract.scan_item(mailbox, run, kind, wanted), facts=audit.scan_facts(mailbox, run, kind)),
            )
            for mailbox in part
        ]
        answers |= audit.lanes.ledger.offer_scans(batch)
        if kind in LOOKS:
            answers |= _offered_before(audit, batch, answers)
    return answers


def _offered_before(audit: Audit, batch: Sequence[tuple[Lane, Item]], answers: Mapping[str, str]) -> dict[str, str]:
    """Those that are being scanned under this very name: the trigger came twice, and somebody waits for them."""
    ours = {lane.name: item.id for lane, item in batch if answers[lane.name] == "scanning"}
    under_way = audit.lanes.snapshot.scans_under_way(list(ours))
    return {name: "offered" for name, item in ours.items() if under_way[name] == item}
