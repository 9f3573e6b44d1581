from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from features.catalogue import BY_NAME, FEATURES, Feature
from features.compiler import active_features, compile_features, inputs_of
from features.contracts import TABLES
from tests.features.builders import Rows, facts_of

UTC = ZoneInfo("UTC")
AS_OF = [datetime(2025, 7, 1, tzinfo=UTC)]
ORDERS = {"orders": TABLES["orders"].required}
INVOICES = {"invoices": TABLES["invoices"].required}
COMPANY: Rows = {
    "orders": [
        {"customer_id": "a", "ordered_at": datetime(2025, 5, 1), "amount": 5.0},
        {"customer_id": "b", "ordered_at": datetime(2025, 6, 1), "amount": 7.0},
    ],
    "customers": [{"customer_id": "p"}],
}


def names(given: dict[str, tuple[str, ...]]) -> set[str]:
    return {f.name for f in active_features({table: set(columns) for table, columns in given.items()})}


def columns(sql: str, company: Rows = COMPANY) -> list[tuple[str, str]]:
    with facts_of(company) as facts:
        relation = facts.connection.sql(sql)
        return [(name, str(type_)) for name, type_ in zip(relation.columns, relation.types, strict=True)]


# --- which features the given tables support


def test_all_tables_with_all_columns_support_the_whole_catalogue_in_its_order() -> None:
    assert active_features({name: {c.name for c in table.columns} for name, table in TABLES.items()}) == FEATURES


def test_no_table_supports_no_feature() -> None:
    assert active_features({}) == ()


def test_orders_alone_support_what_is_computed_from_orders() -> None:
    families = {BY_NAME[name].family for name in names(ORDERS)}
    assert families == {"recency", "frequency", "monetary", "habit"}


@pytest.mark.parametrize(
    ("column", "features"),
    [
        ("margin", {"margin_365d"}),
        ("category", {"categories_90d", "categories_365d"}),
        ("discount", {"discount_share_365d"}),
        ("promised_at", set()),
    ],
)
def test_a_further_column_switches_its_features_on(column: str, features: set[str]) -> None:
    assert names({"orders": (*ORDERS["orders"], column)}) - names(ORDERS) == features


def test_late_deliveries_need_both_the_promise_and_the_delivery() -> None:
    with_both = names({"orders": (*ORDERS["orders"], "promised_at", "delivered_at")})
    assert with_both - names(ORDERS) == {"late_delivery_share_180d"}


def test_open_complaints_need_to_be_known_as_closed() -> None:
    required = TABLES["interactions"].required
    closed = names({"interactions": (*required, "closed_at")}) - names({"interactions": required})
    assert closed == {"complaints_open", "complaint_open_days_max"}


def test_what_is_open_or_late_needs_a_settlement_or_payments_on_invoices() -> None:
    assert names(INVOICES) == {"invoices_365d"}
    settled = names({"invoices": (*INVOICES["invoices"], "settled_at")})
    paid = names({**INVOICES, "payments": (*TABLES["payments"].required, "invoice_id")})
    assert settled == paid == {f.name for f in FEATURES if f.family == "payment"} - {"disputed_share_365d"}
    assert names({**INVOICES, "payments": TABLES["payments"].required}) == {"invoices_365d"}


def test_a_feature_of_features_is_left_out_with_its_inputs() -> None:
    assert "overdue_of_open_share" not in names(INVOICES)


@pytest.mark.parametrize(
    ("feature", "inputs"),
    [
        ("current_gap_ratio", ("days_since_last_purchase", "gap_mean_days")),
        ("purchase_days_per_year", ("purchase_days_total", "days_since_first_purchase")),
        ("overdue_of_open_share", ("overdue_balance", "open_balance")),
    ],
)
def test_the_inputs_of_a_feature_are_read_from_its_expression(feature: str, inputs: tuple[str, ...]) -> None:
    assert inputs_of(BY_NAME[feature]) == inputs


def test_every_feature_of_features_has_inputs_that_are_aggregates() -> None:
    derived = [f for f in FEATURES if f.source == "features"]
    assert derived
    assert all(inputs_of(f) and all(BY_NAME[i].source != "features" for i in inputs_of(f)) for f in derived)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)
def test_every_need_names_a_column_of_a_contract(feature: Feature) -> None:
    for need in feature.needs:
        for alternative in need.split("|"):
            table, column = alternative.split(".")
            assert TABLES[table].column(column) is not None


# --- the statement


def test_the_columns_are_the_keys_and_the_features_in_the_order_asked_for() -> None:
    wanted = [BY_NAME[n] for n in ("spend_total", "days_since_last_purchase", "purchase_days_total")]
    sql = compile_features(wanted, set(COMPANY), AS_OF, UTC)
    assert columns(sql) == [
        ("customer_id", "VARCHAR"),
        ("as_of", "TIMESTAMP"),
        ("spend_total", "DOUBLE"),
        ("days_since_last_purchase", "DOUBLE"),
        ("purchase_days_total", "DOUBLE"),
    ]


def test_a_feature_of_features_brings_its_inputs_without_showing_them() -> None:
    sql = compile_features([BY_NAME["silence_of_relationship"]], set(COMPANY), AS_OF, UTC)
    assert [name for name, _ in columns(sql)] == ["customer_id", "as_of", "silence_of_relationship"]
    with facts_of(COMPANY) as facts:
        assert [row[2] for row in facts.connection.sql(sql).fetchall()] == [1, 1, None]


def test_each_relation_is_aggregated_once_whatever_the_number_of_features_and_cut_offs() -> None:
    tables = set(TABLES)
    months = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13)]
    sql = compile_features(FEATURES, tables, months, UTC)
    aggregated = ("order_lines", "purchase_days", "bills", "contacts", "profiles")
    assert {name: sql.count(f"FROM {name} GROUP BY") for name in aggregated} == dict.fromkeys(aggregated, 1)
    assert [sql.count(f"FROM {table} ") for table in ("orders", "invoices", "payments", "interactions")] == [1, 1, 1, 1]


def test_relations_without_features_or_tables_are_left_out() -> None:
    sql = compile_features([BY_NAME["spend_total"]], {"orders"}, AS_OF, UTC)
    assert "order_lines" in sql
    assert not [name for name in ("purchase_days", "bills", "contacts", "profiles") if name in sql]


@pytest.mark.parametrize(
    ("as_of", "timezone", "cut_off"),
    [
        ("2025-07-01T00:00:00+00:00", "UTC", "(TIMESTAMP '2025-07-01 00:00:00', DATE '2025-07-01')"),
        ("2025-07-01T00:00:00+08:00", "Asia/Shanghai", "(TIMESTAMP '2025-06-30 16:00:00', DATE '2025-07-01')"),
        ("2025-06-30T23:00:00+00:00", "Europe/Berlin", "(TIMESTAMP '2025-06-30 23:00:00', DATE '2025-07-01')"),
        ("2025-07-01T03:59:59.999999+00:00", "America/New_York", "(TIMESTAMP '2025-07-01 03:59:59.999999', DATE '2025-06-30')"),
    ],
)  # fmt: skip
def test_a_cut_off_is_an_instant_in_utc_and_a_day_on_the_projects_calendar(
    as_of: str, timezone: str, cut_off: str
) -> None:
    instants = [datetime.fromisoformat(as_of)]
    sql = compile_features([BY_NAME["spend_total"]], {"orders"}, instants, ZoneInfo(timezone))
    assert f"cutoffs(as_of, as_of_day) AS (VALUES {cut_off})" in sql
