"""Users' SQL expressions over a source's own columns: what they may see, whether they bind, how they are computed.

A raw table holds each source column under the name ``raw_name`` gives. Where the source is text, an expression sees
its columns in the type that their values have, so that ``Quantity * UnitPrice`` works on a CSV file.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from features.errors import FactsError
from features.readers import quoted
from features.text import Text

TOLERATED_SHARE = 0.9
"""From this share of readable values on, a text column may count as a number or a time when an expression needs it."""

_TYPES = ("BIGINT", "DOUBLE", "TIMESTAMP", "BOOLEAN")


@dataclass(frozen=True)
class Expression:
    """An expression: ``sql`` is computed, ``shown`` is how the user wrote it, ``place`` where: [tables.orders] amount."""

    name: str
    sql: str
    shown: str
    place: str


@dataclass(frozen=True)
class View:
    """In which types an expression sees the source's columns; None: as they are. Exact: every value has its type."""

    types: Mapping[str, str | None]
    is_exact: bool = True


def raw_name(column: str) -> str:
    """Under which name a raw table holds a source column; no user's column is called so."""
    return f"={column}"


def value_name(expression: str) -> str:
    """Name of the column that holds an expression's value."""
    return f"@{expression}"


def misread_name(expression: str) -> str:
    """Name of the column that says whether an input of the expression could not be read."""
    return f"!{expression}"


def mentioned(sql: str, columns: Collection[str]) -> list[str]:
    """The source's columns whose names occur in an expression."""
    words = {w.lower() for w in re.findall(r"\w+", sql)}
    words |= {w.replace('""', '"').lower() for w in re.findall(r'"((?:[^"]|"")+)"', sql)}
    return [c for c in columns if c.lower() in words]


def views_of_text(connection: duckdb.DuckDBPyConnection, raw: str, columns: Sequence[str]) -> list[View]:
    """The ways in which an expression may see text columns; the first that binds wins.

    The types that all values have; the types that nearly all have (one misspelt number does not turn a column into
    text; that row is set aside); plain text.
    """
    exact, tolerant = inferred_types(connection, raw, columns)
    return [View(exact), View(tolerant, is_exact=False), View(dict.fromkeys(columns, "VARCHAR"))]


def inferred_types(
    connection: duckdb.DuckDBPyConnection, raw: str, columns: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The type that all, and that nearly all values of text columns have; VARCHAR where they agree on none.

    Numbers with a leading zero are codes, and stay text.
    """
    if not columns:
        return {}, {}
    filled = ", ".join(f"{_filled(c)} AS c{n}" for n, c in enumerate(columns))
    tests = ", ".join(f"count(*) FILTER ({t})" for n in range(len(columns)) for t in _type_tests(f"c{n}"))
    counts = connection.execute(f"SELECT {tests} FROM (SELECT {filled} FROM {raw})").fetchall()[0]
    width = 1 + len(_TYPES)
    of_column = {c: counts[n * width : (n + 1) * width] for n, c in enumerate(columns)}
    return (
        {c: _type(n, 1.0) for c, n in of_column.items()},
        {c: _type(n, TOLERATED_SHARE) for c, n in of_column.items()},
    )


def _type(counts: Sequence[int], share: float) -> str:
    """The first type that ``share`` of the values have. ``counts``: values, then how many have each type."""
    values, *fitting = counts
    return next((t for t, n in zip(_TYPES, fitting, strict=True) if n >= share * values > 0), "VARCHAR")


def _type_tests(text: str) -> list[str]:
    number = f"NOT regexp_matches({text}, '^[+-]?0[0-9]')"
    return [
        f"{text} IS NOT NULL",
        f"NOT contains({text}, '.') AND TRY_CAST({text} AS BIGINT) IS NOT NULL AND {number}",
        f"isfinite(TRY_CAST({text} AS DOUBLE)) AND {number}",
        f"regexp_matches({text}, '^[0-9]{{4}}[-/]') AND TRY_CAST({text} AS TIMESTAMP) IS NOT NULL",
        f"lower({text}) IN ('true', 'false')",
    ]


def _filled(column: str) -> str:
    return f"nullif(trim({quoted(raw_name(column))}), '')"


def _seen_as(column: str, type_: str | None) -> str:
    """SQL for a raw column as an expression sees it."""
    raw = quoted(raw_name(column))
    value = (
        raw if type_ is None else _filled(column) if type_ == "VARCHAR" else f"TRY_CAST({_filled(column)} AS {type_})"
    )
    return f"{value} AS {quoted(column)}"


def with_expressions(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    expressions: Sequence[Expression],
    columns: Sequence[str],
    views: Sequence[View],
) -> str:
    """SQL for ``relation`` with each expression as a further column; NULL in a row where computing it fails.

    Raises FactsError: an expression does not bind in any view.
    """
    chosen: dict[int, list[Expression]] = {}
    for expression in expressions:
        position = _first_that_binds(connection, relation, expression, columns, views)
        chosen.setdefault(position, []).append(expression)
    for position, group in chosen.items():
        relation = _computed(relation, group, views[position])
    return relation


def _computed(relation: str, group: Sequence[Expression], view: View) -> str:
    values = ", ".join(
        f"TRY(({e.sql}\n)) AS {quoted(value_name(e.name))}, {_misread(e, view)} AS {quoted(misread_name(e.name))}"
        for e in group
    )
    hidden = f"* EXCLUDE ({', '.join(quoted(c) for c in view.types)})" if view.types else "*"
    return f"(SELECT {hidden}, {values} FROM {_seen(relation, view)})"


def _seen(relation: str, view: View) -> str:
    if not view.types:
        return relation
    return f"(SELECT *, {', '.join(_seen_as(c, t) for c, t in view.types.items())} FROM {relation})"


def _misread(expression: Expression, view: View) -> str:
    """SQL: whether a column of the expression holds a text that is not of the type it is seen in."""
    if view.is_exact:
        return "false"
    doubtful = [c for c in mentioned(expression.sql, view.types) if view.types[c] not in (None, "VARCHAR")]
    tests = [f"({_filled(c)} IS NOT NULL AND {quoted(c)} IS NULL)" for c in doubtful]
    return f"({' OR '.join(tests)})" if tests else "false"


def _first_that_binds(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    expression: Expression,
    columns: Sequence[str],
    views: Sequence[View],
) -> int:
    """The first view in which it binds. Explaining also folds constants: BIGINT = 'POST' is found out there."""
    faults: list[duckdb.Error] = []
    for position, view in enumerate(views):
        try:
            connection.execute(f"EXPLAIN SELECT ({expression.sql}\n) FROM {_seen(relation, view)}")
            connection.execute(f"EXPLAIN SELECT * FROM {_computed(relation, [expression], view)}")
            return position
        except duckdb.Error as fault:
            faults.append(fault)
    raise _does_not_bind(expression, columns, faults[0])


def _does_not_bind(expression: Expression, columns: Sequence[str], fault: duckdb.Error) -> FactsError:
    return FactsError(
        Text(
            "{place}: the expression '{sql}' cannot be computed: {fault}\nThe source has the columns {columns}. "
            "Names with blanks or signs are written in double quotes.",
            "{place}：无法计算表达式“{sql}”：{fault}\n数据源包含的列：{columns}。含空格或符号的列名要加双引号。",
        ),
        place=expression.place,
        sql=expression.shown,
        fault=str(fault).split("\n")[0].strip(),
        columns=", ".join(columns),
    )
