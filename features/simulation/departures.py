"""When and why customers leave: a rate of leaving that complaints, late deliveries and trouble drive up.

The rate is known for each customer and week from what happened before that week. A customer leaves when its summed
rate passes a threshold of its own, so leaving is caused by the service and by the trouble, and by nothing after them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from features.simulation.company import Company
from features.simulation.contacts import Complaints
from features.simulation.customers import Customers
from features.simulation.purchases import Orders
from features.simulation.rhythm import Floats, Ints

DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Mood:
    """What a customer has on its mind at the end of each week; arrays of customers × weeks."""

    grudge: Floats
    """Complaints open beyond patience, fading once they are closed."""
    late_weeks: Floats
    """Weeks of late delivery, fading."""


def mood(company: Company, customers: int, weeks: int, orders: Orders, complaints: Complaints) -> Mood:
    """The mood of all customers over ``weeks`` weeks, from deliveries and complaints."""
    waiting = _waiting(company, customers, weeks, complaints)
    late = _late_weeks(customers, weeks, orders)
    fade = 0.5 ** (DAYS_PER_WEEK / company.memory_half_life_days)
    for week in range(1, weeks):
        waiting[:, week] = np.maximum(waiting[:, week], fade * waiting[:, week - 1])
        late[:, week] += fade * late[:, week - 1]
    return Mood(np.minimum(waiting, 2), np.minimum(late, 3))


def _waiting(company: Company, customers: int, weeks: int, complaints: Complaints) -> Floats:
    """How many complaints are open beyond patience, by customer and week."""
    begin = np.ceil((complaints.opened_day + company.complaint_patience_days) / DAYS_PER_WEEK).astype(np.int64)
    end = np.ceil(complaints.closed_day / DAYS_PER_WEEK).astype(np.int64)
    counted = begin < end
    steps = _summed(complaints.customer[counted], begin[counted], customers, weeks)
    steps -= _summed(complaints.customer[counted], end[counted], customers, weeks)
    return np.cumsum(steps, axis=1)


def _late_weeks(customers: int, weeks: int, orders: Orders) -> Floats:
    """Weeks of delay of the deliveries that came in each week; one delivery counts for at most two."""
    late = orders.where((orders.days_late > 0) & (orders.line == 0))
    week = (late.delivered_day / DAYS_PER_WEEK).astype(np.int64)
    return _summed(late.customer, week, customers, weeks, np.minimum(late.days_late / DAYS_PER_WEEK, 2))


def _summed(customer: Ints, week: Ints, customers: int, weeks: int, amount: Floats | None = None) -> Floats:
    """Sums by customer and week of ``amount``, or counts without it; what lies after the last week is left out."""
    here = week < weeks
    cell = customer[here] * weeks + week[here]
    weights = np.ones(len(cell)) if amount is None else amount[here]
    return np.bincount(cell, weights, customers * weeks).astype(np.float64).reshape(customers, weeks)


def leaving_rate(company: Company, customers: Customers, felt: Mood) -> Floats:
    """Rate of leaving per day, by customer and week; zero before the records or the relationship begin."""
    weeks = felt.grudge.shape[1]
    monday: Floats = np.arange(weeks, dtype=np.float64) * DAYS_PER_WEEK
    rate = np.zeros((len(customers), weeks))
    rate[:, 1:] = (
        company.complaint_leaving_factor ** felt.grudge[:, :-1]
        * company.late_week_leaving_factor ** felt.late_weeks[:, :-1]
    )
    trouble = customers.in_trouble(customers.every[:, None], monday[None, :])
    since = np.where(trouble, monday[None, :] - customers.time.trouble_from[:, None], 0.0)
    rate *= company.trouble_leaving_factor ** np.minimum(since / company.trouble_leaving_after_days, 1)
    known = monday[None, :] >= np.maximum(customers.acquired_day, company.lead_in_days)[:, None]
    return rate * known * customers.leaving_per_day[:, None]


def leaving_days(rng: Generator, rate: Floats) -> Floats:
    """The day on which each customer leaves; ``inf`` when it stays until the last week."""
    summed = np.cumsum(rate * DAYS_PER_WEEK, axis=1)
    threshold = rng.exponential(size=len(rate))
    leaves = summed[:, -1] > threshold
    week = np.argmax(summed > threshold[:, None], axis=1)
    row = np.arange(len(rate))
    within = 1 - (summed[row, week] - threshold) / np.maximum(rate[row, week], 1e-300) / DAYS_PER_WEEK
    return np.where(leaves, (week + np.where(leaves, within, 0)) * DAYS_PER_WEEK, np.inf)
