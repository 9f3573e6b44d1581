import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from training.models.shapley import shapley_values

Floats = NDArray[np.float64]
NUMBERS = st.floats(-5, 5)


def tangled(x: Floats) -> Floats:
    """A function whose inputs need each other."""
    return np.asarray(np.exp(0.1 * x[:, 0] * x[:, 1]) + np.maximum(x[:, 1], x[:, 2]) - x[:, 2] ** 2)


@given(arrays(float, (4, 3), elements=NUMBERS), arrays(float, 3, elements=NUMBERS))
def test_what_the_inputs_add_is_the_whole_difference(rows: Floats, reference: Floats) -> None:
    added = shapley_values(tangled, rows, reference)
    assert added.sum(axis=1) == pytest.approx(tangled(rows) - tangled(reference[None]), abs=1e-9)


def test_gloves_are_worth_what_the_textbook_says() -> None:
    """Two left gloves and one right glove, a pair being worth 1: 1/6, 1/6 and 2/3."""
    added = shapley_values(lambda x: np.minimum(x[:, 0] + x[:, 1], x[:, 2]), np.ones((1, 3)), np.zeros(3))
    assert added[0] == pytest.approx([1 / 6, 1 / 6, 2 / 3])


def test_of_a_sum_each_input_adds_its_own_part() -> None:
    rows = np.array([[3.0, -1.0], [0.0, 4.0]])
    assert shapley_values(lambda x: 2 * x[:, 0] + x[:, 1], rows, np.array([1.0, 1.0])).tolist() == [[4, -2], [-2, 3]]


def test_an_input_that_changes_nothing_adds_nothing() -> None:
    added = shapley_values(lambda x: x[:, 0] ** 2, np.array([[3.0, 9.0]]), np.zeros(2))
    assert added.tolist() == [[9.0, 0.0]]


def test_too_many_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="11 inputs; at most 10"):
        shapley_values(lambda x: x[:, 0], np.ones((1, 11)), np.zeros(11))
