"""What an action changed for those who got it, against controls drawn by lot, with an interval.

The estimate is the mean over the treated of what came true less what controls like them would have had: a least-squares
line over covariates from before the campaign, fitted to the controls with the odds of being treated as weights, so that
they stand for the treated where the lot differed between customers. Covariates from before the campaign cannot be changed
by it and take out what differed anyway (CUPED: Deng, Xu, Kohavi, Walker 2013; regression in the arm: Lin 2013). Nothing is
assumed of the line being true: with no covariates it is a difference of weighted means. The variance is the robust one (HC2,
MacKinnon and White 1985) or that of another lot (Neyman 1923), whichever is larger; the quantile Student's with Welch's
degrees of freedom, corrected for skewness.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEVEL = 0.95
"""The share of intervals that hold the truth."""
LEAST_ARM = 50
"""Customers that an arm needs; below it the intervals of heavy-tailed money were measured to be too short."""
LEAST_EVENTS = 10
"""Customers who stayed, and who left, that each arm needs before a change of retention is told."""
CONTROLS_PER_COVARIATE = 20
MOST_BY_LOT = 3.0
"""How many times the robust variance that of another lot may count."""
MOST_SHIFT = 0.3
"""How far skewness may move an interval, as a share of its half-width."""
_TRIMMED = 0.995
"""Covariates are cut at this quantile and its mirror: single giants would otherwise carry the line."""


@dataclass(frozen=True)
class Sample:
    """The customers of a campaign, one entry each.

    ``propensity`` is the probability of being treated that each had; ``covariates`` has one row a customer and one column
    for each fact known before the campaign (no missing values).
    """

    is_treated: Flags
    propensity: Floats
    covariates: Floats

    @property
    def treated(self) -> int:
        """How many got the action."""
        return int(self.is_treated.sum())

    @property
    def controls(self) -> int:
        """How many were kept out by the lot."""
        return len(self.is_treated) - self.treated

    def where(self, kept: Flags) -> "Sample":
        """The chosen ones, in order."""
        return Sample(self.is_treated[kept], self.propensity[kept], self.covariates[kept])


@dataclass(frozen=True)
class Effect:
    """A mean change per treated customer in the outcome's unit, with its 95 % interval.

    ``expected`` is what the treated would have had without the action, per customer; ``skewness`` that of the estimate;
    ``variance_saved`` the share of the variance that the covariates took out.
    """

    value: float
    standard_error: float
    low: float
    high: float
    expected: float
    treated: int
    controls: int
    skewness: float = 0.0
    variance_saved: float = 0.0

    @property
    def total(self) -> tuple[float, float, float]:
        """The change of all treated together with its interval: (value, low, high)."""
        return self.value * self.treated, self.low * self.treated, self.high * self.treated

    @property
    def is_proven(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def effect_of(outcome: Floats, sample: Sample, level: float = LEVEL) -> Effect:
    """The mean change of ``outcome`` (one entry a customer) per treated customer.

    Raises ValueError: an arm has fewer than two customers, or a propensity is not between 0 and 1.
    """
    _check(sample)
    columns = _columns(sample)
    line, plain = _fitted(outcome, sample, columns), _fitted(outcome, sample, columns[:, :1])
    before, after = (_chance(_rest(outcome, of, sample, 1.0), of, sample).robust for of in (plain, line))
    effect = _effect(line.change(outcome, sample), _rest(outcome, line, sample, 1.0), line, sample, level)
    return replace(effect, variance_saved=1 - after / before if before > 0 else 0.0)


def relative_reduction(left: Floats, sample: Sample, level: float = LEVEL) -> Effect:
    """The share of the probability of leaving that the action takes away, as the playbook states its beliefs.

    ``left`` is 1 for who has left, 0 for who stayed. The share is 1 - L/E with L the share of the treated who left and E the
    share who would have left; its interval is by the delta method.
    Raises ValueError: as `effect_of`, or nobody would have left.
    """
    _check(sample)
    line = _fitted(left, sample, _columns(sample))
    if line.expected <= 0:
        raise ValueError("nobody would have left")
    ratio = 1 + line.change(left, sample) / line.expected
    rest = -_rest(left, line, sample, ratio) / line.expected
    return _effect(1 - ratio, rest, line, sample, level)


def too_few(sample: Sample, left: Floats | None = None) -> Text | None:
    """Why nothing is said of this sample; None where it suffices. With ``left`` (1: has left) for retention."""
    if min(sample.treated, sample.controls) < LEAST_ARM:
        return _FEW.format(treated=sample.treated, controls=sample.controls, least=LEAST_ARM)
    if left is not None:
        counts = [
            c for arm in (sample.is_treated, ~sample.is_treated) for c in (left[arm].sum(), (1 - left[arm]).sum())
        ]
        if min(counts) < LEAST_EVENTS:
            return _RARE.format(fewest=int(min(counts)), least=LEAST_EVENTS)
    return None


def _check(sample: Sample) -> None:
    if min(sample.treated, sample.controls) < 2:
        raise ValueError("each arm needs two customers")
    if not ((sample.propensity > 0) & (sample.propensity < 1)).all():
        raise ValueError("propensities lie between 0 and 1")


@dataclass(frozen=True)
class _Line:
    """What the controls foretell for each customer; the weight that each would have in it as a control; its freedom.

    The weights of the controls add up to one; ``leverage`` is theirs, and zero for the treated.
    """

    foretold: Floats
    pull: Floats
    leverage: Floats
    freedom: float
    expected: float

    def change(self, outcome: Floats, sample: Sample) -> float:
        """The mean over the treated of what came true less what was foretold."""
        return float((outcome - self.foretold)[sample.is_treated].mean())


@dataclass(frozen=True)
class _Chance:
    """Variance and skewness of an estimate, the degrees of freedom of the former, and the robust variance alone."""

    variance: float
    skewness: float
    freedom: float
    robust: float


def _fitted(outcome: Floats, sample: Sample, columns: Floats) -> _Line:
    control, odds = ~sample.is_treated, sample.propensity / (1 - sample.propensity)
    root = np.sqrt(odds[control])
    basis, upper = np.linalg.qr(columns[control] * root[:, None])
    foretold = columns @ np.linalg.solve(upper, basis.T @ (outcome[control] * root))
    centre = np.linalg.solve(upper.T, columns[sample.is_treated].mean(axis=0))
    pull = columns @ np.linalg.solve(upper, centre) * odds
    leverage = np.zeros(len(outcome))
    leverage[control] = np.minimum((basis**2).sum(axis=1), 0.99)
    carrying = 1 / float((pull[control] ** 2).sum())  # so many customers of equal weight would carry the mean as well
    freedom = max(carrying - columns.shape[1], 1.0)
    return _Line(foretold, pull, leverage, freedom, float(foretold[sample.is_treated].mean()))


def _rest(outcome: Floats, line: _Line, sample: Sample, ratio: float) -> Floats:
    """What of each outcome is chance, with mean zero among the treated.

    With a ratio, chance of the controls counts that much: of L - ratio x E, where E is what they foretell.
    """
    rest = np.where(sample.is_treated, outcome - ratio * line.foretold, ratio * (outcome - line.foretold))
    rest = rest / np.sqrt(1 - line.leverage)
    return np.where(sample.is_treated, rest - rest[sample.is_treated].mean(), rest)


def _chance(rest: Floats, line: _Line, sample: Sample) -> _Chance:
    """How far the lot and the customers' own chance can move the estimate.

    Two variances, the larger counts, the second at most `MOST_BY_LOT` times the first. The robust one (HC2) takes the spread of each arm from that arm. The other asks what
    another lot would have made of the same customers, each in either arm by its propensity; it knows of the giants that this
    lot put into the large arm and could have put into the small one, which the first misses half of the time.
    """
    treated, share = sample.is_treated, sample.propensity
    own = 1 / sample.treated
    robust = np.array(
        [(rest[treated] ** 2).sum() * own / (sample.treated - 1), ((line.pull * rest)[~treated] ** 2).sum()]
    )
    by_lot = float((rest**2 * (share * own**2 + (1 - share) * line.pull**2)).sum())
    third = float((rest**3 * (share * own**3 - (1 - share) * line.pull**3)).sum())
    if robust.sum() <= 0:
        return _Chance(0.0, 0.0, 1.0, 0.0)
    freedom = float(robust.sum() ** 2 / (robust**2 / np.array([sample.treated - 1, line.freedom])).sum())
    variance = float(np.clip(by_lot, robust.sum(), MOST_BY_LOT * robust.sum()))
    return _Chance(variance, third / by_lot**1.5, freedom, float(robust.sum()))


def _effect(value: float, rest: Floats, line: _Line, sample: Sample, level: float) -> Effect:
    chance = _chance(rest, line, sample)
    error = float(np.sqrt(chance.variance))
    low, high = interval(value, error, float(stats.t.ppf((1 + level) / 2, chance.freedom)), chance.skewness)
    return Effect(value, error, low, high, line.expected, sample.treated, sample.controls, chance.skewness)


def interval(value: float, standard_error: float, reach: float, skewness: float) -> tuple[float, float]:
    """The interval of so many standard errors, moved by what the skewness of the estimate asks for.

    The quantiles are those of Cornish and Fisher (1938) to the second order: both ends move against the skewness by
    (reach² - 1)/6 of it, at most by a part of the reach.
    """
    most = MOST_SHIFT * reach
    shift = min(max(-skewness * (reach**2 - 1) / 6, -most), most)
    return value + (shift - reach) * standard_error, value + (shift + reach) * standard_error


def _columns(sample: Sample) -> Floats:
    """A column of ones and the covariates: cut, of mean 0 and spread 1; constant and repeated ones are left out."""
    ones = np.ones((len(sample.is_treated), 1))
    given = sample.covariates[:, : max(0, sample.controls // CONTROLS_PER_COVARIATE)]
    if not given.shape[1]:
        return ones
    low, high = np.quantile(given, [1 - _TRIMMED, _TRIMMED], axis=0)
    cut = np.clip(given, low, high)
    spread = cut[~sample.is_treated].std(axis=0)
    cut = cut[:, spread > 1e-9 * np.maximum(1, np.abs(cut).max(axis=0))]
    columns = np.hstack([ones, (cut - cut.mean(axis=0)) / np.where(cut.std(axis=0) > 0, cut.std(axis=0), 1)])
    return columns[:, _independent(columns[~sample.is_treated])]


def _independent(columns: Floats) -> NDArray[np.int64]:
    """Places of the columns that are no combination of those before them."""
    diagonal = np.abs(np.diag(np.linalg.qr(columns, mode="r")))
    kept: NDArray[np.int64] = np.flatnonzero(diagonal > 1e-6 * np.sqrt(len(columns)))
    return kept


_FEW = Text(
    "Too few customers: {treated:,} treated and {controls:,} controls; each arm needs {least}. Let the campaign run on, or"
    " raise the share of controls.",
    "客户太少：处理组 {treated:,} 位，对照组 {controls:,} 位；每组至少需要 {least} 位。请继续开展活动，或提高对照组比例。",
)
_RARE = Text(
    "Too few left, or stayed, in one of the arms: {fewest}; {least} are needed. Let the campaign run on.",
    "某一组中流失或留存的客户太少：{fewest} 位；至少需要 {least} 位。请继续开展活动。",
)

EFFECTS: Mapping[str, Text] = {
    "retention": Text("customers kept", "留存客户"),
    "revenue": Text("revenue", "收入"),
    "margin": Text("margin", "毛利"),
    "return": Text("margin less cost", "毛利扣除成本"),
}
"""What is measured of a campaign, by name; the first as a share of the treated, the others in currency."""
