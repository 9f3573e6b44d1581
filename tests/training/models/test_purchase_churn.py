from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score

from tests.training.models.shoppers import shoppers
from training.models.churn import KINDS, BlendChurn, LogisticChurn, XGBoostChurn
from training.models.fitting import CANDIDATES, fit_blend, fit_candidates, fit_purchases, parameters_of
from training.models.purchase_churn import INPUTS, Drifting, Leaving, PurchaseChurn
from training.models.purchases.bg_nbd import BgNbd
from training.models.purchases.history import PurchaseHistory

FEATURES = (*INPUTS, "noise")
ROWS, NEW = shoppers(3_000, seed=1), shoppers(3_000, seed=2)


def fitted(rows: pd.DataFrame, features: tuple[str, ...] = FEATURES) -> PurchaseChurn:
    return PurchaseChurn.fit(rows, rows["churned"].to_numpy(dtype=np.float64), features)


@pytest.fixture(scope="module")
def model() -> PurchaseChurn:
    return fitted(ROWS)


def inputs(silence: float, age: float, purchases: float, *windows: float) -> np.ndarray:
    return np.array([[silence, age, purchases, *windows]])


def test_who_may_leave_stays_silent_as_bg_nbd_says_with_the_same_parameters() -> None:
    r, alpha, a, b = 0.243, 30.9, 0.793, 2.426
    history = PurchaseHistory.of([2, 1, 12], [213, 30, 200], [272, 300, 210])
    expected = BgNbd(r, alpha, a, b).probability_of_no_purchase(history, horizon_days=90)
    rows = np.array([[59, 272, 3], [270, 300, 2], [10, 210, 13]], dtype=float)
    account = Leaving.of(np.hstack([rows, np.zeros((3, 4))]), unit_days=1)
    silent, not_silent, _ = account.silent(np.array([r, alpha, a, b, 1e-9, 90.0]))
    assert np.exp(silent) == pytest.approx(expected, abs=1e-9)
    assert np.exp(not_silent) == pytest.approx(1 - expected, abs=1e-9)


def test_a_single_purchase_has_odds_of_its_own_to_have_been_the_last() -> None:
    """Odds of 0.5 · ((10 + 20) / 10)^1 = 1.5 to be gone: 0.6 + 0.4 · (1 + 30 / 30)^-1 = 0.8."""
    account = Leaving.of(inputs(20, 20, 1, 1, 1, 1, 1), unit_days=1)
    silent, _, _ = account.silent(np.array([1.0, 10.0, 0.8, 2.5, 0.5, 30.0]))
    assert np.exp(silent) == pytest.approx([0.8])


def test_whose_rate_drifts_is_told_by_recent_purchases_most() -> None:
    """Without forgetting, three repeats in 100 days at α = 20, r = 1: (1 + 60 / 120)^-4."""
    parameters = np.array([1.0, 20.0, 60.0])
    remembered = Drifting.of(inputs(5, 100, 4, 1, 3, 4, 4), unit_days=1, half_life_days=1e9)
    assert np.exp(remembered.silent(parameters)[0]) == pytest.approx([1.5**-4], rel=1e-4)
    lately, long_ago = (
        Drifting.of(inputs(5, 300, 4, *windows), unit_days=1, half_life_days=40).silent(parameters)[0]
        for windows in ((3, 3, 3, 4), (0, 0, 0, 4))
    )
    assert lately < long_ago


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("kind", [Leaving, Drifting])
def test_the_derivatives_are_those_of_the_probability(kind: type[Leaving] | type[Drifting], start: int) -> None:
    rows = NEW[list(INPUTS)].to_numpy()[:300]
    account = Leaving.of(rows, 200) if kind is Leaving else Drifting.of(rows, 200, 100)
    logs, step = np.log(kind.STARTS[start]), 1e-5
    by_difference = [
        (np.exp(account.silent(np.exp(logs + e))[0]) - np.exp(account.silent(np.exp(logs - e))[0])) / (2 * step)
        for e in step * np.eye(len(logs))
    ]
    assert account.silent(np.exp(logs))[2] == pytest.approx(np.column_stack(by_difference), abs=1e-8)


def test_probabilities_of_silence_and_of_a_purchase_add_up_to_one_for_anybody() -> None:
    odd = np.array([[0, 0, 1, 1, 1, 1, 1], [5000, 5000, 1, 0, 0, 0, 0], [1, 900, 900, 30, 90, 180, 365]], dtype=float)
    for account, kind in ((Leaving.of(odd, 200), Leaving), (Drifting.of(odd, 200, 50), Drifting)):
        silent, not_silent, gradient = account.silent(np.array(kind.STARTS[0]))
        assert np.exp(silent) + np.exp(not_silent) == pytest.approx(np.ones(3))
        assert np.isfinite(gradient).all()


def test_new_customers_are_told_apart_better_than_by_any_input_alone(model: PurchaseChurn) -> None:
    probability = expit(model.log_odds(NEW))
    alone = [roc_auc_score(NEW["churned"], NEW[name]) for name in INPUTS]
    assert roc_auc_score(NEW["churned"], probability) > max(*alone, *(1 - auc for auc in alone))
    assert roc_auc_score(NEW["churned"], probability) > 0.7
    assert probability.mean() == pytest.approx(NEW["churned"].mean(), abs=0.03)
    rate = float(ROWS["churned"].mean())
    assert log_loss(NEW["churned"], probability) < log_loss(NEW["churned"], np.full(len(NEW), rate)) - 0.05


def test_the_level_rises_with_customers_older_than_any_in_training_more_than_that_of_trees() -> None:
    young, old = shoppers(4_000, seed=3, ages=(60, 150)), shoppers(4_000, seed=4, ages=(350, 450))
    trees = XGBoostChurn.fit(young, young["churned"].to_numpy(dtype=np.float64), FEATURES, rounds=60, seed=1)
    by_formula, by_trees = (expit(candidate.log_odds(old)).mean() for candidate in (fitted(young), trees))
    assert young["churned"].mean() < by_trees < by_formula < old["churned"].mean()


def test_contributions_and_one_bias_add_up_to_the_log_odds(model: PurchaseChurn) -> None:
    bias = model.log_odds(NEW) - model.contributions(NEW).sum(axis=1)
    assert bias == pytest.approx(np.full(len(NEW), bias[0]), abs=1e-9)


def test_contributions_are_measured_from_the_average_customer_and_noise_has_none(model: PurchaseChurn) -> None:
    contributions = model.contributions(ROWS)
    assert contributions.mean(axis=0) == pytest.approx(np.zeros(len(FEATURES)), abs=0.02)
    assert not contributions[:, FEATURES.index("noise")].any()


def test_longer_silence_raises_the_risk_of_who_came_back_often(model: PurchaseChurn) -> None:
    regular = pd.DataFrame(
        [[10.0, 300.0, 9.0, 1.0, 3.0, 6.0, 9.0], [80.0, 300.0, 9.0, 0.0, 1.0, 4.0, 9.0]], columns=list(INPUTS)
    ).assign(noise=0.0)
    fresh, silent = model.log_odds(regular)
    assert silent > fresh + 0.5
    of_silence = model.contributions(regular)[:, 0]
    assert of_silence[1] > of_silence[0]


def test_a_saved_model_predicts_the_same_to_the_last_bit(model: PurchaseChurn, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["purchases.json"]
    loaded = KINDS["purchases"].load(tmp_path, FEATURES)
    assert (loaded.log_odds(NEW) == model.log_odds(NEW)).all()
    assert (loaded.contributions(NEW) == model.contributions(NEW)).all()


def test_the_same_rows_give_the_same_parameters(model: PurchaseChurn) -> None:
    assert fitted(ROWS).estimates() == model.estimates()


def test_parameters_are_told_by_name_with_times_in_days(model: PurchaseChurn) -> None:
    estimates = model.estimates()
    assert list(estimates) == [
        "half_life_days",
        *(f"leaving_{name}" for name in ("r", "alpha_days", "a", "b", "once", "horizon_days")),
        *(f"drifting_{name}" for name in ("r", "alpha_days", "horizon_days")),
    ]
    assert 10 < estimates["leaving_alpha_days"] < 300
    assert 10 < estimates["leaving_horizon_days"] < 500


def test_unknown_inputs_count_as_those_of_the_reference_customer(model: PurchaseChurn) -> None:
    unknown = pd.DataFrame([[np.nan] * len(FEATURES)], columns=list(FEATURES))
    median = ROWS[list(FEATURES)].median().to_frame().T
    assert model.log_odds(unknown) == pytest.approx(model.log_odds(median))
    assert np.isfinite(model.contributions(unknown)).all()


def test_without_what_the_formulas_need_it_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="days_since_first_purchase"):
        fitted(ROWS, ("days_since_last_purchase", "noise"))


def spread(rows: pd.DataFrame) -> pd.DataFrame:
    """The same customers at four cut-offs, as a training sees them."""
    cutoffs = pd.to_datetime(["2025-01-01", "2025-02-01", "2025-03-01", "2025-04-01"], utc=True)
    return rows.assign(as_of=np.resize(cutoffs, len(rows)))


def test_the_mean_of_all_holds_the_purchase_models_and_says_so(tmp_path: Path) -> None:
    rows = spread(ROWS.head(1_200))
    at_once = fit_candidates(rows, FEATURES, 1)
    assert list(at_once) == list(CANDIDATES)
    blend = at_once["blend"].model
    assert isinstance(blend, BlendChurn)
    assert [part.kind for part in blend.parts] == ["xgboost", "logistic", "purchases"]
    parts = [at_once[kind].model.log_odds(NEW) for kind in ("xgboost", "logistic", "purchases")]
    assert blend.log_odds(NEW) == pytest.approx(np.mean(parts, axis=0))
    for kind, alone in (("purchases", fit_purchases(rows, FEATURES, 1)), ("blend", fit_blend(rows, FEATURES, 1))):
        assert (at_once[kind].probability(NEW) == alone.probability(NEW)).all()
        assert parameters_of(kind, alone)["purchases_leaving_r"] == pytest.approx(
            at_once["purchases"].model.estimates()["leaving_r"]  # type: ignore[attr-defined]
        )
    blend.save(tmp_path)
    assert (BlendChurn.load(tmp_path, FEATURES).log_odds(NEW) == blend.log_odds(NEW)).all()


def test_without_their_features_the_purchase_models_are_left_out(tmp_path: Path) -> None:
    features = ("days_since_last_purchase", "purchase_days_total")
    candidates = fit_candidates(spread(ROWS.head(1_200)), features, 1)
    assert list(candidates) == ["xgboost", "logistic", "blend"]
    blend = candidates["blend"].model
    assert isinstance(blend, BlendChurn)
    assert [type(part) for part in blend.parts] == [XGBoostChurn, LogisticChurn]
    blend.save(tmp_path)
    assert (BlendChurn.load(tmp_path, features).log_odds(NEW) == blend.log_odds(NEW)).all()
