"""Retention curves, 客户保持曲线: who still buys, and what a customer earns, by cohort and time of the relationship.

A customer's own clock begins with its first purchase: its second year is the one from the first anniversary to the second,
without that day. A year that is still running is no year yet, so nothing is said of it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import FactsError, NotEnoughDataError
from features.sources import Facts
from features.text import Text
from training.evaluation.calibration import wilson

Floats = NDArray[np.float64]
Unit = Literal["year", "quarter", "month"]

MONTHS: dict[Unit, int] = {"year": 12, "quarter": 3, "month": 1}
UNITS: dict[Unit, Text] = {
    "year": Text("year", "年"),
    "quarter": Text("quarter", "个季度"),
    "month": Text("month", "个月"),
}
"""What is counted; in Chinese with its measure word, to stand after a numeral."""
SEEN: dict[str, Text] = {
    "whole": Text("seen of the whole cohort", "全部客户均已观察完整"),
    "part": Text("seen of a part of the cohort so far", "目前仅部分客户已观察完整"),
    "unseen": Text("not seen yet", "尚未观察"),
}
"""How much of a cell has come; what has not come yet is no zero."""

_CELLS = """
WITH known AS (
  SELECT customer_id, ordered_day, amount, {profit} AS profit
  FROM orders WHERE ordered_at < $as_of AND known_at < $as_of
), people AS (
  SELECT customer_id, first_day, date_trunc('{cohort}', first_day)::DATE AS cohort,
         datesub('month', first_day, $as_of_day::DATE) // {months} AS periods
  FROM (SELECT customer_id, min(ordered_day) FILTER (amount >= 0) AS first_day FROM known GROUP BY customer_id)
  WHERE first_day IS NOT NULL
), done AS (
  SELECT p.cohort, p.customer_id, datesub('month', p.first_day, k.ordered_day) // {months} AS period,
         bool_or(k.amount >= 0) AS bought, sum(k.profit) AS profit
  FROM known AS k JOIN people AS p ON p.customer_id = k.customer_id AND k.ordered_day >= p.first_day
  GROUP BY p.cohort, p.customer_id, period
  HAVING period < any_value(p.periods)
), sums AS (
  SELECT cohort, period, count(*) FILTER (bought) AS buyers, coalesce(sum(profit), 0) AS profit FROM done GROUP BY cohort, period
), grid AS (
  SELECT cohort, customers, unnest(range((SELECT max(periods) FROM people))) AS period
  FROM (SELECT cohort, count(*) AS customers FROM people GROUP BY cohort)
), followed AS (
  SELECT g.cohort, g.period, any_value(g.customers) AS customers, count(*) FILTER (p.periods > g.period) AS followed
  FROM grid AS g JOIN (SELECT cohort, periods FROM people) AS p USING (cohort) GROUP BY g.cohort, g.period
)
SELECT cohort, period, customers, followed, coalesce(buyers, 0) AS buyers, coalesce(profit, 0) AS profit
FROM followed LEFT JOIN sums USING (cohort, period) ORDER BY cohort, period
"""


@dataclass(frozen=True)
class RetentionCurves:
    """What became of each cohort, as far as it was seen.

    ``cells``: cohort (its first day), period (0: from the first purchase on), customers (of the cohort), followed (whose period
    is over), buyers (of those: who bought in it), retention (buyers over followed, with its 95 % interval retention_low,
    retention_high), profit (currency per followed customer),
    total_profit (the same from the first purchase to the end of the period), seen (`SEEN`); NaN where nobody was followed.
    ``pooled``: period, followed, retention with its interval, profit of all cohorts together. Cohorts are of one ``cohort``, periods of one ``step``.
    ``is_margin``: profit is the orders' margin, else [value] margin_share of spend.
    """

    cells: pd.DataFrame
    pooled: pd.DataFrame
    cohort: Unit
    step: Unit
    is_margin: bool

    def table(self, column: str = "retention") -> pd.DataFrame:
        """One column of the cells as cohorts × periods; NaN where it was not seen."""
        return self.cells.pivot(index="cohort", columns="period", values=column)

    def said(self) -> Text:
        """What becomes of customers in their second period, in a sentence."""
        second = self.pooled[self.pooled["period"] == 1]
        if second.empty or not second["followed"].iloc[0]:
            return _TOO_EARLY.format(step=UNITS[self.step])
        return _SECOND.format(
            step=UNITS[self.step],
            followed=int(second["followed"].iloc[0]),
            retention=float(second["retention"].iloc[0]),
            first=float(self.pooled["profit"].iloc[0]),
            second=float(second["profit"].iloc[0]),
        )


def retention_curves(facts: Facts, as_of: datetime, cohort: Unit = "year", step: Unit = "year") -> RetentionCurves:
    """Curves of everybody who bought before ``as_of`` (aware), from facts that were known then.

    The first cohort also holds customers who bought before the facts begin: their first purchase is not on file.
    Raises FactsError: the project gives no orders. NotEnoughDataError: no customer's first period is over.
    """
    columns = facts.columns.get("orders")
    if columns is None:
        raise FactsError(
            Text(
                "Retention curves are drawn from orders, and the project has none (it gives {tables}). Add [tables.orders].",
                "客户保持曲线需要 orders 表，而项目中没有（现有 {tables}）。请添加 [tables.orders]。",
            ),
            tables=", ".join(sorted(facts.columns)),
        )
    is_margin = "margin" in columns
    profit = "margin" if is_margin else f"amount * {facts.project.value.margin_share!r}"
    day = as_of.astimezone(facts.project.timezone).date()
    cells: pd.DataFrame = facts.connection.execute(
        _CELLS.format(profit=profit, cohort=cohort, months=MONTHS[step]),
        {"as_of": as_of.astimezone(UTC).replace(tzinfo=None), "as_of_day": day},
    ).df()
    if cells.empty:
        raise NotEnoughDataError(
            Text(
                "No customer's first {step} is over by {day}. Ask for shorter steps, or later.",
                "截至 {day}，没有客户满一{step}。请改用更短的周期，或稍后再试。",
            ),
            step=UNITS[step],
            day=day,
        )
    sums = cells.groupby("period", as_index=False)[["followed", "buyers", "profit"]].sum()
    return RetentionCurves(_with_means(cells), _pooled(sums), cohort, step, is_margin)


def _with_means(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells' means over those who were followed, the total so far, and how much of each was seen."""
    followed = cells["followed"].to_numpy(dtype=np.float64)
    profit, retention = _mean(cells["profit"], followed), _mean(cells["buyers"], followed)
    seen = np.select([followed == cells["customers"], followed > 0], ["whole", "part"], "unseen")
    made = cells.assign(retention=retention, **_interval(retention, followed), profit=profit, seen=seen)
    # a gap ends the sum: later periods were followed of nobody
    return made.assign(total_profit=made.groupby("cohort")["profit"].cumsum())


def _pooled(sums: pd.DataFrame) -> pd.DataFrame:
    followed = sums["followed"].to_numpy(dtype=np.float64)
    retention = _mean(sums["buyers"], followed)
    return pd.DataFrame(
        {
            "period": sums["period"],
            "followed": sums["followed"],
            "retention": retention,
            **_interval(retention, followed),
            "profit": _mean(sums["profit"], followed),
        }
    )


def _mean(sums: "pd.Series[float]", count: Floats) -> Floats:
    none = np.full(len(count), np.nan)
    return np.asarray(np.divide(sums.to_numpy(dtype=np.float64), count, out=none, where=count > 0))


def _interval(retention: Floats, followed: Floats) -> dict[str, Floats]:
    """The 95 % interval of each retention (Wilson 1927); NaN where nobody was followed."""
    ends = np.array(
        [wilson(rate, count) if count else (np.nan, np.nan) for rate, count in zip(retention, followed, strict=True)]
    )
    return dict(zip(("retention_low", "retention_high"), ends.reshape(-1, 2).T, strict=True))


_TOO_EARLY = Text(
    "No customer's second {step} is over yet: nothing can be said of retention.",
    "尚无客户满两{step}，暂时无法判断保持率。",
)
_SECOND = Text(
    "Of {followed:,} customers {retention:.0%} bought in their second {step} too. A customer earned {first:,.0f} in the first"
    " {step} and {second:,.0f} in the second, those who left included.",
    "{followed:,} 位客户中有 {retention:.0%} 在第二{step}仍有购买。每位客户第一{step}贡献利润 {first:,.0f}，第二{step}为 {second:,.0f}（含已流失客户）。",
)
