"""The settings of the operator console: its address, TLS, and who may log in."""

from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator

from rsvpq.settings.durations import Duration
from rsvpq.settings.fields import DurationField, PathField, Text
from rsvpq.settings.table import Table

_THIS_MACHINE = ("127.0.0.0/8", "::1/128")
_PROXIES_FORM = 'write their addresses or networks, as in ["127.0.0.1", "10.0.0.0/24"]'
_LISTEN = "127.0.0.1:5556"


def address_of_listener(text: str, example: str = _LISTEN) -> tuple[str, int]:
    """Read ``HOST:PORT``, with an address of IPv6 in brackets.

    :param example: what an error says to write. :raises ValueError: it is something else.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.netloc != text:
        raise ValueError(f"{text!r} is not an address and a port; write it as {example}, IPv6 as [::1]:PORT")
    return host, port


def _listener(text: str) -> str:
    address_of_listener(text)
    return text


def _networks(value: object) -> tuple[str, ...]:
    texts = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise ValueError(f"is not a list; {_PROXIES_FORM}")  # noqa: TRY004 - pydantic reports ValueErrors
    try:
        return tuple(str(ip_network(str(text))) for text in texts)
    except ValueError as error:
        raise ValueError(f"is not a list of networks ({error}); {_PROXIES_FORM}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ConsoleSettings(Table):
    """The operator console, a web page.

    Its files are read when it starts, and by no other process: the others need no right to read them.
    """

    logins_file: PathField | None = None
    certificate: PathField | None = None
    # After `certificate`, which its validator reads.
    certificate_key: PathField | None = None
    behind_proxy: bool = False
    # After `behind_proxy`, without which none is trusted.
    proxies: Annotated[tuple[str, ...], BeforeValidator(_networks)] = _THIS_MACHINE
    allow_http: bool = False
    # After `certificate` and `allow_http`, which its validator reads.
    listen: Annotated[Text, AfterValidator(_listener)] = _LISTEN
    session: DurationField = Duration(8 * 3600)

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port on which it listens."""
        return address_of_listener(self.listen)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it by HTTPS: its own, or that of the proxy in front of it."""
        return self.certificate is not None or self.behind_proxy

    @property
    def trusted(self) -> tuple[str, ...]:
        """The networks of the proxies whose ``X-Forwarded-For`` is believed."""
        return self.proxies if self.behind_proxy else ()

    @field_validator("proxies")
    @classmethod
    def _require_a_proxy(cls, networks: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if networks != _THIS_MACHINE and not info.data.get("behind_proxy", True):
            raise ValueError("is given without behind_proxy = true, so none would be trusted; write both, or neither")
        return networks

    @field_validator("certificate_key")
    @classmethod
    def _require_a_certificate(cls, file: object, info: ValidationInfo) -> object:
        if file is not None and info.data.get("certificate", file) is None:
            raise ValueError("is given without its certificate; set certificate to the path of it")
        return file

    @field_validator("listen")
    @classmethod
    def _require_tls_beyond_this_machine(cls, text: str, info: ValidationInfo) -> str:
        protected = info.data.get("certificate") is not None or info.data.get("allow_http", True)
        if not protected and not _is_loopback(address_of_listener(text)[0]):
            raise ValueError(
                f"{text} can be reached from other machines, and passwords would be sent without TLS; "
                "set console.certificate, or listen on 127.0.0.1 behind a proxy; or write allow_http = true"
            )
        return text
