"""Ageing over the months, and the catalogue's payment features beside the books."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from features.catalogue import BY_NAME
from features.ledger import ageing_over_time, customer_measures, open_ledger
from features.ledger.ageing import month_ends
from features.simulation.write import write_company
from features.snapshot import snapshot
from features.sources import Facts, open_facts
from tests.features.builders import project_of
from tests.features.ledger.conftest import OpenBooks

INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount | known_at
i          | acme        | 2025-01-10 | 2025-01-20 | 100    | 2025-01-10
j          | acme        | 2025-02-10 | 2025-03-12 | 50     | 2025-03-02
"""
PAYMENTS = """
customer_id | paid_at    | amount
acme        | 2025-02-20 | 30
acme        | 2025-03-20 | 150
"""


def test_each_month_end_is_told_as_the_books_said_it_then(books: OpenBooks) -> None:
    ledger = books("2025-04-15", invoices=INVOICES, payments=PAYMENTS)
    rows = ageing_over_time(ledger.facts, ledger.as_of, 4).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        # month end, current, 1-30, 31-60, 61-90, over 90, open, unapplied, balance
        (date(2024, 12, 31), 0, 0, 0, 0, 0, 0, 0, 0),
        (date(2025, 1, 31), 0, 10_000, 0, 0, 0, 10_000, 0, 10_000),
        (date(2025, 2, 28), 0, 0, 7_000, 0, 0, 7_000, 0, 7_000),
        (date(2025, 3, 31), 0, 0, 0, 0, 0, 0, 3_000, -3_000),
    ]


def test_one_month_end_alone_is_the_same(books: OpenBooks) -> None:
    ledger = books("2025-04-01", invoices=INVOICES, payments=PAYMENTS)
    assert ageing_over_time(ledger.facts, ledger.as_of, 1).to_pylist() == [
        ageing_over_time(ledger.facts, ledger.as_of, 4).to_pylist()[-1]
    ]


def test_a_month_is_over_at_its_last_midnight() -> None:
    assert month_ends(datetime(2025, 3, 1, tzinfo=UTC), 2) == [
        datetime(2025, 2, 1, tzinfo=UTC),
        datetime(2025, 3, 1, tzinfo=UTC),
    ]
    assert month_ends(datetime(2025, 1, 31, tzinfo=UTC), 1) == [datetime(2025, 1, 1, tzinfo=UTC)]


# --- a simulated trading company: every payment names its invoice, none too much

AGREED = {
    "open_balance": "open_minor",
    "overdue_balance": "overdue_minor",
    "open_balance_current": "open_current_minor",
    "overdue_balance_1_30d": "open_1_30_minor",
    "overdue_balance_31_60d": "open_31_60_minor",
    "overdue_balance_61_90d": "open_61_90_minor",
    "overdue_balance_over_90d": "open_over_90_minor",
    "oldest_overdue_days": "oldest_overdue_days",
}


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    folder: Path = tmp_path_factory.mktemp("trading")
    write_company(folder, 5, 150, 24, end=date(2026, 1, 1), cut_offs=())
    columns = {
        "invoices": ["invoice_id", "customer_id", "issued_at", "due_at", "amount", "disputed"],
        "payments": ["customer_id", "paid_at", "amount", "invoice_id"],
    }
    with open_facts(project_of(folder, columns, "parquet", "Asia/Shanghai")) as facts:
        yield facts


@pytest.mark.parametrize("as_of", [datetime(2025, 3, 10, 7, tzinfo=UTC), datetime(2025, 12, 31, 16, tzinfo=UTC)])
def test_the_catalogue_s_balances_are_those_of_the_books(trading: Facts, as_of: datetime) -> None:
    features = [BY_NAME[name] for name in AGREED]
    catalogue = {r["customer_id"]: r for r in snapshot(trading, [as_of], features=features).to_pylist()}
    ledger = open_ledger(trading, as_of)
    books = {r["customer_id"]: r for r in ledger.customers().to_pylist()}
    assert catalogue.keys() == books.keys()
    assert len(books) > 100
    for feature, column in AGREED.items():
        scale = 1 if feature == "oldest_overdue_days" else 100
        found = {customer: round(scale * row[feature], 6) for customer, row in catalogue.items()}
        assert found == {customer: row[column] for customer, row in books.items()}, feature
    assert ledger.portfolio()["open_1_30_minor"] > 0


@pytest.mark.parametrize("as_of", [datetime(2025, 3, 10, 7, tzinfo=UTC), datetime(2025, 12, 31, 16, tzinfo=UTC)])
def test_the_catalogue_s_late_shares_are_those_of_the_books(trading: Facts, as_of: datetime) -> None:
    measured = customer_measures(open_ledger(trading, as_of)).to_pylist()
    for feature, measure in {"late_share_365d": "late_share", "late_amount_share_365d": "late_amount_share"}.items():
        catalogue = snapshot(trading, [as_of], features=[BY_NAME[feature]]).to_pylist()
        found = {r["customer_id"]: r[feature] for r in catalogue}
        assert found == pytest.approx({r["customer_id"]: r[measure] for r in measured}, nan_ok=True)


def test_a_simulated_year_s_month_ends_are_the_books_of_each(trading: Facts) -> None:
    as_of = datetime(2025, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    rows = ageing_over_time(trading, as_of).to_pylist()
    assert [r["month_end"] for r in rows][::11] == [date(2025, 1, 31), date(2025, 12, 31)]
    for row, instant in zip(rows, month_ends(as_of.astimezone(trading.project.timezone), 12), strict=True):
        then = open_ledger(trading, instant).portfolio()
        assert {name: then[name] for name in row if name != "month_end"} == {
            name: value for name, value in row.items() if name != "month_end"
        }
