"""What actions are worth after their use of the limits is paid for, block by block of customers.

Arrays here are (actions, rows): each action's row is contiguous, so that numpy works on whole vectors. A block is small
enough for the processor's cache, which bounds memory too: however many customers there are, only blocks of them are
held in 64-bit numbers.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from serving.decisions.allocation.problem import Floats, Limit, Problem

Choice = NDArray[np.int16]
Rows = NDArray[np.int64]
T = TypeVar("T")

BLOCK = 4_096
THREADS = 2
NONE = -1
"""The choice of no action."""

GOLDEN = 0.6180339887498949
"""The fractional parts of its multiples fill the unit interval evenly (Weyl 1916)."""


@dataclass(frozen=True)
class Best:
    """The best choice of each row of a block at some prices, and by how much it beats the second best, in currency."""

    choice: Choice
    margin: Floats
    worth: float
    """Sum over the rows of profit after prices, in currency."""


def over_blocks(do: Callable[[slice], T], rows: int) -> list[T]:
    """What ``do`` gives for each block of so many rows, in their order; numpy lets go of Python's lock, so threads pay."""
    each = [slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]
    if len(each) < 2 * THREADS:
        return [do(block) for block in each]
    cut = [len(each) * part // THREADS for part in range(THREADS + 1)]
    with ThreadPoolExecutor(THREADS) as pool:
        parts = pool.map(lambda part: [do(block) for block in each[cut[part] : cut[part + 1]]], range(THREADS))
        return [found for part in parts for found in part]


def profits(problem: Problem, rows: slice) -> Floats:
    """Profit (actions, rows) of a block in currency; −inf where an action is not possible or not wanted."""
    profit = problem.profit[rows].T.astype(np.float64, order="C")
    impossible = ~np.isfinite(profit)
    if problem.allowed is not None:
        impossible |= ~problem.allowed[rows].T
    profit[impossible] = -np.inf
    return profit


def noise(actions: int, rows: Rows, size: float) -> Floats:
    """What is added to profit (actions, rows), between 0 and ``size`` in currency, so that equal customers differ.

    Without it a price that is right for a million equal customers would be right for all of them or for none.
    """
    of_customer = (rows + 1.0) * GOLDEN % 1.0
    return np.asarray(np.multiply.outer(np.arange(1, actions + 1) / actions * size, of_customer))


def numbers(rows: slice) -> Rows:
    """The numbers of the rows of a block."""
    return np.arange(rows.start, rows.stop)


def use_of(limit: Limit, rows: slice) -> Floats:
    """``sign · use`` of a limit: (actions, 1) or (actions, rows)."""
    use = limit.use[:, None] if limit.use.ndim == 1 else limit.use[rows].T
    use = use.astype(np.float64, order="C")
    use *= limit.sign
    return use if limit.of is None else use * limit.of[rows]


def priced(problem: Problem, profit: Floats, rows: slice, prices: Floats) -> Floats:
    """``profit`` less what each action uses at the limits' ``prices``: (actions, rows), in currency; in place."""
    by_action = np.zeros((problem.actions, 1))
    for limit, price in zip(problem.limits, prices, strict=True):
        if price:
            use = use_of(limit, rows)
            use *= price
            if use.shape[1] == 1:
                by_action += use
            else:
                profit -= use
    profit -= by_action
    return profit


def spread(problem: Problem, rows: slice, radius: Floats) -> Floats:
    """By how much `priced` can move while each price moves by its ``radius``: broadcasts to (actions, rows)."""
    total = np.zeros((problem.actions, 1))
    for limit, width in zip(problem.limits, radius, strict=True):
        if width:
            use = np.abs(use_of(limit, rows))
            use *= width
            total = total + use
    return total


def best_of(problem: Problem, rows: slice, prices: Floats, noise_size: float) -> Best:
    """The best choice of each row at these prices; of equal ones the earlier, and none before an action."""
    worth = priced(problem, profits(problem, rows), rows, prices)
    total = float(np.maximum(worth.max(axis=0, initial=0.0), 0.0).sum())
    worth += noise(problem.actions, numbers(rows), noise_size)
    place = worth.argmax(axis=0)
    each = np.arange(worth.shape[1])
    top = worth[place, each]
    worth[place, each] = -np.inf
    second = np.maximum(worth.max(axis=0), 0.0)
    return Best(np.where(top > 0, place, NONE).astype(np.int16), np.where(top > 0, top - second, -top), total)


def used(problem: Problem, rows: slice, choice: Choice) -> Floats:
    """By the choices of the rows, of each limit (2, limits): ``sign · use``, and use added up without regard to signs."""
    each = np.flatnonzero(choice != NONE)
    place = choice[each]
    total = np.zeros((2, len(problem.limits)))
    for k, limit in enumerate(problem.limits):
        use = limit.use[place] if limit.use.ndim == 1 else limit.use[each + rows.start, place]
        use = use.astype(np.float64)
        if limit.of is not None:
            use *= limit.of[each + rows.start]
        total[:, k] = limit.sign * use.sum(), np.abs(use).sum()
    return total


def used_by_all(problem: Problem, choice: Choice) -> Floats:
    """What `used` gives for all customers of the problem."""
    found = over_blocks(lambda rows: used(problem, rows, choice[rows]), problem.customers)
    return np.asarray(np.sum(found, axis=0)) if found else np.zeros((2, len(problem.limits)))


def earned(problem: Problem, rows: slice, choice: Choice) -> float:
    """Sum of the profit of the choices of the rows, in currency."""
    each = np.flatnonzero(choice != NONE)
    return float(problem.profit[each + rows.start, choice[each]].astype(np.float64).sum())


def taken(problem: Problem, rows: Rows, noise_size: float = 0.0) -> Problem:
    """The problem of these customers alone, in 64-bit numbers, with the noise that belongs to them in their profit."""
    profit = problem.profit[rows].astype(np.float64)
    if problem.allowed is not None:
        profit[~problem.allowed[rows]] = np.nan
    if noise_size:
        profit += noise(problem.actions, rows, noise_size).T
    limits = tuple(_taken(limit, rows) for limit in problem.limits)
    return replace(problem, profit=profit, limits=limits, allowed=None)


def _taken(limit: Limit, rows: Rows) -> Limit:
    use = limit.use if limit.use.ndim == 1 else limit.use[rows]
    of = None if limit.of is None else limit.of[rows].astype(np.float64)
    return replace(limit, use=use.astype(np.float64), of=of)
