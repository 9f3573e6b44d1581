"""A query that is asked again and again of a few rows: planning it takes far longer than running it, so it is planned once."""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

FEW_ROWS = 1_000
"""So many rows are a few: beyond them a query is better planned for what it reads."""


class Given:
    """Rows that a prepared statement reads: other ones may be put in their place, of the same schema.

    DuckDB asks for the rows by Arrow's PyCapsule interface each time the statement is executed. Registering each table
    anew would have the statement planned anew.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._nothing = schema.empty_table()
        self._rows = self._nothing

    def put(self, rows: pa.Table) -> None:
        """Let these be the rows, columns in any order. Raises ValueError: their schema is another."""
        if rows.schema.names != self.schema.names:
            rows = rows.select(self.schema.names)
        if not rows.schema.equals(self.schema):
            raise ValueError(f"rows of {rows.schema} where {self.schema} was prepared")
        self._rows = rows

    def clear(self) -> None:
        """Let there be no rows."""
        self._rows = self._nothing

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)


def executed(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a prepared statement without parameters.

    Asked for as a relation or as arrays instead, a few rows take longer to be handed over than to be computed.
    """
    return connection.execute(f"EXECUTE {statement}").fetchall()


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One database in memory for all: a cursor of it takes a fraction of a megabyte, a database of its own six."""
    return duckdb.connect(config={"threads": 1, "enable_external_access": "false"})


class Prepared:
    """An SQL query over tables of given schemas, prepared; one thread at a time asks it.

    ``setup`` are statements to run first, as those that make temporary macros.
    """

    def __init__(self, query: str, schemas: Mapping[str, pa.Schema], setup: Sequence[str] = ()) -> None:
        self._lock = threading.Lock()
        self._tables = {name: Given(schema.remove_metadata()) for name, schema in schemas.items()}
        self._connection = _engine().cursor()
        self._connection.execute("PRAGMA disable_optimizer")
        for statement in setup:
            self._connection.execute(statement)
        for name, given in self._tables.items():
            self._connection.register(name, given)
        self._connection.execute(f"PREPARE asked AS {query}")

    def ask(self, **tables: pa.Table) -> list[tuple[Any, ...]]:
        """The query's rows where its tables hold these."""
        with self._lock:
            try:
                for name, table in tables.items():
                    given = self._tables[name]
                    given.put(table)
                return executed(self._connection, "asked")
            finally:
                for given in self._tables.values():
                    given.clear()
