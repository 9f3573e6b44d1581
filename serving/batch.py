"""Batch scoring: the whole customer base as of one instant, into ``scores.parquet`` and into the store."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import ProjectError
from features.fact_index import forget_indexes, keep_index, write_fact_index
from features.own_features import own_features
from features.progress import Progress, silent
from features.project import Project
from features.rejects_files import SetAside, keep_set_aside
from features.snapshot import snapshot
from features.sources import Facts, open_facts
from features.text import LANGUAGES, Text
from features.writing import atomic_file, require_space
from serving.debts import debtor_frame, debtor_table, invoice_table
from serving.decisions.beliefs import beliefs_of
from serving.decisions.expected_profit import Beliefs
from serving.decisions.learnt import learnt_beliefs, with_learnt
from serving.decisions.next_best_action import LOST_VALUE, recommend
from serving.decisions.playbook import Playbook, load_playbook
from serving.realtime.notes import notes_for
from serving.schemas import PublishedRun
from serving.score_schema import SCORES_SCHEMA
from serving.store import Debts, Run, kept_run_ids, open_project_store, publish, reading
from training.abstention import abstain
from training.beside import (
    ServingCredit,
    ServingLifetimeValue,
    serving_credit,
    serving_effects,
    serving_late_payment,
    serving_lifetime_value,
)
from training.dataset import check_as_of
from training.following import followed
from training.kinds.words import outcome_of
from training.late_payment.bills import tells_settlement
from training.loading import ACTING, model_features
from training.models.clusters.registered import ServingClusters, serving_clusters
from training.models.drift import LevelShift
from training.models.rfm import RfmModel
from training.models.stored import StoredModel
from training.models.timing.fit import agreeing_with_churn
from training.models.timing.sentences import timing_sentences
from training.net_value import net_value
from training.panel import is_dated, rows_to_score
from training.reasons import REASONS_TYPE, explain, told
from training.receivables import Owed, owed
from training.replay import Versions, keep_snapshot, record_scoring, scores_digest
from training.standing import standing
from training.tracking import Champion, champion_churn, serving_segments
from training.value import value_at_stake, value_if_back

SCORES_FILE = "scores.parquet"
INVOICES_FILE = "invoices.parquet"
RUN_ID = "run_id"
"""Under which ``scores.parquet`` says, in its metadata, which run it is."""
WORKSPACE_MEGABYTES = 20
DEBT_COLUMNS = (
    *("credit_class", "credit_score", "credit_probability", "credit_loss_share", "late_probability"),
    *("credit_response", "credit_response_name"),
)
"""What a customer's score says of its debts, and what its net value is computed from."""
NO_SEGMENTS = "–"
"""On the ledger, where a project has no orders to make segments of."""
BYTES_PER_CUSTOMER = 6_000

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
    """What a batch run made: the table, the file that holds it, and the run that the store now serves.

    ``knows_until`` is when the model's knowledge ends; scores of an earlier day are told in hindsight (None: a panel
    without dates, of which nobody can say). ``set_aside`` are the rows of the sources that could not be read.
    ``level_shift`` is how far an old model's level was found to be off. ``invoices`` (INVOICES_SCHEMA) are the open ones,
    None where the facts do not tell of any.
    """

    scores: pa.Table
    invoices: pa.Table | None
    file: Path
    published: PublishedRun
    knows_until: datetime | None
    set_aside: SetAside | None
    level_shift: LevelShift | None = None


def score(
    project: Project, as_of: datetime, out: Path, clock: Callable[[], datetime], progress: Progress = silent
) -> Scoring:
    """Score every customer as of ``as_of``; write ``scores.parquet`` into ``out`` and publish to the store.

    ``clock`` says when the run is published. The file and the store change only when everything has succeeded; a run
    that was killed leaves both as they were.
    Raises ModelError (no champion, other features), AsOfError, FactsError, ProjectError, StorageError.
    """
    if "invoices" in project.tables and project.churn.kind != "panel" and not ACTING & project.tables.keys():
        raise ProjectError(_ONLY_INVOICES, tables=", ".join(sorted(project.tables)))
    for place in (out, project.workspace):
        require_space(place, WORKSPACE_MEGABYTES)
    progress(Text("loading the champion", "加载模型"), 0.0)
    champion, playbook = champion_churn(project), load_playbook(project)
    segments = serving_segments(project) if "orders" in project.tables else None
    lifetime, clusters = serving_lifetime_value(project), serving_clusters(project)
    late, credit, effects = serving_late_payment(project), serving_credit(project), serving_effects(project)
    progress(Text("reading the facts", "读取数据"), 0.1)
    with open_facts(project) as facts:
        progress(Text("computing features", "计算特征"), 0.25)
        model_features(champion.stored, facts)  # refuses a model that these facts do not fit
        frame = champion.stored.encoded(_customers(facts, as_of))
        level = followed(facts, champion.stored, as_of.astimezone(project.timezone))
        champion = replace(champion, stored=level.model)
        names = names_at(facts, as_of)
        learnt = learnt_beliefs(effects, playbook, facts, frame, as_of, champion.stored.facts.horizon_days)
        progress(Text("value, tiers and stages", "价值、等级与生命周期"), 0.4)
        stands = _standing(facts, frame, as_of, lifetime, clusters)
        progress(Text("receivables", "应收账款"), 0.45)
        found = owed(facts, as_of, late.model if late else None) if tells_settlement(facts) else None
        index = write_fact_index(facts, as_of) if project.events else None
        set_aside = keep_set_aside(facts)
    progress(Text("scoring {n:,} customers", "为 {n:,} 位客户评分").format(n=len(frame)), 0.5)
    named = pd.concat([frame.merge(names, how="left", on="customer_id"), stands.reset_index(drop=True)], axis=1)
    debtors = _debtors(found, named, playbook, credit) if found else None
    named = _with_debts(named, debtors, project)
    invoices = invoice_table(found, project, late.version if late else None) if found else None
    beliefs = with_learnt(beliefs_of(project, playbook), playbook, learnt)
    scores = score_frame(named, project, champion, segments.model if segments else None, playbook, beliefs)
    require_space(out, len(scores) * BYTES_PER_CUSTOMER // 1_000_000)
    progress(Text("writing and publishing", "写入并发布"), 0.8)
    file = out / SCORES_FILE
    with ExitStack() as files:  # both appear when the store has taken them, or neither
        run_id = run_id_of(scores)
        named_scores = scores.replace_schema_metadata({RUN_ID: run_id})
        for table, name in ((named_scores, SCORES_FILE), (invoices, INVOICES_FILE)):
            if table is not None:
                pq.write_table(table, files.enter_context(atomic_file(out / name)))
        metrics = champion.stored.facts.metrics[champion.stored.facts.kind]
        as_learnt = project.churn.model_copy(update={"horizon_days": champion.stored.facts.horizon_days})
        run = Run(run_id, as_of, clock(), champion.version, metrics, outcome_of(as_learnt))
        features, notes = (frame.assign(**learnt.columns()), learnt.notes()) if learnt else (frame, None)
        kept = keep_snapshot(project, run.run_id, features, scores, level.shift, notes)
        if index is not None:
            keep_index(index, run.run_id, notes_for(champion, level.shift, segments, frame, named))
        with closing(open_project_store(project)) as store:
            published = publish(store, run, scores, _debts(debtors, invoices, as_of, project))
            if index is not None:
                with reading(store) as connection:
                    forget_indexes(project.workspace, kept_run_ids(connection))
    versions = Versions(
        segments.version if segments else NO_SEGMENTS,
        lifetime.version if lifetime else None,
        clusters.version if clusters else None,
        late.version if late else None,
        credit.version if credit else None,
        effects.version if effects and learnt else None,
    )
    record_scoring(project, champion, versions, run.run_id, as_of, run.published_at, scores, kept)
    progress(Text("done", "完成"), 1.0)
    has_days = project.churn.kind != "panel" or is_dated(project)
    knows_until = datetime.fromisoformat(champion.stored.facts.as_of) if has_days else None
    return Scoring(scores, invoices, file, published, knows_until, set_aside, level.shift)


def _standing(
    facts: Facts,
    frame: pd.DataFrame,
    as_of: datetime,
    lifetime: ServingLifetimeValue | None,
    clusters: ServingClusters | None,
) -> pd.DataFrame:
    """Where each customer stands; nothing of a ready-made panel, whose rows are no facts."""
    if facts.project.churn.kind == "panel":
        return frame[[]]
    return standing(facts, frame, as_of, lifetime.model if lifetime else None, clusters.model if clusters else None)


def _debtors(found: Owed, named: pd.DataFrame, playbook: Playbook, credit: ServingCredit | None) -> pd.DataFrame:
    """Everybody with an invoice or money on file, by customer_id, with how to answer."""
    return debtor_frame(found, named.set_index("customer_id"), playbook.policy, credit.model if credit else None)


def _with_debts(named: pd.DataFrame, debtors: pd.DataFrame | None, project: Project) -> pd.DataFrame:
    """The customers with what is said of their debts, and their lifetime value net of what they cost."""
    if debtors is not None:
        told = [name for name in DEBT_COLUMNS if name in debtors]
        named = named.join(debtors[told], on="customer_id")
    if "lifetime_value" not in named:
        return named
    net = net_value(named, project.value.costs, project.value.horizon_days)
    return named.assign(lifetime_value_net=net["lifetime_value_net"])


def _debts(debtors: pd.DataFrame | None, invoices: pa.Table | None, as_of: datetime, project: Project) -> Debts | None:
    """What the store keeps of debts."""
    if debtors is None or invoices is None:
        return None
    return Debts(debtor_table(debtors, as_of, project.project.currency), invoices)


def _customers(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """Everybody who is to be scored, with everything known: the playbook and the sentences may ask for more than a model."""
    if facts.project.churn.kind == "panel":
        return rows_to_score(facts, as_of)
    check_as_of(facts, as_of)
    frame: pd.DataFrame = snapshot(facts, [as_of]).to_pandas()
    return frame


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
    )
    currency = project.project.currency
    scored = scored.assign(**_times(frame, active, probability, model))
    reasons = _reasons(frame, active, champion, project)
    abstained = abstentions(frame, can_be_lost, model).mask(withheld.notna(), withheld.map(_both, na_action="ignore"))
    scored = scored.assign(
        **{name: advice[name] for name in advice.columns},
        why=_why(scored.assign(**advice), playbook, reasons, abstained, currency),
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


def _why(scored: pd.DataFrame, playbook: Playbook, reasons: pa.Array, abstained: pd.Series, currency: str) -> pd.Series:
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
    on_debt = scored["recommended_action"].isin([a.id for a in playbook.actions if a.effect.kind == "overdue"])
    if on_debt.any():
        debts = told("balance", scored, currency)
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


def names_at(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """customer_id, name and account_manager, one row a customer: of several rows the latest that holds before ``as_of``."""
    if "customers" not in facts.columns:
        return pd.DataFrame({"customer_id": [], "name": [], "account_manager": []}, dtype="object")
    query = """SELECT customer_id, name, account_manager FROM customers WHERE coalesce(valid_from < $as_of, TRUE)
        QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY valid_from DESC NULLS LAST, name, account_manager) = 1"""
    instant = as_of.astimezone(UTC).replace(tzinfo=None)
    names: pd.DataFrame = facts.connection.execute(query, {"as_of": instant}).df()
    return names


def run_id_of(scores: pa.Table) -> str:
    """The same scores always have the same id, so that publishing them twice changes nothing."""
    as_of = scores["as_of"][0].as_py()
    return f"{as_of:%Y%m%dT%H%M}-{scores_digest(scores)[:12]}"
