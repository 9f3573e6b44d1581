"""What is to be shared out: the profit of each action for each customer, and the limits that all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import RetinueError
from features.text import Text

Array = NDArray[Any]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TOLERANCE = 1e-9
"""A limit is kept when its use passes it by no more than this share of all the use that was added up."""


class AllocationError(RetinueError):
    """What is to be allocated, or a limit, cannot be; or no assignment keeps all limits."""


@dataclass(frozen=True, eq=False)
class Limit:
    """Something that all assignments together use, and how much of it there may or must be.

    ``use`` is what one customer's action takes: by action, or by customer and action. ``of`` multiplies it by customer:
    flags of the customers whom the limit concerns, or any number. Exactly one of ``at_most`` and ``at_least`` is given,
    in ``unit`` ("hour of visits"), which a sentence puts after "one more". ``share`` is set by `share_at_least` alone.
    """

    name: Text
    unit: Text
    use: Array
    at_most: float | None = None
    at_least: float | None = None
    of: Array | None = None
    share: float | None = None

    @property
    def sign(self) -> float:
        """1 for at most, −1 for at least: ``sign · use ≤ sign · bound`` is the same for both."""
        return 1.0 if self.at_least is None else -1.0

    @property
    def bound(self) -> float:
        """How much there may be, or must be, in the limit's unit."""
        bound = self.at_most if self.at_least is None else self.at_least
        assert bound is not None
        return float(bound)


@dataclass(frozen=True)
class Problem:
    """At most one action for each customer; none earns nothing.

    ``profit`` (customers, actions): expected profit in ``currency``; NaN where the action is not possible. ``allowed``,
    of the same shape, is False where it is not wanted (excluded customers, controls: a row of False). Made by `problem_of`.
    """

    profit: Array
    limits: tuple[Limit, ...]
    currency: str
    allowed: Flags | None = None

    @property
    def bounds(self) -> Floats:
        """``sign · bound`` of each limit (limits,)."""
        return np.array([limit.sign * limit.bound for limit in self.limits])

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return int(self.profit.shape[0])

    @property
    def actions(self) -> int:
        """How many actions there are, "none" not counted."""
        return int(self.profit.shape[1])


def problem_of(
    profit: Array, limits: Sequence[Limit], currency: str, allowed: Flags | None = None, profit_low: Array | None = None
) -> Problem:
    """A problem that was checked. With ``profit_low`` it is the cautious one.

    The cautious problem maximises the lower bound of profit instead of what is expected, and allows an action only where
    that bound pays (> 0).

    Raises AllocationError: shapes do not fit together, or a limit has not exactly one finite bound or use that is no number.
    """
    if profit.ndim != 2:
        raise AllocationError(_NOT_A_TABLE, shape=profit.shape)
    for what, array in (("allowed", allowed), ("profit_low", profit_low)):
        if array is not None and array.shape != profit.shape:
            raise AllocationError(_OTHER_SHAPE, what=what, got=array.shape, wanted=profit.shape)
    for limit in limits:
        _check(limit, profit.shape)
    if profit_low is None:
        return Problem(profit, tuple(limits), currency, allowed)
    pays = profit_low > 0
    return Problem(profit_low, tuple(limits), currency, pays if allowed is None else pays & allowed)


def share_at_least(name: Text, unit: Text, share: float, of: Flags, contacts: Array) -> Limit:
    """At least this share (0 to 1) of all ``contacts`` (by action) goes to the customers who are flagged in ``of``.

    Written as a sum: each contact of theirs counts 1 − share, each other one −share, and the sum is not negative.
    """
    return Limit(name, unit, contacts, at_least=0.0, of=of.astype(np.float32) - np.float32(share), share=share)


def _check(limit: Limit, shape: tuple[int, ...]) -> None:
    if (limit.at_most is None) == (limit.at_least is None) or not np.isfinite(limit.bound):
        raise AllocationError(_BOUNDS, name=limit.name, at_most=limit.at_most, at_least=limit.at_least)
    if limit.use.shape not in (shape, shape[1:]):
        raise AllocationError(_USE_SHAPE, name=limit.name, got=limit.use.shape, by_action=shape[1:], by_both=shape)
    if limit.of is not None and limit.of.shape != shape[:1]:
        raise AllocationError(_OF_SHAPE, name=limit.name, got=limit.of.shape, wanted=shape[:1])
    # A sum is not a number as soon as one of what it adds up is not
    if not np.isfinite(limit.use.sum(dtype=np.float64)) or (
        limit.of is not None and not np.isfinite(limit.of.sum(dtype=np.float64))
    ):
        raise AllocationError(_NO_NUMBER, name=limit.name)


_NOT_A_TABLE = Text(
    "Profit has the shape {shape}; expected is one row per customer and one column per action.",
    "利润的形状为 {shape}；应为每位客户一行、每种行动一列。",
)
_OTHER_SHAPE = Text(
    "'{what}' has the shape {got} and profit {wanted}; give both for the same customers and actions.",
    "“{what}”的形状为 {got}，而利润为 {wanted}；请为相同的客户和行动提供两者。",
)
_BOUNDS = Text(
    "The limit '{name}' has at_most = {at_most} and at_least = {at_least}; give exactly one of them, as a finite number.",
    "限制“{name}”的 at_most = {at_most}，at_least = {at_least}；请只给出其中一个有限数值。",
)
_USE_SHAPE = Text(
    "The use of the limit '{name}' has the shape {got}; expected is {by_action} (by action) or {by_both} (by customer and action).",
    "限制“{name}”的用量形状为 {got}；应为 {by_action}（按行动）或 {by_both}（按客户和行动）。",
)
_OF_SHAPE = Text(
    "The limit '{name}' is for customers of the shape {got}; expected is {wanted}, one value per customer.",
    "限制“{name}”的客户系数形状为 {got}；应为 {wanted}，即每位客户一个值。",
)
_NO_NUMBER = Text(
    "The use of the limit '{name}' holds values that are no numbers; where an action is not possible, say so in its profit (NaN) and give a use of 0.",
    "限制“{name}”的用量中含有非数值；若某行动不可行，请将其利润设为 NaN，用量设为 0。",
)
