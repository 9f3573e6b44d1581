"""What is said of each finding: the true cause in sentences, and what to do."""

from typing import Any

import numpy as np
import pandas as pd

from features.text import LANGUAGES, Text
from serving.alerts.cases import FOUND
from serving.alerts.grading import Graded
from serving.alerts.kinds import RULES, Rule
from training.reason_groups import GROUPS
from training.reasons import told

MOST_REASONS = 2
_MEANINGS = frozenset(group.meaning for group in GROUPS)
"""What groups say where nothing in particular is known: no cause."""

RHYTHM = Text(
    "Silent for {silent} days; usually buys about every {usual:.0f} days. So broken within a year look {share} of the customers"
    " whose rhythm has not changed.",
    "已有 {silent} 天没有购买；通常约每 {usual:.0f} 天购买一次。节奏未变的客户中，一年内出现同样情形的约占 {share}。",
)
DECLINE = Text(
    "Spend has been declining{since}, with a probability of {share}.", "消费额{since}持续下降，概率 {share}。"
)
SINCE = Text(" since {day}", "自 {day} 起")
AHEAD = Text(
    "Nothing is overdue yet, but what is open will come late with a probability of {share}.",
    "目前尚未逾期，但未结金额逾期的概率为 {share}。",
)
RISK = Text("Leaves within {days} days with a probability of {share}.", "{days} 天内流失的概率为 {share}。")


def findings(measures: pd.DataFrame, graded: Graded, currency: str, retaining: frozenset[str]) -> pd.DataFrame:
    """One row (columns `FOUND`) for each customer and kind with a colour, with cause and proposal as {en, zh}.

    ``retaining`` are the actions of the playbook that keep customers: only these are proposed against leaving.
    """
    parts = [
        _of_kind(measures, graded, place, kind, currency, retaining)
        for place, kind in enumerate(graded.kinds)
        if (graded.ranks[:, place] > 0).any()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(FOUND), dtype="object")


def _of_kind(
    measures: pd.DataFrame, graded: Graded, place: int, kind: str, currency: str, retaining: frozenset[str]
) -> pd.DataFrame:
    rows = np.flatnonzero(graded.ranks[:, place] > 0)
    frame, rule = measures.iloc[rows], RULES[kind]
    records = frame.reset_index().to_dict("records")
    sentences = _told(rule, frame, currency)
    causes = [_joined([*_own(kind, record), *said]) for record, said in zip(records, sentences, strict=True)]
    found = pd.DataFrame(
        {
            "customer_id": frame.index.astype("object"),
            "kind": kind,
            "found_rank": graded.ranks[rows, place],
            "found_value": graded.values[rows, place],
            "customer_name": [record.get("customer_name") for record in records],
            "account_manager": [record.get("account_manager") for record in records],
        }
    )
    found["cause"] = pd.Series([cause._asdict() for cause in causes], dtype="object")
    found["proposal"] = pd.Series([_proposal(rule, record, retaining)._asdict() for record in records], dtype="object")
    return found


def _told(rule: Rule, frame: pd.DataFrame, currency: str) -> list[list[Text]]:
    """The sentences of the rule's groups, of each row."""
    plain = frame.reset_index(drop=True)
    numbers = plain[[name for name in plain if name in rule.features]].astype("float64")
    said = [told(name, numbers, currency) for name in rule.told]
    rows = [
        [Text(*(sentences[language][row] for language in LANGUAGES)) for sentences in said] for row in range(len(plain))
    ]
    return [[text for text in texts if text not in _MEANINGS] for texts in rows]


def _own(kind: str, row: dict[Any, Any]) -> list[Text]:
    """What a rule says itself before the sentences of its groups."""
    match kind:
        case "churn_risk":
            days = row.get("churn_horizon_days")
            raising = [reason for reason in _list(row.get("reasons")) if reason["direction"] == "raises"][:MOST_REASONS]
            return [
                RISK.format(days=days, share=_percent(row["churn_probability"])),
                *(Text(reason["en"], reason["zh"]) for reason in raising),
            ]
        case "broken_rhythm":
            share = _percent(row["rhythm_false_alarms"], 1)
            return [RHYTHM.format(silent=int(row["silent_days"]), usual=row["usual_gap_days"], share=share)]
        case "shrinking_value":
            since = row.get("trajectory_since")
            told_since = Text("", "") if since is None or pd.isna(since) else SINCE.format(day=f"{since:%Y-%m-%d}")
            return [DECLINE.format(since=told_since, share=_percent(row["decline_probability"]))]
        case "late_payment_ahead":
            return [AHEAD.format(share=_percent(row["late_ahead_probability"]))]
        case _:
            return []


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value)


def _percent(share: float, decimals: int = 0) -> str:
    """A share in per cent, never rounded to a certainty that it is not."""
    least = 10.0 ** -(decimals + 2)
    told = f"{share:.{decimals}%}"
    if share < least:
        return f"<{least:.{decimals}%}"
    return f">{1 - least:.{decimals}%}" if share < 1 and told == f"{1:.{decimals}%}" else told


def _joined(sentences: list[Text]) -> Text:
    return Text(" ".join(s.en for s in sentences), "".join(s.zh for s in sentences))


def _proposal(rule: Rule, row: dict[Any, Any], retaining: frozenset[str]) -> Text:
    """The recommendation of the playbook, or the response to the customer's debts, else the rule's own cure."""
    if rule.remedy == "recommended" and row.get("recommended_action") in retaining:
        named = _text_of(row.get("recommended_action_name"))
        return _joined([ENDED.format(what=named), rule.cure]) if named else rule.cure
    if rule.remedy == "credit" and row.get("credit_response") not in (None, "none"):
        named, step = _text_of(row.get("credit_response_name")), _text_of(row.get("dunning_step_name"))
        if named:
            return STEP.format(what=named, step=step) if step else ENDED.format(what=named)
    return rule.cure


ENDED = Text("{what}.", "{what}。")
STEP = Text("{what}: {step}.", "{what}：{step}。")


def _text_of(value: Any) -> Text | None:
    return Text(value["en"], value["zh"]) if isinstance(value, dict) and value.get("en") else None
