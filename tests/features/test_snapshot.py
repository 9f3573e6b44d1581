from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue import BY_NAME, FEATURES, RELATIONS
from features.contracts import TABLES
from features.errors import AsOfError, FactsError
from features.simulation.write import write_company
from features.snapshot import snapshot
from features.sources import Facts, open_facts
from tests.features.builders import Rows, contract_columns, facts_of, project_of, write_rows
from tests.features.random_companies import AS_OF, CUSTOMERS, Company, companies

NOW = AS_OF.replace(tzinfo=UTC)
CUT_OFFS = [NOW - timedelta(days=200), NOW - timedelta(days=30), NOW, NOW + timedelta(days=40)]
MONTHS = [datetime(2025, month, 1, tzinfo=UTC) for month in (2, 8, 12)]
NOT_SIMULATED = {f.name for f in FEATURES if f.source in {"contracts", "actions", "accounts"}}
NOT_SIMULATED |= {"credit_limit_change_365d", "tier_changes_365d"}
ORDERS: Rows = {
    "orders": [
        {"customer_id": "b", "ordered_at": datetime(2025, 5, 1), "amount": 5.0},
        {"customer_id": "a", "ordered_at": datetime(2025, 6, 1), "amount": 7.0},
    ]
}

few = settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@contextmanager
def company_of(customers: int, folder: Path) -> Iterator[Facts]:
    """A simulated company over two years, up to the end of 2025, computed on two threads."""
    write_company(folder, 5, customers, 24, end=date(2026, 1, 1), cut_offs=())
    schemas = {file.stem: pq.read_schema(file).names for file in folder.glob("*.parquet") if file.stem in TABLES}
    columns = {name: [c.name for c in contract_columns(TABLES[name]) if c.name in schemas[name]] for name in schemas}
    with open_facts(project_of(folder, columns, "parquet", "Europe/Berlin")) as facts:
        facts.connection.execute("SET threads = 2")
        yield facts


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    with company_of(400, tmp_path_factory.mktemp("simulated") / "company") as facts:
        yield facts


@pytest.fixture(scope="module")
def of_the_company(simulated: Facts) -> pa.Table:
    return snapshot(simulated, MONTHS)


# --- what it gives


def test_a_row_is_a_customer_at_a_cut_off_and_every_feature_a_float() -> None:
    with facts_of(ORDERS) as facts:
        table = snapshot(facts, [datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 5, 15, tzinfo=UTC)])
    assert table.schema.field("customer_id").type == pa.string()
    assert table.schema.field("as_of").type == pa.timestamp("us", "UTC")
    assert {field.type for field in list(table.schema)[2:]} == {pa.float64()}
    assert table.select(["as_of", "customer_id", "spend_total"]).to_pylist() == [
        {"as_of": datetime(2025, 5, 15, tzinfo=UTC), "customer_id": "b", "spend_total": 5},
        {"as_of": datetime(2025, 7, 1, tzinfo=UTC), "customer_id": "a", "spend_total": 7},
        {"as_of": datetime(2025, 7, 1, tzinfo=UTC), "customer_id": "b", "spend_total": 5},
    ]


def test_the_features_asked_for_come_alone_and_in_their_order() -> None:
    wanted = [BY_NAME[name] for name in ("current_gap_ratio", "spend_total")]
    with facts_of(ORDERS) as facts:
        table = snapshot(facts, [NOW], features=wanted)
    assert table.column_names == ["customer_id", "as_of", "current_gap_ratio", "spend_total"]


def test_the_same_instant_in_two_time_zones_is_one_cut_off() -> None:
    with facts_of(ORDERS) as facts:
        table = snapshot(facts, [NOW, NOW.astimezone(timezone(timedelta(hours=8))), NOW])
    assert table["customer_id"].to_pylist() == ["a", "b"]


def test_before_the_first_fact_there_is_nobody() -> None:
    with facts_of(ORDERS) as facts:
        assert snapshot(facts, [datetime(2020, 1, 1, tzinfo=UTC)]).num_rows == 0


@pytest.mark.parametrize(("customers", "rows"), [(["b"], ["b"]), (["b", "a", "b"], ["a", "b"]), (["z"], []), ([], [])])
def test_only_the_customers_asked_for_are_computed(customers: list[str], rows: list[str]) -> None:
    with facts_of(ORDERS) as facts:
        assert snapshot(facts, [NOW], customers)["customer_id"].to_pylist() == rows
        assert snapshot(facts, [NOW])["customer_id"].to_pylist() == ["a", "b"]


def test_a_cut_off_without_a_time_zone_is_refused() -> None:
    with facts_of(ORDERS) as facts, pytest.raises(AsOfError, match="2025-07-01 10:30:00 has no time zone"):
        snapshot(facts, [AS_OF])


def test_no_cut_off_is_refused() -> None:
    with facts_of(ORDERS) as facts, pytest.raises(AsOfError, match="No cut-off was given"):
        snapshot(facts, [])


def test_tables_that_support_no_feature_are_named() -> None:
    panel = {"panel": [{"customer_id": "a", "as_of": datetime(2025, 1, 1), "label": True}]}
    with facts_of(panel) as facts, pytest.raises(FactsError, match=r"it gives panel\)\. Add orders"):
        snapshot(facts, [NOW])


def test_facts_made_for_tests_are_what_open_facts_gives(tmp_path: Path) -> None:
    june = datetime(2025, 6, 20, 15, 30)
    first = {"customer_id": "a", "ordered_at": june, "amount": 5.0, "category": "steel", "known_at": june}
    company: Company = {
        "orders": [
            first,
            {**first, "ordered_at": june + timedelta(hours=1), "category": None},
            {**first, "ordered_at": datetime(2025, 5, 1), "known_at": AS_OF},
        ],
        "interactions": [{"customer_id": "b", "at": june, "kind": "survey", "score": 3.0}],
    }
    with open_facts(write_rows(tmp_path, company, "Asia/Shanghai")) as facts:
        read = snapshot(facts, [NOW])
    assert read["purchase_days_total"].to_pylist() == [2, 0]
    with facts_of(company, "Asia/Shanghai") as facts:
        assert snapshot(facts, [NOW]).select(read.column_names).equals(read)


# --- one definition for every context


def snapshots(company: Company, *asked: tuple[list[datetime], list[str] | None]) -> list[pa.Table]:
    """A snapshot of the same facts for each pair of cut-offs and customers."""
    with facts_of(company, "Asia/Shanghai") as facts:
        return [snapshot(facts, instants, customers) for instants, customers in asked]


@pytest.mark.slow
@few
@given(companies)
def test_many_cut_offs_at_once_give_what_each_gives_alone(company: Company) -> None:
    together, *alone = snapshots(company, (CUT_OFFS, None), *(([instant], None) for instant in CUT_OFFS))
    assert together.equals(pa.concat_tables(alone))


def learnt_in_the_order_of_cut_offs(company: Company) -> bool:
    """Whether the rhythm of purchases is the same at many cut-offs at once and at each alone."""
    rhythm = [BY_NAME[name] for name in ("purchase_days_total", "gap_last_days", "days_since_first_purchase")]
    with facts_of(company, "Asia/Shanghai") as facts:
        together = snapshot(facts, CUT_OFFS, features=rhythm)
        return bool(together.equals(pa.concat_tables([snapshot(facts, [c], features=rhythm) for c in CUT_OFFS])))


# The second order was made before the first, and became known after it; the third is older than any epoch.
OUT_OF_ORDER: Company = {
    "orders": [
        {"customer_id": "a", "ordered_at": NOW - timedelta(days=250), "amount": 5.0},
        {
            "customer_id": "a",
            "ordered_at": NOW - timedelta(days=300),
            "known_at": NOW - timedelta(days=100),
            "amount": 5.0,
        },
        {"customer_id": "a", "ordered_at": datetime(1931, 3, 1), "known_at": NOW - timedelta(days=10), "amount": 5.0},
        {"customer_id": "b", "ordered_at": NOW - timedelta(days=250), "amount": 5.0},
    ]
}


def test_orders_that_become_known_out_of_order_count_from_then_on_at_many_cut_offs() -> None:
    assert learnt_in_the_order_of_cut_offs(OUT_OF_ORDER)
    with facts_of(OUT_OF_ORDER, "Asia/Shanghai") as facts:
        table = snapshot(facts, CUT_OFFS, ["a"], [BY_NAME["purchase_days_total"], BY_NAME["gap_last_days"]])
    assert table["purchase_days_total"].to_pylist() == [1, 2, 3, 3]
    assert table["gap_last_days"].to_pylist() == [None, 50, 50, 50]


def test_one_list_of_purchase_days_for_all_cut_offs_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RELATIONS, "purchase_days", replace(RELATIONS["purchase_days"], sql_out_of_order=None))
    assert not learnt_in_the_order_of_cut_offs(OUT_OF_ORDER)


@pytest.mark.slow
@few
@given(companies)
def test_a_customer_alone_has_its_row_of_the_batch_bit_for_bit(company: Company) -> None:
    two = CUT_OFFS[1:3]
    everybody, *alone = snapshots(company, (two, None), *((two, [customer]) for customer in CUSTOMERS))
    for customer, row in zip(CUSTOMERS, alone, strict=True):
        assert row.equals(everybody.filter(pc.equal(everybody["customer_id"], customer)))


@pytest.mark.slow
@few
@given(companies, st.integers(0, 10**9).map(Random))
def test_the_order_of_rows_does_not_matter(company: Company, random: Random) -> None:
    shuffled = {table: random.sample(rows, len(rows)) for table, rows in company.items()}
    assert_close(*snapshots(company, ([NOW], None)), *snapshots(shuffled, ([NOW], None)))


def test_a_simulated_company_has_the_same_values_at_many_cut_offs_and_at_one(
    simulated: Facts, of_the_company: pa.Table
) -> None:
    assert of_the_company.num_rows > 600
    assert of_the_company.equals(pa.concat_tables([snapshot(simulated, [month]) for month in MONTHS]))


@pytest.mark.parametrize("among_peers", [True, False])
def test_a_simulated_customer_alone_has_its_row_of_the_batch(
    simulated: Facts, of_the_company: pa.Table, among_peers: bool
) -> None:
    chosen = [f for f in FEATURES if f.name in of_the_company.column_names and (among_peers or f.source != "peers")]
    customers = sorted(set(of_the_company["customer_id"].to_pylist()))[::40]
    rows = of_the_company.filter(pc.is_in(of_the_company["customer_id"], pa.array(customers)))
    wanted = rows.select(["customer_id", "as_of", *(f.name for f in chosen)])
    assert snapshot(simulated, MONTHS, customers, chosen).equals(wanted)


@pytest.mark.slow
def test_so_it_is_where_two_threads_share_the_orders(tmp_path: Path) -> None:
    with company_of(4_000, tmp_path / "company") as facts:
        [orders] = facts.connection.execute("SELECT count(*) FROM orders").fetchall()
        assert orders[0] > 122_880, "one thread would read them all"
        together = snapshot(facts, MONTHS)
        assert together.equals(pa.concat_tables([snapshot(facts, [month]) for month in MONTHS]))
        customers = sorted(set(together["customer_id"].to_pylist()))[::200]
        rows = together.filter(pc.is_in(together["customer_id"], pa.array(customers)))
        assert snapshot(facts, MONTHS, customers).equals(rows)


def assert_close(one: Any, two: Any) -> None:
    assert one.select(["customer_id", "as_of"]).equals(two.select(["customer_id", "as_of"]))
    for name in one.column_names[2:]:
        np.testing.assert_allclose(one[name].to_numpy(), two[name].to_numpy(), rtol=1e-12, atol=1e-12, err_msg=name)


# --- what the catalogue promises of its values


def broken_promises(table: pa.Table) -> list[str]:
    """Values that are missing, infinite or out of range although the catalogue says that they cannot be."""
    found = []
    for feature in (BY_NAME[name] for name in table.column_names[2:]):
        values = table[feature.name].drop_null().to_numpy()
        low, high = (
            limit if limit is not None else other for limit, other in zip(feature.range, (-1e15, 1e15), strict=True)
        )
        if feature.missing is None and len(values) < table.num_rows:
            found.append(f"{feature.name} is missing")
        found += [f"{feature.name} is {value}" for value in values if not low - 1e-9 <= value <= high + 1e-9]
    return found


def test_the_values_of_a_simulated_company_keep_the_catalogues_promises(of_the_company: pa.Table) -> None:
    assert broken_promises(of_the_company) == []


def test_a_simulated_company_supports_the_catalogue_but_for_what_it_does_not_record(of_the_company: pa.Table) -> None:
    assert set(BY_NAME) - set(of_the_company.column_names) == NOT_SIMULATED


def test_a_simulated_company_has_every_feature_with_more_than_one_value(of_the_company: pa.Table) -> None:
    assert [n for n in of_the_company.column_names if len(of_the_company[n].drop_null().unique()) < 2] == []


@pytest.mark.slow
@settings(few, max_examples=25)
@given(companies)
def test_the_values_of_any_company_keep_the_catalogues_promises(company: Company) -> None:
    [table] = snapshots(company, ([NOW], None))
    assert broken_promises(table) == []


def test_the_check_of_promises_finds_what_it_should() -> None:
    keys = {"customer_id": pa.array(["a"]), "as_of": pa.array([NOW])}
    table = pa.table(keys | {f.name: pa.array([f.empty], pa.float64()) for f in FEATURES})
    assert broken_promises(table) == []
    broken = {"late_share_365d": 1.5, "spend_90d": None, "gap_mean_days": float("inf"), "days_late_change": -3.0}
    for name, value in broken.items():
        table = table.set_column(table.column_names.index(name), name, pa.array([value], pa.float64()))
    assert broken_promises(table) == ["spend_90d is missing", "gap_mean_days is inf", "late_share_365d is 1.5"]
