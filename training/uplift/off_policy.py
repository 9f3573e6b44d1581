"""What a rule for choosing actions would have brought, told from a log of another rule: IPS, SNIPS and doubly robust.

The log must have been drawn by lot with known propensities, and each arm that the rule may choose must have had a chance
above 0; otherwise no method knows what would have come of it. IPS is unbiased and wavers much where propensities are small;
SNIPS is nearly unbiased and steadier; DR (Dudík, Langford and Li 2011) is unbiased too, and the steadier the better its
model of the outcome.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import FactsError
from features.text import Text
from training.evaluation.bootstrap import Estimate, clustered_mean
from training.uplift.bases import BASES
from training.uplift.learners import folds_by_cluster
from training.uplift.log import TreatmentLog

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MODEL_FOLDS = 3
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class PolicyValue:
    """Mean outcome per row under a policy, in the outcome's unit, each with standard error over customers and 95 % interval.

    ``effective_rows`` is how many equally weighted rows would be worth as much (Kish 1965): few of them mean that the log says
    little about this policy. ``dr`` is None where no model of the outcome was given.
    """

    ips: Estimate
    snips: Estimate
    dr: Estimate | None
    effective_rows: float


def choosing(arm: Integers, arms: int) -> Floats:
    """A policy that gives each row one arm for sure, shape (rows, arms)."""
    return np.eye(arms)[arm]


def policy_value(
    log: TreatmentLog, policy: Floats, outcome: Floats | None = None, expected: Floats | None = None
) -> PolicyValue:
    """What ``policy`` brings, by a log of another one.

    ``policy`` is the probability with which it gives each row each arm, shape (rows, 1 + actions); ``outcome`` is any number of
    each row (money less cost, say), by default the log's; ``expected`` is a model's outcome of each row in each arm, of the
    policy's shape, which must not have learnt from the row (`expected_outcomes`).
    Raises FactsError: the policy's probabilities do not fit the log, or it chooses what the log never could.
    """
    _check(log, policy)
    reward = log.outcome if outcome is None else outcome
    rows = np.arange(len(log))
    ratio = policy[rows, log.arm] / log.propensity
    ips = clustered_mean(ratio * reward, log.cluster)
    dr = None
    if expected is not None:
        direct = (policy * expected).sum(axis=1)
        dr = clustered_mean(direct + ratio * (reward - expected[rows, log.arm]), log.cluster)
    squares = float(ratio @ ratio)
    effective = float(ratio.sum() ** 2 / squares) if squares > 0 else 0.0
    return PolicyValue(ips, _self_normalised(ratio, reward, log.cluster), dr, effective)


def _self_normalised(ratio: Floats, reward: Floats, cluster: Integers) -> Estimate:
    """The weighted mean (Swaminathan and Joachims 2015), its error by the delta method."""
    total = float(ratio.sum())
    if total == 0:
        return Estimate(np.nan, np.nan, np.nan, np.nan)
    value = float(ratio @ reward / total)
    error = clustered_mean(ratio * (reward - value) / (total / len(ratio)), cluster).standard_error
    return Estimate.normal(value, error)


def expected_outcomes(log: TreatmentLog, base: str, seed: int) -> Floats:
    """The probability of the outcome of each row in each arm, by models of other customers; shape (rows, 1 + actions)."""
    expected = np.empty((len(log), 1 + len(log.actions)))
    values, fold, weight = log.features.to_numpy(dtype=np.float64), folds_by_cluster(log, MODEL_FOLDS, seed), log.weight
    for number in range(MODEL_FOLDS):
        out = fold == number
        for arm in range(expected.shape[1]):
            of = ~out & (log.arm == arm)
            model = BASES[base].share(values[of], log.outcome[of], weight[of], seed)
            expected[out, arm] = model.predict(values[out])
    return expected


def _check(log: TreatmentLog, policy: Floats) -> None:
    if policy.shape != log.propensities.shape:
        raise FactsError(_SHAPE, got=policy.shape, expected=log.propensities.shape)
    if (policy < 0).any() or (np.abs(policy.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise FactsError(_SUMS)
    if (unknown := int(((policy > 0) & (log.propensities <= 0)).any(axis=1).sum())) > 0:
        raise FactsError(_NO_CHANCE, rows=unknown, all=len(log))


_SHAPE = Text(
    "The policy has the shape {got}; the log asks for {expected}: one row each, one column for control and for each action.",
    "策略的形状为 {got}；日志要求为 {expected}：每行一条记录，对照组与每种行动各一列。",
)
_SUMS = Text(
    "The probabilities of a policy have to be 0 or more and add up to 1 in each row. Divide each row by its sum.",
    "策略的概率须不小于 0，且每行之和为 1。请将每行除以其总和。",
)
_NO_CHANCE = Text(
    "For {rows} of {all} rows the policy chooses what had no chance in the log, so that nobody knows what would have come of"
    " it. Leave those rows out, or let the policy choose among what was tried.",
    "在 {all} 行中，有 {rows} 行的策略选择了日志中不可能出现的行动，因此无法得知其结果。请去掉这些行，或只在已试过的行动中选择。",
)
