"""A visit to one mailbox: the arguments that the steps of a scan share, and what several of them do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rsvpq.audit.record import Audit, AuditedDecision
from rsvpq.lanes import Item, Lanes, Release
from rsvpq.lanes.reading import batched
from rsvpq.mail.messages import Mailbox, MeetingMessage, written
from rsvpq.mail.ports import OpenMailbox
from rsvpq.policy import Decision, Edition, Facts, Newest, Policy, is_internal
from rsvpq.policy.gather import decide_at_once
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Journal

#: Messages decided on between two journal steps, each of which renews the lease.
DECIDED_PER_STEP = 200
#: Decisions per round trip to the audit.
RECORDED_AT_ONCE = 200
#: How many items one offer may release at once.
RELEASED_PER_OFFER = 16

DecidedMessage = tuple[MeetingMessage, Decision]


@dataclass(frozen=True, slots=True)
class Caps:
    """The most new requests that may be offered by one scan, by all scans of its run, and by those of one group.

    None stands for no cap of the group.
    """

    per_scan: int
    per_run: int
    per_run_of_group: int | None = None
    #: Whether the first is a cap of the group.
    per_scan_is_of_group: bool = False


@dataclass(frozen=True, slots=True)
class Inbox:
    """All meeting messages of an Inbox in the server's order, and the newest edition of each meeting."""

    messages: Sequence[MeetingMessage]
    newest: Newest
    #: Rows that could not be read.
    unreadable: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A mailbox, the scan that visits it, and the objects that the scan uses.

    :param item: the id of the scan's item.
    :param publish: hands released items to Celery.
    """

    item: str
    mailbox: Mailbox
    box: OpenMailbox
    journal: Journal
    policy: Policy
    lanes: Lanes
    audit: Audit
    publish: Callable[[Iterable[Release]], None]
    caps: Caps

    def shown(self, message: MeetingMessage) -> dict[str, str]:
        """Return what rows show of a message, without what is private or hidden."""
        redaction = self.audit.redaction
        return {
            "organizer": redaction.address(message.organizer),
            "start": written(message.start),
            "received": written(message.received),
            "subject": redaction.subject(message.subject, private=message.sensitivity.is_private),
            "uid": message.uid,
            "item": message.identity(self.mailbox),
        }

    @property
    def run(self) -> str:
        """The run that the scan belongs to."""
        return contract.run_of(self.item)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the policy for this mailbox."""
        return self.policy.fingerprint(self.mailbox.group)

    def read_inbox(self) -> Inbox:
        """Read all meeting messages; each page is a journal step, which renews the lease.

        :raises ExchangeError: a page could not be read.
        :raises Paused, LeaseLost: the scan must not go on.
        """
        self.journal.intend("search")
        messages: list[MeetingMessage] = []
        unreadable = 0
        for number, page in enumerate(self.box.meeting_messages(), start=1):
            messages += page.messages
            unreadable += page.unreadable
            self.journal.note("pages", number)
        return Inbox(messages, self.newest(messages), unreadable)

    def newest(self, messages: Sequence[MeetingMessage]) -> Newest:
        """Return the newest edition of each meeting in the Inbox; the policy says which senders are internal."""
        ours = partial(is_internal, mailbox=self.mailbox.name, internal_domains=self.policy.internal_domains)
        return Newest(messages, ours)

    def decide(self, inbox: Inbox) -> list[DecidedMessage]:
        """Decide on every message by what the Inbox shows.

        Senders determine how many messages there are and how long each takes, so journal steps renew the lease.

        :raises LeaseLost: another worker has the scan.
        """
        decided = []
        for number, message in enumerate(inbox.messages, start=1):
            facts = self.facts(message, inbox.newest.of(message))
            decided.append((message, decide_at_once(self.policy, message, facts)))
            if number % DECIDED_PER_STEP == 0:
                self.journal.note("decided", number)
        return decided

    def facts(self, message: MeetingMessage, newest: Edition | None) -> Facts:
        """Return what is known about a message without reading more of the mailbox.

        :param newest: the newest edition of its meeting in the Inbox.
        """
        facts = Facts.about(message, self.mailbox.name, self.mailbox.group, newest)
        return replace(facts, identity=message.identity(self.mailbox))

    def record(self, decided: Sequence[DecidedMessage]) -> None:
        """Write the decisions to the audit; a preliminary one is recorded by the worker once it is final."""
        for part in batched(decided, RECORDED_AT_ONCE):
            page = [(message, AuditedDecision.of(one) if one.final or one.observed else None) for message, one in part]
            self.audit.decide(self.mailbox, self.item, self.run, page)

    def offer(self, items: Iterable[tuple[Item, MeetingMessage]]) -> int:
        """Offer items to the mailbox's lane, with the facts that the audit needs; return how many were new."""
        run, facts = self.run, self.audit.facts
        described = [replace(item, facts=facts(self.mailbox, message, run)) for item, message in items]
        offered = self.lanes.ledger.offer(
            contract.lane_of(self.mailbox), described, release=RELEASED_PER_OFFER, policy=self.fingerprint
        )
        self.publish(offered.released)
        return offered.new
