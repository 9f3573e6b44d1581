"""What only a simulation can tell: how likely each customer really was to fall silent."""

from dataclasses import dataclass

import numpy as np

from features.simulation.company import Company
from features.simulation.contacts import Complaints
from features.simulation.customers import Customers
from features.simulation.departures import DAYS_PER_WEEK, Mood, leaving_rate, mood
from features.simulation.purchases import Orders, Purchases
from features.simulation.rhythm import Floats, Ints

STEP_DAYS = 3
HORIZON_DAYS = 90


@dataclass(frozen=True)
class Outlook:
    """All that is in motion at a cut-off and decides whether these customers order in the horizon; one row each.

    ``rate`` is the rate of leaving per day by customer and week from ``first_week``; ``waits`` the probability that a
    customer who stays has not ordered until each of ``days``, of which the first is the cut-off.
    """

    days: Floats
    first_week: int
    rate: Floats
    waits: Floats

    def stays(self, factor: Floats | None = None) -> Floats:
        """Probability of one who has not left to stay until each of ``days``; ``factor`` changes ``rate``."""
        rate = self.rate if factor is None else self.rate * factor
        summed = summed_rate(rate, self.days[None, :] - self.first_week * DAYS_PER_WEEK)
        probability: Floats = np.exp(-summed)
        return probability

    def silence(self, stays: Floats) -> Floats:
        """Probability of no order in the horizon of one who has not left and stays with these probabilities."""
        orders_in_step = self.waits[:, :-1] - self.waits[:, 1:]
        orders_first = (orders_in_step * (stays[:, :-1] + stays[:, 1:]) / 2).sum(axis=1)
        probability: Floats = np.clip(1 - orders_first, 0, 1)
        return probability


def outlook(
    company: Company,
    customers: Customers,
    purchases: Purchases,
    complaints: Complaints,
    felt: Mood,
    cut_off_day: int,
    who: Ints,
) -> Outlook:
    """What is in motion for ``who`` at the cut-off, from all ``purchases`` and ``complaints`` and the mood they make.

    It knows each customer's rhythm, its trouble (also one to come) and its length, deliveries and complaints of earlier
    orders and how they will end. It does not know when the next order comes nor when the customer leaves, so no model
    can predict better.
    """
    end = cut_off_day + HORIZON_DAYS
    before = max(cut_off_day // DAYS_PER_WEEK - 1, 0)
    orders, complaints = _in_motion(purchases.orders, complaints, cut_off_day, before)
    weeks = end // DAYS_PER_WEEK + 2 - before
    rate = leaving_rate(company, customers, mood(company, len(customers), weeks, orders, complaints, felt.of(before)))
    days = np.unique(np.append(np.arange(cut_off_day, end, STEP_DAYS), end)).astype(float)
    return Outlook(days, before, rate[who], _no_order_share(customers, purchases, who, days))


def _in_motion(orders: Orders, complaints: Complaints, cut_off_day: int, week: int) -> tuple[Orders, Complaints]:
    """Orders before the cut-off that are delivered after that week, and all complaints about earlier orders."""
    about_earlier = orders.day[complaints.order] < cut_off_day
    on_the_way = (orders.delivered_day >= week * DAYS_PER_WEEK) & (orders.day < cut_off_day)
    return orders.where(np.flatnonzero(on_the_way)), complaints.where(about_earlier)


def summed_rate(rate: Floats, days: Floats) -> Floats:
    """Rate of leaving summed from the first of ``days`` to each of them, by customer; ``rate`` is by week from day 0.

    ``days`` has one row for each customer, or one for all.
    """
    edges = np.concatenate([np.zeros((len(rate), 1)), np.cumsum(rate * DAYS_PER_WEEK, axis=1)], axis=1)
    week = (days / DAYS_PER_WEEK).astype(np.int64)
    row = np.arange(len(rate))[:, None]
    summed: Floats = edges[row, week] + rate[row, week] * (days - week * DAYS_PER_WEEK)
    return summed - summed[:, :1]


def last_orders(customers: Customers, purchases: Purchases, who: Ints, day: float) -> tuple[Floats, Floats]:
    """Day and own time of each one's last order before ``day``.

    One that has not ordered in the simulated days is waiting since the first of them, or since it was acquired; its own
    time is that of the order before, so that its gap goes on.
    """
    position = purchases.last_before(who, np.full(len(who), day))
    bought = np.flatnonzero(position >= 0)
    since, own_time = np.maximum(customers.acquired_day[who], 0), purchases.previous[who]
    since[bought] = purchases.orders.day[position[bought]]
    own_time[bought] = np.maximum(own_time[bought], customers.time.at(who[bought], since[bought]))
    return since, own_time


def gap_longer_than(waited: Floats, gap_days: Floats, regularity: Ints) -> Floats:
    """Probability that a gamma gap of whole shape is longer: the chance of fewer Poisson events than the shape."""
    scaled = waited * (regularity / gap_days)[:, None]
    term = np.exp(-scaled)
    total = np.zeros_like(term)
    for event in range(int(regularity.max(initial=1))):
        total += np.where(event < regularity[:, None], term, 0.0)
        term = term * scaled / (event + 1)
    return total


def _no_order_share(customers: Customers, purchases: Purchases, who: Ints, days: Floats) -> Floats:
    """Probability that each of them, staying, has not ordered from the first of ``days`` to each of those."""
    _, last = last_orders(customers, purchases, who, days[0])
    waited = customers.time.at(who[:, None], days[None, :]) - last[:, None]
    longer = gap_longer_than(np.maximum(waited, 0), customers.order_gap_days[who], customers.regularity[who])
    return longer / np.maximum(longer[:, :1], 1e-300)


@dataclass(frozen=True)
class Silence:
    """Probabilities of one cut-off, one entry per customer acquired before it.

    ``probability`` knows who has left; ``observed`` knows all else, and who has left only as far as silence tells.
    """

    customer: Ints
    has_left: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    leaving_per_day: Floats
    probability: Floats
    observed: Floats


def true_silence(
    customers: Customers,
    ahead: Outlook,
    still_here: Floats,
    left_day: Floats,
    cut_off_day: int,
    factor: Floats | None = None,
) -> Silence:
    """The probability that a customer orders nothing in the 90 days from the cut-off.

    One that has left is silent for certain. ``ahead`` is the outlook of all who are acquired, as if they had not left;
    ``still_here`` the probability that they have not, for one who cannot know. ``factor`` is what campaigns before the
    cut-off make of their rate of leaving in its weeks; those to come are not known yet.
    """
    here = acquired_before(customers, cut_off_day)
    gone = left_day[here] < cut_off_day
    if_here = ahead.silence(ahead.stays(factor))
    week = cut_off_day // DAYS_PER_WEEK - ahead.first_week
    rate = ahead.rate[:, week] * (1.0 if factor is None else factor[:, week])
    observed = 1 - still_here * (1 - if_here)
    return Silence(here, gone, np.where(gone, 0.0, rate), np.where(gone, 1.0, if_here), observed)


def acquired_before(customers: Customers, day: float) -> Ints:
    """Positions of the customers who were acquired before ``day``."""
    return np.flatnonzero(customers.acquired_day < day)
