"""Find, show, group, retry and drop dead items."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, get_args

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Lanes
from rsvpq.lanes.dead_items import DeadItem
from rsvpq.lanes.reading import batched
from rsvpq.mail.messages import is_private_payload
from rsvpq.ops.context import InvalidRequest, OperatorContext, require_count
from rsvpq.ops.evidence import advice, proved
from rsvpq.ops.names import require_mailbox, require_server
from rsvpq.report.reasons import reason_class
from rsvpq.tasks import contract
from rsvpq.text import printable

#: Items that are retried or dropped in one round trip.
_BATCH = 500
#: At most this many audit records are returned by :func:`show`.
_HISTORY = 50
#: What becomes of an item by each action.
DONE = {"retry": "retried", "drop": "dropped"}
#: Replaces a private subject.
_PRIVATE = "(private)"


@dataclass(frozen=True, slots=True)
class Which:
    """A filter of dead items: all given values must match.

    :param reason: a part of the reason, in any case. :param like: a whole reason without the parts that differ from
        message to message, as :func:`summary_document` returns it.
    """

    server: str = ""
    mailbox: str = ""
    reason: str = ""
    like: str = ""

    def __call__(self, item: DeadItem) -> bool:
        """Return whether an item matches."""
        if self.server and item.server != self.server:
            return False
        if self.mailbox and item.mailbox.casefold() != self.mailbox.casefold():
            return False
        if self.like and _common_reason(item) != self.like:
            return False
        return self.reason.casefold() in item.reason.casefold()


def require_known(context: OperatorContext, which: Which) -> None:
    """Require that the filter may match something: a name that nobody knows is a typing error.

    :raises InvalidRequest, ConfigError: no settings, list, ledger or dead item has its server or its mailbox.
    """
    require_server(context, which.server, partial(_any, context, Which(server=which.server)))
    require_mailbox(context, which.mailbox, partial(_any, context, Which(mailbox=which.mailbox)))


def _any(context: OperatorContext, which: Which) -> bool:
    return any(map(which, context.lanes.dead_items.all()))


def rows_and_groups(
    context: OperatorContext, which: Which, most: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return at most ``most`` rows as :func:`list_document` does, and the groups of these items."""
    items = list(islice(_matching(context, which, most), most))
    return _rows(context, items), _grouped(items, which)


def list_document(context: OperatorContext, which: Which, most: int | None = None) -> dict[str, Any]:
    """Return ``total``, how many items match, and ``dead``, at most ``most`` rows of them, newest first.

    Private subjects are redacted.

    :raises InvalidRequest: ``most`` is not a whole number above zero. Also raises what :func:`require_known` does.
    """
    matching = _matching(context, which, most)
    items = list(islice(matching, most))
    return {"dead": _rows(context, items), "total": len(items) + sum(1 for _ in matching)}


def summary_document(context: OperatorContext, which: Which, most: int | None = None) -> dict[str, Any]:
    """Return ``total``, how many items match, and ``groups`` of one server and one kind of reason, the largest first.

    There are at most ``most`` groups. Each has ``server``, ``reason`` (what its reasons have in common), ``count``,
    ``mailboxes`` (how many), ``since`` and ``newest`` (when its first and its last item died, as RFC 3339), ``item``
    (the id of the last), and ``retry``, the command that retries this group and nothing else.

    Same errors as :func:`list_document`.
    """
    items = list(_matching(context, which, most))
    return {"groups": _grouped(items, which)[:most], "total": len(items)}


def _matching(context: OperatorContext, which: Which, most: int | None) -> Iterator[DeadItem]:
    """Return the matching items, newest first, which are read as they are taken; ``most`` is only checked."""
    if most is not None:
        require_count("most", most)
    require_known(context, which)
    return filter(which, context.lanes.dead_items.all())


def count(lanes: Lanes, which: Which) -> int:
    """Return the number of matching dead items."""
    return sum(map(which, lanes.dead_items.all()))


def show_item(context: OperatorContext, item_id: str) -> dict[str, Any]:
    """Return everything about one dead item, with its audit records, oldest first.

    :raises InvalidRequest: no such item is dead.
    """
    found = context.lanes.dead_items.find([item_id])
    if not found:
        raise InvalidRequest(f"no dead item {item_id!r}; see 'rsvpq dead list'")
    item = _redacted(found[0])
    row = _row(item, context.lanes.time_us())
    journal, scan = item.journal, row["kind"] in get_args(contract.ScanKind)
    wanted = Filter.of(context.audit.redaction, {"item": item_id})
    return {
        **row,
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
    """Put dead items back at the head of their lanes; reset their attempts, and keep their journals.

    :param item_ids: the items; or none, for all that match ``which``.
    :returns: ``retried``: how many; ``left``: the state of each other item, by id.
    :raises InvalidRequest: both or neither of ``item_ids`` and ``which`` are given. Also raises what
        :func:`require_known` does.
    """
    return _settle(context, "retry", item_ids, which, why)


def drop(
    context: OperatorContext, item_ids: Sequence[str] = (), which: Which | None = None, why: str = ""
) -> dict[str, Any]:
    """Give up dead items for good; no scan offers them again.

    Same arguments, result (with ``dropped``) and errors as :func:`retry`.
    """
    return _settle(context, "drop", item_ids, which, why)


def _settle(
    context: OperatorContext, verb: str, item_ids: Sequence[str], which: Which | None, why: str
) -> dict[str, Any]:
    if bool(item_ids) == (which is not None):
        raise InvalidRequest("name the items, or ask for all (of a server, of a mailbox, or with a reason)")
    if which is not None:
        require_known(context, which)
    action = context.action(verb, "all", "", why=why)
    done = DONE[verb]
    settle = {"retry": context.lanes.dead_items.retry, "drop": context.lanes.dead_items.drop}[verb]
    results: dict[str, str] = {}
    # Look up all items before changing the first one: an item that is retried may be dead again in a moment.
    chosen = item_ids or [item.id for item in filter(which, context.lanes.dead_items.all())]
    for batch in batched(chosen, _BATCH):
        results |= settle(batch, action)
    left = {item_id: state for item_id, state in results.items() if state != done}
    return {done: len(results) - len(left), "left": left}


def _common_reason(item: DeadItem) -> str:
    """Return the reason without what differs from message to message, in a form that can be typed."""
    return printable(reason_class(item.reason))


def _grouped(items: Iterable[DeadItem], which: Which) -> list[dict[str, Any]]:
    """Return the groups of items, which come newest first, the largest group first."""
    groups: defaultdict[tuple[str, str], list[DeadItem]] = defaultdict(list)
    for item in items:
        groups[item.server, _common_reason(item)].append(item)
    largest = sorted(groups.items(), key=lambda group: len(group[1]), reverse=True)
    return [_group(server, reason, items, which) for (server, reason), items in largest]


def _group(server: str, reason: str, items: Sequence[DeadItem], which: Which) -> dict[str, Any]:
    options = {"--server": server, "--mailbox": which.mailbox, "--reason": which.reason, "--like": reason}
    words = [word for name, value in options.items() if value for word in (name, value)]
    return {
        "server": server,
        "reason": reason,
        "count": len(items),
        "mailboxes": len({item.mailbox for item in items}),
        "since": _time(items[-1].dead_us),
        "newest": _time(items[0].dead_us),
        "item": items[0].id,
        "retry": shlex.join(["rsvpq", "dead", "retry", "--all", *words]),
    }


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def _rows(context: OperatorContext, items: Iterable[DeadItem]) -> list[dict[str, Any]]:
    now_us = context.lanes.time_us()
    return [_row(_redacted(item), now_us) for item in items]


def _row(item: DeadItem, now_us: int) -> dict[str, Any]:
    return {
        "item": item.id,
        "dead_s": round((now_us - item.dead_us) / 1e6, 3),
        "mailbox": item.mailbox,
        "server": item.server,
        "work": item.work,
        "kind": str(item.payload.get("kind", "")),
        "subject": str(item.payload.get("subject", "")),
        "attempts": item.attempts,
        "reason": item.reason,
    }


def _redacted(item: DeadItem) -> DeadItem:
    if not is_private_payload(item.payload):
        return item
    return replace(item, payload={**item.payload, "subject": _PRIVATE})
