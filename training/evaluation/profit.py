"""What the decisions of a model are worth in money, customer by customer, against what came true.

With churn probability p, value at stake V (margin over the value horizon if the customer stays), margin share m, and an
action with relative reduction r of p, cost c of a contact and discount s (share of spend), contacting a customer is
expected to bring

    p · r · V  −  c  −  s · (1 − p · (1 − r)) · max(V, 0) / m

against leaving it alone. A customer is contacted when that is above zero. What a contact turned out to be worth is the
same with the outcome in the place of p: it takes the effect r of the action as given, for the outcomes are those of
customers who were treated as they always were. So it judges the probabilities, not the belief about the action.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.evaluation.bootstrap import Estimate, clustered_mean
from training.evaluation.judged import Judged

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Marks = NDArray[np.bool_]

PER_CUSTOMERS = 1000


@dataclass(frozen=True)
class DecisionCosts:
    """The action that decisions are about.

    ``contact``: cost of one contact in currency; ``effect``: the share of the churn probability that it takes away;
    ``discount_share``: share of the spend given as a discount; ``margin_share``: margin over spend, in (0, 1].
    Raises ModelError: a number lies outside its range.
    """

    contact: float
    effect: float
    discount_share: float = 0.0
    margin_share: float = 1.0

    def __post_init__(self) -> None:
        shares = 0 <= self.effect <= 1 and 0 <= self.discount_share <= 1 and 0 < self.margin_share <= 1
        if not (shares and 0 <= self.contact < np.inf):
            raise ModelError(
                Text(
                    "The costs of a decision need contact >= 0, effect and discount_share from 0 to 1, margin_share above"
                    " 0 and at most 1; got {got}.",
                    "决策成本要求 contact 不小于 0，effect 与 discount_share 在 0 到 1 之间，margin_share 大于 0 且不超过 1；"
                    "实际为 {got}。",
                ),
                got=vars(self),
            )


def profit_of_contact(churn: Floats | Integers, value: Floats, costs: DecisionCosts) -> Floats:
    """What contacting each customer brings in currency, shape (rows,); NaN where its value is unknown.

    ``churn`` is the probability, for what is expected, or the outcome, for what came true.
    """
    staying = 1 - churn * (1 - costs.effect)
    spend = np.maximum(value, 0) / costs.margin_share
    return np.asarray(churn * costs.effect * value - costs.contact - costs.discount_share * staying * spend)


def worth_contacting(probability: Floats, value: Floats, costs: DecisionCosts) -> Marks:
    """Marks the customers whom contacting is expected to pay; none whose value is unknown."""
    return np.asarray(profit_of_contact(probability, value, costs) > 0)


@dataclass(frozen=True)
class CostMatrix:
    """What each customer costs by decision (contacted or not) and outcome (left or stayed), in currency, shape (rows,)."""

    contacted_left: Floats
    contacted_stayed: Floats
    alone_left: Floats
    alone_stayed: Floats

    def of(self, churned: Integers, contacted: Marks) -> Floats:
        """What each customer cost, shape (rows,)."""
        left = np.where(contacted, self.contacted_left, self.alone_left)
        stayed = np.where(contacted, self.contacted_stayed, self.alone_stayed)
        return np.where(churned == 1, left, stayed)

    def least_risk(self, probability: Floats) -> Marks:
        """Whom to contact so that the expected cost is least (Bayes minimum risk); ties are left alone."""
        contacted = probability * self.contacted_left + (1 - probability) * self.contacted_stayed
        alone = probability * self.alone_left + (1 - probability) * self.alone_stayed
        return np.asarray(contacted < alone)


def cost_matrix(value: Floats, costs: DecisionCosts) -> CostMatrix:
    """The costs that the profit of a contact comes from: who leaves costs its value, who stays nothing."""
    spend = np.maximum(value, 0) / costs.margin_share
    discount = costs.discount_share * spend
    return CostMatrix(
        contacted_left=(1 - costs.effect) * value + costs.contact + costs.effect * discount,
        contacted_stayed=costs.contact + discount,
        alone_left=value,
        alone_stayed=np.zeros_like(value),
    )


def savings(
    churned: Integers, decision: Marks, fp_cost: Floats, fn_cost: Floats, tp_cost: Floats, tn_cost: Floats
) -> float:
    """Share of cost that decisions save against the better of contacting nobody and everybody; Bahnsen et al. 2015.

    At most 1 with costs that are not negative; 0: no better than one rule for all; below 0: worse. NaN where that rule
    costs nothing or less, so that there is nothing to save.
    """
    matrix = CostMatrix(tp_cost, fp_cost, fn_cost, tn_cost)
    everybody = np.ones(len(churned), dtype=np.bool_)
    least = min(matrix.of(churned, everybody).sum(), matrix.of(churned, ~everybody).sum())
    return float(1 - matrix.of(churned, decision).sum() / least) if least > 0 else float("nan")


@dataclass(frozen=True)
class Money:
    """What one model's decisions brought. Profits in currency per 1,000 customers, against contacting nobody.

    ``expected`` is what the model itself had announced. ``gain`` is the profit less that of the better of contacting
    nobody and everybody; ``saved`` the same as a share of what churn and contacts cost under that rule. Their errors take
    into account that it is the same customers.
    """

    profit: Estimate
    expected: float
    gain: Estimate
    saved: float
    share_contacted: float


@dataclass(frozen=True)
class MoneyReport:
    """Money of each model on the rows whose value is known, beside rules that need no model.

    ``everybody`` is the profit of contacting all, ``foreseen`` that of knowing who will leave: no model can bring more.
    ``over`` says how much more the chosen model brings than each other one. Per 1,000 customers, in currency.
    """

    rows: int
    rows_without_value: int
    models: Mapping[str, Money]
    everybody: Estimate
    foreseen: Estimate
    over: Mapping[str, Estimate]


def money(judged: Judged, costs: DecisionCosts) -> MoneyReport | None:
    """What decisions by each model's probabilities brought; None where no customer's value is known."""
    known = np.isfinite(judged.value)
    if not known.any():
        return None
    rows = judged.where(known)
    realised = profit_of_contact(rows.churned, rows.value, costs)
    contacted = {name: worth_contacting(p, rows.value, costs) for name, p in rows.probabilities.items()}
    return MoneyReport(
        rows=len(rows.rows),
        rows_without_value=int((~known).sum()),
        models={
            name: _money(rows, realised, contacted[name], rows.probabilities[name], costs)
            for name in rows.probabilities
        },
        everybody=_per_thousand(realised, rows.customers),
        foreseen=_per_thousand(np.maximum(realised, 0), rows.customers),
        over={
            name: _per_thousand(realised * (contacted[rows.chosen].astype(float) - marks), rows.customers)
            for name, marks in contacted.items()
            if name != rows.chosen
        },
    )


def profit_gain(judged: Judged, model: str, other: str, costs: DecisionCosts) -> Estimate:
    """How much more one model's decisions brought than another's, in currency per 1,000 customers of known value.

    The standard error is of the difference on the same customers, each of whom may have several rows.
    """
    known = np.isfinite(judged.value)
    rows = judged.where(known)
    realised = profit_of_contact(rows.churned, rows.value, costs)
    ours, theirs = (worth_contacting(rows.probabilities[name], rows.value, costs) for name in (model, other))
    return _per_thousand(realised * (ours.astype(np.float64) - theirs), rows.customers)


def _money(rows: Judged, realised: Floats, contacted: Marks, probability: Floats, costs: DecisionCosts) -> Money:
    profit = realised * contacted
    rule = realised if realised.sum() > 0 else np.zeros_like(realised)
    matrix = cost_matrix(rows.value, costs)
    announced = profit_of_contact(probability, rows.value, costs) * contacted
    return Money(
        profit=_per_thousand(profit, rows.customers),
        expected=float(announced.mean() * PER_CUSTOMERS),
        gain=_per_thousand(profit - rule, rows.customers),
        saved=savings(
            rows.churned,
            contacted,
            fp_cost=matrix.contacted_stayed,
            fn_cost=matrix.alone_left,
            tp_cost=matrix.contacted_left,
            tn_cost=matrix.alone_stayed,
        ),
        share_contacted=float(contacted.mean()),
    )


def _per_thousand(values: Floats, customers: Integers) -> Estimate:
    return clustered_mean(values * PER_CUSTOMERS, customers)


def profit_curve(judged: Judged, ranking: Floats, costs: DecisionCosts) -> tuple[Floats, Floats]:
    """Profit in currency per 1,000 customers (of known value) when contacting the highest ranked ones, by their share.

    Both of shape (known rows + 1,), from nobody to everybody. Equal ranks bring their mean profit.
    """
    known = np.isfinite(judged.value)
    realised = profit_of_contact(judged.churned, judged.value, costs)[known]
    order = np.argsort(-ranking[known], kind="stable")
    _, tie = np.unique(-ranking[known][order], return_inverse=True)
    within = (np.bincount(tie, weights=realised[order]) / np.bincount(tie))[tie]
    share = np.arange(len(order) + 1) / len(order)
    return share, np.concatenate([[0.0], np.cumsum(within)]) * PER_CUSTOMERS / len(order)
