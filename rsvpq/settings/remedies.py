"""Turn pydantic's errors into messages for operators: what is wrong, and the remedy.

A value is shown only if its key takes one of a few words, so no message made here contains a secret.
"""

import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rsvpq.settings.keys import keys_of
from rsvpq.settings.problems import did_you_mean
from rsvpq.settings.servers import PROTOCOLS
from rsvpq.settings.table import Table
from rsvpq.settings.toml_lines import KeyPath

#: Examples of keys that may be missing.
_EXAMPLES = {
    "mailboxes": 'mailboxes = "mailboxes.csv"',
    "servers": "a table such as [servers.hq1], with url, username and password_file",
    "url": 'url = "https://mail.example.com"',
    "username": r"username = 'EXAMPLE\svc-rsvpq'",
    "name": 'name = "long-meetings"',
    "decision": 'decision = "accept"',
}

_BY_TYPE = {
    **dict.fromkeys(("string_type", "path_type"), "is not text; write it in quotes"),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "greater_than_equal"),
        "is not a whole number above zero; write one such as 4",
    ),
    "int_parsing_size": "has more digits than any number here; write one such as 4",
    **dict.fromkeys(("bool_type", "bool_parsing"), "is neither true nor false; write one of the two"),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type"), "is not a table; write its name as [table], and its keys below"
    ),
    "tuple_type": "is not a list of tables; write [[{table}]], in two pairs of brackets, above each",
}


def place_of(error: ErrorDetails) -> KeyPath:
    """Return the key to blame: the one where the error arose, unless the validator blamed a neighboring key."""
    place = tuple(part for part in error["loc"] if part != "[key]")
    if place[:1] == ("servers",):
        place = (*place[:2], *place[3:])  # without the protocol, which pydantic adds for the model it chose
    if error["type"] == "misplaced":
        return (*place[:-1], *error["ctx"]["at"])
    if error["type"] == "union_tag_invalid":
        return (*place, "protocol")
    return place


def remedy_for(error: ErrorDetails) -> str:
    """Return what is wrong, and what to do about it."""
    place = place_of(error)
    name = str(place[-1])
    match error["type"]:
        case "misplaced" | "value_error":
            return str(error["ctx"].get("text") or error["ctx"]["error"])
        case "missing" | "too_short":
            return f"is missing; add {_EXAMPLES.get(name, name)}"
        case "extra_forbidden":
            return _unknown_key(place)
        case "literal_error":
            words = re.findall(r"'([\w.]+)'", error["ctx"]["expected"])
            return f"{error['input']!r} is not a known value; {did_you_mean(str(error['input']), words)}"
        case "union_tag_invalid":
            given = error["input"]["protocol"]
            return f"{given!r} is not a known value; {did_you_mean(str(given), PROTOCOLS)}"
        case kind:
            known = _BY_TYPE.get(kind, f"is not valid ({kind}); see its type in docs/settings.md")
            return known.format(table=".".join(map(str, place)))


def value_problem(table: type[Table], key: str, value: object, **others: object) -> str:
    """Return what is wrong with one value of a table, with the remedy; '' if nothing is.

    :param others: the values of the keys that it depends on.
    """
    try:
        table.model_validate({**others, key: value})
    except ValidationError as error:
        return next((remedy_for(one) for one in error.errors() if place_of(one) == (key,)), "")
    return ""


def _unknown_key(place: KeyPath) -> str:
    name = str(place[-1])
    protocols = [f'"{protocol}"' for protocol, model in PROTOCOLS.items() if name in model.key_names()]
    if place[0] == "servers" and protocols:
        named = " or ".join(protocols)
        return f"is only for protocol = {named}; leave it out, or correct the protocol"
    if len(place) > 1 and name in keys_of(()):
        return "is not a known key; it belongs at the top of the file, above the first [table]"
    return f"is not a known key; {did_you_mean(name, keys_of(place[:-1]))}"
