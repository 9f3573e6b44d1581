"""The training job: learn from many past cut-offs, judge on the last one, register, and promote what earns it."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from features.catalogue import catalogue_hash
from features.errors import AsOfError
from features.leakage.certificate import Certificate
from features.progress import Progress, part_of, silent
from features.project import Project
from features.rejects_files import SetAside, keep_set_aside
from features.sources import Facts, open_facts
from features.text import Text
from features.writing import require_space
from training.abstention import abstain, one_time_buyers
from training.beside import Beside, learn_beside, log_beside
from training.card.card import model_card
from training.comparison import judged_table
from training.cutoffs import Schedule
from training.dataset import (
    LABEL,
    check_enough,
    check_outcome_known,
    kind_of,
    labelled_snapshots,
)
from training.evaluation.metrics import Metrics, evaluate
from training.evaluation.plots import plot_churn
from training.evaluation.profit import DecisionCosts
from training.following import followed
from training.gate import Verdict
from training.judgement import (
    USUAL_COSTS,
    Judgement,
    at_the_gate,
    card_facts,
    groups_that_are_off,
    judge,
    judged_rows,
    to_show,
)
from training.kinds.words import outcome_of
from training.loading import TrainingData, load_training_data, model_features
from training.models.clusters.registered import Grouping, train_clusters
from training.models.fitting import CANDIDATES, Fitted, Settings, parameters_of
from training.models.population import PROBABILITY, Population
from training.models.rfm import RfmModel, fit_rfm
from training.models.stored import ModelFacts, StoredModel
from training.panel import best_attribute, is_dated, rows_of_day
from training.registry import Signature, settle
from training.tracking import champion_as_judged, champion_churn, log_churn_model, log_files, log_segments, recording
from training.treatment_effects.beliefs import Beliefs
from training.tuned import tuned_settings
from training.when import When, learn_when

SEED = 20260101
WORKSPACE_MEGABYTES = 50
CARD = "card"
"""Folder of a run that holds the model card."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """What a training did. ``metrics`` are those of each model on ``schedule.test``; ``chosen`` is the one to serve.

    ``when`` is None where nothing was learnt of the time of leaving, ``clusters`` of a ready-made panel; ``groups_off``
    names groups of customers whose probabilities were off on the test. ``by_customers``: the test holds other customers instead of a later day. A model is promoted when the
    gate's ``verdict`` lets it pass and its leakage ``certificate`` passed. ``set_aside`` are the rows of the sources that could not be read.
    """

    schedule: Schedule
    rows: int
    customers: int
    features: int
    metrics: dict[str, Metrics]
    chosen: str
    version: str
    run_id: str
    promoted: bool
    segment_sizes: dict[str, int]
    certificate: Certificate
    verdict: Verdict
    set_aside: SetAside | None
    by_customers: bool = False
    when: When | None = None
    clusters: Grouping | None = None
    beside: Beside | None = None
    groups_off: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """How the serving model did on a later cut-off, beside two rankings that need no model."""

    cutoff: datetime
    version: str
    knows_until: datetime
    metrics: Metrics
    ranking_auc: dict[str, float]
    set_aside: SetAside | None


def train(
    project: Project,
    as_of: datetime,
    progress: Progress = silent,
    costs: DecisionCosts = USUAL_COSTS,
    signed: Signature | None = None,
    tune_for: timedelta | None = None,
    beliefs: Beliefs | None = None,
) -> Training:
    """Train, judge, register and, if it may serve, promote a churn model, the segments and the groups as of ``as_of``.

    It may serve if the gate lets it pass and no leak was found. Only facts known before ``as_of`` are used. ``costs`` is
    the action that models are compared by in money; ``signed`` stands on the ledger beside a promotion; ``tune_for`` is the
    time to search for better parameters in, which takes up where a search on the same data was interrupted; ``beliefs`` about
    what actions do to leaving are what their effects are shrunk to (None: they are believed to do nothing).
    Raises AsOfError, NotEnoughDataError, FactsError, ProjectError, StorageError; then nothing serves that did not before.
    """
    require_space(project.workspace, WORKSPACE_MEGABYTES)
    # Cut-offs keep the hour of the project's own calendar, so that a day means the same on both sides of summer time.
    progress(Text("reading the facts", "读取数据"), 0.0)
    with open_facts(project) as facts:
        data = load_training_data(facts, as_of.astimezone(project.timezone), SEED, progress)
        beside = learn_beside(facts, data.plan.as_of, SEED, part_of(progress, 0.2, 0.3), beliefs)
    with recording(project):
        settings = Settings(categories=data.categories, of_silence=project.churn.kind == "silence")
        if tune_for:
            settings = tuned_settings(project, data, settings, SEED, tune_for, progress)
        step = Text("judging {kinds} on the test", "在测试中评估 {kinds}")
        progress(step.format(kinds=", ".join(CANDIDATES)), 0.4 if tune_for else 0.3)
        judgement = judge(project, data, SEED, settings)
        progress(Text("learning when customers act", "学习客户何时行动"), 0.5)
        when = learn_when(data, project.churn.horizon_days, SEED)
        progress(Text("fitting {kind} on all cut-offs", "用全部截止时间拟合 {kind}").format(kind=judgement.chosen), 0.7)
        served = CANDIDATES[judgement.chosen](data.labelled, data.names, SEED, settings)
        stored, as_judged = _stored(project, data, judgement, served, when)
        parameters = _parameters(project, data, served, judgement.chosen, settings)
        progress(Text("recording the run in MLflow", "在 MLflow 中记录本次运行"), 0.85)
        kept = judged_table(judged_rows(data, judgement), judgement.probabilities)
        with tempfile.TemporaryDirectory(prefix="retinue-") as folder:
            plots = plot_churn(judgement.churned, judgement.probabilities, Path(folder))
            run_id, version = log_churn_model(
                project, stored, data.labelled, parameters, plots, data.certificate, as_judged, kept
            )
    segments, sizes = _segments(project, data, stored.facts.catalogue_hash)
    if segments:
        log_segments(project, segments, sizes)
    clusters = _clusters(project, data, stored.facts.catalogue_hash, progress)
    log_beside(project, beside)
    verdict = at_the_gate(project, data, judgement, champion_as_judged(project), costs)
    promoted = settle(project, version, verdict, signed or Signature("retinue train", data.plan.as_of))
    progress(Text("writing the model card", "撰写模型说明卡"), 0.92)
    judged, titles = to_show(data, judgement, segments)
    off = groups_that_are_off(judged, titles)
    carded = card_facts(project, data, judgement, stored, titles, costs, parameters, version, run_id, promoted, off)
    log_files(project, run_id, model_card(carded, judged, data.certificate, SEED), CARD)
    progress(Text("done", "完成"), 1.0)
    return Training(
        schedule=data.plan,
        rows=len(data.labelled),
        customers=data.labelled["customer_id"].nunique(),
        features=len(data.features),
        metrics=dict(judgement.metrics),
        chosen=judgement.chosen,
        version=version,
        run_id=run_id,
        promoted=promoted,
        verdict=verdict,
        segment_sizes=sizes,
        clusters=clusters,
        beside=beside,
        certificate=data.certificate,
        set_aside=data.set_aside,
        by_customers=data.by_customers,
        when=when,
        groups_off=tuple(off),
    )


def _stored(
    project: Project, data: TrainingData, judgement: Judgement, served: Fitted, when: When | None
) -> tuple[StoredModel, StoredModel]:
    """The model to serve, and the one that was judged, which knows no outcome after the test."""
    facts = _facts_of_model(project, data, judgement)
    judged = judgement.fitted[judgement.chosen]
    timing = when.timing if when else None
    stored = StoredModel(facts, served.model, served.calibrator, timing, data.attributes)
    return (
        replace(stored, population=_population(stored, data)),
        StoredModel(
            replace(facts, as_of=data.plan.test.isoformat()), judged.model, judged.calibrator, None, data.attributes
        ),
    )


def _population(stored: StoredModel, data: TrainingData) -> Population:
    """The customers whose risk it tells on the last day that is known; of a panel, those that it learnt from."""
    known = data.labelled if data.present is None else data.present
    at_risk = known[stored.can_be_lost(known) & abstain(known, stored.facts.one_time_buyers).isna().to_numpy()]
    rows = at_risk[list(stored.facts.features)].assign(**{PROBABILITY: stored.probability(at_risk)})
    return Population.of(rows, [PROBABILITY, *stored.facts.features])


def _segments(project: Project, data: TrainingData, catalogue: str) -> tuple[RfmModel | None, dict[str, int]]:
    """The RFM segments of today and how many customers each has; none without orders."""
    if data.present is None or "orders" not in project.tables:
        return None, {}
    segments = fit_rfm(data.present, data.plan.as_of, catalogue, project.segments)
    sizes = segments.assign(data.present)["segment"].value_counts()
    return segments, {str(name): int(size) for name, size in sizes.items()}


def _clusters(project: Project, data: TrainingData, catalogue: str, progress: Progress) -> Grouping | None:
    """The groups that act alike, found again among the customers of today; None where nothing is known of all of them."""
    if data.present is None:
        return None
    progress(Text("looking for groups that act alike", "寻找行为相近的群组"), 0.88)
    return train_clusters(project, data.present, SEED, data.plan.as_of, catalogue)


def _facts_of_model(project: Project, data: TrainingData, judgement: Judgement) -> ModelFacts:
    return ModelFacts(
        kind=judgement.chosen,
        features=tuple(data.names),
        catalogue_hash=catalogue_hash(data.features),
        as_of=data.plan.as_of.isoformat(),
        horizon_days=project.churn.horizon_days,
        active_within_days=project.churn.active_within_days,
        metrics={name: metrics.as_dict() for name, metrics in judgement.metrics.items()},
        churn_kind=project.churn.kind,
        one_time_buyers=one_time_buyers(data.labelled) if project.churn.kind == "silence" else None,
    )


def _parameters(
    project: Project, data: TrainingData, served: Fitted, chosen: str, settings: Settings
) -> dict[str, object]:
    """What a data scientist wants to see of a run."""
    return {
        "model": chosen,
        "as_of": data.plan.as_of.isoformat(),
        "test_cutoff": data.plan.test.isoformat(),
        "first_cutoff": data.plan.labelled[0].isoformat(),
        "cutoffs": len(data.plan.labelled),
        "rows": len(data.labelled),
        "features": len(data.features),
        "churn_kind": project.churn.kind,
        "horizon_days": project.churn.horizon_days,
        "active_within_days": project.churn.active_within_days,
        "seed": SEED,
        "calibration_slope": round(served.calibrator.slope, 4),
        "calibration_offset": round(served.calibrator.offset, 4),
        "calibration": served.calibrator.kind,
        **parameters_of(chosen, served, settings),
    }


def evaluate_champion(project: Project, cutoff: datetime, progress: Progress = silent) -> Evaluation:
    """How the serving churn model did on a cut-off at or after the end of its knowledge.

    Raises AsOfError: the model already knew labels that reach beyond the cut-off, or the outcome is not known yet.
    """
    progress(Text("reading the facts", "读取数据"), 0.0)
    cutoff = cutoff.astimezone(project.timezone)
    champion = champion_churn(project)
    model = champion.stored
    knows_until = datetime.fromisoformat(model.facts.as_of)
    is_told_by_days = project.churn.kind != "panel" or is_dated(project)
    if cutoff < knows_until and is_told_by_days:
        raise AsOfError(
            Text(
                "The model knows facts up to {known:%Y-%m-%d}; judging it on {cutoff:%Y-%m-%d} would let it look ahead."
                " Choose a cut-off from {known:%Y-%m-%d} on, or train with an earlier --as-of.",
                "模型已获知截至 {known:%Y-%m-%d} 的数据；在 {cutoff:%Y-%m-%d} 评估会造成数据泄漏。"
                "请选择 {known:%Y-%m-%d} 及之后的截止时间，或用更早的 --as-of 训练。",
            ),
            known=knows_until,
            cutoff=cutoff,
        )
    with open_facts(project) as facts:
        progress(Text("features and outcomes", "计算特征与结果"), 0.3)
        frame, alone = _judged_rows(facts, model, cutoff)
        model = followed(facts, model, cutoff).model
        set_aside = keep_set_aside(facts)
    check_enough(frame, outcome_of(project.churn))
    churned = frame[LABEL].to_numpy(dtype=np.int64)
    metrics = evaluate(churned, model.probability(frame))
    rankings = {name: sign * _filled(frame[column]) for name, (column, sign) in alone.items() if column in frame}
    progress(Text("done", "完成"), 1.0)
    return Evaluation(
        cutoff,
        champion.version,
        knows_until,
        metrics,
        {name: float(roc_auc_score(churned, ranking)) for name, ranking in rankings.items()},
        set_aside,
    )


def _filled(values: "pd.Series[float]") -> "pd.Series[float]":
    """Values to rank by, the median where one is missing."""
    return values.fillna(values.median())


def _judged_rows(
    facts: Facts, model: StoredModel, cutoff: datetime
) -> tuple[pd.DataFrame, Mapping[str, tuple[str, int]]]:
    """The rows of a cut-off with what came true, and the features that rank them without a model."""
    features, horizon = model_features(model, facts), timedelta(days=model.facts.horizon_days)
    if facts.project.churn.kind == "panel":
        raw = rows_of_day(facts, cutoff)
        rows = model.encoded(raw).assign(**{LABEL: raw[LABEL]})
        return rows, best_attribute(rows, list(model.facts.features))
    check_outcome_known(facts, cutoff, model.facts.horizon_days)
    return labelled_snapshots(facts, [cutoff], cutoff + horizon, features), kind_of(facts).alone
