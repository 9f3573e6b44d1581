"""Controls who would have been in the plan: told by the plan's own prices, one at a time."""

import numpy as np
import pandas as pd
import pytest

from serving.decisions.allocation import Limit, allocate, problem_of
from serving.decisions.held_out import would_be_chosen
from serving.decisions.plan_policy import PlanPolicy
from tests.serving.decisions.test_plan import NAME, customers, plan, playbook
from training.experiments.assignment import is_campaign_control, is_permanent_control


def test_without_limits_a_control_would_get_what_earns_most_with_it() -> None:
    profit = np.array([[5.0, 3.0], [-1.0, 2.0], [-1.0, -2.0], [4.0, 1.0]])
    problem = problem_of(profit, [], "EUR", np.ones((4, 2), dtype=np.bool_))
    held_out = np.array([True, True, True, False])
    assert would_be_chosen(problem, allocate(problem), held_out).tolist() == [0, 1, -1, -1]


def test_what_an_action_takes_of_a_limit_is_paid_for_at_its_price() -> None:
    """Two hours go to the two who earn most; a control who earns less than the third would not have been chosen."""
    profit = np.array([[30.0], [20.0], [10.0], [25.0], [9.0]])
    free = np.array([[True], [True], [True], [False], [False]])
    hours = Limit(NAME, NAME, np.ones(1), at_most=2.0)
    allocation = allocate(problem_of(profit, [hours], "EUR", free))
    assert allocation.choice.tolist() == [0, 0, -1, -1, -1]
    assert 10 <= allocation.limits[0].shadow_price <= 20
    problem = problem_of(profit, [hours], "EUR", np.ones((5, 1), dtype=np.bool_))
    assert would_be_chosen(problem, allocation, ~free[:, 0]).tolist() == [-1, -1, -1, 0, -1]


def test_a_plan_tells_controls_who_would_have_been_in_it_with_action_and_profit() -> None:
    frame = customers([2000.0] * 200 + [10.0] * 200)  # with the latter nothing pays
    made = plan(frame, playbook(controls=0.2))
    held_out = is_permanent_control(frame["customer_id"], "retinue", 0.2)
    assert set(made.would_be["customer_id"]) == set(frame["customer_id"][held_out & (frame["value_at_stake"] > 100)])
    assert set(made.would_be["action"]) == {"visit"}
    assert made.would_be["expected_profit"].tolist() == pytest.approx([200.0] * len(made.would_be))
    assert not set(made.would_be["customer_id"]) & set(made.items["customer_id"])
    assert made.propensity == pytest.approx(0.8)


def test_of_equal_customers_the_same_share_of_both_arms_is_chosen() -> None:
    frame = customers([2000.0] * 4_000)
    made = plan(
        frame, playbook(PlanPolicy(budget=16_000.0), controls=0.5)
    )  # calls for all who are not controls take 20,000
    treated, controls = len(made.items) / (4_000 - made.controls), len(made.would_be) / made.controls
    assert 0.5 < treated < 0.95
    assert controls == pytest.approx(treated, abs=0.05)


def test_who_rests_or_gives_no_reason_would_not_have_been_chosen_either() -> None:
    frame = customers([2000.0] * 100)
    made = plan(frame, playbook(controls=0.5), {"call": np.full(100, 3.0)})
    assert made.would_be.empty


def test_a_plan_of_a_campaign_leaves_its_controls_alone_too() -> None:
    from serving.decisions.expected_profit import written_beliefs
    from serving.decisions.plan import make_plan
    from tests.serving.decisions.test_plan import AS_OF

    frame, book = customers([2000.0] * 500), playbook(controls=0.1)
    made = make_plan(frame, book, written_beliefs(book), AS_OF, "EUR", 0.25, {}, "spring")
    ids: pd.Series[str] = frame["customer_id"]
    held_out = is_permanent_control(ids, "retinue", 0.1) | is_campaign_control(ids, "retinue", "spring", 0.2)
    assert set(made.would_be["customer_id"]) == set(ids[held_out])
    assert set(made.items["customer_id"]) == set(ids[~held_out])
    assert (made.controls, made.propensity) == (held_out.sum(), pytest.approx(0.72))
