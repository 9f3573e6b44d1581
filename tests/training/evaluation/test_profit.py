import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import ModelError
from tests.training.evaluation.judgements import by_hand, drawn
from training.evaluation.judged import Judged
from training.evaluation.profit import (
    DecisionCosts,
    cost_matrix,
    money,
    profit_curve,
    profit_gain,
    profit_of_contact,
    savings,
    worth_contacting,
)

VISIT = DecisionCosts(contact=20, effect=0.25)
OFFER = DecisionCosts(contact=20, effect=0.25, discount_share=0.02, margin_share=0.4)

shares = st.floats(0, 1)
costs = st.builds(DecisionCosts, st.floats(0, 500), shares, shares, st.floats(0.01, 1))
customers = st.lists(st.tuples(shares, st.floats(-1000, 10_000)), min_size=1, max_size=20)


def test_the_profit_of_a_contact_by_hand() -> None:
    # 0.5 x 0.25 x 800 - 20
    assert profit_of_contact(np.array([0.5]), np.array([800.0]), VISIT).tolist() == [80]
    # the spend is 800 / 0.4 = 2000, and 1 - 0.5 x 0.75 = 0.625 are there to take 2 % of it
    assert profit_of_contact(np.array([0.5]), np.array([800.0]), OFFER).tolist() == pytest.approx([80 - 25])
    # what came true: who left would have stayed with a quarter, and then taken a quarter of the discount of 40
    assert profit_of_contact(np.array([1, 0]), np.array([800.0, 800.0]), OFFER).tolist() == pytest.approx([170, -60])
    assert np.isnan(profit_of_contact(np.array([0.5]), np.array([np.nan]), OFFER)[0])


def test_those_are_contacted_whom_it_pays_and_nobody_of_unknown_or_negative_value() -> None:
    probability = np.array([0.5, 0.5, 0.1, 0.9, 0.9])
    value = np.array([800.0, 160.0, 900.0, np.nan, -500.0])
    # the second only just fails to pay: 0.5 x 0.25 x 160 - 20 = 0
    assert worth_contacting(probability, value, VISIT).tolist() == [True, False, True, False, False]


@given(customers, costs)
@settings(max_examples=100, deadline=None)
def test_the_decision_of_least_expected_cost_is_to_contact_whom_it_pays(
    rows: list[tuple[float, float]], terms: DecisionCosts
) -> None:
    probability, value = (np.array(column) for column in zip(*rows, strict=True))
    profit = profit_of_contact(probability, value, terms)
    sure = np.abs(profit) > 1e-6
    matrix = cost_matrix(value, terms)
    assert (matrix.least_risk(probability) == worth_contacting(probability, value, terms))[sure].all()
    for churned in (np.zeros(len(value), dtype=np.int64), np.ones(len(value), dtype=np.int64)):
        saved = matrix.of(churned, churned == 2) - matrix.of(churned, churned < 2)
        assert saved == pytest.approx(profit_of_contact(churned, value, terms), abs=1e-6)


def test_savings_by_hand() -> None:
    churned = np.array([1, 1, 0, 0])
    fixed = {"fp_cost": 10.0, "fn_cost": 100.0, "tp_cost": 30.0, "tn_cost": 0.0}
    terms = {name: np.full(4, cost) for name, cost in fixed.items()}
    # nobody: 200, everybody: 30 + 30 + 10 + 10 = 80; the first and the third contacted: 30 + 100 + 10 = 140
    assert savings(churned, np.array([True, False, True, False]), **terms) == pytest.approx(1 - 140 / 80)
    assert savings(churned, churned == 1, **terms) == pytest.approx(1 - 60 / 80)
    assert savings(churned, np.ones(4, dtype=bool), **terms) == 0
    assert np.isnan(savings(churned * 0, churned == 1, **terms)), "leaving all alone costs nothing"


def judged_by_hand() -> Judged:
    return by_hand(
        [1, 0, 1, 0, 1],
        [0.9, 0.8, 0.1, 0.05, 0.5],
        value=[400, 400, 400, 400, float("nan")],
        customers=["a", "b", "c", "d", "e"],
    )


def test_the_money_of_four_customers_by_hand() -> None:
    report = money(judged_by_hand(), VISIT)
    assert report is not None
    assert (report.rows, report.rows_without_value) == (4, 1)
    # contacting brings 0.25 x 400 - 20 = 80 from who left, and -20 from who stayed; the model contacts a and b
    found = report.models["model"]
    assert found.profit.value == (80 - 20) / 4 * 1000
    assert found.share_contacted == 0.5
    assert found.expected == pytest.approx((0.9 * 100 - 20 + 0.8 * 100 - 20) / 4 * 1000)
    assert report.everybody.value == (80 - 20 + 80 - 20) / 4 * 1000
    assert report.foreseen.value == 160 / 4 * 1000
    assert found.gain.value == (60 - 120) / 4 * 1000
    # contacting all costs 2 x (300 + 20) + 2 x 20 = 680; the model's choice 320 + 20 + 400 = 740
    assert found.saved == pytest.approx(1 - 740 / 680)
    # profits of a to d are 80, -20, 0, 0 less a mean of 15: errors 65, -35, -15, -15
    error = np.sqrt(4 / 3 * (65**2 + 35**2 + 15**2 + 15**2)) / 4 * 1000
    assert found.profit.standard_error == pytest.approx(error)


def test_without_values_there_is_no_money() -> None:
    assert money(by_hand([1, 0], [0.5, 0.5], value=[float("nan")] * 2), VISIT) is None


def test_true_probabilities_announce_what_comes_and_no_other_model_or_rule_brings_more() -> None:
    judged = drawn(20_000)
    report = money(judged, VISIT)
    assert report is not None
    best = report.models["model"]
    assert best.profit.low < best.expected < best.profit.high
    assert report.over["blunt"].low > 0
    assert report.over["base_rate"].low > 0
    assert best.gain.low > 0
    assert best.profit.value < report.foreseen.value
    assert 0 < best.saved < 1
    assert profit_gain(judged, "model", "blunt", VISIT) == report.over["blunt"]
    assert profit_gain(judged, "blunt", "model", VISIT).value == -report.over["blunt"].value


def test_the_difference_of_two_models_is_surer_than_either() -> None:
    report = money(drawn(5000), VISIT)
    assert report is not None
    errors = [report.models[name].profit.standard_error for name in ("model", "blunt")]
    assert report.over["blunt"].standard_error < 0.7 * min(errors)


def test_the_profit_curve_runs_from_nobody_to_everybody_and_shares_ties_out() -> None:
    judged = judged_by_hand()
    share, profit = profit_curve(judged, judged.probability, VISIT)
    assert share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert profit.tolist() == [0, 20_000, 15_000, 35_000, 30_000]
    assert profit_curve(judged, np.zeros(5), VISIT)[1].tolist() == [0, 7500, 15_000, 22_500, 30_000]


@pytest.mark.parametrize(
    "wrong",
    [{"contact": -1}, {"contact": float("nan")}, {"effect": 1.2}, {"discount_share": -0.1}, {"margin_share": 0}],
)
def test_costs_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=r"got .*contact"):
        DecisionCosts(**{"contact": 1.0, "effect": 0.1, **wrong})
