"""Purchase histories with what else is known of each customer since its first purchase, and does not change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.errors import FactsError, ModelError, NotEnoughDataError
from features.text import Text
from training.models.purchases.history import GroupedHistory, PurchaseHistory, distinct_rows

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class CovariateHistory(PurchaseHistory):
    """A purchase history with ``covariates`` of shape (customers, covariates), as they were at the first purchase.

    What only later purchases tell, such as their mean amount, is no covariate: it is known the better, the more
    often a customer came back. Customers who share history and covariates are counted together.
    Make it with `with_covariates`, which checks.
    """

    covariates: Floats

    @classmethod
    def with_covariates(cls, history: PurchaseHistory, covariates: ArrayLike) -> Self:
        """The history with covariates of shape (customers, covariates), or (customers,) where there is one.

        Raises FactsError: their shape is another, or a value is missing.

        >>> history = PurchaseHistory.of([1, 0, 1], [9, 0, 9], [30, 30, 30])
        >>> CovariateHistory.with_covariates(history, [0, 0, 1]).grouped().customers
        array([1., 1., 1.])
        """
        values = np.asarray(covariates, dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        missing = int((~np.isfinite(values)).sum())
        if values.ndim != 2 or len(values) != len(history) or missing:
            raise FactsError(
                Text(
                    "Covariates of {customers} customers have shape {shape} and {missing} missing values; expected one "
                    "row of finite numbers for each customer. Fill in what is missing, or leave the column out.",
                    "{customers} 位客户的协变量形状为 {shape}，缺失值 {missing} 个；应为每位客户各一行有限数。"
                    "请填补缺失值，或去掉该列。",
                ),
                customers=len(history),
                shape=values.shape,
                missing=missing,
            )
        return cls(history.repeat_purchases, history.first_to_last_days, history.age_days, values)

    def take(self, rows: Indices) -> Self:
        """The history and covariates of the customers at these positions."""
        return type(self)(
            self.repeat_purchases[rows], self.first_to_last_days[rows], self.age_days[rows], self.covariates[rows]
        )

    def scaled(self, days_per_unit: float) -> Self:
        """The same with times counted in units of ``days_per_unit`` days; covariates stay."""
        last, age = self.first_to_last_days / days_per_unit, self.age_days / days_per_unit
        return type(self)(self.repeat_purchases, last, age, self.covariates)

    def grouped(self) -> GroupedHistory:
        """Each distinct history with its covariates once, with the number of customers who share it."""
        columns = (self.repeat_purchases, self.first_to_last_days, self.age_days, *self.covariates.T)
        first, group_of, customers = distinct_rows(*columns)
        return GroupedHistory(self.take(first), customers, group_of)

    def counted(self) -> tuple[Self, Floats]:
        """Each distinct history with its covariates once, in the order of `grouped`, and how many customers share it."""
        columns = (self.repeat_purchases, self.first_to_last_days, self.age_days, *self.covariates.T)
        first, _, customers = distinct_rows(*columns)
        return self.take(first), customers

    def plain(self) -> PurchaseHistory:
        """The history alone."""
        return PurchaseHistory(self.repeat_purchases, self.first_to_last_days, self.age_days)

    def means_and_deviations(self, names: Sequence[str]) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each covariate over the customers, both of shape (covariates,).

        Raises ModelError: there is not one name for each. NotEnoughDataError: one does not differ, or follows from others.
        """
        mean, deviation = self.covariates.mean(axis=0), self.covariates.std(axis=0)
        if not names or len(set(names)) < len(names) or len(names) != len(mean):
            raise ModelError(
                Text(
                    "The history has {columns} covariates, and their names are: {names}. Give at least one covariate, "
                    "and each a name of its own.",
                    "购买历史中有 {columns} 个协变量，名称为：{names}。请至少提供一个协变量，并为每个协变量各取一个不同的名称。",
                ),
                columns=len(mean),
                names=", ".join(names),
            )
        rank = int(np.linalg.matrix_rank((self.covariates - mean) / np.where(deviation > 0, deviation, 1.0)))
        if rank < len(names):
            raise NotEnoughDataError(
                Text(
                    "Of the covariates {names} only {rank} tell customers apart: one is the same for all, or follows "
                    "from the others. Leave it out.",
                    "协变量 {names} 中只有 {rank} 个能区分客户：有的对所有客户都相同，或可由其他协变量推出。请去掉它。",
                ),
                names=", ".join(names),
                rank=rank,
            )
        return mean, deviation
