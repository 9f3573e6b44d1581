"""Purchase days of many customers, looked at as of any day: what was known then, and what came after."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import FactsError, NotEnoughDataError
from features.text import Text
from training.models.purchases.history import PurchaseHistory

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

RECENT_DAYS = (28, 91)


@dataclass(frozen=True)
class Known:
    """What is known of those who have bought by the end of a day, each of shape (customers,).

    ``customers``: their numbers. ``mean_amount`` of their purchase days in currency; ``recent_purchases``, shape
    (customers, 2): purchase days within the last 28 and 91 days.
    """

    customers: Indices
    history: PurchaseHistory
    mean_amount: Floats
    recent_purchases: Floats

    def __len__(self) -> int:
        return len(self.customers)


@dataclass(frozen=True)
class PurchaseDays:
    """One row a customer and day, sorted by both: the ``customer``, numbered from 0 to ``customers`` - 1, the ``day``,
    counted from any origin, and the ``amount`` bought on it in currency. Make it with `of`.
    """

    customer: Indices
    day: Floats
    amount: Floats
    customers: int

    @classmethod
    def of(cls, customer: ArrayLike, day: ArrayLike, amount: ArrayLike) -> Self:
        """Purchase days from single purchases, three arrays of shape (purchases,); those of one day are added up.

        Raises FactsError: the shapes differ, a customer is no number from 0, or a day or amount is missing.

        >>> PurchaseDays.of([1, 0, 1, 1], [5, 2, 5, 9], [10, 20, 30, 40]).amount
        array([20., 40., 40.])
        """
        who, when, what = (np.asarray(c, dtype=np.float64) for c in (customer, day, amount))
        shaped = who.ndim == 1 and who.shape == when.shape == what.shape
        if not shaped or not ((who >= 0) & (who == np.floor(who)) & np.isfinite(when) & np.isfinite(what)).all():
            raise FactsError(
                Text(
                    "Purchases need three columns of equal length without gaps: the number of the customer from 0, the "
                    "day, and the amount; got shapes {shapes}. Leave rows out that lack one of them.",
                    "购买记录需要三个等长且无缺失的列：从 0 起的客户编号、日期和金额；实际形状为 {shapes}。请排除缺少其中任何一项的行。",
                ),
                shapes=", ".join(str(column.shape) for column in (who, when, what)),
            )
        order = np.lexsort((when, who))
        number, when = who[order].astype(np.int64), np.floor(when[order])
        new = np.ones(len(number), dtype=bool)
        new[1:] = (np.diff(number) > 0) | (np.diff(when) > 0)
        total = np.bincount(np.cumsum(new) - 1, weights=what[order]).astype(np.float64)
        return cls(number[new], when[new], total, int(number.max(initial=-1)) + 1)

    def known(self, last_day: float) -> Known:
        """What is known at the end of ``last_day``, of those who have bought by then.

        Raises NotEnoughDataError: nobody had.
        """
        seen = self.day <= last_day
        who, day = self.customer[seen], self.day[seen]
        if not len(who):
            raise NotEnoughDataError(
                Text(
                    "Nobody had bought by the end of day {day}. Choose a later day.",
                    "截至第 {day} 天结束时尚无人购买。请选择更晚的日期。",
                ),
                day=last_day,
            )
        customers, first, purchases = np.unique(who, return_index=True, return_counts=True)
        last = day[first + purchases - 1]
        history = PurchaseHistory.of(purchases - 1, last - day[first], last_day - day[first])
        amount = np.bincount(who, weights=self.amount[seen], minlength=self.customers)[customers]
        recent = [self.purchases(last_day - days, last_day)[customers] for days in RECENT_DAYS]
        return Known(customers.astype(np.int64), history, amount / purchases, np.stack(recent, axis=1))

    def purchases(self, after: float, until: float) -> Floats:
        """Purchase days after one day and until the end of another, shape (all customers,)."""
        came = (self.day > after) & (self.day <= until)
        return np.bincount(self.customer[came], minlength=self.customers).astype(np.float64)
