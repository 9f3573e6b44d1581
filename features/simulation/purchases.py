"""What customers would order if none of them ever left, how it is delivered, and what comes back.

Each customer orders by its own rhythm: gaps of own working time, gamma distributed with the customer's mean and
regularity. Leaving cuts the orders off afterwards, so that leaving never changes what went before it.
"""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation.company import CATEGORIES, Company
from features.simulation.customers import Customers
from features.simulation.rhythm import Floats, Ints


@dataclass(frozen=True)
class Orders:
    """Order lines and returns of one chunk, by customer, day and line; the first line of each order is line 0.

    All lines of an order come with one delivery. A return has negative amounts and no delivery (nan).
    """

    customer: Ints
    day: Floats
    line: Ints
    category: Ints
    quantity: Ints
    amount: Floats
    discount: Floats
    margin: Floats
    promised_day: Floats
    delivered_day: Floats

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def days_late(self) -> Floats:
        """Days from promise to delivery, 0 when in time; nan for returns."""
        return np.maximum(self.delivered_day - self.promised_day, 0)

    def where(self, kept: NDArray[np.bool_] | Ints) -> "Orders":
        """The chosen ones, in order."""
        return Orders(*(getattr(self, field.name)[kept] for field in fields(self)))


@dataclass(frozen=True)
class Purchases:
    """All orders as if nobody left, and for each customer the own time of its last order before the first day."""

    orders: Orders
    previous: Floats

    @cached_property
    def _bought(self) -> Ints:
        """Positions of the lines that are no returns."""
        return np.flatnonzero(self.orders.amount > 0)

    @cached_property
    def _places(self) -> Floats:
        return place(self.orders.customer[self._bought], self.orders.day[self._bought])

    @cached_property
    def _begins(self) -> Ints:
        """Where each customer's purchases begin among all purchases, and the end of all."""
        return np.searchsorted(self.orders.customer[self._bought], np.arange(len(self.previous) + 1))

    def last_before(self, customer: Ints, day: Floats) -> Ints:
        """Position of each one's last purchase line before its ``day``; -1 for none."""
        after = np.searchsorted(self._places, place(customer, day))
        return self._position(after - 1, after > self._begins[customer])

    def next_from(self, customer: Ints, day: Floats) -> Ints:
        """Position of each one's first purchase line from its ``day`` on; -1 for none."""
        first = np.searchsorted(self._places, place(customer, day))
        return self._position(first, first < self._begins[customer + 1])

    def _position(self, purchase: Ints, exists: NDArray[np.bool_]) -> Ints:
        position = np.full(len(purchase), -1)
        position[exists] = self._bought[purchase[exists]]
        return position


def place(customer: Ints, day: Floats) -> Floats:
    """Where a customer's day lies in the row of all days of all customers, one after the other."""
    places: Floats = customer.astype(np.float64) * _LONGEST_DAYS + np.minimum(day, _LONGEST_DAYS / 2)
    return places


_LONGEST_DAYS = 1e6
"""More days than any company lives; few enough that a place tells a day to the second."""


def draw_purchases(rng: Generator, company: Company, customers: Customers, days: int) -> Purchases:
    """Orders and returns of all ``customers`` over ``days`` days, as if nobody left."""
    first, previous = _first_orders(rng, customers)
    customer, passed = _renewals(rng, customers, first, customers.time.at(customers.every, np.array(float(days))))
    day = customers.time.day(customer, passed)
    here = day < days
    orders = _described(rng, company, customers, customer[here], day[here])
    return Purchases(_with_returns(rng, company, orders, days), previous)


def _first_orders(rng: Generator, customers: Customers) -> tuple[Floats, Floats]:
    """Own time of each customer's first order and of the one before the first simulated day.

    A customer who was there before is met within a gap that is longer than usual, because long gaps fill more days:
    a gamma gap seen so has one more in its shape. A new customer orders on the day it is acquired.
    """
    gap = customers.order_gap_days
    met_gap = rng.gamma(customers.regularity + 1.0, gap / customers.regularity)
    ahead = rng.random(len(customers)) * met_gap
    acquired = customers.time.at(customers.every, np.maximum(customers.acquired_day, 0))
    is_new = customers.acquired_day >= 0
    return np.where(is_new, acquired, ahead), np.where(is_new, acquired, ahead - met_gap)


def _renewals(rng: Generator, customers: Customers, first: Floats, end: Floats) -> tuple[Ints, Floats]:
    """Customer and own time of each order until ``end``; more gaps than needed are drawn and the rest dropped."""
    gap = customers.order_gap_days
    expected = np.maximum(end - first, 0) / gap
    count = (expected + 6 * np.sqrt(expected) + 12).astype(np.int64)
    customer = np.repeat(customers.every, count)
    gaps = rng.gamma(customers.regularity[customer].astype(float), (gap / customers.regularity)[customer])
    start = np.cumsum(count) - count
    gaps[start] = first
    total = np.cumsum(gaps)
    passed = total - (total[start] - first)[customer]
    kept = passed < end[customer]
    return customer[kept], passed[kept]


def _described(rng: Generator, company: Company, customers: Customers, customer: Ints, day: Floats) -> Orders:
    """The lines of orders of ``customer`` at ``day``: what was bought, for how much, and when it came."""
    promised, delivered = _deliveries(rng, company, customers, customer, day)
    lines = rng.geometric(1 - company.further_line_share, len(customer))
    order = np.repeat(np.arange(len(customer)), lines)
    line = np.arange(len(order)) - (np.cumsum(lines) - lines)[order]
    customer, count = customer[order], len(order)
    category = rng.choice(len(CATEGORIES), count, p=[share for _, share, _ in CATEGORIES])
    price = np.array([price for *_, price in CATEGORIES])[category]
    value = customers.order_value[customer] * np.exp(rng.normal(0, company.order_value_log_spread, count))
    quantity = np.maximum(np.rint(value / price), 1).astype(np.int64)
    share_off = np.minimum(rng.exponential(company.discount_mean_share, count), 0.4)
    discount = np.round(quantity * price * share_off, 2)
    amount = np.round(quantity * price - discount, 2)
    margin_share = company.margin_mean_share + rng.normal(0, 0.04, count) - 0.7 * share_off
    margin = np.round(amount * margin_share, 2)
    return Orders(
        customer, day[order], line, category, quantity, amount, discount, margin, promised[order], delivered[order]
    )


def _deliveries(
    rng: Generator, company: Company, customers: Customers, customer: Ints, day: Floats
) -> tuple[Floats, Floats]:
    """Promised and actual day of delivery of each order, on working days."""
    lead_time = rng.integers(company.lead_time_min_days, company.lead_time_max_days + 1, len(customer))
    promised = customers.time.shared.workday(np.floor(day) + lead_time)
    late = rng.random(len(customer)) < customers.late_delivery_share[customer]
    days_late = np.where(late, np.ceil(rng.exponential(company.late_delivery_mean_days, len(customer))), 0.0)
    return promised, customers.time.shared.workday(promised + days_late)


def _with_returns(rng: Generator, company: Company, orders: Orders, days: int) -> Orders:
    """The orders together with the returns of some of them, five to twenty days after delivery."""
    sent_back = orders.where(rng.random(len(orders)) < company.return_share)
    count = len(sent_back)
    pieces = np.maximum((sent_back.quantity * rng.uniform(0.2, 1.0, count)).astype(np.int64), 1)
    share = pieces / sent_back.quantity
    nothing = np.full(count, np.nan)
    returns = Orders(
        sent_back.customer,
        sent_back.delivered_day + rng.uniform(5, 20, count),
        np.zeros(count, dtype=np.int64),
        sent_back.category,
        -pieces,
        -np.round(sent_back.amount * share, 2),
        -np.round(sent_back.discount * share, 2),
        -np.round(sent_back.margin * share, 2),
        nothing,
        nothing,
    )
    returns = returns.where(returns.day < days)
    returns = returns.where(np.lexsort((returns.day, returns.customer)))
    return _merged(orders, returns)


def _merged(orders: Orders, returns: Orders) -> Orders:
    """Both together by customer and day, each of which lies so already; orders come before returns of the same moment."""
    begin, end = (np.searchsorted(orders.customer, returns.customer, side) for side in ("left", "right"))
    while (begin < end).any():
        middle = (begin + end) // 2
        earlier = (begin < end) & (orders.day[np.minimum(middle, len(orders) - 1)] <= returns.day)
        begin, end = np.where(earlier, middle + 1, begin), np.where(earlier, end, np.minimum(middle, end))
    return Orders(*(np.insert(getattr(orders, f.name), begin, getattr(returns, f.name)) for f in fields(Orders)))
