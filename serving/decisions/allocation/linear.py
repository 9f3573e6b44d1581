"""The allocation of a few thousand customers as a linear or whole-number program, for HiGHS.

Everything is told relative to prices near the right ones: what a choice is worth after prices, less what the row's best
choice is worth. So all numbers are of the size of what is still undecided, and HiGHS's absolute tolerances are fine
enough, whatever the profits' size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, vstack

from serving.decisions.allocation.blocks import NONE, Choice, priced, profits, use_of
from serving.decisions.allocation.problem import Floats, Problem

RELATIVE_GAP = 1e-5
"""It also stops when no better choice can be worth more than this share of the whole profit."""
ON_TOP = 1e-6
"""So much room on top, in the largest use of one action."""
MOST_SECONDS = 3.0
"""A single node can take long; the best choice found until then counts."""
LARGEST_CONSTANT = 1e5
"""The whole profit counts as no more than this many of the largest losses: among few rows it need not be coarser."""


@dataclass(frozen=True)
class Box:
    """Prices (limits,) between ``low`` and ``high``, in currency per unit of each limit."""

    low: Floats
    high: Floats

    @property
    def centre(self) -> Floats:
        """The prices in the middle."""
        return np.asarray((self.low + self.high) / 2)

    @property
    def radius(self) -> Floats:
        """How far the sides are from the middle."""
        return np.asarray((self.high - self.low) / 2)


@dataclass(frozen=True)
class Options:
    """The choices that are left to rows: one entry for each row and choice, the rows in ascending order.

    ``row`` counts from 0 among the rows; ``use`` is (limits, entries), ``sign · use``; ``loss`` (≥ 0, currency) is how far
    the choice stays behind its row's best one after prices.
    """

    row: NDArray[np.int64]
    choice: Choice
    loss: Floats
    use: Floats
    rows: int


def options_of(problem: Problem, prices: Floats, width: Floats | None = None) -> Options:
    """What is left to each customer of a (small) problem: all choices, or those that may still win.

    With ``width`` (actions, rows) a choice may win where it is worth, with its width added, as much as each other with
    its width taken off.
    """
    rows = slice(0, problem.customers)
    worth = priced(problem, profits(problem, rows), rows, prices)
    worth = np.vstack([worth, np.zeros(problem.customers)])
    left = np.isfinite(worth)
    if width is not None:
        width = np.vstack([np.broadcast_to(width, (problem.actions, problem.customers)), np.zeros(problem.customers)])
        left &= worth + width >= (worth - width).max(axis=0)
    row, place = np.nonzero(left.T)
    use = np.zeros((len(problem.limits), len(row)))
    acts = place < problem.actions
    for k, limit in enumerate(problem.limits):
        of_limit = np.broadcast_to(use_of(limit, rows), (problem.actions, problem.customers))
        use[k, acts] = of_limit[place[acts], row[acts]]
    choice = np.where(acts, place, NONE).astype(np.int16)
    return Options(row, choice, worth.max(axis=0)[row] - worth[place, row], use, problem.customers)


def right_prices(options: Options, centre: Floats, box: Box, room: Floats) -> Floats:
    """The prices (limits,) inside ``box`` at which the options use up their ``room`` (limits,): the dual of the linear program.

    ``centre`` are the prices that the losses of the options were computed at. Room can be bought at the box's high
    prices and is given back at its low ones; that holds the prices in the box and makes every program feasible.
    """
    limits, entries = options.use.shape
    units = _units(options.use)
    scale = max(float(options.loss.max(initial=0.0)), float(((box.high - box.low) * units).max(initial=0.0)), 1e-300)
    cost = np.concatenate([options.loss, -(box.low - centre) * units, (box.high - centre) * units]) / scale
    eye = csr_array(np.eye(limits))
    matrix = _stacked(
        options, csr_array(hstack([csr_array(options.use / units[:, None]), eye, -eye])), entries + 2 * limits
    )
    # Where prices are right in a whole range, a trace of room more picks its low end: the worth of what comes on top
    bounds = np.concatenate([np.ones(options.rows), room / units + ON_TOP])
    found = linprog(cost, A_eq=matrix, b_eq=bounds, bounds=(0, None), method="highs")
    if found.status != 0:  # only numbers beyond all reason lead here; the middle is as good as any
        return box.centre
    prices = centre - found.eqlin.marginals[options.rows :] * scale / units
    return np.asarray(np.clip(prices, box.low, box.high))


@dataclass(frozen=True)
class Whole:
    """The choice of each row, and a bound on the profit of all that HiGHS proved, in currency."""

    choice: Choice
    bound: float


def whole_choices(options: Options, prices: Floats, room: Floats, best_profit: float, nodes: int) -> Whole | None:
    """One choice for each row, in whole numbers and within ``room`` (limits,), of (nearly) the highest profit; None if none.

    ``nodes``: after so many branch and bound stops, so that the same input gives the same answer; only a program that is not
    done after `MOST_SECONDS` stops by the clock.
    ``best_profit`` is the bound on the profit of all customers by the prices: what the losses are taken off.
    """
    limits, entries = options.use.shape
    units = _units(options.use)
    # Room that is left over costs its price, as the losses were computed with all room sold; the last variable is the
    # constant, so that HiGHS measures its gap against the whole profit
    cost = np.concatenate([options.loss, prices * units])
    scale = max(float(cost.max(initial=0.0)), 1e-300)
    constant = min(abs(best_profit) / scale, LARGEST_CONSTANT)
    cost = np.append(cost / scale, constant)
    eye = csr_array(np.vstack([np.eye(limits), np.zeros((1, limits))]).T)
    matrix = _stacked(options, csr_array(hstack([csr_array(options.use / units[:, None]), eye])), entries + limits + 1)
    bounds = np.concatenate([np.ones(options.rows), room / units])
    low, high = np.zeros(entries + limits + 1), np.concatenate([np.ones(entries), np.full(limits, np.inf), [1.0]])
    low[-1] = 1.0
    whole = np.concatenate([np.ones(entries), np.zeros(limits + 1)])
    found = milp(
        cost,
        constraints=LinearConstraint(matrix, bounds, bounds),
        bounds=Bounds(low, high),
        integrality=whole,
        options={"node_limit": nodes, "mip_rel_gap": RELATIVE_GAP, "time_limit": MOST_SECONDS},
    )
    if found.x is None or found.mip_dual_bound is None:
        return None
    chosen = found.x[:entries] > 0.5
    choice = np.full(options.rows, NONE, dtype=np.int16)
    choice[options.row[chosen]] = options.choice[chosen]
    return Whole(choice, best_profit - (float(found.mip_dual_bound) - constant) * scale)


def _units(use: Floats) -> Floats:
    """The size of each limit's use, so that rows of the program are of size one."""
    largest = np.abs(use).max(axis=1, initial=0.0)
    return np.where(largest > 0, largest, 1.0)


def _stacked(options: Options, below: csr_array, columns: int) -> csr_array:
    """One choice for each row, and below it the limits, as one sparse matrix."""
    entries = len(options.row)
    one_each = csr_array((np.ones(entries), (options.row, np.arange(entries))), shape=(options.rows, columns))
    return csr_array(vstack([one_each, below]))
