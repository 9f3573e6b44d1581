"""The yearly accounts of customers, as far as the company gets to see them: ratios go with true credit quality.

Accounts are of the end of a calendar year and known months later. Trouble shows in them while it lasts. Sums are in the
company's currency and agree with each other: what is current is part of the whole.
"""

from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator

from features.simulation.company import ACCOUNTS_SHARE, Company
from features.simulation.customers import Customers
from features.simulation.rhythm import Floats, Ints

TROUBLE_SHOWS_AFTER_DAYS = 180.0
QUALITY_LOST_IN_TROUBLE = 1.5
KNOWN_AFTER_DAYS = (100, 280)


@dataclass(frozen=True)
class Accounts:
    """Accounts by customer and year."""

    customer: Ints
    as_of_day: Floats
    known_day: Floats
    current_assets: Floats
    inventory: Floats
    receivables: Floats
    current_liabilities: Floats
    total_debt: Floats
    tangible_net_worth: Floats
    revenue: Floats
    cost_of_sales: Floats
    net_income: Floats
    total_assets: Floats

    def where(self, kept: Ints) -> "Accounts":
        """The chosen ones, in order."""
        return Accounts(*(getattr(self, field.name)[kept] for field in fields(self)))


def draw_accounts(rng: Generator, company: Company, customers: Customers, first_day: date, days: int) -> Accounts:
    """The accounts that come in while records are kept, also those of the year before."""
    ends = _year_ends(first_day, days)
    share = np.select([customers.size == size for size, _ in ACCOUNTS_SHARE], [share for _, share in ACCOUNTS_SHARE])
    publishes = rng.random(len(customers)) < share
    customer, year = np.repeat(customers.every, len(ends)), np.tile(ends, len(customers))
    known = year + rng.integers(*KNOWN_AFTER_DAYS, len(customer))
    accounts = _accounts(rng, customers, customer, year, known)
    begins = np.maximum(customers.acquired_day[customer], company.lead_in_days)
    return accounts.where(np.flatnonzero(publishes[customer] & (known >= begins) & (known < days)))


def _year_ends(first_day: date, days: int) -> Floats:
    """The last days of all calendar years from the one before the first day, counted from the first day."""
    years = range(first_day.year - 1, (first_day + timedelta(days=days)).year + 1)
    return np.array([(date(year, 12, 31) - first_day).days for year in years], dtype=np.float64)


def _accounts(rng: Generator, customers: Customers, customer: Ints, day: Floats, known: Floats) -> Accounts:
    """Accounts of ``customer`` at ``day``, from quality then, the firm's own ways, and chance."""

    def varied(own_spread: float, yearly_spread: float) -> Floats:
        """The firm's own departure from what its quality says, the same every year, and the year's."""
        own = rng.normal(0, own_spread, len(customers))
        return own[customer] + rng.normal(0, yearly_spread, len(customer))

    quality = customers.credit_quality[customer] - QUALITY_LOST_IN_TROUBLE * _trouble(customers, customer, day)
    bought = customers.order_value * 365 / customers.order_gap_days
    revenue = 40 * bought[customer] * np.exp(varied(0.6, 0.08))
    total_assets = revenue / np.exp(0.4 + varied(0.25, 0.05))
    current_assets = total_assets * _share(0.2 + varied(0.5, 0.1))
    total_debt = total_assets * _share(0.3 - 0.7 * quality + varied(0.35, 0.12))
    current_liabilities = np.minimum(
        current_assets / np.exp(0.35 + 0.3 * quality + varied(0.2, 0.1)), 0.95 * total_debt
    )
    inventory = current_assets * _share(-0.6 - 0.2 * quality + varied(0.4, 0.1))
    receivables = (current_assets - inventory) * _share(0.8 - 0.3 * quality + varied(0.4, 0.1))
    intangible = total_assets * _share(-3.0 + varied(0.6, 0.05))
    net_income = revenue * (0.035 + 0.03 * quality + varied(0.015, 0.015))
    cost_of_sales = revenue * _share(0.8 - 0.15 * quality + varied(0.3, 0.05))
    sums = (
        current_assets, inventory, receivables, current_liabilities, total_debt, total_assets - total_debt - intangible,
        revenue, cost_of_sales, net_income, total_assets,
    )  # fmt: skip
    return Accounts(customer, day, known, *(np.round(each, -2) for each in sums))


def _trouble(customers: Customers, customer: Ints, day: Floats) -> Floats:
    """How much of its trouble shows in a customer's accounts, from 0 to 1."""
    since = day - customers.time.trouble_from[customer]
    return np.where(customers.in_trouble(customer, day), np.minimum(since / TROUBLE_SHOWS_AFTER_DAYS, 1), 0.0)


def _share(log_odds: Floats) -> Floats:
    """A share between 0 and 1."""
    return 1 / (1 + np.exp(-log_odds))
