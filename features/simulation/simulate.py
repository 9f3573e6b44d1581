"""A simulated company from a seed: its records, and the truth behind them."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa

from features.errors import FactsError
from features.simulation import records
from features.simulation.company import Company
from features.simulation.contacts import draw_complaints, draw_contacts
from features.simulation.customers import draw_customers
from features.simulation.departures import DAYS_PER_WEEK, leaving_days, leaving_rate, mood
from features.simulation.payments import draw_invoices, draw_payments
from features.simulation.purchases import draw_purchases
from features.simulation.rhythm import working_time
from features.simulation.truth import true_silence
from features.text import Text

TRUTH_CUSTOMERS = "truth/customers"
TRUTH_SILENCE = "truth/silence"
TABLES = ("customers", "orders", "invoices", "payments", "interactions", TRUTH_CUSTOMERS, TRUTH_SILENCE)
HORIZON_DAYS = 90


def simulate(
    seed: int,
    customers: int,
    start: date,
    end: date,
    company: Company = Company(),  # noqa: B008 - frozen
    cut_offs: Sequence[date] | None = None,
) -> dict[str, pa.Table]:
    """All records in ``[start, end)`` of a company with so many customers, by table name.

    The same arguments give the same tables. ``truth/customers`` has one row per customer with what drives it;
    ``truth/silence`` has one per customer and cut-off (the first of each month unless ``cut_offs`` are given) with the
    true probability of no order in the 90 days from it.
    """
    chunks = list(simulate_chunks(seed, customers, start, end, company, cut_offs))
    return {name: pa.concat_tables([chunk[name] for chunk in chunks]) for name in TABLES}


def simulate_chunks(
    seed: int,
    customers: int,
    start: date,
    end: date,
    company: Company = Company(),  # noqa: B008 - frozen
    cut_offs: Sequence[date] | None = None,
) -> Iterator[dict[str, pa.Table]]:
    """The same company in chunks of customers, so that memory stays bounded however many there are.

    Each chunk draws from its own seed: a full chunk is the same whatever the number of customers in all.
    """
    if customers < 1 or end <= start:
        raise FactsError(
            Text(
                "A company needs at least one customer and an end after its start; got {customers} customers from "
                "{start} to {end}.",
                "模拟公司至少需要一位客户，且结束日期须晚于开始日期；现为 {customers} 位客户，从 {start} 到 {end}。",
            ),
            customers=customers,
            start=start,
            end=end,
        )
    wanted = month_starts(start, end) if cut_offs is None else cut_offs
    step = company.customers_per_chunk
    for chunk, (first, after) in enumerate(pairwise([*range(0, customers, step), customers])):
        numbers = np.arange(first + 1, after + 1)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(chunk,)))
        yield _chunk(rng, company, numbers, start, end, wanted)


def month_starts(start: date, end: date) -> list[date]:
    """The first day of each month in ``(start, end]``."""
    months = range(start.year * 12 + start.month - 1, end.year * 12 + end.month)
    return [day for day in (date(m // 12, m % 12 + 1, 1) for m in months) if start < day <= end]


def _chunk(
    rng: np.random.Generator, company: Company, numbers: np.ndarray, start: date, end: date, cut_offs: Sequence[date]
) -> dict[str, pa.Table]:
    """The records of the customers with these running numbers."""
    first_day = start - timedelta(days=company.lead_in_days)
    days = (end - first_day).days
    calendar = working_time(company, first_day, days + 2 * HORIZON_DAYS)
    people = draw_customers(rng, company, numbers, calendar, days)
    purchases = draw_purchases(rng, company, people, days)
    possible = draw_complaints(rng, company, people, purchases.orders)
    felt = mood(company, len(people), days // DAYS_PER_WEEK + 1, purchases.orders, possible)
    left_day = leaving_days(rng, leaving_rate(company, people, felt))

    made = purchases.orders.day < left_day[purchases.orders.customer]
    orders = purchases.orders.where(made)
    complaints = possible.where(made[possible.order])
    satisfaction = 8.6 - 1.8 * felt.grudge - 0.9 * felt.late_weeks
    contacts = draw_contacts(rng, company, people, left_day, complaints, satisfaction, days)
    invoices = draw_invoices(rng, company, people, orders, complaints, days)
    invoices = invoices.where(invoices.issued_day >= company.lead_in_days)
    payments = draw_payments(rng, company, people, left_day, invoices)
    silences = [
        (day, true_silence(company, people, purchases, possible, left_day, (day - first_day).days, HORIZON_DAYS))
        for day in cut_offs
    ]
    recorded = people.acquired_day < days
    return {
        "customers": records.customers_table(people, first_day, recorded),
        "orders": records.orders_table(people, orders.where(orders.day >= company.lead_in_days), first_day, days),
        "invoices": records.invoices_table(people, invoices, first_day),
        "payments": records.payments_table(people, invoices, payments.where(payments.paid_day < days), first_day),
        "interactions": records.interactions_table(
            people, contacts.where(contacts.day >= company.lead_in_days), first_day, days
        ),
        TRUTH_CUSTOMERS: records.truth_customers_table(people, left_day, first_day, days),
        TRUTH_SILENCE: records.truth_silence_table(people, silences),
    }
