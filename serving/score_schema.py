"""What Retinue says about a customer: the public contract of ``scores.parquet`` and of the API.

The order of the fields of ``Score`` is part of the contract; ``SCORES_SCHEMA`` spells the same fields as Arrow types.
Descriptions are in both languages, "English / 中文", because OpenAPI shows them to people.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

ChurnBand = Literal["low", "medium", "high"]
TierCode = Literal["strategic", "key", "general", "potential"]
StageCode = Literal["prospect", "development", "growth", "maturity", "termination"]
TrajectoryCode = Literal["rising", "peak", "stable", "declining"]

MAX_ID_LENGTH = 512
"""The longest customer id that can be published and looked up, in characters."""

CustomerId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Answer(BaseModel):
    """A part of an answer; nothing else may stand in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BilingualText(Answer):
    """One sentence in both languages."""

    en: str = Field(description="In English / 英文")
    zh: str = Field(description="In simplified Chinese / 简体中文")


class Reason(Answer):
    """Why the churn risk is what it is: one driver, the strongest first."""

    feature: str = Field(description="Name of the feature / 特征名")
    family: str = Field(description="Family of the feature, e.g. recency / 特征类别")
    direction: Literal["raises", "lowers"] = Field(description="What it does to the risk / 对流失风险的作用")
    weight: float = Field(description="Share in the log-odds of churn, signed / 对流失对数几率的贡献（带符号）")
    en: str = Field(description="The reason as a sentence in English / 英文说明")
    zh: str = Field(description="The reason as a sentence in simplified Chinese / 中文说明")


class Alternative(Answer):
    """Another action that fits the customer, and what it is expected to earn by itself."""

    action: str = Field(description="Action of the playbook / 行动手册中的行动")
    name: BilingualText = Field(description="The action's name / 行动名称")
    action_cost: float = Field(description="Cost of the action, currency / 行动成本（货币）")
    expected_profit: float = Field(description="Expected profit, currency / 预期利润（货币）")
    expected_profit_low: float = Field(description="Lower end of that profit, currency / 预期利润下限（货币）")
    expected_profit_high: float = Field(description="Upper end of that profit, currency / 预期利润上限（货币）")


def _example() -> dict[str, Any]:
    return {
        "customer_id": "C-1042",
        "customer_name": "Lindqvist Instruments",
        "account_manager": "M. Okafor",
        "as_of": "2026-03-31T00:00:00Z",
        "churn_probability": 0.71,
        "churn_probability_low": 0.62,
        "churn_probability_high": 0.79,
        "churn_horizon_days": 90,
        "expected_days": 68.0,
        "expected_days_low": 9.0,
        "expected_days_high": None,
        "expected": {
            "en": "Expected to order again in about 68 days (80 %: from 9 days to beyond the 180 days that can be seen).",
            "zh": "预计约 68 天后再次下单（80% 区间：9 天至可预见的 180 天以后）。",
        },
        "churn_band": "high",
        "segment": "at_risk",
        "days_since_last_purchase": 74.0,
        "purchase_days_365d": 11.0,
        "spend_365d": 18250.4,
        "overdue_balance": 1200.0,
        "value_at_stake": 5480.0,
        "value_horizon_days": 365,
        "expected_purchases": 7.4,
        "expected_purchases_low": 2.0,
        "expected_purchases_high": 13.0,
        "expected_revenue": 12280.0,
        "expected_revenue_low": 3010.0,
        "expected_revenue_high": 22900.0,
        "lifetime_value": 3510.0,
        "lifetime_value_low": 860.0,
        "lifetime_value_high": 6540.0,
        "lifetime_value_net": 3390.0,
        "value_score": 71.5,
        "share_of_customer": 0.4,
        "tier": "key",
        "tier_name": {"en": "Key", "zh": "重点客户"},
        "lifecycle_stage": "maturity",
        "trajectory": "declining",
        "trajectory_probability": 0.83,
        "trajectory_since": "2025-12-01",
        "loyalty_index": 58.0,
        "cluster": 2,
        "cluster_name": {"en": "Buy often, small orders", "zh": "购买频繁、单笔较小"},
        "credit_class": "B",
        "credit_score": 61.0,
        "credit_probability": 0.04,
        "late_probability": 0.35,
        "credit_response": "none",
        "credit_response_name": {"en": "Nothing to do", "zh": "无需处理"},
        "currency": "EUR",
        "recommended_action": "personal_call",
        "recommended_action_name": {"en": "Personal call", "zh": "电话回访"},
        "accompanying_action": None,
        "accompanying_action_name": None,
        "why": {
            "en": "Usually buys every 31 days; now silent for 74 days.",
            "zh": "通常每 31 天购买一次；现已 74 天没有购买。",
        },
        "action_cost": 25.0,
        "assumed_effect": 0.1,
        "assumed_effect_low": 0.05,
        "assumed_effect_high": 0.15,
        "expected_profit": 364.1,
        "expected_profit_low": 169.5,
        "expected_profit_high": 558.6,
        "assumption": {
            "en": "Assumes that a personal call keeps 10 of 100 customers who would otherwise leave.",
            "zh": "假设电话回访能留住每 100 位本会流失客户中的 10 位。",
        },
        "alternatives": [
            {
                "action": "visit",
                "name": {"en": "Visit", "zh": "上门拜访"},
                "action_cost": 180.0,
                "expected_profit": 210.0,
                "expected_profit_low": -20.0,
                "expected_profit_high": 480.0,
            }
        ],
        "reasons": [
            {
                "feature": "days_since_last_purchase",
                "family": "recency",
                "direction": "raises",
                "weight": 0.84,
                "en": "The last order was 74 days ago; this customer usually orders every 31 days.",
                "zh": "上次下单已过去 74 天，而该客户通常每 31 天下单一次。",
            }
        ],
        "abstained_because": None,
        "model_version": "3",
        "catalogue_hash": "9f2c61d0",
    }


class Score(Answer):
    """One customer at ``as_of``: churn risk, segment, money at stake, recommended action, and the reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_example()]})

    customer_id: CustomerId = Field(description="The customer / 客户编号")
    customer_name: str | None = Field(description="Name, if the facts have one / 客户名称（如有）")
    account_manager: str | None = Field(description="Who looks after the customer / 客户经理（如有）")
    as_of: datetime = Field(
        description="The instant the score speaks for, UTC: it uses only facts known before / 评分时点（UTC）"
    )
    churn_probability: Probability | None = Field(
        description="Probability of leaving within the horizon, 0 to 1, as the run's leaving says; null when abstained"
        " / 在期限内流失的概率（0–1），流失的含义见批次的 leaving"
    )
    churn_probability_low: Probability | None = Field(description="Lower end of its 95 % interval / 95% 区间下限")
    churn_probability_high: Probability | None = Field(description="Upper end of its 95 % interval / 95% 区间上限")
    churn_horizon_days: int = Field(ge=1, description="Horizon of the probability, days / 流失概率的期限（天）")
    expected_days: float | None = Field(
        description="Median days to the next purchase, or to the end of the contract; null: beyond what can be seen"
        " / 距下次购买（或合同终止）天数的中位数；超出可预见范围时为空"
    )
    expected_days_low: float | None = Field(description="Lower end of its 80 % interval, days / 80% 区间下限（天）")
    expected_days_high: float | None = Field(description="Upper end of its 80 % interval, days / 80% 区间上限（天）")
    expected: BilingualText | None = Field(description="The same as a sentence / 上述时间的文字说明")
    churn_band: ChurnBand | None = Field(description="The probability as a band / 流失风险等级")
    segment: str | None = Field(
        description="RFM segment, e.g. at_risk; null without orders / RFM 客户细分；没有订单时为空"
    )
    days_since_last_purchase: float | None = Field(
        description="Days from the last purchase to as_of / 距上次购买的天数"
    )
    purchase_days_365d: float | None = Field(description="Days with a purchase in the last 365 / 近 365 天的购买天数")
    spend_365d: float | None = Field(description="Spend in the last 365 days, currency / 近 365 天消费额（货币）")
    overdue_balance: float | None = Field(description="Unpaid after its due date, currency / 逾期未付余额（货币）")
    value_at_stake: float | None = Field(
        description="Margin over the value horizon if the customer stays, currency; null without orders or contract prices"
        " / 留存客户在价值期限内的毛利（货币）；没有订单或合同价格时为空"
    )
    value_horizon_days: int = Field(
        ge=1, description="Horizon of the value and of all that is expected, days / 价值与预期的期限（天）"
    )
    expected_purchases: float | None = Field(
        None,
        ge=0,
        description="Expected days with a purchase within value_horizon_days; null: never bought, or too little is known"
        " / 价值期限内预期的购买天数；从未购买或信息不足时为空",
    )
    expected_purchases_low: float | None = Field(
        None, ge=0, description="Lower end of its 90 % interval / 90% 区间下限"
    )
    expected_purchases_high: float | None = Field(
        None, ge=0, description="Upper end of its 90 % interval / 90% 区间上限"
    )
    expected_revenue: float | None = Field(
        None, description="Expected revenue within value_horizon_days, currency / 价值期限内的预期收入（货币）"
    )
    expected_revenue_low: float | None = Field(None, description="Lower end of its 90 % interval / 90% 区间下限")
    expected_revenue_high: float | None = Field(None, description="Upper end of its 90 % interval / 90% 区间上限")
    lifetime_value: float | None = Field(
        None,
        description="Expected discounted margin within value_horizon_days, currency; negative: costs more than it brings"
        " / 价值期限内预期毛利的折现值（货币）；为负表示得不偿失",
    )
    lifetime_value_low: float | None = Field(None, description="Lower end of its 90 % interval / 90% 区间下限")
    lifetime_value_high: float | None = Field(None, description="Upper end of its 90 % interval / 90% 区间上限")
    lifetime_value_net: float | None = Field(
        None,
        description="The same less expected credit loss, service and collection, at [value.costs], currency"
        " / 扣除预期坏账、服务与催收成本后的终身价值（货币）",
    )
    value_score: float | None = Field(
        None, ge=0, le=100, description="Value score, 0 to 100; retinue value gives its breakdown / 价值评分（0–100）"
    )
    share_of_customer: Probability | None = Field(
        None, description="Our share of what the customer buys, or its breadth as a proxy, 0 to 1 / 客户份额（0–1）"
    )
    tier: TierCode | None = Field(None, description="Tier; null without orders / 客户等级；没有订单时为空")
    tier_name: BilingualText | None = Field(None, description="What the company calls the tier / 等级名称")
    lifecycle_stage: StageCode | None = Field(None, description="Stage of the customer's life / 客户生命周期阶段")
    trajectory: TrajectoryCode | None = Field(
        None, description="Where the customer's spend is heading; null: too little is known / 消费走势；信息不足时为空"
    )
    trajectory_probability: Probability | None = Field(None, description="Probability of that course / 该走势的概率")
    trajectory_since: date | None = Field(None, description="The day from which it changed / 转折日期")
    loyalty_index: float | None = Field(
        None,
        ge=0,
        le=100,
        description="Loyalty, 0 to 100; 50: the middle of the customers / 忠诚度指数（0–100，50 为中位）",
    )
    cluster: int | None = Field(None, ge=1, description="Number of the group of customers who act alike / 行为群组编号")
    cluster_name: BilingualText | None = Field(None, description="The group's name / 行为群组名称")
    credit_class: Literal["A", "B", "C", "D", "E"] | None = Field(
        None, description="Credit class, A best; null without invoices / 信用等级（A 最好）；没有发票时为空"
    )
    credit_score: float | None = Field(None, ge=0, le=100, description="Credit score, 0 to 100 / 信用评分（0–100）")
    credit_probability: Probability | None = Field(
        None, description="Probability of growing overdue, see its receivables / 逾期概率，详见应收账款"
    )
    late_probability: Probability | None = Field(
        None,
        description="Probability that what is open is paid late, weighted by amount / 未结金额逾期的概率（按金额加权）",
    )
    credit_response: str | None = Field(None, description="How to answer its debts / 应收账款处理方式")
    credit_response_name: BilingualText | None = Field(None, description="The same in words / 处理方式名称")
    currency: str = Field(description="Currency of all money here, ISO 4217 / 货币代码")
    recommended_action: str | None = Field(
        description="Action of the playbook; no_action if none pays; null if risk or value at stake is not known"
        " / 推荐行动；no_action 即无需行动；风险或价值未知时为空"
    )
    recommended_action_name: BilingualText | None = Field(description="The action's name / 推荐行动的名称")
    accompanying_action: str | None = Field(
        None,
        description="Action that goes with it: one about the relation, one about overdue money / 同时采取的另一行动",
    )
    accompanying_action_name: BilingualText | None = Field(None, description="Its name / 另一行动的名称")
    why: BilingualText | None = Field(description="Why this customer needs a look, in one sentence / 关注该客户的原因")
    action_cost: float | None = Field(description="Cost of the actions, currency / 行动成本合计（货币）")
    assumed_effect: float | None = Field(
        description="Share of customers about to leave whom the action keeps, 0 to 1 / 假设的挽留比例（0–1）"
    )
    assumed_effect_low: float | None = Field(description="Lower end of that share / 假设挽留比例下限")
    assumed_effect_high: float | None = Field(description="Upper end of that share / 假设挽留比例上限")
    expected_profit: float | None = Field(
        description="Expected profit of the action, currency / 行动的预期利润（货币）"
    )
    expected_profit_low: float | None = Field(description="Lower end of that profit, currency / 预期利润下限（货币）")
    expected_profit_high: float | None = Field(description="Upper end of that profit, currency / 预期利润上限（货币）")
    assumption: BilingualText | None = Field(description="The assumption behind the profit / 预期利润所依据的假设")
    alternatives: list[Alternative] = Field(
        [], description="Other actions that fit, the most profitable first / 其他适用的行动，按预期利润排列"
    )
    reasons: list[Reason] = Field(description="Drivers of the risk, strongest first / 风险成因，按强弱排列")
    abstained_because: BilingualText | None = Field(description="Why there is no score / 未评分的原因")
    model_version: str | None = Field(description="Version of the churn model / 流失模型版本")
    catalogue_hash: str = Field(description="Hash of the feature catalogue used / 特征目录的哈希值")


TEXT = pa.struct([pa.field("en", pa.string()), pa.field("zh", pa.string())])

ALTERNATIVES = pa.list_(
    pa.struct(
        [
            pa.field("action", pa.string()),
            pa.field("name", TEXT),
            pa.field("action_cost", pa.float64()),
            pa.field("expected_profit", pa.float64()),
            pa.field("expected_profit_low", pa.float64()),
            pa.field("expected_profit_high", pa.float64()),
        ]
    )
)

SCORES_SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("customer_name", pa.string()),
        pa.field("account_manager", pa.string()),
        pa.field("as_of", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("churn_probability", pa.float64()),
        pa.field("churn_probability_low", pa.float64()),
        pa.field("churn_probability_high", pa.float64()),
        pa.field("churn_horizon_days", pa.int64(), nullable=False),
        pa.field("expected_days", pa.float64()),
        pa.field("expected_days_low", pa.float64()),
        pa.field("expected_days_high", pa.float64()),
        pa.field("expected", TEXT),
        pa.field("churn_band", pa.string()),
        pa.field("segment", pa.string()),
        pa.field("days_since_last_purchase", pa.float64()),
        pa.field("purchase_days_365d", pa.float64()),
        pa.field("spend_365d", pa.float64()),
        pa.field("overdue_balance", pa.float64()),
        pa.field("value_at_stake", pa.float64()),
        pa.field("value_horizon_days", pa.int64(), nullable=False),
        pa.field("expected_purchases", pa.float64()),
        pa.field("expected_purchases_low", pa.float64()),
        pa.field("expected_purchases_high", pa.float64()),
        pa.field("expected_revenue", pa.float64()),
        pa.field("expected_revenue_low", pa.float64()),
        pa.field("expected_revenue_high", pa.float64()),
        pa.field("lifetime_value", pa.float64()),
        pa.field("lifetime_value_low", pa.float64()),
        pa.field("lifetime_value_high", pa.float64()),
        pa.field("lifetime_value_net", pa.float64()),
        pa.field("value_score", pa.float64()),
        pa.field("share_of_customer", pa.float64()),
        pa.field("tier", pa.string()),
        pa.field("tier_name", TEXT),
        pa.field("lifecycle_stage", pa.string()),
        pa.field("trajectory", pa.string()),
        pa.field("trajectory_probability", pa.float64()),
        pa.field("trajectory_since", pa.date32()),
        pa.field("loyalty_index", pa.float64()),
        pa.field("cluster", pa.int64()),
        pa.field("cluster_name", TEXT),
        pa.field("credit_class", pa.string()),
        pa.field("credit_score", pa.float64()),
        pa.field("credit_probability", pa.float64()),
        pa.field("late_probability", pa.float64()),
        pa.field("credit_response", pa.string()),
        pa.field("credit_response_name", TEXT),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("recommended_action", pa.string()),
        pa.field("recommended_action_name", TEXT),
        pa.field("accompanying_action", pa.string()),
        pa.field("accompanying_action_name", TEXT),
        pa.field("why", TEXT),
        pa.field("action_cost", pa.float64()),
        pa.field("assumed_effect", pa.float64()),
        pa.field("assumed_effect_low", pa.float64()),
        pa.field("assumed_effect_high", pa.float64()),
        pa.field("expected_profit", pa.float64()),
        pa.field("expected_profit_low", pa.float64()),
        pa.field("expected_profit_high", pa.float64()),
        pa.field("assumption", TEXT),
        pa.field("alternatives", ALTERNATIVES, nullable=False),
        pa.field(
            "reasons",
            pa.list_(
                pa.struct(
                    [
                        pa.field("feature", pa.string()),
                        pa.field("family", pa.string()),
                        pa.field("direction", pa.string()),
                        pa.field("weight", pa.float64()),
                        pa.field("en", pa.string()),
                        pa.field("zh", pa.string()),
                    ]
                )
            ),
            nullable=False,
        ),
        pa.field("abstained_because", TEXT),
        pa.field("model_version", pa.string()),
        pa.field("catalogue_hash", pa.string(), nullable=False),
    ]
)
"""The columns of ``scores.parquet``, one for each field of ``Score``, in the same order."""
