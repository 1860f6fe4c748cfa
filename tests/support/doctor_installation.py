"""An installation that `rsvpq doctor` examines: settings for any number of servers, and its findings."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from rsvpq.doctor.checks import DEADLINE_S, examine
from rsvpq.doctor.results import CheckResult, ExitCode, Level, Notes, exit_code
from rsvpq.settings import load_with_origins
from testbed.simulated_exchange import SimulatedExchange
from tests.support.forked_command import run_rsvpq
from tests.support.installation import TERMINAL


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings of the doctor."""

    groups: tuple[Notes, ...]
    code: ExitCode

    def all(self, group: str, check: str) -> list[CheckResult]:
        """Return all findings of a check."""
        return [
            found for notes in self.groups if notes.group == group for found in notes.findings if found.check == check
        ]

    def one(self, group: str, check: str) -> CheckResult:
        """Return the only finding of a check."""
        (found,) = self.all(group, check)
        return found

    def level(self, group: str, check: str) -> Level:
        """Return the level of a check."""
        return self.one(group, check).level

    def checks(self, group: str) -> dict[str, Level]:
        """Return the checks of a group."""
        return {found.check: found.level for notes in self.groups if notes.group == group for found in notes.findings}


class DoctorInstallation:
    """The files of an installation."""

    def __init__(self, directory: Path, redis_url: str = "redis://127.0.0.1:9/0") -> None:
        self.directory = directory
        self.config = directory / "rsvpq.toml"
        self.redis = [f'url = "{redis_url}"']
        self.mode = "observe"
        self._servers: list[str] = []
        self._mailboxes = ["mailbox,server"]

    def secret(self, name: str, text: str, mode: int = 0o600) -> str:
        """Write a file with a password; return its name."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return name

    def server(self, name: str, url: str, password: str, *lines: str, mailbox: str = "") -> None:
        """Add a server, with further lines of its table, and a mailbox on it."""
        table = [
            f'url = "{url}"',
            f"username = '{SimulatedExchange.username}'",
            f'password_file = "{self.secret(name, password)}"',
            "allow_http = true",
        ]
        self._servers += [f"[servers.{name}]", *table, *lines]
        if mailbox:
            self.list(f"{mailbox},{name}")

    def list(self, row: str) -> None:
        """Add a row to the list of mailboxes."""
        self._mailboxes.append(row)

    def write(self) -> None:
        """Write the settings and the list."""
        (self.directory / "mailboxes.csv").write_text("\n".join([*self._mailboxes, ""]))
        lines = [f'mode = "{self.mode}"', 'mailboxes = "mailboxes.csv"', "[redis]", *self.redis, *self._servers]
        self.config.write_text("\n".join([*lines, ""]))

    def examine(self, *names: str, longest_s: float = DEADLINE_S) -> Diagnosis:
        """Have the doctor look, in this process."""
        self.write()
        groups = tuple(examine(load_with_origins(self.config, {}), names, longest_s=longest_s))
        return Diagnosis(groups, exit_code(groups))

    def rsvpq(self, *arguments: str, terminal: bool = True) -> subprocess.CompletedProcess[str]:
        """Call the doctor as an operator does, on a terminal of a hundred columns or with its output in a file."""
        self.write()
        environment = {"RSVPQ_CONFIG": str(self.config), **(TERMINAL if terminal else {})}
        return run_rsvpq(["doctor", *arguments], environment)
