"""A choice that breaks limits, taken back of as few of the least clear customers as it takes to keep them."""

import numpy as np

from serving.decisions.allocation.blocks import NONE, Choice, Rows
from serving.decisions.allocation.problem import Floats, Limit, Problem

ROUNDS = 50
"""Taking a choice back for one limit can break a share; after so many rounds nobody gets anything, which keeps all."""


def repaired(problem: Problem, choice: Choice, margin: Floats) -> Choice:
    """The choice within all limits, for limits that doing nothing keeps (``sign · bound`` ≥ 0).

    ``margin`` (customers,) is how clear each choice is, in currency; the clearest keep theirs as long as there is room.
    """
    kept = choice.copy()
    for _ in range(ROUNDS):
        before = kept.copy()
        for limit in problem.limits:
            kept[_too_many(limit, kept, margin)] = NONE
        if np.array_equal(kept, before):
            return kept
    return np.full_like(kept, NONE)


def _too_many(limit: Limit, choice: Choice, margin: Floats) -> Rows:
    """Whose use passes what is left of the limit, those who make room for others counted first."""
    acts = np.flatnonzero(choice != NONE)
    use = limit.sign * _use(limit, acts, choice[acts])
    takes = use > 0
    room = limit.sign * limit.bound - use[~takes].sum()
    takers, use = acts[takes], use[takes]
    if use.sum() <= room:
        return takers[:0]
    order = np.argsort(-margin[takers], kind="stable")
    return np.asarray(takers[order[np.cumsum(use[order]) > room]])


def _use(limit: Limit, rows: Rows, choice: Choice) -> Floats:
    use = limit.use[choice] if limit.use.ndim == 1 else limit.use[rows, choice]
    of = 1.0 if limit.of is None else limit.of[rows].astype(np.float64)
    return np.asarray(use.astype(np.float64) * of)
