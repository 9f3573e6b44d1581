"""The portfolio of each account manager by quantity and by quality, told so that small numbers do not make rankings.

A rate of few customers says little about the manager. Each measure is therefore moved towards the company's by empirical
Bayes, the less evidence the further, and has a 90 % interval. The company's mean counts as much as κ = σ²/τ² customers, with σ²
the variance between customers of one portfolio and τ² that between portfolios:

- churn rate and overdue share: beta-binomial, where κ = μ(1 − μ)/τ² − 1 is the same since σ² + τ² = μ(1 − μ); ends are a beta's;
- development, the log of revenue over that of the year before: normal-normal, ends are Student's.

σ² is pooled over the portfolios. τ is not set to one estimate, which is 0 too often and then denies all doubt: what the
portfolios tell of it is averaged over, with a half-Cauchy prior of scale σ (Gelman 2006, Bayesian Analysis 1:515; Gelman et al.,
Bayesian Data Analysis, ch. 5.4). Customers weigh by their amount where the measure is one of amounts, so that n customers count
as (Σw)²/Σw² (Kish 1965).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

from features.text import Text

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MANAGER = "account_manager"
YEAR_BEFORE = "spend_365d_before"
"""Column with the revenue of the 365 days before the last 365, currency."""
CHURN, OVERDUE, DEVELOPMENT, REVENUE = "churn_rate", "overdue_share", "development", "revenue_365d"
NEEDS: Mapping[str, tuple[str, ...]] = {
    REVENUE: ("spend_365d",),
    CHURN: ("churn_probability",),
    OVERDUE: ("overdue_balance", "open_balance"),
    DEVELOPMENT: ("spend_365d", YEAR_BEFORE),
}
SHRUNK = (CHURN, OVERDUE, DEVELOPMENT)
LOW_TAIL = 0.05
"""The intervals are to hold 90 %: this much lies below, and as much above. Of simulated portfolios 86 to 88 in 100 are held."""
JEFFREYS = 0.5
TAUS = 400
"""Values of τ that are averaged over."""

NO_RANKING = Text(
    "Portfolios are in the order of names, not of merit. Each rate is moved towards the company's, the more so the fewer"
    " customers it rests on; the range holds the portfolio's true rate with a probability of nearly 90 %. Differences that lie within"
    " these ranges mean nothing, and customers are not given to managers by lot: do not rank people by this table.",
    "各客户组合按姓名排序，不代表优劣。客户越少，各项比率越向公司整体靠拢；区间以接近 90 % 的概率包含该组合的真实比率。"
    "落在区间之内的差异没有意义，而且客户并非随机分配给客户经理：请勿据此对人员排名。",
)
_WHY: Mapping[str, Text] = {
    REVENUE: Text("Revenue is left out: there are no orders.", "未列出收入：没有订单数据。"),
    CHURN: Text(
        "The churn rate is left out: no customer has a churn probability.", "未列出流失率：没有客户具有流失概率。"
    ),
    OVERDUE: Text(
        "The overdue share is left out: there are no invoices, or nothing is open.",
        "未列出逾期占比：没有发票数据，或没有未结余额。",
    ),
    DEVELOPMENT: Text(
        "Development is left out: the revenue of the year before is not known. It takes orders that reach back two years"
        " before the plan and can still be read.",
        "未列出收入变化：上一年度的收入未知。需要可读取且至少覆盖计划日期前两年的订单数据。",
    ),
}


@dataclass(frozen=True)
class Portfolios:
    """What is known of each account manager's customers.

    ``table`` has one row a manager by name, those without one (None) last: account_manager, customers, revenue_365d (currency),
    contacts_planned; churn_rate (of those with a churn probability), overdue_share (of the open balance, by amount) and
    development (revenue of the last 365 days against the year before, a share: 0.1 is 10 % more), each moved towards the
    company's, with …_own (before that), …_low and …_high (90 % interval) and …_evidence (customers that it rests on, by
    weight). NaN where a portfolio does not tell. ``company`` has the same of all customers together, not moved.
    ``left_out`` says why a measure is missing.
    """

    table: pd.DataFrame
    company: Mapping[str, float]
    left_out: Mapping[str, Text]


@dataclass(frozen=True)
class Evidence:
    """A measure of each group, shapes (groups,): its ``own`` mean, the ``n`` customers that it counts (by weight; 0: the group
    has none), their ``spread`` (mean square about the own mean, by weight); and the ``company``'s mean.
    """

    own: Floats
    n: Floats
    spread: Floats
    company: float


def portfolios(frame: pd.DataFrame, planned: "pd.Series[str]") -> Portfolios | None:
    """The portfolios of the customers of ``frame`` (scores beside their features, one row each); None: nobody has a manager.

    ``planned`` are the ids of the customers who are contacted. Measures whose columns are missing (`NEEDS`) are left out.
    """
    if MANAGER not in frame or not frame[MANAGER].notna().any():
        return None
    codes, names = pd.factorize(frame[MANAGER], sort=True)
    of: Places = np.where(codes < 0, len(names), codes).astype(np.int64)
    groups = int(of.max()) + 1
    named = [*names, None][:groups]
    table = pd.DataFrame({MANAGER: pd.array(named, dtype="str"), "customers": np.bincount(of, minlength=groups)})
    contacted = frame["customer_id"].isin(planned).to_numpy().astype(np.float64)
    table["contacts_planned"] = _sums(of, contacted, groups).astype(np.int64)
    company = {"customers": float(len(frame)), "contacts_planned": float(contacted.sum())}
    told = {name for name, columns in NEEDS.items() if all(c in frame and frame[c].notna().any() for c in columns)}
    if REVENUE in told:
        table[REVENUE] = _sums(of, _amounts(frame, "spend_365d"), groups)
        company[REVENUE] = float(table[REVENUE].sum())
    for name in SHRUNK:
        found = _EVIDENCE[name](frame, of, groups) if name in told else None
        if found is None or not np.isfinite(found.company):
            told.discard(name)
            continue
        columns = _shrunk_logs(found) if name == DEVELOPMENT else _shrunk_rates(found)
        table = table.assign(**{f"{name}{part}": column for part, column in columns.items()})
        company[name] = float(np.expm1(found.company)) if name == DEVELOPMENT else found.company
    return Portfolios(table, company, {name: why for name, why in _WHY.items() if name not in told})


def _churn(frame: pd.DataFrame, of: Places, groups: int) -> Evidence:
    risk = frame["churn_probability"].to_numpy(dtype=np.float64)
    return _rates(risk, np.isfinite(risk).astype(np.float64), of, groups)


def _overdue(frame: pd.DataFrame, of: Places, groups: int) -> Evidence:
    balance = np.maximum(_amounts(frame, "open_balance"), 0.0)
    overdue = np.clip(_amounts(frame, "overdue_balance"), 0.0, balance)
    share = np.divide(overdue, balance, out=np.full(len(frame), np.nan), where=balance > 0)
    return _rates(share, balance, of, groups)


def _rates(share: Floats, weight: Floats, of: Places, groups: int) -> Evidence:
    """Of shares between 0 and 1 whose means are wanted by weight; a weight of 0 leaves a customer out."""
    counts = weight > 0
    value, w = np.where(counts, share, 0.0), np.where(counts, weight, 0.0)
    total = _sums(of, w, groups)
    own = _ratio(_sums(of, w * value, groups), total)
    spread = _ratio(_sums(of, w * np.where(counts, value - own[of], 0.0) ** 2, groups), total)
    return Evidence(own, _kish(of, w, groups), spread, float(_ratio((w * value).sum(), w.sum())))


def _development(frame: pd.DataFrame, of: Places, groups: int) -> Evidence:
    """Log of the sum of revenue over that of the year before.

    Customers are weighed by their share in both years, w = (a/A + b/B)/2, so that the error of the log ratio is to first
    order a weighted mean of their (a/A − b/B)/w: the ratio estimator's (Cochran 1977, Sampling Techniques, ch. 6).
    """
    now, before = _amounts(frame, "spend_365d"), _amounts(frame, YEAR_BEFORE)
    sums = [_sums(of, one, groups) for one in (now, before)]
    grown = (sums[0] > 0) & (sums[1] > 0)
    a, b = (
        np.where(grown[of], one / np.where(grown, total, 1.0)[of], 0.0)
        for one, total in zip((now, before), sums, strict=True)
    )
    w = (np.abs(a) + np.abs(b)) / 2
    spread = _ratio(_sums(of, _ratio((a - b) ** 2, w, 0.0), groups), _sums(of, w, groups))
    own = np.where(grown, np.log(_ratio(sums[0], sums[1], 1.0).clip(np.finfo(float).tiny)), np.nan)
    totals = now.sum(), before.sum()
    company = float(np.log(totals[0] / totals[1])) if min(totals) > 0 else np.nan
    return Evidence(own, _kish(of, w, groups), spread, company)


_EVIDENCE = {CHURN: _churn, OVERDUE: _overdue, DEVELOPMENT: _development}


def _shrunk_rates(found: Evidence) -> dict[str, Floats]:
    """The posterior's mean, and the quantiles of the beta that is as sure, half a customer of either kind added (Jeffreys)."""
    mean = found.company
    value, variance = posterior(found, within(found))
    customers = np.fmax(_ratio(mean * (1 - mean), variance, found.n.sum()) - 1, 0.0)
    ends = [
        betaincinv(value * customers + JEFFREYS, (1 - value) * customers + JEFFREYS, tail)
        for tail in (LOW_TAIL, 1 - LOW_TAIL)
    ]
    return _told(found, value, np.minimum(ends[0], value), np.maximum(ends[1], value))


MOST_LOG = 20.0
"""Growth beyond this (e to the power of it) is not told apart: too few customers say anything at all."""


def _shrunk_logs(found: Evidence) -> dict[str, Floats]:
    """The posterior's mean with quantiles of Student's t, since few customers tell σ²; in logs, told as shares."""
    value, variance = posterior(found, within(found))
    degrees = _degrees(found) or float((found.n > 0).sum() - 1)
    wide = -stdtrit(degrees, LOW_TAIL) if degrees > 0 else np.nan
    error = wide * np.sqrt(variance)
    logs = _told(found, value, value - error, value + error)
    return {
        part: column if part == "_evidence" else np.expm1(np.minimum(column, MOST_LOG)) for part, column in logs.items()
    }


def within(found: Evidence) -> float:
    """σ², the variance between customers of one group, pooled over the groups; NaN where one customer is all there is.

    Where no group has two customers, all that differs between the groups is taken for chance.
    """
    has = found.n > 0
    own, n, spread = found.own[has], found.n[has], found.spread[has]
    if degrees := _degrees(found):
        return float((n * spread).sum()) / degrees
    return float((n * (own - found.company) ** 2).sum()) / (len(n) - 1) if len(n) > 1 else np.nan


def _degrees(found: Evidence) -> float:
    """How many customers there are beyond one in each group; rounding is none."""
    degrees = float(np.maximum(found.n - 1, 0.0).sum())
    return degrees if degrees > 1e-9 else 0.0


def posterior(found: Evidence, variance: float) -> tuple[Floats, Floats]:
    """Mean and variance of each group's true value, NaN for groups without customers; ``variance``: σ² between customers.

    At a given τ the mean is (1 − B)·own + B·company with B = (σ²/n)/(σ²/n + τ²). τ/σ = tan φ is half-Cauchy where φ is uniform,
    so that midpoints of φ, weighed by the likelihood of the groups' means, average over it.
    """
    value, error = np.full(len(found.n), np.nan), np.full(len(found.n), np.nan)
    has = found.n > 0
    own, n = found.own[has], found.n[has]
    if not variance > 0:  # nothing differs, or nothing is known
        value[has], error[has] = own, variance
        return value, error
    ratio = np.tan((np.arange(TAUS) + 0.5) / TAUS * np.pi / 2)[:, None] ** 2
    moved = 1 / (1 + n * ratio)
    spread = variance * (1 / n + ratio)
    of_mean = 1 / (1 / spread).sum(axis=1)
    mean = (own / spread).sum(axis=1) * of_mean
    fits = np.log(of_mean) - np.log(spread).sum(axis=1) - ((own - mean[:, None]) ** 2 / spread).sum(axis=1)
    weight = np.exp((fits - fits.max()) / 2)
    weight /= weight.sum()
    by = weight @ moved
    value[has] = own + by * (found.company - own)
    error[has] = (
        weight @ ((1 - moved) * variance / n + moved**2 * of_mean[:, None])
        + weight @ (moved - by) ** 2 * (own - found.company) ** 2
    )
    return value, error


def _told(found: Evidence, value: Floats, low: Floats, high: Floats) -> dict[str, Floats]:
    own = np.where(found.n > 0, found.own, np.nan)
    return {"": value, "_own": own, "_low": low, "_high": high, "_evidence": found.n}


def _amounts(frame: pd.DataFrame, column: str) -> Floats:
    """Currency; where nothing is known of a customer, there is nothing."""
    amounts: Floats = frame[column].fillna(0.0).to_numpy(dtype=np.float64)
    return amounts


def _sums(of: Places, values: Floats, groups: int) -> Floats:
    return np.bincount(of, weights=values, minlength=groups).astype(np.float64)


def _kish(of: Places, w: Floats, groups: int) -> Floats:
    """How many customers of equal weight would tell as much: at least 1 where there is one."""
    told = _ratio(_sums(of, w, groups) ** 2, _sums(of, w**2, groups), 0.0)
    return np.where(told > 0, np.maximum(told, 1.0), 0.0)


def _ratio(over: "Floats | float", under: "Floats | float", otherwise: float = np.nan) -> Floats:
    """The quotient, ``otherwise`` where nothing stands below."""
    out = np.full(np.broadcast(over, under).shape, otherwise, dtype=np.float64)
    return np.divide(over, under, out=out, where=np.asarray(under) != 0)
