"""What served when: an append-only SQLite file of promotions, challengers, scorings and what servers did with the versions.

Each entry is chained to the one before.

The file refuses changes and removals by triggers. Who removes the triggers still breaks the chain of digests, which
`verify` notices; a copy of the last digest kept elsewhere also shows entries that were cut off at the end.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    DDL,
    URL,
    CheckConstraint,
    Column,
    Connection,
    Integer,
    MetaData,
    NullPool,
    Row,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy import Text as LongText
from sqlalchemy.exc import DBAPIError

from features.errors import StorageError
from features.project import Project
from features.text import Text
from features.writing import storage_errors

LEDGER_FILE = "ledger.db"
"""The ledger's name inside a project's workspace."""
BUSY_SECONDS = 30
FIRST_DIGEST = "0" * 64
"""What the first entry names as the digest before it."""

How = Literal["trained", "by hand", "forced", "rolled back", "noticed"]


@dataclass(frozen=True)
class Promotion:
    """A version began to serve. ``verdict`` is what the gate had said of it; ``how`` tells why it serves all the same."""

    at: datetime
    model: str
    version: str
    previous_version: str | None
    by: str
    how: How
    reason: Text
    verdict: Literal["passed", "refused", "unjudged"]


@dataclass(frozen=True)
class Scoring:
    """A run of scores was published.

    ``model_run_id`` is MLflow's run that trained the version. Digests are SHA-256 in hex: of the scores as Arrow stream,
    and of the file with the features that were scored, whose path is relative to the workspace.
    """

    at: datetime
    run_id: str
    as_of: datetime
    model: str
    version: str
    model_run_id: str
    segments_version: str
    catalogue_hash: str
    code_version: str
    rows: int
    scores_digest: str
    snapshot: str
    snapshot_digest: str
    lifetime_value_version: str | None = None
    clusters_version: str | None = None
    late_payment_version: str | None = None
    credit_version: str | None = None
    effects_version: str | None = None


Role = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Service:
    """A server took a version into service, or refused to: ``refused`` then says why, and what served before goes on.

    ``server`` is its process, see `run_marks.this_process`. ``canary_share`` of the customers are answered by a challenger.
    """

    at: datetime
    model: str
    version: str
    role: Role
    server: str
    canary_share: float = 0.0
    refused: Text | None = None


@dataclass(frozen=True)
class Shadow:
    """What a challenger said of ``rows`` that the champion answered; differences are challenger less champion, probabilities."""

    at: datetime
    began_at: datetime
    model: str
    version: str
    champion_version: str
    server: str
    rows: int
    mean_difference: float
    mean_absolute_difference: float
    largest_difference: float


@dataclass(frozen=True)
class Challenge:
    """A version was named the challenger by hand; ``version`` None: there is none any more."""

    at: datetime
    model: str
    version: str | None
    previous_version: str | None
    by: str


Record = Promotion | Scoring | Service | Shadow | Challenge

KINDS: dict[str, type[Promotion] | type[Scoring] | type[Service] | type[Shadow] | type[Challenge]] = {
    "promotion": Promotion,
    "scoring": Scoring,
    "service": Service,
    "shadow": Shadow,
    "challenge": Challenge,
}


@dataclass(frozen=True)
class Entry:
    """A record in its place in the chain."""

    number: int
    record: Record
    previous_digest: str
    digest: str


METADATA = MetaData()
_KNOWN_KINDS = f"kind IN ({', '.join(map(repr, KINDS))})"

ENTRIES = Table(
    "entries",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("at", String, nullable=False),  # ISO 8601, UTC, microseconds: sorts as time does
    Column("kind", String, CheckConstraint(_KNOWN_KINDS), nullable=False),
    Column("body", LongText, nullable=False),  # JSON
    Column("previous_digest", String, nullable=False),
    Column("digest", String, nullable=False),
)

GUARDS = {
    "entries_are_never_changed": "BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    "entries_are_never_removed": "BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    # INSERT OR REPLACE removes without asking the trigger above.
    "entries_follow_each_other": "BEFORE INSERT ON entries"
    " WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM entries)"
    f" OR NEW.previous_digest IS NOT coalesce((SELECT digest FROM entries ORDER BY number DESC LIMIT 1), '{FIRST_DIGEST}')"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
}
"""Triggers of the file by name."""

for _name, _guard in GUARDS.items():
    event.listen(ENTRIES, "after_create", DDL(f"CREATE TRIGGER {_name} {_guard}"))  # type: ignore[no-untyped-call]


def ledger_file(project: Project) -> Path:
    """Where a project's ledger lies."""
    return project.workspace / LEDGER_FILE


@contextmanager
def writing(path: Path) -> Iterator[Connection]:
    """The ledger open for entries that all take effect together, or not at all; made where there is none.

    Other processes wait for their turn. What else must happen once with an entry is done inside.
    Raises StorageError: the place cannot be written, another process holds it for too long, or it is no ledger.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _open(path, "rwc", "BEGIN IMMEDIATE") as connection:
        METADATA.create_all(connection)
        _take_new_kinds(connection)
        yield connection


def _take_new_kinds(connection: Connection) -> None:
    """Let a ledger of an earlier Retinue take the kinds of entries that came since; its entries stay as they are."""
    asked = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'entries'")
    if _KNOWN_KINDS in str(connection.execute(asked).scalar_one()):
        return
    connection.exec_driver_sql("ALTER TABLE entries RENAME TO earlier_entries")
    for guard in GUARDS:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {guard}")
    METADATA.create_all(connection)
    connection.exec_driver_sql("INSERT INTO entries SELECT * FROM earlier_entries ORDER BY number")
    connection.exec_driver_sql("DROP TABLE earlier_entries")


def append(connection: Connection, record: Record) -> Entry:
    """Write a record behind the last one."""
    last = connection.execute(select(ENTRIES).order_by(ENTRIES.c.number.desc()).limit(1)).first()
    number, previous = (last.number + 1, last.digest) if last else (1, FIRST_DIGEST)
    kind = next(name for name, of_kind in KINDS.items() if isinstance(record, of_kind))
    row = {"number": number, "at": _iso(record.at), "kind": kind, "body": _body(record), "previous_digest": previous}
    digest = _digest(row)
    connection.execute(insert(ENTRIES).values(**row, digest=digest))
    return Entry(number, record, previous, digest)


def records(connection: Connection) -> list[Entry]:
    """All entries in their order."""
    return [_entry(row) for row in connection.execute(select(ENTRIES).order_by(ENTRIES.c.number))]


def read_ledger(path: Path) -> list[Entry]:
    """All entries in their order; none where there is no ledger.

    Raises StorageError: the file cannot be read or is no ledger.
    """
    if not path.exists():
        return []
    with _open(path, "rw", "BEGIN") as connection:
        return records(connection) if _is_made(connection) else []


def last_promotion(entries: list[Entry], model: str) -> Promotion | None:
    """How the version that serves came to serve."""
    found = [e.record for e in entries if isinstance(e.record, Promotion) and e.record.model == model]
    return found[-1] if found else None


def scoring_at(entries: list[Entry], instant: datetime) -> Scoring | None:
    """The run of scores that was served at an instant: the last one published at or before it."""
    found = [e.record for e in entries if isinstance(e.record, Scoring) and e.record.at <= instant]
    return max(found, key=lambda scoring: scoring.at) if found else None


def verify(path: Path) -> Text | None:
    """What is wrong with a ledger: an entry that was changed, removed or slipped in, or triggers that are gone.

    None where all is as it was written. Raises StorageError: the file cannot be read or is no ledger.
    """
    if not path.exists():
        return None
    with _open(path, "rw", "BEGIN") as connection:
        if not _is_made(connection):
            return None
        rows = connection.execute(select(ENTRIES).order_by(ENTRIES.c.number)).all()
        guards = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars())
    previous = FIRST_DIGEST
    for number, row in enumerate(rows, 1):
        if row.number != number:
            return Text("entry {number} is missing", "缺少第 {number} 条记录").format(number=number)
        if row.previous_digest != previous or row.digest != _digest(row._asdict()):
            return Text("entry {number} was changed", "第 {number} 条记录被改动").format(number=number)
        previous = row.digest
    if missing := sorted(set(GUARDS) - guards):
        return Text(
            "the triggers that refuse changes are gone ({missing})", "拒绝改动的触发器已不存在（{missing}）"
        ).format(missing=", ".join(missing))
    return None


def _digest(row: dict[str, Any]) -> str:
    """The digest of an entry, which holds that of the entry before."""
    told = [row[name] for name in ("number", "at", "kind", "body", "previous_digest")]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _iso(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError(f"expected an instant with its time zone, got {instant}")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _body(record: Record) -> str:
    fields = {name: _iso(value) if isinstance(value, datetime) else value for name, value in vars(record).items()}
    fields |= {name: value._asdict() for name, value in fields.items() if isinstance(value, Text)}
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def _entry(row: Row[Any]) -> Entry:
    fields: dict[str, Any] = json.loads(row.body)
    fields |= {name: datetime.fromisoformat(fields[name]) for name in ("at", "as_of", "began_at") if name in fields}
    fields |= {name: Text(**fields[name]) for name in ("reason", "refused") if fields.get(name)}
    return Entry(row.number, KINDS[row.kind](**fields), row.previous_digest, row.digest)


def _is_made(connection: Connection) -> bool:
    """Whether the file has its table; one whose first writer was killed is still empty."""
    return connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() != 0


@contextmanager
def _open(path: Path, mode: str, begin: str) -> Iterator[Connection]:
    """One transaction in the file; the database's faults come out as StorageError."""
    url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": mode, "uri": "true"})
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late for reading and writing in one
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as fault:
        raise StorageError(
            Text(
                "The ledger {path} cannot be used ({fault}); nothing was changed. Check that no other command holds it,"
                " that its folder can be written and that the disk has room.",
                "无法使用台账 {path}（{fault}）；未作任何更改。请检查是否有其他命令正在占用、文件夹是否可写、磁盘是否有空间。",
            ),
            path=path,
            fault=fault.orig,
        ) from fault
