"""``RSVPQ_*`` variables: which key each of them sets.

Every name is looked up in the table of all names there can be, so a misspelt one is refused, not passed over. Knows
names only; whether a value is right is for the models to say.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rsvpq.settings.keys import settable_keys
from rsvpq.settings.problems import ENVIRONMENT, Problem, did_you_mean
from rsvpq.settings.toml_lines import KeyPath

_PREFIX = "RSVPQ_"
#: Names the configuration file; read before all others, and no setting itself.
CONFIG_VARIABLE = "RSVPQ_CONFIG"
#: The one variable that is so common that its short form is accepted too.
_ALIASES: dict[str, KeyPath] = {"RSVPQ_REDIS_URL": ("redis", "url")}
_SERVER_URL = re.compile(r"RSVPQ_SERVERS__(?P<server>[A-Z0-9_]+)__URL")


@dataclass(frozen=True)
class Variables:
    """What the environment sets: a text and the variable's name for each key; and what is wrong with the names."""

    texts: Mapping[KeyPath, str]
    names: Mapping[KeyPath, str]
    problems: tuple[Problem, ...]


def variable_name(key: KeyPath) -> str:
    """The variable that sets ``key``: ``("servers", "hq-1", "url")`` is set by ``RSVPQ_SERVERS__HQ_1__URL``."""
    return _PREFIX + "__".join(str(part).upper().replace("-", "_") for part in key)


def read_variables(environ: Mapping[str, str], servers: Iterable[str]) -> Variables:
    """Take from ``environ`` what sets a key, given the names of the servers in the file.

    A server that is not in the file exists as soon as the environment gives its URL.
    """
    keys = _keys_by_variable({*servers, *_servers_of(environ)})
    texts: dict[KeyPath, str] = {}
    names: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    for name in sorted(name for name in environ if name.upper().startswith(_PREFIX) and name != CONFIG_VARIABLE):
        key = keys.get(name)
        if key is None:
            problems.append(Problem(ENVIRONMENT, 0, name, _unknown(name, keys)))
        elif key in texts:
            problems.append(Problem(ENVIRONMENT, 0, name, f"says the same as {names[key]}; keep one of the two"))
        else:
            texts[key], names[key] = environ[name], name
    return Variables(texts, names, tuple(problems))


def _keys_by_variable(servers: Iterable[str]) -> dict[str, KeyPath]:
    return {variable_name(key): key for key in settable_keys(servers)} | _ALIASES


def _servers_of(environ: Mapping[str, str]) -> set[str]:
    matches = map(_SERVER_URL.fullmatch, environ)
    return {match["server"].lower().replace("_", "-") for match in matches if match}


def _unknown(name: str, known: Iterable[str]) -> str:
    if name.upper().startswith(variable_name(("schedule",))):
        return "a schedule cannot be set here; write it as [[schedule]] in the file"
    if name.upper().startswith(variable_name(("policy", "rules"))):
        return "a rule cannot be set here; write it as [[policy.rules]] in the file"
    return f"is not a known variable; {did_you_mean(name, [*known, CONFIG_VARIABLE])}"
