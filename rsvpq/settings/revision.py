"""The revision of a configuration: which settings and which list of mailboxes a process runs with.

A revision is published in Redis, and compared between processes and hosts. So it covers no secret, not even as a
digest, from which a weak one could be guessed; and nothing that may differ between hosts or processes with the same
configuration: paths of files, and how Redis is reached.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rsvpq.lanes.limits import limit_fields
from rsvpq.settings.model import Settings

#: Hexadecimal digits of each digest: it tells configurations apart, and resists nobody.
_DIGITS = 10
#: What is written for a list that could not be read.
_UNREAD = "unread"
#: Tables whose keys are read only when a process starts; [console] by the console alone.
_FIXED_TABLES = ("redis", "health", "log", "console")
#: Keys of [redis] that are secrets; each has another one for the file that holds it.
_PASSWORDS = ("password", "sentinel_password")


@dataclass(frozen=True, slots=True)
class Revision:
    """The digests of the settings and of the list of mailboxes; written with a hyphen between them.

    ``mailboxes`` is '' where no list could be read, and written as :data:`_UNREAD`.
    """

    settings: str
    mailboxes: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the revision that was written as ``text``."""
        settings, _, mailboxes = text.partition("-")
        return cls(settings, "" if mailboxes == _UNREAD else mailboxes)

    def __str__(self) -> str:
        return f"{self.settings}-{self.mailboxes or _UNREAD}"


def settings_digest(settings: Settings) -> str:
    """Return the digest of all settings that can be taken up by a running process, without secrets and paths."""
    values = settings.model_dump(mode="json", exclude={"mailboxes": True, **dict.fromkeys(_FIXED_TABLES, True)})
    values["audit"].pop("hash_key_file")
    for name, server in values["servers"].items():
        del server["password"], server["password_file"]
        server["ca_bundle"] = _content_digest(settings.servers[name].ca_bundle)
    return _digest(values)


def list_digest(mailboxes: Iterable[Any]) -> str:
    """Return the digest of a list of mailboxes (each a ``ListedMailbox``), whatever the order of its rows."""
    rows = [
        [one.name, one.server, one.group, None if one.limits is None else limit_fields(one.limits)] for one in mailboxes
    ]
    return _digest(sorted(rows, key=lambda row: str(row[0])))


def fixed_values(settings: Settings) -> dict[str, str]:
    """Return the keys that only a restart changes, each with its value; without secrets."""
    redis = settings.redis.model_dump(mode="json", exclude={*_PASSWORDS, *(f"{key}_file" for key in _PASSWORDS)})
    values = {f"redis.{key}": value for key, value in redis.items()}
    values["health.stalled_after"] = settings.health.stalled_after
    values["log.format"] = settings.log.format
    return {key: _shown(value) for key, value in values.items()}


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def changed_fixed(running: Settings, loaded: Settings) -> list[str]:
    """Return the keys that only a restart changes and that differ, the passwords of Redis included."""
    before, after = fixed_values(running), fixed_values(loaded)
    changed = [key for key in before if before[key] != after[key]]
    secret = [key for key in _PASSWORDS if getattr(running.redis, key) != getattr(loaded.redis, key)]
    return changed + [f"redis.{key}" for key in secret]


def _content_digest(file: Path | None) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None else ""
    except OSError:  # it was there when the settings were read; a request will say what is wrong
        return "unreadable"


def _digest(values: Any) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
