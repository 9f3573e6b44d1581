"""The assignment of actions to customers that earns (nearly) most within the limits, and proof of how near it comes."""

from dataclasses import dataclass

import numpy as np

from serving.decisions.allocation.blocks import (
    NONE,
    Choice,
    Rows,
    best_of,
    earned,
    over_blocks,
    taken,
    used,
    used_by_all,
)
from serving.decisions.allocation.linear import Options, Whole, options_of, whole_choices
from serving.decisions.allocation.prices import Sizes, shadow_prices, sizes_of
from serving.decisions.allocation.problem import TOLERANCE, Floats, Limit, Problem
from serving.decisions.allocation.reach import nothing_keeps_all, refuse_what_no_choice_reaches
from serving.decisions.allocation.repair import repaired
from serving.decisions.allocation.sentences import LimitUse, limit_use

CORES = ((400, 500), (2_000, 1))
"""So many customers, those whose best choice is least clear, are chosen for by branch and bound, with so many nodes."""
PRUNED = 20.0
"""Of a core, choices are left out that lose this many times what its clearest customer's second choice loses."""
TIGHTENINGS = 4


@dataclass(frozen=True)
class Allocation:
    """Who gets which action.

    ``choice`` (customers,) is the number of the action or −1 for none; ``profit`` its expected profit and ``bound`` what no
    assignment within the limits can exceed, both in currency and up to the noise that decides ties (a millionth of the mean
    absolute profit for each customer); ``gap`` what the choice may lack, as a share of the larger of the two in size.
    """

    choice: Choice
    profit: float
    bound: float
    gap: float
    limits: tuple[LimitUse, ...]


@dataclass(frozen=True)
class _Priced:
    """Everybody's best choice at the prices, and how clear it is (currency); not yet within the limits."""

    prices: Floats
    choice: Choice
    margin: Floats
    bound: float
    use: Floats


def allocate(problem: Problem) -> Allocation:
    """The (nearly) most profitable assignment that keeps every limit; the same problem always gives the same one.

    At the limits' shadow prices each customer's best choice is known, and nearly all keep it; the few for whom two choices
    are worth about the same are chosen for by branch and bound, so that the limits are kept and used up.

    Raises AllocationError: no assignment keeps all limits; it says which one is out of reach and how far one can get.
    """
    refuse_what_no_choice_reaches(problem)
    free = bool((problem.bounds >= 0).all())
    if free and not is_anything_possible(problem):
        nobody = np.full(problem.customers, NONE, dtype=np.int16)
        return _told(problem, nobody, 0.0, np.zeros(len(problem.limits)))
    sizes = sizes_of(problem)
    found = shadow_prices(problem, sizes)
    if found.unreachable.any() and not free:
        raise nothing_keeps_all(problem)
    priced = _at_prices(problem, found.prices, sizes)
    choice, bound = _within_limits(problem, priced, sizes.noise)
    return _told(problem, choice, bound, np.where(found.prices > 1e-9 * sizes.typical, found.prices, 0.0))


def _at_prices(problem: Problem, prices: Floats, sizes: Sizes) -> _Priced:
    best = over_blocks(lambda rows: best_of(problem, rows, prices, sizes.noise), problem.customers)
    choice = np.concatenate([np.zeros(0, dtype=np.int16), *(b.choice for b in best)])
    margin = np.concatenate([np.zeros(0), *(b.margin.astype(np.float32) for b in best)])
    bound = sum(b.worth for b in best) + float(prices @ problem.bounds)
    return _Priced(prices, choice, margin, bound, used_by_all(problem, choice)[0])


def _within_limits(problem: Problem, priced: _Priced, noise: float) -> tuple[Choice, float]:
    """A choice that keeps the limits, and the least bound on profit that was proved.

    An assignment either is one that branch and bound looked at, or makes a choice that was left out of it and loses by that.
    """
    for size, nodes in CORES:
        core = _least_clear(priced.margin, size)
        whole = _chosen_for(problem, priced, core, noise, nodes)
        if whole is not None:
            choice = priced.choice.copy()
            choice[core] = whole.choice
            return choice, min(priced.bound, max(whole.bound, priced.bound - _least_left_out(priced, core, noise)))
        if len(core) == problem.customers:
            break
    if (problem.bounds >= 0).all():
        return repaired(problem, priced.choice, priced.margin), priced.bound
    raise nothing_keeps_all(problem)


def _least_clear(margin: Floats, size: int) -> Rows:
    """The rows with the smallest margins, ascending by number."""
    if len(margin) <= size:
        return np.arange(len(margin))
    return np.sort(np.argpartition(margin, size)[:size])


def _least_left_out(priced: _Priced, core: Rows, noise: float) -> float:
    """What an assignment loses at least by a choice that the core's program leaves out, in currency; inf if there is none."""
    if len(core) == len(priced.margin):
        return float("inf")
    outside = np.ones(len(priced.margin), dtype=np.bool_)
    outside[core] = False
    clearest = float(priced.margin[core].max())
    least = min(float(priced.margin[outside].min()), PRUNED * clearest)
    return max(least * (1 - 1e-6) - noise, 0.0)  # margins hold the noise, and 32-bit roundings


def _chosen_for(problem: Problem, priced: _Priced, core: Rows, noise: float, nodes: int) -> Whole | None:
    """The best choices of the core in the room that the others leave; None if branch and bound finds none."""
    part = taken(problem, core, noise)  # equal customers would make branch and bound try them all
    block = slice(0, len(core))
    others = priced.use - used(part, block, priced.choice[core])[0]
    options = options_of(part, priced.prices)
    if len(core) < problem.customers:
        options = _pruned(options, PRUNED * float(priced.margin[core].max()))
    room = problem.bounds - others
    for _ in range(TIGHTENINGS):
        whole = whole_choices(options, priced.prices, room, priced.bound, nodes)
        if whole is None:
            return None
        use, gross = used(part, block, whole.choice)
        too_much = others + use - problem.bounds
        broken = too_much > TOLERANCE * np.maximum(np.abs(problem.bounds), gross)
        if not broken.any():
            return whole
        # HiGHS lets a row pass by its tolerance of 1e-6; what it took is taken off
        room = room - np.where(broken, 2 * too_much, 0.0)
    return None


def _pruned(options: Options, loss: float) -> Options:
    kept = options.loss <= loss
    return Options(options.row[kept], options.choice[kept], options.loss[kept], options.use[:, kept], options.rows)


def _told(problem: Problem, choice: Choice, bound: float, prices: Floats) -> Allocation:
    profit = _profit(problem, choice)
    bound = max(bound, profit)
    net = used_by_all(problem, choice)[0]
    counts = np.bincount(choice[choice != NONE], minlength=problem.actions)
    limits = tuple(
        limit_use(limit, float(limit.sign * net[k]), _contacts(limit, counts), float(prices[k]), problem.currency)
        for k, limit in enumerate(problem.limits)
    )
    return Allocation(
        choice, profit, bound, (bound - profit) / max(abs(bound), abs(profit)) if bound > profit else 0.0, limits
    )


def is_anything_possible(problem: Problem) -> bool:
    """Whether any action is possible and wanted for any customer."""

    def possible(rows: slice) -> bool:
        found = np.isfinite(problem.profit[rows])
        return bool((found if problem.allowed is None else found & problem.allowed[rows]).any())

    return any(over_blocks(possible, problem.customers))


def _profit(problem: Problem, choice: Choice) -> float:
    return float(sum(over_blocks(lambda rows: earned(problem, rows, choice[rows]), problem.customers)))


def _contacts(limit: Limit, counts: Rows) -> float:
    """All contacts that a limit on a share counts."""
    return float((counts * limit.use).sum()) if limit.share is not None else 0.0
