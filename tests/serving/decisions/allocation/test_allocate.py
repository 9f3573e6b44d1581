"""The assignment earns nearly most, keeps every limit, and says how much more it could be at most."""

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.text import Text
from serving.decisions.allocation import (
    Allocation,
    AllocationError,
    Limit,
    Problem,
    allocate,
    problem_of,
    share_at_least,
)
from tests.serving.decisions.allocation.companies import CONTACT, EUR, HOUR_OF_VISITS, company, highs, uses

NAME = Text("Visits", "拜访")
VISITS = Limit(NAME, HOUR_OF_VISITS, np.array([0.0, 2.0]), at_most=4.0)


def brute_force(problem: Problem) -> float:
    """The highest profit of all assignments that keep the limits, tried one by one; −inf if none does."""
    use, profit = uses(problem), problem.profit.astype(float)
    if problem.allowed is not None:
        profit = np.where(problem.allowed, profit, np.nan)
    best = -np.inf
    for choice in product(range(-1, problem.actions), repeat=problem.customers):
        who = [i for i, a in enumerate(choice) if a >= 0]
        what = [choice[i] for i in who]
        total = profit[who, what].sum()
        kept = (use[:, who, what].sum(axis=1) <= problem.bounds + 1e-9).all()
        if kept and np.isfinite(total):
            best = max(best, float(total))
    return best


def assert_sound(problem: Problem, found: Allocation) -> None:
    """Every limit is kept, every action is possible and wanted, and the sums are what they are said to be."""
    profit = problem.profit.astype(float)
    if problem.allowed is not None:
        profit = np.where(problem.allowed, profit, np.nan)
    who = np.flatnonzero(found.choice >= 0)
    what = found.choice[who]
    assert found.choice.shape == (problem.customers,)
    assert np.isfinite(profit[who, what]).all()
    assert found.profit == pytest.approx(profit[who, what].sum())
    use = uses(problem)[:, who, what]
    assert (use.sum(axis=1) <= problem.bounds + 1e-7 + 1e-9 * np.abs(use).sum(axis=1)).all()
    assert found.bound >= found.profit
    larger = max(abs(found.bound), abs(found.profit))
    assert found.gap == pytest.approx((found.bound - found.profit) / larger if larger else 0.0)
    assert len(found.limits) == len(problem.limits)


def test_two_visits_go_to_the_customers_to_whom_they_bring_most_beside_a_letter() -> None:
    profit = np.array([[10.0, 30.0], [10.0, 25.0], [5.0, 40.0], [-1.0, 4.0], [np.nan, 3.0], [-2.0, -5.0]])

    found = allocate(problem_of(profit, [VISITS], "EUR"))

    assert found.choice.tolist() == [1, 0, 1, -1, -1, -1]
    assert (found.profit, found.bound, found.gap) == (80.0, 80.0, 0.0)
    [visits] = found.limits
    assert (visits.used, visits.at_most, visits.at_least, visits.share) == (4.0, 4.0, None, None)
    # two hours more would lift the second customer from 10 to 25, two less would drop the first from 30 to 10
    assert 7.5 <= visits.shadow_price <= 10.001
    assert visits.sentence.en.startswith("Visits: one more hour of visits is worth about ")
    assert visits.sentence.zh.startswith("拜访：再多 1 小时拜访约值 ")


def test_what_is_left_over_is_not_scarce() -> None:
    found = allocate(problem_of(np.array([[1.0, 3.0], [2.0, 1.0]]), [VISITS], "EUR"))

    assert found.choice.tolist() == [1, 0]
    assert found.limits[0].shadow_price == 0
    assert found.limits[0].sentence == Text(
        "Visits: not scarce; 2 of 4 used (unit: hour of visits).", "拜访：并不紧缺；上限 4，已用 2（单位：小时拜访）。"
    )


def test_a_minimum_is_met_where_that_costs_least_and_the_price_of_it_is_told() -> None:
    least = Limit(Text("Calls", "电话"), CONTACT, np.array([1.0]), at_least=2.0)

    found = allocate(problem_of(np.array([[5.0], [-3.0], [-1.0], [-9.0]]), [least], "EUR"))

    assert found.choice.tolist() == [0, -1, 0, -1]
    assert found.profit == 4.0
    assert found.gap < 1e-5
    assert 0.9999 <= found.limits[0].shadow_price <= 3.0001
    assert found.limits[0].sentence.en.startswith("Calls: the last contact that is asked for costs about ")


def test_a_share_of_the_contacts_goes_to_those_whom_it_is_meant_for() -> None:
    profit = np.array([[9.0], [8.0], [7.0], [6.0], [1.0], [-2.0]])
    general = np.array([False, False, False, False, True, True])
    share = share_at_least(Text("General", "普通级"), CONTACT, 0.4, general, np.ones(1))

    found = allocate(problem_of(profit, [share], "EUR"))

    # two of five: the one at −2 makes room for a third of the others, worth 7; a fourth would need a third of theirs
    assert found.choice.tolist() == [0, 0, 0, -1, 0, 0]
    assert found.limits[0].share == pytest.approx(0.4)
    assert found.limits[0].sentence.en.startswith("General: the share is 40.0%, at least 40.0% is asked for; the last")


def test_a_limit_may_concern_some_customers_only() -> None:
    limit = Limit(NAME, HOUR_OF_VISITS, np.array([1.0]), at_most=1.0, of=np.array([True, True, False]))

    found = allocate(problem_of(np.array([[1.0], [2.0], [3.0]]), [limit], "EUR"))

    assert found.choice.tolist() == [-1, 0, 0]


def test_the_cautious_problem_acts_only_where_the_lower_bound_pays() -> None:
    expected, low = np.array([[5.0, 9.0], [4.0, 1.0]]), np.array([[1.0, -3.0], [0.0, -1.0]])

    found = allocate(problem_of(expected, [VISITS], "EUR", profit_low=low))

    assert found.choice.tolist() == [0, -1]
    assert found.profit == 1.0


def test_nobody_who_is_excluded_gets_anything() -> None:
    allowed = np.array([[False, False], [True, False]])

    found = allocate(problem_of(np.full((2, 2), 5.0), [], "EUR", allowed=allowed))

    assert found.choice.tolist() == [-1, 0]
    assert found.limits == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_customers_are_within_a_ten_thousandth_of_what_highs_finds(seed: int) -> None:
    problem = company(1_000, seed)

    found = allocate(problem)

    assert_sound(problem, found)
    best = highs(problem, 2e-5)
    assert found.profit >= best * (1 - 1e-4)
    assert found.bound >= best * (1 - 1e-9)
    assert found.gap < 1e-4


def test_many_customers_come_within_a_ten_thousandth_and_the_same_again() -> None:
    problem = company(30_000, 5)

    found, again = allocate(problem), allocate(problem)

    assert_sound(problem, found)
    assert found.gap < 1e-5
    assert found.choice.tolist() == again.choice.tolist()
    assert [limit.shadow_price for limit in found.limits] == [limit.shadow_price for limit in again.limits]


@pytest.mark.slow
def test_more_customers_than_are_held_in_memory_come_as_near() -> None:
    problem = company(600_000, 6)

    found = allocate(problem)

    assert_sound(problem, found)
    assert found.gap < 1e-6


def test_equal_customers_share_what_there_is_to_the_last_unit() -> None:
    profit = np.tile(np.array([[3.0, 7.0]], dtype=np.float32), (20_000, 1))
    limits = [
        Limit(NAME, HOUR_OF_VISITS, np.array([0.0, 2.0]), at_most=4_001.0),
        Limit(Text("Letters", "信函"), CONTACT, np.array([1.0, 0.0]), at_most=7_000.0),
    ]

    found = allocate(problem_of(profit, limits, "EUR"))

    assert np.bincount(found.choice + 1).tolist() == [11_000, 7_000, 2_000]
    assert found.profit == 35_000
    assert found.gap < 2e-4  # the last of 4,001 hours is half a visit


@pytest.mark.slow
def test_equal_customers_share_it_also_when_they_do_not_fit_into_memory() -> None:
    profit = np.full((500_000, 1), 3.0, dtype=np.float32)

    found = allocate(problem_of(profit, [Limit(NAME, CONTACT, np.ones(1), at_most=123_456.0)], "EUR"))

    assert (found.choice == 0).sum() == 123_456
    assert found.gap < 1e-5


def test_what_no_choice_can_reach_is_an_error_that_says_how_far_one_gets() -> None:
    limit = Limit(Text("Calls", "电话"), CONTACT, np.array([1.0, 0.5]), at_least=4.0)
    profit = np.array([[1.0, 2.0], [3.0, np.nan], [np.nan, 4.0]])

    with pytest.raises(AllocationError) as caught:
        allocate(problem_of(profit, [limit], "EUR"))

    assert caught.value.text.en.startswith("'Calls' asks for 4 (unit: contact), and if every possible action served it")
    assert "would be 2.5. Ask for" in caught.value.text.en
    assert "“电话”要求 4" in caught.value.text.zh


def test_what_the_other_limits_leave_no_room_for_is_an_error_that_says_how_much_they_leave() -> None:
    calls = Limit(Text("Calls", "电话"), CONTACT, np.array([1.0]), at_least=4.0)
    budget = Limit(Text("Budget", "预算"), EUR, np.array([10.0]), at_most=25.0)

    with pytest.raises(AllocationError, match=r"'Calls' asks for 4 .* leave room for 2.5 at most"):
        allocate(problem_of(np.ones((6, 1)), [calls, budget], "EUR"))


def test_minima_that_contradict_each_other_are_named() -> None:
    calls = Limit(Text("Calls", "电话"), CONTACT, np.array([1.0, 0.0]), at_least=2.0)
    visits = Limit(Text("Visits", "拜访"), CONTACT, np.array([0.0, 1.0]), at_least=2.0)

    with pytest.raises(AllocationError, match="these ask for something: Calls, Visits"):
        allocate(problem_of(np.ones((3, 2)), [calls, visits], "EUR"))


def test_a_minimum_that_is_out_of_reach_is_told_of_many_customers_too() -> None:
    calls = Limit(Text("Calls", "电话"), CONTACT, np.array([1.0]), at_least=4_000.0)
    budget = Limit(Text("Budget", "预算"), EUR, np.array([10.0]), at_most=25_000.0)

    with pytest.raises(AllocationError, match="leave room for 2,500 at most"):
        allocate(problem_of(np.random.default_rng(1).normal(size=(6_000, 1)), [calls, budget], "EUR"))


NUMBERS = st.one_of(st.integers(-5, 9).map(float), st.floats(-100, 100, width=32), st.just(float("nan")))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small problems, also degenerate ones: nothing possible, no capacity, equal profits, one customer, negative use."""
    customers, actions = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    profit = np.array(draw(st.lists(NUMBERS, min_size=customers * actions, max_size=customers * actions)))
    if draw(st.booleans()):
        profit = np.full_like(profit, profit[0])
    allowed = np.array(draw(st.lists(st.booleans(), min_size=customers * actions, max_size=customers * actions)))
    limits = []
    for _ in range(draw(st.integers(0, 3))):
        of = np.array(draw(st.lists(st.integers(0, 1), min_size=customers, max_size=customers)))
        if draw(st.integers(0, 4)) == 0:
            limits.append(
                share_at_least(NAME, CONTACT, draw(st.sampled_from([0.25, 0.5, 1.0])), of == 1, np.ones(actions))
            )
            continue
        by_both = draw(st.booleans())
        count = customers * actions if by_both else actions
        use = np.array(draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))) / 2
        bound = draw(st.integers(0, 12)) / 2
        kind = "at_least" if draw(st.integers(0, 3)) == 0 else "at_most"
        limits.append(
            Limit(
                NAME,
                CONTACT,
                use.reshape(customers, actions) if by_both else use,
                of=of if draw(st.booleans()) else None,
                **{kind: bound},
            )
        )
    shape = (customers, actions)
    return problem_of(
        profit.reshape(shape), limits, "EUR", allowed=allowed.reshape(shape) if draw(st.booleans()) else None
    )


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_no_allocation_breaks_a_limit_or_treats_whom_it_may_not_and_each_is_the_best_there_is(problem: Problem) -> None:
    best = brute_force(problem)
    if best == -np.inf:
        with pytest.raises(AllocationError):
            allocate(problem)
        return

    found = allocate(problem)

    assert_sound(problem, found)
    assert found.profit == pytest.approx(best, rel=2e-5, abs=1e-4)
    noise = 2e-6 * np.nansum(np.abs(problem.profit))
    assert found.bound >= best - 1e-6 * max(1.0, abs(best)) - noise


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from([500, 2_500]), st.booleans())
def test_no_larger_allocation_breaks_a_limit_either(seed: int, customers: int, equal: bool) -> None:
    random = np.random.default_rng(seed)
    profit = random.normal(size=(customers, 3)) * 10
    profit[random.random(profit.shape) < 0.2] = np.nan
    if equal:
        profit = np.tile(np.nan_to_num(profit[:1], nan=1.0), (customers, 1))
    limits = [
        Limit(NAME, HOUR_OF_VISITS, random.integers(0, 4, 3) / 2, at_most=float(random.integers(0, customers))),
        Limit(Text("Budget", "预算"), EUR, random.random((customers, 3)), at_most=customers * random.random() / 3),
        share_at_least(Text("General", "普通级"), CONTACT, 0.3, random.random(customers) < 0.2, np.ones(3)),
    ]
    problem = problem_of(profit, limits, "EUR", allowed=random.random(profit.shape) < 0.9)

    found = allocate(problem)

    assert_sound(problem, found)
    assert found.gap < 0.1  # branch and bound may stop by the clock; what holds is told, and the limits are kept


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"use": np.ones(3)}, r"use of the limit 'Visits' has the shape \(3,\)"),
        ({"at_most": None}, "at_most = None and at_least = None"),
        ({"at_least": 1.0}, "at_most = 4.0 and at_least = 1.0"),
        ({"at_most": float("inf")}, "give exactly one of them, as a finite number"),
        ({"use": np.array([1.0, np.nan])}, "values that are no numbers"),
        ({"of": np.ones(5)}, r"customers of the shape \(5,\); expected is \(2,\)"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    limit = Limit(**{"name": NAME, "unit": CONTACT, "use": np.ones(2), "at_most": 4.0, **change})  # type: ignore[arg-type]
    with pytest.raises(AllocationError, match=said):
        problem_of(np.ones((2, 2)), [limit], "EUR")


def test_profit_and_what_is_allowed_are_of_one_shape() -> None:
    with pytest.raises(AllocationError, match=r"'allowed' has the shape \(1, 2\) and profit \(2, 2\)"):
        problem_of(np.ones((2, 2)), [], "EUR", allowed=np.ones((1, 2), dtype=bool))
    with pytest.raises(AllocationError, match="one row per customer"):
        problem_of(np.ones(2), [], "EUR")


def test_without_customers_there_is_nothing_to_allocate() -> None:
    found = allocate(problem_of(np.zeros((0, 2)), [VISITS], "EUR"))

    assert (len(found.choice), found.profit, found.gap) == (0, 0.0, 0.0)
