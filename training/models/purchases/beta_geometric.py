"""What BG/NBD and MBG/NBD share: purchases at random times, and a chance to leave for good after each of them.

A customer buys at rate λ ~ Gamma(r, α) and leaves after a purchase with probability p ~ Beta(a, b). The two models
differ in one thing only: whether the first purchase of all already gives that chance (MBG/NBD) or not (BG/NBD). A
customer with x repeat purchases has then stayed m = x + 1 or m = x times.
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from features.errors import NotEnoughDataError
from features.text import Text
from training.models.purchases.beta_geometric_mixture import BetaGeometricMixture, log_odds_left
from training.models.purchases.history import GroupedHistory, PurchaseHistory, checked_horizon, for_each_distinct
from training.models.purchases.maximum_likelihood import Fit, Likelihood, fit_history, parameters_from_json

Floats = NDArray[np.float64]

STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.1, 0.5, 3.0), (3.0, 3.0, 0.1, 1.0), (0.5, 0.3, 2.0, 10.0))
"""r, α, a, b where the search begins, with times in units of the mean age."""
ROUGH_GROUPS = 20_000


@dataclass(frozen=True)
class BetaGeometricNbd:
    """Parameters of the model; all are above 0.

    ``r`` and ``alpha_days``: shape (no unit) and rate (days) of the Gamma distribution of purchase rates, whose mean is
    r / alpha_days purchases per day. ``a`` and ``b``: the Beta distribution of the probability to leave after a
    purchase, whose mean is a / (a + b).
    """

    r: float
    alpha_days: float
    a: float
    b: float

    kind: ClassVar[str]
    first_purchase_counts: ClassVar[int]
    """1 when the first purchase of all gives a chance to leave, else 0."""

    @classmethod
    def fit(cls, history: PurchaseHistory) -> Fit[Self]:
        """The most likely parameters for these customers.

        The search counts time in mean ages, so that it takes the same way whatever the unit; the result is in days.
        Raises NotEnoughDataError: nobody came back, or the search finds no peak.
        """
        check_repeats(history)
        return fit_history(cls, cls._likelihood_of, history, STARTS, ROUGH_GROUPS, ("r", "alpha_days", "a", "b"))

    def log_likelihood(self, history: PurchaseHistory) -> float:
        """Sum of the customers' log-likelihoods, with times in days.

        In units of u days it is larger by ln(u) for each repeat purchase.
        """
        return self.log_likelihood_and_gradient(history.grouped())[0]

    def log_likelihood_and_gradient(self, grouped: GroupedHistory) -> tuple[float, Floats]:
        """The log-likelihood, and its derivatives by ln r, ln alpha_days, ln a and ln b, shape (4,)."""
        parameters = np.array([self.r, self.alpha_days, self.a, self.b])
        value, gradient = self._likelihood_of(grouped.distinct, grouped.customers)(parameters)
        return value, gradient * parameters

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,)."""
        return self._mixture().alive(history)

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        The mean of (1 - exp(-λpt)) / p over the λ and p of those who are alive. The hypergeometric function of the
        paper is this mean; integrating avoids its cancellations near a = 1 and its overflow at many purchases.
        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        return for_each_distinct(history, lambda distinct: self._mixture().expected(distinct, horizon))

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        return self._mixture().none(history, checked_horizon(horizon_days))

    def probability_of_at_least(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability of so many purchases or more, each at least 1, within ``horizon_days``, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        came = self._mixture().came(history, purchases, checked_horizon(horizon_days))
        return np.asarray(np.minimum(self.probability_alive(history) * came, 1.0))

    def to_json(self) -> dict[str, Any]:
        """The model as a dict that JSON can hold."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The model from what `to_json` gave. Raises ModelError: it is another kind, or a parameter is not sound."""
        return cls(**parameters_from_json(stored, cls.kind, ("r", "alpha_days", "a", "b")))

    def _mixture(self) -> BetaGeometricMixture:
        return BetaGeometricMixture(self.r, self.alpha_days, self.a, self.b, self.first_purchase_counts)

    @classmethod
    def _likelihood_of(cls, history: PurchaseHistory, customers: Floats) -> Likelihood:
        """The log-likelihood of distinct histories, each shared by so many customers.

        Gamma functions are taken once for each distinct x, the rest once for each distinct history.
        """
        x, last, age = history.repeat_purchases, history.first_to_last_days, history.age_days
        counts, count_of = np.unique(x, return_inverse=True)
        weight_of_count = np.bincount(count_of, weights=customers)
        stays = counts + cls.first_purchase_counts
        total = customers.sum()

        def likelihood(parameters: Floats) -> tuple[float, Floats]:
            r, alpha, a, b = parameters.tolist()
            k = r + x
            log_age = np.log(alpha + age)
            silence = log_age - np.log(alpha + last)
            log_odds = log_odds_left(a, b, stays)[count_of] + k * silence
            lesser = np.exp(-np.abs(log_odds))  # of the odds and their inverse; NumPy's exp is the fastest way to both
            gone = customers * np.where(log_odds > 0, 1.0, lesser) / (1 + lesser)
            value = (
                weight_of_count @ (gammaln(r + counts) - gammaln(r))
                + weight_of_count @ (gammaln(b + stays) - gammaln(b) - gammaln(a + b + stays) + gammaln(a + b))
                + total * r * np.log(alpha)
                + customers @ (np.maximum(log_odds, 0) + np.log1p(lesser) - k * log_age)
            )
            gone_of_count = np.bincount(count_of, weights=gone)
            # at m = 0 nobody is gone, so that the divisor there may be anything but 0
            per_stay = gone_of_count @ (1 / np.where(stays > 0, b + stays - 1, 1))
            both = psi(a + b) - psi(a + b + stays)
            gradient = [
                weight_of_count @ (psi(r + counts) - psi(r))
                + total * np.log(alpha)
                - customers @ log_age
                + gone @ silence,
                total * r / alpha
                - customers @ (k / (alpha + age))
                - gone @ (k * (age - last) / (alpha + age) / (alpha + last)),
                weight_of_count @ both + gone.sum() / a,
                weight_of_count @ (both + psi(b + stays) - psi(b)) - per_stay,
            ]
            return float(value), np.array(gradient)

        return likelihood


def check_repeats(history: PurchaseHistory) -> None:
    """Raise NotEnoughDataError when nobody bought again: then no purchase model can be told from another."""
    if not history.repeat_purchases.sum():
        raise NotEnoughDataError(
            Text(
                "None of {customers} customers bought a second time; a purchase model needs customers who did. "
                "Give a longer history.",
                "{customers} 位客户中没有人再次购买；购买模型需要有重复购买的客户。请提供更长的历史。",
            ),
            customers=len(history),
        )
