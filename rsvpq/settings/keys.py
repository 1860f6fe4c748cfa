"""The names of all keys, read off the models: so that a misspelt one can be refused with the one that was meant."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from rsvpq.settings.model import Schedule, Settings
from rsvpq.settings.policy import RuleSettings
from rsvpq.settings.servers import PROTOCOLS
from rsvpq.settings.toml_lines import KeyPath

#: The model of each table; the star stands for the index of a schedule or rule.
_TABLES: dict[KeyPath, type[BaseModel]] = {
    (): Settings,
    ("schedule", "*"): Schedule,
    ("policy", "rules", "*"): RuleSettings,
    **{
        (name,): field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    },
}
_NOT_ONE_TEXT = {*_TABLES, ("servers",), ("schedule",), ("policy", "rules")}


def keys_of(table: KeyPath) -> tuple[str, ...]:
    """The keys that the table at ``table`` may have, a server's by any protocol; none where there is no table."""
    if table[:-1] == ("servers",):
        return tuple(dict.fromkeys(name for model in PROTOCOLS.values() for name in model.model_fields))
    model = _TABLES.get(table) or _TABLES.get((*table[:-1], "*"))
    return tuple(model.model_fields) if model else ()


def protocols_with(key: str) -> tuple[str, ...]:
    """The protocols whose servers have this key."""
    return tuple(protocol for protocol, model in PROTOCOLS.items() if key in model.model_fields)


def settable_keys(servers: Iterable[str]) -> Iterator[KeyPath]:
    """Every key whose value is one text, for these servers: what an environment variable can set."""
    plain_tables = (table for table in _TABLES if "*" not in table)
    for table in (*plain_tables, *(("servers", name) for name in servers)):
        for name in keys_of(table):
            if (*table, name) not in _NOT_ONE_TEXT:
                yield (*table, name)
