"""What Retinue says about a run and answers to questions: the public contract of the API, beside that of a score.

Descriptions are in both languages, "English / 中文", because OpenAPI shows them to people.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.score_schema import Answer, BilingualText, CustomerId, Score
from training.models.population import MOVED

MAX_LOOKUP = 1000
"""How many customers one look-up may ask for."""
MAX_PAGE = 500
"""How many customers one page of a list may hold."""
_LIMIT = (
    "Above it there was a move: 0.25, or what one in a hundred exceeds by chance where customers are few"
    " / 超过即视为变化：0.25；客户较少时取随机波动的 99% 分位"
)


class FeatureDrift(Answer):
    """A feature whose values have moved since training."""

    feature: str = Field(description="The feature / 特征")
    index: float = Field(description="Population stability index / 群体稳定性指标（PSI）")
    limit: float = Field(MOVED, description=_LIMIT)


class PopulationDrift(Answer):
    """How far the customers at risk are from those that the model was learnt among: population stability indices."""

    customers_then: int = Field(description="Customers at risk when it was trained / 训练时的可流失客户数")
    customers_now: int = Field(description="Customers at risk in the run / 本批次的可流失客户数")
    churn_probability: float = Field(
        description="Index of the churn probability; above its limit another population / 流失概率的 PSI；高于界限视为不同群体"
    )
    churn_probability_limit: float = Field(MOVED, description=_LIMIT)
    moved: int = Field(description="Features above 0.25 and above chance / PSI 高于 0.25 且超出随机波动的特征数")
    moved_most: list[FeatureDrift] = Field(
        description="At most three of them, the furthest first / 其中变化最大者，至多三个"
    )

    @property
    def is_large(self) -> bool:
        """Whether people should look at it."""
        return self.moved > 0 or self.churn_probability > self.churn_probability_limit


class RunSummary(Answer):
    """Counts and sums over all customers of a run."""

    customers: int = Field(description="Customers in the run / 客户数")
    abstained: int = Field(description="Customers without a churn probability / 未评分的客户数")
    leaving: BilingualText | None = Field(
        None, description="What the probabilities are probabilities of / 流失概率所指的结果"
    )
    by_segment: dict[str, int] = Field(description="Customers per segment / 各细分的客户数")
    by_churn_band: dict[str, int] = Field(description="Customers per churn band / 各风险等级的客户数")
    by_tier: dict[str, int] = Field(default_factory=dict, description="Customers per tier / 各等级的客户数")
    tier_names: dict[str, BilingualText] = Field(default_factory=dict, description="Names of the tiers / 等级名称")
    by_lifecycle_stage: dict[str, int] = Field(
        default_factory=dict, description="Customers per stage of life / 各生命周期阶段的客户数"
    )
    by_trajectory: dict[str, int] = Field(
        default_factory=dict, description="Customers per course of spend / 各消费走势的客户数"
    )
    lifetime_value: float | None = Field(
        None,
        description="Expected discounted margin of all customers together, currency / 全部客户预期毛利折现值合计（货币）",
    )
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
    drift: PopulationDrift | None = Field(
        None,
        description="How far the customers moved since training; null: not known / 训练以来客户群体的变化；未知时为空",
    )
    churn_horizon_days: int = Field(description="Horizon of the churn probability, days / 流失概率的期限（天）")
    value_horizon_days: int = Field(description="Horizon of the value at stake, days / 价值期限（天）")

    @property
    def knows_money(self) -> bool:
        """Whether customers can be ranked by money: not without orders, contract prices or overdue invoices."""
        return self.high_risk_value_at_stake is not None or bool(self.by_action)


class PublishedRun(Answer):
    """The run of scores that is served now."""

    run_id: str = Field(description="The run / 批次编号")
    as_of: datetime = Field(description="The instant the scores speak for, UTC / 评分时点（UTC）")
    published_at: datetime = Field(description="When the run was published, UTC / 发布时间（UTC）")
    model_version: str | None = Field(description="Version of the churn model / 流失模型版本")
    model_metrics: dict[str, float | None] = Field(description="The model's measured quality / 模型质量指标")
    rows: int = Field(description="Customers in the run / 客户数")
    summary: RunSummary


class ScorePart(BaseModel):
    """Some fields of a score, or its texts in one language, as asked for."""

    model_config = ConfigDict(frozen=True, extra="allow")


class CustomerPage(Answer):
    """One page of a ranked list of customers."""

    run_id: str = Field(description="The run the page comes from / 批次编号")
    as_of: datetime = Field(description="The instant the scores speak for, UTC / 评分时点（UTC）")
    customers: list[Score | ScorePart]
    next_cursor: str | None = Field(description="Give it as cursor to get the next page; null at the end / 下一页游标")


class Lookup(BaseModel):
    """Which customers to look up at once."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"examples": [{"customer_ids": ["C-1042", "C-7"]}]}
    )

    customer_ids: list[CustomerId] = Field(
        min_length=1, max_length=MAX_LOOKUP, description="Up to 1,000 customer ids / 至多 1,000 个客户编号"
    )


class LookupAnswer(Answer):
    """The customers found, in the order asked, each once; and the ids that are not in the run."""

    customers: list[Score | ScorePart]
    not_found: list[str] = Field(description="Ids that are not in the run / 未找到的客户编号")


class Health(Answer):
    """Whether the service runs, or can answer."""

    status: Literal["ok"] = Field(description="Always ok; otherwise a problem is returned / 正常")


class RefusedVersion(Answer):
    """A version of the churn model that is to serve and does not hold."""

    version: str = Field(description="Its number / 版本号")
    role: Literal["champion", "challenger"] = Field(description="What it was to serve as / 角色")
    because: Literal["missing", "damaged", "unfit"] = Field(
        description="missing: not registered; damaged: its files do not hold; unfit: made for another project file, or other"
        " features / missing：未登记；damaged：文件损坏；unfit：与项目设置或特征不符"
    )
    reason: BilingualText = Field(description="The same in words / 文字说明")


class ModelsInService(Answer):
    """The versions of the churn model that answer requests for scores, in the process that was asked."""

    champion: str | None = Field(description="The version that answers; null: none yet / 应答的版本；空为尚无")
    challenger: str | None = Field(description="The version beside it, where one is wanted / 并行的挑战版本（如有）")
    refused: list[RefusedVersion] = Field(description="Versions that should serve and do not hold / 未能投入服务的版本")


class Readiness(Health):
    """What the service answers from."""

    run_id: str = Field(description="The run that is served / 当前批次编号")
    as_of: datetime = Field(description="The instant its scores speak for, UTC / 评分时点（UTC）")
    age_seconds: int = Field(ge=0, description="Seconds since then / 距该时点的秒数")
    is_stale: bool = Field(description="Whether that is longer than the project allows / 是否已过期")
    models: ModelsInService | None = Field(
        description="What answers POST /v1/score; null: this service has no project / 应答即时评分的模型"
    )


class ProblemFinding(Answer):
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
