"""Meta-learners of the effect of an action, each on any base: T, X, DR and class transformation.

All of them take a lot that did not treat everybody alike into account by the propensities of the log.

- ``t``: one model of the outcome in each arm; the effect is the difference (Künzel et al. 2019; Radcliffe 2007).
- ``x``: what each row's outcome differs by from what the other arm's model says of it, learnt in each arm, and mixed by the
  share that was treated (Künzel et al. 2019).
- ``dr``: the doubly robust pseudo-outcome, from models that did not see the row, regressed on the features (Kennedy 2023).
- ``class``: whether arm and outcome agree; the effect is twice its probability less one (Jaskowski and Jaroszewicz 2012), with
  rows weighted by inverse propensity, as in the transformed outcome of Athey and Imbens (2016).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.uplift.bases import BASES, MODELS, Base, Model
from training.uplift.log import TreatmentLog

Floats = NDArray[np.float64]

INNER_FOLDS = 2
LEAST_PROPENSITY = 0.01
"""No row is weighted by more than its inverse in a pseudo-outcome."""


@dataclass(frozen=True)
class Effect:
    """The effect of one action on the outcome: the sum of models' predictions times ``factors``, plus ``offset``."""

    models: tuple[Model, ...]
    factors: tuple[float, ...]
    offset: float = 0.0

    def of(self, values: Floats) -> Floats:
        """Change of the outcome's probability that the action makes, shape (rows,); within -1 and 1."""
        parts = [f * m.predict(values) for f, m in zip(self.factors, self.models, strict=True)]
        return np.asarray(np.clip(np.sum(parts, axis=0) + self.offset, -1.0, 1.0))

    def as_json(self) -> dict[str, Any]:
        """All that it needs, as plain values."""
        models = [{"kind": model.kind, "model": model.as_json()} for model in self.models]
        return {"models": models, "factors": list(self.factors), "offset": self.offset}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Effect":
        """Read what `as_json` gave."""
        models = tuple(MODELS[one["kind"]].from_json(one["model"]) for one in document["models"])
        return cls(models, tuple(float(f) for f in document["factors"]), float(document["offset"]))


@dataclass(frozen=True)
class Nuisance:
    """Models of the outcome without and with the action, which several learners share."""

    control: Model
    treated: Model


@dataclass(frozen=True)
class EffectModel:
    """Effects of all actions of a log, by one learner."""

    learner: str
    features: tuple[str, ...]
    actions: tuple[str, ...]
    parts: tuple[Effect, ...]

    def effects(self, frame: pd.DataFrame) -> Floats:
        """Change of the outcome's probability, shape (customers, actions). ``frame`` holds the features."""
        values = frame[list(self.features)].to_numpy(dtype=np.float64)
        return np.column_stack([part.of(values) for part in self.parts])


@dataclass(frozen=True)
class Learner:
    """A meta-learner on a base."""

    name: str
    kind: str
    base: str

    def fit(self, log: TreatmentLog, seed: int) -> EffectModel:
        """Learn the effect of each action of the log against its control."""
        pairs = [log.pair(action) for action in log.actions]
        parts = tuple(fit_effects(pair, self.base, (self.kind,), seed)[self.kind] for pair in pairs)
        return EffectModel(self.name, tuple(log.features.columns), log.actions, parts)


def fit_nuisance(pair: TreatmentLog, base: Base, seed: int) -> Nuisance:
    """The outcome in each arm of a log of one action."""
    values, weight = _values(pair), pair.weight
    fitted = [
        base.share(values[of], pair.outcome[of], weight[of], seed + place)
        for place, of in enumerate((~pair.treated, pair.treated))
    ]
    return Nuisance(*fitted)


def fit_effects(
    pair: TreatmentLog, base: str, kinds: tuple[str, ...], seed: int, nuisance: Nuisance | None = None
) -> dict[str, Effect]:
    """Effects of the one action of a log by these kinds of learner, which share the models of the outcome."""
    way = BASES[base]
    shared = nuisance if nuisance or not set(kinds) & {"t", "x"} else fit_nuisance(pair, way, seed)
    return {kind: KINDS[kind](pair, way, shared, seed) for kind in kinds}


def _t(pair: TreatmentLog, base: Base, nuisance: Nuisance | None, seed: int) -> Effect:
    fitted = nuisance or fit_nuisance(pair, base, seed)
    return Effect((fitted.treated, fitted.control), (1.0, -1.0))


def _x(pair: TreatmentLog, base: Base, nuisance: Nuisance | None, seed: int) -> Effect:
    fitted = nuisance or fit_nuisance(pair, base, seed)
    values, weight, treated = _values(pair), pair.weight, pair.treated
    gained = pair.outcome[treated] - fitted.control.predict(values[treated])
    missed = fitted.treated.predict(values[~treated]) - pair.outcome[~treated]
    share = float(pair.propensities[:, 1].mean())
    models = (
        base.amount(values[~treated], missed, weight[~treated], seed + 2),
        base.amount(values[treated], gained, weight[treated], seed + 3),
    )
    return Effect(models, (share, 1 - share))


def _dr(pair: TreatmentLog, base: Base, nuisance: Nuisance | None, seed: int) -> Effect:
    pseudo = doubly_robust(pair, base, seed)
    return Effect((base.amount(_values(pair), pseudo, np.ones(len(pair)), seed + 6),), (1.0,))


def doubly_robust(pair: TreatmentLog, base: Base, seed: int) -> Floats:
    """Each row's pseudo-outcome, whose mean given the features is the effect, shape (rows,); Kennedy 2023.

    The models of the outcome have not seen the row, nor any other of the same customer.
    """
    control, treated = np.empty(len(pair)), np.empty(len(pair))
    values, fold = _values(pair), folds_by_cluster(pair, INNER_FOLDS, seed)
    for number in range(INNER_FOLDS):
        out = fold == number
        fitted = fit_nuisance(pair.take(~out), base, seed + 4)
        control[out], treated[out] = fitted.control.predict(values[out]), fitted.treated.predict(values[out])
    expected = np.where(pair.treated, treated, control)
    sign = np.where(pair.treated, 1.0, -1.0)
    return treated - control + sign * (pair.outcome - expected) / np.maximum(pair.propensity, LEAST_PROPENSITY)


def _class(pair: TreatmentLog, base: Base, nuisance: Nuisance | None, seed: int) -> Effect:
    agree = (pair.treated == (pair.outcome > 0)).astype(np.float64)
    inverse = 1 / np.maximum(pair.propensity, LEAST_PROPENSITY)
    model = base.share(_values(pair), agree, inverse / inverse.mean(), seed + 7)
    return Effect((model,), (2.0,), -1.0)


def folds_by_cluster(log: TreatmentLog, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, by lot, with all rows of a cluster in one fold and folds of about the same size."""
    distinct, owner = np.unique(log.cluster, return_inverse=True)
    number = np.random.default_rng(seed).permutation(len(distinct)) % folds
    return np.asarray(number[owner], dtype=np.int64)


def _values(log: TreatmentLog) -> Floats:
    return log.features.to_numpy(dtype=np.float64)


KINDS: dict[str, Callable[[TreatmentLog, Base, Nuisance | None, int], Effect]] = {
    "t": _t,
    "x": _x,
    "dr": _dr,
    "class": _class,
}
"""The meta-learners, for a log of one action."""

LEARNERS: Mapping[str, Learner] = {
    f"{kind}_{base}": Learner(f"{kind}_{base}", kind, base) for base in BASES for kind in KINDS
}
"""All learners, the plainer ones first."""
