"""What an action, or two together, is expected to earn with each customer.

What counts is what an action *changes*, not how high the risk is. With churn probability p, value at stake V (margin over
the value horizon if the customer stays), margin share m, overdue balance B, and a package of actions that take away the
share r of p, bring in the share q of B, make who stays buy the share u more, cost c and give away the share s of the spend:

    expected profit = p · r · V  +  (1 − p · (1 − r)) · u · V  +  q · B  −  c  −  s · (1 − p · (1 − r)) · V / m

A customer who is lost already, and of whom L would come over the value horizon if it bought again as it used to, is worth
the share w of L that the action brings back: w · L − c − s · w · L / m.

1 − p · (1 − r) is the probability that the customer is there to take the discount, and V / m (not below zero) what such
a customer spends; those who would have stayed anyway take it too, which is why a discount is dear at low risk. A
customer who leaves within the churn horizon is taken to lose the whole of V, one kept to bring the whole of it.
The cost of capital is ignored: money that comes in earlier, but would have come in anyway, must not be part of q.

Two actions go together when one is about the relation and the other about overdue money: what each leaves of p or of B
the other one works on, so r is 1 − (1 − r₁) · (1 − r₂). A firm collection may have an r below zero: it drives away.

Low and high take the ends of the beliefs about the effects and, where given, of the churn probability. The profit of one
action is linear in each, so its extremes lie at the corners.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.text import Text
from serving.decisions.playbook import Action, Playbook

Numbers = NDArray[np.float64]
End = Literal["low", "mean", "high"]


@dataclass(frozen=True)
class Known:
    """What is known of each customer, shape (customers,); NaN where it is not. Money in currency.

    ``lost`` is what a customer who is already lost would bring over the value horizon if it came back; NaN: it is not lost.
    """

    churn: Numbers
    churn_low: Numbers
    churn_high: Numbers
    stake: Numbers
    overdue: Numbers
    lost: Numbers


@dataclass(frozen=True)
class Belief:
    """What an action is held to do by now: a share, one for all customers or one each; ``source`` says where it is from."""

    mean: float | Numbers
    low: float | Numbers
    high: float | Numbers
    source: Text


Beliefs = Mapping[str, Belief]
"""By id of the action."""


@dataclass(frozen=True)
class Outlook:
    """Expected cost and profit of a package for each customer, in currency; NaN where it cannot be said."""

    cost: Numbers
    profit: Numbers
    profit_low: Numbers
    profit_high: Numbers


def written_beliefs(playbook: Playbook) -> dict[str, Belief]:
    """What the playbook itself says of its actions."""
    effects = {action.id: action.effect for action in playbook.actions}
    return {id_: Belief(one.mean, one.low, one.high, one.source) for id_, one in effects.items()}


def packages(playbook: Playbook) -> tuple[tuple[Action, ...], ...]:
    """Each action alone, in the playbook's order, then each about the relation together with each about overdue money."""
    alone = tuple((action,) for action in playbook.actions)
    payment = [action for action in playbook.actions if action.effect.kind == "overdue"]
    relation = [action for action in playbook.actions if action.effect.kind in ("churn", "spend")]
    return (*alone, *((first, second) for first in relation for second in payment))


def outlook(package: tuple[Action, ...], known: Known, beliefs: Beliefs, margin_share: float) -> Outlook:
    """Cost and profit of a package for each customer, eligible or not, by the formula at the top of this module."""
    mean = _profit(package, known, known.churn, beliefs, "mean", margin_share)
    corners = [
        _profit(package, known, churn, beliefs, end, margin_share)[1]
        for churn in (known.churn_low, known.churn_high)
        for end in ("low", "high")
    ]
    cost, profit = mean
    return Outlook(cost, profit, np.minimum.reduce([profit, *corners]), np.maximum.reduce([profit, *corners]))


def _profit(
    package: tuple[Action, ...], known: Known, churn: Numbers, beliefs: Beliefs, end: End, margin_share: float
) -> tuple[Numbers, Numbers]:
    """Cost and profit at one churn probability and one end of the beliefs."""
    if package[0].effect.kind == "win_back":
        return _of_win_back(package[0], known, beliefs, end, margin_share)
    reduction = _together(package, "churn", beliefs, end)
    stays = 1 - churn * (1 - reduction)
    discount = sum(action.cost_share_of_spend for action in package)
    more = sum((_share(beliefs[a.id], end) for a in package if a.effect.kind == "spend"), np.zeros(1))
    given_away = discount * stays * np.maximum(known.stake, 0) / margin_share
    relation = churn * reduction * known.stake + stays * more * known.stake - given_away
    if all(action.effect.kind == "overdue" for action in package):  # then nothing of it hangs on who leaves
        relation, given_away = np.nan_to_num(relation), np.nan_to_num(given_away)
    fixed = sum(action.cost for action in package)
    recovered = _together(package, "overdue", beliefs, end) * np.maximum(known.overdue, 0)
    if all(action.effect.kind != "overdue" for action in package):
        recovered = np.zeros_like(relation)
    return fixed + given_away, relation + recovered - fixed


def _of_win_back(
    action: Action, known: Known, beliefs: Beliefs, end: End, margin_share: float
) -> tuple[Numbers, Numbers]:
    back = _share(beliefs[action.id], end) * known.lost
    cost = action.cost + action.cost_share_of_spend * back / margin_share
    return cost, back - cost


def _together(package: tuple[Action, ...], kind: str, beliefs: Beliefs, end: End) -> Numbers:
    """What actions of one kind take away together, side effects among them."""
    left = np.ones(1)
    for action in package:
        if action.effect.kind == kind:
            left = left * (1 - _share(beliefs[action.id], end))
        if action.side_effect and action.side_effect.kind == kind:
            left = left * (1 - getattr(action.side_effect, end))
    return np.asarray(1 - left)


def _share(belief: Belief, end: End) -> Numbers:
    return np.asarray(getattr(belief, end), dtype=np.float64)
