import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from tests.training.companies import FEATURES, learnable
from training.kinds.silence import ALONE
from training.models.fitting import (
    CANDIDATES,
    Fitted,
    Settings,
    baseline_probabilities,
    fit_binned,
    fit_candidates,
    folds_of,
    latest_rows,
    parameters_of,
)

KINDS = ("xgboost", "logistic", "blend")
"""The candidates that need no feature but those of `learnable`."""
ROWS, NEW = learnable(1_200), learnable(400, seed=1)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Fitted]:
    return {kind: CANDIDATES[kind](ROWS, FEATURES, 1) for kind in KINDS}


def test_held_out_customers_are_nobody_the_model_saw_and_stand_at_the_latest_cutoffs() -> None:
    customers, as_of = ROWS["customer_id"].to_numpy(), ROWS["as_of"].to_numpy()
    later_half = np.flatnonzero(as_of >= np.unique(as_of)[2])
    held_out = []
    for fit, out in folds_of(ROWS):
        assert not set(customers[fit]) & set(customers[out])
        held_out += out.tolist()
    assert sorted(held_out) == later_half.tolist()


@pytest.mark.parametrize(("cutoffs", "latest"), [(1, 1), (2, 1), (4, 2), (7, 4), (24, 12)])
def test_the_latest_rows_are_those_of_half_of_the_cutoffs_and_at_least_one(cutoffs: int, latest: int) -> None:
    frame = pd.DataFrame({"as_of": pd.date_range("2025-01-01", periods=cutoffs, tz="UTC").repeat(3)})
    assert latest_rows(frame).tolist() == [False] * 3 * (cutoffs - latest) + [True] * 3 * latest


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_calibrated_on_customers_that_nobody_saw(fitted: dict[str, Fitted], kind: str) -> None:
    probability = fitted[kind].probability(NEW)
    assert ((probability > 0) & (probability < 1)).all()
    assert probability.mean() == pytest.approx(NEW["churned"].mean(), abs=0.06)


def test_all_candidates_at_once_are_the_same_as_one_by_one(fitted: dict[str, Fitted]) -> None:
    at_once = fit_candidates(ROWS, FEATURES, 1)
    assert list(at_once) == list(KINDS)
    for kind, one in fitted.items():
        assert (at_once[kind].probability(NEW) == one.probability(NEW)).all()
        assert at_once[kind].held_out_log_loss == one.held_out_log_loss


def test_the_number_of_rounds_is_found_and_kept(fitted: dict[str, Fitted]) -> None:
    assert 1 < (fitted["xgboost"].rounds or 0) < 300
    assert fitted["blend"].rounds == fitted["xgboost"].rounds
    assert fitted["logistic"].rounds is None


def test_the_mean_of_both_says_what_each_of_them_was_fitted_with(fitted: dict[str, Fitted]) -> None:
    trees, regression, blend = (parameters_of(kind, fitted[kind]) for kind in ("xgboost", "logistic", "blend"))
    assert (trees["rounds"], trees["max_depth"], trees["eta"]) == (fitted["xgboost"].rounds, 4, 0.05)
    assert regression == {"logistic_C": 0.05, "logistic_max_iter": 1000, "logistic_half_life_days": None}
    assert blend == trees | regression
    assert trees["half_life_days"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_held_out_loss_is_what_new_customers_show(fitted: dict[str, Fitted], kind: str) -> None:
    assert fitted[kind].held_out_log_loss == pytest.approx(
        log_loss(NEW["churned"], fitted[kind].probability(NEW)), abs=0.05
    )


def test_baselines_learn_from_the_latest_cutoffs_only() -> None:
    is_late = ROWS["as_of"] >= ROWS["as_of"].unique()[2]
    latest = ROWS[is_late]
    found = baseline_probabilities(ROWS, NEW, ALONE)
    assert list(found) == ["base_rate", "recency", "number_of_purchases"]
    assert found["base_rate"] == pytest.approx(np.full(len(NEW), latest["churned"].mean()))
    by_silence = np.argsort(NEW["days_since_last_purchase"].to_numpy())
    assert (np.diff(found["recency"][by_silence]) >= 0).all()
    turned = ROWS.assign(churned=np.where(is_late, ROWS["churned"], 1))
    assert (baseline_probabilities(turned, NEW, ALONE)["recency"] == found["recency"]).all()


def test_levels_are_passed_on_to_every_candidate_and_its_folds() -> None:
    city = np.random.default_rng(0).integers(0, 7, len(ROWS)).astype(np.float64)
    rows = ROWS.assign(city=city, churned=np.where(np.isin(city, (0, 3, 5)), 1, ROWS["churned"]))
    found = fit_candidates(rows, (*FEATURES, "city"), 1, Settings(("city",))) | {
        "binned": fit_binned(rows, (*FEATURES, "city"), 1, Settings(("city",)))
    }
    without = CANDIDATES["logistic"](rows, FEATURES, 1).held_out_log_loss
    for kind, one in found.items():
        by_city = [one.probability(rows.assign(city=float(code))).mean() for code in range(7)]
        assert min(by_city[code] for code in (0, 3, 5)) > max(by_city[code] for code in (1, 2, 4, 6)) + 0.2, kind
        assert one.held_out_log_loss < without - 0.05


def test_the_scorecard_is_calibrated_on_customers_that_nobody_saw_and_holds_the_known_signs() -> None:
    fitted = fit_binned(ROWS, FEATURES, 1)
    assert fitted.probability(NEW).mean() == pytest.approx(NEW["churned"].mean(), abs=0.06)
    assert fitted.held_out_log_loss == pytest.approx(log_loss(NEW["churned"], fitted.probability(NEW)), abs=0.05)
    by_silence = [fitted.probability(NEW.assign(days_since_last_purchase=days)) for days in np.linspace(0, 200, 41)]
    assert (np.diff(np.array(by_silence), axis=0) >= 0).all()


def test_the_own_rhythm_is_a_baseline_where_the_frame_has_it() -> None:
    rows, new = (f.assign(current_gap_ratio=f["days_since_last_purchase"] / f["gap_mean_days"]) for f in (ROWS, NEW))
    found = baseline_probabilities(rows, new, ALONE)
    assert list(found) == ["base_rate", "recency", "number_of_purchases", "own_rhythm"]
    known = new["current_gap_ratio"].notna().to_numpy()
    by_rhythm = np.argsort(new["current_gap_ratio"].to_numpy()[known])
    assert (np.diff(found["own_rhythm"][known][by_rhythm]) >= 0).all()
    assert len(np.unique(found["own_rhythm"][~known])) == 1
