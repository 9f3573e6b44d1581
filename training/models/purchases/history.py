"""What the purchase models know of a customer: how often it came back, when last, and for how long it is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import FactsError, ModelError
from features.text import Text

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

PURCHASE_DAYS = "purchase_days_total"
FIRST_TO_LAST_DAYS = "days_first_to_last_purchase"
AGE_DAYS = "days_since_first_purchase"

MOST_DAYS = 2**21
"""Whole numbers below this are packed as they are (three of them into 63 bits); others are numbered first."""


@dataclass(frozen=True)
class PurchaseHistory:
    """The sufficient statistics of all customers, each of shape (customers,).

    ``repeat_purchases``: x, the days with a purchase after the first one. ``first_to_last_days``: t_x, days from the
    first to the last purchase, 0 when x is 0 (what the literature calls recency). ``age_days``: T, days from the first
    purchase to the cut-off. Fractions of a day are allowed. Make it with `of` or `from_snapshot`, which check.
    """

    repeat_purchases: Floats
    first_to_last_days: Floats
    age_days: Floats

    @classmethod
    def of(
        cls,
        repeat_purchases: ArrayLike,
        first_to_last: ArrayLike,
        age: ArrayLike,
        days_per_unit: float = 1.0,
    ) -> Self:
        """History from three arrays of shape (customers,), times in units of ``days_per_unit`` days (7 for weeks).

        Raises FactsError: the shapes differ, or some customer's numbers cannot be a purchase history.

        >>> PurchaseHistory.of([2], [30], [39], days_per_unit=7).age_days
        array([273.])
        """
        columns = [np.asarray(c, dtype=np.float64) for c in (repeat_purchases, first_to_last, age)]
        if columns[0].ndim != 1 or len({c.shape for c in columns}) > 1:
            raise FactsError(
                Text(
                    "Purchase histories need three columns of equal length, got shapes {shapes}. Give one repeat "
                    "count, one time of the last purchase and one age for each customer.",
                    "购买历史需要三个等长的列，实际形状为 {shapes}。请为每位客户各提供一个重复购买次数、"
                    "一个最近购买时间和一个观察时长。",
                ),
                shapes=", ".join(str(c.shape) for c in columns),
            )
        _refuse_the_impossible(*columns)
        return cls(columns[0], columns[1] * days_per_unit, columns[2] * days_per_unit)

    @classmethod
    def from_snapshot(cls, frame: pd.DataFrame) -> Self:
        """History from a snapshot of features, one row a customer.

        It reads `purchase_days_total`, `days_first_to_last_purchase` and `days_since_first_purchase`.
        Raises FactsError: a column is missing, or a row has no purchase (keep rows with `purchase_days_total` > 0).
        """
        purchases, first_to_last, age = columns_of(frame, PURCHASE_DAYS, FIRST_TO_LAST_DAYS, AGE_DAYS)
        without = int(np.sum(~(purchases > 0)))
        if without:
            raise FactsError(
                Text(
                    "{without} of {rows} customers have no purchase, and purchase models know only customers with one. "
                    "Keep the rows whose purchase_days_total is above 0.",
                    "{rows} 位客户中有 {without} 位没有购买记录，而购买模型只适用于购买过的客户。"
                    "请只保留 purchase_days_total 大于 0 的行。",
                ),
                without=without,
                rows=len(frame),
            )
        return cls.of(purchases - 1, first_to_last, age)

    def __len__(self) -> int:
        return len(self.repeat_purchases)

    def take(self, rows: Indices) -> Self:
        """The history of the customers at these positions."""
        return type(self)(self.repeat_purchases[rows], self.first_to_last_days[rows], self.age_days[rows])

    def scaled(self, days_per_unit: float) -> Self:
        """The same with times counted in units of ``days_per_unit`` days, as the optimiser likes them."""
        return type(self)(self.repeat_purchases, self.first_to_last_days / days_per_unit, self.age_days / days_per_unit)

    def grouped(self) -> "GroupedHistory":
        """Each distinct history once, with the number of customers who share it."""
        first, group_of, customers = distinct_rows(self.repeat_purchases, self.first_to_last_days, self.age_days)
        return GroupedHistory(self.take(first), customers, group_of)

    def counted(self) -> tuple[Self, Floats]:
        """Each distinct history once, in the order of `grouped`, and how many customers share it.

        Whole numbers of days are packed into one integer a customer, sorted, and unpacked again: nobody needs to know
        who is in which group, which is what costs time and memory.
        """
        columns = (self.repeat_purchases, self.first_to_last_days, self.age_days)
        _, most_last, most_age = (int(column.max(initial=0)) + 1 for column in columns)
        fits = (float(columns[0].max(initial=0)) + 1) * most_last * most_age < 2.0**62
        if not (fits and all(_is_whole(column) for column in columns)):
            grouped = self.grouped()
            return type(self)(*vars(grouped.distinct).values()), grouped.customers
        packed = columns[0].astype(np.int64)
        for column, most in ((columns[1], most_last), (columns[2], most_age)):
            packed *= most
            packed += column.astype(np.int64)
        packed.sort()
        ends = np.flatnonzero(np.diff(packed, append=-1))
        rest, ages = np.divmod(packed[ends], most_age)
        counts, lasts = np.divmod(rest, most_last)
        distinct = type(self)(counts.astype(np.float64), lasts.astype(np.float64), ages.astype(np.float64))
        return distinct, np.diff(ends, prepend=-1).astype(np.float64)


@dataclass(frozen=True)
class GroupedHistory:
    """Distinct histories, shape (groups,); how many ``customers`` share each; and each customer's ``group_of``."""

    distinct: PurchaseHistory
    customers: Floats
    group_of: Indices


def distinct_rows(*columns: Floats) -> tuple[Indices, Indices, Floats]:
    """Where each distinct row stands first, shape (groups,); the group of each row; and the size of each group.

    The columns are packed into one integer a row, so that one sort of integers finds the groups.
    """
    packed = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes, limit = _whole_numbers(column)
        if (int(packed.max(initial=0)) + 1) * limit > np.iinfo(np.int64).max:
            packed = np.unique(packed, return_inverse=True)[1].astype(np.int64)
        packed = packed * limit + codes
    _, first, group_of, sizes = np.unique(packed, return_index=True, return_inverse=True, return_counts=True)
    return first.astype(np.int64), group_of.astype(np.int64), sizes.astype(np.float64)


def for_each_distinct(history: PurchaseHistory, answer: Callable[[PurchaseHistory], Floats]) -> Floats:
    """What ``answer`` says of each customer, shape (customers,), asked once for each distinct history."""
    if not len(history):
        return np.zeros(0)
    groups = history.grouped()
    return answer(groups.distinct)[groups.group_of]


def columns_of(frame: pd.DataFrame, *names: str) -> tuple[Floats, ...]:
    """Columns of a snapshot as floats of shape (rows,), missing values as NaN. Raises FactsError: one is not there."""
    missing = [name for name in names if name not in frame]
    if missing:
        raise FactsError(
            Text(
                "The snapshot has no column {missing}. Make it with the orders table connected, and with these features.",
                "快照中没有列 {missing}。请在连接订单表后，用这些特征生成快照。",
            ),
            missing=", ".join(missing),
        )
    return tuple(frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names)


def checked_horizon(horizon_days: float) -> float:
    """The horizon itself. Raises ModelError: it is negative or not a finite number."""
    if not (np.isfinite(horizon_days) and horizon_days >= 0):
        raise ModelError(
            Text(
                "The horizon is {horizon} days, expected a finite number of at least 0. Give a number of days ahead.",
                "预测期为 {horizon} 天，应为不小于 0 的有限数。请给出向后预测的天数。",
            ),
            horizon=horizon_days,
        )
    return float(horizon_days)


def _whole_numbers(column: Floats) -> tuple[Indices, int]:
    """Codes from 0 that are equal where the column is, and a limit above all of them; small whole numbers stay."""
    if _is_whole(column):
        whole = column.astype(np.int64)
        return whole, int(whole.max(initial=0)) + 1
    codes = np.unique(column, return_inverse=True)[1].astype(np.int64)
    return codes, int(codes.max()) + 1


def _is_whole(column: Floats) -> bool:
    """Whether all are whole numbers from 0 that are small enough to be packed as they are."""
    if not len(column):
        return True
    return bool(column.max() < MOST_DAYS and column.min() >= 0 and (np.floor(column) == column).all())


def _refuse_the_impossible(x: Floats, last: Floats, age: Floats) -> None:
    """Raise FactsError at the first row that is no purchase history, with its numbers."""
    sound = np.isfinite(age) & (x >= 0) & (x == np.floor(x)) & (last >= 0) & (last <= age) & ((x > 0) == (last > 0))
    if sound.all():
        return
    row = int(np.argmin(sound))
    raise FactsError(
        Text(
            "Row {row} of the purchase histories says x = {x}, t_x = {last}, T = {age}; expected a whole number x >= 0 "
            "of repeat purchases and 0 <= t_x <= T, with t_x = 0 exactly when x = 0. {faults} of {rows} rows are like "
            "that. Count days with a purchase instead of receipts, and measure t_x from the first purchase.",
            "购买历史第 {row} 行为 x = {x}、t_x = {last}、T = {age}；重复购买次数 x 应为不小于 0 的整数，"
            "且 0 <= t_x <= T，仅当 x = 0 时 t_x = 0。共 {rows} 行中有 {faults} 行如此。"
            "请按有购买的天数而非小票数计数，并从首次购买起计算 t_x。",
        ),
        row=row,
        x=x[row],
        last=last[row],
        age=age[row],
        faults=int((~sound).sum()),
        rows=len(sound),
    )
