"""Fitting the candidates, choosing among them on held-out customers, and keeping the choice as files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.durations import Durations
from training.evaluation.survival import mean_and_error
from training.models.fitting import latest_rows
from training.models.timing.curves import SurvivalCurves
from training.models.timing.hazards import (
    KINDS,
    BlendHazard,
    BoostedHazard,
    HazardModel,
    LogisticHazard,
    cumulative_hazard,
)
from training.models.timing.periods import PersonPeriods, grid_edges, person_periods, too_few_events

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_VALUES = 2_000_000
"""Rows times features; rows beyond these are left out by lot: a customer's neighbouring cut-offs say nearly the same."""
HELD_OUT_SHARE = 1 / 3
ROWS_AT_ONCE = 50_000
GOLDEN_ROWS = 20
GOLDEN_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Timing:
    """A model of when, for customers as of a cut-off. ``held_out_loss`` is that of each candidate, in nats a row."""

    model: HazardModel
    horizon_days: int
    held_out_loss: dict[str, float]

    @property
    def edges_days(self) -> Floats:
        """Ends of the intervals of its curves."""
        return self.model.edges

    def curves(self, frame: pd.DataFrame) -> SurvivalCurves:
        """Survival of each row of a snapshot; ``frame`` holds the feature columns."""
        parts = [
            cumulative_hazard(self.model, frame.iloc[begin : begin + ROWS_AT_ONCE])
            for begin in range(0, len(frame), ROWS_AT_ONCE)
        ]
        return SurvivalCurves(self.edges_days, np.concatenate([np.zeros((0, len(self.edges_days))), *parts]))


def fit_timing(
    frame: pd.DataFrame, durations: Durations, features: Sequence[str], horizon_days: int, seed: int
) -> Timing:
    """The candidate that held-out customers speak for (see `choose`), fitted again on all rows.

    ``frame`` has ``customer_id``, ``as_of`` and the features; ``durations`` belong to its rows. A third of the customers
    is held out, at the later half of the cut-offs, to find the number of boosting rounds and to choose.
    Raises NotEnoughDataError: hardly any event was seen, or only one customer's.
    """
    edges = grid_edges(durations, horizon_days)
    generator = np.random.default_rng(seed)
    most_rows = MOST_VALUES // len(features)
    if len(frame) > most_rows:
        drawn = np.sort(generator.choice(len(frame), most_rows, replace=False))
        frame, durations = frame.iloc[drawn], durations.take(drawn)
    periods = person_periods(durations, edges)
    train, held_out = _split(frame, periods, generator)
    for part in (train, held_out):
        if not 0 < part.event.sum() < len(part.event):
            raise too_few_events(int(part.event.sum()), len(np.unique(part.row)), edges[-1])
    trees = BoostedHazard.fit_until_flat(frame, train, held_out, features, edges, seed)
    regression = LogisticHazard.fit(frame, train, features, edges)
    candidates: list[HazardModel] = [trees, regression, BlendHazard(trees, regression)]
    losses = {model.kind: _row_losses(model, frame, held_out) for model in candidates}
    chosen = choose(losses, frame["customer_id"].to_numpy(dtype=object)[np.unique(held_out.row)].astype(str))
    model = _fit(chosen, frame, periods, features, edges, trees.rounds, seed)
    return Timing(model, horizon_days, {kind: float(own.mean()) for kind, own in losses.items()})


def choose(losses: Mapping[str, Floats], customers: NDArray[np.str_]) -> str:
    """The blend, unless another candidate's loss is lower by more than a standard error; then the lowest.

    ``losses`` of shape (rows,) are those of held-out rows, whose ``customers`` belong together. Held-out customers stand
    at the same cut-offs as those learnt from and do not show how a candidate drifts; the mean of two drifts less.
    """
    lowest = min(losses, key=lambda kind: float(losses[kind].mean()))
    gain, error = mean_and_error(losses[BlendHazard.kind] - losses[lowest], customers)
    return lowest if gain > error else BlendHazard.kind


def agreeing_with_churn(
    curves: SurvivalCurves, kind: str, horizon_days: int, churn_probability: Floats
) -> SurvivalCurves:
    """The curves with their shapes, through the churn model's calibrated probability at its horizon.

    Kind 'silence': the probability that nothing is bought until then, which is survival. Kind 'contract': that the
    contract ends until then, which is one less survival.
    Raises ValueError: the curves do not reach to the horizon.
    """
    survival = churn_probability if kind == "silence" else 1 - churn_probability
    return curves.rescaled(horizon_days, survival)


def save_timing(timing: Timing, frame: pd.DataFrame, directory: Path) -> None:
    """Write a model into an empty directory, with the curves of the first rows of ``frame`` as golden."""
    golden = frame[list(timing.model.features)].head(GOLDEN_ROWS)
    document = {
        "kind": timing.model.kind,
        "features": list(timing.model.features),
        "edges_days": timing.edges_days.tolist(),
        "horizon_days": timing.horizon_days,
        "held_out_loss": timing.held_out_loss,
        "golden": {
            "rows": [[None if np.isnan(v) else v for v in row] for row in golden.to_numpy(dtype=np.float64).tolist()],
            "cumulative_hazard": timing.curves(golden).cumulative_hazard.tolist(),
        },
    }
    timing.model.save(directory)
    (directory / "timing.json").write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")


def load_timing(directory: Path) -> Timing:
    """Read a model and predict its golden curves again.

    Raises ModelError: a file is missing or unreadable, or the golden curves come out differently.
    """
    try:
        document: dict[str, Any] = json.loads((directory / "timing.json").read_text(encoding="utf-8"))
        edges = np.asarray(document["edges_days"], dtype=np.float64)
        model = KINDS[document["kind"]].load(directory, tuple(document["features"]), edges)
        timing = Timing(model, int(document["horizon_days"]), dict(document["held_out_loss"]))
        difference = _golden_difference(timing, document["golden"])
    except (OSError, AttributeError, IndexError, KeyError, TypeError, ValueError, xgb.core.XGBoostError) as fault:
        raise ModelError(
            Text(
                "The model of times in {directory} cannot be read: {fault}. Train again with 'retinue train'.",
                "无法读取 {directory} 中的时间模型：{fault}。请用“retinue train”重新训练。",
            ),
            directory=directory,
            fault=fault,
        ) from fault
    if not difference <= GOLDEN_TOLERANCE:  # also when it is not a number
        raise ModelError(
            Text(
                "The model of times in {directory} no longer gives its own golden curves (off by {difference:.2g}); the"
                " libraries or the files have changed. Train again with 'retinue train'.",
                "{directory} 中的时间模型无法重现其基准曲线（相差 {difference:.2g}）；库或文件已改变。"
                "请用“retinue train”重新训练。",
            ),
            directory=directory,
            difference=difference,
        )
    return timing


def _golden_difference(timing: Timing, golden: dict[str, Any]) -> float:
    """The most by which a golden row's survival differs from the stored one."""
    rows = pd.DataFrame(golden["rows"], columns=list(timing.model.features), dtype=np.float64)
    stored = np.asarray(golden["cumulative_hazard"], dtype=np.float64)
    if not 0 < len(rows) == len(stored):
        raise ValueError(f"{len(rows)} golden rows for {len(stored)} curves")
    return float(np.max(np.abs(np.exp(-timing.curves(rows).cumulative_hazard) - np.exp(-stored))))


def _split(
    frame: pd.DataFrame, periods: PersonPeriods, generator: np.random.Generator
) -> tuple[PersonPeriods, PersonPeriods]:
    """Person-periods to fit on and to hold out, of disjoint customers.

    Only the later half of the cut-offs is held out, as for the churn model, unless nothing has been seen of it.
    """
    customers, owner = np.unique(frame["customer_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    is_held_out = (generator.permutation(len(customers)) < len(customers) * HELD_OUT_SHARE)[owner]
    held_out = is_held_out & latest_rows(frame)
    if not held_out[periods.row].any():
        held_out = is_held_out
    return _of(periods, ~is_held_out), _of(periods, held_out)


def _of(periods: PersonPeriods, rows: Bools) -> PersonPeriods:
    """The person-periods of some rows of the frame, given by mark."""
    chosen = rows[periods.row]
    return PersonPeriods(periods.row[chosen], periods.interval[chosen], periods.event[chosen])


def _fit(
    kind: str,
    frame: pd.DataFrame,
    periods: PersonPeriods,
    features: Sequence[str],
    edges: Floats,
    rounds: int,
    seed: int,
) -> HazardModel:
    if kind == LogisticHazard.kind:
        return LogisticHazard.fit(frame, periods, features, edges)
    trees = BoostedHazard.fit(frame, periods, features, edges, rounds, seed)
    if kind == BoostedHazard.kind:
        return trees
    return BlendHazard(trees, LogisticHazard.fit(frame, periods, features, edges))


def _row_losses(model: HazardModel, frame: pd.DataFrame, periods: PersonPeriods) -> Floats:
    """Minus the log-likelihood of each row that has person-periods, in nats, by rising position; shape (rows,)."""
    log_odds = model.log_odds(frame.iloc[periods.row], periods.interval)
    losses = np.logaddexp(0, log_odds) - periods.event * log_odds
    return np.asarray(np.bincount(np.unique(periods.row, return_inverse=True)[1], weights=losses), dtype=np.float64)
