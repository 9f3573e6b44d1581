"""How long it took: days from a cut-off to the next purchase or to the end of the contract, as far as it was seen."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import ProjectError
from features.sources import Facts
from features.text import Text

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.int64]

_ROWS = "duration_rows"

_NEXT_PURCHASE = f"""
SELECT r.number, o.ordered_at AS happened_at
FROM {_ROWS} AS r
ASOF JOIN (
  SELECT customer_id, ordered_at FROM orders
  WHERE amount >= 0 AND ordered_at < $known_before AND known_at < $known_before
) AS o ON r.customer_id = o.customer_id AND r.as_of <= o.ordered_at
"""

# Contracts that follow each other are one relationship. Many systems give the last day of a contract, not the first day
# without it, so a contract that begins within a day of another's end prolongs it.
_END_OF_CONTRACTS = f"""
WITH contracts AS (
  SELECT customer_id, started_at, CASE WHEN ended_at < $known_before THEN ended_at ELSE $known_before END AS runs_until
  FROM subscriptions WHERE started_at < $known_before AND known_at < $known_before
), marked AS (
  SELECT *, coalesce(started_at > max(runs_until) OVER before + INTERVAL 1 DAY, true) AS begins_anew FROM contracts
  WINDOW before AS (
    PARTITION BY customer_id ORDER BY started_at, runs_until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
), numbered AS (
  SELECT *, sum(begins_anew::INTEGER) OVER (
    PARTITION BY customer_id ORDER BY started_at, runs_until ROWS UNBOUNDED PRECEDING
  ) AS relationship
  FROM marked
), relationships AS (
  SELECT customer_id, min(started_at) AS began_at, max(runs_until) AS runs_until
  FROM numbered GROUP BY customer_id, relationship
)
SELECT r.number, c.runs_until AS happened_at
FROM {_ROWS} AS r
ASOF JOIN relationships AS c ON r.customer_id = c.customer_id AND r.as_of > c.began_at
WHERE c.runs_until >= r.as_of
"""

_EVENTS = {"silence": _NEXT_PURCHASE, "contract": _END_OF_CONTRACTS}

TIMED = tuple(_EVENTS)
"""Kinds of churn with an instant of which it can be said when it comes."""


@dataclass(frozen=True)
class Durations:
    """What is known of the time to an event, each of shape (rows,); days are counted from the row's cut-off.

    ``days``: to the event where it was ``observed``, else to the end of what was seen (censored there: the event comes
    at that day or later). ``followed_days``: from the cut-off to the end of what was seen, whatever happened.
    Days are fractions where facts carry the hour. An event on the day of the cut-off itself has less than 1 day.
    """

    days: Floats
    observed: Bools
    followed_days: Floats

    def __len__(self) -> int:
        return len(self.days)

    def take(self, rows: Indices | Bools) -> Self:
        """The same of some rows, given by position or mark."""
        return type(self)(self.days[rows], self.observed[rows], self.followed_days[rows])


def durations_of(facts: Facts, frame: pd.DataFrame, known_before: datetime) -> Durations:
    """Days from each row's cut-off to the customer's event, as it was known before ``known_before``.

    ``frame`` has ``customer_id`` and ``as_of``; the result stands in its order. For kind 'silence' the event is the next
    purchase at or after the cut-off, for kind 'contract' the end of the contracts that run at the cut-off and of those
    that follow without a gap. An end that is agreed for a day after ``known_before`` has not come yet.
    Days are counted on the project's calendar, as the horizon of the labels is: a row is silent for a horizon exactly
    when its event comes at that many days or later.
    Raises ProjectError: the kind of churn has no such event. ValueError: a cut-off is not before ``known_before``, or a
    row of kind 'contract' has no running contract.
    """
    kind = facts.project.churn.kind
    if kind not in _EVENTS:
        raise ProjectError(
            Text(
                "[churn] kind = '{kind}' has no instant of leaving, so it cannot be said when; use kind = 'silence' or"
                " 'contract'.",
                "[churn] kind = '{kind}' 没有明确的流失时刻，无法预测何时流失；请使用 kind = 'silence' 或 'contract'。",
            ),
            kind=kind,
        )
    as_of = pd.DatetimeIndex(pd.to_datetime(frame["as_of"], utc=True))
    end = pd.Timestamp(known_before.astimezone(UTC))
    if len(as_of) and not as_of.max() < end:
        raise ValueError(f"a cut-off at {as_of.max()} is not before {end}, the end of what is known")
    found = _events(facts, frame["customer_id"], as_of, end, _EVENTS[kind])
    if kind == "contract" and len(found) < len(frame):
        raise ValueError(f"{len(frame) - len(found)} of {len(frame)} rows have no running contract")
    happened = pd.Series(pd.NaT, index=np.arange(len(frame)), dtype="datetime64[us, UTC]")
    happened.loc[found["number"]] = pd.to_datetime(found["happened_at"], utc=True).to_numpy()
    observed = (happened < end).to_numpy()
    zone = facts.project.timezone
    begin, until = _wall_days(as_of, zone), _wall_days(pd.DatetimeIndex([end]), zone)
    followed = until - begin
    days = np.where(observed, _wall_days(pd.DatetimeIndex(happened), zone) - begin, followed)
    return Durations(days, observed, followed)


def _events(
    facts: Facts, customers: "pd.Series[str]", as_of: pd.DatetimeIndex, end: pd.Timestamp, query: str
) -> pd.DataFrame:
    """``number`` of each row that has an event, and when it ``happened_at`` (naive, UTC); at ``end``: not yet."""
    rows = pa.table(
        {
            "number": np.arange(len(as_of)),
            "customer_id": pa.array(customers, pa.string()),
            "as_of": pa.array(as_of.tz_localize(None), pa.timestamp("us")),
        }
    )
    facts.connection.register(_ROWS, rows)
    try:
        return facts.connection.execute(query, {"known_before": end.tz_localize(None).to_pydatetime()}).df()
    finally:
        facts.connection.unregister(_ROWS)


def _wall_days(instants: pd.DatetimeIndex, zone: tzinfo) -> Floats:
    """Days on the wall clock of a zone since 1970, shape (rows,); NaN where there is no instant."""
    wall = instants.tz_convert(zone).tz_localize(None)
    return np.asarray((wall - pd.Timestamp(0)) / pd.Timedelta(days=1), dtype=np.float64)
