"""The kinds of values that settings are made of: each reads what the operator wrote or says how it should be written.

Every complaint is a ``ValueError`` of the form "what is wrong; remedy". Knows neither files of settings nor variables.
"""

import re
from pathlib import Path
from typing import Annotated, Literal

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
from rsvpq.settings.durations import Duration

#: Where the mailboxes are on an Exchange server, unless somebody moved them.
EXCHANGE_PATH = "/exchange/"

#: Characters that a key must have at least.
SHORTEST_KEY = 16

_WHOLE = 100
_URL = TypeAdapter(AnyUrl)
_URL_FORM = "write it as https://mail.example.com"
_REDIS_URL_FORM = "write it as redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH?db=0"


def blame(text: str, *at: str | int) -> PydanticCustomError:
    """A complaint about ``at``, which stands beside the field whose validator raises this."""
    return PydanticCustomError("misplaced", "{text}", {"text": text, "at": at})


def read_secret(value: SecretStr | None, file: Path | None) -> SecretStr | None:
    """The secret that was given either as such or as the file that holds it; None if neither was.

    :raises ValueError: both were given, or there is no secret in what was given.
    """
    if file is None:
        return None if value is None else _checked(value)
    if value is not None:
        raise blame("is given as well as password; keep one of the two", "password_file")
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise blame(f"{file} is not UTF-8 text; save it as UTF-8", "password_file") from None
    except OSError as error:
        reason = f"cannot read {file} ({error.strerror}); create it or correct the path"
        raise blame(reason, "password_file") from None
    if not text.strip():
        raise blame(f"{file} is empty; write the secret into it", "password_file")
    secret = text.rstrip("\n")
    if lines := secret.count("\n"):
        # A user name above it, or another account below: no server would let in both lines together.
        raise blame(f"{file} has {lines + 1} lines; leave the secret alone in it, on one line", "password_file")
    return SecretStr(secret)


def _checked(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not secret.strip():
        raise ValueError("is empty; write the secret, or use password_file instead")
    if "\n" in secret or "\r" in secret:
        raise ValueError("has more than one line; write the secret without line breaks")
    return value


def read_key(file: Path) -> bytes:
    """The key in a file; white space around it does not count.

    :raises ValueError: there is none, or one that could be tried out.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"cannot read {file} ({error.strerror}); create it or correct the path") from None
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"{file} holds {len(key)} characters; write {SHORTEST_KEY} or more: openssl rand -hex 32")
    return key


def _hidden(value: object) -> object:
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise ValueError('is not a list; write it as ["subjects", "addresses"], or one of the two')  # noqa: TRY004 - pydantic reports ValueErrors
    for word in words:
        if word not in ("subjects", "addresses"):
            raise ValueError(f"{word!r} cannot be hidden; write subjects, addresses or both")
    return tuple(words)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):  # Python takes true for 1, and so would pydantic
        raise PydanticKnownError("int_type")
    return value


def _percent(value: int) -> int:
    if value > _WHOLE:
        raise ValueError(f"{value} is more than all; write 1 to {_WHOLE}, such as 50 for half")
    return value


def _version_text(value: object) -> object:
    return str(value) if isinstance(value, float) else value  # 1.2 without quotes means the same


def _rate(value: object) -> Rate:
    return value if isinstance(value, Rate) else Rate.parse(str(value))


def _duration(value: object) -> Duration:
    return value if isinstance(value, Duration) else Duration.parse(str(value))


def _plain_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write a value, or leave it out")
    if not value.isprintable():  # "EXAMPLE\test" in double quotes holds a tabulator
        raise ValueError(r"holds a control character; write it in single quotes, as in 'EXAMPLE\test'")
    return value


def _server_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value):
        raise ValueError("is not a server name; use small letters, digits and hyphens, such as hq1")
    return value


def _namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", value):
        raise ValueError(f"{value!r} is not a namespace; use small letters, digits and hyphens, such as rsvpq")
    return value


def _in_folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    folder: Path = (info.context or {}).get("folder", Path())
    # Absolute, so that a process that changes its working directory later still finds the file.
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


def _server_url(text: str) -> str:
    url = _parse_url(text, _URL_FORM)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"has the scheme {url.scheme}; {_URL_FORM}")
    if url.username is not None or url.password is not None:
        raise ValueError("names a user or a password; use username and password_file for them")
    if url.query is not None or url.fragment is not None:
        raise ValueError("goes on after the path; leave out everything from ? or # on")
    origin = str(url).removesuffix(url.path or "")
    return f"{origin}{EXCHANGE_PATH if url.path in (None, '/') else url.path.rstrip('/') + '/'}"


def _redis_url(text: str) -> str:
    url = _parse_url(text, _REDIS_URL_FORM)
    if url.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"has the scheme {url.scheme}; {_REDIS_URL_FORM}")
    if url.password is not None or "password" in dict(url.query_params()):
        raise ValueError("holds a password, and URLs get printed; use redis.password_file for it")
    # Among what the client would take from there is ssl_cert_reqs=none.
    beyond = {name for name, _ in url.query_params()} - ({"db"} if url.scheme == "unix" else set())
    if beyond:
        names = ", ".join(sorted(beyond))
        raise ValueError(f"sets {names} after the ?; leave it out, and use redis.ca_bundle for TLS")
    path = url.path or ""
    if url.scheme == "unix":
        complete = len(path) > 1
    else:
        # The client would take a database it cannot read for database 0, without a word.
        complete = url.host is not None and re.fullmatch(r"(/\d*)?", path) is not None
    if not complete:
        raise ValueError(f"lacks a host, a path or a database number; {_REDIS_URL_FORM}")
    return text


Count = Annotated[int, Field(ge=1), BeforeValidator(_no_bool)]
Percent = Annotated[Count, AfterValidator(_percent)]
RateField = Annotated[Rate, PlainValidator(_rate), PlainSerializer(str)]
DurationField = Annotated[Duration, PlainValidator(_duration), PlainSerializer(str)]
#: Also as one text with commas, for a variable of the environment.
HiddenField = Annotated[tuple[Literal["subjects", "addresses"], ...], BeforeValidator(_hidden)]
TlsVersion = Annotated[tls.Version, BeforeValidator(_version_text)]
Text = Annotated[str, AfterValidator(_plain_text)]
ServerName = Annotated[str, AfterValidator(_server_name)]
NamespaceField = Annotated[str, AfterValidator(_namespace)]
#: A relative path is relative to the folder of ``rsvpq.toml`` (``context={"folder": ...}``), wherever it was given.
PathField = Annotated[Path, BeforeValidator(_in_folder)]
ExistingFile = Annotated[PathField, AfterValidator(_existing_file)]
ServerUrl = Annotated[str, AfterValidator(_server_url)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
