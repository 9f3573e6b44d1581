"""What a ranking is worth in a retention campaign at its best cut: maximum profit, and its expectation (EMPC).

Verbraken, Verbeke and Baesens 2013: a campaign contacts the customers with the highest scores. A contact costs f. A
contacted customer who would have left takes an incentive of cost d with probability γ and then stays, which keeps a
lifetime value of CLV; one who would have stayed takes the incentive in any case. Contacting a group of customers of
whom the share v would leave thus brings, a customer,

    v · γ · (CLV − d)  −  (1 − v) · d  −  f

Which groups to contact is decided on the convex hull of the ROC curve, whose segments are the blocks of an isotonic
regression of the outcome on the score (Fawcett and Niculescu-Mizil 2007). A block is contacted when γ is above its own
border, so that the integral over γ ~ Beta(α, β) is a sum of incomplete beta functions over the blocks, without error.
Here the share is the outcome's on the very rows that are judged: it is the value of the best cut, not of one that could
have been known beforehand. For the latter see `training.evaluation.profit`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import betainc

from training.evaluation.weighted import Measure

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Campaign:
    """A retention campaign. Money in one currency; γ ~ Beta(``alpha``, ``beta``), on the average alpha / (alpha + beta).

    The defaults are those of Verbraken et al. 2013 for telecommunications: put in the company's own.
    """

    lifetime_value: float = 200.0
    incentive: float = 10.0
    contact: float = 1.0
    alpha: float = 6.0
    beta: float = 14.0

    @property
    def acceptance(self) -> float:
        """Mean share of those who would leave whom the incentive keeps."""
        return self.alpha / (self.alpha + self.beta)


@dataclass(frozen=True)
class MaximumProfit:
    """Profit at the best cut, in currency per customer of the base, and the share of customers contacted there."""

    profit: float
    share_contacted: float


def maximum_profit(churned: Integers, score: Floats, campaign: Campaign | None = None) -> MaximumProfit:
    """The best profit when γ is exactly its mean (deterministic, MPC)."""
    terms = campaign or Campaign()
    rate, mass = _blocks(churned, score, np.ones(len(churned)))
    gain = rate * terms.acceptance * (terms.lifetime_value - terms.incentive)
    profit = gain - (1 - rate) * terms.incentive - terms.contact
    pays = profit > 0
    return MaximumProfit(float(mass[pays] @ profit[pays]), float(mass[pays].sum()))


def expected_maximum_profit(churned: Integers, score: Floats, campaign: Campaign | None = None) -> MaximumProfit:
    """The best profit, expected over what is not known of γ (EMPC), and the share contacted, expected likewise."""
    return _expected(*_blocks(churned, score, np.ones(len(churned))), campaign or Campaign())


def empc(churned: Integers, score: Floats, campaign: Campaign | None = None) -> Measure:
    """The expected maximum profit for a bootstrap, in currency per customer."""
    terms = campaign or Campaign()
    return Measure(
        lambda weights: np.array(
            [_expected(*_blocks(churned, score, column), terms).profit for column in np.ascontiguousarray(weights.T)]
        )
    )


def _expected(rate: Floats, mass: Floats, terms: Campaign) -> MaximumProfit:
    kept_value = rate * (terms.lifetime_value - terms.incentive)
    cost = (1 - rate) * terms.incentive + terms.contact
    with np.errstate(divide="ignore"):
        border = np.clip(np.where(kept_value > 0, cost / kept_value, np.inf), 0, 1)
    chance = 1 - betainc(terms.alpha, terms.beta, border)
    acceptance = terms.acceptance * (1 - betainc(terms.alpha + 1, terms.beta, border))
    return MaximumProfit(float(mass @ (kept_value * acceptance - cost * chance)), float(mass @ chance))


def _blocks(churned: Integers, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The segments of the ROC curve's convex hull: churn rate and share of all rows of each, by rising score."""
    counts = weights > 0
    _, place = np.unique(score[counts], return_inverse=True)
    mass = np.bincount(place, weights=weights[counts])
    rates = np.bincount(place, weights=(weights * churned)[counts]) / mass
    hull = isotonic_regression(rates, weights=mass)
    starts = np.asarray(hull.blocks[:-1], dtype=np.int64)
    return np.asarray(hull.x[starts], dtype=np.float64), np.add.reduceat(mass, starts) / mass.sum()
