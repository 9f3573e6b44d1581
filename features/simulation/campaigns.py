"""Campaigns: who was chosen for which action, who got it by lot, and what it did to the rate of leaving.

Every few months each customer on record as active may be chosen for one of the actions, and a lot decides with a known
probability whether it is carried out. What an action does begins in the week after it and fades.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation.actions import ACTIONS, TERMS, VOUCHER, Situation, price_senses, situation
from features.simulation.company import SIZES, Company
from features.simulation.contacts import Complaints
from features.simulation.customers import Customers
from features.simulation.departures import DAYS_PER_WEEK, Mood, leaving_days
from features.simulation.payments import Invoices
from features.simulation.potential import OrderBook, Potential
from features.simulation.purchases import Purchases
from features.simulation.rhythm import Floats, Ints
from features.simulation.truth import HORIZON_DAYS, outlook

_NAMES = tuple(action.name for action in ACTIONS)


@dataclass(frozen=True)
class Treatments:
    """Who took part in the campaigns of one day, one entry each, by customer."""

    day: float
    customer: Ints
    action: Ints
    """Position in ACTIONS."""
    is_treated: NDArray[np.bool_]
    propensity: Floats
    log_factor: Floats
    """Logarithm of what the action does, or would do, to the rate of leaving at first."""
    potential: Potential

    def treated(self, action: str) -> Ints:
        """Customers who got the action."""
        who: Ints = self.customer[self.is_treated & (self.action == _NAMES.index(action))]
        return who


def joined(treatments: Sequence[Treatments], values: Callable[[Treatments], NDArray[Any] | float]) -> Floats:
    """One number for everybody who took part, by customer and day; none when there were no campaigns."""
    nothing = np.zeros(0)
    customer = np.concatenate([nothing, *(one.customer for one in treatments)])
    wanted = [np.broadcast_to(values(one), len(one.customer)) for one in treatments]
    numbers: Floats = np.concatenate([nothing, *wanted])
    return numbers[np.argsort(customer, kind="stable")]


@dataclass(frozen=True)
class Course:
    """How things go for the customers of one chunk without campaigns: ``rate`` of leaving by customer and week."""

    company: Company
    customers: Customers
    purchases: Purchases
    complaints: Complaints
    felt: Mood
    rate: Floats
    threshold: Floats
    days: int

    @cached_property
    def book(self) -> OrderBook:
        """The orders, as if nobody left."""
        return OrderBook(self.company, self.purchases)


@dataclass(frozen=True)
class Standing:
    """How things stand on the day of a campaign, with what earlier ones did.

    ``left_day`` is known until that day; ``threshold`` is what is left of each customer's at the beginning of the week;
    ``rate`` is that of leaving in the weeks that the horizon touches, from this one.
    """

    day: float
    left_day: Floats
    threshold: Floats
    rate: Floats
    done: tuple[Treatments, ...]
    price_sense: Floats

    @property
    def week(self) -> int:
        """The week in which the day lies."""
        return int(self.day // DAYS_PER_WEEK)


def run_campaigns(rng: Generator, course: Course) -> tuple[tuple[Treatments, ...], Floats]:
    """All campaigns of one chunk in order, and the rate of leaving, by customer and week, with what they did to it."""
    rate = course.rate.copy()
    return tuple(one for _, one in each_campaign(rng, course, rate)), rate


def each_campaign(rng: Generator, course: Course, rate: Floats) -> Iterator[tuple[Standing, Treatments]]:
    """How things stand on the day of each campaign, and what is done on it, in order.

    ``rate`` is the course's rate of leaving; what each campaign does to it is worked into it before the next one.
    """
    threshold = course.threshold
    price_sense = price_senses(rng, course.customers)
    left, since = np.full(len(threshold), np.inf), 0
    done: tuple[Treatments, ...] = ()
    for day in campaign_days(course.company, course.customers, course.days):
        week = int(day // DAYS_PER_WEEK)
        left = np.where(np.isinf(left), leaving_days(threshold, rate[:, since : week + 1], since), left)
        threshold = threshold - rate[:, since:week].sum(axis=1) * DAYS_PER_WEEK
        ahead = rate[:, week : week + HORIZON_DAYS // DAYS_PER_WEEK + 2].copy()
        now = Standing(day, left, threshold, ahead, done, price_sense)
        one = _campaign(rng, course, now)
        yield now, one
        rate[one.customer] *= np.exp(_effect(course.company, one, 0, rate.shape[1]))
        done, since = (*done, one), week


def campaign_days(company: Company, customers: Customers, days: int) -> list[float]:
    """The days of the campaigns: the first one some months after the records begin, all of them working days."""
    first = company.lead_in_days + company.campaign_every_days
    wished = np.arange(first, days, company.campaign_every_days, dtype=np.float64)
    return [day for day in customers.time.shared.workday(wished).tolist() if day < days]


def factor_of(
    company: Company, treatments: Sequence[Treatments], customers: int, first_week: int, weeks: int
) -> Floats:
    """What these treatments make of the rate of leaving, by customer and week: factors around one."""
    factor = np.ones((customers, weeks))
    for one in treatments:
        factor[one.customer] *= np.exp(_effect(company, one, first_week, weeks))
    return factor


def _effect(company: Company, one: Treatments, first_week: int, weeks: int) -> Floats:
    """Logarithm of what was done to each of them in each week; zero for controls."""
    effect = np.where(one.is_treated, one.log_factor, 0.0)
    return effect[:, None] * fading(company, one.day, first_week, weeks)[None, :]


def fading(company: Company, day: float, first_week: int, weeks: int) -> Floats:
    """How much of an action of ``day`` is left in each week: nothing until the week after, then ever less."""
    since = first_week + np.arange(weeks) - (day // DAYS_PER_WEEK + 1)
    faded = 0.5 ** (np.maximum(since, 0) * DAYS_PER_WEEK / company.campaign_half_life_days)
    return np.where(since < 0, 0.0, faded)


def with_longer_terms(company: Company, invoices: Invoices, treatments: Sequence[Treatments]) -> Invoices:
    """The invoices, those of customers who were granted longer terms due so much later for some months."""
    later = np.zeros(len(invoices), dtype=np.bool_)
    for one in treatments:
        since = invoices.issued_day - one.day
        later |= (since >= 0) & (since < company.terms_granted_days) & np.isin(invoices.customer, one.treated(TERMS))
    return replace(invoices, due_day=invoices.due_day + np.where(later, company.terms_longer_days, 0))


def _campaign(rng: Generator, course: Course, now: Standing) -> Treatments:
    """The campaigns of one day: who takes part, in what, who is treated by lot, and what comes of it."""
    company, customers = course.company, course.customers
    chosen = rng.random(len(customers)) < company.campaign_share
    action = rng.integers(0, len(ACTIONS), len(customers))
    lot = rng.random(len(customers))
    who = np.flatnonzero(chosen & is_active(course, now))
    action = action[who]
    propensity = _propensities(customers)[action, who]
    log_factor = company.campaign_effect_scale * _log_factors(standing_of(course, now, who), action)
    _, potential = outcomes(course, now, who, action == _NAMES.index(VOUCHER), log_factor)
    return Treatments(now.day, who, action, lot[who] < propensity, propensity, log_factor, potential)


def standing_of(course: Course, now: Standing, who: Ints) -> Situation:
    """What decides how actions work on them."""
    return situation(course.customers, course.felt, now.price_sense, now.day).where(who)


def is_active(course: Course, now: Standing) -> NDArray[np.bool_]:
    """Who bought lately as far as the company's records tell; it does not know who has left."""
    last = course.purchases.last_before(course.customers.every, np.minimum(now.left_day, now.day))
    day = np.where(last >= 0, course.purchases.orders.day[last], -np.inf)
    return day >= max(now.day - course.company.campaign_active_days, course.company.lead_in_days)


def _propensities(customers: Customers) -> Floats:
    """Probability of being treated, by action and customer."""
    size = np.argmax(customers.size[:, None] == np.array([name for name, *_ in SIZES], dtype=object), axis=1)
    return np.array([action.treated_share for action in ACTIONS])[:, size]


def _log_factors(at: Situation, action: Ints) -> Floats:
    """What each one's action would do to its rate of leaving, as a logarithm."""
    return np.choose(action, [one.effect(at) for one in ACTIONS])


def outcomes(
    course: Course, now: Standing, who: Ints, is_voucher: NDArray[np.bool_], log_factor: Floats
) -> tuple[tuple[Floats, Floats], Potential]:
    """What comes of each of them in the 90 days, without and with the action.

    First the true probabilities to have left by their end, one for those who have left already; then the rest.
    """
    company = course.company
    ahead = outlook(company, course.customers, course.purchases, course.complaints, course.felt, int(now.day), who)
    weeks = ahead.rate.shape[1]
    factor = factor_of(company, now.done, len(course.customers), ahead.first_week, weeks)[who]
    action = np.exp(log_factor[:, None] * fading(company, now.day, ahead.first_week, weeks))
    gone = now.left_day[who] < now.day
    stays = [ahead.stays(f) for f in (factor, factor * action)]
    silence = [np.where(gone, 1.0, ahead.silence(share)) for share in stays]
    later = np.exp(log_factor[:, None] * fading(company, now.day, now.week, now.rate.shape[1]))
    left = [
        np.where(gone, now.left_day[who], leaving_days(now.threshold[who], now.rate[who] * f, now.week))
        for f in (np.ones_like(later), later)
    ]
    leaves = [(day < now.day + HORIZON_DAYS).astype(np.float64) for day in left]
    vouchers = (np.zeros_like(is_voucher), is_voucher)
    margin = [course.book.margin(who, now.day, *arm) for arm in zip(left, vouchers, strict=True)]
    if now.day + HORIZON_DAYS > course.days:  # nobody knows yet
        leaves = margin = [np.full(len(who), np.nan)] * 2
    without, treated = (np.where(gone, 1.0, 1.0 - share[:, -1]) for share in stays)
    return (without, treated), Potential(*silence, *leaves, *margin)
