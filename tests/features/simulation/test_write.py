from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.errors import FactsError, StorageError
from features.simulation.company import Company
from features.simulation.plan import TABLES
from features.simulation.simulate import simulate
from features.simulation.write import months_before, write_company
from features.text import Text

SMALL = Company(customers_per_chunk=40)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    one, two, three = (write_company(tmp_path / str(i), seed, 50, 6) for i, seed in enumerate((9, 9, 10)))
    assert _bytes(one) == _bytes(two)
    assert _bytes(one)["orders.parquet"] != _bytes(three)["orders.parquet"]


def test_files_hold_what_is_simulated_one_row_group_a_chunk(tmp_path: Path) -> None:
    folder = write_company(tmp_path / "company", 9, 100, 6, end=date(2026, 1, 1), company=SMALL)
    tables = simulate(9, 100, date(2025, 7, 1), date(2026, 1, 1), SMALL)
    for name in TABLES:
        file = pq.ParquetFile(folder / f"{name}.parquet")
        assert file.num_row_groups == 3
        assert file.read().equals(tables[name].combine_chunks())


def test_the_folder_says_that_it_is_simulated_in_both_languages(tmp_path: Path) -> None:
    note = (write_company(tmp_path / "company", 9, 20, 3) / "SIMULATED.txt").read_text(encoding="utf-8")
    assert "simulated (seed 9, 20 customers, 2026-04-01 to 2026-07-01)" in note
    assert "模拟数据（种子 9" in note


def test_progress_goes_up_to_the_whole(tmp_path: Path) -> None:
    told: list[float] = []
    write_company(tmp_path / "company", 9, 100, 3, lambda step, done: told.append(done), company=SMALL)
    assert told == [0.4, 0.8, 1.0]


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="already and is not empty"):
        write_company(tmp_path, 9, 20, 3)
    assert _bytes(tmp_path) == {"mine.txt": b"mine"}


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(step: Text, done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_company(tmp_path / "company", 9, 20, 3, interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("months", [0, 241])
def test_no_months_and_too_many_are_refused(tmp_path: Path, months: int) -> None:
    with pytest.raises(FactsError, match=f"1 to 240 months; got {months}"):
        write_company(tmp_path / "company", 9, 20, months)
    assert list(tmp_path.iterdir()) == []


def test_months_are_counted_back_over_the_year() -> None:
    assert months_before(date(2026, 7, 1), 30) == date(2024, 1, 1)
    assert months_before(date(2026, 1, 1), 1) == date(2025, 12, 1)
