from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.errors import ModelError
from tests.training.companies import FEATURES, learnable
from tests.training.models.test_stored import stored_model
from training.models.compiled import CompiledModel, CompiledTrees, ExplainedByRow, graph_of
from training.models.stored import load_model, save_model

Floats = NDArray[np.float64]
ROWS = learnable(800)


def boosted(values: Floats, target: Floats, types: list[str] | None = None, **parameters: object) -> xgb.Booster:
    data = xgb.DMatrix(values, label=target, feature_types=types, enable_categorical=types is not None)
    plain = {"objective": "binary:logistic", "nthread": 1, "tree_method": "hist", "min_child_weight": 0}
    return xgb.train({**plain, **parameters}, data, 12)


def margins(booster: xgb.Booster, values: Floats, types: list[str] | None = None) -> Floats:
    data = xgb.DMatrix(values, feature_types=types, enable_categorical=types is not None)
    return np.asarray(booster.predict(data, output_margin=True), dtype=np.float64)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), missing=st.floats(0, 0.9), levels=st.integers(2, 400), depth=st.integers(1, 6))
def test_compiled_trees_say_what_xgboost_says_of_any_row(seed: int, missing: float, levels: int, depth: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, levels, (200, 5)) / 7 - 3
    values[generator.random(values.shape) < missing] = np.nan
    booster = boosted(values, (generator.random(200) < 0.3).astype(np.float64), max_depth=depth)
    # what was learnt from lies exactly on thresholds; beside it what no training has seen
    others = np.array([[3e38] * 5, [-3e38] * 5, [np.nan] * 5, [-1e-40] * 5])
    rows = np.vstack([values, others])
    assert CompiledTrees(booster).log_odds(rows) == pytest.approx(margins(booster, rows), abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), missing=st.floats(0, 0.6), levels=st.integers(2, 12))
def test_splits_by_categories_send_every_code_the_way_of_xgboost(seed: int, missing: float, levels: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.column_stack([generator.integers(0, levels, (300, 2)), generator.normal(size=300)])
    values[generator.random(values.shape) < missing] = np.nan
    target = ((np.nan_to_num(values[:, 0]) % 3 == 1) ^ (generator.random(300) < 0.2)).astype(np.float64)
    types = ["c", "c", "float"]
    booster = boosted(values, target, types, max_depth=4, max_cat_to_onehot=1)
    assert CompiledTrees(booster).log_odds(values) == pytest.approx(margins(booster, values, types), abs=1e-6)


@pytest.mark.parametrize("kind", ["xgboost", "logistic", "blend"])
def test_every_kind_of_model_gives_the_probability_of_the_batch(kind: str, tmp_path: Path) -> None:
    save_model(stored_model(kind), ROWS, tmp_path)
    stored = load_model(tmp_path)
    values = ROWS[list(FEATURES)].to_numpy(dtype=np.float64)
    assert np.isnan(values).any()
    compiled = CompiledModel.of(stored)
    assert compiled.probability(values) == pytest.approx(stored.probability(ROWS), abs=1e-6)
    assert compiled.probability(values[:1]) == pytest.approx(stored.probability(ROWS.head(1)), abs=1e-6)


@pytest.mark.parametrize("kind", ["xgboost", "logistic", "blend"])
def test_few_rows_are_explained_as_many_are(kind: str) -> None:
    model = stored_model(kind).model
    by_row = ExplainedByRow(model)
    assert by_row.features == model.features
    assert by_row.contributions(ROWS.head(5)) == pytest.approx(model.contributions(ROWS.head(5)), abs=1e-5)


def test_a_model_whose_golden_rows_come_out_differently_is_refused(tmp_path: Path) -> None:
    save_model(stored_model("xgboost"), ROWS, tmp_path)
    stored = load_model(tmp_path)
    assert stored.golden is not None
    stored.golden.probabilities[3] += 1e-5
    with pytest.raises(ModelError, match=r"golden predictions \(off by 1e-05\)") as refused:
        CompiledModel.of(stored)
    assert "无法重现其基准预测（相差 1e-05）" in refused.value.text.zh


def test_boosters_of_another_kind_are_not_taken_for_log_odds() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    data = xgb.DMatrix(frame, label=[0.0, 1.0, 0.0, 1.0])
    booster = xgb.train({"objective": "reg:squarederror", "nthread": 1}, data, 2)
    with pytest.raises(ValueError, match=r"expected trees .* got gbtree for reg:squarederror"):
        graph_of(booster)
