"""The catalogue as SQL: which features the given tables support, what is read once, and what a cut-off means."""

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from features.catalogue import BY_NAME, FEATURES, RELATIONS, Feature
from features.compiler import WANTED, Plan, active_features, compile_features, inputs_of
from features.contracts import TABLES
from features.engines import run
from tests.features.builders import Rows, facts_of

UTC = ZoneInfo("UTC")
AS_OF = [datetime(2025, 7, 1, tzinfo=UTC)]
MONTHS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, 13)]
ORDERS = {"orders": TABLES["orders"].required}
INVOICES = {"invoices": TABLES["invoices"].required}
EVERYTHING = {name: {*(c.name for c in table.columns), "known_at"} for name, table in TABLES.items()}
COMPANY: Rows = {
    "orders": [
        {"customer_id": "a", "ordered_at": datetime(2025, 5, 1), "amount": 5.0},
        {"customer_id": "b", "ordered_at": datetime(2025, 6, 1), "amount": 7.0},
    ],
    "customers": [{"customer_id": "p"}],
}


def names(given: dict[str, tuple[str, ...]]) -> set[str]:
    return {f.name for f in active_features({table: set(columns) for table, columns in given.items()})}


def plan_of(features: Sequence[Feature], as_of: Sequence[datetime] = AS_OF, timezone: ZoneInfo = UTC) -> Plan:
    return compile_features(features, EVERYTHING, as_of, timezone)


def rows_of(company: Rows, *features: str) -> pa.Table:
    """What the plan of some features gives for a company."""
    with facts_of(company) as facts:
        plan = compile_features([BY_NAME[name] for name in features], facts.columns, AS_OF, UTC)
        return pa.Table.from_batches(list(run(facts, plan)))


def steps_of(plan: Plan) -> dict[str, str]:
    return {step.name: step.sql for step in plan.steps}


# --- which features the given tables support


def test_all_tables_with_all_columns_support_the_whole_catalogue_in_its_order() -> None:
    assert active_features({name: {c.name for c in table.columns} for name, table in TABLES.items()}) == FEATURES


def test_no_table_supports_no_feature() -> None:
    assert active_features({}) == ()


def test_orders_alone_support_what_is_computed_from_orders() -> None:
    families = {BY_NAME[name].family for name in names(ORDERS)}
    assert families == {"recency", "frequency", "monetary", "habit", "returns", "calendar", "peers"}


@pytest.mark.parametrize(
    ("table", "columns", "features"),
    [
        ("orders", "margin", {"margin_90d", "margin_365d", "margin_share_365d", "margin_share_change_90d"}),
        ("orders", "category", {f.name for f in FEATURES if f.family == "breadth"} | {"categories_365d_place"}),
        (
            "orders",
            "discount",
            {"discount_share_90d", "discount_share_365d", "discount_share_change_90d", "discounted_lines_share_365d"}
            | {"discount_share_365d_place"},
        ),
        ("orders", "promised_at", set()),
        (
            "orders",
            "promised_at delivered_at",
            {"late_delivery_share_180d", "late_delivery_days_mean_180d", "late_waiting_lines"},
        ),
        (
            "interactions",
            "closed_at",
            {"complaints_open", "complaint_open_days_max", "complaint_closing_days_mean_365d"},
        ),
        ("interactions", "severity", {"complaint_severity_max_180d"}),
        ("interactions", "score", {"survey_score_last", "survey_score_change"}),
        ("customers", "acquired_at", {"days_since_acquired"}),
        ("customers", "credit_limit", {"credit_limit"}),
        ("customers", "credit_limit valid_from", {"credit_limit", "credit_limit_change_365d"}),
        ("customers", "tier", set()),
        ("customers", "tier valid_from", {"tier_changes_365d"}),
        ("subscriptions", "amount plan", set()),  # without its end every contract would run for ever
        (
            "subscriptions",
            "ended_at",
            {"contracts_running", "contracts_total", "contract_running_days", "contracts_ended_365d"},
        ),
        ("subscriptions", "ended_at amount plan", {f.name for f in FEATURES if f.family == "contract"}),
        ("financials", "current_assets", set()),
        ("financials", "current_assets current_liabilities", {"quick_ratio"}),
    ],
)
def test_a_further_column_switches_its_features_on(table: str, columns: str, features: set[str]) -> None:
    required = TABLES[table].required
    assert names({table: (*required, *columns.split())}) - names({table: required}) == features


@pytest.mark.parametrize(
    ("table", "families"),
    [
        ("customers", set()),
        ("interactions", {"service", "contacts"}),
        ("subscriptions", set()),
        ("treatments", {"contacts"}),
        ("financials", set()),
        ("payments", set()),
        ("supplies", set()),
    ],
)
def test_another_table_supports_its_families_by_its_required_columns(table: str, families: set[str]) -> None:
    assert {BY_NAME[name].family for name in names({table: TABLES[table].required})} == families


def test_what_is_open_or_late_needs_a_settlement_or_payments_on_invoices() -> None:
    assert names(INVOICES) == {"invoices_365d", "terms_days_mean_365d"}
    settled = names({"invoices": (*INVOICES["invoices"], "settled_at")})
    paid = names({**INVOICES, "payments": (*TABLES["payments"].required, "invoice_id")})
    of_invoices = {f.name for f in FEATURES if f.family == "payment"} - {"disputed_share_365d"}
    of_invoices |= {"terms_days_mean_365d", "overdue_over_90d_of_open_share", "days_late_mean_365d_place"}
    assert settled == paid == of_invoices
    assert names({**INVOICES, "payments": TABLES["payments"].required}) == names(INVOICES)


def test_what_is_used_of_the_limit_needs_what_is_open_as_well() -> None:
    limits = {"customers": ("customer_id", "credit_limit")}
    assert "credit_used_share" not in names({**limits, **INVOICES})
    assert "credit_used_share" in names({**limits, "invoices": (*INVOICES["invoices"], "settled_at")})


def test_a_feature_of_features_is_left_out_with_its_inputs() -> None:
    assert "overdue_of_open_share" not in names(INVOICES)


@pytest.mark.parametrize(
    ("feature", "inputs"),
    [
        ("silence_of_relationship", ()),
        ("spend_change_90d", ("bought_90d", "bought_180d")),
        ("purchase_amount_change_90d", ("bought_90d", "purchase_days_90d", "purchase_days_total", "bought_total")),
        ("overdue_of_open_share", ("overdue_balance", "open_balance")),
        ("spend_365d_place", ("spend_365d",)),
    ],
)
def test_the_inputs_of_a_feature_are_read_from_its_expression(feature: str, inputs: tuple[str, ...]) -> None:
    assert inputs_of(BY_NAME[feature]) == inputs


def test_every_feature_of_features_has_inputs_that_are_computed_from_relations() -> None:
    derived = [f for f in FEATURES if f.source not in RELATIONS]
    assert {f.source for f in derived} == {"features", "peers"}
    assert all(inputs_of(f) and all(BY_NAME[i].source in RELATIONS for i in inputs_of(f)) for f in derived)
    assert all(len(inputs_of(f)) == 1 for f in derived if f.source == "peers")


@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.name)
def test_every_need_names_a_column_of_a_contract(feature: Feature) -> None:
    for need in feature.needs:
        for alternative in need.split("|"):
            table, column = alternative.split(".")
            assert TABLES[table].column(column) is not None


# --- the plan


def test_the_columns_are_the_keys_and_the_features_in_the_order_asked_for() -> None:
    rows = rows_of(COMPANY, "spend_total", "spend_365d_place", "days_since_last_purchase", "purchase_days_total")
    assert [(field.name, field.type) for field in rows.schema] == [
        ("customer_id", pa.string()),
        ("as_of", pa.timestamp("us")),
        ("spend_total", pa.float64()),
        ("spend_365d_place", pa.float64()),
        ("days_since_last_purchase", pa.float64()),
        ("purchase_days_total", pa.float64()),
    ]


def test_a_feature_of_features_brings_its_inputs_without_showing_them() -> None:
    rows = rows_of(COMPANY, "spend_change_90d")
    assert rows.column_names == ["customer_id", "as_of", "spend_change_90d"]
    assert dict(zip(*(rows[c].to_pylist() for c in ("customer_id", "spend_change_90d")), strict=True)) == {
        "a": 1,
        "b": 1,
        "p": None,
    }


CUT_DOWN = ("orders", "invoices", "payments", "interactions")
"""Tables that are cut down to what features need before any cut-off."""


def test_there_is_one_select_for_each_cut_off() -> None:
    selects = plan_of(FEATURES, MONTHS).selects
    assert len(selects) == 12
    for month, select in zip(MONTHS, selects, strict=True):
        assert f"TIMESTAMP '{month:%Y-%m-%d} 00:00:00' AS as_of" in select
        assert set(re.findall(r"TIMESTAMP '(2025-\d\d)", select)) == {f"{month:%Y-%m}"}


@pytest.mark.parametrize("cut_offs", [1, 12])
def test_tables_are_read_no_more_often_for_twelve_cut_offs_than_for_one(cut_offs: int) -> None:
    plan = plan_of(FEATURES, MONTHS[:cut_offs])
    steps = " ".join(step.sql for step in plan.steps)
    readings = {table: len(re.findall(rf"\b(?:FROM|JOIN) {table}\b", steps)) for table in CUT_DOWN}
    # payments once to count and once for those in instalments, which need their invoices; then the invoices themselves
    assert readings == {"orders": 1, "invoices": 2, "payments": 2, "interactions": 1}
    assert not re.search(rf"\b(?:FROM|JOIN) (?:{'|'.join(CUT_DOWN)})\b", " ".join(plan.selects))


def test_in_a_select_each_relation_is_aggregated_once_whatever_the_number_of_features() -> None:
    [select] = plan_of(FEATURES).selects
    rows = [r.name for r in RELATIONS.values() if r.kind == "rows" and any(f.source == r.name for f in FEATURES)]
    assert {name: select.count(f"FROM {name} GROUP BY customer_id") for name in rows} == dict.fromkeys(rows, 1)
    assert select.count("FROM rhythm)") == 1


def test_what_several_cut_offs_share_is_kept_and_what_one_reads_once_is_not() -> None:
    once = {step.name: step.is_kept for step in plan_of(FEATURES).steps}
    several = {step.name: step.is_kept for step in plan_of(FEATURES, MONTHS).steps}
    assert list(once) == list(several) == [r.name for r in RELATIONS.values() if r.kind == "once"]
    assert all(several.values())
    assert {name for name, is_kept in once.items() if is_kept} == {"paid_invoices", "instalments"}


def test_relations_without_features_or_tables_are_left_out() -> None:
    spend = [BY_NAME["spend_total"]]
    plan = compile_features(spend, {"orders": EVERYTHING["orders"]}, AS_OF, UTC)
    assert list(steps_of(plan)) == ["sales"]
    assert "order_lines" in plan.selects[0]
    others = [name for name in RELATIONS if name not in {"sales", "order_lines"}]
    assert not [name for name in others if re.search(rf"\b{name}\b", plan.selects[0])]


def test_lists_for_each_cut_off_are_made_only_where_facts_become_known_out_of_order() -> None:
    plans = {
        (known_at, len(months)): compile_features(
            [BY_NAME["gap_mean_days"]], {"orders": {*ORDERS["orders"], *known_at}}, months, UTC
        )
        for known_at in ((), ("known_at",))
        for months in (MONTHS[:1], MONTHS)
    }
    assert {key for key, plan in plans.items() if "learnt_later" in steps_of(plan)["purchase_days"]} == {
        (("known_at",), 12)
    }


def test_wanted_customers_are_picked_before_all_else_unless_they_stand_among_their_peers() -> None:
    wanted = "customer_id IN (SELECT customer_id FROM wanted_customers)"
    for name, is_before in (("spend_365d", True), ("spend_365d_place", False)):
        plan = compile_features([BY_NAME[name]], {"orders": EVERYTHING["orders"]}, AS_OF, UTC, customers=True)
        assert any(f"SELECT * FROM orders WHERE {wanted}" in step.sql for step in plan.steps) == is_before
        assert plan.selects[0].endswith(f"WHERE {wanted}")


def test_a_relation_that_is_made_already_is_read_and_not_made_again_nor_what_only_it_uses() -> None:
    open_balance, given = [BY_NAME["open_balance"]], {name: EVERYTHING[name] for name in ("invoices", "payments")}
    whole = compile_features(open_balance, given, AS_OF, UTC)
    plan = compile_features(open_balance, given, AS_OF, UTC, made={"ledger": "kept"})
    assert set(steps_of(whole)) == {"paid_invoices", "instalments", "ledger"}
    assert steps_of(plan) == {"ledger": "SELECT * FROM kept"}
    assert plan.selects == whole.selects
    few = compile_features(open_balance, given, AS_OF, UTC, customers=True, made={"ledger": "kept"})
    assert steps_of(few)["ledger"].endswith("FROM kept WHERE customer_id IN (SELECT customer_id FROM wanted_customers)")


def test_no_step_takes_the_name_of_a_table_or_of_the_wanted_customers() -> None:
    of_relations = tuple(f for f in FEATURES if f.source != "peers")
    plan = compile_features(of_relations, EVERYTHING, AS_OF, UTC, customers=True)
    names = [step.name for step in plan.steps]
    assert len(set(names)) == len(names)
    assert not set(names) & {WANTED, *TABLES}


@pytest.mark.parametrize(
    ("as_of", "timezone", "instant", "day"),
    [
        ("2025-07-01T00:00:00+00:00", "UTC", "2025-07-01 00:00:00", "2025-07-01"),
        ("2025-07-01T00:00:00+08:00", "Asia/Shanghai", "2025-06-30 16:00:00", "2025-07-01"),
        ("2025-06-30T23:00:00+00:00", "Europe/Berlin", "2025-06-30 23:00:00", "2025-07-01"),
        ("2025-07-01T03:59:59.999999+00:00", "America/New_York", "2025-07-01 03:59:59.999999", "2025-06-30"),
    ],
)
def test_a_cut_off_is_an_instant_in_utc_and_a_day_on_the_projects_calendar(
    as_of: str, timezone: str, instant: str, day: str
) -> None:
    plan = plan_of([BY_NAME["spend_total"]], [datetime.fromisoformat(as_of)], ZoneInfo(timezone))
    sql = " ".join([*steps_of(plan).values(), *plan.selects])
    assert set(re.findall(r"TIMESTAMP '([^']*)'", sql)) - {"0001-01-01 00:00:00"} == {instant}
    assert set(re.findall(r"DATE '([^']*)'", sql)) == {day}
