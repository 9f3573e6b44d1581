"""Opening the store: in SQLite or PostgreSQL, readers see one published state while somebody else publishes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DBAPIError

from features.errors import StorageError
from features.project import Project
from features.text import Text
from serving.store.faults import storage_faults
from serving.store.migrating import is_current, migrate
from serving.store.places import Place, shown, store_place

_WAL_KEPT_BYTES = 64 * 2**20
_PAGE_BYTES = 16_384
"""Of a new SQLite store: several scores to a page, where one and a half would leave a third of the file empty."""
_MAPPED_BYTES = 2**36
"""Of a SQLite store's file, as far as SQLite maps: a look-up reads where the system holds the page, without a copy of it."""
_CACHE_KILOBYTES, _PUBLISHING_KILOBYTES = 8_192, 262_144
"""While a million rows go into six indexes, SQLite holds their pages instead of writing and reading each many times."""
_BETWEEN_TRIES_SECONDS = 0.02
_CONNECT_SECONDS = 3
_LOOKUP_SECONDS = 5
_WRITE_LOCK = 0x5265_7469_6E75_65
"""The number of the lock that PostgreSQL's writers take; it means nothing else."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """An open store. ``reader`` sees one state per transaction and never waits for ``writer``, of which there is one at
    a time; each statement of ``looker`` sees what is published at its moment.
    """

    place: Place
    reader: Engine
    writer: Engine
    looker: Engine

    def close(self) -> None:
        """Close all pooled connections."""
        for engine in (self.reader, self.writer, self.looker):
            engine.dispose()


def open_store(place: Place, busy_seconds: float = 30) -> Store:
    """Open the store at ``place``; make its tables if there are none, and bring older ones up to date.

    ``busy_seconds`` is how long to wait for another process that is publishing before giving up.
    Raises StorageError: the place cannot be reached or written, is no Retinue store, or a newer Retinue made it.
    """
    with storage_faults(place):
        store = (
            _sqlite_store(place, busy_seconds) if isinstance(place, Path) else _postgresql_store(place, busy_seconds)
        )
        try:
            if not _is_ready(store):
                with store.writer.begin() as connection:
                    migrate(connection, place)
        except BaseException:
            store.close()
            raise
    return store


def open_project_store(project: Project) -> Store:
    """Open the store of a project, wherever it lies. Raises ProjectError: its address is none; StorageError: as `open_store`."""
    return open_store(store_place(project))


def _is_ready(store: Store) -> bool:
    if isinstance(store.place, Path) and not store.place.exists():
        return False
    with store.reader.begin() as connection:
        return is_current(connection, store.place)


class Held:
    """One connection that is kept for many single look-ups, and opened again when the server had gone."""

    def __init__(self, store: Store) -> None:
        self._place = store.place
        with storage_faults(store.place):
            self.connection = store.looker.connect()

    def ask(self, question: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The answer to a question of one statement. Raises StorageError: the store cannot be asked."""
        with storage_faults(self._place):
            was_lost = self.connection.invalidated
            try:
                return question(self.connection, *arguments, **named)
            except DBAPIError:
                if not self.connection.invalidated:
                    raise
                self.connection.rollback()  # the next statement connects again
                if was_lost:
                    raise
            return self.ask(question, *arguments, **named)

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """A connection whose statements all see the same published state."""
    with storage_faults(store.place), store.reader.begin() as connection:
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """A connection whose statements all take effect together, or not at all."""
    with storage_faults(store.place), store.writer.begin() as connection:
        yield connection


@contextmanager
def much_written(connection: Connection) -> Iterator[None]:
    """Inside, SQLite takes much memory so as to write many rows fast."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_PUBLISHING_KILOBYTES}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KILOBYTES}")


def _sqlite_store(path: Path, busy_seconds: float) -> Store:
    path.parent.mkdir(parents=True, exist_ok=True)
    reader = _sqlite(path, "rw", "BEGIN", busy_seconds)
    writer = _sqlite(path, "rwc", "BEGIN IMMEDIATE", busy_seconds)
    return Store(path, reader, writer, _sqlite(path, "rw", "", busy_seconds))


def _sqlite(path: Path, mode: str, begin: str, busy_seconds: float) -> Engine:
    url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": mode, "uri": "true"})
    engine = create_engine(url, poolclass=QueuePool, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for a consistent read
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        _keep_a_log(connection, busy_seconds)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = FAST")
        if mode == "rw":
            connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")

    if begin:

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

    return engine


def _keep_a_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Keep a write-ahead log. SQLite itself does not wait when two processes turn it on in a new file at once."""
    deadline = monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as fault:
            if "locked" not in str(fault) or monotonic() > deadline:
                raise
            sleep(_BETWEEN_TRIES_SECONDS)


def _postgresql_store(url: URL, busy_seconds: float) -> Store:
    reader = _postgresql(url, {"default_transaction_read_only": "on"}, "REPEATABLE READ")
    # each statement sees what was there when the lock was got, not when it was asked for
    writer = _postgresql(url, {"lock_timeout": f"{busy_seconds * 1000:.0f}"}, "READ COMMITTED")
    looker = _postgresql(
        url,
        {"default_transaction_read_only": "on", "statement_timeout": f"{_LOOKUP_SECONDS * 1000}"},
        "AUTOCOMMIT",
    )

    @event.listens_for(writer, "begin")
    def _lock(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")

    return Store(url, reader, writer, looker)


def _postgresql(url: URL, settings: dict[str, str], isolation: Any) -> Engine:
    own = " ".join(f"-c {name}={value}" for name, value in settings.items())
    arguments = {"options": f"{url.query.get('options', '')} {own}", "application_name": "retinue"}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = str(_CONNECT_SECONDS)
    try:
        # a connection that has not been used for a while may have lost its server: asking first finds out
        engine = create_engine(
            url, isolation_level=isolation, pool_pre_ping=isolation != "AUTOCOMMIT", connect_args=arguments
        )
    except ModuleNotFoundError:
        raise StorageError(_NO_DRIVER, place=shown(url)) from None

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.adapters.register_dumper(str, _without_nul())

    return engine


def _without_nul() -> type:
    from psycopg.types.string import StrDumper

    class WithoutNul(StrDumper):
        """PostgreSQL's text holds no NUL: one that somebody typed becomes the sign for it."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "␀") if "\0" in obj else obj)

    return WithoutNul


_NO_DRIVER = Text(
    "The store {place} needs the driver of PostgreSQL, which is not installed. Install it with: pip install 'retinue[postgres]'.",
    "存储 {place} 需要 PostgreSQL 驱动程序，目前尚未安装。请运行：pip install 'retinue[postgres]'。",
)
