"""rsvpq as it runs in production, on one machine.

The queue server, the simulator, workers for both sides, dispatchers and Flower, each a process of its own. Nothing here
imports rsvpq; everything is started by the commands that an operator would use, or as forks that run the same programs.
"""

import csv
import json
import os
import secrets
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

from testbed.fork_server import ForkServer, fork_server, python_part
from testbed.processes import WAIT_S, Part, free_port
from testbed.queue_server import QueueServer, ServerTls
from testbed.sentinel import SentinelGroup
from testbed.simulated_exchange import SimulatedExchange, World, account_file

_FLOWER_CONFIG = Path(__file__).parents[1] / "deploy" / "flowerconfig.py"


@dataclass(frozen=True, slots=True)
class Pace:
    """A limit as the settings and the oracle both understand it."""

    per_second: float
    burst: int
    concurrency: int

    def as_toml(self) -> str:
        """Return the limits as three lines of the settings."""
        return f'rate = "{self.per_second:g}/s"\nburst = {self.burst}\nconcurrency = {self.concurrency}\n'

    def as_promise(self) -> dict[str, float]:
        """Return the limits as the oracle takes them.

        The pace is charged when an operation is begun, and the oracle sees when it arrives. However long a busy machine
        takes between the two, what a window sees beyond what was begun in it had been begun before, and holds a slot.
        """
        return {"rate_per_s": self.per_second, "burst": self.burst + self.concurrency, "concurrency": self.concurrency}


#: Answers whatever the simulator made up, however old, private or external: the guards have tests of their own.
EVERYTHING = """[policy]
confirmed = true
external = "rules"
private = "rules"
delegate_copies = "rules"
past = "rules"
max_age = "36500d"
most_answers_per_scan = 100000
most_answers_per_run = 1000000
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts to start, and their limits.

    :param flower: Flower, and the worker of the tasks that operators start from there.
    :param console: the operator console, with one login that may change things.
    :param extra: more lines of the settings. :param server_extra: more lines for each server.
    :param persist: whether the queue server keeps what it has over its end. :param redis_extra: more lines for it.
    :param redis_environment: more variables for its process.
    :param redis_tls: how it, its replica and their sentinels are reached; None for plain ports.
    :param redis_settings: more lines of ``[redis]`` in the settings.
    :param sentinels: how many sentinels watch the queue server and its replica; 0: it is alone.
    :param forked: start programs as forks of one that has imported everything, at a fifth of the cost, and not by the
        commands that an operator would use.
    """

    world: World
    mailbox: Pace = Pace(10, 10, 1)
    deep_mailbox: Pace = Pace(60, 20, 1)
    server: Pace = Pace(120, 40, 6)
    answer_workers: int = 1
    answer_threads: int = 16
    scan_threads: int = 8
    dispatchers: int = 1
    flower: bool = False
    console: bool = False
    mode: str = "respond"
    policy: str = EVERYTHING
    namespace: str = "rsvpq"
    extra: str = ""
    server_extra: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    persist: bool = False
    redis_extra: Sequence[str] = ()
    redis_environment: Mapping[str, str] = field(default_factory=dict)
    redis_tls: ServerTls | None = None
    redis_settings: str = ""
    sentinels: int = 0
    forked: bool = True
    #: More arguments of the simulator.
    exchange_options: Sequence[str] = ()
    #: How each server is reached, in turn: ``webdav`` or ``ews``.
    protocols: Sequence[str] = ("webdav",)

    def protocol_of(self, server: int) -> str:
        """Return the protocol by which a server, counted from 0, is reached."""
        return self.protocols[server % len(self.protocols)]


class Stack:
    """Everything of a plan, up and running inside a ``with`` block.

    A Redis named by RSVPQ_REDIS_URL is used as it is, under the plan's namespace; else the stack starts its own, with
    a password.
    """

    def __init__(self, directory: Path, plan: Plan, say: Callable[[str], None] = lambda _: None) -> None:
        self.directory = directory
        self.plan = plan
        self.parts: dict[str, Part] = {}
        self._starts: dict[str, Callable[[], Part]] = {}
        #: The queue servers and their sentinels, where the plan has any.
        self.group: SentinelGroup | None = None
        self.config = directory / "rsvpq.toml"
        self.flower_url = ""
        self.flower_user, self.console_user = "operator", "anna"
        self.console_url = f"http://127.0.0.1:{free_port()}" if plan.console else ""
        self.secrets = {part: secrets.token_urlsafe(12) for part in ("exchange", "redis", "flower", "console")}
        self._say = say

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End every part: all that use the queue server at once, then the queue server."""
        server = self.parts.pop("queue server", None)
        for part in self.parts.values():
            part.signal(signal.SIGTERM)
        while self.parts:
            _, part = self.parts.popitem()
            part.end()
        if server is not None:
            server.end()
        if self.group is not None:
            self.group.end()

    @property
    def borrowed_redis(self) -> bool:
        """Whether the Redis was not started here, but named by the environment."""
        return "RSVPQ_REDIS_URL" in os.environ

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the processes of this installation."""
        return {"RSVPQ_CONFIG": str(self.config), "PYTHONUNBUFFERED": "1", **self.plan.environment}

    @property
    def _forks(self) -> ForkServer | None:
        return fork_server(**self.plan.environment) if self.plan.forked else None

    def check(self) -> None:
        """Raise an error if a part has ended by itself.

        :raises PartFailed: one has.
        """
        for part in self.parts.values():
            part.check()

    def _start(self) -> None:
        redis = "" if self.borrowed_redis else self._start_queue_servers()
        account_file(self.directory, "exchange-password", self.secrets["exchange"])
        self._start_exchange()
        self._write_settings(redis)
        self.exchange.promise(self._promise())
        for number in range(self.plan.dispatchers):
            self.start(f"dispatcher-{number}", ["-m", "producer.dispatcher"])
        self.start_worker("scan", "producer.app", self.plan.scan_threads)
        for number in range(self.plan.answer_workers):
            self.start_worker(f"answer-{number}", "workers.app", self.plan.answer_threads)
        if self.plan.flower:
            self._start_flower()
            self.start_worker("ops", "producer.app", 2)
        if self.plan.console:
            self._start_console()
        for name, part in self.parts.items():
            if name.startswith(("scan", "answer", "ops")):
                part.wait_for(partial(_is_ready, part), f"the worker {name} is ready")
        workers = 1 + self.plan.answer_workers + self.plan.flower
        self._say(f"workers: {workers} processes; dispatchers: {self.plan.dispatchers}")

    def _start_exchange(self) -> None:
        self.exchange = SimulatedExchange(
            self.directory, self.plan.world, self.secrets["exchange"], self.plan.exchange_options, self._forks
        )
        self.parts["simulator"] = self.exchange.part
        self._say(f"simulated Exchange: {len(self.exchange.urls)} servers")

    def _start_queue_servers(self) -> str:
        """Start one queue server, or a primary, its replica and their sentinels; return the settings for them."""
        if not self.plan.sentinels:
            return self._start_queue_server()
        login = self.secrets["redis"]
        self.group = SentinelGroup(
            self.directory,
            sentinels=self.plan.sentinels,
            password=login,
            sentinel_password=login,
            extra=self.plan.redis_extra,
            tls=self.plan.redis_tls,
        )
        account_file(self.directory, "redis-password", login)
        self._say(f"queue servers: {len(self.group.servers)}, sentinels: {len(self.group.sentinels)}")
        files = ("password_file", "sentinel_password_file")
        return self.group.settings() + "".join(f'{name} = "redis-password"\n' for name in files)

    def _start_queue_server(self) -> str:
        """Start a queue server; return the settings for it."""
        self.queue_server = QueueServer(
            self.directory,
            password=self.secrets["redis"],
            persist=self.plan.persist,
            extra=self.plan.redis_extra,
            environment=self.plan.redis_environment,
            tls=self.plan.redis_tls,
        )
        self.parts["queue server"] = self.queue_server.part
        account_file(self.directory, "redis-password", self.secrets["redis"])
        self._say(f"queue server: {self.queue_server.url}")
        return f'url = "{self.queue_server.url}"\npassword_file = "redis-password"\n'

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Part:
        """Start one Python program of this installation."""
        env = {**self.environment, **(environment or {})}
        return self._begin(name, lambda: python_part(name, arguments, forks=self._forks, log=self._log(name), env=env))

    def start_worker(self, name: str, app: str, threads: int) -> Part:
        """Start one Celery worker; its queue is the first word of its name."""
        queue = name.partition("-")[0]
        options = ["-Q", queue, "-n", f"{name}@%h", "-P", "threads", "-c", str(threads), "-l", "info"]
        arguments = ["worker", *options, "--without-gossip", "--without-mingle"]
        return self._start_celery(name, ["-A", app, *arguments])

    def _start_celery(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Part:
        """Start Celery; by its script where no process is forked, as a worker that gets SIGHUP starts that anew."""
        program = ["-m", "celery"] if self._forks else [str(Path(sys.executable).with_name("celery"))]
        return self.start(name, [*program, *arguments], environment)

    def kill(self, name: str) -> None:
        """End a part by SIGKILL, and wait until it is gone."""
        self.parts.pop(name).kill()

    def restart(self, name: str) -> None:
        """Start a part as it was started before; end it by SIGTERM first, if it lives.

        Returns when a queue server answers, and at once for all others.
        """
        living = self.parts.pop(name, None)
        if living is not None:
            living.end()
        if name == "queue server":
            self.queue_server.start()
            self.parts[name] = self.queue_server.part
        else:
            self._begin(name, self._starts[name])

    def revive(self) -> Iterator[tuple[Part, Part]]:
        """Start again what has ended by itself, as a supervisor does; yield each part before and after.

        The simulator is left alone: all mailboxes have ended with it.
        """
        for name, part in list(self.parts.items()):
            if name != "simulator" and not part.alive():
                self.restart(name)
                yield part, self.parts[name]

    def _begin(self, name: str, start: Callable[[], Part]) -> Part:
        self._starts[name] = start
        self.parts[name] = start()
        return self.parts[name]

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def _start_flower(self) -> None:
        port = free_port()
        login = account_file(self.directory, "flower-login", f"{self.flower_user}:{self.secrets['flower']}")
        options = ["--address=127.0.0.1", f"--port={port}", f"--conf={_FLOWER_CONFIG}"]
        part = self._start_celery(
            "flower", ["-A", "producer.app", "flower", *options], {"FLOWER_LOGIN_FILE": str(login)}
        )
        self.flower_url = f"http://127.0.0.1:{port}"
        part.wait_for(lambda: _answers(f"{self.flower_url}/healthcheck"), "Flower answers")

    def _start_console(self) -> None:
        made = self.rsvpq(
            "console", "password", self.console_user, "--role", "operator", entered=self.secrets["console"]
        )
        made.check_returncode()
        account_file(self.directory, "console-logins", made.stdout.strip())
        part = self.start("console", ["-m", "rsvpq.console"])
        part.wait_for(lambda: _answers(f"{self.console_url}/healthcheck"), "the console answers")

    def rsvpq(self, *arguments: str, entered: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run the operator's command to its end.

        :param entered: what it reads from stdin.
        """
        return subprocess.run(  # noqa: S603 - our own command
            [str(Path(sys.executable).with_name("rsvpq")), *arguments],
            input=entered,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )

    def ask_flower(self, path: str, body: Any = None) -> Any:
        """Ask Flower's API as its user; with a body (JSON-ready) by POST."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.flower_url + path, data=data)  # noqa: S310 - loopback http
        login = b64encode(f"{self.flower_user}:{self.secrets['flower']}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - loopback http
            return json.loads(answer.read())

    def _write_settings(self, redis: str) -> None:
        sections = [
            f'mode = "{self.plan.mode}"\nmailboxes = "mailboxes.csv"\n',
            self.plan.extra,
            self.plan.policy,
            f'[redis]\n{redis}namespace = "{self.plan.namespace}"\n{self.plan.redis_settings}',
            f"[limits]\n{self.plan.mailbox.as_toml()}",
        ]
        if self.plan.console:
            listen = self.console_url.removeprefix("http://")
            sections.append(f'[console]\nlisten = "{listen}"\nlogins_file = "console-logins"\n')
        for number, url in enumerate(self.exchange.urls):
            account = f"username = '{self.exchange.username}'\npassword_file = \"exchange-password\"\n"
            protocol = self.plan.protocol_of(number)
            where = f'[servers.mail{number}]\nprotocol = "{protocol}"\nurl = "{url}"\nallow_http = true\n'
            sections.append(where + account + self.plan.server_extra + self.plan.server.as_toml())
        self.config.write_text("\n".join(sections), encoding="utf-8")
        with (self.directory / "mailboxes.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["mailbox", "server", "group", "pace", "burst"])
            rows.writerows(self._csv_row(box) for box in self.exchange.ask("mailboxes"))

    def mailbox_name(self, box: Mapping[str, Any]) -> str:
        """Return the name by which the list of mailboxes has one of the oracle's: its protocol decides."""
        name: str = box["address"] if self.plan.protocol_of(box["server"]) == "ews" else box["mailbox"]
        return name

    def _csv_row(self, box: Mapping[str, Any]) -> list[str]:
        deep = self.plan.deep_mailbox
        pace = [f"{deep.per_second:g}/s", str(deep.burst)] if box["deep"] else ["", ""]
        return [self.mailbox_name(box), f"mail{box['server']}", box["language"], *pace]

    def _promise(self) -> dict[str, Any]:
        deep = [box["mailbox"] for box in self.exchange.ask("mailboxes") if box["deep"]]
        return {
            "mailbox": self.plan.mailbox.as_promise(),
            "mailboxes": {name: self.plan.deep_mailbox.as_promise() for name in deep},
            "servers": {str(number): self.plan.server.as_promise() for number in range(len(self.exchange.urls))},
        }


def _is_ready(worker: Part) -> bool:
    return " ready." in worker.tail(100)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=WAIT_S) as answer:  # noqa: S310 - loopback http
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
