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
            "expected_loss": [30.0],
            "contacts_365d": [4.0],
            "complaints_365d": [1.0],
            "invoices_365d": [10.0],
            "late_share_365d": [0.3],
        }
    )
    [row] = net_value(frame, COSTS, horizon_days=730).to_dict("records")
    # two years: 1 % of 4,000 and 30 are lost; 2 x (4 x 10 + 50); 2 x 3 late invoices at 20
    assert row == {
        "expected_credit_loss": pytest.approx(70),
        "service_cost": pytest.approx(180),
        "collection_cost": pytest.approx(120),
        "lifetime_value_net": pytest.approx(1000 - 70 - 180 - 120),
    }


def test_what_is_not_known_costs_nothing_and_no_value_stays_none() -> None:
    frame = pd.DataFrame({"lifetime_value": [1000.0, np.nan], "expected_revenue": [-5.0, np.nan]})
    told = net_value(frame.assign(contacts_365d=[np.nan, 3.0]), CostSettings(), horizon_days=365)
    assert told["lifetime_value_net"].tolist() == [1000, pytest.approx(np.nan, nan_ok=True)]
    assert told["expected_credit_loss"].tolist() == [0, 0]
