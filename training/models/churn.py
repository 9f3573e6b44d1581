"""The candidates for a churn model: boosted trees, a logistic regression, and all together; explained in log-odds.

Each predicts the log-odds of staying silent and splits them exactly into one contribution per feature. All are kept
without pickle: trees in XGBoost's own format, the others as JSON. The third candidate stands in `purchase_churn.py`.
"""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from features.prepared import FEW_ROWS
from training.models.binned import BinnedLogisticChurn
from training.models.purchase_churn import PurchaseChurn
from training.models.tree_shap import TreeShap

Floats = NDArray[np.float64]

MOST_ROUNDS = 300
PATIENCE_ROUNDS = 20
MOST_LOGISTIC_ROWS = 100_000
LEAST_KNOWN_SHARE = 0.1
"""What fewer rows than this have is too new in the data for a regression: everybody may have it by the next cut-off."""

ROWS_PER_THREAD = 500_000

FEW_EXPLAINED = 24
"""So many rows are explained sooner by XGBoost itself than from tables."""

AMOUNTS, CODES = "float", "c"
"""What XGBoost calls a feature of amounts and one whose values are codes of levels."""

XGBOOST_PARAMETERS: dict[str, object] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.05,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "lambda": 5,
}

LOGISTIC_PARAMETERS: dict[str, float] = {"C": 0.05, "max_iter": 1000}
LEVEL_PARAMETERS = ("level_feature", "level_code", "level_mean", "level_weight")
"""Parallel lists in the stored regression, one entry a level; models stored before there were levels lack them."""

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
    """What a candidate can do. Frames hold its feature columns (float64, NaN where missing; codes of levels are 0, 1, …)."""

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
    def fit(
        cls,
        frame: pd.DataFrame,
        churned: Floats,
        features: Sequence[str],
        rounds: int,
        seed: int,
        categories: Collection[str] = (),
        chosen: Mapping[str, object] = XGBOOST_PARAMETERS,
        weight: Floats | None = None,
    ) -> Self:
        """Fit for a given number of boosting rounds; parameters that are not ``chosen`` stay at the defaults.

        ``categories`` are the features that hold codes of levels.
        """
        data = matrix(frame, features, categories, churned, weight)
        parameters = _parameters(features, seed, len(frame), categories, chosen)
        return cls(xgb.train(parameters, data, rounds), tuple(features))

    @property
    def categories(self) -> tuple[str, ...]:
        """The features that hold codes of levels, as the booster itself remembers them."""
        types = self.booster.feature_types or []
        return tuple(name for name, type_ in zip(self.features, types, strict=False) if type_ == CODES)

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        margin = self.booster.predict(matrix(frame, self.features, self.categories), output_margin=True)
        return np.asarray(margin, dtype=np.float64)

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; Lundberg et al. 2020, from tables where the trees allow it, else by XGBoost itself."""
        if len(frame) <= FEW_EXPLAINED:
            return self.contributions_of_few(frame)
        numbers = all(dtype.kind in "biuf" for dtype in frame.dtypes[list(self.features)])
        if self._tables is not None and numbers:
            return self._tables.contributions(frame, self.features)
        return self.contributions_of_few(frame)

    def contributions_of_few(self, frame: pd.DataFrame) -> Floats:
        """The same without tables, which take as long for one row as for a thousand, and longer to be made."""
        if frame.empty:
            return np.zeros((0, len(self.features)))
        values = self.booster.predict(matrix(frame, self.features, self.categories), pred_contribs=True)
        return np.asarray(values[:, :-1], dtype=np.float64)

    @cached_property
    def _tables(self) -> TreeShap | None:
        return TreeShap.of(self.booster)

    def save(self, directory: Path) -> None:
        """See ChurnModel."""
        self.booster.save_model(directory / "booster.ubj")

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """See ChurnModel."""
        booster = xgb.Booster()
        booster.load_model(directory / "booster.ubj")
        return cls(booster, features)


def matrix(
    frame: pd.DataFrame,
    features: Sequence[str],
    categories: Collection[str] = (),
    churned: Floats | None = None,
    weight: Floats | None = None,
) -> xgb.DMatrix:
    """Feature columns as XGBoost takes them; it splits ``categories`` by sets of codes, all others at a threshold."""
    types = [CODES if name in categories else AMOUNTS for name in features]
    chosen = frame[list(features)]
    # going through a frame column by column costs more than scoring a few rows
    is_plain = len(chosen) <= FEW_ROWS and all(dtype == np.float64 for dtype in chosen.dtypes)
    return xgb.DMatrix(
        chosen.to_numpy() if is_plain else chosen,
        label=churned,
        weight=weight,
        feature_names=[_xgboost_name(name) for name in features],
        feature_types=types,
        enable_categorical=True,
    )


def _xgboost_name(feature: str) -> str:
    """The feature's name without the three signs that XGBoost refuses; a panel may well name its unit in [brackets]."""
    return feature.translate(str.maketrans("[]<", "［］＜"))


def _parameters(
    features: Sequence[str],
    seed: int,
    rows: int,
    categories: Collection[str] = (),
    chosen: Mapping[str, object] = XGBOOST_PARAMETERS,
) -> dict[str, object]:
    amounts = {name for name in features if name not in categories}
    monotone = {name: sign for name, sign in MONOTONE.items() if name in amounts}
    # Threads wait for each other by spinning: where another process wants the cores, two threads can take many times
    # as long as one. Only data that keep each thread busy for long get more.
    threads = max(1, min(rows // ROWS_PER_THREAD, os.cpu_count() or 1))
    return {**XGBOOST_PARAMETERS, **chosen, "seed": seed, "nthread": threads, "monotone_constraints": monotone}


def boost_until_flat(
    train: pd.DataFrame,
    churned: Floats,
    held_out: pd.DataFrame,
    held_out_churned: Floats,
    seed: int,
    categories: Collection[str] = (),
    chosen: Mapping[str, object] = XGBOOST_PARAMETERS,
    weight: Floats | None = None,
) -> tuple[xgb.Booster, Floats]:
    """A booster and its log-loss on held-out rows after each round; it stops when 20 rounds brought nothing."""
    history: dict[str, dict[str, list[float]]] = {}
    features = list(train.columns)
    booster = xgb.train(
        _parameters(features, seed, len(train), categories, chosen),
        matrix(train, features, categories, churned, weight),
        MOST_ROUNDS,
        evals=[(matrix(held_out, features, categories, held_out_churned), "held_out")],
        early_stopping_rounds=PATIENCE_ROUNDS,
        evals_result=history,
        verbose_eval=False,
    )
    return booster, np.asarray(history["held_out"]["logloss"])


class LogisticChurn:
    """Logistic regression on squashed, standardised features with an indicator for each one that can be missing.

    Skewed non-negative features enter as log(1 + x), a missing value as the median, and values beyond the range seen
    in training by more than half of it are held there, so that no customer is extrapolated without bound. Features
    that are missing nearly everywhere have no weight. Features that hold codes of levels have an indicator for each
    level instead; a level that training has not seen has no weight.
    """

    kind: ClassVar[str] = "logistic"

    def __init__(self, features: tuple[str, ...], parameters: dict[str, list[float]]) -> None:
        self.features = features
        without_levels: dict[str, list[float]] = {name: [] for name in LEVEL_PARAMETERS}
        self.parameters = {
            name: np.asarray(values, dtype=np.float64) for name, values in (without_levels | parameters).items()
        }

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        churned: Floats,
        features: Sequence[str],
        categories: Collection[str] = (),
        chosen: Mapping[str, float | None] = LOGISTIC_PARAMETERS,
        weight: Floats | None = None,
    ) -> Self:
        """Fit with ridge shrinkage, on every n-th row where there are far more rows than 2 parameters a feature need.

        ``categories`` are the features that hold codes of levels.
        """
        every = -(-len(frame) // MOST_LOGISTIC_ROWS)
        frame, churned = frame.iloc[::every], churned[::every]
        weight = None if weight is None else weight[::every]
        values = frame[list(features)].to_numpy(dtype=np.float64)
        known = ~np.isnan(values)
        coded = np.array([name in categories for name in features], dtype=np.bool_)
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
        shape |= _levels(values, coded)
        empty = {"weight": np.zeros(len(features)), "missing_weight": np.zeros(len(features)), "bias": np.zeros(1)}
        model = cls(tuple(features), {k: list(v) for k, v in {**shape, **empty}.items()})
        widespread = known.mean(axis=0) >= LEAST_KNOWN_SHARE
        used = [widespread & ~coded, widespread, widespread[shape["level_feature"].astype(np.int64)]]
        standard, missing, is_level = model._design(frame)
        design = np.hstack([standard, missing, is_level - shape["level_mean"]]) * np.concatenate(used)
        with threadpool_limits(1):  # see _parameters: matrices as small as these are no work for two
            fitted = LogisticRegression(**{**LOGISTIC_PARAMETERS, **chosen}).fit(design, churned, weight)
        parts = np.split(fitted.coef_[0], [len(features), 2 * len(features)])
        model.parameters |= dict(zip(("weight", "missing_weight", "level_weight"), parts, strict=True))
        model.parameters["bias"] = fitted.intercept_
        return model

    def _design(self, frame: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        """Standardised values and centred missing indicators, shape (rows, features); whether a row has each level."""
        p = self.parameters
        # Rows that lie whole in memory are summed alike whether they come alone or among others: a score is the same
        # to the last bit when it is computed again for one customer.
        values = np.ascontiguousarray(frame[list(self.features)].to_numpy(dtype=np.float64))
        missing = np.isnan(values)
        complete = np.where(missing, p["stand_in"], _squash(values, p["skewed"]))
        standard = (np.clip(complete, p["low"], p["high"]) - p["mean"]) / p["scale"]
        is_level = values[:, self._level_features] == p["level_code"]
        return standard, missing - p["missing_mean"], is_level.astype(np.float64)

    def restricted(self, features: Sequence[str]) -> Self:
        """The part of the sum that these features make up, and the bias.

        Raises ValueError: the model has features with levels, or does not have one of these.
        """
        if len(self.parameters["level_feature"]):
            raise ValueError("a model with levels cannot be parted")
        place = [self.features.index(name) for name in features]
        of_each = self.parameters.keys() - {"bias", *LEVEL_PARAMETERS}
        own = {name: self.parameters[name][place].tolist() for name in of_each}
        return type(self)(tuple(features), own | {"bias": self.parameters["bias"].tolist()})

    @property
    def _level_features(self) -> NDArray[np.int64]:
        """The position of each level's feature."""
        return self.parameters["level_feature"].astype(np.int64)

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        return np.asarray(self.contributions(frame).sum(axis=1) + self.parameters["bias"][0])

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; weight times distance from the mean, the indicators counted with their feature."""
        standard, missing, is_level = self._design(frame)
        p = self.parameters
        feature_of_level = (np.arange(len(self.features)) == self._level_features[:, None]).astype(np.float64)
        # A row has one level of a feature at most, so its weight comes out exactly, however many rows there are.
        level = (is_level * p["level_weight"]) @ feature_of_level
        average_level = (p["level_mean"] * p["level_weight"]) @ feature_of_level
        return np.asarray(standard * p["weight"] + missing * p["missing_weight"] + level - average_level)

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
        # Purchases are asked of silence alone: blends for other meanings of leaving have the features, but no such part.
        has_purchases = (directory / "purchases.json").exists()
        purchases = PurchaseChurn.load(directory, features) if has_purchases else None
        return cls(XGBoostChurn.load(directory, features), LogisticChurn.load(directory, features), purchases)


def _levels(values: Floats, coded: NDArray[np.bool_]) -> dict[str, Floats]:
    """The codes that occur in coded features, each with its feature's position and its share of the rows."""
    parts = [np.empty((0, 3))]
    for j in np.flatnonzero(coded):
        codes, counts = np.unique(values[~np.isnan(values[:, j]), j], return_counts=True)
        parts.append(np.column_stack([np.full(len(codes), j), codes, counts / len(values)]))
    feature, code, share = np.concatenate(parts).T
    return {"level_feature": feature, "level_code": code, "level_mean": share, "level_weight": np.zeros(len(code))}


def _skewed(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """1 for features without negative values that exceed 5 (counts, days, money), else 0."""
    inside = np.where(known, values, 0.0)
    return np.asarray((inside.min(axis=0) >= 0) & (inside.max(axis=0) > 5), dtype=np.float64)


def _squash(values: Floats, skewed: Floats) -> Floats:
    return np.asarray(np.where(skewed > 0, np.log1p(np.maximum(values, 0)), values))


KINDS: dict[
    str,
    type[XGBoostChurn] | type[LogisticChurn] | type[PurchaseChurn] | type[BlendChurn] | type[BinnedLogisticChurn],
] = {
    XGBoostChurn.kind: XGBoostChurn,
    LogisticChurn.kind: LogisticChurn,
    PurchaseChurn.kind: PurchaseChurn,
    BlendChurn.kind: BlendChurn,
    BinnedLogisticChurn.kind: BinnedLogisticChurn,
}
