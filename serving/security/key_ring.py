"""The keys of the store at hand: read again once they are a second old, so that a revoked key opens nothing soon after."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from time import monotonic
from typing import NamedTuple

from serving.security.access import Principal
from serving.security.audit import Writer
from serving.security.keys import is_right, parse_key
from serving.store import Held as HeldConnection
from serving.store.keys import StoredKey, all_keys, note_use

MAX_AGE_SECONDS = 1.0
_USE_NOTED_EVERY_SECONDS = 60.0


class Held(NamedTuple):
    """A key and who it stands for."""

    key: StoredKey
    principal: Principal


class KeyRing:
    """Keys by id. Used by the event loop alone."""

    def __init__(self, connection: HeldConnection, writer: Writer, clock: Callable[[], datetime]) -> None:
        self._connection, self._writer, self._clock = connection, writer, clock
        self._held: dict[str, Held] = {}
        self._read_at = self._noted_at = float("-inf")
        self._used: dict[str, datetime] = {}

    def has_any(self) -> bool:
        """Whether a key was ever made, live or not. Raises StorageError."""
        self._refresh()
        return bool(self._held)

    def who(self, text: str) -> Principal | None:
        """Who sends this key; None: it is no live key. Raises StorageError."""
        given = parse_key(text)
        held = self.live(given.key_id) if given else None
        if held is None or given is None or not is_right(given.secret, held.key.secret_hash):
            return None
        self.note_use(given.key_id)
        return held.principal

    def live(self, key_id: str) -> Held | None:
        """The live key of an id. Raises StorageError."""
        self._refresh()
        held = self._held.get(key_id)
        return held if held is not None and held.key.is_live(self._clock()) else None

    def note_use(self, key_id: str) -> None:
        """Remember that the key was used now; it is written down once a minute."""
        self._used[key_id] = self._clock()

    def write_uses(self) -> None:
        """Write down which keys were used since the last time."""
        if self._used:
            self._writer.submit(partial(note_use, used_at=self._used))
            self._used = {}

    def _refresh(self) -> None:
        now = monotonic()
        if now - self._read_at < MAX_AGE_SECONDS:
            return
        keys = self._connection.ask(all_keys)
        self._held = {
            key.key_id: Held(key, Principal(f"key:{key.key_id}", key.scopes, key.account_manager)) for key in keys
        }
        self._read_at = now
        if now - self._noted_at >= _USE_NOTED_EVERY_SECONDS:
            self._noted_at = now
            self.write_uses()
