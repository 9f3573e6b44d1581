"""The candidates for a churn model: boosted trees, a logistic regression, and all together; explained in log-odds.

Each predicts the log-odds of staying silent and splits them exactly into one contribution per feature. All are kept
without pickle: trees in XGBoost's own format, the others as JSON. The third candidate stands in `purchase_churn.py`.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from training.models.purchase_churn import PurchaseChurn

Floats = NDArray[np.float64]

MOST_ROUNDS = 300
PATIENCE_ROUNDS = 20
MOST_LOGISTIC_ROWS = 100_000
LEAST_KNOWN_SHARE = 0.1
"""What fewer rows than this have is too new in the data for a regression: everybody may have it by the next cut-off."""

ROWS_PER_THREAD = 500_000

XGBOOST_PARAMETERS: dict[str, object] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.05,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "lambda": 5,
}

LOGISTIC_PARAMETERS: dict[str, float] = {"C": 0.05, "max_iter": 1000}

# Where the practice is sure of the sign: longer silence never lowers the risk, more purchases never raise it. Change
# against the own habit is left free: who has just bought far more than usual may be stocked up.
MONOTONE: dict[str, int] = {
    "days_since_last_purchase": 1,
    "days_since_last_purchase_place": 1,
    "days_since_second_last_purchase": 1,
    "current_gap_ratio": 1,
    "current_gap_rank": 1,
    "current_gap_log_z": 1,
    "purchase_days_30d": -1,
    "purchase_days_90d": -1,
    "purchase_days_180d": -1,
    "purchase_days_365d": -1,
    "purchase_days_total": -1,
    "complaints_open": 1,
    "complaints_90d": 1,
    "complaints_180d": 1,
}


class ChurnModel(Protocol):
    """What a candidate can do. Frames hold its feature columns (float64, NaN where missing)."""

    kind: ClassVar[str]
    features: tuple[str, ...]

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """Log-odds of leaving, shape (rows,)."""

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features), against the average customer."""

    def save(self, directory: Path) -> None:
        """Write the model into an existing directory."""

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """Read what `save` wrote."""


class XGBoostChurn:
    """Gradient-boosted trees (Chen and Guestrin 2016) with monotone constraints; explained by exact TreeSHAP."""

    kind: ClassVar[str] = "xgboost"

    def __init__(self, booster: xgb.Booster, features: tuple[str, ...]) -> None:
        self.booster = booster
        self.features = features

    @classmethod
    def fit(cls, frame: pd.DataFrame, churned: Floats, features: Sequence[str], rounds: int, seed: int) -> Self:
        """Fit for a given number of boosting rounds."""
        data = xgb.DMatrix(frame[list(features)], label=churned)
        return cls(xgb.train(_parameters(features, seed, len(frame)), data, rounds), tuple(features))

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        margin = self.booster.predict(xgb.DMatrix(frame[list(self.features)]), output_margin=True)
        return np.asarray(margin, dtype=np.float64)

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; Lundberg et al. 2020, computed by XGBoost itself."""
        values = self.booster.predict(xgb.DMatrix(frame[list(self.features)]), pred_contribs=True)
        return np.asarray(values[:, :-1], dtype=np.float64)

    def save(self, directory: Path) -> None:
        """See ChurnModel."""
        self.booster.save_model(directory / "booster.ubj")

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """See ChurnModel."""
        booster = xgb.Booster()
        booster.load_model(directory / "booster.ubj")
        return cls(booster, features)


def _parameters(features: Sequence[str], seed: int, rows: int) -> dict[str, object]:
    monotone = {name: sign for name, sign in MONOTONE.items() if name in features}
    # Threads wait for each other by spinning: where another process wants the cores, two threads can take many times
    # as long as one. Only data that keep each thread busy for long get more.
    threads = max(1, min(rows // ROWS_PER_THREAD, os.cpu_count() or 1))
    return {**XGBOOST_PARAMETERS, "seed": seed, "nthread": threads, "monotone_constraints": monotone}


def boost_until_flat(
    train: pd.DataFrame, churned: Floats, held_out: pd.DataFrame, held_out_churned: Floats, seed: int
) -> tuple[xgb.Booster, Floats]:
    """A booster and its log-loss on held-out rows after each round; it stops when 20 rounds brought nothing."""
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        _parameters(list(train.columns), seed, len(train)),
        xgb.DMatrix(train, label=churned),
        MOST_ROUNDS,
        evals=[(xgb.DMatrix(held_out, label=held_out_churned), "held_out")],
        early_stopping_rounds=PATIENCE_ROUNDS,
        evals_result=history,
        verbose_eval=False,
    )
    return booster, np.asarray(history["held_out"]["logloss"])


class LogisticChurn:
    """Logistic regression on squashed, standardised features with an indicator for each one that can be missing.

    Skewed non-negative features enter as log(1 + x), a missing value as the median, and values beyond the range seen
    in training by more than half of it are held there, so that no customer is extrapolated without bound. Features
    that are missing nearly everywhere have no weight.
    """

    kind: ClassVar[str] = "logistic"

    def __init__(self, features: tuple[str, ...], parameters: dict[str, list[float]]) -> None:
        self.features = features
        self.parameters = {name: np.asarray(values, dtype=np.float64) for name, values in parameters.items()}

    @classmethod
    def fit(cls, frame: pd.DataFrame, churned: Floats, features: Sequence[str]) -> Self:
        """Fit with ridge shrinkage, on every n-th row where there are far more rows than 2 parameters a feature need."""
        every = -(-len(frame) // MOST_LOGISTIC_ROWS)
        frame, churned = frame.iloc[::every], churned[::every]
        values = frame[list(features)].to_numpy(dtype=np.float64)
        known = ~np.isnan(values)
        shape = {"skewed": _skewed(values, known)}
        squashed = _squash(values, shape["skewed"])
        filled = np.where(known, squashed, np.nan)
        with_any = known.any(axis=0)
        stand_in = np.zeros(values.shape[1])
        stand_in[with_any] = np.nanmedian(filled[:, with_any], axis=0)
        complete = np.where(known, squashed, stand_in)
        low, high = complete.min(axis=0), complete.max(axis=0)
        scale = complete.std(axis=0)
        shape |= {
            "stand_in": stand_in,
            "low": low - (high - low) / 2,
            "high": high + (high - low) / 2,
            "mean": complete.mean(axis=0),
            "scale": np.where(scale > 0, scale, 1.0),
            "missing_mean": 1 - known.mean(axis=0),
        }
        empty = {"weight": np.zeros(len(features)), "missing_weight": np.zeros(len(features)), "bias": np.zeros(1)}
        model = cls(tuple(features), {k: list(v) for k, v in {**shape, **empty}.items()})
        design = np.hstack(model._design(frame)) * np.tile(known.mean(axis=0) >= LEAST_KNOWN_SHARE, 2)
        with threadpool_limits(1):  # see _parameters: matrices as small as these are no work for two
            fitted = LogisticRegression(**LOGISTIC_PARAMETERS).fit(design, churned)
        model.parameters["weight"], model.parameters["missing_weight"] = np.split(fitted.coef_[0], 2)
        model.parameters["bias"] = fitted.intercept_
        return model

    def _design(self, frame: pd.DataFrame) -> tuple[Floats, Floats]:
        """Standardised values and centred missing indicators, each of shape (rows, features)."""
        p = self.parameters
        values = frame[list(self.features)].to_numpy(dtype=np.float64)
        missing = np.isnan(values)
        complete = np.where(missing, p["stand_in"], _squash(values, p["skewed"]))
        standard = (np.clip(complete, p["low"], p["high"]) - p["mean"]) / p["scale"]
        return standard, missing - p["missing_mean"]

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        return np.asarray(self.contributions(frame).sum(axis=1) + self.parameters["bias"][0])

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; weight times distance from the mean, the missing indicator counted with its feature."""
        standard, missing = self._design(frame)
        return np.asarray(standard * self.parameters["weight"] + missing * self.parameters["missing_weight"])

    def save(self, directory: Path) -> None:
        """See ChurnModel."""
        plain = {name: values.tolist() for name, values in self.parameters.items()}
        (directory / "logistic.json").write_text(json.dumps(plain))

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """See ChurnModel."""
        return cls(features, json.loads((directory / "logistic.json").read_text()))


class BlendChurn:
    """The mean of boosted trees, regression and purchase models, in log-odds: their errors differ.

    The regression and the purchase models drift less than the trees when customers grow older than any seen in training.
    Without the features that the purchase models need it is the mean of the other two.
    """

    kind: ClassVar[str] = "blend"

    def __init__(self, trees: XGBoostChurn, regression: LogisticChurn, purchases: PurchaseChurn | None = None) -> None:
        self.parts: tuple[XGBoostChurn | LogisticChurn | PurchaseChurn, ...] = (trees, regression)
        if purchases is not None:
            self.parts += (purchases,)
        self.features = trees.features

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        return np.asarray(np.mean([part.log_odds(frame) for part in self.parts], axis=0))

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; the mean of what its parts say, as exact as they are."""
        return np.asarray(np.mean([part.contributions(frame) for part in self.parts], axis=0))

    def save(self, directory: Path) -> None:
        """See ChurnModel; the files of all parts."""
        for part in self.parts:
            part.save(directory)

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """See ChurnModel."""
        purchases = PurchaseChurn.load(directory, features) if PurchaseChurn.can_use(features) else None
        return cls(XGBoostChurn.load(directory, features), LogisticChurn.load(directory, features), purchases)


def _skewed(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """1 for features without negative values that exceed 5 (counts, days, money), else 0."""
    inside = np.where(known, values, 0.0)
    return np.asarray((inside.min(axis=0) >= 0) & (inside.max(axis=0) > 5), dtype=np.float64)


def _squash(values: Floats, skewed: Floats) -> Floats:
    return np.asarray(np.where(skewed > 0, np.log1p(np.maximum(values, 0)), values))


KINDS: dict[str, type[XGBoostChurn] | type[LogisticChurn] | type[PurchaseChurn] | type[BlendChurn]] = {
    XGBoostChurn.kind: XGBoostChurn,
    LogisticChurn.kind: LogisticChurn,
    PurchaseChurn.kind: PurchaseChurn,
    BlendChurn.kind: BlendChurn,
}
