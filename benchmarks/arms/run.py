"""Start each arm: fill its queue, then start its processes."""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arms.plain import ORIGIN, RECORDING, REDIS
from benchmarks.installation import Installation
from benchmarks.recording import Recording
from benchmarks.stub_server import StubServer
from testbed.processes import Part
from testbed.queue_server import QueueServer


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an arm, and its messages."""

    directory: Path
    redis: QueueServer
    stub: StubServer
    recording: Recording
    mailboxes: int
    depth: int
    threads: int


class Arm(ABC):
    """One way to answer."""

    name: str
    #: Whether it uses Redis.
    queued = True

    @abstractmethod
    def start(self, place: Place) -> dict[str, Part]:
        """Put everything into the queue, then start the processes, by role; ``worker`` among them."""


class Rsvpq(Arm):
    """The dispatcher and a worker as they are shipped."""

    name = "rsvpq"

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm with what the search of a scan found; see :class:`Arm`."""
        installation = Installation(place.directory, place.redis, place.stub, mailboxes=range(place.mailboxes))
        for number in range(place.mailboxes):
            installation.offer(number, installation.find(number))
        try:
            dispatcher = installation.start_dispatcher()
            return {"dispatcher": dispatcher, "worker": installation.start_worker("answer", place.threads)}
        except BaseException:
            installation.end()
            raise


class PlainCelery(Arm):
    """Celery's threads."""

    name = "plain Celery"

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm; see :class:`Arm`."""
        module = "benchmarks.arms.plain_celery"
        _feed(module, place)
        command = ["celery", "-A", module, "worker", "-P", "threads", "-c", str(place.threads), "-l", "info"]
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

    def start(self, place: Place) -> dict[str, Part]:
        """Start the arm; see :class:`Arm`."""
        sizes = map(str, (place.mailboxes, place.depth, place.threads))
        return {"worker": _part(["-m", "benchmarks.arms.bare_requests", *sizes], place)}


#: In the order in which they take turns.
ARMS: Mapping[str, Arm] = {arm.name: arm for arm in (Rsvpq(), PlainCelery(), DramatiqGevent(), BareRequests())}


def _feed(module: str, place: Place) -> None:
    command = [sys.executable, "-m", module, str(place.mailboxes), str(place.depth)]
    subprocess.run(command, env={**os.environ, **_environment(place)}, check=True)  # noqa: S603 - our own program


def _part(arguments: list[str], place: Place) -> Part:
    log = place.directory / "worker.log"
    return Part("worker", [sys.executable, *arguments], log=log, env=_environment(place))


def _environment(place: Place) -> Mapping[str, str]:
    recording = place.directory / "recording.json"
    place.recording.save(recording)
    return {ORIGIN: place.stub.url, RECORDING: str(recording), REDIS: place.redis.url}
