"""From a raw table to a contract table, as SQL: each column's value, and the problem for which a row is set aside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from features.contracts import KNOWN_AT, Column, ColumnType, Table
from features.errors import ProjectError
from features.expressions import (
    Expression,
    View,
    inferred_types,
    mentioned,
    misread_name,
    raw_name,
    value_name,
    views_of_text,
    with_expressions,
)
from features.project import FormattedColumn, Project, SqlColumn, TableSource
from features.raw_tables import RawTable, missing_column
from features.readers import (
    DUCKDB_TYPES,
    checked,
    day,
    day_name,
    is_number,
    is_present,
    is_time,
    literal,
    prepared,
    quoted,
    read,
)
from features.text import Text

WHERE = "where"

MISSING = Text("{column} is missing", "缺少 {column}")
NO_RESULT = Text("{column} cannot be computed", "无法计算 {column}")
NO_FILTER = Text("the filter 'where' cannot be computed", "无法计算筛选条件 where")
DUPLICATE = Text("duplicate {column}", "{column} 重复")
NO_FORMATTED_TIME = Text("{column} does not fit the format {format}", "{column} 不符合格式 {format}")
UNREADABLE: dict[ColumnType, Text] = {
    "time": Text("{column} cannot be read as a time", "{column} 无法读作时间"),
    "number": Text("{column} cannot be read as a number", "{column} 无法读作数字"),
    "flag": Text("{column} is none of true/false, yes/no, 1/0", "{column} 不是 true/false、yes/no、1/0、是/否 之一"),
}


@dataclass(frozen=True)
class Problem:
    """Why a row is set aside: the contract column, what is wrong, and the source's columns to show."""

    column: str
    reason: Text
    sources: tuple[str, ...]
    is_missing: bool = False


@dataclass(frozen=True)
class Field:
    """One column to be read: from which column of the computed relation, of which type, and how."""

    name: str
    type: ColumnType
    source: str
    source_type: str
    sources: tuple[str, ...]
    required: bool = False
    format: str | None = None
    misread: str | None = None

    @property
    def staged(self) -> str:
        """SQL name of the prepared value."""
        return quoted(f"~{self.name}")

    @property
    def is_parsed(self) -> bool:
        """Whether it is a time that is written as text or number."""
        return self.type == "time" and not is_time(self.source_type)


@dataclass(frozen=True)
class Mapping:
    """How a raw table becomes a contract table.

    ``relation`` is SQL with ``#file``, ``#row``, the contract's columns, the attributes, and ``#problem``: 0, or 1 + the
    index of a problem. ``duplicate`` is the number of the problem of rows that repeat the table's key, which ``relation``
    does not look for; None where the table has no key. ``is_dear`` says that reading it again and again costs more than a
    copy: times that are parsed, or moved between clocks.
    """

    relation: str
    columns: tuple[str, ...]
    attributes: tuple[str, ...]
    problems: tuple[Problem, ...]
    duplicate: int | None
    is_dear: bool


def contract_columns(table: Table) -> tuple[Column, ...]:
    """A table's columns with ``known_at``, which every table may map."""
    return (*table.columns, KNOWN_AT)


def map_table(
    connection: duckdb.DuckDBPyConnection, project: Project, table: Table, source: TableSource, raw: RawTable
) -> Mapping:
    """Build the SQL for one table.

    Raises FactsError: a column is not there or an expression does not bind; ProjectError: an attribute's name is taken.
    """
    _check_columns(table, source, raw)
    computed = _computed(connection, table, source, raw)
    fields = _fields(connection, table, source, raw, computed)
    attributes = _attributes(connection, table, source, raw)
    guards = [guard for field in fields for guard in _guards(field)]
    if source.where:
        failed = Problem(WHERE, NO_FILTER, _mentioned(source.where, raw))
        guards.append((failed, [f"{quoted(value_name(WHERE))} IS DISTINCT FROM 1"]))
    problems = [problem for problem, _ in guards]
    if table.key:
        problems.append(_duplicate(table, fields))
    return Mapping(
        _stages(computed, source, [*fields, *attributes], _first_problem(guards), project.project.timezone),
        tuple(f.name for f in fields),
        tuple(a.name for a in attributes),
        tuple(problems),
        len(problems) if table.key else None,
        project.project.timezone != "UTC" or any(f.is_parsed for f in fields),
    )


def _stages(computed: str, source: TableSource, fields: Sequence[Field], problem: str, zone: str) -> str:
    """Select upon select, so that what is used several times is computed once."""
    value, misread = quoted(value_name(WHERE)), quoted(misread_name(WHERE))
    kept = f"WHERE {value} IS NULL OR {value} = 1 OR ({value} = 2 AND {misread})" if source.where else ""
    staged = _list(f"{prepared(quoted(f.source), f.source_type)} AS {f.staged}" for f in fields)
    values = _list(f"{read(f.staged, f.source_type, f.type, zone, f.format)} AS {quoted(f.name)}" for f in fields)
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
        for name in _plain_names(mapped):
            if name not in raw.types:
                raise missing_column(raw.place, raw.types, name, table.name)


def _plain_names(mapped: str | SqlColumn | FormattedColumn | list[str]) -> list[str]:
    """The source's columns that a mapping names outright."""
    if isinstance(mapped, list):
        return mapped
    if isinstance(mapped, SqlColumn):
        return []
    return [mapped.column if isinstance(mapped, FormattedColumn) else mapped]


# --- expressions


def _computed(connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, raw: RawTable) -> str:
    """The raw rows with the values of all expressions."""
    expressions = _expressions(table, source)
    columns = list(dict.fromkeys(c for e in expressions for c in _mentioned(e.sql, raw)))
    views = views_of_text(connection, raw.relation, columns) if raw.is_text else [View(dict.fromkeys(columns))]
    return with_expressions(connection, raw.relation, expressions, list(raw.types), views)


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


# --- the contract's columns


def _fields(
    connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, raw: RawTable, computed: str
) -> list[Field]:
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {computed}").fetchall()}
    return [_field(c, source, raw, types) for c in contract_columns(table) if c.name in source.columns]


def _field(column: Column, source: TableSource, raw: RawTable, types: dict[str, str]) -> Field:
    mapped = source.columns[column.name]
    if isinstance(mapped, SqlColumn):
        name = value_name(column.name)
        sources, misread = _mentioned(mapped.sql, raw), misread_name(column.name)
        return Field(column.name, column.type, name, types[name], sources, column.required, misread=misread)
    sources = tuple(_plain_names(mapped))
    format_ = mapped.format if isinstance(mapped, FormattedColumn) else None
    name = raw_name(sources[0])
    return Field(column.name, column.type, name, types[name], sources, column.required, format_)


def _guards(field: Field) -> Iterator[tuple[Problem, list[str]]]:
    """Each problem that a row can have with a column, and the conditions for it, the cheapest first."""
    none = f"{quoted(field.name)} IS NULL"
    present = is_present(field.staged, field.source_type, field.type)
    if field.misread:
        yield Problem(field.name, NO_RESULT.format(column=field.name), field.sources), [quoted(field.misread)]
    if field.type in UNREADABLE:
        reason = NO_FORMATTED_TIME if field.format else UNREADABLE[field.type]
        yield Problem(field.name, reason.format(column=field.name, format=field.format), field.sources), [none, present]
    if field.required:
        missing = NO_RESULT if field.misread else MISSING
        yield Problem(field.name, missing.format(column=field.name), field.sources, is_missing=True), [none]


def _first_problem(guards: Sequence[tuple[Problem, list[str]]]) -> str:
    """SQL for the number of the first problem, 0 for none; a condition is computed only where those before it hold."""
    cases = []
    for number, (_, conditions) in enumerate(guards, start=1):
        case = str(number)
        for condition in reversed(conditions):
            case = f"CASE WHEN {condition} THEN {case} END"
        cases.append(case)
    return f"CAST(coalesce({', '.join([*cases, '0'])}) AS UTINYINT)"


def _duplicate(table: Table, fields: Sequence[Field]) -> Problem:
    sources = tuple(s for f in fields if f.name in table.key for s in f.sources)
    return Problem(table.key[0], DUPLICATE.format(column=", ".join(table.key)), sources)


# --- further attributes


def _attributes(connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, raw: RawTable) -> list[Field]:
    """The source's own columns to be kept, each in the type that all its values have."""
    names = _attribute_names(table, source, raw)
    types = inferred_types(connection, raw.relation, names)[0] if raw.is_text else raw.types
    return [
        Field(n, _attribute_type(types[n]), raw_name(n), "VARCHAR" if raw.is_text else types[n], (n,)) for n in names
    ]


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
        used = {n for m in source.columns.values() for n in _plain_names(m)}
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
