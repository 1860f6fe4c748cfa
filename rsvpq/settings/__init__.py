"""Load the configuration of an installation: ``rsvpq.toml``, ``RSVPQ_*`` variables, and files that hold secrets.

Only the entry points of processes call :func:`load_settings`; the code below them receives plain values. Nothing is
read at import.
"""

from rsvpq.settings.console import ConsoleSettings
from rsvpq.settings.durations import Duration
from rsvpq.settings.environment import OPERATOR_VARIABLE
from rsvpq.settings.loading import (
    LoadedSettings,
    Origins,
    load_redis,
    load_settings,
    load_with_origins,
    load_with_policy_of,
)
from rsvpq.settings.model import (
    AuditSettings,
    LaneSettings,
    MailboxLimits,
    ResponseSettings,
    RetrySettings,
    Schedule,
    Settings,
)
from rsvpq.settings.policy import PolicySettings, RuleSettings
from rsvpq.settings.problems import ConfigError, Problem, did_you_mean, in_file_order
from rsvpq.settings.redis_settings import RedisSettings
from rsvpq.settings.servers import SLOWEST_EWS, AnyServerSettings, EwsSettings, ServerSettings, WebDavSettings
from rsvpq.settings.toml_lines import KeyPath

__all__ = [
    "OPERATOR_VARIABLE",
    "SLOWEST_EWS",
    "AnyServerSettings",
    "AuditSettings",
    "ConfigError",
    "ConsoleSettings",
    "Duration",
    "EwsSettings",
    "KeyPath",
    "LaneSettings",
    "LoadedSettings",
    "MailboxLimits",
    "Origins",
    "PolicySettings",
    "Problem",
    "RedisSettings",
    "ResponseSettings",
    "RetrySettings",
    "RuleSettings",
    "Schedule",
    "ServerSettings",
    "Settings",
    "WebDavSettings",
    "did_you_mean",
    "in_file_order",
    "load_redis",
    "load_settings",
    "load_with_origins",
    "load_with_policy_of",
]
