"""What a customer earns us on a purchase day, returns and losses included: drawn towards the mean of all, below 0 too."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from features.errors import FactsError, NotEnoughDataError
from features.text import Text
from training.models.purchases.counts import CountBins, solved
from training.models.purchases.maximum_likelihood import Fit, parameters_from_json
from training.models.purchases.quadrature import chunks

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

NAMES = ("mean_margin", "between_margin", "within_margin")
SMALLEST_SHARE, LARGEST_SHARE = 1e-6, 1e3
"""Where the deviation between customers is sought, in units of that of their means."""
FAR_DEVIATIONS = 8.0
CURVATURE_STEP = 1e-3


@dataclass(frozen=True)
class Margins:
    """What purchase days earned, each of shape (customers,); make it with `of` or `of_days`, which check.

    ``purchase_days``: how many. ``mean_margin``: margin of a purchase day in currency, net of what was returned; it may
    be negative. ``squares``: sum of squared deviations of the days from the customer's mean.
    """

    purchase_days: Floats
    mean_margin: Floats
    squares: Floats

    @classmethod
    def of(cls, purchase_days: ArrayLike, mean_margin: ArrayLike, squares: ArrayLike) -> Self:
        """Margins from three arrays of shape (customers,). Without a purchase day the mean may be missing.

        Raises FactsError: shapes differ, a count is not a whole number from 0, a mean is no number, or squares are
        negative or come from fewer than two days.
        """
        days, mean, squares = (np.asarray(c, dtype=np.float64) for c in (purchase_days, mean_margin, squares))
        if days.ndim != 1 or not days.shape == mean.shape == squares.shape:
            raise FactsError(
                Text(
                    "Margins need three columns of equal length, got shapes {shapes}. Give one count of purchase days, "
                    "one mean margin and one sum of squares for each customer.",
                    "毛利需要三个等长的列，实际形状为 {shapes}。请为每位客户各提供一个购买天数、一个平均毛利和一个平方和。",
                ),
                shapes=", ".join(str(column.shape) for column in (days, mean, squares)),
            )
        sound = (days >= 0) & (days == np.floor(days)) & np.isfinite(days) & ((days == 0) | np.isfinite(mean))
        sound &= np.isfinite(squares) & (squares >= 0) & ((days > 1) | (squares == 0))
        if not sound.all():
            row = int(np.argmin(sound))
            raise FactsError(
                Text(
                    "Row {row} of the margins says {days} purchase days of {mean} on average and squared deviations of "
                    "{squares}; expected a whole number, a finite mean, and squares from 0 that are 0 with fewer than "
                    "two days. {faults} of {rows} rows are like that. Count days with a purchase, and take the "
                    "deviations from the customer's own mean.",
                    "毛利第 {row} 行为 {days} 个购买日、平均 {mean}、离差平方和 {squares}；购买天数应为整数，平均值应为有限数，"
                    "平方和应不小于 0，且不足两个购买日时为 0。共 {rows} 行中有 {faults} 行如此。"
                    "请按有购买的天数计数，并以客户自身的平均值计算离差。",
                ),
                row=row,
                days=days[row],
                mean=mean[row],
                squares=squares[row],
                faults=int((~sound).sum()),
                rows=len(sound),
            )
        return cls(days, np.where(days > 0, mean, 0.0), squares)

    @classmethod
    def of_days(cls, customer: Indices, margin: Floats, customers: int) -> Self:
        """Margins from single purchase days: the number of the customer, from 0, and what the day earned."""
        days = np.bincount(customer, minlength=customers).astype(np.float64)
        mean = np.bincount(customer, weights=margin, minlength=customers) / np.maximum(days, 1)
        squares = np.bincount(customer, weights=(margin - mean[customer]) ** 2, minlength=customers)
        return cls.of(days, mean, np.where(days > 1, squares, 0.0))


@dataclass(frozen=True)
class NormalMargin:
    """Parameters of the model, all in currency; the last two are above 0.

    The margin of a day follows a normal distribution around the customer's mean with a standard deviation of
    ``within_margin``; the means of customers, one around ``mean_margin`` with ``between_margin``. A customer's own mean
    is drawn towards that of all, the more the fewer days it has (Efron & Morris 1975, J. of the American Statistical
    Association 70). How much a customer earns is taken to have nothing to do with how often it buys.

    >>> model = NormalMargin(mean_margin=20, between_margin=10, within_margin=20)
    >>> model.expected_amount(Margins.of([0, 4, 4], [np.nan, 30, -30], [0, 90, 90]))
    array([20., 25., -5.])
    """

    mean_margin: float
    between_margin: float
    within_margin: float

    kind: ClassVar[str] = "normal_margin"

    @classmethod
    def fit(cls, margins: Margins) -> Fit[Self]:
        """The deviation of days from the deviations of all customers with two or more; then the most likely rest.

        Raises NotEnoughDataError: no customer has two days that differ, or no two customers differ.
        """
        bought = margins.purchase_days > 0
        days, mean = margins.purchase_days[bought], margins.mean_margin[bought]
        spread = float(mean.std()) if len(mean) else 0.0
        freedom = float((days - 1).sum())
        if not freedom or not margins.squares.any() or not spread:
            raise NotEnoughDataError(
                Text(
                    "{customers} customers have a margin; a margin model needs customers who differ, and some with two "
                    "purchase days that differ. Give a longer history.",
                    "{customers} 位客户有毛利；毛利模型需要客户之间有差异，且部分客户有两个毛利不同的购买日。请提供更长的历史。",
                ),
                customers=len(mean),
            )
        within = float(np.sqrt(margins.squares[bought].sum() / freedom))
        profile = _Profile.of(days, (mean - mean.mean()) / spread, (within / spread) ** 2)
        limits = (2 * np.log(SMALLEST_SHARE), 2 * np.log(LARGEST_SHARE))
        best = minimize_scalar(
            lambda log: -profile.at(log)[0], bounds=limits, method="bounded", options={"xatol": 1e-9}
        )
        value, centre, weight = profile.at(float(best.x))
        sides = [profile.at(float(best.x) + sign * CURVATURE_STEP)[0] for sign in (-1, 1)]
        curvature = (2 * value - sum(sides)) / CURVATURE_STEP**2
        model = cls(float(mean.mean() + spread * centre), float(spread * np.exp(best.x / 2)), within)
        errors = {
            "mean_margin": spread / np.sqrt(weight),
            "between_margin": model.between_margin / 2 / np.sqrt(curvature) if curvature > 0 else np.nan,
            "within_margin": within / np.sqrt(2 * freedom),
        }
        return Fit(
            model=model,
            standard_errors={name: float(error) for name, error in errors.items()},
            log_likelihood=model.log_likelihood(margins),
            customers=len(mean),
            groups=len(profile.days),
        )

    def log_likelihood(self, margins: Margins) -> float:
        """Sum of the log-likelihoods of the customers' purchase days, in currency."""
        bought = margins.purchase_days > 0
        days, mean, squares = margins.purchase_days[bought], margins.mean_margin[bought], margins.squares[bought]
        of_mean = self.between_margin**2 + self.within_margin**2 / days
        logs = days * np.log(2 * np.pi) + 2 * (days - 1) * np.log(self.within_margin) + np.log(days) + np.log(of_mean)
        return float(-0.5 * (logs + squares / self.within_margin**2 + (mean - self.mean_margin) ** 2 / of_mean).sum())

    def expected_amount(self, amounts: Margins) -> Floats:
        """Expected margin of a future purchase day in currency, shape (customers,); it may be negative."""
        own = self._own_share(amounts)
        return np.asarray(self.mean_margin + own * (amounts.mean_margin - self.mean_margin))

    def value_interval(
        self, amounts: Margins, coming: CountBins, group_of: Indices, share: float
    ) -> tuple[Floats, Floats]:
        """Between what, in currency, a customer's purchases lie in sum with a probability of ``share``, shape (customers,).

        ``coming`` says how many purchases come, by group, and ``group_of`` which group a customer is of. Half of what is
        outside may lie on each side; where the chance of no purchase takes one end to 0, more may lie beyond the other.
        """
        mean, own = self.expected_amount(amounts), self._own_share(amounts)
        ends = [
            self._interval(np.abs(mean[rows]), own[rows], coming.take(group_of[rows]), share)
            for rows in chunks(len(mean))
        ]
        low, high = (np.concatenate(column) for column in zip(*ends, strict=True))
        # who earns less than 0 is the mirror image of who earns more
        return np.where(mean < 0, -high, low), np.where(mean < 0, -low, high)

    def _own_share(self, amounts: Margins) -> Floats:
        """How much a customer's own mean counts, from 0 to 1; the rest is the mean of all."""
        between = self.between_margin**2
        return np.asarray(between / (between + self.within_margin**2 / np.maximum(amounts.purchase_days, 1e-300)))

    def _interval(self, mean: Floats, own: Floats, coming: CountBins, share: float) -> tuple[Floats, Floats]:
        """Low and high of customers whose mean is at least 0."""
        n = coming.purchases
        centre = n * mean[:, None]
        deviation = np.sqrt(n**2 * (self.between_margin**2 * (1 - own))[:, None] + n * self.within_margin**2)
        none = 1 - coming.mass.sum(axis=1)

        def of_buyers(rows: Indices, value: Floats) -> Floats:
            """Probability of a purchase and of no more than this value."""
            up_to = ndtr((value[:, None] - centre[rows]) / deviation[rows])
            return np.asarray((coming.mass[rows] * up_to).sum(axis=1))

        def quantile(level: Floats) -> Floats:
            value = np.zeros(len(level))
            below = of_buyers(np.arange(len(level)), value)
            for some, wanted in ((level < below, level), (level > below + none, level - none)):
                rows = np.flatnonzero(some)
                far = (FAR_DEVIATIONS * deviation + centre).max(axis=1)[rows]
                value[rows] = far * solved(
                    lambda at, x, rows=rows, far=far: of_buyers(rows[at], far[at] * x),  # type: ignore[misc]
                    np.minimum(wanted[rows], (1 - 1e-9) * coming.mass[rows].sum(axis=1)),
                    np.full(len(rows), -1.0),
                    np.full(len(rows), 1.0),
                )
            return value

        outside = (1 - share) / 2
        low = quantile(np.full(len(mean), outside))
        below = np.where(low == 0, of_buyers(np.arange(len(mean)), low), outside)
        return low, quantile(np.minimum(below + share, 1 - outside))

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave. Raises ModelError: it is another kind, or a parameter is not sound."""
        return cls(**parameters_from_json(stored, cls.kind, NAMES, signed=("mean_margin",)))


@dataclass(frozen=True)
class _Profile:
    """Customers' means by their number of days, so that a likelihood costs as much as there are numbers of days."""

    days: Floats
    customers: Floats
    total: Floats
    squares: Floats
    within_variance: float

    @classmethod
    def of(cls, days: Floats, mean: Floats, within_variance: float) -> "_Profile":
        distinct, at = np.unique(days, return_inverse=True)
        customers, total, squares = (
            np.bincount(at, weights=weights).astype(np.float64) for weights in (np.ones(len(days)), mean, mean**2)
        )
        return cls(distinct, customers, total, squares, within_variance)

    def at(self, log_variance: float) -> tuple[float, float, float]:
        """Log-likelihood for a variance between customers, the best mean of all, and the weight of that mean."""
        variance = np.exp(log_variance) + self.within_variance / self.days
        weight = float((self.customers / variance).sum())
        centre = float((self.total / variance).sum() / weight)
        deviations = self.squares - 2 * centre * self.total + centre**2 * self.customers
        return float(-0.5 * (self.customers * np.log(variance) + deviations / variance).sum()), centre, weight
