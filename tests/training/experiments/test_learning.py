"""Beliefs after campaigns: the conjugate update by hand, and beliefs that are wrong by a factor of three."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.experiments.learning import Belief, Evidence, pooled, updated

REACH = 1.6448536269514722


def evidence(value: float, error: float, campaign: str = "spring") -> Evidence:
    return Evidence(campaign, value, error, 900, 300)


def belief(mean: float, spread: float) -> Belief:
    return Belief(mean, mean - REACH * spread, mean + REACH * spread)


def test_a_belief_without_evidence_stays() -> None:
    assert updated(belief(0.1, 0.05), []) == belief(0.1, 0.05)


def test_evidence_that_agrees_is_weighed_by_precision() -> None:
    # spreads .06 and .03: precisions 1 : 4, so the mean is (.10 + 4 x .14) / 5 and the spread .06 / sqrt(5)
    after = updated(belief(0.10, 0.06), [evidence(0.14, 0.03)])
    assert after.mean == pytest.approx(0.132)
    assert after.spread == pytest.approx(0.06 / np.sqrt(5))
    assert (after.treated, after.controls, after.evidence[0].campaign) == (900, 300, "spring")


def test_a_belief_that_is_contradicted_gives_way() -> None:
    # gap .2, chance explains .05: the prior's variance becomes .04 - .0025
    after = updated(belief(0.3, 0.01), [evidence(0.1, 0.05)])
    prior = 0.2**2 - 0.05**2
    assert after.mean == pytest.approx((0.3 / prior + 0.1 / 0.0025) / (1 / prior + 1 / 0.0025))


def test_campaigns_that_differ_by_more_than_chance_are_pooled_with_less_certainty() -> None:
    # DerSimonian-Laird by hand: Q = 2 (.1/.02)^2 = 50, the variance between them is (50 - 1) / 2500
    value, error = pooled([evidence(0.0, 0.02, "a"), evidence(0.2, 0.02, "b")])
    assert value == pytest.approx(0.1)
    assert error == pytest.approx(np.sqrt((0.02**2 + 49 / 2500) / 2))
    assert pooled([evidence(0.1, 0.02, "a"), evidence(0.1, 0.02, "b")])[1] == pytest.approx(0.02 / np.sqrt(2))


def test_measurements_can_show_that_an_action_harms() -> None:
    after = updated(belief(0.1, 0.03), [evidence(-0.3, 0.03)])
    assert after.high < 0


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_a_belief_wrong_by_a_factor_of_three_recovers_three_quarters_within_four_campaigns(factor: float) -> None:
    truth, rng = 0.15, np.random.default_rng(4)
    wrong = Belief(truth * factor, truth * factor * 0.6, truth * factor * 1.4)
    gaps = []
    for _ in range(200):
        found = [evidence(rng.normal(truth, 0.05), 0.05, str(i)) for i in range(4)]
        gaps.append(updated(wrong, found).mean - truth)
    assert abs(np.mean(gaps)) <= 0.25 * abs(wrong.mean - truth)


@given(st.floats(-0.5, 0.9), st.floats(0.01, 0.2), st.floats(-0.5, 0.9), st.floats(0.01, 0.2))
def test_the_belief_lies_between_what_was_believed_and_what_was_measured(
    mean: float, spread: float, value: float, error: float
) -> None:
    after = updated(belief(mean, spread), [evidence(value, error)])
    assert min(mean, value) - 1e-9 <= after.mean <= max(mean, value) + 1e-9
    assert after.spread <= error + 1e-9
    assert after.low <= after.mean <= after.high


def test_a_standard_error_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        pooled([evidence(0.1, 0.0)])
