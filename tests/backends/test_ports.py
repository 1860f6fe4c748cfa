"""A backend offers what its port promises, and nobody asks it for anything else."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from rsvpq.ews.backend import EwsBackend
from rsvpq.ews.mailbox import EwsMailbox
from rsvpq.mail.ports import AnswersAtOnce, AnswersByDraft, Backend
from rsvpq.webdav.backend import WebDavBackend
from rsvpq.webdav.mailbox import WebDavMailbox

ROOT = Path(__file__).parents[2]
#: Where a mailbox is worked in: everything but the backends themselves.
USERS = ("producer", "workers", "rsvpq")
BACKENDS = (ROOT / "rsvpq" / "webdav", ROOT / "rsvpq" / "ews", ROOT / "rsvpq" / "http")

#: What a backend's own parts ask of its mailbox beside the port.
WITHIN: dict[type, set[str]] = {WebDavMailbox: {"folders", "mark_processed", "require_open", "source"}}


def claims(
    backends: tuple[WebDavBackend, EwsBackend], webdav: WebDavMailbox, ews: EwsMailbox
) -> tuple[tuple[Backend, Backend], AnswersByDraft, AnswersAtOnce]:
    """Which port each class claims to be of: mypy compares their methods, argument by argument."""
    return backends, webdav, ews


def public(offered: type) -> set[str]:
    """The names of its methods, properties and attributes for others."""
    names = {name for name, _ in inspect.getmembers(offered)}
    names |= {name for one in offered.__mro__ for name in inspect.get_annotations(one)}
    for node in ast.walk(ast.parse(inspect.getsource(offered))):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize(
    ("offered", "port"),
    [(WebDavMailbox, AnswersByDraft), (WebDavBackend, Backend), (EwsMailbox, AnswersAtOnce), (EwsBackend, Backend)],
)
def test_a_class_offers_what_its_port_promises_and_hardly_more(offered: type, port: type) -> None:
    assert public(port) <= public(offered)
    assert public(offered) - public(port) <= WITHIN.get(offered, set())


@pytest.mark.parametrize("port", [AnswersByDraft, AnswersAtOnce, Backend])
def test_a_port_says_of_everything_what_it_promises(port: type) -> None:
    asked_for = public(port) - {"answering"}  # an attribute that tells the two ports apart
    assert [name for name in asked_for if not inspect.getdoc(getattr(port, name))] == []


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
    found, promised = questions(), public(AnswersByDraft) | public(AnswersAtOnce)
    assert {"workers/drafted.py", "workers/cancel.py", "rsvpq/policy/gather.py"} <= found.keys()
    assert {file: names - promised for file, names in found.items() if names - promised} == {}


@pytest.mark.parametrize("port", [AnswersByDraft, AnswersAtOnce])
def test_all_that_the_port_promises_is_asked_for(port: type) -> None:
    assert public(port) - set().union(*questions().values()) == set()
