"""A customer's course in one of four states, with its probability, the day of the change, and when nothing is said."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.text import Text
from training.trajectory.change_points import Courses, courses
from training.trajectory.season import shared_season
from training.trajectory.series import MONTH_DAYS, MonthlySeries

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_MONTHS = 9
LEAST_MONTHS_WITH_PURCHASE = 4
RECENT_MONTHS = 6
"""A step up that is younger than this is still a rise; an older one is a peak that holds."""
BLOCK_ROWS = 4096
CHANGED_FROM = 0.5
"""A day of change is given from this probability on that there was one."""

STATES: dict[str, Text] = {
    "rising": Text("rising", "上升"),
    "peak": Text("at its peak", "高位平稳"),
    "stable": Text("stable", "稳定"),
    "declining": Text("declining", "下降"),
}

TOO_SHORT = Text(
    "Known for {months} whole months since the month of the first purchase; a course is told from {least} on.",
    "自首次购买当月之后仅有 {months} 个完整的月份；满 {least} 个月后才能判断走势。",
)
TOO_SELDOM = Text(
    "Bought in {bought} of the last {months} months; a course is told from {least} months with a purchase on.",
    "最近 {months} 个月中仅有 {bought} 个月有购买；至少 {least} 个月有购买才能判断走势。",
)


def trajectories(series: MonthlySeries) -> pd.DataFrame:
    """The state of each customer, index customer_id; months are periods of 30 days. A season that all share is taken out.

    Columns: trajectory (`STATES`; None: too little is known, reason (Text) says why), trajectory_probability; p_rising, p_peak,
    p_stable, p_declining, which add up to one; change_probability, that the course changed once; and where that is above a
    half and the state is not stable, change_at (the most probable day), change_from and change_until (80 % interval, to the
    last day of a month); months, how many were looked at.
    """
    window = series.values.shape[1]
    within = np.arange(window) >= window - series.months[:, None]
    with_purchase = ((series.values != 0) & within).sum(axis=1)
    enough = (series.months >= LEAST_MONTHS) & (with_purchase >= LEAST_MONTHS_WITH_PURCHASE)
    season = shared_season(root(series.values[series.months == window]))
    parts = [
        _states(courses(root(series.values[rows, -months:]) / season[-months:]), months, series.until).set_index(rows)
        for months in np.unique(series.months[enough]).tolist()
        for rows in _parts(np.flatnonzero(enough & (series.months == months)))
    ]
    empty = _states(courses(np.zeros((0, LEAST_MONTHS))), LEAST_MONTHS, series.until).astype({"trajectory": "object"})
    table = pd.concat(parts) if parts else empty
    table = table.reindex(np.arange(len(series.customers))).assign(
        months=series.months, reason=_reasons(series.months, with_purchase, enough)
    )
    table["trajectory"] = table["trajectory"].astype("object").where(enough, None)
    return table.set_index(pd.Index(series.customers, name="customer_id"))


def _parts(rows: Integers) -> list[Integers]:
    return [rows[start : start + BLOCK_ROWS] for start in range(0, len(rows), BLOCK_ROWS)]


def _states(found: Courses, months: int, until: date) -> pd.DataFrame:
    """The columns that `courses` of one length give."""
    names, is_recent = np.array(found.names), months - found.changes < RECENT_MONTHS
    is_peak = (names == "plateau") | ((names == "step") & ~is_recent)
    states = pd.DataFrame(
        {
            "rising": found.upward[:, ~is_peak].sum(axis=1),
            "peak": found.upward[:, is_peak].sum(axis=1),
            "stable": found.flat,
            "declining": found.downward.sum(axis=1),
        }
    )
    by_month = (found.upward + found.downward) @ (found.changes[:, None] == np.arange(1, months + 1))
    changed = by_month.sum(axis=1)
    best = states.to_numpy().argmax(axis=1)
    told = (changed > CHANGED_FROM) & (best != list(STATES).index("stable"))
    # the share of the change that has come by the end of each month
    come = np.cumsum(by_month, axis=1) / np.maximum(changed, np.finfo(np.float64).tiny)[:, None]
    return pd.DataFrame(
        {
            "trajectory": np.array(list(STATES), dtype=object)[best],
            "trajectory_probability": states.max(axis=1),
            **{f"p_{name}": states[name] for name in STATES},
            "change_probability": changed,
            "change_at": _days(by_month.argmax(axis=1) + 1, months, until, told),
            "change_from": _days((come >= 0.1).argmax(axis=1) + 1, months, until, told),
            "change_until": _days((come >= 0.9).argmax(axis=1) + 2, months, until, told) - pd.Timedelta(days=1),
        }
    )


def _days(change: Integers, months: int, until: date, told: NDArray[np.bool_]) -> pd.DatetimeIndex:
    """The first day of each month of change; NaT where it is not told."""
    days = np.datetime64(until) - np.timedelta64(MONTH_DAYS, "D") * (months - change)
    return pd.DatetimeIndex(np.where(told, days.astype("datetime64[s]"), np.datetime64("NaT")))


def _reasons(months: Integers, bought: Integers, enough: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Why nothing is said, a text for each customer of whom too little is known, else None."""
    reasons = np.full(len(months), None, dtype=object)
    few = np.column_stack([months, bought])[~enough]
    if len(few):
        kinds, which = np.unique(few, axis=0, return_inverse=True)
        texts = np.empty(len(kinds), dtype=object)
        for place, (known, with_purchase) in enumerate(kinds.tolist()):
            texts[place] = (
                TOO_SHORT.format(months=known, least=LEAST_MONTHS)
                if known < LEAST_MONTHS
                else TOO_SELDOM.format(months=known, bought=with_purchase, least=LEAST_MONTHS_WITH_PURCHASE)
            )
        reasons[~enough] = texts[which.ravel()]
    return reasons


def said(row: "pd.Series[Any]") -> Text:
    """A row of `trajectories` in a sentence."""
    if row["trajectory"] is None:
        text: Text = row["reason"]
        return text
    # rounding makes no probability a certainty
    share = {"state": STATES[row["trajectory"]], "probability": min(row["trajectory_probability"], 0.99)}
    if pd.isna(row["change_at"]):
        return _COURSE.format(**share)
    days = {name: f"{row[f'change_{name}']:%Y-%m-%d}" for name in ("at", "from", "until")}
    return _CHANGED.format(**share, **days)


_COURSE = Text("Value {state} (probability {probability:.0%}).", "客户价值{state}（概率 {probability:.0%}）。")
_CHANGED = Text(
    "Value {state} (probability {probability:.0%}); its course changed about {at} (between {from} and {until}, 80 %).",
    "客户价值{state}（概率 {probability:.0%}）；走势约在 {at} 发生变化（80% 区间：{from} 至 {until}）。",
)


def root(values: Floats) -> Floats:
    """The square root with the sign kept: the spread of money grows with its size, that of its root far less."""
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))
