"""A backtest: the whole training repeated as of past days, each judged on what came after.

Each test cut-off has its own models, fitted on cut-offs at least one horizon before it with labels as they were known on
that day; none has seen anything that a training on that day would not have seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.progress import Progress, silent
from features.project import Project
from features.sources import Facts, open_facts
from features.text import Text
from training.cutoffs import MOST_CUTOFFS, Schedule, schedule, step_of
from training.dataset import (
    LABEL,
    active_snapshots,
    at_cutoffs,
    check_as_of,
    check_enough,
    kind_of,
    span,
    training_features,
    with_labels,
)
from training.evaluation.metrics import Metrics, evaluate
from training.kinds.words import outcome_of
from training.models.fitting import Settings, baseline_probabilities, fit_candidates, latest_rows

Floats = NDArray[np.float64]

TESTS = 4
"""Test cut-offs by default."""


@dataclass(frozen=True)
class PastTraining:
    """One repetition: its cut-offs, its rows, and how each model did. ``chosen`` is what that day's training would serve."""

    test: datetime
    cutoffs: int
    rows: int
    chosen: str
    metrics: Mapping[str, Metrics]


@dataclass(frozen=True)
class Backtest:
    """All repetitions in order of time, and the rows of all tests together with what the models of their day said.

    ``rows`` has customer_id, as_of, ``churned`` and the features; ``probabilities`` by model name, "chosen" among them.
    ``skipped`` says of which test cut-offs nothing could be learnt, and why.
    """

    tests: tuple[PastTraining, ...]
    rows: pd.DataFrame
    probabilities: Mapping[str, Floats]
    baselines: tuple[str, ...]
    skipped: Mapping[datetime, Text]


CHOSEN = "chosen"


def mean_probability(result: Backtest, past: PastTraining) -> float:
    """The mean probability that the chosen model of one day gave: beside the share that left, how its level came out."""
    of_day = (result.rows["as_of"] == pd.Timestamp(past.test)).to_numpy()
    return float(result.probabilities[CHOSEN][of_day].mean())


def backtest(project: Project, as_of: datetime, seed: int, tests: int = TESTS, progress: Progress = silent) -> Backtest:
    """Train as of the last test cut-offs whose outcome is known before ``as_of``, and judge each on its outcome.

    Test cut-offs lie half a horizon apart at least, so that their outcomes are not the same days.
    Raises AsOfError, NotEnoughDataError: not a single test can be held; FactsError, ProjectError.
    """
    progress(Text("reading the facts", "读取数据"), 0.0)
    with open_facts(project) as facts:
        features, kind = training_features(facts), kind_of(facts)
        check_as_of(facts, as_of)
        plans = rolling(span(facts)[0], as_of.astimezone(project.timezone), project.churn.horizon_days, tests)
        cutoffs = sorted({c for plan in plans for c in (*plan.fit, plan.test)})
        progress(Text("features at {n} cut-offs", "计算 {n} 个截止时间的特征").format(n=len(cutoffs)), 0.05)
        active = active_snapshots(facts, cutoffs, features)
        names, outcome = [f.name for f in features], outcome_of(project.churn)
        settings = Settings(of_silence=kind.name == "silence")
        held, rows, probabilities, skipped = [], [], [], {}
        for number, plan in enumerate(plans):
            step = Text("training as of {day:%Y-%m-%d}", "以 {day:%Y-%m-%d} 为时点训练").format(day=plan.test)
            progress(step, 0.3 + 0.7 * number / len(plans))
            fit, test = _rows_of(facts, active, plan, as_of)
            try:
                check_enough(fit, outcome)
                check_enough(fit[latest_rows(fit)], outcome)
                check_enough(test, outcome)
            except NotEnoughDataError as error:
                skipped[plan.test] = error.text
                continue
            fitted = fit_candidates(fit, names, seed, settings)
            said = {name: model.probability(test) for name, model in fitted.items()}
            chosen = min(fitted, key=lambda name: fitted[name].held_out_log_loss)
            naive = baseline_probabilities(fit, test, kind.alone)
            said |= naive
            said[CHOSEN] = said[chosen]
            churned = test[LABEL].to_numpy(dtype=np.int64)
            metrics = {name: evaluate(churned, probability) for name, probability in said.items()}
            held.append(PastTraining(plan.test, len(plan.fit), len(fit), chosen, metrics))
            rows.append(test)
            probabilities.append(said)
    if not held:
        raise NotEnoughDataError(next(iter(skipped.values())))
    progress(Text("done", "完成"), 1.0)
    together = {name: np.concatenate([said[name] for said in probabilities]) for name in probabilities[0]}
    return Backtest(tuple(held), pd.concat(rows, ignore_index=True), together, tuple(naive), skipped)


def rolling(first_fact: datetime, as_of: datetime, horizon_days: int, tests: int) -> list[Schedule]:
    """The last ``tests`` trainings whose outcome is known at ``as_of``, half a horizon apart, in order of time.

    Raises NotEnoughDataError: the facts do not even span one training.
    """
    last = schedule(first_fact, as_of, horizon_days).test
    horizon, step = timedelta(days=horizon_days), step_of(horizon_days)
    apart = -(-horizon // (2 * step)) * step
    cutoffs = [last - n * step for n in range((last - first_fact - horizon) // step, -1, -1)]
    plans = []
    for test in (last - n * apart for n in reversed(range(tests))):
        fit = tuple(c for c in cutoffs if c + horizon <= test)[-MOST_CUTOFFS:]
        if fit:
            plans.append(Schedule(test + horizon, (*fit, test), fit, test))
    return plans


def _rows_of(facts: Facts, active: pd.DataFrame, plan: Schedule, as_of: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a training on the day of the test knew, and the test with what has come true since."""
    fit = with_labels(facts, active, plan.fit, plan.test)
    return fit, at_cutoffs(with_labels(facts, active, [plan.test], as_of), [plan.test])
