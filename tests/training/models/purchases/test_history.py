from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import FEATURES
from features.errors import FactsError, ModelError
from features.snapshot import snapshot
from features.sources import open_facts
from tests.training.companies import company, utc
from training.models.purchases.gamma_gamma import MEAN_AMOUNT, Amounts
from training.models.purchases.history import (
    AGE_DAYS,
    FIRST_TO_LAST_DAYS,
    PURCHASE_DAYS,
    PurchaseHistory,
    checked_horizon,
    distinct_rows,
    for_each_distinct,
)


def test_the_columns_read_from_a_snapshot_are_features() -> None:
    assert {PURCHASE_DAYS, FIRST_TO_LAST_DAYS, AGE_DAYS, MEAN_AMOUNT} <= {feature.name for feature in FEATURES}


def test_a_snapshot_gives_repeat_purchases_and_times_in_days() -> None:
    frame = pd.DataFrame({PURCHASE_DAYS: [1, 4], FIRST_TO_LAST_DAYS: [0.0, 61.0], AGE_DAYS: [12.0, 90.0]})
    history = PurchaseHistory.from_snapshot(frame)
    assert history.repeat_purchases.tolist() == [0, 3]
    assert history.first_to_last_days.tolist() == [0, 61]
    assert history.age_days.tolist() == [12, 90]


def test_a_real_snapshot_gives_history_and_amounts(tmp_path: Path) -> None:
    orders = [("A", "2025-01-01", "10"), ("A", "2025-01-01", "5"), ("A", "2025-02-10", "25"), ("B", "2025-03-01", "8")]
    with open_facts(company(tmp_path, orders)) as facts:
        frame = snapshot(facts, [utc(2025, 4, 1)]).to_pandas().sort_values("customer_id")
    history, amounts = PurchaseHistory.from_snapshot(frame), Amounts.from_snapshot(frame)
    assert history.repeat_purchases.tolist() == [1, 0]
    assert history.first_to_last_days.tolist() == [40, 0]
    assert history.age_days.tolist() == [90, 31]
    assert amounts.purchase_days.tolist() == [2, 1]
    assert amounts.mean_amount.tolist() == [20, 8]


def test_customers_without_a_purchase_are_refused_with_what_to_do() -> None:
    frame = pd.DataFrame({PURCHASE_DAYS: [0, 4], FIRST_TO_LAST_DAYS: [None, 61.0], AGE_DAYS: [None, 90.0]})
    with pytest.raises(FactsError, match=r"1 of 2 customers have no purchase.*Keep the rows"):
        PurchaseHistory.from_snapshot(frame)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(FactsError, match="no column days_first_to_last_purchase"):
        PurchaseHistory.from_snapshot(pd.DataFrame({PURCHASE_DAYS: [1], AGE_DAYS: [1]}))


@pytest.mark.parametrize(
    ("x", "last", "age"),
    [
        (1, 0, 10),  # came back, on the day of the first purchase
        (0, 5, 10),  # never came back, yet the last purchase is later than the first
        (1, 11, 10),  # bought after the cut-off
        (1.5, 5, 10),
        (-1, 0, 10),
        (1, 5, np.nan),
        (1, 5, np.inf),
        (np.nan, 5, 10),
    ],
)
def test_what_cannot_be_a_history_is_refused(x: float, last: float, age: float) -> None:
    with pytest.raises(FactsError, match=r"Row 1 .*expected a whole number x >= 0"):
        PurchaseHistory.of([0, x], [0, last], [10, age])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(FactsError, match="equal length"):
        PurchaseHistory.of([0, 1], [0], [10])


@pytest.mark.parametrize("horizon", [-1, np.nan, np.inf])
def test_a_horizon_that_is_none_is_refused(horizon: float) -> None:
    with pytest.raises(ModelError, match="expected a finite number"):
        checked_horizon(horizon)


def test_identical_histories_are_counted_once() -> None:
    grouped = PurchaseHistory.of([2, 0, 2, 2], [5, 0, 5, 6], [9, 9, 9, 9]).grouped()
    assert sorted(grouped.customers.tolist()) == [1, 1, 2]
    assert grouped.distinct.repeat_purchases[grouped.group_of].tolist() == [2, 0, 2, 2]
    assert grouped.distinct.first_to_last_days[grouped.group_of].tolist() == [5, 0, 5, 6]


numbers = st.one_of(st.integers(0, 3).map(float), st.floats(0, 1e300), st.integers(2**20, 2**40).map(float))


@settings(deadline=None)
@given(rows=st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=40))
def test_packed_groups_are_those_of_a_plain_comparison(rows: list[tuple[float, ...]]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    first, group_of, sizes = distinct_rows(*columns)
    assert [rows[first[group]] for group in group_of] == rows
    assert len(first) == len(set(rows))
    assert sizes.sum() == len(rows)


def test_an_answer_is_asked_once_for_each_distinct_history() -> None:
    asked: list[int] = []

    def age(history: PurchaseHistory) -> np.ndarray:
        asked.append(len(history))
        return history.age_days

    history = PurchaseHistory.of([0, 0, 0], [0, 0, 0], [7, 9, 7])
    assert for_each_distinct(history, age).tolist() == [7, 9, 7]
    assert asked == [2]
    assert for_each_distinct(history.take(np.array([], dtype=np.int64)), age).shape == (0,)


@pytest.mark.parametrize(
    "history",
    [
        PurchaseHistory.of([2, 0, 2, 1, 0], [30, 0, 30, 5, 0], [90, 60, 90, 60, 61]),
        PurchaseHistory.of([2, 0, 2], [30.5, 0, 30.5], [90, 60.25, 90]),  # fractions of a day
        PurchaseHistory.of([2e6, 0, 2e6], [2e6, 0, 2e6], [2e6, 60, 2e6]),  # too much to be packed
        PurchaseHistory.of([], [], []),
    ],
)
def test_counted_histories_are_the_grouped_ones_without_their_members(history: PurchaseHistory) -> None:
    distinct, customers = history.counted()
    grouped = history.grouped()
    for name, column in vars(grouped.distinct).items():
        assert getattr(distinct, name).tolist() == column.tolist()
    assert customers.tolist() == grouped.customers.tolist()
    assert customers.sum() == len(history)
