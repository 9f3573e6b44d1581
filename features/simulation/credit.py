"""Credit: how sound each customer is, what that does to its payments, and what the company makes of it.

Quality is a hidden trait, a standard normal number. Who has little gets into trouble more often, pays later, and leaves
more unpaid. The company sees none of that: twice a year it sets tier and credit limit anew from spend and payments.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation.company import TIERS, Company
from features.simulation.customers import Customers
from features.simulation.payments import Invoices, Payments
from features.simulation.purchases import Orders
from features.simulation.rhythm import Floats, Ints

_LATE_LIMITS: tuple[tuple[float, float], ...] = ((20.0, 0.4), (8.0, 0.75))
"""From how many days late on average a customer gets which part of the limit that its purchases call for."""


def with_credit_quality(rng: Generator, company: Company, customers: Customers) -> Customers:
    """The same customers, with a quality each that changes when trouble begins, how late they pay and what stays unpaid.

    Trouble comes at the same mean rate over all customers as without, and lasts as long.
    """
    quality = rng.normal(size=len(customers))
    spread = company.quality_trouble_log_spread
    time, begin = customers.time, np.maximum(customers.acquired_day, 0)
    trouble_from = begin + (time.trouble_from - begin) * np.exp(spread * quality + spread**2 / 2)
    return replace(
        customers,
        credit_quality=quality,
        unpaid_factor=np.exp(-company.quality_unpaid_log_spread * quality - company.quality_unpaid_log_spread**2 / 2),
        usual_late_days=customers.usual_late_days + company.quality_late_days * quality,
        time=replace(
            time, trouble_from=trouble_from, trouble_until=trouble_from + (time.trouble_until - time.trouble_from)
        ),
    )


@dataclass(frozen=True)
class Standings:
    """Tier and credit limit of each customer from a day to the next, by customer and day; ``inf``: still holding."""

    customer: Ints
    from_day: Floats
    until_day: Floats
    tier: NDArray[np.object_]
    credit_limit: Floats


def standings(
    company: Company,
    customers: Customers,
    orders: Orders,
    invoices: Invoices,
    payments: Payments,
    first_day: date,
    days: int,
) -> Standings:
    """What tier and limit each customer had when: a first guess, then what each review made of the facts before it."""
    reviews = review_days(first_day, company.lead_in_days, days)
    expected = customers.order_value * 365 / customers.order_gap_days / (1 - company.further_line_share)
    tier, limit = [_tier(expected)], [customers.credit_limit]
    for day in reviews:
        spend = _spend_per_year(company, customers, orders, day)
        late = _days_late(company, len(customers), invoices, payments, day)
        is_customer = customers.acquired_day < day
        tier.append(np.where(is_customer, _new_tier(company, tier[-1], spend), tier[-1]))
        limit.append(np.where(is_customer, _new_limit(company, customers, limit[-1], spend, late), limit[-1]))
    return _changes(customers, reviews, np.stack(tier, axis=1), np.stack(limit, axis=1))


def review_days(first_day: date, begin: int, end: int) -> list[int]:
    """The first of January and of July after the records begin, before they end, counted from the first day."""
    last = first_day + timedelta(days=end)
    starts = [date(year, month, 1) for year in range(first_day.year, last.year + 1) for month in (1, 7)]
    return [day for start in starts if begin < (day := (start - first_day).days) < end]


def _spend_per_year(company: Company, customers: Customers, orders: Orders, day: int) -> Floats:
    """Spend of each customer in the year before ``day``; that of newer ones is reckoned up from at least a quarter."""
    begin = max(day - company.review_window_days, 0)
    here = (orders.day >= begin) & (orders.day < day)
    spend = np.bincount(orders.customer[here], orders.amount[here], len(customers))
    per_year: Floats = spend * 365 / np.maximum(day - np.maximum(customers.acquired_day, begin), 91)
    return per_year


def _days_late(company: Company, customers: int, invoices: Invoices, payments: Payments, day: int) -> Floats:
    """Mean days late, as known at ``day``, of the invoices that fell due in the half year before; 0 without any."""
    count = len(invoices)
    known = payments.paid_day < day
    paid = np.bincount(payments.invoice[known], payments.amount[known], count)
    last = np.full(count, -np.inf)
    np.maximum.at(last, payments.invoice[known], payments.paid_day[known])
    settled = np.where(paid >= invoices.amount - 0.005, last, day)
    here = (invoices.due_day >= day - company.review_window_days / 2) & (invoices.due_day < day)
    late = np.bincount(invoices.customer[here], (settled - invoices.due_day)[here], customers)
    return late / np.maximum(np.bincount(invoices.customer[here], minlength=customers), 1)


def _tier(spend: Floats) -> Ints:
    """Position in TIERS for spend per year."""
    return np.searchsorted([edge for _, edge in TIERS[1:]], spend, side="right")


def _new_tier(company: Company, tier: Ints, spend: Floats) -> Ints:
    """The tier for ``spend``, but the one before when spend is just over its edge."""
    share = company.review_hysteresis_share
    return np.clip(tier, _tier(spend / (1 + share)), _tier(spend * (1 + share)))


def _new_limit(company: Company, customers: Customers, limit: Floats, spend: Floats, late: Floats) -> Floats:
    """The limit that spend calls for, cut for who pays late; the one before when it hardly differs."""
    share = np.select([late > days for days, _ in _LATE_LIMITS], [part for _, part in _LATE_LIMITS], 1.0)
    called_for = 2_000 + 3 * np.maximum(spend, 0) / 365 * (customers.terms_days + 30)
    new = np.ceil(called_for * share / 500) * 500
    return np.where(np.abs(new / limit - 1) > company.review_hysteresis_share, new, limit)


def _changes(customers: Customers, reviews: list[int], tier: Ints, limit: Floats) -> Standings:
    """One row for each customer at first, and one for each review that changed something."""
    changed = (np.diff(tier, axis=1) != 0) | (np.diff(limit, axis=1) != 0)
    customer, column = np.nonzero(np.column_stack([np.ones(len(customers), dtype=np.bool_), changed]))
    begins = np.array([0.0, *reviews])[column]
    from_day = np.where(column == 0, np.floor(customers.acquired_day[customer]), begins)
    is_followed = np.append(customer[1:] == customer[:-1], False)
    until = np.where(is_followed, np.append(from_day[1:], np.inf), np.inf)
    names = np.array([name for name, _ in TIERS], dtype=object)
    return Standings(customer, from_day, until, names[tier[customer, column]], limit[customer, column])
