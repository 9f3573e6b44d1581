"""What rules measure, of all customers at an instant: from the scores of a run, the features, the debts and the rhythm."""

from datetime import datetime

import numpy as np
import pandas as pd

from features.own_features import all_features
from features.snapshot import snapshot
from features.sources import Facts
from serving.alerts.kinds import FEATURES
from training.rhythm_alarm.alarm import learn_rhythm, rhythms
from training.rhythm_alarm.visits import visits_before

CUSTOMER = "customer_id"
RHYTHM = ("silent_days", "usual_gap_days", "rhythm_false_alarms", "alarm_since")
LOST = "is_lost"
OF_SCORES = ("churn_probability", "overdue_balance", "tier", "trajectory", "trajectory_probability", "late_probability")
OF_DEBTS = ("late_probability", "open", "overdue")
"""The fields of scores and of debtors that colours hang on."""
TOLD_OF_SCORES = (
    *("customer_name", "account_manager", "churn_horizon_days", "trajectory_since", "reasons"),
    *("recommended_action", "recommended_action_name", "credit_response", "credit_response_name"),
)
TOLD_OF_DEBTS = ("credit_response", "credit_response_name", "dunning_step_name")
"""The fields that are told of who has a colour."""


def alert_features(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """The features that rules need and the project's facts support, by customer_id."""
    wanted = [feature for feature in all_features(facts) if feature.name in FEATURES]
    if not wanted:
        return pd.DataFrame(index=pd.Index([], name=CUSTOMER, dtype="object"))
    frame: pd.DataFrame = snapshot(facts, [as_of], features=wanted).to_pandas()
    return frame.set_index(CUSTOMER).drop(columns="as_of")


def alert_rhythms(facts: Facts, as_of: datetime) -> pd.DataFrame:
    """How customers stand to their own rhythm (columns `RHYTHM`), by customer_id; nothing without orders.

    Who has been silent for longer than a customer counts as active is lost already and not judged any more.
    """
    if "orders" not in facts.columns:
        return pd.DataFrame(columns=list(RHYTHM), index=pd.Index([], name=CUSTOMER, dtype="object"))
    visits = visits_before(facts, as_of)
    state = rhythms(visits, learn_rhythm(visits))[list(RHYTHM)]
    lost = state["silent_days"] > facts.project.churn.active_within_days
    return state.assign(rhythm_false_alarms=state["rhythm_false_alarms"].mask(lost), is_lost=lost)


def measures(scores: pd.DataFrame, features: pd.DataFrame, rhythm: pd.DataFrame, debtors: pd.DataFrame) -> pd.DataFrame:
    """All that rules grade and tell, by customer_id, of the customers of ``scores``.

    ``scores`` has the columns `OF_SCORES`, ``debtors`` those of `OF_DEBTS`; each by customer_id. Added are
    decline_probability (0 where the course is another one), overdue_days and complaint_waiting_days (0 where nothing is
    overdue, or open), and late_ahead_probability (0 where nothing is open, or something is overdue already).
    """
    frame = scores.copy(deep=False)
    for other in (features, rhythm, debtors):
        frame = frame.join(other[[name for name in other if name not in frame]])
    added = {
        "decline_probability": _decline(frame),
        "overdue_days": _where_some(frame, "overdue_balance", "oldest_overdue_days"),
        "complaint_waiting_days": _where_some(frame, "complaints_open", "complaint_open_days_max"),
        "late_ahead_probability": _ahead(frame),
    }
    return frame.assign(**added)


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[float]":
    if name not in frame:
        return pd.Series(np.nan, frame.index)
    return pd.Series(frame[name].to_numpy(dtype=np.float64, na_value=np.nan), frame.index)


def _decline(frame: pd.DataFrame) -> "pd.Series[float]":
    if "trajectory" not in frame:
        return pd.Series(np.nan, frame.index)
    known = _column(frame, "trajectory_probability")
    if LOST in frame:  # whose spend has ended is to be won back, not warned of
        known = known.mask(frame[LOST].eq(True))
    return known.where((frame["trajectory"] == "declining") | known.isna(), 0.0)


def _where_some(frame: pd.DataFrame, some: str, measure: str) -> "pd.Series[float]":
    """The measure where there is some of it, 0 where there is none, NaN where that is not known."""
    amount = _column(frame, some)
    return _column(frame, measure).where(amount > 0, amount.where(amount.isna(), 0.0))


def _ahead(frame: pd.DataFrame) -> "pd.Series[float]":
    if "open" not in frame:
        return pd.Series(np.nan, frame.index)
    nothing = ~(_column(frame, "open") > 0) | (_column(frame, "overdue") > 0)
    return _column(frame, "late_probability").mask(nothing, 0.0)
