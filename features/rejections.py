"""Rows that were set aside: how many, which, on which line, for which reason; and when they are too many to go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from features import csv_files
from features.contracts import Table
from features.errors import FactsError
from features.mapping import MISSING, Problem, contract_columns
from features.raw_tables import RawTable
from features.text import Text

MALFORMED: dict[str, Text] = {
    "TOO MANY COLUMNS": Text("the line has more fields than the header", "该行的字段多于表头"),
    "MISSING COLUMNS": Text("the line has fewer fields than the header", "该行的字段少于表头"),
    "UNQUOTED VALUE": Text("a quote is opened or closed in the wrong place", "引号开始或结束的位置不对"),
    "INVALID ENCODING": Text("the line is not UTF-8 text", "该行不是 UTF-8 文本"),
}
ANOTHER_FAULT = Text("the line is not proper CSV", "该行不符合 CSV 格式")


@dataclass(frozen=True)
class Rejection:
    """One row that was set aside. ``line`` is the file's line for CSV, else the number of the row, both from 1."""

    table: str
    file: str
    line: int
    column: str
    value: str
    reason: Text


@dataclass(frozen=True)
class Reading:
    """How one table was read. ``read`` = ``accepted`` + ``set_aside`` + ``left_out`` (by the project's own filter)."""

    table: Table
    raw: RawTable
    mapped: tuple[str, ...]
    attributes: tuple[str, ...]
    problems: tuple[Problem, ...]
    rejected_table: str
    read: int
    accepted: int
    set_aside: int

    @property
    def left_out(self) -> int:
        """Rows that the project's ``where`` does not want."""
        return self.read - self.accepted - self.set_aside


def rejected_rows(connection: duckdb.DuckDBPyConnection, reading: Reading, limit: int | None = None) -> list[Rejection]:
    """The rows set aside of one table, in order of file and line; the first ``limit`` of them, or all."""
    broken, unread = _malformed(connection, reading, limit), _unread(connection, reading, limit)
    found: list[Rejection] = []
    for file in sorted({row[0] for row in (*broken, *unread)}):
        spans = _spans(connection, reading, file)
        of_file = ([row for row in broken if row[0] == file], [row for row in unread if row[0] == file])
        found += _in_file(reading, file, *of_file, spans)
    return found[:limit]


def _malformed(connection: duckdb.DuckDBPyConnection, reading: Reading, limit: int | None) -> list[tuple[Any, ...]]:
    if reading.raw.malformed is None:
        return []
    return connection.execute(
        f'SELECT "#file", start, kind FROM {reading.raw.malformed} ORDER BY ALL {_limit(limit)}'
    ).fetchall()


def _spans(connection: duckdb.DuckDBPyConnection, reading: Reading, file: int) -> dict[int, int]:
    """How many lines the malformed record at each byte offset of a file takes."""
    if reading.raw.malformed is None:
        return {}
    rows = connection.execute(f'SELECT start, "lines" FROM {reading.raw.malformed} WHERE "#file" = {file}').fetchall()
    return dict(rows)


def _unread(connection: duckdb.DuckDBPyConnection, reading: Reading, limit: int | None) -> list[tuple[Any, ...]]:
    return connection.execute(
        f'SELECT "#file", "#row", "#problem", value FROM {reading.rejected_table} '
        f'ORDER BY "#file", "#row" {_limit(limit)}'
    ).fetchall()


def _limit(limit: int | None) -> str:
    return "" if limit is None else f"LIMIT {limit}"


def _in_file(
    reading: Reading,
    number: int,
    broken: Sequence[tuple[Any, ...]],
    unread: Sequence[tuple[Any, ...]],
    spans: dict[int, int],
) -> list[Rejection]:
    """The rejections of one file, in order of line. ``broken`` and ``unread`` are rows of the two tables."""
    raw = reading.raw
    name = raw.paths[number].name if raw.paths else raw.place
    lines = {row[1]: row[1] + 1 for row in unread}
    places: dict[int, tuple[int, str]] = {}
    if raw.files:
        first = raw.first_rows[number]
        found, places = csv_files.lines_of(
            raw.files[number], {row[1] - first for row in unread}, spans, {row[1] for row in broken}
        )
        lines = {row + first: line for row, line in found.items()}
    listed = [
        Rejection(reading.table.name, name, places[start][0], "", places[start][1], MALFORMED.get(kind, ANOTHER_FAULT))
        for _, start, kind in broken
    ]
    for _, row, problem, value in unread:
        what = reading.problems[problem - 1]
        listed.append(Rejection(reading.table.name, name, lines.get(row, 0), what.column, value or "", what.reason))
    return sorted(listed, key=lambda r: r.line)


def refuse_unusable(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    """Stop where a table holds nothing to work with.

    Raises FactsError: no row, no accepted row, more than half set aside, or orders that are all negative or zero.
    """
    name = {"table": reading.table.name, "place": reading.raw.place}
    if reading.read == 0:
        raise FactsError(EMPTY, **name)
    if reading.accepted + reading.set_aside == 0:
        raise FactsError(ALL_LEFT_OUT, **name, read=reading.read)
    if reading.set_aside > reading.accepted:
        raise FactsError(
            UNUSABLE,
            **name,
            set_aside=reading.set_aside,
            rows=reading.accepted + reading.set_aside,
            examples=_examples(rejected_rows(connection, reading, 3)),
            advice=_advice(rejected_rows(connection, reading, 3), reading),
        )
    if reading.table.name == "orders":
        _refuse_negative(connection, reading)


EMPTY = Text(
    "[tables.{table}]: {place} has no rows below its header. Give a file with rows, or leave the table out.",
    "[tables.{table}]：{place} 除表头外没有任何行。请提供有数据的文件，或去掉该表。",
)
ALL_LEFT_OUT = Text(
    "[tables.{table}]: the filter 'where' leaves out all {read} rows of {place}. Change it, or leave the table out.",
    "[tables.{table}]：筛选条件 where 排除了 {place} 的全部 {read} 行。请修改条件，或去掉该表。",
)
UNUSABLE = Text(
    "[tables.{table}]: {set_aside} of {rows} rows of {place} cannot be used, e.g.\n{examples}\n{advice}",
    "[tables.{table}]：{place} 的 {rows} 行中有 {set_aside} 行无法使用，例如\n{examples}\n{advice}",
)
NEGATIVE = Text(
    "[tables.orders]: every amount in {place} is {sign}, so there is no purchase. Are returns and purchases swapped? "
    'Then use amount = {{ sql = "-{source}" }}.',
    "[tables.orders]：{place} 中的金额全部为{sign}，没有任何购买。退货和购买是否颠倒了？"
    '如果是，请写 amount = {{ sql = "-{source}" }}。',
)
EXAMPLE = Text("  line {line} of {file}: {reason} (got '{value}')", "  {file} 第 {line} 行：{reason}（得到“{value}”）")
ADVICE: dict[str, Text] = {
    "time": Text(
        "Times are expected as 2024-01-31, 2024-01-31 08:30, with or without an offset, or 20240131. For others give the "
        'format: {column} = {{ column = "{source}", format = "%d/%m/%Y" }}.',
        "时间应写作 2024-01-31、2024-01-31 08:30（可带时区偏移）或 20240131。其他写法请给出格式："
        '{column} = {{ column = "{source}", format = "%d/%m/%Y" }}。',
    ),
    "number": Text(
        "Numbers are expected as 1234.5, without thousands separators or currency signs. Others can be rewritten: "
        "{column} = {{ sql = \"replace({source}, ',', '')\" }}.",
        "数字应写作 1234.5，不带千位分隔符和货币符号。其他写法可以改写："
        "{column} = {{ sql = \"replace({source}, ',', '')\" }}。",
    ),
    "flag": Text("Expected true/false, yes/no, y/n or 1/0.", "应为 true/false、yes/no、y/n、1/0 或 是/否。"),
}
ADVICE_ELSE = Text(
    'Check which source column {column} is mapped to; rows that are to be left out can be filtered with where = "…".',
    '请检查 {column} 映射到的列；不需要的行可以用 where = "…" 过滤。',
)
ADVICE_CSV = Text("Check that the file is proper CSV.", "请检查文件是否为规范的 CSV。")


def _examples(rejections: Sequence[Rejection]) -> Text:
    lines = [EXAMPLE.format(line=r.line, file=r.file, reason=r.reason, value=r.value[:80]) for r in rejections]
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def _advice(rejections: Sequence[Rejection], reading: Reading) -> Text:
    first = rejections[0]
    column = next((c for c in contract_columns(reading.table) if c.name == first.column), None)
    if not first.column:
        return ADVICE_CSV
    problem = next(p for p in reading.problems if p.column == first.column)
    if column is None or problem.is_missing or first.reason == MISSING.format(column=first.column):
        return ADVICE_ELSE.format(column=first.column)
    source = problem.sources[0] if problem.sources else first.column
    return ADVICE.get(column.type, ADVICE_ELSE).format(column=first.column, source=source)


def _refuse_negative(connection: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    highest = connection.execute("SELECT max(amount) FROM orders").fetchall()[0][0]
    if highest > 0:
        return
    source = next(p for p in reading.problems if p.column == "amount").sources
    raise FactsError(
        NEGATIVE,
        place=reading.raw.place,
        sign=Text("negative", "负数") if highest < 0 else Text("negative or zero", "负数或零"),
        source=source[0] if len(source) == 1 else "(…)",
    )
