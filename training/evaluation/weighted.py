"""Metrics of weighted rows, for many weightings at once: what a bootstrap over customers asks for.

A `Measure` is made once for outcomes and probabilities; what does not depend on the weights (sorting above all) is done
then. Its ``of`` takes weights of shape (rows, resamples) and gives one value for each resample, NaN where it is not
defined. With weights of one throughout, it gives what `training.evaluation.metrics` gives.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import CALIBRATION_BINS, log_losses

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Marks = NDArray[np.bool_]

TOP_SHARE = 0.1


@dataclass(frozen=True)
class Measure:
    """A metric of weighted rows.

    ``noise`` belongs to a metric that chance alone raises: how far each resample lies from the rows as they are, in the
    same unit, where all that makes up the metric is compared piece by piece. It can only be larger than the change of
    the metric itself.
    """

    of: Callable[[Floats], Floats]
    noise: Callable[[Floats], Floats] | None = None

    def less(self, other: "Measure") -> "Measure":
        """How much higher this metric is than another one of the same rows."""
        return Measure(lambda weights: self.of(weights) - other.of(weights))


def mean_of(values: Floats) -> Measure:
    """The mean of a number that each row has."""
    return Measure(lambda weights: _over(values @ weights, weights.sum(axis=0)))


def share_of(part: Marks, whole: Marks) -> Measure:
    """Of the rows in ``whole``, the share that is also in ``part``."""
    both, among = (part & whole).astype(np.float64), whole.astype(np.float64)
    return Measure(lambda weights: _over(both @ weights, among @ weights))


def brier(churned: Integers, probability: Floats) -> Measure:
    """Mean squared distance from the outcome, 0 to 1; Brier 1950."""
    return mean_of((probability - churned) ** 2)


def log_loss(churned: Integers, probability: Floats) -> Measure:
    """Mean negative log of the probability given to what came true, in nats a row."""
    return mean_of(log_losses(churned, probability))


def calibration_gap(churned: Integers, probability: Floats) -> Measure:
    """Mean probability less the rate that came true: above zero, the model expects too many to leave."""
    return mean_of(probability - churned)


def auc(churned: Integers, probability: Floats) -> Measure:
    """Chance that one who left had a higher probability than one who stayed, ties by half."""
    ranks = _Ranks.of(probability)
    left = churned[ranks.order][:, None].astype(np.float64)

    def measure(weights: Floats) -> Floats:
        ordered = weights.take(ranks.order, axis=0)
        leaving = ranks.sums(ordered * left)
        staying = ranks.sums(ordered) - leaving
        below = np.cumsum(staying, axis=0) - staying / 2
        return _over(np.einsum("ij,ij->j", leaving, below), leaving.sum(axis=0) * staying.sum(axis=0))

    return Measure(measure)


def pr_auc(churned: Integers, probability: Floats) -> Measure:
    """Average precision: the precision at each threshold, weighted by the recall that it adds."""
    ranks = _Ranks.of(-probability)
    left = churned[ranks.order][:, None].astype(np.float64)

    def measure(weights: Floats) -> Floats:
        ordered = weights.take(ranks.order, axis=0)
        leaving = ranks.sums(ordered * left)
        precision = _over(np.cumsum(leaving, axis=0), np.cumsum(ranks.sums(ordered), axis=0))
        # before the first row that counts there is no precision, and nothing to weigh it with
        return _over(np.einsum("ij,ij->j", np.nan_to_num(precision), leaving), leaving.sum(axis=0))

    return Measure(measure)


def top_decile_lift(churned: Integers, probability: Floats) -> Measure:
    """Churn rate among the tenth with the highest probability, over the overall rate; ties count with their mean."""
    ranks = _Ranks.of(-probability)
    left = churned[ranks.order][:, None].astype(np.float64)

    def measure(weights: Floats) -> Floats:
        ordered = weights.take(ranks.order, axis=0)
        leaving, all_of_it = ranks.sums(ordered * left), ranks.sums(ordered)
        # whole rows and at least one, as in a list that somebody works through
        wanted = np.maximum(np.round(TOP_SHARE * all_of_it.sum(axis=0)), 1.0)
        before = np.cumsum(all_of_it, axis=0) - all_of_it
        taken = np.clip(wanted - before, 0, all_of_it)
        found = np.einsum("ij,ij->j", taken, np.nan_to_num(_over(leaving, all_of_it)))
        return _over(found / wanted, _over(leaving.sum(axis=0), all_of_it.sum(axis=0)))

    return Measure(measure)


def calibration_error(churned: Integers, probability: Floats, bins: int = CALIBRATION_BINS) -> Measure:
    """Expected calibration error over bins of equal mass, which stay where they are in every resample."""
    ranks = _Ranks.of(probability)
    ordered_probability = probability[ranks.order][:, None]
    left = churned[ranks.order][:, None].astype(np.float64)
    starts = np.array([part[0] for part in np.array_split(np.arange(len(churned)), bins) if len(part)])

    # only where a border runs through equal probabilities does it matter which of them left
    torn = (ranks.tie[starts[1:]] == ranks.tie[starts[1:] - 1]).any()

    def gaps(weights: Floats) -> Floats:
        ordered = weights.take(ranks.order, axis=0)
        observed = left
        if torn:
            observed = np.nan_to_num(_over(ranks.sums(ordered * left), ranks.sums(ordered)))[ranks.tie]
        sums = np.add.reduceat(ordered * (ordered_probability - observed), starts, axis=0)
        return _over(sums, weights.sum(axis=0))

    as_they_are = gaps(np.ones((len(churned), 1)))
    return Measure(
        lambda weights: np.asarray(np.abs(gaps(weights)).sum(axis=0)),
        noise=lambda weights: np.asarray(np.abs(gaps(weights) - as_they_are).sum(axis=0)),
    )


MEASURES: dict[str, Callable[[Integers, Floats], Measure]] = {
    "auc": auc,
    "pr_auc": pr_auc,
    "top_decile_lift": top_decile_lift,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_gap": calibration_gap,
    "calibration_error": calibration_error,
}
"""The metrics of a model that need no money, by name."""


@dataclass(frozen=True)
class _Ranks:
    """Rows by rising score: their ``order``, where each run of equal scores ``starts``, and the run of each row."""

    order: Integers
    starts: Integers
    tie: Integers

    @classmethod
    def of(cls, score: Floats) -> "_Ranks":
        order = np.argsort(score, kind="stable")
        ordered = score[order]
        new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        return cls(order, np.flatnonzero(new), np.cumsum(new) - 1)

    def sums(self, ordered: Floats) -> Floats:
        """Sums over each run of equal scores, shape (runs, resamples)."""
        if len(self.starts) == len(ordered):
            return ordered
        return np.asarray(np.add.reduceat(ordered, self.starts, axis=0), dtype=np.float64)


def _over(part: Floats, whole: Floats) -> Floats:
    """A ratio, NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
