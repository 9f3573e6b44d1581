"""Fitting the credit score: a readable scorecard beside boosted trees, judged out of time beside the naive ones."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue import Feature
from features.errors import NotEnoughDataError
from features.own_features import all_features
from features.progress import Progress, silent
from features.sources import Facts
from features.text import Text
from training.credit_score.five_cs import BY_FEATURE, SIGNS
from training.credit_score.model import CLASSES, CreditScore
from training.credit_score.outcomes import labelled_rows
from training.cutoffs import schedule
from training.dataset import LABEL, at_cutoffs
from training.evaluation.metrics import evaluate, log_losses
from training.late_payment.bills import BILLS, bills
from training.models.binned import BinnedLogisticChurn
from training.models.calibration import Calibrator
from training.models.fitting import Fitted, churned_of, fit_xgboost, folds_of, held_out_rows

Floats = NDArray[np.float64]

NOISE_ERRORS = 1.645
"""How many standard errors the trees must be better by before they take the place of the card that people can read."""
EVERY = 2
"""Of the cut-offs of a churn training so many are one of ours: customers pay by the month, and are seen often enough."""
LOST_AFTER_DAYS = 365
LEAST_BAD = 30
LEAST_CUSTOMERS = 100
BOUNDS_OF_BASE_RATE = (0.25, 0.5, 1.0, 2.0)
"""Classes B, C, D and E begin at these multiples of the base rate, unless the project sets its own."""
HIGHEST_BOUND = 0.9
NAIVE = {"late_share": "late_share_365d", "overdue_now": "overdue_of_open_share"}
SCORECARD, TREES = BinnedLogisticChurn.kind, "xgboost"


def fit_credit_score(facts: Facts, as_of: datetime, seed: int, progress: Progress = silent) -> CreditScore:
    """The credit score as of an instant (aware), learnt from facts known before it.

    The scorecard serves unless the trees' log-loss on the last cut-off is lower by more than noise.
    Raises NotEnoughDataError: too few customers, too few of them overdue, too short a history, or nothing beats the base
    rate; ProjectError: the tables do not tell which invoices are paid.
    """
    settings = facts.project.credit
    features = features_of(facts)
    with bills(facts, as_of):
        plan = schedule(_first_issue(facts, as_of), as_of, settings.horizon_days)
        cutoffs = plan.labelled[::-EVERY][::-1]
        said = Text("who grew overdue after {n} cut-offs", "{n} 个截止时间之后的逾期情况")
        progress(said.format(n=len(cutoffs)), 0.1)
        rows = labelled_rows(facts, cutoffs, features, settings.horizon_days, settings.overdue_days)
        lost = _loss_share(facts, as_of)
    names = [f.name for f in features if f.name in BY_FEATURE]
    fit, test = at_cutoffs(rows, plan.fit), at_cutoffs(rows, [plan.test])
    for part in (fit, test):
        _check(part, settings.overdue_days)
    progress(Text("fitting scorecard and trees", "拟合评分卡与提升树"), 0.4)
    judged = {kind: _fitted(kind, fit, names, seed) for kind in (SCORECARD, TREES)}
    probabilities = {kind: one.probability(test) for kind, one in judged.items()}
    naive = {"base_rate": np.full(len(test), churned_of(fit).mean())} | {
        name: BinnedLogisticChurn.fit(fit, churned_of(fit), [column]).log_odds(test)
        for name, column in NAIVE.items()
        if column in names
    }
    naive |= {name: 1 / (1 + np.exp(-naive[name])) for name in NAIVE if name in naive}
    chosen = _chosen(test, probabilities, naive)
    outcomes = test[LABEL].to_numpy(dtype=np.int64)
    metrics = {name: evaluate(outcomes, p).as_dict() for name, p in (probabilities | naive).items()}
    progress(Text("fitting on all cut-offs", "用全部截止时间拟合"), 0.8)
    served = _fitted(chosen, rows, names, seed)
    rate = float(churned_of(rows).mean())
    score = CreditScore(
        model=served.model,
        calibrator=served.calibrator,
        base_rate=rate,
        bounds=settings.class_rates or _bounds(rate),
        horizon_days=settings.horizon_days,
        overdue_days=settings.overdue_days,
        as_of=as_of.isoformat(),
        metrics=metrics,
        loss_share=lost,
    )
    return _with_classes(score, probabilities[chosen], outcomes)


def _first_issue(facts: Facts, as_of: datetime) -> datetime:
    [(first,)] = facts.connection.sql(f"SELECT min(issued_day) FROM {BILLS}").fetchall()
    if first is None:
        raise NotEnoughDataError(
            Text("No invoice is known before {as_of:%Y-%m-%d}.", "{as_of:%Y-%m-%d} 之前没有任何发票。"), as_of=as_of
        )
    return datetime(first.year, first.month, first.day, tzinfo=facts.project.timezone)


def _loss_share(facts: Facts, as_of: datetime) -> float:
    """Of the money that fell due more than a year ago, the share that has never come in; 0 where none did."""
    asked = f"""SELECT coalesce(sum(amount) FILTER (settled_day IS NULL) / nullif(sum(amount), 0), 0)
        FROM {BILLS} WHERE due_day < $day"""
    day = as_of.astimezone(facts.project.timezone).date() - timedelta(days=LOST_AFTER_DAYS)
    [(share,)] = facts.connection.execute(asked, {"day": day}).fetchall()
    return float(share)


def _check(rows: pd.DataFrame, overdue_days: int) -> None:
    bad, customers = int(rows[LABEL].sum()), rows["customer_id"].nunique()
    if bad < LEAST_BAD or len(rows) - bad < LEAST_BAD or customers < LEAST_CUSTOMERS:
        raise NotEnoughDataError(
            Text(
                "Of {customers:,} customers with something to pay {bad:,} times one grew more than {days} days overdue; a"
                " credit score needs {least} customers, and {each} times of each outcome. Give a longer history, or set"
                " [credit] overdue_days.",
                "在有应付款的 {customers:,} 位客户中，逾期超过 {days} 天共 {bad:,} 次；信用评分至少需要 {least} 位客户，"
                "且两种结果各 {each} 次。请提供更长的历史，或调整 [credit] 的 overdue_days。",
            ),
            customers=customers,
            bad=bad,
            days=overdue_days,
            least=LEAST_CUSTOMERS,
            each=LEAST_BAD,
        )


def _fitted(kind: str, rows: pd.DataFrame, names: Sequence[str], seed: int) -> Fitted:
    """The model with a calibrator from customers that it had not seen."""
    if kind == TREES:
        return fit_xgboost(rows, names, seed)
    bad, folds = churned_of(rows), folds_of(rows)
    held_out = np.concatenate(
        [
            BinnedLogisticChurn.fit(rows.iloc[fit], bad[fit], names, (), SIGNS).log_odds(rows.iloc[out])
            for fit, out in folds
        ]
    )
    seen = rows.iloc[held_out_rows(folds)]
    outcomes = churned_of(seen).astype(np.int64)
    calibrator = Calibrator.fit(held_out, outcomes, seed, seen["customer_id"], seen["as_of"])
    loss = float(log_losses(outcomes, calibrator.probability(held_out)).mean())
    return Fitted(BinnedLogisticChurn.fit(rows, bad, names, (), SIGNS), calibrator, loss)


def _chosen(test: pd.DataFrame, models: dict[str, Floats], naive: dict[str, Floats]) -> str:
    """The scorecard, or the trees where they are better beyond noise. Raises NotEnoughDataError: neither beats the naive."""
    outcomes = test[LABEL].to_numpy(dtype=np.int64)
    losses = {name: log_losses(outcomes, p) for name, p in (models | naive).items()}
    gain = losses[SCORECARD] - losses[TREES]
    chosen = TREES if gain.mean() > NOISE_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain)) else SCORECARD
    best = min(naive, key=lambda name: losses[name].mean())
    if losses[chosen].mean() >= losses[best].mean():
        raise NotEnoughDataError(
            Text(
                "No credit score beats the naive one ({name}: log-loss {naive:.4f}, the model's {model:.4f}) on the last"
                " cut-off. Give a longer history of invoices.",
                "在最近的截止时间上，信用评分未能优于简单方法（{name}：对数损失 {naive:.4f}，模型为 {model:.4f}）。请提供更长的发票历史。",
            ),
            name=best,
            naive=float(losses[best].mean()),
            model=float(losses[chosen].mean()),
        )
    return chosen


def _bounds(rate: float) -> tuple[float, float, float, float]:
    first, second, third, fourth = (min(rate * times, HIGHEST_BOUND) for times in BOUNDS_OF_BASE_RATE)
    return (first, second, third, fourth)


def _with_classes(score: CreditScore, probability: Floats, outcomes: NDArray[np.int64]) -> CreditScore:
    """The score with what came true in each class on the test, by the model that did not know it."""
    places = np.searchsorted(score.bounds, probability, "right")
    sizes = np.bincount(places, minlength=len(CLASSES))
    bad = np.bincount(places, weights=outcomes, minlength=len(CLASSES))
    rates = tuple(float(b / n) if n else None for b, n in zip(bad, sizes, strict=True))
    return replace(score, class_rates=rates, class_sizes=tuple(int(n) for n in sizes))


def features_of(facts: Facts) -> tuple[Feature, ...]:
    """The features that rate a customer, and the one that says whether it has a history."""
    return tuple(f for f in all_features(facts) if f.name in BY_FEATURE or f.name == "invoices_365d")
