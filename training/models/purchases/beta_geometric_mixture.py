"""What BG/NBD and MBG/NBD say of each customer, whose parameters may be its own."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, expit, gammaln, psi

from training.models.purchases.history import PurchaseHistory
from training.models.purchases.quadrature import mean_over_dropout

Floats = NDArray[np.float64]


class BetaGeometricMixture(NamedTuple):
    """Parameters as in `BetaGeometricNbd`, each but ``r`` the same for all or of shape (customers,).

    ``first_purchase_counts``: 1 when the first purchase of all gives a chance to leave, else 0.
    """

    r: float
    alpha_days: float | Floats
    a: float | Floats
    b: float | Floats
    first_purchase_counts: int

    def alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,)."""
        return np.asarray(expit(-self._log_odds_gone(history)))

    def expected(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days``, shape (customers,): the mean of (1 - exp(-λpt)) / p over λ and p."""
        stays, k, rate_days = self._posterior(history)
        return np.asarray(self.alive(history) * mean_over_dropout(self.a, self.b + stays, k, horizon_days / rate_days))

    def none(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days``, shape (customers,).

        Who is gone buys nothing; who is alive has a purchase rate that follows Gamma(r + x, α + T).
        """
        _, k, rate_days = self._posterior(history)
        buys_if_alive = -np.expm1(-k * np.log1p(horizon_days / rate_days))
        return np.asarray(1 - self.alive(history) * buys_if_alive)

    def came(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability that who is alive buys so often, at least once, within ``horizon_days``, shape (customers,).

        Who buys n times has come n times by then, a negative binomial matter, and has stayed after the first n - 1.
        """
        stays, k, rate_days = self._posterior(history)
        stayed = np.exp(betaln(self.a, self.b + stays + purchases - 1) - betaln(self.a, self.b + stays))
        return np.asarray(stayed * betainc(purchases, k, horizon_days / (rate_days + horizon_days)))

    def log_likelihoods(self, history: PurchaseHistory) -> tuple[Floats, Floats]:
        """Of each customer, shape (customers,), and derivatives by ln r, ln α, ln a and ln b, shape (4, customers)."""
        stays, k, rate_days = self._posterior(history)
        r, alpha, a, b = self.r, self.alpha_days, self.a, self.b
        silent_from = alpha + history.first_to_last_days
        silence = np.log(rate_days) - np.log(silent_from)
        log_odds = self._log_odds_gone(history)
        gone = expit(log_odds)
        value = (
            gammaln(k)
            - gammaln(r)
            + gammaln(b + stays)
            - gammaln(b)
            - gammaln(a + b + stays)
            + gammaln(a + b)
            + r * np.log(alpha)
            + np.logaddexp(0, log_odds)
            - k * np.log(rate_days)
        )
        both = psi(a + b) - psi(a + b + stays)
        per_stay = gone / np.where(stays > 0, b + stays - 1, 1)  # nobody is gone who had no chance to leave
        gradient = [
            r * (psi(k) - psi(r) + np.log(alpha) - np.log(rate_days) + gone * silence),
            r - alpha * k / rate_days - gone * alpha * k * (rate_days - silent_from) / rate_days / silent_from,
            a * both + gone,
            b * (both + psi(b + stays) - psi(b) - per_stay),
        ]
        return np.asarray(value), np.stack(gradient)

    def _posterior(self, history: PurchaseHistory) -> tuple[Floats, Floats, Floats]:
        """Of customers who are alive: times stayed m, and shape and rate (days) of the Gamma distribution of λ."""
        x = history.repeat_purchases
        return x + self.first_purchase_counts, self.r + x, np.asarray(self.alpha_days + history.age_days)

    def _log_odds_gone(self, history: PurchaseHistory) -> Floats:
        stays, k, _ = self._posterior(history)
        silent = history.age_days - history.first_to_last_days
        growth = k * np.log1p(silent / (self.alpha_days + history.first_to_last_days))
        return log_odds_left(self.a, self.b, stays) + growth


def log_odds_left(a: float | Floats, b: float | Floats, stays: Floats) -> Floats:
    """Log of a / (b + m - 1), the odds to have left at the last of m chances rather than stayed; -inf without a chance."""
    with np.errstate(divide="ignore"):
        return np.log(np.where(stays > 0, a / np.where(stays > 0, b + stays - 1, 1), 0.0))
