from datetime import date

import pyarrow as pa
import pytest

from features.simulation.simulate import simulate

START, END = date(2024, 7, 1), date(2026, 7, 1)


@pytest.fixture(scope="session")
def company() -> dict[str, pa.Table]:
    """The records and the truth of a simulated company with 1,200 customers over two years."""
    cut_offs = [
        date(2025, 1, 1),
        date(2025, 4, 1),
        date(2025, 7, 1),
        date(2025, 10, 1),
        date(2026, 1, 1),
        date(2026, 4, 1),
    ]
    return simulate(11, 1_200, START, END, cut_offs=cut_offs)
