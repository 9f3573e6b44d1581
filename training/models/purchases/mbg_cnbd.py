"""MBG/CNBD-k: customers who buy more regularly than chance would have it, and may leave for good after each purchase."""

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, expit, gammaln, psi

from training.models.purchases.beta_geometric import STARTS, check_repeats
from training.models.purchases.history import GroupedHistory, PurchaseHistory, checked_horizon, for_each_distinct
from training.models.purchases.maximum_likelihood import Fit, Likelihood, fit_history, parameters_from_json

Floats = NDArray[np.float64]

ROUGH_GROUPS = 20_000
NAMES = ("r", "alpha_days", "a", "b")
NEGLIGIBLE = 1e-9
"""Purchases that come with a smaller probability than this are left out of their expectation, as are all further ones."""
MOST_PURCHASES = 100_000
LEAST_LOG = -600.0
"""Of a probability that can be held and multiplied without loss."""
ROWS_AT_ONCE = 8_192
WORTH_PACKING = 0.8
"""Rows are packed anew when no more than this share of them goes on."""
TINY_DAYS = 1e-300


@dataclass(frozen=True)
class MbgCnbd2:
    """Parameters of the model; all are above 0.

    Platzer & Reutterer (2016), Ticking away the moments, Marketing Science 35(5). Steps come at a rate λ ~ Gamma(r, α), and
    each k-th of them (``regularity``) is a purchase, so that gaps follow an Erlang distribution; after each purchase,
    the first one included, a customer leaves with probability p ~ Beta(a, b). ``r``, ``a`` and ``b`` have no unit, and
    a customer buys r / (k·``alpha_days``) times a day on average. With k = 1 it is MBG/NBD.

    >>> model = MbgCnbd2(r=2.3, alpha_days=23, a=0.7, b=39)
    >>> model.probability_alive(PurchaseHistory.of([12, 12], [350, 300], [365, 365])).round(2)
    array([0.98, 0.76])
    """

    r: float
    alpha_days: float
    a: float
    b: float

    kind: ClassVar[str] = "mbg_cnbd_2"
    regularity: ClassVar[int] = 2

    @classmethod
    def fit(cls, history: PurchaseHistory) -> Fit[Self]:
        """The most likely parameters for these customers.

        The search counts time in mean ages, so that it takes the same way whatever the unit; the result is in days.
        Raises NotEnoughDataError: nobody came back, or the search finds no peak.
        """
        check_repeats(history)
        fit = fit_history(cls, cls._likelihood_of, history, STARTS, ROUGH_GROUPS, NAMES)
        # a unit of time counts once for each purchase there, but here k times, as the product of the gaps is left out
        return replace(fit, log_likelihood=fit.model.log_likelihood(history))

    def log_likelihood(self, history: PurchaseHistory) -> float:
        """Sum of the customers' log-likelihoods, with times in days, up to the product of the gaps to the power of k - 1.

        That product is the same for all parameters, so that fits of one regularity can be compared, and not those of two.
        """
        return self.log_likelihood_and_gradient(history.grouped())[0]

    def log_likelihood_and_gradient(self, grouped: GroupedHistory) -> tuple[float, Floats]:
        """The log-likelihood, and its derivatives by ln r, ln alpha_days, ln a and ln b, shape (4,)."""
        parameters = np.array([self.r, self.alpha_days, self.a, self.b])
        value, gradient = self._likelihood_of(grouped.distinct, grouped.customers)(parameters)
        return value, gradient * parameters

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,)."""
        parameters = np.array([self.r, self.alpha_days, self.a, self.b])
        left, steps = _ways(parameters, self.regularity, history)
        return np.asarray(expit(np.logaddexp.reduce(steps, axis=0) - left))

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        The sum over n of the probabilities of n purchases or more, as long as these are not negligible.
        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)

        def of(distinct: PurchaseHistory) -> Floats:
            alive, total = self.probability_alive(distinct), np.zeros(len(distinct))
            rows, shares = np.flatnonzero(alive > NEGLIGIBLE), self._step_shares(distinct)
            for begin in range(0, len(rows), ROWS_AT_ONCE):
                some = rows[begin : begin + ROWS_AT_ONCE]
                total[some] = alive[some] * self._expected_of_alive(distinct.take(some), shares[:, some], horizon)
            return total

        return for_each_distinct(history, of)

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        return np.asarray(1 - self.probability_of_at_least(history, np.ones(len(history)), horizon_days))

    def probability_of_at_least(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability of so many purchases or more, each at least 1, within ``horizon_days``, shape (customers,).

        Of the k·n steps to the n-th purchase some are done by the cut-off; the others come as in a negative binomial count, and
        the customer has stayed after the first n - 1 purchases.
        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        came = self._came(history, self._step_shares(history), purchases, horizon)
        return np.asarray(np.minimum(self.probability_alive(history) * came, 1.0))

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave. Raises ModelError: it is another kind, or a parameter is not sound."""
        return cls(**parameters_from_json(stored, cls.kind, NAMES))

    def _came(self, history: PurchaseHistory, shares: Floats, purchases: Floats | float, horizon: float) -> Floats:
        """Probability that who is alive buys so often within the horizon; ``shares`` as `_step_shares` gives them."""
        k, stays = self.regularity, history.repeat_purchases + 1
        stayed = np.exp(betaln(self.a, self.b + stays + purchases - 1) - betaln(self.a, self.b + stays))
        rate_days = self.alpha_days + history.age_days
        done = np.arange(k)[:, None]
        steps = self.r + k * history.repeat_purchases + done
        came = betainc(k * purchases - done, steps, horizon / (rate_days + horizon))
        return np.asarray(stayed * (shares * came).sum(axis=0))

    def _expected_of_alive(self, history: PurchaseHistory, shares: Floats, horizon: float) -> Floats:
        """Expected purchases within the horizon of who is alive: `_came` summed over 1, 2, … purchases.

        Each tail of the count of steps is the one before less a probability that follows from its predecessor; that is
        many times cheaper than an incomplete beta function each. Where the first of them is too small to be held, the
        tails are `_came`'s.
        """
        k, total = self.regularity, np.zeros(len(history))
        done = np.arange(k)[:, None]
        steps, stays = self.r + k * history.repeat_purchases + done, history.repeat_purchases + 1
        chance = horizon / (self.alpha_days + history.age_days + horizon)
        log_none = steps * np.log1p(-chance)
        rows = np.flatnonzero(log_none.min(axis=0) > LEAST_LOG)
        for other in np.setdiff1d(np.arange(len(history)), rows):
            total[other] = self._summed(history.take(np.array([other])), shares[:, [other]], horizon)
        steps, chance, shares, stays = steps[:, rows], chance[rows], shares[:, rows], stays[rows]
        exactly, taken = np.exp(log_none[:, rows]), np.zeros((k, 1))
        tail, stayed = np.ones_like(exactly), np.ones(len(rows))

        def step(some: slice) -> None:
            tail[some] -= exactly[some]
            exactly[some] *= chance * (steps[some] + taken[some]) / (taken[some] + 1)
            taken[some] += 1

        for part in range(k):  # who has done some steps already needs fewer to the first purchase
            step(slice(0, k - part))
        for purchases in range(1, MOST_PURCHASES):
            came = stayed * (shares * np.maximum(tail, 0)).sum(axis=0)
            total[rows] += came
            going = came > NEGLIGIBLE
            if not going.any():
                break
            if going.mean() < WORTH_PACKING:
                rows, stays, chance, stayed = rows[going], stays[going], chance[going], stayed[going]
                steps, shares, tail, exactly = (each[:, going] for each in (steps, shares, tail, exactly))
            stayed *= (self.b + stays + purchases - 1) / (self.a + self.b + stays + purchases - 1)
            for _ in range(k):
                step(slice(None))
        return total

    def _summed(self, history: PurchaseHistory, shares: Floats, horizon: float) -> float:
        """The same for one customer, with each tail computed by itself."""
        total = 0.0
        for purchases in range(1, MOST_PURCHASES):
            came = float(self._came(history, shares, float(purchases), horizon)[0])
            total += came
            if came <= NEGLIGIBLE:
                break
        return total

    def _step_shares(self, history: PurchaseHistory) -> Floats:
        """Probability of each number of steps since the last purchase, of who is alive; shape (k, customers)."""
        parameters = np.array([self.r, self.alpha_days, self.a, self.b])
        _, steps = _ways(parameters, self.regularity, history)
        return np.asarray(np.exp(steps - np.logaddexp.reduce(steps, axis=0)))

    @classmethod
    def _likelihood_of(cls, history: PurchaseHistory, customers: Floats) -> Likelihood:
        """The log-likelihood of distinct histories, each shared by so many customers."""
        k, x = cls.regularity, history.repeat_purchases
        last, age, total = history.first_to_last_days, history.age_days, float(customers.sum())
        done = np.arange(k)[:, None]
        unchanging = float(customers @ x) * float(gammaln(k))

        def likelihood(parameters: Floats) -> tuple[float, Floats]:
            r, alpha, a, b = parameters.tolist()
            log_left, steps = _ways(parameters, k, history)
            log_alive = np.logaddexp.reduce(steps, axis=0)
            gone = customers * expit(log_left - log_alive)
            alive = customers - gone
            shares = np.exp(steps - log_alive)
            shape = r + k * x
            value = customers @ np.logaddexp(log_left, log_alive) + total * (
                r * np.log(alpha) - gammaln(r) - betaln(a, b)
            )
            both = psi(a + b + x + 1)
            gradient = [
                gone @ (psi(shape) - np.log(alpha + last))
                + alive @ ((shares * psi(shape + done)).sum(axis=0) - np.log(alpha + age))
                + total * (np.log(alpha) - psi(r)),
                total * r / alpha
                - gone @ (shape / (alpha + last))
                - alive @ ((shares * (shape + done)).sum(axis=0) / (alpha + age)),
                gone.sum() * psi(a + 1) + alive.sum() * psi(a) - customers @ both + total * (psi(a + b) - psi(a)),
                gone @ psi(b + x) + alive @ psi(b + x + 1) - customers @ both + total * (psi(a + b) - psi(b)),
            ]
            return float(value - unchanging), np.array(gradient)

        return likelihood


def _ways(parameters: Floats, k: int, history: PurchaseHistory) -> tuple[Floats, Floats]:
    """The ways to the same history, in logs up to the same factor: left at the last purchase, shape (customers,); or there,
    with 0 to k - 1 steps since then, shape (k, customers).
    """
    r, alpha, a, b = parameters.tolist()
    x, last, age = history.repeat_purchases, history.first_to_last_days, history.age_days
    shape, done = r + k * x, np.arange(k)[:, None]
    left = betaln(a + 1, b + x) + gammaln(shape) - shape * np.log(alpha + last)
    silent = np.log(np.maximum(age - last, TINY_DAYS))
    steps = done * silent - gammaln(done + 1) + gammaln(shape + done) - (shape + done) * np.log(alpha + age)
    return np.asarray(left), np.asarray(betaln(a, b + x + 1) + steps)
