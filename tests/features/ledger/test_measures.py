"""DSO and its kin, computed by hand."""

import pytest

from features.errors import AsOfError
from features.ledger import customer_measures, portfolio_measures
from features.ledger.names import MEASURES, reasons
from features.text import Text
from tests.features.ledger.conftest import OpenBooks

# The 90 days before April 1 begin on January 1. Sales of the period: 400 + 700 + 600 = 1,700.
# Owed on April 1: 400 of february (20 days overdue) + 600 of march (not yet due) = 1,000. Owed on January 1: 200.
INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount
december   | acme        | 2024-12-01 | 2024-12-31 | 200
january    | acme        | 2025-01-10 | 2025-02-09 | 400
february   | acme        | 2025-02-10 | 2025-03-12 | 700
march      | acme        | 2025-03-05 | 2025-04-04 | 600
"""
PAYMENTS = """
customer_id | paid_at    | amount | invoice_id
acme        | 2025-01-20 | 200    | december
acme        | 2025-02-09 | 400    | january
acme        | 2025-03-20 | 300    | february
"""
ACME = {
    "dso_days": 1000 / 1700 * 90,
    # march's 600 exhaust 31 days; the other 400 are 4/7 of february's 700, so 16 of its 28 days
    "dso_count_back_days": 31 + 16,
    "best_possible_dso_days": 600 / 1700 * 90,
    "average_days_delinquent": 400 / 1700 * 90,
    "turnover_per_year": 1700 * 365 / 90 / ((200 + 1000) / 2),
    "collection_effectiveness": (200 + 1700 - 1000) / (200 + 1700 - 600),
    "late_share": 1 / 2,  # january in time, february overdue, march not yet judged
    "late_amount_share": 700 / (400 + 700),
}


def test_the_measures_of_one_customer(books: OpenBooks) -> None:
    ledger = books("2025-04-01", invoices=INVOICES, payments=PAYMENTS)
    [acme] = customer_measures(ledger, 90).to_pylist()
    assert acme.pop("customer_id") == "acme"
    assert acme == pytest.approx(ACME)
    assert portfolio_measures(ledger, 90) == pytest.approx(ACME)
    assert list(acme) == [measure.name for measure in MEASURES]


def test_who_is_never_late_has_a_share_of_nothing(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-03-11 | 400 | february\n"
    measured = portfolio_measures(
        books("2025-04-01", invoices=INVOICES, payments=payments.replace("03-20", "03-10")), 90
    )
    assert (measured["late_share"], measured["late_amount_share"]) == (0, 0)


def test_count_back_passes_over_months_without_sales(books: OpenBooks) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount
    i          | acme        | 2025-01-10 | 2025-02-09 | 310
    j          | acme        | 2025-03-05 | 2025-04-04 | 100
    """
    payments = "customer_id | paid_at | amount\nacme | 2025-03-20 | 110"
    # owed 300: march's 100 (31 days) and february (28 days) are gone, then 200 of january's 310: 20 of 31 days
    ledger = books("2025-04-01", invoices=invoices, payments=payments)
    assert portfolio_measures(ledger)["dso_count_back_days"] == pytest.approx(31 + 28 + 20)


def test_count_back_within_the_month_that_is_not_over(books: OpenBooks) -> None:
    invoices = "invoice_id | customer_id | issued_at | due_at | amount\ni | acme | 2025-03-05 | 2025-04-04 | 100"
    payments = "customer_id | paid_at | amount\nacme | 2025-03-10 | 75"
    ledger = books("2025-03-21", invoices=invoices, payments=payments)  # a quarter of March's first 20 days
    assert portfolio_measures(ledger)["dso_count_back_days"] == pytest.approx(5)


def test_credit_notes_lower_sales(books: OpenBooks) -> None:
    invoices = INVOICES + "credit | acme | 2025-03-31 | 2025-03-31 | -70\n"
    payments = PAYMENTS.replace("| invoice_id", "| invoice_id | kind").replace("january\n", "january |\n")
    payments = payments.replace("december\n", "december |\n").replace("february\n", "february |\n")
    payments += "acme | 2025-03-31 | 30 | february | credit_note\n"
    # owed: 1,000 - 100; sales: 1,700 - 100
    ledger = books("2025-04-01", invoices=invoices, payments=payments)
    assert portfolio_measures(ledger, 90)["dso_days"] == pytest.approx(900 / 1600 * 90)


def test_a_customer_s_own_money_with_us_is_no_receivable(books: OpenBooks) -> None:
    invoices = INVOICES.replace("acme", "owing")
    payments = PAYMENTS.replace("acme", "owing") + "saving | 2025-03-01 | 5000 |\n"
    ledger = books("2025-04-01", invoices=invoices, payments=payments)
    assert ledger.portfolio()["balance_minor"] == 100_000 - 500_000
    assert portfolio_measures(ledger, 90) == pytest.approx(ACME)
    rows = {r["customer_id"]: r for r in customer_measures(ledger, 90).to_pylist()}
    assert {name: value for name, value in rows["saving"].items() if value is not None} == {
        "customer_id": "saving",
        "dso_count_back_days": 0,
    }


def test_missing_measures_say_why(books: OpenBooks) -> None:
    invoices = "invoice_id | customer_id | issued_at | due_at | amount\ni | acme | 2024-03-05 | 2024-04-04 | 100"
    payments = "customer_id | paid_at | amount\nacme | 2024-03-10 | -75"
    measured = portfolio_measures(books("2025-04-01", invoices=invoices, payments=payments), 90)
    assert reasons(measured) == {
        "dso_days": Text("nothing was invoiced in the period", "该期间内没有开票"),
        "dso_count_back_days": Text("more is owed than was ever invoiced by the facts", "欠款超过事实中全部开票金额"),
        "best_possible_dso_days": Text("nothing was invoiced in the period", "该期间内没有开票"),
        "average_days_delinquent": Text("nothing was invoiced in the period", "该期间内没有开票"),
        "late_share": Text(
            "no invoice of the period has been settled or fallen due", "该期间的发票均未结清，也均未到期"
        ),
        "late_amount_share": Text(
            "no invoice of the period has been settled or fallen due", "该期间的发票均未结清，也均未到期"
        ),
    }
    assert (measured["turnover_per_year"], measured["collection_effectiveness"]) == (0, 0)


def test_measures_need_a_period(books: OpenBooks) -> None:
    with pytest.raises(AsOfError, match="at least one day, got 0"):
        customer_measures(books("2025-04-01", invoices=INVOICES, payments=PAYMENTS), 0)
