"""The models in service: the champion by its alias, beside it a challenger; changed without a lost request.

A thread looks at the registry's aliases every second. A version that is new is loaded and checked beside those that
answer, and takes their place in one assignment; requests keep the models that they began with. A version that does not
hold is refused: what served before goes on, and ledger, log and `Scoring.state` say so.
"""

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from features.errors import ModelError, NotFoundError, RetinueError, StorageError
from features.project import Project
from features.text import Text
from serving.scoring.canary import is_canary
from serving.scoring.ready import Floats, ReadyModel, make_ready
from serving.scoring.shadow import Comparison
from training.ledger import Record, Role, Service, append, ledger_file, read_ledger, writing
from training.mlflow_store import CHAMPION, aliases, has_store, model_name, store_mark
from training.models.drift import LevelShift
from training.models.rfm import RfmModel
from training.replay import shift_served
from training.run_marks import this_process
from training.tracking import CHALLENGER, champion_segments
from training.versions import find_version, load_version

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
SUMMARY_SECONDS = 3600.0
"""How often the ledger is told what a challenger said beside the champion; it is also told when that ends."""
MOST_KEPT = 3
"""Versions held ready, so that going back to the last one needs no loading."""


Because = Literal["missing", "damaged", "unfit"]
"""Why a version is refused: it is not registered, its files do not hold, or it does not fit the project."""


class Refused(NamedTuple):
    """A version that an alias asks for and that is not taken into service; ``why`` may name files."""

    version: str
    role: Role
    because: Because
    why: Text


@dataclass(frozen=True)
class InService:
    """What answers now. It is replaced as a whole; a request works with the one that it began with.

    ``generation`` counts the changes. ``refused`` are versions that an alias asks for and that do not hold.
    """

    generation: int = 0
    champion: ReadyModel | None = None
    challenger: ReadyModel | None = None
    canary_share: float = 0.0
    shadow: bool = False
    refused: tuple[Refused, ...] = ()
    segments: RfmModel | None = None

    def answers(self, customer_id: str | None) -> ReadyModel | None:
        """The model that answers for a customer; without an id the champion."""
        if self.challenger is None or self.canary_share == 0 or customer_id is None:
            return self.champion
        seed = f"{self.challenger.champion.name} {self.challenger.version}"
        return self.challenger if is_canary(customer_id, seed, self.canary_share) else self.champion


class Scoring:
    """The models in service of one process. ``state`` may be read from any thread."""

    def __init__(self, project: Project, clock: Callable[[], datetime]) -> None:
        self.project = project
        self.state = InService()
        self._clock = clock
        self._ready: dict[str, ReadyModel] = {}
        self._asked: tuple[str | None, str | None, str | None] = (None, None, None)
        self._ledger_mark: tuple[int, ...] = ()
        self._store_mark: tuple[int, ...] | None = None
        self._shift: tuple[str, LevelShift | None] | None = None
        self._comparison = Comparison(clock())
        self._comparing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch the registry, in a thread of its own; returns at once."""
        self._thread = threading.Thread(target=self._watch, name="retinue-models", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watching, and tell the ledger what the challenger said until now."""
        self._stop.set()
        if self._thread:
            self._thread.join()
            gc.unfreeze()
        self._summarise(self.state)

    def look(self) -> None:
        """Look at the registry once, and change what serves if it asks for another version.

        Raises RetinueError: the registry or the ledger does not answer; what serves goes on.
        """
        serving = self.state.champion
        if serving and not has_store(self.project):
            raise StorageError(_GONE, version=serving.version)
        shifted, mark = self._look_for_shift(), store_mark(self.project)
        if mark is not None and mark == self._store_mark and not shifted:
            return
        found = aliases(self.project, "churn")
        settings = self.project.serve
        wants_challenger = settings.canary_share > 0 or settings.shadow
        segments = aliases(self.project, "segments").get(CHAMPION)
        asked = (found.get(CHAMPION), found.get(CHALLENGER) if wants_challenger else None, segments)
        if asked == self._asked and not shifted:
            self._store_mark = mark
            return
        refused: list[Refused] = []
        before = self.state
        champion = self._take(asked[0], "champion", refused) or (before.champion if asked[0] else None)
        challenger = self._take(asked[1], "challenger", refused) if asked[1] != asked[0] else None
        share = self._share(challenger)
        shadow = settings.shadow and challenger is not None
        kept = before.segments if segments == self._asked[2] else None
        grouping = kept or (champion_segments(self.project) if segments else None)
        now = InService(before.generation + 1, champion, challenger, share, shadow, tuple(refused), grouping)
        self.state = now
        self._asked, self._store_mark = asked, mark
        if _versions(before) != _versions(now):
            self._summarise(before)
        self._tell(before, now)

    def compared(self, champion: Floats, challenger: Floats) -> None:
        """Count what both versions said of the same rows."""
        with self._comparing:
            self._comparison.add(champion, challenger)

    def _watch(self) -> None:
        told_at = self._clock()
        while True:
            try:
                before = self.state
                self.look()
                if self.state is not before:
                    # What was loaded stays. The garbage collector would walk through all of it again and again: at 64
                    # connections that took two fifths of the CPU time.
                    gc.freeze()
                if (self._clock() - told_at).total_seconds() >= SUMMARY_SECONDS:
                    told_at = self._clock()
                    self._summarise(self.state)
            except RetinueError as fault:
                log.warning("%s", fault)
            except Exception:  # the service must go on with what it has
                log.exception("looking at the registry failed")
            if self._stop.wait(WATCH_SECONDS):
                return

    def _take(self, version: str | None, role: Role, refused: list[Refused]) -> ReadyModel | None:
        """The version made ready; None, and noted as refused, where it does not hold."""
        if version is None:
            return None
        because: Because = "damaged"
        try:
            ready = self._ready.pop(version, None)
            if ready is None:
                loaded = load_version(self.project, model_name(self.project, "churn"), version)
                because = "unfit"
                ready = make_ready(self.project, loaded)
        except (ModelError, NotFoundError) as fault:  # not StorageError: the next look may find the store again
            refused.append(
                Refused(version, role, "missing" if isinstance(fault, NotFoundError) else because, fault.text)
            )
            return None
        shift = self._shift[1] if self._shift and self._shift[0] == version else None
        self._ready[version] = ready = ready.moved_by(shift)
        for oldest in list(self._ready)[:-MOST_KEPT]:
            del self._ready[oldest]
        return ready

    def _share(self, challenger: ReadyModel | None) -> float:
        """The share of the customers whom a challenger may answer: none where the gate or its certificate refused it."""
        share = self.project.serve.canary_share
        if challenger is None or share == 0:
            return 0.0
        version = find_version(self.project, challenger.version)
        if version.gate == "refused" or version.leakage == "failed":
            log.warning("version %s was refused by the gate or leaks: no customer is answered by it", version.number)
            return 0.0
        return share

    def _look_for_shift(self) -> bool:
        """Whether a batch was published since with another level; the ledger is read only when its file has changed."""
        path = ledger_file(self.project)
        mark = tuple(file.stat().st_mtime_ns for file in (path, path.with_name(path.name + "-wal")) if file.exists())
        if mark == self._ledger_mark:
            return False
        self._ledger_mark = mark
        shift = shift_served(self.project, read_ledger(path))
        changed, self._shift = shift != self._shift, shift
        return changed and self._asked[0] is not None

    def _tell(self, before: InService, now: InService) -> None:
        """Log what changed and put it on the ledger; a ledger that cannot be written does not stop the service."""
        name, at, server = model_name(self.project, "churn"), self._clock(), this_process()
        told: list[Record] = []
        roles: tuple[tuple[Role, ReadyModel | None, ReadyModel | None], ...] = (
            ("champion", before.champion, now.champion),
            ("challenger", before.challenger, now.challenger),
        )
        for role, was, model in roles:
            if model is not None and (was is None or was.version != model.version):
                share = now.canary_share if role == "challenger" else 0.0
                log.info("version %s serves as %s", model.version, role)
                told.append(Service(at, name, model.version, role, server, share))
        for one in now.refused:
            if one not in before.refused:
                log.error("version %s is not taken into service: %s", one.version, one.why.en)
                told.append(Service(at, name, one.version, one.role, server, refused=one.why))
        self._write(told)

    def _summarise(self, state: InService) -> None:
        """Put what was compared so far on the ledger and begin anew."""
        at = self._clock()
        with self._comparing:
            compared, self._comparison = self._comparison, Comparison(at)
        if state.champion and state.challenger:
            name, server = state.champion.champion.name, this_process()
            record = compared.record(name, state.challenger.version, state.champion.version, server, at)
            self._write([record] if record else [])

    def _write(self, told: Sequence[Record]) -> None:
        if not told:
            return
        try:
            with writing(ledger_file(self.project)) as book:
                for record in told:
                    append(book, record)
        except RetinueError as fault:
            log.error("%s", fault)


def _versions(state: InService) -> list[str | None]:
    return [model.version if model else None for model in (state.champion, state.challenger)]


_GONE = Text(
    "MLflow's store is gone; version {version} goes on answering. Bring mlflow.db back.",
    "MLflow 存储已不存在；版本 {version} 继续应答。请恢复 mlflow.db。",
)
