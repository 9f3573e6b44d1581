"""What SQLite and PostgreSQL say differently: many values at once, asked for or written."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
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
        _copy_in(connection, table, rows)


def _copy_in(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    import psycopg
    from psycopg.sql import SQL, Identifier

    columns = list(rows[0])
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), SQL(", ").join(map(Identifier, columns)))
    try:
        cursor: psycopg.Cursor = connection.connection.cursor()  # type: ignore[assignment]
        with cursor, cursor.copy(statement) as stream:
            for row in rows:
                stream.write_row([row[name] for name in columns])
    except psycopg.Error as fault:
        said = DBAPIError.instance("COPY", None, fault, psycopg.Error, dialect=connection.dialect)
        raise said from fault
