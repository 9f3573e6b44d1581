import numpy as np
import pandas as pd
import pytest

from features.score_settings import CostSettings
from training.net_value import net_value

COSTS = CostSettings(contact=10.0, complaint=50.0, late_invoice=20.0)


def test_what_a_customer_costs_is_taken_from_what_it_brings_over_the_horizon() -> None:
    frame = pd.DataFrame(
        {
            "lifetime_value": [1000.0],
            "expected_revenue": [4000.0],
            "credit_loss_share": [0.01],
            "expected_purchases": [12.0],
            "purchase_days_365d": [8.0],
            "contacts_365d": [4.0],
            "complaints_365d": [1.0],
            "invoices_365d": [10.0],
            "late_share_365d": [0.3],
        }
    )
    [row] = net_value(frame, COSTS, horizon_days=730).to_dict("records")
    # two years: 1 % of 4,000 is lost; 12 instead of 16 purchases are to come, so that three quarters of
    # 2 x (4 x 10 + 50) and of 2 x 3 late invoices at 20 do
    assert row == {
        "expected_credit_loss": pytest.approx(40),
        "service_cost": pytest.approx(135),
        "collection_cost": pytest.approx(90),
        "lifetime_value_net": pytest.approx(1000 - 40 - 135 - 90),
    }


def test_who_has_left_costs_no_more_service_than_it_will_buy() -> None:
    frame = pd.DataFrame(
        {
            "lifetime_value": [0.0, 500.0],
            "expected_revenue": [0.0, 900.0],
            "expected_purchases": [0.0, 20.0],
            "purchase_days_365d": [10.0, 10.0],
            "contacts_365d": [4.0, 4.0],
        }
    )
    assert net_value(frame, COSTS, horizon_days=365)["service_cost"].tolist() == [0, 40]


def test_what_is_not_known_costs_nothing_and_no_value_stays_none() -> None:
    frame = pd.DataFrame({"lifetime_value": [1000.0, np.nan], "expected_revenue": [-5.0, np.nan]})
    told = net_value(frame.assign(contacts_365d=[np.nan, 3.0]), CostSettings(), horizon_days=365)
    assert told["lifetime_value_net"].tolist() == [1000, pytest.approx(np.nan, nan_ok=True)]
    assert told["expected_credit_loss"].tolist() == [0, 0]
