"""Batch scoring: the whole customer base as of one instant, into ``scores.parquet`` and into the store."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import ProjectError
from features.fact_index import forget_indexes, keep_index
from features.own_features import own_features
from features.progress import Progress, silent
from features.project import Project
from features.rejects_files import SetAside, keep_set_aside
from features.sources import open_facts
from features.text import LANGUAGES, Text
from features.writing import atomic_file, nameless_file, require_space
from serving.blocks import Block, blocks, other_debtors
from serving.changes import CHANGES_FILE, Changes, changes_since
from serving.debts import invoice_table
from serving.decisions.beliefs import beliefs_of
from serving.decisions.expected_profit import Beliefs
from serving.decisions.learnt import with_learnt
from serving.decisions.next_best_action import LOST_VALUE, recommend
from serving.decisions.playbook import Playbook, load_playbook
from serving.gathering import ServingModels, gather, serving_models
from serving.kept_work import SETTINGS, files_of, kept_work, settings_key, work_key
from serving.population import PopulationCount
from serving.realtime.notes import notes_for
from serving.receivable_schemas import DEBTORS_SCHEMA
from serving.schemas import PopulationDrift, PublishedRun
from serving.score_schema import SCORES_SCHEMA
from serving.scores_file import RESCORED_FILE, SCORES_FILE, PassingRows, ScoresFile, batches_of
from serving.store import Debts, Run, kept_run_ids, open_project_store, publish, reading
from training.abstention import abstain
from training.kinds.words import outcome_of
from training.loading import ACTING
from training.models.drift import LevelShift
from training.models.rfm import RfmModel
from training.models.stored import StoredModel
from training.models.timing.fit import agreeing_with_churn
from training.models.timing.sentences import timing_sentences
from training.panel import is_dated
from training.reasons import REASONS_TYPE, explain, told
from training.replay import record_scoring, snapshot_writer
from training.tracking import Champion
from training.value import value_at_stake, value_if_back

INVOICES_FILE = "invoices.parquet"
WORKSPACE_MEGABYTES = 20
BYTES_PER_CUSTOMER = 6_000
PUBLISHED_ROWS = 10_000
MOST_MEMORY_MEGABYTES = 1_500
"""For the database that reads the facts; what needs more goes to disk, which costs little."""

NO_PURCHASE = Text(
    "No purchase on file before {as_of}, so there is no rhythm to judge by.",
    "{as_of} 之前没有购买记录，无法判断购买节奏。",
)
NO_CONTRACT = Text("No contract runs, so there is none to be lost.", "没有生效的合同，无从流失。")
NO_HABIT = Text(
    "Known for less than the horizon, or returned as much as was bought: there is no habit to fall below yet.",
    "相识时间不足一个预测期，或退货抵消了购买：尚无可参照的购买习惯。",
)
GONE = Text(
    "Has not bought for {silent} days, longer than the {active} days within which a customer counts as active; already"
    " lost rather than at risk.",
    "已有 {silent} 天没有购买，超过活跃客户的 {active} 天界限；视为已流失，而非有流失风险。",
)

_ONLY_INVOICES = Text(
    "Scores tell who leaves, which orders or contracts tell, and the project gives neither (it gives {tables}). Who owes, who"
    " pays late and what comes in is told by 'retinue receivables'.",
    "评分说明谁会流失，需要订单或合同数据，而项目均未提供（现有 {tables}）。谁欠款、谁会逾期、能收回多少，请用“retinue receivables”查看。",
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scoring:
    """What a batch run made: the file of scores, that of open invoices (None where the facts do not tell of any), and the run
    that the store now serves.

    ``knows_until`` is when the model's knowledge ends; scores of an earlier day are told in hindsight (None: a panel
    without dates, of which nobody can say). ``set_aside`` are the rows of the sources that could not be read.
    ``level_shift`` is how far an old model's level was found to be off. ``changes``: who moved since the scores that were in
    the same place before (None: there were none). ``continued``: how many had been scored by a scoring that was broken off.
    """

    file: Path
    invoices_file: Path | None
    published: PublishedRun
    knows_until: datetime | None
    set_aside: SetAside | None
    level_shift: LevelShift | None = None
    changes: Changes | None = None
    continued: int = 0

    @property
    def scores(self) -> pa.Table:
        """All scores (SCORES_SCHEMA)."""
        return pq.read_table(self.file)

    @property
    def invoices(self) -> pa.Table | None:
        """All open invoices (INVOICES_SCHEMA)."""
        return None if self.invoices_file is None else pq.read_table(self.invoices_file)


def score(
    project: Project, as_of: datetime, out: Path, clock: Callable[[], datetime], progress: Progress = silent
) -> Scoring:
    """Score every customer as of ``as_of``; write ``scores.parquet`` into ``out`` and publish to the store.

    ``clock`` says when the run is published. The file and the store change only when everything has succeeded; a run
    that was killed leaves both as they were, and what it has finished for the next of the same instant, facts and models.
    Customers are worked on in blocks, so that a million need little memory.
    Raises ModelError (no champion, other features), AsOfError, FactsError, ProjectError, StorageError.
    """
    if "invoices" in project.tables and project.churn.kind != "panel" and not ACTING & project.tables.keys():
        raise ProjectError(_ONLY_INVOICES, tables=", ".join(sorted(project.tables)))
    for place in (out, project.workspace):
        require_space(place, WORKSPACE_MEGABYTES)
    progress(Text("loading the champion", "加载模型"), 0.0)
    playbook, models = load_playbook(project), serving_models(project)
    settings = settings_key(project, playbook)
    beliefs = beliefs_of(project, playbook)  # once: what is learnt meanwhile must not divide one run
    with ExitStack() as held:
        progress(Text("reading the facts", "读取数据"), 0.1)
        files_read = files_of(project)
        with open_facts(project, MOST_MEMORY_MEGABYTES) as facts:
            trained = (models.champion.run_id, models.champion.version, models.versions(True))
            key = work_key(facts, files_read, as_of, settings, *trained, beliefs)
            work = held.enter_context(kept_work(project.workspace, key))
            known = gather(facts, as_of, models, playbook, work, progress)
            set_aside = keep_set_aside(facts)
        models = replace(models, champion=known.champion)
        versions = models.versions(known.everybody.learnt is not None)
        customers = len(known.everybody.rows.customer_ids)
        continued = 0
        for place in (out, project.workspace):
            require_space(place, customers * BYTES_PER_CUSTOMER // 1_000_000)
        files = held.enter_context(ExitStack())  # all appear when the store has taken them, or none
        file, invoices_file = out / SCORES_FILE, out / INVOICES_FILE if known.everybody.found else None
        written = ScoresFile(files.enter_context(atomic_file(file)), as_of)
        files.callback(written.close)
        debtors = PassingRows(project.workspace, DEBTORS_SCHEMA)
        files.callback(debtors.close)
        learnt = known.everybody.learnt
        snapshot = files.enter_context(snapshot_writer(project, known.shift, learnt.notes() if learnt else None))
        counted = PopulationCount(models.champion.stored.population)
        columns: list[str] = []
        for block in blocks(known.everybody, project, playbook, models.credit):
            done = 0.5 + 0.3 * written.rows / customers
            progress(Text("scoring {n:,} customers", "为 {n:,} 位客户评分").format(n=customers), done)
            name = f"scores-{written.rows}"  # of those after so many
            scores = work.table(name, partial(_scores, block, project, models, playbook, beliefs))
            continued += len(scores) if name in work.before else 0
            written.add(scores)
            counted.add(block.features, scores)
            snapshot.add(block.features.assign(**block.learnt.columns()) if block.learnt else block.features, scores)
            if block.debtors is not None:
                debtors.add(block.debtors)
            columns = [str(name) for name in block.named]
        progress(Text("writing and publishing", "写入并发布"), 0.8)
        run_id, digest = written.finish()
        changes = changes_since(file, written.path, files.enter_context(nameless_file(out / CHANGES_FILE)))
        debts = None
        if (found := known.everybody.found) is not None and invoices_file is not None:
            if (others := other_debtors(known.everybody, project, playbook, models.credit)) is not None:
                debtors.add(others)
            invoices = invoice_table(found, project, models.late.version if models.late else None)
            pq.write_table(invoices, files.enter_context(atomic_file(invoices_file)))
            debts = Debts(debtors.batches(), invoices.to_batches())
        index, names, shift = known.index, known.everybody.rows.names, known.shift
        del known, learnt, found  # a gigabyte for a million customers, which the store can use better
        run = _run(run_id, as_of, clock(), models.champion, project, counted.drift())
        notes = notes_for(models.champion, shift, models.segments, names, columns)
        kept = snapshot.keep(project, run_id, notes | {SETTINGS: settings})
        if index is not None:
            keep_index(index, project.workspace, run_id, notes)
        with closing(open_project_store(project)) as store:
            published = publish(store, run, batches_of(written.path, PUBLISHED_ROWS), debts)
            if index is not None:
                with reading(store) as connection:
                    forget_indexes(project.workspace, kept_run_ids(connection))
        if changes is not None:
            changes = changes.kept_as(out / CHANGES_FILE)
        files.close()
        (out / RESCORED_FILE).unlink(missing_ok=True)
        record_scoring(project, models.champion, versions, run_id, as_of, run.published_at, customers, digest, kept)
    progress(Text("done", "完成"), 1.0)
    has_days = project.churn.kind != "panel" or is_dated(project)
    knows_until = datetime.fromisoformat(models.champion.stored.facts.as_of) if has_days else None
    return Scoring(file, invoices_file, published, knows_until, set_aside, shift, changes, continued)


def _scores(block: Block, project: Project, models: ServingModels, playbook: Playbook, beliefs: Beliefs) -> pa.Table:
    known = with_learnt(beliefs, playbook, block.learnt)
    segments = models.segments.model if models.segments else None
    return score_frame(block.named, project, models.champion, segments, playbook, known)


def _run(
    run_id: str, as_of: datetime, at: datetime, champion: Champion, project: Project, drift: PopulationDrift | None
) -> Run:
    facts = champion.stored.facts
    as_learnt = project.churn.model_copy(update={"horizon_days": facts.horizon_days})
    return Run(run_id, as_of, at, champion.version, facts.metrics[facts.kind], outcome_of(as_learnt), drift)


def score_frame(
    frame: pd.DataFrame,
    project: Project,
    champion: Champion,
    segments: RfmModel | None,
    playbook: Playbook,
    beliefs: Beliefs | None = None,
) -> pa.Table:
    """Scores (SCORES_SCHEMA) of customers given as features, with name and account_manager where known.

    ``beliefs`` are what the actions are held to do by now; None: as the playbook has it.
    """
    model = champion.stored
    can_be_lost = model.can_be_lost(frame)
    withheld = abstain(frame, model.facts.one_time_buyers).where(can_be_lost, None)
    active = can_be_lost & withheld.isna().to_numpy()
    log_odds = np.full(len(frame), np.nan)
    log_odds[active] = model.model.log_odds(frame[active])
    low, high = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    low[active], high[active] = model.calibrator.interval(log_odds[active])
    probability = model.calibrator.probability(log_odds)
    scored = frame.assign(
        churn_probability=probability,
        churn_probability_low=low,
        churn_probability_high=high,
        churn_band=_bands(probability, project),
        segment=segments.assign(frame)["segment"] if segments else None,
        value_at_stake=value_at_stake(frame, project),
        **{LOST_VALUE: np.where(can_be_lost, np.nan, value_if_back(frame, project))},
    )
    advice = recommend(
        scored,
        playbook,
        project.project.currency,
        project.value.horizon_days,
        model.facts.horizon_days,
        project.value.margin_share,
        beliefs,
        frame["as_of"].iloc[0].astimezone(project.timezone) if len(frame) else None,
    )
    currency = project.project.currency
    reasons = _reasons(frame, active, champion, project)
    abstained = abstentions(frame, can_be_lost, model).mask(withheld.notna(), withheld.map(_both, na_action="ignore"))
    scored = scored.assign(
        **_times(frame, active, probability, model),
        **{name: advice[name] for name in advice.columns},
        why=_why(frame, advice["recommended_action"], playbook, reasons, abstained, currency),
        customer_name=frame["name"],
        churn_horizon_days=model.facts.horizon_days,
        value_horizon_days=project.value.horizon_days,
        currency=currency,
        abstained_because=abstained,
        model_version=champion.version,
        catalogue_hash=model.facts.catalogue_hash,
    )
    return _table(scored, reasons)


def _times(
    frame: pd.DataFrame, active: NDArray[np.bool_], probability: Floats, model: StoredModel
) -> dict[str, pd.Series]:
    """When the active customers will buy again, or end their contract: median, interval, sentence. It agrees with the
    probability of leaving within the horizon. Nothing where the model knows no times.
    """
    if model.timing is None or not active.any():
        return {}
    kind = model.facts.churn_kind
    curves = model.timing.curves(frame[active])
    if model.facts.horizon_days <= curves.end_days:
        curves = agreeing_with_churn(curves, kind, model.facts.horizon_days, probability[active])
    english, chinese = timing_sentences(kind, curves)
    low, high = curves.interval_days()
    sentences = [{"en": en, "zh": zh} for en, zh in zip(english, chinese, strict=True)]
    columns = {"days": curves.median_days(), "days_low": low, "days_high": high}
    index = frame.index[active]
    return {f"expected_{name}": pd.Series(values, index).reindex(frame.index) for name, values in columns.items()} | {
        "expected": pd.Series(sentences, index, dtype="object").reindex(frame.index)
    }


def _both(text: Text) -> dict[str, str]:
    return text._asdict()


def _bands(probability: Floats, project: Project) -> pd.Series:
    bands = project.churn.bands
    named = np.select([probability >= bands.high, probability >= bands.medium], ["high", "medium"], "low")
    return pd.Series(named, dtype="object").where(~np.isnan(probability), None)


def _why(
    frame: pd.DataFrame, action: pd.Series, playbook: Playbook, reasons: pa.Array, abstained: pd.Series, currency: str
) -> pd.Series:
    """The sentence that goes with the recommendation: the debt for an action on overdue money, else the first reason.

    A customer without a probability is told why there is none.
    """
    counts = reasons.value_lengths().to_numpy()
    first = np.where(counts > 0, reasons.offsets.to_numpy()[:-1], -1)
    strongest = reasons.flatten()
    sentences = {
        language: pd.Series(strongest.field(language).take(pa.array(first, mask=first < 0)).to_pandas(), dtype="object")
        for language in LANGUAGES
    }
    on_debt = action.isin([a.id for a in playbook.actions if a.effect.kind == "overdue"])
    if on_debt.any():
        debts = told("balance", frame, currency)
        sentences = {language: sentences[language].mask(on_debt, debts[language]) for language in LANGUAGES}
    pairs = pd.DataFrame(sentences)
    texts = pd.Series(pairs.to_dict("records"), dtype="object")
    return texts.where(pairs["en"].notna(), abstained)


def abstentions(frame: pd.DataFrame, active: NDArray[np.bool_], model: StoredModel) -> pd.Series:
    """Why there is no churn probability, for those without one."""
    texts = pd.Series(None, frame.index, dtype="object")
    kind = model.facts.churn_kind
    if kind == "contract":
        return texts.mask(~active, pd.Series([NO_CONTRACT._asdict()] * len(frame), frame.index))
    if kind == "panel":
        return texts
    silent_or_new = _silent_or_new(frame, active, model.facts.active_within_days)
    if kind == "decline":
        no_habit = ~active & silent_or_new.isna()
        return silent_or_new.mask(no_habit, pd.Series([NO_HABIT._asdict()] * len(frame), frame.index))
    return silent_or_new


def _silent_or_new(frame: pd.DataFrame, active: NDArray[np.bool_], active_within_days: int) -> pd.Series:
    """For customers without a probability: that they have been silent for too long, or never bought; None otherwise."""
    days = frame["days_since_last_purchase"]
    as_of = frame["as_of"].iloc[0] if len(frame) else None
    texts = {
        silent_days: GONE.format(silent=int(silent_days), active=active_within_days)._asdict()
        for silent_days in days[~active & (days > active_within_days)].unique()
    }
    unknown = NO_PURCHASE.format(as_of=f"{as_of:%Y-%m-%d}")._asdict() if len(frame) else None
    return days.map(texts).astype("object").where(days.notna(), unknown).where(~pd.Series(active), None)


def _reasons(frame: pd.DataFrame, active: NDArray[np.bool_], champion: Champion, project: Project) -> pa.Array:
    """Reasons of the active customers; an empty list for the others."""
    own = own_features(project)
    explained = explain(champion.stored.model, frame[active], project.project.currency, own, champion.stored.attributes)
    with_empty = pa.concat_arrays([explained.cast(REASONS_TYPE), pa.array([[]], REASONS_TYPE)])
    place = np.full(len(frame), len(explained))
    place[active] = np.arange(len(explained))
    return with_empty.take(pa.array(place))


def _table(scored: pd.DataFrame, reasons: pa.Array) -> pa.Table:
    """The frame in the contract's columns and order; NaN becomes null."""
    arrays = [
        reasons.cast(field.type)
        if field.name == "reasons"
        else pa.Array.from_pandas(scored[field.name], type=field.type)
        if field.name in scored
        else pa.nulls(len(scored), field.type)
        for field in SCORES_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=SCORES_SCHEMA)
