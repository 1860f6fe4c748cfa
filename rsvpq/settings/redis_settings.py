"""The settings of Redis: one server, or a primary that sentinels name; its password, and TLS."""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationInfo, field_validator

from rsvpq.settings.fields import (
    Count,
    ExistingFile,
    NamespaceField,
    PathField,
    RedisUrl,
    SentinelAddresses,
    Text,
    blame,
    read_secret,
)
from rsvpq.settings.table import Table

#: What sentinels accept as the name of a service, and nothing that is an address.
_SERVICE = r"(?=.*[A-Za-z])[A-Za-z0-9._-]+"


class RedisSettings(Table):
    """The Redis (or Valkey) server that holds the lanes and the ledger, and carries Celery's messages.

    With ``sentinels`` the host in ``url`` is the name of the service, whose primary they know.
    """

    url: RedisUrl = "redis://127.0.0.1:6379/0"
    # Before `password`, whose validator reads it.
    password_file: PathField | None = None
    password: SecretStr | None = None
    namespace: NamespaceField = "rsvpq"
    # After `url`, which their validators read.
    ca_bundle: ExistingFile | None = None
    certificate: ExistingFile | None = None
    # After `certificate`, which its validator reads.
    certificate_key: ExistingFile | None = None
    sentinels: SentinelAddresses = ()
    # After `sentinels`, which their validators read.
    sentinel_username: Text | None = None
    sentinel_password_file: PathField | None = None
    sentinel_password: SecretStr | None = None
    intent_replicas: Count | None = None

    @property
    def tls(self) -> dict[str, Any]:
        """The TLS options for redis-py and kombu; empty without TLS. The rest is in :mod:`rsvpq.redis_tls`."""
        if not self.url.startswith("rediss:"):
            return {}
        files = {
            "ssl_ca_certs": self.ca_bundle,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.certificate_key,
        }
        return {
            "ssl_cert_reqs": ssl.CERT_REQUIRED,  # Celery's result backend wants to be told
            **{name: str(file) for name, file in files.items() if file is not None},
        }

    @property
    def service(self) -> str:
        """The name of the service, as its sentinels know it; '' without sentinels."""
        return _service_of(self.url) if self.sentinels else ""

    @property
    def sentinel_addresses(self) -> Sequence[tuple[str, int]]:
        """Host and port of each sentinel."""
        parts = (urlsplit(f"//{address}") for address in self.sentinels)
        return [(part.hostname or "", part.port or 0) for part in parts]

    @property
    def database(self) -> int:
        """The number of the database; 0 if the URL has none."""
        return int(urlsplit(self.url).path.strip("/") or 0)

    @property
    def needed_replicas(self) -> int:
        """How many replicas must follow the primary, so that one can take over and answers begin; 0 if it is alone."""
        return max(1, self.intent_replicas or 0) if self.sentinels else 0

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.url} by the sentinels {', '.join(self.sentinels)}" if self.sentinels else self.url

    @field_validator("ca_bundle", "certificate", "certificate_key")
    @classmethod
    def _require_tls(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and not info.data.get("url", "rediss:").startswith("rediss:"):
            raise ValueError("requires TLS, but url does not use it; write rediss:// in url, or leave this out")
        is_key = info.field_name == "certificate_key"
        if file is not None and is_key and info.data.get("certificate", file) is None:
            raise ValueError("is given without its certificate; set certificate to the path of it")
        return file

    @field_validator("password")
    @classmethod
    def _read_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return read_secret(value, info.data.get("password_file"))

    @field_validator("sentinels")
    @classmethod
    def _require_a_service(cls, sentinels: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        url = info.data.get("url")
        if sentinels and url and not re.fullmatch(_SERVICE, _service_of(url)):
            form = f"{'rediss' if url.startswith('rediss:') else 'redis'}://mymaster/0"
            raise blame(
                f"is {url}, but the sentinels know the address; write the name of the service in its place, "
                f"such as {form}, or leave out sentinels",
                "url",
            )
        return sentinels

    @field_validator("sentinel_username", "sentinel_password_file", "intent_replicas")
    @classmethod
    def _require_sentinels(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and not info.data.get("sentinels", True):
            raise ValueError("is only for a Redis with sentinels; set sentinels, or leave this out")
        return value

    @field_validator("sentinel_password")
    @classmethod
    def _read_sentinel_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        cls._require_sentinels(value, info)
        return read_secret(value, info.data.get("sentinel_password_file"), "sentinel_password_file")


def _service_of(url: str) -> str:
    """Return the host of a URL as it is written, with its port; '' for a socket."""
    return "" if url.startswith("unix:") else urlsplit(url).netloc.rpartition("@")[2]
