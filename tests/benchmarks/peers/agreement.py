"""Do the peers compute the same as we do?"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tests.benchmarks.peers import BASIC

TOLERANCE = 1e-9
"""Relative, and of a thousandth of the currency: peers add floating-point numbers in any order, Retinue exact ones."""


def disagreements(ours: pa.Table, peers: Mapping[str, pa.Table]) -> list[str]:
    """What each peer has differently: customers, or features with how many values."""
    return [line for name, theirs in peers.items() for line in _differences(ours, name, theirs)]


def _differences(ours: pa.Table, name: str, theirs: pa.Table) -> list[str]:
    one, other = (table.sort_by("customer_id") for table in (ours, theirs))
    if one["customer_id"].to_pylist() != other["customer_id"].to_pylist():
        return [f"{name} has other customers: {other.num_rows}, not {one.num_rows}"]
    found = []
    for feature in BASIC:
        a, b = (_numbers(table[feature]) for table in (one, other))
        same = np.isclose(
            a, b, rtol=TOLERANCE, atol=1e-3 * TOLERANCE * max(1.0, np.nanmax(np.abs(a), initial=0)), equal_nan=True
        )
        if not same.all():
            found.append(f"{name} differs in {feature} for {(~same).sum()} of {len(same)} customers")
    return found


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    numbers: np.ndarray = column.cast(pa.float64()).to_pandas().to_numpy()
    return numbers
