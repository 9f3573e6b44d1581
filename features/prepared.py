"""A query that is asked again and again of a few rows: planning it takes far longer than running it, so it is planned once."""

import threading
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from features.readers import quoted

FEW_ROWS = 1_000
"""So many rows are a few: beyond them a query is better planned for what it reads."""


class Prepared:
    """An SQL query over tables of given schemas, prepared; one thread at a time asks it.

    ``setup`` are statements to run first, as those that make macros.
    """

    def __init__(self, query: str, schemas: Mapping[str, pa.Schema], setup: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._schemas = dict(schemas)
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("PRAGMA disable_optimizer")
        for statement in setup:
            self._connection.execute(statement)
        for name, schema in self._schemas.items():
            self._read("CREATE TABLE {name} AS SELECT * FROM read_in", name, schema.empty_table())
        self._connection.execute(f"PREPARE asked AS {query}")

    def ask(self, **tables: pa.Table) -> pa.Table:
        """The query's rows where its tables hold these."""
        with self._lock:
            try:
                for name, table in tables.items():
                    self._read(
                        "INSERT INTO {name} SELECT * FROM read_in", name, table.select(self._schemas[name].names)
                    )
                return self._connection.sql("EXECUTE asked").to_arrow_table()
            finally:
                for name in tables:
                    self._connection.execute(f"TRUNCATE {quoted(name)}")

    def _read(self, statement: str, name: str, given: pa.Table) -> None:
        self._connection.register("read_in", given)
        self._connection.execute(statement.format(name=quoted(name)))
        self._connection.unregister("read_in")
