"""What a model card must be told, and what it measures itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from features.project import ChurnSettings
from features.text import Text
from training.evaluation.bootstrap import Estimate, bootstrap
from training.evaluation.calibration import (
    BrierParts,
    Recalibration,
    brier_parts,
    debiased_calibration_error,
    recalibration,
)
from training.evaluation.groups import Group, by_group, over_time
from training.evaluation.judged import Judged
from training.evaluation.profit import DecisionCosts, MoneyReport, money
from training.evaluation.weighted import MEASURES, log_loss

BASELINES = ("base_rate", "recency", "number_of_purchases")


@dataclass(frozen=True)
class Occasion:
    """One cut-off that the serving model learnt from: its rows, and the share of them that left."""

    as_of: datetime
    rows: int
    churn_rate: float


@dataclass(frozen=True)
class CardFacts:
    """What only the training knows of a model.

    ``churn`` is what leaving means; ``by_customers`` says that the model was judged on other customers instead of a later
    day. ``rows`` and ``customers`` are those learnt from, ``history`` their cut-offs in ascending order. ``attributions`` holds
    for each feature its share of the explanations (mean absolute contribution, summing to 1), ``meanings`` what features
    mean in words. ``costs`` is the action that money is computed for (None: no money). ``groups`` are the columns of the
    judged rows to break figures down by, with a title each. ``flagged_from`` is the probability from which a customer
    counts as being at high risk (None: the tenth with the highest). ``versions`` names data, code and packages.
    """

    project: str
    model_kind: str
    version: str
    run_id: str
    trained_as_of: datetime
    churn: ChurnSettings
    currency: str
    rows: int
    customers: int
    history: Sequence[Occasion]
    features: int
    promoted: bool
    attributions: Mapping[str, float] = field(default_factory=dict)
    meanings: Mapping[str, Text] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Text] = field(default_factory=dict)
    costs: DecisionCosts | None = None
    flagged_from: float | None = None
    baselines: Sequence[str] = BASELINES
    limits: Sequence[Text] = ()
    by_customers: bool = False


@dataclass(frozen=True)
class Measured:
    """All figures of a card. ``gains``: how much lower the chosen model's log-loss is than each other one's, in nats."""

    models: Mapping[str, Mapping[str, Estimate]]
    gains: Mapping[str, Estimate]
    brier: BrierParts
    recalibration: Recalibration
    debiased_error: float
    money: MoneyReport | None
    cutoffs: Sequence[Group]
    groups: Mapping[str, Sequence[Group]]


def measured(facts: CardFacts, judged: Judged, seed: int) -> Measured:
    """Every figure of the card, each with its interval over customers."""
    churned, customers = judged.churned, judged.customers
    measures = {
        (model, name): make(churned, probability)
        for model, probability in judged.probabilities.items()
        for name, make in MEASURES.items()
    }
    losses = {name: log_loss(churned, probability) for name, probability in judged.probabilities.items()}
    gains = {(name, ""): loss.less(losses[judged.chosen]) for name, loss in losses.items() if name != judged.chosen}
    figures = bootstrap(customers, measures | gains, seed)
    flagged = None if facts.flagged_from is None else judged.probability >= facts.flagged_from
    return Measured(
        models={model: {name: figures[model, name] for name in MEASURES} for model in judged.probabilities},
        gains={name: figures[name, ""] for name, _ in gains},
        brier=brier_parts(churned, judged.probability),
        recalibration=recalibration(churned, judged.probability, customers),
        debiased_error=debiased_calibration_error(churned, judged.probability, customers),
        money=money(judged, facts.costs) if facts.costs else None,
        cutoffs=over_time(judged, seed, flagged),
        groups={column: by_group(judged, column, seed, flagged) for column in facts.groups},
    )
