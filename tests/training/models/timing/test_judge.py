import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaincc

from features.errors import FactsError
from tests.training.models.timing.customers import SHAPE, rhythmic
from training.durations import Durations
from training.models.purchases.naive import OwnRate
from training.models.timing.baselines import baseline_curves
from training.models.timing.curves import SurvivalCurves
from training.models.timing.judge import judge_timing

EDGES = np.array([0.0, 1, 2, 4, 8, 15, 30, 60])
FIT, FIT_DURATIONS = rhythmic(4_000)
TEST, DURATIONS = rhythmic(4_000, seed=1)


def true_curves(frame: pd.DataFrame) -> SurvivalCurves:
    """What governs the customers, where their rhythm is known."""
    gap = frame["gap_mean_days"].fillna(20).to_numpy()[:, None]
    silent = frame["days_since_last_purchase"].to_numpy()[:, None]
    edges = np.unique(np.concatenate([np.linspace(0, 60, 61), EDGES]))
    lasts = gammaincc(SHAPE, SHAPE * (silent + edges) / gap) / gammaincc(SHAPE, SHAPE * silent / gap)
    return SurvivalCurves.from_survival(edges, 0.2 + 0.8 * lasts)


def test_the_truth_beats_all_baselines_and_its_interval_holds_what_it_promises() -> None:
    curves = {"truth": true_curves(TEST), **baseline_curves(FIT_DURATIONS, TEST, EDGES)}
    judged = judge_timing(curves, TEST, DURATIONS)
    truth, marginal, own = judged["truth"], judged["marginal"], judged["own_rhythm"]
    assert (truth.rows, truth.until_day) == (4000, 60)
    assert truth.concordance > own.concordance + 0.01 > marginal.concordance + 0.1
    assert truth.integrated_brier < min(own.integrated_brier, marginal.integrated_brier)
    assert truth.brier_gain > 5 * truth.brier_gain_error > 0
    assert truth.brier_gain == pytest.approx(marginal.integrated_brier - truth.integrated_brier)
    assert truth.before_interval == pytest.approx(0.1, abs=0.02)


def test_an_interval_is_judged_by_the_customers_whose_end_could_be_watched() -> None:
    # everybody acts evenly in [0, 50), and the curves know it: a tenth before day 5, a tenth after day 45
    generator = np.random.default_rng(5)
    waiting, followed = generator.uniform(0, 50, 4000), generator.choice([20.0, 60.0], 4000)
    durations = Durations(np.minimum(waiting, followed), waiting < followed, followed)
    edges = np.linspace(0, 50, 51)
    known = SurvivalCurves.from_survival(edges, np.broadcast_to(1 - edges / 50, (4000, 51)))
    narrow = SurvivalCurves.from_survival(edges, np.broadcast_to(np.clip(1.5 - edges / 25, 0, 1), (4000, 51)))
    customers = pd.DataFrame({"customer_id": np.arange(4000).astype(str)})
    judged = judge_timing({"marginal": known, "narrow": narrow}, customers, durations)
    assert judged["marginal"].before_interval == pytest.approx(0.1, abs=0.015)
    assert judged["marginal"].after_interval == pytest.approx(0.1, abs=0.015)
    assert judged["marginal"].inside_interval == pytest.approx(0.8, abs=0.02)
    # certain of days 15 to 35, so that a third acts before and a third after them
    assert judged["narrow"].before_interval == pytest.approx(0.3, abs=0.02)
    assert judged["narrow"].inside_interval == pytest.approx(0.4, abs=0.02)
    assert judged["narrow"].interval_seen == 1


def test_everybody_alike_ranks_nobody_and_sees_no_end() -> None:
    marginal = judge_timing(baseline_curves(FIT_DURATIONS, TEST, EDGES), TEST, DURATIONS)["marginal"]
    assert (marginal.concordance, marginal.concordance_error) == (0.5, 0)
    assert (marginal.brier_gain, marginal.brier_gain_error) == (0, 0)
    assert marginal.interval_seen == 0
    assert "inside_interval" not in marginal.as_dict()
    assert marginal.as_dict()["observed_share"] == DURATIONS.observed.mean()


def test_a_test_in_which_nobody_acted_says_nothing_of_the_order() -> None:
    nobody = Durations(np.full(4000, 60.0), np.zeros(4000, bool), np.full(4000, 60.0))
    judged = judge_timing(baseline_curves(FIT_DURATIONS, TEST, EDGES), TEST, nobody)["own_rhythm"]
    assert np.isnan([judged.concordance, judged.concordance_error]).all()
    assert judged.before_interval == 0
    assert judged.brier_gain < 0


def test_it_is_judged_no_further_than_it_was_watched() -> None:
    month = Durations(
        np.minimum(DURATIONS.days, 29), DURATIONS.observed & (DURATIONS.days < 29), np.full(len(TEST), 29.0)
    )
    curves = baseline_curves(FIT_DURATIONS, TEST, EDGES)
    assert judge_timing(curves, TEST, month)["marginal"].until_day == 15
    with pytest.raises(ValueError, match="not watched to the end of the first interval"):
        judge_timing(curves, TEST, Durations(np.full(4000, 0.5), np.zeros(4000, bool), np.full(4000, 0.5)))


def test_the_own_rhythm_halves_in_proportion_to_the_own_gap() -> None:
    frame = pd.DataFrame({"gap_mean_days": [10.0, 20.0, np.nan]})
    curves = baseline_curves(FIT_DURATIONS, frame, EDGES)
    assert list(curves) == ["marginal", "own_rhythm"]
    own, marginal = curves["own_rhythm"], curves["marginal"]
    assert own.median_days()[:2] == pytest.approx([10 * np.log(2), 20 * np.log(2)])
    assert own.survival_at(EDGES)[2] == pytest.approx(marginal.survival_at(EDGES)[2])
    assert list(baseline_curves(FIT_DURATIONS, frame[[]], EDGES)) == ["marginal"]


def test_a_purchase_model_gives_its_probability_of_no_purchase_until_each_day() -> None:
    frame = pd.DataFrame(
        {
            "purchase_days_total": [1.0, 4],
            "days_first_to_last_purchase": [0.0, 50],
            "days_since_first_purchase": [60.0, 60],
        }
    )
    curves = baseline_curves(FIT_DURATIONS, frame, EDGES, {"own_rate": OwnRate()})["own_rate"]
    # nobody buys at a rate of 0; three repeat purchases in 60 days are one in 20
    assert curves.survival(30) == pytest.approx([1, np.exp(-30 / 20)])
    assert curves.survival(17) == pytest.approx([1, np.exp(-17 / 20)])
    with pytest.raises(FactsError, match="1 of 2 customers have no purchase"):
        baseline_curves(FIT_DURATIONS, frame.assign(purchase_days_total=[0, 1]), EDGES, {"own_rate": OwnRate()})
