"""What may be asked of ``POST /v1/score``, and what it answers: the contract of scores on request."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from serving.action_schemas import Instant
from serving.score_schema import Answer, BilingualText, ChurnBand, CustomerId, Probability, Reason, Score

MOST_ROWS = 1000
"""How many rows of features one request may hold."""
MOST_QUESTIONS = 20
MOST_FACTS = 20_000
"""How many rows all tables of a request may hold together."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Value = Number | Annotated[str, Field(strict=True, max_length=1000)] | None
Cell = Annotated[bool, Field(strict=True)] | Value
FeatureRow = Annotated[dict[str, Value], Field(max_length=2000)]
Wish = Annotated[
    bool,
    Field(
        strict=True,
        description="Also tell the reasons; takes about a tenth of a second more / 同时给出原因（约多用 0.1 秒）",
    ),
]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FeaturesAsked(_Request):
    """Rows of features: the shortest way, for those who compute the features themselves."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"features": [{"days_since_last_purchase": 74, "purchase_days_total": 11}], "reasons": True}]
        }
    )

    features: list[FeatureRow] = Field(
        min_length=1,
        max_length=MOST_ROWS,
        description="Up to 1,000 rows of numbers by name of the feature; one that is left out or null is missing."
        " Attributes of a panel may be texts / 至多 1,000 行特征；缺省或 null 表示缺失",
    )
    customer_ids: list[CustomerId] | None = Field(
        None, max_length=MOST_ROWS, description="Whose rows these are, in their order / 各行的客户编号"
    )
    reasons: Wish = False


class WhatIfAsked(BaseModel):
    """Named questions with their numbers, such as ``pays_in_days``; or an action of the playbook, alone."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Number]

    action: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None,
        description="Id of an action of the playbook: its effect is told, beside before / 行动手册中的行动编号：返回其预期效果",
    )

    @property
    def numbers(self) -> dict[str, float]:
        """The questions that have numbers."""
        return self.__pydantic_extra__

    @model_validator(mode="after")
    def _few(self) -> Self:
        if len(self.numbers) > MOST_QUESTIONS:
            raise PydanticCustomError("too_long", "too many questions", {"max_length": MOST_QUESTIONS})
        return self


class CustomerAsked(_Request):
    """A customer of the run that is served, as it is and as it would be: what if."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"customer_id": "C-1042", "what_if": {"pays_in_days": 60}}]}
    )

    customer_id: CustomerId
    change: FeatureRow = Field({}, description="Features that would be otherwise / 假设改变的特征")
    what_if: WhatIfAsked = Field(
        WhatIfAsked(),
        description="Named changes, such as pays_in_days or discount_share, or an action / 命名的假设或行动",
    )
    reasons: Wish = False


def _rows(facts: dict[str, list[dict[str, Cell]]]) -> dict[str, list[dict[str, Cell]]]:
    if sum(map(len, facts.values())) > MOST_FACTS:
        raise PydanticCustomError("too_long", "too many rows", {"max_length": MOST_FACTS})
    return facts


class FactsAsked(_Request):
    """Facts of single customers: features are computed of them as in a batch, which takes a few tenths of a second."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "facts": {
                        "orders": [{"customer_id": "new", "ordered_at": "2026-06-20T10:00:00Z", "amount": 120.5}]
                    },
                    "as_of": "2026-07-01T00:00:00Z",
                }
            ]
        }
    )

    facts: Annotated[dict[str, list[dict[str, Cell]]], AfterValidator(_rows)] = Field(
        min_length=1,
        max_length=20,
        description="Rows by table, in the contracts' columns; up to 20,000 together / 按表给出的记录（合同列名），合计至多 20,000 行",
    )
    as_of: Instant = Field(description="The instant to score at: facts known before count / 评分时点")
    reasons: Wish = False


class Risk(Answer):
    """The risk of one row of features."""

    customer_id: str | None = Field(description="Whose row it is, if it was told / 客户编号（如有）")
    churn_probability: Probability | None = Field(description="Probability of leaving; null when abstained / 流失概率")
    churn_probability_low: Probability | None = Field(description="Lower end of its 95 % interval / 95% 区间下限")
    churn_probability_high: Probability | None = Field(description="Upper end of its 95 % interval / 95% 区间上限")
    churn_band: ChurnBand | None = Field(description="The probability as a band / 流失风险等级")
    abstained_because: BilingualText | None = Field(description="Why there is no probability / 未评分的原因")
    reasons: list[Reason] = Field(description="Drivers of the risk, where asked for / 风险成因（按需给出）")
    model_version: str = Field(description="Version that answered / 应答的模型版本")


class ActionEffect(Answer):
    """What an action of the playbook does to the churn probability, as it is believed or was learnt; not what a model says."""

    action: str = Field(description="The action / 行动编号")
    action_name: BilingualText = Field(description="Its name / 行动名称")
    share: float = Field(
        description="Share of the churn probability that it takes away; below 0: it drives away / 行动降低流失概率的比例；为负表示促使流失"
    )
    share_low: float = Field(description="Lower end of the range that holds 90 % of the belief / 90% 范围下限")
    share_high: float = Field(description="Upper end of that range / 90% 范围上限")
    churn_probability: Probability | None = Field(
        description="What is left of the probability in before; null without one / 行动后的流失概率；未评分时为空"
    )
    churn_probability_low: Probability | None = Field(description="The same at share_high / 按比例上限")
    churn_probability_high: Probability | None = Field(description="The same at share_low / 按比例下限")
    source: BilingualText = Field(
        description="Where that is from: an assumption, or what was measured / 依据：假设或实测"
    )


class ScoreAnswer(Answer):
    """Scores on request. Rows of features get a risk each; customers and facts a whole score, as in a batch."""

    as_of: datetime | None = Field(
        description="The instant the scores speak for; null for features, which the caller computed / 评分时点；按特征评分时为空"
    )
    churn_horizon_days: int = Field(description="Horizon of the probabilities, days / 流失概率的期限（天）")
    scores: list[Risk | Score] = Field(description="One for each row or customer, in their order / 按请求顺序")
    before: Score | None = Field(None, description="Of a what-if: the customer as it is / 假设之前的评分")
    changed: dict[str, float | None] = Field(
        {}, description="Of a what-if: the features that were changed, as they were set / 假设改变的特征取值"
    )
    action_effect: ActionEffect | None = Field(
        None, description="Of a what-if by action: what the action does / 按行动假设时：该行动的预期效果"
    )
    caution: BilingualText | None = Field(None, description="How to read a what-if / 如何理解假设结果")


def body_schema() -> dict[str, Any]:
    """The request's body as OpenAPI shows it; the service reads it itself, which is several times as fast."""
    forms = [_in_one_piece(model.model_json_schema()) for model in (FeaturesAsked, CustomerAsked, FactsAsked)]
    return {"required": True, "content": {"application/json": {"schema": {"oneOf": forms}}}}


def _in_one_piece(form: dict[str, Any]) -> dict[str, Any]:
    """A form with its parts in their places: inside OpenAPI's document a reference to them would lead nowhere."""
    parts = form.pop("$defs", {})
    for name, its in form["properties"].items():
        if part := parts.get(its.get("$ref", "").rpartition("/")[2]):
            form["properties"][name] = {**part, **{key: value for key, value in its.items() if key != "$ref"}}
    return form
