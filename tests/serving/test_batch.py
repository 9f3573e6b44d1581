from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.project import load_project
from features.sources import open_facts
from serving.gathering import names_at

PROJECT = """
[project]
name = "Names"
currency = "EUR"
timezone = "UTC"
[tables.orders]
path = "orders.csv"
[tables.orders.columns]
customer_id = "customer_id"
ordered_at = "ordered_at"
amount = "amount"
"""

WITH_CUSTOMERS = """
[tables.customers]
path = "customers.csv"
[tables.customers.columns]
customer_id = "customer_id"
name = "name"
account_manager = "account_manager"
"""

Names = dict[str, tuple[str, str]]


def names(folder: Path, project: str, customers: str, as_of: datetime) -> Names:
    """Name and account manager by customer id, as a batch of that instant tells them."""
    (folder / "orders.csv").write_text("customer_id,ordered_at,amount\nA,2025-01-01,1\n")
    (folder / "customers.csv").write_text(customers)
    (folder / "retinue.toml").write_text(project)
    with open_facts(load_project(folder)) as facts:
        frame = names_at(facts, as_of)
    assert list(frame.columns) == ["customer_id", "name", "account_manager"]
    assert frame["customer_id"].is_unique
    return dict(zip(frame["customer_id"], zip(frame["name"], frame["account_manager"], strict=True), strict=True))


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (datetime(2025, 3, 1, tzinfo=UTC), ("Acme", "M. Okafor")),
        (datetime(2025, 6, 1, tzinfo=UTC), ("Acme", "M. Okafor")),
        (datetime(2025, 6, 1, 0, 0, 1, tzinfo=UTC), ("Acme Group", "L. Chen")),
        (datetime(2026, 1, 1, tzinfo=UTC), ("Acme Group", "L. Chen")),
    ],
)
def test_a_customer_with_several_rows_is_called_as_it_was_at_that_instant(
    tmp_path: Path, as_of: datetime, expected: tuple[str, str]
) -> None:
    rows = (
        "customer_id,name,account_manager,valid_from\n"
        "A,Acme Group,L. Chen,2025-06-01\n"
        "A,Acme,M. Okafor,\n"
        "B,Beta,M. Okafor,2025-02-01\n"
    )
    project = WITH_CUSTOMERS + 'valid_from = "valid_from"\n'
    assert names(tmp_path, PROJECT + project, rows, as_of) == {"A": expected, "B": ("Beta", "M. Okafor")}


def test_a_customer_of_whom_no_row_holds_yet_has_no_name(tmp_path: Path) -> None:
    rows = "customer_id,name,account_manager,valid_from\nA,Acme,M. Okafor,2025-06-01\n"
    project = PROJECT + WITH_CUSTOMERS + 'valid_from = "valid_from"\n'
    assert names(tmp_path, project, rows, datetime(2025, 1, 2, tzinfo=UTC)) == {}


def test_customers_without_dates_keep_their_names_at_all_times(tmp_path: Path) -> None:
    rows = "customer_id,name,account_manager\nA,Acme,M. Okafor\n"
    found = names(tmp_path, PROJECT + WITH_CUSTOMERS, rows, datetime(2020, 1, 1, tzinfo=UTC))
    assert found == {"A": ("Acme", "M. Okafor")}


def test_without_a_table_of_customers_nobody_has_a_name(tmp_path: Path) -> None:
    assert names(tmp_path, PROJECT, "", datetime(2025, 1, 2, tzinfo=UTC)) == {}
