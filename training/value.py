"""The money at stake with a customer: its margin over the value horizon if it stays."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.project import Project

Floats = NDArray[np.float64]

LEAST_TENURE_DAYS = 90
"""A customer's yearly spend is not extrapolated from fewer days than this."""


def value_if_back(frame: pd.DataFrame, project: Project) -> Floats:
    """Margin over the value horizon of customers who have been silent for too long, if they bought again as they used to.

    In currency; NaN: still active, or too little was bought to judge by. What they used to buy is all their spend over
    the days from the first purchase to the last, of which no fewer than 90 count.
    """
    if "spend_total" not in frame:
        return np.full(len(frame), np.nan)
    days = np.maximum(frame["days_first_to_last_purchase"].to_numpy(dtype=np.float64), LEAST_TENURE_DAYS)
    margin = frame["spend_total"].to_numpy(dtype=np.float64) * project.value.margin_share
    is_lost = frame["days_since_last_purchase"].to_numpy(dtype=np.float64) > project.churn.active_within_days
    return np.asarray(np.where(is_lost & (margin > 0), margin / days * project.value.horizon_days, np.nan))


def value_at_stake(frame: pd.DataFrame, project: Project) -> Floats:
    """Margin over the value horizon if the customer goes on as in the last year, in currency; NaN: nothing to judge by.

    ``frame`` is a snapshot, one row a customer. The yearly spend of a customer known for less than a year is extrapolated
    from no fewer than 90 days. Margin is the customer's own where orders carry one, else spend times [value]
    margin_share. It is never below zero. Without orders it is that share of the price of the running contracts.
    """
    value = project.value
    if "spend_365d" not in frame:
        prices = frame.get("contract_amount", pd.Series(np.nan, frame.index)).to_numpy(dtype=np.float64)
        return np.asarray(prices * value.margin_share * value.horizon_days / value.contract_period_days)
    days = np.clip(frame["days_since_first_purchase"].to_numpy(), LEAST_TENURE_DAYS, 365)
    if "margin_365d" in frame:
        margin = frame["margin_365d"].to_numpy()
    else:
        margin = frame["spend_365d"].to_numpy() * value.margin_share
    return np.asarray(np.maximum(margin, 0) / days * value.horizon_days)
