import numpy as np
import pandas as pd

from training.treatment_effects.modifiers import Modifiers

FRAME = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "as_of": pd.to_datetime(["2026-01-01"] * 4, utc=True),
        "gap_mean_days": [0.0, np.e - 1, np.e - 1, np.nan],
        "days_since_last_complaint": [0.0, 60.0, np.nan, 120.0],
        "size": ["small", "small", "large", "small"],
        "name": ["A Ltd", "B Ltd", "C Ltd", "C Ltd"],
        "days_late_change": [3.0, 3.0, 3.0, 3.0],
        "account": ["same"] * 4,
    }
)
EVEN = np.full(4, 0.5)


def test_numbers_count_by_how_far_they_are_from_the_middle_and_texts_by_whether_they_are_said() -> None:
    found = Modifiers.learn(FRAME, EVEN, np.array([0.1, 0.1, 0.1, 0.5]))
    assert found.names == ("all", "gap", "complaint", "risk_leaving", "size = small", "size = large")
    values = found.values(FRAME, EVEN, np.array([0.1, 0.1, 0.1, 0.5]))
    spread = np.std([0, 1, 1])
    np.testing.assert_allclose(values[:, 0], 1)
    np.testing.assert_allclose(values[:, 1], [-1 / spread, 0, 0, 0])
    recent = np.array([1, 0.5, 0, 0.25])
    np.testing.assert_allclose(values[:, 2], (recent - 0.375) / recent.std())
    np.testing.assert_allclose(values[:, 4:], [[0.25, -0.25], [0.25, -0.25], [-0.75, 0.75], [0.25, -0.25]])


def test_nobody_is_further_from_the_middle_than_three_spreads() -> None:
    found = Modifiers.learn(FRAME, EVEN, EVEN)
    far = FRAME.assign(gap_mean_days=[1e9, 0, 0, 0])
    assert found.values(far, EVEN, EVEN)[0, 1] == 3


def test_what_is_missing_counts_as_usual() -> None:
    found = Modifiers.learn(FRAME, EVEN, EVEN)
    bare = FRAME[["customer_id", "as_of"]]
    np.testing.assert_array_equal(found.values(bare, EVEN, EVEN), np.eye(1, len(found.names)).repeat(4, axis=0))


def test_what_was_written_reads_the_same() -> None:
    found = Modifiers.learn(FRAME, EVEN, EVEN)
    assert Modifiers.from_json(found.as_json()) == found
