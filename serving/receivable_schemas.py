"""What Retinue says of an invoice and of a customer's debts: the public contract of ``invoices.parquet`` and of the API.

The order of the fields is part of the contract; the Arrow schemas spell the same fields. Descriptions are in both
languages, "English / 中文", because OpenAPI shows them to people.
"""

from datetime import date, datetime
from typing import Any, Literal

import pyarrow as pa
from pydantic import ConfigDict, Field

from serving.score_schema import Answer, BilingualText, CustomerId, Probability

AgeingBucket = Literal["current", "1_30", "31_60", "61_90", "over_90"]
LateBand = Literal["low", "medium", "high"]
CreditClass = Literal["A", "B", "C", "D", "E"]
Payer = Literal["cannot_pay", "will_not_pay", "unclear"]
CreditResponse = Literal["none", "early_discount", "secure", "instalments", "dun"]
Basis = Literal["history", "look_alikes"]

HIGH, MEDIUM = 0.6, 0.3
"""From these probabilities of being paid late on the risk of an invoice is called high or medium."""


def _example() -> dict[str, Any]:
    return {
        "invoice_id": "R-2026-0117",
        "customer_id": "C-1042",
        "as_of": "2026-03-31T00:00:00Z",
        "issued_at": "2026-02-20T00:00:00Z",
        "due_at": "2026-03-22",
        "amount": 2400.0,
        "open_amount": 1200.0,
        "days_overdue": 9,
        "bucket": "1_30",
        "disputed": False,
        "late_probability": 1.0,
        "late_30_probability": 0.22,
        "late_band": "high",
        "expected_paid_at": "2026-04-09",
        "expected_paid_low": "2026-04-02",
        "expected_paid_high": "2026-04-28",
        "unpaid_probability": 0.01,
        "basis": "history",
        "currency": "EUR",
        "model_version": "2",
    }


class InvoiceRisk(Answer):
    """One open invoice at ``as_of``: what is open, and when the money may be expected."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_example()]})

    invoice_id: str = Field(min_length=1, description="The invoice / 发票编号")
    customer_id: CustomerId = Field(description="Who owes it / 欠款客户")
    as_of: datetime = Field(description="The instant this speaks for, UTC / 时点（UTC）")
    issued_at: datetime = Field(description="When it was issued, UTC / 开票时间（UTC）")
    due_at: date = Field(description="The day on which it falls due / 到期日")
    amount: float = Field(description="What it came to, currency / 发票金额（货币）")
    open_amount: float = Field(description="What is still open, currency / 未结金额（货币）")
    days_overdue: int = Field(ge=0, description="Days past due; 0 before / 逾期天数；未到期为 0")
    bucket: AgeingBucket = Field(description="Ageing bucket / 账龄区间")
    disputed: bool | None = Field(description="Whether the customer disputed it / 是否有争议")
    late_probability: Probability | None = Field(
        description="Probability of being paid after the due day; null without a model / 逾期付款的概率；没有模型时为空"
    )
    late_30_probability: Probability | None = Field(
        description="Probability of being paid more than 30 days late / 逾期超过 30 天的概率"
    )
    late_band: LateBand | None = Field(description="late_probability as a band / 逾期风险等级")
    expected_paid_at: date | None = Field(
        description="Median day of payment; null: later than can be seen, or never / 付款日中位数；超出可预见范围时为空"
    )
    expected_paid_low: date | None = Field(description="Lower end of its 80 % interval / 80% 区间下限")
    expected_paid_high: date | None = Field(description="Upper end of its 80 % interval / 80% 区间上限")
    unpaid_probability: Probability | None = Field(
        description="Probability of being open still a year after the due day / 到期一年后仍未付的概率"
    )
    basis: Basis | None = Field(
        description="Whether the customer's own payments or those of customers like it speak / 依据：自身付款记录或同类客户"
    )
    currency: str = Field(description="Currency of all money here, ISO 4217 / 货币代码")
    model_version: str | None = Field(description="Version of the late-payment model / 逾期付款模型版本")


INVOICES_SCHEMA = pa.schema(
    [
        pa.field("invoice_id", pa.string(), nullable=False),
        pa.field("customer_id", pa.string(), nullable=False),
        pa.field("as_of", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("issued_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("due_at", pa.date32(), nullable=False),
        pa.field("amount", pa.float64(), nullable=False),
        pa.field("open_amount", pa.float64(), nullable=False),
        pa.field("days_overdue", pa.int64(), nullable=False),
        pa.field("bucket", pa.string(), nullable=False),
        pa.field("disputed", pa.bool_()),
        pa.field("late_probability", pa.float64()),
        pa.field("late_30_probability", pa.float64()),
        pa.field("late_band", pa.string()),
        pa.field("expected_paid_at", pa.date32()),
        pa.field("expected_paid_low", pa.date32()),
        pa.field("expected_paid_high", pa.date32()),
        pa.field("unpaid_probability", pa.float64()),
        pa.field("basis", pa.string()),
        pa.field("currency", pa.string(), nullable=False),
        pa.field("model_version", pa.string()),
    ]
)
"""The columns of ``invoices.parquet``, one for each field of ``InvoiceRisk``, in the same order."""


class CustomerReceivables(Answer):
    """What one customer owes at ``as_of``, how it pays, how far it can be trusted, and how to answer."""

    customer_id: CustomerId = Field(description="The customer / 客户编号")
    as_of: datetime = Field(description="The instant this speaks for, UTC / 时点（UTC）")
    currency: str = Field(description="Currency of all money here, ISO 4217 / 货币代码")
    balance: float = Field(description="Open items less unapplied money, currency / 余额（货币）")
    open: float = Field(description="Open items, currency / 未结金额（货币）")
    overdue: float = Field(description="Of these, past due, currency / 其中已逾期（货币）")
    open_current: float = Field(description="Of these, not yet due / 其中未到期")
    open_1_30: float = Field(description="Of these, 1 to 30 days overdue / 其中逾期 1–30 天")
    open_31_60: float = Field(description="Of these, 31 to 60 days overdue / 其中逾期 31–60 天")
    open_61_90: float = Field(description="Of these, 61 to 90 days overdue / 其中逾期 61–90 天")
    open_over_90: float = Field(description="Of these, more than 90 days overdue / 其中逾期超过 90 天")
    disputed_open: float = Field(description="Of these, disputed, currency / 其中有争议（货币）")
    unapplied: float = Field(description="Money that no invoice has used up yet, currency / 未核销收款（货币）")
    open_items: int = Field(ge=0, description="Open invoices / 未结发票数")
    oldest_overdue_days: int = Field(ge=0, description="Days overdue of the oldest / 最长逾期天数")
    credit_limit: float | None = Field(description="Credit limit, currency / 信用额度（货币）")
    credit_used_share: float | None = Field(description="Share of it that is used / 信用额度使用率")
    dso_days: float | None = Field(description="Days sales outstanding, 365 days / 应收账款周转天数")
    late_share: Probability | None = Field(description="Share of invoices paid late, 365 days / 逾期发票占比")
    late_probability: Probability | None = Field(
        description="Probability that what is open is paid late, weighted by amount / 未结金额逾期的概率（按金额加权）"
    )
    expected_loss: float | None = Field(
        description="Expected to be open still a year after its due day, currency / 预期坏账（货币）"
    )
    credit_class: CreditClass | None = Field(description="Credit class, A best / 信用等级（A 最好）")
    credit_score: float | None = Field(ge=0, le=100, description="Credit score, 0 to 100 / 信用评分（0–100）")
    credit_probability: Probability | None = Field(
        description="Probability of growing overdue beyond [credit] overdue_days within [credit] horizon_days"
        " / 在 [credit] horizon_days 内逾期超过 [credit] overdue_days 的概率"
    )
    credit_probability_low: Probability | None = Field(description="Lower end of its 95 % interval / 95% 区间下限")
    credit_probability_high: Probability | None = Field(description="Upper end of its 95 % interval / 95% 区间上限")
    credit_basis: Basis | None = Field(description="Own payments, or customers like it / 依据：自身付款记录或同类客户")
    points_character: float | None = Field(
        description="Points for character, against the average / 品格得分（相对平均）"
    )
    points_capacity: float | None = Field(description="Points for capacity / 能力得分")
    points_capital: float | None = Field(description="Points for capital / 资本得分")
    points_collateral: float | None = Field(description="Points for collateral / 抵押得分")
    points_conditions: float | None = Field(description="Points for conditions / 条件得分")
    has_overdue_risk: bool = Field(
        description="Nothing is overdue yet, but late payment is likely / 尚未逾期但很可能逾期"
    )
    payer: Payer | None = Field(
        description="Of who is overdue: cannot pay, or does not want to / 逾期客户：无力或不愿支付"
    )
    evidence: BilingualText | None = Field(description="What speaks for that / 判断依据")
    credit_response: CreditResponse | None = Field(description="What to do / 建议处理方式")
    credit_response_name: BilingualText | None = Field(description="The same in words / 处理方式名称")
    dunning_step: str | None = Field(description="The step, where one is due / 催收步骤")
    dunning_step_name: BilingualText | None = Field(description="Its name / 催收步骤名称")
    suggested_credit_limit: float | None = Field(description="By the policy, currency / 建议信用额度（货币）")
    suggested_terms_days: float | None = Field(description="By the policy, days to pay / 建议账期（天）")
    suggested_deposit_share: Probability | None = Field(description="By the policy, share of an order / 建议定金比例")
    instalments: float | None = Field(description="Monthly instalments to agree on / 建议分期数")
    instalment_amount: float | None = Field(description="Amount of each, currency / 每期金额（货币）")
    early_discount_share: float | None = Field(description="Discount to offer for early payment / 建议提前付款折扣")
    early_discount_annual_cost: float | None = Field(
        description="What that discount costs as a yearly rate / 该折扣的年化成本"
    )


_BOTH = pa.struct([pa.field("en", pa.string()), pa.field("zh", pa.string())])
_TYPES = {
    "as_of": pa.timestamp("us", tz="UTC"),
    "has_overdue_risk": pa.bool_(),
    **dict.fromkeys(("open_items", "oldest_overdue_days"), pa.int64()),
    **dict.fromkeys(("evidence", "credit_response_name", "dunning_step_name"), _BOTH),
    **dict.fromkeys(("customer_id", "currency", "credit_class", "credit_basis", "payer"), pa.string()),
    **dict.fromkeys(("credit_response", "dunning_step"), pa.string()),
}
DEBTORS_SCHEMA = pa.schema(
    [pa.field(name, _TYPES.get(name, pa.float64())) for name in CustomerReceivables.model_fields]
)
"""The same fields as Arrow; all that is no instant, count, mark or word is an amount, a share or days."""


class ReceivablesAnswer(Answer):
    """One customer's debts with its open invoices, the oldest first."""

    customer: CustomerReceivables
    invoices: list[InvoiceRisk]


class InvoicePage(Answer):
    """One page of the open invoices, those first of which most money is expected to come late."""

    run_id: str = Field(description="The run the page comes from / 批次编号")
    as_of: datetime = Field(description="The instant it speaks for, UTC / 时点（UTC）")
    invoices: list[InvoiceRisk]
    next_cursor: str | None = Field(description="Give it as cursor to get the next page; null at the end / 下一页游标")
