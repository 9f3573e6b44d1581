"""From the log of events into the scores that are served: each tick takes all events that wait, and the customers that
they touch are scored again through the code of the batch.

How far the events have come is written with the scores in one transaction. A tick that was cut off at any moment has
either happened or not, and the next one begins where the scores stand.
"""

import gc
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from features.errors import RetinueError, StorageError
from features.event_log import EVENTS_FILE, EventLog, Received
from features.project import Project
from serving.realtime.served import ServedModels
from serving.store import (
    Reached,
    ServedRun,
    Store,
    bodies_of,
    reached,
    reading,
    serving_run,
    store_rescored,
)

LOGGER = logging.getLogger(__name__)

MOST_EVENTS = 400
"""In one tick, so that those who wait first are seen first."""
_MOMENT = timedelta(microseconds=1)


class Tick(NamedTuple):
    """What one tick did: the events that it took, and the customers that were scored again."""

    events: int
    customers: int


class Rescorer:
    """Keeps the scores of a project's store level with its log of events."""

    def __init__(self, project: Project, store: Store, clock: Callable[[], datetime]) -> None:
        self._project, self._store, self._clock = project, store, clock
        self._log = EventLog(project.workspace / EVENTS_FILE)
        self._run: ServedRun | None = None
        self._served: ServedModels | None = None

    def close(self) -> None:
        """Let go of the log and the facts; the store stays open."""
        self._forget()
        self._log.close()

    def tick(self) -> Tick | None:
        """Bring the next events into the scores that are served; None: none wait, or nothing is served.

        Raises StorageError: the store or the log cannot be used, or the run's facts are not there.
        """
        with reading(self._store) as connection:
            run = serving_run(connection)
            before = reached(connection, run.number) if run else None
        if run is None:
            return None
        served = self._models_of(run)
        start = before or Reached(self._log.sequence_before(run.as_of), run.as_of)
        as_of = max(self._clock(), start.as_of)  # before looking, so that what was received before it is among them
        events = self._log.after(start.sequence, MOST_EVENTS)
        if events:
            as_of = max(as_of, _received(events[-1]) + _MOMENT)
        due = self._log.become_due(start.as_of, as_of, start.sequence)
        if not events and not due:
            return None
        customers = served.touched([*events, *due])
        now = Reached(events[-1].sequence if events else start.sequence, as_of)
        rows = self._scored(served, run, customers, now)
        if not store_rescored(self._store, run.number, before, now, [rows]):
            return Tick(0, 0)  # another run is served by now, or another process was faster
        return Tick(len(events), len(rows))

    def _scored(
        self, served: ServedModels, run: ServedRun, customers: Sequence[str], now: Reached
    ) -> list[dict[str, Any]]:
        """The new scores; a customer whose facts nobody can score keeps the old one, and the others do not wait for it."""
        with reading(self._store) as connection:
            bodies = bodies_of(connection, run.number, customers)
        try:
            rows: list[dict[str, Any]] = served.score(customers, now.sequence, now.as_of, bodies).to_pylist()
            return rows
        except StorageError:
            raise
        except Exception:
            if len(customers) == 1:
                LOGGER.exception("customer %r cannot be scored again", customers[0])
                return []
            half = len(customers) // 2
            parts = (self._scored(served, run, part, now) for part in (customers[:half], customers[half:]))
            return [row for part in parts for row in part]

    def _models_of(self, run: ServedRun) -> ServedModels:
        if self._served is None or self._run != run:
            self._forget()
            try:
                self._served = ServedModels(self._project, run.run_id, self._log)
            except StorageError:
                raise
            except RetinueError as fault:
                raise StorageError(fault.text) from fault
            self._run = run
            gc.unfreeze()  # of the run before nothing is to stay
            gc.collect()
            gc.freeze()  # models and modules stay: looking through them for garbage takes as long as a tick
        return self._served

    def _forget(self) -> None:
        if self._served is not None:
            self._served.close()
        self._served = self._run = None


def _received(event: Received) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.received_us)
