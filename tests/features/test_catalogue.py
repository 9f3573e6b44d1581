"""Every feature of the catalogue, computed by hand for one customer, and the cases that feature code gets wrong."""

import pytest

from features.catalogue import BY_NAME, FAMILIES, FEATURES, RELATIONS, Feature, catalogue_hash
from features.text import Text
from tests.features.builders import Values, values_by_hand
from tests.features.conftest import ByHand

# --- one customer with everything, as of 1 July 2025, 0:00

# Purchase days lie 370, 250, 130, 70, 40 and 20 days back: gaps of 120, 120, 60, 30 and 20 days.
ORDERS = """
customer_id | ordered_at       | amount | margin | category | discount | promised_at | delivered_at
acme        | 2024-05-27 09:00 |  -25   |        |          |          |             |
acme        | 2024-06-26 09:00 |  100   |   20   | glass    |          |             |
acme        | 2024-10-24 09:00 |  200   |   40   | paper    |    0     | 2024-10-30  | 2024-11-30
acme        | 2025-02-21 09:00 |  300   |   60   | steel    |    0     | 2025-03-01  | 2025-02-28
acme        | 2025-04-22 09:00 |  150   |   30   | steel    |   50     | 2025-05-02  | 2025-05-04
acme        | 2025-04-22 16:00 |  250   |   50   | tools    |    0     | 2025-05-02  | 2025-05-02
acme        | 2025-05-02 09:00 |  -50   |  -10   | wood     |          |             |
acme        | 2025-05-22 09:00 |  600   |  120   | steel    |  100     | 2025-06-20  | 2025-07-02
acme        | 2025-06-11 09:00 |  500   |  100   |          |          |             |
"""

INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount | disputed | settled_at
paid-old   | acme        | 2024-05-01 | 2024-05-31 |  700   | false    |
early      | acme        | 2024-12-01 | 2024-12-31 | 1000   | false    |
disputed   | acme        | 2025-03-01 | 2025-03-31 | 2000   | true     | 2025-04-20
in-parts   | acme        | 2025-05-01 | 2025-05-31 |  300   | false    |
over-90    | acme        | 2025-01-10 | 2025-02-09 |  100   |          |
61-to-90   | acme        | 2025-03-20 | 2025-04-19 |   60   |          |
half-paid  | acme        | 2025-04-15 | 2025-05-15 |  500   |          |
paid-later | acme        | 2025-05-20 | 2025-06-19 |  400   | true     | 2025-07-05
not-due    | acme        | 2025-06-10 | 2025-07-10 |  800   |          |
"""

PAYMENTS = """
customer_id | paid_at    | amount | invoice_id
acme        | 2024-07-10 |  700   | paid-old
acme        | 2024-12-26 | 1000   | early
acme        | 2025-05-20 |  100   | in-parts
acme        | 2025-06-06 |  200   | in-parts
acme        | 2025-06-01 |  200   | half-paid
acme        | 2025-07-02 |  300   | half-paid
acme        | 2025-06-15 |   40   |
"""

INTERACTIONS = """
customer_id | at               | kind      | score | closed_at
acme        | 2024-12-13 10:00 | complaint |       |
acme        | 2025-03-23 10:00 | Complaint |       | 2025-04-02
acme        | 2025-06-11 10:00 | 投诉      |       | 2025-07-03
acme        | 2025-04-01 10:00 | survey    | 9     |
acme        | 2025-04-02 10:00 | call      |       |
acme        | 2025-06-01 10:00 | survey    | 7     |
acme        | 2025-06-26 10:00 | visit     |       |
"""

EXPECTED: Values = {
    # recency
    "days_since_last_purchase": 20,
    "days_since_second_last_purchase": 40,
    "days_since_first_purchase": 370,
    "days_first_to_last_purchase": 350,
    # frequency
    "purchase_days_30d": 1,
    "purchase_days_90d": 3,
    "purchase_days_180d": 4,
    "purchase_days_365d": 5,
    "purchase_days_total": 6,
    "purchase_days_per_year": 5 * 365 / 370,
    # monetary
    "spend_30d": 500,
    "spend_90d": 150 + 250 - 50 + 600 + 500,
    "spend_180d": 300 + 1450,
    "spend_365d": 200 + 1750,
    "spend_total": -25 + 100 + 1950,
    "margin_365d": 40 + 60 + 30 + 50 - 10 + 120 + 100,
    "purchase_amount_mean": 2100 / 6,
    "purchase_amount_max": 600,
    "purchase_amount_last": 500,
    "purchase_amount_last_ratio": 500 / 350,
    "returned_amount_365d": 50,
    # habit
    "gap_mean_days": 350 / 5,
    "gap_median_days": 60,
    "gap_longest_days": 120,
    "gap_last_days": 20,
    "gap_variation": 2300**0.5 / 70,
    "gap_last_three_ratio": (60 + 30 + 20) / 3 / 70,
    "current_gap_ratio": 20 / 70,
    "current_gap_rank": 1 / 5,
    "current_gap_log_z": (3.044522438 - 4.036192920) / 0.791456951,  # ln 21, mean and deviation of ln(1 + gap)
    "purchase_days_change_90d": (3 - 1) / 4,
    "spend_change_90d": (1500 - 300) / 1800,
    "purchase_days_30d_of_90d": 1 / 3,
    "silence_of_relationship": 20 / 370,
    # breadth
    "categories_90d": 2,
    "categories_365d": 3,
    "discount_share_365d": (50 + 100) / (200 + 300 + 200 + 250 + 700),
    # payment
    "invoices_365d": 8,
    "days_late_mean_365d": (40 - 5 + 20 + 6) / 4,
    "days_late_mean_90d": (20 + 6) / 2,
    "days_late_worst_365d": 142,
    "days_late_change": 13 - 17.5,
    "days_to_pay_mean_365d": (70 + 25 + 50 + 36) / 4,
    "late_share_365d": 6 / 7,
    "late_amount_share_365d": 3360 / 4360,
    "disputed_share_365d": 1 / 4,
    "open_balance": 100 + 60 + 300 + 400 + 800,
    "open_balance_current": 800,
    "overdue_balance": 100 + 60 + 300 + 400,
    "overdue_balance_1_30d": 400,
    "overdue_balance_31_60d": 300,
    "overdue_balance_61_90d": 60,
    "overdue_balance_over_90d": 100,
    "oldest_overdue_days": 142,
    "dso_90d": 90 * 1660 / (500 + 400 + 800 + 300),
    "receivables_turnover_365d": 5160 / ((700 + 1660) / 2),  # paid-old was open a year before
    "collection_effectiveness_90d": 2300 / (2300 + 860),
    "overdue_of_open_share": 860 / 1660,
    # service
    "complaints_90d": 1,
    "complaints_180d": 2,
    "complaints_open": 2,
    "complaint_open_days_max": 200,
    "days_since_last_complaint": 20,
    "contacts_90d": 3,
    "survey_score_last": 7,
    "late_delivery_share_180d": 1 / 3,
}

PROSPECT = "customer_id | acquired_at\nprospect | 2025-06-01"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Values]:
    """Acme's features, and those of a prospect who never did anything."""
    return values_by_hand(
        tmp_path_factory.mktemp("acme"),
        "2025-07-01",
        orders=ORDERS,
        invoices=INVOICES,
        payments=PAYMENTS,
        interactions=INTERACTIONS,
        customers=PROSPECT,
    )


def test_every_feature_of_the_catalogue_has_an_expected_value() -> None:
    assert sorted(EXPECTED) == sorted(BY_NAME)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_customer_with_everything_has_the_values_computed_by_hand(known: dict[str, Values], family: str) -> None:
    names = [f.name for f in FEATURES if f.family == family]
    assert names
    assert {n: known["acme"][n] for n in names} == {n: pytest.approx(EXPECTED[n], rel=1e-8) for n in names}


def test_a_prospect_who_never_did_anything_has_zero_counts_and_the_rest_missing(known: dict[str, Values]) -> None:
    assert known["prospect"] == {f.name: f.empty for f in FEATURES}


def test_features_that_are_zero_when_nothing_happened() -> None:
    counted = ("purchase_days_", "spend_", "categories_", "overdue_balance", "complaints_", "contacts_")
    derived = {"purchase_days_per_year", "purchase_days_change_90d", "spend_change_90d", "purchase_days_30d_of_90d"}
    others = {
        "open_balance",
        "open_balance_current",
        "margin_365d",
        "returned_amount_365d",
        "invoices_365d",
        "oldest_overdue_days",
    }
    zero = {n for n in BY_NAME if n.startswith(counted)} - derived | others
    assert {f.name: f.empty for f in FEATURES if f.empty is not None} == dict.fromkeys(zero, 0)


# --- buying


def test_one_purchase_has_a_recency_but_no_rhythm(at: ByHand) -> None:
    once = at("2025-07-01", orders="customer_id | ordered_at | amount\nonce | 2025-06-21 | 80")["once"]
    known = {name: value for name, value in once.items() if value not in (None, 0)}
    assert known == {
        "days_since_last_purchase": 10,
        "days_since_first_purchase": 10,
        "purchase_days_30d": 1,
        "purchase_days_90d": 1,
        "purchase_days_180d": 1,
        "purchase_days_365d": 1,
        "purchase_days_total": 1,
        "spend_30d": 80,
        "spend_90d": 80,
        "spend_180d": 80,
        "spend_365d": 80,
        "spend_total": 80,
        "purchase_amount_mean": 80,
        "purchase_amount_max": 80,
        "purchase_amount_last": 80,
        "purchase_amount_last_ratio": 1,
        "purchase_days_change_90d": 1,
        "spend_change_90d": 1,
        "purchase_days_30d_of_90d": 1,
        "silence_of_relationship": 1,
    }
    zero = {"days_first_to_last_purchase", "purchase_days_per_year", "returned_amount_365d"}
    assert {name for name, value in once.items() if value == 0} == zero


def test_several_orders_on_a_day_are_one_purchase_day(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at       | amount
    acme        | 2025-06-01 08:00 | 10
    acme        | 2025-06-11 08:00 | 20
    acme        | 2025-06-11 08:00 | 20
    acme        | 2025-06-11 19:00 | 5
    """
    acme = at("2025-07-01", orders=orders)["acme"]
    assert (acme["purchase_days_total"], acme["gap_last_days"], acme["purchase_amount_last"]) == (2, 10, 45)


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
    names = ("purchase_days_30d", "spend_30d", "spend_change_90d", "purchase_amount_last_ratio", "discount_share_365d")
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


def test_a_delivery_after_the_cut_off_is_neither_late_nor_on_time(at: ByHand) -> None:
    orders = """
    customer_id | ordered_at | amount | promised_at | delivered_at
    acme        | 2025-05-01 | 10     | 2025-05-10  | 2025-05-10 18:00
    acme        | 2025-06-01 | 10     | 2025-06-10  | 2025-07-20
    waiting     | 2025-06-01 | 10     | 2025-06-10  | 2025-07-20
    """
    july = at("2025-07-01", orders=orders)
    assert (july["acme"]["late_delivery_share_180d"], july["waiting"]["late_delivery_share_180d"]) == (0, None)
    august = at("2025-08-01", orders=orders)
    assert (august["acme"]["late_delivery_share_180d"], august["waiting"]["late_delivery_share_180d"]) == (0.5, 1)


def test_a_prospect_appears_when_the_relationship_begins(at: ByHand) -> None:
    customers = "customer_id | acquired_at\nearly | 2025-06-30\nlater | 2025-07-01\nundated |"
    orders = "customer_id | ordered_at | amount\nbuyer | 2025-06-01 | 10"
    assert list(at("2025-07-01", orders=orders, customers=customers)) == ["buyer", "early", "undated"]


# --- paying

OPEN = ("open_balance", "overdue_balance", "oldest_overdue_days", "days_late_mean_365d", "late_share_365d")


def test_an_invoice_settled_after_the_cut_off_is_open_before(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-06-01 | 2025-06-15 | 50     | 2025-07-10
    """
    assert [at("2025-07-01", invoices=invoices)["acme"][n] for n in OPEN] == [50, 50, 16, None, 1]
    assert [at("2025-07-10", invoices=invoices)["acme"][n] for n in OPEN] == [50, 50, 25, None, 1]
    assert [at("2025-07-11", invoices=invoices)["acme"][n] for n in OPEN] == [0, 0, 0, 25, 1]


def test_an_invoice_is_overdue_from_the_day_after_it_falls_due(at: ByHand) -> None:
    invoices = """
    invoice_id | customer_id | issued_at  | due_at     | amount | settled_at
    i          | acme        | 2025-06-01 | 2025-06-30 | 50     |
    """
    assert [at("2025-06-30 18:00", invoices=invoices)["acme"][n] for n in OPEN] == [50, 0, 0, None, None]
    assert [at("2025-07-01", invoices=invoices)["acme"][n] for n in OPEN] == [50, 50, 1, None, 1]


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


# --- service


def test_a_complaint_closed_after_the_cut_off_is_open_before(at: ByHand) -> None:
    interactions = """
    customer_id | at         | kind      | closed_at
    acme        | 2025-06-01 | complaint | 2025-07-10
    """
    names = ("complaints_open", "complaint_open_days_max", "complaints_90d", "days_since_last_complaint")
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
    given = {"orders": orders, "interactions": interactions}
    assert [at("2025-07-10", **given)["acme"][n] for n in names] == [1, 39, 1, 39]
    assert [at("2025-07-11", **given)["acme"][n] for n in names] == [0, None, 1, 40]


def test_the_last_survey_is_the_later_one_of_a_day_whatever_its_score(at: ByHand) -> None:
    interactions = """
    customer_id | at               | kind   | score
    up          | 2025-06-01 09:00 | survey | 2
    up          | 2025-06-01 15:00 | survey | 9
    down        | 2025-06-01 15:00 | survey | 2
    down        | 2025-06-01 09:00 | survey | 9
    tie         | 2025-06-01 09:00 | survey | 9
    tie         | 2025-06-01 09:00 | survey | 2
    tie         | 2025-06-02 09:00 | call   |
    """
    orders = "customer_id | ordered_at | amount\nup | 2025-06-01 | 10"
    values = at("2025-07-01", orders=orders, interactions=interactions)
    assert {c: values[c]["survey_score_last"] for c in values} == {"down": 2, "tie": 2, "up": 9}


def test_a_contact_is_hidden_until_the_company_knows_of_it(at: ByHand) -> None:
    interactions = "customer_id | at | kind | known_at\nacme | 2025-06-01 | complaint | 2025-07-01"
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
    assert at("2025-07-01", orders=orders, interactions=interactions)["acme"]["complaints_90d"] == 0
    assert at("2025-07-02", orders=orders, interactions=interactions)["acme"]["complaints_90d"] == 1


# --- the catalogue itself


def test_names_are_unique_and_usable_as_columns() -> None:
    names = [f.name for f in FEATURES]
    assert len(set(names)) == len(names) == len(BY_NAME)
    assert all(name.isidentifier() and name == name.lower() for name in names)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)
def test_a_feature_says_what_it_is(feature: Feature) -> None:
    assert feature.family in FAMILIES
    assert feature.unit
    assert _is_bilingual(feature.meaning)
    assert feature.source == "features" or RELATIONS[feature.source].aggregated
    low, high = feature.range
    assert low is None or high is None or low < high
    assert (feature.empty is None) == (feature.missing is not None), "it is either never missing or says when"
    assert feature.missing is None or _is_bilingual(feature.missing)


def _is_bilingual(text: Text) -> bool:
    return bool(text.en and text.zh) and text.en.isascii() and any("一" <= c <= "鿿" for c in text.zh)


def test_meanings_are_not_said_twice() -> None:
    for meanings in ([f.meaning.en for f in FEATURES], [f.meaning.zh for f in FEATURES]):
        assert sorted(meanings) == sorted(set(meanings))


def test_relations_come_after_those_they_use() -> None:
    names = list(RELATIONS)
    assert names == [r.name for r in RELATIONS.values()]
    assert all(names.index(used) < names.index(r.name) for r in RELATIONS.values() for used in r.uses)


def test_the_hash_tells_features_apart_by_what_they_compute() -> None:
    assert len(catalogue_hash(FEATURES)) == 12
    assert catalogue_hash(FEATURES) == catalogue_hash(tuple(FEATURES))
    assert len({catalogue_hash((f,)) for f in FEATURES}) == len(FEATURES)
