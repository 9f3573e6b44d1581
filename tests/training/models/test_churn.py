import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.metrics import roc_auc_score

from features.catalogue import BY_NAME
from tests.training.companies import FEATURES, learnable
from training.models.churn import (
    KINDS,
    MONOTONE,
    ROWS_PER_THREAD,
    BlendChurn,
    ChurnModel,
    LogisticChurn,
    XGBoostChurn,
    _parameters,
)

ROWS = learnable(1_200)
EVERY_KIND = pytest.mark.parametrize("kind", ["xgboost", "logistic", "blend"])


def fitted(
    rows: pd.DataFrame, features: tuple[str, ...] = FEATURES, categories: tuple[str, ...] = ()
) -> dict[str, ChurnModel]:
    churned = rows["churned"].to_numpy(dtype=np.float64)
    trees = XGBoostChurn.fit(rows, churned, features, rounds=25, seed=1, categories=categories)
    regression = LogisticChurn.fit(rows, churned, features, categories=categories)
    return {"xgboost": trees, "logistic": regression, "blend": BlendChurn(trees, regression)}


@pytest.fixture(scope="module")
def models() -> dict[str, ChurnModel]:
    return fitted(ROWS)


def bias(model: ChurnModel) -> float:
    """What the model says of the average customer, read off the first row."""
    row = ROWS.head(1)
    return float(model.log_odds(row)[0] - model.contributions(row).sum())


@EVERY_KIND
def test_contributions_and_one_bias_add_up_to_the_log_odds(models: dict[str, ChurnModel], kind: str) -> None:
    model = models[kind]
    contributions = model.contributions(ROWS)
    assert contributions.shape == (len(ROWS), len(FEATURES))
    assert model.log_odds(ROWS) == pytest.approx(contributions.sum(axis=1) + bias(model), abs=1e-4)


@EVERY_KIND
def test_contributions_are_measured_from_the_average_customer(models: dict[str, ChurnModel], kind: str) -> None:
    assert models[kind].contributions(ROWS).mean(axis=0) == pytest.approx(np.zeros(len(FEATURES)), abs=0.02)


@EVERY_KIND
def test_a_model_finds_what_is_there_to_be_found(models: dict[str, ChurnModel], kind: str) -> None:
    new = learnable(1_200, seed=1)
    assert roc_auc_score(new["churned"], models[kind].log_odds(new)) > 0.75


@EVERY_KIND
def test_a_saved_model_predicts_the_same_to_the_last_bit(
    models: dict[str, ChurnModel], kind: str, tmp_path: Path
) -> None:
    models[kind].save(tmp_path)
    loaded = KINDS[kind].load(tmp_path, FEATURES)
    assert (loaded.log_odds(ROWS) == models[kind].log_odds(ROWS)).all()
    assert (loaded.contributions(ROWS) == models[kind].contributions(ROWS)).all()


@EVERY_KIND
def test_other_columns_and_another_order_of_columns_change_nothing(models: dict[str, ChurnModel], kind: str) -> None:
    turned = ROWS[list(FEATURES)[::-1]].assign(something_else=1.0)
    assert (models[kind].log_odds(turned) == models[kind].log_odds(ROWS)).all()


@EVERY_KIND
def test_a_missing_column_is_refused_by_its_name(models: dict[str, ChurnModel], kind: str) -> None:
    with pytest.raises(KeyError, match="gap_mean_days"):
        models[kind].log_odds(ROWS.drop(columns="gap_mean_days"))


@EVERY_KIND
def test_a_customer_of_whom_nothing_is_known_gets_a_finite_answer(models: dict[str, ChurnModel], kind: str) -> None:
    unknown = pd.DataFrame([[np.nan] * len(FEATURES)], columns=list(FEATURES))
    assert np.isfinite(models[kind].log_odds(unknown)).all()
    assert np.isfinite(models[kind].contributions(unknown)).all()


@EVERY_KIND
def test_a_feature_that_nobody_has_or_that_never_varies_carries_no_weight(kind: str) -> None:
    rows = ROWS.assign(never=np.nan, always=3.0)
    model = fitted(rows, (*FEATURES, "never", "always"))[kind]
    assert np.isfinite(model.log_odds(rows)).all()
    assert model.contributions(rows)[:, -2:] == pytest.approx(np.zeros((len(rows), 2)), abs=1e-12)


def test_longer_silence_never_lowers_the_risk_and_more_purchases_never_raise_it(models: dict[str, ChurnModel]) -> None:
    some = ROWS.head(100)
    for name, sign in (("days_since_last_purchase", 1), ("purchase_days_total", -1)):
        answers = [models["xgboost"].log_odds(some.assign(**{name: value})) for value in np.linspace(0, 200, 41)]
        steps = np.diff(np.array(answers), axis=0) * sign
        assert (steps >= -1e-6).all()
        assert (steps > 0.01).any()


def test_trees_and_regression_together_say_the_mean_of_the_two(models: dict[str, ChurnModel]) -> None:
    trees, regression, blend = (models[kind].log_odds(ROWS) for kind in ("xgboost", "logistic", "blend"))
    assert blend == pytest.approx((trees + regression) / 2)


def test_a_regression_learns_nothing_from_what_hardly_anybody_has_yet() -> None:
    told = ROWS["churned"] * 2.0 - 1
    for share, learnt in ((0.05, False), (0.5, True)):
        rows = ROWS.assign(new=told.where(np.random.default_rng(0).random(len(ROWS)) < share))
        model = fitted(rows, (*FEATURES, "new"))["logistic"]
        contributions = model.contributions(rows.assign(new=told))[:, -1]
        assert bool(np.abs(contributions).max() > 0.5) is learnt
        assert learnt or not contributions.any()


def test_the_signs_that_are_held_are_those_of_features_of_the_catalogue() -> None:
    assert MONOTONE.keys() <= BY_NAME.keys()
    assert set(MONOTONE.values()) == {1, -1}


def test_the_regression_does_not_extrapolate_without_bound(models: dict[str, ChurnModel]) -> None:
    model = models["logistic"]
    inside = model.log_odds(ROWS)
    widest = inside.max() - inside.min()
    far = pd.DataFrame([[1e12] * len(FEATURES), [-1e12] * len(FEATURES)], columns=list(FEATURES))
    farther = far * 1e3
    assert (np.abs(model.log_odds(far) - np.median(inside)) < 3 * widest).all()
    assert (model.log_odds(far) == model.log_odds(farther)).all()


def test_the_regression_thins_out_very_many_rows_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.models.churn.MOST_LOGISTIC_ROWS", 300)
    thinned = LogisticChurn.fit(ROWS, ROWS["churned"].to_numpy(dtype=np.float64), FEATURES)
    every_fourth = ROWS.iloc[::4]
    assert (thinned.log_odds(ROWS) == fitted(every_fourth)["logistic"].log_odds(ROWS)).all()


def test_the_same_seed_gives_the_same_trees_and_another_seed_gives_others(models: dict[str, ChurnModel]) -> None:
    churned = ROWS["churned"].to_numpy(dtype=np.float64)
    again, other = (XGBoostChurn.fit(ROWS, churned, FEATURES, rounds=25, seed=seed) for seed in (1, 2))
    assert (again.log_odds(ROWS) == models["xgboost"].log_odds(ROWS)).all()
    assert (other.log_odds(ROWS) != models["xgboost"].log_odds(ROWS)).any()


def test_small_data_are_fitted_by_one_thread_and_large_data_by_more() -> None:
    assert _parameters(FEATURES, 1, 1_000)["nthread"] == 1
    assert _parameters(FEATURES, 1, 1_000 * ROWS_PER_THREAD)["nthread"] == os.cpu_count()


CITIES = (0, 3, 5)
"""The codes of the cities whose customers leave; those in between stay, so that no threshold parts them well."""
WITH_CITY = (*FEATURES, "city")


def in_cities(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The rows with a city, 0 to 6 or missing, which decides a good deal of who leaves."""
    generator = np.random.default_rng(seed)
    city = generator.integers(0, 7, len(rows)).astype(np.float64)
    leaves = generator.random(len(rows)) < np.where(np.isin(city, CITIES), 0.9, 0.1)
    told = generator.random(len(rows)) < 0.9
    return rows.assign(churned=leaves.astype(int), city=np.where(told, city, np.nan))


@pytest.fixture(scope="module")
def of_cities() -> dict[str, ChurnModel]:
    return fitted(in_cities(ROWS), WITH_CITY, ("city",))


@EVERY_KIND
def test_levels_are_told_apart_whatever_the_order_of_their_codes(of_cities: dict[str, ChurnModel], kind: str) -> None:
    new = in_cities(learnable(1_200, seed=1), seed=1)
    assert roc_auc_score(new["churned"], of_cities[kind].log_odds(new)) > 0.83
    by_city = [of_cities[kind].contributions(new.assign(city=float(code)))[:, -1].mean() for code in range(7)]
    assert [code for code in range(7) if by_city[code] > 0.3] == list(CITIES)


@EVERY_KIND
def test_contributions_of_levels_and_one_bias_add_up_to_the_log_odds(
    of_cities: dict[str, ChurnModel], kind: str
) -> None:
    model, rows = of_cities[kind], in_cities(ROWS)
    contributions = model.contributions(rows)
    assert contributions.shape == (len(ROWS), len(WITH_CITY))
    rest = model.log_odds(rows) - contributions.sum(axis=1)
    assert rest == pytest.approx(np.full(len(rows), rest[0]), abs=1e-4)
    assert contributions.mean(axis=0) == pytest.approx(np.zeros(len(WITH_CITY)), abs=0.05)


@EVERY_KIND
def test_a_saved_model_remembers_which_features_hold_codes(
    of_cities: dict[str, ChurnModel], kind: str, tmp_path: Path
) -> None:
    of_cities[kind].save(tmp_path)
    loaded, rows = KINDS[kind].load(tmp_path, WITH_CITY), in_cities(ROWS)
    assert (loaded.log_odds(rows) == of_cities[kind].log_odds(rows)).all()
    assert (loaded.contributions(rows) == of_cities[kind].contributions(rows)).all()


@EVERY_KIND
def test_a_customer_is_told_the_same_to_the_last_bit_alone_and_among_others(
    of_cities: dict[str, ChurnModel], kind: str
) -> None:
    rows = in_cities(ROWS).head(20)
    alone = [of_cities[kind].log_odds(rows.iloc[[number]])[0] for number in range(20)]
    assert of_cities[kind].log_odds(rows).tolist() == alone


@EVERY_KIND
def test_a_code_that_training_has_not_seen_gets_a_finite_answer(of_cities: dict[str, ChurnModel], kind: str) -> None:
    rows = in_cities(ROWS).assign(city=40.0)
    assert np.isfinite(of_cities[kind].log_odds(rows)).all()
    assert np.isfinite(of_cities[kind].contributions(rows)).all()


def test_the_trees_split_codes_by_sets_and_amounts_at_thresholds(of_cities: dict[str, ChurnModel]) -> None:
    trees = of_cities["xgboost"]
    assert isinstance(trees, XGBoostChurn)
    assert trees.categories == ("city",)
    splits = trees.booster.trees_to_dataframe().query("Feature != 'Leaf'")
    is_set = splits["Category"].notna()
    assert set(splits.loc[is_set, "Feature"]) == {"city"}
    assert "city" not in set(splits.loc[~is_set, "Feature"])


def test_a_level_that_nobody_had_in_training_counts_as_the_average_one(of_cities: dict[str, ChurnModel]) -> None:
    regression = of_cities["logistic"]
    of_nobody = regression.contributions(in_cities(ROWS).assign(city=40.0))[:, -1]
    of_everybody = [regression.contributions(ROWS.assign(city=float(code)))[:, -1].mean() for code in range(7)]
    assert min(of_everybody) < of_nobody.mean() < max(of_everybody)


def test_a_regression_stored_before_there_were_levels_loads_as_it_was(
    models: dict[str, ChurnModel], tmp_path: Path
) -> None:
    models["logistic"].save(tmp_path)
    file = tmp_path / "logistic.json"
    before = {name: values for name, values in json.loads(file.read_text()).items() if not name.startswith("level_")}
    file.write_text(json.dumps(before))
    assert (LogisticChurn.load(tmp_path, FEATURES).log_odds(ROWS) == models["logistic"].log_odds(ROWS)).all()


def test_a_booster_stored_before_there_were_levels_loads_as_it_was(
    models: dict[str, ChurnModel], tmp_path: Path
) -> None:
    churned = ROWS["churned"].to_numpy(dtype=np.float64)
    before = xgb.train(_parameters(FEATURES, 1, len(ROWS)), xgb.DMatrix(ROWS[list(FEATURES)], label=churned), 25)
    before.save_model(tmp_path / "booster.ubj")
    loaded = XGBoostChurn.load(tmp_path, FEATURES)
    assert loaded.categories == ()
    assert (loaded.log_odds(ROWS) == models["xgboost"].log_odds(ROWS)).all()


@EVERY_KIND
def test_a_feature_may_name_its_unit_in_brackets(kind: str, tmp_path: Path) -> None:
    rows = ROWS.rename(columns={"spend_365d": "spend [EUR] < 365 days"})
    features = tuple(rows.columns[2:-1])
    model = fitted(rows, features)[kind]
    model.save(tmp_path)
    assert (KINDS[kind].load(tmp_path, features).log_odds(rows) == model.log_odds(rows)).all()
    assert (model.log_odds(rows) == fitted(ROWS)[kind].log_odds(ROWS)).all()


def test_a_sign_is_not_held_for_codes_that_bear_the_name_of_an_amount() -> None:
    codes = {"days_since_last_purchase"}
    assert _parameters(FEATURES, 1, 1_000, categories=codes)["monotone_constraints"] == {"purchase_days_total": -1}
