"""Field types of the settings: they parse and validate what operators write.

Every error is a ``ValueError`` of the form "what is wrong; remedy". Independent of settings files and variables.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AnyUrl,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from rsvpq.http import tls
from rsvpq.lanes.limits import Rate
from rsvpq.local_times import check_cron
from rsvpq.settings.durations import Duration
from rsvpq.settings.problems import did_you_mean
from rsvpq.timetable import QuietHours, rest

#: The default path of the mailboxes on an Exchange server.
EXCHANGE_PATH = "/exchange/"

#: The path of Exchange Web Services on an Exchange server.
EWS_PATH = "/EWS/Exchange.asmx"

#: The minimum length of a key, in characters.
SHORTEST_KEY = 16

_MAX_PERCENT = 100
_URL = TypeAdapter(AnyUrl)
_URL_FORM = "write it as https://mail.example.com"
_REDIS_URL_FORM = "write it as redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH?db=0"
_SENTINELS_FORM = 'write them as ["sentinel1.example.com:26379", "sentinel2.example.com:26379"]'
#: The port of a sentinel whose address has none.
_SENTINEL_PORT = 26_379


def blame(text: str, *at: str | int) -> PydanticCustomError:
    """Return an error that is reported at ``at``, a path in the table of the field whose validator raises it."""
    return PydanticCustomError("misplaced", "{text}", {"text": text, "at": at})


def read_secret(value: SecretStr | None, file: Path | None, key: str = "password_file") -> SecretStr | None:
    """Return the secret, given either directly or as the file that holds it; None if neither was given.

    :param key: the key that names the file.
    :raises ValueError: both were given, the file cannot be read, or the secret is empty or longer than one line.
    """
    if file is None:
        return None if value is None else _checked(value)
    if value is not None:
        raise blame(f"is given as well as {key.removesuffix('_file')}; keep one of the two", key)
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise blame(f"{file} is not UTF-8 text; save it as UTF-8", key) from None
    except OSError as error:
        reason = f"cannot read {file} ({error.strerror}); create it or correct the path"
        raise blame(reason, key) from None
    if not text.strip():
        raise blame(f"{file} is empty; write the secret into it", key)
    secret = text.rstrip("\n")
    if lines := secret.count("\n"):
        # The other lines may be a user name or a second account; no server would accept all lines as one password.
        raise blame(f"{file} has {lines + 1} lines; put only the secret in it, on one line", key)
    return SecretStr(secret)


def _checked(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not secret.strip():
        raise ValueError("is empty; write the secret, or use password_file instead")
    if "\n" in secret or "\r" in secret:
        raise ValueError("has more than one line; write the secret without line breaks")
    return value


def read_key(file: Path) -> bytes:
    """Return the key in a file, without surrounding white space.

    :raises ValueError: the file cannot be read, or the key is so short that it could be guessed.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"cannot read {file} ({error.strerror}); create it or correct the path") from None
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"{file} holds {len(key)} characters; write {SHORTEST_KEY} or more: openssl rand -hex 32")
    return key


def _parse_hide(value: object) -> object:
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise ValueError('is not a list; write it as ["subjects", "addresses"], or one of the two')  # noqa: TRY004 - pydantic reports ValueErrors
    for word in words:
        if word not in ("subjects", "addresses"):
            raise ValueError(f"{word!r} cannot be redacted; write subjects, addresses or both")
    return tuple(words)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):  # a bool is an int in Python, so pydantic would accept true as 1
        raise PydanticKnownError("int_type")
    return value


def _percent(value: int) -> int:
    if value > _MAX_PERCENT:
        raise ValueError(f"{value} is more than 100 percent; write 1 to {_MAX_PERCENT}, such as 50 for half")
    return value


def _parsed(kind: type[Rate] | type[Duration]) -> PlainValidator:
    return PlainValidator(lambda value: value if isinstance(value, kind) else kind.parse(str(value)))


def _plain_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write a value, or leave it out")
    if not value.isprintable():  # in double quotes, "EXAMPLE\test" contains a tab
        raise ValueError(r"contains a control character; write it in single quotes, as in 'EXAMPLE\test'")
    return value


def matching(pattern: str, problem: str, value: str) -> str:
    """Require that a text matches a pattern; ``problem``, the error, may contain ``{value!r}``."""
    if not re.fullmatch(pattern, value):
        raise ValueError(problem.format(value=value))
    return value


def _in_folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    folder: Path = (info.context or {}).get("folder", Path())
    # Absolute, so that the path stays valid if the process changes its working directory.
    return folder.absolute() / _plain_text(value)


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}; create it or correct the path")
    return path


def _parse_url(text: str, form: str) -> AnyUrl:
    try:
        return _URL.validate_python(text)
    except ValidationError:
        raise ValueError(f"is not a URL; {form}") from None


def _http_url(text: str) -> tuple[str, str]:
    """Return origin and path of the URL of a mail server; the path is without a slash at its end."""
    url = _parse_url(text, _URL_FORM)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"has the scheme {url.scheme}; {_URL_FORM}")
    if url.username is not None or url.password is not None:
        raise ValueError("contains a user name or a password; use username and password_file for them")
    if url.query is not None or url.fragment is not None:
        raise ValueError("has a query or a fragment; remove everything from ? or # on")
    return str(url).removesuffix(url.path or ""), (url.path or "").rstrip("/")


def _server_url(text: str) -> str:
    origin, path = _http_url(text)
    return f"{origin}{path + '/' if path else EXCHANGE_PATH}"


def _ews_url(text: str) -> str:
    origin, path = _http_url(text)
    if path and not path.lower().endswith(".asmx"):
        raise ValueError(f"has the path {path}; leave it out, or write that of Exchange Web Services, as {EWS_PATH}")
    return f"{origin}{path or EWS_PATH}"


def _sentinels(value: object) -> tuple[str, ...]:
    addresses = [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
    if not isinstance(addresses, list | tuple):
        raise ValueError(f"is not a list; {_SENTINELS_FORM}")  # noqa: TRY004 - pydantic reports ValueErrors
    return tuple(dict.fromkeys(map(_sentinel, addresses)))


def _sentinel(address: object) -> str:
    """Return an address with its port."""
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port or _SENTINEL_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.netloc != address or "@" in parts.netloc:
        raise ValueError(f"{address!r} is not the address of a sentinel; {_SENTINELS_FORM}")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _redis_url(text: str) -> str:
    url = _parse_url(text, _REDIS_URL_FORM)
    if url.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"has the scheme {url.scheme}; {_REDIS_URL_FORM}")
    if url.password is not None or "password" in dict(url.query_params()):
        raise ValueError("contains a password, but URLs are printed; use redis.password_file for it")
    # redis-py would obey options in the query, ssl_cert_reqs=none among them.
    options = {name for name, _ in url.query_params()} - ({"db"} if url.scheme == "unix" else set())
    if options:
        names = ", ".join(sorted(options))
        raise ValueError(f"sets {names} after the ?; remove it, and use redis.ca_bundle for TLS")
    path = url.path or ""
    if url.scheme == "unix":
        complete = len(path) > 1
    else:
        # redis-py silently uses database 0 if it cannot parse the number.
        complete = url.host is not None and re.fullmatch(r"(/\d*)?", path) is not None
    if not complete:
        raise ValueError(f"lacks a host, a path or a database number; {_REDIS_URL_FORM}")
    return text


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone; {did_you_mean(name, available_timezones())}")
    return name


def _quiet(value: object) -> object:
    hours = [value] if isinstance(value, str) else value
    if not isinstance(hours, list | tuple) or not hours:
        raise ValueError('is not a list of parts of a day; write them as ["22:00-06:00"]')
    parsed = [QuietHours.parse(str(text)) for text in hours]
    window = rest(parsed, datetime(2024, 1, 1, tzinfo=UTC))
    if window and window[1] - window[0] >= timedelta(days=1):
        raise ValueError("leaves no time of the day; make it shorter")
    return tuple(map(str, parsed))


Count = Annotated[int, Field(ge=1), BeforeValidator(_no_bool)]
Percent = Annotated[Count, AfterValidator(_percent)]
RateField = Annotated[Rate, _parsed(Rate), PlainSerializer(str)]
DurationField = Annotated[Duration, _parsed(Duration), PlainSerializer(str)]
#: A list, or one comma-separated text as in an environment variable.
HiddenField = Annotated[tuple[Literal["subjects", "addresses"], ...], BeforeValidator(_parse_hide)]
#: Also 1.2 without quotes.
TlsVersion = Annotated[
    tls.MinimumVersion, BeforeValidator(lambda value: str(value) if isinstance(value, float) else value)
]
Text = Annotated[str, AfterValidator(_plain_text)]
CronField = Annotated[str, AfterValidator(check_cron)]
ZoneField = Annotated[str, AfterValidator(_time_zone)]
#: Parts of a day, such as ``22:00-06:00``.
QuietField = Annotated[tuple[str, ...], BeforeValidator(_quiet)]
_server_name = partial(
    matching, r"[a-z0-9][a-z0-9-]*", "is not a server name; use lowercase letters, digits and hyphens, such as hq1"
)
ServerName = Annotated[str, AfterValidator(_server_name)]
_namespace = partial(
    matching, r"[a-z0-9-]+", "{value!r} is not a namespace; use lowercase letters, digits and hyphens, such as rsvpq"
)
NamespaceField = Annotated[str, AfterValidator(_namespace)]
#: A relative path is relative to the folder of ``rsvpq.toml`` (``context={"folder": ...}``), even from a variable.
PathField = Annotated[Path, BeforeValidator(_in_folder)]
ExistingFile = Annotated[PathField, AfterValidator(_existing_file)]
ServerUrl = Annotated[str, AfterValidator(_server_url)]
EwsUrl = Annotated[str, AfterValidator(_ews_url)]
#: Addresses as HOST:PORT; a list, or one comma-separated text as in an environment variable.
SentinelAddresses = Annotated[tuple[str, ...], BeforeValidator(_sentinels)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
