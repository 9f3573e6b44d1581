"""What a folder of files holds: which files belong together, and what each of their columns looks like."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from pathlib import Path

import duckdb

from features import csv_files
from features.errors import FactsError
from features.raw_tables import PARQUET_SUFFIXES
from features.readers import checked, is_number, is_present, is_time, literal, prepared, quoted, read
from features.text import Text

DISTINCT_TIMES = 50_000
"""Of so many different texts it is found out how a column writes its times."""

_SLASHED = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y")
_WORDED = ("%Y年%m月%d日", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%Y.%m.%d")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
TIME_FORMATS = tuple(day + time for time in _TIMES for day in (*_SLASHED, *_WORDED))


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a source: ``formats`` are all that fit every one of its times ('' : none is needed)."""

    name: str
    is_number: bool
    is_whole: bool
    is_flag: bool
    formats: tuple[str, ...]
    filled: int
    distinct: int

    @property
    def is_time(self) -> bool:
        """Whether every value can be read as a time."""
        return bool(self.formats)


@dataclass(frozen=True)
class SourceProfile:
    """Files of one shape, the ``path`` that names them all, relative to the folder, and their columns."""

    path: str
    files: tuple[Path, ...]
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)


def profile_folder(folder: Path) -> tuple[list[SourceProfile], list[tuple[Path, FactsError]]]:
    """The sources in a folder and one level below, and the files that cannot be read."""
    shapes: list[tuple[tuple[str, ...], Path]] = []
    broken: list[tuple[Path, FactsError]] = []
    for file in _files(folder):
        try:
            shapes.append((_names(file), file))
        except FactsError as fault:
            broken.append((file, fault))
    shapes.sort(key=lambda s: (str(s[1].parent), _suffix(s[1]), s[0], s[1].name))
    sources = []
    for _, group in groupby(shapes, key=lambda s: (s[1].parent, _suffix(s[1]), s[0])):
        sources += [profile(folder, files) for files in _together(folder, [file for _, file in group])]
    return sources, broken


def _files(folder: Path) -> list[Path]:
    found = [p for pattern in ("*", "*/*") for p in sorted(folder.glob(pattern)) if p.is_file()]
    visible = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    return [p for p in visible if csv_files.is_csv(p) or _is_parquet(p)]


def _is_parquet(file: Path) -> bool:
    return file.name.lower().endswith(PARQUET_SUFFIXES)


def _suffix(file: Path) -> str:
    suffixes = (*csv_files.SUFFIXES, *PARQUET_SUFFIXES)
    return max((s for s in suffixes if file.name.lower().endswith(s)), key=len)


def _names(file: Path) -> tuple[str, ...]:
    if not _is_parquet(file):
        return csv_files.open_csv(file).header
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(str(file))})").fetchall()
    except duckdb.Error as fault:
        raise _unreadable(file, fault) from None
    return tuple(row[0] for row in rows)


def _together(folder: Path, files: Sequence[Path]) -> list[list[Path]]:
    """Files of one shape as one source where a glob names just them, else each by itself."""
    pattern = _pattern(folder, files)
    named = sorted(p for p in folder.glob(pattern) if p.is_file())
    return [list(files)] if named == sorted(files) else [[file] for file in files]


def _pattern(folder: Path, files: Sequence[Path]) -> str:
    """The path that names the files: the beginning that they share, a star, and their suffix."""
    relative = [file.relative_to(folder).as_posix() for file in files]
    if len(files) == 1:
        return glob.escape(relative[0])
    shared = "".join(signs[0] for signs in takewhile(lambda signs: len(set(signs)) == 1, zip(*relative, strict=False)))
    return glob.escape(shared.rstrip("0123456789")) + "*" + _suffix(files[0])


def profile(folder: Path, files: Sequence[Path]) -> SourceProfile:
    """Look at every column of a source."""
    names = ", ".join(literal(str(f)) for f in files)
    with duckdb.connect() as connection:
        try:
            if _is_parquet(files[0]):
                scan = f"SELECT * FROM read_parquet([{names}])"
                connection.execute(f"CREATE VIEW source AS {scan}")
            else:
                opened = [csv_files.open_csv(f) for f in files]
                scan = csv_files.select_text(opened, {c: c for c in opened[0].header}, 0)
                connection.execute(f"CREATE TABLE source AS {scan}")
            described = connection.execute("DESCRIBE source").fetchall()
            rows = connection.execute("SELECT count(*) FROM source").fetchall()[0][0]
            columns = [_column(connection, row[0], row[1]) for row in described if row[0] != "#file"]
        except duckdb.Error as fault:
            raise _unreadable(files[0], fault) from None
    return SourceProfile(_pattern(folder, files), tuple(files), rows, tuple(columns))


def _column(connection: duckdb.DuckDBPyConnection, name: str, type_: str) -> ColumnProfile:
    value = prepared(quoted(name), type_)
    present = is_present("v", type_, "number")
    number = checked(read("v", type_, "number", "UTC"), "number") if not is_time(type_) else "NULL"
    flag = read("v", type_, "flag", "UTC") if not is_time(type_) else "NULL"
    query = f"""SELECT count(*) FILTER ({present}), count(DISTINCT v) FILTER ({present}),
        count({number}) FILTER ({present}), count(*) FILTER ({present} AND {number} = floor({number})),
        count({flag}) FILTER ({present})
        FROM (SELECT {value} AS v FROM source)"""
    filled, distinct, numbers, whole, flags = connection.execute(query).fetchall()[0]
    return ColumnProfile(
        name,
        is_number=numbers == filled > 0,
        is_whole=whole == filled > 0,
        is_flag=flags == filled > 0,
        formats=_formats(connection, name, type_) if filled else (),
        filled=filled,
        distinct=distinct,
    )


def _formats(connection: duckdb.DuckDBPyConnection, name: str, type_: str) -> tuple[str, ...]:
    """The formats that read every time of a column."""
    if is_time(type_):
        return ("",)
    if is_number(type_) and not type_.endswith("INT") and type_ != "INTEGER":
        return ()
    values = f"""SELECT DISTINCT CAST({prepared(quoted(name), type_)} AS VARCHAR) AS v FROM source
        WHERE {is_present(prepared(quoted(name), type_), type_, "time")} LIMIT {DISTINCT_TIMES}"""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE texts AS {values}")
    first = connection.execute("SELECT v FROM texts LIMIT 20").fetchall()
    return tuple(
        f
        for f in ("", *TIME_FORMATS)
        if _fits(connection, f, "(VALUES " + _rows(first) + ") t(v)") and _fits(connection, f, "texts")
    )


def _rows(values: Sequence[tuple[str]]) -> str:
    return ", ".join(f"({literal(v)})" for (v,) in values)


def _fits(connection: duckdb.DuckDBPyConnection, format_: str, values: str) -> bool:
    instant = read("v", "VARCHAR", "time", "UTC", format_ or None)
    query = f"SELECT bool_and(coalesce(t >= TIMESTAMP '1800-01-01', false)) FROM (SELECT {instant} AS t FROM {values})"
    return bool(connection.execute(query).fetchall()[0][0])


def _unreadable(file: Path, fault: duckdb.Error) -> FactsError:
    return FactsError(
        Text("{file} cannot be read: {fault}", "无法读取 {file}：{fault}"), file=file, fault=str(fault).split("\n")[0]
    )
