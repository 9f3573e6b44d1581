"""The candidates for the hazard: the probability that the event comes in an interval when it has not come before.

Each knows the grid and predicts log-odds for rows at intervals. All start from the hazard of everybody: the trees add
to it what a customer's features say, the regression has a weight for each interval. Kept without pickle.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.prepared import FEW_ROWS
from training.models.calibration import sigmoid
from training.models.churn import XGBOOST_PARAMETERS, LogisticChurn
from training.models.timing.periods import PersonPeriods, at_intervals, times_at

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Along = Callable[[int], Floats]
"""The log-odds of all rows of a frame in one interval, shape (rows,)."""

MOST_ROUNDS = 300
PATIENCE_ROUNDS = 15
LEAST_RATE = 1e-5

# A hazard changes with the interval and the customer at once, so trees are deeper than those of the churn model and see
# most features. Two threads would wait for each other longer than they work on data as small as these.
HAZARD_PARAMETERS: dict[str, object] = {
    **XGBOOST_PARAMETERS,
    "max_depth": 4,
    "eta": 0.1,
    "colsample_bytree": 0.8,
    "nthread": 1,
}


class HazardModel(Protocol):
    """What a candidate can do. Frames hold the feature columns (float64, NaN where missing)."""

    kind: ClassVar[str]
    features: tuple[str, ...]
    edges: Floats

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """Log-odds that the event comes in each row's interval if not before, shape (rows,)."""
        ...

    def along(self, frame: pd.DataFrame) -> Along:
        """The same for interval after interval; what does not change between them is worked out once."""
        ...

    def save(self, directory: Path) -> None:
        """Write the model into an existing directory."""
        ...

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...], edges: Floats) -> Self:
        """Read what `save` wrote."""
        ...


class BoostedHazard:
    """Gradient-boosted trees on person-periods, on top of the hazard that all customers share."""

    kind: ClassVar[str] = "trees"

    def __init__(self, booster: xgb.Booster, base: Floats, features: tuple[str, ...], edges: Floats) -> None:
        self.booster, self.base, self.features, self.edges = booster, base, features, edges

    @classmethod
    def fit(
        cls, frame: pd.DataFrame, periods: PersonPeriods, features: Sequence[str], edges: Floats, rounds: int, seed: int
    ) -> Self:
        """Fit for a given number of boosting rounds; ``frame`` has one row for each row of the durations."""
        base = shared_log_odds(periods, len(edges) - 1)
        data = _matrix(frame, periods, features, edges, base)
        booster = xgb.train({**HAZARD_PARAMETERS, "seed": seed}, data, rounds)
        return cls(booster, base, tuple(features), edges)

    @classmethod
    def fit_until_flat(
        cls,
        frame: pd.DataFrame,
        train: PersonPeriods,
        held_out: PersonPeriods,
        features: Sequence[str],
        edges: Floats,
        seed: int,
    ) -> Self:
        """Fit for the number of rounds at which the log-loss of held-out person-periods is lowest."""
        base = shared_log_odds(train, len(edges) - 1)
        booster = xgb.train(
            {**HAZARD_PARAMETERS, "seed": seed},
            _matrix(frame, train, features, edges, base),
            MOST_ROUNDS,
            evals=[(_matrix(frame, held_out, features, edges, base), "held_out")],
            early_stopping_rounds=PATIENCE_ROUNDS,
            verbose_eval=False,
        )
        return cls(booster[: booster.best_iteration + 1], base, tuple(features), edges)

    @property
    def rounds(self) -> int:
        """How many rounds of boosting it has."""
        return int(self.booster.num_boosted_rounds())

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """See HazardModel."""
        rows = at_intervals(frame, self.features, self.edges, interval)
        return self._margin(rows.to_numpy(dtype=np.float32), self.base[interval])

    def along(self, frame: pd.DataFrame) -> Along:
        """See HazardModel."""
        values = at_intervals(frame, self.features, self.edges, _all_in(frame, 0)).to_numpy(dtype=np.float32)

        def log_odds(interval: int) -> Floats:
            now = times_at(frame, self.features, self.edges, _all_in(frame, interval))
            values[:, len(self.features) :] = np.column_stack(list(now.values()))
            return self._margin(values, np.full(len(values), self.base[interval]))

        return log_odds

    def _margin(self, values: NDArray[np.float32], base: Floats) -> Floats:
        margin = self.booster.inplace_predict(
            values, base_margin=base.astype(np.float32), predict_type="margin", validate_features=False
        )
        return np.asarray(margin, dtype=np.float64)

    def save(self, directory: Path) -> None:
        """See HazardModel."""
        self.booster.save_model(directory / "hazard_booster.ubj")
        (directory / "hazard_base.json").write_text(json.dumps(self.base.tolist()))

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...], edges: Floats) -> Self:
        """See HazardModel."""
        booster = xgb.Booster()
        booster.load_model(directory / "hazard_booster.ubj")
        base = np.asarray(json.loads((directory / "hazard_base.json").read_text()), dtype=np.float64)
        return cls(booster, base, features, edges)


class LogisticHazard:
    """Logistic regression on person-periods with a weight for each interval: proportional odds, as Cox 1972 has them."""

    kind: ClassVar[str] = "logistic"

    def __init__(self, regression: LogisticChurn, features: tuple[str, ...], edges: Floats) -> None:
        self.regression, self.features, self.edges = regression, features, edges

    @classmethod
    def fit(cls, frame: pd.DataFrame, periods: PersonPeriods, features: Sequence[str], edges: Floats) -> Self:
        """Fit with ridge shrinkage; ``frame`` has one row for each row of the durations."""
        rows = _with_indicators(frame.iloc[periods.row], features, edges, periods.interval)
        return cls(LogisticChurn.fit(rows, periods.event, list(rows.columns)), tuple(features), edges)

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """See HazardModel."""
        return self.regression.log_odds(_with_indicators(frame, self.features, self.edges, interval))

    def along(self, frame: pd.DataFrame) -> Along:
        """See HazardModel."""
        changing = self.regression.restricted([n for n in self.regression.features if n not in self.features])
        held = self.regression.restricted(self.features).contributions(frame).sum(axis=1)

        def log_odds(interval: int) -> Floats:
            at = _all_in(frame, interval)
            now = times_at(frame, self.features, self.edges, at) | _indicators(self.edges, at)
            return np.asarray(held + changing.log_odds(pd.DataFrame(now)))

        return log_odds

    def save(self, directory: Path) -> None:
        """See HazardModel."""
        columns = json.dumps(list(self.regression.features))
        (directory / "hazard_columns.json").write_text(columns, encoding="utf-8")
        self.regression.save(directory)

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...], edges: Floats) -> Self:
        """See HazardModel."""
        columns = tuple(json.loads((directory / "hazard_columns.json").read_text(encoding="utf-8")))
        return cls(LogisticChurn.load(directory, columns), features, edges)


class BlendHazard:
    """The mean of both in log-odds: their errors differ."""

    kind: ClassVar[str] = "blend"

    def __init__(self, trees: BoostedHazard, regression: LogisticHazard) -> None:
        self.parts: tuple[HazardModel, HazardModel] = (trees, regression)
        self.features, self.edges = trees.features, trees.edges

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """See HazardModel."""
        return np.asarray(np.mean([part.log_odds(frame, interval) for part in self.parts], axis=0))

    def along(self, frame: pd.DataFrame) -> Along:
        """See HazardModel."""
        parts = [part.along(frame) for part in self.parts]
        return lambda interval: np.asarray(np.mean([part(interval) for part in parts], axis=0))

    def save(self, directory: Path) -> None:
        """See HazardModel; the files of both."""
        for part in self.parts:
            part.save(directory)

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...], edges: Floats) -> Self:
        """See HazardModel."""
        return cls(BoostedHazard.load(directory, features, edges), LogisticHazard.load(directory, features, edges))


KINDS: dict[str, type[BoostedHazard] | type[LogisticHazard] | type[BlendHazard]] = {
    BoostedHazard.kind: BoostedHazard,
    LogisticHazard.kind: LogisticHazard,
    BlendHazard.kind: BlendHazard,
}


def shared_log_odds(periods: PersonPeriods, intervals: int) -> Floats:
    """Log-odds of the hazard of all rows together in each interval, shape (intervals,)."""
    events = np.bincount(periods.interval, weights=periods.event, minlength=intervals)
    rows = np.bincount(periods.interval, minlength=intervals)
    rate = np.clip(events / np.maximum(rows, 1), LEAST_RATE, 1 - LEAST_RATE)
    return np.asarray(np.log(rate / (1 - rate)))


def cumulative_hazard(model: HazardModel, frame: pd.DataFrame) -> Floats:
    """Minus the logarithm of survival at each edge of the grid, shape (rows, edges)."""
    hazard, intervals = np.zeros((len(frame), len(model.edges))), range(len(model.edges) - 1)
    if (
        len(frame) <= FEW_ROWS
    ):  # asked of all intervals at once: each time that a model is asked costs more than its answer
        rows = np.tile(np.arange(len(frame)), len(intervals))
        found = model.log_odds(frame[list(model.features)].iloc[rows], np.repeat(intervals, len(frame)))
        in_intervals = iter(found.reshape(len(intervals), len(frame)))
    else:
        in_intervals = map(model.along(frame), intervals)
    for interval, log_odds in zip(intervals, in_intervals, strict=True):
        hazard[:, interval + 1] = hazard[:, interval] - np.log1p(-sigmoid(log_odds))
    return hazard


def _matrix(
    frame: pd.DataFrame, periods: PersonPeriods, features: Sequence[str], edges: Floats, base: Floats
) -> xgb.DMatrix:
    rows = at_intervals(frame.iloc[periods.row], features, edges, periods.interval)
    return xgb.DMatrix(rows, label=periods.event, base_margin=base[periods.interval])


def _with_indicators(frame: pd.DataFrame, features: Sequence[str], edges: Floats, interval: Indices) -> pd.DataFrame:
    """The rows at their intervals, and one column for each interval but the first: 1 where a row stands in it."""
    rows = at_intervals(frame, features, edges, interval)
    return pd.concat([rows, pd.DataFrame(_indicators(edges, interval), index=rows.index)], axis=1)


def _indicators(edges: Floats, interval: Indices) -> dict[str, Floats]:
    return {f"interval_{n}": (interval == n).astype(np.float64) for n in range(1, len(edges) - 1)}


def _all_in(frame: pd.DataFrame, interval: int) -> Indices:
    return np.full(len(frame), interval)
