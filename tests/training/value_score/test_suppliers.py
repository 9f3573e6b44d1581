from pathlib import Path

import pandas as pd
import pytest

from features.errors import FactsError
from features.score_settings import SupplierScoreSettings
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.value_score.scorecard import fit_scorecard
from training.value_score.suppliers import supplier_frame

ORDERS = """
customer_id | ordered_at | amount
C1          | 2025-01-01 | 10
"""
SUPPLIES = """
supplier_id | ordered_at | amount | promised_at | delivered_at | quantity | rejected_quantity | unit_price | product_id
S1          | 2025-01-10 | 100    | 2025-01-20  | 2025-01-20   | 10       | 0                 | 10         | bolt
S1          | 2025-02-10 | 500    | 2025-02-20  | 2025-02-21   | 50       | 6                 | 10         | bolt
S1          | 2025-03-10 | 200    | 2025-03-20  | 2025-03-18   | 20       | 2                 |            | bolt
S1          | 2025-05-20 | 900    | 2025-05-30  | 2025-06-03   | 90       | 90                | 10         | bolt
S2          | 2025-01-10 | 60     | 2025-01-12  | 2025-01-12   | 5        | 0                 | 12         | bolt
S2          | 2025-01-10 | 40     |             |              | 4        | 1                 | 10         | nut
S2          | 2024-05-31 | 999    | 2024-06-09  | 2024-06-19   | 9        | 9                 | 99         | bolt
S3          | 2025-06-01 | 10     |             |              | 1        | 0                 | 10         | bolt
"""


def frame(folder: Path, as_of: str = "2025-06-01") -> pd.DataFrame:
    project = write_by_hand(folder, orders=ORDERS, supplies=SUPPLIES)
    with open_facts(project) as facts:
        return supplier_frame(facts, instant(as_of, project))


def test_a_supplier_is_measured_by_the_deliveries_of_a_year_known_at_the_instant(tmp_path: Path) -> None:
    found = frame(tmp_path)
    assert found.index.tolist() == ["S1", "S2"]
    first = found.loc["S1"].to_dict()
    # the delivery of June has not come: neither its lateness nor its rejects are known
    assert first["deliveries_365d"] == 4
    assert first["purchases_365d"] == 1700
    assert first["rejected_share_365d"] == pytest.approx(8 / 80)
    assert first["late_share_365d"] == pytest.approx(1 / 3)
    assert first["lead_time_mean_days_365d"] == pytest.approx((10 + 11 + 8) / 3)
    assert first["smallest_batch_share_365d"] == pytest.approx(10 / 90)
    assert first["products_365d"] == 1
    # the median price of a bolt is 10: of 10, 10, 10 (100 / 10 pieces), 10 and 12
    assert first["price_ratio_365d"] == pytest.approx(1)
    assert found.loc["S2", "price_ratio_365d"] == pytest.approx(1.2)


def test_what_is_not_known_of_a_supplier_is_missing(tmp_path: Path) -> None:
    second = frame(tmp_path).loc["S2"].to_dict()
    # a nut has one supplier only and no delivery; no product was delivered three times
    assert second["rejected_share_365d"] == 0
    assert second["products_365d"] == 2
    assert pd.isna(second["smallest_batch_share_365d"])


def test_suppliers_are_scored_by_the_same_scorecard(tmp_path: Path) -> None:
    found = frame(tmp_path)
    card = fit_scorecard(found, SupplierScoreSettings(criteria={"quality": 1, "price": 1, "variety": 2}))
    scores = card.score(found)
    assert scores["value_score"].tolist() == pytest.approx([25, 75])
    assert scores.filter(like="points_").to_numpy().tolist() == [[0, 25, 0], [25, 0, 50]]


def test_rejects_count_without_dates_of_delivery(tmp_path: Path) -> None:
    supplies = """
supplier_id | ordered_at | amount | quantity | rejected_quantity | known_at
S1          | 2025-01-10 | 100    | 10       | 1                 | 2025-01-10
S1          | 2025-02-10 | 100    | 10       | 5                 | 2025-07-01
"""
    project = write_by_hand(tmp_path, orders=ORDERS, supplies=supplies)
    with open_facts(project) as facts:
        assert supplier_frame(facts, instant("2025-06-01", project))["rejected_share_365d"].tolist() == [0.1]
        assert supplier_frame(facts, instant("2025-08-01", project))["rejected_share_365d"].tolist() == [0.3]


def test_without_supplies_the_error_says_what_to_add(tmp_path: Path) -> None:
    project = write_by_hand(tmp_path, orders=ORDERS)
    with open_facts(project) as facts, pytest.raises(FactsError, match=r"Add \[tables.supplies\]"):
        supplier_frame(facts, instant("2025-06-01", project))
