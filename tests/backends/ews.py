"""The harness of the backend for Exchange Web Services: the simulator's face of them.

Others who work there use WebDAV, which knows the same mailboxes; so they find a message by what its sender wrote.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rsvpq.ews.backend import EwsBackend
from rsvpq.ews.server import EwsServer
from rsvpq.http import auth
from rsvpq.mail.calendar import BusyStatus, same_meeting_key
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import MeetingMessage, Verdict
from rsvpq.mail.ports import Backend, Place
from rsvpq.webdav.mailbox import WebDavMailbox
from testbed.fork_server import fork_server
from testbed.processes import free_port
from testbed.simulated_exchange import SimulatedExchange, World
from tests.backends.harness import WAIT_S, Failure, Habits, HalfDone, Written
from tests.backends.webdav import WebDavHarness
from tests.support.exchange_site import PASSWORD, TIMEOUTS, site_of

_FAULTS: Mapping[Failure, Mapping[str, object]] = {
    Failure.BUSY: {"kind": "server-busy", "ms": WAIT_S * 1000},
    Failure.CUT: {"kind": "reset-before"},
    Failure.LOST: {"kind": "lost-reply"},
    Failure.TORN: {"kind": "truncate"},
}
_HALF_DONE: Mapping[HalfDone, Mapping[str, object]] = {
    HalfDone.CALENDAR_ONLY: {"ews_effects": "calendar-send-move", "ews_effects_done": 1},
    HalfDone.SENT_ONLY: {"ews_effects": "send-calendar-move", "ews_effects_done": 1},
    HalfDone.LEFT: {"ews_request_fate": "left"},
    HalfDone.NO_COPY: {"ews_sent_copy": "never"},
    HalfDone.IN_OUTBOX: {"ews_sent_copy": "late", "ews_sent_delay_ms": 600_000},
}
HABITS = Habits(
    answers_at_once=True,
    absorbs_by_itself=True,
    proposes_appointments=True,
    shows_read=False,
    addresses_show_the_mailbox=False,
)


@dataclass(slots=True)
class EwsHarness:
    """See :class:`tests.backends.harness.Harness`. Mailboxes have the names that EWS needs: their addresses."""

    others: WebDavHarness
    habits: Habits = HABITS

    def backend(self, *, wrong_password: bool = False, unreachable: bool = False) -> Backend:
        """With the account that may impersonate everybody."""
        origin = f"http://127.0.0.1:{free_port()}" if unreachable else self.others.site.exchange.urls[0]
        account = auth.basic(self.others.site.exchange.username, "wrong" if wrong_password else PASSWORD)
        return EwsBackend(EwsServer(origin, account, timeouts=TIMEOUTS))

    def take(self) -> str:
        """The next mailbox that has enough in it."""
        return self._address(self.others.take())

    def nobody(self) -> str:
        """An address."""
        return "nobody@example.com"

    def deep(self) -> str:
        """The one that the simulator makes so."""
        return self._address(self.others.deep())

    def other_name(self, mailbox: str) -> str:
        """The same address in capitals."""
        return mailbox.upper()

    def written(self, mailbox: str) -> list[Written]:
        """All that the oracle calls meeting messages, and the product knows; EWS shows whole seconds."""
        found = self.others.written(self._name(mailbox))
        return [replace(one, received=one.received.replace(microsecond=0)) for one in found]

    def invitation(self) -> tuple[str, str, str]:
        """A meeting that only one mailbox has a request for, and only one, which wants a response."""
        guest, organizer, uid = self.others.invitation()
        return self._address(guest), self._address(organizer), uid

    def statuses(self, uid: str) -> list[str]:
        """As the oracle's list of meetings has them."""
        return self.others.statuses(uid)

    def done_to(self, mailbox: str, message: MeetingMessage) -> Counter[str]:
        """As the oracle counts it."""
        return self.others.done_to(self._name(mailbox), message)

    def effects(self) -> int:
        """By the operation."""
        return self.others.effects()

    def fail(self, failure: Failure) -> None:
        """By the simulator's faults."""
        self.others.site.exchange.have_faults([{"step": "any", **_FAULTS[failure]}])

    def recover(self) -> None:
        """Without any fault."""
        self.others.recover()

    def without_commands(self) -> AbstractContextManager[None]:
        """As always."""
        return nullcontext()

    @contextmanager
    def without_calendar(self) -> Iterator[None]:
        """The account may not search on anybody's behalf."""
        self.others.site.exchange.have_faults([{"step": "finditem", "kind": "impersonation-denied"}])
        try:
            yield
        finally:
            self.recover()

    @contextmanager
    def half_done(self, what: HalfDone) -> Iterator[None]:
        """By switches, and by a fault after the first effect."""
        exchange = self.others.site.exchange
        before, values = exchange.switches(), _HALF_DONE[what]
        exchange.set_switches(values)
        if "ews_effects_done" in values:
            exchange.have_faults([{"step": "createitem", "kind": "half-done"}])
        try:
            yield
        finally:
            self.recover()
            exchange.set_switches({name: before[name] for name in values})

    def change(self, mailbox: str, message: MeetingMessage) -> None:
        """Mark it as read or unread."""
        self.others.change(self._name(mailbox), self._found(mailbox, message))

    def remove(self, mailbox: str, message: MeetingMessage) -> None:
        """DELETE."""
        self.others.remove(self._name(mailbox), self._found(mailbox, message))

    def put_away(self, mailbox: str, message: MeetingMessage) -> None:
        """MOVE to Deleted Items."""
        self.others.put_away(self._name(mailbox), self._found(mailbox, message))

    def bring_back(self, mailbox: str, message: MeetingMessage) -> None:
        """MOVE from Deleted Items: as old as it was, under a new number."""
        away = self._found(mailbox, message, Place.TRASH)
        inbox = self._box(mailbox).folders.inbox
        name = f"{inbox}/{away.ref.address[0].rpartition('/')[2]}"
        back = replace(away.ref, address=(name, *away.ref.address[1:]))
        self.others.bring_back(self._name(mailbox), replace(away, ref=back))

    def replace(self, mailbox: str, message: MeetingMessage, by: MeetingMessage) -> None:
        """Names of items are used again, but not their Ids."""
        self.others.replace(self._name(mailbox), self._found(mailbox, message), self._found(mailbox, by))

    def respond(self, mailbox: str, request: MeetingMessage, verdict: Verdict) -> None:
        """With another client of EWS."""
        with self.backend().open(mailbox, NoLease()) as box:
            assert box.answering == "at-once"
            box.respond(request, verdict)

    def book(self, mailbox: str, uid: str, start: datetime, end: datetime, status: BusyStatus) -> None:
        """PUT of iCalendar text."""
        self.others.book(self._name(mailbox), uid, start, end, status)

    def can_be_brought_back(self, mailbox: str, uid: str) -> bool:
        """Whether Deleted Items shows the uid."""
        return self.others.can_be_brought_back(self._name(mailbox), uid)

    def _address(self, name: str) -> str:
        return next(str(facts["address"]) for facts in self.others.site.mailboxes() if facts["mailbox"] == name)

    def _name(self, address: str) -> str:
        return next(str(facts["mailbox"]) for facts in self.others.site.mailboxes() if facts["address"] == address)

    def _box(self, mailbox: str) -> WebDavMailbox:
        return WebDavMailbox(self.others.site.server(), self._name(mailbox))

    def _found(self, mailbox: str, message: MeetingMessage, place: Place = Place.INBOX) -> MeetingMessage:
        """What WebDAV shows of a message."""
        box = self._box(mailbox)
        pages = box.meeting_messages() if place is Place.INBOX else box.messages_in(place)
        (found,) = [one for page in pages for one in page.messages if _written(one) == _written(message)]
        return found


def _written(message: MeetingMessage) -> tuple[object, ...]:
    key = same_meeting_key(message.uid)
    received = message.received and message.received.replace(microsecond=0)
    return message.kind, key, message.subject, message.sequence, received, message.start


def ews_harness(directory: Path) -> Iterator[EwsHarness]:
    """A simulator of its own, for as long as the generator lives."""
    world = World(mailboxes=200, requests=6, responses=2, deep=250, seed=21)
    for site in site_of(SimulatedExchange(directory, world, PASSWORD, forks=fork_server())):
        yield EwsHarness(WebDavHarness(site))
