"""Start each arm for Exchange Web Services: fill its queue, then start its processes."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from benchmarks.arms import ews_work
from benchmarks.installation import Access, Installation
from benchmarks.simulated import PASSWORD, USERNAME, SimulatedServer
from rsvpq.ews.global_ids import clean_id_of
from rsvpq.mail.messages import MeetingMessage
from testbed.processes import Part
from testbed.queue_server import QueueServer


@dataclass(frozen=True, slots=True)
class EwsPlace:
    """The place of an arm, and its messages: those of each mailbox, in the order of their arrival."""

    directory: Path
    redis: QueueServer
    server: SimulatedServer
    installation: Installation
    messages: Sequence[Sequence[MeetingMessage]]
    threads: int


def install(directory: Path, redis: QueueServer, server: SimulatedServer) -> Installation:
    """Return rsvpq with all mailboxes of the simulator."""
    access = Access(f"protocol = \"ews\"\nusername = '{USERNAME}'", server.addresses.__getitem__)
    return Installation(directory, redis, server, mailboxes=range(len(server.addresses)), access=access)


class EwsArm(ABC):
    """One way to answer."""

    name: str
    #: Whether it uses Redis.
    queued = True

    @abstractmethod
    def start(self, place: EwsPlace) -> dict[str, Part]:
        """Put everything into the queue, then start the processes, by role; ``worker`` among them."""


class Rsvpq(EwsArm):
    """The dispatcher and a worker as they are shipped."""

    name = "rsvpq"

    def start(self, place: EwsPlace) -> dict[str, Part]:
        """Start the arm; see :class:`EwsArm`."""
        installation = place.installation
        for number, messages in enumerate(place.messages):
            installation.offer(number, messages)
        try:
            dispatcher = installation.start_dispatcher()
            return {"dispatcher": dispatcher, "worker": installation.start_worker("answer", place.threads)}
        except BaseException:
            installation.end()
            raise


class PlainExchangelib(EwsArm):
    """Celery's threads, with exchangelib."""

    name = "plain Celery, exchangelib"

    def start(self, place: EwsPlace) -> dict[str, Part]:
        """Start the arm; see :class:`EwsArm`."""
        module, environment = "benchmarks.arms.ews_exchangelib", _environment(place)
        feed = [sys.executable, "-m", module, str(_work(place))]
        subprocess.run(feed, env={**os.environ, **environment}, check=True)  # noqa: S603 - our own program
        command = ["-m", "celery", "-A", module, "worker", "-P", "threads", "-c", str(place.threads), "-l", "info"]
        return {"worker": _part([*command, "--without-gossip", "--without-mingle"], place)}


class BareRequests(EwsArm):
    """Threads without a queue."""

    name = "bare requests"
    queued = False

    def start(self, place: EwsPlace) -> dict[str, Part]:
        """Start the arm; see :class:`EwsArm`."""
        return {"worker": _part(["-m", "benchmarks.arms.ews_bare", str(_work(place)), str(place.threads)], place)}


#: In the order in which they take turns.
EWS_ARMS: Sequence[EwsArm] = (Rsvpq(), PlainExchangelib(), BareRequests())


def _work(place: EwsPlace) -> Path:
    """Write down the work, taking the mailboxes in turn."""
    turns = zip_longest(*place.messages)
    requests = [
        _request(address, message)
        for turn in turns
        for address, message in zip(place.server.addresses, turn, strict=True)
        if message is not None
    ]
    path = place.directory / "work.json"
    ews_work.save(requests, path)
    return path


def _request(address: str, message: MeetingMessage) -> ews_work.Request:
    item_id, change_key = message.ref.address
    return ews_work.Request(address, item_id, change_key, clean_id_of(message.uid))


def _part(arguments: list[str], place: EwsPlace) -> Part:
    log = place.directory / "worker.log"
    return Part("worker", [sys.executable, *arguments], log=log, env=_environment(place))


def _environment(place: EwsPlace) -> Mapping[str, str]:
    return {
        ews_work.URL: place.server.url,
        ews_work.USERNAME: USERNAME,
        ews_work.PASSWORD: PASSWORD,
        ews_work.REDIS: place.redis.url,
        ews_work.THREADS: str(place.threads),
    }
