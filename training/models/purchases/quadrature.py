"""The two integrals that the purchase models need, in forms where nothing overflows and nothing cancels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

LEGENDRE_NODES = 32
LEGENDRE_AT, LEGENDRE_WEIGHT = (half / 2 for half in np.polynomial.legendre.leggauss(LEGENDRE_NODES))
LEGENDRE_AT = LEGENDRE_AT + 0.5
NEGLIGIBLE_LOG = 36.0
"""What is smaller than the peak by a factor of exp(36), about 4e15, is lost in rounding anyway."""
NEWTON_STEPS = 6

TRAPEZOID_NODES = 128
ROWS_AT_A_TIME = 4096
"""Rows times nodes of this many rows stay within the processor's cache."""


class PowerIntegral(NamedTuple):
    """ln of the integral, and the means that its derivatives need; each of shape (rows,).

    The means are taken over y with a density in proportion to the integrand, and are finite where the integral is 0.
    """

    log: Floats
    mean_log_first: Floats
    mean_log_second: Floats
    mean_inverse_first: Floats
    mean_inverse_second: Floats


def power_integral(first: Floats, k: Floats, second: Floats, q: Floats, width: Floats) -> PowerIntegral:
    """The integral over y from 0 to ``width`` of (first + y)^-k · (second + y)^-q, all arguments of shape (rows,).

    All are above 0 but ``width``, which may be 0. With m + y = m·exp(w), m the smaller of the two bases, the logarithm
    of the integrand is concave in w. So the point where it has become negligible is found by Newton's method, and
    Gauss and Legendre's rule on what is left of the range is exact to about 1e-12.
    """
    swap = second < first
    low, high = np.where(swap, second, first), np.where(swap, first, second)
    at_low, at_high = np.where(swap, q, k), np.where(swap, k, q)
    parts = [
        _power_integral(*(column[rows] for column in (low, at_low, high, at_high, width)))
        for rows in chunks(len(first))
    ]
    log, log_low, log_high, inverse_low, inverse_high = (np.concatenate(column) for column in zip(*parts, strict=True))
    return PowerIntegral(
        log,
        np.where(swap, log_high, log_low),
        np.where(swap, log_low, log_high),
        np.where(swap, inverse_high, inverse_low),
        np.where(swap, inverse_low, inverse_high),
    )


def _power_integral(low: Floats, k: Floats, high: Floats, q: Floats, width: Floats) -> tuple[Floats, ...]:
    """The same for low <= high: ln of the integral, mean ln of both bases, mean inverse of both."""
    share = low / high
    end, peak = _range(k - 1, q, share, np.log1p(width / low))
    w = end[:, None] * LEGENDRE_AT
    grown = np.expm1(w)
    high_grown = np.log1p(share[:, None] * grown)
    weight = np.exp(-(k - 1)[:, None] * w - q[:, None] * high_grown - peak[:, None]) * LEGENDRE_WEIGHT
    total = weight.sum(axis=1)
    weight /= total[:, None]
    with np.errstate(divide="ignore"):  # ln 0 for a width of 0 is meant
        log = peak + np.log(end) + np.log(total) + (1 - k) * np.log(low) - q * np.log(high)
    return (
        log,
        np.log(low) + (weight * w).sum(axis=1),
        np.log(high) + (weight * high_grown).sum(axis=1),
        (weight / (1 + grown)).sum(axis=1) / low,
        (weight / (1 + share[:, None] * grown)).sum(axis=1) / high,
    )


def _range(slope: Floats, q: Floats, share: Floats, whole: Floats) -> tuple[Floats, Floats]:
    """How far w matters, at most ``whole``, and the highest value of -slope·w - q·ln(1 + share·(e^w - 1)) up to there.

    Newton's method comes from the right, where the tangent of a concave function never crosses the point sought.
    """
    rising = np.clip(-slope / q, 0, None)  # above 0 only for a slope below 0, where the peak lies inside
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(rising < 1, np.log(rising * (1 - share) / (share * (1 - rising))), np.inf)
    top = np.clip(np.where(rising > 0, inside, 0.0), 0.0, whole)
    peak = _log_integrand(slope, q, share, top)
    end = whole.copy()
    for _ in range(NEWTON_STEPS):
        below = _log_integrand(slope, q, share, end) - (peak - NEGLIGIBLE_LOG)
        grown = share * np.exp(end)
        steepness = slope + q * grown / (1 - share + grown)
        end -= np.divide(below, -steepness, out=np.zeros_like(end), where=below < 0)
    return end, peak


def _log_integrand(slope: Floats, q: Floats, share: Floats, w: Floats) -> Floats:
    return np.asarray(-slope * w - q * np.log1p(share * np.expm1(w)))


def mean_over_dropout(a: float | Floats, b: Floats, k: Floats, ratio: Floats) -> Floats:
    """The mean of (1 - (1 + p·ratio)^-k) / p over p ~ Beta(a, b): expected purchases of a customer who is alive.

    ``b``, ``k`` and ``ratio`` have shape (rows,), ``a`` may have. The straight line between the values at p = 0 and p = 1 has a mean in
    closed form; what the function lies below it vanishes at both ends, so that even for a near 0 its integral over
    ln(p / (1 - p)) needs a short range only, on which the trapezoidal rule converges exponentially.
    """
    if not len(b):
        return np.zeros(0)
    columns = (np.broadcast_to(a, b.shape), b, k, ratio)
    return np.concatenate([_mean_over_dropout(*(column[rows] for column in columns)) for rows in chunks(len(b))])


def _mean_over_dropout(a: Floats, b: Floats, k: Floats, ratio: Floats) -> Floats:
    at_zero, at_one = k * ratio, -np.expm1(-k * np.log1p(ratio))
    low, high, peak = _dropout_range(a, b, at_zero)
    step = (high - low) / (TRAPEZOID_NODES - 1)
    logit = low[:, None] + step[:, None] * np.arange(TRAPEZOID_NODES)
    odds_against = np.exp(-logit)
    p = 1 / (1 + odds_against)
    product = odds_against * p**2
    weight = np.exp(-(a + b + 2)[:, None] * np.log1p(odds_against) - (b + 1)[:, None] * logit - peak[:, None])
    value = -np.expm1(-k[:, None] * np.log1p(p * ratio[:, None])) / p
    below_line = at_zero[:, None] - (at_zero - at_one)[:, None] * p - value
    # weighted with Beta(a+1, b+1), whose constant the sum of the weights gives more exactly than Gamma functions would
    mean_below = a * b / ((a + b) * (a + b + 1)) * (weight * below_line / product).sum(axis=1) / weight.sum(axis=1)
    line = (at_zero * b + at_one * a) / (a + b)
    return np.asarray(np.clip(line - mean_below, 0.0, at_zero))


def _dropout_range(a: Floats, b: Floats, at_zero: Floats) -> tuple[Floats, Floats, Floats]:
    """The range of u = ln(p / (1 - p)) outside of which density times what lies below the line is negligible.

    Its two ends, and the highest value of ln of p^(a+1)·(1-p)^(b+1).

    That product is Beta(a+1, b+1) times a function that falls in p, by less than a factor of 1 + p·at_zero. The
    density's logarithm is concave in u; both searches start from bounds that hold for any a and b.
    """
    log_p, log_rest = np.log((a + 1) / (a + b + 2)), np.log((b + 1) / (a + b + 2))
    peak = (a + 1) * log_p + (b + 1) * log_rest
    left_level = peak - NEGLIGIBLE_LOG - np.log1p(at_zero * np.exp(log_p))
    left, right = left_level / (a + 1), (NEGLIGIBLE_LOG - peak) / (b + 1)
    for _ in range(NEWTON_STEPS):
        left -= (_log_beta(a, b, left) - left_level) / (a + 1 - (a + b + 2) * expit(left))
        right -= (_log_beta(a, b, right) - (peak - NEGLIGIBLE_LOG)) / (a + 1 - (a + b + 2) * expit(right))
    return left, right, peak


def _log_beta(a: Floats, b: Floats, logit: Floats) -> Floats:
    """Logarithm of p^(a+1)·(1-p)^(b+1)."""
    return np.asarray((a + 1) * logit - (a + b + 2) * np.logaddexp(0, logit))


def chunks(rows: int) -> list[slice]:
    """Slices that cut so many rows into parts that stay within the processor's cache; one empty slice for none."""
    return [slice(start, start + ROWS_AT_A_TIME) for start in range(0, max(rows, 1), ROWS_AT_A_TIME)]
