"""Tables and queries of a PostgreSQL server. The server itself writes the rows as CSV text, so that no type is lost."""

import csv
from pathlib import Path

import duckdb
import sqlalchemy as sa

from features import csv_files
from features.database_faults import refused, unreachable
from features.errors import FactsError
from features.expressions import raw_name
from features.project import TableSource
from features.readers import literal, quoted
from features.text import Text

PATIENCE_SECONDS = 10
"""How long a server may take to answer the first call, unless its address says otherwise (?connect_timeout=60)."""

_TABLES = """
    SELECT CASE WHEN pg_table_is_visible(c.oid) THEN relname ELSE nspname || '.' || relname END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind IN ('r', 'v', 'm', 'f', 'p') AND nspname NOT IN ('pg_catalog', 'information_schema')
"""


def load_postgresql(
    connection: duckdb.DuckDBPyConnection, raw: str, source: TableSource, folder: Path
) -> dict[str, str]:
    """Copy a table or query into ``raw``, all as text, its columns named by ``raw_name``; gives the columns' types.

    ``folder`` is for a temporary copy. Raises FactsError: unreachable, refused, or the driver is not installed.
    """
    file = folder / f"{abs(hash(raw))}.postgresql.csv"
    _download(source, file)
    with file.open(encoding="utf-8", newline="") as text:
        names = csv_files.unique_names(next(csv.reader(text)))
    types = ", ".join(f"{literal(raw_name(n))}: 'VARCHAR'" for n in names)
    try:
        connection.execute(
            f"CREATE TABLE {raw} AS SELECT {', '.join(quoted(raw_name(n)) for n in names)} FROM read_csv("
            f"{literal(str(file))}, auto_detect = false, header = true, columns = {{{types}}}, delim = ',', quote = '\"', "
            "escape = '\"')"
        )
    except duckdb.Error as fault:
        raise refused(source, fault) from None
    finally:
        file.unlink()
    return dict.fromkeys(names, "VARCHAR")


def _download(source: TableSource, file: Path) -> None:
    try:
        import psycopg
    except ModuleNotFoundError:
        raise FactsError(
            Text(
                "Reading from PostgreSQL needs its driver, which is not installed. Install it with: pip install 'retinue[postgres]'.",
                "读取 PostgreSQL 需要其驱动程序，目前尚未安装。请运行：pip install 'retinue[postgres]'。",
            )
        ) from None
    try:
        server = psycopg.connect(_address(str(source.database)), autocommit=True)
    except psycopg.Error as fault:
        raise unreachable(str(source.database), fault) from None
    with server:
        try:
            # a session's own habits must not change how values are written
            server.execute(
                "SET default_transaction_read_only = on; SET client_encoding = 'UTF8'; SET datestyle = 'ISO'"
            )
            with server.cursor().copy(_copy(source).encode()) as rows, file.open("wb") as target:
                for block in rows:
                    target.write(block)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as fault:
            raise refused(source, fault, (row[0] for row in server.execute(_TABLES).fetchall())) from None
        except psycopg.Error as fault:
            raise refused(source, fault) from None


def _address(url: str) -> str:
    try:
        made = sa.make_url(url).set(drivername="postgresql")
    except (sa.exc.ArgumentError, ValueError) as fault:
        raise unreachable(url, fault) from None
    if "connect_timeout" not in made.query:
        made = made.update_query_dict({"connect_timeout": str(PATIENCE_SECONDS)})
    return made.render_as_string(hide_password=False)


def _copy(source: TableSource) -> str:
    if source.query is not None:
        rows = source.query.strip().rstrip(";")
    else:
        rows = f"SELECT * FROM {'.'.join(quoted(part) for part in str(source.table).split('.'))}"
    return f"COPY ({rows}\n) TO STDOUT (FORMAT csv, HEADER)"
