"""What Retinue says of a plan and of one customer's recommendations: the contract of ``plan.parquet`` and of the API.

Descriptions are in both languages, "English / 中文", because OpenAPI shows them to people.
"""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from serving.decisions.fields import Channel
from serving.score_schema import Alternative, Answer, BilingualText, CustomerId

_ITEM: dict[str, Any] = {
    "place": 1,
    "customer_id": "C-1042",
    "customer_name": "Lindqvist Instruments",
    "account_manager": "M. Okafor",
    "tier": "key",
    "churn_probability": 0.71,
    "value_at_stake": 5480.0,
    "overdue_balance": 1200.0,
    "why": {
        "en": "Usually buys every 31 days; now silent for 74 days.",
        "zh": "通常每 31 天购买一次；现已 74 天没有购买。",
    },
    "action": "personal_call",
    "action_name": {"en": "Personal call", "zh": "客户经理致电"},
    "channel": "phone",
    "team": "sales",
    "accompanying_action": None,
    "accompanying_action_name": None,
    "accompanying_channel": None,
    "accompanying_team": None,
    "minutes": 20.0,
    "action_cost": 15.0,
    "expected_profit": 296.0,
    "expected_profit_low": 60.0,
    "expected_profit_high": 608.0,
    "currency": "EUR",
}


class PlanItem(Answer):
    """One contact of the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_ITEM]})

    place: int = Field(ge=1, description="Place in the order of money, 1 first / 按收益排序的名次")
    customer_id: CustomerId = Field(description="The customer / 客户编号")
    customer_name: str | None = Field(description="Its name / 客户名称")
    account_manager: str | None = Field(description="Who looks after it / 客户经理")
    tier: str | None = Field(description="Tier / 客户等级")
    churn_probability: float | None = Field(description="Probability of leaving / 流失概率")
    value_at_stake: float | None = Field(description="Margin at stake, currency / 面临风险的毛利（货币）")
    overdue_balance: float | None = Field(description="Overdue money, currency / 逾期余额（货币）")
    why: BilingualText | None = Field(description="Why this customer needs a look / 关注该客户的原因")
    action: str = Field(description="What to do / 行动")
    action_name: BilingualText = Field(description="Its name / 行动名称")
    channel: Channel = Field(description="How / 渠道")
    team: str | None = Field(description="Who carries it out / 执行团队")
    accompanying_action: str | None = Field(description="What to do at the same time / 同时采取的行动")
    accompanying_action_name: BilingualText | None = Field(description="Its name / 其名称")
    accompanying_channel: Channel | None = Field(description="How / 其渠道")
    accompanying_team: str | None = Field(description="Who carries it out / 其执行团队")
    minutes: float = Field(ge=0, description="Time that it takes, minutes / 所需时间（分钟）")
    action_cost: float = Field(description="Cost, currency / 成本（货币）")
    expected_profit: float = Field(description="Expected profit, currency / 预期利润（货币）")
    expected_profit_low: float = Field(description="Lower end of that profit, currency / 预期利润下限（货币）")
    expected_profit_high: float = Field(description="Upper end of that profit, currency / 预期利润上限（货币）")
    currency: str = Field(description="Currency, ISO 4217 / 货币代码")


class PlanLimit(Answer):
    """One limit of the plan: how much of it is used, and what one more unit would be worth."""

    name: BilingualText = Field(description="What is limited / 限制")
    unit: BilingualText = Field(description="Its unit / 单位")
    used: float = Field(description="How much the plan uses / 已使用")
    at_most: float | None = Field(description="How much there is / 上限")
    at_least: float | None = Field(description="How much there must be / 下限")
    shadow_price: float = Field(
        description="Profit that one unit more would bring, currency / 多一个单位可带来的利润（货币）"
    )
    sentence: BilingualText = Field(description="The same in words / 文字说明")


class PlanSummary(Answer):
    """What the plan is, apart from its contacts."""

    plan_id: str = Field(description="Id of the plan / 计划编号")
    run_id: str = Field(description="The scores that it is made from / 所依据的评分批次")
    as_of: datetime = Field(description="The instant that the scores speak for / 评分时点")
    made_at: datetime = Field(description="When the plan was made / 计划生成时间")
    period_days: int = Field(ge=1, description="Days that it is for / 计划周期（天）")
    currency: str = Field(description="Currency, ISO 4217 / 货币代码")
    customers: int = Field(ge=0, description="Customers looked at / 评估的客户数")
    contacts: int = Field(ge=0, description="Customers to be contacted / 计划联系的客户数")
    controls: int = Field(ge=0, description="Customers left alone, for comparison / 对照组客户数")
    resting: int = Field(ge=0, description="Customers contacted too lately / 近期已联系、暂不打扰的客户数")
    expected_profit: float = Field(description="Of all contacts, currency / 全部联系的预期利润（货币）")
    expected_profit_low: float = Field(description="If every belief is at its low end / 所有假设取下限时")
    expected_profit_high: float = Field(description="If every belief is at its high end / 所有假设取上限时")
    most_possible_profit: float = Field(
        description="No plan within the limits can expect more / 限制内任何计划的预期利润上限"
    )
    limits: list[PlanLimit] = Field(description="What limits the plan / 计划的限制")


class PlanPage(Answer):
    """A part of the plan's contacts, in the order of money."""

    plan: PlanSummary = Field(description="The plan / 计划")
    contacts: list[PlanItem] = Field(description="Its contacts, the most profitable first / 联系名单，按收益排列")
    next_cursor: str | None = Field(description="Give as cursor for the next page / 下一页游标")


class Recommendations(Answer):
    """What to do about one customer, what else would fit, and what the plan holds for it."""

    customer_id: CustomerId = Field(description="The customer / 客户编号")
    as_of: datetime = Field(description="The instant that the score speaks for / 评分时点")
    recommended_action: str | None = Field(description="Action of the playbook; see the score / 推荐行动")
    recommended_action_name: BilingualText | None = Field(description="Its name / 推荐行动名称")
    accompanying_action: str | None = Field(description="Action that goes with it / 同时采取的行动")
    accompanying_action_name: BilingualText | None = Field(description="Its name / 其名称")
    why: BilingualText | None = Field(description="Why this customer needs a look / 关注该客户的原因")
    action_cost: float | None = Field(description="Cost of the actions, currency / 行动成本（货币）")
    expected_profit: float | None = Field(description="Expected profit, currency / 预期利润（货币）")
    expected_profit_low: float | None = Field(description="Lower end, currency / 预期利润下限（货币）")
    expected_profit_high: float | None = Field(description="Upper end, currency / 预期利润上限（货币）")
    currency: str = Field(description="Currency, ISO 4217 / 货币代码")
    assumption: BilingualText | None = Field(description="The assumption behind the profit / 预期利润所依据的假设")
    alternatives: list[Alternative] = Field(description="Other actions that fit / 其他适用的行动")
    planned: PlanItem | None = Field(
        description="Its contact in the current plan; null: none / 当前计划中的联系；空为无"
    )
