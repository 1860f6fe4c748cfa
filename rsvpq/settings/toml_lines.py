"""Find the line of each key in a TOML text.

``tomllib`` returns values without their lines; this scanner finds the lines without the values. It is only for text
that ``tomllib`` has accepted, so it reports no errors: it skips what it does not recognize, and the line of the
enclosing table is used instead. It does not look into inline tables and arrays, which are mostly on their key's line.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping

#: The path to a value: ``("servers", "hq1", "url")``; an element of an array of tables adds its index.
KeyPath = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_BETWEEN = re.compile(r"(?:\s|#[^\n]*)*")
_STATEMENT = re.compile(
    rf"\[\[[ \t]*(?P<element>{_KEY})[ \t]*\]\]|\[[ \t]*(?P<table>{_KEY})[ \t]*\]|(?P<key>{_KEY})[ \t]*="
)
# A multi-line string may end in up to two quotes of its own before the three that close it.
_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"""["]{0,2}'''
    r"""|\'\'\'.*?\'\'\'[']{0,2}"""
    r"""|"(?:\\.|[^"\\\n])*"|'[^'\n]*'"""
    r"""|\#[^\n]*|(?P<open>[\[{])|(?P<close>[\]}])|(?P<end>\n)|[^"'\#\[\]{}\n]+""",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the first line of every key and table of ``text``, which must be valid TOML."""
    lines: dict[KeyPath, int] = {}
    elements: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for statement, line in _statements(text):
        parts = _parts(statement[statement.lastgroup or 0])
        if statement["key"]:
            path = (*table, *parts)
        elif statement["table"]:
            path = table = _inside_elements(parts, elements)
        else:
            array = _inside_elements(parts[:-1], elements) + parts[-1:]
            elements[array] = elements.get(array, -1) + 1
            path = table = (*array, elements[array])
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line)
    return lines


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """Return the line of ``path``, else of the nearest enclosing table, else 1."""
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 1)


def _statements(text: str) -> Iterator[tuple[re.Match[str], int]]:
    """Yield the beginning of each statement, without its value, and its line."""
    position, line = 0, 1
    while between := _BETWEEN.match(text, position):
        start = between.end()
        line += text.count("\n", position, start)
        statement = _STATEMENT.match(text, start)
        if statement is None:
            return
        yield statement, line
        position, depth = statement.end(), 0
        while token := _TOKEN.match(text, position):
            position = token.end()
            depth += bool(token["open"]) - bool(token["close"])
            if token["end"] and depth == 0:
                break
        line += text.count("\n", start, position)


def _parts(dotted: str) -> tuple[str, ...]:
    """Split ``a."b.c"`` into its parts; tomllib knows the quoting rules."""
    node: object = tomllib.loads(f"{dotted} = 0")
    parts: list[str] = []
    while isinstance(node, dict):
        ((part, node),) = node.items()
        parts.append(part)
    return tuple(parts)


def _inside_elements(parts: KeyPath, elements: Mapping[KeyPath, int]) -> KeyPath:
    """Insert the indexes of elements: in TOML, ``[schedule.x]`` refers to the last ``[[schedule]]`` before it."""
    path: KeyPath = ()
    for part in parts:
        path = (*path, part)
        if path in elements:
            path = (*path, elements[path])
    return path
