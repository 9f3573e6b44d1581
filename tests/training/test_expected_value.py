"""What customers have brought until now, net of what it cost to win them."""

from pathlib import Path

import pytest

from features.errors import ProjectError
from features.project import Project, ValueSettings
from features.score_settings import CostSettings
from features.sources import open_facts
from tests.features.builders import instant, write_by_hand
from training.expected_value import past_values

CUSTOMERS = """
customer_id | won_for | known_at
acme        | 120.5   | 2025-01-01
bolt        |         | 2025-01-01
calm        | dear    | 2025-01-01
later       | 40      | 2025-09-01
"""
ORDERS = """
customer_id | ordered_at | amount | margin | known_at
acme        | 2025-05-01 | 1000   | 300    | 2025-05-01
acme        | 2025-05-09 | -100   | -30    | 2025-05-09
acme        | 2024-01-09 | 500    | 100    | 2024-01-09
acme        | 2025-05-20 | 900    | 400    | 2025-06-02
bolt        | 2025-05-01 | 200    |        | 2025-05-01
calm        | 2025-05-01 | 10     | 1      | 2025-05-01
later       | 2025-05-01 | 10     | 2      | 2025-05-01
"""


def project_of(folder: Path, acquisition: str | None) -> Project:
    project = write_by_hand(folder, customers=CUSTOMERS, orders=ORDERS)
    columns = {k: v for k, v in project.tables["customers"].columns.items() if k != "won_for"} | {
        "attributes": ["won_for"]
    }
    source = project.tables["customers"].model_copy(update={"columns": columns})
    value = ValueSettings(margin_share=0.2, costs=CostSettings(acquisition=acquisition))
    return project.model_copy(update={"tables": {**project.tables, "customers": source}, "value": value})


def test_past_value_is_margin_less_what_it_cost_to_win_the_customer(tmp_path: Path) -> None:
    project = project_of(tmp_path, "won_for")
    with open_facts(project) as facts:
        past = past_values(facts, instant("2025-06-01", project))
    assert past["past_value"].to_dict() == pytest.approx({"acme": 370 - 120.5, "bolt": 40, "calm": 1, "later": 2})
    assert past["past_value_365d"].to_dict() == pytest.approx({"acme": 270, "bolt": 40, "calm": 1, "later": 2})
    assert past["acquisition_cost"].isna().to_dict() == {"acme": False, "bolt": True, "calm": True, "later": True}


def test_without_that_cost_past_value_is_margin(tmp_path: Path) -> None:
    project = project_of(tmp_path, None)
    with open_facts(project) as facts:
        past = past_values(facts, instant("2025-06-01", project))
    assert past["past_value"].to_dict() == pytest.approx({"acme": 370, "bolt": 40, "calm": 1, "later": 2})


def test_an_attribute_that_does_not_exist_is_named_with_the_nearest(tmp_path: Path) -> None:
    project = project_of(tmp_path, "won_four")
    with open_facts(project) as facts, pytest.raises(ProjectError, match=r"acquisition = 'won_four'.*won_for"):
        past_values(facts, instant("2025-06-01", project))
