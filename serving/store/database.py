"""Opening the store's SQLite file: one engine to read while another publishes, with SQLite's own words for faults."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn

from features.errors import StorageError
from features.text import Text
from serving.store.tables import METADATA, SCORES

STORE_FILE = "store.db"
"""The store's name inside a project's workspace."""

_WAL_KEPT_BYTES = 64 * 2**20
_LEAST_FREE_BYTES = 2**20


@dataclass(frozen=True)
class Store:
    """An open store. ``reader`` sees one state per transaction and never waits for ``writer``."""

    path: Path
    reader: Engine
    writer: Engine

    def close(self) -> None:
        """Close all pooled connections."""
        self.reader.dispose()
        self.writer.dispose()


def open_store(path: Path, busy_seconds: float = 30) -> Store:
    """Open the store file at ``path``; make it, with its folder, if there is none.

    ``busy_seconds`` is how long to wait for another process that is publishing before giving up.
    Raises StorageError: the place cannot be written, or the file is not a Retinue store.
    """
    with storage_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        store = Store(
            path, _engine(path, "rw", "BEGIN", busy_seconds), _engine(path, "rwc", "BEGIN IMMEDIATE", busy_seconds)
        )
        with store.writer.begin() as connection:
            METADATA.create_all(connection)
            _add_new_columns(connection)
    return store


def _add_new_columns(connection: Connection) -> None:
    """Give a store that an earlier Retinue made the columns that came since; they are empty until the next run."""
    known = {column["name"] for column in inspect(connection).get_columns(SCORES.name)}
    for column in SCORES.c:
        if column.name not in known:
            described = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {SCORES.name} ADD COLUMN {described}")
    for index in SCORES.indexes:
        index.create(connection, checkfirst=True)


def held_connection(store: Store) -> Connection:
    """A connection to keep for many single statements; each sees what is published at its moment."""
    with storage_faults(store.path):
        return store.reader.connect().execution_options(each_statement_alone=True)


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A connection whose statements all see the same published state."""
    with storage_faults(store.path), store.reader.begin() as connection:
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """A connection whose statements all take effect together, or not at all."""
    with storage_faults(store.path), store.writer.begin() as connection:
        yield connection


@contextmanager
def storage_faults(path: Path) -> Iterator[None]:
    """Turn faults of the database or the file system into a StorageError that says what to do."""
    try:
        yield
    except DBAPIError as fault:
        said = "full" if "disk I/O error" in str(fault.orig) and _is_full(path) else str(fault.orig)
        raise StorageError(_explain(said), path=path, fault=fault.orig) from fault
    except OSError as fault:
        raise StorageError(_explain(str(fault)), path=path, fault=fault) from fault


_EXPLANATIONS = {
    "locked": Text(
        "The store {path} is in use by another run of Retinue ({fault}); nothing was changed. "
        "Wait until it ends and try again.",
        "存储 {path} 正被另一个 Retinue 进程使用（{fault}）；未作任何更改。请等它结束后重试。",
    ),
    "full": Text(
        "The disk that holds the store {path} is full ({fault}); nothing was changed. Free some space and try again.",
        "存储 {path} 所在磁盘已满（{fault}）；未作任何更改。请释放空间后重试。",
    ),
    "not a database": Text(
        "The file {path} is not a Retinue store ({fault}). Move it away; 'retinue score' makes a new one.",
        "文件 {path} 不是 Retinue 的存储（{fault}）。请将它移走，“retinue score”会重新创建。",
    ),
    "": Text(
        "The store {path} cannot be used ({fault}); nothing was changed. "
        "Check that the folder exists and can be written.",
        "无法使用存储 {path}（{fault}）；未作任何更改。请检查该文件夹是否存在并可写。",
    ),
}


def _is_full(path: Path) -> bool:
    """Whether the disk has no room for SQLite's own files: it then speaks of an I/O error."""
    try:
        return disk_usage(path.parent).free < _LEAST_FREE_BYTES
    except OSError:
        return False


def _explain(fault: str) -> Text:
    return next(text for words, text in _EXPLANATIONS.items() if words in fault)


def _engine(path: Path, mode: str, begin: str, busy_seconds: float) -> Engine:
    url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": mode, "uri": "true"})
    engine = create_engine(url, poolclass=QueuePool, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a consistent read
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("each_statement_alone"):
            connection.exec_driver_sql(begin)

    return engine
