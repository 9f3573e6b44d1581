"""What only a simulation can tell: how likely each customer really was to fall silent."""

from dataclasses import dataclass

import numpy as np

from features.simulation.company import Company
from features.simulation.contacts import Complaints
from features.simulation.customers import Customers
from features.simulation.departures import DAYS_PER_WEEK, leaving_rate, mood
from features.simulation.purchases import Orders, Purchases
from features.simulation.rhythm import Floats, Ints

STEP_DAYS = 3


@dataclass(frozen=True)
class Silence:
    """True probabilities of one cut-off, one entry per customer acquired before it."""

    customer: Ints
    has_left: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    leaving_per_day: Floats
    probability: Floats


def true_silence(
    company: Company,
    customers: Customers,
    purchases: Purchases,
    complaints: Complaints,
    left_day: Floats,
    cut_off_day: int,
    horizon_days: int,
) -> Silence:
    """The probability that a customer orders nothing in ``[cut_off, cut_off + horizon)``.

    It knows all that is in motion at the cut-off: the customer's rhythm, its trouble (also one to come) and its length,
    deliveries and complaints of earlier orders and how they will end. It does not know when the next order comes nor
    when the customer leaves, so no model can predict better. One that has left is silent for certain.
    """
    orders, complaints = _in_motion(purchases.orders, complaints, cut_off_day)
    weeks = (cut_off_day + horizon_days) // DAYS_PER_WEEK + 2
    rate = leaving_rate(company, customers, mood(company, len(customers), weeks, orders, complaints))
    days = np.unique(
        np.append(np.arange(cut_off_day, cut_off_day + horizon_days, STEP_DAYS), cut_off_day + horizon_days)
    )
    stays = np.exp(-_summed_rate(rate, days.astype(float)))
    waits = _no_order_share(customers, purchases, orders, days.astype(float))
    orders_in_step = waits[:, :-1] - waits[:, 1:]
    orders_first = (orders_in_step * (stays[:, :-1] + stays[:, 1:]) / 2).sum(axis=1)
    gone = left_day < cut_off_day
    here = np.flatnonzero(customers.acquired_day < cut_off_day)
    probability = np.where(gone, 1.0, np.clip(1 - orders_first, 0, 1))
    at_cut_off = np.where(gone, 0.0, rate[:, cut_off_day // DAYS_PER_WEEK])
    return Silence(here, gone[here], at_cut_off[here], probability[here])


def _in_motion(orders: Orders, complaints: Complaints, cut_off_day: int) -> tuple[Orders, Complaints]:
    """Orders before the cut-off, and the complaints that they cause, also later."""
    before = orders.day < cut_off_day
    return orders.where(before), complaints.where(before[complaints.order])


def _summed_rate(rate: Floats, days: Floats) -> Floats:
    """Rate of leaving summed from the first of ``days`` to each of them, by customer."""
    edges = np.concatenate([np.zeros((len(rate), 1)), np.cumsum(rate * DAYS_PER_WEEK, axis=1)], axis=1)
    week = (days / DAYS_PER_WEEK).astype(np.int64)
    summed = edges[:, week] + rate[:, week] * (days - week * DAYS_PER_WEEK)
    return summed - summed[:, :1]


def _no_order_share(customers: Customers, purchases: Purchases, orders: Orders, days: Floats) -> Floats:
    """Probability that a customer who stays has not ordered from the first of ``days`` to each of them."""
    last = purchases.previous.copy()
    bought = orders.where(orders.amount > 0)
    np.maximum.at(last, bought.customer, customers.time.at(bought.customer, bought.day))
    waited = customers.time.at(customers.every[:, None], days[None, :]) - last[:, None]
    longer = _gap_longer_than(np.maximum(waited, 0), customers.order_gap_days, customers.regularity)
    return longer / np.maximum(longer[:, :1], 1e-300)


def _gap_longer_than(waited: Floats, gap_days: Floats, regularity: Ints) -> Floats:
    """Probability that a gamma gap of whole shape is longer: the chance of fewer Poisson events than the shape."""
    scaled = waited * (regularity / gap_days)[:, None]
    term = np.exp(-scaled)
    total = np.zeros_like(term)
    for event in range(int(regularity.max(initial=1))):
        total += np.where(event < regularity[:, None], term, 0.0)
        term = term * scaled / (event + 1)
    return total
