"""What was done about a customer, and what came of it: what ``POST /v1/actions`` and ``POST /v1/outcomes`` take.

Descriptions are in both languages, "English / 中文", because OpenAPI shows them to people.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from serving.score_schema import MAX_ID_LENGTH, Answer, CustomerId

MAX_ENTRIES = 1000
"""How many entries one request may log."""
MAX_NOTE = 2000
MAX_NAME = 200

Arm = Literal["treated", "control", "withheld"]
OutcomeKind = Literal["retained", "left", "purchase", "payment", "contact", "other"]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?\d*([Zz]|[+-]\d\d:\d\d)")


def _text_of_instant(value: Any) -> Any:
    """An instant is text with its zone (RFC 3339); numbers and times without a zone could mean anything."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise PydanticCustomError("instant", "an instant such as 2026-07-01T08:30:00Z is expected")
    return value.upper()


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("instant", "an instant such as 2026-07-01T08:30:00Z is expected") from None


Instant = Annotated[datetime, BeforeValidator(_text_of_instant), AfterValidator(_in_utc)]
EntryId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Note = Annotated[str, Field(max_length=MAX_NOTE)]
Money = Annotated[float, Field(allow_inf_nan=False, strict=True, ge=-1e15, le=1e15)]
Cost = Annotated[float, Field(allow_inf_nan=False, strict=True, ge=0, le=1e15)]
Chance = Annotated[float, Field(allow_inf_nan=False, strict=True, ge=0, le=1)]


class LogEntry(BaseModel):
    """What entries of both logs have in common: an entry without an id gets one that its content decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def body(self) -> bytes:
        """The entry as finished JSON."""
        return orjson.dumps(self.model_dump(), option=orjson.OPT_UTC_Z)

    @classmethod
    def key(cls) -> str:
        """The name of the field that holds the entry's id."""
        return next(iter(cls.model_fields))

    @property
    def id(self) -> str:
        """The entry's id."""
        id_: str = getattr(self, self.key())
        return id_

    @model_validator(mode="after")
    def _with_id(self) -> Self:
        if getattr(self, self.key()) is None:  # the same content gets the same id, so that a request can be repeated
            object.__setattr__(self, self.key(), sha256(self.body()).hexdigest()[:32])
        return self


_ACTION: dict[str, Any] = {
    "action_id": "crm-88213",
    "customer_id": "C-1042",
    "at": "2026-04-02T09:15:00Z",
    "action": "personal_call",
    "arm": "treated",
    "campaign": "spring-2026",
    "channel": "phone",
    "cost": 15.0,
    "propensity": 0.8,
    "by": "M. Okafor",
    "note": "Asked for a quotation on fittings.",
}


class ActionEntry(LogEntry):
    """An action that was carried out, or the decision to withhold it."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_ACTION]})

    action_id: EntryId | None = Field(
        None, description="Makes a repeated entry known; without it the content decides / 幂等键；缺省时由内容决定"
    )
    customer_id: CustomerId = Field(description="The customer / 客户编号")
    at: Instant = Field(description="When, with zone / 时间（须含时区）")
    action: Name = Field(description="The action's id in the playbook / 行动手册中的行动编号")
    arm: Arm = Field(
        description="treated: carried out; control: kept out by the lot; withheld: not done for another reason (capacity,"
        " contact limit), which proves nothing / treated：已执行；control：抽签对照；withheld：因其他原因（产能、联系频次）未执行，不用于证明效果"
    )
    campaign: Name | None = Field(None, description="The campaign / 营销活动")
    channel: Name | None = Field(None, description="By which channel / 渠道")
    cost: Cost | None = Field(None, description="What it cost, currency / 成本（货币）")
    propensity: Chance | None = Field(
        None, description="Probability of being treated before the lot was drawn / 抽签前被处理的概率"
    )
    by: Name | None = Field(None, description="Who did it / 执行人")
    note: Note | None = Field(None, description="In own words / 备注")


_OUTCOME: dict[str, Any] = {
    "outcome_id": "crm-90177",
    "customer_id": "C-1042",
    "at": "2026-05-11T13:00:00Z",
    "kind": "purchase",
    "amount": 480.0,
    "campaign": "spring-2026",
    "note": None,
}


class OutcomeEntry(LogEntry):
    """Something that came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_OUTCOME]})

    outcome_id: EntryId | None = Field(
        None, description="Makes a repeated entry known; without it the content decides / 幂等键；缺省时由内容决定"
    )
    customer_id: CustomerId = Field(description="The customer / 客户编号")
    at: Instant = Field(description="When, with zone / 时间（须含时区）")
    kind: OutcomeKind = Field(description="What came of it / 结果类型")
    amount: Money | None = Field(
        None, description="Of a purchase or payment, currency; returns negative / 金额（货币）；退货为负"
    )
    campaign: Name | None = Field(None, description="The campaign / 营销活动")
    note: Note | None = Field(None, description="In own words / 备注")


_One = TypeVar("_One", bound=LogEntry)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _one_or_many(schema: dict[str, Any]) -> None:
    """Say in the description that a single entry need not stand in a list."""
    items = schema.pop("items")
    many = {"type": "array", "items": items, "minItems": schema.pop("minItems"), "maxItems": schema.pop("maxItems")}
    schema.pop("type")
    schema["anyOf"] = [items, many]


class Entries(RootModel[Annotated[list[_One], BeforeValidator(_as_list)]], Generic[_One]):
    """One entry, or a list of up to 1,000."""

    model_config = ConfigDict(json_schema_extra=_one_or_many)

    root: Annotated[list[_One], BeforeValidator(_as_list)] = Field(min_length=1, max_length=MAX_ENTRIES)


class LogAnswer(Answer):
    """What was logged. All entries are on the disk before this is said."""

    added: int = Field(description="Entries that were new / 新增条数")
    repeated: int = Field(description="Entries that were there already with the same content / 内容相同、已存在的条数")
    ids: list[str] = Field(description="The id of each entry, in order / 各条编号（按顺序）")


class ActionPage(Answer):
    """One page of the logged actions, those logged last first."""

    actions: list[ActionEntry]
    next_cursor: str | None = Field(description="Give it as cursor to get the next page; null at the end / 下一页游标")


def ids_of(entries: Sequence[LogEntry]) -> list[str]:
    """The ids of entries, in order."""
    return [entry.id for entry in entries]
