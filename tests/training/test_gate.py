"""The gate lets a model serve whose decisions earn as much and whose probabilities come true, and says why not else."""

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tests.training.companies import FEATURES, learnable
from training.evaluation.metrics import calibration_error
from training.gate import Difference, JudgedRows, Money, Verdict, decide, earned
from training.models.churn import XGBOOST_PARAMETERS

Floats = NDArray[np.float64]

CALL = Money(contact_cost=10.0, effect=0.1, currency="EUR")


def judged(churned: NDArray[np.int64], value: float | Floats = 500.0, rows_each: int = 1) -> JudgedRows:
    """Rows of customers who have so many rows each, one at each cut-off."""
    count = len(churned)
    return JudgedRows(
        customers=np.array([f"C{i // rows_each}" for i in range(count)], dtype=object),
        cutoffs=np.array([f"2025-0{1 + i % rows_each}-01" for i in range(count)], dtype="datetime64[us]"),
        churned=churned,
        value=np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)).copy(),
    )


def drawn(rows: int, seed: int = 0) -> tuple[NDArray[np.int64], Floats]:
    """Outcomes that come true with known probabilities, and those probabilities."""
    generator = np.random.default_rng(seed)
    truth = generator.beta(1, 3, rows)
    return (generator.random(rows) < truth).astype(np.int64), truth


def base_rate(churned: NDArray[np.int64]) -> dict[str, Floats]:
    return {"base_rate": np.full(len(churned), churned.mean())}


def measured(verdict: Verdict, measure: str, against: str) -> Difference:
    [found] = [d for d in verdict.differences if (d.measure, d.against) == (measure, against)]
    return found


def test_deciding_earns_the_value_kept_less_the_contacts_paid() -> None:
    """Effect x value is 50: whoever leaves with more than a fifth is called for 10."""
    rows = judged(np.array([1, 0, 1, 0]))
    assert earned(rows, np.array([0.9, 0.5, 0.19, 0.1]), CALL).tolist() == [40.0, -10.0, 0.0, 0.0]


def test_true_probabilities_serve_where_nothing_served() -> None:
    churned, truth = drawn(4_000)
    verdict = decide(judged(churned), truth, None, base_rate(churned), CALL)
    assert verdict.promote
    [reason] = verdict.reasons
    assert "It beats the baselines, its probabilities come true" in reason.en
    assert "没有可供比较的当前模型" in reason.zh
    profit = measured(verdict, "money", "nobody")
    assert f"EUR {1000 * profit.value:,.0f} ± {1000 * profit.standard_error:,.0f} per 1,000 customers" in reason.en


def test_a_model_that_equals_the_champion_serves_because_it_is_fresher() -> None:
    churned, truth = drawn(4_000)
    verdict = decide(judged(churned), truth, truth, base_rate(churned), CALL)
    assert verdict.promote
    assert "equals the serving model within noise (EUR +0 ± 0 per 1,000 customers" in verdict.reasons[0].en
    assert "knows newer facts" in verdict.reasons[0].en
    assert "使用了更新的数据" in verdict.reasons[0].zh


@pytest.mark.parametrize("value", [0.0, 20.0])
def test_where_no_contact_pays_no_earnings_are_claimed(value: float) -> None:
    """Of customers worth 20 the call keeps 2 at most, and costs 10."""
    churned, truth = drawn(4_000)
    first = decide(judged(churned, value), truth, None, base_rate(churned), CALL)
    again = decide(judged(churned, value), truth, truth, base_rate(churned), CALL)
    assert first.promote
    assert "no contact pays" in first.reasons[0].en
    assert again.promote
    assert [verdict.reasons[0].en.count("EUR") for verdict in (first, again)] == [0, 0]


def test_a_better_model_serves_because_it_is_better() -> None:
    churned, truth = drawn(4_000)
    blurred = 0.3 * truth + 0.7 * truth.mean()
    verdict = decide(judged(churned), truth, blurred, base_rate(churned), CALL)
    assert verdict.promote
    assert "It is better than the serving model" in verdict.reasons[0].en


def test_a_model_whose_decisions_earn_less_is_refused_with_the_money() -> None:
    churned, truth = drawn(4_000)
    blurred = 0.3 * truth + 0.7 * truth.mean()
    verdict = decide(judged(churned), blurred, truth, base_rate(churned), CALL)
    assert not verdict.promote
    loss = measured(verdict, "money", "champion")
    assert loss.value < -3 * loss.standard_error
    assert f"EUR {-1000 * loss.value:,.0f} ± {1000 * loss.standard_error:,.0f} less per 1,000 customers" in str(
        verdict.reasons
    )
    assert any("赚得少" in reason.zh for reason in verdict.reasons)


def test_a_model_that_does_not_beat_a_baseline_is_refused_with_its_name() -> None:
    churned, truth = drawn(4_000)
    verdict = decide(judged(churned), truth, None, {**base_rate(churned), "recency": truth}, CALL)
    assert not verdict.promote
    assert [reason.en for reason in verdict.reasons] == [
        "It does not beat a baseline, recency alone: its log-loss is +0.0000 ± 0.0000 nats a customer better; more than"
        " one standard error is needed."
    ]
    assert verdict.reasons[0].zh.startswith("未能优于基线（仅用最近购买时间）")


def test_the_base_rate_itself_is_refused() -> None:
    churned, _ = drawn(4_000)
    level = base_rate(churned)
    assert not decide(judged(churned), level["base_rate"], None, level, CALL).promote


@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_probabilities_that_are_too_high_or_too_low_as_a_whole_are_refused(shift: float) -> None:
    churned, truth = drawn(4_000)
    verdict = decide(judged(churned), np.clip(truth + shift, 0.001, 0.999), None, {}, CALL)
    assert not verdict.promote
    level = measured(verdict, "calibration_in_the_large", "truth")
    assert level.value == pytest.approx(shift, abs=0.04)  # probabilities end at zero
    assert f"off by {100 * level.value:+.1f} ± {100 * level.standard_error:.1f} percentage points" in str(
        verdict.reasons
    )


def test_probabilities_that_are_too_sure_are_refused_though_they_are_right_as_a_whole() -> None:
    generator = np.random.default_rng(1)
    truth = np.tile([0.3, 0.7], 2_000)
    churned = (generator.random(4_000) < truth).astype(np.int64)
    verdict = decide(judged(churned), np.where(truth > 0.5, 0.95, 0.05), None, {}, CALL)
    assert not verdict.promote
    assert abs(measured(verdict, "calibration_in_the_large", "truth").value) < 0.02
    error = measured(verdict, "calibration_error", "truth")
    assert error.value == pytest.approx(0.25, abs=0.02)
    assert any("Its probabilities do not come true: calibration error 2" in reason.en for reason in verdict.reasons)


def test_what_noise_explains_is_not_held_against_a_model() -> None:
    """On 60 customers, true probabilities show a calibration error that would be far too much on thousands."""
    churned, truth = drawn(60, seed=2)
    assert calibration_error(churned, truth) > 0.09
    verdict = decide(judged(churned), truth, None, {}, CALL)
    assert verdict.promote


def test_rows_of_the_same_customers_count_as_no_more_than_the_customers() -> None:
    """Every customer four times over: the differences are the same, and their standard errors too."""
    churned, truth = drawn(800)
    once = decide(judged(churned), truth, np.sqrt(truth), base_rate(churned), CALL)
    four = decide(judged(np.repeat(churned, 4), rows_each=4), *np.repeat([truth, np.sqrt(truth)], 4, axis=1), {}, CALL)
    for measure, against in (("money", "champion"), ("log_loss", "champion"), ("calibration_in_the_large", "truth")):
        assert measured(four, measure, against).value == pytest.approx(measured(once, measure, against).value)
        assert measured(four, measure, against).standard_error == pytest.approx(
            measured(once, measure, against).standard_error
        )


def trained(frame: pd.DataFrame, **changes: object) -> xgb.Booster:
    parameters = {**XGBOOST_PARAMETERS, "nthread": 1, "seed": 0, **changes}
    return xgb.train(parameters, xgb.DMatrix(frame[list(FEATURES)], label=frame["churned"]), 60)


def said(booster: xgb.Booster, frame: pd.DataFrame) -> Floats:
    return np.asarray(booster.predict(xgb.DMatrix(frame[list(FEATURES)])), dtype=np.float64)


@pytest.mark.parametrize("has_champion", [True, False])
def test_class_reweighting_without_recalibration_ranks_as_well_and_is_refused(has_champion: bool) -> None:
    """The trap: an AUC that is equal within .01 must not save probabilities that are no longer true."""
    learnt, tested = learnable(8_000, seed=1), learnable(4_000, seed=2)
    plain = said(trained(learnt), tested)
    weighted = said(trained(learnt, scale_pos_weight=8), tested)
    churned = tested["churned"].to_numpy(dtype=np.int64)
    assert roc_auc_score(churned, weighted) == pytest.approx(roc_auc_score(churned, plain), abs=0.01)

    rows = JudgedRows(
        tested["customer_id"].to_numpy(dtype=object),
        tested["as_of"].to_numpy(dtype="datetime64[us]"),
        churned,
        np.full(len(tested), 150.0),
    )
    baselines = base_rate(churned)
    honest = decide(rows, plain, plain if has_champion else None, baselines, CALL)
    assert honest.promote, honest.reasons

    verdict = decide(rows, weighted, plain if has_champion else None, baselines, CALL)
    assert not verdict.promote
    told = " ".join(reason.en for reason in verdict.reasons)
    assert "Its probabilities are wrong as a whole" in told
    assert "Were classes re-weighted without calibrating again?" in told
    assert "Its probabilities do not come true" in told
    if has_champion:
        assert "earns less than deciding by the serving model" in told
        assert measured(verdict, "money", "champion").value < 0


def test_a_verdict_survives_its_own_json() -> None:
    churned, truth = drawn(300)
    verdict = decide(judged(churned), truth, truth**2, base_rate(churned), CALL)
    assert Verdict.from_json(verdict.as_json()) == verdict


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(40, 400))
def test_money_against_the_champion_is_the_difference_of_what_each_earns(seed: int, rows: int) -> None:
    churned, truth = drawn(rows, seed)
    other = np.random.default_rng(seed + 1).random(rows)
    table = judged(churned)
    forth, back = decide(table, truth, other, {}, CALL), decide(table, other, truth, {}, CALL)
    difference = measured(forth, "money", "champion")
    assert difference.value == pytest.approx(earned(table, truth, CALL).mean() - earned(table, other, CALL).mean())
    assert measured(back, "money", "champion").value == pytest.approx(-difference.value)
    assert measured(forth, "calibration_error", "truth").value == pytest.approx(calibration_error(churned, truth))
    assert len(forth.reasons) >= 1
    assert all(reason.en and reason.zh for reason in forth.reasons)


@pytest.mark.parametrize(("customers", "value"), [(2, [1.0, 1.0, 1.0]), (3, [1.0, float("nan"), 1.0]), (0, [])])
def test_rows_that_do_not_fit_together_are_refused(customers: int, value: list[float]) -> None:
    count = len(value)
    with pytest.raises(ValueError, match="row"):
        JudgedRows(
            np.array(["A"] * customers, dtype=object),
            np.array(["2025-01-01"] * count, dtype="datetime64[us]"),
            np.zeros(count, dtype=np.int64),
            np.array(value),
        )
