"""What SQLite and PostgreSQL say differently: many values at once, asked for or written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy import ARRAY, ColumnElement, Connection, Table, any_, func, insert, literal, select
from sqlalchemy.exc import DBAPIError

from serving.store.tables import NAME


def is_one_of(connection: Connection, column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column's text is one of many; all of them travel as one parameter."""
    askable = [value for value in values if "\0" not in value]  # no store holds a NUL, and SQLite's JSON ends at one
    if connection.dialect.name == "sqlite":
        return column.in_(select(func.json_each(orjson.dumps(askable).decode()).table_valued("value").c.value))
    return column == any_(literal(askable, ARRAY(NAME)))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the same columns; into PostgreSQL by COPY, the fastest way in."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
    else:
        columns = list(rows[0])
        _copy_in(connection, table, columns, ([row[name] for name in columns] for row in rows))


def insert_table(connection: Connection, table: Table, rows: pa.Table) -> None:
    """Insert the rows of an Arrow table, whose columns are columns of ``table``, as the driver takes them: many at once."""
    values = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    if not values:
        return
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * rows.num_columns)
        names = ", ".join(f'"{name}"' for name in rows.column_names)
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({places})", values)
    else:
        _copy_in(connection, table, rows.column_names, values)


def _copy_in(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    import psycopg
    from psycopg.sql import SQL, Identifier

    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), SQL(", ").join(map(Identifier, columns)))
    try:
        cursor: psycopg.Cursor = connection.connection.cursor()  # type: ignore[assignment]
        with cursor, cursor.copy(statement) as stream:
            for row in rows:
                stream.write_row(row)
    except psycopg.Error as fault:
        said = DBAPIError.instance("COPY", None, fault, psycopg.Error, dialect=connection.dialect)
        raise said from fault
