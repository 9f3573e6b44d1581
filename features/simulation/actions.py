"""What each campaign action does to whom: the assumed truth, in part against intuition.

Each rule gives the logarithm by which an action multiplies a customer's rate of leaving: negative keeps, positive
drives away. Whom an action moves depends on why the customer would leave. The riskiest are in trouble for long, and only
terms move them a little; a call keeps those with a grievance and wakes sleeping dogs, who buy seldom and miss nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from features.simulation.customers import Customers
from features.simulation.departures import DAYS_PER_WEEK, Mood
from features.simulation.rhythm import Floats, Ints

SLOW_GAP_DAYS = 40.0
EARLY_TROUBLE_DAYS = 90.0
_CHEAP_TRADES = ("building trade", "furniture")


@dataclass(frozen=True)
class Situation:
    """How customers stand on the day of a campaign, one entry each."""

    grudge: Floats
    late_weeks: Floats
    in_trouble: NDArray[np.bool_]
    trouble_days: Floats
    order_gap_days: Floats
    size: NDArray[np.object_]
    years: Floats
    usual_late_days: Floats
    price_sense: Floats

    def where(self, kept: Ints) -> "Situation":
        """The chosen ones, in order."""
        return Situation(*(getattr(self, field.name)[kept] for field in fields(self)))


def price_senses(rng: Generator, customers: Customers) -> Floats:
    """How much each customer looks at the price, from 0 to 1: a hidden trait that goes with industry and size."""
    cheap = np.isin(customers.industry.astype(str), _CHEAP_TRADES)
    small = customers.size == "small"
    sense: Floats = np.clip(rng.beta(1.5, 4.5, len(customers)) + 0.25 * cheap + 0.15 * small, 0, 1)
    return sense


def situation(customers: Customers, felt: Mood, price_sense: Floats, day: float) -> Situation:
    """How all customers stand at ``day``, with the mood of the week before it."""
    every = customers.every
    begin = customers.time.trouble_from
    before = felt.of(max(int(day // DAYS_PER_WEEK) - 1, 0))
    return Situation(
        grudge=before.grudge[:, 0],
        late_weeks=before.late_weeks[:, 0],
        in_trouble=customers.in_trouble(every, np.full(len(every), day)),
        trouble_days=np.maximum(day - begin, 0),
        order_gap_days=customers.order_gap_days,
        size=customers.size,
        years=np.maximum(day - customers.acquired_day, 0) / 365,
        usual_late_days=customers.usual_late_days,
        price_sense=price_sense,
    )


def call_effect(at: Situation) -> Floats:
    """A call settles a grievance, does nothing for one in trouble, and makes who buys seldom compare prices."""
    grievance = np.minimum(at.grudge + at.late_weeks / 3, 1)
    sleeping = (at.order_gap_days > SLOW_GAP_DAYS) & (grievance < 0.2)
    effect = np.where(sleeping, 0.8, -0.6 - 1.2 * grievance)
    return np.where(at.in_trouble, 0.1 * effect, effect)


def visit_effect(at: Situation) -> Floats:
    """A visit honours large customers of long standing, costs small ones their time, and helps little in trouble."""
    by_size = np.select([at.size == "large", at.size == "medium"], [-1.4, -0.7], 0.3)
    longer = np.where(by_size < 0, 0.7 + 0.3 * np.minimum(at.years / 4, 1), 1.0)
    return by_size * longer * np.where(at.in_trouble, 0.4, 1.0)


def voucher_effect(at: Situation) -> Floats:
    """A voucher keeps who looks at prices; who waits for an answer to a complaint takes it as an insult."""
    return np.where(at.in_trouble, 0.3, 1.0) * -1.8 * at.price_sense + 1.0 * np.minimum(at.grudge, 1)


def terms_effect(at: Situation) -> Floats:
    """Longer terms rescue who is newly in trouble, come too late for most others in it, and slightly put off the rest."""
    early = at.trouble_days < EARLY_TROUBLE_DAYS
    outside = np.where(at.usual_late_days > 2, -0.5, 0.2)
    return np.where(at.in_trouble, np.where(early, -2.0, -0.4), outside)


@dataclass(frozen=True)
class Action:
    """An action that campaigns try out: what one costs in the company's currency, and how it multiplies leaving."""

    name: str
    cost: float
    treated_share: tuple[float, float, float]
    """Probability of being treated for small, medium and large customers: sales prefers the large ones."""
    effect: Callable[[Situation], Floats]


VOUCHER = "small_voucher"
TERMS = "flexible_terms"

ACTIONS: tuple[Action, ...] = (
    Action("personal_call", 15.0, (0.40, 0.50, 0.60), call_effect),
    Action("visit", 180.0, (0.30, 0.45, 0.65), visit_effect),
    Action(VOUCHER, 0.3, (0.50, 0.50, 0.50), voucher_effect),
    Action(TERMS, 40.0, (0.50, 0.50, 0.50), terms_effect),
)
"""The actions of the default playbook that can be tried on anybody, under the same names."""
