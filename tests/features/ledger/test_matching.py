"""Money finds its invoices: by reference, else oldest first; refunds, credit notes, write-offs and records."""

from datetime import datetime
from typing import Any

import pytest

from features.errors import AsOfError, FactsError
from features.ledger import Ledger, ageing_over_time, customer_measures, open_ledger
from tests.features.ledger.conftest import OpenBooks

INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount
i          | acme        | 2025-01-01 | 2025-01-31 | 100
j          | acme        | 2025-02-01 | 2025-02-28 | 50
k          | acme        | 2025-03-01 | 2025-03-31 | 30.10
"""
PAYMENTS = "customer_id | paid_at | amount | invoice_id | kind\n"


def opened(ledger: Ledger) -> dict[str, int]:
    """What is open on each invoice, in cents."""
    return {r["invoice_id"]: r["open_minor"] for r in ledger.items().to_pylist()}


def unapplied(ledger: Ledger) -> dict[str, int]:
    return {r["customer_id"]: r["unapplied_minor"] for r in ledger.unapplied().to_pylist()}


def item(ledger: Ledger, invoice_id: str) -> dict[str, Any]:
    return next(r for r in ledger.items().to_pylist() if r["invoice_id"] == invoice_id)


def parts(ledger: Ledger, invoice_id: str) -> dict[str, int]:
    row = item(ledger, invoice_id)
    return {name: row[f"{name}_minor"] for name in ("credited", "paid", "written_off", "open")}


def test_money_goes_to_the_invoice_that_it_names_though_an_older_one_is_open(books: OpenBooks) -> None:
    ledger = books("2025-04-10", invoices=INVOICES, payments=PAYMENTS + "acme | 2025-03-05 | 50 | j |")
    assert opened(ledger) == {"i": 10_000, "j": 0, "k": 3_010}
    assert item(ledger, "j")["settled_at"] == datetime(2025, 3, 5)
    assert unapplied(ledger) == {}


def test_money_without_a_reference_goes_to_the_oldest_open_invoices(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-02-10 | 60 | |\nacme | 2025-03-10 | 60 | unknown |"
    ledger = books("2025-04-10", invoices=INVOICES, payments=payments)
    assert opened(ledger) == {"i": 0, "j": 3_000, "k": 3_010}
    assert item(ledger, "i")["settled_at"] == datetime(2025, 3, 10)


def test_an_invoice_that_falls_due_earlier_takes_free_money_though_it_came_later(books: OpenBooks) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount
    long       | acme        | 2025-01-01 | 2025-04-30 | 100
    short      | acme        | 2025-02-01 | 2025-02-15 | 100
    """
    payments = PAYMENTS + "acme | 2025-01-20 | 100 | |"
    assert opened(books("2025-02-01", invoices=invoices, payments=payments)) == {"long": 0}
    assert opened(books("2025-02-20", invoices=invoices, payments=payments)) == {"long": 10_000, "short": 0}


def test_closing_books_leaves_others_of_the_same_instant_open(books: OpenBooks) -> None:
    ledger = books("2025-04-10", invoices=INVOICES, payments=PAYMENTS + "acme | 2025-03-05 | 50 | j |")
    open_ledger(ledger.facts, ledger.as_of).close()
    assert opened(ledger) == {"i": 10_000, "j": 0, "k": 3_010}


def test_closed_books_leave_nothing_behind_in_the_facts(books: OpenBooks) -> None:
    ledger = books("2025-04-10", invoices=INVOICES, payments=PAYMENTS + "acme | 2025-03-05 | 50 | |")
    relations = "SELECT table_name FROM information_schema.tables ORDER BY table_name"
    before = ledger.facts.connection.execute(relations).fetchall()
    again = open_ledger(ledger.facts, ledger.as_of)
    customer_measures(again, 30)
    assert len(ledger.facts.connection.execute(relations).fetchall()) > len(before)
    again.close()
    ageing_over_time(ledger.facts, ledger.as_of)
    assert ledger.facts.connection.execute(relations).fetchall() == before


def test_what_exceeds_an_invoice_goes_on_to_the_oldest_open_one(books: OpenBooks) -> None:
    ledger = books("2025-04-10", invoices=INVOICES, payments=PAYMENTS + "acme | 2025-03-05 | 120 | j |")
    assert opened(ledger) == {"i": 3_000, "j": 0, "k": 3_010}


def test_money_in_advance_waits_for_the_invoice_which_is_settled_once_it_comes(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2024-12-20 | 130 | |"
    assert unapplied(books("2025-01-01", invoices=INVOICES, payments=payments)) == {"acme": 13_000}
    january = books("2025-01-02", invoices=INVOICES, payments=payments)
    assert (opened(january), unapplied(january)) == ({"i": 0}, {"acme": 3_000})
    assert item(january, "i")["settled_at"] == datetime(2025, 1, 1)
    assert opened(books("2025-02-02", invoices=INVOICES, payments=payments)) == {"i": 0, "j": 2_000}


def test_an_invoice_paid_in_parts_is_settled_by_the_last(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-02-10 | 33.33 | i |\nacme | 2025-03-10 | 66.67 | i |"
    ledger = books("2025-03-10", invoices=INVOICES, payments=payments)
    assert parts(ledger, "i") == {"credited": 0, "paid": 3_333, "written_off": 0, "open": 6_667}
    assert (item(ledger, "i")["days_overdue"], item(ledger, "i")["bucket"]) == (38, "31_60")
    assert item(books("2025-03-11", invoices=INVOICES, payments=payments), "i")["settled_at"] == datetime(2025, 3, 10)


def test_a_second_payment_of_a_paid_invoice_does_not_move_its_settlement(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-01-20 | 100 | i |\nacme | 2025-03-10 | 100 | i |"
    ledger = books("2025-04-10", invoices=INVOICES, payments=payments)
    assert item(ledger, "i")["settled_at"] == datetime(2025, 1, 20)
    assert (opened(ledger), unapplied(ledger)) == ({"i": 0, "j": 0, "k": 0}, {"acme": 1_990})


def test_an_invoice_that_bounced_and_was_paid_again_is_settled_by_the_second_payment(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme|2025-01-20|100|i|\nacme|2025-01-25|-100|i|\nacme|2025-02-20|100|i|"
    assert item(books("2025-04-10", invoices=INVOICES, payments=payments), "i")["settled_at"] == datetime(2025, 2, 20)


def test_a_refund_takes_unapplied_money_first(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-01-20 | 130 | i |\nacme | 2025-01-25 | 20 | | refund"
    ledger = books("2025-02-01", invoices=INVOICES, payments=payments)
    assert (opened(ledger), unapplied(ledger)) == ({"i": 0}, {"acme": 1_000})


def test_a_refund_beyond_unapplied_money_reopens_what_was_paid_last(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-01-20 | 100 | i |\nacme | 2025-02-20 | 50 | j |\nacme | 2025-02-25 | -60 | |"
    ledger = books("2025-03-01", invoices=INVOICES, payments=payments)
    assert opened(ledger) == {"i": 1_000, "j": 5_000}
    assert item(ledger, "i")["settled_at"] is item(ledger, "j")["settled_at"] is None
    assert unapplied(ledger) == {}


def test_who_is_refunded_more_than_was_ever_paid_owes_it(books: OpenBooks) -> None:
    ledger = books("2025-01-02", invoices=INVOICES, payments=PAYMENTS + "acme | 2025-01-01 | 40 | | 退款")
    assert (opened(ledger), unapplied(ledger)) == ({"i": 10_000}, {"acme": -4_000})
    assert ledger.portfolio()["balance_minor"] == 14_000


def test_credit_notes_and_write_offs_fill_invoices_but_are_not_paid(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme|2025-02-01|20|i|贷项\nacme|2025-02-05|70|i|payment\nacme|2025-06-01|10|i|坏账核销"
    ledger = books("2025-07-01", invoices=INVOICES, payments=payments)
    assert parts(ledger, "i") == {"credited": 2_000, "paid": 7_000, "written_off": 1_000, "open": 0}
    assert item(ledger, "i")["settled_at"] == datetime(2025, 6, 1)


def test_a_credit_note_makes_what_was_paid_too_much_free_for_the_next_invoice(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme|2025-01-20|100|i|\nacme|2025-02-01|20|i|credit_note"
    ledger = books("2025-02-20", invoices=INVOICES, payments=payments)
    assert parts(ledger, "i") == {"credited": 2_000, "paid": 8_000, "written_off": 0, "open": 0}
    assert parts(ledger, "j") == {"credited": 0, "paid": 2_000, "written_off": 0, "open": 3_000}


def test_an_invoice_below_zero_is_a_credit_note_for_the_oldest(books: OpenBooks) -> None:
    invoices = INVOICES + "credit | acme | 2025-02-10 | 2025-02-10 | -25\n"
    ledger = books("2025-04-10", invoices=invoices, payments=PAYMENTS + "acme | 2025-03-05 | 50 | j |")
    assert opened(ledger) == {"i": 7_500, "j": 0, "k": 3_010}
    assert parts(ledger, "i")["credited"] == 2_500


def test_money_that_pays_out_a_credit_note_cancels_it(books: OpenBooks) -> None:
    invoices = INVOICES + "credit | acme | 2025-02-10 | 2025-02-10 | -25\n"
    ledger = books("2025-04-10", invoices=invoices, payments=PAYMENTS + "acme | 2025-02-12 | -25 | credit |")
    assert opened(ledger) == {"i": 10_000, "j": 5_000, "k": 3_010}


def test_another_company_may_pay_the_invoice_that_it_names(books: OpenBooks) -> None:
    ledger = books("2025-04-10", invoices=INVOICES, payments=PAYMENTS + "holding | 2025-01-20 | 110 | i |")
    assert opened(ledger) == {"i": 0, "j": 4_000, "k": 3_010}
    assert [r["customer_id"] for r in ledger.customers().to_pylist()] == ["acme"]


def test_money_and_invoices_count_from_when_they_were_known(books: OpenBooks) -> None:
    invoices = "invoice_id|customer_id|issued_at|due_at|amount|known_at\ni|acme|2025-01-01|2025-01-31|100|2025-01-10"
    payments = "customer_id|paid_at|amount|invoice_id|known_at\nacme|2025-01-05|100|i|2025-02-05"
    assert books("2025-01-10", invoices=invoices, payments=payments).items().num_rows == 0
    assert opened(books("2025-02-05", invoices=invoices, payments=payments)) == {"i": 10_000}
    known = books("2025-02-06", invoices=invoices, payments=payments)
    assert item(known, "i")["settled_at"] == datetime(2025, 1, 5)


def test_an_invoice_given_twice_counts_once(books: OpenBooks) -> None:
    twice = INVOICES + "i | acme | 2025-01-01 | 2025-01-31 | 100\n"
    ledger = books("2025-04-10", invoices=twice, payments=PAYMENTS + "acme | 2025-03-05 | 100 | i |")
    assert opened(ledger) == {"i": 0, "j": 5_000, "k": 3_010}


SETTLED = """
invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
i          | acme        | 2025-01-01 | 2025-01-31 | 100    | 2025-02-10
j          | acme        | 2025-02-01 | 2025-02-28 | 50     |
"""


def test_a_record_of_settlement_settles_in_full_from_its_day_on(books: OpenBooks) -> None:
    assert opened(books("2025-02-10", invoices=SETTLED)) == {"i": 10_000, "j": 5_000}
    ledger = books("2025-02-11", invoices=SETTLED)
    assert opened(ledger) == {"i": 0, "j": 5_000}
    assert ledger.unapplied().to_pylist() == [{"customer_id": "acme", "unapplied_minor": 0, "unbacked_minor": 10_000}]


def test_a_record_of_settlement_tells_which_invoice_free_money_was_for(books: OpenBooks) -> None:
    invoices = SETTLED.replace("2025-02-10", "").replace("50     |", "50     | 2025-02-20")
    ledger = books("2025-03-01", invoices=invoices, payments=PAYMENTS + "acme | 2025-02-19 | 60 | |")
    assert opened(ledger) == {"i": 9_000, "j": 0}
    assert item(ledger, "j")["settled_at"] == datetime(2025, 2, 20)


@pytest.mark.parametrize(("paid_at", "settled_at"), [("2025-02-08", 8), ("2025-02-12", 10)])
def test_of_a_record_and_money_what_was_known_first_says_when(books: OpenBooks, paid_at: str, settled_at: int) -> None:
    ledger = books("2025-03-01", invoices=SETTLED, payments=PAYMENTS + f"acme | {paid_at} | 100 | i |")
    assert item(ledger, "i")["settled_at"] == datetime(2025, 2, settled_at)
    assert unapplied(ledger) == {}


def test_days_are_counted_on_the_project_s_calendar(books: OpenBooks) -> None:
    ledger = books("2025-02-01 00:00", "Asia/Shanghai", invoices=INVOICES, payments=PAYMENTS + "acme|2025-01-05|1|i|")
    assert (item(ledger, "i")["days_overdue"], item(ledger, "i")["bucket"]) == (1, "1_30")


def test_the_customer_s_line_has_buckets_disputes_and_the_use_of_credit(books: OpenBooks) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | disputed
    i          | acme        | 2025-01-01 | 2025-01-31 | 100    | true
    j          | acme        | 2025-02-01 | 2025-03-15 | 50     | false
    k          | acme        | 2025-03-01 | 2025-05-31 | 30.10  |
    """
    customers = """
    customer_id | credit_limit | valid_from | valid_to
    acme        | 900          | 2024-01-01 | 2025-03-01
    acme        | 400          | 2025-03-01 |
    acme        | 5000         | 2025-05-01 |
    """
    payments = PAYMENTS + "acme | 2025-03-20 | 0.10 | k |"
    ledger = books("2025-04-01", invoices=invoices, payments=payments, customers=customers)
    [acme] = ledger.customers().to_pylist()
    assert acme == {
        "customer_id": "acme",
        "balance_minor": 18_000,
        "open_minor": 18_000,
        "overdue_minor": 15_000,
        "open_current_minor": 3_000,
        "open_1_30_minor": 5_000,
        "open_31_60_minor": 10_000,
        "open_61_90_minor": 0,
        "open_over_90_minor": 0,
        "disputed_open_minor": 10_000,
        "oldest_overdue_days": 60,
        "open_items": 3,
        "unapplied_minor": 0,
        "credit_limit": 400.0,
        "credit_used_share": 180 / 400,
    }


# --- what is refused


def test_unknown_kinds_are_refused_with_what_to_do(books: OpenBooks) -> None:
    payments = PAYMENTS + "acme | 2025-03-05 | 50 | j | 核销\nacme | 2025-03-05 | 50 | j | 付款"
    with pytest.raises(FactsError, match=r"1 values are not known, e.g. '核销'.* kind = \{ sql"):
        books("2025-04-10", invoices=INVOICES, payments=payments)


def test_books_need_invoices(books: OpenBooks) -> None:
    with pytest.raises(FactsError, match="gives orders"):
        books("2025-04-10", orders="customer_id | ordered_at | amount\nacme | 2025-01-01 | 5")


def test_books_need_to_know_what_was_paid(books: OpenBooks) -> None:
    with pytest.raises(FactsError, match=r"open for ever\. Map \[tables.payments\], or settled_at"):
        books("2025-04-10", invoices=INVOICES)


def test_a_cut_off_needs_a_time_zone(books: OpenBooks) -> None:
    ledger = books("2025-04-10", invoices=SETTLED)
    with pytest.raises(AsOfError, match="has no time zone"):
        open_ledger(ledger.facts, datetime(2025, 4, 10))
