"""Backup and restore: the rows of all tables as one SQLite file, from and into either database, while serving goes on.

The log of events goes with them, as a table of its own. It is only ever added to, by a restore as well.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine, delete, func, inspect, select, text
from sqlalchemy.exc import DatabaseError

from features.errors import StorageError
from features.event_log import copied_events, copy_log, open_log
from features.progress import Progress, silent
from features.text import Text
from features.writing import atomic_file
from serving.schemas import PublishedRun
from serving.store.database import Store, open_store, reading, writing
from serving.store.dialects import insert_rows
from serving.store.faults import storage_faults
from serving.store.migrating import is_current
from serving.store.places import shown
from serving.store.queries import current_run
from serving.store.tables import METADATA

_ROWS_AT_ONCE = 2_000
_ALWAYS_THERE = {"runs", "scores", "current"}
"""Tables that every store has had."""
_COPYING = Text("copying rows", "复制数据行")
_CHECKING = Text("checking the backup", "检查备份")


@dataclass(frozen=True)
class Content:
    """What a store or a backup holds: the run that is served, how many rows there are of all tables, and of a backup how
    many events, if it has their log.
    """

    run: PublishedRun | None
    rows: int
    events: int | None = None


def content_of(connection: Connection) -> Content:
    """What the tables of a store or a backup hold."""
    counts = (connection.scalar(select(func.count()).select_from(table)) for table in METADATA.sorted_tables)
    return Content(current_run(connection), sum(count or 0 for count in counts))


def back_up(store: Store, file: Path, progress: Progress = silent, events: Path | None = None) -> Content:
    """Write all that the store holds at one moment into ``file``, which appears when it is whole.

    What the log of events at ``events`` holds goes with it, if there is one, as of a moment later: no event that counts in
    the scores is missing. Raises StorageError: the store or the log cannot be read, ``file`` cannot be written or is
    one of them.
    """
    if any(isinstance(place, Path) and file.resolve() == place.resolve() for place in (store.place, events)):
        raise StorageError(_ITSELF, file=file)
    with atomic_file(file) as temporary:
        if isinstance(store.place, Path):
            with storage_faults(store.place), store.looker.connect() as connection:
                connection.exec_driver_sql("VACUUM INTO ?", (str(temporary),))
        else:
            _copy_into(temporary, store, progress)
        _settle(temporary)
        if events is not None and events.exists():
            copy_log(events, temporary)
        with _reading_file(temporary) as connection:
            content = backed_up(connection, temporary)
    progress(_COPYING, 1.0)
    return content


def backed_up(connection: Connection, file: Path) -> Content:
    """What the backup in ``file`` holds, whose tables are at ``connection`` (see `opened_backup`). Raises StorageError."""
    return replace(content_of(connection), events=copied_events(file))


def _copy_into(file: Path, store: Store, progress: Progress) -> None:
    copy = open_store(file)
    try:
        with reading(store) as source, writing(copy) as target:
            _copy_rows(source, target, content_of(source).rows, progress)
    finally:
        copy.close()


def restore(store: Store, file: Path, progress: Progress = silent, events: Path | None = None) -> Content:
    """Put what a backup holds in the place of all that the store holds, in one transaction; readers see the old or the new.

    The log of events at ``events`` keeps what it has, and gets what it lacks of the backup's. Raises StorageError: ``file``
    is no backup, is damaged or comes from a newer Retinue; the store cannot be written; the log is another one.
    """
    with opened_backup(file, progress) as source:
        content = backed_up(source, file)
        with writing(store) as target:
            with _without_guards(target):
                for table in reversed(METADATA.sorted_tables):
                    target.execute(delete(table))
                _copy_rows(source, target, content.rows, progress)
            _count_on(target)
            if events is not None and content.events is not None:
                # Last, and before the store's own commit: scores that count an event are never there without it.
                with open_log(events) as log:
                    log.add_copy(file)
    progress(_COPYING, 1.0)
    return content


@contextmanager
def opened_backup(file: Path, progress: Progress = silent) -> Iterator[Connection]:
    """A connection to a backup, checked page by page and brought to the tables of this program (in a copy of it).

    Raises StorageError: it is no backup, is damaged or comes from a newer Retinue.
    """
    if not file.is_file():
        raise StorageError(Text("There is no file {file}.", "找不到文件 {file}。"), file=file)
    progress(_CHECKING, 0.0)
    with tempfile.TemporaryDirectory(prefix="retinue-restore-") as folder:
        with _reading_file(file) as connection:
            _check(connection, file)
            is_right = is_current(connection, file)
        if not is_right:
            file = Path(shutil.copy(file, Path(folder) / "older.db"))
            open_store(file).close()
        with _reading_file(file) as connection:
            yield connection


@contextmanager
def _reading_file(file: Path) -> Iterator[Connection]:
    url = URL.create("sqlite", database=file.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _check(connection: Connection, file: Path) -> None:
    try:
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        is_ours = set(inspect(connection).get_table_names()) >= _ALWAYS_THERE
    except DatabaseError as fault:
        raise StorageError(_DAMAGED, file=file, fault=fault.orig) from fault
    if found != "ok" or orphans is not None:
        raise StorageError(_DAMAGED, file=file, fault=found if found != "ok" else orphans)
    if not is_ours:
        raise StorageError(_DAMAGED, file=file, fault="no table runs")


def _copy_rows(source: Connection, target: Connection, total: int, progress: Progress) -> None:
    done = 0
    for table in METADATA.sorted_tables:
        asked = select(table).execution_options(yield_per=_ROWS_AT_ONCE)
        for part in source.execute(asked).mappings().partitions():
            insert_rows(target, table, [dict(row) for row in part])
            done += len(part)
            progress(_COPYING, done / total)


@contextmanager
def _without_guards(connection: Connection) -> Iterator[None]:
    """Without the triggers that keep histories from being changed; other connections keep them throughout."""
    if connection.dialect.name == "sqlite":
        guards = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for guard in guards:
            connection.exec_driver_sql(f"DROP TRIGGER {guard.name}")
        yield
        for guard in guards:
            connection.exec_driver_sql(guard.sql)
        return
    for table in METADATA.sorted_tables:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
    yield
    for table in METADATA.sorted_tables:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ENABLE TRIGGER USER")


def _count_on(connection: Connection) -> None:
    """Let PostgreSQL's numbers go on after those that were restored; SQLite sees to it itself."""
    if connection.dialect.name == "sqlite":
        return
    for table in METADATA.sorted_tables:
        if (numbered := table.autoincrement_column) is not None:
            sequence = func.pg_get_serial_sequence(table.name, numbered.name)
            highest = select(func.coalesce(func.max(numbered), 0)).scalar_subquery()
            connection.execute(select(func.setval(sequence, func.greatest(highest, func.nextval(sequence)))))


def _settle(file: Path) -> None:
    """Leave one file that can be read from a place where nothing can be written: no log beside it."""
    engine = create_engine(URL.create("sqlite", database=str(file)), poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
    engine.dispose()


def told(content: Content) -> Text:
    """What a store or a backup holds, in words."""
    run, rows = content.run, content.rows
    said = _UNPUBLISHED.format(rows=rows) if run is None else _HELD.format(rows=rows, run=run.run_id, day=run.as_of)
    return said if content.events is None else _WITH_EVENTS.format(rest=said, events=content.events)


def place_of(store: Store) -> str:
    """Where a store lies, as people may see it."""
    return shown(store.place)


_UNPUBLISHED = Text("{rows:,} rows, no published scores", "{rows:,} 行，无已发布评分")
_HELD = Text(
    "{rows:,} rows, with the scores of run {run} as of {day:%Y-%m-%d}",
    "{rows:,} 行，含批次 {run}（时点 {day:%Y-%m-%d}）的评分",
)
_WITH_EVENTS = Text("{rest}, and {events:,} events", "{rest}，以及 {events:,} 个事件")
_ITSELF = Text(
    "{file} is the store itself, or the log of events; nothing was written. Name another file for the backup.",
    "{file} 就是存储本身或事件日志；未写入任何内容。请为备份指定另一个文件。",
)
_DAMAGED = Text(
    "{file} is no whole backup of a Retinue store ({fault}); nothing was changed. Take another one, or make one with"
    " 'retinue backup'.",
    "{file} 不是完整的 Retinue 存储备份（{fault}）；未作任何更改。请换用其他备份，或用“retinue backup”新建一份。",
)
