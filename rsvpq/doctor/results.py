"""The results of checks: one line for each, with a remedy if something is wrong."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from rsvpq.text import printable, shortened

#: Longest text that is shown, in characters; headers and certificates can be of any length.
_LONGEST = 400

#: The groups besides the mail servers.
SETTINGS, REDIS, PROCESSES = "settings", "redis", "processes"


class Level(StrEnum):
    """The level of a result. SKIP: not checked, for the reason in the text."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


class ExitCode(IntEnum):
    """The exit code. As for every command, 2 is reserved for wrong usage and settings."""

    HEALTHY = 0
    BROKEN = 1
    PARTLY = 3


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check. ``group`` is :data:`SETTINGS`, :data:`REDIS`, :data:`PROCESSES` or a server's name."""

    group: str
    check: str
    level: Level
    text: str
    remedy: str = ""
    #: How long the check took, in milliseconds; None if that means nothing.
    ms: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        ms = None if self.ms is None else round(self.ms, 1)
        return {"check": self.check, "level": self.level, "text": self.text, "remedy": self.remedy, "ms": ms}


@dataclass(slots=True)
class Notes:
    """The results of one group, in order. May be read while a thread still adds to it."""

    group: str
    is_server: bool = False
    findings: list[CheckResult] = field(default_factory=list)

    def ok(self, check: str, text: str, *, ms: float | None = None) -> None:
        """Add a result without a problem."""
        self._add(check, Level.OK, text, "", ms)

    def warn(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """Add a warning: it works now, but may fail later."""
        self._add(check, Level.WARN, text, remedy, ms)

    def fail(self, check: str, text: str, remedy: str, *, ms: float | None = None) -> None:
        """Add a failure."""
        self._add(check, Level.FAIL, text, remedy, ms)

    def skip(self, check: str, text: str) -> None:
        """Add a check that was skipped, and why."""
        self._add(check, Level.SKIP, text, "", None)

    @property
    def failed(self) -> bool:
        """Whether any check of this group failed."""
        return any(finding.level is Level.FAIL for finding in self.findings)

    def _add(self, check: str, level: Level, text: str, remedy: str, ms: float | None) -> None:
        # In a form that is safe to print on a terminal.
        text, remedy = (shortened(printable(part), _LONGEST) for part in (text, remedy))
        self.findings.append(CheckResult(self.group, check, level, text, remedy, ms))


def exit_code(groups: Iterable[Notes]) -> ExitCode:
    """Return HEALTHY if nothing failed, BROKEN if Redis or all checked servers failed, else PARTLY."""
    groups = tuple(groups)
    servers = [notes.failed for notes in groups if notes.is_server]
    if not any(notes.failed for notes in groups):
        return ExitCode.HEALTHY
    if (servers and all(servers)) or any(notes.failed for notes in groups if notes.group == REDIS):
        return ExitCode.BROKEN
    return ExitCode.PARTLY
