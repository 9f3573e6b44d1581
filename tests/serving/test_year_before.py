"""Revenue of the year before the last, from orders in files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.project import Project, load_project
from serving.year_before import year_before

AS_OF = datetime(2025, 12, 31, 23, tzinfo=UTC)
"""1 January 2026, midnight in Berlin."""

PROJECT = """
[project]
name = "Corner Shop"
currency = "EUR"
timezone = "Europe/Berlin"

[tables.orders]
path = "orders.csv"
columns = { customer_id = "customer", ordered_at = "day", amount = "total" }

[tables.customers]
path = "nowhere.csv"
columns = { customer_id = "customer" }
"""
ORDERS = """customer,day,total
A,2023-12-31,1
A,2024-01-02,20
A,2024-12-31,300
A,2025-01-01,4000
B,2025-06-01,70
C,2023-06-01,90
"""


def project(folder: Path, orders: str | None = ORDERS, text: str = PROJECT) -> Project:
    (folder / "retinue.toml").write_text(text)
    if orders is not None:
        (folder / "orders.csv").write_text(orders)
    return load_project(folder)


def test_it_is_the_spend_of_the_365_days_that_end_365_days_ago(tmp_path: Path) -> None:
    found = year_before(project(tmp_path), AS_OF)
    assert found is not None
    # 1 January 2025 is the end and does not count; 2024 had 366 days; B was not known yet
    assert found.to_dict() == {"A": pytest.approx(320.0), "C": pytest.approx(0.0)}


def test_it_takes_orders_that_reach_back_two_years(tmp_path: Path) -> None:
    without_c = "".join(line for line in ORDERS.splitlines(keepends=True) if line[0] != "C")
    assert year_before(project(tmp_path, without_c), AS_OF) is not None
    later = without_c.replace("2023-12-31", "2024-01-03").replace("2024-01-02", "2024-01-03")
    assert year_before(project(tmp_path, later), AS_OF) is None


def test_when_the_orders_cannot_be_read_it_is_not_known(tmp_path: Path) -> None:
    assert year_before(project(tmp_path, orders=None), AS_OF) is None
