import numpy as np
import pytest

from training.rhythm_alarm.clock import Clock
from training.rhythm_alarm.history import completed, gaps_of
from training.rhythm_alarm.visits import Visits

PLAIN = Clock(0, np.arange(401, dtype=float))
VISITS = Visits(
    np.array(["A", "B", "C"], dtype=object), np.array([0, 0, 0, 1, 2, 2]), np.array([10, 14, 34, 50, 0, 59]), 60
)


def test_each_customer_has_its_gaps_and_an_open_one_last() -> None:
    gaps = gaps_of(VISITS, PLAIN)
    assert gaps.begin.tolist() == [10, 14, 34, 50, 0, 59]
    assert gaps.end.tolist() == [14, 34, 60, 60, 59, 60]
    assert gaps.is_open.tolist() == [False, False, True, True, False, True]
    assert gaps.number.tolist() == [0, 1, 2, 0, 0, 1]
    assert gaps.days.tolist() == [3.5, 19.5, 25.5, 9.5, 58.5, 0.5]


def test_what_is_known_before_a_gap_is_the_own_gaps_before_it_and_no_other() -> None:
    gaps = gaps_of(VISITS, PLAIN)
    assert gaps.seen.gaps.tolist() == [0, 1, 2, 0, 0, 1]
    assert gaps.seen.days.tolist() == [0, 3.5, 23, 0, 0, 58.5]
    assert gaps.seen.log_days == pytest.approx([0, np.log(3.5), np.log(3.5 * 19.5), 0, 0, np.log(58.5)])
    assert completed(gaps).days.tolist() == [23, 0, 58.5]


def test_recent_gaps_are_the_last_ones_with_all_that_is_known_before_them() -> None:
    recent = gaps_of(VISITS, PLAIN).recent(1)
    assert recent.begin.tolist() == [14, 34, 50, 0, 59]
    assert recent.is_first.tolist() == [True, False, True, True, False]
    assert recent.seen.days.tolist() == [3.5, 23, 0, 0, 58.5]


def test_nobody_has_no_gaps() -> None:
    empty = np.array([], dtype=np.int64)
    gaps = gaps_of(Visits(np.array([], dtype=object), empty, empty, 60), PLAIN)
    assert (len(gaps.days), len(gaps.recent(3).days), len(completed(gaps).days)) == (0, 0, 0)
