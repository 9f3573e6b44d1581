"""Tables in DuckDB, SQLite and PostgreSQL databases, copied into the session's own DuckDB."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from features.database_faults import display_name, refused, unreachable
from features.errors import FactsError, ProjectError
from features.expressions import raw_name
from features.postgresql import load_postgresql
from features.project import TableSource
from features.readers import literal, quoted
from features.text import Text

CHUNK_ROWS = 50_000


def load_database(
    connection: duckdb.DuckDBPyConnection, raw: str, source: TableSource, root: Path, folder: Path
) -> tuple[dict[str, str], bool]:
    """Copy a table or query into ``raw``, its columns named by ``raw_name``; ``folder`` is for temporary copies.

    Gives the columns' DuckDB types, and whether all of them are held as text.
    Raises FactsError: unreachable, or the table or query is refused; ProjectError: an address of an unknown kind.
    """
    assert source.database is not None
    kind = source.database.partition(":")[0].partition("+")[0]
    if kind == "duckdb":
        return _load_duckdb(connection, raw, source, _file_of(source.database, root)), False
    if kind not in ("sqlite", "postgresql", "postgres"):
        raise ProjectError(
            Text(
                "database = '{url}': only sqlite:///FILE, duckdb:///FILE and postgresql://USER@HOST/NAME can be read.",
                "database = '{url}'：只能读取 sqlite:///文件、duckdb:///文件 和 postgresql://用户@主机/库名。",
            ),
            url=display_name(source.database),
        )
    if kind == "sqlite":
        return _load_sqlite(connection, raw, source, _file_of(source.database, root)), True
    return load_postgresql(connection, raw, source, folder), True


def _file_of(url: str, root: Path) -> Path:
    """The file of a sqlite:/// or duckdb:/// address; relative ones lie in the project's folder."""
    file = root / url.partition("://")[2].removeprefix("/")
    if url.partition("://")[2].startswith("//"):
        file = Path(url.partition("://")[2][1:])
    if not file.is_file():
        raise FactsError(
            Text(
                "There is no database file {file} (database = '{url}'). A relative path starts at the project file's folder; "
                "an absolute one has four slashes.",
                "找不到数据库文件 {file}（database = '{url}'）。相对路径从项目文件所在文件夹算起；绝对路径要写四个斜杠。",
            ),
            file=file,
            url=url,
        )
    return file


def _load_duckdb(connection: duckdb.DuckDBPyConnection, raw: str, source: TableSource, file: Path) -> dict[str, str]:
    try:
        connection.execute(f"ATTACH {literal(str(file))} AS company (READ_ONLY)")
    except duckdb.Error as fault:
        raise unreachable(str(file), fault) from None
    try:
        rows = _duckdb_rows(connection, source)
        types = {r[0]: r[1] for r in connection.execute(f"DESCRIBE {rows}").fetchall()}
        columns = ", ".join(f"{quoted(c)} AS {quoted(raw_name(c))}" for c in types)
        connection.execute(f"CREATE TABLE {raw} AS SELECT {columns} FROM ({rows})")
        return types
    except duckdb.Error as fault:
        raise refused(source, fault, _duckdb_tables(connection)) from None
    finally:
        connection.execute("USE memory.main")
        connection.execute("DETACH company")


def _duckdb_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        """SELECT CASE table_schema WHEN 'main' THEN table_name ELSE table_schema || '.' || table_name END
        FROM information_schema.tables WHERE table_catalog = 'company'"""
    )
    return [row[0] for row in rows.fetchall()]


def _duckdb_rows(connection: duckdb.DuckDBPyConnection, source: TableSource) -> str:
    """A statement that gives the rows; its own names are looked up in the company's database first."""
    connection.execute("USE company")
    if source.query is not None:
        return source.query.strip().rstrip(";")
    return f"SELECT * FROM {'.'.join(quoted(part) for part in str(source.table).split('.'))}"


def _load_sqlite(connection: duckdb.DuckDBPyConnection, raw: str, source: TableSource, file: Path) -> dict[str, str]:
    engine = sa.create_engine(f"sqlite:///file:{file.as_posix()}?mode=ro&uri=true")
    try:
        with engine.connect().execution_options(stream_results=True, max_row_buffer=CHUNK_ROWS) as database:
            result = database.execute(sa.text(_statement(engine, source).replace(":", "\\:")))
            names = list(result.keys())
            columns = ", ".join(f"{quoted(raw_name(n))} VARCHAR" for n in names)
            connection.execute(f"CREATE TABLE {raw} ({columns})")
            for chunk in _chunks(result, names):
                connection.register("chunk", chunk)
                connection.execute(f"INSERT INTO {raw} SELECT * FROM chunk")
                connection.unregister("chunk")
        return dict.fromkeys(names, "VARCHAR")
    except sa.exc.OperationalError as fault:
        if "no such table" in str(fault.orig) or "syntax error" in str(fault.orig):
            raise refused(source, fault.orig, _sqlite_tables(engine)) from None
        raise unreachable(str(source.database), fault.orig) from None
    except (sa.exc.SQLAlchemyError, duckdb.Error) as fault:
        raise refused(source, getattr(fault, "orig", None) or fault) from None
    finally:
        engine.dispose()


def _sqlite_tables(engine: sa.Engine) -> list[str]:
    found = sa.inspect(engine)
    return [*found.get_table_names(), *found.get_view_names()]


def _statement(engine: sa.Engine, source: TableSource) -> str:
    if source.query is not None:
        return source.query.strip().rstrip(";")
    quote = engine.dialect.identifier_preparer.quote
    return f"SELECT * FROM {'.'.join(quote(part) for part in str(source.table).split('.'))}"


def _chunks(result: sa.CursorResult[Any], names: Sequence[str]) -> Iterator[pa.Table]:
    for rows in result.partitions(CHUNK_ROWS):
        columns = zip(*rows, strict=True)
        arrays = [pa.array([_as_text(v) for v in column], type=pa.string()) for column in columns]
        yield pa.table(arrays, names=[raw_name(n) for n in names])


def _as_text(value: Any) -> str | None:
    """A value as a CSV file would hold it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
