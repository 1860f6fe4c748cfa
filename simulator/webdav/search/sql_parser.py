"""The SQL of a SEARCH: text in, a Query out.

The grammar is that of MSDN aa123640 and aa123678 plus what clients are known to send.  This module knows no property
and no folder; `simulator.webdav.search.query` gives the Query its meaning.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from simulator.webdav.sql import (
    All,
    AnyOf,
    Column,
    Comparison,
    Condition,
    IsNull,
    Like,
    Not,
    Order,
    Query,
    Scope,
    Traversal,
)


class SqlError(Exception):
    """The text is not SQL as Exchange understands it: 400."""


class SqlUnsupportedError(Exception):
    """The text is SQL, but this store cannot run it: 422."""


#: Conditions in brackets inside brackets; far more than any client nests, far less than Python's stack.
_MAX_DEPTH = 60

_TOKEN = re.compile(
    r"""\s*(?:
        '(?P<text>(?:[^']|'')*)'
      | "(?P<name>(?:[^"]|"")*)"
      | (?P<number>[+-]?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign><=|>=|<>|!=|[=<>(),*])
    )""",
    re.VERBOSE,
)
_SCOPE = re.compile(r'\s*(?:(shallow|deep|hierarchical)\s+traversal\s+of\s+)?"([^"]*)"\s*', re.IGNORECASE)
_COMPARISONS = frozenset({"=", "<>", "!=", "<", ">", "<=", ">="})
_FULL_TEXT = frozenset({"CONTAINS", "FREETEXT"})


_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


_END = _Token("end", "")


def _tokens(text: str) -> Iterator[_Token]:
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise SqlError(f"unexpected text at {position}")
        kind = match.lastgroup or ""
        content = match[kind]
        if kind == "text":
            content = content.replace("''", "'")
        elif kind == "name":
            content = content.replace('""', '"')
        yield _Token(kind, content)
        position = match.end()


class _Parser:
    """Recursive descent over the tokens of one query."""

    def __init__(self, text: str) -> None:
        self._rest = list(_tokens(text))
        self._rest.reverse()
        self._depth = 0

    def query(self) -> Query:
        self._expect("SELECT")
        columns = () if self._took_sign("*") else self._list_of(self._column)
        self._expect("FROM")
        scopes = self._scopes()
        condition = self._any_of() if self._took("WHERE") else None
        groups = self._groups() if self._took("GROUP") else ()
        order = self._order() if self._took("ORDER") else ()
        if self._rest:
            raise SqlError(f"unexpected {self._next.text!r}")
        return Query(columns, scopes, condition, order, groups)

    @property
    def _next(self) -> _Token:
        return self._rest[-1] if self._rest else _END

    def _take(self, *kinds: str) -> _Token:
        token = self._next
        if token.kind not in kinds:
            raise SqlError(f"expected {' or '.join(kinds)}, found {token.text!r}")
        return self._rest.pop()

    def _took(self, keyword: str) -> bool:
        if self._next.kind != "word" or self._next.text.upper() != keyword:
            return False
        self._rest.pop()
        return True

    def _took_sign(self, sign: str) -> bool:
        if self._next != _Token("sign", sign):
            return False
        self._rest.pop()
        return True

    def _expect(self, keyword: str) -> None:
        if not self._took(keyword):
            raise SqlError(f"expected {keyword}, found {self._next.text!r}")

    def _expect_sign(self, sign: str) -> None:
        if not self._took_sign(sign):
            raise SqlError(f"expected {sign}, found {self._next.text!r}")

    def _list_of(self, part: Callable[[], _Part]) -> tuple[_Part, ...]:
        parts = [part()]
        while self._took_sign(","):
            parts.append(part())
        return tuple(parts)

    def _column(self) -> Column:
        name = self._take("name").text
        return Column(name, self._take("word", "name").text if self._took("AS") else None)

    def _scopes(self) -> tuple[Scope, ...]:
        if not self._took("SCOPE"):
            return (Scope(self._take("name").text, Traversal.SHALLOW),)
        self._expect_sign("(")
        scopes = self._list_of(self._scope)
        self._expect_sign(")")
        return scopes

    def _scope(self) -> Scope:
        match = _SCOPE.fullmatch(self._take("text").text)
        if match is None:
            raise SqlError("bad scope")
        # Without a depth word SCOPE() is deep (MSDN aa123678).
        return Scope(match[2], Traversal((match[1] or Traversal.DEEP).lower()))

    def _any_of(self) -> Condition:
        conditions = [self._all()]
        while self._took("OR"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))

    def _all(self) -> Condition:
        conditions = [self._factor()]
        while self._took("AND"):
            conditions.append(self._factor())
        return conditions[0] if len(conditions) == 1 else All(tuple(conditions))

    def _factor(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SqlError("nested too deeply")
        try:
            if self._took("NOT"):
                return Not(self._factor())
            if self._took_sign("("):
                condition = self._any_of()
                self._expect_sign(")")
                return condition
            return self._predicate()
        finally:
            self._depth -= 1

    def _predicate(self) -> Condition:
        if self._next.kind == "word" and self._next.text.upper() in _FULL_TEXT:
            # "Mailbox does not support full-text searching" is answered 422 (evolution-exchange).
            raise SqlUnsupportedError("full-text search")
        name = self._take("name").text
        if self._took("IS"):
            negated = self._took("NOT")
            self._expect("NULL")
            return Not(IsNull(name)) if negated else IsNull(name)
        if self._took("NOT"):
            self._expect("LIKE")
            return Not(Like(name, self._take("text", "name").text))
        if self._took("LIKE"):
            return Like(name, self._take("text", "name").text)
        operator = self._take("sign").text
        if operator not in _COMPARISONS:
            raise SqlError(f"unknown operator {operator!r}")
        return Comparison(name, "<>" if operator == "!=" else operator, self._literal())

    def _literal(self) -> str | bool | float:
        if self._took("TRUE"):
            return True
        if self._took("FALSE"):
            return False
        if self._took("CAST"):
            return self._cast()
        token = self._take("text", "name", "number")
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        return token.text

    def _cast(self) -> str | bool | float:
        # The type adds nothing: a literal is read as the type of the property that it is compared with.
        self._expect_sign("(")
        literal = self._literal()
        self._expect("AS")
        self._take("text", "name")
        self._expect_sign(")")
        return literal

    def _groups(self) -> tuple[str, ...]:
        self._expect("BY")
        return self._list_of(lambda: self._take("name").text)

    def _order(self) -> tuple[Order, ...]:
        self._expect("BY")
        return self._list_of(self._key)

    def _key(self) -> Order:
        name = self._take("name").text
        descending = self._took("DESC")
        if not descending:
            self._took("ASC")
        return Order(name, descending)


@lru_cache(maxsize=4096)
def parse(text: str) -> Query:
    """Return the Query in the text, or raise SqlError or SqlUnsupportedError."""
    return _Parser(text).query()
