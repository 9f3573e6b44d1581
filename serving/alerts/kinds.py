"""What is warned of: a literal registry of rules. Each measures one thing about a customer; colours are by thresholds."""

from dataclasses import dataclass
from typing import Literal

from features.text import Text

Unit = Literal["share", "yearly_share", "days", "count", "points"]
Remedy = Literal["recommended", "credit", "own"]

COLOURS: dict[str, Text] = {
    "yellow": Text("Yellow", "黄色"),
    "orange": Text("Orange", "橙色"),
    "red": Text("Red", "红色"),
}
"""From the mildest to the gravest; the rank of a colour is its place, from 1."""
RANKS = {colour: rank for rank, colour in enumerate(COLOURS, 1)}

LEVELS: tuple[Text, ...] = (
    Text("Account manager", "客户经理"),
    Text("Team lead", "团队主管"),
    Text("Management", "管理层"),
)
"""Who looks at a case, by its level of escalation."""


TRENDS: dict[str, Text] = {
    "new": Text("new", "新增"),
    "worse": Text("worse", "恶化"),
    "better": Text("better", "好转"),
    "steady": Text("steady", "持平"),
}
TREND_SINCE = Text("{trend} since {day}", "{trend}（自 {day} 起）")


def trend_of(trend: str, day: "str | Text") -> Text:
    """How a case moves, and since when."""
    return TREND_SINCE.format(trend=TRENDS[trend], day=day)


@dataclass(frozen=True)
class Rule:
    """One kind of warning.

    ``measure``: the column that is graded; NaN: it cannot be judged. ``falls``: lower is worse. ``features``: columns of the
    snapshot that it needs. ``told``: groups of reasons (`training.reason_groups`) whose sentences give the cause; empty: the
    reasons of the score or a sentence of its own. ``remedy``: whose proposal counts first, the playbook's recommendation, the
    response to debts, or the rule's own; ``cure`` stands in where there is none.
    """

    name: Text
    measure: str
    unit: Unit
    cure: Text
    falls: bool = False
    features: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    remedy: Remedy = "recommended"


RULES: dict[str, Rule] = {
    "churn_risk": Rule(
        Text("Churn risk", "流失风险"), "churn_probability", "share",
        Text("Call the customer and ask what is missing.", "致电客户，了解未满足的需求。"),
    ),
    "broken_rhythm": Rule(
        Text("Own rhythm broken", "购买节奏中断"), "rhythm_false_alarms", "yearly_share",
        Text("Ask why no order came, before the customer is used to buying elsewhere.", "尽快询问未下单的原因，以免客户转向他处。"),
        falls=True,
    ),
    "shrinking_value": Rule(
        Text("Shrinking value", "价值下滑"), "decline_probability", "share",
        Text("Find out what is now bought elsewhere, and make an offer for it.", "了解客户转向他处购买的品类，并提供相应方案。"),
        features=("spend_90d_of_own", "spend_change_90d", "purchase_days_90d", "days_since_first_purchase"),
        told=("spend_change",),
    ),
    "overdue_payment": Rule(
        Text("Overdue payment", "逾期付款"), "overdue_days", "days",
        Text("Remind the customer of the overdue invoices.", "提醒客户支付逾期发票。"),
        features=("open_balance", "overdue_balance", "oldest_overdue_days"), told=("balance",), remedy="credit",
    ),
    "late_payment_ahead": Rule(
        Text("Late payment ahead", "即将逾期"), "late_ahead_probability", "share",
        Text("Ask before the due day whether the invoice is in order.", "在到期前确认发票无误并约定付款日。"),
        features=("days_late_mean_365d", "late_share_365d"), told=("lateness",), remedy="credit",
    ),
    "order_fulfilment": Rule(
        Text("Order fulfilment", "订单履行"), "late_delivery_share_180d", "share",
        Text("Name a delivery day that holds, and clear what makes deliveries late.", "给出可靠的交货日期，并排除延迟原因。"),
        features=("late_delivery_share_180d", "late_delivery_days_mean_180d", "late_waiting_lines"),
        told=("deliveries", "waiting_deliveries"), remedy="own",
    ),
    "open_complaint": Rule(
        Text("Open complaint", "未结投诉"), "complaint_waiting_days", "days",
        Text("Someone who can decide settles the oldest complaint and tells the customer.", "由有决定权的人员解决最早的投诉并回复客户。"),
        features=("complaints_90d", "complaints_180d", "complaints_365d", "complaints_open", "complaint_open_days_max"),
        told=("complaints",), remedy="own",
    ),
    "quality": Rule(
        Text("Quality", "质量问题"), "complaints_90d", "count",
        Text("Look for the common cause of the complaints, and tell the customer what changes.", "查明投诉的共同原因，并告知客户改进措施。"),
        features=("complaints_90d", "complaints_180d", "complaints_365d", "complaints_open", "complaint_open_days_max"),
        told=("complaints",), remedy="own",
    ),
    "falling_satisfaction": Rule(
        Text("Falling satisfaction", "满意度下降"), "survey_score_change", "points",
        Text("Visit the customer and go through the survey together.", "拜访客户，共同回顾调查结果。"),
        falls=True, features=("survey_score_last", "survey_score_change"), told=("surveys",), remedy="own",
    ),
}  # fmt: skip
"""By the name that thresholds, the API and the store use, in the order in which they are shown."""

FEATURES = tuple(dict.fromkeys(name for rule in RULES.values() for name in rule.features))
"""All columns of the snapshot that any rule needs."""
