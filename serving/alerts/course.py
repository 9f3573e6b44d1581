"""What a run of scores does to the cases, all at once: raised, worse, gone, back, no better, verified, expired, moved up.

Days are counted between the instants that runs speak for (``as_of``), so that a run that comes late, or is repeated, changes
nothing in how a case goes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serving.alerts.grading import CALM
from serving.alerts.kinds import LEVELS, RANKS
from serving.alerts.moves import LIVE, RUN_EVENTS
from serving.decisions.alert_policy import AlertPolicy

Flags = NDArray[np.bool_]

INSTANTS = ("opened_at", "as_of", "red_since", "calm_since", "resolved_as_of", "closed_at", "trend_since")
_RED = RANKS["red"]
_NEVER = np.datetime64("NaT", "us")
_DAY = np.timedelta64(1, "D")
_SAME = 1e-9


@dataclass(frozen=True)
class Course:
    """``cases``: the cases after the run, in the order given. ``events``: for each event the rows to which it happened."""

    cases: pd.DataFrame
    events: dict[str, Flags]


def course(cases: pd.DataFrame, ranks: NDArray[np.int8], values: "NDArray[np.float64]", falls: Flags,
           as_of: np.datetime64, policy: AlertPolicy) -> Course:  # fmt: skip
    """How cases go on by what was found of each.

    Parameters: ``cases`` has status (None: there is no case yet), rank, level, value, trend and the instants `INSTANTS`
    (datetime64, UTC without zone); ``ranks`` and ``values`` are what was graded of each row, ``falls`` whether lower is graver.
    Rows that are closed come back where something was found; callers leave out those closed for too long.
    """
    now, old = cases.copy(), cases["status"].to_numpy(dtype=object)
    seen, live, is_new = ranks > CALM, np.isin(old, LIVE), pd.isna(cases["status"]).to_numpy() & (ranks > CALM)
    begins = seen & ~live
    was, calm_since = cases["rank"].to_numpy(dtype=np.float64), _instants(cases, "calm_since")
    gone = live & ~seen & np.isnat(calm_since)
    returned = live & seen & ~np.isnat(calm_since)
    calm_since = np.where(gone, as_of, np.where(seen, _NEVER, calm_since))
    since_resolved = _days(as_of, _instants(cases, "resolved_as_of"))
    resolved = old == "resolved"
    not_better = resolved & seen & (since_resolved >= policy.check_after_days)
    verified = resolved & (ranks == CALM) & (since_resolved > 0)
    expired = live & ~seen & ~verified & (_days(as_of, calm_since) >= policy.expire_after_days)
    red_since = np.where(ranks == _RED, np.where(begins | (was < _RED), as_of, _instants(cases, "red_since")), _NEVER)
    red_since = np.where(np.isnat(red_since) & (ranks == _RED), as_of, red_since)
    now["status"] = np.select([begins, not_better, verified, expired], ["open", "in_work", "verified", "expired"], old)
    level = np.where(begins, 0, cases["level"].fillna(0).to_numpy(dtype=np.int64))
    due = np.minimum(np.nan_to_num(_days(as_of, red_since)) // policy.escalate_after_days, len(LEVELS) - 1)
    escalated = (now["status"] == "open").to_numpy() & (ranks == _RED) & (due > level)
    now["level"] = np.where(escalated, due, level).astype(np.int64)
    now["rank"] = np.where(seen, ranks, np.nan_to_num(was)).astype(np.int64)
    now["calm_since"], now["red_since"] = calm_since, red_since
    now["opened_at"] = np.where(is_new, as_of, _instants(cases, "opened_at"))
    now["closed_at"] = np.where(verified | expired, as_of, np.where(begins, _NEVER, _instants(cases, "closed_at")))
    now["resolved_as_of"] = np.where(begins | not_better, _NEVER, _instants(cases, "resolved_as_of"))
    _follow(now, cases, values, falls, begins, as_of)
    now["as_of"], now["judged"] = as_of, (ranks >= CALM).astype(np.int64)
    found = {
        "raised": is_new, "reopened": begins & ~is_new, "worsened": live & seen & (ranks > was), "eased": live & seen & (ranks < was),
        "calm": gone & (ranks == CALM), "unknown": gone & (ranks < CALM), "returned": returned,
        "not_better": not_better, "verified": verified, "expired": expired, "escalated": escalated,
    }  # fmt: skip
    return Course(now, {what: found[what] for what in RUN_EVENTS})


def _follow(now: pd.DataFrame, before: pd.DataFrame, values: "NDArray[np.float64]", falls: Flags, begins: Flags,
            as_of: np.datetime64) -> None:  # fmt: skip
    """The value, whether it moves for the worse or the better, and since which run."""
    old = before["value"].to_numpy(dtype=np.float64)
    moved = np.where(falls, old - values, values - old)
    trend = np.select([begins, moved > _SAME, moved < -_SAME], ["new", "worse", "better"], "steady").astype(object)
    trend = np.where(np.isnan(values) & ~begins, before["trend"].to_numpy(dtype=object), trend)
    goes_on = (trend == before["trend"].to_numpy(dtype=object)) & ~begins
    now["trend"] = trend
    now["trend_since"] = np.where(goes_on, _instants(before, "trend_since"), as_of)
    now["value"] = np.where(np.isnan(values), old, values)


def _instants(cases: pd.DataFrame, name: str) -> "NDArray[np.datetime64]":
    return cases[name].to_numpy(dtype="datetime64[us]")


def _days(as_of: np.datetime64, since: "NDArray[np.datetime64]") -> "NDArray[np.float64]":
    """Days from each instant to ``as_of``; NaN where there is none."""
    return np.asarray((as_of.astype("datetime64[us]") - since) / _DAY, dtype=np.float64)
