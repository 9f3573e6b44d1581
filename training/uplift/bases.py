"""What uplift learners are built of: models of a share or of an amount, regression or boosted trees, without pickle."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = NDArray[np.float64]

LOGISTIC_C = 0.05
"""Inverse of the ridge penalty on standardised features, as in the churn models."""
RIDGE_PENALTIES = tuple(10.0**power for power in np.arange(0, 6.1, 0.5))
"""For each row's worth of information; generalised cross-validation takes one of them."""
SKEWED_ABOVE = 5.0
ROUNDS = 50
TREES: dict[str, object] = {
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 3,
    "eta": 0.1,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "lambda": 5,
    "nthread": 1,  # threads that wait for each other by spinning take longer than one does
}


class Model(Protocol):
    """A fitted share (0 to 1) or amount."""

    kind: ClassVar[str]

    def predict(self, values: Floats) -> Floats:
        """The expected outcome of each row, shape (rows,); ``values`` has the shape (rows, features)."""

    def as_json(self) -> dict[str, Any]:
        """All that it needs, as plain values."""


@dataclass(frozen=True)
class Scaling:
    """Squashed, standardised features beside centred marks of missing ones; one entry a feature.

    What is never negative and exceeds 5 enters as log(1 + x), a missing value as the median, and nothing lies further out
    than half of the range that was seen beyond its ends.
    """

    skewed: Floats
    stand_in: Floats
    low: Floats
    high: Floats
    mean: Floats
    scale: Floats
    missing_share: Floats

    @classmethod
    def of(cls, values: Floats) -> "Scaling":
        """Learnt from these rows."""
        known = ~np.isnan(values)
        inside = np.where(known, values, 0.0)
        skewed = ((inside.min(axis=0) >= 0) & (inside.max(axis=0) > SKEWED_ABOVE)).astype(np.float64)
        squashed, any_known = _squash(values, skewed), known.any(axis=0)
        stand_in = np.zeros(values.shape[1])
        stand_in[any_known] = np.nanmedian(squashed[:, any_known], axis=0)
        complete = np.where(known, squashed, stand_in)
        low, high = complete.min(axis=0), complete.max(axis=0)
        spread = complete.std(axis=0)
        return cls(
            skewed=skewed,
            stand_in=stand_in,
            low=low - (high - low) / 2,
            high=high + (high - low) / 2,
            mean=complete.mean(axis=0),
            scale=np.where(spread > 0, spread, 1.0),
            missing_share=1 - known.mean(axis=0),
        )

    def design(self, values: Floats) -> Floats:
        """Shape (rows, 2 x features): the standardised values, then the marks."""
        missing = np.isnan(values)
        complete = np.where(missing, self.stand_in, _squash(values, self.skewed))
        standard = (np.clip(complete, self.low, self.high) - self.mean) / self.scale
        seen = (self.missing_share > 0) & (
            self.missing_share < 1
        )  # of a feature that was always there, no mark is learnt
        return np.hstack([standard, (missing - self.missing_share) * seen])


def _squash(values: Floats, skewed: Floats) -> Floats:
    return np.where(skewed > 0, np.log1p(np.maximum(values, 0)), values)


@dataclass(frozen=True)
class Regression:
    """A regression with ridge shrinkage: logistic of a share, linear of an amount."""

    scaling: Scaling
    weights: Floats
    bias: float
    is_share: bool

    kind: ClassVar[str] = "regression"

    def predict(self, values: Floats) -> Floats:
        """See Model."""
        level = self.scaling.design(values) @ self.weights + self.bias
        return np.asarray(1 / (1 + np.exp(-level)) if self.is_share else level)

    def as_json(self) -> dict[str, Any]:
        """See Model."""
        scaling = {name: column.tolist() for name, column in asdict(self.scaling).items()}
        return {"scaling": scaling, "weights": self.weights.tolist(), "bias": self.bias, "is_share": self.is_share}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Regression":
        """Read what `as_json` gave."""
        scaling = Scaling(
            **{name: np.asarray(column, dtype=np.float64) for name, column in document["scaling"].items()}
        )
        weights = np.asarray(document["weights"], dtype=np.float64)
        return cls(scaling, weights, float(document["bias"]), bool(document["is_share"]))


@dataclass(frozen=True)
class Trees:
    """Boosted trees (Chen and Guestrin 2016), few and shallow."""

    booster: xgb.Booster

    kind: ClassVar[str] = "trees"

    def predict(self, values: Floats) -> Floats:
        """See Model."""
        return np.asarray(self.booster.inplace_predict(values, missing=np.nan), dtype=np.float64)

    def as_json(self) -> dict[str, Any]:
        """See Model; XGBoost's own JSON."""
        document: dict[str, Any] = json.loads(self.booster.save_raw("json"))
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Trees":
        """Read what `as_json` gave."""
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(json.dumps(document), "utf-8"))
        return cls(booster)


MODELS: dict[str, type[Regression] | type[Trees]] = {Regression.kind: Regression, Trees.kind: Trees}


@dataclass(frozen=True)
class Base:
    """A way to fit: ``share`` to outcomes of 0 and 1, ``amount`` to numbers.

    Both take values (rows, features), outcomes and weights (rows,), and a seed.
    """

    name: str
    share: Callable[[Floats, Floats, Floats, int], Model]
    amount: Callable[[Floats, Floats, Floats, int], Model]


def _logistic(values: Floats, outcome: Floats, weight: Floats, seed: int) -> Model:
    if len(np.unique(outcome)) < 2:  # one outcome alone: its share, which is all that can be said
        return _constant(values, outcome)
    scaling = Scaling.of(values)
    with threadpool_limits(1):
        fitted = LogisticRegression(C=LOGISTIC_C, solver="newton-cholesky", max_iter=200)
        fitted.fit(scaling.design(values), outcome, weight)
    return Regression(scaling, np.asarray(fitted.coef_[0], dtype=np.float64), float(fitted.intercept_[0]), True)


def _constant(values: Floats, outcome: Floats) -> Regression:
    share = (outcome.sum() + 0.5) / (len(outcome) + 1)  # Jeffreys: not exactly none, not exactly all
    scaling = Scaling.of(values)
    return Regression(scaling, np.zeros(2 * values.shape[1]), float(np.log(share / (1 - share))), True)


def _ridge(values: Floats, outcome: Floats, weight: Floats, seed: int) -> Model:
    """Penalty by generalised cross-validation (Golub, Heath and Wahba 1979)."""
    scaling = Scaling.of(values)
    with threadpool_limits(1):
        design = scaling.design(values)
        centre, mean = np.average(design, axis=0, weights=weight), float(np.average(outcome, weights=weight))
        design, rest = design - centre, outcome - mean
        eigenvalues, directions = np.linalg.eigh((design * weight[:, None]).T @ design)
        along = directions.T @ (design.T @ (weight * rest))
        weights = directions @ _least_gcv(np.maximum(eigenvalues, 0), along, float(weight @ rest**2), len(rest))
    return Regression(scaling, weights, float(mean - centre @ weights), False)


def _least_gcv(eigenvalues: Floats, along: Floats, total: float, rows: int) -> Floats:
    """Coefficients in the directions of the eigenvalues, with the penalty whose held-out error promises to be least."""
    penalty = np.asarray(RIDGE_PENALTIES)[:, None]
    found = along / (eigenvalues + penalty)
    squares = total - 2 * found @ along + found**2 @ eigenvalues
    freedom = (eigenvalues / (eigenvalues + penalty)).sum(axis=1) + 1
    scores = squares / np.maximum(rows - freedom, 1.0) ** 2
    return np.asarray(found[int(np.argmin(scores))])


def _boosted(objective: str) -> Callable[[Floats, Floats, Floats, int], Model]:
    def fit(values: Floats, outcome: Floats, weight: Floats, seed: int) -> Model:
        data = xgb.DMatrix(values, outcome, weight=weight, nthread=1)
        start = float(np.clip(np.average(outcome, weights=weight), 1e-3, 1 - 1e-3)) if "logistic" in objective else 0.0
        return Trees(xgb.train({**TREES, "objective": objective, "base_score": start, "seed": seed}, data, ROUNDS))

    return fit


BASES: dict[str, Base] = {
    "logistic": Base("logistic", _logistic, _ridge),
    "boosted": Base("boosted", _boosted("binary:logistic"), _boosted("reg:squarederror")),
}
"""Regression and boosted trees."""
