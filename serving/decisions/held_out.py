"""Whom a plan would have chosen of those who were held out as controls, so that like is compared with like.

A plan chooses those with whom an action earns most; controls of the whole customer base are others than those, and the
difference between both says little of the actions. At the shadow prices of the plan's limits each customer's choice can
be told without looking at any other: its action with the highest profit less what it takes of the limits, if that is
above zero. The same rule tells what the plan would have done with each control, one at a time. Prices stay those of the
plan without controls, as one customer more hardly moves them. In the plan itself the few customers for whom two choices are
worth about the same were chosen for together, so that limits are used up; there alone the rule may say otherwise.
"""

import numpy as np

from serving.decisions.allocation import Allocation, Problem
from serving.decisions.allocation.blocks import NONE, Choice, best_of, over_blocks, taken
from serving.decisions.allocation.prices import sizes_of
from serving.decisions.allocation.problem import Flags


def would_be_chosen(problem: Problem, allocation: Allocation, held_out: Flags) -> Choice:
    """What the plan would have done with each customer whom ``held_out`` flags; −1: nothing, or not held out.

    Parameters: ``problem`` has what each may get were it not held out in ``allowed``; ``allocation`` is the one without them.
    """
    choice = np.full(problem.customers, NONE, dtype=np.int16)
    rows = np.flatnonzero(held_out)
    alone = taken(problem, rows, sizes_of(problem).noise)  # equal customers are told apart as in the plan
    prices = np.array([limit.shadow_price for limit in allocation.limits])
    best = over_blocks(lambda block: best_of(alone, block, prices, 0.0), len(rows))
    choice[rows] = np.concatenate([np.zeros(0, dtype=np.int16), *(b.choice for b in best)])
    return choice
