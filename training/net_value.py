"""Lifetime value net of what the customer costs: credit that is lost, service, and the collection of late money.

Margins know what was sold for more than it cost, and no more. What else a customer takes is counted from the last year's
contacts, complaints and late invoices at the costs that the project states, and from the share of credit that is lost.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.score_settings import CostSettings

Floats = NDArray[np.float64]

YEAR_DAYS = 365


def net_value(frame: pd.DataFrame, costs: CostSettings, horizon_days: int) -> pd.DataFrame:
    """What is left of each customer's lifetime value, under the frame's index; all in currency over ``horizon_days``.

    ``frame`` has lifetime_value, expected_revenue and expected_purchases, and where known credit_loss_share (of new sales),
    purchase_days_365d, contacts_365d, complaints_365d, invoices_365d and late_share_365d. What is not known costs nothing. What
    is open already is not counted: that money is lost or not whatever becomes of the customer. Contacts, complaints and late
    invoices go on in the measure in which purchases do.

    Columns: expected_credit_loss, service_cost (contacts and complaints), collection_cost (late invoices), and
    lifetime_value_net, which is NaN where the lifetime value is.
    """
    years = horizon_days / YEAR_DAYS
    sales = np.maximum(_column(frame, "expected_revenue"), 0)
    loss = sales * _column(frame, "credit_loss_share")
    goes_on = years * _goes_on(frame, years)
    contacts, complaints = _column(frame, "contacts_365d"), _column(frame, "complaints_365d")
    service = goes_on * (costs.contact * contacts + costs.complaint * complaints)
    late = _column(frame, "invoices_365d") * _column(frame, "late_share_365d")
    collection = goes_on * costs.late_invoice * late
    value = frame["lifetime_value"].to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "expected_credit_loss": loss,
            "service_cost": service,
            "collection_cost": collection,
            "lifetime_value_net": value - loss - service - collection,
        },
        index=frame.index,
    )


def _goes_on(frame: pd.DataFrame, years: float) -> Floats:
    """How much of the last year's dealings goes on, 0 to 1: expected purchases over those of the last year."""
    last_year = _column(frame, "purchase_days_365d") * years
    expected = _column(frame, "expected_purchases") if "expected_purchases" in frame else np.ones(len(frame))
    return np.asarray(np.minimum(expected / np.maximum(last_year, 1.0), 1.0))


def _column(frame: pd.DataFrame, name: str) -> Floats:
    return np.nan_to_num(frame[name].to_numpy(dtype=np.float64)) if name in frame else np.zeros(len(frame))
