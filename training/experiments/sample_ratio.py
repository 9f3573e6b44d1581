"""Whether the arms have the sizes that the lot should have given them: a mismatch voids every figure of a campaign.

With one probability for all, the exact binomial test; where it differs between customers, the normal approximation of
the Poisson-binomial. A mismatch is told below a p-value of 0.001, as is usual (Fabijan et al., KDD 2019).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MISMATCH = 0.001
"""The p-value below which the arms are said not to fit the lot."""


@dataclass(frozen=True)
class SampleRatio:
    """How many of the customers were treated, how many the lot should have treated, and how likely such a gap is."""

    treated: int
    customers: int
    expected: float
    p_value: float

    @property
    def fits(self) -> bool:
        """Whether the arms may have come from the lot."""
        return self.p_value >= MISMATCH

    def said(self) -> Text:
        """The check in a sentence that says what to do."""
        told = _FITS if self.fits else _MISMATCH
        return told.format(
            treated=self.treated, customers=self.customers, expected=self.expected, p=f"{self.p_value:.2g}"
        )


def sample_ratio(is_treated: Flags, propensity: Floats) -> SampleRatio:
    """The check of one campaign; one entry a customer, propensities in [0, 1].

    Raises ValueError: there are no customers.
    """
    customers, treated = len(is_treated), int(is_treated.sum())
    if not customers:
        raise ValueError("no customers")
    expected, variance = float(propensity.sum()), float((propensity * (1 - propensity)).sum())
    if np.ptp(propensity) == 0:
        p_value = float(stats.binomtest(treated, customers, float(propensity[0])).pvalue)
    elif variance == 0:
        p_value = float(treated == round(expected))
    else:
        gap = max(abs(treated - expected) - 0.5, 0.0)  # continuity
        p_value = float(2 * stats.norm.sf(gap / np.sqrt(variance)))
    return SampleRatio(treated, customers, expected, min(p_value, 1.0))


_FITS = Text(
    "The arms fit the lot: {treated:,} of {customers:,} were treated, {expected:,.0f} were to be expected (p = {p}).",
    "分组与抽签相符：{customers:,} 位客户中处理了 {treated:,} 位，预期 {expected:,.0f} 位（p = {p}）。",
)
_MISMATCH = Text(
    "Do not trust the figures below: {treated:,} of {customers:,} were treated where the lot should have treated"
    " {expected:,.0f} (p = {p}). Customers were lost or moved between the arms after the lot. Find out which step did it (was the"
    " action refused, the list filtered, the log written for one arm only?), repair it, and run the campaign again.",
    "请勿采信以下数字：{customers:,} 位客户中处理了 {treated:,} 位，而按抽签应为 {expected:,.0f} 位（p = {p}）。"
    "抽签之后有客户丢失或换组。请查明是哪一步造成的（客户拒绝、名单被再次筛选、只记录了一组？），修正后重新开展活动。",
)
