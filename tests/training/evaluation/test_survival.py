import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from training.evaluation.survival import (
    brier_rows,
    censoring_curve,
    concordance,
    concordance_error,
    integrated,
    kaplan_meier,
    mean_and_error,
    seen_weights,
    share_before,
)

Floats = NDArray[np.float64]

# Weeks of remission under 6-mercaptopurine, Freireich et al. 1963; those with a plus were still in remission.
REMISSION = [
    "6",
    "6",
    "6",
    "6+",
    "7",
    "9+",
    "10",
    "10+",
    "11+",
    "13",
    "16",
    "17+",
    "19+",
    "20+",
    "22",
    "23",
    "25+",
    "32+",
    "32+",
    "34+",
    "35+",
]
OBSERVED = np.array([not week.endswith("+") for week in REMISSION])
# the study counts who was still seen in a week as at risk in it
WEEKS = np.array([float(week.rstrip("+")) for week in REMISSION]) + np.where(OBSERVED, 0, 0.5)

FEW = st.integers(2, 25).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, n, elements=st.integers(0, 8).map(float)),
        arrays(np.bool_, n),
        arrays(np.float64, n, elements=st.integers(0, 5).map(float)),
    )
)


def test_kaplan_meier_gives_the_published_estimates() -> None:
    curve = kaplan_meier(WEEKS, OBSERVED)
    assert curve.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.values.round(3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]


def test_a_curve_falls_at_its_times_and_not_before() -> None:
    curve = kaplan_meier(np.array([1.0, 2, 2, 4]), np.array([True, True, False, True]))
    # at day 2 three are left; one of them was last seen before it
    assert curve.times.tolist() == [1, 2, 4]
    assert curve.values.tolist() == [0.75, 0.375, 0]
    assert curve.until([0.0, 1, 1.5, 2, 9]).tolist() == [1, 1, 0.75, 0.75, 0]
    assert curve.after([0.0, 1, 1.5, 2, 9]).tolist() == [1, 0.75, 0.75, 0.375, 0]


def test_censoring_counts_who_had_the_event_at_that_time_as_still_in_sight() -> None:
    curve = censoring_curve(np.array([1.0, 2, 2, 4]), np.array([True, True, False, True]))
    assert curve.times.tolist() == [2]
    assert curve.values.tolist() == [pytest.approx(2 / 3)]


def test_concordance_counts_the_pairs_whose_order_is_known() -> None:
    days, observed = np.array([1.0, 2, 3, 4]), np.array([True, False, True, False])
    # pairs: 1 before each of the others (weight 1), 3 before 4 (weight 1 / (2/3)²)
    assert concordance(days, observed, np.array([9.0, 0, 5, 1]), 10) == 1
    assert concordance(days, observed, np.array([9.0, 0, 1, 1]), 10) == pytest.approx((3 + 2.25 / 2) / 5.25)
    assert concordance(days, observed, np.array([9.0, 0, 1, 5]), 10) == pytest.approx(3 / 5.25)
    assert concordance(days, observed, np.array([9.0, 0, 1, 5]), until_day=3) == 1
    assert np.isnan(concordance(days, np.zeros(4, bool), days, 10))


def counted_one_by_one(days: Floats, observed: NDArray[np.bool_], risk: Floats, until: float) -> float:
    """Uno's estimate from its definition, over all pairs."""
    right = pairs = 0.0
    for i in range(len(days)):
        if not observed[i] or days[i] >= until:
            continue
        seen = 1.0
        for time in np.unique(days[~observed & (days <= days[i])]):
            seen *= 1 - np.sum((days == time) & ~observed) / np.sum(days >= time)
        for j in range(len(days)):
            if days[j] > days[i]:
                pairs += seen**-2
                right += seen**-2 * (1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0)
    return right / pairs if pairs else float("nan")


@given(FEW, st.sampled_from([3.0, 8.5]))
def test_concordance_is_the_share_among_all_pairs(rows: tuple[Floats, NDArray[np.bool_], Floats], until: float) -> None:
    days, observed, risk = rows
    expected = counted_one_by_one(days, observed, risk, until)
    assert concordance(days, observed, risk, until) == pytest.approx(expected, nan_ok=True)


@given(FEW)
def test_turning_the_risk_round_turns_concordance_round(rows: tuple[Floats, NDArray[np.bool_], Floats]) -> None:
    days, observed, risk = rows
    forward, back = (concordance(days, observed, sign * risk, 9) for sign in (1, -1))
    assert forward + back == pytest.approx(1) or (np.isnan(forward) and np.isnan(back))


def test_the_error_of_concordance_shrinks_with_the_customers_and_not_with_their_copies() -> None:
    generator = np.random.default_rng(1)
    days = generator.exponential(10, 1600)
    observed, risk = days < 20, -days + generator.normal(0, 10, 1600)
    days = np.minimum(days, 20)
    few, many = (concordance_error(days[:n], observed[:n], risk[:n], 20, np.arange(n), 0) for n in (400, 1600))
    copies = concordance_error(*(np.tile(x[:400], 4) for x in (days, observed, risk)), 20, np.tile(range(400), 4), 0)
    assert 0.4 * few < many < 0.7 * few
    assert copies == pytest.approx(few, rel=0.3)


def test_without_censoring_the_brier_score_is_the_plain_mean_square() -> None:
    days, survival = np.array([1.0, 5, 10]), np.array([[0.2, 0.1], [0.7, 0.4], [0.9, 0.8]])
    errors = brier_rows(days, np.ones(3, bool), survival, np.array([5.0, 6]))
    assert errors == pytest.approx(np.array([[0.04, 0.01], [0.09, 0.16], [0.01, 0.04]]))


def test_those_still_in_sight_stand_for_those_who_are_lost() -> None:
    days, observed = np.array([1.0, 2, 3, 4]), np.array([True, False, True, False])
    assert seen_weights(days, observed, np.full(4, 3.5)) == pytest.approx([1, 0, 1.5, 1.5])
    assert seen_weights(days, observed, np.full(4, 2.0)) == pytest.approx([1, 1, 1, 1])
    assert seen_weights(days, observed, np.array([9.0, 9, 1, 4])) == pytest.approx([1, 0, 1, 1.5])


@given(FEW)
def test_weights_make_up_for_all_who_were_lost(rows: tuple[Floats, NDArray[np.bool_], Floats]) -> None:
    days, observed, _ = rows
    at_days = np.arange(int(days.max()) + 1, dtype=np.float64)
    weights = seen_weights(days, observed, np.broadcast_to(at_days, (len(days), len(at_days))))
    assert weights.sum(axis=0) == pytest.approx(np.full(len(at_days), len(days)))


@given(FEW)
def test_the_weighted_share_before_a_day_is_that_of_kaplan_meier(
    rows: tuple[Floats, NDArray[np.bool_], Floats],
) -> None:
    days, observed, _ = rows
    for day in np.unique(days):
        expected = 1 - kaplan_meier(days, observed).until(day)
        assert share_before(days, observed, np.full(len(days), day)) == pytest.approx(float(expected), abs=1e-12)


def test_nothing_is_said_of_days_that_nobody_saw() -> None:
    with pytest.raises(ValueError, match="nothing is seen of day 11; the longest row ends at 10"):
        brier_rows(np.array([5.0, 10]), np.array([True, False]), np.ones((2, 1)), np.array([11.0]))
    assert np.isnan(share_before(np.zeros(0), np.zeros(0, bool), np.zeros(0)))


def test_a_score_is_integrated_from_zero_at_the_beginning() -> None:
    # triangle to day 2, then level to day 4
    assert integrated(np.array([[0.2, 0.2]]), np.array([2.0, 4.0])) == pytest.approx([(0.2 + 0.4) / 4])


@pytest.mark.parametrize("censored", [False, True])
def test_the_true_survival_has_the_lowest_brier_score(censored: bool) -> None:
    generator = np.random.default_rng(2)
    gap = generator.choice([5.0, 40.0], 4000)
    event, end = generator.exponential(gap), generator.uniform(5, 60, 4000) if censored else np.full(4000, 60.0)
    days, observed = np.minimum(event, end), event < end
    at_days = np.arange(5.0, 51, 5)
    scores = {
        factor: integrated(brier_rows(days, observed, np.exp(-at_days / (factor * gap[:, None])), at_days), at_days)
        for factor in (0.7, 1.0, 1.4)
    }
    assert scores[1.0].mean() < min(scores[0.7].mean(), scores[1.4].mean())
    # what an infinite sample without censoring gives: the mean of S (1 - S) over customers and time
    truth = np.exp(-at_days / np.array([5.0, 40.0])[:, None])
    assert scores[1.0].mean() == pytest.approx(integrated(truth * (1 - truth), at_days).mean(), abs=0.01)


def test_the_error_of_a_mean_counts_customers_and_not_rows() -> None:
    values = np.array([1.0, 3, 5, 7])
    mean, error = mean_and_error(values, list("abcd"))
    assert (mean, error) == (4, pytest.approx(values.std(ddof=1) / 2))
    assert mean_and_error(np.repeat(values, 3), np.repeat(list("abcd"), 3)) == (4, pytest.approx(error))
