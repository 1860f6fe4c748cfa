"""The simulator's SQL: every query that can be written is read back as it was meant, and nothing else passes."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.webdav.search.sql_parser import SqlError, SqlUnsupportedError, parse
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

NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"'), min_size=1, max_size=20)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
LITERALS = TEXT | st.booleans() | st.integers() | st.integers(-(10**6), 10**6).map(lambda number: number / 4)
PREDICATES: st.SearchStrategy[Condition] = (
    st.builds(Comparison, NAMES, st.sampled_from(["=", "<>", "<", ">", "<=", ">="]), LITERALS)
    | st.builds(Like, NAMES, TEXT)
    | st.builds(IsNull, NAMES)
)
CONDITIONS = st.recursive(
    PREDICATES,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda parts: All(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
        | st.builds(lambda parts: AnyOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)
QUERIES = st.builds(
    Query,
    st.lists(st.builds(Column, NAMES, st.none() | st.from_regex(r"[a-z]\w{0,8}", fullmatch=True)), max_size=3).map(
        tuple
    ),
    st.lists(st.builds(Scope, NAMES, st.sampled_from(Traversal)), min_size=1, max_size=2).map(tuple),
    st.none() | CONDITIONS,
    st.lists(st.builds(Order, NAMES, st.booleans()), max_size=3).map(tuple),
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def literal_sql(literal: str | bool | float) -> str:
    return quoted(literal) if isinstance(literal, str) else str(literal)


def condition_sql(condition: Condition) -> str:
    match condition:
        case Comparison(name, operator, literal):
            return f'"{name}" {operator} {literal_sql(literal)}'
        case Like(name, pattern):
            return f'"{name}" like {quoted(pattern)}'
        case IsNull(name):
            return f'"{name}" Is Null'
        case Not(inner):
            return f"Not ({condition_sql(inner)})"
        case All(parts):
            return " And ".join(f"({condition_sql(part)})" for part in parts)
        case AnyOf(parts):
            return "\r\nOR ".join(f"({condition_sql(part)})" for part in parts)


def query_sql(query: Query) -> str:
    columns = ",".join(f'"{column.name}"' + (f" as {column.alias}" if column.alias else "") for column in query.columns)
    scopes = ", ".join(quoted(f'{scope.traversal.upper()} traversal Of "{scope.url}"') for scope in query.scopes)
    sql = f"SELECT {columns or '*'}\r\nFROM Scope({scopes})"
    if query.condition is not None:
        sql += f"\r\nwhere {condition_sql(query.condition)}"
    if query.order:
        keys = ", ".join(f'"{key.name}"' + (" desc" if key.descending else "") for key in query.order)
        sql += f"\nORDER by {keys}"
    return sql


@given(QUERIES)
def test_what_a_query_says_is_what_is_read(query: Query) -> None:
    assert parse(query_sql(query)) == query


@given(st.text(max_size=80) | st.builds(lambda query, cut: query_sql(query)[:cut], QUERIES, st.integers(0, 60)))
def test_any_other_text_is_refused_and_never_breaks_the_parser(text: str) -> None:
    with suppress(SqlError, SqlUnsupportedError):
        assert isinstance(parse(text), Query)


def condition(sql: str) -> Condition | None:
    return parse(f'SELECT * FROM "" WHERE {sql}').condition


def test_and_binds_tighter_than_or_and_not_tighter_than_both() -> None:
    a, b, c = (Comparison(name, "=", 1) for name in "abc")
    assert condition('"a"=1 OR "b"=1 AND "c"=1') == AnyOf((a, All((b, c))))
    assert condition('("a"=1 OR "b"=1) AND "c"=1') == All((AnyOf((a, b)), c))
    assert condition('NOT "a"=1 AND "b"=1') == All((Not(a), b))
    assert condition('NOT NOT "a"=1') == Not(Not(a))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('"a" != 1', Comparison("a", "<>", 1)),
        ('"a" = "b"', Comparison("a", "=", "b")),
        ('"a" = -1.5', Comparison("a", "=", -1.5)),
        ("\"a\" = 'O''Brien'", Comparison("a", "=", "O'Brien")),
        ('"a" > CAST("2000-01-01T00:00:00Z" AS \'dateTime.tz\')', Comparison("a", ">", "2000-01-01T00:00:00Z")),
        ('"a" >= cast(\'7\' as "i4")', Comparison("a", ">=", "7")),
        ('"a" IS NOT NULL', Not(IsNull("a"))),
        ("\"a\" NOT LIKE '%x%'", Not(Like("a", "%x%"))),
    ],
)
def test_conditions_come_in_the_spellings_clients_use(sql: str, expected: Condition) -> None:
    assert condition(sql) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"http://host/a b"', (Scope("http://host/a b", Traversal.SHALLOW),)),
        ('""', (Scope("", Traversal.SHALLOW),)),
        ("SCOPE('\"x\"')", (Scope("x", Traversal.DEEP),)),
        ("SCOPE('Shallow traversal of \"/O''Brien\"')", (Scope("/O'Brien", Traversal.SHALLOW),)),
    ],
)
def test_a_source_is_a_url_or_a_scope(source: str, expected: tuple[Scope, ...]) -> None:
    assert parse(f"SELECT * FROM {source}").scopes == expected


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        'SELECT "a"',
        'SELECT "a", FROM ""',
        'SELECT a FROM ""',
        "SELECT \"a\" FROM ''",
        'SELECT "a" FROM "" WHERE',
        'SELECT "a" FROM "" WHERE "a"',
        'SELECT "a" FROM "" WHERE "a" =',
        'SELECT "a" FROM "" WHERE "a" , 1',
        'SELECT "a" FROM "" WHERE ("a" = 1',
        'SELECT "a" FROM "" WHERE "a" IS 1',
        'SELECT "a" FROM "" ORDER "a"',
        'SELECT "a" FROM "" ORDER BY',
        'SELECT "a" FROM "" ; DROP',
        'SELECT "a" FROM "" extra',
        "SELECT \"a\" FROM SCOPE('round and round')",
        'SELECT "a" FROM "" WHERE ' + "NOT " * 5000 + '"a"=1',
    ],
)
def test_what_is_not_sql_is_an_error(sql: str) -> None:
    with pytest.raises(SqlError):
        parse(sql)


@pytest.mark.parametrize("tail", ["WHERE CONTAINS(\"a\", 'x')", "WHERE FreeText('x')"])
def test_what_this_store_cannot_run_is_distinguished_from_errors(tail: str) -> None:
    with pytest.raises(SqlUnsupportedError):
        parse(f'SELECT "a" FROM "" {tail}')
