"""What one training works on, read from the project's facts or from its ready-made panel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from features.catalogue import Feature, catalogue_hash
from features.errors import ModelError
from features.leakage.certificate import Certificate
from features.own_features import all_features
from features.progress import Progress
from features.rejects_files import SetAside, keep_set_aside
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.cutoffs import Schedule, schedule
from training.dataset import (
    LABEL,
    active_snapshots,
    at_cutoffs,
    check_as_of,
    check_enough,
    end_of_facts,
    kind_of,
    span,
    training_features,
    with_labels,
)
from training.durations import TIMED, Durations, durations_of
from training.kinds.words import outcome_of
from training.leakage.certify import certify_panel, certify_training
from training.models.attributes import Attributes
from training.models.fitting import latest_rows
from training.models.stored import StoredModel
from training.panel import best_attribute, end_of_panel, panel_features, split

ACTING = frozenset({"orders", "subscriptions"})
"""Tables that tell what everybody does today."""


@dataclass(frozen=True)
class Times:
    """Days to the event of the rows of a training, each as it was known when the rows are used (see TrainingData)."""

    labelled: Durations
    fit: Durations
    test: Durations


@dataclass(frozen=True)
class TrainingData:
    """What one training works on.

    ``labelled`` are the rows of all cut-offs as known at ``plan.as_of``, to serve; ``fit`` those of the purged cut-offs
    with their labels as known at the test cut-off, and ``test`` the rows of that cut-off, to judge (of a panel without
    dates: those of other customers, ``by_customers``). ``times`` is None where leaving has no instant;
    ``attributes`` are those of a panel, whose rows hold them encoded. ``alone`` are the features that rank without a model, by the
    name of the baseline, with the sign. ``present`` is everybody as of today, None without orders and contracts. ``certificate`` says
    whether any of it sees the future.
    """

    plan: Schedule
    features: tuple[Feature, ...]
    labelled: pd.DataFrame
    fit: pd.DataFrame
    test: pd.DataFrame
    alone: Mapping[str, tuple[str, int]]
    present: pd.DataFrame | None
    certificate: Certificate
    set_aside: SetAside | None
    by_customers: bool = False
    times: Times | None = None
    attributes: Attributes | None = None

    @property
    def names(self) -> list[str]:
        """The names of the features."""
        return [f.name for f in self.features]

    @property
    def categories(self) -> tuple[str, ...]:
        """The features whose numbers are codes of texts."""
        return self.attributes.categories if self.attributes else ()


def load_training_data(facts: Facts, as_of: datetime, seed: int, progress: Progress) -> TrainingData:
    """Features and labels of all cut-offs, refused early when they cannot carry a model.

    Raises AsOfError, NotEnoughDataError, FactsError, ProjectError.
    """
    if facts.project.churn.kind == "panel":
        return _from_panel(facts, as_of, seed)
    return _from_facts(facts, as_of, progress)


def _from_facts(facts: Facts, as_of: datetime, progress: Progress) -> TrainingData:
    features, kind = training_features(facts), kind_of(facts)
    check_as_of(facts, as_of)
    plan = schedule(span(facts)[0], as_of, facts.project.churn.horizon_days)
    progress(Text("features at {n} cut-offs", "计算 {n} 个截止时间的特征").format(n=len(plan.labelled)), 0.05)
    active = active_snapshots(facts, plan.labelled, features)
    labelled = with_labels(facts, active, plan.labelled, as_of)
    fit, test = with_labels(facts, active, plan.fit, plan.test), at_cutoffs(labelled, [plan.test])
    for rows in (labelled, fit, fit[latest_rows(fit)], test):
        check_enough(rows, outcome_of(facts.project.churn))
    present = snapshot(facts, [as_of], features=features).to_pandas() if ACTING & facts.columns.keys() else None

    def checking(step: Text, done: float) -> None:
        progress(step, 0.1 + 0.1 * done)

    certificate = certify_training(facts, plan, features, labelled, fit, checking)
    times = None
    if facts.project.churn.kind in TIMED:
        parts = ((labelled, as_of), (fit, plan.test), (test, as_of))
        times = Times(*(durations_of(facts, rows, until) for rows, until in parts))
    return TrainingData(
        plan, features, labelled, fit, test, kind.alone, present, certificate, keep_set_aside(facts), times=times
    )


def _from_panel(facts: Facts, as_of: datetime, seed: int) -> TrainingData:
    everything = panel_features(facts)
    parts = split(facts, as_of, seed)
    for rows in (parts.labelled, parts.fit, parts.test):
        check_enough(rows, outcome_of(facts.project.churn))
    attributes = Attributes.learn(parts.labelled[[f.name for f in everything]])
    features = tuple(f for f in everything if f.name in attributes.names)
    certificate = certify_panel(parts.plan, features, parts.labelled)
    labelled, fit, test = (_encoded(attributes, rows) for rows in (parts.labelled, parts.fit, parts.test))
    return TrainingData(
        plan=parts.plan,
        features=features,
        labelled=labelled,
        fit=fit,
        test=test,
        alone=best_attribute(fit, [name for name in attributes.names if name not in attributes.levels]),
        present=None,
        certificate=certificate,
        set_aside=keep_set_aside(facts),
        by_customers=parts.by_customers,
        attributes=attributes,
    )


def _encoded(attributes: Attributes, rows: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows[["customer_id", "as_of", LABEL]], attributes.encode(rows)], axis=1)


def end_of_knowledge(facts: Facts) -> datetime | None:
    """Until when the facts tell who left; None: a panel without dates does not say. Raises ProjectError, as training does."""
    if facts.project.churn.kind == "panel":
        return end_of_panel(facts)
    training_features(facts)
    return end_of_facts(facts)


def features_of(facts: Facts) -> tuple[Feature, ...]:
    """Everything that a model of the project's kind of churn may learn from: the catalogue's, or the panel's attributes."""
    return panel_features(facts) if facts.project.churn.kind == "panel" else all_features(facts)


def model_features(model: StoredModel, facts: Facts) -> tuple[Feature, ...]:
    """The catalogue's features that a model wants, in its order.

    Raises ModelError: the catalogue, the project's tables or its kind of churn have changed since the model was trained.
    """
    if model.facts.churn_kind != facts.project.churn.kind:
        raise ModelError(
            Text(
                "The model was trained for [churn] kind = '{was}', and the project now says '{now}'. Set it back, or train"
                " again with 'retinue train'.",
                "模型按 [churn] kind = '{was}' 训练，而项目现在是 '{now}'。请改回，或用“retinue train”重新训练。",
            ),
            was=model.facts.churn_kind,
            now=facts.project.churn.kind,
        )
    active = {f.name: f for f in features_of(facts)}
    chosen = tuple(active[name] for name in model.facts.features if name in active)
    if len(chosen) < len(model.facts.features) or catalogue_hash(chosen) != model.facts.catalogue_hash:
        missing = [name for name in model.facts.features if name not in active]
        raise ModelError(
            Text(
                "The model was trained on other features than the project gives now (missing: {missing}). Give the same"
                " tables and columns as in training, or train again with 'retinue train'.",
                "模型训练所用的特征与项目现有的不同（缺少：{missing}）。请提供与训练时相同的表和列，或用“retinue train”重新训练。",
            ),
            missing=", ".join(missing) or Text("none, but their definitions have changed", "无，但定义已改变"),
        )
    return chosen
