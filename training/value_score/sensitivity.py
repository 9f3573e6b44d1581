"""How much the ranks hang on the weights: what changes when one weight is a fifth higher or lower."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from training.value_score.scorecard import Scorecard, weighted

Floats = NDArray[np.float64]

MOVE = 0.2
TOP_SHARE = 0.1


@dataclass(frozen=True)
class Sensitivity:
    """One weight moved by ``move`` (a share of itself, the others in proportion).

    ``top_kept``: share of the best tenth that stays there. ``rank_correlation``: Spearman's, with the ranks before (NaN
    where all are alike). ``most_points``: the largest change of a score.
    """

    criterion: str
    move: float
    top_kept: float
    rank_correlation: float
    most_points: float


def sensitivity(
    card: Scorecard, frame: pd.DataFrame, industries: "pd.Series[str] | None" = None, move: float = MOVE
) -> list[Sensitivity]:
    """Two entries a criterion, lower and higher, over the rows that have a score; the most telling first."""
    ratings, weights = card.rate(frame), card.weights_of_rows(frame.index, industries)
    before = _scores(ratings, weights)
    scored = np.isfinite(before)
    found = []
    for place, name in enumerate(ratings.columns):
        for factor in (1 - move, 1 + move):
            moved = weights.copy()
            moved[:, place] *= factor
            after = _scores(ratings, moved)
            found.append(_compared(str(name), factor - 1, before[scored], after[scored]))
    return sorted(found, key=lambda entry: (entry.top_kept, entry.rank_correlation))


def top_kept(before: Floats, after: Floats, share: float = TOP_SHARE) -> float:
    """Share of the best ones before that are among as many best ones after; who ties with the last of them counts as in.

    NaN: there is nobody.
    """
    if not len(before):
        return math.nan
    count = max(1, round(len(before) * share))
    best, still = (scores >= np.partition(scores, -count)[-count] for scores in (before, after))
    return float((best & still).sum() / best.sum())


def _compared(criterion: str, move: float, before: Floats, after: Floats) -> Sensitivity:
    return Sensitivity(
        criterion,
        round(move, 6),
        top_kept(before, after),
        rank_correlation(before, after),
        float(np.abs(after - before).max(initial=0)),
    )


def rank_correlation(left: Floats, right: Floats) -> float:
    """Spearman's rank correlation, −1 to 1; NaN where one side has no order."""
    ranks = rankdata(left), rankdata(right)
    if len(left) < 2 or min(np.ptp(r) for r in ranks) == 0:
        return math.nan
    return float(np.corrcoef(*ranks)[0, 1])


def _scores(ratings: pd.DataFrame, weights: Floats) -> Floats:
    # rounded, so that ties do not break on the last bit of a sum
    return weighted(ratings, weights)["value_score"].to_numpy(dtype=np.float64).round(9)
