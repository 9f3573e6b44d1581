"""The audit log: who asked for what, and how it was answered. Entries that wait together are written together."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from hashlib import sha256
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, NamedTuple

from sqlalchemy import Connection

from features.errors import RetinueError
from serving.store.database import Store, writing

_MOST_AT_ONCE = 500
_LOG = logging.getLogger(__name__)

Write = Callable[[Connection], None]


class Named(NamedTuple):
    """The customers that a request named: how many, and the hash of their ids."""

    customers: int = 0
    customers_hash: str | None = None


def named(customer_ids: Sequence[str]) -> Named:
    """What the audit log keeps of customers' ids: who knows the ids can tell that they are meant, nobody else can read them."""
    if not customer_ids:
        return Named()
    ids = sorted(set(customer_ids))
    return Named(len(ids), sha256("\0".join(ids).encode("utf-8", "surrogatepass")).hexdigest())


def entry(
    at: datetime, who: str, method: str, route: str, status: int, request_id: str, about: Named
) -> dict[str, Any]:
    """An entry of the audit log."""
    return {
        "at": at.astimezone(UTC).isoformat(),
        "who": who,
        "method": method,
        "route": route,
        "status": status,
        "request_id": request_id,
        **about._asdict(),
    }


class Writer:
    """Writes small things to the store from a thread of its own; all that wait share one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: SimpleQueue[tuple[Write, Future[None]] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._starting = Lock()

    def submit(self, write: Write) -> "Future[None]":
        """Have something written; the future is done when it is on the disk, and raises RetinueError when it is not."""
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="retinue-audit", daemon=True)
                self._thread.start()
        done: Future[None] = Future()
        self._queue.put((write, done))
        return done

    def close(self) -> None:
        """Write what still waits, and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            waiting, is_last = [first], False
            while len(waiting) < _MOST_AT_ONCE:
                try:
                    further = self._queue.get_nowait()
                except Empty:
                    break
                if further is None:
                    is_last = True
                    break
                waiting.append(further)
            self._write(waiting)
            if is_last:
                return

    def _write(self, waiting: list[tuple[Write, "Future[None]"]]) -> None:
        try:
            with writing(self._store) as connection:
                for write, _ in waiting:
                    write(connection)
        except Exception as fault:
            _LOG.error("the audit log cannot be written: %s", fault if isinstance(fault, RetinueError) else repr(fault))
            for _, done in waiting:
                done.set_exception(fault)
            return
        for _, done in waiting:
            done.set_result(None)
