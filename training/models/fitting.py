"""Fitting a candidate and its calibrator on many cut-offs at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from training.dataset import LABEL, RECENCY
from training.models.binned import BinnedLogisticChurn
from training.models.calibration import Calibrator
from training.models.churn import (
    LOGISTIC_PARAMETERS,
    MONOTONE,
    XGBOOST_PARAMETERS,
    BlendChurn,
    ChurnModel,
    LogisticChurn,
    XGBoostChurn,
    boost_until_flat,
    matrix,
)

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

FOLDS = 3
LATEST_SHARE = 0.5


@dataclass(frozen=True)
class Fitted:
    """A model with its calibrator. ``held_out_log_loss`` comes from customers that the model had not seen."""

    model: ChurnModel
    calibrator: Calibrator
    held_out_log_loss: float
    rounds: int | None = None

    def probability(self, frame: pd.DataFrame) -> Floats:
        """Calibrated probability of leaving, shape (rows,)."""
        return self.calibrator.probability(self.model.log_odds(frame))


Model = TypeVar("Model", bound=ChurnModel, covariant=True)


@dataclass(frozen=True)
class _Trained(Generic[Model]):
    """A model of all rows, and what models of the other folds say of each fold's held-out rows (log-odds)."""

    model: Model
    held_out: Floats
    rounds: int | None = None


def fit_xgboost(frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str] = ()) -> Fitted:
    """Boosted trees: the number of rounds and the calibrator come from held-out customers at the latest cut-offs."""
    return _calibrated(_trees(frame, features, seed, categories), frame, seed)


def fit_logistic(frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str] = ()) -> Fitted:
    """Logistic regression with a calibrator from held-out customers at the latest cut-offs."""
    return _calibrated(_regression(frame, features, categories), frame, seed)


def fit_blend(frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str] = ()) -> Fitted:
    """The mean of both, with a calibrator of its own."""
    trees, regression = _trees(frame, features, seed, categories), _regression(frame, features, categories)
    return _calibrated(_blend(trees, regression), frame, seed)


def fit_binned(frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str] = ()) -> Fitted:
    """The scorecard, with a calibrator from held-out customers at the latest cut-offs."""
    return _calibrated(_scorecard(frame, features, categories), frame, seed)


class Fit(Protocol):
    """How a candidate is fitted. ``categories`` are the features that hold codes of levels (0, 1, …), not amounts."""

    def __call__(
        self, frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str] = ()
    ) -> Fitted:
        """The candidate and its calibrator."""


CANDIDATES: dict[str, Fit] = {
    "xgboost": fit_xgboost,
    "logistic": fit_logistic,
    "blend": fit_blend,
}


def fit_candidates(
    frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str] = ()
) -> dict[str, Fitted]:
    """Every candidate as `CANDIDATES` fits it, without fitting twice what two of them share."""
    trees, regression = _trees(frame, features, seed, categories), _regression(frame, features, categories)
    blend = _blend(trees, regression)
    trained: dict[str, _Trained[ChurnModel]] = {"xgboost": trees, "logistic": regression, "blend": blend}
    return {kind: _calibrated(trained[kind], frame, seed) for kind in CANDIDATES}


def parameters_of(kind: str, fitted: Fitted) -> dict[str, object]:
    """What a candidate was fitted with: that of the trees, that of the regression, or both for their mean."""
    trees = {**XGBOOST_PARAMETERS, "rounds": fitted.rounds}
    regression = {f"logistic_{name}": value for name, value in LOGISTIC_PARAMETERS.items()}
    of_kind: dict[str, dict[str, object]] = {"xgboost": trees, "logistic": {**regression}, "blend": trees | regression}
    return of_kind[kind]


def _trees(
    frame: pd.DataFrame, features: Sequence[str], seed: int, categories: Collection[str]
) -> _Trained[XGBoostChurn]:
    churned, names = _churned(frame), list(features)
    values, folds = frame[names], _folds(frame)
    runs = Parallel(n_jobs=-1, prefer="threads")(
        delayed(boost_until_flat)(
            values.iloc[fit], churned[fit], values.iloc[out], churned[out], seed, categories=categories
        )
        for fit, out in folds
    )
    shortest = min(len(losses) for _, losses in runs)
    rounds = int(np.argmin(np.mean([losses[:shortest] for _, losses in runs], axis=0))) + 1
    held_out = [
        booster.predict(matrix(values.iloc[out], names, categories), output_margin=True, iteration_range=(0, rounds))
        for (booster, _), (_, out) in zip(runs, folds, strict=True)
    ]
    model = XGBoostChurn.fit(values, churned, names, rounds, seed, categories=categories)
    return _Trained(model, np.concatenate(held_out).astype(np.float64), rounds)


def _regression(frame: pd.DataFrame, features: Sequence[str], categories: Collection[str]) -> _Trained[LogisticChurn]:
    churned = _churned(frame)
    held_out = [
        LogisticChurn.fit(frame.iloc[fit], churned[fit], features, categories=categories).log_odds(frame.iloc[out])
        for fit, out in _folds(frame)
    ]
    return _Trained(LogisticChurn.fit(frame, churned, features, categories=categories), np.concatenate(held_out))


def _scorecard(
    frame: pd.DataFrame, features: Sequence[str], categories: Collection[str]
) -> _Trained[BinnedLogisticChurn]:
    churned = _churned(frame)
    held_out = [
        BinnedLogisticChurn.fit(frame.iloc[fit], churned[fit], features, categories, MONOTONE).log_odds(frame.iloc[out])
        for fit, out in _folds(frame)
    ]
    model = BinnedLogisticChurn.fit(frame, churned, features, categories, MONOTONE)
    return _Trained(model, np.concatenate(held_out))


def _blend(trees: _Trained[XGBoostChurn], regression: _Trained[LogisticChurn]) -> _Trained[BlendChurn]:
    model = BlendChurn(trees.model, regression.model)
    return _Trained(model, (trees.held_out + regression.held_out) / 2, trees.rounds)


def baseline_probabilities(frame: pd.DataFrame, test: pd.DataFrame) -> dict[str, Floats]:
    """What needs no model: the base rate of the latest cut-offs, recency alone, number of purchases alone."""
    latest = frame[latest_rows(frame)]
    churned = _churned(latest)
    rate = float(churned.mean())
    alone = {"recency": RECENCY, "number_of_purchases": "purchase_days_total"}
    return {"base_rate": np.full(len(test), rate)} | {
        name: _probability(LogisticChurn.fit(latest, churned, [column]), test) for name, column in alone.items()
    }


def _probability(model: LogisticChurn, frame: pd.DataFrame) -> Floats:
    return np.asarray(1 / (1 + np.exp(-model.log_odds(frame))), dtype=np.float64)


def _calibrated(trained: _Trained[ChurnModel], frame: pd.DataFrame, seed: int) -> Fitted:
    rows = frame.iloc[_held_out_rows(_folds(frame))]
    churned = _churned(rows).astype(np.int64)
    calibrator = Calibrator.fit(trained.held_out, churned, seed, rows["customer_id"])
    loss = float(log_loss(churned, calibrator.probability(trained.held_out)))
    return Fitted(trained.model, calibrator, loss, trained.rounds)


def _folds(frame: pd.DataFrame) -> list[tuple[Rows, Rows]]:
    """Row numbers to fit on and to hold out: disjoint customers, and only the latest cut-offs are held out."""
    latest = latest_rows(frame)
    splits = GroupKFold(FOLDS).split(frame, groups=frame["customer_id"])
    return [(fit, out[latest[out]]) for fit, out in splits]


def _held_out_rows(folds: list[tuple[Rows, Rows]]) -> Rows:
    return np.concatenate([out for _, out in folds])


def latest_rows(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Marks the rows of the later half of the cut-offs."""
    cutoffs = np.sort(frame["as_of"].unique())
    first = cutoffs[-max(1, round(len(cutoffs) * LATEST_SHARE))]
    return np.asarray(frame["as_of"] >= first)


def _churned(frame: pd.DataFrame) -> Floats:
    return frame[LABEL].to_numpy(dtype=np.float64)
