"""What Retinue says of a warning: the public contract of the API. Descriptions are in both languages, "English / 中文"."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.score_schema import Answer, BilingualText, CustomerId

AlertKind = Literal[
    "churn_risk",
    "broken_rhythm",
    "shrinking_value",
    "overdue_payment",
    "late_payment_ahead",
    "order_fulfilment",
    "open_complaint",
    "quality",
    "falling_satisfaction",
]
Colour = Literal["yellow", "orange", "red"]
AlertStatus = Literal["open", "acknowledged", "in_work", "resolved", "verified", "expired"]
Trend = Literal["new", "worse", "better", "steady"]
MoveName = Literal["acknowledge", "start", "resolve", "verify", "assign", "note"]
AlertId = Annotated[str, Field(min_length=1, max_length=64)]
Name = Annotated[str, Field(min_length=1, max_length=200)]

_EXAMPLE: dict[str, Any] = {
    "alert_id": "open_complaint-3f2a9c41b7d0",
    "customer_id": "C-1042",
    "customer_name": "Lindqvist Instruments",
    "kind": "open_complaint",
    "kind_name": {"en": "Open complaint", "zh": "未结投诉"},
    "colour": "orange",
    "status": "acknowledged",
    "owner": "M. Okafor",
    "level": 0,
    "value": 16.0,
    "unit": "days",
    "trend": "worse",
    "trend_since": "2026-03-24T00:00:00Z",
    "cause": {
        "en": "Complaints in the last 180 days: 2; still open: 1, the oldest for 16 days.",
        "zh": "最近 180 天投诉 2 次；仍有 1 次未关闭，最早的已等待 16 天。",
    },
    "proposal": {
        "en": "Someone who can decide settles the oldest complaint and tells the customer.",
        "zh": "由有决定权的人员解决最早的投诉并回复客户。",
    },
    "opened_at": "2026-03-17T00:00:00Z",
    "as_of": "2026-03-31T00:00:00Z",
    "calm_since": None,
    "closed_at": None,
}


class AlertCase(Answer):
    """A warning as a case: what is wrong, why, how it moves, what to do, who does it, and how far that is."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    alert_id: AlertId = Field(description="The case / 预警编号")
    customer_id: CustomerId = Field(description="The customer / 客户编号")
    customer_name: str | None = Field(description="Name, if the facts have one / 客户名称（如有）")
    kind: AlertKind = Field(description="What is warned of / 预警类型")
    kind_name: BilingualText = Field(description="The same in words / 预警类型名称")
    colour: Colour = Field(description="How grave it is, or was when last seen / 预警级别")
    status: AlertStatus = Field(description="How far the work is / 处理状态")
    owner: str | None = Field(description="Who looks after it; null: nobody yet / 负责人；未分派时为空")
    level: int = Field(
        ge=0,
        le=2,
        description="Level of escalation: 0 owner, 1 team lead, 2 management / 上报级别（0 负责人、1 主管、2 管理层）",
    )
    value: float | None = Field(description="What was measured last / 最近测得的值")
    unit: Literal["share", "yearly_share", "days", "count", "points"] = Field(
        description="Its unit; yearly_share: of unchanged customers, those who would look as bad within a year"
        " / 单位；yearly_share：一年内未变化的客户中出现同样情形的比例"
    )
    trend: Trend = Field(description="How it moves from run to run / 走势")
    trend_since: datetime = Field(description="As of which run it has moved so / 走势起始时点")
    cause: BilingualText = Field(description="Why / 原因")
    proposal: BilingualText = Field(description="What to do / 建议措施")
    opened_at: datetime = Field(description="As of which run it was raised / 发出时点")
    as_of: datetime = Field(description="As of which run this was looked at last, UTC / 最近评估时点（UTC）")
    calm_since: datetime | None = Field(description="As of which run the cause is gone / 原因消失的时点")
    closed_at: datetime | None = Field(description="As of which run it was closed; null: it is live / 关闭时点")


class AlertEvent(Answer):
    """One entry of a case's history; none is ever changed or removed."""

    event_id: str = Field(description="The event / 事件编号")
    at: datetime = Field(description="When, UTC; of a run: the instant it speaks for / 时间（UTC）")
    by: str | None = Field(description="Who; retinue: a run of scores / 操作人；retinue 表示评分批次")
    what: str = Field(description="What happened / 事件")
    what_name: BilingualText = Field(description="The same in words / 事件说明")
    status: AlertStatus = Field(description="The state after it / 之后的状态")
    colour: Colour = Field(description="The colour then / 当时的级别")
    level: int = Field(description="The level of escalation then / 当时的上报级别")
    owner: str | None = Field(description="The owner after it / 之后的负责人")
    value: float | None = Field(description="What was measured then / 当时的值")
    note: str | None = Field(description="What the person wrote / 备注")


class AlertAnswer(Answer):
    """A case with its whole history, the oldest entry first."""

    alert: AlertCase
    history: list[AlertEvent]


class AlertPage(Answer):
    """One page of cases, the gravest first and of these the newest."""

    alerts: list[AlertCase]
    next_cursor: str | None = Field(description="Give it as cursor to get the next page; null at the end / 下一页游标")


class AlertMove(BaseModel):
    """What somebody does about a case. The same ``event_id`` again changes nothing."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"event_id": "5b1e", "by": "M. Okafor", "what": "acknowledge", "note": "Will call today."}]
        },
    )

    event_id: AlertId = Field(
        description="Chosen by the caller, once for each event / 由调用方为每个事件指定的唯一编号"
    )
    by: Name = Field(description="Who does it / 操作人")
    what: MoveName = Field(description="What is done / 操作")
    owner: Name | None = Field(None, description="With assign: to whom / 分派给谁（assign 时必填）")
    note: Annotated[str, Field(max_length=2000)] | None = Field(None, description="A note / 备注")
