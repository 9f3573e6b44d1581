"""The candidates for the hazard of being paid: boosted trees, a readable regression, and their mean in log-odds.

Each knows the grid around the due day. The trees start from the hazard that all invoices share; the regression has a
weight for each interval. Both see where the interval lies in the customer's own habit of paying. Kept without pickle.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from training.late_payment.grid import EDGES, INTERVALS, Floats, Indices, Periods, begin_of
from training.late_payment.leaves import Leaves
from training.late_payment.rows import SPREAD, USUAL
from training.models.churn import LogisticChurn

ROWS_AT_ONCE = 2_000
"""So few that what is known of them stays near the processor from one interval to the next."""

PERIODS_AT_ONCE = 50_000
"""A regression lays out twice as many columns as a row has."""

MOST_ROUNDS = 300
PATIENCE_ROUNDS = 15
LEAST_RATE = 1e-5
MOST_REGRESSION_PERIODS = 40_000
KNOTS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0)
"""Bends of the regression in the customer's own habit, in standard deviations from the usual day."""

PARAMETERS: dict[str, object] = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.1,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "lambda": 5,
    "nthread": 1,
}

CLOCKS = ("then_past_due_days", "then_age_days", "then_weekday", "waited_days", "then_in_habit", "then_in_habit_90")
REGRESSION: dict[str, float] = {"C": 0.05, "max_iter": 1000}


Along = Callable[[int, int], Floats]
"""Log-odds by interval and number of rows."""


class HazardModel(Protocol):
    """What a candidate can do. Frames hold the feature columns (NaN where missing), ``entry`` and ``due_day_number``."""

    kind: ClassVar[str]

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """Log-odds of being paid in each row's interval if not before, shape (rows,)."""
        ...

    def along(self, frame: pd.DataFrame) -> Along:
        """The same of the first so many rows, all in one interval, as a function of both: for many intervals in turn.

        The rows are in the order of their entry.
        """
        ...

    @property
    def reads(self) -> frozenset[str]:
        """Columns that make a difference to it; any other may be missing."""
        ...

    def as_json(self) -> dict[str, Any]:
        """The candidate in plain lists, dicts and numbers."""
        ...

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        ...


class BoostedHazard:
    """Gradient-boosted trees on invoice-periods, on top of the hazard that all invoices share."""

    kind: ClassVar[str] = "trees"

    def __init__(self, booster: xgb.Booster, base: Floats, features: tuple[str, ...]) -> None:
        self.booster, self.base, self.features = booster, base, features

    @classmethod
    def fit(cls, frame: pd.DataFrame, periods: Periods, features: Sequence[str], rounds: int, seed: int) -> Self:
        """Fit for a given number of boosting rounds."""
        base = shared_log_odds(periods)
        booster = xgb.train({**PARAMETERS, "seed": seed}, _data(frame, periods, features, base), rounds)
        return cls(booster, base, tuple(features))

    @classmethod
    def fit_until_flat(
        cls, frame: pd.DataFrame, train: Periods, held_out: Periods, features: Sequence[str], seed: int
    ) -> Self:
        """Fit for the number of rounds at which the log-loss of held-out periods is lowest."""
        base = shared_log_odds(train)
        booster = xgb.train(
            {**PARAMETERS, "seed": seed},
            _data(frame, train, features, base),
            MOST_ROUNDS,
            evals=[(_data(frame, held_out, features, base), "held_out")],
            early_stopping_rounds=PATIENCE_ROUNDS,
            verbose_eval=False,
        )
        return cls(booster[: booster.best_iteration + 1], base, tuple(features))

    @property
    def rounds(self) -> int:
        """How many rounds of boosting it has."""
        return int(self.booster.num_boosted_rounds())

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """See HazardModel."""
        base = _base_margin(self.base, frame["entry"].to_numpy(dtype=np.float64), interval)
        margin = self.booster.inplace_predict(
            _values(frame, interval, self.features),
            base_margin=base.astype(np.float32),
            predict_type="margin",
            validate_features=False,
        )
        return np.asarray(margin, dtype=np.float64)

    def along(self, frame: pd.DataFrame) -> Along:
        """See HazardModel; what an invoice's own columns say is looked up once, and only the clocks at each interval."""
        static = [place for place in self.leaves.splits if place < len(self.features)]
        held = frame[[self.features[place] for place in static]].to_numpy(dtype=np.float32)
        reached, times = self.leaves.reached(static, held), _times(frame)
        entries, place = np.unique(frame["entry"].to_numpy(dtype=np.float64), return_inverse=True)
        clock_columns = range(len(self.features), len(self.features) + len(CLOCKS))

        def log_odds(interval: int, rows: int) -> Floats:
            now = _clocks([own[:rows] for own in times], np.full(rows, interval)).astype(np.float32)
            here = entries[: place[rows - 1] + 1]
            margin = _base_margin(self.base, here, np.full(len(here), interval))
            return margin[place[:rows]] + self.leaves.sums(self.leaves.reached(clock_columns, now, reached[:rows]))

        return log_odds

    @cached_property
    def leaves(self) -> Leaves:
        """The trees for rows that are asked interval after interval: several times as fast as asking the booster."""
        return Leaves.of(self.booster)

    @property
    def reads(self) -> frozenset[str]:
        """See HazardModel; columns that some tree splits on."""
        places = {int(name.removeprefix("f")) for name in self.booster.get_score(importance_type="weight")}
        return frozenset(name for place, name in enumerate(self.features) if place in places)

    def as_json(self) -> dict[str, Any]:
        """See HazardModel; the booster in XGBoost's own JSON."""
        booster = json.loads(bytes(self.booster.save_raw("json")))
        return {"features": list(self.features), "base": self.base.tolist(), "booster": booster}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """See HazardModel."""
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(json.dumps(document["booster"]).encode()))
        return cls(booster, np.asarray(document["base"], dtype=np.float64), tuple(document["features"]))


class LogisticHazard:
    """Logistic regression on invoice-periods: a weight for each interval, bends in the customer's own habit."""

    kind: ClassVar[str] = "regression"

    def __init__(self, regression: LogisticChurn, features: tuple[str, ...]) -> None:
        self.regression, self.features = regression, features

    @classmethod
    def fit(cls, frame: pd.DataFrame, periods: Periods, features: Sequence[str]) -> Self:
        """Fit with ridge shrinkage, on every n-th period where there are far more than the parameters need."""
        every = -(-len(periods.row) // MOST_REGRESSION_PERIODS)
        periods = Periods(periods.row[::every], periods.interval[::every], periods.paid[::every])
        rows = _design(frame.iloc[periods.row], periods.interval, features)
        return cls(LogisticChurn.fit(rows, periods.paid, list(rows.columns), chosen=REGRESSION), tuple(features))

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """See HazardModel."""
        return self.regression.log_odds(_design(frame, interval, self.features))

    def along(self, frame: pd.DataFrame) -> Along:
        """See HazardModel."""
        return lambda interval, rows: self.log_odds(frame.iloc[:rows], np.full(rows, interval))

    @property
    def reads(self) -> frozenset[str]:
        """See HazardModel."""
        return frozenset(self.features)

    def as_json(self) -> dict[str, Any]:
        """See HazardModel."""
        parameters = {name: values.tolist() for name, values in self.regression.parameters.items()}
        return {
            "features": list(self.features),
            "columns": list(self.regression.features),
            "parameters": parameters,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """See HazardModel."""
        regression = LogisticChurn(tuple(document["columns"]), dict(document["parameters"]))
        return cls(regression, tuple(document["features"]))


class BlendHazard:
    """The mean of both in log-odds: their errors differ."""

    kind: ClassVar[str] = "blend"

    def __init__(self, trees: BoostedHazard, regression: LogisticHazard) -> None:
        self.trees, self.regression = trees, regression

    def log_odds(self, frame: pd.DataFrame, interval: Indices) -> Floats:
        """See HazardModel."""
        return (self.trees.log_odds(frame, interval) + self.regression.log_odds(frame, interval)) / 2

    def along(self, frame: pd.DataFrame) -> Along:
        """See HazardModel."""
        trees, regression = self.trees.along(frame), self.regression.along(frame)
        return lambda interval, rows: (trees(interval, rows) + regression(interval, rows)) / 2

    @property
    def reads(self) -> frozenset[str]:
        """See HazardModel."""
        return self.trees.reads | self.regression.reads

    def as_json(self) -> dict[str, Any]:
        """See HazardModel."""
        return {"trees": self.trees.as_json(), "regression": self.regression.as_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """See HazardModel."""
        return cls(BoostedHazard.from_json(document["trees"]), LogisticHazard.from_json(document["regression"]))


KINDS: dict[str, type[BoostedHazard] | type[LogisticHazard] | type[BlendHazard]] = {
    BoostedHazard.kind: BoostedHazard,
    LogisticHazard.kind: LogisticHazard,
    BlendHazard.kind: BlendHazard,
}


def cumulative_hazard(model: HazardModel, frame: pd.DataFrame) -> Floats:
    """Minus the logarithm of the probability to be unpaid at each edge of the grid, shape (rows, edges); 0 until entry."""
    hazard = np.empty((len(frame), len(EDGES)))
    order = np.argsort(frame["entry"].to_numpy(dtype=np.float64), kind="stable")
    numbers = frame.select_dtypes("number")
    for begin in range(0, len(frame), ROWS_AT_ONCE):
        rows = order[begin : begin + ROWS_AT_ONCE]
        hazard[rows] = _hazard_by_entry(model, numbers.iloc[rows])
    return hazard


def _hazard_by_entry(model: HazardModel, frame: pd.DataFrame) -> Floats:
    """The same of rows in the order of their entry: those that are in an interval are the first so many."""
    entry, log_odds = frame["entry"].to_numpy(dtype=np.float64), model.along(frame)
    rise = np.zeros((len(EDGES), len(frame)))
    for interval in range(INTERVALS):
        rows = int(np.searchsorted(entry, EDGES[interval + 1]))
        if rows:
            rise[interval + 1, :rows] = np.logaddexp(0, log_odds(interval, rows))
    return np.cumsum(rise, axis=0).T


def row_losses(model: HazardModel, frame: pd.DataFrame, periods: Periods) -> Floats:
    """Minus the log-likelihood of each row that has periods, in nats, by rising position; shape (rows,)."""
    numbers = frame.select_dtypes("number")
    parts = (slice(begin, begin + PERIODS_AT_ONCE) for begin in range(0, len(periods.row), PERIODS_AT_ONCE))
    held = [model.log_odds(numbers.iloc[periods.row[part]], periods.interval[part]) for part in parts]
    log_odds = np.concatenate([np.zeros(0), *held])
    losses = np.logaddexp(0, log_odds) - periods.paid * log_odds
    return np.asarray(np.bincount(np.unique(periods.row, return_inverse=True)[1], weights=losses), dtype=np.float64)


def shared_log_odds(periods: Periods) -> Floats:
    """Log-odds of the hazard of all rows together in each interval, shape (intervals,)."""
    paid = np.bincount(periods.interval, weights=periods.paid, minlength=INTERVALS)
    rows = np.bincount(periods.interval, minlength=INTERVALS)
    rate = np.clip(paid / np.maximum(rows, 1), LEAST_RATE, 1 - LEAST_RATE)
    return np.asarray(np.log(rate / (1 - rate)))


def clocks(frame: pd.DataFrame, interval: Indices) -> NDArray[np.float64]:
    """What goes on while nothing is paid, as it stands in the middle of each row's interval, shape (rows, CLOCKS)."""
    return _clocks(_times(frame), interval)


def _times(frame: pd.DataFrame) -> list[Floats]:
    names = ("entry", USUAL, "usual_late_days_90", SPREAD, "age_days", "due_day_number")
    return [frame[name].to_numpy(dtype=np.float64) for name in names]


def _clocks(times: Sequence[Floats], interval: Indices) -> NDArray[np.float64]:
    entry, usual, usual_90, spread, age, due = times
    begin, end = begin_of(entry, interval), EDGES[1:][interval]
    middle = (begin + end) / 2
    weekday = np.where(end - begin == 1, (due + begin + 3) % 7, np.nan)  # day 0 of the count was a Thursday
    in_habit, in_habit_90 = (np.clip((middle - habit) / spread, -12, 12) for habit in (usual, usual_90))
    return np.column_stack([middle, age + middle - entry, weekday, begin - entry, in_habit, in_habit_90])


def _data(frame: pd.DataFrame, periods: Periods, features: Sequence[str], base: Floats) -> xgb.DMatrix:
    rows = frame.select_dtypes("number").iloc[periods.row]
    margin = _base_margin(base, rows["entry"].to_numpy(dtype=np.float64), periods.interval)
    return xgb.DMatrix(_values(rows, periods.interval, features), label=periods.paid, base_margin=margin)


def _values(frame: pd.DataFrame, interval: Indices, features: Sequence[str]) -> NDArray[np.float32]:
    """The features and clocks of rows at their intervals."""
    held = (frame[list(features)].to_numpy(dtype=np.float32), clocks(frame, interval).astype(np.float32))
    return np.column_stack(held)


def _base_margin(base: Floats, entry: Floats, interval: Indices) -> Floats:
    """The shared log-odds of what is left of each row's interval."""
    part = _part(entry, interval)
    stays = np.exp(-part * np.logaddexp(0, base[interval]))
    return np.asarray(np.log1p(-stays) - np.log(stays))


def _part(entry: Floats, interval: Indices) -> Floats:
    """The share of its interval that a row has before it."""
    begin, end = EDGES[:-1][interval], EDGES[1:][interval]
    return np.asarray((end - begin_of(entry, interval)) / (end - begin))


def _design(frame: pd.DataFrame, interval: Indices, features: Sequence[str]) -> pd.DataFrame:
    """The rows at their intervals, the bends of the habit, and one column for each interval: 1 where a row stands in it."""
    added = dict(zip(CLOCKS, clocks(frame, interval).T, strict=True))
    for knot in KNOTS:
        added[f"habit_above_{knot:g}"] = np.maximum(added["then_in_habit"] - knot, 0)
    added["log_part"] = np.log(_part(frame["entry"].to_numpy(dtype=np.float64), interval))
    indicators = (interval[:, None] == np.arange(INTERVALS)).astype(np.float64)
    values = np.column_stack([frame[list(features)].to_numpy(dtype=np.float64), *added.values(), indicators])
    return pd.DataFrame(values, columns=[*features, *added, *(f"interval_{n}" for n in range(INTERVALS))])
