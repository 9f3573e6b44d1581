import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.companies import FEATURES, learnable
from training.leakage.predictive import check_one_sided, check_predictive, single_feature_auc

ROWS = learnable(2_000)
CUTOFFS = sorted(ROWS["as_of"].unique())


def with_feature(values: object) -> pd.DataFrame:
    return ROWS.assign(x=values)


def test_the_auc_of_a_single_feature_is_that_of_scikit_learn_in_its_better_direction() -> None:
    found = single_feature_auc(ROWS, FEATURES).set_index(["feature", "of", "as_of"])["auc"]
    rows = ROWS[ROWS["as_of"] == CUTOFFS[1]]
    for name in FEATURES:
        given = rows[rows[name].notna()]
        expected = roc_auc_score(given["churned"], given[name])
        assert found[name, "value", CUTOFFS[1]] == pytest.approx(max(expected, 1 - expected), abs=1e-12)
    missing = roc_auc_score(rows["churned"], rows["gap_mean_days"].isna())
    assert found["gap_mean_days", "missing", CUTOFFS[1]] == pytest.approx(max(missing, 1 - missing), abs=1e-12)


def test_a_cut_off_with_fewer_than_thirty_of_a_kind_says_nothing() -> None:
    few = ROWS.assign(churned=(np.arange(len(ROWS)) % 500 < 29).astype(int))
    assert single_feature_auc(few, FEATURES).empty
    assert check_predictive(few, FEATURES) == []
    enough = ROWS.assign(churned=(np.arange(len(ROWS)) % 500 < 30).astype(int))
    assert not single_feature_auc(enough, FEATURES).empty


def test_honest_features_are_believable_and_the_best_is_named() -> None:
    [finding] = check_predictive(ROWS, FEATURES)
    assert finding.severity == "passed"
    assert "Of 5 features the best alone is days_since_last_purchase with AUC 0." in finding.what.en


def test_a_feature_that_knows_the_label_fails_and_one_that_nearly_does_is_a_warning() -> None:
    noise = np.random.default_rng(1).normal(size=len(ROWS))
    [knows] = check_predictive(with_feature(ROWS["churned"] * 10 + noise), (*FEATURES, "x"))
    assert (knows.check, knows.subject, knows.severity) == ("predictive", "x", "failed")
    assert knows.count == 500
    assert "with AUC 1.000 (at least 1.000; 0.97 and more is suspicious), over 500 customers" in knows.what.en
    [nearly] = check_predictive(with_feature(ROWS["churned"] * 2.3 + noise), (*FEATURES, "x"))
    assert (nearly.subject, nearly.severity) == ("x", "warning")


def test_a_label_hidden_in_what_is_missing_is_found() -> None:
    [finding] = check_predictive(with_feature(np.where(ROWS["churned"] == 1, np.nan, 1.0)), (*FEATURES, "x"))
    assert (finding.subject, finding.severity) == ("x", "failed")
    assert finding.what.en.startswith("Whether it is missing alone foretells")
    assert finding.what.zh.startswith("是否缺失单独预测")


def test_a_label_that_only_one_cut_off_knows_is_found_there() -> None:
    known = np.where(ROWS["as_of"] == CUTOFFS[2], ROWS["churned"], 0.0)
    [finding] = check_predictive(with_feature(known), (*FEATURES, "x"))
    assert finding.cutoff == CUTOFFS[2].to_pydatetime()


def test_a_rare_event_after_which_everybody_left_is_a_warning() -> None:
    leavers = np.flatnonzero(ROWS["churned"])
    event = np.zeros(len(ROWS))
    event[leavers[::4]] = 1
    rows = with_feature(event)
    assert check_predictive(rows, ("x",))[0].severity == "passed"
    [finding] = check_one_sided(rows, (*FEATURES, "x"))
    assert (finding.check, finding.subject, finding.severity) == ("one_sided", "x", "warning")
    assert "100.0% leave" in finding.what.en


def test_an_event_with_which_three_in_four_leave_is_believable() -> None:
    leavers, stayers = np.flatnonzero(ROWS["churned"]), np.flatnonzero(ROWS["churned"] == 0)
    event = np.zeros(len(ROWS))
    event[leavers[::4]] = 1
    event[stayers[:: len(stayers) // (len(leavers) // 12)]] = 1
    assert check_one_sided(with_feature(event), (*FEATURES, "x")) == []


def test_a_feature_without_a_commonest_value_has_no_uncommon_ones() -> None:
    silent = ROWS[ROWS["days_since_last_purchase"] > 90]
    assert check_one_sided(silent, ["days_since_last_purchase"]) == []
