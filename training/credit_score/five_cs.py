"""The five Cs of credit, and which facts speak for each.

A sign says what more of a fact does to the risk where the practice is sure of it: 1 raises it, -1 lowers it. A C without
a fact is named as missing and never filled in.
"""

from dataclasses import dataclass
from typing import Literal

from features.text import Text

Name = Literal["character", "capacity", "capital", "collateral", "conditions"]


@dataclass(frozen=True)
class C:
    """One of the five: its name, and the question that it answers."""

    name: Text
    asks: Text


FIVE_CS: dict[Name, C] = {
    "character": C(Text("Character", "品格"), Text("Does it keep its word?", "是否守信？")),
    "capacity": C(Text("Capacity", "能力"), Text("Can it pay out of its business?", "经营所得能否偿付？")),
    "capital": C(Text("Capital", "资本"), Text("What does it own, and what does it owe?", "资产与负债如何？")),
    "collateral": C(Text("Collateral", "抵押"), Text("What secures what it owes us?", "欠款有何担保？")),
    "conditions": C(
        Text("Conditions", "条件"), Text("On which terms does it buy, and how are times?", "以何种条件交易，环境如何？")
    ),
}


@dataclass(frozen=True)
class Fact:
    """A feature that speaks for a C."""

    feature: str
    c: Name
    sign: Literal[-1, 0, 1]


FACTS: tuple[Fact, ...] = (
    Fact("days_late_mean_365d", "character", 1),
    Fact("days_late_mean_90d", "character", 1),
    Fact("days_late_change", "character", 0),
    Fact("days_late_worst_365d", "character", 1),
    Fact("late_share_365d", "character", 1),
    Fact("late_amount_share_365d", "character", 1),
    Fact("disputed_share_365d", "character", 0),
    Fact("days_since_first_purchase", "character", -1),
    Fact("overdue_of_open_share", "capacity", 1),
    Fact("overdue_over_90d_of_open_share", "capacity", 1),
    Fact("oldest_overdue_days", "capacity", 1),
    Fact("dso_90d", "capacity", 0),
    Fact("current_gap_log_z", "capacity", 0),
    Fact("purchase_days_change_90d", "capacity", 0),
    Fact("spend_change_90d", "capacity", 0),
    Fact("quick_ratio", "capacity", -1),
    Fact("net_income_share", "capacity", -1),
    Fact("receivables_turned_over", "capacity", -1),
    Fact("inventory_turned_over", "capacity", -1),
    Fact("debt_to_net_worth", "capital", 1),
    Fact("gross_margin_share", "capital", -1),
    Fact("return_on_assets", "capital", -1),
    Fact("credit_used_share", "conditions", 1),
    Fact("credit_limit_change_365d", "conditions", 0),
    Fact("terms_days_mean_365d", "conditions", 0),
    Fact("complaints_open", "conditions", 0),
    Fact("late_delivery_share_180d", "conditions", 0),
)

BY_FEATURE: dict[str, Fact] = {fact.feature: fact for fact in FACTS}
SIGNS: dict[str, int] = {fact.feature: fact.sign for fact in FACTS}
