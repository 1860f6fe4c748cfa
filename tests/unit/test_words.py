"""Refuse words that the glossary has replaced, British spellings, and phrases that are hard to read.

Each finding names file, line, word and the word to write instead. Words that must stay, such as those of a
protocol, are listed with their files and reasons in :data:`ALLOWED`.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("rsvpq", "producer", "workers", "simulator", "testbed", "benchmarks", "demo", "docs", "tests")
FILES = ("README.md", "CHANGELOG.md", "pyproject.toml", "rsvpq.example.toml")
SUFFIXES = {".py", ".lua", ".md", ".toml", ".css", ".html"}

#: Words that no identifier may contain, as one of its parts, and what to write.
IDENTIFIERS = {
    "told": "reported",
    "deed": "action",
    "deeds": "actions",
    "ruling": "decision",
    "discretion": "policy",
    "patience": "timeouts, or wait",
    "knock": "probe",
    "knocks": "probes",
    "door": "interface",
    "doors": "interfaces",
    "keeping": "storing",
    "anyhow": "a word that says when",
}
#: Names that no class, function or variable may have.
NAMES = {"Ways": "Effects", "ways": "effects"}
#: Words that no text may contain, and what to write.
PROSE = {
    "deed": "action",
    "deeds": "actions",
    "ruling": "decision",
    "rulings": "decisions",
    "discretion": "policy",
    "patience": "timeouts, or wait",
    "knock": "probe",
    "knocks": "probes",
    "anyhow": "in any case",
}
#: British spellings, as a pattern of a whole word in lower case, and the American one.
SPELLINGS = {
    r"cancell(ed|ing)": r"cancel\1",
    r"(.*)(behavi|col|fav|hon|lab|neighb|flav|harb|hum|rum|vig|endeav)our(.*)": r"\1\2or\3",
    r"(.*)(anonym|apolog|author|canon|capital|categor|central|character|critic|custom|emphas|equal|final|general|harmon|"
    r"initial|legal|local|material|maxim|minim|modern|neutral|normal|optim|organ|parametr|penal|priorit|random|real|"
    r"recogn|sanit|serial|special|stabil|standard|summar|symbol|synchron|token|util|visual)"
    r"is(e|es|ed|er|ers|ing|able|ation|ations)": r"\1\2iz\3",
    r"(.*)analys(e|ed|er|ers|ing)": r"\1analyz\2",
    r"(label|travel|model|signal|total|channel|tunnel|level|fuel|marshal|dial|panel|parcel|funnel|counsel|rival|unravel)"
    r"l(ed|ing|er|ers)": r"\1\2",
    r"(catal|anal)ogue(s|d)?": r"\1og\2",
    r"(cent|met|lit|fib|theat|calib)re(s)?": r"\1er\2",
    r"centred": "centered",
    r"(lic|def|off|pret)ence(s|d)?": r"\1ense\2",
    r"grey(s|ed)?": r"gray\1",
    r"(fulfi|enro)l(s|ment)?": r"\1ll\2",
    r"instalment(s)?": r"installment\1",
    r"(ski|wi)lful(ly)?": r"\1llful\2",
    r"(judg|acknowledg)ement(s)?": r"\1ment\2",
    r"(mis)?spelt": r"\1spelled",
    r"(learn|burn|dream)t": r"\1ed",
    r"programme(s)?": r"program\1",
    r"practis(e|es|ed|ing)": r"practic\1",
    r"artefact(s)?": r"artifact\1",
    r"ageing": "aging",
    r"(whil|among)st": r"\1",
}
#: Phrases that are hard to read, and what to write.
PHRASES = {
    r"\b(comes?|came|coming) to (?=(a|an|the|it|them|what|nothing|one)\b)": "the verb itself, such as reach or become",
    r"\bof theirs\b": "their",
    r"\bhands (that|it|them|this) on\b": "passes",
    r"\"\"\"Whoever\b": "a noun: the client, the caller, a thread",
    r"(?<!here )\b(is|are) no (?!longer\b|more than\b|less than\b)": "is not a",
    r"(?<!here )\b(is|are) none\b(?! of)": "is not one, or what it is not",
    r"\b(comes?|came) to(?=[.:;,]|\"\"\")": "the verb itself, such as reach or become",
    r"\b(for|by|as) who\b(?! in\b|,)": "a noun: the client, the caller, a user that",
    r"\bwhich \w+ lacks\b": "which is missing",
    r"\bwhose an?\b": "to which it belongs",
}


@dataclass(frozen=True)
class Allowed:
    """A word that stays in some files, or in all of a folder, and why."""

    word: str
    files: tuple[str, ...]
    reason: str


REPORT = ("rsvpq/report/json_form.py", "docs/report.md", "tests/acceptance/test_report_of_a_run.py")
ALLOWED = (
    Allowed("deed", REPORT, "a key of the report's JSON"),
    Allowed("deeds", REPORT, "a key of the report's JSON"),
    Allowed("cancelled", ("rsvpq/tasks/", "rsvpq/mail/"), "a value stored in the ledger"),
    Allowed("cancelled", ("simulator/webdav/properties/items.py",), "STATUS:CANCELLED of RFC 5545"),
    Allowed(
        "cancelled",
        (
            "rsvpq/ews/errors.py",
            "simulator/ews/",
            "tests/unit/test_ews_errors.py",
            "tests/integration/test_at_once.py",
            "tests/integration/test_ews_mailbox.py",
            "docs/simulator.md",
        ),
        "ErrorCalendarIsCancelledForAccept and other names of Exchange Web Services",
    ),
)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LUA_NAME = re.compile(r"\b[A-Za-z_]\w*\b")
_LUA_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|--.*$")
_SPELLING = [(re.compile(british), american) for british, american in SPELLINGS.items()]


@dataclass(frozen=True)
class Finding:
    """A word at a line of a file, and what to write instead."""

    file: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.word!r}; write {self.instead!r}"

    def is_allowed_by(self, allowed: Allowed) -> bool:
        """Return whether the table lets the word stay here."""
        return allowed.word == self.word.lower() and self.file.startswith(allowed.files)


def sources() -> Iterator[Path]:
    """Yield all files whose words are checked, except this one, which has to name them."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in SUFFIXES and file != Path(__file__):
                yield file
    yield from (ROOT / name for name in FILES)


def python_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each identifier of a Python module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


def lua_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each identifier of a Lua script."""
    for number, line in enumerate(source.splitlines(), start=1):
        for name in _LUA_NAME.findall(_LUA_TEXT.sub("", line)):
            yield number, name


def identifiers_found(file: str, source: str) -> Iterator[Finding]:
    """Yield the identifiers that contain a replaced word."""
    names: Iterable[tuple[int, str]] = ()
    if file.endswith(".py"):
        names = python_names(source)
    elif file.endswith(".lua"):
        names = lua_names(source)
    for line, name in names:
        if name in NAMES:
            yield Finding(file, line, name, NAMES[name])
        for part in map(str.lower, _PART.findall(name)):
            if part in IDENTIFIERS:
                yield Finding(file, line, part, IDENTIFIERS[part])


@cache
def better(word: str) -> str:
    """Return the word to write instead of one in lower case; '' if it may stay."""
    if word in PROSE:
        return PROSE[word]
    spelled = (british.sub(american, word, count=1) for british, american in _SPELLING if british.fullmatch(word))
    return next(spelled, "")


def words_found(file: str, source: str) -> Iterator[Finding]:
    """Yield the replaced words and British spellings of a text, whether code or prose."""
    for number, line in enumerate(source.splitlines(), start=1):
        for word in _PART.findall(line):
            if instead := better(word.lower()):
                yield Finding(file, number, word, instead)


def phrases_found(file: str, source: str) -> Iterator[Finding]:
    """Yield the phrases of a text that are hard to read."""
    for phrase, instead in PHRASES.items():
        for match in re.finditer(phrase, source):
            yield Finding(file, source.count("\n", 0, match.start()) + 1, match[0].strip(), instead)


@cache
def all_found() -> list[Finding]:
    """Return everything that is found in the project, allowed or not."""
    found: list[Finding] = []
    for path in sources():
        file, source = str(path.relative_to(ROOT)), path.read_text("utf-8")
        for check in (identifiers_found, words_found, phrases_found):
            found += check(file, source)
    return found


def test_no_word_is_refused() -> None:
    refused = [one for one in all_found() if not any(one.is_allowed_by(allowed) for allowed in ALLOWED)]

    if refused:
        pytest.fail("\n".join([f"{len(refused)} words to replace:", *map(str, refused)]), pytrace=False)


def test_every_allowed_word_is_used() -> None:
    found = all_found()

    assert [one for one in ALLOWED if not any(finding.is_allowed_by(one) for finding in found)] == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def told(box): ...", "a.py:1: 'told'; write 'reported'"),
        ("class Ways: ...", "a.py:1: 'Ways'; write 'Effects'"),
        ("f'{self._left_alone_anyhow}'", "a.py:1: 'anyhow'; write 'a word that says when'"),
        ("WAIT = PATIENCE_S", "a.py:1: 'patience'; write 'timeouts, or wait'"),
    ],
)
def test_an_identifier_is_refused(source: str, expected: str) -> None:
    assert [str(one) for one in identifiers_found("a.py", source)] == [expected]


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("Behaviours", "behaviors"),
        ("cancelled", "canceled"),
        ("colour", "color"),
        ("reorganise", "reorganize"),
        ("initialisation", "initialization"),
        ("analysed", "analyzed"),
        ("catalogue", "catalog"),
        ("centred", "centered"),
        ("licence", "license"),
        ("grey", "gray"),
        ("labelled", "labeled"),
        ("fulfil", "fulfill"),
        ("misspelt", "misspelled"),
    ],
)
def test_a_british_spelling_is_refused(word: str, instead: str) -> None:
    assert list(words_found("a.md", f"one\nthe {word} of it")) == [Finding("a.md", 2, word, instead)]


@pytest.mark.parametrize(
    "text", ["an hour of your time", "promises, organisms and realists", "fulfilled", "a parenthesis"]
)
def test_an_american_spelling_passes(text: str) -> None:
    assert list(words_found("a.md", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        *('"""Whoever asks."""', "a mark is no proof", "what comes to the same", "a hand of theirs"),
        *("a time that is none", "what it comes to.", "parsed by who asks", "which right lacks", "whose an id is"),
    ],
)
def test_a_phrase_is_refused(text: str) -> None:
    assert len(list(phrases_found("a.py", text))) == 1


@pytest.mark.parametrize(
    "text", ["there is no draft", "there is none", "it is no longer there", "it is not a proof", "for who in reasons"]
)
def test_a_plain_phrase_passes(text: str) -> None:
    assert list(phrases_found("a.py", text)) == []
