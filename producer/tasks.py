"""The producer's tasks: thin shells around :mod:`producer.scan`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from celery import Task

from producer.app import app, audit, carrier, exchange, lanes, policy, settings
from producer.decisions import Decisions
from producer.offering import RunBudget, offer_within_caps
from producer.reconcile import reconcile
from producer.scan import scan
from producer.trigger import offer_scans
from rsvpq import queue
from rsvpq.exchange.errors import ExchangeError
from rsvpq.held_drafts import HeldDrafts
from rsvpq.journal import Journal
from rsvpq.lanes import Item, Start
from rsvpq.mailboxes import read_mailboxes, select
from rsvpq.messages import Mailbox, MeetingMessage, Outcome
from rsvpq.policy import Decision, Facts, Version, decide

#: How many items the offer of one page may release in the same breath.
RELEASED_PER_PAGE = 16

held_drafts = HeldDrafts(lanes)


@app.task(name=queue.SCAN, bind=True, acks_late=True)
def scan_mailboxes(
    self: Task[Any, Any],
    mailboxes: Sequence[str] | str = (),
    group: str | None = None,
    kind: queue.ScanKind = "scan",
) -> str:
    """Offer a scan to the lane of each mailbox named, of each in the group, or of all.

    :param kind: ``reconcile`` looks for unsent answers only.
    :raises ConfigError: the list of mailboxes is wrong, or has no such mailbox or group.
    """
    names = [mailboxes] if isinstance(mailboxes, str) else mailboxes
    chosen = select(read_mailboxes(settings.mailboxes, settings), names=names, group=group)
    answers = offer_scans(audit, chosen, str(self.request.id)[:8], kind)
    carrier.publish(lanes.release())
    return ", ".join(f"{answer} {count}" for answer, count in sorted(answers.items())) or "no mailboxes"


@app.task(name=queue.SCAN_MAILBOX, bind=True, throws=(ExchangeError,))
def scan_mailbox(self: Task[Any, Any], /, *, generation: int, **_: Any) -> str:
    """Scan one mailbox and offer its messages; what else is passed is there to be read in Flower."""
    return carrier.carry(str(self.request.id), generation, _scan)


def _scan(start: Start, journal: Journal) -> Outcome:
    mailbox = Mailbox(start.mailbox, start.server, start.payload.get("group", ""))
    decisions = Decisions(audit, mailbox, start.id)
    rules, run = policy(), queue.run_of(start.id)

    def decide_and_note(message: MeetingMessage, newest: Version | None) -> Decision:
        facts = Facts(mailbox.name, mailbox.group, newest=newest)
        return decisions.note(message, decide(rules, message, facts, datetime.now(UTC)))

    def offer(items: list[Item]) -> int:
        offered = lanes.offer(mailbox, items, release=RELEASED_PER_PAGE)
        carrier.publish(offered.released)
        return offered.new

    def offer_batch(messages: list[MeetingMessage]) -> int:
        return offer([replace(queue.message_item(mailbox, one, run), facts=decisions.facts(one)) for one in messages])

    def offer_messages(messages: list[MeetingMessage]) -> tuple[int, int]:
        decisions.tell()
        budget = RunBudget(lanes, run, settings.policy.most_answers_per_run)
        return offer_within_caps(messages, offer_batch, settings.policy.most_answers_per_scan, budget)

    def offer_drafts(drafts: dict[str, MeetingMessage]) -> int:
        if rules.mode == "observe":
            return 0
        return offer([replace(queue.draft_item(key, one), facts=decisions.facts(one)) for key, one in drafts.items()])

    with exchange.mailbox(start.server, start.mailbox) as box:
        if start.payload["kind"] == "reconcile":
            journal.intend("search")
            return reconcile(box, offer_drafts, partial(held_drafts.replace, start.mailbox))
        found = scan(box, journal, decide_and_note, offer_messages)
        drafts = reconcile(box, offer_drafts, partial(held_drafts.replace, start.mailbox))
        note = "; ".join(filter(None, (found.note, drafts.note)))
        return Outcome(found.result, note, {**found.counts, **drafts.counts})
