"""The simulator as a client of Exchange Web Services sees it, and a worker there that can be made to die."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from rsvpq.ews.backend import EwsBackend
from rsvpq.ews.envelope import Access
from rsvpq.ews.mailbox import EwsMailbox
from rsvpq.ews.server import EwsServer
from rsvpq.http import auth
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import Kind, Mailbox, MeetingMessage
from rsvpq.tasks.journal import Decided, Journal, Outcome
from testbed.simulated_exchange import SimulatedExchange
from tests.support.crashing_worker import Died
from tests.support.exchange_site import PASSWORD, TIMEOUTS, Watched, always
from tests.support.work import Decide
from workers.at_once import answer_at_once
from workers.work import AtOnceWork

_OPERATION = re.compile(rb":Body><\w+:(\w+)")
_FOLDER = re.compile(rb'ParentFolderIds>.*?DistinguishedFolderId Id="(\w+)"')


class WatchedEwsServer(Watched, EwsServer):
    """A server as the client talks to it; ``after`` is called once a request has been answered, or has failed."""

    after: Callable[[str], None] = staticmethod(lambda _operation: None)

    def sent(self, _method: str, _path: str, body: bytes) -> None:
        self.after(_operation_in(body))


def _operation_in(body: bytes) -> str:
    """What a request asks for, with the folder of a search."""
    found, folder = _OPERATION.search(body), _FOLDER.search(body)
    assert found is not None
    name = found.group(1).decode()
    return f"{name} {folder.group(1).decode()}" if folder else name


@dataclass(slots=True)
class EwsSite:
    """One simulator."""

    exchange: SimulatedExchange
    _taken: set[str] = field(default_factory=set)

    def server(self) -> WatchedEwsServer:
        """Return a new client of the server."""
        account = auth.basic(self.exchange.username, PASSWORD)
        return WatchedEwsServer(self.exchange.urls[0], account, timeouts=TIMEOUTS)

    def box(self, name: str, server: EwsServer | None = None, access: Access = "impersonation") -> EwsMailbox:
        """Open a mailbox by its address."""
        with EwsBackend(server or self.server(), access).open(name, NoLease()) as box:
            return box

    def addresses(self, *, deep: bool = False) -> Iterator[str]:
        """Return the mailboxes that no other test has, and that are not empty; or the deep one."""
        for facts in self.exchange.ask("mailboxes"):
            counts = facts["messages"]
            full = counts["request"] > 1 and counts["response"] > 0
            if facts["address"] not in self._taken and facts["deep"] is deep and full:
                yield facts["address"]

    def take(self, fits: Callable[[EwsMailbox], bool]) -> str:
        """Take a mailbox that fits."""
        for address in self.addresses():
            if fits(self.box(address)):
                self._taken.add(address)
                return address
        raise LookupError("no such mailbox is left; make the world larger")

    def name_of(self, address: str) -> str:
        """Return the oracle's name of a mailbox."""
        return next(str(one["mailbox"]) for one in self.exchange.ask("mailboxes") if one["address"] == address)

    def recorded(self, address: str, message: MeetingMessage) -> dict[str, Any]:
        """Return what the oracle has recorded of one seeded message."""
        same = (message.uid, message.sequence, message.kind)
        (found,) = [
            one
            for one in self.exchange.messages(self.name_of(address))
            if (one["uid"], one["sequence"], one["kind"]) == same
        ]
        return found

    def done(self, address: str, request: MeetingMessage) -> tuple[int, int]:
        """Return how often a request was accepted, and how often an answer to it was sent."""
        counts = self.recorded(address, request)
        return counts["accepted"], counts["submitted"]

    @contextmanager
    def switched(self, **values: object) -> Iterator[None]:
        """Let the server behave otherwise for a while."""
        before = self.exchange.switches()
        self.exchange.set_switches(values)
        try:
            yield
        finally:
            self.exchange.set_switches({name: before[name] for name in values})

    @contextmanager
    def failing(self, step: str, kind: str, times: int | None = 1, **more: object) -> Iterator[None]:
        """Let requests of a step fail for a while."""
        self.exchange.have_faults([{"step": step, "kind": kind, "times": times, **more}])
        try:
            yield
        finally:
            self.exchange.have_faults([])


def inbox(box: EwsMailbox) -> list[MeetingMessage]:
    """Return all meeting messages of the Inbox, oldest first."""
    return [message for page in box.meeting_messages() for message in page.messages]


def requests_in(box: EwsMailbox, *, wanted: bool = True) -> list[MeetingMessage]:
    """Return requests that want a response (or want none), of meetings that no other message is about."""
    found = inbox(box)
    times = Counter(message.uid for message in found)
    return [
        one
        for one in found
        if one.kind is Kind.REQUEST
        and one.response_requested is wanted
        and times[one.uid] == 1
        and not (one.received_for or one.outdated or one.own)
    ]


class EwsWorker:
    """Answers one request several times; what it writes survives it, and it can be made to die.

    :param settle_s: how long what an answer does may take to show.
    """

    def __init__(
        self,
        site: EwsSite,
        address: str,
        request: MeetingMessage,
        settle_s: float = 0,
        decide: Decide | None = None,
        access: Access = "impersonation",
    ) -> None:
        self.request = request
        self.item = request.identity(Mailbox(address, "mail1"))
        self.steps: dict[str, Any] = {}
        #: What happened in the last attempt: requests, and steps written.
        self.events: list[str] = []
        self.paused_at = ""
        #: By how much the ledger's clock is ahead of ours.
        self.ahead_s = 0.0
        #: What others do, by the event after which they do it.
        self.meanwhile: dict[str, Callable[[], object]] = {}
        self._settle_s = settle_s
        self.decide = decide or always()
        self._death: int | str = ""
        server = site.server()
        self.box = site.box(address, server, access)
        server.after = self._lived

    def run(self, death: int | str = "") -> Outcome:
        """Run one attempt; die after this many events, or after this one, if given."""
        self.events, self._death = [], death
        work = AtOnceWork(
            item=self.item,
            message=self.request,
            address="adele@example.com",
            box=self.box,
            journal=Journal(self.steps, self._record, lambda: time.time() + self.ahead_s),
            lease=NoLease(),
            decide=lambda now: Decided(self.decide(now)),
            settle_s=self._settle_s,
        )
        return answer_at_once(work)

    def dies(self, after: int | str) -> None:
        """Run an attempt that ends in death."""
        with pytest.raises(Died):
            self.run(after)

    def forgets(self) -> None:
        """Lose the journal, and find the request anew, as a scan does."""
        self.steps = {}
        found = [one for one in inbox(self.box) if one.ref.key == self.request.ref.key]
        self.request = found[0] if found else self.request

    def _record(self, steps: Mapping[str, Any], intent: bool, *_: object) -> Literal["ok", "held"]:
        newest = list(steps)[-1]
        if newest == self.paused_at:
            return "held"
        self.steps = json.loads(json.dumps(steps))  # as Redis keeps it
        self._lived(f"{'intend' if intent else 'note'} {newest}")
        return "ok"

    def _lived(self, event: str) -> None:
        self.events.append(event)
        self.meanwhile.get(event, lambda: None)()
        if self._death in {event, len(self.events)}:
            raise Died
