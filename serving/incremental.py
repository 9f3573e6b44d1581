"""Between two scorings of everybody: the customers with new facts are scored again, in the run that is served."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import AsOfError, ModelError, NotFoundError, ProjectError, StorageError
from features.feature_rows import FeatureRows
from features.news import customers_with_news
from features.progress import Progress, silent
from features.project import Project
from features.rejects_files import SetAside, keep_set_aside
from features.sources import open_facts
from features.text import Text
from features.writing import atomic_file
from serving.batch import MOST_MEMORY_MEGABYTES
from serving.blocks import ROWS
from serving.decisions.playbook import load_playbook
from serving.gathering import names_at
from serving.kept_work import SETTINGS, kept_work, settings_key
from serving.realtime.served import RunModels
from serving.score_schema import SCORES_SCHEMA
from serving.scores_file import RESCORED_FILE, RUN_ID, batches_of
from serving.store import (
    Reached,
    ServedRun,
    Store,
    bands_of,
    bodies_of,
    open_project_store,
    reached,
    reading,
    serving_run,
    store_rescored,
)
from training.dataset import check_as_of
from training.replay import run_notes
from training.tracking import champion_churn, serving_segments

STORED_ROWS = 10_000


@dataclass(frozen=True)
class Rescored:
    """Whom a run has been brought up to date for: so many ``customers`` of it, with how many moved how (`changes.MOVES`).

    Facts from ``since`` to before ``as_of`` were heard. ``file``: the new scores (SCORES_SCHEMA); None: nobody had news.
    """

    run_id: str
    since: datetime
    as_of: datetime
    customers: int
    moves: Mapping[str, int]
    file: Path | None
    set_aside: SetAside | None


def score_again(project: Project, as_of: datetime, out: Path, progress: Progress = silent) -> Rescored:
    """Score the customers with new facts again as of ``as_of``, by the models of the run that is served, into that run.

    What only a scoring of everybody can tell (`kept.KEPT`: tiers, value, groups, debts) stays as it was for them; all others
    keep their scores and their age. The scores lie in ``rescored.parquet`` in ``out`` too. File and store change together or not at all.
    Raises AsOfError, FactsError, ModelError, NotFoundError (no run is served), ProjectError, StorageError.
    """
    if project.events is not None:
        raise ProjectError(_HAS_EVENTS)
    if project.churn.kind == "panel":
        raise ProjectError(_IS_PANEL)
    progress(Text("loading the run that is served", "加载正在提供服务的批次"), 0.0)
    with closing(open_project_store(project)) as store:
        with reading(store) as connection:
            run = serving_run(connection)
            before = reached(connection, run.number) if run else None
        if run is None:
            raise NotFoundError(_NOTHING_SERVED)
        since = before.as_of if before else run.as_of
        if as_of <= since:
            raise AsOfError(_TOO_EARLY, as_of=as_of.isoformat(), since=since.isoformat())
        models = _models_of(project, run)
        progress(Text("reading the facts", "读取数据"), 0.1)
        with kept_work(project.workspace, None) as work:
            with open_facts(project, MOST_MEMORY_MEGABYTES) as facts:
                check_as_of(facts, as_of)
                set_aside = keep_set_aside(facts)
                customers = customers_with_news(facts, since, as_of)
                if not len(customers):
                    return Rescored(run.run_id, since, as_of, 0, {}, None, set_aside)
                progress(
                    Text("computing features of {n:,} customers", "计算 {n:,} 位客户的特征").format(n=len(customers)),
                    0.3,
                )
                rows = FeatureRows(facts, as_of, work.folder, customers.to_pylist(), models.features)
                names = names_at(facts, as_of).set_index("customer_id")
            moves: Counter[str] = Counter()
            file = out / RESCORED_FILE
            with atomic_file(file) as written, pq.ParquetWriter(written, SCORES_SCHEMA) as writer:
                writer.add_key_value_metadata({RUN_ID: run.run_id})
                for start in range(0, len(rows.customer_ids), ROWS):
                    done = 0.6 + 0.3 * start / len(rows.customer_ids)
                    progress(
                        Text("scoring {n:,} customers", "为 {n:,} 位客户评分").format(n=len(rows.customer_ids)), done
                    )
                    frame = rows.block(start, start + ROWS)
                    asked = frame["customer_id"].tolist()
                    told = names.reindex(asked).reset_index(drop=True)
                    with reading(store) as connection:
                        bodies = bodies_of(connection, run.number, asked)
                        bands = bands_of(connection, run.number, asked)
                    scores = models.scored(frame, told, bodies)
                    moves += _moves(scores, bands)
                    writer.write_table(scores)
                writer.close()
                progress(Text("publishing", "发布"), 0.9)
                _publish(store, run, before, as_of, written)
    progress(Text("done", "完成"), 1.0)
    return Rescored(run.run_id, since, as_of, len(rows.customer_ids), moves, file, set_aside)


def _models_of(project: Project, run: ServedRun) -> RunModels:
    """The run's own models. Raises ModelError: others serve by now, or the project wants something else."""
    notes = run_notes(project, run.run_id)
    if notes is None or notes.get(SETTINGS) != settings_key(project, load_playbook(project)):
        raise ModelError(_OTHER_SETTINGS, run=run.run_id)
    serving = champion_churn(project)
    segments = serving_segments(project) if "orders" in project.tables else None
    if notes["version"] != serving.version or notes["segments"] != (segments and segments.model.to_json()):
        raise ModelError(_OTHER_MODEL, run=run.run_id, version=notes["version"], serving=serving.version)
    return RunModels(project, run.run_id, notes)


def _moves(scores: pa.Table, before: Mapping[str, str | None]) -> Counter[str]:
    """How many moved how between the bands of risk; ``before``: the band of each customer that the run had."""
    frame = scores.select(["customer_id", "churn_band"]).to_pandas()
    ranks = {"low": 0.0, "medium": 1.0, "high": 2.0}
    now, then = frame["churn_band"].map(ranks), frame["customer_id"].map(before).map(ranks)
    is_new = ~frame["customer_id"].isin(before)
    named = np.select(
        [is_new, now.isna() & then.notna(), now.notna() & then.isna(), now > then, now < then],
        ["new", "abstained", "told", "higher", "lower"],
        "",
    )
    return Counter(name for name in named.tolist() if name)


def _publish(store: Store, run: ServedRun, before: Reached | None, as_of: datetime, file: Path) -> None:
    now = Reached(before.sequence if before else 0, as_of)
    parts = (batch.to_pylist() for batch in batches_of(file, STORED_ROWS))
    if not store_rescored(store, run.number, before, now, parts):
        raise StorageError(_OVERTAKEN)


_HAS_EVENTS = Text(
    "The project takes events, so new facts come into the scores at once. 'retinue score' without --incremental scores everybody.",
    "项目接收事件，新数据会立即反映到评分中。不带 --incremental 的“retinue score”会为全部客户评分。",
)
_IS_PANEL = Text(
    "A ready-made panel has no facts that could be new. Run 'retinue score' without --incremental.",
    "现成的面板没有可更新的事实数据。请运行不带 --incremental 的“retinue score”。",
)
_NOTHING_SERVED = Text(
    "No scores are served yet that new facts could come into. Run 'retinue score' without --incremental first.",
    "尚无正在提供服务的评分可供更新。请先运行不带 --incremental 的“retinue score”。",
)
_TOO_EARLY = Text(
    "{as_of} is not later than {since}, up to which facts are in the scores that are served. Give a later --as-of.",
    "{as_of} 不晚于 {since}，而此前的数据已计入正在提供服务的评分。请给出更晚的 --as-of。",
)
_OTHER_SETTINGS = Text(
    "The run {run} was made with another project file, playbook or release, or too long ago to be known, so that its scores and new"
    " ones cannot stand beside each other. Run 'retinue score' without --incremental.",
    "批次 {run} 使用了不同的项目文件、行动手册或版本，或时间过久、已无记录，其评分与新评分不可并列。请运行不带 --incremental 的“retinue score”。",
)
_OTHER_MODEL = Text(
    "The run {run} was scored by version {version}, and version {serving} or other segments serve by now. Run 'retinue score'"
    " without --incremental.",
    "批次 {run} 由版本 {version} 评分，而现在使用的是版本 {serving} 或其他分群。请运行不带 --incremental 的“retinue score”。",
)
_OVERTAKEN = Text(
    "Other scores were published meanwhile; nothing was changed. Run the command again.",
    "其间已发布其他评分；未做任何更改。请重新运行该命令。",
)
