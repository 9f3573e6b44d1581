"""A treatment log: who was given which action by lot, with what probability, and what came of it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import FactsError
from features.text import Text

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CONTROL = 0
"""The arm that was given nothing; arm k is action k - 1."""

SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class TreatmentLog:
    """One row each time that an action, or none, was given by lot; several actions may share one control.

    ``features`` (float64, NaN where missing) were known before; ``arm`` is 0 for control, k for ``actions[k - 1]``;
    ``propensities`` is the probability of each arm, shape (rows, 1 + actions); ``outcome`` is 0 or 1, and ``is_wanted`` says
    whether 1 is what we wish for (a visit) or dread (leaving). ``cluster`` says whose row it is: one customer's rows are
    drawn, and held out, together. ``cost`` is that of the arm given, ``value`` what is at stake (both currency).
    """

    features: pd.DataFrame
    actions: tuple[str, ...]
    arm: Integers
    propensities: Floats
    outcome: Floats
    is_wanted: bool
    cluster: Integers
    cost: Floats | None = None
    value: Floats | None = None

    def __post_init__(self) -> None:
        """Raise FactsError: columns of different length, arms without a name, outcomes other than 0 and 1, no lot."""
        rows = len(self.features)
        given = [self.arm, self.propensities, self.outcome, self.cluster, self.cost, self.value]
        if wrong := [len(column) for column in given if column is not None and len(column) != rows]:
            raise FactsError(_LENGTHS, rows=rows, got=wrong[0])
        if self.propensities.ndim != 2 or self.propensities.shape[1] != 1 + len(self.actions):
            raise FactsError(_SHAPE, got=self.propensities.shape, arms=1 + len(self.actions))
        if not np.isin(self.arm, range(1 + len(self.actions))).all():
            raise FactsError(_ARMS, got=int(self.arm.max()), arms=len(self.actions))
        if not np.isin(self.outcome, (0.0, 1.0)).all():
            raise FactsError(_OUTCOMES, got=self.outcome[~np.isin(self.outcome, (0.0, 1.0))][0])
        sums = self.propensities.sum(axis=1)
        if not (self.propensity > 0).all() or not (np.abs(sums - 1) < SUM_TOLERANCE).all():
            raise FactsError(_NO_LOT)

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def propensity(self) -> Floats:
        """Probability of the arm that was given, shape (rows,)."""
        return np.asarray(self.propensities[np.arange(len(self.arm)), self.arm])

    @property
    def good(self) -> Floats:
        """1 where what we wish for came true: the outcome, or its opposite where it is dreaded."""
        return self.outcome if self.is_wanted else 1 - self.outcome

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether any action was given."""
        return np.asarray(self.arm != CONTROL)

    @property
    def weight(self) -> Floats:
        """Inverse propensity, stabilised: the mean propensity of the arm given over the row's own.

        1 everywhere where each arm was given to everybody with the same probability (Robins, Hernán and Brumback 2000).
        """
        return np.asarray(self.propensities.mean(axis=0)[self.arm] / self.propensity)

    def take(self, rows: Integers | NDArray[np.bool_]) -> "TreatmentLog":
        """These rows, by position or by mark."""
        return replace(
            self,
            features=self.features[rows] if rows.dtype == np.bool_ else self.features.iloc[rows],
            arm=self.arm[rows],
            propensities=self.propensities[rows],
            outcome=self.outcome[rows],
            cluster=self.cluster[rows],
            cost=None if self.cost is None else self.cost[rows],
            value=None if self.value is None else self.value[rows],
        )

    def pair(self, action: str) -> "TreatmentLog":
        """The rows of one action and of its control, with the probability of each given that it was one of them."""
        arm = 1 + self.actions.index(action)
        rows = self.take(np.isin(self.arm, (CONTROL, arm)))
        both = rows.propensities[:, [CONTROL, arm]]
        return replace(
            rows,
            actions=(action,),
            arm=(rows.arm == arm).astype(np.int64),
            propensities=both / both.sum(axis=1, keepdims=True),
        )


def two_armed(treated_propensity: Floats) -> Floats:
    """Propensities of control and of one action, shape (rows, 2), from that of the action."""
    return np.column_stack([1 - treated_propensity, treated_propensity])


def same_for_all(arm: Integers, arms: int) -> Floats:
    """Propensities of a lot that treated everybody alike, shape (rows, arms): the shares that were given."""
    return np.tile(np.bincount(arm, minlength=arms) / len(arm), (len(arm), 1))


_LENGTHS = Text(
    "A treatment log has {rows} rows of features, but a column of {got}. Give one entry a row in each column.",
    "处理日志有 {rows} 行特征，但某列有 {got} 个值。请让每列与行数一致。",
)
_SHAPE = Text(
    "Propensities have the shape {got}; expected is one column for control and one for each action ({arms} in all).",
    "倾向概率的形状为 {got}；应为对照组一列、每种行动一列（共 {arms} 列）。",
)
_ARMS = Text(
    "A treatment log names arm {got}, but there are {arms} actions. Number the arms 0 (control), 1, 2, … as the actions.",
    "处理日志中出现组别 {got}，但只有 {arms} 种行动。请按 0（对照）、1、2……依次编号。",
)
_OUTCOMES = Text(
    "A treatment log has an outcome of {got}; expected is 0 or 1. Leave out rows whose outcome is not known yet.",
    "处理日志中出现结果 {got}；应为 0 或 1。请去掉结果尚不可知的行。",
)
_NO_LOT = Text(
    "Each row of a treatment log needs a probability above 0 of the arm that was given, and probabilities of all arms that"
    " add up to 1. Leave out rows that were not drawn by lot.",
    "处理日志的每一行，其实际组别的概率须大于 0，且各组概率之和须为 1。请去掉并非随机分配的行。",
)
