"""What one scan item does in its mailbox, by its kind: scan it, reconcile it, or only tell what a scan would do.

The kinds that only look decide as if live runs were on (mode ``respond``, confirmed), tell their findings to whoever
has asked, and leave the lanes, the audit's decisions, the list of held drafts and the mailbox as they are.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from producer.app import audit, carrier, exchange, lanes, policy, recollection, settings
from producer.decisions import Decisions
from producer.dry_run import Ways, forecast
from producer.explaining import explain_messages, is_wanted, told
from producer.offering import in_fair_order, offer_within_caps
from producer.reconcile import reconcile
from producer.scan import scan
from producer.tolerance import Tolerance
from rsvpq.lanes import Item, Start
from rsvpq.mail.editions import MeetingKey, Settled
from rsvpq.mail.errors import Refused
from rsvpq.mail.messages import Mailbox, MeetingMessage, Outcome, is_private
from rsvpq.ops.forecast import Forecast
from rsvpq.ops.held_drafts import HeldDrafts
from rsvpq.policy import Decision, Facts, Newest, Policy, Trace, Version, held_for, is_internal
from rsvpq.policy.gather import decide_at_once, decide_knowing, explain_knowing
from rsvpq.tasks import contract
from rsvpq.tasks.admission import require_task
from rsvpq.tasks.journal import Journal
from rsvpq.tasks.recollection import by_another
from rsvpq.tasks.runner import ItemJournal
from rsvpq.webdav.mailbox import MailboxClient

#: How many items the offer of one page may release in the same breath.
RELEASED_PER_PAGE = 16

held_drafts = HeldDrafts(lanes)


def work(start: Start, journal: ItemJournal) -> Outcome:
    """Do what the item is for.

    :raises ExchangeError: as the client says; Refused also for a kind that this version does not know.
    """
    require_task(start, contract.SCAN_MAILBOX)
    kind = start.payload["kind"]
    mailbox = Mailbox(start.mailbox, start.server, start.payload.get("group", ""))
    with exchange.mailbox(start.server, start.mailbox, journal.lease) as box:
        match kind:
            case "scan":
                return _Scan(start, mailbox, box, journal, policy()).run()
            case "reconcile":
                journal.intend("search")
                return _Scan(start, mailbox, box, journal, policy()).reconcile()
            case "dry-run":
                return _Look(start, mailbox, box, journal, live_policy()).dry_run()
            case "explain":
                return _Look(start, mailbox, box, journal, live_policy()).explain()
    raise Refused(f"a scan of the kind {kind!r} is not known here; restart this worker with the current version")


def live_policy() -> Policy:
    """The policy as it is carried out once live runs are on."""
    return replace(settings.decisions, mode="respond")


@dataclass(frozen=True)
class _Visit:
    """One item at work in its mailbox."""

    start: Start
    mailbox: Mailbox
    box: MailboxClient
    journal: Journal
    policy: Policy

    @property
    def run_name(self) -> str:
        """The run that the item belongs to."""
        return contract.run_of(self.start.id)

    @property
    def fingerprint(self) -> str:
        """That of the policy, for this mailbox."""
        return self.policy.fingerprint(self.mailbox.group)

    def facts(self, message: MeetingMessage, newest: Version | None) -> Facts:
        """What a scan knows of a message without asking."""
        facts = Facts.about(message, self.mailbox.name, self.mailbox.group, newest)
        return replace(facts, identity=message.identity(self.mailbox))

    def newest(self, messages: Iterable[MeetingMessage]) -> Newest:
        """The newest version of each meeting among them."""
        domains = self.policy.internal_domains
        return Newest(messages, lambda address: is_internal(address, self.mailbox.name, domains))

    def known_earlier(self, messages: Collection[MeetingMessage]) -> dict[MeetingMessage, str]:
        """In which state the ledger has them under the identity of earlier versions, those left alone left out.

        Nobody is to offer them again under today's: they wait, or were done, or an operator gave them up.
        """
        ids = {message: message.earlier_identity(self.mailbox) for message in messages}
        items = lanes.snapshot.known_items(ids.values())
        return {m: items[item].state for m, item in ids.items() if item in items and items[item].state != "left"}

    def in_fair_order(self, messages: Sequence[MeetingMessage]) -> list[MeetingMessage]:
        """The messages in the order in which they are offered."""
        ids = {message: message.identity(self.mailbox) for message in messages}
        known = lanes.snapshot.known_items(ids.values())
        left = {message for message, item in ids.items() if item in known and known[item].state == "left"}
        return in_fair_order(messages, left)

    def decide(self, message: MeetingMessage, newest: Version | None) -> Decision:
        """Decide as a scan does."""
        return decide_at_once(self.policy, message, self.facts(message, newest))


class _Scan(_Visit):
    """A scan that offers what it finds."""

    def run(self) -> Outcome:
        """Offer the messages to be acted upon, then look for unsent answers."""
        decisions = Decisions(audit, self.mailbox, self.start.id)

        def decide_and_note(message: MeetingMessage, newest: Version | None) -> Decision:
            return decisions.note(message, self.decide(message, newest))

        def offer_messages(messages: list[MeetingMessage]) -> tuple[int, int]:
            decisions.tell()
            budget = lanes.run_budget(self.run_name, settings.policy.most_answers_per_run)
            return offer_within_caps(
                self.in_fair_order(messages), self._offer_batch, settings.policy.most_answers_per_scan, budget
            )

        found = scan(self.box, self.journal, decide_and_note, offer_messages, self.newest)
        drafts = self.reconcile()
        note = "; ".join(filter(None, (found.note, drafts.note)))
        return Outcome(found.result, note, {**found.counts, **drafts.counts})

    def reconcile(self) -> Outcome:
        """Offer our unsent answers; show the others to the operator."""
        return reconcile(self.box, self._offer_drafts, partial(held_drafts.replace, self.mailbox.name), self.mailbox)

    def _offer_drafts(self, drafts: dict[str, MeetingMessage]) -> int:
        if self.policy.mode == "observe":
            return 0
        return self._offer([self._told(contract.draft_item(key, draft), draft) for key, draft in drafts.items()])

    def _offer_batch(self, messages: list[MeetingMessage]) -> int:
        run, known = self.run_name, self.known_earlier(messages)
        fresh = [one for one in messages if one not in known]
        return self._offer([self._told(contract.message_item(self.mailbox, one, run), one) for one in fresh])

    def _told(self, item: Item, message: MeetingMessage) -> Item:
        return replace(item, facts=audit.facts(self.mailbox, message, self.run_name))

    def _offer(self, items: list[Item]) -> int:
        offered = lanes.ledger.offer(
            contract.lane_of(self.mailbox), items, release=RELEASED_PER_PAGE, policy=self.fingerprint
        )
        carrier.publish(offered.released)
        return offered.new


@dataclass(frozen=True, slots=True)
class _Look(_Visit):
    """A visit that changes nothing, and tells what it finds."""

    tolerance: Tolerance = field(default_factory=Tolerance)

    def dry_run(self) -> Outcome:
        """Tell what a scan would come to."""
        ways = Ways(self.decide, self._decide_knowing, self._known, self._forecast, self.newest, self.in_fair_order)
        rows, counts = forecast(self.box, self.journal, ways, settings.policy.most_answers_per_scan)
        drafts = reconcile(self.box, len, lambda _: None, self.mailbox)
        self._report([row.to_dict() for row in rows], {**counts, **drafts.counts})
        return Outcome("dry-run", f"found {counts['found']}, would offer {counts['requests']} requests")

    def explain(self) -> Outcome:
        """Tell why the messages that are asked for are dealt with as they are."""
        wanted = is_wanted(self.start.payload.get("wanted", {}), self.mailbox)
        explained, counts = explain_messages(self.box, self.journal, wanted, self._trace, self.newest)
        rows = [told(self.mailbox, *each, self.policy, audit.discretion) for each in explained]
        self._report(rows, counts)
        return Outcome("explained", f"found {counts['found']}, explained {len(rows)} of {counts['matching']}")

    def _trace(self, message: MeetingMessage, newest: Version | None) -> tuple[Trace, Facts]:
        facts = self._facts_of_a_worker(message, newest)
        return self.tolerance.look(
            partial(explain_knowing, self.policy, message, self.box, facts), lambda why: (held_for(why), facts)
        )

    def _decide_knowing(self, message: MeetingMessage, newest: Version | None) -> Decision:
        facts = self._facts_of_a_worker(message, newest)
        return self.tolerance.look(
            partial(decide_knowing, self.policy, message, self.box, facts), lambda why: held_for(why).decision
        )

    def _facts_of_a_worker(self, message: MeetingMessage, newest: Version | None) -> Facts:
        facts = self.facts(message, newest)
        topic = MeetingKey.of(message).topic
        text, vouched_s = lanes.topics.recall(self.mailbox.name, topic)
        known = text or recollection.vouched(vouched_s)
        settled = Settled.parse(text) if known else self._sent.get(topic)
        return replace(facts, settled=by_another(settled, facts.identity))

    @cached_property
    def _sent(self) -> dict[str, Settled]:
        """What Sent Items tells where the ledger cannot vouch; nothing of it is written down, for this only looks."""
        return recollection.in_mailbox(self.box, self.journal, self.mailbox)

    def _known(self, messages: Collection[MeetingMessage]) -> dict[MeetingMessage, str]:
        """In which state the ledger has them already, those left out that a scan would offer again."""
        ids = {message: message.identity(self.mailbox) for message in messages}
        items, now_us = lanes.snapshot.known_items(ids.values()), lanes.time_us()
        again = {item for item, known in items.items() if known.is_offered_again(self.fingerprint, now_us)}
        now = {message: items[item].state for message, item in ids.items() if item in items and item not in again}
        return {**self.known_earlier(messages), **now}

    def _forecast(self, message: MeetingMessage, decision: Decision, held: str = "") -> Forecast:
        discretion, verdict = audit.discretion, decision.action.verdict
        return Forecast(
            mailbox=self.mailbox.name,
            kind=str(message.kind),
            decision=str(decision.action),
            rule=decision.rule,
            reason=str(decision.reason),
            answer=str(verdict) if verdict and message.response_requested and not held else "",
            held=held,
            needs=" ".join(sorted(decision.needs)),
            organizer=discretion.address(message.organizer),
            start=message.start,
            received=message.received,
            subject=discretion.subject(message.subject, private=is_private(message.sensitivity)),
            uid=message.uid,
            item=message.identity(self.mailbox),
        )

    def _report(self, rows: list[dict[str, str]], counts: dict[str, int]) -> None:
        lanes.run_results(self.run_name).report(self.mailbox.name, rows, counts)
