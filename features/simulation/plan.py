"""What is to be simulated: how many customers of which company, over which time, from which seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator

from features.errors import FactsError
from features.simulation.company import Company
from features.simulation.rhythm import Ints
from features.text import Text

TRUTH_CUSTOMERS = "truth/customers"
TRUTH_SILENCE = "truth/silence"
TRUTH_EFFECTS = "truth/effects"
TABLES = ("customers", "orders", "invoices", "payments", "interactions", TRUTH_CUSTOMERS, TRUTH_SILENCE)
CAMPAIGN_TABLES = ("treatments", TRUTH_EFFECTS)
CREDIT_TABLES = ("financials",)


@dataclass(frozen=True)
class Plan:
    """A company to simulate, with records in ``[start, end)`` and true probabilities as of ``cut_offs``.

    Raises FactsError: no customers, no time, or a seed below 0.
    """

    seed: int
    customers: int
    start: date
    end: date
    company: Company
    cut_offs: tuple[date, ...]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise FactsError(
                Text("A seed is 0 or more; got {seed}.", "随机种子须为 0 或以上；现为 {seed}。"), seed=self.seed
            )
        if self.customers < 1 or self.end <= self.start:
            raise FactsError(
                Text(
                    "A company needs at least one customer and an end after its start; got {customers} customers from "
                    "{start} to {end}.",
                    "模拟公司至少需要一位客户，且结束日期须晚于开始日期；现为 {customers} 位客户，从 {start} 到 {end}。",
                ),
                customers=self.customers,
                start=self.start,
                end=self.end,
            )

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, with those of campaigns and accounts if the company has them."""
        campaigns = CAMPAIGN_TABLES if self.company.with_campaigns else ()
        return (*TABLES, *campaigns, *(CREDIT_TABLES if self.company.with_credit else ()))

    @property
    def first_day(self) -> date:
        """The first simulated day; days count from it."""
        return self.start - timedelta(days=self.company.lead_in_days)

    @property
    def days(self) -> int:
        """Days from the first simulated day to the end of the records."""
        return (self.end - self.first_day).days

    @property
    def chunks(self) -> int:
        """How many chunks of customers there are."""
        return -(-self.customers // self.company.customers_per_chunk)

    def numbers(self, chunk: int) -> Ints:
        """Running numbers of the customers in a chunk; the first of all is 1."""
        step = self.company.customers_per_chunk
        return np.arange(chunk * step + 1, min((chunk + 1) * step, self.customers) + 1)

    def generators(self, chunk: int) -> tuple[Generator, Generator, Generator]:
        """The chunk's own chance: for the company as such, for its campaigns, for its credit.

        They are independent, so that campaigns and credit leave what is drawn for all else as it is without them.
        """
        keys = ((chunk,), (chunk, 1), (chunk, 2))
        base, campaigns, credit = (np.random.SeedSequence(self.seed, spawn_key=key) for key in keys)
        return np.random.default_rng(base), np.random.default_rng(campaigns), np.random.default_rng(credit)


def month_starts(start: date, end: date) -> list[date]:
    """The first day of each month in ``(start, end]``."""
    months = range(start.year * 12 + start.month - 1, end.year * 12 + end.month)
    return [day for day in (date(m // 12, m % 12 + 1, 1) for m in months) if start < day <= end]


def quarter_starts(start: date, end: date) -> list[date]:
    """The first day of each quarter in ``(start, end]``."""
    return [day for day in month_starts(start, end) if day.month % 3 == 1]


def planned(
    seed: int, customers: int, start: date, end: date, company: Company, cut_offs: Sequence[date] | None
) -> Plan:
    """The plan with these; the first of each month when no ``cut_offs`` are given."""
    wanted = month_starts(start, end) if cut_offs is None else cut_offs
    return Plan(seed, customers, start, end, company, tuple(wanted))
