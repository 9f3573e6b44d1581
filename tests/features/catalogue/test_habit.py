"""The own rhythm: gaps and the silence now, the last months against the earlier ones, trends, and the own season."""

from collections.abc import Sequence
from math import log

import pytest

from tests.features.builders import Values
from tests.features.catalogue.ages import AS_OF, orders_of
from tests.features.conftest import ByHand, EachByHand


def several(values: Values, *names: str) -> list[float | None]:
    return [values[name] for name in names]


# --- gaps


def test_two_purchases_have_one_gap_and_no_irregularity(at: ByHand) -> None:
    acme = at(AS_OF, orders=orders_of(acme={60: 9, 30: 9}))["acme"]
    names = ("gap_mean_days", "gap_median_days", "gap_longest_days", "gap_last_days", "current_gap_ratio")
    assert several(acme, *names) == [30, 30, 30, 30, 1]
    assert several(acme, "gap_variation", "gap_last_three_ratio", "current_gap_log_z") == [None, None, None]


@pytest.mark.parametrize(
    ("ages", "median"),
    [
        ((40, 30, 10), 15),  # gaps of 10 and 20
        ((100, 80, 70, 10), 20),  # 20, 10, 60
        ((100, 95, 55, 45, 15), 20),  # 5, 40, 10, 30
        ((30, 29, 28, 19, 18, 9), 1),  # 1, 1, 9, 1, 9
    ],
)
def test_the_median_of_an_even_number_of_gaps_lies_between_the_two_middle_ones(
    at: ByHand, ages: tuple[int, ...], median: float
) -> None:
    orders = orders_of(acme=dict.fromkeys(ages, 9))
    assert at(AS_OF, orders=orders)["acme"]["gap_median_days"] == median


def test_who_buys_like_clockwork_has_a_deviation_of_at_least_a_tenth(at: ByHand) -> None:
    in_time = dict.fromkeys((120, 90, 60, 30), 9)
    silent = dict.fromkeys((190, 160, 130, 100), 9)
    values = at(AS_OF, orders=orders_of(in_time=in_time, silent=silent))
    names = ("gap_variation", "current_gap_log_z", "current_gap_rank", "gap_last_three_ratio")
    assert several(values["in_time"], *names) == pytest.approx([0, 0, 1, 1], abs=1e-9)
    assert several(values["silent"], *names) == pytest.approx([0, (log(101) - log(31)) / 0.1, 1, 1], rel=1e-9)


def test_the_longer_the_silence_the_less_an_own_gap_explains_it(at: ByHand) -> None:
    """Five who bought five times, 30 days apart, and have been silent for 5 to 700 days since; one bought twice."""
    silences = (5, 30, 60, 120, 700)
    customers = {f"c{days}": dict.fromkeys((days, days + 30, days + 60, days + 90, days + 120), 9) for days in silences}
    values = at(AS_OF, orders=orders_of(**customers, twice={60: 9, 30: 9}, once={30: 9}))
    survival, goes_on, unseen = (
        [values[f"c{days}"][name] or 0 for days in silences]
        for name in ("gap_survival", "gap_goes_on_90d", "left_unseen_days")
    )
    assert survival == sorted(survival, reverse=True)
    assert goes_on == sorted(goes_on)
    assert unseen == sorted(unseen)
    assert survival[0] > 0.99
    assert goes_on[0] < 0.01
    assert unseen[0] == pytest.approx(5.5, rel=0.01)  # nobody expects an order yet: each day counts as one
    assert unseen[-1] > 1e6
    assert 0.3 < (values["twice"]["gap_survival"] or 0) < 0.5  # the mean of a skewed distribution lies above its median
    assert several(values["once"], "gap_survival", "gap_goes_on_90d", "left_unseen_days") == [None, None, None]


def test_a_gap_just_as_long_as_the_silence_counts_as_no_longer(at: ByHand) -> None:
    # gaps of 30 and 10 days
    orders = orders_of(nine={49: 9, 19: 9, 9: 9}, ten={50: 9, 20: 9, 10: 9}, thirty={70: 9, 40: 9, 30: 9})
    values = at(AS_OF, orders=orders)
    assert {c: v["current_gap_rank"] for c, v in values.items()} == {"nine": 0, "ten": 0.5, "thirty": 1}


def test_a_purchase_is_repeated_when_another_follows_within_90_days(at: ByHand) -> None:
    orders = orders_of(in_time={100: 9, 10: 9}, late={101: 9, 10: 9}, once={10: 9})
    values = at(AS_OF, orders=orders)
    assert {c: v["repeat_purchase_share"] for c, v in values.items()} == {"in_time": 1, "late": 0, "once": None}


# --- the last months against the earlier ones


def test_the_own_earlier_rate_needs_half_a_year(at: ByHand) -> None:
    values = at(AS_OF, orders=orders_of(young={179: 9}, old={180: 9}))
    names = ("purchase_days_90d_of_own", "purchase_days_90d_z", "spend_90d_of_own")
    assert several(values["young"], *names) == [None, None, None]
    # one purchase in the 90 days before leads to expect one: none came
    assert several(values["old"], *names) == [0, -1, 0]


def test_a_rate_near_nothing_has_a_deviation_of_at_least_a_half(at: ByHand) -> None:
    expected = 1 * 90 / (730 - 90)
    acme = at(AS_OF, orders=orders_of(acme={730: 9, 30: 9}))["acme"]
    assert acme["purchase_days_90d_z"] == pytest.approx((1 - expected) / 0.5, rel=1e-12)


def test_change_is_from_all_in_the_last_90_days_to_all_in_the_90_before(at: ByHand) -> None:
    orders = orders_of(comes={90: 9}, goes={91: 9}, stays={90: 30, 91: 10}, gone={181: 9})
    values = at(AS_OF, orders=orders)
    names = ("purchase_days_change_90d", "spend_change_90d")
    assert {c: several(v, *names) for c, v in values.items()} == {
        "comes": [1, 1],
        "goes": [-1, -1],
        "stays": [0, (30 - 10) / (30 + 10)],
        "gone": [None, None],
    }


# --- trends over twelve periods of 30 days

TRENDS = ("purchase_days_trend_360d", "spend_trend_360d")


def slope_over_mean(values: Sequence[float]) -> float:
    """Of one value for each period, the oldest first."""
    slope = sum((n - 5.5) * y for n, y in enumerate(values)) / sum((n - 5.5) ** 2 for n in range(12))
    return slope / (sum(values) / 12)


def test_a_trend_is_the_slope_over_the_mean_of_twelve_periods(at: ByHand) -> None:
    middles = [345 - 30 * n for n in range(12)]
    steady = dict.fromkeys(middles, 50.0)
    growing = {age: 10.0 * n for n, age in enumerate(middles, 1)}  # 10, 20, … 120: rises by 10, 65 in the mean
    shrinking = {age: 10.0 * n for n, age in enumerate(reversed(middles), 1)}
    values = at(AS_OF, orders=orders_of(steady=steady, growing=growing, shrinking=shrinking))
    assert {c: several(v, *TRENDS) for c, v in values.items()} == {
        "steady": pytest.approx([0, 0], abs=1e-12),
        "growing": pytest.approx([0, 10 / 65], abs=1e-12),
        "shrinking": pytest.approx([0, -10 / 65], abs=1e-12),
    }


def test_the_twelve_periods_hold_the_days_up_to_the_360th(at: ByHand) -> None:
    values = at(AS_OF, orders=orders_of(first={359: 9}, second={29: 9}, third={30: 9}, before={360: 9}))
    latest, next_to_it = slope_over_mean([0] * 11 + [1]), slope_over_mean([0] * 10 + [1, 0])
    assert latest == pytest.approx(12 * 5.5 / 143)
    assert {c: several(v, *TRENDS) for c, v in values.items()} == {
        "first": pytest.approx([-latest] * 2),
        "second": pytest.approx([latest] * 2),
        "third": pytest.approx([next_to_it] * 2),
        "before": [None, None],
    }


def test_returns_leave_the_trend_of_spend_alone(at: ByHand) -> None:
    orders = orders_of(acme={345: 100, 15: 100, 10: -100})
    assert several(at(AS_OF, orders=orders)["acme"], *TRENDS) == pytest.approx([0, 0], abs=1e-12)


# --- the own season

SEASON = ("purchase_days_coming_90d_last_year", "own_season_90d")


def test_the_coming_quarter_of_a_year_ago_begins_with_the_same_day(at: ByHand) -> None:
    ages = {"too_early": 366, "first": 365, "last": 276, "too_late": 275}
    values = at(AS_OF, orders=orders_of(**{c: {400: 9, age: 9, 5: 9} for c, age in ages.items()}))
    of_the_mean = {n: pytest.approx(1 / (n * 90 / 365)) for n in (1, 2)}
    assert {c: several(v, *SEASON) for c, v in values.items()} == {
        "too_early": [0, 0],
        "first": [1, of_the_mean[2]],
        "last": [1, of_the_mean[2]],
        "too_late": [0, 0],
    }


def test_who_is_younger_than_a_year_has_no_season_and_who_was_silent_for_one_no_quarter_of_it(at: ByHand) -> None:
    values = at(AS_OF, orders=orders_of(young={364: 9, 300: 9}, old={365: 9}, silent={366: 9}))
    assert {c: several(v, *SEASON) for c, v in values.items()} == {
        "young": [None, None],
        "old": [1, pytest.approx(365 / 90)],
        "silent": [0, None],
    }


def test_the_time_of_the_year_goes_round_in_a_circle(at_each: EachByHand) -> None:
    orders = "customer_id | ordered_at | amount\nacme | 2023-01-01 | 9"
    names = ("season_sin", "season_cos")
    seasons = at_each("2024-04-01", "2024-07-01", "2025-01-01", "2024-12-31", orders=orders)
    spring, summer, new_year, eve = (several(values["acme"], *names) for values in seasons)
    assert spring == pytest.approx([1, 0], abs=0.02)
    assert summer == pytest.approx([0, -1], abs=0.02)
    assert new_year == pytest.approx([0, 1], abs=0.02)
    assert eve == pytest.approx(new_year, abs=0.03)
