import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tests.training.companies import FEATURES, learnable
from training.models.binned import MOST_BINS, RIDGE, START_POINTS, BinnedLogisticChurn, _edges
from training.models.churn import MONOTONE

ROWS = learnable(1_200)
CODED = (*FEATURES, "city")


def with_city(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a city, 0 to 4 or missing: customers of city 2 hardly ever leave."""
    city = np.random.default_rng(0).integers(0, 5, len(rows)).astype(np.float64)
    churned = np.where(city == 2, 0, rows["churned"])
    return rows.assign(churned=churned, city=np.where(np.arange(len(rows)) % 9 == 0, np.nan, city))


def fitted(rows: pd.DataFrame, features: tuple[str, ...], categories: tuple[str, ...] = ()) -> BinnedLogisticChurn:
    return BinnedLogisticChurn.fit(rows, rows["churned"].to_numpy(dtype=np.float64), features, categories)


@pytest.fixture(scope="module")
def model() -> BinnedLogisticChurn:
    return fitted(with_city(ROWS), CODED, ("city",))


def test_bins_hold_about_as_many_customers_each() -> None:
    assert _edges(np.arange(1.0, 81.0)).tolist() == [11, 21, 31, 41, 51, 61, 71]


def test_a_value_that_many_share_is_a_bin_of_its_own_and_leaves_the_others_theirs() -> None:
    values = np.concatenate([np.zeros(900), np.arange(1.0, 101.0)])
    edges = _edges(values)
    assert edges[0] == 1
    assert len(edges) >= 3


def test_few_values_are_a_bin_each_and_a_constant_needs_no_edge() -> None:
    assert _edges(np.array([0.0] * 90 + [1.0] * 8 + [7.0] * 2)).tolist() == [1, 7]
    assert _edges(np.array([3.0, 3.0, np.nan])).tolist() == []
    assert _edges(np.array([np.nan, np.inf, -np.inf])).tolist() == []


@given(st.lists(st.one_of(st.floats(), st.integers(0, 3).map(float)), max_size=80))
def test_edges_are_ascending_values_of_the_data_and_few(values: list[float]) -> None:
    edges = _edges(np.array(values, dtype=np.float64)).tolist()
    assert edges == sorted(set(edges))
    assert set(edges) <= set(values)
    assert len(edges) < MOST_BINS


def test_contributions_and_one_bias_add_up_to_the_log_odds_and_are_zero_on_average(model: BinnedLogisticChurn) -> None:
    rows = with_city(ROWS)
    contributions = model.contributions(rows)
    assert contributions.sum(axis=1) + model.bias == pytest.approx(model.log_odds(rows), abs=1e-12)
    assert contributions.mean(axis=0) == pytest.approx(np.zeros(len(CODED)), abs=1e-12)


def test_it_finds_what_is_there_to_be_found() -> None:
    new = learnable(1_200, seed=1)
    assert roc_auc_score(new["churned"], fitted(ROWS, FEATURES).log_odds(new)) > 0.74


def test_with_levels_alone_it_is_the_ridge_regression_on_their_indicators() -> None:
    rows = with_city(ROWS)
    indicators = pd.get_dummies(rows["city"], dummy_na=True).to_numpy(dtype=np.float64)
    ridge = LogisticRegression(C=1 / RIDGE, tol=1e-10, max_iter=10_000).fit(indicators, rows["churned"])
    expected = ridge.decision_function(indicators)
    assert fitted(rows, ("city",), ("city",)).log_odds(rows) == pytest.approx(expected, abs=1e-3)


def test_with_one_amount_it_is_the_ridge_regression_on_the_steps_from_bin_to_bin() -> None:
    spend = ROWS["spend_365d"].to_numpy()
    steps = spend[:, None] >= _edges(spend)
    ridge = LogisticRegression(C=1 / RIDGE, tol=1e-10, max_iter=10_000).fit(steps, ROWS["churned"])
    expected = ridge.decision_function(steps)
    assert fitted(ROWS, ("spend_365d",)).log_odds(ROWS) == pytest.approx(expected, abs=1e-3)


def test_longer_silence_never_lowers_the_risk_and_more_purchases_never_raise_it() -> None:
    against = ROWS.assign(churned=1 - ROWS["churned"])
    for rows in (ROWS, against):
        churned = rows["churned"].to_numpy(dtype=np.float64)
        model = BinnedLogisticChurn.fit(rows, churned, FEATURES, signs=MONOTONE)
        for name, sign in (("days_since_last_purchase", 1), ("purchase_days_total", -1)):
            weights = model.weights[FEATURES.index(name)][:-1]
            assert (np.diff(weights) * sign >= -1e-12).all()
            assert bool(np.ptp(weights) > 0.5) is (rows is ROWS)


def test_a_missing_value_has_a_weight_of_its_own(model: BinnedLogisticChurn) -> None:
    some = with_city(ROWS).head(50)
    unknown = model.contributions(some.assign(gap_mean_days=np.nan))[:, FEATURES.index("gap_mean_days")]
    assert (unknown == model.weights[FEATURES.index("gap_mean_days")][-1]).all()
    assert unknown[0] > 0.05


def test_a_code_that_training_has_not_seen_counts_as_missing(model: BinnedLogisticChurn) -> None:
    some = with_city(ROWS).head(50)
    assert (model.log_odds(some.assign(city=40.0)) == model.log_odds(some.assign(city=np.nan))).all()


def test_what_nobody_has_or_never_varies_carries_no_weight() -> None:
    rows = ROWS.assign(never=np.nan, always=3.0, no_code=np.nan)
    model = fitted(rows, (*FEATURES, "never", "always", "no_code"), ("no_code",))
    assert model.contributions(rows)[:, -3:] == pytest.approx(np.zeros((len(rows), 3)), abs=1e-12)
    nothing = pd.DataFrame([[np.nan] * 8], columns=[*FEATURES, "never", "always", "no_code"])
    assert np.isfinite(model.log_odds(nothing)).all()


def test_values_far_beyond_those_of_training_count_as_the_outermost_bin(model: BinnedLogisticChurn) -> None:
    some = with_city(ROWS).head(5)
    outermost = model.log_odds(some.assign(spend_365d=ROWS["spend_365d"].max()))
    for far in (1e12, np.inf):
        assert (model.log_odds(some.assign(spend_365d=far)) == outermost).all()


def test_a_saved_model_predicts_the_same_to_the_last_bit(model: BinnedLogisticChurn, tmp_path: Path) -> None:
    model.save(tmp_path)
    json.loads((tmp_path / "binned.json").read_text())
    loaded, rows = BinnedLogisticChurn.load(tmp_path, CODED), with_city(ROWS)
    assert (loaded.log_odds(rows) == model.log_odds(rows)).all()
    pd.testing.assert_frame_equal(loaded.scorecard(), model.scorecard())


def test_the_scorecard_tells_a_small_company_line_by_line() -> None:
    rows = pd.DataFrame({"plan": [0.0, 1.0] * 200, "months": [1.0, 2.0, 30.0, np.nan] * 100})
    churned = np.tile([1.0, 0, 0, 0, 1, 0, 0, 1], 50)
    card = BinnedLogisticChurn.fit(rows, churned, ("plan", "months"), ("plan",)).scorecard()
    assert card["feature"].tolist() == ["plan"] * 2 + ["months"] * 4
    assert card["code"].tolist() == pytest.approx([0, 1] + [np.nan] * 4, nan_ok=True)
    assert card["low"].tolist() == pytest.approx([np.nan] * 2 + [-np.inf, 2, 30, np.nan], nan_ok=True)
    assert card["high"].tolist() == pytest.approx([np.nan] * 2 + [2, 30, np.inf, np.nan], nan_ok=True)
    assert card["is_missing"].tolist() == [False] * 5 + [True]
    assert card["share"].tolist() == [0.5, 0.5] + [0.25] * 4
    assert card["churned_share"].tolist() == [0.5, 0.25, 1, 0, 0, 0.5]


def test_twenty_points_more_halve_the_odds(model: BinnedLogisticChurn) -> None:
    card, rows = model.scorecard(), with_city(ROWS)
    assert card["points"].tolist() == pytest.approx((-20 * card["log_odds"] / np.log(2)).tolist(), abs=0.5)
    customer = rows.iloc[[1]]
    value = customer["city"].iloc[0]
    line = card[(card["feature"] == "city") & (card["code"] == value)]
    assert line["log_odds"].tolist() == model.contributions(customer)[:, -1].tolist()
    exact = START_POINTS - 20 * model.contributions(customer).sum() / np.log(2)
    assert abs(model.points(customer)[0] - exact) <= len(CODED) / 2


def test_the_points_of_a_customer_are_those_of_its_lines(model: BinnedLogisticChurn) -> None:
    card, rows = model.scorecard(), with_city(ROWS)
    is_line = {
        name: (card["feature"] == name)
        & (
            card["is_missing"]
            if np.isnan(value)
            else (card["code"] == value) | (card["low"] <= value) & (value < card["high"])
        )
        for name, value in rows.iloc[7][list(CODED)].astype(float).items()
    }
    lines = card[np.logical_or.reduce(list(is_line.values()))]
    assert lines["feature"].tolist() == list(CODED)
    assert model.points(rows.iloc[[7]])[0] == START_POINTS + lines["points"].sum()


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_changes_nothing_to_speak_of(seed: int) -> None:
    turned = ROWS.sample(frac=1, random_state=seed)
    assert fitted(turned, FEATURES).log_odds(ROWS) == pytest.approx(fitted(ROWS, FEATURES).log_odds(ROWS), abs=5e-3)


def test_very_many_rows_are_thinned_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    every_fourth = fitted(ROWS.iloc[::4], FEATURES).log_odds(ROWS)
    monkeypatch.setattr("training.models.binned.MOST_ROWS", 300)
    assert (fitted(ROWS, FEATURES).log_odds(ROWS) == every_fourth).all()
