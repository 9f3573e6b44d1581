"""What Pareto/NBD says of each customer, whose parameters may be its own."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, gammaln, psi

from training.models.purchases.history import PurchaseHistory
from training.models.purchases.quadrature import (
    LEGENDRE_AT,
    LEGENDRE_WEIGHT,
    PowerIntegral,
    chunks,
    power_integral,
)

Floats = NDArray[np.float64]


class ParetoMixture(NamedTuple):
    """Parameters as in `ParetoNbd`; those in days are the same for all or of shape (customers,)."""

    r: float
    alpha_days: float | Floats
    s: float
    beta_days: float | Floats

    def alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,)."""
        log_alive, left = self.alive_and_left(history)
        return np.asarray(expit(log_alive - left.log - np.log(self.s)))

    def expected(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days``, shape (customers,): the rate times the days of life."""
        rate = (self.r + history.repeat_purchases) / (self.alpha_days + history.age_days)
        return np.asarray(self.alive(history) * rate * self._days_alive(history, horizon_days))

    def none(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days``, shape (customers,).

        Who is gone buys nothing; who is alive buys next at a moment whose density is integrated over the horizon.
        """
        k, s = self.r + history.repeat_purchases, np.full(len(history), self.s)
        alpha, beta = self.alpha_days + history.age_days, self.beta_days + history.age_days
        buys = power_integral(alpha, k + 1, beta, s, np.full(len(history), horizon_days)).log
        buys_if_alive = np.exp(buys + np.log(k) + k * np.log(alpha) + s * np.log(beta))
        return np.asarray(np.clip(1 - self.alive(history) * buys_if_alive, 0.0, 1.0))

    def came(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability that who is alive buys so often, at least once, within ``horizon_days``, shape (customers,).

        For a given time to live it is that of a negative binomial count; Gauss and Legendre's rule takes the mean over
        the share of customers who have left by then.
        """
        k, age = self.r + history.repeat_purchases, history.age_days
        alpha, beta = np.asarray(self.alpha_days + age), np.asarray(self.beta_days + age)
        parts = [
            _came(self.s, k[rows], alpha[rows], beta[rows], purchases[rows], horizon_days)
            for rows in chunks(len(history))
        ]
        return np.concatenate(parts)

    def log_likelihoods(self, history: PurchaseHistory) -> tuple[Floats, Floats]:
        """Of each customer, shape (customers,), and derivatives by ln r, ln α, ln s and ln β, shape (4, customers)."""
        r, alpha, s, beta = self
        k, age = r + history.repeat_purchases, history.age_days
        log_alive, left = self.alive_and_left(history)
        log_left = np.log(s) + left.log
        gone = expit(log_left - log_alive)
        value = gammaln(k) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.logaddexp(log_alive, log_left)
        log_rate = (1 - gone) * np.log(alpha + age) + gone * left.mean_log_first
        log_leaving = (1 - gone) * np.log(beta + age) + gone * left.mean_log_second
        inverse_rate = (1 - gone) / (alpha + age) + gone * left.mean_inverse_first
        inverse_leaving = (1 - gone) * s / (beta + age) + gone * (s + 1) * left.mean_inverse_second
        gradient = [
            r * (psi(k) - psi(r) + np.log(alpha) - log_rate),
            r - alpha * k * inverse_rate,
            s * (np.log(beta) - log_leaving) + gone,
            s - beta * inverse_leaving,
        ]
        return np.asarray(value), np.stack(gradient)

    def alive_and_left(self, history: PurchaseHistory) -> tuple[Floats, PowerIntegral]:
        """The two ways to the same history, each up to the same factor: alive at T (in logs), or left since t_x."""
        r, alpha, s, beta = self
        x, last, age = history.repeat_purchases, history.first_to_last_days, history.age_days
        left = power_integral(alpha + last, r + x, beta + last, np.full(len(x), s + 1), age - last)
        return -(r + x) * np.log(alpha + age) - s * np.log(beta + age), left

    def _days_alive(self, history: PurchaseHistory, horizon: float) -> Floats:
        """Days that who is alive at the cut-off is expected to stay so within the horizon, smooth through s = 1."""
        beta = self.beta_days + history.age_days
        growth = np.log1p(horizon / beta)
        excess = (self.s - 1) * growth
        shrunk = np.divide(-np.expm1(-excess), excess, out=np.ones_like(excess), where=excess != 0)
        return np.asarray(beta * growth * shrunk)


def _came(s: float, k: Floats, alpha: Floats, beta: Floats, purchases: Floats, horizon: float) -> Floats:
    """The same from what is known at the cut-off: shape and rate (days) of purchases, and the rate (days) of leaving."""
    log_stay = -s * np.log1p(horizon / beta)
    leave = -np.expm1(log_stay)
    days = beta[:, None] * np.expm1(-np.log1p(-leave[:, None] * LEGENDRE_AT) / s)
    came = betainc(purchases[:, None], k[:, None], days / (alpha[:, None] + days))
    came_if_staying = betainc(purchases, k, horizon / (alpha + horizon))
    return np.asarray(np.exp(log_stay) * came_if_staying + leave * (came @ LEGENDRE_WEIGHT))
