"""Rows that were set aside: how many, which, on which line, for which reason; and when they are too many to go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import duckdb

from features import csv_files
from features.contracts import Table
from features.errors import FactsError
from features.fields import MISSING, Problem, contract_columns
from features.raw_tables import RawTable
from features.text import Text
from features.time_formats import day_first, fitting_formats, is_ambiguous, month_first

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
    """How one table was read. ``read`` = ``accepted`` + ``set_aside`` + ``left_out`` (by the project's own filter).

    ``currencies`` are those whose signs stand beside the numbers of a column.
    """

    table: Table
    raw: RawTable
    mapped: tuple[str, ...]
    attributes: tuple[str, ...]
    problems: tuple[Problem, ...]
    rejected_table: str
    read: int
    accepted: int
    set_aside: int
    currencies: dict[str, str] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """Rows that the project's ``where`` does not want."""
        return self.read - self.accepted - self.set_aside


def rejected_rows(connection: duckdb.DuckDBPyConnection, reading: Reading, limit: int | None = None) -> list[Rejection]:
    """The rows set aside of one table, in order of file and line; the first ``limit`` of them, or all."""
    return list(islice(each_rejection(connection, reading, limit), limit))


def each_rejection(
    connection: duckdb.DuckDBPyConnection, reading: Reading, limit: int | None = None
) -> Iterator[Rejection]:
    """The rows set aside of one table, file by file, so that only those of one file are held at a time.

    ``limit``: no more than so many of each file are wanted.
    """
    tables = [t for t in (reading.raw.malformed, reading.rejected_table) if t]
    query = " UNION ".join(f'SELECT DISTINCT "#file" FROM {t}' for t in tables) + " ORDER BY 1"
    for (file,) in connection.execute(query).fetchall():
        broken, unread = _malformed(connection, reading, file, limit), _unread(connection, reading, file, limit)
        yield from _in_file(reading, file, broken, unread, _spans(connection, reading, file))


def _malformed(
    connection: duckdb.DuckDBPyConnection, reading: Reading, file: int, limit: int | None
) -> list[tuple[Any, ...]]:
    if reading.raw.malformed is None:
        return []
    return connection.execute(
        f'SELECT "#file", start, kind FROM {reading.raw.malformed} WHERE "#file" = {file} ORDER BY ALL {_limit(limit)}'
    ).fetchall()


def _spans(connection: duckdb.DuckDBPyConnection, reading: Reading, file: int) -> dict[int, int]:
    """How many lines the malformed record at each byte offset of a file takes."""
    if reading.raw.malformed is None:
        return {}
    rows = connection.execute(f'SELECT start, "lines" FROM {reading.raw.malformed} WHERE "#file" = {file}').fetchall()
    return dict(rows)


def _unread(
    connection: duckdb.DuckDBPyConnection, reading: Reading, file: int, limit: int | None
) -> list[tuple[Any, ...]]:
    return connection.execute(
        f'SELECT "#file", "#row", "#problem", value FROM {reading.rejected_table} WHERE "#file" = {file} '
        f'ORDER BY "#row" {_limit(limit)}'
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
        examples = rejected_rows(connection, reading, 3)
        raise FactsError(
            UNUSABLE,
            **name,
            set_aside=reading.set_aside,
            rows=reading.accepted + reading.set_aside,
            examples=_examples(examples),
            advice=_advice(connection, examples[0], reading),
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
        'format: {column} = {{ column = "{source}", format = "{format}" }}.',
        "时间应写作 2024-01-31、2024-01-31 08:30（可带时区偏移）或 20240131。其他写法请给出格式："
        '{column} = {{ column = "{source}", format = "{format}" }}。',
    ),
    "number": Text(
        "Numbers are expected as 1234.5, 1,234.5 or 1.234,5, with or without the sign of one currency. To say which sign is "
        'the decimal sign: {column} = {{ column = "{source}", decimal = "," }}.',
        "数字应写作 1234.5、1,234.5 或 1.234,5，可带同一种货币的符号。如需说明小数点："
        '{column} = {{ column = "{source}", decimal = "," }}。',
    ),
    "flag": Text("Expected true/false, yes/no, y/n or 1/0.", "应为 true/false、yes/no、y/n、1/0 或 是/否。"),
}
ADVICE_ELSE = Text(
    'Check which source column {column} is mapped to; rows that are to be left out can be filtered with where = "…".',
    '请检查 {column} 映射到的列；不需要的行可以用 where = "…" 过滤。',
)
ADVICE_ORDER = Text(
    "Day or month may stand first, as no day is above 12. Say which: "
    '{column} = {{ column = "{source}", format = "{day}" }} or format = "{month}".',
    "没有大于 12 的日，无法判断日在前还是月在前。请说明："
    '{column} = {{ column = "{source}", format = "{day}" }} 或 format = "{month}"。',
)
ADVICE_ENCODING = Text(
    "Save the file as 'CSV UTF-8', or convert it, e.g. iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv.",
    "请将文件另存为“CSV UTF-8”，或用命令转换，例如 iconv -f BIG5 -t UTF-8 old.csv > new.csv。",
)
ADVICE_CSV = Text("Check that the file is proper CSV.", "请检查文件是否为规范的 CSV。")


def _examples(rejections: Sequence[Rejection]) -> Text:
    lines = [EXAMPLE.format(line=r.line, file=r.file, reason=r.reason, value=r.value[:80]) for r in rejections]
    return Text("\n".join(t.en for t in lines), "\n".join(t.zh for t in lines))


def _advice(connection: duckdb.DuckDBPyConnection, first: Rejection, reading: Reading) -> Text:
    """What to do about rows like the first one that was set aside."""
    if not first.column:
        return ADVICE_ENCODING if first.reason == MALFORMED["INVALID ENCODING"] else ADVICE_CSV
    column = next((c for c in contract_columns(reading.table) if c.name == first.column), None)
    number, problem = next((n, p) for n, p in enumerate(reading.problems, start=1) if p.reason == first.reason)
    if column is None or problem.is_missing or first.reason == MISSING.format(column=first.column):
        return ADVICE_ELSE.format(column=first.column)
    source = problem.sources[0] if problem.sources else first.column
    if column.type == "time":
        return _time_advice(connection, reading, number, first.column, source)
    return ADVICE.get(column.type, ADVICE_ELSE).format(column=first.column, source=source)


def _time_advice(
    connection: duckdb.DuckDBPyConnection, reading: Reading, problem: int, column: str, source: str
) -> Text:
    """The formats that would read the times that were set aside; an example of one where none does."""
    texts = f"""(SELECT trim(value) AS v, count(*) AS n FROM {reading.rejected_table}
        WHERE "#problem" = {problem} GROUP BY v)"""
    formats = fitting_formats(connection, texts)
    if is_ambiguous(formats):
        return ADVICE_ORDER.format(column=column, source=source, day=day_first(formats), month=month_first(formats))
    return ADVICE["time"].format(column=column, source=source, format=next(filter(None, formats), "%d/%m/%Y"))


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
