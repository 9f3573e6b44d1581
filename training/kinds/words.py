"""How each kind of churn is put into words: who can be lost, and what leaving is."""

from dataclasses import dataclass

from features.project import ChurnSettings
from features.text import Text


@dataclass(frozen=True)
class Words:
    """``who`` are the customers who can be lost, ``outcome`` what happens to those who leave."""

    who: Text
    outcome: Text


WORDS: dict[str, Words] = {
    "silence": Words(
        Text("active customers", "活跃客户"),
        Text("no purchase for {horizon} days", "{horizon} 天内没有购买"),
    ),
    "decline": Words(
        Text("customers with a habit of buying", "有稳定购买习惯的客户"),
        Text("{horizon} days of spend below {share} of the own habit", "{horizon} 天的消费低于自身习惯的 {share}"),
    ),
    "contract": Words(
        Text("customers with a running contract", "有生效合同的客户"),
        Text("no running contract {horizon} days later", "{horizon} 天后没有生效的合同"),
    ),
    "panel": Words(
        Text("customers of the panel", "快照中的客户"),
        Text("the panel's label within {horizon} days", "{horizon} 天内快照标签所示的流失"),
    ),
}


def who_of(churn: ChurnSettings) -> Text:
    """The customers who can be lost."""
    return WORDS[churn.kind].who


def outcome_of(churn: ChurnSettings) -> Text:
    """What leaving is, with the project's own horizon and share."""
    return WORDS[churn.kind].outcome.format(horizon=churn.horizon_days, share=f"{churn.decline_share:.0%}")
