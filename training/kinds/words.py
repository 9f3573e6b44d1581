"""How each kind of churn is put into words: who can be lost, and what leaving is."""

from dataclasses import dataclass

from features.project import ChurnSettings
from features.text import Text


@dataclass(frozen=True)
class Words:
    """``who`` are the customers who can be lost, ``outcome`` what happens to those who leave.

    ``population`` says precisely who they are, ``strangers`` who they are not; they ``may`` do what leaving is.
    """

    who: Text
    outcome: Text
    population: Text
    strangers: Text
    may: Text


WORDS: dict[str, Words] = {
    "silence": Words(
        Text("active customers", "活跃客户"),
        Text("no purchase for {horizon} days", "{horizon} 天内没有购买"),
        Text("customers who bought within the last {active} days", "最近 {active} 天内有过购买的客户"),
        Text(
            "customers who have not bought within the last {active} days, or never",
            "最近 {active} 天内没有购买、或从未购买的客户",
        ),
        Text("fall silent", "沉默"),
    ),
    "decline": Words(
        Text("customers with a habit of buying", "有稳定购买习惯的客户"),
        Text("{horizon} days of spend below {share} of the own habit", "{horizon} 天的消费低于自身习惯的 {share}"),
        Text(
            "customers who bought within the last {active} days, and for the first time at least {horizon} days ago",
            "最近 {active} 天内有过购买、且首次购买已满 {horizon} 天的客户",
        ),
        Text(
            "customers who have not bought within the last {active} days, or who are new",
            "最近 {active} 天内没有购买的客户，以及新客户",
        ),
        Text("buy less", "减少购买"),
    ),
    "contract": Words(
        Text("customers with a running contract", "有生效合同的客户"),
        Text("no running contract {horizon} days later", "{horizon} 天后没有生效的合同"),
        Text("customers with a running contract", "有生效合同的客户"),
        Text("customers without a running contract", "没有生效合同的客户"),
        Text("end their contract", "终止合同"),
    ),
    "panel": Words(
        Text("customers of the panel", "快照中的客户"),
        Text("what the panel's label marks, within {horizon} days", "{horizon} 天内出现快照标签所标记的结果"),
        Text("customers such as those of the panel", "与快照中同类的客户"),
        Text(
            "customers unlike those of the panel: of another market, another product, another time",
            "与快照不同类的客户（其他市场、其他产品、其他时期）",
        ),
        Text("leave", "流失"),
    ),
}


def who_of(churn: ChurnSettings) -> Text:
    """The customers who can be lost."""
    return WORDS[churn.kind].who


def outcome_of(churn: ChurnSettings) -> Text:
    """What leaving is, with the project's own horizon and share."""
    return _filled(WORDS[churn.kind].outcome, churn)


def population_of(churn: ChurnSettings) -> Text:
    """Precisely who can be lost."""
    return _filled(WORDS[churn.kind].population, churn)


def strangers_of(churn: ChurnSettings) -> Text:
    """Those of whom nothing is learnt."""
    return _filled(WORDS[churn.kind].strangers, churn)


def _filled(text: Text, churn: ChurnSettings) -> Text:
    return text.format(horizon=churn.horizon_days, active=churn.active_within_days, share=f"{churn.decline_share:.0%}")
