"""A simulated company as a ready project."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.check import check
from features.errors import StorageError
from features.project import load_project
from features.proposal import propose
from features.simulation.company import Company
from features.simulation.plan import Plan, planned, quarter_starts
from features.simulation.project import megabytes_needed, truth_of, write_project
from features.sources import open_facts

BOTH = Company(with_campaigns=True, with_credit=True)


def _plan(customers: int, company: Company = BOTH, months: int = 12) -> Plan:
    end = date(2026, 1, 1)
    start = date(2025 - months // 12 + 1, 1, 1)
    return planned(9, customers, start, end, company, quarter_starts(start, end))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("simulated") / "company", _plan(300)).parent


def test_every_table_is_read_and_no_row_set_aside(folder: Path) -> None:
    with open_facts(load_project(folder)) as facts:
        report = check(facts, now=None)
    assert {table.table for table in report.tables} == {
        *("customers", "orders", "invoices", "payments", "interactions", "treatments", "financials")
    }
    assert all(table.accepted > 100 and table.set_aside == table.duplicates == 0 for table in report.tables)


@pytest.mark.slow
def test_the_truth_lies_apart_and_neither_the_project_nor_a_proposal_for_the_folder_sees_it(folder: Path) -> None:
    assert {file.name for file in truth_of(folder).iterdir()} == {
        *("customers.parquet", "silence.parquet", "effects.parquet")
    }
    assert "truth" not in (folder / "retinue.toml").read_text(encoding="utf-8")
    proposed = {guess.source.path for guess in propose(folder).tables}
    assert "facts/customers.parquet" in proposed
    assert all(path.startswith("facts/") for path in proposed)


def test_the_folder_says_where_the_truth_lies(folder: Path) -> None:
    assert "'company-truth' holds what only the simulation knows" in (folder / "SIMULATED.txt").read_text("utf-8")


def test_the_project_file_speaks_both_languages(folder: Path) -> None:
    text = (folder / "retinue.toml").read_text(encoding="utf-8")
    assert "No customer in it exists" in text
    assert "其中的客户均不存在" in text


@pytest.mark.slow
def test_the_space_that_is_asked_for_is_enough_and_not_far_too_much(folder: Path) -> None:
    for months in (12, 36):
        plan = _plan(1_000, months=months)
        write_project(folder.parent / f"{months}", plan)
        files = [f for f in folder.parent.glob(f"{months}*/**/*") if f.is_file()]
        taken = sum(file.stat().st_size for file in files) / 1e6
        assert megabytes_needed(plan) / 4 - 2 < taken < megabytes_needed(plan)


def test_a_disk_with_too_little_space_is_told_of_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="needs about"):
        write_project(tmp_path / "new" / "company", _plan(10**12))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("taken", ["company", "company-truth"])
def test_a_folder_that_holds_something_is_refused_and_nothing_is_written(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).mkdir()
    (tmp_path / taken / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match=f"{taken} exists already and is not empty"):
        write_project(tmp_path / "company", _plan(10))
    assert [file.name for file in tmp_path.rglob("*")] == [taken, "mine.txt"]


MEASURE = """
import resource, sys
from datetime import date
from pathlib import Path
from features.simulation.company import Company
from features.simulation.plan import planned
from features.simulation.project import write_project
company = Company(customers_per_chunk=500, with_campaigns=True, with_credit=True)
write_project(Path(sys.argv[1]), planned(1, int(sys.argv[2]), date(2025, 1, 1), date(2026, 1, 1), company, ()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_customers(tmp_path: Path) -> None:
    peaks = []
    for customers in (1_000, 20_000):
        command = [sys.executable, "-c", MEASURE, str(tmp_path / f"{customers}"), str(customers)]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert pq.ParquetFile(tmp_path / "20000" / "facts" / "orders.parquet").num_row_groups == 40
    assert peaks[1] < 1.15 * peaks[0]
