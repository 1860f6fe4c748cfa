"""Visits to mailboxes, as the tasks make them: on a real ledger, with whatever client and policy a test gives."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from producer.visit import Caps, Visit
from rsvpq.audit.record import Audit, Redaction
from rsvpq.lanes import Lanes, Release
from rsvpq.lanes.run_results import Ended
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.policy import Policy
from rsvpq.tasks import contract
from rsvpq.tasks.journal import Journal
from rsvpq.webdav.mailbox import WebDavMailbox
from tests.support.exchange_site import lenient

#: More than any mailbox of a test has.
NO_CAPS = Caps(10_000, 10_000)


def keeps_nothing() -> Journal:
    """Return a journal of an item that is never interrupted."""
    return Journal({}, lambda *_: "ok")


@dataclass(slots=True)
class Visitor:
    """Visits one mailbox, each time in a run of its own; ``published`` is what was released and nobody has taken."""

    lanes: Lanes
    box: WebDavMailbox
    mailbox: Mailbox = field(default_factory=lambda: Mailbox("adele", "mail1"))
    policy: Policy = field(default_factory=lenient)
    caps: Caps = NO_CAPS
    runs: int = 0
    published: list[Release] = field(default_factory=list)

    def visit(self, journal: Journal | None = None) -> Visit:
        """Return the next visit."""
        self.runs += 1
        return Visit(
            item=contract.scan_item(self.mailbox, f"run{self.runs}").id,
            mailbox=self.mailbox,
            box=self.box,
            journal=journal or keeps_nothing(),
            policy=self.policy,
            lanes=self.lanes,
            audit=Audit(self.lanes, Redaction(), 3600),
            publish=self.publish,
            caps=self.caps,
        )

    def known(self, messages: Iterable[MeetingMessage]) -> list[MeetingMessage]:
        """Return the messages that the ledger has items for."""
        ids = {message: message.identity(self.mailbox) for message in messages}
        found = self.lanes.snapshot.known_items(ids.values())
        return [message for message, item in ids.items() if item in found]

    def waiting(self) -> list[str]:
        """Return the offered items that no worker has taken, in the order in which they are worked."""
        lane: list[str] = self.lanes.namespace.redis.lrange(
            f"{self.lanes.namespace.prefix}:lane:{self.mailbox.name}", 0, -1
        )
        return [*(release.id for release in self.published), *lane]

    def reported(self) -> Ended:
        """Return the report of the last visit."""
        findings = self.lanes.run_results(f"run{self.runs}")
        return next(one for one in findings.follow() if isinstance(one, Ended))

    def publish(self, releases: Iterable[Release]) -> None:
        """Keep released items, instead of handing them to Celery."""
        self.published += releases
