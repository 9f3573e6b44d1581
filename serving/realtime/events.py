"""What the server does with events: takes them in, keeps the process that scores again running, and tells how far it is."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from features.event_log import EVENTS_FILE, Event, EventLog, Logged
from features.events import accepted_tables
from features.project import Project
from serving.realtime.helper import RescoringProcess
from serving.realtime.intake import Intake, busy
from serving.store import Reached, Store, reached, reading, serving_run

MOST_WAITING = 100_000
"""Events that may wait to be seen in the scores before further ones are turned away."""
_LOOK_AGAIN_SECONDS = 0.5


class Status(NamedTuple):
    """See `serving.event_schemas.EventsStatus`."""

    sequence: int
    applied: int
    waiting: int
    lag_ms: float
    rescored_as_of: datetime | None


class RealTime:
    """Events of one project over its open store.

    ``accepted`` are the tables and columns of which it takes events. Raises StorageError: the log cannot be opened.
    """

    def __init__(self, project: Project, store: Store, clock: Callable[[], datetime]) -> None:
        self.accepted = accepted_tables(project)
        self.clock = clock
        self._project, self._store = project, store
        self._process: RescoringProcess | None = None
        self._intake = Intake(project.workspace / EVENTS_FILE, clock, self._announce)
        self._log = EventLog(project.workspace / EVENTS_FILE)
        self._lock = threading.Lock()
        self._waiting, self._looked = 0, 0.0

    def start(self) -> None:
        """Start the process that scores again."""
        self._process = RescoringProcess(self._project)

    def stop(self) -> None:
        """Write what was taken in, and end the process."""
        self._intake.close()
        if self._process is not None:
            self._process.stop()
        self._log.close()

    def add(self, events: Sequence[Event]) -> list[Logged]:
        """Add events; when this returns they are on the disk. Raises BusyError, StorageError: none was added."""
        if time.monotonic() - self._looked > _LOOK_AGAIN_SECONDS:
            self._waiting, self._looked = self.status().waiting, time.monotonic()
        if self._waiting > MOST_WAITING:
            raise busy()
        return self._intake.add(events)

    def status(self) -> Status:
        """How far the events have come; before the first run is served none waits."""
        with reading(self._store) as connection:
            run = serving_run(connection)
            now = reached(connection, run.number) if run else None
        with self._lock:
            last = self._log.last_sequence()
            if run is not None and now is None:
                now = Reached(self._log.sequence_before(run.as_of), run.as_of)
            applied = last if now is None else now.sequence
            first = self._log.received_at(applied + 1)
        lag = 0.0 if first is None or now is None else (self.clock() - first).total_seconds() * 1e3
        return Status(last, applied, max(last - applied, 0), max(lag, 0.0), now.as_of if now else None)

    def _announce(self) -> None:
        if self._process is not None:
            self._process.announce()
