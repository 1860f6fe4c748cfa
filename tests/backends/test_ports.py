"""A backend offers what its port promises, and nobody asks it for anything else."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from rsvpq.mail.ports import AnswersByDraft, Backend
from rsvpq.webdav.backend import WebDavBackend
from rsvpq.webdav.mailbox import WebDavMailbox

ROOT = Path(__file__).parents[2]
#: Where a mailbox is worked in: everything but the backends themselves.
USERS = ("producer", "workers", "rsvpq")
BACKENDS = (ROOT / "rsvpq" / "webdav", ROOT / "rsvpq" / "http")

#: What a backend's own parts ask of its mailbox beside the port.
WITHIN: dict[type, set[str]] = {WebDavMailbox: {"folders", "mark_processed", "require_open", "source"}}


def claims(backend: WebDavBackend, mailbox: WebDavMailbox) -> tuple[Backend, AnswersByDraft]:
    """Which port each class claims to be of: mypy compares their methods, argument by argument."""
    return backend, mailbox


def public(offered: type) -> set[str]:
    """The names of its methods, properties and attributes for others."""
    names = {name for name, _ in inspect.getmembers(offered)}
    for node in ast.walk(ast.parse(inspect.getsource(offered))):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize(("offered", "port"), [(WebDavMailbox, AnswersByDraft), (WebDavBackend, Backend)])
def test_a_class_offers_what_its_port_promises_and_hardly_more(offered: type, port: type) -> None:
    assert public(port) <= public(offered)
    assert public(offered) - public(port) <= WITHIN.get(offered, set())


@pytest.mark.parametrize("port", [AnswersByDraft, Backend])
def test_a_port_says_of_everything_what_it_promises(port: type) -> None:
    assert [name for name in public(port) if not inspect.getdoc(getattr(port, name))] == []


def asked(tree: ast.AST) -> Iterator[str]:
    """What is asked of something that is called a box."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="box" | "_box") | ast.Attribute(attr="box" | "_box"), attr=name):
                yield name


@cache
def questions() -> dict[str, set[str]]:
    """By file, what the product asks of mailboxes outside of the backends."""
    files = [path for part in USERS for path in sorted((ROOT / part).rglob("*.py"))]
    ours = [path for path in files if not set(BACKENDS) & set(path.parents)]
    found = {str(path.relative_to(ROOT)): set(asked(ast.parse(path.read_text("utf-8")))) for path in ours}
    return {file: names for file, names in found.items() if names}


def test_a_question_is_found_however_the_mailbox_is_reached() -> None:
    text = "box.holds(it); self._box.send(it); work.box.command(it, key=lambda: box.clear)"
    assert set(asked(ast.parse(text))) == {"holds", "send", "command", "clear"}


def test_nobody_asks_a_mailbox_for_more_than_its_port_promises() -> None:
    found = questions()
    assert {"workers/drafted.py", "workers/cancel.py", "rsvpq/policy/gather.py"} <= found.keys()
    assert {
        file: names - public(AnswersByDraft) for file, names in found.items() if names - public(AnswersByDraft)
    } == {}


def test_all_that_the_port_promises_is_asked_for() -> None:
    assert public(AnswersByDraft) - set().union(*questions().values()) == set()
