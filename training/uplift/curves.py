"""Qini, AUUC and uplift at a share of the customers, by the definitions of scikit-uplift, for weighted rows too.

The convention, for other libraries differ: customers are ranked by score from the top, all with the same score at once. At
each number of customers n, with y the good outcomes and n_t, n_c the customers of either arm among them,

- the Qini curve is ``y_t - y_c * n_t / n_c`` (Radcliffe 2007), the uplift curve ``(y_t / n_t - y_c / n_c) * n``;
- a coefficient is the area between the curve and the straight line to its end, over the same area of the perfect curve:
  1 is perfect, 0 is what a lot gives, below 0 is worse than that. The perfect Qini curve ranks treated customers with a
  good outcome first and controls with one last (``negative_effect=True``).

Scores and what they are judged on must come from different rows. A weight of w counts a row w times. Where propensities
differ, the weights of `TreatmentLog.weight` make the arms alike, which scikit-uplift does not do; where everybody was treated
alike they are 1, and the figures are those of ``qini_auc_score`` and ``uplift_auc_score``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Marks = NDArray[np.bool_]

LEAST_AREA = 1e-9
"""For each customer, below which the perfect curve is a straight line but for rounding."""


@dataclass(frozen=True)
class Counts:
    """Weighted customers from the top of a ranking on, one entry for each place at which the curve is looked at.

    ``n_t`` treated ones, ``y_t`` good outcomes among them, ``n_c`` and ``y_c`` the same of controls; shape (places,) or (places,
    resamples), beginning with 0.
    """

    n_t: Floats
    y_t: Floats
    n_c: Floats
    y_c: Floats

    @classmethod
    def of(cls, cells: Floats) -> "Counts":
        """From the weight of each cell, shape (places, 4, …): controls bad and good, treated bad and good."""
        sums = np.concatenate([np.zeros_like(cells[:1]), np.cumsum(cells, axis=0)])
        return cls(sums[:, 2] + sums[:, 3], sums[:, 3], sums[:, 0] + sums[:, 1], sums[:, 1])

    def qini_curve(self) -> tuple[Floats, Floats]:
        """Number of customers and the Qini curve (additional good outcomes among the treated ones)."""
        return self.n_t + self.n_c, self.y_t - _over(self.y_c * self.n_t, self.n_c)

    def uplift_curve(self) -> tuple[Floats, Floats]:
        """Number of customers and the uplift curve (additional good outcomes if all of them were treated)."""
        n = self.n_t + self.n_c
        return n, (_over(self.y_t, self.n_t) - _over(self.y_c, self.n_c)) * n


def places_of(score: Floats) -> Integers:
    """Each row's place in the ranking, 0 for the highest score; equal scores share one."""
    return np.asarray(np.unique(-score, return_inverse=True)[1], dtype=np.int64)


def counts(place: Integers, good: Floats, treated: Marks, weights: Floats | None = None) -> Counts:
    """The counts of a ranking, as rows' places give it."""
    cell = cell_of(place, good, treated)
    return Counts.of(np.bincount(cell, weights, minlength=4 * (int(place.max()) + 1)).reshape(-1, 4).astype(np.float64))


def cell_of(place: Integers, good: Floats, treated: Marks) -> Integers:
    """Number of the place, arm and outcome of each row: four cells a place, in the order of `Counts.of`."""
    return np.asarray(4 * place + 2 * treated + (good > 0), dtype=np.int64)


def perfect_qini_places(good: Floats, treated: Marks) -> Integers:
    """The places of the perfect Qini curve: treated with a good outcome first, controls with one last."""
    return places_of(good * treated - good * ~treated)


def perfect_uplift_places(good: Floats, treated: Marks) -> Integers:
    """The places of the perfect uplift curve, as scikit-uplift draws it."""
    responders, lost = (good * ~treated).sum(), ((1 - good) * treated).sum()
    second = good if responders > lost else treated.astype(np.float64)
    return places_of(2.0 * (good == treated) + second)


def qini(score: Floats, good: Floats, treated: Marks, weights: Floats | None = None) -> float:
    """Qini coefficient of a ranking by ``score`` (highest first), as ``sklift.metrics.qini_auc_score``.

    ``good`` is 1 where the outcome was the one wished for. NaN where it is not defined: an arm is empty, or nothing
    separates the perfect curve from a lot.
    """
    own = counts(places_of(score), good, treated, weights).qini_curve()
    perfect = counts(perfect_qini_places(good, treated), good, treated, weights).qini_curve()
    return float(coefficient(own, perfect))


def auuc(score: Floats, good: Floats, treated: Marks, weights: Floats | None = None) -> float:
    """Area under the uplift curve, as ``sklift.metrics.uplift_auc_score``; NaN as with `qini`."""
    own = counts(places_of(score), good, treated, weights).uplift_curve()
    perfect = counts(perfect_uplift_places(good, treated), good, treated, weights).uplift_curve()
    return float(coefficient(own, perfect))


def coefficient(curve: tuple[Floats, Floats], perfect: tuple[Floats, Floats]) -> Floats:
    """Area between a curve and the straight line to its end, over that of the perfect curve; of each resample."""
    end, height = perfect[0][-1], perfect[1][-1]
    straight = end * height / 2
    best = np.trapezoid(perfect[1], perfect[0], axis=0) - straight
    found = np.trapezoid(curve[1], curve[0], axis=0) - straight
    is_defined = best > LEAST_AREA * np.maximum(end, 1)
    return np.asarray(np.where(is_defined, found / np.where(is_defined, best, 1.0), np.nan))


def among_top(score: Floats, share: float) -> Floats:
    """How much each row belongs to the best ``share`` of all rows: 1, 0, or for equal scores at its edge a part of 1.

    So that a ranking without an order, where all scores are equal, treats a part of everybody, as a lot does.
    """
    wanted = share * len(score)
    place = places_of(score)
    sizes = np.bincount(place)
    before = np.cumsum(sizes) - sizes
    return np.asarray(np.clip((wanted - before) / sizes, 0.0, 1.0)[place])


def top_uplift(cells: Floats) -> Floats:
    """Share of good outcomes among the treated less that among controls, from the first place of `Counts.of`.

    NaN where an arm has nobody in it.
    """
    lost, good, treated_lost, treated_good = cells[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(treated_good / (treated_lost + treated_good) - good / (lost + good))


def uplift_at(share: float, score: Floats, good: Floats, treated: Marks, weights: Floats | None = None) -> float:
    """Difference of the share of good outcomes between the arms, among the best ``share`` of all rows, arms together.

    As ``sklift.metrics.uplift_at_k(strategy="overall")``, but for equal scores at the edge, which count in part (`among_top`).
    NaN where an arm has nobody among them.
    """
    member = among_top(score, share) * (1.0 if weights is None else weights)
    cell = cell_of(np.zeros(len(score), dtype=np.int64), good, treated)
    return float(top_uplift(np.bincount(cell, member, minlength=4).astype(np.float64)[None, :]))


def _over(part: Floats, whole: Floats) -> Floats:
    """The quotient; 0 of nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
