"""API keys and the audit log in the store. Of a key only the hash of its secret is kept; a key is never removed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Integer, Table, insert, select, update

from serving.store.tables import METADATA, NAME

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("key_id", NAME, primary_key=True),
    Column("secret_hash", NAME, nullable=False),  # SHA-256, hexadecimal
    Column("name", NAME, nullable=False),
    Column("scopes", NAME, nullable=False),  # separated by blanks
    Column("account_manager", NAME),  # the key sees the customers of this one alone
    Column("made_by", NAME, nullable=False),
    # instants: ISO 8601, UTC
    Column("created_at", NAME, nullable=False),
    Column("expires_at", NAME, nullable=False),
    Column("revoked_at", NAME),
    Column("last_used_at", NAME),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", NAME, nullable=False),  # ISO 8601, UTC
    Column("who", NAME, nullable=False),
    Column("method", NAME, nullable=False),
    Column("route", NAME, nullable=False),  # as declared: no id of a customer is in it
    Column("status", Integer, nullable=False),
    Column("request_id", NAME, nullable=False),
    Column("customers", Integer, nullable=False),  # how many were named
    Column("customers_hash", NAME),  # SHA-256 of their sorted ids
    sqlite_autoincrement=True,
)
"""The log of what was asked; the database itself refuses to change or remove its rows."""


class StoredKey(NamedTuple):
    """A key without its secret."""

    key_id: str
    secret_hash: str
    name: str
    scopes: frozenset[str]
    account_manager: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_live(self, at: datetime) -> bool:
        """Whether the key opens anything at that instant."""
        return at < self.expires_at and (self.revoked_at is None or at < self.revoked_at)


def all_keys(connection: Connection) -> list[StoredKey]:
    """Every key that was ever made, the oldest first."""
    rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.key_id)).all()
    return [
        StoredKey(
            row.key_id,
            row.secret_hash,
            row.name,
            frozenset(row.scopes.split()),
            row.account_manager,
            datetime.fromisoformat(row.created_at),
            datetime.fromisoformat(row.expires_at),
            _instant(row.revoked_at),
            _instant(row.last_used_at),
        )
        for row in rows
    ]


def insert_key(connection: Connection, key: StoredKey, made_by: str) -> None:
    """Add a key."""
    connection.execute(
        insert(API_KEYS).values(
            key_id=key.key_id,
            secret_hash=key.secret_hash,
            name=key.name,
            scopes=" ".join(sorted(key.scopes)),
            account_manager=key.account_manager,
            made_by=made_by,
            created_at=key.created_at.isoformat(),
            expires_at=key.expires_at.isoformat(),
        )
    )


def revoke_key(connection: Connection, key_id: str, at: datetime) -> None:
    """The key opens nothing from that instant on."""
    connection.execute(update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(revoked_at=at.isoformat()))


def let_key_expire(connection: Connection, key: StoredKey, at: datetime, grace: timedelta) -> datetime:
    """Let the key expire ``grace`` after ``at``, or when it would anyway; gives that instant."""
    end = min(key.expires_at, at + grace)
    connection.execute(update(API_KEYS).where(API_KEYS.c.key_id == key.key_id).values(expires_at=end.isoformat()))
    return end


def note_use(connection: Connection, used_at: Mapping[str, datetime]) -> None:
    """Remember when keys, by id, were used last."""
    for key_id, at in used_at.items():
        connection.execute(update(API_KEYS).where(API_KEYS.c.key_id == key_id).values(last_used_at=at.isoformat()))


def add_to_audit(connection: Connection, entries: Iterable[Mapping[str, Any]]) -> None:
    """Add entries (columns of AUDIT but for the number) to the audit log."""
    rows = [dict(entry) for entry in entries]
    if rows:
        connection.execute(insert(AUDIT), rows)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
