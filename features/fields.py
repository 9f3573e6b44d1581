"""One column of a table as it is read: from where, in which notation or format, and for which problems a row is set aside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb

from features.contracts import KNOWN_AT, Column, ColumnType, Table
from features.expressions import mentioned, misread_name, raw_name, value_name
from features.numbers_in_text import (
    FOR_THE_COLUMN,
    DecimalSign,
    Notation,
    find_notations,
    in_other_currency,
    number,
    undecided,
    unified,
)
from features.project import ColumnSource, FormattedColumn, Project, SqlColumn, TableSource
from features.raw_tables import RawTable
from features.readers import is_present, is_text, is_time, prepared, quoted, read
from features.text import Text

MISSING = Text("{column} is missing", "缺少 {column}")
NO_RESULT = Text("{column} cannot be computed", "无法计算 {column}")
NO_FILTER = Text("the filter 'where' cannot be computed", "无法计算筛选条件 where")
DUPLICATE = Text("duplicate {column}", "{column} 重复")
NO_FORMATTED_TIME = Text("{column} does not fit the format {format}", "{column} 不符合格式 {format}")
NO_NUMBER_SO_WRITTEN = Text(
    "{column} cannot be read as a number with the decimal sign {decimal}",
    "{column} 无法读作以 {decimal} 为小数点的数字",
)
OTHER_CURRENCY = Text("{column} is not in {currency} like the rest", "{column} 的币种与其他行的 {currency} 不同")
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
    notation: Notation | None = None

    @property
    def staged(self) -> str:
        """SQL name of the prepared value."""
        return quoted(f"~{self.name}")

    @property
    def is_parsed(self) -> bool:
        """Whether it is a time that is written as text or number."""
        return self.type == "time" and not is_time(self.source_type)


def plain_value(field: Field, zone: str) -> str | None:
    """SQL: the source's own value in the contract's type, which is the same where a table is clean; None: not so simple."""
    if field.misread or field.format or field.notation:
        return None
    if field.source_type == "VARCHAR" and field.type in ("id", "text"):
        return quoted(field.source)
    is_native = is_time(field.source_type) if field.type == "time" else field.source_type in _PLAIN[field.type]
    return read(quoted(field.source), field.source_type, field.type, zone) if is_native else None


_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
_PLAIN: dict[ColumnType, frozenset[str]] = {
    "id": _WHOLE,
    "text": _WHOLE,
    "number": _WHOLE | {"FLOAT", "DOUBLE"},
    "flag": frozenset({"BOOLEAN"}),
}


def contract_columns(table: Table) -> tuple[Column, ...]:
    """A table's columns with ``known_at``, which every table may map."""
    return (*table.columns, KNOWN_AT)


def fields_of(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    table: Table,
    source: TableSource,
    raw: RawTable,
    computed: str,
) -> list[Field]:
    """The contract's columns that the project maps. ``computed`` is SQL for the raw rows with the values of expressions.

    Raises FactsError: a column's numbers can be read in two ways, and the project file does not say in which.
    """
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {computed}").fetchall()}
    fields = [_field(c, source, raw, types) for c in contract_columns(table) if c.name in source.columns]
    return _with_notations(connection, project, table, source, raw, fields)


def _field(column: Column, source: TableSource, raw: RawTable, types: dict[str, str]) -> Field:
    mapped = source.columns[column.name]
    if isinstance(mapped, SqlColumn):
        name = value_name(column.name)
        sources, misread = tuple(mentioned(mapped.sql, raw.types)), misread_name(column.name)
        return Field(column.name, column.type, name, types[name], sources, column.required, misread=misread)
    sources = tuple(plain_names(mapped))
    format_ = mapped.format if isinstance(mapped, FormattedColumn) else None
    name = raw_name(sources[0])
    return Field(column.name, column.type, name, types[name], sources, column.required, format_)


def _with_notations(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    table: Table,
    source: TableSource,
    raw: RawTable,
    fields: Sequence[Field],
) -> list[Field]:
    """The same fields; numbers that are mapped from text know how their column writes them."""
    written = [f for f in fields if f.type == "number" and f.misread is None and is_text(f.source_type)]
    texts = {f.name: f"CAST({quoted(f.source)} AS VARCHAR)" for f in written}
    given = {f.name: sign for f in written if (sign := _decimal_sign(source, f.name))}
    found = find_notations(connection, raw.relation, texts, project.project.currency, raw.is_by_program, given)
    for name, finding in found.items():
        if finding.doubtful:
            column = next(f.sources[0] for f in written if f.name == name)
            remedy = FOR_THE_COLUMN.format(column=name, source=column)
            raise undecided(f"[tables.{table.name}] {name}", column, finding, remedy)
    return [replace(f, notation=found[f.name].notation) if f.name in found else f for f in fields]


def _decimal_sign(source: TableSource, column: str) -> DecimalSign | None:
    """What the project file says about a column's decimal sign."""
    mapped = source.columns[column]
    return (mapped.decimal if isinstance(mapped, FormattedColumn) else None) or source.decimal


def guards_of(field: Field) -> Iterator[tuple[Problem, list[str]]]:
    """Each problem that a row can have with a column, and the conditions for it, the cheapest first."""
    none = f"{quoted(field.name)} IS NULL"
    present = is_present(field.staged, field.source_type, field.type)
    if field.misread:
        yield Problem(field.name, NO_RESULT.format(column=field.name), field.sources), [quoted(field.misread)]
    if field.notation and field.notation.currency:
        reason = OTHER_CURRENCY.format(column=field.name, currency=field.notation.currency)
        yield (
            Problem(field.name, reason, field.sources),
            [none, present, in_other_currency(field.staged, field.notation)],
        )
    if field.type in UNREADABLE:
        yield Problem(field.name, _unreadable(field), field.sources), [none, present]
    if field.required:
        missing = NO_RESULT if field.misread else MISSING
        yield Problem(field.name, missing.format(column=field.name), field.sources, is_missing=True), [none]


def _unreadable(field: Field) -> Text:
    if field.format:
        return NO_FORMATTED_TIME.format(column=field.name, format=field.format)
    if field.notation:
        return NO_NUMBER_SO_WRITTEN.format(column=field.name, decimal=field.notation.decimal)
    return UNREADABLE[field.type].format(column=field.name)


def first_problem(guards: Sequence[tuple[Problem, list[str]]]) -> str:
    """SQL for the number of the first problem, 0 for none; a condition is computed only where those before it hold."""
    cases = []
    for position, (_, conditions) in enumerate(guards, start=1):
        case = str(position)
        for condition in reversed(conditions):
            case = f"CASE WHEN {condition} THEN {case} END"
        cases.append(case)
    return f"CAST(coalesce({', '.join([*cases, '0'])}) AS UTINYINT)"


def repeated_key(table: Table, fields: Sequence[Field]) -> Problem:
    """The problem of a row whose key an earlier row has."""
    sources = tuple(s for f in fields if f.name in table.key for s in f.sources)
    return Problem(table.key[0], DUPLICATE.format(column=", ".join(table.key)), sources)


def prepared_value(field: Field) -> str:
    """SQL: what the row holds in the form that ``value_of`` and the guards want; computed once, as they use it often."""
    value = prepared(quoted(field.source), field.source_type, field.type)
    return unified(value) if field.notation else value


def value_of(field: Field, zone: str) -> str:
    """SQL: the column's value, read from its prepared form; ``checked`` has still to be applied to it."""
    if field.notation:
        return number(field.staged, field.notation)
    return read(field.staged, field.source_type, field.type, zone, field.format)


def plain_names(mapped: ColumnSource | list[str]) -> list[str]:
    """The source's columns that a mapping names outright."""
    if isinstance(mapped, list):
        return mapped
    if isinstance(mapped, SqlColumn):
        return []
    return [mapped.column if isinstance(mapped, FormattedColumn) else mapped]
