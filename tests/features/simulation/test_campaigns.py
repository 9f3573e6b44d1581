"""Campaigns: lots, effects and their truth. The company loses many customers, so that few of them tell much."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.contracts import TABLES as CONTRACTS
from features.simulation.actions import ACTIONS
from features.simulation.campaigns import Treatments, campaign_days, factor_of, joined, with_longer_terms
from features.simulation.company import Company
from features.simulation.payments import Invoices
from features.simulation.plan import TABLES
from features.simulation.potential import Potential
from features.simulation.simulate import simulate
from tests.features.simulation.people import COMPANY, plain_customers

START, END = date(2024, 7, 1), date(2026, 1, 1)
LOSING = Company(
    with_campaigns=True,
    leaving_per_year=0.6,
    leaving_shape=4.0,
    trouble_per_year=0.2,
    order_gap_median_days=40.0,
    order_gap_max_days=80.0,
    further_line_share=0.0,
)
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def losing() -> Tables:
    return simulate(4, 4_000, START, END, LOSING, cut_offs=[date(2025, 10, 1)])


@pytest.fixture(scope="module")
def outcomes(losing: Tables) -> pd.DataFrame:
    """Everybody in a campaign whose 90 days are over, with the arm, the truth, and what the records say."""
    rows = losing["truth/effects"].to_pandas()
    rows = rows.merge(losing["treatments"].to_pandas(), on=["customer_id", "at", "action", "campaign"])
    rows["day"] = rows["at"].dt.normalize()
    rows = rows[rows.margin_90d_if_control.notna()].reset_index(names="row")
    orders = losing["orders"].to_pandas()
    pairs = rows[["row", "customer_id", "day"]].merge(orders, on="customer_id")
    pairs = pairs[(pairs.ordered_at >= pairs.day) & (pairs.ordered_at < pairs.day + pd.Timedelta(days=90))]
    rows["is_silent"] = ~rows.row.isin(pairs[pairs.amount > 0].row)
    left_at = rows.customer_id.map(losing["truth/customers"].to_pandas().set_index("customer_id").left_at)
    rows["has_left"] = left_at <= rows.day
    rows["leaves"] = left_at <= rows.day + pd.Timedelta(days=90)
    rows = rows.astype({"leaves_90d_if_control": bool, "leaves_90d_if_treated": bool})
    rows["margin"] = rows.row.map(pairs.groupby("row").margin.sum()).fillna(0.0)
    return rows


def _treatments(day: float, customer: list[int], action: int, treated: list[bool], log_factor: float) -> Treatments:
    count = len(customer)
    nothing = np.zeros(count)
    return Treatments(
        day,
        np.array(customer),
        np.full(count, action),
        np.array(treated),
        np.full(count, 0.5),
        np.full(count, log_factor),
        Potential(*[nothing] * 6),
    )


def test_what_is_done_works_from_the_week_after_it_and_fades() -> None:
    company = replace(COMPANY, campaign_half_life_days=14.0)
    done = [_treatments(8.0, [0, 2], 0, [True, False], np.log(0.25))]
    factor = factor_of(company, done, 3, first_week=0, weeks=7)
    np.testing.assert_allclose(factor[0], [1, 1, 0.25, 0.25**0.5**0.5, 0.5, 0.25**0.5**1.5, 0.25**0.25])
    assert (factor[1:] == 1).all()
    np.testing.assert_array_equal(factor_of(company, done, 3, first_week=3, weeks=4), factor[:, 3:])


def test_two_actions_on_one_customer_multiply() -> None:
    company = replace(COMPANY, campaign_half_life_days=1e9)
    done = [_treatments(0.0, [0], 0, [True], np.log(0.5)), _treatments(7.0, [0], 1, [True], np.log(3.0))]
    np.testing.assert_allclose(factor_of(company, done, 1, 0, 4)[0], [1, 0.5, 1.5, 1.5])


def test_campaigns_take_place_every_so_many_days_on_working_days_before_the_end() -> None:
    company = replace(COMPANY, lead_in_days=5, campaign_every_days=91)  # day 0 is a Monday, day 96 a Saturday
    assert campaign_days(company, plain_customers(1), 290) == [98.0, 189.0, 280.0]
    assert campaign_days(company, plain_customers(1), 98) == []


def test_longer_terms_put_off_what_the_treated_owe_for_some_months() -> None:
    company = replace(COMPANY, terms_longer_days=30, terms_granted_days=90)
    issued = np.array([9.0, 10.0, 99.0, 100.0, 50.0])
    who = np.array([0, 0, 0, 0, 1])
    invoices = Invoices(who, issued, issued + 14, np.ones(5), np.zeros(5, dtype=bool))
    terms = _treatments(10.0, [0, 1], 3, [True, False], -1.0)
    assert (with_longer_terms(company, invoices, [terms]).due_day - issued).tolist() == [14, 44, 44, 14, 14]
    call = _treatments(10.0, [0, 1], 0, [True, True], -1.0)
    assert (with_longer_terms(company, invoices, [call]).due_day - issued).tolist() == [14] * 5


def test_numbers_of_several_campaigns_are_joined_by_customer_and_day() -> None:
    both = [_treatments(5.0, [0, 2], 0, [True, True], 0.1), _treatments(9.0, [0, 1], 0, [True, True], 0.2)]
    assert joined(both, lambda one: one.day).tolist() == [5, 9, 9, 5]
    assert joined(both, lambda one: one.log_factor).tolist() == [0.1, 0.2, 0.2, 0.1]
    assert joined([], lambda one: one.day).tolist() == []


def test_treatments_have_the_columns_of_their_contract(losing: Tables) -> None:
    assert set(losing["treatments"].column_names) == {column.name for column in CONTRACTS["treatments"].columns}
    assert losing["truth/effects"].num_rows == losing["treatments"].num_rows


def test_lots_follow_their_propensity(losing: Tables) -> None:
    rows = losing["treatments"].to_pandas()
    rows["is_treated"] = rows.arm == "treated"
    assert set(rows.arm) == {"treated", "control"}
    for _, same in rows.groupby(["action", "propensity"]):
        p, count = same.propensity.iloc[0], len(same)
        assert abs(same.is_treated.mean() - p) < 4 * np.sqrt(p * (1 - p) / count)
    assert rows.propensity.nunique() > 3


def test_who_has_left_without_a_word_takes_part_like_the_others(losing: Tables) -> None:
    orders = losing["orders"].to_pandas().query("amount > 0")
    left_at = losing["truth/customers"].to_pandas().set_index("customer_id").left_at
    part: dict[bool, list[bool]] = {True: [], False: []}
    for at, rows in losing["treatments"].to_pandas().groupby("at"):
        lately = (orders.ordered_at < at) & (orders.ordered_at >= at.normalize() - pd.Timedelta(days=180))
        active = pd.Series(orders.customer_id[lately].unique())
        left_long_ago = active.map(left_at) < at - pd.Timedelta(days=95)
        for group in part:
            part[group] += list(active[left_long_ago == group].isin(rows.customer_id))
    for takes_part in part.values():
        assert len(takes_part) > 500
        assert np.mean(takes_part) == pytest.approx(LOSING.campaign_share, abs=0.05)


def test_treated_cost_what_the_action_costs_and_controls_nothing(losing: Tables) -> None:
    rows = losing["treatments"].to_pandas()
    assert (rows.cost[rows.arm == "control"] == 0).all()
    treated = rows[rows.arm == "treated"].groupby("action").cost.unique()
    assert {name: list(costs) for name, costs in treated.items()} == {one.name: [one.cost] for one in ACTIONS}


def test_only_customers_on_record_as_active_take_part_and_each_in_one_campaign_a_day(losing: Tables) -> None:
    rows = losing["treatments"].to_pandas()
    orders = losing["orders"].to_pandas().query("amount > 0")
    pairs = rows[["customer_id", "at"]].merge(orders[["customer_id", "ordered_at"]], on="customer_id")
    pairs = pairs[(pairs.ordered_at < pairs["at"]) & (pairs.ordered_at >= pairs["at"] - pd.Timedelta(days=181))]
    assert len(pairs.drop_duplicates(["customer_id", "at"])) == len(rows)
    assert not rows.duplicated(["customer_id", "at"]).any()
    per_day = rows["at"].value_counts()
    assert len(per_day) == 6
    assert rows.campaign.nunique() == 6 * len(ACTIONS)


@pytest.mark.parametrize("arm", ["treated", "control"])
def test_the_true_probability_of_each_arm_comes_true(outcomes: pd.DataFrame, arm: str) -> None:
    rows = outcomes[(outcomes.arm == arm) & ~outcomes.has_left]
    said, effect = rows[f"silence_90d_if_{arm}"], rows.silence_90d_effect
    for low, high in ((-1.0, -0.03), (-0.03, -0.01), (-0.01, 0.0), (0.0, 0.02), (0.02, 1.0)):
        here = (effect >= low) & (effect < high)
        spread = np.sqrt((said[here] * (1 - said[here])).sum())
        assert here.sum() > 150
        assert abs(rows.is_silent[here].sum() - said[here].sum()) < 3.5 * spread


def test_the_arms_differ_by_the_true_effect(outcomes: pd.DataFrame) -> None:
    for is_moved in (outcomes.silence_90d_effect < -0.03, outcomes.silence_90d_effect > 0.015):
        rows = outcomes[is_moved & ~outcomes.has_left]
        weight = np.where(rows.arm == "treated", 1 / rows.propensity, -1 / (1 - rows.propensity))
        seen = weight * rows.is_silent
        assert abs(seen.mean() - rows.silence_90d_effect.mean()) < 3.5 * seen.std() / np.sqrt(len(rows))


def test_whether_one_left_is_what_the_truth_says_of_the_arm_that_was(outcomes: pd.DataFrame) -> None:
    was = np.where(outcomes.arm == "treated", outcomes.leaves_90d_if_treated, outcomes.leaves_90d_if_control)
    assert (was == outcomes.leaves).all()


def test_an_action_keeps_some_and_drives_others_away_as_its_factor_says(outcomes: pd.DataFrame) -> None:
    kept = outcomes[outcomes.leaving_factor < 1]
    driven = outcomes[outcomes.leaving_factor > 1]
    assert not (kept.leaves_90d_if_treated & ~kept.leaves_90d_if_control).any()
    assert not (driven.leaves_90d_if_control & ~driven.leaves_90d_if_treated).any()
    left = {name: rows.groupby("arm").leaves.mean() for name, rows in (("kept", kept), ("driven", driven))}
    assert left["kept"]["treated"] < left["kept"]["control"] - 0.03
    assert left["driven"]["treated"] > left["driven"]["control"] + 0.03


def test_margin_in_the_records_is_that_of_the_arm_that_was(outcomes: pd.DataFrame) -> None:
    is_treated = outcomes.arm == "treated"
    was = np.where(is_treated, outcomes.margin_90d_if_treated, outcomes.margin_90d_if_control)
    np.testing.assert_allclose(outcomes.margin, was, atol=0.011)


def test_a_voucher_takes_a_tenth_off_the_next_order_of_those_who_would_have_bought_anyway(
    outcomes: pd.DataFrame, losing: Tables
) -> None:
    stays = ~outcomes.leaves_90d_if_control & ~outcomes.leaves_90d_if_treated
    rows = outcomes[(outcomes.action == "small_voucher") & (outcomes.arm == "treated") & stays]
    orders = losing["orders"].to_pandas().query("amount > 0")
    pairs = rows[["row", "customer_id", "day"]].merge(orders, on="customer_id")
    pairs = pairs[(pairs.ordered_at >= pairs.day) & (pairs.ordered_at < pairs.day + pd.Timedelta(days=60))]
    next_amount = pairs.sort_values("ordered_at").groupby("row").amount.first()
    given = rows.margin_90d_if_control - rows.margin_90d_if_treated
    np.testing.assert_allclose(given, rows.row.map(next_amount).fillna(0.0) / 0.9 * 0.1, atol=0.03)
    assert (given > 0).mean() > 0.5


def test_other_actions_cost_no_margin_of_those_who_stay_either_way(outcomes: pd.DataFrame) -> None:
    stays = ~outcomes.leaves_90d_if_control & ~outcomes.leaves_90d_if_treated
    rows = outcomes[(outcomes.action != "small_voucher") & stays]
    assert (rows.margin_90d_if_control == rows.margin_90d_if_treated).all()


def test_the_riskiest_are_not_the_most_moved() -> None:
    company = Company(with_campaigns=True, further_line_share=0.0)
    effects = simulate(4, 4_000, START, END, company, cut_offs=())["truth/effects"].to_pandas()
    here = effects[effects.silence_90d_if_control < 1]
    tenth = len(here) // 10
    riskiest = set(here.silence_90d_if_control.nlargest(tenth).index)
    most_kept = set(here.silence_90d_effect.nsmallest(tenth).index)
    assert 0.1 < len(riskiest & most_kept) / tenth < 0.4
    assert (here.groupby("action").silence_90d_effect.max() > 0.005).all()  # each drives some away


def test_who_has_left_cannot_be_moved(outcomes: pd.DataFrame) -> None:
    gone = outcomes[outcomes.has_left]
    assert len(gone) > 100
    assert (gone.silence_90d_if_control == 1).all()
    assert (gone.silence_90d_if_treated == 1).all()
    assert (gone.margin_90d_if_treated == gone.margin_90d_if_control).all()


def test_truth_at_a_cut_off_knows_what_campaigns_before_it_did(losing: Tables) -> None:
    unmoved = replace(LOSING, campaign_effect_scale=0.0)
    without = simulate(4, 4_000, START, END, unmoved, cut_offs=[date(2025, 10, 1)])
    pair = (company["truth/silence"].to_pandas().query("not has_left") for company in (losing, without))
    both = pd.merge(*pair, on="customer_id", suffixes=("", "_without"))
    rows = losing["treatments"].to_pandas().query("at < '2025-09-01'")
    treated = both.customer_id.isin(rows.customer_id[rows.arm == "treated"])
    changed = both.leaving_per_day != both.leaving_per_day_without
    assert not changed[~treated].any()
    assert changed[treated & (both.leaving_per_day > 0)].mean() > 0.99


def test_campaigns_leave_what_came_before_the_first_of_them_as_it_was(losing: Tables) -> None:
    without = simulate(4, 4_000, START, END, replace(LOSING, with_campaigns=False), cut_offs=())
    first = losing["treatments"]["at"].to_pandas().min()
    orders = [company["orders"].to_pandas() for company in (losing, without)]
    early = [table[table.ordered_at < first.normalize()].reset_index(drop=True) for table in orders]
    pd.testing.assert_frame_equal(*early)
    assert len(early[0]) > 5_000
    assert len(orders[0]) != len(orders[1])


def test_a_short_company_has_campaign_tables_without_rows() -> None:
    tables = simulate(4, 20, date(2025, 11, 1), END, LOSING, cut_offs=())
    assert set(tables) == {*TABLES, "treatments", "truth/effects"}
    assert tables["treatments"].num_rows == tables["truth/effects"].num_rows == 0
    assert tables["treatments"].schema == simulate(4, 20, START, END, LOSING, cut_offs=())["treatments"].schema
