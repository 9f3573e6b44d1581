"""The benchmark of look-ups runs, on a small company, and tells cost and ratio of each job."""

from pathlib import Path

import pytest

from tests.benchmarks.serving import Cost, measure, results
from tests.benchmarks.tools.load import parsed


def test_a_ratio_is_taken_of_each_pair_of_rounds() -> None:
    costs = {"floor": Cost([100.0, 200.0, 100.0], 5.0), "ours": Cost([110.0, 220.0, 130.0], 4.0)}
    floor, ours, median, low, high, speed = results("job", costs, 1.15)
    assert (floor.value, ours.value, speed.value) == (100, 130, 4)
    assert (median.value, median.target, median.holds) == (pytest.approx(1.1), 1.15, True)
    assert (low.value, high.value) == (pytest.approx(1.1), pytest.approx(1.3))


def test_the_head_of_an_answer_tells_status_and_length() -> None:
    assert parsed(b"HTTP/1.1 200 OK\r\nAge: 5\r\nContent-Length: 12\r\nETag: x") == (200, 12)
    assert parsed(b"HTTP/1.1 304 Not Modified\r\netag: x") == (304, 0)


@pytest.mark.slow
def test_the_benchmark_runs_over_a_small_company(tmp_path: Path) -> None:
    found = {one.what: one.value for one in measure(tmp_path, 300, rounds=1, count=120)}
    assert found["customers"] == 300
    for job in ("look-up, 16 connections", "look-up, 64 connections", "300 ids"):
        assert found[f"{job}: ours"] > 0
        assert found[f"{job}: ours by floor, median"] >= 0
