"""Small companies for tests: tables written out by hand, or rows drawn at random, made into facts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import KNOWN_AT, TABLES, Column, ColumnType, Table
from features.project import Project
from features.readers import day, day_name, quoted
from features.snapshot import snapshot
from features.sources import Facts, open_facts

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
Values = dict[str, float | None]

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "time": pa.timestamp("us"),
    "number": pa.float64(),
    "flag": pa.bool_(),
}


def project_of(folder: Path, columns: Mapping[str, Iterable[str]], suffix: str, timezone: str = "UTC") -> Project:
    """A project whose tables lie in ``folder`` as one file each, under the contracts' own names."""
    return Project.model_validate(
        {
            "root": folder,
            "project": {"name": "Test", "currency": "EUR", "timezone": timezone},
            "tables": {
                name: {"path": f"{name}.{suffix}", "columns": {c: c for c in given}} for name, given in columns.items()
            },
        }
    )


def write_by_hand(folder: Path, timezone: str = "UTC", **tables: str) -> Project:
    """A project of CSV files from tables drawn with ``|``: first line the columns, empty cells are missing."""
    columns = {}
    for name, drawing in tables.items():
        lines = [[cell.strip() for cell in line.split("|")] for line in drawing.strip().splitlines()]
        assert len({len(cells) for cells in lines}) == 1, f"{name}: a line has too few or too many cells"
        columns[name] = lines[0]
        (folder / f"{name}.csv").write_text("".join(",".join(cells) + "\n" for cells in lines), encoding="utf-8")
    return project_of(folder, columns, "csv", timezone)


def instant(text: str, project: Project) -> datetime:
    """A date or time on the project's own clocks as an aware instant."""
    return datetime.fromisoformat(text).replace(tzinfo=project.timezone)


def by_customer(table: pa.Table) -> dict[str, Values]:
    """A snapshot at one cut-off as customer → feature → value."""
    return {row.pop("customer_id"): row for row in table.drop_columns("as_of").to_pylist()}


def values_by_hand(folder: Path, as_of: str, timezone: str = "UTC", **tables: str) -> dict[str, Values]:
    """Every customer's features at ``as_of``, from tables drawn by hand and read as a user's files are."""
    return values_each(folder, [as_of], timezone, **tables)[0]


def values_each(folder: Path, as_of: Sequence[str], timezone: str = "UTC", **tables: str) -> list[dict[str, Values]]:
    """The same at one cut-off after the other, each computed alone."""
    project = write_by_hand(folder, timezone, **tables)
    with open_facts(project) as facts:
        return [by_customer(snapshot(facts, [instant(day, project)])) for day in as_of]


def contract_columns(table: Table) -> tuple[Column, ...]:
    return (*table.columns, KNOWN_AT)


def arrow_table(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table with all columns of the contract; what a row does not name is missing."""
    columns = contract_columns(table)
    return pa.table({c.name: pa.array([r.get(c.name) for r in rows], ARROW_TYPES[c.type]) for c in columns})


def write_rows(folder: Path, rows: Rows, timezone: str) -> Project:
    """A project of Parquet files (times in UTC) with the columns that the rows name."""
    columns = {}
    for name, given in rows.items():
        table = arrow_table(TABLES[name], given)
        columns[name] = [c for c in table.column_names if any(c in row for row in given)]
        times = {c: table[c].cast(pa.timestamp("us", "UTC")) for c in columns[name] if c.endswith("at")}
        pq.write_table(
            pa.table({c: times[c] if c in times else table[c] for c in columns[name]}), folder / f"{name}.parquet"
        )
    return project_of(folder, columns, "parquet", timezone)


@contextmanager
def facts_of(rows: Rows, timezone: str = "UTC") -> Iterator[Facts]:
    """The facts that ``open_facts`` would give for these rows (times naive, UTC), without files: far less time."""
    columns = {name: frozenset(c.name for c in contract_columns(TABLES[name])) for name in rows}
    project = project_of(Path(), columns, "csv", timezone)
    with duckdb.connect(config={"threads": "1"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, given in rows.items():
            connection.register("given", arrow_table(TABLES[name], given))
            connection.execute(
                f"CREATE TABLE {name} AS SELECT {', '.join(_columns(TABLES[name], timezone))} FROM given"
            )
        yield Facts(connection, project, columns)


def _columns(table: Table, timezone: str) -> Iterator[str]:
    known_at = f"coalesce(known_at, {quoted(table.occurred_at)}) AS known_at" if table.occurred_at else "known_at"
    for column in contract_columns(table):
        yield known_at if column.name == "known_at" else quoted(column.name)
        if column.type == "time":
            yield f"{day(quoted(column.name), timezone)} AS {day_name(column.name)}"
