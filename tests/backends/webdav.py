"""The harness of the backend for Exchange 2000 to 2007: the simulator's WebDAV face and Outlook Web Access."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rsvpq.http.credential import Credential
from rsvpq.mail.calendar import BusyStatus
from rsvpq.mail.messages import Kind, MeetingMessage, Verdict
from rsvpq.mail.ports import Backend, Place
from rsvpq.settings.servers import WebDavSettings
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.wiring.backends import make_backend
from testbed.fork_server import fork_server
from testbed.processes import free_port
from testbed.simulated_exchange import SimulatedExchange, World
from tests.backends.harness import WAIT_S, Failure, Habits, HalfDone, Written
from tests.support.calendar_writer import Diary
from tests.support.exchange_site import PASSWORD, Site, site_of

_FAULTS: Mapping[Failure, Mapping[str, object]] = {
    Failure.BUSY: {"kind": "503-retry-after", "ms": WAIT_S * 1000},
    Failure.CUT: {"kind": "reset-before"},
    Failure.LOST: {"kind": "lost-reply"},
    Failure.TORN: {"kind": "truncate"},
}
_REPLIES = {"Pos": Verdict.ACCEPT, "Neg": Verdict.DECLINE, "Tent": Verdict.TENTATIVE}
_DONE = ("accepted", "declined", "tentative", "submitted", "opened", "moved", "deleted")
#: More than two pages.
_DEEP = 250
_READ = """<?xml version="1.0"?><D:propertyupdate xmlns:D="DAV:" xmlns:m="urn:schemas:httpmail:"><D:set><D:prop>
<m:read>{}</m:read></D:prop></D:set></D:propertyupdate>"""
_UIDS = """<?xml version="1.0"?><D:propfind xmlns:D="DAV:" xmlns:c="urn:schemas:calendar:"><D:prop><c:uid/></D:prop>
</D:propfind>"""


HABITS = Habits()


@dataclass(slots=True)
class WebDavHarness:
    """See :class:`tests.backends.harness.Harness`."""

    site: Site
    habits: Habits = HABITS
    _taken: set[str] = field(default_factory=set)

    def backend(self, *, wrong_password: bool = False, unreachable: bool = False) -> Backend:
        """As the wiring makes it from the settings of a server."""
        origin = f"http://127.0.0.1:{free_port()}" if unreachable else self.site.exchange.urls[0]
        settings = WebDavSettings.model_validate(
            {
                "url": f"{origin}/exchange/",
                "username": self.site.exchange.username,
                "password": "wrong" if wrong_password else PASSWORD,
                "allow_http": True,
            }
        )
        return make_backend(settings, Credential(), 180)

    def take(self) -> str:
        """The next mailbox that has enough in it."""
        for facts in self.site.mailboxes():
            name, counts = facts["mailbox"], facts["messages"]
            full = counts["request"] > 3 and counts["response"] > 0
            if name not in self._taken and full and not facts["deep"]:
                self._taken.add(name)
                return str(name)
        raise LookupError("no such mailbox is left; make the world larger")

    def nobody(self) -> str:
        """A name."""
        return "nobody"

    def deep(self) -> str:
        """The one that the simulator makes so."""
        return next(str(facts["mailbox"]) for facts in self.site.mailboxes() if facts["deep"])

    def other_name(self, mailbox: str) -> str:
        """The owner's SMTP address, or what stands before its @."""
        (address,) = [facts["address"] for facts in self.site.mailboxes() if facts["mailbox"] == mailbox]
        return str(address.partition("@")[0] if address == mailbox else address)

    def written(self, mailbox: str) -> list[Written]:
        """All that the oracle calls meeting messages, and the product knows."""
        reported = self.site.exchange.messages(mailbox)
        return [_written(one) for one in reported if one["kind"] in {"request", "response", "cancellation"}]

    def invitation(self) -> tuple[str, str, str]:
        """A meeting that only one mailbox has a request for, and only one, which wants a response."""
        by_address = {facts["address"]: facts["mailbox"] for facts in self.site.mailboxes()}
        seeded = defaultdict[tuple[str, str], list[bool]](list)
        for reported in self.site.exchange.messages():
            wanted = bool(reported["response_requested"] and not reported["received_for"])
            seeded[reported["mailbox"], reported["uid"]].append(wanted)
        used = {self.deep(), *self._taken}
        for meeting in self.site.exchange.meetings():
            uid, organizer = meeting["uid"], meeting["organizer"]
            guests = [name for one in meeting["attendees"] if (name := by_address.get(one["address"]))]
            names = {*guests, organizer}
            if len(guests) == 1 and seeded[guests[0], uid] == [True] and not names & used:
                self._taken |= names
                return guests[0], organizer, uid
        raise LookupError("no such meeting is left; make the world larger")

    def statuses(self, uid: str) -> list[str]:
        """As the oracle's list of meetings has them."""
        (meeting,) = [one for one in self.site.exchange.meetings() if one["uid"] == uid]
        return [attendee["status"] for attendee in meeting["attendees"]]

    def done_to(self, mailbox: str, message: MeetingMessage) -> Counter[str]:
        """As the oracle counts it."""
        same = (message.uid, message.subject, message.sequence, message.kind)
        (reported,) = [
            one
            for one in self.site.exchange.messages(mailbox)
            if (one["uid"], one["subject"], one["sequence"], one["kind"]) == same
        ]
        return Counter({name: reported[name] for name in _DONE if reported[name]})

    def effects(self) -> int:
        """By the verb, and by the command in a URL."""
        return self.site.mutating()

    def fail(self, failure: Failure) -> None:
        """By the simulator's faults."""
        self.site.exchange.have_faults([{"step": "any", **_FAULTS[failure]}])

    def recover(self) -> None:
        """Without any fault."""
        self.site.exchange.have_faults([])

    @contextmanager
    def without_commands(self) -> Iterator[None]:
        """As Exchange 2007."""
        with self._switched("version", "2007", "2003"):
            yield

    @contextmanager
    def without_calendar(self) -> Iterator[None]:
        """By the rights on the folder."""
        with self._switched("calendar_access", "403", "full"):
            yield

    @contextmanager
    def _switched(self, name: str, value: str, before: str) -> Iterator[None]:
        self.site.exchange.set_switches({name: value})
        try:
            yield
        finally:
            self.site.exchange.set_switches({name: before})

    def half_done(self, what: HalfDone) -> AbstractContextManager[None]:
        """Answers have two steps here."""
        raise NotImplementedError(what)

    def change(self, mailbox: str, message: MeetingMessage) -> None:
        """Mark it as read or unread."""
        self._raw("PROPPATCH", mailbox, message, body=_READ.format(int(not message.read)), Content_Type="text/xml")

    def remove(self, mailbox: str, message: MeetingMessage) -> None:
        """DELETE."""
        self._raw("DELETE", mailbox, message)

    def put_away(self, mailbox: str, message: MeetingMessage) -> None:
        """MOVE to Deleted Items."""
        name = message.ref.address[0].rpartition("/")[2]
        self._move(mailbox, message, f"{self._box(mailbox).folders.deleteditems}/{name}")

    def bring_back(self, mailbox: str, message: MeetingMessage) -> None:
        """MOVE from Deleted Items: as old as it was, under a new number."""
        pages = self._box(mailbox).messages_in(Place.TRASH, message.uid)
        (away,) = [one for page in pages for one in page.messages]
        self._move(mailbox, away, message.ref.address[0])

    def replace(self, mailbox: str, message: MeetingMessage, by: MeetingMessage) -> None:
        """Names of items are used again."""
        self.remove(mailbox, message)
        self._move(mailbox, by, message.ref.address[0])

    def respond(self, mailbox: str, request: MeetingMessage, verdict: Verdict) -> None:
        """In Outlook Web Access."""
        box = self._box(mailbox)
        answer = self.site.raw("GET", f"{request.ref.address[0]}?Cmd={verdict}")
        assert answer.status_code == 200
        (draft,) = [one for page in box.messages_in(Place.DRAFTS) for one in page.messages if one.uid == request.uid]
        self._move(mailbox, draft, f"{box.folders.sendmsg}/")

    def book(self, mailbox: str, uid: str, start: datetime, end: datetime, status: BusyStatus) -> None:
        """PUT of iCalendar text."""
        times = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}" for moment in (start, end))
        Diary(self.site, self._box(mailbox)).book(uid, *times, "UTC", f"X-MICROSOFT-CDO-BUSYSTATUS:{status.upper()}")

    def can_be_brought_back(self, mailbox: str, uid: str) -> bool:
        """Whether Deleted Items shows the uid."""
        folder = self._box(mailbox).folders.deleteditems
        answer = self.site.raw("PROPFIND", folder, body=_UIDS, Depth="1", Content_Type="text/xml")
        assert answer.status_code == 207
        return f">{uid}<" in answer.text

    def _box(self, mailbox: str) -> WebDavMailbox:
        return WebDavMailbox(self.site.server(), mailbox)

    def _move(self, mailbox: str, message: MeetingMessage, target: str) -> None:
        url = self.site.exchange.urls[0] + target
        self._raw("MOVE", mailbox, message, Destination=url, Overwrite="f", Allow_Rename="t")

    def _raw(self, method: str, mailbox: str, message: MeetingMessage, body: str = "", **headers: str) -> None:
        self._box(mailbox).require_own(message)
        answer = self.site.raw(method, message.ref.address[0], 0, body, **headers)
        assert answer.ok, f"{method}: {answer.status_code}"


def _written(reported: Mapping[str, Any]) -> Written:
    message_class = reported["message_class"].rpartition(".")[2]
    return Written(
        kind=Kind(reported["kind"]),
        uid=reported["uid"],
        subject=reported["subject"],
        organizer="" if reported["kind"] == "response" else reported["organizer"],
        received=datetime.fromtimestamp(reported["received_at"], UTC),
        start=datetime.fromtimestamp(reported["starts_at"], UTC),
        sequence=reported["sequence"],
        recurring=reported["recurring"],
        response_requested=reported["response_requested"],
        private=reported["private"],
        reply=_REPLIES.get(message_class),
    )


def webdav_harness(directory: Path) -> Iterator[WebDavHarness]:
    """A simulator of its own, for as long as the generator lives."""
    world = World(mailboxes=200, requests=6, responses=2, deep=_DEEP, seed=21)
    for site in site_of(SimulatedExchange(directory, world, PASSWORD, forks=fork_server())):
        yield WebDavHarness(site)
