from collections.abc import Iterator
from datetime import datetime

import pytest

from features import engines
from features.compiler import Plan
from features.engines.spark_session import SETTINGS, check_settings, spark_session
from features.errors import EngineError
from tests.features.builders import Row, Rows, facts_of
from tests.features.engines.availability import on_spark

pytestmark = on_spark

ORDERS: Rows = {
    "orders": [
        {"customer_id": "ours", "ordered_at": datetime(2025, 3, 30, 1, 30, 0, 123456), "amount": 10.25},
        {"customer_id": "ours", "ordered_at": datetime(2025, 3, 31, 23, 59, 59), "amount": -4.0},
        {"customer_id": "ours", "ordered_at": datetime(2024, 2, 29), "amount": 7.0},
    ]
}


def in_spark(select: str) -> list[Row]:
    with facts_of(ORDERS) as facts:
        return [row for batch in engines.spark.run(facts, Plan((), (select,))) for row in batch.to_pylist()]


def test_a_session_is_started_once() -> None:
    assert spark_session() is spark_session()


def test_features_hang_on_no_setting_of_the_machine() -> None:
    session = spark_session()
    assert {name: session.conf.get(name) for name in SETTINGS} == SETTINGS


@pytest.mark.parametrize(
    ("name", "value"),
    [("spark.sql.session.timeZone", "Asia/Shanghai"), ("spark.sql.ansi.enabled", "false")],
)
def test_a_session_with_other_settings_is_refused(name: str, value: str) -> None:
    other = spark_session().newSession()
    for setting in SETTINGS.items():
        other.conf.set(*setting)
    check_settings(other)
    other.conf.set(name, value)
    with pytest.raises(EngineError) as caught:
        check_settings(other)
    assert f"{name} = {SETTINGS[name]}" in caught.value.text.en
    assert value in caught.value.text.zh


@pytest.fixture
def view_of_somebody_else() -> Iterator[str]:
    other = spark_session().newSession()
    other.sql("CREATE TEMP VIEW orders AS SELECT 'theirs' AS customer_id")
    yield "orders"
    assert other.table("orders").first() == ("theirs",)
    other.catalog.dropTempView("orders")


def test_views_of_others_are_neither_seen_nor_touched(view_of_somebody_else: str) -> None:
    assert in_spark(f"SELECT DISTINCT customer_id FROM {view_of_somebody_else}") == [{"customer_id": "ours"}]
    assert spark_session().catalog.listTables() == []


def test_times_reach_spark_to_the_microsecond_and_unmoved() -> None:
    rows = in_spark(
        "SELECT ordered_at FROM orders WHERE ordered_at > TIMESTAMP '2025-03-30 01:30:00.123455' ORDER BY 1"
    )
    assert [row["ordered_at"] for row in rows] == [row["ordered_at"] for row in ORDERS["orders"][:2]]


def test_what_spark_cannot_compute_is_told_with_a_way_out() -> None:
    with pytest.raises(EngineError) as caught:
        in_spark("SELECT mad(amount) AS a FROM orders")
    assert "MAD" in caught.value.text.en
    assert 'engine = "duckdb"' in caught.value.text.en
    assert "Spark 无法计算特征" in caught.value.text.zh


def test_what_spark_would_answer_otherwise_is_refused() -> None:
    with pytest.raises(EngineError, match="Spark keeps no order"):
        in_spark("SELECT list(amount ORDER BY ordered_at) AS a FROM orders")


def test_a_division_by_zero_is_an_error_in_spark_and_not_a_missing_value() -> None:
    with pytest.raises(EngineError, match="DIVIDE_BY_ZERO"):
        in_spark("SELECT sum(amount) / count(margin) AS a FROM orders")
