"""The settings of servers: one class for each protocol, chosen by the key ``protocol`` of the table.

To add a protocol, add a class, an entry in :data:`PROTOCOLS` and a branch of :data:`AnyServerSettings`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, SecretStr, Tag, ValidationInfo, field_validator

from rsvpq.http.auth import Scheme, missing_extra
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.settings.durations import Duration
from rsvpq.settings.fields import (
    CountAtOnce,
    DurationField,
    EwsUrl,
    ExistingFile,
    PathField,
    RateField,
    ServerUrl,
    Text,
    TimeoutField,
    TlsVersion,
    read_secret,
)
from rsvpq.settings.table import Table

#: The protocol of a table without that key, as in files written for the first releases.
DEFAULT_PROTOCOL = "webdav"
#: How much longer than for a response to wait before an answer is given again whose effect does not show: a server may
#: still be working on a request that nobody waits for any more.
_SETTLE_MORE = Duration(60)


#: IIS lets Exchange work on one request for 110 s by default, whether or not anybody still waits for the response.
SLOWEST_EWS = Duration(120)


class ServerSettings(Table):
    """Settings common to all protocols: account, address, TLS, limits and timeouts."""

    #: Whether mailboxes are opened by their SMTP addresses only.
    by_address: ClassVar[bool] = False
    #: Whether answers carry the text of the policy.
    sends_text: ClassVar[bool] = False

    username: Text
    # Before `password`, whose validator reads it.
    password_file: PathField | None = None
    # Always set once validated: the default means that none was given, and is rejected.
    password: SecretStr = SecretStr("")
    ca_bundle: ExistingFile | None = None
    tls_minimum: TlsVersion = "1.2"
    rate: RateField = Rate(10)
    burst: CountAtOnce = 20
    concurrency: CountAtOnce = 4
    connect_timeout: TimeoutField = Duration(10)
    read_timeout: TimeoutField = Duration(60)
    # Before `url`, whose validator reads it.
    allow_http: bool = False
    url: str
    auth: Scheme = "basic"

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


class WebDavSettings(ServerSettings):
    """Exchange 2000 to 2007, over WebDAV and Outlook Web Access."""

    protocol: Literal["webdav"] = "webdav"
    url: ServerUrl
    answers: Literal["owa", "icalendar", "detect"] = "owa"


class EwsSettings(ServerSettings):
    """Exchange 2007 SP1 to Exchange Server SE, over Exchange Web Services."""

    by_address: ClassVar[bool] = True
    sends_text: ClassVar[bool] = True

    protocol: Literal["ews"] = "ews"
    url: EwsUrl
    auth: Literal["basic", "ntlm", "negotiate"] = "basic"
    concurrency: CountAtOnce = 8
    access: Literal["impersonation", "delegate"] = "impersonation"
    # BaseModel has a method of this name.
    schema_version: Literal["detect", "2007", "2010"] = Field("detect", alias="schema")
    marker: Literal["detect", "on", "off"] = "detect"
    settle: DurationField = SLOWEST_EWS

    @field_validator("settle")
    @classmethod
    def _outlast_a_request(cls, settle: Duration, info: ValidationInfo) -> Duration:
        read = info.data.get("read_timeout")
        least = None if read is None else Duration(read.seconds + _SETTLE_MORE.seconds)
        if least is not None and settle < least:
            raise ValueError(f"{settle} is less than read_timeout ({read}) + {_SETTLE_MORE}; write {least} or more")
        return settle


#: The class of each protocol.
PROTOCOLS: Mapping[str, type[ServerSettings]] = {"webdav": WebDavSettings, "ews": EwsSettings}


def _protocol_of(server: Any) -> Any:
    if isinstance(server, dict):
        return server.get("protocol", DEFAULT_PROTOCOL)
    return getattr(server, "protocol", DEFAULT_PROTOCOL)


#: The discriminator is a function, because the key ``protocol`` may be missing.
AnyServerSettings = Annotated[
    Annotated[WebDavSettings, Tag("webdav")] | Annotated[EwsSettings, Tag("ews")], Discriminator(_protocol_of)
]
