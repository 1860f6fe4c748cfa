"""What was found: one line for each check, with a remedy where something is to be done."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from rsvpq.text import printable, shortened

#: Characters of a text that are shown; headers and certificates can be of any length.
_LONGEST = 400

#: The groups that are no servers.
SETTINGS, REDIS, PROCESSES = "settings", "redis", "processes"


class Level(StrEnum):
    """How it stands. SKIP was not looked at, for the reason that is given."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


class ExitCode(IntEnum):
    """2 is left to wrong usage and wrong settings, as with every command."""

    HEALTHY = 0
    BROKEN = 1
    PARTLY = 3


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line. ``group`` is :data:`SETTINGS`, :data:`REDIS`, :data:`PROCESSES` or the name of a server."""

    group: str
    check: str
    level: Level
    text: str
    remedy: str = ""
    #: How long the check took, in milliseconds; None where that says nothing.
    ms: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ms = None if self.ms is None else round(self.ms, 1)
        return {"check": self.check, "level": self.level, "text": self.text, "remedy": self.remedy, "ms": ms}


@dataclass(slots=True)
class Notes:
    """The findings of one group, in the order in which they were made. May be read while a thread still writes."""

    group: str
    is_server: bool = False
    findings: list[CheckResult] = field(default_factory=list)

    def ok(self, check: str, text: str, *, ms: float | None = None) -> None:
        """As it should be."""
        self._add(check, Level.OK, text, "", ms)

    def warn(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """It works, and will not always."""
        self._add(check, Level.WARN, text, remedy, ms)

    def fail(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """It does not work."""
        self._add(check, Level.FAIL, text, remedy, ms)

    def skip(self, check: str, text: str) -> None:
        """Not looked at, and why."""
        self._add(check, Level.SKIP, text, "", None)

    @property
    def failed(self) -> bool:
        """Whether anything in this group does not work."""
        return any(finding.level is Level.FAIL for finding in self.findings)

    def _add(self, check: str, level: Level, text: str, remedy: str, ms: float | None) -> None:
        self.findings.append(CheckResult(self.group, check, level, _shown(text), _shown(remedy), ms))


def _shown(text: str) -> str:
    """The text as a terminal may be given it."""
    return shortened(printable(text), _LONGEST)


def exit_code(groups: Iterable[Notes]) -> ExitCode:
    """HEALTHY if nothing failed; BROKEN if Redis did, or every server that was looked at; PARTLY for anything else."""
    groups = tuple(groups)
    servers = [notes.failed for notes in groups if notes.is_server]
    if not any(notes.failed for notes in groups):
        return ExitCode.HEALTHY
    if (servers and all(servers)) or any(notes.failed for notes in groups if notes.group == REDIS):
        return ExitCode.BROKEN
    return ExitCode.PARTLY
