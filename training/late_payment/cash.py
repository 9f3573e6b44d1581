"""The money that will come in each week, from invoices that are open now and from those still to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.sources import Facts
from training.late_payment.billing import WEEK, billed_ahead, by_week, choose_rhythm
from training.late_payment.bills import BILLS, RECEIPTS
from training.late_payment.curves import PaymentCurves
from training.late_payment.instants import day_of, utc_literal

Floats = NDArray[np.float64]

MOST_WEEKS = 12
MOST_LAG_DAYS = 180
PROFILE_DAYS = 365
SHARE_INSIDE = 0.8
WEEKS_THAT_DEPEND = 4
"""Errors of neighbouring origins are nearly the same: so many weekly origins tell about as much as one."""
WEEKS_TO_BELIEVE = 8
"""A bias over so many independent forecasts is half believed."""
LEAST_SPREAD, MOST_RATIO, UNKNOWN_REACH = 0.02, 2.0, 2.0


@dataclass(frozen=True)
class CashSpread:
    """How far actual weeks lay from their forecasts in back-tests, in logarithms; by week ahead, shape (weeks,).

    ``bias`` is the mean of log(actual / forecast), half believed where origins are few; ``spread`` its standard deviation;
    ``reach`` how many of those hold four in five weeks; ``origins`` how many forecasts there were.
    """

    bias: tuple[float, ...]
    spread: tuple[float, ...]
    reach: float
    origins: int

    @classmethod
    def fit(cls, forecast: Floats, actual: Floats) -> Self:
        """Learn from back-tests, both of shape (origins, weeks), NaN in weeks that are not over yet.

        What the weeks and invoices of a forecast have in common is in the spread, for it is taken over whole weeks that
        went wrong, not summed from invoices as if each erred on its own. Neighbouring weeks lend each other strength.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.clip(np.log(actual / np.where(forecast > 0, forecast, np.nan)), -MOST_RATIO, MOST_RATIO)
        seen = np.isfinite(ratio)
        if not seen.any():
            return cls((0.0,) * MOST_WEEKS, (1.0,) * MOST_WEEKS, UNKNOWN_REACH, 0)
        weeks = np.broadcast_to(np.arange(ratio.shape[1]), ratio.shape)
        bias, spread = np.zeros(MOST_WEEKS), np.zeros(MOST_WEEKS)
        for week in range(MOST_WEEKS):
            weight = np.exp(-(((weeks - min(week, ratio.shape[1] - 1)) / 2.0) ** 2) / 2)[seen]
            bias[week] = np.average(ratio[seen], weights=weight)
            spread[week] = max(np.sqrt(np.average((ratio[seen] - bias[week]) ** 2, weights=weight)), LEAST_SPREAD)
        origins = int(seen.any(axis=1).sum())
        independent = origins / WEEKS_THAT_DEPEND
        apart = np.abs((ratio - bias[: ratio.shape[1]]) / spread[: ratio.shape[1]])[seen]
        reach = float(np.quantile(apart, SHARE_INSIDE) * np.sqrt(1 + 1 / independent))
        believed = bias * independent / (independent + WEEKS_TO_BELIEVE)
        return cls(tuple(believed.tolist()), tuple(spread.tolist()), reach, origins)

    def interval(self, expected: Floats) -> tuple[Floats, Floats]:
        """Low and high end of the 80 % interval of each week, shape (weeks,)."""
        bias, spread = (np.asarray(own)[: len(expected)] for own in (self.bias, self.spread))
        return expected * np.exp(bias - self.reach * spread), expected * np.exp(bias + self.reach * spread)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        bias, spread = (tuple(map(float, document[name])) for name in ("bias", "spread"))
        return cls(bias, spread, float(document["reach"]), int(document["origins"]))


def from_open(curves: PaymentCurves, open_amount: Floats, weeks: int) -> Floats:
    """Expected amount that open invoices bring in each week from where the curves begin, shape (weeks,)."""
    edges = [curves.unpaid(curves.entry + WEEK * week) for week in range(weeks + 1)]
    return np.array([open_amount @ (before - after) for before, after in pairwise(edges)])


@dataclass(frozen=True)
class Billing:
    """Amounts billed per day, and money received, up to the instant at which it is looked at.

    ``billed``, ``received``: by day from ``first_day``. ``lags``: share of a bill's amount received so many days after
    its issue, shape (MOST_LAG_DAYS,).
    """

    first_day: date
    billed: Floats
    lags: Floats


def billing_at(facts: Facts, as_of: datetime) -> Billing:
    """What is known of billing before an instant; within `bills` only."""
    end, today = utc_literal(as_of), day_of(facts, as_of)
    rows = facts.connection.execute(
        f"SELECT issued_day, sum(amount) FROM {BILLS} WHERE known_from < {end} AND issued_day < $today GROUP BY 1",
        {"today": today},
    ).fetchall()
    first = min((day for day, _ in rows), default=today)
    billed = np.zeros((today - first).days)
    billed[[(day - first).days for day, _ in rows]] = [float(amount) for _, amount in rows]
    return Billing(first, billed, _lags(facts, as_of, first, billed))


def _lags(facts: Facts, as_of: datetime, first: date, billed: Floats) -> Floats:
    """Received so many days after issue, over what was billed long enough ago to show it, in the last year."""
    today = day_of(facts, as_of)
    rows = facts.connection.execute(
        f"SELECT greatest(date_diff('day', b.issued_day, r.received_day), 0) AS lag, sum(r.amount)"
        f" FROM {BILLS} b JOIN {RECEIPTS} r ON r.invoice_id = b.invoice_id"
        f" WHERE r.received_from < {utc_literal(as_of)} AND b.issued_day >= $since AND b.issued_day < $today GROUP BY 1",
        {"since": today - timedelta(days=PROFILE_DAYS), "today": today},
    ).fetchall()
    received = np.zeros(MOST_LAG_DAYS)
    for lag, amount in rows:
        if lag < MOST_LAG_DAYS:
            received[lag] = amount
    begin = max(len(billed) - PROFILE_DAYS, 0)
    summed = np.concatenate([[0.0], np.cumsum(billed)])
    until = np.maximum(len(billed) - np.arange(MOST_LAG_DAYS), begin)
    base = summed[until] - summed[begin]
    return np.asarray(np.divide(received, base, out=np.zeros(MOST_LAG_DAYS), where=base > 0))


def from_new(billing: Billing, weeks: int) -> Floats:
    """Expected amount that invoices still to be written bring in each week, shape (weeks,)."""
    days = WEEK * weeks
    rhythm = choose_rhythm(billing.billed, billing.first_day)
    ahead = billed_ahead(billing.billed, billing.first_day, days, rhythm)
    return by_week(np.asarray(np.convolve(ahead, billing.lags)[:days]))


def actual_weeks(facts: Facts, origins: Sequence[datetime], weeks: int, known_before: datetime) -> Floats:
    """Money received in each week after each origin, shape (origins, weeks); NaN in weeks not over; within `bills` only."""
    rows = facts.connection.execute(f"SELECT received_day, sum(amount) FROM {RECEIPTS} GROUP BY 1").fetchall()
    daily = pd.Series({pd.Timestamp(day): float(amount) for day, amount in rows}, dtype=np.float64).sort_index()
    summed, places = np.concatenate([[0.0], np.cumsum(daily.to_numpy())]), pd.DatetimeIndex(daily.index)
    begins = pd.DatetimeIndex([pd.Timestamp(day_of(facts, origin)) for origin in origins])
    edges = [summed[places.searchsorted(begins + pd.Timedelta(days=WEEK * week))] for week in range(weeks + 1)]
    over = [
        np.asarray(begins + pd.Timedelta(days=WEEK * week) <= pd.Timestamp(day_of(facts, known_before)))
        for week in range(1, weeks + 1)
    ]
    amounts = [after - before for before, after in pairwise(edges)]
    return np.where(np.column_stack(over), np.column_stack(amounts), np.nan)
