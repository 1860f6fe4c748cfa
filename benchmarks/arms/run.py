"""Start each arm: fill its queue, then start its processes."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.installation import Installation
from benchmarks.window import MailServer, Used, measured
from rsvpq.mail.messages import MeetingMessage
from testbed.processes import Part
from testbed.queue_server import QueueServer


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an arm, and its messages. What differs between the protocols is in here.

    :param installation: rsvpq with all mailboxes. :param messages: what it found in each, in order.
    :param work: arguments that tell a plain program what to answer. :param environment: what else it needs.
    """

    directory: Path
    redis: QueueServer
    server: MailServer
    installation: Installation
    messages: Sequence[Sequence[MeetingMessage]]
    threads: int
    work: Sequence[str]
    environment: Mapping[str, str]


class Arm(ABC):
    """One way to answer."""

    name: str
    #: Whether it uses Redis.
    queued = True

    @abstractmethod
    def start(self, place: Place) -> dict[str, Part]:
        """Put everything into the queue, then start the processes, by role; ``worker`` among them."""

    def measure(self, place: Place, *, warm: int, messages: int) -> Used:
        """Answer everything at a place; return the cost of so many messages after the first ones.

        :raises Failed: messages were lost, or answered twice.
        """
        start, redis = partial(self.start, place), place.redis if self.queued else None
        everything = sum(map(len, place.messages))
        return measured(start, place.server, redis, warm=warm, messages=messages, of=everything)


class Rsvpq(Arm):
    """The dispatcher and a worker as they are shipped."""

    name = "rsvpq"

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm with what the search of a scan found; see :class:`Arm`."""
        installation = place.installation
        for number, messages in enumerate(place.messages):
            installation.offer(number, messages)
        try:
            dispatcher = installation.start_dispatcher()
            return {"dispatcher": dispatcher, "worker": installation.start_worker("answer", place.threads)}
        except BaseException:
            installation.end()
            raise


class PlainCelery(Arm):
    """Celery's threads; the module is the Celery app, and sends its tasks."""

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self._module = module

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm; see :class:`Arm`."""
        _feed(self._module, place)
        command = ["celery", "-A", self._module, "worker", "-P", "threads", "-c", str(place.threads), "-l", "info"]
        return {"worker": _part(["-m", *command, "--without-gossip", "--without-mingle"], place)}


class DramatiqGevent(Arm):
    """Dramatiq's greenlets."""

    name = "Dramatiq, gevent"

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm; see :class:`Arm`."""
        module = "benchmarks.arms.dramatiq_gevent"
        _feed(module, place)
        program = str(Path(sys.executable).with_name("dramatiq-gevent"))
        return {"worker": _part([program, module, "--processes", "1", "--threads", str(place.threads)], place)}


class BareRequests(Arm):
    """Threads without a queue."""

    name = "bare requests"
    queued = False

    def __init__(self, module: str) -> None:
        self._module = module

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm; see :class:`Arm`."""
        return {"worker": _part(["-m", self._module, *place.work, str(place.threads)], place)}


#: What the others are compared with: the obvious way to do it.
PLAIN_CELERY = PlainCelery("plain Celery", "benchmarks.arms.plain_celery")
PLAIN_EXCHANGELIB = PlainCelery("plain Celery, exchangelib", "benchmarks.arms.ews_exchangelib")
_WEBDAV = (Rsvpq(), PLAIN_CELERY, DramatiqGevent(), BareRequests("benchmarks.arms.bare_requests"))
#: In the order in which they take turns.
ARMS: Mapping[str, Arm] = {arm.name: arm for arm in _WEBDAV}
EWS_ARMS: Sequence[Arm] = (Rsvpq(), PLAIN_EXCHANGELIB, BareRequests("benchmarks.arms.ews_bare"))


def _feed(module: str, place: Place) -> None:
    command = [sys.executable, "-m", module, *place.work]
    subprocess.run(command, env={**os.environ, **place.environment}, check=True)  # noqa: S603 - our own program


def _part(arguments: list[str], place: Place) -> Part:
    log = place.directory / "worker.log"
    return Part("worker", [sys.executable, *arguments], log=log, env=place.environment)
