import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import beta

from tests.training.evaluation.judgements import Outcomes, arrays, outcomes
from training.evaluation.bootstrap import bootstrap
from training.evaluation.maximum_profit import Campaign, empc, expected_maximum_profit, maximum_profit

EIGHT = arrays([0, 1] * 4, [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])


def profit_of_top(rows: Outcomes, size: int, acceptance: float, terms: Campaign) -> float:
    """The formula of the paper, for the customers with the highest scores."""
    churned = rows[0][np.argsort(-rows[1], kind="stable")][:size]
    left, stayed = churned.sum() / len(rows[0]), (1 - churned).sum() / len(rows[0])
    delta, phi = terms.incentive / terms.lifetime_value, terms.contact / terms.lifetime_value
    kept = terms.lifetime_value * (acceptance * (1 - delta) - phi) * left
    return float(kept - terms.lifetime_value * (delta + phi) * stayed)


def thresholds(rows: Outcomes) -> list[int]:
    """How many customers lie at or above each score; equal scores cannot be told apart."""
    return [0, *(int((rows[1] >= score).sum()) for score in np.unique(rows[1]))]


def test_the_published_example() -> None:
    found = expected_maximum_profit(*EIGHT)
    assert found.profit == pytest.approx(23.8756, abs=5e-5)
    assert found.share_contacted == pytest.approx(0.874, abs=5e-4)


def test_the_maximum_profit_of_eight_customers_by_hand() -> None:
    # The seven ranked first hold all four who leave: 4 x 0.3 x 190 - 3 x 10 - 7 = 191, over eight customers.
    found = maximum_profit(*EIGHT)
    assert found.profit == pytest.approx(191 / 8)
    assert found.share_contacted == 7 / 8


@given(outcomes())
@settings(max_examples=15, deadline=None)
def test_the_closed_form_is_the_integral_over_the_best_thresholds(rows: Outcomes) -> None:
    terms = Campaign(lifetime_value=60, incentive=5, contact=2)
    acceptance = np.linspace(0, 1, 20_001)
    # the profit is linear in the acceptance
    ends = [[profit_of_top(rows, size, end, terms) for end in (0.0, 1.0)] for size in thresholds(rows)]
    best = np.max([low + (high - low) * acceptance for low, high in ends], axis=0)
    integral = np.trapezoid(best * beta.pdf(acceptance, terms.alpha, terms.beta), acceptance)
    assert expected_maximum_profit(*rows, terms).profit == pytest.approx(integral, abs=1e-4)


@given(outcomes())
@settings(max_examples=60, deadline=None)
def test_the_maximum_profit_is_that_of_the_best_threshold(rows: Outcomes) -> None:
    terms = Campaign(lifetime_value=60, incentive=5, contact=2)
    best = max(profit_of_top(rows, size, terms.acceptance, terms) for size in thresholds(rows))
    assert maximum_profit(*rows, terms).profit == pytest.approx(best, abs=1e-9)


@given(outcomes())
@settings(max_examples=60, deadline=None)
def test_what_holds_for_any_ranking(rows: Outcomes) -> None:
    churned, score = rows
    expected, maximum = expected_maximum_profit(churned, score), maximum_profit(churned, score)
    perfect, constant = (
        expected_maximum_profit(churned, churned.astype(float)),
        expected_maximum_profit(churned, score * 0),
    )
    assert 0 <= maximum.profit <= expected.profit + 1e-9, "adapting to what is not known beforehand never costs"
    assert constant.profit - 1e-9 <= expected.profit <= perfect.profit + 1e-9
    assert 0 <= expected.share_contacted <= 1
    assert expected_maximum_profit(churned, score**3).profit == pytest.approx(expected.profit)
    assert expected_maximum_profit(churned[::-1], score[::-1]).profit == pytest.approx(expected.profit)


def test_where_contacts_cannot_pay_nobody_is_contacted() -> None:
    assert vars(maximum_profit(*EIGHT, Campaign(lifetime_value=20, incentive=10, contact=15))) == {
        "profit": 0.0,
        "share_contacted": 0.0,
    }
    nobody_leaves = expected_maximum_profit(EIGHT[0] * 0, EIGHT[1])
    assert (nobody_leaves.profit, nobody_leaves.share_contacted) == (0, 0)


def test_it_has_an_interval_over_customers() -> None:
    rows = np.tile(EIGHT[0], 40), np.tile(EIGHT[1], 40)
    found = bootstrap(np.arange(320), {"empc": empc(*rows)}, seed=0)["empc"]
    assert found.value == pytest.approx(23.8756, abs=5e-5)
    assert found.low < found.value < found.high
