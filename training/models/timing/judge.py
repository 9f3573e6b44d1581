"""How good curves are on rows that the model has not seen, beside baselines on the same rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.durations import Durations
from training.evaluation.survival import (
    brier_rows,
    concordance,
    concordance_error,
    integrated,
    mean_and_error,
    share_before,
)
from training.models.timing.baselines import MARGINAL
from training.models.timing.curves import SurvivalCurves

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TimingMetrics:
    """Metrics of one set of curves on one test, all up to ``until_day``; what cannot be said is NaN.

    ``concordance``: of two customers, how often the one expected earlier acts first. ``integrated_brier``: mean squared
    error of survival over time, lower is better; ``brier_gain`` is how much lower it is than that of the marginal curve.
    ``before_interval`` and ``after_interval``: shares of events before the early and after the late end of the 80 %
    interval, among customers whose end could be watched; 0.1 each is right. ``inside_interval``: among those whose
    both ends could be, 0.8 is right; ``interval_seen`` says how many these are. ``_error`` marks standard errors.
    """

    rows: int
    observed_share: float
    until_day: float
    concordance: float
    concordance_error: float
    integrated_brier: float
    integrated_brier_error: float
    brier_gain: float
    brier_gain_error: float
    before_interval: float
    after_interval: float
    inside_interval: float
    interval_seen: float

    def as_dict(self) -> dict[str, float]:
        """The metrics by name, as MLflow takes them, without those that cannot be said."""
        return {name: float(value) for name, value in asdict(self).items() if np.isfinite(value)}


def judge_timing(
    curves: Mapping[str, SurvivalCurves], test: pd.DataFrame, durations: Durations, seed: int = 0
) -> dict[str, TimingMetrics]:
    """Metrics of each set of curves by name, on the rows of ``test``; 'marginal' has to be among them.

    Judged is up to the last edge of the marginal curves that was watched. ``test`` has ``customer_id``; a customer's
    rows count as one in the standard errors.
    Raises ValueError: not even the first edge was watched.
    """
    edges = curves[MARGINAL].edges_days[1:]
    watched = edges[edges <= durations.days.max(initial=0.0)]
    if not len(watched):
        raise ValueError("the test was not watched to the end of the first interval")
    until = float(watched[-1])
    customers = test["customer_id"].to_numpy(dtype=object).astype(str)
    marginal = row_errors(curves[MARGINAL], durations, until)
    return {name: _metrics(own, durations, until, marginal, customers, seed) for name, own in curves.items()}


def row_errors(curves: SurvivalCurves, durations: Durations, until_day: float) -> Floats:
    """Each row's squared error of survival, its mean over time up to an edge of the grid, shape (rows,).

    Their mean is the integrated Brier score; the mean of differences between two models has its own standard error.
    Raises ValueError: nothing was watched for that long.
    """
    at_days = curves.edges_days[(curves.edges_days > 0) & (curves.edges_days <= until_day)]
    scores = brier_rows(durations.days, durations.observed, curves.survival_at(at_days), at_days)
    return integrated(scores, at_days)


def _metrics(
    curves: SurvivalCurves,
    durations: Durations,
    until: float,
    marginal: Floats,
    customers: NDArray[np.str_],
    seed: int,
) -> TimingMetrics:
    days, observed = durations.days, durations.observed
    risk, errors = -curves.restricted_mean_days(), row_errors(curves, durations, until)
    (brier, brier_error), (gain, gain_error) = (mean_and_error(e, customers) for e in (errors, marginal - errors))
    low, high = curves.interval_days()
    low_seen, high_seen = low <= until, high <= until
    return TimingMetrics(
        rows=len(days),
        observed_share=float(observed.mean()),
        until_day=until,
        concordance=concordance(days, observed, risk, until),
        concordance_error=concordance_error(days, observed, risk, until, customers, seed),
        integrated_brier=brier,
        integrated_brier_error=brier_error,
        brier_gain=gain,
        brier_gain_error=gain_error,
        before_interval=_before(durations, low, low_seen),
        after_interval=1 - _before(durations, high, high_seen),
        inside_interval=_before(durations, high, high_seen) - _before(durations, low, high_seen),
        interval_seen=float(high_seen.mean()),
    )


def _before(durations: Durations, day: Floats, seen: NDArray[np.bool_]) -> float:
    chosen = durations.take(seen)
    return share_before(chosen.days, chosen.observed, day[seen])
