"""Invoices and payments: what is open, overdue, late and settled, and when."""

import pytest

from tests.features.conftest import ByHand, EachByHand

OPEN = ("open_balance", "overdue_balance", "oldest_overdue_days", "days_late_mean_365d", "late_share_365d")


def test_an_invoice_settled_after_the_cut_off_is_open_before(at_each: EachByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-06-01 | 2025-06-15 | 50     | 2025-07-10
    """
    first, second, third = at_each("2025-07-01", "2025-07-10", "2025-07-11", invoices=invoices)
    assert [first["acme"][n] for n in OPEN] == [50, 50, 16, None, 1]
    assert [second["acme"][n] for n in OPEN] == [50, 50, 25, None, 1]
    assert [third["acme"][n] for n in OPEN] == [0, 0, 0, 25, 1]


def test_an_invoice_is_overdue_from_the_day_after_it_falls_due(at_each: EachByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-06-01 | 2025-06-30 | 50     |
    """
    before, after = at_each("2025-06-30 18:00", "2025-07-01", invoices=invoices)
    assert [before["acme"][n] for n in OPEN] == [50, 0, 0, None, None]
    assert [after["acme"][n] for n in OPEN] == [50, 50, 1, None, 1]


@pytest.mark.parametrize(
    ("due_at", "bucket"),
    [
        ("2025-06-30", "1_30d"),
        ("2025-06-01", "1_30d"),
        ("2025-05-31", "31_60d"),
        ("2025-05-02", "31_60d"),
        ("2025-05-01", "61_90d"),
        ("2025-04-02", "61_90d"),
        ("2025-04-01", "over_90d"),
        ("2025-07-01", None),
    ],
)
def test_ageing_buckets_meet_without_gap_or_overlap(at: ByHand, due_at: str, bucket: str | None) -> None:
    invoices = f"""
    invoice_id | customer_id | issued_at  | due_at   | amount | settled_at
    i          | acme        | 2025-03-01 | {due_at} | 50     |
    """
    acme = at("2025-07-01", invoices=invoices)["acme"]
    buckets = ("1_30d", "31_60d", "61_90d", "over_90d")
    assert [acme[f"overdue_balance_{b}"] for b in buckets] == [50 if b == bucket else 0 for b in buckets]


def test_a_partial_payment_lowers_the_balance_but_settles_nothing(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount
    i          | acme        | 2025-06-01 | 2025-06-15 | 50
    """
    payments = """
    customer_id | paid_at    | amount | invoice_id | known_at
    acme        | 2025-06-20 | 20     | i          | 2025-06-20
    acme        | 2025-06-25 | 30     | i          | 2025-07-05
    """
    july = at("2025-07-01", invoices=invoices, payments=payments)["acme"]
    assert [july[n] for n in OPEN] == [30, 30, 16, None, 1]
    later = at("2025-07-06", invoices=invoices, payments=payments)["acme"]
    assert [later[n] for n in OPEN] == [0, 0, 0, 10, 1]


def test_a_payment_by_another_company_settles_the_invoice_as_well(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount
    i          | subsidiary  | 2025-06-01 | 2025-06-15 | 50
    """
    payments = "customer_id | paid_at | amount | invoice_id\nholding | 2025-06-14 | 50 | i"
    values = at("2025-07-01", invoices=invoices, payments=payments)
    assert {c: [v[n] for n in OPEN] for c, v in values.items()} == {"subsidiary": [0, 0, 0, -1, 0]}


def test_a_dispute_is_known_only_when_the_invoice_is_settled(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | disputed | settled_at
    i          | acme        | 2025-05-01 | 2025-05-31 | 50     | false    | 2025-06-01
    j          | acme        | 2025-06-01 | 2025-06-15 | 50     | true     | 2025-07-10
    """
    assert at("2025-07-01", invoices=invoices)["acme"]["disputed_share_365d"] == 0
    assert at("2025-07-11", invoices=invoices)["acme"]["disputed_share_365d"] == 0.5


def test_who_always_pays_early_has_negative_lateness_and_nothing_late(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-05-01 | 2025-05-31 | 50     | 2025-05-21
    in-advance | acme        | 2025-06-01 | 2025-06-30 | 50     | 2025-05-30
    """
    acme = at("2025-07-01", invoices=invoices)["acme"]
    names = ("days_late_mean_365d", "days_late_worst_365d", "days_to_pay_mean_365d", "late_share_365d")
    assert [acme[n] for n in names] == [(-10 - 31) / 2, 0, (20 - 2) / 2, 0]


def test_credit_notes_and_empty_bills_are_no_invoices(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-05-01 | 2025-05-31 | 50     | 2025-05-31
    credit     | acme        | 2025-05-01 | 2025-05-31 | -20    |
    empty      | acme        | 2025-05-01 | 2025-05-31 | 0      |
    rounding   | acme        | 2025-05-01 | 2025-05-31 | 0.004  |
    """
    acme = at("2025-07-01", invoices=invoices)["acme"]
    assert [acme[n] for n in ("invoices_365d", *OPEN)] == [1, 0, 0, 0, 0, 0]


def test_an_invoice_is_hidden_until_the_company_knows_of_it(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at | known_at
    i          | acme        | 2025-06-01 | 2025-06-15 | 50     |            | 2025-07-01
    """
    assert at("2025-07-01", invoices=invoices) == {}
    assert at("2025-07-02", invoices=invoices)["acme"]["open_balance"] == 50


# --- several payments on an invoice

ONE_INVOICE = """
invoice_id | customer_id | issued_at  | due_at     | amount
i          | acme        | 2025-05-01 | 2025-05-31 | 50
"""
COUNTED = (*OPEN, "invoices_365d", "days_to_pay_mean_365d", "terms_days_mean_365d")


def test_two_payments_settle_an_invoice_on_the_day_of_the_second(at_each: EachByHand) -> None:
    payments = """
    customer_id | paid_at    | amount | invoice_id
    acme        | 2025-05-20 | 20     | i
    acme        | 2025-06-10 | 30     | i
    """
    given = {"invoices": ONE_INVOICE, "payments": payments}
    first, second, third = at_each("2025-05-20", "2025-06-10", "2025-06-11", **given)
    assert [first["acme"][n] for n in COUNTED] == [50, 0, 0, None, None, 1, None, 30]
    assert [second["acme"][n] for n in COUNTED] == [30, 30, 10, None, 1, 1, None, 30]
    assert [third["acme"][n] for n in COUNTED] == [0, 0, 0, 10, 1, 1, 40, 30]


def test_three_part_payments_lower_what_is_overdue_and_count_as_one_invoice(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount
    i          | acme        | 2025-05-01 | 2025-05-31 | 100
    j          | acme        | 2025-06-01 | 2025-07-01 | 70
    """
    payments = """
    customer_id | paid_at    | amount | invoice_id
    acme        | 2025-06-02 | 10     | i
    acme        | 2025-06-03 | 20     | i
    acme        | 2025-06-04 | 30     | i
    """
    acme = at("2025-07-01", invoices=invoices, payments=payments)["acme"]
    assert [acme[n] for n in COUNTED] == [40 + 70, 40, 31, None, 1, 2, None, 30]
    assert (acme["overdue_balance_31_60d"], acme["overdue_balance_1_30d"], acme["dso_90d"]) == (40, 0, 90 * 110 / 170)


@pytest.mark.parametrize("amounts", [(60,), (20, 60), (20, 30, 40), (49.9951,), (20, 29.9951)])
def test_what_is_paid_too_much_or_short_by_a_rounding_leaves_nothing_open(
    at: ByHand, amounts: tuple[float, ...]
) -> None:
    lines = "".join(f"acme | 2025-06-1{n} | {amount} | i\n" for n, amount in enumerate(amounts))
    payments = "customer_id | paid_at | amount | invoice_id\n" + lines
    acme = at("2025-07-01", invoices=ONE_INVOICE, payments=payments)["acme"]
    completing = min(len(amounts), 2)  # the third payment comes when all is paid
    assert [acme[n] for n in OPEN] == [0, 0, 0, 10 + completing - 1, 1]


def test_a_cent_short_is_open(at: ByHand) -> None:
    payments = "customer_id | paid_at | amount | invoice_id\nacme | 2025-06-10 | 20 | i\nacme | 2025-06-11 | 29.99 | i"
    acme = at("2025-07-01", invoices=ONE_INVOICE, payments=payments)["acme"]
    assert acme["open_balance"] == 0.01
    assert acme["days_late_mean_365d"] is None


def test_a_payment_after_the_settlement_does_not_move_its_day(at_each: EachByHand) -> None:
    payments = """
    customer_id | paid_at    | amount | invoice_id
    acme        | 2025-05-26 | 50     | i
    acme        | 2025-06-25 | 5      | i
    """
    given = {"invoices": ONE_INVOICE, "payments": payments}
    for values in at_each("2025-06-01", "2025-07-01", **given):
        assert [values["acme"][n] for n in OPEN] == [0, 0, 0, -5, 0]


def test_of_payments_known_late_the_one_that_completes_the_amount_settles_on_the_latest_day_until_then(
    at_each: EachByHand,
) -> None:
    payments = """
    customer_id | paid_at    | amount | invoice_id | known_at
    acme        | 2025-06-10 | 20     | i          | 2025-06-10
    acme        | 2025-06-02 | 30     | i          | 2025-06-20
    """
    given = {"invoices": ONE_INVOICE, "payments": payments}
    before, after = at_each("2025-06-20", "2025-06-21", **given)
    assert [before["acme"][n] for n in OPEN] == [30, 30, 20, None, 1]
    assert [after["acme"][n] for n in OPEN] == [0, 0, 0, 10, 1]


def test_payments_learnt_at_once_count_in_the_order_of_their_days(at: ByHand) -> None:
    payments = """
    customer_id | paid_at    | amount | invoice_id | known_at
    acme        | 2025-06-20 | 20     | i          | 2025-06-25
    acme        | 2025-06-05 | 20     | i          | 2025-06-25
    acme        | 2025-06-10 | 30     | i          | 2025-06-25
    """
    given = {"invoices": ONE_INVOICE, "payments": payments}
    assert [at("2025-07-01", **given)["acme"][n] for n in OPEN] == [0, 0, 0, 10, 1]


def test_money_paid_back_opens_more_until_the_invoice_is_settled(at_each: EachByHand) -> None:
    payments = """
    customer_id | paid_at    | amount | invoice_id
    acme        | 2025-06-05 | -20    | i
    acme        | 2025-06-10 | 50     | i
    acme        | 2025-06-20 | 20     | i
    """
    given = {"invoices": ONE_INVOICE, "payments": payments}
    values = at_each("2025-06-06", "2025-06-11", "2025-06-21", **given)
    assert [v["acme"]["open_balance"] for v in values] == [70, 20, 0]


# --- a settlement recorded on the invoice, and payments


def settled(on: str) -> str:
    return f"invoice_id | customer_id | issued_at | due_at | amount | settled_at\ni | acme | 2025-05-01 | 2025-05-31 | 50 | {on}"


def test_a_part_payment_and_a_recorded_settlement_settle_with_the_record(at_each: EachByHand) -> None:
    payments = "customer_id | paid_at | amount | invoice_id\nacme | 2025-06-05 | 20 | i"
    given = {"invoices": settled("2025-06-15"), "payments": payments}
    before, after = at_each("2025-06-15", "2025-06-16", **given)
    assert [before["acme"][n] for n in OPEN] == [30, 30, 15, None, 1]
    assert [after["acme"][n] for n in OPEN] == [0, 0, 0, 15, 1]


def test_several_part_payments_and_a_recorded_settlement_settle_with_the_record(at_each: EachByHand) -> None:
    payments = """
    customer_id | paid_at    | amount | invoice_id
    acme        | 2025-06-05 | 20     | i
    acme        | 2025-06-06 | 10     | i
    acme        | 2025-06-25 | 20     | i
    """
    given = {"invoices": settled("2025-06-15"), "payments": payments}
    before, after, when_paid = at_each("2025-06-15", "2025-06-16", "2025-07-01", **given)
    assert [before["acme"][n] for n in OPEN] == [20, 20, 15, None, 1]
    assert [after["acme"][n] for n in OPEN] == [when_paid["acme"][n] for n in OPEN] == [0, 0, 0, 15, 1]


@pytest.mark.parametrize("parts", [(50,), (20, 30)])
@pytest.mark.parametrize(("recorded", "days_late"), [("2025-06-15", 10), ("2025-06-05", 5), ("", 10)])
def test_of_a_recorded_settlement_and_one_by_payments_the_one_known_first_counts(
    at: ByHand, parts: tuple[int, ...], recorded: str, days_late: int
) -> None:
    lines = "".join(f"acme | 2025-06-10 | {part} | i\n" for part in parts)
    given = {"invoices": settled(recorded), "payments": "customer_id | paid_at | amount | invoice_id\n" + lines}
    assert [at("2025-07-01", **given)["acme"][n] for n in OPEN] == [0, 0, 0, days_late, 1]


def test_a_payment_before_the_bill_is_known_counts_when_it_is(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | known_at
    i          | acme        | 2025-05-01 | 2025-05-31 | 50     | 2025-06-15
    """
    payments = """
    customer_id | paid_at    | amount | invoice_id
    acme        | 2025-06-01 | 10     | i
    acme        | 2025-06-10 | 20     | i
    """
    given = {"invoices": invoices, "payments": payments}
    assert at("2025-06-15", **given) == {}
    assert at("2025-06-16", **given)["acme"]["open_balance"] == 20


# --- flows


def test_collection_is_measured_by_what_was_settled_and_what_is_overdue(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2024-12-01 | 2025-01-01 | 30     | 2025-04-02
    j          | acme        | 2024-12-01 | 2025-01-01 | 70     | 2025-04-01
    k          | acme        | 2025-05-01 | 2025-06-01 | 10     |
    l          | acme        | 2025-06-01 | 2025-08-01 | 99     |
    """
    acme = at("2025-07-01", invoices=invoices)["acme"]
    assert acme["collection_effectiveness_90d"] == 30 / (30 + 10)


@pytest.mark.parametrize(
    ("issued_at", "settled_at", "turnover"),
    [
        ("2024-06-30", "2024-07-01", 100 / ((60 + 40) / 2)),  # open at the start, settled since
        ("2024-06-30", "2024-06-30", 100 / ((0 + 40) / 2)),  # settled before the start
        ("2024-06-30", "", 100 / ((60 + 100) / 2)),  # open all the time
        ("2024-07-01", "2024-07-02", 160 / ((0 + 40) / 2)),  # issued since
    ],
)
def test_turnover_is_what_was_invoiced_over_the_mean_of_what_was_open(
    at: ByHand, issued_at: str, settled_at: str, turnover: float
) -> None:
    invoices = f"""
    invoice_id | customer_id | issued_at   | due_at     | amount | settled_at
    i          | acme        | {issued_at} | 2024-08-01 | 60     | {settled_at}
    j          | acme        | 2025-05-01  | 2025-06-01 | 60     | 2025-05-05
    k          | acme        | 2025-06-01  | 2025-06-30 | 40     |
    """
    assert at("2025-07-01", invoices=invoices)["acme"]["receivables_turnover_365d"] == pytest.approx(
        turnover, rel=1e-12
    )
