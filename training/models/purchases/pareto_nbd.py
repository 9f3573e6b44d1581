"""Pareto/NBD: customers buy at random times while they are alive, and may leave at any moment."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, psi

from training.models.purchases.beta_geometric import check_repeats
from training.models.purchases.history import GroupedHistory, PurchaseHistory, checked_horizon, for_each_distinct
from training.models.purchases.maximum_likelihood import Fit, Likelihood, fit_history, parameters_from_json
from training.models.purchases.pareto_mixture import ParetoMixture

Floats = NDArray[np.float64]

STARTS = ((1.0, 1.0, 1.0, 1.0), (0.5, 0.3, 0.5, 0.3), (3.0, 3.0, 0.3, 1.0), (0.5, 0.3, 2.0, 10.0))
"""r, α, s, β where the search begins, with times in units of the mean age."""
ROUGH_GROUPS = 5_000
NAMES = ("r", "alpha_days", "s", "beta_days")


@dataclass(frozen=True)
class ParetoNbd:
    """Parameters of the model; all are above 0.

    Schmittlein, Morrison & Colombo (1987), Management Science 33(1). ``r`` and ``alpha_days``: shape (no unit) and rate
    (days) of the Gamma distribution of purchase rates λ, mean r / alpha_days per day. ``s`` and ``beta_days``: the same
    for the rates μ at which customers leave.

    The likelihood is used before it is turned into hypergeometric functions (Fader & Hardie 2005, A note on deriving
    the Pareto/NBD model): as an integral over the moment of leaving, (α+y)^-(r+x)·(β+y)^-(s+1) from t_x to T. It and
    its derivatives by the parameters are computed by the same quadrature, without overflow for any parameters.

    >>> model = ParetoNbd(r=0.553, alpha_days=7 * 10.578, s=0.606, beta_days=7 * 11.669)
    >>> model.probability_alive(PurchaseHistory.of([2], [30.43], [38.86], days_per_unit=7)).round(2)
    array([0.87])
    """

    r: float
    alpha_days: float
    s: float
    beta_days: float

    kind: ClassVar[str] = "pareto_nbd"

    @classmethod
    def fit(cls, history: PurchaseHistory) -> Fit[Self]:
        """The most likely parameters for these customers.

        The search counts time in mean ages, so that it takes the same way whatever the unit; the result is in days.
        Raises NotEnoughDataError: nobody came back, or the search finds no peak.
        """
        check_repeats(history)
        return fit_history(cls, _likelihood_of, history, STARTS, ROUGH_GROUPS, NAMES)

    def log_likelihood(self, history: PurchaseHistory) -> float:
        """Sum of the customers' log-likelihoods, with times in days.

        In units of u days it is larger by ln(u) for each repeat purchase.
        """
        return self.log_likelihood_and_gradient(history.grouped())[0]

    def log_likelihood_and_gradient(self, grouped: GroupedHistory) -> tuple[float, Floats]:
        """The log-likelihood, and its derivatives by ln r, ln alpha_days, ln s and ln beta_days, shape (4,)."""
        parameters = np.array([self.r, self.alpha_days, self.s, self.beta_days])
        value, gradient = _likelihood_of(grouped.distinct, grouped.customers)(parameters)
        return value, gradient * parameters

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """Probability that the customer has not left by the cut-off, from 0 to 1, shape (customers,)."""
        return for_each_distinct(history, self._mixture().alive)

    def expected_purchases(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Expected purchases within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        return for_each_distinct(history, lambda distinct: self._mixture().expected(distinct, horizon))

    def probability_of_no_purchase(self, history: PurchaseHistory, horizon_days: float) -> Floats:
        """Probability that nothing is bought within ``horizon_days`` after the cut-off, shape (customers,).

        Raises ModelError: the horizon is negative or not finite.
        """
        horizon = checked_horizon(horizon_days)
        return for_each_distinct(history, lambda distinct: self._mixture().none(distinct, horizon))

    def probability_of_at_least(self, history: PurchaseHistory, purchases: Floats, horizon_days: float) -> Floats:
        """Probability of so many purchases or more, each at least 1, within ``horizon_days``, shape (customers,).

        Exact to about 1e-5, and to 1e-3 for any customer and parameters.
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
        return cls(**parameters_from_json(stored, cls.kind, NAMES))

    def _mixture(self) -> ParetoMixture:
        return ParetoMixture(self.r, self.alpha_days, self.s, self.beta_days)


def _likelihood_of(history: PurchaseHistory, customers: Floats) -> Likelihood:
    """The log-likelihood of distinct histories, each shared by so many customers."""
    x, age = history.repeat_purchases, history.age_days
    counts, count_of = np.unique(x, return_inverse=True)
    weight_of_count = np.bincount(count_of, weights=customers)
    total = customers.sum()

    def likelihood(parameters: Floats) -> tuple[float, Floats]:
        r, alpha, s, beta = parameters.tolist()
        k = r + x
        log_alive, left = ParetoMixture(r, alpha, s, beta).alive_and_left(history)
        log_left = np.log(s) + left.log
        gone = customers * expit(log_left - log_alive)
        alive = customers - gone
        value = (
            weight_of_count @ (gammaln(r + counts) - gammaln(r))
            + total * (r * np.log(alpha) + s * np.log(beta))
            + customers @ np.logaddexp(log_alive, log_left)
        )
        gradient = [
            weight_of_count @ (psi(r + counts) - psi(r))
            + total * np.log(alpha)
            - alive @ np.log(alpha + age)
            - gone @ left.mean_log_first,
            total * r / alpha - alive @ (k / (alpha + age)) - gone @ (k * left.mean_inverse_first),
            total * np.log(beta) - alive @ np.log(beta + age) + gone.sum() / s - gone @ left.mean_log_second,
            total * s / beta - s * (alive @ (1 / (beta + age))) - (s + 1) * (gone @ left.mean_inverse_second),
        ]
        return float(value), np.array(gradient)

    return likelihood
