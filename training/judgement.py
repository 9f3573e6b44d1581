"""What a training thinks of its models: each judged on the test beside the baselines, in figures, in money, at the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import catalogue_hash
from features.project import ChurnSettings, Project
from features.text import Text
from training.card.facts import CardFacts, Occasion
from training.dataset import LABEL
from training.evaluation.groups import NAMED, tenure_bands
from training.evaluation.judged import Judged
from training.evaluation.metrics import Metrics, evaluate
from training.evaluation.profit import DecisionCosts
from training.gate import JudgedRows, Money, Verdict, decide
from training.loading import TrainingData
from training.models.calibration.groups import calibration_by_group
from training.models.fitting import Fitted, Settings, baseline_probabilities, fit_candidates
from training.models.rfm import RfmModel
from training.models.stored import StoredModel
from training.run_marks import code_version
from training.value import value_at_stake

Floats = NDArray[np.float64]

USUAL_COSTS = DecisionCosts(contact=15.0, effect=0.08)
"""The action that models are judged by where nobody names one: a call that keeps 8 of 100 who would have left."""
TENURE = "days_since_first_purchase"
MOST_EXPLAINED_ROWS = 2_000


@dataclass(frozen=True)
class Judgement:
    """Every model's probabilities and metrics on the test, and the candidate that the fitting rows prefer.

    ``baselines`` names those among ``probabilities`` that need no model; ``value`` is the margin at stake of each row.
    """

    churned: NDArray[np.int64]
    value: Floats
    fitted: Mapping[str, Fitted]
    probabilities: Mapping[str, Floats]
    metrics: Mapping[str, Metrics]
    baselines: tuple[str, ...]
    chosen: str


def judge(project: Project, data: TrainingData, seed: int, settings: Settings) -> Judgement:
    """Fit every candidate on the purged cut-offs and measure it, beside the baselines, on the test."""
    fit, test = data.fit, data.test
    fitted = fit_candidates(fit, data.names, seed, settings)
    naive = baseline_probabilities(fit, test, data.alone)
    probabilities = {kind: model.probability(test) for kind, model in fitted.items()} | naive
    churned = test[LABEL].to_numpy(dtype=np.int64)
    return Judgement(
        churned=churned,
        value=value_at_stake(test, project),
        fitted=fitted,
        probabilities=probabilities,
        metrics={name: evaluate(churned, probability) for name, probability in probabilities.items()},
        baselines=tuple(naive),
        # The choice looks at held-out customers of the fitting rows only, so that the test stays a test.
        chosen=min(fitted, key=lambda kind: fitted[kind].held_out_log_loss),
    )


def judged_rows(data: TrainingData, judgement: Judgement) -> JudgedRows:
    """The rows of the test as the gate wants them; a value that is not known counts as nothing at stake."""
    return JudgedRows(
        data.test["customer_id"].to_numpy(dtype=object),
        data.test["as_of"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]"),
        judgement.churned,
        np.nan_to_num(judgement.value),
    )


def at_the_gate(
    project: Project, data: TrainingData, judgement: Judgement, champion: StoredModel | None, costs: DecisionCosts
) -> Verdict:
    """Whether the chosen model may serve, against the baselines and the champion as it was judged."""
    return decide(
        judged_rows(data, judgement),
        judgement.probabilities[judgement.chosen],
        _said_by(champion, data, project.churn) if champion else None,
        {name: judgement.probabilities[name] for name in judgement.baselines},
        Money(costs.contact, costs.effect, project.project.currency),
    )


def _said_by(champion: StoredModel, data: TrainingData, churn: ChurnSettings) -> Floats | None:
    """What the champion's judged copy says of the test; None where that would be no fair comparison.

    It would not be where the copy knows more than the test's own past, was made for another question, or wants features
    that are not there; nor on held-out customers of a panel, whom it may have learnt from.
    """
    facts, by_name = champion.facts, {feature.name: feature for feature in data.features}
    wanted = tuple(by_name[name] for name in facts.features if name in by_name)
    same_columns = catalogue_hash(wanted) == facts.catalogue_hash and champion.attributes == data.attributes
    same_question = (facts.churn_kind, facts.horizon_days) == (churn.kind, churn.horizon_days)
    knows_the_test = datetime.fromisoformat(facts.as_of) > data.plan.test
    if data.by_customers or knows_the_test or not (same_columns and same_question):
        return None
    return champion.probability(data.test)


def to_show(data: TrainingData, judgement: Judgement, segments: RfmModel | None) -> tuple[Judged, dict[str, Text]]:
    """The judgement as the model card takes it, and the columns that it can be broken down by, with their titles."""
    rows = data.test[["customer_id", "as_of"]].assign(churned=judgement.churned, value_at_stake=judgement.value)
    titles: dict[str, Text] = {}
    if segments:
        rows["segment"] = segments.assign(data.test)["segment"].to_numpy()
        titles["segment"] = Text("segment", "客户细分")
    if TENURE in data.test:
        rows["tenure"] = tenure_bands(data.test[TENURE].to_numpy(dtype=np.float64)).array
        titles["tenure"] = Text("tenure", "合作时长")
    for name, levels in data.attributes.levels.items() if data.attributes else ():
        labels = [label.en for label in levels.labels()]
        rows[name] = [labels[int(code)] if code == code else None for code in data.test[name]]
        titles[name] = Text(name, name)
    return Judged(rows, judgement.probabilities, judgement.chosen), titles


def groups_that_are_off(judged: Judged, titles: Mapping[str, Text]) -> list[Text]:
    """A sentence for each group of customers whose probabilities were off on the test beyond noise."""
    found = []
    for column, title in titles.items():
        table = calibration_by_group(judged.probability, judged.churned, judged.rows[column], judged.customers)
        for group, row in table[table["off"]].iterrows():
            values = {"title": title, "group": NAMED.get(str(group), Text(str(group), str(group))), **row}
            found.append(_OFF.format(**values))
    return found


_OFF = Text(
    "{title} '{group}': {expected:.1%} were expected to leave and {observed:.1%} of {rows:,.0f} did; more than chance explains.",
    "{title}“{group}”：预计 {expected:.1%} 流失，{rows:,.0f} 位中实际 {observed:.1%}，超出偶然误差。",
)


def card_facts(
    project: Project,
    data: TrainingData,
    judgement: Judgement,
    stored: StoredModel,
    titles: Mapping[str, Text],
    costs: DecisionCosts,
    parameters: Mapping[str, object],
    version: str,
    run_id: str,
    promoted: bool,
    limits: Sequence[Text],
) -> CardFacts:
    """What the card must be told beside the judged rows."""
    has_value = bool(np.isfinite(judgement.value).any())
    return CardFacts(
        project=project.project.name,
        model_kind=judgement.chosen,
        version=version,
        run_id=run_id,
        trained_as_of=data.plan.as_of,
        churn=project.churn,
        currency=project.project.currency,
        rows=len(data.labelled),
        customers=data.labelled["customer_id"].nunique(),
        history=_history(data.labelled),
        features=len(data.features),
        promoted=promoted,
        attributions=_attributions(stored, data.test),
        meanings={feature.name: feature.meaning for feature in data.features},
        parameters=dict(parameters),
        versions={"catalogue": stored.facts.catalogue_hash, "code": code_version()},
        groups=dict(titles),
        costs=costs if has_value else None,
        flagged_from=project.churn.bands.high,
        baselines=judgement.baselines,
        limits=limits,
        by_customers=data.by_customers,
    )


def _history(labelled: pd.DataFrame) -> list[Occasion]:
    by_cutoff = labelled.groupby("as_of")[LABEL].agg(["size", "mean"]).sort_index()
    return [Occasion(pd.Timestamp(day).to_pydatetime(), int(n), float(rate)) for day, n, rate in by_cutoff.itertuples()]


def _attributions(stored: StoredModel, test: pd.DataFrame) -> dict[str, float]:
    """The share of each feature in what the model says, by mean absolute contribution; they sum to 1."""
    few = test.sample(min(len(test), MOST_EXPLAINED_ROWS), random_state=0)
    weight = np.abs(stored.model.contributions(few)).mean(axis=0)
    whole = float(weight.sum()) or 1.0
    return {name: float(share) for name, share in zip(stored.model.features, weight / whole, strict=True)}
