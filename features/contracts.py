"""What a fact looks like: the tables, their columns, units and clocks. Users' own column names are mapped to these.

Every table may also map ``known_at``, the instant at which the company learnt of the fact; without it a fact counts
as known when it occurred. Timestamps are held as UTC; whole days are counted on the project's own calendar.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from features.text import Text

ColumnType = Literal["id", "text", "time", "number", "flag"]


@dataclass(frozen=True)
class Column:
    """One column of a contract table. ``unit`` is empty for ids, texts and times."""

    name: str
    type: ColumnType
    meaning: Text
    required: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """One kind of fact. ``occurred_at`` names the column that says when it happened (None: it holds at any time).

    ``learnt_later`` are times that become known of a fact after the fact itself; before them they are empty.
    """

    name: str
    row: Text
    occurred_at: str | None
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    any_attribute: bool = False
    entity: str = "customer_id"
    learnt_later: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)

    def mapped(self, columns: Collection[str]) -> "Table":
        """The table as a project maps it: its key has only columns that are given."""
        return replace(self, key=tuple(k for k in self.key if k in columns))

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be used."""
        return tuple(c.name for c in self.columns if c.required)


KNOWN_AT = Column("known_at", "time", Text("when the company learnt of it", "公司获知该事实的时间"))
CUSTOMER = Column("customer_id", "id", Text("the customer", "客户编号"), required=True)
ORDERED_AT = Column("ordered_at", "time", Text("when it was ordered", "下单时间"), required=True)

ORDERS = Table(
    "orders",
    Text("a purchase or return", "一笔购买或退货"),
    occurred_at="ordered_at",
    learnt_later=("delivered_at",),
    columns=(
        CUSTOMER,
        ORDERED_AT,
        Column("amount", "number", Text("what it came to; returns are negative", "金额；退货为负数"), True, "currency"),
        Column("order_id", "id", Text("the order that the line belongs to", "订单编号")),
        Column("margin", "number", Text("what was earned on it", "毛利"), unit="currency"),
        Column("product_id", "id", Text("the product", "产品编号")),
        Column("category", "text", Text("the product's category", "产品类别")),
        Column("channel", "text", Text("where it was sold", "销售渠道")),
        Column("quantity", "number", Text("how many", "数量"), unit="pieces"),
        Column("discount", "number", Text("what was taken off the price", "折扣金额"), unit="currency"),
        Column("promised_at", "time", Text("when delivery was promised", "承诺交货时间")),
        Column("delivered_at", "time", Text("when it was delivered", "实际交货时间")),
    ),
)

CUSTOMERS = Table(
    "customers",
    Text("a customer or prospect", "一位客户或潜在客户"),
    occurred_at="acquired_at",
    learnt_later=("valid_to",),
    key=("customer_id", "valid_from"),
    any_attribute=True,
    columns=(
        CUSTOMER,
        Column("name", "text", Text("the customer's name", "客户名称")),
        Column("acquired_at", "time", Text("when the relationship began", "建立关系的时间")),
        Column("region", "text", Text("region", "地区")),
        Column("industry", "text", Text("industry", "行业")),
        Column("size", "text", Text("size of the company", "企业规模")),
        Column("ownership", "text", Text("form of ownership", "所有制")),
        Column("account_manager", "text", Text("who looks after the customer", "客户经理")),
        Column("credit_limit", "number", Text("agreed credit limit", "信用额度"), unit="currency"),
        Column("status", "text", Text("status", "状态")),
        Column("tier", "text", Text("tier, as A, B or key account", "客户等级，如 A、B 或重点客户")),
        Column(
            "valid_from",
            "time",
            Text(
                "from when the row holds; several rows a customer may follow each other",
                "本行生效时间；同一客户可有多行先后生效",
            ),
        ),
        Column("valid_to", "time", Text("until when it holds; empty while it does", "本行失效时间；仍有效则为空")),
    ),
)

INVOICES = Table(
    "invoices",
    Text("a bill", "一张发票"),
    occurred_at="issued_at",
    learnt_later=("settled_at",),
    key=("invoice_id",),
    columns=(
        Column("invoice_id", "id", Text("the invoice", "发票编号"), True),
        CUSTOMER,
        Column("issued_at", "time", Text("when it was issued", "开票时间"), True),
        Column("due_at", "time", Text("when it falls due", "到期时间"), True),
        Column("amount", "number", Text("what is owed", "应收金额"), True, "currency"),
        Column("disputed", "flag", Text("whether the customer disputed it", "是否有争议")),
        Column("settled_at", "time", Text("when it was paid in full; empty while open", "结清时间；未结清则为空")),
    ),
)

PAYMENTS = Table(
    "payments",
    Text("money received", "一笔收款"),
    occurred_at="paid_at",
    columns=(
        CUSTOMER,
        Column("paid_at", "time", Text("when it was received", "收款时间"), True),
        Column("amount", "number", Text("what was received", "收款金额"), True, "currency"),
        Column("invoice_id", "id", Text("the invoice that it settles", "对应的发票编号")),
        Column(
            "kind",
            "text",
            Text(
                "payment, credit_note, write_off or refund; a payment where it is empty",
                "付款、贷项（credit_note）、坏账核销（write_off）或退款；空则为付款",
            ),
        ),
    ),
)

INTERACTIONS = Table(
    "interactions",
    Text("a contact of any kind", "一次客户互动"),
    occurred_at="at",
    learnt_later=("closed_at",),
    columns=(
        CUSTOMER,
        Column("at", "time", Text("when it took place", "发生时间"), True),
        Column(
            "kind",
            "text",
            Text("inquiry, complaint, request, visit, call, survey …", "咨询、投诉、请求、拜访、电话、调查等"),
            True,
        ),
        Column("score", "number", Text("survey score", "调查评分"), unit="points"),
        Column("severity", "number", Text("how grave it was", "严重程度"), unit="points"),
        Column("closed_at", "time", Text("when it was closed; empty while open", "关闭时间；未关闭则为空")),
    ),
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    Text("a contract period", "一个合同期"),
    occurred_at="started_at",
    learnt_later=("ended_at",),
    columns=(
        CUSTOMER,
        Column("started_at", "time", Text("when it began", "开始时间"), True),
        Column("ended_at", "time", Text("when it ended; empty while it runs", "结束时间；仍有效则为空")),
        Column("plan", "text", Text("the plan", "套餐")),
        Column("amount", "number", Text("price per period", "每期金额"), unit="currency"),
    ),
)

TREATMENTS = Table(
    "treatments",
    Text(
        "a retention or marketing action, or the decision to withhold one", "一次挽留或营销行动，或有意不采取行动的决定"
    ),
    occurred_at="at",
    columns=(
        CUSTOMER,
        Column("at", "time", Text("when it took place", "发生时间"), True),
        Column("action", "text", Text("the action", "行动"), True),
        Column("arm", "text", Text("treated or control", "处理组或对照组"), True),
        Column("campaign", "text", Text("the campaign", "营销活动")),
        Column("cost", "number", Text("what it cost", "成本"), unit="currency"),
        Column("propensity", "number", Text("probability of being treated", "被处理的概率"), unit="probability"),
    ),
)

_FINANCIAL_NUMBERS = (
    ("current_assets", Text("current assets", "流动资产")),
    ("inventory", Text("inventory", "存货")),
    ("receivables", Text("receivables", "应收账款")),
    ("current_liabilities", Text("current liabilities", "流动负债")),
    ("total_debt", Text("total debt", "负债总额")),
    ("tangible_net_worth", Text("tangible net worth", "有形净值")),
    ("revenue", Text("revenue", "营业收入")),
    ("cost_of_sales", Text("cost of sales", "营业成本")),
    ("net_income", Text("net income", "净利润")),
    ("total_assets", Text("total assets", "资产总额")),
)

FINANCIALS = Table(
    "financials",
    Text("a customer's own accounts", "客户的财务报表"),
    occurred_at="as_of",
    columns=(
        CUSTOMER,
        Column("as_of", "time", Text("the date of the accounts", "报表日期"), True),
        *(Column(name, "number", meaning, unit="currency") for name, meaning in _FINANCIAL_NUMBERS),
    ),
)

SUPPLIES = Table(
    "supplies",
    Text("a delivery that a supplier made to us", "供应商的一次供货"),
    occurred_at="ordered_at",
    learnt_later=("delivered_at",),
    entity="supplier_id",
    columns=(
        Column("supplier_id", "id", Text("the supplier", "供应商编号"), True),
        ORDERED_AT,
        Column("amount", "number", Text("what it cost", "金额"), True, "currency"),
        Column("promised_at", "time", Text("when delivery was promised", "承诺交货时间")),
        Column("delivered_at", "time", Text("when it was delivered", "实际交货时间")),
        Column("quantity", "number", Text("how many", "数量"), unit="pieces"),
        Column("rejected_quantity", "number", Text("how many were rejected", "拒收数量"), unit="pieces"),
        Column("unit_price", "number", Text("price of one", "单价"), unit="currency"),
        Column("product_id", "id", Text("the product", "产品编号")),
    ),
)

CONTEXT = Table(
    "context",
    Text("the state of an industry or region", "行业或地区的状况"),
    occurred_at="as_of",
    entity="indicator",
    columns=(
        Column("as_of", "time", Text("the date it holds for", "日期"), True),
        Column("indicator", "text", Text("what is measured", "指标"), True),
        Column("value", "number", Text("its value", "数值"), True),
        Column("industry", "text", Text("industry", "行业")),
        Column("region", "text", Text("region", "地区")),
    ),
)

PANEL = Table(
    "panel",
    Text("a ready-made customer snapshot with its label", "带标签的现成客户快照"),
    occurred_at="as_of",
    any_attribute=True,
    columns=(
        CUSTOMER,
        Column("as_of", "time", Text("the date of the snapshot", "快照日期")),
        Column("label", "flag", Text("whether the customer left; empty: to be scored", "客户是否流失；为空则待评分")),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ORDERS,
        CUSTOMERS,
        INVOICES,
        PAYMENTS,
        INTERACTIONS,
        SUBSCRIPTIONS,
        TREATMENTS,
        FINANCIALS,
        SUPPLIES,
        CONTEXT,
        PANEL,
    )
}

STARTING_TABLES = ("orders", "subscriptions", "invoices", "panel")
"""A project needs at least one of these."""
