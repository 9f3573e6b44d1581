"""The leaves that rows reach, beside XGBoost's own predictions."""

import numpy as np
import pytest
import xgboost as xgb
from numpy.typing import NDArray

from training.late_payment.hazards import PARAMETERS
from training.late_payment.leaves import Leaves

COLUMNS = 6


def values(rows: int, seed: int) -> NDArray[np.float32]:
    """Rows with whole numbers, so that many lie on a threshold's side by a hair, and one value in five missing."""
    rng = np.random.default_rng(seed)
    found = np.column_stack([rng.integers(-5, 6, (rows, 3)), rng.normal(size=(rows, 3))]).astype(np.float32)
    found[rng.random(found.shape) < 0.2] = np.nan
    return found


def grown(rounds: int) -> xgb.Booster:
    """Trees for a truth that needs all columns, and knows what is missing."""
    rows = values(4_000, 1)
    score = np.nan_to_num(rows, nan=1.0) @ np.array([0.4, -0.3, 0.2, 1.0, -1.0, 0.5])
    paid = np.random.default_rng(2).random(len(rows)) < 1 / (1 + np.exp(-score))
    return xgb.train({**PARAMETERS, "seed": 3}, xgb.DMatrix(rows, label=paid), rounds)


@pytest.fixture(scope="module")
def booster() -> xgb.Booster:
    return grown(40)


def margins(booster: xgb.Booster, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    said: NDArray[np.float32] = booster.inplace_predict(
        rows, predict_type="margin", base_margin=np.zeros(len(rows), dtype=np.float32)
    )
    return said


def test_the_sums_are_xgboosts_also_where_values_are_missing_or_on_a_threshold(booster: xgb.Booster) -> None:
    leaves = Leaves.of(booster)
    thresholds = np.concatenate([own.thresholds for own in leaves.splits.values()])
    rows = values(2_000, 4)
    rows[:, 4] = np.random.default_rng(5).choice(thresholds, len(rows))
    assert np.abs(leaves.sums(leaves.reached(range(COLUMNS), rows)) - margins(booster, rows)).max() < 1e-5


def test_each_row_reaches_one_leaf_of_each_tree(booster: xgb.Booster) -> None:
    reached = Leaves.of(booster).reached(range(COLUMNS), values(500, 6))
    assert (reached > 0).all()
    assert (reached & (reached - 1) == 0).all()


def test_columns_may_be_looked_up_in_turn_and_the_first_again_and_again(booster: xgb.Booster) -> None:
    leaves, rows, later = Leaves.of(booster), values(500, 7), values(500, 8)
    kept = leaves.reached([0, 2, 3], rows[:, [0, 2, 3]])
    before = kept.copy()
    for changed in (rows, later):
        both = rows.copy()
        both[:, [1, 4, 5]] = changed[:, [1, 4, 5]]
        reached = leaves.reached([1, 4, 5], changed[:, [1, 4, 5]], kept)
        assert np.abs(leaves.sums(reached) - margins(booster, both)).max() < 1e-5
    assert (kept == before).all()


def test_a_tree_without_a_split_gives_its_only_leaf_to_all() -> None:
    rows = values(200, 9)
    booster = xgb.train({**PARAMETERS, "min_child_weight": 1e6}, xgb.DMatrix(rows, label=np.arange(200) % 4 == 0), 2)
    leaves = Leaves.of(booster)
    assert leaves.splits == {}
    assert np.abs(leaves.sums(leaves.reached(range(COLUMNS), rows)) - margins(booster, rows)).max() < 1e-5
