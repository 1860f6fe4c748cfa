"""Load one ``Settings`` from one file and one environment; report all problems at once, each with its place.

Only this module opens the configuration file. Nothing is read at import.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from rsvpq.settings.environment import CONFIG_VARIABLE, read_variables, variable_name
from rsvpq.settings.model import LedgerSettings, Settings
from rsvpq.settings.problems import ENVIRONMENT, ConfigError, Problem, in_file_order
from rsvpq.settings.redis_settings import RedisSettings
from rsvpq.settings.remedies import place_of, remedy_for
from rsvpq.settings.text_files import read_text
from rsvpq.settings.toml_lines import KeyPath, key_lines, line_of

_Model = TypeVar("_Model", LedgerSettings, Settings)

_DEFAULT_FILE = Path("rsvpq.toml")
_TOML_POSITION = re.compile(r" \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(frozen=True)
class Origins:
    """Where each key was written, so that problems can be located."""

    file: Path
    lines: Mapping[KeyPath, int]
    variables: Mapping[KeyPath, str]

    def problem(self, key: KeyPath, text: str) -> Problem:
        """Return a problem with the value of ``key``, or with its absence."""
        if key in self.variables:
            return Problem(ENVIRONMENT, 0, self.variables[key], text)
        table = key[:-1]
        if table and table not in self.lines and any(other[:-1] == table for other in self.variables):
            return Problem(ENVIRONMENT, 0, variable_name(key), text)
        dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")
        return Problem(str(self.file), line_of(key, self.lines), dotted, text)


@dataclass(frozen=True)
class LoadedSettings:
    """The settings, and where each key was written."""

    settings: Settings
    origins: Origins

    def secret_files(self) -> Iterator[tuple[KeyPath, Path]]:
        """Yield each file that holds a password, with the key that gives it; the settings themselves, if they do."""
        redis = self.settings.redis
        found: list[tuple[KeyPath, Path | None, SecretStr | None]] = [
            (("redis", "password"), redis.password_file, redis.password),
            (("redis", "sentinel_password"), redis.sentinel_password_file, redis.sentinel_password),
        ]
        for name, server in self.settings.servers.items():
            found.append((("servers", name, "password"), server.password_file, server.password))
        for key, file, password in found:
            if file is not None:
                yield (*key[:-1], f"{key[-1]}_file"), file
            elif password is not None and key not in self.origins.variables:
                yield key, self.origins.file


def load_settings(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration: defaults, overridden by the file, overridden by the environment.

    The file is ``config``, else the one that RSVPQ_CONFIG names, else ``rsvpq.toml`` in the working directory.

    :raises ConfigError: with all problems, each with its place.
    """
    return load_with_origins(config, environ).settings


def load_with_origins(config: Path | None, environ: Mapping[str, str]) -> LoadedSettings:
    """Read the configuration like :func:`load_settings`, and return where each key was written as well."""
    values, origins, problems = _read(config, environ)
    return LoadedSettings(_validated(Settings, values, origins, problems), origins)


def load_redis(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> RedisSettings:
    """Read only how Redis is reached: an emergency stop must not wait until a rule or a server is written correctly.

    :raises ConfigError: the file is not valid TOML, or ``[redis]`` is wrong.
    """
    values, origins, _ = _read(config, environ)  # a wrong name of a variable is not a reason not to stop either
    return _validated(LedgerSettings, values, origins, []).redis


def _read(config: Path | None, environ: Mapping[str, str]) -> tuple[dict[str, Any], Origins, list[Problem]]:
    """Return the values of file and environment, not validated yet, and the problems with names of variables."""
    file = _choose_file(config, environ)
    text = read_text(file, f"correct the path, or name the file with --config or {CONFIG_VARIABLE}")
    return _overridden(_parse(file, text), file, text, environ)


def load_with_policy_of(other: Path, config: Path | None, environ: Mapping[str, str]) -> LoadedSettings:
    """Read the configuration like :func:`load_with_origins`, with the table ``[policy]`` of another file as its own.

    Nothing else of that file is used. Its problems, and the places of its keys, are those of the other file.

    :raises ConfigError: the other file has no such table, or a wrong one; or the configuration itself is wrong.
    """
    load_with_origins(config, environ)  # what is wrong now is not to be blamed on the other file
    file = _choose_file(config, environ)
    values = _parse(file, read_text(file, "correct the path"))
    text = read_text(other, "correct the path")
    found = _parse(other, text)
    if not isinstance(found.get("policy"), dict):
        raise ConfigError([Problem(str(other), 0, "policy", "is missing; write the table [policy] as in the settings")])
    changed, origins, problems = _overridden({**values, "policy": found["policy"]}, other, text, environ)
    return LoadedSettings(_validated(Settings, changed, origins, problems, file.parent), origins)


def _overridden(
    values: dict[str, Any], file: Path, text: str, environ: Mapping[str, str]
) -> tuple[dict[str, Any], Origins, list[Problem]]:
    """Return values with what the environment sets, where they were written, and the problems with its names."""
    servers = values.get("servers")
    variables = read_variables(environ, servers if isinstance(servers, dict) else ())
    for key, value in variables.texts.items():
        _put(values, key, value)
    return values, Origins(file, key_lines(text), variables.names), list(variables.problems)


def _validated(
    model: type[_Model],
    values: Mapping[str, Any],
    origins: Origins,
    problems: Sequence[Problem],
    folder: Path | None = None,
) -> _Model:
    """Return the settings; relative paths are relative to the folder, by default that of the file."""
    found = list(problems)
    try:
        settings = model.model_validate(values, context={"folder": folder or origins.file.parent})
    except ValidationError as error:
        found += [origins.problem(place_of(one), remedy_for(one)) for one in error.errors(include_url=False)]
    if found:
        # Raised outside the except block: otherwise pydantic's error would be its context, and that contains secrets.
        raise ConfigError(in_file_order(found))
    return settings


def _choose_file(config: Path | None, environ: Mapping[str, str]) -> Path:
    if config is not None:
        return config
    named = environ.get(CONFIG_VARIABLE)
    if named is None:
        return _DEFAULT_FILE
    if not os.path.isfile(named):  # noqa: PTH113 - Path.is_file() raises an error for a folder that may not be searched
        text = f"{_why_no_file(named)}; correct the path, or unset the variable"
        raise ConfigError([Problem(ENVIRONMENT, 0, CONFIG_VARIABLE, text)])
    return Path(named)


def _why_no_file(named: str) -> str:
    try:
        Path(named).stat()
    except FileNotFoundError:
        return f"there is no file {named!r}"
    except OSError as error:
        return f"{named!r} cannot be read ({error.strerror})"
    return f"{named!r} is not a regular file"


def _parse(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
    except ValueError:  # Python reads no number with more than 4300 digits, and does not say where it stands
        text = "one has more digits than any number here; write one such as 4"
        raise ConfigError([Problem(str(file), 0, "number", text)]) from None
    except RecursionError:
        problem = Problem(str(file), 0, "text", "is nested too deeply; write each table with a header of its own")
        raise ConfigError([problem]) from None
    position = _TOML_POSITION.search(message)
    line, column = (position["line"], position["column"]) if position else (None, None)
    what = _TOML_POSITION.sub("", message)
    remedy = (
        r"write text with a backslash in single quotes, as in 'EXAMPLE\name'"
        if "'\\'" in what
        else "write text in quotes, and each key = value on its own line"
    )
    where = f"column {column}" if column else "end of file"
    problem = Problem(str(file), int(line or text.count("\n") + 1), where, f"not valid TOML: {what}; {remedy}")
    raise ConfigError([problem])


def _put(values: dict[str, Any], key: KeyPath, value: str) -> None:
    table: Any = values
    for part in key[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            return  # the file has a value here instead of a table, which validation reports
    table[key[-1]] = value
