from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from features.leakage.comparison import ROWS, Difference, at, compare

AS_OF = datetime(2025, 7, 1, tzinfo=UTC)
Values = Sequence[float | None]


def snapshot(x: Values, y: Values | None = None, ids: str = "abcd", as_of: datetime = AS_OF) -> pa.Table:
    return pa.table(
        {
            "customer_id": list(ids[: len(x)]),
            "as_of": pa.array([as_of] * len(x), pa.timestamp("us", "UTC")),
            "x": pa.array(x, pa.float64()),
            "y": pa.array(y or x, pa.float64()),
        }
    )


def test_equal_snapshots_do_not_differ() -> None:
    compared = compare(snapshot([1.0, None, 0.1 + 0.2]), snapshot([1.0, None, 0.1 + 0.2]), ["x", "y"])
    assert compared.differences == compared.rounded == ()


@pytest.mark.parametrize(
    ("one", "other", "customers", "example", "values"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.5, 4.0], 2, "b", (2.0, 2.5)),
        ([1.0, None], [1.0, 0.0], 1, "b", (None, 0.0)),
        ([0.0, 5.0], [None, 5.0], 1, "a", (0.0, None)),
        ([1e12, 1.0], [1e12 + 1e4, 1.0], 1, "a", (1e12, 1e12 + 1e4)),
    ],
)
def test_a_difference_names_a_customer_and_both_values(
    one: Values, other: Values, customers: int, example: str, values: tuple[float | None, float | None]
) -> None:
    same = [7.0] * len(one)
    found = compare(snapshot(one, same), snapshot(other, same), ["x", "y"])
    assert found.differences == (Difference("x", customers, example, values),)


@pytest.mark.parametrize(("one", "other"), [(0.1 + 0.2, 0.3), (0.0, -0.0), (1e-17, 0.0)])
def test_the_last_digits_of_sums_are_rounding_and_told_apart(one: float, other: float) -> None:
    found = compare(snapshot([one, 5.0]), snapshot([other, 5.0]), ["x"])
    assert found.differences == ()
    assert found.rounded == ("x",)


def test_customers_with_a_row_in_one_snapshot_only_are_a_difference_and_the_others_are_compared() -> None:
    found = compare(snapshot([1.0, 2.0, 3.0], ids="abc"), snapshot([1.0, 9.0], ids="ac"), ["x"])
    assert found.differences == (
        Difference(ROWS, 1, "b", (1.0, 0.0)),
        Difference("x", 1, "c", (3.0, 9.0)),
    )


def test_the_rows_of_one_cut_off_are_picked() -> None:
    other = datetime(2025, 8, 1, tzinfo=UTC)
    both = pa.concat_tables([snapshot([1.0]), snapshot([2.0], as_of=other)])
    assert at(both, other)["x"].to_pylist() == [2.0]
    assert np.isclose(at(both, AS_OF)["x"].to_pylist(), [1.0]).all()
