"""Counterfactuals are those of the simulation itself: the drawn action's are what ``truth/effects`` tells."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.errors import AsOfError
from features.simulation.actions import ACTIONS
from features.simulation.company import Company
from features.simulation.counterfactuals import Counterfactuals, counterfactuals, last_whole_campaign
from features.simulation.plan import Plan, planned
from features.simulation.simulate import simulate

START, END = date(2024, 7, 1), date(2026, 1, 1)
LOSING = Company(with_campaigns=True, leaving_per_year=0.4, customers_per_chunk=900)
NAMES = [action.name for action in ACTIONS]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned(5, 1_200, START, END, LOSING, [])


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return simulate(5, 1_200, START, END, LOSING, cut_offs=[])


@pytest.fixture(scope="module")
def found(plan: Plan) -> Counterfactuals:
    return counterfactuals(plan, 0, last_whole_campaign(plan))


@pytest.fixture(scope="module")
def drawn(plan: Plan, tables: dict[str, pa.Table], found: Counterfactuals) -> pd.DataFrame:
    """What the simulation tells of those who took part on that day, with their places among the counterfactuals."""
    rows = tables["truth/effects"].to_pandas()
    rows = rows[rows["at"].dt.date == last_whole_campaign(plan)]
    place = pd.Series(np.arange(len(found.customer_id)), index=found.customer_id)
    rows = rows.assign(place=rows["customer_id"].map(place), k=[NAMES.index(name) for name in rows["action"]])
    return rows[rows["customer_id"].isin(found.customer_id)].astype({"place": int})


def test_all_who_took_part_that_day_are_among_the_active(
    drawn: pd.DataFrame, plan: Plan, found: Counterfactuals, tables: dict[str, pa.Table]
) -> None:
    customers = tables["customers"].to_pandas()["customer_id"]
    rows = tables["truth/effects"].to_pandas()
    took_part = set(rows["customer_id"][rows["at"].dt.date == last_whole_campaign(plan)])
    of_chunk = {customer for customer in customers if int(customer[1:]) <= LOSING.customers_per_chunk}
    assert len(drawn) == len(took_part & of_chunk) > 300
    assert 0.5 < len(drawn) / len(found.customer_id) < 0.7


def test_the_drawn_action_does_what_the_simulation_says(drawn: pd.DataFrame, found: Counterfactuals) -> None:
    place, k = drawn["place"].to_numpy(), drawn["k"].to_numpy()
    np.testing.assert_array_equal(np.exp(found.log_factor[place, k]), drawn["leaving_factor"])
    np.testing.assert_array_equal(found.leaves[place, k] == 1, drawn["leaves_90d_if_treated"].astype(bool))
    np.testing.assert_array_equal(found.leaves_if_nothing[place] == 1, drawn["leaves_90d_if_control"].astype(bool))
    np.testing.assert_array_equal(found.margin[place, k], drawn["margin_90d_if_treated"])
    np.testing.assert_array_equal(found.margin_if_nothing[place], drawn["margin_90d_if_control"])


def test_who_has_left_leaves_for_certain_and_nothing_changes_it(found: Counterfactuals) -> None:
    assert 20 < found.has_left.sum() < 0.5 * len(found.has_left)
    assert (found.leave[found.has_left] == 1).all()
    assert (found.leaves[found.has_left] == 1).all()
    assert (found.voucher_amount[found.has_left] == 0).all()


def test_what_keeps_lowers_the_chance_of_leaving_and_what_annoys_raises_it(found: Counterfactuals) -> None:
    here = ~found.has_left
    change = found.leave[here] - found.leave_if_nothing[here, None]
    assert (np.sign(change) == np.sign(found.log_factor[here])).all()
    assert (found.log_factor[here] > 0).any(axis=0).all()
    assert (found.log_factor[here] < 0).any(axis=0).all()


def test_chances_of_leaving_come_true(found: Counterfactuals) -> None:
    here = ~found.has_left
    for chance, happened in (
        (found.leave_if_nothing, found.leaves_if_nothing),
        *((found.leave[:, k], found.leaves[:, k]) for k in range(len(ACTIONS))),
    ):
        p = chance[here]
        assert p.sum() > 20
        assert abs(happened[here].sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())


def test_a_voucher_costs_a_tenth_of_the_next_order_at_most_and_a_year_brings_margin(found: Counterfactuals) -> None:
    assert (found.voucher_amount[~found.has_left] > 0).mean() > 0.5
    assert np.median(found.margin_per_year) > 100


def test_a_day_without_campaign_is_refused_with_the_days_that_have_one(plan: Plan) -> None:
    with pytest.raises(AsOfError, match=r"no campaign on 2025-05-05.*2025-0"):
        counterfactuals(plan, 0, date(2025, 5, 5))


def test_a_company_without_campaigns_has_no_such_day() -> None:
    with pytest.raises(AsOfError, match="no campaign"):
        last_whole_campaign(planned(5, 50, START, END, Company(), []))
