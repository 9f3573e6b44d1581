"""Users' SQL expressions over a source's own columns: what they may see, whether they bind, how they are computed.

A raw table holds each source column under the name ``raw_name`` gives. Where the source is text, an expression sees
its columns in the type that their values have, so that ``Quantity * UnitPrice`` works on a CSV file.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from features.errors import FactsError
from features.numbers_in_text import (
    FOR_THE_TABLE,
    PLAIN,
    DecimalSign,
    Finding,
    find_notations,
    likely_numbers,
    number,
    undecided,
    unified,
)
from features.readers import quoted
from features.text import Text

TOLERATED_SHARE = 0.9
"""From this share of readable values on, a text column may count as a number or a time when an expression needs it."""

SAMPLE_ROWS = 10_000
LIKELY_SHARE = 0.5
"""A type is looked for in all rows when this share of the first rows' values have it."""


@dataclass(frozen=True)
class Expression:
    """An expression: ``sql`` is computed, ``shown`` is how the user wrote it, ``place`` where: [tables.orders] amount."""

    name: str
    sql: str
    shown: str
    place: str


@dataclass(frozen=True)
class View:
    """In which types an expression sees the source's columns; None: as they are. Exact: every value has its type.

    ``findings`` tell how columns of text write their numbers, where they are not plain or can be read in two ways.
    """

    types: Mapping[str, str | None]
    is_exact: bool = True
    findings: Mapping[str, Finding] = field(default_factory=dict)


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


def views_of_text(
    connection: duckdb.DuckDBPyConnection,
    raw: str,
    columns: Sequence[str],
    company: str | None = None,
    by_program: bool = False,
    decimal: DecimalSign | None = None,
) -> list[View]:
    """The ways in which an expression may see text columns; the first that binds wins.

    The types that all values have; the types that nearly all have (one misspelt number does not turn a column into
    text; that row is set aside); plain text. For ``company`` and ``by_program`` see ``find_notations``; ``decimal`` is what
    the project file says about the whole table.
    """
    exact, tolerant = _inferred_types(connection, raw, columns)
    findings = _findings(connection, raw, exact, tolerant, company, by_program, decimal)
    written = {c: f.readable for c, f in findings.items() if f.notation and f.readable}
    filled = _fitting(connection, raw, dict.fromkeys(written, ()))
    for column, readable in written.items():
        if readable >= filled[column][""] * TOLERATED_SHARE:
            tolerant[column] = "DOUBLE"
        if readable >= filled[column][""]:
            exact[column] = "DOUBLE"
    return [
        View(exact, findings=findings),
        View(tolerant, is_exact=False, findings=findings),
        View(dict.fromkeys(columns, "VARCHAR")),
    ]


def _findings(
    connection: duckdb.DuckDBPyConnection,
    raw: str,
    exact: Mapping[str, str],
    tolerant: Mapping[str, str],
    company: str | None,
    by_program: bool,
    decimal: DecimalSign | None,
) -> dict[str, Finding]:
    """How those columns write their numbers that may hold numbers other than whole ones."""
    text = {c: quoted(raw_name(c)) for c, type_ in tolerant.items() if type_ == "VARCHAR"}
    likely = likely_numbers(connection, raw, text, LIKELY_SHARE)
    asked = [c for c, type_ in tolerant.items() if "DOUBLE" in (type_, exact[c]) or (type_ == "BIGINT" != exact[c])]
    texts = {c: quoted(raw_name(c)) for c in (*likely, *asked)}
    given = dict.fromkeys(texts, decimal) if decimal else {}
    found = find_notations(connection, raw, texts, company, by_program, given)
    return {c: finding for c, finding in found.items() if finding.notation or finding.doubtful}


def _inferred_types(
    connection: duckdb.DuckDBPyConnection, raw: str, columns: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The type that all, and that nearly all values of text columns have; VARCHAR where they agree on none.

    Numbers with a leading zero are codes, and stay text.
    """
    sample = _fitting(connection, f"{raw} LIMIT {SAMPLE_ROWS}", {c: tuple(_TESTS) for c in columns})
    likely = {c: tuple(t for t in _TESTS if _share(sample[c], t) >= LIKELY_SHARE) for c in columns}
    counts = _fitting(connection, raw, likely)
    found = []
    for share in (1.0, TOLERATED_SHARE):
        found.append({c: next((t for t in likely[c] if _share(counts[c], t) >= share), "VARCHAR") for c in columns})
    return found[0], found[1]


_NOT_A_CODE = "(NOT prefix({text}, '0') OR length({text}) = 1 OR substr({text}, 2, 1) = '.')"
_TESTS = {
    "BIGINT": "NOT contains({text}, '.') AND TRY_CAST({text} AS BIGINT) IS NOT NULL AND " + _NOT_A_CODE,
    "DOUBLE": "isfinite(TRY_CAST({text} AS DOUBLE)) AND " + _NOT_A_CODE,
    "TIMESTAMP": "regexp_matches({text}, '^[0-9]{{4}}[-/]') AND TRY_CAST({text} AS TIMESTAMP) IS NOT NULL",
    "BOOLEAN": "lower({text}) IN ('true', 'false')",
}
"""Types that a text may have, the narrowest first, and how it is found out."""


def _fitting(
    connection: duckdb.DuckDBPyConnection, raw: str, types: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, int]]:
    """For each column how many values it has (under '') and how many of them have each of the given types."""
    if not types:
        return {}
    filled = ", ".join(f"{_filled(c)} AS c{n}" for n, c in enumerate(types))
    keys = [(c, t) for c, of_column in types.items() for t in ("", *of_column)]
    numbers = {c: f"c{n}" for n, c in enumerate(types)}
    tests = [f"count(*) FILTER ({_TESTS[t].format(text=numbers[c])})" if t else f"count({numbers[c]})" for c, t in keys]
    rows = f"(SELECT {filled} FROM (SELECT * FROM {raw}))"
    row = connection.execute(f"SELECT {', '.join(tests)} FROM {rows}").fetchall()[0]
    counts: dict[str, dict[str, int]] = {c: {} for c in types}
    for (column, type_), count in zip(keys, row, strict=True):
        counts[column][type_] = count
    return counts


def _share(counts: Mapping[str, int], type_: str) -> float:
    """The share of a column's values that have a type; 0 where there are none."""
    return counts[type_] / counts[""] if counts[""] else 0.0


def _filled(column: str) -> str:
    return f"nullif(trim({quoted(raw_name(column))}), '')"


def _seen_as(column: str, view: View) -> str:
    """SQL for a raw column as an expression sees it."""
    type_ = view.types[column]
    if type_ is None:
        value = quoted(raw_name(column))
    elif type_ == "VARCHAR":
        value = _filled(column)
    elif type_ == "DOUBLE" and (notation := view.findings.get(column, PLAIN).notation):
        value = number(unified(quoted(raw_name(column))), notation)
    else:
        value = f"TRY_CAST({_filled(column)} AS {type_})"
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
    return f"(SELECT *, {', '.join(_seen_as(c, view) for c in view.types)} FROM {relation})"


def _misread(expression: Expression, view: View) -> str:
    """SQL: whether a column of the expression holds a text that is not of the type it is seen in."""
    used = mentioned(expression.sql, view.findings if view.is_exact else view.types)
    doubtful = [c for c in used if view.types[c] not in (None, "VARCHAR")]
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
        except duckdb.Error as fault:
            faults.append(fault)
            continue
        _refuse_doubtful(expression, view, ("DOUBLE",))
        return position
    _refuse_doubtful(expression, views[0], ("DOUBLE", "VARCHAR"))
    raise _does_not_bind(expression, columns, faults[0])


def _refuse_doubtful(expression: Expression, view: View, types: Sequence[str]) -> None:
    """Raise FactsError if the expression needs a column of these types whose numbers can be read in two ways."""
    for column in mentioned(expression.sql, view.findings):
        finding = view.findings[column]
        if finding.doubtful and view.types[column] in types:
            raise undecided(expression.place, column, finding, FOR_THE_TABLE)


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
