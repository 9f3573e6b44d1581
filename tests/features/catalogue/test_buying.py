"""Orders: purchase days and spend, the windows in which they count, and the clocks by which they are known."""

import pytest

from tests.features.conftest import ByHand


def test_several_orders_on_a_day_are_one_purchase_day(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at       | amount
    acme        | 2025-06-01 08:00 | 10
    acme        | 2025-06-11 08:00 | 20
    acme        | 2025-06-11 08:00 | 20
    acme        | 2025-06-11 19:00 | 5
    """
    acme = at("2025-07-01", orders=orders)["acme"]
    assert (acme["purchase_days_total"], acme["gap_last_days"], acme["purchase_amount_mean"]) == (2, 10, 55 / 2)


def test_a_return_lowers_spend_but_is_no_purchase(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at | amount
    sent-back   | 2025-06-01 | 100
    sent-back   | 2025-06-20 | -100
    only-back   | 2025-06-20 | -30
    """
    values = at("2025-07-01", orders=orders)
    names = ("spend_90d", "returned_amount_365d", "purchase_days_90d", "days_since_last_purchase", "spend_change_90d")
    assert [values["sent-back"][n] for n in names] == [0, 100, 1, 30, 1]
    assert [values["only-back"][n] for n in names] == [-30, 30, 0, None, None]


def test_a_purchase_for_nothing_is_a_purchase(at: ByHand) -> None:
    orders = "customer_id | ordered_at | amount | discount\nacme | 2025-06-01 | 0 | 0\nother | 2025-06-01 | 9 | 0"
    acme = at("2025-07-01", orders=orders)["acme"]
    names = ("purchase_days_30d", "spend_30d", "spend_change_90d", "order_line_amount_max", "discount_share_365d")
    assert [acme[n] for n in names] == [1, 0, None, None, None]


@pytest.mark.parametrize("days", [30, 90, 180, 365])
def test_a_window_holds_whole_days_on_the_calendar(at: ByHand, days: int) -> None:
    first_day = {30: "2025-06-01", 90: "2025-04-02", 180: "2025-01-02", 365: "2024-07-01"}[days]
    day_before = {30: "2025-05-31", 90: "2025-04-01", 180: "2025-01-01", 365: "2024-06-30"}[days]
    orders = f"customer_id | ordered_at | amount\nin | {first_day} 00:00 | 9\nout | {day_before} 23:59 | 9"
    values = at("2025-07-01", orders=orders)
    names = (f"purchase_days_{days}d", f"spend_{days}d")
    assert [[values[c][n] for n in names] for c in ("in", "out")] == [[1, 9], [0, 0]]


def test_a_day_begins_and_ends_on_the_projects_own_clocks(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at       | amount
    night       | 2025-06-20 23:30 | 10
    night       | 2025-06-21 00:30 | 10
    day         | 2025-06-20 11:30 | 10
    day         | 2025-06-20 12:30 | 10
    """
    values = at("2025-07-01", timezone="Asia/Shanghai", orders=orders)
    names = ("purchase_days_total", "days_since_first_purchase", "days_since_last_purchase")
    assert [values["night"][n] for n in names] == [2, 11, 10]
    assert [values["day"][n] for n in names] == [1, 11, 11]


def test_times_with_an_offset_count_on_the_day_of_the_project(at: ByHand) -> None:
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-20T23:30:00Z | 10\nacme | 2025-06-20T10:00:00Z | 10"
    assert at("2025-07-01", orders=orders)["acme"]["days_since_last_purchase"] == 11
    berlin = at("2025-07-01", timezone="Europe/Berlin", orders=orders)["acme"]
    assert (berlin["days_since_last_purchase"], berlin["purchase_days_total"]) == (10, 2)


def test_at_noon_this_mornings_purchase_is_known_and_this_afternoons_is_not(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at       | amount
    acme        | 2025-06-30 15:00 | 1
    acme        | 2025-07-01 11:59 | 2
    acme        | 2025-07-01 12:00 | 4
    acme        | 2025-07-01 12:01 | 8
    """
    acme = at("2025-07-01 12:00", orders=orders)["acme"]
    assert (acme["days_since_last_purchase"], acme["spend_total"], acme["gap_last_days"]) == (0, 3, 1)


def test_an_order_is_hidden_until_the_company_knows_of_it(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at | amount | known_at
    acme        | 2025-05-01 | 10     | 2025-05-02
    acme        | 2025-06-01 | 20     | 2025-07-01
    late        | 2025-05-01 | 40     | 2025-08-01
    """
    june = at("2025-07-01", orders=orders)
    assert list(june) == ["acme"]
    assert june["acme"]["spend_total"] == 10
    july = at("2025-07-02", orders=orders)
    assert july["acme"]["spend_total"] == 30
    assert list(at("2025-08-02", orders=orders)) == ["acme", "late"]


def test_an_order_dated_ahead_does_not_count_before_its_date(at: ByHand) -> None:
    orders = "customer_id | ordered_at | amount | known_at\nacme | 2025-07-15 | 10 | 2025-06-01"
    assert at("2025-07-01", orders=orders) == {}


def test_a_prospect_appears_when_the_relationship_begins(at: ByHand) -> None:
    customers = "customer_id | acquired_at\nearly | 2025-06-30\nlater | 2025-07-01\nundated |"
    orders = "customer_id | ordered_at | amount\nbuyer | 2025-06-01 | 10"
    assert list(at("2025-07-01", orders=orders, customers=customers)) == ["buyer", "early", "undated"]
