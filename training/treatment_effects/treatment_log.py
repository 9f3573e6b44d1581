"""The log of treatments and what was seen of customers afterwards, as far as both were known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.catalogue.relations.customers import BY_CUSTOMER
from features.errors import NotEnoughDataError
from features.sources import Facts
from features.text import Text
from training.late_payment.instants import utc_literal

Floats = NDArray[np.float64]

CONTROL = ("control", "对照组", "对照")
MOST_CUTOFFS = 24
"""Snapshots that are made at most. A log of more days is cut into as many even steps."""
ACTIVE_HORIZONS = 2
"""Horizons of orders that a snapshot needs behind it, to tell who falls silent."""

_NO_LOG = Text(
    "No treatment is known before {as_of:%Y-%m-%d}, so nothing can be learnt about what actions do. Give the table"
    " 'treatments' with who was treated and who was held back.",
    "{as_of:%Y-%m-%d} 之前没有任何已知的营销行动记录，无法学习各行动的效果。请提供 treatments 表，注明谁被处理、谁被留作对照。",
)


def treatments_before(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """Who was treated or held back, known before ``as_of``: customer_id, at (UTC), action, is_treated, propensity.

    Raises NotEnoughDataError: there is none.
    """
    if "treatments" in facts.columns:
        known = utc_literal(as_of)
        controls = ", ".join(f"'{word}'" for word in CONTROL)
        rows = facts.connection.sql(
            f"""SELECT customer_id, "at", "action", lower(arm) NOT IN ({controls}) AS is_treated, propensity
            FROM treatments WHERE greatest(coalesce(known_at, "at"), "at") < {known} ORDER BY "at", customer_id, "action" """
        ).df()
        if len(rows):
            found: pd.DataFrame = rows.assign(
                at=pd.to_datetime(rows["at"], utc=True), is_treated=rows["is_treated"].astype(bool)
            )
            return found
    raise NotEnoughDataError(_NO_LOG, as_of=as_of)


def last_signs(facts: Facts, as_of: datetime) -> "pd.Series[pd.Timestamp]":
    """When each customer last bought or got in touch itself, as known before ``as_of`` (UTC); index customer_id."""
    known = utc_literal(as_of)
    asked = f"""SELECT customer_id, ordered_at AS seen_at FROM orders
        WHERE amount > 0 AND greatest(coalesce(known_at, ordered_at), ordered_at) < {known}"""
    if "interactions" in facts.columns:
        asked += f""" UNION ALL SELECT customer_id, "at" FROM interactions
        WHERE lower(kind) IN {BY_CUSTOMER} AND greatest(coalesce(known_at, "at"), "at") < {known}"""
    rows = facts.connection.sql(
        f"SELECT customer_id, max(seen_at) AS seen_at FROM ({asked}) GROUP BY 1 ORDER BY 1"
    ).df()
    return pd.Series(pd.to_datetime(rows["seen_at"], utc=True).to_numpy(), index=rows["customer_id"], name="seen_at")


def cutoffs_of(facts: Facts, log: pd.DataFrame, as_of: datetime) -> list[datetime]:
    """Just before each day on which somebody was treated or held back; of very many days, even steps over them.

    Before them one a horizon, as far back as the orders tell: who leaves without action is learnt there too.
    """
    zone, horizon = facts.project.timezone, timedelta(days=facts.project.churn.horizon_days)
    days = log["at"].dt.tz_convert(zone).dt.date.drop_duplicates().sort_values().tolist()
    begins = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in days]
    if len(begins) > MOST_CUTOFFS:
        step = (as_of.astimezone(UTC) - begins[0].astimezone(UTC)) / MOST_CUTOFFS
        begins = [(begins[0].astimezone(UTC) + number * step).astimezone(zone) for number in range(MOST_CUTOFFS)]
    [(first,)] = facts.connection.execute("SELECT min(ordered_at) FROM orders").fetchall()
    earliest = first.replace(tzinfo=UTC) + ACTIVE_HORIZONS * horizon
    before = [begins[0] - number * horizon for number in range(1, MOST_CUTOFFS - len(begins) + 1)]
    return [*(cutoff for cutoff in reversed(before) if cutoff >= earliest), *begins]


def with_log(frame: pd.DataFrame, log: pd.DataFrame, cutoffs: Sequence[datetime], as_of: datetime) -> pd.DataFrame:
    """The rows of a snapshot with what was done next: action ('' for nothing) and is_treated.

    A customer's first treatment from a cut-off until the next one counts.
    """
    begins = pd.to_datetime([*cutoffs, as_of], utc=True).as_unit("us")
    place = begins.searchsorted(log["at"].dt.as_unit("us"), side="right") - 1
    done = log.assign(as_of=begins[np.maximum(place, 0)])[place >= 0]
    done = done.drop_duplicates(["customer_id", "as_of"])[["customer_id", "as_of", "action", "is_treated"]]
    rows = frame.assign(as_of=frame["as_of"].dt.as_unit("us")).merge(done, on=["customer_id", "as_of"], how="left")
    return rows.assign(
        action=rows["action"].fillna("").astype(object), is_treated=rows["is_treated"].eq(True).to_numpy(dtype=bool)
    )


def days_until(instants: "pd.Series[pd.Timestamp]", begins: "pd.Series[pd.Timestamp]") -> Floats:
    """Days from each begin to each instant; NaN where there is none."""
    return np.asarray((instants.to_numpy() - begins.to_numpy()) / np.timedelta64(1, "D"), dtype=np.float64)
