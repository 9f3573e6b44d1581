"""Making, rotating and revoking keys; each is written to the audit log in the same transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection

from features.errors import NotFoundError, RetinueError
from features.text import Text
from serving.security.audit import Named, entry
from serving.security.keys import GRACE, NewKey, Scope, make_key
from serving.store import Store
from serving.store.database import writing
from serving.store.keys import StoredKey, add_to_audit, all_keys, insert_key, let_key_expire, revoke_key
from training.registry import Signature


class AccessKeyError(RetinueError):
    """A key cannot be made or changed as asked."""


def create_key(
    store: Store, signed: Signature, name: str, scopes: Sequence[Scope], days: int, account_manager: str | None
) -> NewKey:
    """A new key, good for ``days``. Raises StorageError; AccessKeyError: no name, or an empty account manager."""
    if not name.strip() or (account_manager is not None and not account_manager.strip()):
        raise AccessKeyError(_EMPTY)
    made = make_key(name.strip(), scopes, account_manager, signed.at, timedelta(days=days))
    with writing(store) as connection:
        insert_key(connection, made.stored, signed.by)
        _write_down(connection, signed, "create", made.stored.key_id)
    return made


def rotate_key(store: Store, signed: Signature, key_id: str) -> tuple[NewKey, datetime]:
    """A new key of the same rights and life, and the instant until which the old one stays good beside it.

    Raises NotFoundError: there is no such key; AccessKeyError: it opens nothing any more; StorageError.
    """
    with writing(store) as connection:
        old = _key(connection, key_id)
        if not old.is_live(signed.at):
            raise AccessKeyError(_DEAD, key=key_id)
        made = make_key(old.name, _scopes(old), old.account_manager, signed.at, old.expires_at - old.created_at)
        insert_key(connection, made.stored, signed.by)
        until = let_key_expire(connection, old, signed.at, GRACE)
        _write_down(connection, signed, "rotate", key_id)
    return made, until


def revoke_one(store: Store, signed: Signature, key_id: str) -> None:
    """The key opens nothing from now on; one that was revoked before stays so.

    Raises NotFoundError: there is no such key; StorageError.
    """
    with writing(store) as connection:
        if _key(connection, key_id).revoked_at is None:
            revoke_key(connection, key_id, signed.at)
            _write_down(connection, signed, "revoke", key_id)


def _scopes(key: StoredKey) -> list[Scope]:
    return sorted(key.scopes)  # type: ignore[arg-type]


def _key(connection: Connection, key_id: str) -> StoredKey:
    for key in all_keys(connection):
        if key.key_id == key_id:
            return key
    raise NotFoundError(_NO_KEY, key=key_id if len(key_id) <= 40 else f"{key_id[:12]}…")


def _write_down(connection: Connection, signed: Signature, what: str, key_id: str) -> None:
    line = entry(signed.at, f"command:{signed.by}", what.upper(), f"keys/{key_id}", 0, uuid4().hex, Named())
    add_to_audit(connection, [line])


_NO_KEY = Text(
    "There is no key with the id '{key}'. 'retinue keys list' shows all ids; a key's id is the part after 'rtn_'.",
    "没有编号为“{key}”的密钥。“retinue keys list”可列出全部编号；编号是密钥中“rtn_”之后的部分。",
)
_DEAD = Text(
    "The key {key} is expired or revoked already, so there is nothing to rotate. Make one with 'retinue keys create'.",
    "密钥 {key} 已过期或已吊销，无法轮换。请用“retinue keys create”创建新的密钥。",
)
_EMPTY = Text("A key needs a name, and an account manager may not be empty.", "密钥必须有名称，客户经理不能为空。")
