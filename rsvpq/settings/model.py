"""The settings: every key with its type, default and constraints.

Independent of where the values come from. ``docs/settings.md`` explains the keys to operators.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WrapSerializer,
    field_validator,
)

from rsvpq.lanes.limits import Limits, Rate, require_one_at_a_time
from rsvpq.policy import Policy
from rsvpq.settings.console import ConsoleSettings
from rsvpq.settings.durations import Duration
from rsvpq.settings.fields import (
    AttemptCount,
    Count,
    CountAtOnce,
    CronField,
    DurationField,
    HiddenField,
    PathField,
    Percent,
    QuietField,
    RateField,
    ServerName,
    Text,
    ZoneField,
    blame,
    read_key,
)
from rsvpq.settings.policy import PolicySettings
from rsvpq.settings.redis_settings import RedisSettings
from rsvpq.settings.servers import AnyServerSettings, EwsSettings, ServerSettings
from rsvpq.settings.table import Table as _Table
from rsvpq.timetable import QuietHours, Timetable


class MailboxLimits(_Table):
    """The default limits of each mailbox; its row in the list may override them."""

    rate: RateField = Rate(2)
    burst: CountAtOnce = 5
    concurrency: Annotated[Count, AfterValidator(require_one_at_a_time)] = 1


class LaneSettings(_Table):
    """How many items Celery may hold at once, and when they are taken back."""

    scans_released: CountAtOnce = 16
    answers_released: CountAtOnce = 64
    release_lease: DurationField = Duration(60)
    run_lease: DurationField = Duration(180)
    longest_run: DurationField = Duration(30 * 60)
    server_share: Percent = 50
    remember: DurationField = Duration(7 * 86_400)


class RetrySettings(_Table):
    """How often, and at what intervals, an item is retried before it is dead."""

    attempts: AttemptCount = 20
    first_delay: DurationField = Duration(5)
    longest_delay: DurationField = Duration(15 * 60)
    settle: DurationField = Duration(120)

    @property
    def horizon(self) -> tuple[Duration, Duration]:
        """The shortest and the longest time from the first attempt to the last: delays are random in their upper half.

        See :meth:`rsvpq.tasks.runner.Carrier.delay_s`.
        """
        doubled = (self.first_delay.seconds * 2**number for number in range(self.attempts - 1))
        longest = sum(min(delay, self.longest_delay.seconds) for delay in doubled)
        return Duration(longest / 2), Duration(longest)

    @property
    def longest_reached(self) -> Duration:
        """The longest delay that an item can reach."""
        return Duration(min(self.longest_delay.seconds, self.first_delay.seconds * 2.0 ** max(0, self.attempts - 2)))

    @field_validator("longest_delay")
    @classmethod
    def _not_below_the_first(cls, delay: Duration, info: ValidationInfo) -> Duration:
        first = info.data.get("first_delay")
        if first is not None and delay < first:
            raise ValueError(f"{delay} is shorter than first_delay ({first}); write {first} or more")
        return delay


class HealthSettings(_Table):
    """When a process that makes no progress ends, so that it is restarted."""

    stalled_after: DurationField = Duration(60)


class ResponseSettings(_Table):
    """What happens to an attendee's response after the calendar has absorbed it, and how long that may take."""

    after: Literal["keep", "move", "delete"] = "move"
    absorbed_within: DurationField = Duration(60 * 60)


class AuditSettings(_Table):
    """How long the audit is kept, and what it redacts."""

    retention: DurationField = Duration(30 * 86_400)
    most_records: Count = 1_000_000
    # Before `hash_key_file`, whose validator reads it.
    hide: HiddenField = ()
    hash_key_file: PathField | None = None

    @property
    def hash_key(self) -> bytes:
        """The key of the digests; empty if nothing is redacted."""
        return read_key(self.hash_key_file) if self.hide and self.hash_key_file else b""

    @field_validator("hash_key_file")
    @classmethod
    def _require_a_key(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None:
            read_key(file)
        elif info.data.get("hide"):
            raise ValueError(
                "is missing, and hide needs it; make one with: openssl rand -hex 32 > audit.key, and write its path"
            )
        return file


class LogSettings(_Table):
    """How the processes write their logs."""

    format: Literal["text", "json"] = "text"


class Schedule(_Table):
    """One recurring scan, of all mailboxes or of one group, and when these rest."""

    every: DurationField | None = None
    # After `every`, which its validator reads.
    cron: CronField | None = None
    group: Text | None = None
    quiet: QuietField | None = None
    # After `cron` and `quiet`, which need it.
    timezone: ZoneField | None = None
    # After `every`, which it must not reach.
    jitter: DurationField | None = None

    def timetable(self, namespace: str) -> Timetable:
        """Return when it is due: with a jitter that each schedule of each namespace has for itself in all processes."""
        every_s = self.every.seconds if self.every else 0.0
        digest = hashlib.sha256(f"{namespace} {self.group} {self.cron or every_s}".encode()).digest()
        part = int.from_bytes(digest[:8]) / 2**64
        offset_s = round(part * self.jitter.seconds, 3) if self.jitter else 0.0
        return Timetable(every_s, self.cron or "", self.timezone or "UTC", offset_s, self.quiet_hours)

    @property
    def quiet_hours(self) -> tuple[QuietHours, ...]:
        """The parts of each day in which its mailboxes rest."""
        return tuple(QuietHours.parse(text, self.timezone or "UTC") for text in self.quiet or ())

    @property
    def words(self) -> str:
        """When it is due, in words."""
        when = f"cron {self.cron} ({self.timezone})" if self.cron else f"every {self.every}"
        jitter = f", up to {self.jitter} later" if self.jitter else ""
        zone = "" if self.cron else f" ({self.timezone})"
        return when + jitter + (f", quiet {', '.join(self.quiet)}{zone}" if self.quiet else "")

    @field_validator("every")
    @classmethod
    def _not_all_the_time(cls, every: Duration | None) -> Duration | None:
        """Refuse an interval whose scans would only find that those before them still run."""
        if every is not None and every.seconds < 1:
            raise ValueError(f"{every} is shorter than a second; write 1s or more, such as 15m")
        return every

    @field_validator("cron")
    @classmethod
    def _one_of_two(cls, cron: str | None, info: ValidationInfo) -> str | None:
        if "every" not in info.data:
            return cron
        if cron is not None and info.data["every"] is not None:
            raise ValueError("is given as well as every; keep one of the two")
        if cron is None and info.data["every"] is None:
            raise blame('is missing; add every = "15m", or cron = "*/15 7-19 * * mon-fri"', "every")
        return cron

    @field_validator("timezone")
    @classmethod
    def _required_for_local_times(cls, zone: str | None, info: ValidationInfo) -> str | None:
        local = [name for name in ("cron", "quiet") if info.data.get(name)]
        if zone is None and local:
            raise ValueError(f"is missing, and {' and '.join(local)} need it; add one such as Europe/Vienna, or UTC")
        return zone

    @field_validator("jitter")
    @classmethod
    def _within_a_period(cls, jitter: Duration | None, info: ValidationInfo) -> Duration | None:
        every = info.data.get("every")
        if jitter is not None and every is not None and jitter >= every:
            raise ValueError(f"{jitter} is not shorter than every ({every}); write less")
        return jitter


class LedgerSettings(_Table):
    """What reaches the ledger, of settings that may be wrong in all else: enough to pause everything."""

    # Other tables are not looked at; the ones above still refuse unknown keys.
    model_config = ConfigDict(extra="ignore")

    redis: RedisSettings = RedisSettings()


Servers = Annotated[
    Mapping[ServerName, AnyServerSettings],
    Field(min_length=1),
    AfterValidator(MappingProxyType),
    WrapSerializer(lambda servers, handler: handler(dict(servers))),
]


class Settings(_Table):
    """All settings of an installation: immutable, and validated as a whole."""

    mode: Literal["observe", "respond"] = "observe"
    #: May be missing: that is a list that cannot be read, like any other, and no reason not to show what is known.
    mailboxes: PathField
    redis: RedisSettings = RedisSettings()
    servers: Servers
    limits: MailboxLimits = MailboxLimits()
    # After `servers`, whose timeouts the leases depend on.
    lanes: LaneSettings = LaneSettings()
    retry: RetrySettings = RetrySettings()
    responses: ResponseSettings = ResponseSettings()
    policy: PolicySettings = PolicySettings()
    health: HealthSettings = HealthSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    console: ConsoleSettings = ConsoleSettings()
    schedule: tuple[Schedule, ...] = ()

    @property
    def mailbox_limits(self) -> Limits:
        """The limits of a mailbox whose row sets none."""
        return Limits(self.limits.rate, self.limits.burst, self.limits.concurrency)

    def settle_of(self, server: str) -> Duration:
        """Return how long an effect on a server is waited for before it is tried again."""
        found = self.servers.get(server)
        return found.settle if isinstance(found, EwsSettings) else self.retry.settle

    @property
    def decisions(self) -> Policy:
        """The policy that decides on messages."""
        return self.policy.as_policy(self.mode)

    @field_validator("lanes")
    @classmethod
    def _outlive_a_slow_server(cls, lanes: LaneSettings, info: ValidationInfo) -> LaneSettings:
        servers: Mapping[str, ServerSettings] = info.data.get("servers", {})
        for name, server in servers.items():
            needed = Duration(2 * server.longest_wait.seconds)
            if lanes.run_lease <= needed:
                raise blame(
                    f"{lanes.run_lease} is too short for servers.{name}, where one request may take "
                    f"{server.longest_wait} (connect_timeout + read_timeout); write more than {needed}, twice that",
                    "lanes",
                    "run_lease",
                )
        return lanes
