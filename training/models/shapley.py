"""Exact Shapley values of a function of few inputs: what each input adds against a reference."""

from collections.abc import Callable
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_INPUTS = 10
"""2^10 evaluations; beyond that the exact values are too dear."""


def shapley_values(of: Callable[[Floats], Floats], rows: Floats, reference: Floats) -> Floats:
    """What each input adds to ``of(row)`` against ``of(reference)``, shape (rows, inputs).

    ``of`` maps inputs of shape (rows, inputs) to values of shape (rows,); ``reference`` has shape (inputs,). An input
    outside a coalition takes the reference's value. The values add up to ``of(row) - of(reference)``; Shapley 1953.
    Raises ValueError: there are more than `MOST_INPUTS` inputs.

    >>> shapley_values(lambda x: x[:, 0] * x[:, 1], np.array([[3.0, 5.0]]), np.array([1.0, 1.0])).tolist()
    [[6.0, 8.0]]
    """
    inputs = rows.shape[1]
    if inputs > MOST_INPUTS:
        raise ValueError(f"exact Shapley values of {inputs} inputs; at most {MOST_INPUTS} are feasible")
    added = np.zeros(rows.shape)
    for coalition in range(2**inputs):
        member = np.array([bool(coalition >> place & 1) for place in range(inputs)])
        value = of(np.where(member, rows, reference))
        size = int(member.sum())
        if size:
            added[:, member] += value[:, None] / (inputs * comb(inputs - 1, size - 1))
        if size < inputs:
            added[:, ~member] -= value[:, None] / (inputs * comb(inputs - 1, size))
    return added
