"""What is bought and how it comes: categories, returns, discounts, margins, deliveries."""

import pytest

from tests.features.catalogue.ages import AS_OF, day
from tests.features.conftest import ByHand

# --- categories

BREADTH = ("categories_90d", "categories_365d", "categories_lost_90d", "categories_change_365d")


@pytest.mark.parametrize(
    ("age", "breadth"),
    [
        (90, [1, 1, 0, 1]),
        (91, [0, 1, 1, 1]),
        (365, [0, 1, 1, 1]),
        (366, [0, 0, 0, -1]),
        (730, [0, 0, 0, -1]),
        (731, [0, 0, 0, 0]),
    ],
)
def test_a_category_is_held_then_lost_then_given_up(at: ByHand, age: int, breadth: list[int]) -> None:
    orders = f"customer_id | ordered_at | amount | category\nacme | {day(age)} | 9 | steel"
    acme = at(AS_OF, orders=orders)["acme"]
    assert [acme[n] for n in BREADTH] == breadth


def test_a_category_that_was_bought_again_is_not_lost(at: ByHand) -> None:
    orders = f"""
    customer_id | ordered_at | amount | category
    acme        | {day(400)} | 10     | steel
    acme        | {day(100)} | 30     | steel
    acme        | {day(50)}  | 20     | steel
    acme        | {day(100)} | 40     | tools
    acme        | {day(10)}  | -40    | tools
    acme        | {day(5)}   | 70     |
    """
    acme = at(AS_OF, orders=orders)["acme"]
    # sending tools back is not buying them; purchases without a category are in no share
    assert [acme[n] for n in BREADTH] == [1, 2, 1, 2]
    assert acme["top_category_share_365d"] == (30 + 20) / (30 + 20 + 40)


# --- returns


def test_returns_count_by_line_and_by_amount_in_their_windows(at: ByHand) -> None:
    orders = f"""
    customer_id | ordered_at | amount
    acme        | {day(380)} | 200
    acme        | {day(366)} | -10
    acme        | {day(365)} | -20
    acme        | {day(91)}  | -30
    acme        | {day(90)}  | -40
    acme        | {day(90)}  | -50
    kept        | {day(90)}  | 100
    """
    values = at(AS_OF, orders=orders)
    names = ("returned_amount_365d", "returned_amount_90d", "returned_lines_365d", "days_since_last_return")
    assert [values["acme"][n] for n in names] == [20 + 30 + 40 + 50, 40 + 50, 4, 90]
    assert [values["kept"][n] for n in names] == [0, 0, 0, None]
    assert [values[c]["returned_share_365d"] for c in ("acme", "kept")] == [None, 0]


# --- discounts and margin


def test_lines_without_a_discount_are_sold_at_the_list_price(at: ByHand) -> None:
    orders = f"""
    customer_id | ordered_at | amount | discount
    some        | {day(10)}  | 100    |
    some        | {day(10)}  | 80     | 20
    some        | {day(10)}  | -50    | 50
    some        | {day(91)}  | 200    |
    full        | {day(10)}  | 100    |
    full        | {day(10)}  | 100    |
    """
    values = at(AS_OF, orders=orders)
    names = ("discount_share_90d", "discount_share_365d", "discounted_lines_share_365d", "discount_share_change_90d")
    assert [values["some"][n] for n in names] == [20 / 200, 20 / 400, 1 / 3, 20 / 200 - 20 / 400]
    assert [values["full"][n] for n in names] == [0, 0, 0, 0]


def test_a_margin_over_spend_needs_spend_above_nothing(at: ByHand) -> None:
    orders = f"""
    customer_id | ordered_at | amount | margin
    acme        | {day(200)} | 300    | 90
    acme        | {day(10)}  | 100    | 10
    sent-back   | {day(200)} | 300    | 90
    sent-back   | {day(10)}  | -300   | -90
    quarter     | {day(200)} | 300    | 90
    quarter     | {day(10)}  | -100   | -30
    """
    values = at(AS_OF, orders=orders)
    names = ("margin_365d", "margin_90d", "margin_share_365d", "margin_share_change_90d")
    assert [values["acme"][n] for n in names] == [100, 10, 100 / 400, 10 / 100 - 100 / 400]
    assert [values["sent-back"][n] for n in names] == [0, -90, None, None]
    assert [values["quarter"][n] for n in names] == [60, -30, 60 / 200, None]


# --- deliveries

LATE = ("late_delivery_share_180d", "late_delivery_days_mean_180d", "late_waiting_lines")


def test_that_a_delivery_is_late_is_learnt_with_the_delivery(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at | amount | promised_at | delivered_at
    acme        | 2025-05-01 | 10     | 2025-05-10  | 2025-05-10 18:00
    acme        | 2025-06-01 | 10     | 2025-06-10  | 2025-07-20
    waiting     | 2025-06-01 | 10     | 2025-06-10  | 2025-07-20
    """
    july = at("2025-07-01", orders=orders)
    assert {c: [v[n] for n in LATE] for c, v in july.items()} == {"acme": [0, 0, 1], "waiting": [None, None, 1]}
    same_instant = at("2025-07-20", orders=orders)
    assert same_instant["waiting"]["late_waiting_lines"] == 1
    august = at("2025-08-01", orders=orders)
    assert {c: [v[n] for n in LATE] for c, v in august.items()} == {"acme": [0.5, 40 / 2, 0], "waiting": [1, 40, 0]}


def test_an_order_waits_late_from_the_day_after_the_promised_one_for_half_a_year(at: ByHand) -> None:
    orders = f"""
    customer_id | ordered_at | amount | promised_at       | delivered_at
    today       | {day(10)}  | 10     | {day(0)}          |
    yesterday   | {day(10)}  | 10     | {day(1)} 23:00    |
    unpromised  | {day(10)}  | 10     |                   |
    delivered   | {day(10)}  | 10     | {day(5)}          | {day(1)}
    unpromised  | {day(10)}  | 10     |                   | {day(1)}
    in-180      | {day(180)} | 10     | {day(170)}        |
    forgotten   | {day(181)} | 10     | {day(170)}        |
    """
    values = at(AS_OF, orders=orders)
    late = {"yesterday": 1, "in-180": 1}
    assert {c: v["late_waiting_lines"] for c, v in values.items()} == dict.fromkeys(values, 0) | late
    shares = {c: v["late_delivery_share_180d"] for c, v in values.items()}
    assert shares == dict.fromkeys(values) | {"delivered": 1}
