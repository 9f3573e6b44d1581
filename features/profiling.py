"""What a folder of files holds: which files belong together, and what each of their columns looks like."""

import glob
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from pathlib import Path

import duckdb

from features import csv_files
from features.errors import FactsError
from features.expressions import LIKELY_SHARE, raw_name
from features.numbers_in_text import PLAIN, Finding, find_notations, likely_numbers, number, unified
from features.raw_tables import PARQUET_SUFFIXES, load_csv
from features.readers import checked, is_number, is_present, is_time, literal, prepared, quoted, read
from features.text import Text
from features.time_formats import day_first, fitting_formats, is_ambiguous, month_first

DISTINCT_TIMES = 50_000
"""Of so many different texts it is found out how a column writes its times."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column of a source.

    It counts as numbers, or times, when at least half of its values can be read so; ``is_whole``: those are whole numbers.
    ``formats`` are all that fit the most of its times ('' : none is needed); ``finding`` tells how its numbers are written.
    """

    name: str
    is_number: bool
    is_whole: bool
    is_flag: bool
    formats: tuple[str, ...]
    filled: int
    distinct: int
    finding: Finding = PLAIN

    @property
    def is_time(self) -> bool:
        """Whether its values can be read as times."""
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
    with duckdb.connect() as connection, tempfile.TemporaryDirectory(prefix="retinue-") as temporary:
        try:
            if _is_parquet(files[0]):
                connection.execute(f"CREATE VIEW source AS SELECT * FROM read_parquet([{names}])")
            else:
                _load_csv(connection, files, Path(temporary))
            types = {row[0]: row[1] for row in connection.execute("DESCRIBE source").fetchall()}
            rows = connection.execute("SELECT count(*) FROM source").fetchall()[0][0]
            findings = _findings(connection, [c for c, type_ in types.items() if type_ == "VARCHAR"])
            columns = [_column(connection, c, type_, findings.get(c, PLAIN)) for c, type_ in types.items()]
        except duckdb.Error as fault:
            raise _unreadable(files[0], fault) from None
    return SourceProfile(_pattern(folder, files), tuple(files), rows, tuple(_in_one_order(columns)))


def _load_csv(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], temporary: Path) -> None:
    """Load CSV files into the table ``source``."""
    opened = [csv_files.open_csv(f) for f in files]
    header = opened[0].header
    load_csv(connection, "raw", "malformed", opened, header, temporary)
    connection.execute(
        f"CREATE VIEW source AS SELECT {', '.join(f'{quoted(raw_name(c))} AS {quoted(c)}' for c in header)} FROM raw"
    )


def _findings(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> dict[str, Finding]:
    """How those columns of text write their numbers that seem to hold some."""
    texts = {c: quoted(c) for c in columns}
    likely = likely_numbers(connection, "source", texts, LIKELY_SHARE)
    return find_notations(connection, "source", {c: texts[c] for c in likely}, None)


def _column(connection: duckdb.DuckDBPyConnection, name: str, type_: str, finding: Finding) -> ColumnProfile:
    value = prepared(quoted(name), type_)
    present = is_present("v", type_, "number")
    amount = number(unified("v"), finding.notation) if finding.notation else read("v", type_, "number", "UTC")
    amount = checked(amount, "number") if not is_time(type_) else "NULL"
    flag = read("v", type_, "flag", "UTC") if not is_time(type_) else "NULL"
    query = f"""SELECT count(*) FILTER ({present}), count(DISTINCT v) FILTER ({present}),
        count({amount}) FILTER ({present}), count(*) FILTER (({present}) AND {amount} = floor({amount})),
        count({flag}) FILTER ({present})
        FROM (SELECT {value} AS v FROM source)"""
    filled, distinct, numbers, whole, flags = connection.execute(query).fetchall()[0]
    if finding.doubtful:
        numbers, whole = max(numbers, finding.readable or 0), 0
    return ColumnProfile(
        name,
        is_number=numbers >= LIKELY_SHARE * filled > 0,
        is_whole=whole == numbers > 0,
        is_flag=flags == filled > 0,
        formats=_formats(connection, name, type_) if filled else (),
        filled=filled,
        distinct=distinct,
        finding=finding,
    )


def _formats(connection: duckdb.DuckDBPyConnection, name: str, type_: str) -> tuple[str, ...]:
    """The formats that read the most times of a column."""
    if is_time(type_):
        return ("",)
    if is_number(type_) and not type_.endswith("INT") and type_ != "INTEGER":
        return ()
    values = f"""SELECT CAST({prepared(quoted(name), type_)} AS VARCHAR) AS v, count(*) AS n FROM source
        WHERE {is_present(prepared(quoted(name), type_), type_, "time")} GROUP BY v LIMIT {DISTINCT_TIMES}"""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE texts AS {values}")
    return fitting_formats(connection, "texts")


def _in_one_order(columns: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """The same columns; dates that could begin with day or month are read as the other dates of the source are."""
    told = [c.formats for c in columns if not is_ambiguous(c.formats)]
    days, months = any(map(day_first, told)), any(map(month_first, told))
    if days == months:
        return list(columns)
    excluded = ("%m/", "%m-") if days else ("%d/", "%d-%m")
    return [
        replace(c, formats=tuple(f for f in c.formats if not f.startswith(excluded))) if is_ambiguous(c.formats) else c
        for c in columns
    ]


def _unreadable(file: Path, fault: duckdb.Error) -> FactsError:
    return FactsError(
        Text("{file} cannot be read: {fault}", "无法读取 {file}：{fault}"), file=file, fault=str(fault).split("\n")[0]
    )
