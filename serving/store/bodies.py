"""Rows of a table as finished JSON, all columns at once: what the API answers with, byte for byte."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import duckdb
import pyarrow as pa

from features.readers import quoted

ROWS = "rows_to_tell"
ROWS_AT_ONCE = 10_000


Rows: TypeAlias = "pa.Table | Iterable[pa.RecordBatch]"


def small_tables(rows: Rows) -> Iterator[pa.Table]:
    """The rows in tables of so many that their JSON needs little memory."""
    for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            yield pa.Table.from_batches([batch.slice(start, ROWS_AT_ONCE)])


def json_bodies(table: pa.Table) -> pa.ChunkedArray:
    """One JSON object a row, UTF-8 (binary), with the columns as fields in their order; instants in UTC, ending in Z.

    ``table`` may hold texts, numbers, flags, dates, instants with a time zone, structs and lists. Numbers must be finite.
    """
    columns = ", ".join(f"{_told(field)} AS {quoted(field.name)}" for field in table.schema)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register(ROWS, table)
        told = connection.sql(
            f"SELECT CAST(to_json(told) AS VARCHAR) AS body FROM (SELECT {columns} FROM {ROWS}) AS told"
        )
        return told.to_arrow_table()["body"].cast(pa.binary())


def _told(field: pa.Field) -> str:
    """A column as JSON tells it: an instant with its fraction of a second only where it has one."""
    name = quoted(field.name)
    if not pa.types.is_timestamp(field.type):
        return name
    utc = f"({name} AT TIME ZONE 'UTC')"
    whole, part = (f"strftime({utc}, '%Y-%m-%dT%H:%M:%S{fraction}Z')" for fraction in ("", ".%f"))
    return f"CASE WHEN date_trunc('second', {utc}) = {utc} THEN {whole} ELSE {part} END"
