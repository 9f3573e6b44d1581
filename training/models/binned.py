"""Logistic regression on binned features: a scorecard that a credit manager can read, line by line.

Each feature is cut into a few bins of customers, a missing value being a bin of its own, and each bin has a weight. What
a customer's log-odds are made of is one line of the table a feature, so the model explains itself exactly.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from training.models.calibration import sigmoid

Floats = NDArray[np.float64]
Bins = NDArray[np.int32]

MOST_BINS = 8
RIDGE = 10.0
"""Half of this times a squared step from one bin to the next, or a squared weight of a level, is added to the loss."""
MOST_ROWS = 50_000
"""Bins of a hundred features are about 900 weights; more rows than this only cost time."""
MOST_ITERATIONS = 300
LEAST_GAIN = 1e-9
FLATTEST_GRADIENT = 1e-8
"""The search ends when a step lowers the loss by less than this share of it, or when there is no slope left."""
NO_SIGNS: Mapping[str, int] = MappingProxyType({})
POINTS_TO_HALVE_THE_ODDS = 20
START_POINTS = 500


class BinnedLogisticChurn:
    """Logistic regression on bins, with a fused ridge: what is shrunk is the step between neighbouring bins.

    Bins of amounts are cut so that each holds about the same number of customers; a value that many customers share is
    a bin of its own. Where the sign is sure, no step goes the other way. Levels, having no order, are each shrunk towards
    the average. A code that training has not seen counts as missing.
    """

    kind: ClassVar[str] = "binned"

    def __init__(self, features: tuple[str, ...], parameters: dict[str, Any]) -> None:
        self.features = features
        self.bias = float(parameters["bias"])
        self.categories = frozenset(parameters["categories"])
        self.edges, self.weights, self.shares, self.rates = (
            [np.asarray(values, dtype=np.float64) for values in parameters[name]]
            for name in ("edges", "weights", "shares", "rates")
        )

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        churned: Floats,
        features: Sequence[str],
        categories: Collection[str] = (),
        signs: Mapping[str, int] = NO_SIGNS,
    ) -> Self:
        """Cut the bins and fit their weights, on every n-th row of very many.

        ``categories`` are the features that hold codes of levels; ``signs`` are those of the steps of other features.
        """
        every = -(-len(frame) // MOST_ROWS)
        frame, churned = frame.iloc[::every], churned[::every]
        values = frame[list(features)].to_numpy(dtype=np.float64)
        coded = [name in categories for name in features]
        edges = [_level_edges(v) if c else _edges(v) for v, c in zip(values.T, coded, strict=True)]
        bins = _bins(values, edges, coded)
        sizes = np.array([len(cuts) + 2 for cuts in edges])
        held = [0 if c else signs.get(name, 0) for name, c in zip(features, coded, strict=True)]
        weights, bias = _fit(bins, sizes, churned, coded, held)
        counts = [np.bincount(b, minlength=size) for b, size in zip(bins.T, sizes, strict=True)]
        left = [np.bincount(b, weights=churned, minlength=size) for b, size in zip(bins.T, sizes, strict=True)]
        means = [float(w @ n) / len(values) for w, n in zip(weights, counts, strict=True)]
        return cls(
            tuple(features),
            {
                "bias": bias + sum(means),
                "categories": [name for name in features if name in categories],
                "edges": edges,
                "weights": [w - mean for w, mean in zip(weights, means, strict=True)],
                "shares": [n / len(values) for n in counts],
                "rates": [c / np.maximum(n, 1) for c, n in zip(left, counts, strict=True)],
            },
        )

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel."""
        return np.asarray(self.contributions(frame).sum(axis=1) + self.bias)

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; the weight of the customer's bin, which is zero on average."""
        return np.column_stack([weights[b] for weights, b in zip(self.weights, self._bins(frame).T, strict=True)])

    def _bins(self, frame: pd.DataFrame) -> Bins:
        values = frame[list(self.features)].to_numpy(dtype=np.float64)
        return _bins(values, self.edges, [name in self.categories for name in self.features])

    def scorecard(self) -> pd.DataFrame:
        """The model as a table, one row a bin that customers were in.

        Columns: feature; low and high (the bin holds low <= value < high; NaN for levels); code (of a level, else NaN);
        is_missing; share of the customers; churned_share among them; log_odds added by the bin; points (see `points`).
        """
        tables = [self._table(number) for number in range(len(self.features))]
        card = pd.concat(tables, ignore_index=True)
        return card[card["share"] > 0].reset_index(drop=True)

    def points(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Points of each customer, shape (rows,): 500 and those of its bins, whole ones as the scorecard has them.

        20 points more halve the odds of leaving (Siddiqi 2006), before calibration.
        """
        points = [_points(weights)[b] for weights, b in zip(self.weights, self._bins(frame).T, strict=True)]
        return np.asarray(START_POINTS + np.sum(points, axis=0), dtype=np.int64)

    def _table(self, number: int) -> pd.DataFrame:
        name, edges = self.features[number], self.edges[number]
        known = len(edges) + 1
        is_level = name in self.categories
        nothing = np.full(known, np.nan)
        return pd.DataFrame(
            {
                "feature": name,
                "low": np.append(nothing if is_level else np.append(-np.inf, edges), np.nan),
                "high": np.append(nothing if is_level else np.append(edges, np.inf), np.nan),
                "code": np.append(np.arange(known, dtype=np.float64) if is_level else nothing, np.nan),
                "is_missing": np.arange(known + 1) == known,
                "share": self.shares[number],
                "churned_share": self.rates[number],
                "log_odds": self.weights[number],
                "points": _points(self.weights[number]),
            }
        )

    def save(self, directory: Path) -> None:
        """See ChurnModel."""
        lists = {name: [v.tolist() for v in getattr(self, name)] for name in ("edges", "weights", "shares", "rates")}
        document = {"bias": self.bias, "categories": sorted(self.categories), **lists}
        (directory / "binned.json").write_text(json.dumps(document, allow_nan=False), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, features: tuple[str, ...]) -> Self:
        """See ChurnModel."""
        return cls(features, json.loads((directory / "binned.json").read_text(encoding="utf-8")))


def _points(weights: Floats) -> NDArray[np.int64]:
    return np.asarray(np.round(-weights * POINTS_TO_HALVE_THE_ODDS / np.log(2)), dtype=np.int64)


def _edges(values: Floats) -> Floats:
    """Where bins of one feature begin, ascending, without the first; each value counts for one bin's mass at most."""
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    if len(distinct) < 2:
        return np.empty(0)
    mass = np.minimum(counts, counts.sum() / MOST_BINS)
    below = np.cumsum(mass) - mass
    place = np.floor(MOST_BINS * below / mass.sum() + 1e-9)
    return np.asarray(distinct[1:][np.diff(place) > 0], dtype=np.float64)


def _level_edges(values: Floats) -> Floats:
    """The codes 1, 2, … up to the highest: each code is a bin."""
    known = values[~np.isnan(values)]
    return np.arange(1, known.max() + 1) if len(known) else np.empty(0)


def _bins(values: Floats, edges: Sequence[Floats], coded: Sequence[bool]) -> Bins:
    """The bin of each value, shape (rows, features); a feature's last bin is that of missing values."""
    bins = np.empty(values.shape, dtype=np.int32)
    for number, (column, cuts, is_code) in enumerate(zip(values.T, edges, coded, strict=True)):
        missing = np.isnan(column) | (is_code & (column > len(cuts)))
        bins[:, number] = np.where(missing, len(cuts) + 1, np.searchsorted(cuts, column, side="right"))
    return bins


def _fit(
    bins: Bins, sizes: NDArray[np.int64], churned: Floats, coded: Sequence[bool], signs: Sequence[int]
) -> tuple[list[Floats], float]:
    """Weights of each feature's bins and the bias that minimise the penalised negative log-likelihood.

    The search is over steps: a feature of amounts starts at zero and adds a step a bin, levels and missing values each
    have a weight of their own. Then the fused ridge is a plain one, and a sign is a bound.
    """
    rows, starts = len(bins), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    indices = (bins + starts).astype(np.int32).ravel()
    pointers = np.arange(0, len(indices) + 1, bins.shape[1], dtype=np.int32)
    design = csr_array((np.ones(len(indices)), indices, pointers), shape=(rows, int(sizes.sum())))
    transposed = design.T.tocsr()
    ordered = [slice(start, start + size - 1) for start, size, c in zip(starts, sizes, coded, strict=True) if not c]
    rate = float(np.clip(churned.mean(), 1e-6, 1 - 1e-6))

    def weights_of(steps: Floats) -> Floats:
        weights = steps.copy()
        for part in ordered:
            weights[part] = np.cumsum(steps[part])
        return weights

    def steps_of(by_bin: Floats) -> Floats:
        by_step = by_bin.copy()
        for part in ordered:
            by_step[part] = np.cumsum(by_bin[part][::-1])[::-1]
        return by_step

    # Steps are searched for from their mean and in units of their own curvature, which takes far fewer iterations.
    means = steps_of(transposed @ np.ones(rows)) / rows
    units = 1 / np.sqrt(rows * rate * (1 - rate) * means * (1 - means) + RIDGE)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        steps, level = parameters[:-1] * units, parameters[-1]
        log_odds = design @ weights_of(steps) + (level - means @ steps)
        residual = sigmoid(log_odds) - churned
        gradient = steps_of(transposed @ residual) - means * residual.sum() + RIDGE * steps
        value = (np.logaddexp(0, log_odds) - churned * log_odds).sum() + RIDGE / 2 * (steps**2).sum()
        return float(value) / rows, np.append(gradient * units, residual.sum()) / rows

    start = np.append(np.zeros(len(means)), np.log(rate / (1 - rate)))
    options = {"maxiter": MOST_ITERATIONS, "ftol": LEAST_GAIN, "gtol": FLATTEST_GRADIENT}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=_bounds(sizes, coded, signs), options=options)
    steps = found.x[:-1] * units
    return np.split(weights_of(steps), np.cumsum(sizes)[:-1]), float(found.x[-1] - means @ steps)


def _bounds(
    sizes: NDArray[np.int64], coded: Sequence[bool], signs: Sequence[int]
) -> list[tuple[float | None, float | None]]:
    """What each step may be: the first of amounts is none, and where the sign is known the others keep to it."""
    bounds: list[tuple[float | None, float | None]] = []
    for size, is_code, sign in zip(sizes, coded, signs, strict=True):
        step = (0.0 if sign > 0 else None, 0.0 if sign < 0 else None)
        free: tuple[float | None, float | None] = (None, None)
        bounds += [free] * int(size) if is_code else [(0.0, 0.0), *[step] * (int(size) - 2), free]
    return [*bounds, (None, None)]
