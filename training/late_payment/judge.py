"""The model beside what needs no model, on the latest rows: late or not, and on which day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.evaluation.metrics import evaluate, log_losses
from training.evaluation.survival import mean_and_error
from training.late_payment.grid import LATE_DAY, Floats, Outcomes
from training.models.churn import LogisticChurn

MODEL = "late_payment"
DUE_DAY = "due_day"
BASELINES: dict[str, str] = {"past_late_share": "late_share_365", "mean_days_late": "own_mean_late_days"}
"""Single columns of the customer's past, by name of the baseline; the third is the due day for all, at the usual rate."""

FOLLOWED_DAYS = 31.0
"""Dates are judged on invoices that were followed until so many days after their due day."""


@dataclass(frozen=True)
class Judged:
    """Figures by model and name, and whether the model may serve: no baseline is better by more than a standard error."""

    figures: dict[str, dict[str, float]]
    passed: bool


def judge(
    fit: pd.DataFrame,
    fit_outcomes: Outcomes,
    rows: pd.DataFrame,
    outcomes: Outcomes,
    late: Floats,
    days: tuple[Floats, ...],
) -> Judged:
    """Hold ``late`` and the expected ``days`` (early end, middle, late end) of the rows against what came true.

    Lateness is judged on rows that were not late when looked at and of which it is known; baselines learn from ``fit``.
    """
    is_late, known = outcomes.later_than(LATE_DAY)
    said = {MODEL: late[known], **_baseline_probabilities(fit, fit_outcomes, rows[known])}
    truth, customers = is_late[known], rows.loc[known, "customer_id"].to_numpy(dtype=object).astype(str)
    figures = {name: _late_figures(truth, probability) for name, probability in said.items()}
    losses = {name: log_losses(truth, probability) for name, probability in said.items()}
    gains = [mean_and_error(losses[name] - losses[MODEL], customers) for name in said if name != MODEL]
    for name, found in _date_figures(rows, outcomes, days).items():
        figures[name] |= found
    return Judged(figures, all(gain >= -error for gain, error in gains))


def _baseline_probabilities(fit: pd.DataFrame, outcomes: Outcomes, rows: pd.DataFrame) -> dict[str, Floats]:
    is_late, known = outcomes.later_than(LATE_DAY)
    learnt, truth = fit[known], is_late[known].astype(np.float64)
    said = {DUE_DAY: np.full(len(rows), truth.mean())}
    for name, column in BASELINES.items():
        log_odds = LogisticChurn.fit(learnt, truth, [column]).log_odds(rows)
        said[name] = np.asarray(1 / (1 + np.exp(-log_odds)))
    return said


def _late_figures(is_late: NDArray[np.int64], probability: Floats) -> dict[str, float]:
    if not 0 < is_late.sum() < len(is_late):
        return {"rows": float(len(is_late)), "late_share": float(is_late.mean()) if len(is_late) else 0.0}
    found = evaluate(is_late, probability)
    return {
        "rows": float(found.rows),
        "late_share": found.churn_rate,
        "auc": found.auc,
        "brier": found.brier,
        "log_loss": found.log_loss,
        "calibration_error": found.calibration_error,
    }


def _date_figures(rows: pd.DataFrame, outcomes: Outcomes, days: tuple[Floats, ...]) -> dict[str, dict[str, float]]:
    """Mean absolute error in days over paid invoices, and the share inside the interval (unpaid ones: beyond its end)."""
    seen = (outcomes.followed >= FOLLOWED_DAYS) & (outcomes.entry < LATE_DAY)
    early, middle, late = (np.where(np.isnan(own[seen]), np.inf, own[seen]) for own in days)
    paid, is_paid = np.minimum(outcomes.paid, 1e6)[seen], outcomes.observed[seen]
    if not is_paid.any():
        return {}
    entry = outcomes.entry[seen]
    own = rows.loc[seen, "own_mean_late_days"]
    average = np.maximum(own.fillna(own.mean()).to_numpy(dtype=np.float64), entry)
    at_most = FOLLOWED_DAYS * 4  # an expected day beyond the grid counts as far off, not as infinitely
    errors = {
        MODEL: np.minimum(middle, at_most),
        "mean_days_late": average,
        DUE_DAY: np.maximum(0.0, entry),
    }
    found = {
        name: {"days_absolute_error": float(np.abs(expected - paid)[is_paid].mean())}
        for name, expected in errors.items()
    }
    inside = (paid >= early) & (paid <= late)
    found[MODEL]["inside_interval"] = float(inside.mean())
    return found
