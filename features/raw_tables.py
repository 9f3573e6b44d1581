"""A company's tables as they lie there: found, opened and copied into DuckDB, nothing interpreted yet.

CSV files and databases are copied once; Parquet files are opened where they lie.
"""

import glob
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from features import csv_files
from features.contracts import Table
from features.csv_files import CsvFile
from features.database_faults import display_name
from features.database_sources import load_database
from features.errors import FactsError, ProjectError, nearest
from features.expressions import mentioned, raw_name
from features.project import FormattedColumn, SqlColumn, TableSource
from features.readers import literal, quoted
from features.text import Text

PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class RawTable:
    """A source as it is.

    ``relation`` is SQL for its rows: ``#file`` and ``#row`` (both from 0) and its columns under their ``raw_name``.
    ``types`` are the DuckDB types of all columns of the source. ``table`` is the copy in DuckDB, None where there is
    none. ``first_rows[file]`` is the ``#row`` with which a CSV file begins; ``malformed`` a table of what is no CSV.
    """

    relation: str
    types: dict[str, str]
    is_text: bool
    place: str
    table: str | None = None
    files: tuple[CsvFile, ...] = ()
    paths: tuple[Path, ...] = ()
    first_rows: tuple[int, ...] = ()
    malformed: str | None = None

    @property
    def is_by_program(self) -> bool:
        """Whether its texts are what a database made of its own numbers and times."""
        return self.is_text and not self.files


def open_raw(
    connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, root: Path, folder: Path
) -> RawTable:
    """Open the source of one table. ``folder`` is for temporary copies.

    Raises FactsError: nothing there, or not readable.
    """
    name = _own_table(table.name, "raw")
    if source.database is not None:
        types, is_text = load_database(connection, name, source, root, folder)
        relation = f'(SELECT *, CAST(0 AS UINTEGER) AS "#file", rowid AS "#row" FROM {name})'
        return RawTable(relation, types, is_text, display_name(source.database), name)
    paths = matching_files(root, str(source.path), table.name)
    try:
        if all(p.name.lower().endswith(PARQUET_SUFFIXES) for p in paths):
            return _open_parquet(connection, str(source.path), paths)
        return _open_csv(connection, table, source, paths, folder)
    except duckdb.Error as fault:
        raise FactsError(
            Text("{place} cannot be read: {fault}", "无法读取 {place}：{fault}"),
            place=source.path,
            fault=str(fault).split("\n")[0],
        ) from None


def matching_files(root: Path, pattern: str, table: str) -> list[Path]:
    """The files that a path of the project file names, in order of name; all CSV or all Parquet."""
    whole = pattern if Path(pattern).is_absolute() else f"{glob.escape(str(root))}/{pattern}"
    paths = [Path(p) for p in sorted(glob.glob(whole, recursive=True)) if Path(p).is_file()]
    if not paths:
        raise _nothing_there(root, pattern, table)
    parquet = [p for p in paths if p.name.lower().endswith(PARQUET_SUFFIXES)]
    unknown = [p for p in paths if not csv_files.is_csv(p) and p not in parquet]
    if unknown or 0 < len(parquet) < len(paths):
        raise ProjectError(
            Text(
                "[tables.{table}] path = '{pattern}' must name CSV files ({csv}) or Parquet files ({parquet}), not both and no others; "
                "it matches {got}.",
                "[tables.{table}] path = '{pattern}' 只能指向 CSV 文件（{csv}）或 Parquet 文件（{parquet}），不能混用，也不能是其他类型；"
                "现在匹配到 {got}。",
            ),
            table=table,
            pattern=pattern,
            csv=", ".join(csv_files.SUFFIXES),
            parquet=", ".join(PARQUET_SUFFIXES),
            got=", ".join(p.name for p in (unknown or paths)[:5]),
        )
    return paths


def _nothing_there(root: Path, pattern: str, table: str) -> FactsError:
    if (root / pattern).is_dir():
        return FactsError(
            Text(
                "[tables.{table}] path = '{pattern}' is a folder. Name the files in it, e.g. '{pattern}/*.csv'.",
                "[tables.{table}] path = '{pattern}' 是文件夹。请写明其中的文件，例如 '{pattern}/*.csv'。",
            ),
            table=table,
            pattern=pattern.rstrip("/"),
        )
    near = sorted(p.name for p in (root / pattern).parent.glob("*") if p.is_file())[:8]
    return FactsError(
        Text(
            "[tables.{table}] path = '{pattern}' matches no file in {root}. Files there: {near}.",
            "[tables.{table}] path = '{pattern}' 在 {root} 中没有匹配任何文件。该处的文件有：{near}。",
        ),
        table=table,
        pattern=pattern,
        root=root,
        near=", ".join(near) or "–",
    )


def wanted_columns(table: Table, source: TableSource, header: Collection[str]) -> list[str]:
    """The source's columns that the mapping needs, in the source's order."""
    plain: set[str] = set()
    written = [source.where or ""]
    for mapped in source.columns.values():
        if isinstance(mapped, str):
            plain.add(mapped)
        elif isinstance(mapped, FormattedColumn):
            plain.add(mapped.column)
        elif isinstance(mapped, SqlColumn):
            written.append(mapped.sql)
        else:
            plain.update(mapped)
    in_sql = {c for sql in written for c in mentioned(sql, header)}
    takes_all = table.any_attribute and table.key == () and "attributes" not in source.columns
    return [c for c in header if takes_all or c in plain or c in in_sql]


def _open_parquet(connection: duckdb.DuckDBPyConnection, place: str, paths: Sequence[Path]) -> RawTable:
    files = ", ".join(literal(str(p)) for p in paths)
    scan = f"read_parquet([{files}], union_by_name = true, file_row_number = true)"
    described = connection.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {scan}").fetchall()
    types = {row[0]: row[1] for row in described}
    columns = ", ".join(f"{quoted(c)} AS {quoted(raw_name(c))}" for c in types)
    relation = f'(SELECT {columns}, file_index AS "#file", file_row_number AS "#row" FROM {scan})'
    return RawTable(relation, types, is_text=False, place=place, paths=tuple(paths))


def _open_csv(
    connection: duckdb.DuckDBPyConnection, table: Table, source: TableSource, paths: Sequence[Path], folder: Path
) -> RawTable:
    files = [csv_files.open_csv(p) for p in paths]
    header = list(dict.fromkeys(c for f in files for c in f.header))
    wanted = wanted_columns(table, source, header)
    raw, malformed = _own_table(table.name, "raw"), _own_table(table.name, "malformed")
    files = load_csv(connection, raw, malformed, files, wanted, folder)
    firsts = dict(connection.execute(f'SELECT "#file", min(rowid) FROM {raw} GROUP BY ALL').fetchall())
    return RawTable(
        f'(SELECT *, rowid AS "#row" FROM {raw})',
        dict.fromkeys(header, "VARCHAR"),
        is_text=True,
        place=str(source.path),
        table=raw,
        files=tuple(files),
        paths=tuple(paths),
        first_rows=tuple(firsts.get(n, 0) for n in range(len(files))),
        malformed=malformed,
    )


def load_csv(
    connection: duckdb.DuckDBPyConnection,
    raw: str,
    malformed: str,
    files: Sequence[CsvFile],
    wanted: Sequence[str],
    folder: Path,
) -> list[CsvFile]:
    """Copy the wanted columns of CSV files into the table ``raw``, and what is no CSV into the table ``malformed``.

    Gives the files as they were read: those that are not UTF-8, or have unusual line ends, are read from a copy in ``folder``.
    """
    files = [f if f.is_readable else csv_files.readable_copy(f, folder) for f in files]
    try:
        _load_once(connection, raw, malformed, files, wanted)
    except duckdb.InvalidInputException:  # e.g. several kinds of line end in one file
        files = [csv_files.readable_copy(f, folder, plain_line_ends=True) for f in files]
        _load_once(connection, raw, malformed, files, wanted)
    query = f"""SELECT DISTINCT "#file" FROM {malformed} WHERE kind = 'INVALID ENCODING'"""
    doubtful = {row[0] for row in connection.execute(query).fetchall()}
    files = [csv_files.looked_at_closely(f) if n in doubtful else f for n, f in enumerate(files)]
    if any(not f.is_readable for f in files):
        files = [f if f.is_readable else csv_files.readable_copy(f, folder) for f in files]
        _load_once(connection, raw, malformed, files, wanted)
    return files


def _load_once(
    connection: duckdb.DuckDBPyConnection, raw: str, malformed: str, files: Sequence[CsvFile], wanted: Sequence[str]
) -> None:
    """Copy files into ``raw``, one statement for each run of files of the same shape, so that rows keep their order."""
    columns = ", ".join(f", {quoted(raw_name(c))} VARCHAR" for c in wanted).replace(", ,", ",")
    connection.execute(f'CREATE OR REPLACE TABLE {raw} ("#file" UINTEGER {columns})')
    connection.execute(
        f'CREATE OR REPLACE TABLE {malformed} ("#file" UINTEGER, start BIGINT, "lines" BIGINT, kind VARCHAR)'
    )
    first = 0
    for _, group in groupby(files, key=lambda f: (f.delimiter, f.header)):
        run = list(group)
        for leftover in (csv_files.ERRORS, csv_files.SCANS):
            connection.execute(f"DROP TABLE IF EXISTS {leftover}")
        names = {c: raw_name(c) for c in wanted}
        connection.execute(f"INSERT INTO {raw} {csv_files.select_text(run, names, first)}")
        connection.execute(f"INSERT INTO {malformed} {csv_files.select_malformed(run, first)}")
        first += len(run)


def _own_table(table: str, suffix: str) -> str:
    return f"memory.source.{quoted(f'{table}_{suffix}')}"


def missing_column(place: str, columns: Collection[str], got: str, wanted_by: str) -> FactsError:
    """The error for a column that the project file names and the source does not have."""
    return FactsError(
        Text(
            "[tables.{by}]: {place} has no column '{got}'. {hint}",
            "[tables.{by}]：{place} 中没有“{got}”这一列。{hint}",
        ),
        by=wanted_by,
        place=place,
        got=got,
        hint=nearest(got, columns),
    )
