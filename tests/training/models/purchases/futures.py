"""Customers simulated beyond their cut-off: what was known of them, and when they bought in the horizon after it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.training.models.purchases.customers import ages
from training.models.purchases.history import PurchaseHistory

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Future:
    """``purchases`` within the horizon, shape (customers,); ``buyer`` and days ``after`` the cut-off of each of them."""

    history: PurchaseHistory
    purchases: Floats
    buyer: Indices
    after: Floats


def future_of_leaving_by_purchase(
    customers: int, horizon: float, parameters: tuple[float, float, float, float], first_counts: bool, seed: int
) -> Future:
    """BG/NBD, or MBG/NBD where the first purchase counts as a chance to leave."""
    generator = np.random.default_rng(seed)
    r, alpha_days, a, b = parameters
    age = ages(customers, generator)
    rate, dropout = generator.gamma(r, 1 / alpha_days, customers), generator.beta(a, b, customers)
    alive = np.arange(customers)
    if first_counts:
        alive = alive[generator.random(customers) >= dropout]
    now, buyer, moment = np.zeros(customers), [], []
    while len(alive):
        now[alive] += generator.exponential(1 / rate[alive])
        alive = alive[now[alive] <= age[alive] + horizon]
        buyer.append(alive)
        moment.append(now[alive])
        alive = alive[generator.random(len(alive)) >= dropout[alive]]
    return _split(age, np.concatenate(buyer), np.concatenate(moment))


def future_of_leaving_at_any_time(
    customers: int, horizon: float, parameters: tuple[float, float, float, float], seed: int
) -> Future:
    """Pareto/NBD."""
    generator = np.random.default_rng(seed)
    r, alpha_days, s, beta_days = parameters
    age = ages(customers, generator)
    rate, leaving = generator.gamma(r, 1 / alpha_days, customers), generator.gamma(s, 1 / beta_days, customers)
    lived = np.minimum(generator.exponential(1 / leaving), age + horizon)
    buyer = np.repeat(np.arange(customers), generator.poisson(rate * lived))
    return _split(age, buyer, lived[buyer] * generator.random(len(buyer)))


def _split(age: Floats, buyer: Indices, moment: Floats) -> Future:
    known = moment <= age[buyer]
    x = np.bincount(buyer[known], minlength=len(age)).astype(np.float64)
    last = np.zeros(len(age))
    np.maximum.at(last, buyer[known], moment[known])
    buyer, after = buyer[~known], (moment - age[buyer])[~known]
    purchases = np.bincount(buyer, minlength=len(age)).astype(np.float64)
    return Future(PurchaseHistory.of(x, last, age), purchases, buyer, after)
