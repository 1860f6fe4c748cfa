"""The simulator as the client sees it, with other hands that work in the same mailboxes, and what its oracle saw."""

import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import requests
from requests.auth import HTTPBasicAuth

from rsvpq.http import auth
from rsvpq.http.deadlines import Timeouts
from rsvpq.http.message import HttpResponse
from rsvpq.http.server import Server
from rsvpq.mail.messages import Kind, MeetingMessage
from rsvpq.mail.ports import Place
from rsvpq.policy import Action, Decision, Policy
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from testbed.fork_server import fork_server
from testbed.processes import WAIT_S
from testbed.simulated_exchange import SimulatedExchange, World
from tests.support.work import Decide

PASSWORD = "pass-word:ünïque"
TIMEOUTS = Timeouts(connect_s=WAIT_S, read_s=WAIT_S)


class BehavingExchange(SimulatedExchange):
    """A simulator with one server for each behavior: switches by name."""

    def __init__(self, directory: Path, world: World, behaviors: Sequence[Mapping[str, object]]) -> None:
        super().__init__(directory, world, PASSWORD)
        for number, switches in enumerate(behaviors):
            self._fetch("switches", json.dumps({**switches, "server": number}).encode())


class Watched(Server):
    """A server whose requests are noticed: ``sent`` is called once one has been answered, or has failed."""

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        effect: bool = False,
        known: Collection[int] = (),
    ) -> HttpResponse:
        try:
            return super().send(method, path, headers=headers, body=body, effect=effect, known=known)
        finally:
            self.sent(method, path, body)

    @abstractmethod
    def sent(self, method: str, path: str, body: bytes) -> None:
        """Notice a request."""


class WatchedServer(Watched, WebDavServer):
    """A server as the client talks to it; ``after`` is called once a request has been answered, or has failed."""

    after: Callable[[str, str], None] = staticmethod(lambda _method, _path: None)

    def sent(self, method: str, path: str, _body: bytes) -> None:
        self.after(method, path)


@dataclass(slots=True)
class Site:
    """One simulator."""

    exchange: SimulatedExchange
    _taken: set[str] = field(default_factory=set)

    def server(self, number: int = 0) -> WatchedServer:
        """Return a new client of one of the servers."""
        url = f"{self.exchange.urls[number]}/exchange/"
        return WatchedServer(url, auth.basic(self.exchange.username, PASSWORD), timeouts=TIMEOUTS)

    def raw(self, method: str, path: str, number: int = 0, body: str = "", **headers: str) -> requests.Response:
        """Send one request as another program would, without our client."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        account = HTTPBasicAuth(self.exchange.username.encode(), PASSWORD.encode())
        url = self.exchange.urls[number] + path
        octets = body.encode()
        return requests.request(
            method, url, headers=given, data=octets, auth=account, timeout=WAIT_S, allow_redirects=False
        )

    def copy(self, source: str, target: str, number: int = 0) -> None:
        """Copy an item as another program would."""
        url = self.exchange.urls[number] + target
        answer = self.raw("COPY", source, number, Destination=url, Overwrite="f", Allow_Rename="t")
        assert answer.status_code == 201

    def mailboxes(self) -> list[dict[str, Any]]:
        """Return the mailboxes as the oracle lists them."""
        found: list[dict[str, Any]] = self.exchange.ask("mailboxes")
        return found

    def take(self, number: int = 0, fits: Callable[[WebDavMailbox], bool] = lambda _: True) -> WebDavMailbox:
        """Take a mailbox that fits and that no other test has: not the deep one, and not empty."""
        for facts in self.mailboxes():
            name, counts = facts["mailbox"], facts["messages"]
            ours = name not in self._taken and facts["server"] == number and not facts["deep"]
            if ours and counts["request"] > 1 and counts["response"] > 0:
                box = WebDavMailbox(self.server(number), name)
                if fits(box):
                    self._taken.add(name)
                    return box
        raise LookupError("no such mailbox is left; make the world larger")

    def recorded(self, box: WebDavMailbox, message: MeetingMessage) -> dict[str, Any]:
        """Return what the oracle has recorded of one seeded message."""
        (found,) = [m for m in self.of_mailbox(box) if m["uid"] == message.uid and m["subject"] == message.subject]
        return found

    def of_mailbox(self, box: WebDavMailbox) -> list[dict[str, Any]]:
        """Return what the oracle has recorded of all messages of a mailbox."""
        return self.exchange.messages(box_name(box))

    def sent(self, box: WebDavMailbox, message: MeetingMessage) -> tuple[int, int]:
        """Return how often a request was accepted, and how often an answer to it was sent."""
        counts = self.recorded(box, message)
        return counts["accepted"], counts["submitted"]

    def mutating(self) -> int:
        """Return how many requests that change something the servers have received."""
        count: int = self.exchange.ask("summary")["mutating"]
        return count


def always(action: Action = Action.ACCEPT) -> Decide:
    """Return a policy that always decides the same."""
    return lambda _message: Decision(action, "always")


def lenient(mode: Literal["observe", "respond"] = "respond") -> Policy:
    """Return a policy without guards or rules, which answers all that the simulator made up."""
    return Policy(
        mode=mode,
        external="rules",
        private="rules",
        delegate_copies="rules",
        past="rules",
        max_age=timedelta(days=36_500),
        details_only="rules",
        unknown_calendar="rules",
    )


def box_name(box: WebDavMailbox) -> str:
    """Return the name of the mailbox of a client."""
    return unquote(box.folders.inbox).split("/")[2]


def inbox(box: WebDavMailbox) -> list[MeetingMessage]:
    """Return all meeting messages of the Inbox, oldest first."""
    return [message for page in box.meeting_messages() for message in page.messages]


def sent_in(box: WebDavMailbox) -> Iterator[MeetingMessage]:
    """Return all answers in Sent Items, the newest first."""
    return (message for page in box.messages_in(Place.SENT) for message in page.messages if message.kind is Kind.ANSWER)


def requests_in(box: WebDavMailbox, *, wanted: bool = True) -> list[MeetingMessage]:
    """Return requests that want a response (or want none), of meetings that no other message is about."""
    found = [message for message in inbox(box) if message.kind is Kind.REQUEST]
    times = Counter(message.uid for message in found)
    return [m for m in found if m.response_requested is wanted and times[m.uid] == 1]


def responses_in(box: WebDavMailbox) -> list[MeetingMessage]:
    """Return the responses in the Inbox."""
    return [message for message in inbox(box) if message.kind is Kind.RESPONSE]


def simulated_site(directory: Path, world: World, *arguments: str) -> Iterator[Site]:
    """Yield a site, which ends with the generator; the arguments are the simulator's."""
    yield from site_of(SimulatedExchange(directory, world, PASSWORD, list(arguments), fork_server()))


def site_of(exchange: SimulatedExchange) -> Iterator[Site]:
    """Yield the site of an exchange, which ends with the generator."""
    try:
        yield Site(exchange)
    finally:
        exchange.part.end()
