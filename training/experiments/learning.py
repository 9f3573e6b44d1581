"""Beliefs about an action updated by what campaigns measured: the normal conjugate update, made wary in two places.

Campaigns of the same action differ by more than chance; their estimates are pooled with the variance between them
(DerSimonian and Laird 1986). A belief that the measurements contradict is widened to the spread that makes them likeliest
(type-II maximum likelihood: the variance is the squared gap less what chance explains), never narrowed: a belief that is
wrong by a factor of three gives way after few campaigns, one that was right is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BELIEF = 0.9
"""The share of a belief that its low and high hold."""
_REACH = 1.6448536269514722
"""Standard deviations from the middle of a normal belief to its low and high."""
_SPREAD_AT_LEAST = 1e-4
"""A belief of no width would never learn; this is a hundredth of a per cent."""


@dataclass(frozen=True)
class Evidence:
    """What one campaign measured of one action, as a share of what the belief is a share of.

    ``value`` has the same meaning as a playbook's effect; ``standard_error`` its unit.
    """

    campaign: str
    value: float
    standard_error: float
    treated: int
    controls: int


@dataclass(frozen=True)
class Belief:
    """What an action is believed to do: mean, and the range that holds 90 % of the belief.

    Unlike a playbook's own belief it may be negative: measurements can show that an action harms.
    """

    mean: float
    low: float
    high: float
    evidence: tuple[Evidence, ...] = ()

    @property
    def spread(self) -> float:
        """The belief's standard deviation."""
        return max((self.high - self.low) / (2 * _REACH), _SPREAD_AT_LEAST)

    @property
    def treated(self) -> int:
        """Customers treated in the campaigns behind it."""
        return sum(one.treated for one in self.evidence)

    @property
    def controls(self) -> int:
        """Controls in the campaigns behind it."""
        return sum(one.controls for one in self.evidence)


def pooled(evidence: Sequence[Evidence]) -> tuple[float, float]:
    """The campaigns' estimates as one with its standard error; campaigns may differ by more than chance.

    Raises ValueError: there is none, or a standard error is not above zero.
    """
    values, errors = (np.array([getattr(one, name) for one in evidence]) for name in ("value", "standard_error"))
    if not len(values) or (errors <= 0).any():
        raise ValueError("campaigns with standard errors above zero are needed")
    weight = errors**-2
    mean = float((weight * values).sum() / weight.sum())
    excess = float((weight * (values - mean) ** 2).sum()) - (len(values) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    between = max(0.0, excess / scale) if scale > 0 else 0.0
    weight = 1 / (errors**2 + between)
    return float((weight * values).sum() / weight.sum()), float(weight.sum() ** -0.5)


def updated(belief: Belief, evidence: Sequence[Evidence]) -> Belief:
    """The belief after these campaigns; without any it stays as it is.

    >>> after = updated(Belief(0.1, 0.02, 0.18), [Evidence("spring", 0.1, 0.0486, 900, 300)])
    >>> round(after.mean, 3), round(after.low, 3), round(after.high, 3)
    (0.1, 0.043, 0.157)
    """
    if not evidence:
        return belief
    value, error = pooled(evidence)
    before = max(belief.spread**2, (value - belief.mean) ** 2 - error**2)
    after = 1 / (1 / before + 1 / error**2)
    mean = after * (belief.mean / before + value / error**2)
    reach = _REACH * float(np.sqrt(after))
    return Belief(mean, mean - reach, mean + reach, (*belief.evidence, *evidence))
