import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from features import engines
from features.compiler import Plan, Step
from features.engines.spark_session import spark_session
from features.errors import EngineError, ProjectError
from features.project import EngineName, load_project
from features.sources import Facts
from tests.features.builders import Rows, facts_of
from tests.features.engines.availability import needs_spark, on_spark

both = pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=on_spark)])

COMPANY: Rows = {
    "orders": [
        {"customer_id": "a", "ordered_at": datetime(2025, 3, 30, 1, 30, 0, 123456), "amount": 10.25, "channel": "投诉"},
        {"customer_id": "a", "ordered_at": datetime(2025, 3, 31, 23, 59, 59), "amount": -4.0, "channel": "Shop"},
        {"customer_id": "a", "ordered_at": datetime(2024, 2, 29), "amount": 7.0, "channel": "shop"},
        {"customer_id": "b", "ordered_at": datetime(2025, 1, 1), "amount": 2.5, "channel": None, "margin": 1.0},
        {"customer_id": "c", "ordered_at": datetime(2025, 1, 4), "amount": 3.0},
        {"customer_id": "c", "ordered_at": datetime(2025, 1, 5), "amount": 4.0},
    ],
    "customers": [{"customer_id": "a", "region": "north"}, {"customer_id": "d"}],
}

MEANINGS: dict[str, list[float | None]] = {
    "count(*) / 86400.0": [3 / 86400, 1 / 86400, 2 / 86400],
    "quantile_cont(amount, 0.25) FILTER (WHERE amount > 0)": [7.8125, 2.5, 3.25],
    "max(isodow(ordered_day))": [7.0, 3.0, 7.0],
    "sum(CAST(round(amount * 100) AS HUGEINT))": [1325.0, 250.0, 700.0],
    "max(CAST(2 AS UINTEGER))": [2.0, 2.0, 2.0],
    "arg_max(amount, row(ordered_at, -amount))": [-4.0, 2.5, 4.0],
    "count(DISTINCT lower(channel)) FILTER (WHERE amount > 0)": [2.0, 0.0, 0.0],
    "count(*) FILTER (WHERE lower(channel) IN ('投诉', 'shop'))": [3.0, 0.0, 0.0],
    "max(greatest(margin, amount))": [10.25, 2.5, 4.0],
    "median(amount)": [7.0, 2.5, 3.5],
    "stddev_samp(amount)": [7.467987234411514, None, 0.7071067811865476],
    "min(date_diff('day', ordered_day, DATE '2025-04-01'))": [1.0, 90.0, 86.0],
    "min(date_diff('microsecond', ordered_at, TIMESTAMP '2025-04-01 00:00:00')) / 1E6": [1.0, 7776000.0, 7430400.0],
    "list_sort(list(amount))[1]": [-4.0, 2.5, 3.0],
    "list_sort(list(amount))[count(*) // 2 + 1]": [7.0, 2.5, 4.0],
    "list_sort(list(amount))[3]": [10.25, None, None],
    "list_sort(list(amount))[count(*) - count(*)]": [None, None, None],
    "list_sort(list(amount))[-2]": [7.0, None, 3.0],
    "list_sum(list_sort(list(amount))[2:])": [17.25, None, 4.0],
    "list_sum(list_sort(list(amount))[2:count(*) - 1])": [7.0, None, None],
    "len(list_filter(list(amount), lambda a: a > 3))": [2.0, 0.0, 1.0],
    "list_sum(list_transform(list_sort(list(amount)), lambda a, i: 0.5 * a * i))": [20.375, 1.25, 5.5],
    "length(min(customer_id))": [1.0, 1.0, 1.0],
    "sum(amount) / nullif(sum(margin), 0)": [None, 2.5, None],
    "any_value(customer_id) = 'a' AND min(ordered_at) < TIMESTAMP '2024-02-29 00:00:00.000001'": [1.0, 0.0, 0.0],
}
"""What an aggregate over the orders gives for the customers a, b and c."""

STEPS = (
    Step("daily", "SELECT customer_id, ordered_day, sum(amount) AS amount FROM orders GROUP BY 1, 2", is_kept=True),
    Step(
        "gaps",
        "SELECT *, date_diff('day', lag(ordered_day) OVER past, ordered_day) AS gap_days, row_number() OVER past - 1 AS"
        " number FROM daily WINDOW past AS (PARTITION BY customer_id ORDER BY ordered_day)",
        is_kept=False,
    ),
)
GAPS = "SELECT customer_id, max(gap_days) AS gap, max(number) AS number FROM gaps GROUP BY 1 ORDER BY 1"


@pytest.fixture(scope="module")
def facts() -> Iterator[Facts]:
    with facts_of(COMPANY) as opened:
        yield opened


def computed(facts: Facts, engine: EngineName, *selects: str, steps: tuple[Step, ...] = ()) -> pa.Table:
    settings = facts.project.project.model_copy(update={"engine": engine})
    chosen = replace(facts, project=facts.project.model_copy(update={"project": settings}))
    return pa.Table.from_batches(engines.run(chosen, Plan(steps, selects)))


@both
def test_an_expression_means_the_same_on_every_engine(facts: Facts, engine: EngineName) -> None:
    columns = ", ".join(f"CAST({sql} AS DOUBLE) AS c{n}" for n, sql in enumerate(MEANINGS))
    table = computed(facts, engine, f"SELECT customer_id, {columns} FROM orders GROUP BY 1 ORDER BY 1")
    values = dict(zip(MEANINGS, [c.to_pylist() for c in table.columns[1:]], strict=True))
    assert table["customer_id"].to_pylist() == ["a", "b", "c"]
    assert values == {sql: [v and pytest.approx(v, rel=1e-15) for v in wanted] for sql, wanted in MEANINGS.items()}


@both
def test_steps_build_on_each_other_and_leave_nothing_behind(facts: Facts, engine: EngineName) -> None:
    for _ in range(2):
        table = computed(facts, engine, GAPS, steps=STEPS)
        assert table.to_pydict() == {"customer_id": ["a", "b", "c"], "gap": [395, None, 1], "number": [2, 0, 1]}
    made = "SELECT table_name FROM information_schema.tables WHERE table_name IN ('daily', 'gaps')"
    assert facts.connection.execute(made).fetchall() == []


@both
def test_the_rows_of_several_selects_follow_each_other(facts: Facts, engine: EngineName) -> None:
    selects = [f"SELECT customer_id FROM orders WHERE customer_id = '{name}'" for name in ("c", "b")]
    assert computed(facts, engine, *selects)["customer_id"].to_pylist() == ["c", "c", "b"]


@both
def test_rows_come_in_the_order_that_is_asked_for(facts: Facts, engine: EngineName) -> None:
    table = computed(facts, engine, "SELECT channel FROM orders ORDER BY channel, amount")
    assert table["channel"].to_pylist() == ["Shop", "shop", "投诉", None, None, None]


@pytest.mark.parametrize("package", ["pyspark", "sqlglot"])
def test_without_the_extra_the_error_says_how_to_install_it(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # cannot be imported
    with pytest.raises(EngineError) as caught:
        spark_session.__wrapped__()
    assert f"{package} is missing" in caught.value.text.en
    assert "pip install 'retinue[spark]'" in caught.value.text.en
    assert f"缺少 {package}" in caught.value.text.zh


@needs_spark
def test_a_spark_that_cannot_start_is_told(tmp_path: Path) -> None:
    program = "from features.engines.spark_session import spark_session\nspark_session()"
    place = {"SPARK_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    said = subprocess.run([sys.executable, "-c", program], env=os.environ | place, capture_output=True, text=True)
    assert "EngineError: Spark did not start" in said.stderr
    assert "SPARK_HOME" in said.stderr


def test_the_project_file_knows_both_engines_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "retinue.toml"
    text = '[project]\nname = "A"\ncurrency = "EUR"\n{}\n[tables.orders]\npath = "o.csv"\n' + (
        'columns = {{ customer_id = "c", ordered_at = "t", amount = "a" }}\n'
    )
    file.write_text(text.format(""))
    assert load_project(file).project.engine == "duckdb"
    file.write_text(text.format('engine = "spark"'))
    assert load_project(file).project.engine == "spark"
    file.write_text(text.format('engine = "sparc"'))
    with pytest.raises(ProjectError) as caught:
        load_project(file)
    assert "engine" in caught.value.text.zh
    assert "'duckdb' or 'spark'" in caught.value.text.en
