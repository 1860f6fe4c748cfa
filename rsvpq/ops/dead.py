"""Dead items: find them, look at one, try them again, or give them up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, get_args

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Lanes
from rsvpq.lanes.batches import batched
from rsvpq.lanes.dead_items import DeadItem
from rsvpq.mail.messages import is_private_payload
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count
from rsvpq.ops.evidence import advice, proved
from rsvpq.tasks import contract

#: How many are retried or dropped in one round trip.
_BATCH = 500
#: The most records of the audit that :func:`show` looks for.
_HISTORY = 50
#: What is shown in the place of a private subject.
_PRIVATE = "(private)"


@dataclass(frozen=True, slots=True)
class Which:
    """Which dead items are meant: all that is given must be so; ``reason`` is a part of the text, whatever its case."""

    server: str = ""
    mailbox: str = ""
    reason: str = ""

    def __call__(self, item: DeadItem) -> bool:
        """Whether this one is."""
        if self.server and item.server != self.server:
            return False
        if self.mailbox and item.mailbox.casefold() != self.mailbox.casefold():
            return False
        return self.reason.casefold() in item.reason.casefold()


def find(lanes: Lanes, which: Which, most: int | None = None) -> list[DeadItem]:
    """The dead items, the newest first, at most so many; private subjects are taken out.

    :raises InvalidRequest: ``most`` is no count.
    """
    if most is not None:
        require_count("most", most)
    return [_discreet(item) for item in islice(filter(which, lanes.dead_items.all()), most)]


def rows(lanes: Lanes, which: Which, most: int | None = None) -> list[dict[str, Any]]:
    """As :func:`find`: what a list shows of each."""
    now_us = lanes.time_us()
    return [_row(item, now_us) for item in find(lanes, which, most)]


def count(lanes: Lanes, which: Which) -> int:
    """How many there are."""
    return sum(map(which, lanes.dead_items.all()))


def show(context: OperatorContext, item_id: str) -> dict[str, Any]:
    """Everything that is known of one dead item, with what the audit says of it, the oldest first.

    :raises InvalidRequest: it is not dead.
    """
    found = context.lanes.dead_items.find([item_id])
    if not found:
        raise InvalidRequest(f"no dead item {item_id!r}; see 'rsvpq dead list'")
    item = _discreet(found[0])
    journal, scan = item.journal, _kind(item) in get_args(contract.ScanKind)
    wanted = Filter.of(context.audit.redaction, {"item": item_id})
    return {
        **_row(item, context.lanes.time_us()),
        "waited_s": round((item.dead_us - item.offered_us) / 1e6, 3),
        "generation": item.generation,
        "payload": item.payload,
        "journal": journal,
        "evidence": proved(journal, scan=scan),
        "advice": advice(journal, scan=scan),
        "audit": [dict(record) for record in AuditLog(context.lanes).newest(wanted, _HISTORY)],
    }


def retry(
    context: OperatorContext, item_ids: Sequence[str] = (), which: Which | None = None, why: str = ""
) -> dict[str, Any]:
    """Put dead items back at the head of their lanes, with no attempt counted and their journals kept.

    :param item_ids: these; or all that ``which`` means.
    :returns: ``retried``, how many; ``left``, the state of each other one.
    :raises InvalidRequest: it is not clear which are meant.
    """
    return _settle(context, "retry", item_ids, which, why)


def drop(
    context: OperatorContext, item_ids: Sequence[str] = (), which: Which | None = None, why: str = ""
) -> dict[str, Any]:
    """Give dead items up for good; no scan offers them again. As :func:`retry`, with ``dropped``."""
    return _settle(context, "drop", item_ids, which, why)


def _settle(
    context: OperatorContext, verb: str, item_ids: Sequence[str], which: Which | None, why: str
) -> dict[str, Any]:
    if bool(item_ids) == (which is not None):
        raise InvalidRequest("name the items, or ask for all (of a server, of a mailbox, with a reason)")
    action = context.action(verb, "all", "", why=why)
    done = {"retry": "retried", "drop": "dropped"}[verb]
    settle = {"retry": context.lanes.dead_items.retry, "drop": context.lanes.dead_items.drop}[verb]
    results: dict[str, str] = {}
    # All of them are looked up before the first is touched: what is retried may be dead again in a moment.
    chosen = item_ids or [item.id for item in filter(which, context.lanes.dead_items.all())]
    for batch in batched(chosen, _BATCH):
        results |= settle(batch, action)
    left = {item_id: state for item_id, state in results.items() if state != done}
    return {done: len(results) - len(left), "left": left}


def _row(item: DeadItem, now_us: int) -> dict[str, Any]:
    return {
        "id": item.id,
        "dead_s": round((now_us - item.dead_us) / 1e6, 3),
        "mailbox": item.mailbox,
        "server": item.server,
        "work": item.work,
        "kind": _kind(item),
        "subject": str(item.payload.get("subject", "")),
        "attempts": item.attempts,
        "reason": item.reason,
    }


def _kind(item: DeadItem) -> str:
    return str(item.payload.get("kind", ""))


def _discreet(item: DeadItem) -> DeadItem:
    if not is_private_payload(item.payload):
        return item
    return replace(item, payload={**item.payload, "subject": _PRIVATE})
