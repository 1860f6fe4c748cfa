"""The servers: one class of settings for each protocol, chosen by the key ``protocol`` of the table.

A new protocol is a class here, its line in :data:`PROTOCOLS` and its branch of :data:`AnyServerSettings`.
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

#: What a table without ``protocol`` means: the tables of the first releases have none.
DEFAULT_PROTOCOL = "webdav"


class ServerSettings(Table):
    """What servers of every protocol have: an account, TLS, and how hard they may be pressed."""

    username: Text
    # Before `password`, whose validator looks at it.
    password_file: PathField | None = None
    # Always there once validated: the default stands for none, and is refused.
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
        """What this server is promised."""
        return Limits(self.rate, self.burst, self.concurrency)

    @property
    def longest_wait(self) -> Duration:
        """How long one HTTP request may keep a worker waiting."""
        return Duration(self.connect_timeout.seconds + self.read_timeout.seconds)

    @field_validator("password")
    @classmethod
    def _read_password(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if "password_file" not in info.data:
            return value  # what was given for it is wrong, and reported as such
        secret = read_secret(value or None, info.data["password_file"])
        if secret is None:
            raise ValueError('is missing or empty; add password_file = "PATH" of a file that holds it')
        return secret


class WebDavSettings(ServerSettings):
    """Exchange 2000 to 2007, by WebDAV and Outlook Web Access."""

    protocol: Literal["webdav"] = "webdav"
    # Before `url`, whose validator looks at it.
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


#: A callable discriminator, because the key may be left out.
AnyServerSettings = Annotated[Annotated[WebDavSettings, Tag("webdav")], Discriminator(_protocol_of)]
