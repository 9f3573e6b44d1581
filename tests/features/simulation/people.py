"""Customers of plain habits for tests, made from drawn ones with everything that matters set by hand."""

from dataclasses import replace
from datetime import date

import numpy as np

from features.simulation.company import Company
from features.simulation.contacts import Complaints
from features.simulation.customers import Customers, draw_customers
from features.simulation.purchases import Orders
from features.simulation.rhythm import OwnTime, working_time

MONDAY = date(2026, 1, 5)
COMPANY = Company(lead_in_days=0)


def plain_customers(count: int, days: int = 400, trouble_from: float = np.inf) -> Customers:
    """Customers acquired long ago who pay on the day, within 30 days, and are in trouble from the given day on."""
    calendar = working_time(COMPANY, MONDAY, days)
    drawn = draw_customers(np.random.default_rng(1), COMPANY, np.arange(1, count + 1), calendar, days)
    return replace(
        drawn,
        acquired_day=np.full(count, -100.0),
        terms_days=np.full(count, 30),
        usual_late_days=np.zeros(count),
        billing_phase_days=np.zeros(count, dtype=np.int64),
        leaving_per_day=np.full(count, 0.001),
        time=OwnTime(calendar, np.full(count, trouble_from), np.full(count, np.inf), 0.0),
    )


def orders(*rows: tuple[int, float, float, float]) -> Orders:
    """One-line orders from (customer, day, amount, days late); promised five days after the order, returns never."""
    customer, day, amount, late = (np.array(column) for column in zip(*rows, strict=True))
    one, promised = np.ones(len(rows), dtype=np.int64), np.where(amount > 0, np.floor(day) + 5.0, np.nan)
    nothing = np.zeros(len(rows))
    return Orders(customer, day, one * 0, one * 0, one, amount, nothing, nothing, promised, promised + late)


def complaints(*rows: tuple[int, float, float]) -> Complaints:
    """Complaints from (customer, opened, closed)."""
    customer, opened, closed = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.zeros(0),) * 3
    count = len(rows)
    return Complaints(np.zeros(count, np.int64), customer.astype(np.int64), opened, closed, np.ones(count, np.int64))
