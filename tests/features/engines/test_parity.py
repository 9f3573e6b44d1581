"""Every feature is the same on both engines, to 1e-9 of its value."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.catalogue import FEATURES, Feature
from features.engines.spark_session import spark_session
from features.project import EngineName
from features.simulation.write import write_company
from features.snapshot import snapshot
from features.sources import Facts, open_facts
from features.text import Text
from tests.features.builders import facts_of, project_of
from tests.features.engines.availability import on_spark
from tests.features.engines.thick_facts import ONE_TIME, REGULARS, thick_facts

pytestmark = on_spark

ENGINES: tuple[EngineName, ...] = ("duckdb", "spark")
RELATIVE = 1e-9

# In New York clocks go forward at the first; in Shanghai a day begins at the second.
SPRING, NEW_YEAR, SUMMER = (
    datetime(2025, 3, 9, 7, tzinfo=UTC),
    datetime(2024, 12, 31, 16, tzinfo=UTC),
    datetime(2025, 7, 1, 10, 30, tzinfo=UTC),
)


@contextmanager
def simulated(folder: pytest.TempPathFactory) -> Iterator[Facts]:
    place = folder.mktemp("parity") / "company"
    write_company(place, 5, 250, 24, end=date(2026, 1, 1), cut_offs=())
    columns = {file.stem: pq.read_schema(file).names for file in place.glob("*.parquet")}
    with open_facts(project_of(place, columns, "parquet", "America/New_York")) as facts:
        yield facts


@dataclass(frozen=True)
class Case:
    """Facts, the cut-offs at which their features are compared, and for whom."""

    facts: Callable[[pytest.TempPathFactory], AbstractContextManager[Facts]]
    as_of: list[datetime]
    customers: list[str] | None = None
    settings: dict[str, str] = field(default_factory=dict)


# Small data and short plans: what Spark compiles for each query would take longer than the query. One case does as users do.
SMALL = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
CASES = {
    "several cut-offs": Case(
        lambda _: facts_of(thick_facts(), "Asia/Shanghai"), [NEW_YEAR, SPRING, SUMMER], settings=SMALL
    ),
    "one cut-off, daylight saving": Case(lambda _: facts_of(thick_facts(), "America/New_York"), [SPRING]),
    "a simulated company": Case(simulated, [datetime(2025, 11, 2, 6, tzinfo=UTC)], settings=SMALL),
    "few customers": Case(
        lambda _: facts_of(thick_facts(), "Asia/Shanghai"), [SUMMER], [REGULARS[0], ONE_TIME[0], "nobody"], SMALL
    ),
    "empty tables": Case(lambda _: facts_of({table: [] for table in thick_facts()}), [SUMMER], settings=SMALL),
}


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[EngineName, pa.Table]]:
    """Each case on both engines, ordered by cut-off and customer."""
    tables: dict[str, dict[EngineName, pa.Table]] = {}
    for name, case in CASES.items():
        with case.facts(tmp_path_factory) as facts, set_in_spark(case.settings):
            tables[name] = {engine: snapshot_on(engine, facts, case) for engine in ENGINES}
    return tables


@contextmanager
def set_in_spark(settings: dict[str, str]) -> Iterator[None]:
    conf = spark_session().conf
    before = {name: str(conf.get(name)) for name in settings}
    for name, value in settings.items():
        conf.set(name, value)
    yield
    for name, value in before.items():
        conf.set(name, value)


def snapshot_on(engine: EngineName, facts: Facts, case: Case) -> pa.Table:
    table = snapshot(on(engine, facts), case.as_of, case.customers)
    return table.sort_by([("as_of", "ascending"), ("customer_id", "ascending")])


def on(engine: EngineName, facts: Facts) -> Facts:
    settings = facts.project.project.model_copy(update={"engine": engine})
    return replace(facts, project=facts.project.model_copy(update={"project": settings}))


def is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isfinite(one) and abs(one - other) <= RELATIVE * max(abs(one), abs(other))


@pytest.mark.parametrize("case", CASES)
def test_both_engines_give_rows_for_the_same_customers(
    computed: dict[str, dict[EngineName, pa.Table]], case: str
) -> None:
    one, other = (computed[case][engine] for engine in ENGINES)
    assert one.schema.equals(other.schema)
    assert one.select(["customer_id", "as_of"]).equals(other.select(["customer_id", "as_of"]))
    assert (one.num_rows > 0) == (case != "empty tables")


@pytest.mark.parametrize("case", CASES)
def test_every_feature_is_the_same_on_both_engines(computed: dict[str, dict[EngineName, pa.Table]], case: str) -> None:
    one, other = (
        computed[case][engine].drop_columns(["customer_id", "as_of"]).to_pydict() for engine in computed[case]
    )
    differing = {
        name: [pair for pair in zip(one[name], other[name], strict=True) if not is_same(*pair)][:3] for name in one
    }
    assert {name: pairs for name, pairs in differing.items() if pairs} == {}


def test_every_feature_takes_several_values_in_what_is_compared(
    computed: dict[str, dict[EngineName, pa.Table]],
) -> None:
    values: dict[str, set[float | None]] = {feature.name: set() for feature in FEATURES}
    for case in computed.values():
        for name in values.keys() & set(case["spark"].column_names):
            values[name] |= set(case["spark"][name].to_pylist())
    assert {name for name, seen in values.items() if len(seen - {None}) < 2} == set()


def test_the_project_says_which_engine_computes_the_snapshot() -> None:
    says = "max(CASE WHEN version() LIKE 'v%' THEN 1E0 ELSE 2E0 END)"
    feature = Feature("engine_number", "own", "order_lines", says, "", Text("1 in DuckDB", "DuckDB 中为 1"))
    with facts_of(
        {"orders": [{"customer_id": "a", "ordered_at": NEW_YEAR.replace(tzinfo=None), "amount": 1.0}]}
    ) as facts:
        made = [snapshot(on(engine, facts), [SUMMER], features=[feature]) for engine in ENGINES]
    assert [table["engine_number"].to_pylist() for table in made] == [[1.0], [2.0]]
