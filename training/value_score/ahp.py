"""Weights from pairwise judgements: the analytic hierarchy process, 层次分析法 (Saaty 1980)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from features.errors import ProjectError
from features.score_settings import Judgement
from features.text import Text

Floats = NDArray[np.float64]

RANDOM_INDEX = (0.0, 0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49)
"""Mean consistency index of random judgements of 0, 1, 2 … 10 criteria (Saaty 1980)."""
MOST_INCONSISTENT = 0.1
"""Judgements with a higher consistency ratio are refused."""
SCALE = tuple([1 / n for n in range(9, 1, -1)] + [float(n) for n in range(1, 10)])


@dataclass(frozen=True)
class Priorities:
    """Weights that add up to one, and the consistency ratio of the judgements that they come from (0: no contradiction)."""

    weights: Floats
    consistency_ratio: float
    largest_eigenvalue: float


@dataclass(frozen=True)
class Repair:
    """The judgement that spoils the most: the first criterion of the pair, the second, what was said of them and the
    value on Saaty's scale that would fit the others best, with the consistency ratio that it leaves.
    """

    row: int
    column: int
    given: float
    fitting: float
    consistency_ratio: float


def priorities(matrix: Floats) -> Priorities:
    """Weights of n criteria from their reciprocal judgements, shape (n, n): the principal eigenvector."""
    n = len(matrix)
    values, vectors = np.linalg.eig(matrix)
    largest = int(np.argmax(values.real))
    weights = np.abs(vectors[:, largest].real)
    eigenvalue = float(values[largest].real)
    index = max(0.0, (eigenvalue - n) / (n - 1)) if n > 2 else 0.0
    return Priorities(weights / weights.sum(), index / RANDOM_INDEX[n] if n > 2 else 0.0, eigenvalue)


def worst_judgement(matrix: Floats) -> Repair:
    """The judgement whose repair lowers the consistency ratio the most, for three criteria or more.

    Each in turn is left out (Harker 1987): what the other judgements say of its pair is the value that would fit.
    """
    repairs = [_repaired(matrix, row, column) for row, column in combinations(range(len(matrix)), 2)]
    return min(repairs, key=lambda repair: repair.consistency_ratio)


def _repaired(matrix: Floats, row: int, column: int) -> Repair:
    without = matrix.copy()
    without[row, column] = without[column, row] = 0
    without[row, row] = without[column, column] = 2
    weights = priorities(without).weights
    fitting = min(SCALE, key=lambda step: abs(np.log(step) - np.log(weights[row] / weights[column])))
    repaired = matrix.copy()
    repaired[row, column], repaired[column, row] = fitting, 1 / fitting
    return Repair(row, column, float(matrix[row, column]), fitting, priorities(repaired).consistency_ratio)


def ahp_weights(judgements: tuple[Judgement, ...], names: Mapping[str, Text]) -> dict[str, float]:
    """Weight of each criterion, adding up to one, from a judgement of every pair.

    ``names`` says each criterion in words, in the order of the result.
    Raises ProjectError: the judgements contradict each other (consistency ratio above 0.1); names the one to think over.
    """
    judged = [name for name in names if any(name in (j.more, j.than) for j in judgements)]
    matrix = np.eye(len(judged))
    for judgement in judgements:
        row, column = judged.index(judgement.more), judged.index(judgement.than)
        matrix[row, column], matrix[column, row] = judgement.by, 1 / judgement.by
    found = priorities(matrix)
    if found.consistency_ratio > MOST_INCONSISTENT:
        worst = worst_judgement(matrix)
        pair = {judged[worst.row], judged[worst.column]}
        said = next(j for j in judgements if {j.more, j.than} == pair)
        fitting = worst.fitting if said.more == judged[worst.row] else 1 / worst.fitting
        raise ProjectError(
            _CONTRADICTION,
            ratio=found.consistency_ratio,
            more=names[said.more],
            than=names[said.than],
            given=on_scale(said.by),
            fitting=on_scale(fitting),
            left=worst.consistency_ratio,
        )
    return dict(zip(judged, found.weights.tolist(), strict=True))


_CONTRADICTION = Text(
    "The judgements contradict each other: their consistency ratio is {ratio:.2f}, and at most 0.10 can be used. Most of"
    " it comes from {more} against {than}, judged {given}; the other judgements would make it {fitting}, which leaves"
    " {left:.2f}. Think this one over first.",
    "各项比较相互矛盾：一致性比率为 {ratio:.2f}，不得超过 0.10。矛盾主要来自{more}与{than}的比较，判断值为 {given}；按其他判断应为 {fitting}，"
    "改后为 {left:.2f}。请先重新考虑这一项。",
)


def on_scale(value: float) -> str:
    """A judgement as people write it: 3, or 1/3."""
    return f"{value:.3g}" if value >= 1 else f"1/{1 / value:.3g}"
