"""What ``POST /v1/events`` answers, and how far the events have come."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.score_schema import Answer, BilingualText, CustomerId

EVENT_EXAMPLE: dict[str, Any] = {
    "event_id": "till-3-99120",
    "table": "orders",
    "customer_id": "C-1042",
    "ordered_at": "2026-07-01T08:30:00Z",
    "amount": 84.5,
}


class EventDocument(BaseModel):
    """A row of one of the project's tables, told when it happens; its further fields are the table's columns."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [EVENT_EXAMPLE]})

    event_id: str = Field(min_length=1, max_length=512, description="Makes a repeated event known / 幂等键")
    table: Literal[
        "orders", "customers", "invoices", "payments", "interactions", "subscriptions", "treatments", "financials"
    ] = Field(description="The table / 数据表")
    customer_id: CustomerId = Field(description="The customer / 客户编号")


class RejectedEvent(Answer):
    """A line that was not added, and why."""

    line: int = Field(ge=1, description="Its number, from 1 / 行号（从 1 开始）")
    event_id: str | None = Field(description="Its id, where it has one / 事件编号（如有）")
    problem: Literal["invalid", "conflict"] = Field(
        description="conflict: the id stands for another event / conflict：编号已用于其他事件"
    )
    reason: BilingualText = Field(description="What was got and what was expected / 原因")


class EventsAnswer(Answer):
    """What became of the events. Those accepted are on the disk before this is said."""

    accepted: int = Field(description="New / 新增")
    duplicate: int = Field(description="Known already, with the same content / 内容相同、已存在")
    rejected: int = Field(description="Not added / 未添加")
    sequence: int = Field(description="Sequence of the last of them in the log / 其中最后一个事件的序号")
    rejections: list[RejectedEvent] = Field(description="Those not added, in order / 未添加的各行")


class EventsStatus(Answer):
    """How far the events have come into the scores that are served."""

    sequence: int = Field(description="Sequence of the last event in the log / 日志中最后一个事件的序号")
    applied: int = Field(description="Sequence of the last event in the scores / 已计入评分的最后序号")
    waiting: int = Field(ge=0, description="Events between the two / 等待计入的事件数")
    lag_ms: float = Field(ge=0, description="How long the first of them waits, ms / 最早等待的时长（毫秒）")
    rescored_as_of: datetime | None = Field(description="When scores were computed again last / 最近一次重新评分的时点")
