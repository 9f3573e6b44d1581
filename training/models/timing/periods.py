"""The grid of intervals, and person-periods: one row for each interval that a customer was seen to live through.

A row enters an interval when it had no event before it, and counts there only when it was followed to the interval's
end, whatever happened in it: intervals that were half seen are left out for those with an event as for those without,
which leaves the hazards unbiased where the end of sight has nothing to do with the customer. Survival is then the
product over intervals of one less the hazard; Singer and Willett 1993, Tutz and Schmid 2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.text import Text
from training.durations import Durations

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

GROWTH = 1.25
HORIZONS = 2
LEAST_FOLLOWED_ROWS = 50
LEAST_EVENTS = 30

INTERVAL_DAYS = "interval_days"
"""Days from the cut-off to the middle of the interval, as the models see it."""


BEGIN, MIDDLE, END = 0.0, 0.5, 1.0


@dataclass(frozen=True)
class Clock:
    """A feature that goes on while nothing happens: its value at some point of an interval, in units of another."""

    name: str
    elapsed: str
    point: float
    unit: str | None = None


CLOCKS = (
    Clock("gap_then_days", "days_since_last_purchase", MIDDLE),
    Clock("gap_then_of_mean", "days_since_last_purchase", MIDDLE, "gap_mean_days"),
    Clock("gap_then_of_median", "days_since_last_purchase", MIDDLE, "gap_median_days"),
    # contracts end on their anniversaries to the day, so that it matters whether one lies within the interval
    Clock("contract_begin_days", "contract_running_days", BEGIN),
    Clock("contract_end_days", "contract_running_days", END),
)
"""Where the customer would stand in its own rhythm, or its contract in its run, by the time of an interval."""


@dataclass(frozen=True)
class PersonPeriods:
    """Each of shape (person-periods,): the ``row`` and the ``interval`` (positions), and whether the ``event`` came."""

    row: Indices
    interval: Indices
    event: Floats


def grid_edges(durations: Durations, horizon_days: int) -> Floats:
    """Ends of the intervals in whole days, shape (edges,): 0, 1, then growing by about a quarter.

    They reach to twice the horizon, but no further than 50 rows were followed; the horizon is one of them if it is
    reached.
    Raises NotEnoughDataError: hardly any event was seen within the grid.
    """
    followed = np.sort(durations.followed_days)
    longest = np.floor(followed[-min(LEAST_FOLLOWED_ROWS, len(followed))]) if len(followed) else 0.0
    end = min(float(HORIZONS * horizon_days), longest)
    events = int(np.sum(durations.observed & (durations.days < end)))
    if events < LEAST_EVENTS:
        raise too_few_events(events, len(durations), end)
    horizon = min(float(horizon_days), end)
    parts = [np.zeros(1), _growing(1.0, horizon), _growing(horizon, end)]
    return np.unique(np.round(np.concatenate(parts)))


def too_few_events(events: int, rows: int, days: float) -> NotEnoughDataError:
    """The error that says so."""
    return NotEnoughDataError(
        Text(
            "Too little to learn from when customers act: {events} events were seen in {rows} rows within {days:.0f} days."
            " At least {least} events of different customers are needed. Give more facts, or train as of a later date.",
            "可供学习客户何时行动的数据太少：{rows} 行在 {days:.0f} 天内观察到 {events} 次事件。"
            "至少需要来自不同客户的 {least} 次事件。请提供更多数据，或以更晚的日期训练。",
        ),
        events=events,
        rows=rows,
        days=days,
        least=LEAST_EVENTS,
    )


def _growing(first: float, last: float) -> Floats:
    """Days from the first to the last, each about a quarter above the one before."""
    return np.geomspace(first, last, int(np.ceil(np.log(last / first) / np.log(GROWTH))) + 1)


def person_periods(durations: Durations, edges: Floats) -> PersonPeriods:
    """The intervals that each row was seen to live through, to the one in which its event came."""
    begin, end = edges[:-1], edges[1:]
    days = durations.days[:, None]
    seen = (days >= begin) & (durations.followed_days[:, None] >= end)
    row, interval = np.nonzero(seen)
    event = durations.observed[row] & (durations.days[row] < end[interval])
    return PersonPeriods(row, interval, event.astype(np.float64))


def used_clocks(features: Sequence[str]) -> tuple[Clock, ...]:
    """The clocks whose features are there."""
    names = set(features)
    return tuple(clock for clock in CLOCKS if clock.elapsed in names and (clock.unit is None or clock.unit in names))


def at_intervals(frame: pd.DataFrame, features: Sequence[str], edges: Floats, interval: Indices) -> pd.DataFrame:
    """The features of each row with the time of its interval and the clocks as they stand then, numbered anew."""
    rows = frame[list(features)].reset_index(drop=True)
    return pd.concat([rows, pd.DataFrame(times_at(rows, features, edges, interval), index=rows.index)], axis=1)


def times_at(rows: pd.DataFrame, features: Sequence[str], edges: Floats, interval: Indices) -> dict[str, Floats]:
    """The columns that change from interval to interval: its time, and the clocks as they stand then."""
    begin, width = edges[:-1][interval], np.diff(edges)[interval]
    times = {INTERVAL_DAYS: begin + MIDDLE * width}
    for clock in used_clocks(features):
        then = rows[clock.elapsed].to_numpy(dtype=np.float64) + begin + clock.point * width
        if clock.unit is not None:
            unit = rows[clock.unit].to_numpy(dtype=np.float64)
            then = np.divide(then, unit, out=np.full(len(then), np.nan), where=unit > 0)
        times[clock.name] = then
    return times
