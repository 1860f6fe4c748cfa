"""One case of the matrix: a mailbox worked under one switch or fault, and what the oracle says came of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from redis import Redis

from rsvpq.http import auth
from rsvpq.http.credential import Credential
from rsvpq.http.deadlines import Timeouts
from rsvpq.lanes import Lanes
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.mail.messages import Mailbox
from rsvpq.policy import Policy
from rsvpq.webdav.mailbox import Answers, Commands
from rsvpq.webdav.server import WebDavServer
from simulator.serving.faults import FaultKind
from testbed.fork_server import fork_server
from testbed.processes import WAIT_S
from testbed.simulated_exchange import SimulatedExchange, World
from tests.matrix.operator import Operator
from tests.support.exchange_site import lenient
from tests.support.lanes_with_clock import Clock

PASSWORD = "matrix"
#: Of a client that waits for whatever comes.
PATIENT = Timeouts(connect_s=WAIT_S, read_s=WAIT_S)
#: Short, so that an answer that does not come costs little.
IMPATIENT = Timeouts(connect_s=WAIT_S, read_s=1, body_s=1)
#: What keeps a client waiting for its answer.
_DELAYS = {FaultKind.SLOW, FaultKind.DRIP, FaultKind.HANG, FaultKind.HANG_AFTER}


@dataclass(frozen=True, slots=True)
class Tried:
    """A row of the table."""

    name: str
    requests: int
    answered: int
    twice: int
    unsent: int
    waiting: int
    opened: str
    injected: int
    deliveries: int
    dead: tuple[str, ...]
    #: What was answered, or a person's draft that was touched, though nobody may.
    forbidden: int = 0
    #: Responses that propose another time, and were cleaned away.
    proposals_lost: int = 0

    def line(self) -> str:
        """The row as text."""
        numbers = (
            f"answered {self.answered}/{self.requests} twice {self.twice} unsent {self.unsent} opened {self.opened}"
        )
        reason = f"  dead: {self.dead[0][:90]}" if self.dead else ""
        faults = f" faults {self.injected}" if self.injected else ""
        forbidden = f" FORBIDDEN {self.forbidden}" if self.forbidden else ""
        return f"{self.name:44} {numbers}{forbidden}{faults} deliveries {self.deliveries}{reason}"


@dataclass(slots=True)
class _Clocks(Clock):
    """The clock of the lanes, and that by which the servers do things later: both are turned."""

    bench: "Bench | None" = None

    def turn(self, seconds: float) -> None:
        Clock.turn(self, seconds)
        if self.bench is not None:
            self.bench.exchange.put_clock_forward(seconds)


@dataclass(slots=True)
class Bench:
    """The simulator, its mailboxes that no case has had yet, and the lanes.

    The world is small, since every case reads all of it; when none of its mailboxes will do, another one is made.
    """

    directory: Path
    world: World
    tried: list[Tried] = field(default_factory=list)
    exchange: SimulatedExchange = field(init=False)
    clock: Clock = field(init=False)
    lanes: Lanes = field(init=False)
    _timeouts: Timeouts = PATIENT
    _worlds: int = 0
    _unused: list[str] = field(init=False)
    _defaults: dict[str, Any] = field(init=False)
    #: What the simulator was told since the last reset, in that order.
    _said: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._make_world()
        self._defaults = {name: one["value"] for name, one in self.exchange.ask("switches").items()}

    def _make_world(self) -> None:
        self._worlds += 1
        directory = self.directory / f"world-{self._worlds}"
        directory.mkdir()
        self.exchange = SimulatedExchange(directory, self.world, PASSWORD, forks=fork_server())
        enough = [
            box["mailbox"]
            for box in self.exchange.ask("mailboxes")
            if box["messages"]["request"] >= 2 and box["messages"]["response"] >= 1
        ]
        self._unused = enough[::-1]

    def _make_another_world(self) -> None:
        """The same world untouched, with the switches and faults that are in force."""
        self.exchange.part.end()
        self._make_world()
        said, self._said = self._said, []
        for what, document in said:
            self.post(what, document)

    def reset(self, redis: Redis) -> None:
        """Every switch at its default, no faults, an empty ledger."""
        self._said = []
        self.switch(**self._defaults)
        self.fault()
        self.clock = _Clocks(bench=self)
        self.configure(redis)

    def configure(self, redis: Redis) -> None:
        """An empty ledger with its limits."""
        self.lanes = Lanes(redis, "matrix", now_us=self.clock.now_us)
        limits = Limits(Rate(1000), 1000, 1)
        pools = {"scan": 4, "answer": 4}
        self.lanes.controls.configure(
            servers={"mail": limits}, mailbox=limits, pools=pools, release_lease_s=60, run_lease_s=180, attempts=6
        )

    def switch(self, **switches: Any) -> None:
        """Set switches of the simulator."""
        self.post("switches", switches)

    def fault(self, *faults: Mapping[str, Any]) -> None:
        """Put these faults into force; what comes late, comes when the client has given up long since."""
        late = [fault["kind"] in _DELAYS for fault in faults]
        self.post("faults", [{**fault, "ms": 600_000 * delayed} for fault, delayed in zip(faults, late, strict=True)])
        self._timeouts = IMPATIENT if any(late) else PATIENT

    def post(self, what: str, document: Any) -> None:
        """Tell the oracle; what it refuses is an error of the matrix."""
        url = f"{self.exchange.urls[0]}/_oracle/{what}"
        answer = requests.post(url, data=json.dumps(document), timeout=WAIT_S)
        assert answer.status_code == 200, answer.text
        self._said.append((what, document))

    def mailbox(
        self, having: str = "", *, proposing: bool = False, untitled: bool = False, updated: bool = True
    ) -> str:
        """A mailbox that nobody has touched, with this in its name.

        :param proposing: it has a response that proposes another time. :param untitled: it has a request of no subject.
        :param updated: it may have a request and its update.
        """
        wanted = (having, proposing, untitled, updated)
        if not (fits := self._fitting(*wanted)):
            self._make_another_world()
            fits = self._fitting(*wanted)
        name = next(name for name in reversed(self._unused) if name in fits)
        self._unused.remove(name)
        return name

    def _fitting(self, having: str, proposing: bool, untitled: bool, updated: bool) -> set[str]:
        fits = {name for name in self._unused if having in name}
        if not proposing and not untitled and updated:
            return fits
        messages = self.exchange.messages()
        if proposing:
            fits &= {one["mailbox"] for one in messages if one["counter_proposal"]}
        if untitled:
            requests = (one for one in messages if one["kind"] == "request" and not one["outdated"])
            fits &= {one["mailbox"] for one in requests if not one["subject"]}
        if not updated:
            fits -= {one["mailbox"] for one in messages if one["outdated"]}
        return fits

    def operator(self, mailbox: str, answers: Answers = "owa", policy: Policy | None = None) -> Operator:
        """Somebody to work it."""
        url = f"{self.exchange.urls[0]}/exchange/"
        credential = Credential(lambda: self.clock.us / 1e6)
        account = auth.basic(self.exchange.username, PASSWORD)
        server = WebDavServer(url, account, credential=credential, timeouts=self._timeouts)
        at = Mailbox(mailbox, "mail")
        return Operator(self.lanes, self.clock, server, at, Commands(answers), policy or lenient())

    def judge(self, name: str, operator: Operator) -> Tried:
        """What the oracle says of the mailbox; noted for the table."""
        seeded = self.exchange.messages(operator.mailbox.name)
        asked = [one for one in seeded if one["kind"] == "request"]
        responses = [one for one in seeded if one["kind"] == "response"]
        states = [_state(one) for one in asked]
        injected = sum(fault["injected"] for fault in self.exchange.ask("faults"))
        tried = Tried(
            name=name,
            requests=len(asked) - states.count("outdated"),
            answered=states.count("answered"),
            twice=states.count("twice"),
            unsent=states.count("unsent"),
            waiting=states.count("waiting"),
            opened=f"{sum(one['opened'] > 0 for one in responses)}/{len(responses)}",
            injected=injected,
            deliveries=operator.deliveries,
            dead=tuple(operator.dead),
            forbidden=sum(one["forbidden"] for one in seeded),
            proposals_lost=sum(bool(one["counter_proposal"] and one["moved"] + one["deleted"]) for one in responses),
        )
        self.tried.append(tried)
        return tried


def _state(request: Mapping[str, Any]) -> str:
    verdicts = request["accepted"] + request["declined"] + request["tentative"]
    if request["submitted"] > 1 or (verdicts > 1 and request["submitted"]):
        return "twice"
    if not verdicts:
        return "outdated" if request["outdated"] else "waiting"
    return "unsent" if request["response_requested"] and not request["submitted"] else "answered"
