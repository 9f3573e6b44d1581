import json
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.models.churn import XGBoostChurn
from training.models.tree_shap import TreeShap, shapley_of_product

Floats = NDArray[np.float64]


def boosted(
    values: Floats | list[list[float]],
    target: Floats | list[float],
    rounds: int = 1,
    types: list[str] | None = None,
    **parameters: Any,
) -> xgb.Booster:
    """Trees without shrinkage, unless parameters say otherwise: leaves of the first one are the means of their rows."""
    plain = {"eta": 1, "lambda": 0, "base_score": 0, "min_child_weight": 0, "tree_method": "exact", "nthread": 1}
    data = xgb.DMatrix(np.asarray(values), label=target, feature_types=types, enable_categorical=types is not None)
    return xgb.train({**plain, **parameters}, data, rounds)


def ours(booster: xgb.Booster, values: Floats | list[list[float]]) -> Floats:
    tables = TreeShap.of(booster)
    assert tables is not None
    frame = pd.DataFrame(np.asarray(values, dtype=np.float64))
    return tables.contributions(frame, list(frame.columns))


def of_xgboost(booster: xgb.Booster, values: Floats, types: list[str] | None = None) -> Floats:
    data = xgb.DMatrix(values, feature_types=types, enable_categorical=types is not None)
    return np.asarray(booster.predict(data, pred_contribs=True)[:, :-1], dtype=np.float64)


def thresholds(booster: xgb.Booster) -> list[float]:
    """Where the trees split, in float32."""
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    return [
        float(np.float32(at))
        for tree in trees
        for at, child in zip(tree["split_conditions"], tree["left_children"], strict=True)
        if child != -1
    ]


def sums_of_leaves(booster: xgb.Booster, values: Floats) -> Floats:
    """The margin without base score, added up in float64."""
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    leaves = booster.predict(xgb.DMatrix(values), pred_leaf=True).reshape(len(values), -1).astype(int)
    by_tree = [np.asarray(tree["split_conditions"])[leaves[:, i]] for i, tree in enumerate(trees)]
    return np.asarray(np.sum(by_tree, axis=0))


FEVER_AND_COUGH = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


def test_fever_and_cough_share_the_risk_of_both_as_published_by_lundberg_and_others_in_2018() -> None:
    both = boosted(FEVER_AND_COUGH, [0, 0, 0, 80], max_depth=2)
    assert ours(both, FEVER_AND_COUGH)[3] == pytest.approx([30, 30])
    cough_counts_more = boosted(FEVER_AND_COUGH, [0, 10, 0, 90], max_depth=2)
    assert ours(cough_counts_more, FEVER_AND_COUGH)[3] == pytest.approx([30, 35])


def test_fever_without_cough_speaks_for_and_the_missing_cough_against() -> None:
    both = boosted(FEVER_AND_COUGH, [0, 0, 0, 80], max_depth=2)
    assert ours(both, FEVER_AND_COUGH)[[0, 2]] == pytest.approx(np.array([[-10, -10], [10, -30]]))


def shapley_by_definition(known: Floats, unknown: Floats) -> Floats:
    """What each player adds on entering, averaged over all orders."""
    players = len(known)
    found = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        factors = unknown.copy()
        for player in order:
            before = factors.prod()
            factors[player] = known[player]
            found[player] += factors.prod() - before
    return found / len(orders)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.floats(0, 1)), min_size=1, max_size=6))
def test_the_integral_over_instants_is_the_average_over_orders(players: list[tuple[float, float]]) -> None:
    known, unknown = np.array(players).T
    found = shapley_of_product(known[:, np.newaxis], unknown[:, np.newaxis])[:, 0]
    assert found == pytest.approx(shapley_by_definition(known, unknown), abs=1e-12)


def random_rows(seed: int, rows: int, features: int, missing: float, levels: int) -> Floats:
    """Values with ties; few levels make the same feature split often, and at the same place."""
    generator = np.random.default_rng(seed)
    values = generator.integers(0, levels, (rows, features)) / 4 - 3
    return np.where(generator.random((rows, features)) < missing, np.nan, values)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    depth=st.integers(1, 6),
    rounds=st.integers(1, 6),
    features=st.integers(1, 9),
    missing=st.sampled_from([0.0, 0.2, 0.8]),
    levels=st.sampled_from([2, 5, 60]),
    least=st.sampled_from([0.0, 1.0, 4.0]),
    gamma=st.sampled_from([0.0, 2.0]),
    method=st.sampled_from(["hist", "exact"]),
)
def test_any_model_is_explained_as_by_xgboost_and_adds_up_exactly(
    seed: int,
    depth: int,
    rounds: int,
    features: int,
    missing: float,
    levels: int,
    least: float,
    gamma: float,
    method: str,
) -> None:
    values = random_rows(seed, 120, features, missing, levels)
    generator = np.random.default_rng(seed + 1)
    target = (generator.random(120) < 0.2 + 0.6 * (np.nan_to_num(values).sum(axis=1) % 2 > 0.7)).astype(float)
    shape: dict[str, Any] = {
        "max_depth": depth,
        "min_child_weight": least,
        "lambda": 1,
        "eta": 0.5,
        "base_score": 0.5,
        "gamma": gamma,
    }
    booster = boosted(values, target, rounds, objective="binary:logistic", tree_method=method, **shape)
    at_splits = thresholds(booster) or [0.0]
    new = random_rows(seed + 2, 80, features, missing, levels)
    new[:40] = np.where(generator.random((40, features)) < 0.5, generator.choice(at_splits, (40, features)), new[:40])

    found = ours(booster, new)

    assert found == pytest.approx(of_xgboost(booster, new), abs=1e-5)
    rest = sums_of_leaves(booster, new) - found.sum(axis=1)
    assert rest == pytest.approx(np.full(len(new), rest.mean()), abs=1e-12)


def test_a_value_at_the_threshold_goes_right_once_it_is_rounded_to_single_precision() -> None:
    booster = boosted([[0.1], [0.3]], [0, 10], max_depth=1)
    [threshold] = thresholds(booster)
    below = float(np.nextafter(np.float32(threshold), np.float32(-1)))
    nearly = threshold - 1e-12
    assert ours(booster, [[below], [nearly], [threshold]])[:, 0] == pytest.approx([-5, 5, 5])
    assert of_xgboost(booster, np.array([[below], [nearly], [threshold]]))[:, 0] == pytest.approx([-5, 5, 5])


def test_what_is_missing_goes_the_way_that_was_learnt_for_it() -> None:
    for answer, contribution in ((0.0, -20 / 3), (20.0, 20 / 3)):
        rows = np.array([[1.0], [2.0], [np.nan]])
        booster = boosted(rows, [0, 20, answer], max_depth=1)
        assert ours(booster, rows)[2, 0] == pytest.approx(contribution, abs=1e-6)
        assert ours(booster, rows) == pytest.approx(of_xgboost(booster, rows), abs=1e-5)


def test_infinite_values_and_those_beyond_single_precision_lie_beyond_all_thresholds() -> None:
    values = random_rows(1, 200, 3, 0.1, 60)
    booster = boosted(values, np.nan_to_num(values).sum(axis=1), 5, max_depth=3)
    for far, farther in ((1e30, [np.inf, 1e300]), (-1e30, [-np.inf, -1e300])):
        expected = ours(booster, [[far, 0.0, far]])
        assert all((ours(booster, [[value, 0.0, value]]) == expected).all() for value in farther)


def test_a_feature_that_splits_again_and_again_on_one_path_gets_all_of_the_difference() -> None:
    values = np.arange(16.0)[:, np.newaxis]
    booster = boosted(values, values[:, 0], max_depth=4)
    assert ours(booster, values)[:, 0] == pytest.approx(values[:, 0] - 7.5, abs=1e-5)


def test_categories_go_the_way_they_were_learnt_and_unknown_ones_as_xgboost_sends_them() -> None:
    generator = np.random.default_rng(3)
    values = np.column_stack([generator.integers(0, 8, 400), generator.normal(size=400)]).astype(float)
    values[::9, 0] = np.nan
    target = np.isin(values[:, 0], [1, 4, 6]) * 2 + values[:, 1]
    types = ["c", "q"]
    booster = boosted(values, target, 6, types, max_depth=3, tree_method="hist", max_cat_to_onehot=2, eta=0.5)
    new = np.concatenate([values[:100], [[7, 0.0], [9, 0.0], [1_000, 0.0]]])
    assert ours(booster, new) == pytest.approx(of_xgboost(booster, new, types), abs=1e-5)
    assert np.abs(ours(booster, new)[:, 0]).max() > 0.5


def test_a_model_that_stopped_early_is_explained_with_all_the_trees_it_predicts_with() -> None:
    values = random_rows(5, 300, 4, 0.1, 60)
    noise = np.random.default_rng(6).normal(size=300)
    train, held_out = (xgb.DMatrix(values[part], label=noise[part]) for part in (slice(200), slice(200, 300)))
    settings_ = {"max_depth": 3, "eta": 0.5, "nthread": 1}
    booster = xgb.train(
        settings_, train, 50, evals=[(held_out, "held_out")], early_stopping_rounds=5, verbose_eval=False
    )
    assert booster.best_iteration + 1 < booster.num_boosted_rounds()
    rest = booster.predict(xgb.DMatrix(values), output_margin=True) - ours(booster, values).sum(axis=1)
    assert rest == pytest.approx(np.full(300, rest.mean()), abs=1e-5)


def test_trees_without_a_split_say_nothing_of_any_feature() -> None:
    booster = boosted(FEVER_AND_COUGH, [3, 3, 3, 3], 2, max_depth=2)
    assert not ours(booster, FEVER_AND_COUGH).any()
    assert ours(booster, FEVER_AND_COUGH).shape == (4, 2)


def test_blocks_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    values = random_rows(7, 100, 5, 0.2, 60)
    booster = boosted(values, np.nan_to_num(values).sum(axis=1), 4, max_depth=4)
    whole = ours(booster, values)
    monkeypatch.setattr("training.models.tree_shap.BLOCK_ROWS", 7)
    assert (ours(booster, values) == whole).all()
    assert ours(booster, np.empty((0, 5))).shape == (0, 5)


@pytest.mark.parametrize("shape", [{"max_depth": 9}, {"max_depth": 2, "booster": "dart"}])
def test_what_does_not_fit_into_tables_is_left_to_xgboost(shape: dict[str, Any]) -> None:
    values = np.random.default_rng(8).normal(size=(2_000, 3))
    booster = boosted(values, np.sin(9 * values).sum(axis=1), 2, **shape)
    assert TreeShap.of(booster) is None
    names = ("a", "b", "c")
    booster.feature_names = list(names)
    frame = pd.DataFrame(values, columns=list(names))
    by_model = XGBoostChurn(booster, names).contributions(frame)
    assert (by_model == booster.predict(xgb.DMatrix(frame), pred_contribs=True)[:, :-1]).all()
