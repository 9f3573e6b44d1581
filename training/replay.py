"""What was served to whom, computed again from what was kept: the features that were scored and the version that did it.

Each scoring keeps its features as a Parquet file, whose digest stands on the ledger. A score is a function of one row and
one version alone, so that it comes out the same, bit for bit.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import ModelError, NotFoundError, StorageError
from features.own_features import own_features
from features.project import Project
from features.text import Text
from features.writing import nameless_file, storage_errors
from training.following import moved
from training.ledger import Entry, Scoring, append, ledger_file, read_ledger, scoring_at, writing
from training.models.drift import LevelShift
from training.reasons import REASONS_TYPE, explain
from training.run_marks import code_version
from training.tracking import Champion
from training.versions import load_version

Floats = NDArray[np.float64]

SNAPSHOTS = "snapshots"
MOST_SNAPSHOTS = 400
"""More than a year of nightly runs; older ones are removed."""
SERVED = {
    "churn_probability": "served_probability",
    "churn_probability_low": "served_low",
    "churn_probability_high": "served_high",
}
"""Columns of the scores that are kept beside the features, and what they are called there."""
ABSTAINED = "abstained_because"
LEVEL = "level_shift"
_RUN_NOTES = "run_notes"
"""Where a snapshot keeps what the model's level was moved by."""


@dataclass(frozen=True)
class Kept:
    """A file of features that were scored: its path in the workspace, and its SHA-256 in hex."""

    path: str
    digest: str


@dataclass(frozen=True)
class Versions:
    """Which versions beside the churn model's served a run; None where there was none."""

    segments: str
    lifetime_value: str | None = None
    clusters: str | None = None
    late_payment: str | None = None
    credit: str | None = None
    effects: str | None = None


@dataclass(frozen=True)
class Risk:
    """A probability of leaving with its 95 % interval."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Replay:
    """What was served of one customer, and what the kept row and version give now.

    Both are None for a customer without a probability; ``abstained`` then says why. ``reasons`` are those of `training.reasons.explain`, strongest first.
    """

    customer_id: str
    scoring: Scoring
    served: Risk | None
    computed: Risk | None
    reasons: Sequence[Mapping[str, Any]]
    abstained: Text | None
    horizon_days: int

    @property
    def is_same(self) -> bool:
        """Whether the score comes out the same, bit for bit."""
        return self.served == self.computed


class SnapshotWriter:
    """The file of features that are being scored, and of what is served; it gets its run's name at the end."""

    def __init__(self, temporary: Path, notes: Mapping[str, str]) -> None:
        self._temporary, self._notes = temporary, notes
        self._writer: pq.ParquetWriter | None = None

    def add(self, frame: pd.DataFrame, scores: pa.Table) -> None:
        """Write customers. ``frame`` has customer_id and the features (float64), ``scores`` the same customers in the same order."""
        numbers = [name for name in frame.columns if frame[name].dtype == np.float64]
        customers = pa.array(frame["customer_id"], pa.string())
        if not customers.equals(scores["customer_id"].combine_chunks()):
            raise ValueError("features and scores are not of the same customers in the same order")
        columns = {"customer_id": customers} | {name: pa.array(frame[name], from_pandas=True) for name in numbers}
        served = {kept_name: scores[name] for name, kept_name in SERVED.items()}
        table = pa.table(columns | served | {ABSTAINED: scores[ABSTAINED]})
        if self._writer is None:
            schema = table.schema.with_metadata(dict(self._notes) or None)
            self._writer = pq.ParquetWriter(self._temporary, schema, compression="zstd")
        self._writer.write_table(table.replace_schema_metadata(dict(self._notes) or None))

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()

    def keep(self, project: Project, run_id: str, notes: Mapping[str, Any]) -> Kept:
        """Keep the file for the run ``run_id`` with ``notes`` (JSON, see `run_notes`); remove the oldest of very many."""
        if self._writer is not None:
            self._writer.add_key_value_metadata({_RUN_NOTES: json.dumps(notes)})
        self.close()
        file = project.workspace / SNAPSHOTS / f"{run_id}.parquet"
        with storage_errors(file):
            with self._temporary.open("rb") as written:
                os.fsync(written.fileno())
            self._temporary.chmod(0o644)
            self._temporary.replace(file)
        _prune(file.parent, MOST_SNAPSHOTS)
        return Kept(file.relative_to(project.workspace).as_posix(), _digest(file))


@contextmanager
def snapshot_writer(
    project: Project, shift: LevelShift | None = None, notes: Mapping[str, str] | None = None
) -> Iterator[SnapshotWriter]:
    """A file under the workspace for the features of a run, which is gone unless it is `SnapshotWriter.keep`-t.

    ``shift`` is what the model's level was moved by, ``notes`` go into the file's metadata.
    Raises StorageError: the disk is full or the place cannot be written.
    """
    with nameless_file(project.workspace / SNAPSHOTS / "next") as temporary:
        told = {**(notes or {}), LEVEL: json.dumps(asdict(shift))} if shift else notes or {}
        writer = SnapshotWriter(temporary, told)
        try:
            yield writer
        finally:
            writer.close()


def kept_features(project: Project, run_id: str) -> pa.Table | None:
    """The features that a run scored, one row a customer in the order of its scores; None when they are no longer kept."""
    file = project.workspace / SNAPSHOTS / f"{run_id}.parquet"
    return pq.read_table(file) if file.is_file() else None


def run_notes(project: Project, run_id: str) -> dict[str, Any] | None:
    """The notes that a run's snapshot was kept with; None: it is no longer there, or was kept without."""
    file = project.workspace / SNAPSHOTS / f"{run_id}.parquet"
    told = (pq.read_metadata(file).metadata or {}).get(_RUN_NOTES.encode()) if file.is_file() else None
    notes: dict[str, Any] | None = told and json.loads(told)
    return notes


def record_scoring(
    project: Project,
    champion: Champion,
    versions: Versions,
    run_id: str,
    as_of: datetime,
    published_at: datetime,
    rows: int,
    digest: str,
    kept: Kept,
) -> Scoring:
    """Put a run of ``rows`` scores that was just published on the ledger, with the ``digest`` of its file of
    scores; ``versions`` are those of the other models.
    """
    scoring = Scoring(
        at=published_at,
        run_id=run_id,
        as_of=as_of,
        model=champion.name,
        version=champion.version,
        model_run_id=champion.run_id,
        segments_version=versions.segments,
        lifetime_value_version=versions.lifetime_value,
        clusters_version=versions.clusters,
        late_payment_version=versions.late_payment,
        credit_version=versions.credit,
        effects_version=versions.effects,
        catalogue_hash=champion.stored.facts.catalogue_hash,
        code_version=code_version(),
        rows=rows,
        scores_digest=digest,
        snapshot=kept.path,
        snapshot_digest=kept.digest,
    )
    with writing(ledger_file(project)) as book:
        append(book, scoring)
    return scoring


def replay(project: Project, customer_id: str, instant: datetime) -> Replay:
    """What was served of a customer at an instant, and the same computed again from the kept row and version.

    Raises NotFoundError: nothing was served yet, the customer was not scored, the features were removed since, or the
    version is gone; StorageError: the kept features were changed; ModelError: the version is another one by now.
    """
    scoring = scoring_at(read_ledger(ledger_file(project)), instant)
    if scoring is None:
        raise NotFoundError(
            Text(
                "No scores had been published by {instant:%Y-%m-%d %H:%M %Z}. 'retinue models ledger' shows what was"
                " published when.",
                "截至 {instant:%Y-%m-%d %H:%M %Z} 还没有发布过评分。可用“retinue models ledger”查看发布记录。",
            ),
            instant=instant,
        )
    row = _kept_row(project, scoring, customer_id)
    champion = load_version(project, scoring.model, scoring.version)
    champion = replace(champion, stored=moved(champion.stored, _shift_of(project, scoring)))
    if champion.run_id != scoring.model_run_id:
        raise ModelError(
            Text(
                "Version {version} of '{model}' is not the one that scored: MLflow has it from run {now}, the ledger from"
                " run {then}.",
                "“{model}”的版本 {version} 已不是当时评分的模型：MLflow 中来自运行 {now}，台账中来自运行 {then}。",
            ),
            version=scoring.version,
            model=scoring.model,
            now=champion.run_id,
            then=scoring.model_run_id,
        )
    facts = champion.stored.facts
    because = row[ABSTAINED].iloc[0]
    abstained = Text(**because) if because else None
    reasons: list[Mapping[str, Any]] = []
    if abstained is None:
        own, attributes = own_features(project), champion.stored.attributes
        told = explain(champion.stored.model, row, project.project.currency, own, attributes)
        reasons = told.cast(REASONS_TYPE).to_pylist()[0]
    return Replay(
        customer_id=customer_id,
        scoring=scoring,
        served=_served(row),
        computed=None if abstained else _computed(champion, row),
        reasons=reasons,
        abstained=abstained,
        horizon_days=facts.horizon_days,
    )


def _kept_row(project: Project, scoring: Scoring, customer_id: str) -> pd.DataFrame:
    """The customer's row in the features that were scored."""
    file = project.workspace / scoring.snapshot
    if not file.exists():
        raise NotFoundError(
            Text(
                "The features scored by run {run} were removed ({file}); the score cannot be computed again. The ledger"
                " still has: as of {as_of:%Y-%m-%d}, version {version}, {rows:,} customers, digest of the scores {digest}.",
                "批次 {run} 评分所用的特征已被清除（{file}），无法重新计算。台账中仍有：时点 {as_of:%Y-%m-%d}、"
                "版本 {version}、{rows:,} 位客户、评分摘要 {digest}。",
            ),
            run=scoring.run_id,
            file=file,
            as_of=scoring.as_of,
            version=scoring.version,
            rows=scoring.rows,
            digest=scoring.scores_digest[:12],
        )
    if (digest := _digest(file)) != scoring.snapshot_digest:
        raise StorageError(
            Text(
                "The features kept of run {run} were changed since ({file}: digest {now}, on the ledger {then}); what they"
                " give proves nothing. Bring the file back from a backup.",
                "批次 {run} 保留的特征在此之后被改动过（{file}：现摘要 {now}，台账为 {then}），不能作为依据。请从备份恢复该文件。",
            ),
            run=scoring.run_id,
            file=file,
            now=digest[:12],
            then=scoring.snapshot_digest[:12],
        )
    row: pd.DataFrame = pq.read_table(file, filters=pc.field("customer_id") == customer_id).to_pandas()
    if row.empty:
        raise NotFoundError(
            Text(
                "Customer '{customer}' was not among the {rows:,} customers whom run {run} scored as of {as_of:%Y-%m-%d}.",
                "客户“{customer}”不在批次 {run}（时点 {as_of:%Y-%m-%d}）评分的 {rows:,} 位客户之中。",
            ),
            customer=customer_id,
            rows=scoring.rows,
            run=scoring.run_id,
            as_of=scoring.as_of,
        )
    return row


def shift_served(project: Project, entries: Sequence[Entry]) -> tuple[str, LevelShift | None] | None:
    """The version that scored last, and what its level was moved by; None before the first scoring."""
    scorings = [entry.record for entry in entries if isinstance(entry.record, Scoring)]
    if not scorings:
        return None
    last = scorings[-1]
    kept = (project.workspace / last.snapshot).is_file()
    return last.version, _shift_of(project, last) if kept else None


def _shift_of(project: Project, scoring: Scoring) -> LevelShift | None:
    """What the model's level was moved by when it scored."""
    kept = pq.read_schema(project.workspace / scoring.snapshot).metadata or {}
    return LevelShift(**json.loads(kept[LEVEL.encode()])) if LEVEL.encode() in kept else None


def _served(row: pd.DataFrame) -> Risk | None:
    values = [float(row[name].iloc[0]) for name in SERVED.values()]
    return None if np.isnan(values[0]) else Risk(*values)


def _computed(champion: Champion, row: pd.DataFrame) -> Risk:
    stored = champion.stored
    log_odds = stored.model.log_odds(row)
    low, high = stored.calibrator.interval(log_odds)
    return Risk(float(stored.calibrator.probability(log_odds)[0]), float(low[0]), float(high[0]))


def _prune(folder: Path, most: int) -> None:
    """Remove all but the newest snapshots."""
    files = sorted(folder.glob("*.parquet"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    for file in files[:-most]:
        file.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
