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
    """What customers have on their mind at the end of each week from ``first_week``; arrays of customers × weeks."""

    waiting: Floats
    """Complaints open beyond patience, fading once they are closed."""
    late: Floats
    """Weeks of late delivery, fading."""
    open_complaints: Floats
    """Complaints open beyond patience, as a plain count."""
    first_week: int = 0

    @property
    def grudge(self) -> Floats:
        """What of the complaints counts: two at most."""
        return np.minimum(self.waiting, 2)

    @property
    def late_weeks(self) -> Floats:
        """What of the late deliveries counts: three weeks at most."""
        return np.minimum(self.late, 3)

    def of(self, week: int) -> "Mood":
        """The mood at the end of that week alone; enough to go on from."""
        here = slice(week - self.first_week, week - self.first_week + 1)
        return Mood(self.waiting[:, here], self.late[:, here], self.open_complaints[:, here], week)


def mood(
    company: Company, customers: int, weeks: int, orders: Orders, complaints: Complaints, before: Mood | None = None
) -> Mood:
    """The mood of all customers over ``weeks`` weeks, from deliveries and complaints.

    With ``before`` it goes on from the last week of that mood, and its first week is that one.
    """
    first = 0 if before is None else before.first_week + before.waiting.shape[1] - 1
    waiting = _newly_waiting(company, customers, first, weeks, complaints)
    late = _late_weeks(customers, first, weeks, orders)
    if before is not None:
        waiting[:, 0], late[:, 0] = before.open_complaints[:, -1], before.late[:, -1]
    open_complaints = np.cumsum(waiting, axis=1)
    waiting = open_complaints.copy()
    if before is not None:
        waiting[:, 0] = before.waiting[:, -1]
    fade = 0.5 ** (DAYS_PER_WEEK / company.memory_half_life_days)
    for week in range(1, weeks):
        waiting[:, week] = np.maximum(waiting[:, week], fade * waiting[:, week - 1])
        late[:, week] += fade * late[:, week - 1]
    return Mood(waiting, late, open_complaints, first)


def _newly_waiting(company: Company, customers: int, first: int, weeks: int, complaints: Complaints) -> Floats:
    """How many more complaints than the week before are open beyond patience, by customer and week."""
    begin = np.ceil((complaints.opened_day + company.complaint_patience_days) / DAYS_PER_WEEK).astype(np.int64)
    end = np.ceil(complaints.closed_day / DAYS_PER_WEEK).astype(np.int64)
    counted = begin < end
    customer = complaints.customer[counted]
    steps = _summed(customer, begin[counted] - first, customers, weeks)
    steps -= _summed(customer, end[counted] - first, customers, weeks)
    return steps


def _late_weeks(customers: int, first: int, weeks: int, orders: Orders) -> Floats:
    """Weeks of delay of the deliveries that came in each week; one delivery counts for at most two."""
    late = np.flatnonzero((orders.days_late > 0) & (orders.line == 0))
    week = (orders.delivered_day[late] / DAYS_PER_WEEK).astype(np.int64)
    delay = np.minimum(orders.days_late[late] / DAYS_PER_WEEK, 2)
    return _summed(orders.customer[late], week - first, customers, weeks, delay)


def _summed(customer: Ints, week: Ints, customers: int, weeks: int, amount: Floats | None = None) -> Floats:
    """Sums by customer and week of ``amount``, or counts without it; what lies in other weeks is left out."""
    here = (week >= 0) & (week < weeks)
    cell = customer[here] * weeks + week[here]
    weights = np.ones(len(cell)) if amount is None else amount[here]
    return np.bincount(cell, weights, customers * weeks).astype(np.float64).reshape(customers, weeks)


def leaving_rate(company: Company, customers: Customers, felt: Mood) -> Floats:
    """Rate of leaving per day, by customer and week; zero before the records or the relationship begin.

    It begins with the mood's first week. A week's rate follows from the mood of the week before, so that first week
    itself has the rate zero.
    """
    weeks = felt.waiting.shape[1]
    monday: Floats = (felt.first_week + np.arange(weeks, dtype=np.float64)) * DAYS_PER_WEEK
    rate = np.zeros((len(customers), weeks))
    rate[:, 1:] = _power(company.complaint_leaving_factor, felt.grudge[:, :-1]) * _power(
        company.late_week_leaving_factor, felt.late_weeks[:, :-1]
    )
    trouble = customers.in_trouble(customers.every[:, None], monday[None, :])
    since = np.where(trouble, monday[None, :] - customers.time.trouble_from[:, None], 0.0)
    rate *= _power(company.trouble_leaving_factor, np.minimum(since / company.trouble_leaving_after_days, 1))
    known = monday[None, :] >= np.maximum(customers.acquired_day, company.lead_in_days)[:, None]
    return rate * known * customers.leaving_per_day[:, None]


def _power(factor: float, exponent: Floats) -> Floats:
    """``factor`` to the power of each exponent; most are zero, so only the others are worked out."""
    ones = np.ones_like(exponent)
    return np.power(factor, exponent, out=ones, where=exponent != 0)


def leaving_thresholds(rng: Generator, customers: int) -> Floats:
    """The summed rate at which each customer leaves: exponential, so that the rate is one."""
    return rng.exponential(size=customers)


def leaving_days(threshold: Floats, rate: Floats, first_week: int = 0) -> Floats:
    """The day on which each customer leaves, from its rates by week; ``inf`` when it stays until the last week.

    ``threshold`` is what is left of it at the beginning of ``first_week``.
    """
    summed = np.cumsum(rate * DAYS_PER_WEEK, axis=1)
    leaves = summed[:, -1] > threshold
    week = np.argmax(summed > threshold[:, None], axis=1)
    row = np.arange(len(rate))
    within = 1 - (summed[row, week] - threshold) / np.maximum(rate[row, week], 1e-300) / DAYS_PER_WEEK
    return np.where(leaves, (first_week + week + np.where(leaves, within, 0)) * DAYS_PER_WEEK, np.inf)
