"""Treatment logs from a company's own facts: one for each action, with the features of before and what came after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from features.catalogue import Feature
from features.snapshot import snapshot
from features.sources import Facts
from training.dataset import active_rows
from training.labels import labels
from training.uplift.log import TreatmentLog, two_armed

MOST_DAYS = 120
"""Days with treatments that are learnt from, the latest ones: each is a cut-off of its own."""
LEAST_CHANCE = 0.01
"""Rows with a propensity nearer to 0 or 1 than this were hardly drawn by lot, and say nothing of the other arm."""
VALUE = "spend_365d"
"""The feature that stands for a customer's value, where the project's tables support it."""

_TREATMENTS = """
SELECT at_day, customer_id, action, lower(trim(arm)) = 'treated' AS is_treated, any_value(propensity) AS propensity,
       sum(cost) AS cost
FROM treatments
WHERE known_at < $known_before AND "at" < $known_before
  AND lower(trim(arm)) IN ('treated', 'control') AND action IS NOT NULL
GROUP BY ALL"""


@dataclass(frozen=True)
class ActionLogs:
    """A log of one action each, by name, and how many rows were left out, and why.

    ``constant`` are the actions whose propensity was not given: the share that was treated stands for it.
    """

    logs: Mapping[str, TreatmentLog]
    too_recent: int
    not_at_risk: int
    without_chance: int
    constant: tuple[str, ...]


def logs_from_facts(facts: Facts, as_of: datetime, features: Sequence[Feature]) -> ActionLogs:
    """The treatments known before ``as_of`` (aware) whose churn horizon has ended by then, one log for each action.

    A treatment of a day is looked at from the beginning of that day on the project's calendar: features are computed from
    facts known before it, and the outcome is whether the customer has left, by the project's kind of churn, in
    [day, day + horizon), as known before ``as_of``. Only customers who could be lost on that day are in a log. Controls are
    those from whom the same action was withheld. A customer is one cluster over all days.
    """
    given = _treatments(facts, as_of)
    last = _last_day(facts, as_of)
    rows = given[given["at_day"] <= pd.Timestamp(last)]
    days = sorted(rows["at_day"].unique())[-MOST_DAYS:]
    rows = rows[rows["at_day"].isin(days)]
    if rows.empty:
        return ActionLogs({}, len(given), 0, 0, ())
    found = _with_outcomes(facts, rows, [_begin(facts, pd.Timestamp(day).date()) for day in days], as_of, features)
    names = [feature.name for feature in features]
    constant = tuple(str(a) for a, own in found.groupby("action") if own["propensity"].isna().any())
    filled = found.assign(propensity=_propensity(found))
    sure = filled["propensity"].between(LEAST_CHANCE, 1 - LEAST_CHANCE)
    logs = {str(action): _log(own, str(action), names) for action, own in filled[sure].groupby("action")}
    return ActionLogs(logs, len(given) - len(rows), len(rows) - len(found), int((~sure).sum()), constant)


def _treatments(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """One row for each day, customer and action: customer_id, at_day, action, is_treated, propensity, cost."""
    rows = facts.connection.execute(_TREATMENTS, {"known_before": as_of.astimezone(UTC).replace(tzinfo=None)}).df()
    # who is treated and control for the same thing on the same day says nothing
    return rows.drop_duplicates(["at_day", "customer_id", "action"], keep=False).assign(
        at_day=lambda own: pd.to_datetime(own["at_day"])
    )


def _last_day(facts: Facts, as_of: datetime) -> date:
    """The last day whose horizon has ended by ``as_of``."""
    end = as_of.astimezone(facts.project.timezone) - timedelta(days=facts.project.churn.horizon_days)
    return end.date()


def _begin(facts: Facts, day: date) -> datetime:
    return datetime.combine(day, time(), facts.project.timezone)


def _with_outcomes(
    facts: Facts, rows: pd.DataFrame, begins: Sequence[datetime], as_of: datetime, features: Sequence[Feature]
) -> pd.DataFrame:
    """The rows whose customer could be lost, with features and ``left`` (0 or 1)."""
    frame = snapshot(facts, begins, sorted(rows["customer_id"].unique()), features).to_pandas()
    keys = pd.DataFrame(
        {
            "as_of": pd.to_datetime(list(begins), utc=True).astype(frame["as_of"].dtype),
            "at_day": pd.to_datetime([b.date() for b in begins]).astype(rows["at_day"].dtype),
        }
    )
    treated = active_rows(frame.merge(keys, on="as_of"), facts.project.churn)
    found = rows.merge(treated, on=["at_day", "customer_id"])
    return found.assign(left=labels(facts, found, begins, as_of))


def _propensity(rows: pd.DataFrame) -> "pd.Series[float]":
    """The probability of being treated, as given; the share that was treated where an action lacks it."""
    share = rows.groupby("action")["is_treated"].transform("mean").astype(np.float64)
    lacking = rows["propensity"].isna().groupby(rows["action"]).transform("any")
    return share.where(lacking, rows["propensity"].astype(np.float64))


def _log(rows: pd.DataFrame, action: str, names: Sequence[str]) -> TreatmentLog:
    ordered = rows.sort_values(["at_day", "customer_id"], ignore_index=True)
    value = ordered[VALUE].to_numpy(dtype=np.float64) if VALUE in names else None
    return TreatmentLog(
        features=ordered[list(names)].astype(np.float64),
        actions=(action,),
        arm=ordered["is_treated"].to_numpy(dtype=np.int64),
        propensities=two_armed(ordered["propensity"].to_numpy(dtype=np.float64)),
        outcome=ordered["left"].to_numpy(dtype=np.float64),
        is_wanted=False,
        cluster=np.unique(ordered["customer_id"].to_numpy(dtype=object).astype(str), return_inverse=True)[1],
        cost=ordered["cost"].fillna(0).to_numpy(dtype=np.float64),
        value=value,
    )
