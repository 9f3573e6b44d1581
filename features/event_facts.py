"""Logged events as facts: typed columns with calendar days, beside the rows that come from files."""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from features.contracts import KNOWN_AT, TABLES, Column, ColumnType, Table
from features.event_log import EVENTS_FILE, open_log
from features.events import MAX_EVENT_BYTES, accepted_tables
from features.project import Project
from features.readers import day, day_name, quoted

SEQUENCE = "#sequence"

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "time": pa.timestamp("us"),
    "number": pa.float64(),
    "flag": pa.bool_(),
}
_INSTANTS = pa.timestamp("us")


def event_columns(
    columns: Mapping[str, Column], sequences: Sequence[int], received_us: Sequence[int], bodies: Sequence[bytes]
) -> pa.Table:
    """Logged events of one table as typed columns, with their sequence and ``known_at``; instants are naive UTC."""
    schema = pa.schema([(c.name, _ARROW_TYPES[c.type]) for c in columns.values()])
    if bodies:
        parsing = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
        reading = arrow_json.ReadOptions(block_size=max(2**20, 2 * MAX_EVENT_BYTES))
        read = arrow_json.read_json(io.BytesIO(b"\n".join(bodies)), reading, parsing).select(schema.names)
    else:
        read = schema.empty_table()
    received = pa.chunked_array([pa.array(received_us, pa.int64()).cast(_INSTANTS)])
    known = pc.coalesce(read[KNOWN_AT.name], received)
    read = read.set_column(schema.get_field_index(KNOWN_AT.name), KNOWN_AT.name, known)
    return read.append_column(SEQUENCE, pa.array(sequences, pa.int64()))


def event_rows(events: str, files: str, table: Table, columns: Mapping[str, Column], zone: str) -> str:
    """SQL: the rows of the relation ``events`` with calendar days. Of rows with the same key the first counts, as among
    files: those that repeat one of ``files`` or of an earlier event are left out.
    """
    days = [f"{day(quoted(c.name), zone)} AS {quoted(day_name(c.name))}" for c in columns.values() if c.type == "time"]
    selected = f"SELECT {', '.join([*(quoted(c) for c in columns), *days])} FROM {events} AS e"
    if not table.key:
        return selected
    same = " AND ".join(f"f.{quoted(k)} IS NOT DISTINCT FROM e.{quoted(k)}" for k in table.key)
    key = ", ".join(quoted(k) for k in table.key)
    first = f"row_number() OVER (PARTITION BY {key} ORDER BY {quoted(SEQUENCE)}) = 1"
    return f"{selected} WHERE NOT EXISTS (SELECT 1 FROM {files} AS f WHERE {same}) QUALIFY {first}"


def known_events(
    connection: duckdb.DuckDBPyConnection, project: Project, until: datetime
) -> list[tuple[str, int, int]]:
    """Of each table with added events: how many of them were known before ``until`` (aware), and the last one's sequence."""
    staged = {name: quoted(f"{name} events") for name in accepted_tables(project)} if project.events else {}
    instant = until.astimezone(UTC).replace(tzinfo=None)
    found = []
    for name, events in staged.items():
        if connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [f"{name} events"]).fetchall():
            count = f'SELECT count(*), coalesce(max("{SEQUENCE}"), 0) FROM {events} WHERE known_at < ?'
            found += [(name, *row) for row in connection.execute(count, [instant]).fetchall()]
    return found


def add_events(connection: duckdb.DuckDBPyConnection, project: Project) -> int:
    """Add the rows of logged events to the tables' views, where the files do not bring them.

    Gives the sequence of the last event in the log; 0 where none are added. Raises StorageError.
    """
    path = project.workspace / EVENTS_FILE
    if project.events is None or project.events.in_files or not path.exists():
        return 0
    with open_log(path) as log:
        until = log.last_sequence()
        for name, columns in accepted_tables(project).items():
            staged, files, view = (quoted(place) for place in (f"{name} events", f"{name} of files", name))
            connection.register("#part", event_columns(columns, [], [], []))
            connection.execute(f'CREATE TABLE {staged} AS SELECT * FROM "#part"')
            for part in log.bodies(name, until):
                connection.register("#part", event_columns(columns, *part))
                connection.execute(f'INSERT INTO {staged} SELECT * FROM "#part"')
            connection.unregister("#part")
            connection.execute(f"ALTER VIEW {view} RENAME TO {files}")
            table = TABLES[name].mapped(columns)
            added = event_rows(staged, files, table, columns, project.project.timezone)
            connection.execute(f"CREATE VIEW {view} AS SELECT * FROM {files} UNION ALL BY NAME ({added})")
    return until
