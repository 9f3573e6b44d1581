"""What a training learns beside churn: what customers will bring, who pays late, who can be trusted with credit, whom actions
change, and by how much.

These models are judged beside naive ones when they are fitted and refuse to be made where they do not beat them; so the
version registered last serves. Where the facts do not suffice, the training says why and goes on.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from features.errors import NotEnoughDataError, ProjectError
from features.progress import Progress, part_of
from features.project import Project
from features.snapshot import snapshot
from features.sources import Facts
from features.text import Text
from training.credit_score.fit import features_of, fit_credit_score
from training.credit_score.model import CreditScore
from training.dataset import training_features
from training.late_payment.fit import fit_late_payment
from training.late_payment.model import LatePayment
from training.late_payment.stored import from_json as late_payment_from_json
from training.late_payment.stored import to_json as late_payment_to_json
from training.lifetime_value.fit import fit_lifetime_value
from training.lifetime_value.lifetime_value import LifetimeValue
from training.plain_models import log_plain_model, serving_plain_model
from training.treatment_effects.beliefs import Beliefs
from training.treatment_effects.learn import learn_effects
from training.treatment_effects.learnt import LearntEffects
from training.treatment_effects.learnt import from_json as effects_from_json
from training.treatment_effects.learnt import to_json as effects_to_json
from training.treatment_effects.report import effects_report
from training.uplift.learn import learn_uplift
from training.uplift.model import LearntUplift
from training.uplift.report import race_report
from training.uplift.stored import from_json as uplift_from_json
from training.uplift.stored import to_json as uplift_to_json

LIFETIME_VALUE, CREDIT, LATE_PAYMENT, UPLIFT, EFFECTS = "value", "credit", "late_payment", "uplift", "effects"
"""Purposes under which the models are registered."""

Model = TypeVar("Model")


@dataclass(frozen=True)
class Beside:
    """The models; a sentence instead where the facts do not suffice, None where they do not speak of it at all.

    ``credit_json`` is the credit score with its golden rows, ``uplift_json`` what actions change with its own, as kept.
    """

    lifetime_value: LifetimeValue | Text | None
    late_payment: LatePayment | Text | None
    credit: CreditScore | Text | None
    credit_json: str = ""
    uplift: LearntUplift | Text | None = None
    uplift_json: str = ""
    effects: LearntEffects | Text | None = None


@dataclass(frozen=True)
class ServingLifetimeValue:
    """The model of lifetime value that serves, and its version."""

    model: LifetimeValue
    version: str


@dataclass(frozen=True)
class ServingCredit:
    """The credit score that serves, and its version."""

    model: CreditScore
    version: str


@dataclass(frozen=True)
class ServingLatePayment:
    """The model of late payment that serves, and its version."""

    model: LatePayment
    version: str


@dataclass(frozen=True)
class ServingUplift:
    """What was learnt of actions and serves, and its version."""

    model: LearntUplift
    version: str


@dataclass(frozen=True)
class ServingEffects:
    """What actions do to whom, as it serves, and its version."""

    model: LearntEffects
    version: str


def learn_beside(
    facts: Facts, as_of: datetime, seed: int, progress: Progress, beliefs: Beliefs | None = None
) -> Beside:
    """Fit all of them on what is known before ``as_of`` (aware); ``beliefs`` about actions are what their effects are shrunk to."""
    lifetime = late = credit = uplift = effects = None
    kept = kept_uplift = ""
    if "orders" in facts.columns:
        progress(Text("learning what customers will buy", "学习客户未来的购买"), 0.0)
        lifetime = or_why_not(lambda: fit_lifetime_value(facts, as_of, seed))
    if "invoices" in facts.columns:
        progress(Text("learning who pays when", "学习付款时间"), 0.3)
        late = or_why_not(lambda: fit_late_payment(facts, as_of, seed))
        progress(Text("learning who grows overdue", "学习谁会逾期"), 0.8)
        credit = or_why_not(lambda: fit_credit_score(facts, as_of, seed))
    if isinstance(credit, CreditScore):
        kept = credit.to_json(snapshot(facts, [as_of], features=features_of(facts)).to_pandas())
    if "treatments" in facts.columns:
        uplift = or_why_not(lambda: learn_uplift(facts, as_of, seed, part_of(progress, 0.9, 0.95)))
        effects = or_why_not(lambda: learn_effects(facts, as_of, beliefs or {}, seed, part_of(progress, 0.95, 1.0)))
    if isinstance(uplift, LearntUplift):
        kept_uplift = uplift_to_json(uplift, snapshot(facts, [as_of], features=training_features(facts)).to_pandas())
    return Beside(lifetime, late, credit, kept, uplift, kept_uplift, effects)


def or_why_not(fit: Callable[[], Model]) -> Model | Text:
    """The model, or why the facts do not suffice for one."""
    try:
        return fit()
    except (NotEnoughDataError, ProjectError) as fault:
        return fault.text


def log_beside(project: Project, learnt: Beside) -> None:
    """Record and register what was learnt; it serves at once. Raises StorageError."""
    if isinstance(learnt.lifetime_value, LifetimeValue):
        model = learnt.lifetime_value
        log_plain_model(project, LIFETIME_VALUE, json.dumps(model.to_json()), model.parameters(), model.metrics())
    if isinstance(learnt.late_payment, LatePayment) and learnt.late_payment.passed:
        late = learnt.late_payment
        log_plain_model(project, LATE_PAYMENT, late_payment_to_json(late), late.parameters(), late.metrics())
    if isinstance(learnt.credit, CreditScore):
        score = learnt.credit
        log_plain_model(project, CREDIT, learnt.credit_json, score.parameters(), score.flat_metrics())
    if isinstance(learnt.uplift, LearntUplift):
        found = learnt.uplift
        files = race_report(found)
        log_plain_model(project, UPLIFT, learnt.uplift_json, found.parameters(), found.metrics(), files)
    if isinstance(learnt.effects, LearntEffects):
        effects = learnt.effects
        files = effects_report(effects)
        log_plain_model(project, EFFECTS, effects_to_json(effects), effects.parameters(), effects.metrics(), files)


def serving_lifetime_value(project: Project) -> ServingLifetimeValue | None:
    """The model of lifetime value that serves; None where none was registered. Raises ModelError, StorageError."""
    found = serving_plain_model(project, LIFETIME_VALUE)
    if found is None:
        return None
    return ServingLifetimeValue(LifetimeValue.from_json(found.document()), found.version)


def serving_credit(project: Project) -> ServingCredit | None:
    """The credit score that serves; None where none was registered. Raises ModelError, StorageError."""
    found = serving_plain_model(project, CREDIT)
    return None if found is None else ServingCredit(CreditScore.from_json(found.text), found.version)


def serving_late_payment(project: Project) -> ServingLatePayment | None:
    """The model of late payment that serves; None where none was registered. Raises ModelError, StorageError."""
    found = serving_plain_model(project, LATE_PAYMENT)
    return None if found is None else ServingLatePayment(late_payment_from_json(found.text), found.version)


def serving_uplift(project: Project) -> ServingUplift | None:
    """What was learnt of actions and serves; None where none was registered. Raises ModelError, StorageError."""
    found = serving_plain_model(project, UPLIFT)
    return None if found is None else ServingUplift(uplift_from_json(found.text), found.version)


def serving_effects(project: Project) -> ServingEffects | None:
    """What actions do to whom, as it serves; None where none was registered. Raises ModelError, StorageError."""
    found = serving_plain_model(project, EFFECTS)
    return None if found is None else ServingEffects(effects_from_json(found.text), found.version)
