"""Judgements to measure: written by hand, and drawn from a seed with probabilities that are true."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.evaluation.judged import Judged

Outcomes = tuple[NDArray[np.int64], NDArray[np.float64]]


def arrays(churned: Sequence[int], probability: Sequence[float]) -> Outcomes:
    return np.asarray(churned, dtype=np.int64), np.asarray(probability, dtype=np.float64)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcomes:
    """Outcomes of both kinds with probabilities, many of them tied."""
    rows = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=5, max_size=60))
    churned, twentieths = zip(*rows, strict=True)
    return arrays([0, 1, *churned], [0.3, 0.7, *(t / 20 for t in twentieths)])


def by_hand(
    churned: Sequence[int],
    probability: Sequence[float],
    value: Sequence[float] | None = None,
    customers: Sequence[str] | None = None,
    **columns: Sequence[object],
) -> Judged:
    """A judgement of one model, 'model', at one cut-off unless ``as_of`` is among the columns."""
    rows = pd.DataFrame(
        {
            "customer_id": customers or [f"C{i}" for i in range(len(churned))],
            "as_of": pd.Timestamp("2026-01-01", tz="UTC"),
            "churned": churned,
            "value_at_stake": value or [100.0] * len(churned),
            **columns,
        }
    )
    return Judged(rows, {"model": np.asarray(probability, dtype=np.float64)}, "model")


def drawn(rows: int, seed: int = 0, cutoffs: int = 3) -> Judged:
    """Customers with several rows each; 'model' says the true probability, 'blunt' less, 'base_rate' the same for all."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-1, 1.2, rows)
    probability = 1 / (1 + np.exp(-log_odds))
    churned = (generator.random(rows) < probability).astype(int)
    blunt = 1 / (1 + np.exp(-(0.5 * log_odds - 0.5 + generator.normal(0, 0.5, rows))))
    days = pd.date_range("2026-01-01", periods=cutoffs, freq="30D", tz="UTC")
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{i % (rows // 2)}" for i in range(rows)],
            "as_of": days[np.arange(rows) * cutoffs // rows],
            "churned": churned,
            "value_at_stake": np.where(generator.random(rows) < 0.1, np.nan, generator.lognormal(6, 1, rows)),
            "segment": generator.choice(["Champions", "At risk", "新客户"], rows, p=[0.6, 0.395, 0.005]),
        }
    )
    constant = np.full(rows, churned.mean())
    return Judged(frame, {"model": probability, "blunt": blunt, "base_rate": constant}, "model")
