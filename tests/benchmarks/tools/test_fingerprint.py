import numpy as np
import pyarrow as pa

from tests.benchmarks.tools.fingerprint import fingerprint

ROWS = pa.table(
    {
        "customer_id": ["a", "b", "c", "d"],
        "as_of": pa.array([1, 1, 2, 2], pa.timestamp("us", "UTC")),
        "spend": pa.array([0.1 + 0.2, None, -0.0, float("nan")]),
    }
)


def _of(table: pa.Table, size: int = 100) -> str:
    return fingerprint(table.to_batches(max_chunksize=size))


def test_neither_order_nor_pieces_matter() -> None:
    assert _of(ROWS) == _of(ROWS.take([3, 1, 0, 2])) == _of(ROWS, size=1)
    assert _of(ROWS).startswith("4 rows")


def test_a_single_bit_a_missing_value_and_a_doubled_row_show() -> None:
    spend = [0.1 + 0.2, None, -0.0, float("nan")]
    for changed in ([0.3, *spend[1:]], [spend[0], 0.0, *spend[2:]], [*spend[:2], 0.0, spend[3]], [*spend[:3], None]):
        assert _of(ROWS.set_column(2, "spend", pa.array(changed))) != _of(ROWS)
    assert _of(pa.concat_tables([ROWS, ROWS])) != _of(ROWS)


def test_values_that_change_places_between_customers_show() -> None:
    swapped = ROWS.set_column(0, "customer_id", pa.array(["b", "a", "c", "d"]))
    assert _of(swapped) != _of(ROWS)


def test_many_equal_rows_do_not_cancel_each_other() -> None:
    same = pa.table({"customer_id": ["a"] * 6, "spend": np.ones(6)})
    assert len({_of(same.slice(0, count)).split(" ", 2)[2] for count in range(6)}) == 6
