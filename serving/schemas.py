"""What Retinue says about a customer and about a run: the public contract of ``scores.parquet`` and of the API.

The order of the fields of ``Score`` is part of the contract; ``SCORES_SCHEMA`` spells the same fields as Arrow types.
Descriptions are in both languages, "English / 中文", because OpenAPI shows them to people.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

ChurnBand = Literal["low", "medium", "high"]

MAX_ID_LENGTH = 512
"""The longest customer id that can be published and looked up, in characters."""
MAX_LOOKUP = 1000
"""How many customers one look-up may ask for."""
MAX_PAGE = 500
"""How many customers one page of a list may hold."""

CustomerId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BilingualText(_Answer):
    """One sentence in both languages."""

    en: str = Field(description="In English / 英文")
    zh: str = Field(description="In simplified Chinese / 简体中文")


class Reason(_Answer):
    """Why the churn risk is what it is: one driver, the strongest first."""

    feature: str = Field(description="Name of the feature / 特征名")
    family: str = Field(description="Family of the feature, e.g. recency / 特征类别")
    direction: Literal["raises", "lowers"] = Field(description="What it does to the risk / 对流失风险的作用")
    weight: float = Field(description="Share in the log-odds of churn, signed / 对流失对数几率的贡献（带符号）")
    en: str = Field(description="The reason as a sentence in English / 英文说明")
    zh: str = Field(description="The reason as a sentence in simplified Chinese / 中文说明")


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
        "currency": "EUR",
        "recommended_action": "personal_call",
        "recommended_action_name": {"en": "Personal call", "zh": "电话回访"},
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


class Score(_Answer):
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
    value_horizon_days: int = Field(ge=1, description="Horizon of the value, days / 价值期限（天）")
    currency: str = Field(description="Currency of all money here, ISO 4217 / 货币代码")
    recommended_action: str | None = Field(
        description="Action of the playbook; no_action if none pays; null if risk or value at stake is not known"
        " / 推荐行动；no_action 即无需行动；风险或价值未知时为空"
    )
    recommended_action_name: BilingualText | None = Field(description="The action's name / 推荐行动的名称")
    why: BilingualText | None = Field(description="Why this customer needs a look, in one sentence / 关注该客户的原因")
    action_cost: float | None = Field(description="Cost of the action, currency / 行动成本（货币）")
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
    reasons: list[Reason] = Field(description="Drivers of the risk, strongest first / 风险成因，按强弱排列")
    abstained_because: BilingualText | None = Field(description="Why there is no score / 未评分的原因")
    model_version: str | None = Field(description="Version of the churn model / 流失模型版本")
    catalogue_hash: str = Field(description="Hash of the feature catalogue used / 特征目录的哈希值")


_TEXT = pa.struct([pa.field("en", pa.string()), pa.field("zh", pa.string())])

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
        pa.field("expected", _TEXT),
        pa.field("churn_band", pa.string()),
        pa.field("segment", pa.string()),
        pa.field("days_since_last_purchase", pa.float64()),
        pa.field("purchase_days_365d", pa.float64()),
        pa.field("spend_365d", pa.float64()),
        pa.field("overdue_balance", pa.float64()),
        pa.field("value_at_stake", pa.float64()),
        pa.field("value_horizon_days", pa.int64(), nullable=False),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("recommended_action", pa.string()),
        pa.field("recommended_action_name", _TEXT),
        pa.field("why", _TEXT),
        pa.field("action_cost", pa.float64()),
        pa.field("assumed_effect", pa.float64()),
        pa.field("assumed_effect_low", pa.float64()),
        pa.field("assumed_effect_high", pa.float64()),
        pa.field("expected_profit", pa.float64()),
        pa.field("expected_profit_low", pa.float64()),
        pa.field("expected_profit_high", pa.float64()),
        pa.field("assumption", _TEXT),
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
        pa.field("abstained_because", _TEXT),
        pa.field("model_version", pa.string()),
        pa.field("catalogue_hash", pa.string(), nullable=False),
    ]
)
"""The columns of ``scores.parquet``, one for each field of ``Score``, in the same order."""


class RunSummary(_Answer):
    """Counts and sums over all customers of a run."""

    customers: int = Field(description="Customers in the run / 客户数")
    abstained: int = Field(description="Customers without a churn probability / 未评分的客户数")
    leaving: BilingualText | None = Field(
        None, description="What the probabilities are probabilities of / 流失概率所指的结果"
    )
    by_segment: dict[str, int] = Field(description="Customers per segment / 各细分的客户数")
    by_churn_band: dict[str, int] = Field(description="Customers per churn band / 各风险等级的客户数")
    by_action: dict[str, int] = Field(description="Customers per recommended action / 各推荐行动的客户数")
    action_names: dict[str, BilingualText] = Field(description="Names of these actions / 行动名称")
    high_risk_value_at_stake: float | None = Field(
        description="Value at stake of customers in the high band, currency; null when no customer's value is known"
        " / 高风险客户的留存价值合计（货币）；没有任何客户的价值已知时为空"
    )
    expected_profit: float | None = Field(
        description="Expected profit of all recommended actions together, currency; null when nothing can be recommended"
        " / 全部推荐行动的预期利润合计（货币）；无法推荐行动时为空"
    )
    currency: str = Field(description="Currency of the sums, ISO 4217 / 货币代码")
    churn_horizon_days: int = Field(description="Horizon of the churn probability, days / 流失概率的期限（天）")
    value_horizon_days: int = Field(description="Horizon of the value at stake, days / 价值期限（天）")

    @property
    def knows_money(self) -> bool:
        """Whether customers can be ranked by money: not without orders, contract prices or overdue invoices."""
        return self.high_risk_value_at_stake is not None or bool(self.by_action)


class PublishedRun(_Answer):
    """The run of scores that is served now."""

    run_id: str = Field(description="The run / 批次编号")
    as_of: datetime = Field(description="The instant the scores speak for, UTC / 评分时点（UTC）")
    published_at: datetime = Field(description="When the run was published, UTC / 发布时间（UTC）")
    model_version: str | None = Field(description="Version of the churn model / 流失模型版本")
    model_metrics: dict[str, float | None] = Field(description="The model's measured quality / 模型质量指标")
    rows: int = Field(description="Customers in the run / 客户数")
    summary: RunSummary


class CustomerPage(_Answer):
    """One page of a ranked list of customers."""

    run_id: str = Field(description="The run the page comes from / 批次编号")
    as_of: datetime = Field(description="The instant the scores speak for, UTC / 评分时点（UTC）")
    customers: list[Score]
    next_cursor: str | None = Field(description="Give it as cursor to get the next page; null at the end / 下一页游标")


class Lookup(BaseModel):
    """Which customers to look up at once."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"customer_ids": ["C-1042", "C-7"]}]}
    )

    customer_ids: list[CustomerId] = Field(
        min_length=1, max_length=MAX_LOOKUP, description="Up to 1,000 customer ids / 至多 1,000 个客户编号"
    )


class LookupAnswer(_Answer):
    """The customers found, in the order asked, each once; and the ids that are not in the run."""

    customers: list[Score]
    not_found: list[str] = Field(description="Ids that are not in the run / 未找到的客户编号")


class Health(_Answer):
    """Whether the service runs, or can answer."""

    status: Literal["ok"] = Field(description="Always ok; otherwise a problem is returned / 正常")


class ProblemFinding(_Answer):
    """One thing that is wrong with a request."""

    where: str = Field(description="The parameter or field / 参数或字段")
    message: str = Field(description="What is wrong with it / 问题说明")


class Problem(BaseModel):
    """What went wrong with a request (RFC 9457), in the language of Accept-Language."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:retinue:problem:customer-not-found",
                    "title": "Customer not found",
                    "status": 404,
                    "detail": "There is no customer 'C-9' in the scores of 2026-03-31. Check the id.",
                }
            ]
        }
    )

    type: str = Field(description="The kind of problem / 问题类型")
    title: str = Field(description="Its name / 问题名称")
    status: int = Field(description="The HTTP status / HTTP 状态码")
    detail: str = Field(description="What happened and what to do next / 说明与建议")
    errors: list[ProblemFinding] | None = Field(None, description="Each fault of the request / 请求中的各项错误")
