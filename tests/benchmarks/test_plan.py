"""What the benchmark of plans does with money, worked out by hand, and how its figures are made."""

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import plan
from tests.benchmarks.plan import ALONE, AND_FOUR, BUDGETS, COST, NAMES, OURS, RIGHT, WRONG, allocated, by_rank, earned

CALL, VISIT, VOUCHER, TERMS = range(4)
PROFIT = np.array([[30.0, 300.0, -1.0, 5.0], [20.0, -5.0, 1.0, 10.0], [-1.0, -2.0, -3.0, -4.0]])
"""Costs are 15, 180, 0.3 and 40."""


def test_with_any_money_each_customer_gets_what_earns_most_and_who_earns_nothing_none() -> None:
    assert NAMES == ("personal_call", "visit", "small_voucher", "flexible_terms")
    chosen = allocated(PROFIT, np.inf)
    assert chosen.tolist() == [VISIT, CALL, -1]
    assert earned(chosen, PROFIT) == 320


@pytest.mark.parametrize(
    ("budget", "best"),
    [(200.0, [VISIT, CALL, -1]), (100.0, [CALL, CALL, -1]), (20.0, [CALL, VOUCHER, -1]), (0.2, [-1, -1, -1])],
)
def test_with_less_money_what_earns_most_for_it(budget: float, best: list[int]) -> None:
    # 100 is too little for the visit and enough for both calls; 20 for one call, and a voucher for the other
    assert allocated(PROFIT, budget).tolist() == best


def test_no_plan_spends_more_than_it_may() -> None:
    rng = np.random.default_rng(1)
    profit = rng.normal(0, 100, (500, 4))
    for budget in (1.0, 50.0, 1_000.0, 20_000.0):
        for chosen in (allocated(profit, budget), by_rank(profit[:, 0], rng.integers(-1, 4, 500), budget)):
            assert COST[chosen[chosen >= 0]].sum() <= budget


def test_a_ranking_acts_from_the_top_until_the_money_is_spent() -> None:
    score, action = np.array([1.0, 3.0, 2.0, 4.0]), np.array([CALL, CALL, CALL, -1])
    assert by_rank(score, action, 31.0).tolist() == [-1, CALL, CALL, -1]


def _found(**earned_by: float) -> pd.DataFrame:
    """Two companies in which each plan earns these amounts at every budget."""
    base = dict.fromkeys((*plan.RIVALS, plan.OBSERVER, "oracle: all-knowing"), 50.0)
    base |= {OURS: 90.0, plan.TOLD: 100.0, RIGHT: 80.0} | earned_by
    base |= {f"{ALONE} {k}": 40.0 for k in range(len(WRONG))} | {f"{AND_FOUR} {k}": 70.0 for k in range(len(WRONG))}
    rows = [(seed, b, name, v, v) for seed in (1, 2) for b in BUDGETS for name, v in base.items()]
    return pd.DataFrame(rows, columns=["seed", "budget", "plan", "expected", "realised"])


def test_figures_say_what_ours_is_of_the_oracles_and_above_the_rivals() -> None:
    said = {one.what: one for one in plan.results(_found())}
    assert said["budget 10%: ours, share of effects told, our risks"].value == pytest.approx(0.9)
    assert said["budget 10%: ours less risk ranking"].value == pytest.approx(40)
    assert all(one.holds is not False for one in said.values())
    worse = {one.what: one for one in plan.results(_found(**{"risk ranking": 95.0}))}
    assert worse["budget 100%: ours less risk ranking"].holds is False


def test_what_wrong_beliefs_lose_and_what_comes_back() -> None:
    said = {one.what: one.value for one in plan.results(_found())}
    assert said["wrong beliefs: lost, share of what right ones earn"] == pytest.approx(0.5)
    assert said["wrong beliefs: recovered after four campaigns"] == pytest.approx(0.75)
    assert len(WRONG) == 6
