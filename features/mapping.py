"""From a raw table to a contract table, as SQL: each column's value, and the problem for which a row is set aside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from features.contracts import KNOWN_AT, ColumnType, Table
from features.errors import ProjectError
from features.expressions import (
    Expression,
    View,
    mentioned,
    misread_name,
    raw_name,
    value_name,
    views_of_text,
    with_expressions,
)
from features.fields import (
    NO_FILTER,
    Field,
    Problem,
    contract_columns,
    fields_of,
    first_problem,
    guards_of,
    plain_names,
    plain_value,
    prepared_value,
    repeated_key,
    value_of,
)
from features.numbers_in_text import FOR_THE_TABLE, PLAIN, undecided
from features.project import Project, SqlColumn, TableSource
from features.raw_tables import RawTable, missing_column
from features.readers import (
    DUCKDB_TYPES,
    checked,
    day,
    day_name,
    is_number,
    is_time,
    literal,
    quoted,
)
from features.text import Text

WHERE = "where"


@dataclass(frozen=True)
class Mapping:
    """How a raw table becomes a contract table.

    ``relation`` is SQL with ``#file``, ``#row``, the contract's columns, the attributes, and ``#problem``: 0, or 1 + the
    index of a problem. ``duplicate`` is the number of the problem of rows that repeat the table's key, which ``relation``
    does not look for; None where the table has no key. ``is_dear`` says that reading it again and again costs more than a
    copy: times or numbers that are parsed, times moved between clocks. ``currencies`` are those whose signs
    stand in the columns. ``plain`` is SQL for the same columns without cleaning, which costs several times the reading;
    ``differs`` whether cleaning changes anything in a row of ``relation``. None: there is no plain way.
    """

    relation: str
    columns: tuple[str, ...]
    attributes: tuple[str, ...]
    problems: tuple[Problem, ...]
    duplicate: int | None
    is_dear: bool
    currencies: dict[str, str]
    plain: str | None = None
    differs: str | None = None


def map_table(
    connection: duckdb.DuckDBPyConnection, project: Project, table: Table, source: TableSource, raw: RawTable
) -> Mapping:
    """Build the SQL for one table.

    Raises FactsError: a column is not there or an expression does not bind; ProjectError: an attribute's name is taken.
    """
    _check_columns(table, source, raw)
    computed = _computed(connection, project, table, source, raw)
    fields = fields_of(connection, project, table, source, raw, computed)
    attributes = _attributes(connection, project, table, source, raw)
    guards = [guard for field in fields for guard in guards_of(field)]
    if source.where:
        failed = Problem(WHERE, NO_FILTER, _mentioned(source.where, raw))
        guards.append((failed, [f"{quoted(value_name(WHERE))} IS DISTINCT FROM 1"]))
    problems = [problem for problem, _ in guards]
    if table.key:
        problems.append(repeated_key(table, fields))
    plain, differs = _plain(source, raw, [*fields, *attributes], project.project.timezone)
    return Mapping(
        _stages(computed, source, [*fields, *attributes], first_problem(guards), project.project.timezone),
        tuple(f.name for f in fields),
        tuple(a.name for a in attributes),
        tuple(problems),
        len(problems) if table.key else None,
        project.project.timezone != "UTC" or any(f.is_parsed or f.notation for f in fields),
        {f.name: f.notation.currency for f in fields if f.notation and f.notation.currency},
        plain,
        differs,
    )


def _plain(source: TableSource, raw: RawTable, fields: Sequence[Field], zone: str) -> tuple[str | None, str | None]:
    """See `Mapping`."""
    values = {f.name: plain_value(f, zone) for f in fields}
    if source.where or None in values.values():
        return None, None
    columns = _list(f"{value} AS {quoted(name)}" for name, value in values.items())
    differs = " OR ".join(f"{quoted(name)} IS DISTINCT FROM {value}" for name, value in values.items())
    return f'(SELECT "#file", "#row", {columns} FROM {raw.relation})', differs


def _stages(computed: str, source: TableSource, fields: Sequence[Field], problem: str, zone: str) -> str:
    """Select upon select, so that what is used several times is computed once."""
    value, misread = quoted(value_name(WHERE)), quoted(misread_name(WHERE))
    kept = f"WHERE {value} IS NULL OR {value} = 1 OR ({value} = 2 AND {misread})" if source.where else ""
    staged = _list(f"{prepared_value(f)} AS {f.staged}" for f in fields)
    values = _list(f"{value_of(f, zone)} AS {quoted(f.name)}" for f in fields)
    doubtful = [
        f"{checked(quoted(f.name), f.type)} AS {quoted(f.name)}" for f in fields if f.type in ("time", "number")
    ]
    replaced = f"REPLACE ({_list(doubtful)})" if doubtful else ""
    first = f"SELECT *, {staged} FROM {computed} {kept}"
    return f'(SELECT *, {problem} AS "#problem" FROM (SELECT * {replaced} FROM (SELECT *, {values} FROM ({first}))))'


def _list(parts: Iterator[str] | Sequence[str]) -> str:
    return ", ".join(parts)


def _mentioned(sql: str, raw: RawTable) -> tuple[str, ...]:
    return tuple(mentioned(sql, raw.types))


def _check_columns(table: Table, source: TableSource, raw: RawTable) -> None:
    for mapped in source.columns.values():
        for name in plain_names(mapped):
            if name not in raw.types:
                raise missing_column(raw.place, raw.types, name, table.name)


# --- expressions


def _computed(
    connection: duckdb.DuckDBPyConnection, project: Project, table: Table, source: TableSource, raw: RawTable
) -> str:
    """The raw rows with the values of all expressions."""
    expressions = _expressions(table, source)
    columns = list(dict.fromkeys(c for e in expressions for c in _mentioned(e.sql, raw)))
    views = _views(connection, project, source, raw, columns)
    return with_expressions(connection, raw.relation, expressions, list(raw.types), views)


def _views(
    connection: duckdb.DuckDBPyConnection, project: Project, source: TableSource, raw: RawTable, columns: Sequence[str]
) -> list[View]:
    if not raw.is_text:
        return [View(dict.fromkeys(columns))]
    company = project.project.currency
    return views_of_text(connection, raw.relation, columns, company, raw.is_by_program, source.decimal)


def _expressions(table: Table, source: TableSource) -> list[Expression]:
    found = [
        Expression(name, mapped.sql, mapped.sql, f"[tables.{table.name}] {name}")
        for name, mapped in source.columns.items()
        if isinstance(mapped, SqlColumn)
    ]
    if source.where:
        # 1: keep, 0: leave out, 2: NULL; NULL itself then means that computing it failed
        sql = f"CASE WHEN ({source.where}\n) THEN 1 WHEN NOT ({source.where}\n) THEN 0 ELSE 2 END"
        found.append(Expression(WHERE, sql, source.where, f"[tables.{table.name}] where"))
    return found


# --- further attributes


def _attributes(
    connection: duckdb.DuckDBPyConnection, project: Project, table: Table, source: TableSource, raw: RawTable
) -> list[Field]:
    """The source's own columns to be kept, each in the type that all its values have.

    Raises FactsError: an attribute's numbers can be read in two ways.
    """
    names = _attribute_names(table, source, raw)
    if not raw.is_text:
        return [Field(n, _attribute_type(raw.types[n]), raw_name(n), raw.types[n], (n,)) for n in names]
    view = _views(connection, project, source, raw, names)[0]
    fields = []
    for name in names:
        type_ = _attribute_type(str(view.types[name]))
        finding = view.findings.get(name, PLAIN)
        if type_ == "number" and finding.doubtful:
            raise undecided(f"[tables.{table.name}]", name, finding, FOR_THE_TABLE)
        if finding.notation and not (finding.shows_decimal or finding.notation.currency):
            type_ = "text"  # '030 123 456' may as well be a telephone number
        notation = finding.notation if type_ == "number" else None
        fields.append(Field(name, type_, raw_name(name), "VARCHAR", (name,), notation=notation))
    return fields


def _attribute_type(source_type: str) -> ColumnType:
    if is_number(source_type):
        return "number"
    if is_time(source_type):
        return "time"
    return "flag" if source_type == "BOOLEAN" else "text"


def _attribute_names(table: Table, source: TableSource, raw: RawTable) -> list[str]:
    """Those listed; in a ready-made panel without a list, all columns that are not mapped otherwise."""
    names = source.columns.get("attributes")
    if not isinstance(names, list):
        used = {n for m in source.columns.values() for n in plain_names(m)}
        names = [c for c in raw.types if table.any_attribute and not table.key and c not in used]
    taken = {c.name for c in contract_columns(table)}
    taken |= {day_name(c.name) for c in contract_columns(table) if c.type == "time"}
    if clash := [n for n in names if n.lower() in taken]:
        raise ProjectError(
            Text(
                "[tables.{table}]: the source's column '{name}' would become a further attribute, but the table has a "
                'column of that name. Map it ({name} = "{name}"), or list the attributes without it: attributes = [...].',
                "[tables.{table}]：数据源的“{name}”列会成为附加属性，但该表已有同名列。"
                '请映射它（{name} = "{name}"），或在 attributes = [...] 中列出属性时去掉它。',
            ),
            table=table.name,
            name=clash[0],
        )
    return names


# --- what is made of it


def days(table: Table, mapping: Mapping, zone: str) -> list[str]:
    """SQL for the calendar days of the time columns that are mapped."""
    times = [c.name for c in contract_columns(table) if c.type == "time" and c.name in mapping.columns]
    return [f"{day(quoted(name), zone)} AS {quoted(day_name(name))}" for name in times]


def view_columns(table: Table, mapping: Mapping) -> list[str]:
    """SQL for all columns that a contract table's view has: mapped or NULL, ``known_at``, calendar days, attributes."""
    columns = []
    for column in table.columns:
        name = column.name if column.name in mapping.columns else None
        columns.append(_or_null(name, DUCKDB_TYPES[column.type], column.name))
        if column.type == "time":
            columns.append(_or_null(name and day_name(name), "DATE", day_name(column.name)))
    return columns + _known(table, mapping) + [quoted(a) for a in mapping.attributes]


def _known(table: Table, mapping: Mapping) -> list[str]:
    """SQL for when a row was known and on which day: as mapped, and when it occurred where nothing is mapped or given."""
    names = [name for name in (KNOWN_AT.name, table.occurred_at) if name is not None and name in mapping.columns]
    instants = [quoted(name) for name in names] or ["CAST(NULL AS TIMESTAMP)"]
    dates = [quoted(day_name(name)) for name in names] or ["CAST(NULL AS DATE)"]
    return [
        f"coalesce({', '.join(instants)}) AS {quoted(KNOWN_AT.name)}",
        f"coalesce({', '.join(dates)}) AS {quoted(day_name(KNOWN_AT.name))}",
    ]


def _or_null(name: str | None, type_: str, alias: str) -> str:
    return f"{quoted(name) if name else f'CAST(NULL AS {type_})'} AS {quoted(alias)}"


def shown_value(problem: Problem) -> str:
    """SQL for what a row holds in the columns that a problem is about."""
    texts = [f"CAST({quoted(raw_name(s))} AS VARCHAR)" for s in problem.sources]
    if len(texts) == 1:
        return texts[0]
    named = [f"{literal(s + ' = ')} || coalesce({t}, '')" for s, t in zip(problem.sources, texts, strict=True)]
    return f"concat_ws(', ', {', '.join(named)})" if named else "''"
