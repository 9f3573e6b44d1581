"""The shadow prices of the limits: the minimum of the Lagrangian dual, found by narrowing a box of prices.

At prices λ ≥ 0 of the limits the best choice of each customer is known without looking at any other customer, and the
sum of those choices' worth plus λ · bounds is an upper bound on every assignment that keeps the limits. The lowest such
bound is at the shadow prices (Fisher 1981). To find them among millions of customers:

1. Several samples of customers are solved, each alone. Their prices scatter around the right ones: that gives a box.
2. Inside the box most customers' best choice is known. They are summed up once; only the undecided are kept in memory.
3. The bound is minimised over those. If the prices lie on the box's edge, the box was wrong, and a wider one takes its
   place; else they are the right prices of all customers.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from serving.decisions.allocation.blocks import (
    Rows,
    best_of,
    noise,
    numbers,
    over_blocks,
    priced,
    profits,
    spread,
    taken,
    use_of,
    used,
    used_by_all,
)
from serving.decisions.allocation.dual import Part, lowest_bound
from serving.decisions.allocation.linear import Box, options_of, right_prices
from serving.decisions.allocation.problem import Floats, Problem

PROGRAM_ROWS = 2_000
"""So many customers one linear program holds."""
KEPT_ROWS = 400_000
"""So many customers are held in memory in 64-bit numbers."""
SAMPLES = 8
ERRORS = 5.0
"""A box reaches so many standard errors of the samples' mean to each side of it."""
WIDER = 6.0
ROUNDS = 24
UNREACHABLE_AFTER = 8
"""A limit is called unreachable when its price was at the upper edge of so many boxes, each WIDER than the one before."""
POLISHES = 20
SEED = 20_240_229
NOISE_SHARE = 1e-6
"""The noise that decides ties, as a share of the mean absolute profit."""
EXACT = 1e-9
"""The bound is minimised to this share of it."""


@dataclass(frozen=True)
class Sizes:
    """How large the numbers of a problem are: the noise, the highest price that can matter, a typical one, by limit."""

    noise: float
    highest: Floats
    typical: Floats
    profit: float
    """Mean absolute profit of a possible action, in currency."""


@dataclass(frozen=True)
class Prices:
    """The shadow price of each limit in currency per unit, and which limits no price that was tried could satisfy."""

    prices: Floats
    unreachable: NDArray[np.bool_]


def shadow_prices(problem: Problem, sizes: Sizes) -> Prices:
    """The prices at which the bound on profit is lowest; exact but for HiGHS's tolerances, whatever the number of customers."""
    limits = len(problem.limits)
    if not limits or not problem.customers:
        return Prices(np.zeros(limits), np.zeros(limits, dtype=np.bool_))
    start = Box(np.zeros(limits), sizes.highest)
    box = start if problem.customers <= KEPT_ROWS else _box_of_samples(problem, sizes, start)
    widened = np.zeros(limits, dtype=np.int64)
    prices, at_high = box.centre, np.zeros(limits, dtype=np.bool_)
    for _ in range(ROUNDS):
        part = _undecided(problem, box, sizes)
        prices = _priced_by(part, sizes, box)
        at_low, at_high = _at_edge(prices, box)
        widened += at_high
        if (part.weight == 1 and not (at_low | at_high).any()) or (widened >= UNREACHABLE_AFTER).any():
            break
        shrink = 1.0 if part.weight == 1 else ERRORS / np.sqrt(part.problem.customers)
        radius = box.radius * np.where(at_low | at_high, WIDER, max(shrink, 0.05))
        box = Box(np.maximum(prices - radius, 0.0), prices + radius)
    return Prices(prices, at_high & (widened >= UNREACHABLE_AFTER) & (problem.bounds < 0))


def sizes_of(problem: Problem) -> Sizes:
    """How large the problem's numbers are, by a sample of its customers."""
    some = taken(problem, _some(problem.customers, PROGRAM_ROWS, 0))
    rows = slice(0, some.customers)
    profit = profits(some, rows)
    amounts = np.abs(profit[np.isfinite(profit)])
    mean, largest = (float(amounts.mean()), float(amounts.max())) if amounts.any() else (1.0, 1.0)
    uses = [np.abs(np.broadcast_to(use_of(limit, rows), profit.shape)) for limit in some.limits]
    use = np.array([float(u[u > 0].mean()) if (u > 0).any() else 1.0 for u in uses])
    return Sizes(NOISE_SHARE * mean, 4 * largest / use, mean / use, mean)


def _box_of_samples(problem: Problem, sizes: Sizes, start: Box) -> Box:
    """Where the right prices of all customers probably are, by those of samples."""
    size = KEPT_ROWS // SAMPLES
    rows = np.random.default_rng(SEED).permutation(_some(problem.customers, size * SAMPLES, 1))
    found = np.array(
        [_priced_by(_part(problem, np.sort(rows[k::SAMPLES]), sizes), sizes, start) for k in range(SAMPLES)]
    )
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(SAMPLES)
    radius = ERRORS * error + 1e-3 * np.maximum(mean, 0.01 * sizes.typical)
    return Box(np.maximum(mean - radius, 0.0), mean + radius)


def _priced_by(part: Part, sizes: Sizes, box: Box) -> Floats:
    """The right prices of ``part`` inside ``box``: those of a sample as one linear program, then of all its customers."""
    customers = part.problem.customers
    some = part.problem if customers <= PROGRAM_ROWS else taken(part.problem, _some(customers, PROGRAM_ROWS, 2))
    share = part.weight * customers / max(some.customers, 1)
    width = spread(some, slice(0, some.customers), box.radius)
    prices = right_prices(options_of(some, box.centre, width), box.centre, box, part.room / share)
    if some is part.problem:
        return prices
    trust = np.minimum(box.radius, 0.1 * np.maximum(prices, 0.1 * sizes.typical))
    tolerance = EXACT * sizes.profit * part.weight * customers
    prices = lowest_bound(part, prices, trust, box, tolerance)
    return _polished(part, prices, box) if part.weight == 1 else prices


def _polished(part: Part, prices: Floats, box: Box) -> Floats:
    """Prices that are right to the last customer: steps within which only the least clear choices can change.

    Planes tell prices apart by the bound, to a share of it. Where many customers are nearly equal that is too coarse; a
    linear program of only those whose choice is least clear works in numbers of the size of their differences.
    """
    problem, customers = part.problem, part.problem.customers
    for _ in range(POLISHES):
        best = over_blocks(partial(best_of, problem, prices=prices, noise_size=0.0), customers)
        choice, margin = (np.concatenate([getattr(b, name) for b in best]) for name in ("choice", "margin"))
        core = np.sort(np.argpartition(margin, PROGRAM_ROWS)[:PROGRAM_ROWS])
        some, rows = taken(problem, core), slice(0, PROGRAM_ROWS)
        room = part.room - used_by_all(problem, choice)[0] + used(some, rows, choice[core])[0]
        largest = np.array([max(float(np.abs(use_of(limit, rows)).max()), 1e-300) for limit in some.limits])
        radius = float(margin[core].max()) / (2 * len(largest) * largest)
        step = Box(np.maximum(prices - radius, box.low), np.minimum(prices + radius, box.high))
        better = right_prices(options_of(some, prices, spread(some, rows, radius)), prices, step, room)
        if part.look(better)[0] > part.look(prices)[0]:
            break
        low, high = _at_edge(better, step)
        prices = better
        if not ((low & (step.low > box.low)) | (high & (step.high < box.high))).any():
            break
    return prices


def _at_edge(prices: Floats, box: Box) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which prices lie at the low side of the box (unless that is zero), and which at the high one."""
    near = 1e-6 * box.radius
    return (prices <= box.low + near) & (box.low > 0), prices >= box.high - near


def _part(problem: Problem, rows: Rows, sizes: Sizes) -> Part:
    """These of all customers, as if nobody were decided."""
    return Part(taken(problem, rows, sizes.noise), problem.customers / max(len(rows), 1), problem.bounds)


def _some(customers: int, most: int, seed: int) -> Rows:
    if customers <= most:
        return np.arange(customers)
    return np.sort(np.random.default_rng(SEED + seed).choice(customers, most, replace=False))


def _undecided(problem: Problem, box: Box, sizes: Sizes) -> Part:
    """Who of all customers is undecided inside ``box`` (a sample of them if they are too many), and the room that the others leave."""
    if problem.customers <= KEPT_ROWS:
        return _part(problem, np.arange(problem.customers), sizes)
    found = over_blocks(lambda rows: _look(problem, rows, box, sizes.noise), problem.customers)
    left = np.concatenate([rows for rows, _ in found])
    kept = left[_some(len(left), KEPT_ROWS, 3)]
    room = problem.bounds - np.sum([use for _, use in found], axis=0)
    return Part(taken(problem, kept, sizes.noise), len(left) / max(len(kept), 1) if len(left) else 1.0, room)


def _look(problem: Problem, rows: slice, box: Box, noise_size: float) -> tuple[Rows, Floats]:
    """Of one block: the rows that are undecided inside the box, and the use (limits,) of the others' choices."""
    worth = priced(problem, profits(problem, rows), rows, box.centre)
    each = numbers(rows)
    worth += noise(problem.actions, each, noise_size)
    width = spread(problem, rows, box.radius)
    surely = np.maximum((worth - width).max(axis=0), 0.0)
    worth += width
    wins = worth >= surely
    undecided = wins.sum(axis=0) + (surely == 0.0) > 1
    wins &= ~undecided
    acting = wins.astype(np.float64)
    use = np.zeros(len(problem.limits))
    for k, limit in enumerate(problem.limits):
        use[k] = (acting * use_of(limit, rows)).sum()  # not BLAS: its threads and ours would wait for each other
    return each[undecided], use
