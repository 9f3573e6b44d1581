"""Open a company's facts: every table of the project file, read strictly into the contracts' columns and types.

In the opened connection each given table is a view of its own name that holds accepted rows only. Rows that cannot be
read are set aside, never dropped in silence: ``rejected`` lists them with line, value and reason.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from features.contracts import TABLES, Table
from features.errors import FactsError, StorageError, nearest
from features.event_facts import add_events
from features.mapping import Mapping, days, map_table, shown_value, view_columns
from features.project import Project, SqlColumn, TableSource
from features.raw_tables import RawTable, open_raw
from features.readers import literal, quoted
from features.rejections import Reading, Rejection, refuse_unusable, rejected_rows
from features.text import Text
from features.writing import full_disk

_NEEDS_SESSION = re.compile(r"timestamptz|time\s+zone|current_|now\s*\(|today\s*\(|random|uuid", re.IGNORECASE)
"""Expressions whose value hangs on the session; a view would compute them again under another clock."""


@dataclass(frozen=True)
class Facts:
    """A company's facts, open for reading.

    ``columns[table]`` are the contract columns that the project maps; the view of that name has all of them, the others
    NULL. ``readings[table]`` tells how the table was read, its further attributes, and what was set aside.
    ``events_until`` is the sequence of the last logged event whose row is in the views.
    """

    connection: duckdb.DuckDBPyConnection
    project: Project
    columns: dict[str, frozenset[str]]
    readings: dict[str, Reading] = field(default_factory=dict)
    events_until: int = 0


@contextmanager
def open_facts(project: Project, most_memory_megabytes: int | None = None) -> Iterator[Facts]:
    """Read all tables of a project; what does not fit into memory, or into the most that it may take, goes to a temporary folder.

    Raises FactsError: a source is missing, unreadable, or holds no usable rows; ProjectError: a mapping that cannot be.
    """
    with (
        tempfile.TemporaryDirectory(prefix="retinue-") as folder,
        database_errors(project.workspace),
        duckdb.connect() as connection,
    ):
        connection.execute(f"SET temp_directory = {literal(folder)}")
        if most_memory_megabytes is not None:
            connection.execute(f"SET memory_limit = '{most_memory_megabytes}MB'")
        connection.execute("SET enable_progress_bar = false")  # the command line has a bar of its own
        connection.execute("CREATE SCHEMA source")
        readings = {}
        for name, source in project.tables.items():
            readings[name] = _read_table(connection, project, TABLES[name].mapped(source.columns), source, Path(folder))
        columns = {name: frozenset(reading.mapped) for name, reading in readings.items()}
        yield Facts(connection, project, columns, readings, add_events(connection, project))


@contextmanager
def database_errors(place: Path) -> Iterator[None]:
    """Turn the database's lack of memory or disk into a StorageError that says what to do."""
    try:
        yield
    except duckdb.OutOfMemoryException as fault:
        raise StorageError(_OUT_OF_MEMORY, fault=str(fault).splitlines()[0]) from fault
    except duckdb.IOException as fault:
        if "No space left on device" in str(fault):
            raise full_disk(place) from fault
        raise


def rejected(facts: Facts, table: str, limit: int | None = None) -> list[Rejection]:
    """The rows of a table that were set aside, in order of file and line; the first ``limit`` of them, or all.

    Raises FactsError: the project has no such table.
    """
    if table not in facts.readings:
        raise FactsError(
            Text("The project has no table '{table}'. {hint}", "项目中没有“{table}”表。{hint}"),
            table=table,
            hint=nearest(table, facts.readings),
        )
    return rejected_rows(facts.connection, facts.readings[table], limit)


def _read_table(
    connection: duckdb.DuckDBPyConnection, project: Project, table: Table, source: TableSource, folder: Path
) -> Reading:
    # what an expression makes of a text without offset is read on the project's clocks, too
    connection.execute(f"SET TimeZone = {literal(project.project.timezone)}")
    raw = open_raw(connection, table, source, project.root, folder)
    mapping = map_table(connection, project, table, source, raw)
    reading = _make_view(connection, project, table, source, raw, mapping)
    connection.execute("SET TimeZone = 'UTC'")
    refuse_unusable(connection, reading)
    if raw.table:
        connection.execute(f"DROP TABLE {raw.table}")
    return reading


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    table: Table,
    source: TableSource,
    raw: RawTable,
    mapping: Mapping,
) -> Reading:
    """Compute the contract's columns, part the rows into accepted and set aside, and make the table's view."""
    name = f"memory.source.{quoted(table.name)}"
    columns = [quoted(c) for c in ("#file", "#row", "#problem", *mapping.columns, *mapping.attributes)]
    calendar = ", ".join(["*", *days(table, mapping, project.project.timezone)])
    select = f"SELECT {calendar} FROM (SELECT {', '.join(columns)} FROM {mapping.relation})"
    copied = raw.table is not None or mapping.is_dear or _needs_session(source)
    connection.execute(f"CREATE {'TABLE' if copied else 'VIEW'} {name} AS {select}")
    if mapping.duplicate and _has_duplicates(connection, name, table):
        if not copied:
            connection.execute(f"DROP VIEW {name}")
            connection.execute(f"CREATE TABLE {name} AS {select}")
            copied = True
        _mark_duplicates(connection, name, table, mapping.duplicate)
    rows, set_aside, is_clean = _counts(connection, name, mapping, copied)
    aside = _keep_set_aside(connection, name, table, raw, mapping, set_aside)
    if is_clean:
        plain = f'SELECT "#file", "#row", 0 AS "#problem", {", ".join(columns[3:])} FROM {mapping.plain}'
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT {calendar} FROM ({plain})")
    connection.execute(
        f"CREATE VIEW memory.main.{quoted(table.name)} AS SELECT {', '.join(view_columns(table, mapping))} FROM {name}"
        + (' WHERE "#problem" = 0' if set_aside else "")
    )
    broken = _count(connection, raw.malformed) if raw.malformed else 0
    return Reading(
        table=table,
        raw=raw,
        mapped=mapping.columns,
        attributes=mapping.attributes,
        problems=mapping.problems,
        rejected_table=aside,
        read=_count(connection, raw.table or raw.relation) + broken,
        accepted=rows - set_aside,
        set_aside=set_aside + broken,
        currencies=mapping.currencies,
    )


def _has_duplicates(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> bool:
    key = ", ".join(quoted(k) for k in table.key)
    query = f'SELECT 1 FROM {name} WHERE "#problem" = 0 GROUP BY {key} HAVING count(*) > 1 LIMIT 1'
    return bool(connection.execute(query).fetchall())


def _mark_duplicates(connection: duckdb.DuckDBPyConnection, name: str, table: Table, problem: int) -> None:
    """Give later rows with the key of an earlier sound row their problem."""
    key = ", ".join(quoted(k) for k in table.key)
    numbered = f'SELECT rowid AS id, row_number() OVER (PARTITION BY {key} ORDER BY "#file", "#row") AS n'
    later = f'SELECT id FROM ({numbered} FROM {name} WHERE "#problem" = 0) WHERE n > 1'
    connection.execute(f'UPDATE {name} SET "#problem" = {problem} WHERE rowid IN ({later})')


def _counts(connection: duckdb.DuckDBPyConnection, name: str, mapping: Mapping, copied: bool) -> tuple[int, int, bool]:
    """How many rows there are, how many have a problem, and whether they had better be read without cleaning."""
    # counted without a filter, which would be pushed down and compute everything several times
    problems = 'count(*) FILTER ("#problem" > 0)'
    if copied or mapping.differs is None:
        rows, problem = connection.execute(f"SELECT count(*), {problems} FROM {name}").fetchall()[0]
        return rows, problem, False
    query = f"SELECT count(*), {problems}, count(*) FILTER ({mapping.differs}) FROM {mapping.relation}"
    rows, problem, different = connection.execute(query).fetchall()[0]
    return rows, problem, problem == 0 and different == 0


def _keep_set_aside(
    connection: duckdb.DuckDBPyConnection, name: str, table: Table, raw: RawTable, mapping: Mapping, counted: int
) -> str:
    """Keep what the rows with a problem held in the source; gives the name of the table."""
    aside = f"memory.source.{quoted(table.name + '_rejected')}"
    values = " ".join(f"WHEN {n} THEN {shown_value(p)}" for n, p in enumerate(mapping.problems, start=1))
    value = f'CASE "#problem" {values} END' if values else "''"
    rows = f'{name} AS n JOIN {raw.relation} AS r USING ("#file", "#row") WHERE n."#problem" > 0'
    connection.execute(
        f'CREATE TABLE {aside} AS SELECT "#file", "#row", "#problem", {value} AS value FROM {rows}'
        + ("" if counted else " LIMIT 0")
    )
    return aside


def _needs_session(source: TableSource) -> bool:
    written = [source.where or "", *(c.sql for c in source.columns.values() if isinstance(c, SqlColumn))]
    return any(_NEEDS_SESSION.search(sql) for sql in written)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


_OUT_OF_MEMORY = Text(
    "The facts do not fit into memory or the temporary folder ({fault}); nothing was changed. Free memory and disk, or use a"
    " machine with more, and run the command again.",
    "内存或临时文件夹不足以处理这些数据（{fault}）；未做任何更改。请释放内存和磁盘空间，或换用内存更大的机器，然后重新运行该命令。",
)
