"""Credit limits that hold from–to, and the customer's own accounts as they were known."""

import pytest

from tests.features.conftest import ByHand, EachByHand

ORDERS = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
LIMITS = ("credit_limit", "credit_limit_change_365d")


def test_a_later_row_changes_the_limit_from_the_instant_after_it_begins(at_each: EachByHand) -> None:
    customers = """
    customer_id | credit_limit | valid_from | valid_to
    acme        | 100          | 2024-01-01 | 2025-07-01
    acme        | 300          | 2025-07-01 |
    """
    given = {"orders": ORDERS, "customers": customers}
    first, second, third = at_each("2025-07-01", "2025-07-01 00:01", "2026-07-02", **given)
    assert [first["acme"][n] for n in LIMITS] == [100, 0]
    assert [second["acme"][n] for n in LIMITS] == [300, 2]
    assert [third["acme"][n] for n in LIMITS] == [300, 0]


def test_a_row_known_later_is_not_seen_before_though_it_holds(at_each: EachByHand) -> None:
    customers = """
    customer_id | credit_limit | valid_from | valid_to   | known_at
    acme        | 100          | 2024-01-01 | 2025-06-01 | 2024-01-01
    acme        | 300          | 2025-06-01 |            | 2025-06-20
    """
    given = {"orders": ORDERS, "customers": customers}
    values = at_each("2025-06-01", "2025-06-20", "2025-06-21", **given)
    # from the end of the old row until the new one is known, no limit is known to hold
    assert [v["acme"]["credit_limit"] for v in values] == [100, None, 300]


def test_an_end_that_is_agreed_for_a_later_day_does_not_count_before(at_each: EachByHand) -> None:
    customers = "customer_id | credit_limit | valid_from | valid_to\nacme | 100 | 2024-01-01 | 2025-07-01"
    given = {"orders": ORDERS, "customers": customers}
    values = at_each("2025-06-30", "2025-07-01", "2025-07-02", **given)
    assert [v["acme"]["credit_limit"] for v in values] == [100, 100, None]


def test_rows_without_an_end_give_way_to_the_one_that_began_last(at: ByHand) -> None:
    customers = """
    customer_id | credit_limit | valid_from | valid_to
    acme        | 200          | 2025-01-01 |
    acme        | 100          | 2024-01-01 |
    acme        | 50           |            |
    acme        |              | 2025-03-01 |
    """
    acme = at("2025-07-01", orders=ORDERS, customers=customers)["acme"]
    assert [acme[n] for n in LIMITS] == [200, 200 / 100 - 1]  # a row that says nothing of it changes nothing


@pytest.mark.parametrize(
    ("valid_from", "change"), [("2024-06-30", 0), ("2024-07-01", 0), ("2024-07-02", None), ("", 0)]
)
def test_a_change_needs_a_limit_that_held_365_days_ago(at: ByHand, valid_from: str, change: float | None) -> None:
    customers = f"customer_id | credit_limit | valid_from\nacme | 100 | {valid_from}\nother | 5 | 2024-01-01"
    assert at("2025-07-01", orders=ORDERS, customers=customers)["acme"]["credit_limit_change_365d"] == change


@pytest.mark.parametrize(
    ("acquired_at", "change"), [("2024-06-30", 2), ("2024-07-01", 2), ("2024-07-02", None), ("", 2)]
)
def test_a_customer_held_no_limit_before_it_was_acquired(at: ByHand, acquired_at: str, change: float | None) -> None:
    customers = f"""
    customer_id | acquired_at   | credit_limit | valid_from
    acme        | {acquired_at} | 100          |
    acme        | {acquired_at} | 300          | 2025-06-01
    """
    assert at("2025-07-01", orders=ORDERS, customers=customers)["acme"]["credit_limit_change_365d"] == change


@pytest.mark.parametrize(("valid_to", "change"), [("2024-07-01", None), ("2024-07-02", 1)])
def test_a_limit_that_ended_365_days_ago_had_ended_then(at: ByHand, valid_to: str, change: float | None) -> None:
    customers = f"""
    customer_id | credit_limit | valid_from | valid_to
    acme        | 100          | 2023-01-01 | {valid_to}
    acme        | 200          | 2024-10-01 |
    """
    assert at("2025-07-01", orders=ORDERS, customers=customers)["acme"]["credit_limit_change_365d"] == change


def test_the_share_of_the_limit_that_is_used_is_what_is_open_over_it(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-06-01 | 2025-07-15 | 150    |
    j          | no-limit    | 2025-06-01 | 2025-07-15 | 150    |
    k          | no-credit   | 2025-06-01 | 2025-07-15 | 150    |
    """
    customers = "customer_id | credit_limit\nacme | 100\nno-limit |\nno-credit | 0\nowes-nothing | 100"
    values = at("2025-07-01", invoices=invoices, customers=customers)
    assert {c: v["credit_used_share"] for c, v in values.items()} == {
        "acme": 1.5,
        "no-credit": None,
        "no-limit": None,
        "owes-nothing": 0,
    }


# --- accounts

ACCOUNTS = ("quick_ratio", "debt_to_net_worth", "net_income_share")
HEAD = (
    "customer_id | as_of | known_at | current_assets | inventory | current_liabilities | total_debt"
    " | tangible_net_worth | revenue | net_income\n"
)


def test_the_latest_accounts_that_are_known_count(at_each: EachByHand) -> None:
    financials = (
        HEAD + "acme | 2023-12-31 | 2024-05-01 | 300 | 100 | 100 | 50 | 100 | 1000 | 10\n"
        "acme | 2024-12-31 | 2025-07-01 | 900 | | 100 | 80 | 100 | 1000 | -20\n"
        "acme | 2022-12-31 | 2025-06-30 | 100 | | 100 | 10 | 100 | 1000 | 30\n"
    )
    given = {"orders": ORDERS, "financials": financials}
    first, second, third = at_each("2024-05-01 00:01", "2025-07-01", "2025-07-02", **given)
    assert [first["acme"][n] for n in ACCOUNTS] == [2, 0.5, 0.01]
    assert [second["acme"][n] for n in ACCOUNTS] == [2, 0.5, 0.01]
    assert [third["acme"][n] for n in ACCOUNTS] == [9, 0.8, -0.02]


def test_accounts_dated_ahead_do_not_count_before_their_date(at: ByHand) -> None:
    financials = HEAD + "acme | 2025-12-31 | 2025-06-01 | 300 | 100 | 100 | 50 | 100 | 1000 | 10\n"
    acme = at("2025-07-01", orders=ORDERS, financials=financials)["acme"]
    assert [acme[n] for n in ACCOUNTS] == [None, None, None]


def test_ratios_over_nothing_or_over_a_debt_are_missing(at: ByHand) -> None:
    financials = (
        HEAD + "acme | 2024-12-31 | | 300 | | 0 | 50 | -10 | 0 | 10\nbolt | 2024-12-31 | | 300 | | 100 | | 10 | | 10\n"
    )
    values = at("2025-07-01", orders=ORDERS, financials=financials)
    assert [values["acme"][n] for n in ACCOUNTS] == [None, None, None]
    assert [values["bolt"][n] for n in ACCOUNTS] == [3, None, None]


def test_of_two_accounts_of_one_day_that_were_known_at_once_the_higher_ratio_counts(at: ByHand) -> None:
    # a company's own and its group's: nothing tells them apart, but the choice must not depend on their order
    for lines in (("300", "200"), ("200", "300")):
        financials = HEAD + "".join(f"acme | 2024-12-31 | 2025-03-01 | {a} | | 100 | | | |\n" for a in lines)
        assert at("2025-07-01", orders=ORDERS, financials=financials)["acme"]["quick_ratio"] == 3


def test_how_fast_a_customer_turns_over_and_what_it_earns_on_it(at: ByHand) -> None:
    financials = (
        "customer_id | as_of | revenue | cost_of_sales | receivables | inventory | net_income | total_assets\n"
        "acme | 2024-12-31 | 1200 | 900 | 100 | 150 | -30 | 600\nbolt | 2024-12-31 | 1200 | 900 | 0 | 0 | 10 | 0\n"
    )
    names = ("gross_margin_share", "return_on_assets", "receivables_turned_over", "inventory_turned_over")
    values = at("2025-07-01", orders=ORDERS, financials=financials)
    assert [values["acme"][n] for n in names] == [0.25, -0.05, 12, 6]
    assert [values["bolt"][n] for n in names] == [0.25, None, None, None]
