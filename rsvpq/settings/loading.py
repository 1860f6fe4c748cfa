"""Load one ``Settings`` from one file and one environment; report all problems at once, each with its place.

Only this module opens the configuration file. Nothing is read at import.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from rsvpq.settings.environment import CONFIG_VARIABLE, read_variables, variable_name
from rsvpq.settings.model import Settings
from rsvpq.settings.problems import ENVIRONMENT, ConfigError, Problem, in_file_order
from rsvpq.settings.remedies import place_of, remedy_for
from rsvpq.settings.text_files import read_text
from rsvpq.settings.toml_lines import KeyPath, key_lines, line_of

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
    file = _choose_file(config, environ)
    text = read_text(file, f"correct the path, or name the file with --config or {CONFIG_VARIABLE}")
    return _validated(_parse(file, text), file.parent, file, text, environ)


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
    return _validated({**values, "policy": found["policy"]}, file.parent, other, text, environ)


def _validated(
    values: dict[str, Any], folder: Path, file: Path, text: str, environ: Mapping[str, str]
) -> LoadedSettings:
    """Return the settings with these values, overridden by the environment.

    :param folder: what relative paths are relative to. :param file, text: where the values were written.
    """
    servers = values.get("servers")
    variables = read_variables(environ, servers if isinstance(servers, dict) else ())
    for key, value in variables.texts.items():
        _put(values, key, value)
    origins = Origins(file, key_lines(text), variables.names)
    problems = list(variables.problems)
    try:
        settings = Settings.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        problems += [origins.problem(place_of(one), remedy_for(one)) for one in error.errors(include_url=False)]
    if problems:
        # Raised outside the except block: otherwise pydantic's error would be its context, and that contains secrets.
        raise ConfigError(in_file_order(problems))
    return LoadedSettings(settings, origins)


def _choose_file(config: Path | None, environ: Mapping[str, str]) -> Path:
    if config is not None:
        return config
    named = environ.get(CONFIG_VARIABLE)
    if named is None:
        return _DEFAULT_FILE
    if not Path(named).is_file():
        text = f"there is no file {named!r}; correct the path, or unset the variable"
        raise ConfigError([Problem(ENVIRONMENT, 0, CONFIG_VARIABLE, text)])
    return Path(named)


def _parse(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
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
