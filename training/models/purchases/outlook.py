"""What is to be expected of each customer within a horizon: purchases, value and discounted value, each with interval."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from features.errors import FactsError, ModelError
from features.text import Text
from training.models.purchases.counts import CountBins, count_bins, count_interval
from training.models.purchases.history import PurchaseHistory, checked_horizon
from training.models.purchases.model import CountModel

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
A = TypeVar("A")
A_contra = TypeVar("A_contra", contravariant=True)

SHARE = 0.9
DAYS_PER_YEAR = 365.25
DISCOUNT_NODES = 3
DISCOUNT_AT, DISCOUNT_WEIGHT = (half / 2 for half in np.polynomial.legendre.leggauss(DISCOUNT_NODES))
DISCOUNT_AT = DISCOUNT_AT + 0.5


class SpendModel(Protocol[A_contra]):
    """What a purchase day is worth, for amounts of the model's own kind, one row a customer."""

    def expected_amount(self, amounts: A_contra) -> Floats:
        """Expected amount of a future purchase day in currency, shape (customers,)."""
        ...

    def value_interval(
        self, amounts: A_contra, coming: CountBins, group_of: Indices, share: float
    ) -> tuple[Floats, Floats]:
        """Between what the purchases to come lie in sum with a probability of ``share``, each of shape (customers,)."""
        ...


@dataclass(frozen=True)
class Outlook:
    """What is expected within ``horizon_days``, each of shape (customers,).

    ``purchases`` is a number of purchase days, ``value`` and ``discounted_value`` are in currency and may be negative
    where the spend model allows it. What will come true lies from ``_low`` to ``_high`` with a probability of 90 % (or a
    little more, as purchases come in whole numbers), the parameters taken as known.
    """

    horizon_days: float
    purchases: Floats
    purchases_low: Floats
    purchases_high: Floats
    value: Floats
    value_low: Floats
    value_high: Floats
    discounted_value: Floats
    discounted_value_low: Floats
    discounted_value_high: Floats

    def __len__(self) -> int:
        return len(self.purchases)


def outlook(
    model: CountModel,
    spend: SpendModel[A],
    history: PurchaseHistory,
    amounts: A,
    horizon_days: float,
    discount_per_year: float = 0.0,
) -> Outlook:
    """What is to be expected of these customers; what depends on the history alone is found once for each distinct one.

    Value is discounted from the day of each purchase at ``discount_per_year`` (0.1: what comes in a year is worth 1 / 1.1
    of it now). The ends of the interval of value are discounted as its mean is.
    Raises ModelError: the horizon is negative or not finite, or the discount not from 0. FactsError: the amounts are
    those of other customers.
    """
    horizon, force = checked_horizon(horizon_days), force_per_day(discount_per_year)
    groups = history.grouped()
    distinct, group_of = groups.distinct, groups.group_of

    def tail(rows: Indices, purchases: Floats) -> Floats:
        return model.probability_of_at_least(distinct.take(rows), purchases, horizon)

    purchases = model.expected_purchases(distinct, horizon)
    fewest, most = count_interval(tail, len(distinct), SHARE)
    amount = spend.expected_amount(amounts)
    if len(amount) != len(history):
        raise FactsError(
            Text(
                "There are {histories} purchase histories and amounts of {amounts} customers. Give both for the same "
                "customers in the same order.",
                "购买历史有 {histories} 条，而金额有 {amounts} 位客户。请为相同的客户按相同顺序提供两者。",
            ),
            histories=len(history),
            amounts=len(amount),
        )
    low, high = spend.value_interval(amounts, count_bins(tail, len(distinct)), group_of, SHARE)
    value = purchases[group_of] * amount

    def until(days: float) -> Floats:
        return model.expected_purchases(distinct, days)

    worth = worth_now(until, purchases, horizon, force)[group_of]
    return Outlook(
        horizon_days=horizon,
        purchases=purchases[group_of],
        purchases_low=fewest[group_of],
        purchases_high=most[group_of],
        value=value,
        value_low=low,
        value_high=high,
        discounted_value=value * worth,
        discounted_value_low=low * worth,
        discounted_value_high=high * worth,
    )


def outlooks(
    model: CountModel,
    spend: SpendModel[A],
    blocks: Iterable[tuple[PurchaseHistory, A]],
    horizon_days: float,
    discount_per_year: float = 0.0,
) -> Iterator[Outlook]:
    """The outlook of each block of customers in turn; memory goes with the largest block, not with all customers."""
    for history, amounts in blocks:
        yield outlook(model, spend, history, amounts, horizon_days, discount_per_year)


def worth_now(until: Callable[[float], Floats], purchases: Floats, horizon: float, force: float) -> Floats:
    """What a unit of currency of the purchases to come is worth now on average, from 0 to 1, shape (customers,).

    ``until`` gives the purchases expected within so many days, ``purchases`` those within all of the ``horizon``. By parts,
    the integral of exp(-force·t) over the growth of expected purchases is its end and an integral of them, which Gauss
    and Legendre's rule with three nodes gives to about 1e-5.
    """
    if not force * horizon:
        return np.ones(len(purchases))
    worth = np.exp(-force * horizon) * purchases
    for at, weight in zip(DISCOUNT_AT * horizon, DISCOUNT_WEIGHT * horizon, strict=True):
        worth += weight * force * np.exp(-force * at) * until(float(at))
    return np.asarray(np.divide(worth, purchases, out=np.ones_like(worth), where=purchases > 0))


def force_per_day(discount_per_year: float) -> float:
    """The rate per day at which money loses worth continuously. Raises ModelError: the discount is not from 0."""
    if not (np.isfinite(discount_per_year) and discount_per_year >= 0):
        raise ModelError(
            Text(
                "The discount is {discount} a year, expected a finite share of at least 0. Give 0.1 for 10 % a year.",
                "年折现率为 {discount}，应为不小于 0 的有限比例。例如每年 10% 请填 0.1。",
            ),
            discount=discount_per_year,
        )
    return float(np.log1p(discount_per_year) / DAYS_PER_YEAR)
