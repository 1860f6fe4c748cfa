"""Find the key that each ``RSVPQ_*`` variable sets.

Every name is looked up in a table of all valid names, so a misspelled one is rejected instead of ignored. Only names
are checked here; the models validate the values.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rsvpq.settings.keys import settable_keys
from rsvpq.settings.problems import ENVIRONMENT, Problem, did_you_mean
from rsvpq.settings.toml_lines import KeyPath

_PREFIX = "RSVPQ_"
#: The path of the configuration file; read before all other variables, and not itself a setting.
CONFIG_VARIABLE = "RSVPQ_CONFIG"
#: The name of the operator at the command line, for the audit; read there, and not a setting either.
OPERATOR_VARIABLE = "RSVPQ_OPERATOR"
_NO_SETTINGS = frozenset({CONFIG_VARIABLE, OPERATOR_VARIABLE})
#: Short forms of variables that are used often.
_ALIASES: dict[str, KeyPath] = {"RSVPQ_REDIS_URL": ("redis", "url")}
_SERVER_URL = re.compile(r"RSVPQ_SERVERS__(?P<server>[A-Z0-9_]+)__URL")


@dataclass(frozen=True)
class Variables:
    """What the environment sets: the text and the variable's name for each key; and problems with variable names."""

    texts: Mapping[KeyPath, str]
    names: Mapping[KeyPath, str]
    problems: tuple[Problem, ...]


def variable_name(key: KeyPath) -> str:
    """Return the variable that sets ``key``: ``RSVPQ_SERVERS__HQ_1__URL`` for ``("servers", "hq-1", "url")``."""
    return _PREFIX + "__".join(str(part).upper().replace("-", "_") for part in key)


def read_variables(environ: Mapping[str, str], servers: Iterable[str]) -> Variables:
    """Collect the variables of ``environ`` that set a key, given the names of the servers in the file.

    The environment adds a server that is not in the file by giving its URL.
    """
    added = [match["server"].lower().replace("_", "-") for match in map(_SERVER_URL.fullmatch, environ) if match]
    keys = {variable_name(key): key for key in settable_keys({*servers, *added})} | _ALIASES
    texts: dict[KeyPath, str] = {}
    names: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    for name in sorted(name for name in environ if name.upper().startswith(_PREFIX) and name not in _NO_SETTINGS):
        key = keys.get(name)
        if key is None:
            problems.append(Problem(ENVIRONMENT, 0, name, _unknown(name, keys)))
        elif key in texts:
            problems.append(Problem(ENVIRONMENT, 0, name, f"sets the same key as {names[key]}; keep one of the two"))
        else:
            texts[key], names[key] = environ[name], name
    return Variables(texts, names, tuple(problems))


def _unknown(name: str, known: Iterable[str]) -> str:
    if name.upper().startswith(variable_name(("schedule",))):
        return "a schedule cannot be set here; write it as [[schedule]] in the file"
    if name.upper().startswith(variable_name(("policy", "rules"))):
        return "a rule cannot be set here; write it as [[policy.rules]] in the file"
    if name.upper().startswith(variable_name(("policy", "groups"))):
        return "the caps of a group cannot be set here; write them as [policy.groups.NAME] in the file"
    return f"is not a known variable; {did_you_mean(name, [*known, *sorted(_NO_SETTINGS)])}"
