"""The sentence that says on which assumption a recommendation rests, filled in for all customers in one query."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.prepared import FEW_ROWS, Prepared
from features.text import Text
from serving.decisions.expected_profit import Beliefs
from serving.decisions.plan_policy import LetGo
from serving.decisions.playbook import Action, Playbook

DO_NOTHING, LET_GO = -1, -2
"""In the place of an action's number: none of them pays; nothing more is to be spent on this customer."""

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

ASSUMES_SPEND = Text(
    "Assumes that “{name}” makes who stays buy {effect} % ({low}–{high} %) more over {value_days} days; {currency} {amount}"
    " margin at stake, {probability} % probability of leaving within {churn_days} days; costs {cost}. Basis: {source}.",
    "假设“{name}”能使留下的客户在 {value_days} 天内多购买 {effect}%（{low}–{high}%）；面临风险的毛利为 {currency} {amount}，"
    "{churn_days} 天内流失概率为 {probability}%；成本 {cost}。依据：{source}。",
)

ASSUMES_WIN_BACK = Text(
    "Assumes that “{name}” brings back {effect} % ({low}–{high} %) of lost customers like this one, and that one who comes back"
    " buys as it used to: {currency} {amount} margin in {value_days} days; costs {cost}. Basis: {source}.",
    "假设“{name}”能召回 {effect}%（{low}–{high}%）的此类已流失客户，且召回后购买如前：{value_days} 天毛利 {currency} {amount}；"
    "成本 {cost}。依据：{source}。",
)

DRIVES_AWAY = Text(
    " It changes the probability of leaving by {percent} % of itself.",
    "同时使流失概率相对变化 {percent}%。",
)

TOGETHER = Text("{first} Together with it: {second}", "{first}同时：{second}")

NOTHING_MORE = Text(
    "By the playbook's rule for customers to let go, nothing more is spent here; {currency} {amount} margin at stake over"
    " {value_days} days. Look again in {days} days{on}.",
    "按行动手册中“不再投入”的规则，对该客户不再投入；{value_days} 天内面临风险的毛利为 {currency} {amount}。{days} 天后{on}再评估。",
)
REVIEW_ON = Text(", on {day}", "（即 {day}）")

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
            if(isnan(stake), '–', money(stake)) AS stake, money(overdue) AS overdue, money(lost) AS lost,
            share(effect) AS effect, share(effect_low) AS effect_low, share(effect_high) AS effect_high
        FROM given
    ),
    filled AS (
        SELECT a.row, t.en, t.zh, a.probability, CASE t.kind WHEN 'overdue' THEN a.overdue WHEN 'win_back' THEN a.lost ELSE a.stake END AS amount, a.cost,
            money(t.fixed) AS fixed, effect, effect_low, effect_high
        FROM amounts AS a LEFT JOIN templates AS t USING (chosen)
    )
    SELECT CASE WHEN en IS NOT NULL THEN {
        'en': format(en, probability, amount, cost, fixed, effect, effect_low, effect_high),
        'zh': format(zh, probability, amount, cost, fixed, effect, effect_low, effect_high)
    } END AS assumption
    FROM filled ORDER BY row
"""


def assumption_sentences(
    chosen: NDArray[np.int64],
    amounts: Mapping[str, NDArray[np.float64]],
    playbook: Playbook,
    beliefs: Beliefs,
    currency: str,
    value_horizon_days: int,
    churn_horizon_days: int,
    as_of: datetime | None = None,
) -> list[dict[str, str] | None]:
    """For each customer {en, zh}: the assumption behind the expected profit, with the customer's own amounts.

    Parameters: ``chosen`` is the place of the recommended action in the playbook, `DO_NOTHING`, `LET_GO`, or anything lower
    for customers of whom nothing is said (None); ``amounts`` has one array for each of probability, stake, overdue, lost, cost,
    effect, effect_low, effect_high. ``as_of``: from when the days count after which somebody who is let go is looked at again.
    """
    templates = _templates(playbook, beliefs, currency, value_horizon_days, churn_horizon_days, as_of)
    given = pa.table({"row": np.arange(len(chosen)), "chosen": chosen, **amounts})
    if len(chosen) <= FEW_ROWS:
        made = _prepared(given.schema, templates.schema).ask(given=given, templates=templates)
        return [sentence for (sentence,) in made]
    with duckdb.connect() as connection:
        for macro in _MACROS:
            connection.execute(macro)
        connection.register("given", given)
        connection.register("templates", templates)
        return list(connection.sql(_SENTENCES).to_arrow_table()["assumption"].to_pylist())


_MACROS = (
    "CREATE TEMP MACRO percent(x) AS format(if(x BETWEEN 0.01 AND 0.99 OR x IN (0, 1), '{:.0f}', '{:.1f}'), 100 * x)",
    "CREATE TEMP MACRO money(x) AS format(if(abs(x) < 100 AND round(x, 2) <> round(x), '{:,.2f}', '{:,.0f}'), x)",
    "CREATE TEMP MACRO share(x) AS format('{:.3g}', 100 * x)",
)


@lru_cache(maxsize=4)
def _prepared(given: pa.Schema, templates: pa.Schema) -> Prepared:
    return Prepared(_SENTENCES, {"given": given, "templates": templates}, _MACROS)


def _templates(
    playbook: Playbook, beliefs: Beliefs, currency: str, value_days: int, churn_days: int, as_of: datetime | None
) -> pa.Table:
    """One row per action: its sentence with everything filled in but the customer's own amounts, {0} to {6}."""
    sources = tuple(beliefs[action.id].source for action in playbook.actions)
    day = None if as_of is None else as_of.date()
    return _templates_of(playbook.actions, sources, playbook.let_go, currency, value_days, churn_days, day)


@lru_cache(maxsize=16)
def _templates_of(
    actions: tuple[Action, ...],
    sources: tuple[Text, ...],
    let_go: LetGo | None,
    currency: str,
    value_days: int,
    churn_days: int,
    day: date | None,
) -> pa.Table:
    own = zip(actions, sources, strict=True)
    texts = [_template(action, source, currency, value_days, churn_days) for action, source in own]
    texts = [_nothing_more(let_go, currency, value_days, day), NOTHING_PAYS, *texts]
    return pa.table(
        {
            "chosen": [LET_GO, DO_NOTHING, *range(len(actions))],
            "en": [t.en for t in texts],
            "zh": [t.zh for t in texts],
            "fixed": [0.0, 0.0, *(a.cost for a in actions)],
            "kind": ["", "", *(a.effect.kind for a in actions)],
        }
    )


def _nothing_more(let_go: LetGo | None, currency: str, value_days: int, day: date | None) -> Text:
    days = let_go.review_after_days if let_go else 0
    on = REVIEW_ON.format(day=f"{day + timedelta(days=days):%Y-%m-%d}") if day else Text("", "")
    return NOTHING_MORE.format(currency=currency, amount="{1}", value_days=value_days, days=days, on=on)


_ASSUMES = {"churn": ASSUMES_CHURN, "overdue": ASSUMES_OVERDUE, "spend": ASSUMES_SPEND, "win_back": ASSUMES_WIN_BACK}


def _template(action: Action, source: Text, currency: str, value_days: int, churn_days: int) -> Text:
    cost = _WITH_DISCOUNT if action.cost_share_of_spend else _FIXED_COST
    text = _ASSUMES[action.effect.kind].format(
        name=_verbatim(action.name),
        source=_verbatim(Text(source.en.rstrip("."), source.zh.rstrip("。"))),
        effect="{4}",
        low="{5}",
        high="{6}",
        currency=currency,
        value_days=value_days,
        churn_days=churn_days,
        probability="{0}",
        amount="{1}",
        cost=cost.format(currency=currency, cost="{2}", fixed="{3}", share=_percent(action.cost_share_of_spend)),
    )
    if action.side_effect is None:
        return text
    beside = DRIVES_AWAY.format(percent=f"{-100 * action.side_effect.mean:+.3g}")
    return Text(text.en + beside.en, text.zh + beside.zh)


def _verbatim(text: Text) -> Text:
    """The text with its own braces kept as they are when the sentence is filled in."""
    return Text(*(t.replace("{", "{{").replace("}", "}}") for t in text))


def _percent(share: float) -> str:
    return f"{100 * share:.3g}"
