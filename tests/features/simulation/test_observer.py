"""What an observer knows who is told everything but who has left."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from features.simulation.campaigns import run_campaigns
from features.simulation.company import Company
from features.simulation.customers import Customers
from features.simulation.departures import leaving_days, mood
from features.simulation.observer import still_here_probability
from features.simulation.plan import planned
from features.simulation.purchases import Purchases
from features.simulation.rhythm import OwnTime, WorkingTime
from features.simulation.simulate import _Past, _silence, course_if_all_stay
from features.simulation.truth import Silence, outlook, true_silence
from tests.features.simulation.people import COMPANY, complaints, orders, plain_customers

GAP_DAYS = 20.0


def _customers(regularity: int, count: int = 1) -> Customers:
    """Customers who order every 20 days on average, at weekends too and all year round, and are never in trouble."""
    people = plain_customers(count)
    nothing = np.full(count, np.inf)
    return replace(
        people,
        order_gap_days=np.full(count, GAP_DAYS),
        regularity=np.full(count, regularity),
        time=OwnTime(WorkingTime(np.arange(401.0)), nothing, nothing, 0.0),
    )


def _bought(*days: float) -> Purchases:
    rows = [(0, day, 100.0, 0.0) for day in days] or [(0, 10.0, -5.0, 0.0)]
    return Purchases(orders(*rows), np.array([-50.0]))


def _still_here(regularity: int, purchases: Purchases, rate: np.ndarray, day: int) -> float:
    return float(still_here_probability(_customers(regularity), purchases, rate, np.array([0]), day)[0])


def _always(per_day: float) -> np.ndarray:
    return np.full((1, 57), per_day)


def test_one_who_buys_at_random_is_still_here_by_the_closed_form() -> None:
    # 60 days without an order at 1 in 20 days and a rate of leaving of 0.01: 0.06 a day that either happens
    waits = np.exp(-0.06 * 60)
    expected = waits / (waits + 0.01 / 0.06 * (1 - waits))
    assert expected == pytest.approx(0.1442, abs=5e-5)
    assert _still_here(1, _bought(5.0, 30.0), _always(0.01), 90) == pytest.approx(expected, rel=1e-3)


def test_one_with_a_gap_of_shape_two_is_still_here_by_the_closed_form() -> None:
    # the gap is longer with probability (1 + w/10) exp(-w/10)
    each = 0.01 + 0.1
    both = np.exp(-each * 60)
    here = 7 * both
    left = 0.01 * ((1 - both) / each + 0.1 * (1 - both * (1 + each * 60)) / each**2)
    assert _still_here(2, _bought(30.0), _always(0.01), 90) == pytest.approx(here / (here + left), rel=2e-3)


def test_one_who_ordered_just_now_is_still_here() -> None:
    assert _still_here(3, _bought(30.0, 89.999), _always(0.01), 90) == pytest.approx(1, abs=1e-4)


def test_only_orders_before_the_cut_off_count() -> None:
    assert _still_here(3, _bought(30.0), _always(0.01), 90) == _still_here(3, _bought(30.0, 90.0), _always(0.01), 90)


def test_one_who_never_ordered_waits_since_the_records_begin() -> None:
    # without memory it does not matter how long the wait was before; with it, the order is overdue from the beginning
    waits = np.exp(-0.06 * 60)
    expected = waits / (waits + 0.01 / 0.06 * (1 - waits))
    assert _still_here(1, _bought(), _always(0.01), 60) == pytest.approx(expected, rel=1e-3)
    assert _still_here(4, _bought(), _always(0.01), 60) < _still_here(4, _bought(0.0), _always(0.01), 60)


def test_what_might_have_driven_it_away_counts_only_after_its_last_order() -> None:
    early, late = _always(0.001), _always(0.001)
    early[0, 1:4], late[0, 6:9] = 0.02, 0.02  # days 7 to 28, days 42 to 63
    calm, forgotten, fresh = (_still_here(3, _bought(30.0), rate, 70) for rate in (_always(0.001), early, late))
    assert calm == forgotten
    assert fresh < calm


def test_a_loss_is_surer_the_more_regular_the_customer_and_the_longer_its_silence() -> None:
    by_regularity = [_still_here(k, _bought(30.0), _always(0.002), 90) for k in range(1, 7)]
    by_silence = [_still_here(3, _bought(30.0), _always(0.002), day) for day in (31, 60, 90, 120, 200, 390)]
    for shares in (by_regularity, by_silence):
        assert (np.diff(shares) < 0).all()
    assert 0 <= by_silence[-1] < 1e-12


@pytest.mark.parametrize("day", [40, 90, 390])
def test_where_nobody_leaves_everybody_is_still_here_however_long_silent(day: int) -> None:
    assert _still_here(6, _bought(30.0), _always(0.0), day) == 1


def test_of_one_who_is_still_here_for_certain_the_observer_knows_as_much_as_the_truth() -> None:
    said = _silence_of_one(still_here=1.0, left_day=np.inf)
    assert said.observed[0] == pytest.approx(said.probability[0], rel=1e-12)
    assert 0 < said.probability[0] < 1


def test_the_observer_is_told_nothing_by_the_day_of_leaving() -> None:
    stays, leaves = (_silence_of_one(still_here=0.7, left_day=day) for day in (np.inf, 40.0))
    assert leaves.probability[0] == 1
    assert stays.observed[0] == leaves.observed[0] == pytest.approx(0.3 + 0.7 * stays.probability[0])


def _silence_of_one(still_here: float, left_day: float) -> Silence:
    people, purchases = _customers(3), _bought(10.0, 30.0)
    felt = mood(COMPANY, 1, 30, purchases.orders, complaints())
    ahead = outlook(COMPANY, people, purchases, complaints(), felt, 60, np.array([0]))
    return true_silence(people, ahead, np.array([still_here]), np.array([left_day]), 60)


def test_what_happened_is_the_course_of_things_until_a_customer_leaves_and_nothing_ordered_after() -> None:
    past, rate = _losing_past()
    left, happened = past.left_day, past.happened
    week = np.arange(rate.shape[1])
    while_here = week[None, :] * 7 <= left[:, None]
    np.testing.assert_allclose(happened.rate[while_here], rate[while_here], rtol=1e-12)
    assert (happened.rate[~while_here] < rate[~while_here]).any()  # grievances about orders that were never made
    assert (happened.purchases.orders.day < left[happened.purchases.orders.customer]).all()
    about = happened.purchases.orders.where(happened.complaints.order)
    assert (about.customer == happened.complaints.customer).all()
    assert (about.delivered_day < happened.complaints.opened_day).all()


def test_the_observer_knows_nothing_of_orders_that_leaving_prevented() -> None:
    past, _ = _losing_past()
    known = replace(past, course=past.happened)
    said, said_by_the_known = (_silence(each, each.happened, 600) for each in (past, known))
    assert said.has_left.sum() > 50
    np.testing.assert_array_equal(said.observed, said_by_the_known.observed)


def _losing_past() -> tuple[_Past, np.ndarray]:
    """What happened to customers many of whom left, and the rate at which they did."""
    company = Company(with_campaigns=True, leaving_per_year=0.6)
    plan = planned(3, 300, date(2025, 1, 1), date(2026, 1, 1), company, ())
    rng, campaign_rng, credit_rng = plan.generators(0)
    course = course_if_all_stay(rng, credit_rng, plan, 0)
    treatments, rate = run_campaigns(campaign_rng, course)
    return _Past(course, treatments, leaving_days(course.threshold, rate)), rate


def test_what_the_observer_expects_comes_true_in_every_tenth(outcomes: pd.DataFrame) -> None:
    said = outcomes.silence_90d_probability_observed
    tenths = outcomes.groupby(pd.qcut(said, 10, labels=False, duplicates="drop"))
    for _, tenth in tenths:
        expected = tenth.silence_90d_probability_observed
        spread = np.sqrt((expected * (1 - expected)).sum())
        assert abs(tenth.is_silent.sum() - expected.sum()) < 3.5 * spread
    assert len(tenths) == 10


def test_the_observer_is_surer_of_silence_than_those_who_are_here_warrant(outcomes: pd.DataFrame) -> None:
    here, gone = outcomes[~outcomes.has_left], outcomes[outcomes.has_left]
    assert (here.silence_90d_probability_observed >= here.silence_90d_probability - 1e-12).all()
    assert (gone.silence_90d_probability_observed <= 1).all()
    assert gone.silence_90d_probability_observed.min() < 0.5  # nobody can know of those who left lately


def test_the_observer_predicts_better_than_recency_and_worse_than_who_knows_who_has_left(
    outcomes: pd.DataFrame,
) -> None:
    active = outcomes[outcomes.days_since_last_order <= 180]
    recency, observer, truth = (
        roc_auc_score(active.is_silent, active[name])
        for name in ("days_since_last_order", "silence_90d_probability_observed", "silence_90d_probability")
    )
    assert recency + 0.05 < observer < truth - 0.01


@pytest.fixture(scope="module")
def outcomes(company: dict[str, pa.Table]) -> pd.DataFrame:
    """The truth of each customer and cut-off with the days since its last order, and whether it then ordered nothing."""
    truth: pd.DataFrame = company["truth/silence"].to_pandas().reset_index(names="row")
    bought = company["orders"].to_pandas().query("amount > 0")[["customer_id", "ordered_at"]]
    pairs = truth[["row", "customer_id", "as_of"]].merge(bought, on="customer_id")
    days = (pairs.ordered_at - pairs.as_of).dt.total_seconds() / 86_400
    truth["days_since_last_order"] = -truth.row.map(days[days < 0].groupby(pairs.row).max())
    truth["is_silent"] = ~truth.row.isin(pairs.row[(days >= 0) & (days < 90)])
    return truth
