"""What the ledger knows of single items, for people; reads only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rsvpq.lanes.lanes import Lanes
from rsvpq.lanes.limits import Lane
from rsvpq.lanes.reading import json_object, kept, whole

_FIELDS = ("state", "attempts", "reason", "journal", "policy", "again", "soonest")
#: Items per round trip.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Known:
    """An item in the ledger: its state, how often it was tried, why it last ended, and the steps in its journal.

    Of one that was left alone also the fingerprint of the policy by which it was, and when it is looked at again, under
    another policy at the soonest, in microseconds on the ledger's clock.
    """

    state: str
    attempts: int = 0
    reason: str = ""
    steps: tuple[str, ...] = ()
    policy: str = ""
    again_us: int = 0
    soonest_us: int = 0

    def is_offered_again(self, policy: str, now_us: int) -> bool:
        """Whether a scan under that policy would put it into its lane again, as lib.lua has it."""
        due_us = self.again_us if self.policy == policy else min(self.again_us, self.soonest_us)
        return self.state == "left" and due_us <= now_us


def known_items(lanes: Lanes, ids: Iterable[str]) -> dict[str, Known]:
    """Those of the items that the ledger knows."""
    found: dict[str, Known] = {}
    wanted = list(ids)
    for first in range(0, len(wanted), _BATCH):
        batch = wanted[first : first + _BATCH]
        with lanes.redis.pipeline(transaction=False) as pipe:
            for item_id in batch:
                pipe.hmget(f"{lanes.prefix}:item:{item_id}", _FIELDS)
            for item_id, fields in zip(batch, pipe.execute(raise_on_error=False), strict=True):
                state, attempts, reason, journal, policy, *times = kept(fields, (None,) * len(_FIELDS))
                if state:
                    steps = tuple(json_object(journal) or {})
                    again, soonest = map(whole, times)
                    found[item_id] = Known(state, whole(attempts), reason or "", steps, policy or "", again, soonest)
    return found


def scans_under_way(lanes: Lanes, mailboxes: Sequence[str]) -> dict[str, str]:
    """The scan that each mailbox has in its lane or in a worker's hands, by the item's id; '' for none."""
    with lanes.redis.pipeline(transaction=False) as pipe:
        for name in mailboxes:
            pipe.hget(f"{lanes.prefix}:mailbox:{name}", "scan")
        scans = (kept(answer, None) for answer in pipe.execute(raise_on_error=False))
        return {name: scan or "" for name, scan in zip(mailboxes, scans, strict=True)}


def pauses(lanes: Lanes, mailboxes: Iterable[Lane]) -> dict[str, str]:
    """Of the mailboxes in which nothing starts, because somebody paused it: what was paused, and why."""
    chosen = list(mailboxes)
    servers = sorted({mailbox.server for mailbox in chosen})
    with lanes.redis.pipeline(transaction=False) as pipe:
        pipe.hget(f"{lanes.prefix}:cfg", "paused")
        for server in servers:
            pipe.hget(f"{lanes.prefix}:server:{server}", "paused")
        for mailbox in chosen:
            pipe.hget(f"{lanes.prefix}:mailbox:{mailbox.name}", "paused")
        everything, *others = (kept(answer, None) for answer in pipe.execute(raise_on_error=False))
    of_servers = dict(zip(servers, others, strict=False))
    found = {}
    for mailbox, own in zip(chosen, others[len(servers) :], strict=True):
        reasons = (("all", everything), (f"server {mailbox.server}", of_servers[mailbox.server]), ("the mailbox", own))
        told = next((f"{what} is paused: {why}" for what, why in reasons if why), "")
        if told:
            found[mailbox.name] = told.replace("all is", "everything is")
    return found
