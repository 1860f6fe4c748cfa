"""The settings of servers: one class for each protocol, chosen by the key ``protocol`` of the table.

To add a protocol, add a class, an entry in :data:`PROTOCOLS` and a branch of :data:`AnyServerSettings`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, SecretStr, Tag, ValidationInfo, field_validator

from rsvpq.http.auth import Scheme, missing_extra
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.settings.durations import Duration
from rsvpq.settings.fields import (
    Count,
    DurationField,
    ExistingFile,
    PathField,
    RateField,
    ServerUrl,
    Text,
    TlsVersion,
    read_secret,
)
from rsvpq.settings.table import Table

#: The protocol of a table without that key, as in files written for the first releases.
DEFAULT_PROTOCOL = "webdav"


class ServerSettings(Table):
    """Settings common to all protocols: account, TLS, limits and timeouts."""

    username: Text
    # Before `password`, whose validator reads it.
    password_file: PathField | None = None
    # Always set once validated: the default means that none was given, and is rejected.
    password: SecretStr = SecretStr("")
    ca_bundle: ExistingFile | None = None
    tls_minimum: TlsVersion = "1.2"
    rate: RateField = Rate(10)
    burst: Count = 20
    concurrency: Count = 4
    connect_timeout: DurationField = Duration(10)
    read_timeout: DurationField = Duration(60)

    @property
    def limits(self) -> Limits:
        """The limits of this server."""
        return Limits(self.rate, self.burst, self.concurrency)

    @property
    def longest_wait(self) -> Duration:
        """How long one HTTP request may block a worker."""
        return Duration(self.connect_timeout.seconds + self.read_timeout.seconds)

    @field_validator("password")
    @classmethod
    def _read_password(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if "password_file" not in info.data:
            return value  # password_file is invalid, which is reported for it
        secret = read_secret(value or None, info.data["password_file"])
        if secret is None:
            raise ValueError('is missing or empty; add password_file = "PATH" of a file that holds it')
        return secret


class WebDavSettings(ServerSettings):
    """Exchange 2000 to 2007, over WebDAV and Outlook Web Access."""

    protocol: Literal["webdav"] = "webdav"
    # Before `url`, whose validator reads it.
    allow_http: bool = False
    url: ServerUrl
    auth: Scheme = "basic"
    answers: Literal["owa", "icalendar", "detect"] = "owa"

    @field_validator("url")
    @classmethod
    def _refuse_http(cls, url: str, info: ValidationInfo) -> str:
        if url.startswith("http:") and info.data.get("allow_http") is False:
            raise ValueError("sends the password unencrypted; use https, or set allow_http = true")
        return url

    @field_validator("auth")
    @classmethod
    def _refuse_missing_extra(cls, auth: Scheme) -> Scheme:
        missing = missing_extra(auth)
        if missing:
            raise ValueError(missing)
        return auth


#: The class of each protocol.
PROTOCOLS: Mapping[str, type[ServerSettings]] = {"webdav": WebDavSettings}


def _protocol_of(server: Any) -> Any:
    if isinstance(server, dict):
        return server.get("protocol", DEFAULT_PROTOCOL)
    return getattr(server, "protocol", DEFAULT_PROTOCOL)


#: The discriminator is a function, because the key ``protocol`` may be missing.
AnyServerSettings = Annotated[Annotated[WebDavSettings, Tag("webdav")], Discriminator(_protocol_of)]
