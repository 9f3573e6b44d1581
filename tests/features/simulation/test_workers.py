from contextlib import closing
from datetime import date
from pathlib import Path

import psutil
import pytest

from features.errors import StorageError
from features.simulation.company import Company
from features.simulation.plan import Plan, planned
from features.simulation.workers import WORTH_IT_CHUNKS, chunks_of
from features.simulation.write import write_plan

COMPANY = Company(customers_per_chunk=10, with_campaigns=True, with_credit=True)


def _plan(chunks: int) -> Plan:
    return planned(9, 10 * chunks - 3, date(2025, 1, 1), date(2026, 1, 1), COMPANY, [date(2025, 7, 1)])


def _workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "one-truth", "three", "three-truth")]
    for folder in folders:
        folder.mkdir()
    write_plan(*folders[:2], _plan(9), processes=1)
    write_plan(*folders[2:], _plan(9), processes=3)
    one, one_truth, three, three_truth = ({f.name: f.read_bytes() for f in folder.iterdir()} for folder in folders)
    assert len(one) == 7
    assert one == three
    assert one_truth == three_truth


@pytest.mark.slow
def test_workers_end_with_the_one_that_takes_their_chunks() -> None:
    with closing(chunks_of(_plan(20), 2)) as chunks:
        next(chunks)
        assert len(_workers()) == 2
    assert _workers() == []


@pytest.mark.slow
def test_a_worker_that_ends_early_is_told_of() -> None:
    with closing(chunks_of(_plan(200), 2)) as chunks:
        next(chunks)
        _workers()[0].kill()
        with pytest.raises(StorageError, match="--processes 1") as told:
            list(chunks)
    assert "--processes 1" in told.value.text.zh


def test_few_chunks_are_made_without_workers() -> None:
    with closing(chunks_of(_plan(WORTH_IT_CHUNKS - 1), 4)) as chunks:
        next(chunks)
        assert _workers() == []
