"""What a playbook believes of an action, as a normal belief about the log of what it makes of the hazard."""

from collections.abc import Mapping

import numpy as np

from features.errors import ProjectError
from features.text import Text

Belief = tuple[float, float, float]
"""Mean, low and high relative reduction of the probability of leaving; 90 % of the belief lies between low and high."""
Beliefs = Mapping[str, Belief]
"""By the action's id in the playbook."""

NINETY = 1.6448536269514722
"""Standard deviations from the middle of a normal distribution to either end of its middle 90 %."""
DOUBT = 0.3
"""The least spread of a belief about the log factor once there is a log: playbooks are surer than what they were written from."""
NOTHING_BELIEVED: Belief = (0.0, 0.0, 0.0)


def log_belief(belief: Belief) -> tuple[float, float]:
    """Mean and standard deviation of the log factor: ``log(1 - reduction)``."""
    mean, low, high = (float(np.log1p(-share)) for share in belief)
    return mean, (low - high) / (2 * NINETY)


def checked(beliefs: Beliefs) -> Beliefs:
    """The beliefs. Raises ProjectError: one is not in order, or takes all the risk away."""
    for action, (mean, low, high) in beliefs.items():
        if not low <= mean <= high < 1:
            raise ProjectError(
                Text(
                    "The belief about '{action}' is mean {mean}, low {low}, high {high}; it needs low ≤ mean ≤ high < 1. Correct"
                    " [actions.effect] in the playbook.",
                    "对“{action}”的效果假设为均值 {mean}、下限 {low}、上限 {high}；应满足 下限 ≤ 均值 ≤ 上限 < 1。请更正 playbook 中的"
                    " [actions.effect]。",
                ),
                action=action,
                mean=mean,
                low=low,
                high=high,
            )
    return beliefs
