"""rsvpq on the stub: its settings with limits that do not bind, its programs, its lanes."""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.store import mailbox_name
from benchmarks.window import MailServer
from rsvpq import wiring
from rsvpq.lanes import Item
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.settings import load_settings
from rsvpq.tasks import contract
from rsvpq.tasks.claims import Claims
from rsvpq.wiring.backends import Backends
from testbed.processes import Part, until
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import account_file
from testbed.stack import EVERYTHING

SERVER = "stub"
#: Items per offer: what two pages of a scan hold.
OFFER_ITEMS = 200
#: Scans per round trip to Redis.
SCAN_OFFERS = 500
#: A pace that nothing here reaches, and leases that outlast a part that is not started on purpose.
_SETTINGS = """\
mode = "respond"
mailboxes = "mailboxes.csv"
[redis]
url = "{redis}"
[servers.{server}]
url = "{url}"
allow_http = true
password_file = "password"
{account}
rate = "100000/s"
burst = 100000
concurrency = 10000
[limits]
rate = "100000/s"
burst = 100000
concurrency = 1
[lanes]
scans_released = 256
answers_released = {answers_released}
release_lease = "1h"
{policy}"""


@dataclass(frozen=True, slots=True)
class Access:
    """How rsvpq reaches the mail server.

    :param account: lines of its settings. :param name_of: returns the mailbox's name by its number.
    """

    account: str = 'username = "bench"'
    name_of: Callable[[int], str] = mailbox_name


def mailbox(number: int) -> Mailbox:
    """Return the mailbox of that number."""
    return Mailbox(mailbox_name(number), SERVER)


class Installation:
    """The programs of rsvpq by role, started by the commands an operator would use.

    :param server: the stub, unless ``access`` says how another one is reached.
    :param mailboxes: the numbers of those in the list: what is in no list, no worker works.
    """

    def __init__(
        self,
        directory: Path,
        redis: QueueServer,
        server: MailServer,
        *,
        mailboxes: Iterable[int] = (0,),
        answers_released: int = 256,
        access: Access | None = None,
    ) -> None:
        access = access or Access()
        self._directory = directory
        self._name_of = access.name_of
        config = directory / "rsvpq.toml"
        account_file(directory, "password", "bench")
        values = {"redis": redis.url, "server": SERVER, "url": server.url, "answers_released": answers_released}
        values |= {"account": access.account, "policy": EVERYTHING}
        config.write_text(_SETTINGS.format(**values), encoding="utf-8")
        rows = "".join(f"{access.name_of(number)},{SERVER}\n" for number in mailboxes)
        (directory / "mailboxes.csv").write_text("mailbox,server\n" + rows, encoding="utf-8")
        # Said again, because a Redis that the environment names would go first.
        self.environment = {"RSVPQ_CONFIG": str(config), "RSVPQ_REDIS_URL": redis.url}
        self.settings = load_settings(config, self.environment)
        self.lanes = wiring.make_lanes(self.settings)
        wiring.configure(self.lanes, self.settings)
        claims = Claims(self.lanes, wiring.make_list(self.settings).names)
        self._exchange = Backends(self.settings.servers, claims)
        self.parts: dict[str, Part] = {}

    def find(self, number: int) -> list[MeetingMessage]:
        """Return the messages in the Inbox of a mailbox, by the search of a scan."""
        with self._exchange.mailbox(SERVER, self._name_of(number), NoLease()) as box:
            return [message for page in box.meeting_messages() for message in page.messages]

    def offer(self, number: int, messages: Iterable[MeetingMessage]) -> int:
        """Offer messages to a mailbox's lane; how many were new."""
        box = Mailbox(self._name_of(number), SERVER)
        items: list[Item] = [contract.message_item(box, message) for message in messages]
        return sum(
            self.lanes.ledger.offer(contract.lane_of(box), items[first : first + OFFER_ITEMS]).new
            for first in range(0, len(items), OFFER_ITEMS)
        )

    def trigger(self, mailboxes: Sequence[Mailbox], run: str) -> None:
        """Offer each of the mailboxes a scan."""
        for first in range(0, len(mailboxes), SCAN_OFFERS):
            batch = mailboxes[first : first + SCAN_OFFERS]
            self.lanes.ledger.offer_scans([(contract.lane_of(one), contract.scan_item(one, run)) for one in batch])

    def start_dispatcher(self) -> Part:
        """Start the dispatcher."""
        part = self._start("dispatcher", ["-m", "producer.dispatcher"])
        part.wait_for(lambda: "event=started" in part.tail(), "the dispatcher runs")
        return part

    def start_worker(self, role: str, threads: int) -> Part:
        """Start a Celery worker: the role is ``answer`` or ``scan``, and its queue's name."""
        app = {"answer": "workers.app", "scan": "producer.app"}[role]
        command = ["-m", "celery", "-A", app, "worker", "-Q", role, "-P", "threads", "-c", str(threads)]
        return self._start(role, [*command, "-n", f"{role}@%h", "-l", "info", "--without-gossip", "--without-mingle"])

    def wait_for_count(self, label: str, count: int) -> None:
        """Wait until the ledger has counted so much under a label."""
        until(lambda: self.lanes.snapshot.counts().get(label, 0) >= count, f"{label} {count}")

    def end(self) -> None:
        """End every program."""
        for part in self.parts.values():
            part.end()
        self.parts.clear()

    def _start(self, role: str, arguments: list[str]) -> Part:
        log = self._directory / f"{role}.log"
        part = Part(role, [sys.executable, *arguments], log=log, env=self.environment)
        self.parts[role] = part
        return part
