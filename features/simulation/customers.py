"""Who the customers are: what the company's records say, and what only the simulation knows."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from features.simulation.company import INDUSTRIES, MANAGERS, REGIONS, SIZES, TERMS_DAYS, Company
from features.simulation.names import Words, company_names
from features.simulation.rhythm import Floats, Ints, OwnTime, WorkingTime


@dataclass(frozen=True)
class Customers:
    """Customers of one chunk, one entry each. Days count from the first simulated day; ``inf`` is never."""

    number: Ints
    # on record
    name: Words
    region: Words
    industry: Words
    size: Words
    manager: Words
    acquired_day: Floats
    terms_days: Ints
    credit_limit: Floats
    # known to the simulation alone
    order_gap_days: Floats
    regularity: Ints
    order_value: Floats
    late_delivery_share: Floats
    complaint_close_factor: Floats
    leaving_per_day: Floats
    usual_late_days: Floats
    billing_phase_days: Ints
    credit_quality: Floats
    unpaid_factor: Floats
    time: OwnTime

    def __len__(self) -> int:
        return len(self.number)

    @property
    def every(self) -> Ints:
        """Positions of all customers within the chunk."""
        return np.arange(len(self))

    def in_trouble(self, customer: Ints, day: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether ``customer`` is in trouble at ``day``."""
        return (day >= self.time.trouble_from[customer]) & (day < self.time.trouble_until[customer])


def draw_customers(rng: Generator, company: Company, numbers: Ints, calendar: WorkingTime, days: int) -> Customers:
    """Customers with the given running ``numbers``, who live through ``days`` simulated days."""
    count = len(numbers)
    region = _drawn(rng, REGIONS, count)
    industry = _drawn(rng, INDUSTRIES, count)
    size = rng.choice(len(SIZES), count, p=[share for _, share, _ in SIZES])
    manager = _managers(rng, region)
    acquired = _acquired_days(rng, company, calendar, count, days)
    gap = np.exp(rng.normal(np.log(company.order_gap_median_days), company.order_gap_log_spread, count))
    gap = np.clip(gap, company.order_gap_min_days, company.order_gap_max_days)
    value = np.array([median for *_, median in SIZES])[size] * np.exp(rng.normal(0, 0.4, count))
    terms = rng.choice([t for t, _ in TERMS_DAYS], count, p=[share for _, share in TERMS_DAYS])
    late = company.late_delivery_mean_share
    return Customers(
        number=numbers,
        name=company_names(rng, region, industry),
        region=region,
        industry=industry,
        size=np.array([name for name, *_ in SIZES], dtype=object)[size],
        manager=np.array([name for name, *_ in MANAGERS], dtype=object)[manager],
        acquired_day=acquired,
        terms_days=terms.astype(np.int64),
        credit_limit=_credit_limits(value, gap, terms),
        order_gap_days=gap,
        regularity=rng.integers(1, company.regularity_max + 1, count),
        order_value=value,
        late_delivery_share=rng.beta(
            late * company.late_delivery_concentration, (1 - late) * company.late_delivery_concentration, count
        ),
        complaint_close_factor=np.array([factor for *_, factor in MANAGERS])[manager],
        leaving_per_day=rng.gamma(company.leaving_shape, company.leaving_per_year / 365 / company.leaving_shape, count),
        usual_late_days=rng.normal(company.usual_late_mean_days, company.usual_late_spread_days, count),
        billing_phase_days=rng.integers(0, company.billing_cycle_days, count),
        credit_quality=np.zeros(count),
        unpaid_factor=np.ones(count),
        time=_own_time(rng, company, calendar, acquired),
    )


def _drawn(rng: Generator, weighted: tuple[tuple[str, float], ...], count: int) -> Words:
    words = np.array([word for word, _ in weighted], dtype=object)
    return words[rng.choice(len(words), count, p=[share for _, share in weighted])]


def _managers(rng: Generator, region: Words) -> Ints:
    """Position in MANAGERS of each customer's account manager, who works in the customer's region."""
    chosen = np.zeros(len(region), dtype=np.int64)
    draw = rng.random(len(region))
    for name, _ in REGIONS:
        here = region == name
        team = np.array([i for i, (_, place, _) in enumerate(MANAGERS) if place == name])
        chosen[here] = team[(draw[here] * len(team)).astype(int)]
    return chosen


def _acquired_days(rng: Generator, company: Company, calendar: WorkingTime, count: int, days: int) -> Floats:
    """Negative for customers who were there before; the others come evenly over the recorded time."""
    before = -rng.random(count) * company.existing_age_max_years * 365
    lead_in = calendar.at(np.array([float(company.lead_in_days), float(days)]))
    new = calendar.day(rng.uniform(lead_in[0], lead_in[1], count))
    return np.where(rng.random(count) < company.existing_share, before, new)


def _own_time(rng: Generator, company: Company, calendar: WorkingTime, acquired: Floats) -> OwnTime:
    begin = np.maximum(acquired, 0) + rng.exponential(365 / company.trouble_per_year, len(acquired))
    until = begin + rng.exponential(company.trouble_mean_days, len(acquired))
    return OwnTime(calendar, begin, until, company.trouble_fewer_orders_share)


def _credit_limits(value: Floats, gap: Floats, terms: Ints) -> Floats:
    """About three payment terms' worth of purchases, in steps of 500."""
    return np.ceil((2_000 + 3 * value * (terms + 30) / gap) / 500) * 500
