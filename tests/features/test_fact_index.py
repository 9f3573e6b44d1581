from collections.abc import Iterator
from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest

from features import fact_index
from features.contracts import TABLES
from features.errors import StorageError
from features.fact_index import FactIndex, keep_index, write_fact_index
from features.simulation.write import write_company
from features.sources import Facts, open_facts
from tests.features.builders import contract_columns, project_of

AS_OF = datetime(2025, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    """A simulated company whose name for its folder holds what a pattern of files would."""
    folder = tmp_path_factory.mktemp("company") / "it's [ours]*"
    write_company(folder, 3, 60, 12, end=date(2026, 1, 1), cut_offs=())
    schemas = {file.stem: pq.read_schema(file).names for file in folder.glob("*.parquet") if file.stem in TABLES}
    columns = {name: [c.name for c in contract_columns(TABLES[name]) if c.name in schemas[name]] for name in schemas}
    with open_facts(project_of(folder, columns, "parquet", "UTC")) as facts:
        yield facts


def index_of(company: Facts, run_id: str) -> FactIndex:
    workspace = company.project.workspace
    write_fact_index(company, AS_OF, workspace / "next")
    return FactIndex(keep_index(workspace / "next", workspace, run_id, {}))


def rows_by_customer(index: FactIndex, table: str, customers: list[str]) -> dict[str, list[str]]:
    return {c: sorted(map(str, index.rows_of(table, [c]).to_pylist())) for c in customers}


@pytest.mark.parametrize("rows_at_once", [1, 7, 100, 1_000])
def test_rows_sorted_by_ranges_of_customers_are_those_sorted_at_once(
    company: Facts, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = [c for (c,) in company.connection.execute("SELECT customer_id FROM customers").fetchall()]
    whole = index_of(company, "whole")
    monkeypatch.setattr(fact_index, "ROWS_SORTED_AT_ONCE", rows_at_once)
    parted = index_of(company, "parted")
    assert {"orders", "invoices", "payments", "interactions", "customers"} <= parted.columns.keys()
    for table in parted.columns:
        assert parted.schema(table) == whole.schema(table)
        (rows,) = company.connection.execute(f"SELECT count(*) FROM {table}").fetchone() or ()
        found = rows_by_customer(parted, table, customers)
        assert found == rows_by_customer(whole, table, customers)
        assert sum(map(len, found.values())) == rows > 0
    left = sorted(p.name for p in fact_index.index_folder(company.project.workspace, "parted").iterdir())
    assert left == sorted(p.name for p in fact_index.index_folder(company.project.workspace, "whole").iterdir())


def test_a_database_without_enough_memory_is_told_in_our_words(company: Facts) -> None:
    with pytest.raises(StorageError, match="do not fit into memory or the temporary folder"):
        sort_with_little_memory(company)


def sort_with_little_memory(company: Facts) -> None:
    with open_facts(company.project, 40) as facts:
        facts.connection.execute("SET max_temp_directory_size = '1MB'")
        facts.connection.execute("SELECT list(n) FROM range(50000000) AS t(n)").fetchall()
