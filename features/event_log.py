"""The log of events: every fact that came in while the service ran, on the disk before it was acknowledged.

One SQLite file in the workspace, apart from the store, whose only writer may be busy publishing a run for minutes. Rows
are only ever added; ``sequence`` is the order in which they came in, without gaps.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import orjson

from features.errors import StorageError
from features.text import Text

EVENTS_FILE = "events.db"
"""The log's name inside a project's workspace."""
COPY = "event_log"
"""The table of a copy of the log, in a file that holds other things as well."""

_TABLE = """
  sequence INTEGER PRIMARY KEY,
  event_id TEXT NOT NULL UNIQUE,
  received_us INTEGER NOT NULL,  -- when it came in, microseconds since 1970; never falls as the sequence rises
  occurred_us INTEGER,           -- when it happened; NULL: the fact has no instant
  fact TEXT NOT NULL,            -- the contract's table
  customer_id TEXT NOT NULL,
  invoice_id TEXT,
  body BLOB NOT NULL             -- the row as JSON: instants are naive UTC
"""
_TABLES = f"""
CREATE TABLE IF NOT EXISTS events ({_TABLE});
CREATE INDEX IF NOT EXISTS events_of_customer ON events (customer_id, sequence);
CREATE INDEX IF NOT EXISTS events_of_invoice ON events (invoice_id, sequence) WHERE invoice_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS events_by_day ON events (occurred_us) WHERE occurred_us > received_us;
CREATE INDEX IF NOT EXISTS events_by_arrival ON events (received_us, sequence);
CREATE TRIGGER IF NOT EXISTS events_no_update BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'the log of events is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_no_delete BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'the log of events is append-only'); END;
"""
_COLUMNS = "sequence, event_id, received_us, occurred_us, fact, customer_id, invoice_id, body"
_FIRST_DIFFERENCE = f"""
SELECT e.sequence FROM events AS e JOIN copied.{COPY} AS c USING (sequence)
WHERE (e.event_id, e.received_us, e.occurred_us, e.fact, e.customer_id, e.invoice_id, e.body)
  IS NOT (c.event_id, c.received_us, c.occurred_us, c.fact, c.customer_id, c.invoice_id, c.body)
ORDER BY e.sequence LIMIT 1
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS_AT_ONCE = 50_000

Outcome = Literal["accepted", "duplicate", "conflict"]


class Event(NamedTuple):
    """A fact that came in: its id, the contract's table, whose it is, when it happened, and its row as JSON."""

    event_id: str
    table: str
    customer_id: str
    invoice_id: str | None
    occurred_at: datetime | None
    body: bytes


class Logged(NamedTuple):
    """What became of an event, and where it stands in the log; a conflict names the event that has its id."""

    outcome: Outcome
    sequence: int


class Received(NamedTuple):
    """A row of the log."""

    sequence: int
    received_us: int
    table: str
    customer_id: str
    invoice_id: str | None
    body: bytes


_RECEIVED = "sequence, received_us, fact, customer_id, invoice_id, body"


class EventLog:
    """An open log; one connection, for one thread at a time.

    Raises StorageError: the file cannot be used.
    """

    def __init__(self, path: Path, busy_seconds: float = 30) -> None:
        self.path = path
        with self._faults():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path.absolute().as_uri(), busy_seconds, isolation_level=None, check_same_thread=False, uri=True
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def append(self, events: Sequence[Event], now: datetime) -> list[Logged]:
        """Add events in order; when this returns they are on the disk.

        The same event under the same id again is a duplicate and changes nothing; another one under it is a conflict and
        is not added.
        """
        with self._faults(), self._writing():
            known = self._known({event.event_id for event in events})
            last, received = self._end()
            received = max(received, microseconds(now))
            logged, rows = [], []
            for event in events:
                content = (event.table, event.body)
                if event.event_id in known:
                    at, *before = known[event.event_id]
                    logged.append(Logged("duplicate" if tuple(before) == content else "conflict", at))
                    continue
                last += 1
                known[event.event_id] = (last, *content)
                occurred = None if event.occurred_at is None else microseconds(event.occurred_at)
                owner = (event.table, event.customer_id, event.invoice_id)
                rows.append((last, event.event_id, received, occurred, *owner, event.body))
                logged.append(Logged("accepted", last))
            self._connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            return logged

    def add_copy(self, file: Path) -> int:
        """Add what the copy of a log in ``file`` (see `copy_log`) holds beyond this one, all or nothing; gives how many.

        The copy is of this log, older or newer, or this log is empty. Raises StorageError: they hold different events at the
        same place; nothing is added.
        """
        with self._faults():
            self._connection.execute("ATTACH ? AS copied", (f"{file.absolute().as_uri()}?mode=ro",))
            try:
                with self._writing():
                    if (differing := self._connection.execute(_FIRST_DIFFERENCE).fetchone()) is not None:
                        raise StorageError(_OF_ANOTHER, path=self.path, file=file, sequence=differing[0])
                    asked = f"SELECT {_COLUMNS} FROM copied.{COPY} WHERE sequence > ? ORDER BY sequence"
                    added = self._connection.execute(f"INSERT INTO events {asked}", (self._end()[0],))
                return added.rowcount
            finally:
                self._connection.execute("DETACH copied")

    def last_sequence(self) -> int:
        """The sequence of the last event; 0 while there is none."""
        with self._faults():
            return self._end()[0]

    def sequence_before(self, instant: datetime) -> int:
        """The sequence of the last event that was received before ``instant``; 0 where there is none."""
        asked = "SELECT sequence FROM events WHERE received_us < ? ORDER BY received_us DESC, sequence DESC LIMIT 1"
        return int(self._value(asked, microseconds(instant)) or 0)

    def received_at(self, sequence: int) -> datetime | None:
        """When the event of that sequence was received; None: there is none."""
        found = self._value("SELECT received_us FROM events WHERE sequence = ?", sequence)
        return None if found is None else _EPOCH + timedelta(microseconds=int(found))

    def after(self, sequence: int, limit: int) -> list[Received]:
        """The next ``limit`` events after ``sequence``."""
        return self._rows("WHERE sequence > ? ORDER BY sequence LIMIT ?", sequence, limit)

    def become_due(self, start: datetime, end: datetime, upto: int) -> list[Received]:
        """Events up to ``upto`` that were received before they happened, and happened from ``start`` to before ``end``."""
        condition = "WHERE occurred_us > received_us AND occurred_us >= ? AND occurred_us < ? AND sequence <= ?"
        return self._rows(f"{condition} ORDER BY sequence", microseconds(start), microseconds(end), upto)

    def of(self, customers: Sequence[str], invoices: Sequence[str], after: int, upto: int) -> list[Received]:
        """Events of customers or about invoices, with ``after`` < sequence ≤ ``upto``, in order."""
        of_customer = "customer_id IN (SELECT value FROM json_each(?))"
        of_invoice = "invoice_id IN (SELECT value FROM json_each(?))"
        both = " UNION ".join(
            f"SELECT {_RECEIVED} FROM events WHERE {which} AND sequence > ? AND sequence <= ?"
            for which in (of_customer, of_invoice)
        )
        values = (orjson.dumps(customers).decode(), after, upto, orjson.dumps(invoices).decode(), after, upto)
        with self._faults():
            return [Received(*row) for row in self._connection.execute(f"{both} ORDER BY sequence", values)]

    def bodies(self, table: str, upto: int) -> Iterator[tuple[list[int], list[int], list[bytes]]]:
        """All events of a table up to ``upto``, in parts: sequences, when received, bodies."""
        asked = "SELECT sequence, received_us, body FROM events WHERE fact = ? AND sequence <= ? ORDER BY sequence"
        with self._faults():
            cursor = self._connection.execute(asked, (table, upto))
            while part := cursor.fetchmany(_ROWS_AT_ONCE):
                sequences, received, bodies = zip(*part, strict=True)
                yield list(sequences), list(received), list(bodies)

    def _end(self) -> tuple[int, int]:
        asked = "SELECT sequence, received_us FROM events ORDER BY sequence DESC LIMIT 1"
        row = self._connection.execute(asked).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def _known(self, ids: Iterable[str]) -> dict[str, tuple[int, str, bytes]]:
        asked = "SELECT event_id, sequence, fact, body FROM events WHERE event_id IN (SELECT value FROM json_each(?))"
        rows = self._connection.execute(asked, (orjson.dumps(list(ids)).decode(),))
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    def _rows(self, condition: str, *values: int) -> list[Received]:
        with self._faults():
            found = self._connection.execute(f"SELECT {_RECEIVED} FROM events {condition}", values)
            return [Received(*row) for row in found]

    def _value(self, asked: str, value: int) -> int | None:
        with self._faults():
            row = self._connection.execute(asked, (value,)).fetchone()
        return row[0] if row else None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as fault:
            raise StorageError(_UNUSABLE, path=self.path, fault=fault) from fault


@contextmanager
def open_log(path: Path) -> Iterator[EventLog]:
    """The log at ``path``, made if there is none, closed at the end of the block. Raises StorageError."""
    with closing(EventLog(path)) as log:
        yield log


def copy_log(path: Path, file: Path) -> None:
    """Add the log at ``path``, as it is at one moment, to the SQLite file ``file`` as the table `COPY`; events go on coming in.

    Raises StorageError: the log cannot be read or ``file`` not be written, which may then hold a part.
    """
    try:
        with closing(sqlite3.connect(file, isolation_level=None, uri=True)) as connection:
            connection.execute("ATTACH ? AS log", (f"{path.absolute().as_uri()}?mode=rw",))  # never makes one
            connection.execute(f"CREATE TABLE {COPY} ({_TABLE})")
            connection.execute(f"INSERT INTO {COPY} SELECT {_COLUMNS} FROM log.events ORDER BY sequence")
    except sqlite3.Error as fault:
        raise StorageError(_NOT_COPIED, path=path, fault=fault) from fault


def copied_events(file: Path) -> int | None:
    """How many events the copy of a log in ``file`` has; None: there is no copy in it. Raises StorageError."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (COPY,)).fetchone() is None:
                return None
            (count,) = connection.execute(f"SELECT count(*) FROM {COPY}").fetchone()
            return int(count)
    except sqlite3.Error as fault:
        raise StorageError(_NOT_COPIED, path=file, fault=fault) from fault


def microseconds(instant: datetime) -> int:
    """An aware instant as microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


_UNUSABLE = Text(
    "The log of events {path} cannot be used ({fault}); nothing was added. Check that the folder exists and can be written"
    " and that the disk has room, and try again.",
    "无法使用事件日志 {path}（{fault}）；未添加任何事件。请检查该文件夹是否存在、可写且磁盘有余量，然后重试。",
)
_NOT_COPIED = Text(
    "The log of events {path} cannot be copied ({fault}). Check that it can be read and that the disk of the copy has"
    " room, and try again.",
    "无法复制事件日志 {path}（{fault}）。请检查其是否可读、副本所在磁盘是否有余量，然后重试。",
)
_OF_ANOTHER = Text(
    "The log of events {path} and the one in {file} have different events at place {sequence:,}: they are two logs, and"
    " none replaces the other. Nothing was changed. If the events of {path} are not needed here, stop the service, move that"
    " file and those that begin with its name elsewhere, and restore again.",
    "事件日志 {path} 与 {file} 中的日志在第 {sequence:,} 位的事件不同：二者并非同一日志，互不替换。未作任何更改。如不再需要 {path}"
    " 中的事件，请停止服务，将该文件及以其名称开头的文件移走，然后重新恢复。",
)
