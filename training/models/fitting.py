"""Fitting a candidate and its calibrator on many cut-offs at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from training.dataset import LABEL
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
from training.models.purchase_churn import PurchaseChurn
from training.models.row_weights import recency_weights
from training.models.search_space import SPACES, Kind, Parameters, of_model

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


@dataclass(frozen=True)
class Settings:
    """How candidates are fitted.

    ``categories`` are the features that hold codes of levels (0, 1, …), not amounts. ``tuned`` holds parameters by
    candidate where they are not the defaults. ``of_silence``: leaving is silence, of which purchase models know.
    """

    categories: Collection[str] = ()
    tuned: Mapping[str, Parameters] = field(default_factory=dict)
    of_silence: bool = True

    def parameters(self, kind: Kind) -> Parameters:
        """Those of a candidate."""
        return self.tuned.get(kind, SPACES[kind].defaults)


USUAL = Settings()


def fit_xgboost(frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL) -> Fitted:
    """Boosted trees: the number of rounds and the calibrator come from held-out customers at the latest cut-offs."""
    return _calibrated(_trees(frame, features, seed, settings), frame, seed)


def fit_logistic(frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL) -> Fitted:
    """Logistic regression with a calibrator from held-out customers at the latest cut-offs."""
    return _calibrated(_regression(frame, features, settings), frame, seed)


def fit_purchases(frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL) -> Fitted:
    """Purchase models with a calibrator from held-out customers at the latest cut-offs.

    Raises ValueError: the features do not hold what they need.
    """
    return _calibrated(_purchases(frame, features), frame, seed)


def fit_blend(frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL) -> Fitted:
    """The mean of all that can be fitted on these features, with a calibrator of its own."""
    trees, regression = _trees(frame, features, seed, settings), _regression(frame, features, settings)
    purchases = _purchases(frame, features) if _knows_purchases(features, settings) else None
    return _calibrated(_blend(trees, regression, purchases), frame, seed)


def fit_binned(frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL) -> Fitted:
    """The scorecard, with a calibrator from held-out customers at the latest cut-offs."""
    return _calibrated(_scorecard(frame, features, settings.categories), frame, seed)


class Fit(Protocol):
    """How a candidate is fitted."""

    def __call__(self, frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL) -> Fitted:
        """The candidate and its calibrator."""


CANDIDATES: dict[str, Fit] = {
    "xgboost": fit_xgboost,
    "logistic": fit_logistic,
    "purchases": fit_purchases,
    "blend": fit_blend,
}


def fit_candidates(
    frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings = USUAL
) -> dict[str, Fitted]:
    """Every candidate as `CANDIDATES` fits it, without fitting twice what two of them share.

    Purchase models are left out where leaving is not silence, or the features do not hold what they need.
    """
    trees, regression = _trees(frame, features, seed, settings), _regression(frame, features, settings)
    purchases = _purchases(frame, features) if _knows_purchases(features, settings) else None
    blend = _blend(trees, regression, purchases)
    trained: dict[str, _Trained[ChurnModel]] = {"xgboost": trees, "logistic": regression, "blend": blend}
    if purchases is not None:
        trained["purchases"] = purchases
    return {kind: _calibrated(trained[kind], frame, seed) for kind in CANDIDATES if kind in trained}


def _knows_purchases(features: Sequence[str], settings: Settings) -> bool:
    return settings.of_silence and PurchaseChurn.can_use(features)


def parameters_of(kind: str, fitted: Fitted, settings: Settings = USUAL) -> dict[str, object]:
    """What a candidate was fitted with; that of the mean is what its parts were fitted with."""
    trees = {**XGBOOST_PARAMETERS, **settings.parameters("xgboost"), "rounds": fitted.rounds}
    chosen = {**LOGISTIC_PARAMETERS, **settings.parameters("logistic")}
    regression = {f"logistic_{name}": value for name, value in chosen.items()}
    of_kind: dict[str, dict[str, object]] = {
        "xgboost": trees,
        "logistic": {**regression},
        "purchases": {},
        "blend": trees | regression,
    }
    model = fitted.model
    parts = model.parts if isinstance(model, BlendChurn) else (model,)
    return of_kind[kind] | {
        f"purchases_{name}": value
        for part in parts
        if isinstance(part, PurchaseChurn)
        for name, value in part.estimates().items()
    }


def _trees(frame: pd.DataFrame, features: Sequence[str], seed: int, settings: Settings) -> _Trained[XGBoostChurn]:
    churned, names, categories = churned_of(frame), list(features), settings.categories
    chosen, weight = _chosen(frame, settings, "xgboost")
    values, folds = frame[names], folds_of(frame)
    runs = Parallel(n_jobs=-1, prefer="threads")(
        delayed(boost_until_flat)(
            values.iloc[fit], churned[fit], values.iloc[out], churned[out], seed, categories, chosen, _of(weight, fit)
        )
        for fit, out in folds
    )
    shortest = min(len(losses) for _, losses in runs)
    rounds = int(np.argmin(np.mean([losses[:shortest] for _, losses in runs], axis=0))) + 1
    held_out = [
        booster.predict(matrix(values.iloc[out], names, categories), output_margin=True, iteration_range=(0, rounds))
        for (booster, _), (_, out) in zip(runs, folds, strict=True)
    ]
    model = XGBoostChurn.fit(values, churned, names, rounds, seed, categories, chosen, weight)
    return _Trained(model, np.concatenate(held_out).astype(np.float64), rounds)


def _regression(frame: pd.DataFrame, features: Sequence[str], settings: Settings) -> _Trained[LogisticChurn]:
    churned, categories = churned_of(frame), settings.categories
    chosen, weight = _chosen(frame, settings, "logistic")
    held_out = [
        LogisticChurn.fit(frame.iloc[fit], churned[fit], features, categories, chosen, _of(weight, fit)).log_odds(
            frame.iloc[out]
        )
        for fit, out in folds_of(frame)
    ]
    model = LogisticChurn.fit(frame, churned, features, categories, chosen, weight)
    return _Trained(model, np.concatenate(held_out))


def _chosen(frame: pd.DataFrame, settings: Settings, kind: Kind) -> tuple[Parameters, Floats | None]:
    """The parameters that a model takes itself, and the weight of each row, None where all count the same."""
    parameters = settings.parameters(kind)
    return of_model(parameters), recency_weights(frame, parameters["half_life_days"])


def _of(weight: Floats | None, rows: Rows) -> Floats | None:
    return None if weight is None else weight[rows]


def _scorecard(
    frame: pd.DataFrame, features: Sequence[str], categories: Collection[str]
) -> _Trained[BinnedLogisticChurn]:
    churned = churned_of(frame)
    held_out = [
        BinnedLogisticChurn.fit(frame.iloc[fit], churned[fit], features, categories, MONOTONE).log_odds(frame.iloc[out])
        for fit, out in folds_of(frame)
    ]
    model = BinnedLogisticChurn.fit(frame, churned, features, categories, MONOTONE)
    return _Trained(model, np.concatenate(held_out))


def _purchases(frame: pd.DataFrame, features: Sequence[str]) -> _Trained[PurchaseChurn]:
    churned = churned_of(frame)
    held_out = [
        PurchaseChurn.fit(frame.iloc[fit], churned[fit], features).log_odds(frame.iloc[out])
        for fit, out in folds_of(frame)
    ]
    return _Trained(PurchaseChurn.fit(frame, churned, features), np.concatenate(held_out))


def _blend(
    trees: _Trained[XGBoostChurn], regression: _Trained[LogisticChurn], purchases: _Trained[PurchaseChurn] | None
) -> _Trained[BlendChurn]:
    model = BlendChurn(trees.model, regression.model, purchases.model if purchases else None)
    parts = [trees.held_out, regression.held_out, *([purchases.held_out] if purchases else [])]
    return _Trained(model, np.asarray(np.mean(parts, axis=0)), trees.rounds)


def baseline_probabilities(
    frame: pd.DataFrame, test: pd.DataFrame, alone: Mapping[str, tuple[str, int]]
) -> dict[str, Floats]:
    """What needs no model: the base rate of the latest cut-offs, and single features alone, by name of the baseline.

    A baseline whose feature the frame has not is left out.
    """
    latest = frame[latest_rows(frame)]
    churned = churned_of(latest)
    rate = float(churned.mean())
    return {"base_rate": np.full(len(test), rate)} | {
        name: _probability(LogisticChurn.fit(latest, churned, [column]), test)
        for name, (column, _) in alone.items()
        if column in frame
    }


def _probability(model: LogisticChurn, frame: pd.DataFrame) -> Floats:
    return np.asarray(1 / (1 + np.exp(-model.log_odds(frame))), dtype=np.float64)


def _calibrated(trained: _Trained[ChurnModel], frame: pd.DataFrame, seed: int) -> Fitted:
    rows = frame.iloc[held_out_rows(folds_of(frame))]
    churned = churned_of(rows).astype(np.int64)
    calibrator = Calibrator.fit(trained.held_out, churned, seed, rows["customer_id"], rows["as_of"])
    loss = float(log_loss(churned, calibrator.probability(trained.held_out)))
    return Fitted(trained.model, calibrator, loss, trained.rounds)


def folds_of(frame: pd.DataFrame) -> list[tuple[Rows, Rows]]:
    """Row numbers to fit on and to hold out: disjoint customers, and only the latest cut-offs are held out."""
    latest = latest_rows(frame)
    splits = GroupKFold(FOLDS).split(frame, groups=frame["customer_id"])
    return [(fit, out[latest[out]]) for fit, out in splits]


def held_out_rows(folds: list[tuple[Rows, Rows]]) -> Rows:
    """The row numbers that all folds hold out, one fold after the other."""
    return np.concatenate([out for _, out in folds])


def latest_rows(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Marks the rows of the later half of the cut-offs."""
    cutoffs = np.sort(frame["as_of"].unique())
    first = cutoffs[-max(1, round(len(cutoffs) * LATEST_SHARE))]
    return np.asarray(frame["as_of"] >= first)


def churned_of(frame: pd.DataFrame) -> Floats:
    """The outcomes of a labelled frame as floats, shape (rows,)."""
    return frame[LABEL].to_numpy(dtype=np.float64)
