"""An installation's files and its programs as an operator starts them: settings, mailboxes, ``rsvpq``, a dispatcher."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from weakref import WeakSet

from redis import Redis

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import Settings, load_settings
from rsvpq.wiring.revisions import LiveSettings
from testbed.fork_server import fork_server, python_part
from testbed.processes import Part
from tests.support.forked_command import run_rsvpq

PASSWORD = "not-to-be-shown"
#: The environment of a command whose output a terminal of a hundred columns shows, without colors.
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": "100", "LINES": "50"}
MAILBOXES = """\
mailbox,server,group
adele,mail1,sales
bruno,mail1,sales
o'neil,mail2,legal
"""


def report_processes(lanes: Lanes, *queues: str, believed_s: float = 3600, settings: Settings | None = None) -> None:
    """Report a dispatcher and a worker of these queues, as the processes do; with settings, that they run with them."""
    lanes.registrations.report("dispatcher", "here", 4711, believed_s)
    lanes.ledger.report_threads("here:4712", 8, queues, believed_s)
    if settings is not None:
        live = LiveSettings(settings, wiring.make_list(settings), lanes, lambda *_: None)
        for process, role in (("here:4711", "dispatcher"), ("here:4712", "+".join(queues))):
            lanes.revisions.report(process, live.report(process, role).to_text(), 300)


class Installation:
    """The files of one installation in a directory."""

    def __init__(self, directory: Path, redis_url: str, extra: str = "") -> None:
        self.directory = directory
        self.redis_url = redis_url
        self.config = directory / "rsvpq.toml"
        self._opened = WeakSet[Lanes]()
        self.write(extra)

    def write(self, extra: str = "") -> None:
        """Write the settings (again), with more tables at their end."""
        (self.directory / "mailboxes.csv").write_text(MAILBOXES)
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        servers = "".join(
            f'[servers.{name}]\nurl = "http://127.0.0.1:9/exchange/"\nallow_http = true\nusername = "svc"\n'
            'password_file = "password"\n'
            for name in ("mail1", "mail2")
        )
        policy = "" if "[policy]" in extra else "[policy]\nconfirmed = true\n"
        redis = f'[redis]\nurl = "{self.redis_url}"\n'
        self.config.write_text(f'mode = "respond"\nmailboxes = "mailboxes.csv"\n{redis}{servers}{policy}{extra}')

    def list_only(self, *rows: str) -> None:
        """Write the list of mailboxes with these rows only."""
        (self.directory / "mailboxes.csv").write_text("\n".join(("mailbox,server,group", *rows, "")))

    @property
    def settings(self) -> Settings:
        """The settings as a process of the installation reads them."""
        return load_settings(self.config)

    def lanes(self) -> Lanes:
        """Return the lanes of the installation, configured."""
        settings = self.settings
        lanes = wiring.make_lanes(settings)
        self._opened.add(lanes)
        wiring.configure(lanes, settings)
        return lanes

    def close(self) -> None:
        """Close the connections of the lanes that there still are: the traceback of an error can keep them."""
        for lanes in self._opened:
            lanes.namespace.redis.close()

    def rsvpq(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return run_rsvpq(arguments, self.environment)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the command line for this installation."""
        return {"RSVPQ_CONFIG": str(self.config), "COLUMNS": "200"}

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """Return the command line of a command."""
        return [str(Path(sys.executable).with_name("rsvpq")), *arguments]

    def dispatcher(self) -> Part:
        """Start a dispatcher process."""
        log, env = self.directory / "dispatcher.log", {"RSVPQ_CONFIG": str(self.config), "PYTHONUNBUFFERED": "1"}
        return python_part("dispatcher", ["-m", "producer.dispatcher"], forks=fork_server(), log=log, env=env)


def queued(redis: Redis, queue: str) -> list[dict[str, Any]]:
    """Return the headers of the Celery messages in a queue, oldest first."""
    client: Any = redis
    messages = [json.loads(text) for text in client.lrange(f"rsvpq:{queue}", 0, -1)]
    return [message["headers"] for message in reversed(messages)]
