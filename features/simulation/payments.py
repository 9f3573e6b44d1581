"""Invoices, one per customer and billing cycle, and the money that comes in for them.

A customer in trouble pays later and later, months before it leaves: that is what makes payment behaviour a warning.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation.company import Company
from features.simulation.contacts import Complaints
from features.simulation.customers import Customers
from features.simulation.purchases import Orders
from features.simulation.rhythm import Floats, Ints


@dataclass(frozen=True)
class Invoices:
    """Invoices of one chunk, by customer and day of issue."""

    customer: Ints
    issued_day: Floats
    due_day: Floats
    amount: Floats
    disputed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.customer)

    def where(self, kept: NDArray[np.bool_]) -> "Invoices":
        """The chosen ones, in order."""
        return Invoices(*(getattr(self, field.name)[kept] for field in fields(self)))


@dataclass(frozen=True)
class Payments:
    """Money received. ``invoice`` is the position of the invoice that it settles, in part or in full."""

    invoice: Ints
    paid_day: Floats
    amount: Floats

    def where(self, kept: NDArray[np.bool_] | Ints) -> "Payments":
        """The chosen ones, in order."""
        return Payments(*(getattr(self, field.name)[kept] for field in fields(self)))


def draw_invoices(
    rng: Generator, company: Company, customers: Customers, orders: Orders, complaints: Complaints, days: int
) -> Invoices:
    """One invoice for each customer and cycle with something to pay, issued the day after the cycle ends.

    Returns lower the invoice of their cycle. An invoice of a customer with a fresh complaint is disputed more often.
    """
    length = company.billing_cycle_days
    phase = customers.billing_phase_days
    cycles = (days + length) // length + 2
    cycle = ((np.floor(orders.day) + phase[orders.customer]) // length).astype(np.int64)
    owed = np.bincount(orders.customer * cycles + cycle, orders.amount, len(customers) * cycles)
    cell = np.flatnonzero(owed > 0.005)
    customer = cell // cycles
    issued = ((cell % cycles + 1) * length - phase[customer]).astype(float)
    opened = ((complaints.opened_day + phase[complaints.customer]) // length).astype(np.int64)
    inside = opened < cycles
    complained = (
        np.bincount((complaints.customer * cycles + opened)[inside], minlength=len(customers) * cycles)[cell] > 0
    )
    share = np.where(complained, company.dispute_share_with_complaint, company.dispute_share)
    disputed = rng.random(len(cell)) < share
    invoices = Invoices(customer, issued, issued + customers.terms_days[customer], np.round(owed[cell], 2), disputed)
    return invoices.where(issued < days)


def draw_payments(
    rng: Generator, company: Company, customers: Customers, left_day: Floats, invoices: Invoices
) -> Payments:
    """All payments that these invoices will ever see, by invoice and day; the caller cuts off the future."""
    workday = customers.time.shared.workday
    wished = np.rint(invoices.due_day + _days_late(rng, company, customers, invoices))
    first_day = workday(np.maximum(invoices.issued_day + 2, wished))
    unpaid = rng.random(len(invoices)) < _unpaid_share(company, customers, left_day, invoices)
    in_parts = rng.random(len(invoices)) < company.partial_share
    share = np.where(in_parts, rng.uniform(0.3, 0.8, len(invoices)), 1.0)
    first_amount = np.round(invoices.amount * share, 2)
    second_day = workday(first_day + rng.integers(10, 46, len(invoices)))
    rest = np.round(invoices.amount - first_amount, 2)
    forgotten = rng.random(len(invoices)) < 0.1
    position = np.arange(len(invoices))
    first = ~unpaid & (first_amount > 0)
    second = ~unpaid & in_parts & ~forgotten & (rest > 0)
    payments = Payments(
        np.concatenate([position[first], position[second]]),
        np.concatenate([first_day[first], second_day[second]]),
        np.concatenate([first_amount[first], rest[second]]),
    )
    return payments.where(np.lexsort((payments.paid_day, payments.invoice)))


def _days_late(rng: Generator, company: Company, customers: Customers, invoices: Invoices) -> Floats:
    """Days from due to paid: the customer's habit, chance, disputes, and trouble that grows since it began."""
    count = len(invoices)
    habit = customers.usual_late_days[invoices.customer] + rng.normal(0, company.late_noise_days, count)
    since = invoices.due_day - customers.time.trouble_from[invoices.customer]
    growing = company.trouble_late_at_once_days + company.trouble_late_per_day_days * since
    trouble = customers.in_trouble(invoices.customer, invoices.due_day)
    strained = np.where(trouble, np.minimum(growing, company.trouble_late_max_days), 0.0)
    dispute = np.where(invoices.disputed, rng.exponential(company.dispute_late_mean_days, count), 0.0)
    return habit + strained + dispute


def _unpaid_share(company: Company, customers: Customers, left_day: Floats, invoices: Invoices) -> Floats:
    """Probability that nothing is ever paid: small, larger in trouble, large when the customer is gone as well."""
    trouble = customers.in_trouble(invoices.customer, invoices.due_day)
    gone = left_day[invoices.customer] < invoices.due_day
    in_trouble = np.where(gone, company.unpaid_share_after_leaving_in_trouble, company.unpaid_share_in_trouble)
    share = np.where(trouble, in_trouble, company.unpaid_share)
    return np.minimum(share * customers.unpaid_factor[invoices.customer], 1.0)
