"""How an action multiplies the hazard of leaving: a regression that begins at the playbook's belief.

With ``h`` the hazard of a customer over the horizon without action, the probability of leaving with it is
``1 - exp(-h exp(x'b))`` (complementary log-log, the grouped proportional hazards of Kalbfleisch & Prentice 1973). ``x`` is one
and then the modifiers. The first weight is believed to be the log of what the playbook says is left of the risk, all others
zero: normal priors, so that the belief counts as so many customers and the log speaks up as it grows. How far effects may
differ between customers, and whether a belief can be right at all, is told by the evidence (MacKay 1992): the spread whose
marginal likelihood is highest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]

SPREADS = (0.01, 0.025, 0.05, 0.1, 0.2)
"""Standard deviations that a modifier's weight may be believed to have."""
DOUBTS = {1.0: 0.9, 5.0: 0.1}
"""How many times as wide as it says a belief may be taken for: a normal one alone would never let go (Box 1980);
and how likely each of it is before the log is heard."""
MOST_LOG, LEAST_LOG = 3.0, -5.0
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(7)


@dataclass(frozen=True)
class LogFactor:
    """The log of what an action makes of the hazard: normal weights of the modifiers, their mean and covariance."""

    mean: Floats
    covariance: Floats
    slope_spread: float

    def of(self, values: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation for each row of modifiers."""
        spread = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", values, self.covariance, values), 0))
        return values @ self.mean, spread

    def as_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {"mean": self.mean.tolist(), "covariance": self.covariance.tolist(), "slope_spread": self.slope_spread}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(np.asarray(document["mean"]), np.asarray(document["covariance"]), float(document["slope_spread"]))


def believed(mean: float, spread: float, names: int) -> LogFactor:
    """The same for everybody, as the belief has it; ``mean`` and ``spread`` are those of the log factor."""
    covariance = np.zeros((names, names))
    covariance[0, 0] = spread**2
    middle: Floats = np.eye(names)[0] * mean
    return LogFactor(middle, covariance, 0.0)


@dataclass(frozen=True)
class Treated:
    """Rows that were treated: modifiers of shape (rows, modifiers), ``left`` 0 to 1, and the hazard without action."""

    values: Floats
    left: Floats
    hazard: Floats


def fit_log_factor(log: Treated, mean: float, spread: float) -> LogFactor:
    """The posterior (Laplace) of an action from its treated rows, and the mean and spread of its belief.

    How far weights may differ from zero, and whether the belief is to be doubted (taken for that much wider than it says), the
    action's own log tells: the posterior whose evidence is highest.
    """
    found = [
        (factor, evidence + float(np.log(chance)))
        for slopes in SPREADS
        for wider, chance in DOUBTS.items()
        for factor, evidence in [_posterior(log.values, log.left, log.hazard, mean, spread * wider, slopes)]
    ]
    return max(found, key=lambda pair: pair[1])[0]


def _posterior(
    values: Floats, left: Floats, hazard: Floats, mean: float, spread: float, slopes: float
) -> tuple[LogFactor, float]:
    """The posterior and the log of its marginal likelihood."""
    begin = np.eye(values.shape[1])[0] * mean
    precision = np.full(values.shape[1], 1 / slopes**2)
    precision[0] = 1 / spread**2

    def loss(weights: Floats) -> tuple[float, Floats]:
        likelihood, slope, _ = _log_likelihood(values @ weights, left, hazard)
        off = weights - begin
        return float(-likelihood.sum() + 0.5 * (precision * off**2).sum()), -values.T @ slope + precision * off

    best = minimize(loss, begin, jac=True, method="L-BFGS-B")
    _, _, curvature = _log_likelihood(values @ best.x, left, hazard)
    hessian = (values * curvature[:, None]).T @ values + np.diag(precision)
    evidence = -best.fun + 0.5 * np.log(precision).sum() - 0.5 * np.linalg.slogdet(hessian)[1]
    covariance: Floats = np.asarray(np.linalg.inv(hessian), dtype=np.float64)
    return LogFactor(best.x, covariance, slopes), float(evidence)


def _log_likelihood(log_factor: Floats, left: Floats, hazard: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each row, its slope in the log factor, and the expected information."""
    risk = hazard * np.exp(np.clip(log_factor, LEAST_LOG, MOST_LOG))
    leaves = np.maximum(-np.expm1(-risk), 1e-12)
    odds = risk * np.exp(-risk) / leaves
    return left * np.log(leaves) - (1 - left) * risk, left * odds - (1 - left) * risk, risk * odds


def reduction(hazard: Floats, log_factor: Floats) -> Floats:
    """The share of the probability of leaving that the action takes away; below zero where it drives customers away."""
    return 1 - np.expm1(-hazard * np.exp(np.clip(log_factor, LEAST_LOG, MOST_LOG))) / np.expm1(-hazard)


def expected_reduction(hazard: Floats, mean: Floats, spread: Floats) -> Floats:
    """The mean of `reduction` over a normal log factor of these means and standard deviations."""
    parts = [weight * reduction(hazard, mean + node * spread) for node, weight in zip(NODES, WEIGHTS, strict=True)]
    total: Floats = np.sum(parts, axis=0) / WEIGHTS.sum()
    return total
