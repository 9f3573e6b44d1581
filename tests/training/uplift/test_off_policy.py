"""Off-policy evaluation: tables by hand, and a simulation in which the value of every policy is known."""

import numpy as np
import pandas as pd
import pytest

from features.errors import FactsError
from tests.training.uplift.logs import expected, features, three_armed
from training.uplift.log import TreatmentLog, two_armed
from training.uplift.off_policy import choosing, expected_outcomes, policy_value

HAND = TreatmentLog(
    features=pd.DataFrame({"x": np.zeros(4)}),
    actions=("call",),
    arm=np.array([0, 1, 1, 0]),
    propensities=two_armed(np.array([0.5, 0.5, 0.25, 0.25])),
    outcome=np.array([1.0, 1.0, 0.0, 1.0]),
    is_wanted=True,
    cluster=np.arange(4),
)
ALWAYS_CALL = choosing(np.ones(4, dtype=np.int64), 2)


def test_a_policy_by_hand() -> None:
    # ratios: 0, 1/.5, 1/.25, 0; rewards 1, 1, 0, 1
    value = policy_value(HAND, ALWAYS_CALL, expected=np.full((4, 2), 0.5))
    assert value.ips.value == pytest.approx(2 / 4)
    assert value.snips.value == pytest.approx(2 / 6)
    # .5 each, corrected by 2 * .5 and 4 * -.5 of four rows
    assert value.dr is not None
    assert value.dr.value == pytest.approx(0.5 + (2 * 0.5 - 4 * 0.5) / 4)
    assert value.effective_rows == pytest.approx(36 / 20)
    # the sample's standard deviation of 0, 2, 0, 0 over the root of four
    assert value.ips.standard_error == pytest.approx(np.std([0, 2, 0, 0], ddof=1) / 2)


def test_the_policy_that_made_the_log_is_worth_the_mean_of_the_log() -> None:
    value = policy_value(HAND, HAND.propensities)
    assert value.ips.value == value.snips.value == pytest.approx(0.75)
    assert value.effective_rows == pytest.approx(4)


def test_money_can_take_the_place_of_the_outcome() -> None:
    assert policy_value(HAND, ALWAYS_CALL, np.array([9.0, 10.0, 20.0, 9.0])).ips.value == pytest.approx((20 + 80) / 4)


def policies(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    a = frame["a"].to_numpy()
    return {
        "nobody": choosing(np.zeros(len(a), dtype=np.int64), 3),
        "the better of both": choosing(np.where(a > 0.35, 1, 2), 3),
        "by the throw of a coin": np.tile([0.0, 0.5, 0.5], (len(a), 1)),
    }


def truth_of(name: str) -> float:
    many = features(200_000, 1234)
    return float((policies(many)[name] * expected(many)).sum(axis=1).mean())


NAMES = ("nobody", "the better of both", "by the throw of a coin")
REPEATS = 60


@pytest.fixture(scope="module")
def estimates() -> dict[str, np.ndarray]:
    """Value and standard error by IPS, SNIPS and DR, of each policy, from 60 logs of 1,000 rows each."""
    found: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in NAMES}
    for seed in range(REPEATS):
        log = three_armed(1_000, seed)
        model = expected_outcomes(log, "logistic", 0)
        for name, policy in policies(log.features).items():
            value = policy_value(log, policy, expected=model)
            assert value.dr is not None
            found[name].append([(one.value, one.standard_error) for one in (value.ips, value.snips, value.dr)])
    return {name: np.array(own) for name, own in found.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_estimator_is_right_on_average(name: str, estimates: dict[str, np.ndarray]) -> None:
    value, truth = estimates[name][:, :, 0], truth_of(name)
    error = value.std(axis=0, ddof=1) / np.sqrt(REPEATS)
    assert (np.abs(value.mean(axis=0) - truth) < 3.5 * error + 0.002).all()


@pytest.mark.parametrize("name", NAMES)
def test_standard_errors_are_those_that_the_estimates_have(name: str, estimates: dict[str, np.ndarray]) -> None:
    value, error = estimates[name][:, :, 0], estimates[name][:, :, 1]
    assert error.mean(axis=0) == pytest.approx(value.std(axis=0, ddof=1), rel=0.3)
    covered = np.abs(value - truth_of(name)) < 1.96 * error
    assert (covered.mean(axis=0) >= 0.87).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_the_outcome_makes_the_estimate_steadier(name: str, estimates: dict[str, np.ndarray]) -> None:
    ips, snips, dr = estimates[name][:, :, 1].mean(axis=0)
    assert dr < snips < ips


def test_a_policy_that_chooses_what_was_never_tried_is_refused() -> None:
    log = TreatmentLog(**{**vars(HAND), "arm": np.zeros(4, dtype=np.int64), "propensities": two_armed(np.zeros(4))})
    with pytest.raises(FactsError, match="For 4 of 4 rows"):
        policy_value(log, ALWAYS_CALL)


@pytest.mark.parametrize(
    ("policy", "said"), [(np.ones((4, 3)) / 3, r"shape \(4, 3\)"), (np.ones((4, 2)), "add up to 1")]
)
def test_a_policy_that_is_none_is_refused(policy: np.ndarray, said: str) -> None:
    with pytest.raises(FactsError, match=said):
        policy_value(HAND, policy)
