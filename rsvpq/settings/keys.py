"""List the names of all keys, taken from the models, so that errors about misspelled keys can suggest the right one."""

from collections.abc import Iterable, Iterator

from rsvpq.settings.model import Schedule, Settings
from rsvpq.settings.policy import GroupCaps, RuleSettings
from rsvpq.settings.servers import PROTOCOLS
from rsvpq.settings.table import Table
from rsvpq.settings.toml_lines import KeyPath

#: The model of each table; ``*`` stands for the index of a schedule or rule, or the name of a group.
_TABLES: dict[KeyPath, type[Table]] = {
    (): Settings,
    ("schedule", "*"): Schedule,
    ("policy", "rules", "*"): RuleSettings,
    ("policy", "groups", "*"): GroupCaps,
    **{
        (name,): field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table)
    },
}
_NOT_ONE_TEXT = {*_TABLES, ("servers",), ("schedule",), ("policy", "rules"), ("policy", "groups")}


def keys_of(table: KeyPath) -> tuple[str, ...]:
    """Return the keys that a table may have, for a server those of all protocols; empty if the table is unknown."""
    if table[:-1] == ("servers",):
        return tuple(dict.fromkeys(name for model in PROTOCOLS.values() for name in model.key_names()))
    model = _TABLES.get(table) or _TABLES.get((*table[:-1], "*"))
    return model.key_names() if model else ()


def settable_keys(servers: Iterable[str]) -> Iterator[KeyPath]:
    """Yield every key that an environment variable can set, for these servers: those whose value is one text."""
    plain_tables = (table for table in _TABLES if "*" not in table)
    for table in (*plain_tables, *(("servers", name) for name in servers)):
        for name in keys_of(table):
            if (*table, name) not in _NOT_ONE_TEXT:
                yield (*table, name)
