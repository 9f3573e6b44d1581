"""Who is on file from when, in which tier, and among whom it stands."""

import pytest

from tests.features.builders import Values
from tests.features.catalogue.ages import AS_OF, day
from tests.features.conftest import ByHand, EachByHand

ORDERED = f"customer_id | ordered_at | amount\nbuyer | {day(30)} | 10"


def test_a_prospect_appears_when_the_relationship_begins(at: ByHand) -> None:
    customers = "customer_id | acquired_at\nearly | 2025-06-30\nlater | 2025-07-01\nundated |"
    values = at(AS_OF, orders=ORDERED, customers=customers)
    assert {c: v["days_since_acquired"] for c, v in values.items()} == {"buyer": None, "early": 1, "undated": None}


def test_a_first_purchase_may_come_before_the_relationship(at: ByHand) -> None:
    customers = f"customer_id | acquired_at\nbuyer | {day(20)}\nprospect | {day(20)}"
    values = at(AS_OF, orders=ORDERED, customers=customers)
    waits = {c: v["days_acquired_to_first_purchase"] for c, v in values.items()}
    assert waits == {"buyer": 20 - 30, "prospect": None}


@pytest.mark.parametrize(
    ("changed", "ended", "changes"),
    [
        (10, 10, 1),
        (365, 365, 0),  # on the day 365 days ago it was in the new tier already
        (364, 364, 1),
        (10, 20, 1),  # in no tier meanwhile
    ],
)
def test_a_tier_counts_as_changed_for_a_year(at: ByHand, changed: int, ended: int, changes: int) -> None:
    customers = f"""
    customer_id | tier | valid_from     | valid_to
    buyer       | B    | {day(900)}     | {day(ended)}
    buyer       | A    | {day(changed)} |
    """
    assert at(AS_OF, orders=ORDERED, customers=customers)["buyer"]["tier_changes_365d"] == changes


def test_other_tiers_count_once_and_rows_to_come_do_not(at: ByHand) -> None:
    customers = f"""
    customer_id | tier | valid_from | valid_to
    buyer       | A    | {day(900)} | {day(300)}
    buyer       | B    | {day(300)} | {day(200)}
    buyer       | A    | {day(200)} | {day(100)}
    buyer       | C    | {day(100)} |
    buyer       | key  | {day(-5)}  |
    no-tier     |      | {day(900)} |
    """
    values = at(AS_OF, orders=ORDERED, customers=customers)
    assert {c: v["tier_changes_365d"] for c, v in values.items()} == {"buyer": 2, "no-tier": 0}


def test_a_row_without_an_end_gave_way_to_the_one_that_began_after_it(at: ByHand) -> None:
    customers = f"""
    customer_id   | tier | valid_from | valid_to
    long-ago      | B    | {day(900)} |
    long-ago      | A    | {day(500)} |
    a-year-ago    | B    | {day(900)} |
    a-year-ago    | A    | {day(365)} |
    this-year     | B    | {day(900)} |
    this-year     | A    | {day(364)} |
    thrice        | C    | {day(900)} |
    thrice        | B    | {day(500)} |
    thrice        | A    | {day(10)}  |
    back          | A    | {day(900)} |
    back          | B    | {day(300)} |
    back          | A    | {day(10)}  |
    back-long-ago | A    | {day(900)} |
    back-long-ago | B    | {day(500)} |
    back-long-ago | A    | {day(10)}  |
    first-undated | B    |            |
    first-undated | A    | {day(400)} |
    still-undated | B    |            |
    still-undated | A    | {day(300)} |
    says-nothing  | A    | {day(900)} |
    says-nothing  |      | {day(500)} |
    says-nothing  | B    | {day(100)} |
    ended         | A    | {day(900)} |
    ended         | B    | {day(500)} | {day(200)}
    """
    values = at(AS_OF, orders=ORDERED, customers=customers)
    assert {c: v["tier_changes_365d"] for c, v in values.items()} == {
        "buyer": 0,
        "long-ago": 0,
        "a-year-ago": 0,
        "this-year": 1,
        "thrice": 1,  # C was given up before
        "back": 1,
        "back-long-ago": 1,
        "first-undated": 0,
        "still-undated": 1,
        "says-nothing": 1,
        "ended": 0,  # what follows the end of B is not said, and A had given way to B
    }


def test_a_row_that_is_known_later_has_not_yet_ended_the_one_before(at_each: EachByHand) -> None:
    customers = f"""
    customer_id | tier | valid_from | valid_to | known_at
    buyer       | B    | {day(900)} |          | {day(900)}
    buyer       | A    | {day(500)} |          | {day(5)}
    buyer       | B    | {day(100)} |          | {day(100)}
    """
    before, after = at_each(day(5), day(4), orders=ORDERED, customers=customers)
    assert (before["buyer"]["tier_changes_365d"], after["buyer"]["tier_changes_365d"]) == (0, 1)


@pytest.mark.parametrize(("acquired", "changes"), [(100, 1), (364, 1), (365, 1), (366, 1)])
def test_a_row_without_a_beginning_holds_since_the_customer_was_acquired(
    at: ByHand, acquired: int, changes: int
) -> None:
    customers = f"""
    customer_id | acquired_at     | tier | valid_from
    buyer       | {day(acquired)} | B    |
    buyer       | {day(acquired)} | A    | {day(10)}
    """
    assert at(AS_OF, orders=ORDERED, customers=customers)["buyer"]["tier_changes_365d"] == changes


# --- among peers


def places(values: dict[str, Values], name: str) -> dict[str, float | None]:
    return {customer: known[f"{name}_place"] for customer, known in values.items()}


def test_a_place_is_the_share_of_peers_below_and_of_equals_half(at: ByHand) -> None:
    orders = "customer_id | ordered_at | amount\n" + "".join(
        f"{customer} | {day(10)} | {amount}\n" for customer, amount in zip("abcde", (5, 1, 5, 9, 5), strict=True)
    )
    values = at(AS_OF, orders=orders)
    middle = (1 + 3 / 2) / 5
    assert places(values, "spend_365d") == {"a": middle, "b": 0.5 / 5, "c": middle, "d": 4.5 / 5, "e": middle}
    assert places(values, "days_since_last_purchase") == dict.fromkeys("abcde", 0.5)


def test_peers_are_those_of_the_industry_and_size_that_hold_now(at_each: EachByHand) -> None:
    customers = """
    customer_id | industry | size  | valid_from | valid_to
    a           | steel    | large |            |
    b           | steel    | large |            |
    c           | steel    | small |            |
    d           | steel    |       |            |
    moves       | wood     | large | 2025-01-01 | 2025-07-01
    moves       | steel    | large | 2025-07-01 |
    """
    orders = "customer_id | ordered_at | amount\n" + "".join(
        f"{customer} | 2025-06-01 | {amount}\n" for customer, amount in (("a", 1), ("b", 3), ("c", 9), ("moves", 2), ("x", 1), ("y", 2))
    )  # fmt: skip
    before, after = at_each("2025-07-01", "2025-07-02", orders=orders, customers=customers)
    alone = {"c": 0.5, "d": 0.5}
    not_on_file = {"x": 0.25, "y": 0.75}
    assert places(before, "spend_365d") == {"a": 0.25, "b": 0.75, "moves": 0.5} | alone | not_on_file
    assert places(after, "spend_365d") == {"a": 0.5 / 3, "moves": 1.5 / 3, "b": 2.5 / 3} | alone | not_on_file


def test_who_has_no_level_has_no_place_and_is_nobodys_peer(at: ByHand) -> None:
    customers = "customer_id\na\nb\nprospect"
    orders = f"customer_id | ordered_at | amount\na | {day(10)} | 1\nb | {day(20)} | 1"
    values = at(AS_OF, orders=orders, customers=customers)
    assert places(values, "days_since_last_purchase") == {"a": 0.25, "b": 0.75, "prospect": None}
    assert places(values, "spend_365d") == {"a": 2 / 3, "b": 2 / 3, "prospect": 0.5 / 3}
