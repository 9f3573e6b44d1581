from dataclasses import replace

import numpy as np
import pytest

from features.simulation.purchases import Orders, draw_purchases
from tests.features.simulation.people import COMPANY, plain_customers


def _firsts(orders: Orders) -> Orders:
    return orders.where((orders.line == 0) & (orders.amount > 0))


def _purchases(regularity: int, days: int = 700) -> Orders:
    people = plain_customers(300, days=days + 30)
    people = replace(people, order_gap_days=np.full(300, 10.0), regularity=np.full(300, regularity))
    return draw_purchases(np.random.default_rng(4), replace(COMPANY, season_swing_share=0.0), people, days).orders


@pytest.mark.parametrize("regularity", [1, 4])
def test_gaps_have_the_customers_own_mean_and_regularity(regularity: int) -> None:
    orders = _firsts(_purchases(regularity))
    gaps = np.diff(orders.day)[np.diff(orders.customer) == 0]
    assert gaps.mean() == pytest.approx(10, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(regularity**-0.5, abs=0.06)


def test_customers_of_old_do_not_all_begin_on_the_first_day() -> None:
    orders = _firsts(_purchases(4))
    per_week = np.bincount((orders.day / 7).astype(int))[:-1]
    assert per_week[0] == pytest.approx(per_week.mean(), rel=0.2)


def test_all_lines_of_an_order_come_with_one_delivery() -> None:
    orders = _purchases(2, days=60)
    further = np.flatnonzero(orders.line > 0)
    assert len(further) > 100
    assert (orders.delivered_day[further] == orders.delivered_day[further - 1]).all()
    assert (orders.day[further] == orders.day[further - 1]).all()


def test_returns_are_negative_and_without_delivery() -> None:
    orders = _purchases(2)
    returns = orders.where(orders.amount < 0)
    assert len(returns) > 100
    assert (returns.quantity < 0).all()
    assert np.isnan(returns.promised_day).all()


def test_no_customer_runs_out_of_orders_before_the_end() -> None:
    orders = _firsts(_purchases(1))
    last = np.array([orders.day[orders.customer == customer].max() for customer in range(300)])
    assert (700 - last).mean() == pytest.approx(10, rel=0.25)
