"""One name for one thing: what is public in a module is not called like another thing in another module."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: One thing on several levels: a command, the task ``ops.*`` and the operation behind both; a task and its work; the
#: objects that each root wires for itself; the groups of checks; what every module or program calls so.
ONE_THING = frozenset(
    {
        *("audit", "confirm", "drop", "explain", "limit", "mailbox", "pause", "reconcile", "report", "resume", "retry"),
        *("scan", "show_item", "show_mailbox", "status", "top", "trigger", "open_response", "process_cancellation"),
        *("app", "lanes", "live", "mailboxes", "parts", "settings"),
        *("diagnose", "examine", "logger", "main"),
        # A property of messages, as each protocol names it.
        *("ALL_DAY", "COUNTER_PROPOSAL", "DETAILS", "END", "INTENT", "MEETING_TYPE", "PROCESSED", "RECEIVED"),
        *("RESPONSE_REQUESTED", "RESPONSE_STATUS", "SEQUENCE", "STAMP", "START"),
    }
)


def public_names(module: ast.Module) -> Iterator[str]:
    """The classes, functions and constants that a module defines for others."""
    for node in module.body:
        match node:
            case (
                ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
            ) if not name.startswith("_"):
                yield name


def names_of_several() -> dict[str, list[str]]:
    """The modules of each public name that more than one of them defines."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for room in ("rsvpq", "producer", "workers"):
        for file in sorted((ROOT / room).rglob("*.py")):
            for name in set(public_names(ast.parse(file.read_text("utf-8")))):
                found[name].append(str(file.relative_to(ROOT)))
    return {name: files for name, files in found.items() if len(files) > 1}


def hidden_names(module: ast.Module) -> Iterator[str]:
    """The names of a module's own that a comprehension in it gives to something else, with the line."""
    own: set[str] = set()
    for node in module.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                own.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                own |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
            case ast.Assign(targets=targets):
                own |= {target.id for target in targets if isinstance(target, ast.Name)}
    for inner in ast.walk(module):
        for bound in ast.walk(inner.target) if isinstance(inner, ast.comprehension) else ():
            if isinstance(bound, ast.Name) and bound.id in own:
                yield f"{bound.lineno}: {bound.id}"


@pytest.mark.parametrize("room", ["benchmarks", "demo", "producer", "rsvpq", "simulator", "testbed", "workers"])
def test_no_comprehension_hides_a_name_of_its_module(room: str) -> None:
    """Python 3.12.1 takes it for a variable of the whole function, where another comprehension uses the hidden one."""
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    assert [f"{file}:{name}" for file in files for name in hidden_names(ast.parse(file.read_text("utf-8")))] == []


def test_no_two_things_have_one_name() -> None:
    assert {name: files for name, files in names_of_several().items() if name not in ONE_THING} == {}
