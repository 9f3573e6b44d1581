"""Taking events in: one thread writes for all requests, so that many share one flush to the disk."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from features.errors import StorageError
from features.event_log import Event, EventLog, Logged
from features.text import Text

MOST_AT_ONCE = 2_000
"""Events in one transaction."""
MOST_QUEUED = 200
"""Requests that may wait for the disk; further ones are told to come back."""


class BusyError(StorageError):
    """More events wait than can be taken at the moment; none of the request's was added."""


class _Submitted(NamedTuple):
    events: Sequence[Event]
    answer: "Future[list[Logged]]"


class Intake:
    """The open log with the thread that writes into it; ``announce`` is called after events were added.

    Raises StorageError: the log cannot be opened.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime], announce: Callable[[], None]) -> None:
        self._log = EventLog(path)
        self._clock, self._announce = clock, announce
        self._queue: queue.Queue[_Submitted | None] = queue.Queue(MOST_QUEUED)
        self._thread = threading.Thread(target=self._write_all, name="events", daemon=True)
        self._thread.start()

    def add(self, events: Sequence[Event]) -> list[Logged]:
        """Add events; when this returns they are on the disk. Raises BusyError, StorageError: none was added."""
        submitted = _Submitted(events, Future())
        try:
            self._queue.put_nowait(submitted)
        except queue.Full:
            raise busy() from None
        return submitted.answer.result()

    def close(self) -> None:
        """Write what waits, and close the log."""
        self._queue.put(None)
        self._thread.join()
        self._log.close()

    def _write_all(self) -> None:
        while (first := self._queue.get()) is not None:
            group, closing = self._gathered(first)
            self._write(group)
            if closing:
                return

    def _gathered(self, first: _Submitted) -> tuple[list[_Submitted], bool]:
        """All that wait already, up to a bound, and whether the end was among them."""
        group, events = [first], len(first.events)
        while events < MOST_AT_ONCE:
            try:
                further = self._queue.get_nowait()
            except queue.Empty:
                return group, False
            if further is None:
                return group, True
            group.append(further)
            events += len(further.events)
        return group, False

    def _write(self, group: list[_Submitted]) -> None:
        try:
            logged = self._log.append([event for part in group for event in part.events], self._clock())
        except Exception as fault:
            for part in group:
                part.answer.set_exception(fault)
            return
        start = 0
        for part in group:
            part.answer.set_result(logged[start : start + len(part.events)])
            start += len(part.events)
        if any(one.outcome == "accepted" for one in logged):
            self._announce()


def busy() -> BusyError:
    """The error for events that come faster than they can be taken."""
    return BusyError(_BUSY)


_BUSY = Text(
    "Too many events wait to be written or to be seen in the scores. Send these again in a few seconds.",
    "等待写入或等待计入评分的事件过多。请几秒后重新发送。",
)
