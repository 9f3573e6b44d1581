"""How far a limit that asks for something can be met, so that an error can say so."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from features.text import Text
from serving.decisions.allocation.blocks import best_of, over_blocks, profits, use_of
from serving.decisions.allocation.prices import shadow_prices, sizes_of
from serving.decisions.allocation.problem import TOLERANCE, AllocationError, Floats, Limit, Problem
from serving.decisions.allocation.sentences import readable


def bound_on_profit(problem: Problem, prices: Floats) -> float:
    """The Lagrangian bound on the profit of every assignment that keeps the limits, in currency; holds at any prices ≥ 0."""
    found = over_blocks(lambda rows: best_of(problem, rows, prices, 0.0).worth, problem.customers)
    return float(sum(found) + prices @ problem.bounds)


def refuse_what_no_choice_reaches(problem: Problem) -> None:
    """Raise AllocationError when a limit asks for more than there would be if it alone decided."""
    for limit in _asking(problem):
        most = sum(over_blocks(partial(_most, problem, limit), problem.customers))
        if most < _asked(limit) - TOLERANCE * max(abs(limit.bound), most):
            raise _unreachable(_ALONE, limit, most)


def nothing_keeps_all(problem: Problem) -> AllocationError:
    """The error for limits that contradict each other: names one that the others leave too little for, or all that ask."""
    asking = list(_asking(problem))
    others = tuple(limit for limit in problem.limits if limit not in asking)
    for limit in asking:
        wanted = replace(problem, profit=_worth_its_use(problem, limit), limits=others, allowed=None)
        most = bound_on_profit(wanted, shadow_prices(wanted, sizes_of(wanted)).prices)
        if most < _asked(limit) * (1 - 1e-6):
            return _unreachable(_BESIDE_OTHERS, limit, most)
    names = [limit.name for limit in asking]
    return AllocationError(
        _TOGETHER, names=Text(", ".join(name.en for name in names), "、".join(name.zh for name in names))
    )


def _asking(problem: Problem) -> Iterable[Limit]:
    """The limits that doing nothing would break."""
    return (limit for limit in problem.limits if limit.sign * limit.bound < 0)


def _asked(limit: Limit) -> float:
    return -limit.sign * limit.bound


def _most(problem: Problem, limit: Limit, rows: slice) -> float:
    use = np.where(np.isfinite(profits(problem, rows)), -use_of(limit, rows), 0.0)
    return float(np.maximum(use.max(axis=0, initial=0.0), 0.0).sum())


def _worth_its_use(problem: Problem, limit: Limit) -> Floats:
    """Profit that is nothing but what the limit asks for; NaN where an action is not possible."""
    rows = slice(0, problem.customers)
    return np.where(np.isfinite(profits(problem, rows)), -use_of(limit, rows), np.nan).T


def _unreachable(text: Text, limit: Limit, most: float) -> AllocationError:
    reachable = most if limit.at_least is not None else -most
    return AllocationError(
        text, name=limit.name, unit=limit.unit, asked=readable(limit.bound), reachable=readable(reachable)
    )


_ALONE = Text(
    "'{name}' asks for {asked} (unit: {unit}), and if every possible action served it alone there would be {reachable}. Ask for"
    " no more than that, or allow more actions or customers.",
    "“{name}”要求 {asked}（单位：{unit}），而即使所有可行的行动都只为满足它，也只能达到 {reachable}。请降低要求，或放开更多行动或客户。",
)
_BESIDE_OTHERS = Text(
    "'{name}' asks for {asked} (unit: {unit}), and the other limits leave room for {reachable} at most. Ask for no more than"
    " that, or widen the other limits.",
    "“{name}”要求 {asked}（单位：{unit}），而其他限制最多只允许达到 {reachable}。请降低要求，或放宽其他限制。",
)
_TOGETHER = Text(
    "No assignment of whole actions to customers keeps all limits together; these ask for something: {names}. Lower one of"
    " them or widen the other limits.",
    "没有任何一种将完整行动分配给客户的方案能同时满足全部限制；其中提出要求的有：{names}。请降低其中之一，或放宽其他限制。",
)
