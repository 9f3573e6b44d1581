"""Gamma-Gamma: what a customer spends on a purchase day, drawn towards what customers spend who are alike."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, expit, gammaln, psi

from features.errors import FactsError, ModelError, NotEnoughDataError
from features.text import Text
from training.models.purchases.counts import CountBins, solved
from training.models.purchases.history import PURCHASE_DAYS, columns_of, distinct_rows
from training.models.purchases.maximum_likelihood import Fit, Likelihood, maximise, parameters_from_json

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

MEAN_AMOUNT = "purchase_amount_mean"
STARTS = ((1.0, 2.0, 1.0), (5.0, 4.0, 0.5), (20.0, 1.5, 0.1), (2.0, 10.0, 5.0))
"""p, q, v where the search begins, with amounts in units of the mean amount."""
ROUGH_GROUPS = 20_000
MOST_LOG_VALUE = 30.0
"""Sums of purchases are sought between exp(±30) times v + x·z."""
NAMES = ("p", "q", "v_amount")


@dataclass(frozen=True)
class Amounts:
    """What customers spent, each of shape (customers,); make it with `of` or `from_snapshot`, which check.

    ``purchase_days``: the number of purchase days that the mean was taken over. ``mean_amount``: mean amount of a
    purchase day in currency.
    """

    purchase_days: Floats
    mean_amount: Floats

    @classmethod
    def of(cls, purchase_days: ArrayLike, mean_amount: ArrayLike) -> Self:
        """Amounts from two arrays of shape (customers,). Without a purchase day the mean amount may be missing.

        Raises FactsError: shapes differ, a count is not a whole number from 0, or a mean amount is not above 0.
        """
        days, mean = np.asarray(purchase_days, dtype=np.float64), np.asarray(mean_amount, dtype=np.float64)
        if days.ndim != 1 or days.shape != mean.shape:
            raise FactsError(
                Text(
                    "Amounts need two columns of equal length, got shapes {days} and {mean}. Give one count of purchase "
                    "days and one mean amount for each customer.",
                    "金额需要两个等长的列，实际形状为 {days} 和 {mean}。请为每位客户各提供一个购买天数和一个平均金额。",
                ),
                days=str(days.shape),
                mean=str(mean.shape),
            )
        sound = (
            np.isfinite(days) & (days >= 0) & (days == np.floor(days)) & ((days == 0) | (mean > 0) & np.isfinite(mean))
        )
        if not sound.all():
            row = int(np.argmin(sound))
            raise FactsError(
                Text(
                    "Row {row} of the amounts says {days} purchase days of {mean} on average; expected a whole number "
                    "and a mean above 0. {faults} of {rows} rows are like that. Leave customers out whose purchases "
                    "earned nothing.",
                    "金额第 {row} 行为 {days} 个购买日、平均 {mean}；购买天数应为整数，平均金额应大于 0。"
                    "共 {rows} 行中有 {faults} 行如此。请排除购买金额为零或负的客户。",
                ),
                row=row,
                days=days[row],
                mean=mean[row],
                faults=int((~sound).sum()),
                rows=len(sound),
            )
        return cls(days, np.where(days > 0, mean, 0.0))

    @classmethod
    def from_snapshot(cls, frame: pd.DataFrame) -> Self:
        """Amounts from the features `purchase_days_total` and `purchase_amount_mean`, one row a customer.

        Raises FactsError: as `of`, or a column is missing.
        """
        return cls.of(*columns_of(frame, PURCHASE_DAYS, MEAN_AMOUNT))


@dataclass(frozen=True)
class GammaGamma:
    """Parameters of the model; all are above 0.

    Fader, Hardie & Lee (2005), RFM and CLV, J. of Marketing Research 42(4); Fader & Hardie (2013), The Gamma-Gamma
    model of monetary value. An amount follows Gamma(p, ν), and the rates ν of customers follow Gamma(q, v). ``p`` and
    ``q`` have no unit, ``v_amount`` is in currency. How much a customer spends is taken to have nothing to do with
    how often it buys.

    >>> import numpy as np
    >>> model = GammaGamma(p=6.25, q=3.74, v_amount=15.44)
    >>> model.expected_amount(Amounts.of([0, 1, 10], [np.nan, 50, 50])).round(2)
    array([35.22, 45.49, 49.38])
    """

    p: float
    q: float
    v_amount: float

    kind: ClassVar[str] = "gamma_gamma"

    @classmethod
    def fit(cls, amounts: Amounts) -> Fit[Self]:
        """The most likely parameters for the customers who have an amount.

        The search counts money in mean amounts, so that it takes the same way whatever the currency.
        Raises NotEnoughDataError: fewer than two different mean amounts, or the search finds no peak.
        """
        bought = amounts.purchase_days > 0
        days, mean = amounts.purchase_days[bought], amounts.mean_amount[bought]
        if len(mean) == 0 or mean.min() == mean.max():
            raise NotEnoughDataError(
                Text(
                    "{customers} customers have an amount, and all the same one; a spend model needs amounts that "
                    "differ. Give more customers.",
                    "{customers} 位客户有金额且完全相同；消费模型需要有差异的金额。请提供更多客户。",
                ),
                customers=len(mean),
            )
        unit = float(mean.mean())
        first, _, customers = distinct_rows(days, mean)
        x, z = days[first], mean[first] / unit
        found = maximise(
            lambda rows: _likelihood_of(x[rows], z[rows], customers[rows]), customers, STARTS, ROUGH_GROUPS
        )
        in_currency = np.array([1.0, 1.0, unit])
        return Fit(
            model=cls(*(found.parameters * in_currency).tolist()),
            standard_errors=dict(zip(NAMES, (found.standard_errors * in_currency).tolist(), strict=True)),
            log_likelihood=float(found.log_likelihood - len(mean) * np.log(unit)),
            customers=len(mean),
            groups=len(first),
        )

    def log_likelihood(self, amounts: Amounts) -> float:
        """Sum of the log-likelihoods of the customers who have an amount, in currency."""
        return self.log_likelihood_and_gradient(amounts)[0]

    def log_likelihood_and_gradient(self, amounts: Amounts) -> tuple[float, Floats]:
        """The log-likelihood, and its derivatives by ln p, ln q and ln v_amount, shape (3,)."""
        bought = amounts.purchase_days > 0
        parameters = np.array([self.p, self.q, self.v_amount])
        customers = np.ones(int(bought.sum()))
        value, gradient = _likelihood_of(amounts.purchase_days[bought], amounts.mean_amount[bought], customers)(
            parameters
        )
        return value, gradient * parameters

    def expected_amount(self, amounts: Amounts) -> Floats:
        """Expected amount of a future purchase day in currency, shape (customers,).

        A weighted mean of the customer's own mean amount and that of all; who has no purchase gets the latter.
        Raises ModelError: amounts vary so much (q <= 1) that a customer without purchases has no finite expectation.
        """
        x, z = amounts.purchase_days, amounts.mean_amount
        divisor = self.p * x + self.q - 1
        if (divisor <= 0).any():
            raise ModelError(
                Text(
                    "The spend model has p = {p} and q = {q}, so that {customers} customers with few purchases have no "
                    "finite expected amount; expected p·x + q above 1. Leave them out, or fit without outliers.",
                    "消费模型的 p = {p}、q = {q}，有 {customers} 位购买较少的客户没有有限的期望金额；"
                    "应有 p·x + q 大于 1。请排除这些客户，或去除异常值后重新拟合。",
                ),
                p=self.p,
                q=self.q,
                customers=int((divisor <= 0).sum()),
            )
        return np.asarray(self.p * (self.v_amount + x * z) / divisor)

    def value_interval(
        self, amounts: Amounts, coming: CountBins, group_of: Indices, share: float
    ) -> tuple[Floats, Floats]:
        """Between what, in currency, a customer's purchases lie in sum with a probability of ``share``, shape (customers,).

        ``coming`` says how many purchases come, by group, and ``group_of`` which group a customer is of. Given n of
        them, their sum over v + x·z follows a beta prime distribution of p·n and q + p·x, which is the same for all who
        share group and x. Where less than half of what is outside can lie below, because nobody spends less than 0,
        more may lie above.
        """
        first, kind_of, _ = distinct_rows(group_of.astype(np.float64), amounts.purchase_days)
        q, bins = self.q + self.p * amounts.purchase_days[first], coming.take(group_of[first])
        low, high = self._share_interval(q, bins, share)
        scale = self.v_amount + amounts.purchase_days * amounts.mean_amount
        return scale * low[kind_of], scale * high[kind_of]

    def _share_interval(self, q: Floats, coming: CountBins, share: float) -> tuple[Floats, Floats]:
        """The same in units of v + x·z."""

        def up_to(rows: Indices, log_value: Floats) -> Floats:
            mass = coming.mass[rows]
            row, bin_ = np.nonzero(mass)
            spent = betainc(self.p * coming.purchases[rows][row, bin_], q[rows][row], expit(log_value)[row])
            spenders = np.bincount(row, weights=mass[row, bin_] * spent, minlength=len(rows))
            return np.asarray(none[rows] + spenders)

        none = 1 - coming.mass.sum(axis=1)
        outside = (1 - share) / 2
        low, high = np.zeros(len(q)), np.zeros(len(q))
        for ends, level in ((low, np.full(len(q), outside)), (high, np.where(none < outside, 1 - outside, share))):
            some = np.flatnonzero(none < level)
            log_value = solved(
                lambda at, x, some=some: up_to(some[at], x),  # type: ignore[misc]
                level[some],
                np.full(len(some), -MOST_LOG_VALUE),
                np.full(len(some), MOST_LOG_VALUE),
            )
            ends[some] = np.exp(log_value)
        return low, high

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave. Raises ModelError: it is another kind, or a parameter is not sound."""
        return cls(**parameters_from_json(stored, cls.kind, NAMES))


def _likelihood_of(x: Floats, z: Floats, customers: Floats) -> Likelihood:
    """The log-likelihood of mean amounts z over x purchase days, each shared by so many customers."""
    counts, count_of = np.unique(x, return_inverse=True)
    weight_of_count = np.bincount(count_of, weights=customers)
    spent, log_spent, total = x * z, np.log(x * z), customers.sum()
    unchanging = float(customers @ np.log(z))

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        p, q, v = parameters.tolist()
        log_all = np.log(v + spent)
        px = p * counts
        value = (
            weight_of_count @ (gammaln(px + q) - gammaln(px))
            + total * (q * np.log(v) - gammaln(q))
            + customers @ (p * x * (log_spent - log_all) - q * log_all)
            - unchanging
        )
        gradient = [
            (weight_of_count * counts) @ (psi(px + q) - psi(px)) + (customers * x) @ (log_spent - log_all),
            weight_of_count @ psi(px + q) + total * (np.log(v) - psi(q)) - customers @ log_all,
            total * q / v - customers @ ((p * x + q) / (v + spent)),
        ]
        return float(value), np.array(gradient)

    return likelihood
