"""The sentence that says on which assumption a recommendation rests, filled in for all customers in one query."""

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.text import Text
from serving.decisions.playbook import Action, Playbook

DO_NOTHING = -1
"""In the place of an action's number: none of them pays."""

ASSUMES_CHURN = Text(
    "Assumes that “{name}” lowers the probability of leaving within {churn_days} days by {effect} % ({low}–{high} %) of"
    " {probability} %; {currency} {amount} margin at stake over {value_days} days; costs {cost}. Basis: {source}.",
    "假设“{name}”能将 {churn_days} 天内的流失概率（{probability}%）相对降低 {effect}%（{low}–{high}%）；"
    "{value_days} 天内面临风险的毛利为 {currency} {amount}；成本 {cost}。依据：{source}。",
)

ASSUMES_OVERDUE = Text(
    "Assumes that “{name}” brings in, within {churn_days} days, {effect} % ({low}–{high} %) of {currency} {amount}"
    " overdue that would not have come in otherwise; costs {cost}; cost of capital not counted. Basis: {source}.",
    "假设“{name}”能在 {churn_days} 天内额外收回逾期余额 {currency} {amount} 的 {effect}%（{low}–{high}%）；"
    "成本 {cost}；未计资金成本。依据：{source}。",
)

NOTHING_PAYS = Text(
    "At the playbook's assumptions, no action that fits this customer is expected to earn more than it costs.",
    "按行动手册的假设，适用于该客户的行动预期收益均不高于其成本。",
)

_FIXED_COST = Text("{currency} {cost}", "{currency} {cost}")
_WITH_DISCOUNT = Text(
    "{currency} {cost} ({currency} {fixed} and {share} % of the expected spend)",
    "{currency} {cost}（{currency} {fixed} 加预期消费的 {share}%）",
)


_SENTENCES = """
    WITH amounts AS (
        SELECT row, chosen, percent(probability) AS probability, money(cost) AS cost,
            money(stake) AS stake, money(overdue) AS overdue
        FROM given
    ),
    filled AS (
        SELECT a.row, t.en, t.zh, a.probability, if(t.overdue_action, a.overdue, a.stake) AS amount, a.cost,
            money(t.fixed) AS fixed
        FROM amounts AS a LEFT JOIN templates AS t USING (chosen)
    )
    SELECT CASE WHEN en IS NOT NULL THEN {
        'en': format(en, probability, amount, cost, fixed), 'zh': format(zh, probability, amount, cost, fixed)
    } END AS assumption
    FROM filled ORDER BY row
"""


def assumption_sentences(
    chosen: NDArray[np.int64],
    amounts: Mapping[str, NDArray[np.float64]],
    playbook: Playbook,
    currency: str,
    value_horizon_days: int,
    churn_horizon_days: int,
) -> list[dict[str, str] | None]:
    """For each customer {en, zh}: the assumption behind the expected profit, with the customer's own amounts.

    Parameters: ``chosen`` is the place of the recommended action in the playbook, `DO_NOTHING`, or anything lower for
    customers of whom nothing is said (None); ``amounts`` has one array for each of probability, stake, overdue, cost.
    """
    templates = _templates(playbook, currency, value_horizon_days, churn_horizon_days)
    given = pa.table({"row": np.arange(len(chosen)), "chosen": chosen, **amounts})
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE MACRO percent(x) AS format(if(x BETWEEN 0.01 AND 0.99 OR x IN (0, 1), '{:.0f}', '{:.1f}'), 100 * x)"
        )
        connection.execute(
            "CREATE MACRO money(x) AS format(if(abs(x) < 100 AND round(x, 2) <> round(x), '{:,.2f}', '{:,.0f}'), x)"
        )
        connection.register("given", given)
        connection.register("templates", templates)
        return list(connection.sql(_SENTENCES).to_arrow_table().column("assumption").to_pylist())


def _templates(playbook: Playbook, currency: str, value_days: int, churn_days: int) -> pa.Table:
    """One row per action: its sentence with everything filled in but the customer's own amounts, {0} to {3}."""
    texts = [_template(action, currency, value_days, churn_days) for action in playbook.actions]
    return pa.table(
        {
            "chosen": [DO_NOTHING, *range(len(texts))],
            "en": [NOTHING_PAYS.en, *(t.en for t in texts)],
            "zh": [NOTHING_PAYS.zh, *(t.zh for t in texts)],
            "fixed": [0.0, *(a.cost for a in playbook.actions)],
            "overdue_action": [False, *(a.effect.kind == "overdue" for a in playbook.actions)],
        }
    )


def _template(action: Action, currency: str, value_days: int, churn_days: int) -> Text:
    effect = action.effect
    cost = _WITH_DISCOUNT if action.cost_share_of_spend else _FIXED_COST
    return (ASSUMES_OVERDUE if effect.kind == "overdue" else ASSUMES_CHURN).format(
        name=_verbatim(action.name),
        source=_verbatim(Text(effect.source.en.rstrip("."), effect.source.zh.rstrip("。"))),
        effect=_percent(effect.mean),
        low=_percent(effect.low),
        high=_percent(effect.high),
        currency=currency,
        value_days=value_days,
        churn_days=churn_days,
        probability="{0}",
        amount="{1}",
        cost=cost.format(currency=currency, cost="{2}", fixed="{3}", share=_percent(action.cost_share_of_spend)),
    )


def _verbatim(text: Text) -> Text:
    """The text with its own braces kept as they are when the sentence is filled in."""
    return Text(*(t.replace("{", "{{").replace("}", "}}") for t in text))


def _percent(share: float) -> str:
    return f"{100 * share:.3g}"
