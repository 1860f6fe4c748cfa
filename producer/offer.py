"""Offer work to the lanes: a scan to each mailbox of a run, and the messages that a scan found, within the caps."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from producer.visit import Visit
from rsvpq.audit.record import Audit
from rsvpq.lanes.limits import Limits
from rsvpq.lanes.reading import batched
from rsvpq.mail.editions import organizer_of
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.tasks import contract

#: Scans per round trip to Redis: one pipeline of this many short scripts holds Redis for a few milliseconds.
SCANS_AT_ONCE = 500
#: Messages per round trip: one script holds Redis for a few milliseconds.
MESSAGES_AT_ONCE = 100
#: Responses and cancellations that one scan offers, after the requests. A mailbox is not scanned again before its lane
#: is empty, and a sender of thousands of them must not delay that for hours.
MOST_OTHERS = 1000
#: The caps, as operators know them: the settings, and the one that is not a setting.
SCAN_CAP, RUN_CAP = "policy.most_answers_per_scan", "policy.most_answers_per_run"
OTHERS_CAP = f"{MOST_OTHERS} responses and cancellations per scan"
#: The kinds of scans that only report what they find.
REPORT_ONLY: frozenset[contract.ScanKind] = frozenset({"dry-run", "explain", "compare", "probe"})


def offer_scans(
    audit: Audit,
    mailboxes: Sequence[Mailbox],
    run: str,
    kind: contract.ScanKind = "scan",
    wanted: Mapping[str, str] | None = None,
    limits: Mapping[str, Limits] | None = None,
) -> dict[str, str]:
    """Offer every mailbox a scan of this run; return for each name ``offered``, or why it was not.

    The reasons are ``scanning`` (a scan of it is under way) and ``full`` (messages of the last scan still wait).

    :param limits: the mailboxes' own limits, by name; mailboxes without an entry have the defaults.
    """
    own = limits or {}
    results: dict[str, str] = {}
    for part in batched(mailboxes, SCANS_AT_ONCE):
        batch = [
            (
                contract.lane_of(mailbox, own.get(mailbox.name)),
                replace(contract.scan_item(mailbox, run, kind, wanted), facts=audit.scan_facts(mailbox, run, kind)),
            )
            for mailbox in part
        ]
        results |= audit.lanes.ledger.offer_scans(batch)
        if kind in REPORT_ONLY:  # what this run is scanning already was offered: its trigger was delivered twice
            ours = {lane.name: item.id for lane, item in batch if results[lane.name] == "scanning"}
            under_way = audit.lanes.snapshot.scans_under_way(list(ours))
            results |= {name: "offered" for name, item in ours.items() if under_way[name] == item}
    return results


@dataclass(frozen=True, slots=True)
class OfferedWithinCaps:
    """How many messages were new to the lane; how many were held back, and over which cap ('' for none)."""

    new: int
    held_back: int
    cap: str


def offer_within_caps(visit: Visit, messages: Sequence[MeetingMessage]) -> OfferedWithinCaps:
    """Offer messages in fair order: new requests up to the caps, then :data:`MOST_OTHERS` others."""
    ordered = order_of_offer(visit, messages)
    requests = [message for message in ordered if message.kind is Kind.REQUEST]
    others = [message for message in ordered if message.kind is not Kind.REQUEST]
    caps, new_requests, new_others, cap = visit.caps, 0, 0, ""
    budget = visit.lanes.run_budget(visit.run, caps.per_run, visit.mailbox.group, caps.per_run_of_group)
    while requests:
        granted = budget.take(min(MESSAGES_AT_ONCE, len(requests), caps.per_scan - new_requests))
        if not granted:
            cap = _cap_of_requests(visit, new_requests)
            break
        fresh = _offer_messages(visit, requests[:granted])
        budget.give_back(granted - fresh)
        requests, new_requests = requests[granted:], new_requests + fresh
    while others and new_others < MOST_OTHERS:
        size = min(MESSAGES_AT_ONCE, MOST_OTHERS - new_others)
        new_others += _offer_messages(visit, others[:size])
        others = others[size:]
    cap = cap or (OTHERS_CAP if others else "")
    return OfferedWithinCaps(new_requests + new_others, len(requests) + len(others), cap)


def _cap_of_requests(visit: Visit, offered: int) -> str:
    """Return the cap over which requests are held back, after so many were offered."""
    caps, own = visit.caps, f"policy.groups.{visit.mailbox.group}"
    if offered >= caps.per_scan:
        return f"{own}.most_answers_per_scan" if caps.per_scan_is_of_group else SCAN_CAP
    return RUN_CAP if caps.per_run_of_group is None else f"{RUN_CAP} or {own}.most_answers_per_run"


def _offer_messages(visit: Visit, messages: Sequence[MeetingMessage]) -> int:
    known = known_earlier(visit, messages)
    fresh = [message for message in messages if message not in known]
    return visit.offer([(contract.message_item(visit.mailbox, message, visit.run), message) for message in fresh])


def known_earlier(visit: Visit, messages: Collection[MeetingMessage]) -> dict[MeetingMessage, str]:
    """Return the state of the messages that the ledger has under the identity of an earlier version.

    They are not offered again under the present identity: they wait, were done, or were dropped by an operator.
    Messages that were left alone are not included.
    """
    ids = {message: message.earlier_identity(visit.mailbox) for message in messages}
    items = visit.lanes.snapshot.known_items(ids.values())
    return {m: items[item].state for m, item in ids.items() if item in items and items[item].state != "left"}


def order_of_offer(visit: Visit, messages: Sequence[MeetingMessage]) -> list[MeetingMessage]:
    """Return the messages in the order in which a scan offers them."""
    ids = {message: message.identity(visit.mailbox) for message in messages}
    known = visit.lanes.snapshot.known_items(ids.values())
    left = {message for message, item in ids.items() if item in known and known[item].state == "left"}
    return in_fair_order(messages, left)


def in_fair_order(
    messages: Sequence[MeetingMessage], left_before: Collection[MeetingMessage] = ()
) -> list[MeetingMessage]:
    """Return the messages in the order in which they may use up a cap: each sender in turn, in the given order.

    So a sender of hundreds of messages does not delay those of others. Messages that were left alone before come last:
    most of them will be left alone again.

    :param left_before: the messages that were left alone before.
    """
    ranks: dict[tuple[bool | str, ...], int] = {}
    turns = Counter[int]()
    places = []
    for place, message in enumerate(messages):
        again = message in left_before
        rank = ranks.setdefault((again, organizer_of(message), message.from_another, *message.sent_by), len(ranks))
        places.append((again, turns[rank], rank, place))
        turns[rank] += 1
    # Sorting, because of thousands of lists, one per sender, nearly all may be exhausted while turns are taken.
    return [messages[place] for *_, place in sorted(places)]
