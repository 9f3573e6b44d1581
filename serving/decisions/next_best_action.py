"""The next best action of each customer: the one with the highest expected profit, if any is above zero.

What counts is what an action *changes*, not how high the risk is. With churn probability p, value at stake V (margin
over the value horizon if the customer stays), margin share m, and an action with relative reduction r of p, fixed cost
c and discount s (share of spend):

    expected profit = p · r · V  −  c  −  s · (1 − p · (1 − r)) · V / m

1 − p · (1 − r) is the probability that the customer is there to take the discount, and V / m (not below zero) what such
a customer spends; those who would have stayed anyway take it too, which is why a discount is dear at low risk. A
customer who leaves within the churn horizon is taken to lose the whole of V, one kept to bring the whole of it.

For an action on overdue money, with overdue balance B and additionally recovered share q:

    expected profit = q · B  −  c

The cost of capital is ignored: money that comes in earlier, but would have come in anyway, must not be part of q.

Low and high take the ends of the belief about the effect and, where given, of the churn probability. The profit is
linear in each, so its extremes lie at the corners.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from serving.decisions.assumption import DO_NOTHING, assumption_sentences
from serving.decisions.eligibility import ROW, SCORE_COLUMNS, columns_of, eligible
from serving.decisions.playbook import NO_ACTION, NO_ACTION_NAME, Action, Playbook

Numbers = NDArray[np.float64]

_UNKNOWN = -2


@dataclass(frozen=True)
class _Known:
    """What is known of each customer; NaN where it is not."""

    churn: Numbers
    churn_low: Numbers
    churn_high: Numbers
    stake: Numbers
    overdue: Numbers


@dataclass(frozen=True)
class _Outlook:
    """Expected cost and profit of one action for each customer, in currency; NaN where it cannot be said."""

    cost: Numbers
    profit: Numbers
    profit_low: Numbers
    profit_high: Numbers


def recommend(
    scores: pd.DataFrame | pa.Table,
    playbook: Playbook,
    currency: str,
    value_horizon_days: int,
    churn_horizon_days: int,
    margin_share: float,
) -> pd.DataFrame:
    """The action to take for each customer and what it is expected to earn, in the order (and index) of ``scores``.

    Parameters: ``scores`` has one row per customer with any of churn_probability(_low/_high), value_at_stake,
    overdue_balance and the columns that eligibility asks for; ``margin_share`` is in (0, 1].

    Columns: recommended_action (playbook id, "no_action" when nothing pays, None when nothing can be said),
    recommended_action_name {en, zh}, action_cost, assumed_effect(_low/_high), expected_profit(_low/_high), assumption
    {en, zh}. A customer without churn probability or value at stake gets an action on overdue money if one pays, else
    nothing at all: that no action pays is only said of customers whose risk is known. Ties go to the earlier action.
    """
    table = _readable(scores, playbook)
    known = _known(table)
    fits = eligible(table, {action.id: action.eligible for action in playbook.actions})
    judged = np.isfinite(known.churn) & np.isfinite(known.stake)
    chosen = np.where(judged, DO_NOTHING, _UNKNOWN)
    zero = np.where(judged, 0.0, np.nan)
    numbers = {name: zero.copy() for name in _NUMBERS}
    for i, action in enumerate(playbook.actions):
        outlook = _outlook(action, known, margin_share)
        better = fits[action.id] & (outlook.profit > np.nan_to_num(numbers["expected_profit"]))
        chosen[better] = i
        for name, value in _numbers(action, outlook).items():
            numbers[name] = np.where(better, value, numbers[name])
    sentences = assumption_sentences(
        chosen,
        {"probability": known.churn, "stake": known.stake, "overdue": known.overdue, "cost": numbers["action_cost"]},
        playbook,
        currency,
        value_horizon_days,
        churn_horizon_days,
    )
    return _answer(chosen, numbers, sentences, playbook, scores)


def _outlook(action: Action, known: _Known, margin_share: float) -> _Outlook:
    """Cost and profit of ``action`` for each customer, eligible or not, by the formulas at the top of this module."""
    return _overdue(action, known) if action.effect.kind == "overdue" else _churn(action, known, margin_share)


def _churn(action: Action, known: _Known, margin_share: float) -> _Outlook:
    spend = np.maximum(known.stake, 0) / margin_share

    def cost(p: Numbers, r: float) -> Numbers:
        return action.cost + action.cost_share_of_spend * (1 - p * (1 - r)) * spend

    def profit(p: Numbers, r: float) -> Numbers:
        return p * r * known.stake - cost(p, r)

    effect = action.effect
    mean = profit(known.churn, effect.mean)
    corners = [profit(p, r) for p in (known.churn_low, known.churn_high) for r in (effect.low, effect.high)]
    return _Outlook(
        cost(known.churn, effect.mean), mean, np.minimum.reduce([mean, *corners]), np.maximum.reduce([mean, *corners])
    )


def _overdue(action: Action, known: _Known) -> _Outlook:
    balance = np.maximum(known.overdue, 0)
    low, mean, high = (
        share * balance - action.cost for share in (action.effect.low, action.effect.mean, action.effect.high)
    )
    return _Outlook(np.full_like(balance, action.cost), mean, low, high)


_NUMBERS = (
    "action_cost",
    "assumed_effect",
    "assumed_effect_low",
    "assumed_effect_high",
    "expected_profit",
    "expected_profit_low",
    "expected_profit_high",
)


def _numbers(action: Action, outlook: _Outlook) -> dict[str, Numbers | float]:
    effect = action.effect
    values = (
        outlook.cost,
        effect.mean,
        effect.low,
        effect.high,
        outlook.profit,
        outlook.profit_low,
        outlook.profit_high,
    )
    return dict(zip(_NUMBERS, values, strict=True))


def _readable(scores: pd.DataFrame | pa.Table, playbook: Playbook) -> pa.Table:
    """The columns that matter here, as Arrow."""
    wanted = {*SCORE_COLUMNS, "overdue_balance"}.union(*(columns_of(action.eligible) for action in playbook.actions))
    if isinstance(scores, pa.Table):
        return scores.select([name for name in scores.column_names if name.lower() in wanted])
    chosen = scores[[name for name in scores.columns if str(name).lower() in wanted]]
    table = pa.Table.from_pandas(chosen, preserve_index=False)
    return table if table.num_columns else pa.table({ROW: np.arange(len(scores))})


def _known(table: pa.Table) -> _Known:
    churn = _column(table, "churn_probability")
    low, high = _column(table, "churn_probability_low"), _column(table, "churn_probability_high")
    return _Known(
        churn,
        np.where(np.isfinite(low), low, churn),
        np.where(np.isfinite(high), high, churn),
        _column(table, "value_at_stake"),
        _column(table, "overdue_balance"),
    )


def _column(table: pa.Table, name: str) -> Numbers:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    values = pc.cast(table.column(name), pa.float64()).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _answer(
    chosen: NDArray[np.int64],
    numbers: dict[str, Numbers],
    sentences: list[dict[str, str] | None],
    playbook: Playbook,
    scores: pd.DataFrame | pa.Table,
) -> pd.DataFrame:
    index = scores.index if isinstance(scores, pd.DataFrame) else pd.RangeIndex(len(chosen))
    # DO_NOTHING and _UNKNOWN are the last two places, counted from the end
    ids = _objects([*(a.id for a in playbook.actions), None, NO_ACTION])
    names = _objects([*(a.name._asdict() for a in playbook.actions), None, NO_ACTION_NAME._asdict()])
    objects = {"recommended_action": ids[chosen], "recommended_action_name": names[chosen]}
    columns: dict[str, Any] = {name: pd.Series(v, index=index, dtype="object") for name, v in objects.items()}
    columns |= {name: pd.Series(values, index=index) for name, values in numbers.items()}
    columns["assumption"] = pd.Series(sentences, index=index, dtype="object")
    return pd.DataFrame(columns, index=index)


def _objects(values: list[Any]) -> NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
