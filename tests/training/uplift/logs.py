"""Treatment logs whose true effects are known."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.uplift.log import TreatmentLog, two_armed

Floats = NDArray[np.float64]


def features(rows: int, seed: int) -> pd.DataFrame:
    """``a`` and ``b`` are normal, ``often_missing`` is uniform where it is known, which is in two of three rows."""
    generator = np.random.default_rng(seed)
    known = np.where(generator.random(rows) < 1 / 3, np.nan, generator.random(rows))
    return pd.DataFrame({"a": generator.normal(size=rows), "b": generator.normal(size=rows), "often_missing": known})


def base_rate(frame: pd.DataFrame) -> Floats:
    """Probability of the outcome without any action; ``b`` drives it."""
    return np.asarray(0.15 + 0.5 / (1 + np.exp(-1.5 * frame["b"].to_numpy())))


def by_a(frame: pd.DataFrame) -> Floats:
    """An effect that ``a`` alone decides: from -.15 to .15."""
    return np.asarray(0.15 * np.tanh(2 * frame["a"].to_numpy()))


def by_risk(frame: pd.DataFrame) -> Floats:
    """An effect that is the larger the likelier the outcome is anyway."""
    return np.asarray(0.5 * (base_rate(frame) - 0.15))


def none_at_all(frame: pd.DataFrame) -> Floats:
    return np.zeros(len(frame))


def constant(frame: pd.DataFrame) -> Floats:
    """An action that does the same for everybody."""
    return np.full(len(frame), 0.1)


def half(frame: pd.DataFrame) -> Floats:
    return np.full(len(frame), 0.5)


def likelier_where_needed(frame: pd.DataFrame) -> Floats:
    """A lot that prefers those of whom the outcome is likely anyway."""
    return np.asarray(0.2 + 0.6 / (1 + np.exp(-2 * frame["b"].to_numpy())))


def log_of(
    rows: int,
    effect: Callable[[pd.DataFrame], Floats],
    seed: int,
    propensity: Callable[[pd.DataFrame], Floats] = half,
    is_wanted: bool = True,
) -> TreatmentLog:
    """A log of the action ``call``; where the outcome is dreaded, ``effect`` is what it takes off its probability."""
    frame, generator = features(rows, seed), np.random.default_rng([seed, 1])
    chance = propensity(frame)
    treated = generator.random(rows) < chance
    sign = 1.0 if is_wanted else -1.0
    outcome = generator.random(rows) < base_rate(frame) + sign * effect(frame) * treated
    return TreatmentLog(
        features=frame,
        actions=("call",),
        arm=treated.astype(np.int64),
        propensities=two_armed(chance),
        outcome=outcome.astype(np.float64),
        is_wanted=is_wanted,
        cluster=np.arange(rows),
        value=np.random.default_rng([seed, 2]).gamma(2, 100, rows),
    )


def three_armed(rows: int, seed: int) -> TreatmentLog:
    """Control (.5), ``call`` (.3), which changes what `by_a` says, and ``visit`` (.2), which changes .2 less that."""
    frame, generator = features(rows, seed), np.random.default_rng([seed, 1])
    arm = generator.choice(3, rows, p=[0.5, 0.3, 0.2])
    return TreatmentLog(
        features=frame,
        actions=("call", "visit"),
        arm=arm,
        propensities=np.tile([0.5, 0.3, 0.2], (rows, 1)),
        outcome=(generator.random(rows) < expected(frame)[np.arange(rows), arm]).astype(np.float64),
        is_wanted=True,
        cluster=np.arange(rows),
    )


def expected(frame: pd.DataFrame) -> Floats:
    """The true probability of the outcome in each arm of `three_armed`, shape (rows, 3)."""
    base = base_rate(frame)
    return np.clip(np.column_stack([base, base + by_a(frame), base + 0.2 - by_a(frame)]), 0, 1)
