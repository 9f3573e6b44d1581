"""How likely a customer is still there, for the best observer: one who knows all but whether it has left.

A customer that orders nothing is still there and waits, or has left. Schmittlein, Morrison and Colombo (1987) weigh both
with one rate for all time; here the rate of leaving changes from week to week. The observer looks at orders,
deliveries and complaints; that contacts and payments cease as well after a customer has left tells it nothing more.
"""

import numpy as np

from features.simulation.customers import Customers
from features.simulation.purchases import Purchases
from features.simulation.rhythm import Floats, Ints
from features.simulation.truth import gap_longer_than, last_orders, summed_rate

STEPS = 128
SURELY_OVER_SHARES = 45
"""A gap of shape ``k`` is over once it lasted so many ``k``-ths of its mean, but for a chance below 1e-12."""


def still_here_probability(
    customers: Customers, purchases: Purchases, rate: Floats, who: Ints, cut_off_day: int
) -> Floats:
    """Probability that each of ``who`` has not left by the cut-off, given its orders and what drives it.

    ``purchases`` are those that were made. ``rate`` is the rate of leaving per day by customer and week from day 0, as it
    is while the customer stays. With ``l`` the day of the last order, ``R`` the rate summed since then and ``S`` the
    probability that the gap is longer, it is ``A / (A + B)`` with ``A = exp(-R(T)) S(T)`` for being there at the cut-off
    ``T`` without an order, and ``B`` the integral of ``-S d exp(-R)`` from ``l`` to ``T`` for having left without one.
    """
    left, here = left_and_here(customers, purchases, rate, who, cut_off_day)
    probability: Floats = np.divide(here, here + left, out=np.ones_like(here), where=left > 0)
    return probability


def left_and_here(
    customers: Customers,
    purchases: Purchases,
    rate: Floats,
    who: Ints,
    cut_off_day: int,
    words_per_day: float = 0.0,
    heard_day: Floats | None = None,
) -> tuple[Floats, Floats]:
    """``B`` and ``A`` of `still_here_probability`, with what a customer says of itself if that is given.

    A customer who is there gets in touch ``words_per_day`` times; it was last heard on ``heard_day``, one entry for each of
    ``who``, so it cannot have left before.
    """
    since, last = last_orders(customers, purchases, who, cut_off_day)
    days = _steps(customers, who, since, cut_off_day)
    waited = np.maximum(customers.time.at(who[:, None], days) - last[:, None], 0)
    no_order = gap_longer_than(waited, customers.order_gap_days[who], customers.regularity[who])
    stays = np.exp(-summed_rate(rate[who], days))
    no_word = np.exp(-words_per_day * (days - days[:, :1]))
    here = stays[:, -1] * no_order[:, -1] * no_word[:, -1]
    leaves_in_step = (stays[:, :-2] - stays[:, 1:-1]) * no_word[:, 1:-1]
    if heard_day is not None:
        leaves_in_step *= days[:, 1:-1] > heard_day[:, None]
    left: Floats = (leaves_in_step * (no_order[:, :-2] + no_order[:, 1:-1]) / 2).sum(axis=1)
    return left, here


def _steps(customers: Customers, who: Ints, since: Floats, cut_off_day: int) -> Floats:
    """Even steps of each one's days from ``since`` until its gap is surely over or the cut-off, and the cut-off."""
    surely_over = SURELY_OVER_SHARES * customers.order_gap_days[who] / customers.regularity[who]
    over = customers.time.day(who, customers.time.at(who, since) + surely_over)
    until = np.minimum(over, cut_off_day)
    share = np.linspace(0, 1, STEPS + 1)
    return np.column_stack([since[:, None] + (until - since)[:, None] * share, np.full(len(who), float(cut_off_day))])
