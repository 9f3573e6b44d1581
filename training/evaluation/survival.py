"""How good survival curves are against times that were only partly seen: ranking, Brier score and coverage.

A row is known by its ``days`` and whether its event was ``observed`` at them; a censored row is known to have had no
event in [0, days). Survival at a day is the probability that the event comes at that day or later. Rows that are lost
from sight are made up for by weighting the others with the inverse probability of being seen (IPCW).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]

BOOTSTRAP_ROUNDS = 40


@dataclass(frozen=True)
class StepCurve:
    """A Kaplan–Meier estimate: it falls at each of the ``times`` (days, ascending) to the value beside it."""

    times: Floats
    values: Floats

    def after(self, day: ArrayLike) -> Floats:
        """Probability to last longer than each day, shape of ``day``."""
        return self._at(np.searchsorted(self.times, day, "right"))

    def until(self, day: ArrayLike) -> Floats:
        """Probability to last at least to each day, shape of ``day``."""
        return self._at(np.searchsorted(self.times, day, "left"))

    def _at(self, place: Indices | np.int64) -> Floats:
        return np.concatenate([[1.0], self.values])[place]


def kaplan_meier(days: Floats, observed: Bools) -> StepCurve:
    """Survival of all rows together; Kaplan and Meier 1958.

    A row that is censored at a day was not seen on it, so it does not count among those at risk there.
    """
    return _product_limit(days, observed, at_risk_when_tied=False)


def censoring_curve(days: Floats, observed: Bools) -> StepCurve:
    """Probability that a row is still in sight: Kaplan–Meier with the roles of event and censoring exchanged."""
    return _product_limit(days, ~observed, at_risk_when_tied=True)


def _product_limit(days: Floats, ends: Bools, *, at_risk_when_tied: bool) -> StepCurve:
    """Product over distinct times of 1 - ends / at risk; rows that stop otherwise at that time are at risk or not."""
    times, place = np.unique(days, return_inverse=True)
    ended = np.bincount(place, weights=ends, minlength=len(times))
    stopped = np.bincount(place, minlength=len(times))
    at_risk = len(days) - np.cumsum(stopped) + (stopped if at_risk_when_tied else ended)
    falls = ended > 0
    return StepCurve(times[falls], np.cumprod(1 - ended[falls] / at_risk[falls]))


def concordance(days: Floats, observed: Bools, risk: Floats, until_day: float) -> float:
    """Chance that of two rows the one whose event comes first has the higher risk, ties by half; Uno et al. 2011.

    Only events before ``until_day`` count as the first of a pair. 0.5 says nothing of the order, 1 is perfect. Takes
    n log n steps. NaN when no pair can be compared.
    """
    first = observed & (days < until_day)
    weight = np.zeros(len(days))
    weight[first] = censoring_curve(days, observed).after(days[first]) ** -2.0
    rank = np.unique(risk, return_inverse=True)[1]
    # latest first, and of rows at one time the highest risk first: what is smaller and comes before is then later, too
    order = np.lexsort((-rank, -days))
    lower = np.zeros(len(days))
    lower[order] = _smaller_before(rank[order])
    ordered = np.sort(days)
    later = len(days) - np.searchsorted(ordered, days, "right")
    pairs = weight @ later
    return float(weight @ (lower + _equal_and_later(rank, days) / 2) / pairs) if pairs else float("nan")


def concordance_error(
    days: Floats, observed: Bools, risk: Floats, until_day: float, customers: ArrayLike, seed: int
) -> float:
    """Standard error of the concordance, from bootstrap samples of customers with all their rows; NaN as concordance."""
    generator = np.random.default_rng(seed)
    distinct, owner = np.unique(np.asarray(customers), return_inverse=True)
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = np.bincount(generator.integers(0, len(distinct), len(distinct)), minlength=len(distinct))
        rows = np.repeat(np.arange(len(days)), drawn[owner])
        values.append(concordance(days[rows], observed[rows], risk[rows], until_day))
    known = [value for value in values if not np.isnan(value)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else float("nan")


def brier_rows(days: Floats, observed: Bools, survival: Floats, at_days: Floats) -> Floats:
    """Each row's weighted squared error at each day, shape (rows, times); Graf et al. 1999.

    ``survival`` of shape (rows, times) holds the predicted probability that the event comes at the day or later. Means
    over the rows are Brier scores. Rows that were lost from sight before a day weigh nothing there.
    Raises ValueError: a day lies beyond the longest that any row was seen.
    """
    if np.max(at_days) > np.max(days):
        raise ValueError(f"nothing is seen of day {np.max(at_days):g}; the longest row ends at {np.max(days):g}")
    weights = seen_weights(days, observed, np.broadcast_to(at_days, survival.shape))
    return np.asarray(weights * ((days[:, None] >= at_days) - survival) ** 2)


def seen_weights(days: Floats, observed: Bools, at_days: Floats) -> Floats:
    """Weight of what is seen of each row at its day, shape of ``at_days`` ((rows,) or (rows, times)).

    Who had the event before the day stands for all who would have had it unseen, who was seen until then for all who
    lasted as long; who was lost before weighs 0.
    """
    censoring = censoring_curve(days, observed)
    beside = (len(days),) + (1,) * (at_days.ndim - 1)
    own, ended = days.reshape(beside), observed.reshape(beside)
    happened, lasted = ended & (own < at_days), own >= at_days
    probability = np.where(happened, censoring.after(own), censoring.until(at_days))
    return np.divide(1.0, probability, out=np.zeros(at_days.shape), where=happened | lasted)


def integrated(scores: Floats, at_days: Floats) -> Floats:
    """Mean over time of scores of shape (…, times), from 0 at day 0 to the last day, by trapezoids; shape (…)."""
    from_zero = np.concatenate([np.zeros((*scores.shape[:-1], 1)), scores], axis=-1)
    area = np.trapezoid(from_zero, np.concatenate([[0.0], at_days]), axis=-1)
    return np.asarray(area / at_days[-1])


def share_before(days: Floats, observed: Bools, at_days: Floats) -> float:
    """Share of rows whose event comes before a day of their own, shape (rows,); NaN when there is no row."""
    if not len(at_days):
        return float("nan")
    weights = seen_weights(days, observed, at_days)
    return float(weights @ (days < at_days) / weights.sum()) if weights.any() else float("nan")


def mean_and_error(values: Floats, customers: ArrayLike) -> tuple[float, float]:
    """Mean over rows and its standard error when the rows of one customer belong together."""
    distinct, owner = np.unique(np.asarray(customers), return_inverse=True)
    mean = float(values.mean())
    sums = np.bincount(owner, weights=values - mean)
    return mean, float(np.sqrt(sums @ sums * len(distinct) / max(len(distinct) - 1, 1)) / len(values))


def _smaller_before(ranks: Indices) -> Indices:
    """For each place how many smaller ranks come before it, shape (n,); splits by one binary digit after another."""
    counts = np.zeros(len(ranks), dtype=np.int64)
    order = np.arange(len(ranks))
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        group, digit = ranks[order] >> (bit + 1), (ranks[order] >> bit) & 1
        zeros = np.concatenate([[0], np.cumsum(1 - digit)])
        begin = np.searchsorted(group, group, "left")
        counts[order] += digit * (zeros[:-1] - zeros[begin])
        order = order[np.argsort(ranks[order] >> bit, kind="stable")]
    return counts


def _equal_and_later(rank: Indices, days: Floats) -> Indices:
    """For each row how many others of the same rank last longer, shape (rows,)."""
    place = np.unique(days, return_inverse=True)[1]
    key = rank * (int(place.max(initial=0)) + 1) + place
    ordered = np.sort(key)
    end_of_rank = np.searchsorted(np.sort(rank), rank, "right")
    return np.asarray(end_of_rank - np.searchsorted(ordered, key, "right"))
