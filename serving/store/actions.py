"""What was done about customers and what came of it: logs that are only added to, durable before they are acknowledged."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Table, select

from features.errors import RetinueError
from features.text import Text
from serving.store.database import Store, writing
from serving.store.dialects import insert_rows, is_one_of
from serving.store.log_tables import ACTIONS, OUTCOMES
from serving.store.queries import customers_of

_BODIES_AT_ONCE = 10_000


class Entry(NamedTuple):
    """One entry of a log: its id, whose it is, and its finished JSON."""

    id: str
    customer_id: str
    at: datetime
    campaign: str | None
    body: bytes


class Logged(NamedTuple):
    """How many entries were new, and how many were there already with the same content."""

    added: int
    repeated: int


class LogPage(NamedTuple):
    """One page of a log: bodies, and the number that the next page begins after (None at the end)."""

    bodies: list[bytes]
    last: int | None


class ConflictError(RetinueError):
    """An id was used before for another content; nothing was added. ``place`` is the entry's place in what was given."""

    def __init__(self, place: int, id_: str) -> None:
        self.place = place
        super().__init__(_CONFLICT, id=id_ if len(id_) <= 80 else f"{id_[:80]}…")


def log_actions(store: Store, entries: Sequence[Entry], received_at: datetime) -> Logged:
    """Add actions, all or none; an entry that is there already with the same content is passed over.

    Raises ConflictError: an id stands for another content; StorageError: the store cannot be written.
    """
    return _add(store, ACTIONS, "action_id", entries, received_at)


def log_outcomes(store: Store, entries: Sequence[Entry], received_at: datetime) -> Logged:
    """Add outcomes; otherwise as `log_actions`."""
    return _add(store, OUTCOMES, "outcome_id", entries, received_at)


def list_actions(
    connection: Connection,
    customer_id: str | None,
    campaign: str | None,
    before: int | None,
    limit: int,
    account_manager: str | None = None,
) -> LogPage:
    """The next ``limit`` actions, those logged last first, beginning below number ``before``.

    With ``account_manager`` only those on customers of this one.
    """
    asked = select(ACTIONS.c.number, ACTIONS.c.body).order_by(ACTIONS.c.number.desc()).limit(limit + 1)
    for column, value in ((ACTIONS.c.customer_id, customer_id), (ACTIONS.c.campaign, campaign)):
        asked = asked if value is None else asked.where(column == value)
    if account_manager is not None:
        asked = asked.where(ACTIONS.c.customer_id.in_(customers_of(account_manager)))
    if before is not None:
        asked = asked.where(ACTIONS.c.number < before)
    rows = connection.execute(asked).all()
    return LogPage([row.body for row in rows[:limit]], rows[limit - 1].number if len(rows) > limit else None)


def logged_bodies(connection: Connection, log: Table) -> Iterator[tuple[list[bytes], list[str]]]:
    """All bodies of a log in the order in which they came in, with when each was received, in parts."""
    asked = select(log.c.body, log.c.received_at).order_by(log.c.number)
    for part in connection.execute(asked.execution_options(yield_per=_BODIES_AT_ONCE)).partitions():
        yield [row.body for row in part], [row.received_at for row in part]


def _add(store: Store, log: Table, key: str, entries: Sequence[Entry], received_at: datetime) -> Logged:
    with writing(store) as connection:
        known = _known(connection, log, key, [entry.id for entry in entries])
        added = []
        for place, entry in enumerate(entries):
            body = known.setdefault(entry.id, b"")
            if body and body != entry.body:
                raise ConflictError(place, entry.id)
            if not body:
                known[entry.id] = entry.body
                added.append(_row(key, entry, received_at))
        insert_rows(connection, log, added)
    return Logged(len(added), len(entries) - len(added))


def _known(connection: Connection, log: Table, key: str, ids: list[str]) -> dict[str, bytes]:
    found = select(log.c[key], log.c.body).where(is_one_of(connection, log.c[key], ids))
    return dict(connection.execute(found).all())


def _row(key: str, entry: Entry, received_at: datetime) -> dict[str, object]:
    return {
        key: entry.id,
        "customer_id": entry.customer_id,
        "campaign": entry.campaign,
        "at": entry.at.astimezone(UTC).isoformat(),
        "received_at": received_at.astimezone(UTC).isoformat(),
        "body": entry.body,
    }


_CONFLICT = Text(
    "The id '{id}' was used before for another content. Nothing was added. Give a new event an id of its own; send an event"
    " again exactly as it was.",
    "编号“{id}”此前已用于其他内容，未添加任何记录。新事件请使用新的编号；重发事件时请保持内容完全一致。",
)
